-- labels.sql: what the policy promises about keeping, with its contradiction: I3.
--
-- "Kept while the agreement lasts, then as needed; customer and supplier data for seven years; all personal data at
-- most five years from the end of the agreement, then erased." Seven years and at most five, of the same people.
-- The way out: AT MOST ends every purpose but a legal obligation. So the law saves the bookkeeping rows and the
-- columns that bookkeeping needs; all else goes at five years, whatever "seven" said.
--
-- psql -X -q -v ON_ERROR_STOP=1 -f labels.sql

BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL client_min_messages = error;    -- a purpose without a period is a warning, and meant here
\o /dev/null

DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I SET privacy.policy_timezone = %L', current_database(), 'Europe/Stockholm');
END
$$;
SET privacy.policy_timezone = 'Europe/Stockholm';

SELECT privacy.create_purpose('agreement',     'contract',         '0',       'While the agreement lasts');
SELECT privacy.create_purpose('customer_data', 'contract',         '7 years', 'Customer and supplier data');
SELECT privacy.create_purpose('bookkeeping',   'legal_obligation', '7 years', 'Bookkeeping law');

-- A customer is kept for bookkeeping as long as there are records of her: by the year of the last one.
SECURITY LABEL FOR privacy ON TABLE izonen.customer IS
  'SUBJECT customer KEY (id);
   RETAIN FOR agreement, customer_data AFTER agreement_ended_at,
          FOR bookkeeping AFTER END OF YEAR OF
            ((SELECT CASE WHEN count(*) = count(invoice.fiscal_year_end) THEN max(invoice.fiscal_year_end) END
                FROM izonen.invoice WHERE invoice.customer_id = customer.id))
            WHERE (EXISTS (SELECT FROM izonen.invoice WHERE invoice.customer_id = customer.id))
          AT MOST 5 years AFTER agreement_ended_at
     THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE izonen.invoice IS
  'SUBJECT customer VIA (customer_id);
   RETAIN FOR bookkeeping AFTER END OF YEAR OF fiscal_year_end
     THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE izonen.viewing IS
  'SUBJECT customer VIA (customer_id);
   RETAIN FOR agreement WITH (customer_id), FOR customer_data AFTER watched_at
          AT MOST 5 years AFTER ((SELECT customer.agreement_ended_at FROM izonen.customer WHERE customer.id = viewing.customer_id))
     THEN DELETE';

-- Bookkeeping needs the name and the organisation number. It does not need to telephone.
SECURITY LABEL FOR privacy ON COLUMN izonen.customer.name IS
  'CATEGORY user.name; DIRECT IDENTIFIER; SOURCE SUBJECT; THEN SET NULL';
SECURITY LABEL FOR privacy ON COLUMN izonen.customer.organisation_number IS
  'CATEGORY user.government_id; DIRECT IDENTIFIER; SOURCE SUBJECT; FOR bookkeeping, customer_data THEN SET NULL';
SECURITY LABEL FOR privacy ON COLUMN izonen.customer.email IS
  'CATEGORY user.contact.email; DIRECT IDENTIFIER; SOURCE SUBJECT; FOR agreement, customer_data THEN SET NULL';
SECURITY LABEL FOR privacy ON COLUMN izonen.customer.phone IS
  'CATEGORY user.contact.phone_number; DIRECT IDENTIFIER; SOURCE SUBJECT; FOR agreement THEN SET NULL';
-- The reference person of an invoice is no bookkeeping datum: a list of its own.
SECURITY LABEL FOR privacy ON COLUMN izonen.invoice.your_reference IS
  'CATEGORY user.name; DIRECT IDENTIFIER; SOURCE THIRD PARTY;
   RETAIN FOR customer_data WITH (customer_id)
     THEN SET NULL';
SECURITY LABEL FOR privacy ON COLUMN izonen.viewing.user_email IS
  'CATEGORY user.contact.email; DIRECT IDENTIFIER; SOURCE THIRD PARTY';

\o
COMMIT;
