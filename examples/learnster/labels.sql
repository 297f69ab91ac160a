-- labels.sql: the Learnster policy, said where the data is.
--
-- First why (the purposes, with their legal bases and periods: L1 to L11 of the policy), then for
-- each table how long its rows serve which purpose, then for each personal column what it is, whom
-- it serves and what becomes of its value once that is over while its row stays.
--
-- Run it as the owner of the tables or a superuser, after CREATE EXTENSION pg_privacy with its key.
--
-- psql -X -q -v ON_ERROR_STOP=1 -f labels.sql

BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL client_min_messages = warning;
\o /dev/null

-- A day begins at midnight in Stockholm, whoever sweeps.
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I SET privacy.policy_timezone = %L', current_database(), 'Europe/Stockholm');
END
$$;
SET privacy.policy_timezone = 'Europe/Stockholm';

SELECT privacy.create_purpose('service',        'contract',             '1 year',     'Provide the service');                                  -- L1
SELECT privacy.create_purpose('administration', 'contract',             '1 year',     'Administer agreement and payments');                    -- L2
SELECT privacy.create_purpose('account',        'contract',             '1 year',     'User account, course material, completed courses');     -- L3
SELECT privacy.create_purpose('support',        'contract',             '1 year',     'Support');                                              -- L4
SELECT privacy.create_purpose('newsletter',     'legitimate_interests', NULL,         'Information and newsletters, until objection');         -- L5
SELECT privacy.create_purpose('marketing',      'legitimate_interests', NULL,         'Marketing to users and companies, until objection');    -- L6
SELECT privacy.create_purpose('presentation',   'legitimate_interests', '30 minutes', 'Present content while the session lasts');              -- L7
SELECT privacy.create_purpose('improvement',    'legitimate_interests', '3 years',    'Improve the service, develop the business');            -- L8
SELECT privacy.create_purpose('statistics',     'legitimate_interests', '1 year',     'Statistics');                                           -- L9
SELECT privacy.create_purpose('profiling',      'legitimate_interests', '3 years',    'Segmentation and profiling');                           -- L10
SELECT privacy.create_purpose('bookkeeping',    'legal_obligation',     NULL,         'Bookkeeping law; the period depends on the record');    -- L11

-- One scope: the same person has the same pseudonym in every table, or the statistics that remain fall apart.
SELECT privacy.create_scope('person');
SELECT privacy.grant_scope('person', relowner::regrole)
  FROM (SELECT DISTINCT relowner FROM pg_class
         WHERE relnamespace = 'learnster'::regnamespace AND relkind IN ('r', 'p')) AS owner;

-- The rows: about whom, for what, until when, and then what.

-- L1, L2. Both events must be known; a missing one means that the clock has not started.
SECURITY LABEL FOR privacy ON TABLE learnster.agreement IS
  'RETAIN FOR service, administration AFTER ALL OF (ended_at, final_payment_at)
     THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE learnster.company_contact IS
  'SUBJECT contact KEY (id);
   RETAIN FOR service, administration WITH (agreement_id)
     THEN DELETE';

-- L3. Whichever came first.
SECURITY LABEL FOR privacy ON TABLE learnster.account IS
  'SUBJECT account KEY (id);
   RETAIN FOR account AFTER ANY OF (notice_given_at, closed_at)
     THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE learnster.learner IS
  'SUBJECT learner KEY (id);
   RETAIN FOR service WITH (agreement_id),
          FOR account WITH (account_id)
     THEN DELETE';

-- L1, L3, L8, L9. One row, four purposes, four ends.
SECURITY LABEL FOR privacy ON TABLE learnster.course_progress IS
  'SUBJECT learner VIA (learner_id);
   RETAIN FOR service, account WITH (learner_id),
          FOR improvement, statistics AFTER collected_at
     THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE learnster.completed_course IS
  'SUBJECT learner VIA (learner_id);
   RETAIN FOR account WITH (learner_id),
          FOR improvement, statistics AFTER completed_at
     THEN DELETE';

-- L4. A reopened case stops the clock, until it is closed again. What the case was about helps to
-- improve the service (L8); what was said in it does not, but cannot go alone.
SECURITY LABEL FOR privacy ON TABLE learnster.support_ticket IS
  'SUBJECT learner VIA (learner_id);
   RETAIN FOR support AFTER (CASE WHEN reopened_at >= closed_at THEN NULL ELSE closed_at END),
          FOR improvement AFTER opened_at
     THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE learnster.support_message IS
  'SUBJECT learner VIA (ticket_id);
   RETAIN FOR support, improvement WITH (ticket_id)
     THEN DELETE';

-- L5, L6. As long as they are sent, unless the recipient objects: no period, an event.
SECURITY LABEL FOR privacy ON TABLE learnster.newsletter_subscription IS
  'SUBJECT recipient KEY (id);
   RETAIN FOR newsletter UNTIL objected_at
     THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE learnster.marketing_recipient IS
  'SUBJECT recipient KEY (id);
   RETAIN FOR marketing UNTIL objected_at
     THEN DELETE';

-- L7, L8, L9.
SECURITY LABEL FOR privacy ON TABLE learnster.web_session IS
  'SUBJECT learner VIA (learner_id);
   RETAIN FOR presentation AFTER last_seen_at,
          FOR improvement, statistics AFTER started_at
     THEN DELETE';

-- L10. An objection to marketing includes profiling: whatever the three years say, it ends then.
SECURITY LABEL FOR privacy ON TABLE learnster.marketing_profile IS
  'SUBJECT learner VIA (learner_id);
   RETAIN FOR profiling AFTER collected_at
     AT MOST 0 days AFTER ((SELECT learner.marketing_objected_at FROM learnster.learner
                             WHERE learner.id = marketing_profile.learner_id))
     THEN DELETE';

-- L11, and L2 where there is an agreement. A record that nobody has classified is kept. A payment is a
-- voucher whatever it pays for; its clock starts from its invoice, which cannot leave before it.
SECURITY LABEL FOR privacy ON TABLE learnster.invoice IS
  'RETAIN FOR administration WITH (agreement_id),
          7 years FOR bookkeeping AFTER END OF YEAR OF fiscal_year_end WHERE (record_type = ''voucher''),
          3 years FOR bookkeeping AFTER END OF YEAR OF fiscal_year_end WHERE (record_type = ''working paper'')
     THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE learnster.invoice_line IS
  'RETAIN FOR administration, bookkeeping WITH (invoice_id)
     THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE learnster.payment IS
  'RETAIN FOR administration WITH (invoice_id),
          7 years FOR bookkeeping AFTER END OF YEAR OF
            ((SELECT invoice.fiscal_year_end FROM learnster.invoice WHERE invoice.id = payment.invoice_id))
     THEN DELETE';

-- The columns: what each is, whom it serves, what becomes of it.

SECURITY LABEL FOR privacy ON COLUMN learnster.agreement.signatory_name IS
  'CATEGORY user.name; DIRECT IDENTIFIER; SOURCE SUBJECT;
   FOR service, administration THEN PSEUDONYMIZE IN person';
SECURITY LABEL FOR privacy ON COLUMN learnster.agreement.signatory_email IS
  'CATEGORY user.contact.email; DIRECT IDENTIFIER; SOURCE SUBJECT;
   FOR service, administration THEN PSEUDONYMIZE AS email IN person';

SECURITY LABEL FOR privacy ON COLUMN learnster.company_contact.name IS
  'CATEGORY user.name; DIRECT IDENTIFIER; SOURCE THIRD PARTY;
   FOR service, administration THEN PSEUDONYMIZE IN person';
SECURITY LABEL FOR privacy ON COLUMN learnster.company_contact.email IS
  'CATEGORY user.contact.email; DIRECT IDENTIFIER; SOURCE THIRD PARTY;
   FOR service, administration THEN PSEUDONYMIZE AS email IN person';
SECURITY LABEL FOR privacy ON COLUMN learnster.company_contact.phone IS
  'CATEGORY user.contact.phone_number; DIRECT IDENTIFIER; SOURCE THIRD PARTY;
   FOR service, administration THEN SET NULL';
SECURITY LABEL FOR privacy ON COLUMN learnster.company_contact.title IS
  'CATEGORY user.job_title; QUASI IDENTIFIER; SOURCE PUBLIC;
   FOR service, administration THEN SET NULL';
SECURITY LABEL FOR privacy ON COLUMN learnster.company_contact.city IS
  'CATEGORY user.contact.address.city; QUASI IDENTIFIER; SOURCE PUBLIC;
   FOR service THEN SET NULL';

SECURITY LABEL FOR privacy ON COLUMN learnster.account.login_email IS
  'CATEGORY user.account.username; DIRECT IDENTIFIER; SOURCE SUBJECT;
   FOR account THEN PSEUDONYMIZE AS email IN person';
SECURITY LABEL FOR privacy ON COLUMN learnster.account.password_hash IS
  'CATEGORY user.authorization.password; SENSITIVE; SOURCE SUBJECT;
   FOR account THEN SET NULL';

SECURITY LABEL FOR privacy ON COLUMN learnster.learner.name IS
  'CATEGORY user.name; DIRECT IDENTIFIER; SOURCE SUBJECT;
   FOR service, account THEN PSEUDONYMIZE IN person';
SECURITY LABEL FOR privacy ON COLUMN learnster.learner.email IS
  'CATEGORY user.contact.email; DIRECT IDENTIFIER; SOURCE SUBJECT;
   FOR account THEN PSEUDONYMIZE AS email IN person';

SECURITY LABEL FOR privacy ON COLUMN learnster.course_progress.score IS
  'CATEGORY user.behavior; SOURCE DERIVED; FOR service, account THEN SET NULL';
SECURITY LABEL FOR privacy ON COLUMN learnster.completed_course.final_score IS
  'CATEGORY user.behavior; SOURCE DERIVED; FOR account THEN SET NULL';
SECURITY LABEL FOR privacy ON COLUMN learnster.completed_course.certificate_number IS
  'CATEGORY user.unique_id; DIRECT IDENTIFIER; SOURCE DERIVED; FOR account THEN SET NULL';

SECURITY LABEL FOR privacy ON COLUMN learnster.support_ticket.contact_name IS
  'CATEGORY user.name; DIRECT IDENTIFIER; SOURCE SUBJECT; FOR support THEN PSEUDONYMIZE IN person';
SECURITY LABEL FOR privacy ON COLUMN learnster.support_ticket.contact_email IS
  'CATEGORY user.contact.email; DIRECT IDENTIFIER; SOURCE SUBJECT; FOR support THEN PSEUDONYMIZE AS email IN person';
SECURITY LABEL FOR privacy ON COLUMN learnster.support_ticket.contact_phone IS
  'CATEGORY user.contact.phone_number; DIRECT IDENTIFIER; SOURCE SUBJECT; FOR support THEN SET NULL';
SECURITY LABEL FOR privacy ON COLUMN learnster.support_ticket.subject IS
  'CATEGORY user.content; NOT PERSONAL; SOURCE OBSERVED';
SECURITY LABEL FOR privacy ON COLUMN learnster.support_message.sender_email IS
  'CATEGORY user.contact.email; DIRECT IDENTIFIER; SOURCE SUBJECT; FOR support THEN PSEUDONYMIZE AS email IN person';
SECURITY LABEL FOR privacy ON COLUMN learnster.support_message.body IS
  'CATEGORY user.content.private; SENSITIVE; SOURCE SUBJECT; FOR support THEN SET ''[removed]''';

SECURITY LABEL FOR privacy ON COLUMN learnster.newsletter_subscription.email IS
  'CATEGORY user.contact.email; DIRECT IDENTIFIER; SOURCE SUBJECT';
SECURITY LABEL FOR privacy ON COLUMN learnster.marketing_recipient.name IS
  'CATEGORY user.name; DIRECT IDENTIFIER; SOURCE SUBJECT';
SECURITY LABEL FOR privacy ON COLUMN learnster.marketing_recipient.email IS
  'CATEGORY user.contact.email; DIRECT IDENTIFIER; SOURCE SUBJECT';

SECURITY LABEL FOR privacy ON COLUMN learnster.web_session.ip_address IS
  'CATEGORY user.device.ip_address; DIRECT IDENTIFIER; SOURCE OBSERVED; FOR presentation THEN SET NULL';
SECURITY LABEL FOR privacy ON COLUMN learnster.web_session.user_agent IS
  'CATEGORY user.device; QUASI IDENTIFIER; SOURCE OBSERVED; FOR presentation, statistics THEN SET NULL';
SECURITY LABEL FOR privacy ON COLUMN learnster.web_session.city IS
  'CATEGORY user.location.imprecise; QUASI IDENTIFIER; SOURCE OBSERVED; FOR statistics THEN SET NULL';

SECURITY LABEL FOR privacy ON COLUMN learnster.marketing_profile.segment IS
  'CATEGORY user.behavior; QUASI IDENTIFIER; SOURCE DERIVED';

SECURITY LABEL FOR privacy ON COLUMN learnster.invoice.your_reference IS
  'CATEGORY user.name; DIRECT IDENTIFIER; SOURCE THIRD PARTY; FOR administration THEN PSEUDONYMIZE IN person';
SECURITY LABEL FOR privacy ON COLUMN learnster.invoice.delivery_email IS
  'CATEGORY user.contact.email; DIRECT IDENTIFIER; SOURCE THIRD PARTY; FOR administration THEN PSEUDONYMIZE AS email IN person';
SECURITY LABEL FOR privacy ON COLUMN learnster.invoice_line.participant_email IS
  'CATEGORY user.contact.email; DIRECT IDENTIFIER; SOURCE THIRD PARTY; FOR administration THEN PSEUDONYMIZE AS email IN person';
SECURITY LABEL FOR privacy ON COLUMN learnster.payment.payer_name IS
  'CATEGORY user.name; DIRECT IDENTIFIER; SOURCE THIRD PARTY; FOR administration THEN PSEUDONYMIZE IN person';

\o
COMMIT;
