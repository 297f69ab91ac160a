-- labels.sql: what the policy promises about keeping: Z2, Z3.
--
-- Z2: basic customer data (contact, identity, financial, transaction) is kept for six years after the person
-- ceased to be a customer, for tax. That is a minimum that the law sets, and for those data only; what else
-- is known of her goes when its own purpose has ended (Z3). Z3 also wants each period justified: the fifth
-- argument of create_purpose().
--
-- psql -X -q -v ON_ERROR_STOP=1 -f labels.sql

BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL client_min_messages = warning;
\o /dev/null

DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I SET privacy.policy_timezone = %L', current_database(), 'Europe/Stockholm');
END
$$;
SET privacy.policy_timezone = 'Europe/Stockholm';

SELECT privacy.create_purpose('tax',       'legal_obligation',     '6 years',  'Tax records',        'Six years after the customer relationship, by tax law');
SELECT privacy.create_purpose('content',   'contract',             '1 year',   'User content',       'Customers who return within a year find their texts again');
SELECT privacy.create_purpose('technical', 'legitimate_interests', '6 months', 'Security of log-in', 'Attacks are found within weeks; half a year is ample');
SELECT privacy.create_scope('person');
SELECT privacy.grant_scope('person', relowner::regrole)
  FROM (SELECT DISTINCT relowner FROM pg_class WHERE relnamespace = 'zenler'::regnamespace AND relkind = 'r') AS owner;

SECURITY LABEL FOR privacy ON TABLE zenler.customer IS
  'SUBJECT customer KEY (id);
   RETAIN FOR tax, content AFTER ceased_at
     THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE zenler.purchase IS
  'SUBJECT customer VIA (customer_id);
   RETAIN FOR tax WITH (customer_id)
     THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE zenler.post IS
  'SUBJECT customer VIA (customer_id);
   RETAIN FOR content WITH (customer_id)
     THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE zenler.login IS
  'SUBJECT customer VIA (customer_id);
   RETAIN FOR technical AFTER logged_in_at
     THEN DELETE';

-- The basic data serves tax and lives as long as the row; should another table hold the row fast, it goes nevertheless.
SECURITY LABEL FOR privacy ON COLUMN zenler.customer.name IS
  'CATEGORY user.name; DIRECT IDENTIFIER; SOURCE SUBJECT; FOR tax THEN PSEUDONYMIZE IN person';
SECURITY LABEL FOR privacy ON COLUMN zenler.customer.email IS
  'CATEGORY user.contact.email; DIRECT IDENTIFIER; SOURCE SUBJECT; FOR tax THEN PSEUDONYMIZE AS email IN person';
SECURITY LABEL FOR privacy ON COLUMN zenler.customer.billing_address IS
  'CATEGORY user.contact.address; DIRECT IDENTIFIER; SOURCE SUBJECT; FOR tax THEN SET NULL';
SECURITY LABEL FOR privacy ON COLUMN zenler.customer.card_last_four IS
  'CATEGORY user.financial; SENSITIVE; SOURCE SUBJECT; FOR tax THEN SET NULL';

-- The rest does not. The time zone has a list of its own: the row is kept for other things.
SECURITY LABEL FOR privacy ON COLUMN zenler.customer.biography IS
  'CATEGORY user.content; QUASI IDENTIFIER; SOURCE SUBJECT; FOR content THEN SET NULL';
SECURITY LABEL FOR privacy ON COLUMN zenler.customer.time_zone IS
  'CATEGORY user.device; QUASI IDENTIFIER; SOURCE OBSERVED; RETAIN FOR technical AFTER ceased_at THEN SET NULL';

\o
COMMIT;
