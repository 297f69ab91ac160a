-- labels.sql: what the policy promises about keeping: F3, F8, F9, F13.
--
-- F8 promises a "reasonable time" and no number: a purpose without a period. Such rows are kept and reported as
-- undetermined until somebody decides, with alter_purpose(). F9: a tenant's contract overrides the policy.
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

SELECT privacy.create_purpose('customer',  'contract',             NULL,     'Customer data, for a reasonable time');                        -- F8
SELECT privacy.create_purpose('course',    'contract',             '1 year', 'Courses that a customer gives, unless her contract differs');  -- F9
SELECT privacy.create_purpose('session',   'legitimate_interests', NULL,     'Navigation data, while the session lasts');                    -- F13

-- F9. Two contracts differ from the policy: one is shorter, one longer.
SELECT privacy.set_tenant_period('2', 'course', '3 months');
SELECT privacy.set_tenant_period('3', 'course', '5 years');

SECURITY LABEL FOR privacy ON TABLE learnifier.customer IS
  'SUBJECT customer KEY (id);
   RETAIN FOR customer AFTER closed_at
     THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE learnifier.participant IS
  'SUBJECT participant KEY (id);
   TENANT (customer_id);
   RETAIN FOR course AFTER left_at
     THEN DELETE';
-- An answer is of use for as long as its participant is there, and never for longer than the tenant's period.
SECURITY LABEL FOR privacy ON TABLE learnifier.answer IS
  'SUBJECT participant VIA (participant_id);
   TENANT VIA (participant_id);
   RETAIN FOR course AFTER answered_at
     THEN DELETE';

-- F3. Not stored at all: whatever a sweep finds here is due.
SECURITY LABEL FOR privacy ON TABLE learnifier.referral IS
  'RETAIN NOTHING THEN DELETE';

-- F13. With the session: when it ended, or half an hour after it was last seen.
SECURITY LABEL FOR privacy ON TABLE learnifier.session IS
  'RETAIN FOR session UNTIL ANY OF (ended_at, (last_seen_at + interval ''30 minutes''))
     THEN DELETE';

SECURITY LABEL FOR privacy ON COLUMN learnifier.customer.contact IS 'CATEGORY user.name; DIRECT IDENTIFIER; SOURCE SUBJECT';
SECURITY LABEL FOR privacy ON COLUMN learnifier.customer.email IS 'CATEGORY user.contact.email; DIRECT IDENTIFIER; SOURCE SUBJECT';
SECURITY LABEL FOR privacy ON COLUMN learnifier.participant.name IS 'CATEGORY user.name; DIRECT IDENTIFIER; SOURCE THIRD PARTY';
SECURITY LABEL FOR privacy ON COLUMN learnifier.participant.email IS 'CATEGORY user.contact.email; DIRECT IDENTIFIER; SOURCE THIRD PARTY';
SECURITY LABEL FOR privacy ON COLUMN learnifier.answer.body IS 'CATEGORY user.content; SENSITIVE; SOURCE SUBJECT';
SECURITY LABEL FOR privacy ON COLUMN learnifier.referral.friend_name IS 'CATEGORY user.name; DIRECT IDENTIFIER; SOURCE THIRD PARTY';
SECURITY LABEL FOR privacy ON COLUMN learnifier.referral.friend_email IS 'CATEGORY user.contact.email; DIRECT IDENTIFIER; SOURCE THIRD PARTY';
SECURITY LABEL FOR privacy ON COLUMN learnifier.session.ip_address IS 'CATEGORY user.device.ip_address; DIRECT IDENTIFIER; SOURCE OBSERVED';

\o
COMMIT;
