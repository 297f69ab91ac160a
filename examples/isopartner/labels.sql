-- labels.sql: what the policy promises about keeping: P4, which is no number.
--
-- "As long as needed for our services, the law, disputes and agreements." Such purposes may be declared, without a
-- period; what serves them is undetermined: it is kept, and it is reported, until somebody decides.
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

SELECT privacy.create_purpose('services',  'contract',             NULL, 'Provide the services, for as long as needed');
SELECT privacy.create_purpose('disputes',  'legitimate_interests', NULL, 'Settle disputes, for as long as needed');
SELECT privacy.create_purpose('marketing', 'legitimate_interests', NULL, 'Know what visitors look at, for as long as needed');

SECURITY LABEL FOR privacy ON TABLE isopartner.registration IS
  'SUBJECT customer KEY (id);
   RETAIN FOR services, disputes AFTER left_at
     THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE isopartner.activity IS
  'SUBJECT customer VIA (registration_id);
   RETAIN FOR services, marketing AFTER seen_at
     THEN DELETE';

SECURITY LABEL FOR privacy ON COLUMN isopartner.registration.name IS
  'CATEGORY user.name; DIRECT IDENTIFIER; SOURCE SUBJECT';
SECURITY LABEL FOR privacy ON COLUMN isopartner.registration.email IS
  'CATEGORY user.contact.email; DIRECT IDENTIFIER; SOURCE SUBJECT';
SECURITY LABEL FOR privacy ON COLUMN isopartner.registration.billing_address IS
  'CATEGORY user.contact.address; DIRECT IDENTIFIER; SOURCE SUBJECT; FOR services THEN SET NULL';
SECURITY LABEL FOR privacy ON COLUMN isopartner.activity.ip_address IS
  'CATEGORY user.device.ip_address; DIRECT IDENTIFIER; SOURCE OBSERVED; FOR marketing THEN SET NULL';

\o
COMMIT;
