-- oracle.sql: what the policy demands of these rows at :as_of, worked out a second time, by hand.
--
-- Nothing of the extension is used here, neither functions nor labels. Run it before the sweep: it
-- also remembers the values as they were. acceptance.sql compares afterwards.
--
-- It leaves one table learnster_oracle.<table> for each table of learnster:
--
--   key            the row
--   ends_<purpose> when that purpose ends on the row. Null: it never applied. 'infinity': no end is in
--                  sight, because an event is missing, or is not a time, or nobody knows what applies
--   fate           'delete' or 'stay'
--   rest           a hash of all the columns that must never change
--   <column>       the value of a column that may be treated
--   <column>_fate  what becomes of it if the row stays: 'keep', 'null', 'literal', 'token', 'email'
--
-- GREATEST() ignores nulls, which is just what "the latest end of the purposes that apply" means; and
-- null <= as_of is not true, so that a row to which no purpose applies stays.
--
--   :as_of  as in data.sql
--
-- psql -X -q -v ON_ERROR_STOP=1 [-v as_of=...] -f oracle.sql

\if :{?as_of}
\else
  \set as_of '2026-11-01 00:00+01'
\endif

BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL client_min_messages = warning;
SET LOCAL TimeZone = 'Europe/Stockholm';
SET LOCAL DateStyle = 'ISO, YMD';
SET LOCAL synchronous_commit = off;
SET LOCAL work_mem = '128MB';

DROP SCHEMA IF EXISTS learnster_oracle CASCADE;
CREATE SCHEMA learnster_oracle;
CREATE TABLE learnster_oracle.cut_off AS SELECT :'as_of'::timestamptz AS at;

-- When a period that began with an event is over.
CREATE FUNCTION pg_temp.end_of(event timestamptz, period interval) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN isfinite(event) THEN event + period ELSE 'infinity' END;

-- The same from the end of the calendar year in which a fiscal year ended.
CREATE FUNCTION pg_temp.end_of_year(fiscal_year_end date, years integer) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN isfinite(fiscal_year_end)
            THEN make_timestamptz(extract(year FROM fiscal_year_end)::integer + 1 + years, 1, 1, 0, 0, 0)
            ELSE 'infinity' END;

-- What becomes of a value when all purposes of its column end at that moment.
CREATE FUNCTION pg_temp.fate(ends timestamptz, as_of timestamptz, value text, treated text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN ends <= as_of AND value IS NOT NULL THEN treated ELSE 'keep' END;

-- 1. When each purpose ends, row by row, parents first.

-- Companies and courses are nobody's data.
CREATE TABLE learnster_oracle.company AS
SELECT id AS key, 'stay' AS fate, hash_record_extended(ROW (name, organisation_number, city, created_at), 0) AS rest
  FROM learnster.company;
CREATE TABLE learnster_oracle.course AS
SELECT id AS key, 'stay' AS fate, hash_record_extended(ROW (title, published_at), 0) AS rest
  FROM learnster.course;

-- L5, L6: until the recipient objects. An objection at no known time is not one.
CREATE TABLE learnster_oracle.newsletter_subscription AS
SELECT id AS key, CASE WHEN objected_at > '-infinity' AND objected_at <= :'as_of' THEN 'delete' ELSE 'stay' END AS fate,
       hash_record_extended(ROW (email, subscribed_at, objected_at), 0) AS rest
  FROM learnster.newsletter_subscription;
CREATE TABLE learnster_oracle.marketing_recipient AS
SELECT id AS key, CASE WHEN objected_at > '-infinity' AND objected_at <= :'as_of' THEN 'delete' ELSE 'stay' END AS fate,
       hash_record_extended(ROW (name, email, added_at, objected_at), 0) AS rest
  FROM learnster.marketing_recipient;

-- L1, L2: a year after the agreement has ended AND the final payment is made.
CREATE TABLE learnster_oracle.agreement AS
SELECT id AS key, ends_contract,
       CASE WHEN ends_contract <= :'as_of' THEN 'delete' ELSE 'stay' END AS fate,
       hash_record_extended(ROW (company_id, agreement_number, signed_at, ended_at, final_payment_at), 0) AS rest,
       signatory_name,  pg_temp.fate(ends_contract, :'as_of', signatory_name, 'token')  AS signatory_name_fate,
       signatory_email, pg_temp.fate(ends_contract, :'as_of', signatory_email, 'email') AS signatory_email_fate
  FROM learnster.agreement,
       LATERAL (SELECT CASE WHEN ended_at IS NULL OR final_payment_at IS NULL
                              OR '-infinity' IN (ended_at, final_payment_at) THEN 'infinity'   -- unknown keeps
                            WHEN ended_at > final_payment_at THEN pg_temp.end_of(ended_at, '1 year')
                            ELSE pg_temp.end_of(final_payment_at, '1 year') END) AS _ (ends_contract);
ALTER TABLE learnster_oracle.agreement ADD PRIMARY KEY (key);

CREATE TABLE learnster_oracle.company_contact AS
SELECT id AS key, agreement_id, ends_contract,
       CASE WHEN ends_contract <= :'as_of' THEN 'delete' ELSE 'stay' END AS fate,
       hash_record_extended(ROW (agreement_id), 0) AS rest,
       name,  pg_temp.fate(ends_contract, :'as_of', name,  'token') AS name_fate,
       email, pg_temp.fate(ends_contract, :'as_of', email, 'email') AS email_fate,
       phone, pg_temp.fate(ends_contract, :'as_of', phone, 'null')  AS phone_fate,
       title, pg_temp.fate(ends_contract, :'as_of', title, 'null')  AS title_fate,
       city,  pg_temp.fate(ends_contract, :'as_of', city,  'null')  AS city_fate
  FROM learnster.company_contact
  JOIN (SELECT key, ends_contract FROM learnster_oracle.agreement) AS agreement ON agreement.key = agreement_id;

-- L3: a year after the user gave notice OR closed the account, whichever came first.
CREATE TABLE learnster_oracle.account AS
SELECT id AS key, ends_account,
       CASE WHEN ends_account <= :'as_of' THEN 'delete' ELSE 'stay' END AS fate,
       hash_record_extended(ROW (created_at, notice_given_at, closed_at), 0) AS rest,
       login_email,   pg_temp.fate(ends_account, :'as_of', login_email, 'email')  AS login_email_fate,
       password_hash, pg_temp.fate(ends_account, :'as_of', password_hash, 'null') AS password_hash_fate
  FROM learnster.account,
       LATERAL (SELECT CASE WHEN closed_at IS NULL OR notice_given_at < closed_at
                            THEN pg_temp.end_of(notice_given_at, '1 year')
                            ELSE pg_temp.end_of(closed_at, '1 year') END) AS _ (ends_account);
ALTER TABLE learnster_oracle.account ADD PRIMARY KEY (key);

-- A learner is kept for her employer's agreement and for her account; whoever has neither, is kept.
CREATE TABLE learnster_oracle.learner AS
SELECT id AS key, agreement_id, account_id, ends_contract, ends_account,
       CASE WHEN GREATEST(ends_contract, ends_account) <= :'as_of' THEN 'delete' ELSE 'stay' END AS fate,
       hash_record_extended(ROW (agreement_id, account_id, created_at, marketing_objected_at), 0) AS rest,
       name,  pg_temp.fate(GREATEST(ends_contract, ends_account), :'as_of', name, 'token') AS name_fate,
       email, pg_temp.fate(ends_account, :'as_of', email, 'email') AS email_fate
  FROM learnster.learner
  LEFT JOIN (SELECT key, ends_contract FROM learnster_oracle.agreement) AS agreement ON agreement.key = agreement_id
  LEFT JOIN (SELECT key, ends_account FROM learnster_oracle.account) AS account ON account.key = account_id;
ALTER TABLE learnster_oracle.learner ADD PRIMARY KEY (key);

-- Progress serves the learner (L1, L3), improvement three years from collection (L8), statistics one (L9).
CREATE TABLE learnster_oracle.course_progress AS
SELECT id AS key, learner_id,
       CASE WHEN GREATEST(ends_contract, ends_account, ends_improvement, ends_statistics) <= :'as_of'
            THEN 'delete' ELSE 'stay' END AS fate,
       hash_record_extended(ROW (learner_id, course_id, lesson, collected_at), 0) AS rest,
       score, pg_temp.fate(GREATEST(ends_contract, ends_account), :'as_of', score::text, 'null') AS score_fate
  FROM learnster.course_progress
  JOIN (SELECT key, ends_contract, ends_account FROM learnster_oracle.learner) AS learner ON learner.key = learner_id,
       LATERAL (SELECT pg_temp.end_of(collected_at, '3 years'), pg_temp.end_of(collected_at, '1 year'))
         AS _ (ends_improvement, ends_statistics);

-- The register of completed courses belongs to the account.
CREATE TABLE learnster_oracle.completed_course AS
SELECT id AS key, learner_id,
       CASE WHEN GREATEST(ends_account, ends_improvement, ends_statistics) <= :'as_of'
            THEN 'delete' ELSE 'stay' END AS fate,
       hash_record_extended(ROW (learner_id, course_id, completed_at), 0) AS rest,
       final_score,        pg_temp.fate(ends_account, :'as_of', final_score::text, 'null')  AS final_score_fate,
       certificate_number, pg_temp.fate(ends_account, :'as_of', certificate_number, 'null') AS certificate_number_fate
  FROM learnster.completed_course
  JOIN (SELECT key, ends_account FROM learnster_oracle.learner) AS learner ON learner.key = learner_id,
       LATERAL (SELECT pg_temp.end_of(completed_at, '3 years'), pg_temp.end_of(completed_at, '1 year'))
         AS _ (ends_improvement, ends_statistics);

-- L4: a year after the case was closed; opened again at or after that moment, it is not closed.
CREATE TABLE learnster_oracle.support_ticket AS
SELECT id AS key, learner_id, ends_support, ends_improvement,
       CASE WHEN GREATEST(ends_support, ends_improvement) <= :'as_of' THEN 'delete' ELSE 'stay' END AS fate,
       hash_record_extended(ROW (learner_id, subject, opened_at, closed_at, reopened_at), 0) AS rest,
       contact_name,  pg_temp.fate(ends_support, :'as_of', contact_name, 'token')  AS contact_name_fate,
       contact_email, pg_temp.fate(ends_support, :'as_of', contact_email, 'email') AS contact_email_fate,
       contact_phone, pg_temp.fate(ends_support, :'as_of', contact_phone, 'null')  AS contact_phone_fate
  FROM learnster.support_ticket,
       LATERAL (SELECT CASE WHEN reopened_at IS NULL OR reopened_at < closed_at
                            THEN pg_temp.end_of(closed_at, '1 year') ELSE 'infinity' END,
                       pg_temp.end_of(opened_at, '3 years')) AS _ (ends_support, ends_improvement);
ALTER TABLE learnster_oracle.support_ticket ADD PRIMARY KEY (key);

CREATE TABLE learnster_oracle.support_message AS
SELECT id AS key, ticket_id,
       CASE WHEN GREATEST(ends_support, ends_improvement) <= :'as_of' THEN 'delete' ELSE 'stay' END AS fate,
       hash_record_extended(ROW (ticket_id, sent_at), 0) AS rest,
       sender_email, pg_temp.fate(ends_support, :'as_of', sender_email, 'email') AS sender_email_fate,
       body,         pg_temp.fate(ends_support, :'as_of', body, 'literal')       AS body_fate
  FROM learnster.support_message
  JOIN (SELECT key, ends_support, ends_improvement FROM learnster_oracle.support_ticket) AS ticket
    ON ticket.key = ticket_id;

-- L7: the session and half an hour; L8, L9 from its start.
CREATE TABLE learnster_oracle.web_session AS
SELECT id AS key, learner_id,
       CASE WHEN GREATEST(ends_presentation, ends_improvement, ends_statistics) <= :'as_of'
            THEN 'delete' ELSE 'stay' END AS fate,
       hash_record_extended(ROW (learner_id, started_at, last_seen_at), 0) AS rest,
       ip_address, pg_temp.fate(ends_presentation, :'as_of', ip_address::text, 'null') AS ip_address_fate,
       user_agent, pg_temp.fate(GREATEST(ends_presentation, ends_statistics), :'as_of', user_agent, 'null') AS user_agent_fate,
       city,       pg_temp.fate(ends_statistics, :'as_of', city, 'null') AS city_fate
  FROM learnster.web_session,
       LATERAL (SELECT pg_temp.end_of(last_seen_at, '30 minutes'),
                       pg_temp.end_of(started_at, '3 years'), pg_temp.end_of(started_at, '1 year'))
         AS _ (ends_presentation, ends_improvement, ends_statistics);

-- L10: three years from collection, or until the learner objects to marketing.
CREATE TABLE learnster_oracle.marketing_profile AS
SELECT profile.id AS key, learner_id,
       CASE WHEN pg_temp.end_of(collected_at, '3 years') <= :'as_of'
              OR marketing_objected_at > '-infinity' AND marketing_objected_at <= :'as_of'
            THEN 'delete' ELSE 'stay' END AS fate,
       hash_record_extended(ROW (learner_id, segment, likelihood, collected_at), 0) AS rest
  FROM learnster.marketing_profile AS profile JOIN learnster.learner ON learner.id = learner_id;

-- L11: seven years for vouchers, three for working papers, from the end of the calendar year; for an
-- unclassified record nobody knows. L2 where there is an agreement.
CREATE TABLE learnster_oracle.invoice AS
SELECT id AS key, agreement_id, contact_id, ends_contract, ends_bookkeeping,
       CASE WHEN GREATEST(ends_contract, ends_bookkeeping) <= :'as_of' THEN 'delete' ELSE 'stay' END AS fate,
       hash_record_extended(ROW (company_id, agreement_id, contact_id, invoice_number, record_type, fiscal_year_end,
                                 issued_at, total), 0) AS rest,
       your_reference, pg_temp.fate(ends_contract, :'as_of', your_reference, 'token') AS your_reference_fate,
       delivery_email, pg_temp.fate(ends_contract, :'as_of', delivery_email, 'email') AS delivery_email_fate
  FROM learnster.invoice
  LEFT JOIN (SELECT key, ends_contract FROM learnster_oracle.agreement) AS agreement ON agreement.key = agreement_id,
       LATERAL (SELECT CASE record_type WHEN 'voucher' THEN pg_temp.end_of_year(fiscal_year_end, 7)
                                        WHEN 'working paper' THEN pg_temp.end_of_year(fiscal_year_end, 3)
                                        ELSE 'infinity' END) AS _ (ends_bookkeeping);
ALTER TABLE learnster_oracle.invoice ADD PRIMARY KEY (key);

CREATE TABLE learnster_oracle.invoice_line AS
SELECT id AS key, invoice_id,
       CASE WHEN GREATEST(ends_contract, ends_bookkeeping) <= :'as_of' THEN 'delete' ELSE 'stay' END AS fate,
       hash_record_extended(ROW (invoice_id, line_number, description, amount), 0) AS rest,
       participant_email, pg_temp.fate(ends_contract, :'as_of', participant_email, 'email') AS participant_email_fate
  FROM learnster.invoice_line
  JOIN (SELECT key, ends_contract, ends_bookkeeping FROM learnster_oracle.invoice) AS invoice ON invoice.key = invoice_id;

-- A payment is a voucher, whatever it pays for.
CREATE TABLE learnster_oracle.payment AS
SELECT payment.id AS key, invoice_id,
       CASE WHEN GREATEST(ends_contract, pg_temp.end_of_year(fiscal_year_end, 7)) <= :'as_of'
            THEN 'delete' ELSE 'stay' END AS fate,
       hash_record_extended(ROW (invoice_id, paid_at, amount), 0) AS rest,
       payer_name, pg_temp.fate(ends_contract, :'as_of', payer_name, 'token') AS payer_name_fate
  FROM learnster.payment
  JOIN learnster.invoice ON invoice.id = invoice_id
  JOIN (SELECT key, ends_contract FROM learnster_oracle.invoice) AS judged ON judged.key = invoice_id;

-- 2. What stays holds fast what it points at: a due row with a row left that references it is blocked.
-- Blocked rows block in their turn, so this repeats until nothing changes.

CREATE TABLE learnster_oracle.due AS
SELECT 'agreement' AS table_name, key FROM learnster_oracle.agreement WHERE fate = 'delete' UNION ALL
SELECT 'company_contact', key FROM learnster_oracle.company_contact WHERE fate = 'delete' UNION ALL
SELECT 'account', key FROM learnster_oracle.account WHERE fate = 'delete' UNION ALL
SELECT 'learner', key FROM learnster_oracle.learner WHERE fate = 'delete' UNION ALL
SELECT 'support_ticket', key FROM learnster_oracle.support_ticket WHERE fate = 'delete' UNION ALL
SELECT 'invoice', key FROM learnster_oracle.invoice WHERE fate = 'delete';
ALTER TABLE learnster_oracle.due ADD PRIMARY KEY (table_name, key);
ANALYZE learnster_oracle.due;

DO $$
DECLARE
    reference record;
    changed bigint;
    changes bigint;
BEGIN
    LOOP
        changes := 0;
        FOR reference IN
            SELECT * FROM (VALUES
                ('agreement',       'company_contact',  'agreement_id'),
                ('agreement',       'invoice',          'agreement_id'),
                ('agreement',       'learner',          'agreement_id'),
                ('company_contact', 'invoice',          'contact_id'),
                ('account',         'learner',          'account_id'),
                ('learner',         'course_progress',  'learner_id'),
                ('learner',         'completed_course', 'learner_id'),
                ('learner',         'support_ticket',   'learner_id'),
                ('learner',         'web_session',      'learner_id'),
                ('learner',         'marketing_profile','learner_id'),
                ('invoice',         'invoice_line',     'invoice_id'),
                ('invoice',         'payment',          'invoice_id'),
                ('support_ticket',  'support_message',  'ticket_id')) AS _ (parent, child, foreign_key)
        LOOP
            EXECUTE format(
                'UPDATE learnster_oracle.%I AS parent SET fate = ''stay''
                  WHERE fate = ''delete''
                    AND EXISTS (SELECT FROM learnster_oracle.%I AS child
                                 WHERE child.%I = parent.key AND child.fate = ''stay'')',
                reference.parent, reference.child, reference.foreign_key);
            GET DIAGNOSTICS changed = ROW_COUNT;
            changes := changes + changed;
        END LOOP;
        EXIT WHEN changes = 0;
    END LOOP;
END
$$;

-- 3. Indexes for the comparison, and how many rows are what.

DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'learnster'::regnamespace
                   AND relkind IN ('r', 'p') AND NOT relispartition
    LOOP
        IF NOT EXISTS (SELECT FROM pg_constraint
                        WHERE conrelid = format('learnster_oracle.%I', name)::regclass AND contype = 'p') THEN
            EXECUTE format('ALTER TABLE learnster_oracle.%I ADD PRIMARY KEY (key)', name);
        END IF;
        EXECUTE format('ANALYZE learnster_oracle.%I', name);
    END LOOP;
END
$$;

-- "blocked" counts among those that stay the rows that are due themselves.
CREATE TABLE learnster_oracle.summary (table_name text PRIMARY KEY, total bigint, gone bigint, staying bigint, blocked bigint);
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'learnster'::regnamespace
                   AND relkind IN ('r', 'p') AND NOT relispartition
    LOOP
        EXECUTE format(
            'INSERT INTO learnster_oracle.summary
             SELECT %L, count(*), count(*) FILTER (WHERE fate = ''delete''), count(*) FILTER (WHERE fate = ''stay''),
                    count(*) FILTER (WHERE fate = ''stay'' AND due.key IS NOT NULL)
               FROM learnster_oracle.%I AS row
               LEFT JOIN learnster_oracle.due ON due.table_name = %1$L AND due.key = row.key', name, name);
    END LOOP;
END
$$;

DROP FUNCTION pg_temp.fate, pg_temp.end_of_year, pg_temp.end_of;
COMMIT;
