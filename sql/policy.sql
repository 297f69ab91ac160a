-- policy: why data is processed, for how long, and when that ends.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_privacy CASCADE;
CREATE EXTENSION pg_privacy;
CREATE ROLE regress_clerk;
CREATE SCHEMA office;
SET search_path = office, public;
RESET client_min_messages;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET IntervalStyle = 'postgres';
SET privacy.core_clock = '2026-01-01 00:00+00';

-- A purpose has a name, a legal basis, a retention period, and the words of the policy.
SELECT privacy.create_purpose('service', 'contract', '1 year', 'Provide the service');
SELECT privacy.create_purpose('account', 'contract', '1 year', 'User account', justification => 'Complaints come within a year');
SELECT privacy.create_purpose('improvement', 'legitimate_interests', '3 years', 'Improve the service');
SELECT privacy.create_purpose('marketing.email', 'consent', '3 months', 'Newsletter', direct_marketing => true);
SELECT privacy.create_purpose('marketing.sms', 'consent', '1 month', 'Text messages', direct_marketing => true);
SELECT privacy.create_purpose('bookkeeping', 'legal_obligation', NULL, 'Bookkeeping, by record');
SELECT name, legal_basis, description, justification, direct_marketing FROM privacy.purpose ORDER BY name;
SELECT purpose, effective_at, retention FROM privacy.purpose_period ORDER BY purpose;

-- What is not a purpose.
SELECT privacy.create_purpose(NULL, 'contract', '1 year', 'x');
SELECT privacy.create_purpose('', 'contract', '1 year', 'x');
SELECT privacy.create_purpose('Service', 'contract', '1 year', 'x');
SELECT privacy.create_purpose('marketing.', 'contract', '1 year', 'x');
SELECT privacy.create_purpose('1st', 'contract', '1 year', 'x');
SELECT privacy.create_purpose(repeat('a', 64), 'contract', '1 year', 'x');
SELECT privacy.create_purpose('other', 'love', '1 year', 'x');
SELECT privacy.create_purpose('other', NULL, '1 year', 'x');
SELECT privacy.create_purpose('other', 'contract', '1 year', '');
SELECT privacy.create_purpose('other', 'contract', '1 year', NULL);
SELECT privacy.create_purpose('other', 'contract', '-1 day', 'x');
SELECT privacy.create_purpose('other', 'contract', '1 month -1 day', 'x');
SELECT privacy.create_purpose('other', 'contract', '1001 years', 'x');
SELECT privacy.create_purpose('service', 'contract', '2 years', 'Once more');
SELECT privacy.create_purpose('sixty.three.' || repeat('z', 51), 'vital_interests', '0', 'The longest name, the shortest period');

-- A promise changes from a moment on: not for the past, and not before a change already made.
SELECT privacy.alter_purpose('marketing.sms', '2 weeks');
SELECT retention, effective_at > now() - interval '1 minute' AS just_now FROM privacy.purpose_period
 WHERE purpose = 'marketing.sms' AND effective_at > '-infinity';
SELECT privacy.alter_purpose('marketing.sms', '3 weeks', '2090-01-01 00:00+00');
SELECT privacy.alter_purpose('marketing.sms', '4 weeks', '2089-01-01 00:00+00');
SELECT privacy.alter_purpose('marketing.sms', '4 weeks', '2020-01-01 00:00+00');
SELECT privacy.alter_purpose('marketing.sms', '4 weeks', 'infinity');
SELECT privacy.alter_purpose('marketing.sms', '-4 weeks');
SELECT privacy.alter_purpose('marketing', '4 weeks');
SELECT privacy.alter_purpose(NULL, '4 weeks');

-- Purposes are the business of the extension's owner.
SET ROLE regress_clerk;
SELECT privacy.create_purpose('mine', 'contract', '1 year', 'x');
SELECT privacy.alter_purpose('service', '1 day');
SELECT count(*) FROM privacy.purpose;
SELECT count(*) FROM privacy.purpose_period;
SELECT * FROM privacy.check_labels();
SELECT privacy.rebind_labels();
SET privacy.policy_timezone = 'Europe/Stockholm';
RESET ROLE;
SET privacy.policy_timezone = 'Mars/Olympus';
-- PostgreSQL accepts zones so far from Greenwich that it writes a moment as it would read another. No country needs them.
SET privacy.policy_timezone = '<FAR>-16';
SET privacy.policy_timezone = '<NEAR>-15:59<FAR>-17,M3.5.0,M10.5.0';
SET privacy.policy_timezone = '<NEAR>-15:59';
RESET privacy.policy_timezone;
DO $$ DECLARE zone text; BEGIN FOR zone IN SELECT name FROM pg_timezone_names LOOP PERFORM set_config('privacy.policy_timezone', zone, true); END LOOP; END $$;

-- Ends. A preview of a far future shows when each row's purposes end.
CREATE FUNCTION ends() RETURNS TABLE (due bigint, first_end timestamptz, last_end timestamptz, problem text) LANGUAGE sql AS
	$$ SELECT due, first_end, last_end, problem FROM privacy.sweep_preview('4000-01-01 00:00+00') WHERE rule_table = 'office.letter' $$;
CREATE TABLE letter (
	id int PRIMARY KEY,
	sent_at timestamptz,
	answered_at timestamptz,
	posted_on date,
	local_time timestamp,
	note text,
	kind text);
INSERT INTO letter VALUES (1, '2018-06-30 12:00+00', '2019-02-03 04:05+00', '2018-01-31', '2018-01-31', 'x', 'voucher');

-- The purpose's period, or the term's own, which cannot be longer: the purpose is the promise.
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN FOR service AFTER sent_at THEN DELETE';
SELECT * FROM ends();
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN 6 months FOR service AFTER sent_at THEN DELETE';
SELECT * FROM ends();
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN 13 months FOR service AFTER sent_at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN 366 days FOR service AFTER sent_at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN 365 days FOR service AFTER sent_at THEN DELETE';
SELECT * FROM ends();
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN 30 days AFTER sent_at THEN DELETE';
SELECT * FROM ends();
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN AFTER sent_at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN FOR nothing_known AFTER sent_at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN FOR bookkeeping AFTER sent_at THEN DELETE';
SELECT * FROM ends();

-- Ends of calendar periods, and 31 January plus a month.
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN 7 years FOR bookkeeping AFTER END OF YEAR OF sent_at THEN DELETE';
SELECT * FROM ends();
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN 7 years FOR bookkeeping AFTER END OF QUARTER OF sent_at THEN DELETE';
SELECT * FROM ends();
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN 1 month FOR service AFTER END OF MONTH OF sent_at THEN DELETE';
SELECT * FROM ends();
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN 1 month FOR service AFTER posted_on THEN DELETE';
SELECT * FROM ends();

-- A date begins, and a year ends, in the policy's zone. The session's does not count.
SET privacy.policy_timezone = 'Europe/Stockholm';
SELECT * FROM ends();
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN 7 years FOR bookkeeping AFTER END OF YEAR OF sent_at THEN DELETE';
SET TimeZone = 'America/Los_Angeles';
SELECT due, first_end AT TIME ZONE 'UTC' AS first_end FROM ends();
SET TimeZone = 'UTC';
RESET privacy.policy_timezone;

-- Several events, several purposes: the last end counts. A term that does not apply does not count.
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN FOR service AFTER ALL OF (sent_at, answered_at) THEN DELETE';
SELECT * FROM ends();
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN FOR service AFTER ANY OF (sent_at, answered_at) THEN DELETE';
SELECT * FROM ends();
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN FOR service, improvement AFTER sent_at THEN DELETE';
SELECT * FROM ends();
SECURITY LABEL FOR privacy ON TABLE letter IS
	'RETAIN 7 years FOR bookkeeping AFTER sent_at WHERE (kind = ''voucher''),
	        3 years FOR bookkeeping AFTER sent_at WHERE (kind <> ''voucher'')
	   THEN DELETE';
SELECT * FROM ends();
UPDATE letter SET kind = 'draft';
SELECT * FROM ends();
UPDATE letter SET kind = NULL;
SELECT * FROM ends();
UPDATE letter SET kind = 'voucher';
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN FOR service AFTER ALL OF (sent_at, ANY OF (answered_at, posted_on), (letter.sent_at + interval ''1 hour'')) THEN DELETE';
SELECT * FROM ends();

-- A starting point is a moment, or a day.
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN FOR service AFTER note THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN FOR service AFTER local_time THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN FOR service AFTER (local_time AT TIME ZONE ''UTC'') THEN DELETE';
SELECT * FROM ends();
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN FOR service AFTER sent_at WHERE (id) THEN DELETE';

-- WITH: as long as the row that the foreign key leads to is kept for the same purpose.
CREATE TABLE folder (id int PRIMARY KEY, owner_id int, closed_at timestamptz);
ALTER TABLE letter ADD folder_id int REFERENCES folder, ADD CONSTRAINT letter_kind_len CHECK (length(kind) < 20);
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN FOR service WITH (id) THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN FOR service WITH (folder_id) THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE folder IS 'DRAFT; RETAIN FOR service AFTER closed_at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN FOR service WITH (folder_id) THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE folder IS 'RETAIN FOR account AFTER closed_at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN FOR service WITH (folder_id) THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE folder IS 'RETAIN FOR service, account AFTER closed_at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN FOR service WITH (folder_id) THEN DELETE';
INSERT INTO folder VALUES (1, 1, '2020-05-05 00:00+00');
SELECT * FROM ends();
UPDATE letter SET folder_id = 1;
SELECT * FROM ends();
-- In a circle nothing would ever end.
ALTER TABLE folder ADD UNIQUE (owner_id), ADD FOREIGN KEY (owner_id) REFERENCES letter;
SECURITY LABEL FOR privacy ON TABLE folder IS 'RETAIN FOR service WITH (owner_id) THEN DELETE';
ALTER TABLE folder DROP COLUMN owner_id;

-- A column's value ends when the purposes that it serves have ended; its treatment must be able to succeed.
ALTER TABLE letter ADD sender text, ADD code varchar(20), ADD reference text UNIQUE, ADD obligatory text NOT NULL DEFAULT 'x',
	ADD initial text GENERATED ALWAYS AS (left(sender, 1)) STORED, ADD seen boolean, ADD marked_at timestamptz, ADD point point;
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN FOR service AFTER sent_at, FOR improvement AFTER answered_at WHERE (kind = ''voucher'') THEN DELETE';
SECURITY LABEL FOR privacy ON COLUMN letter.sender IS 'FOR account THEN SET NULL';
SECURITY LABEL FOR privacy ON COLUMN letter.sender IS 'FOR service THEN PSEUDONYMIZE';
SELECT privacy.create_scope('person');
SECURITY LABEL FOR privacy ON COLUMN letter.sender IS 'FOR service THEN PSEUDONYMIZE AS runes';
SECURITY LABEL FOR privacy ON COLUMN letter.code IS 'FOR service THEN PSEUDONYMIZE';
SECURITY LABEL FOR privacy ON COLUMN letter.seen IS 'FOR service THEN PSEUDONYMIZE';
SECURITY LABEL FOR privacy ON COLUMN letter.sent_at IS 'FOR service THEN SET NULL';
SECURITY LABEL FOR privacy ON COLUMN letter.kind IS 'FOR service THEN SET NULL';
SECURITY LABEL FOR privacy ON COLUMN letter.folder_id IS 'FOR service THEN SET 7';
SECURITY LABEL FOR privacy ON COLUMN folder.id IS 'FOR service THEN SET 7';
SECURITY LABEL FOR privacy ON COLUMN letter.reference IS 'FOR service THEN SET ''same''';
SECURITY LABEL FOR privacy ON COLUMN letter.obligatory IS 'FOR service THEN SET NULL';
SECURITY LABEL FOR privacy ON COLUMN letter.initial IS 'FOR service THEN SET NULL';
SECURITY LABEL FOR privacy ON COLUMN letter.seen IS 'FOR service THEN SET ''maybe''';
SECURITY LABEL FOR privacy ON COLUMN letter.point IS 'FOR service THEN SET ''(0,0)''';
SECURITY LABEL FOR privacy ON COLUMN letter.point IS 'FOR service THEN SET ''(0,0)'' MARK (sent_at)';
SECURITY LABEL FOR privacy ON COLUMN letter.point IS 'FOR service THEN SET ''(0,0)'' MARK (local_time)';
SECURITY LABEL FOR privacy ON COLUMN letter.point IS 'FOR service THEN SET ''(0,0)'' MARK (marked_at)';
SECURITY LABEL FOR privacy ON COLUMN letter.sender IS 'FOR service THEN PSEUDONYMIZE IN person';
SECURITY LABEL FOR privacy ON COLUMN letter.note IS 'THEN SET NULL';
UPDATE letter SET sender = 'Anna', point = '(1,2)';
SELECT rule, state, due, first_end FROM privacy.sweep_preview('2019-06-30 11:59:59+00') WHERE rule_table = 'office.letter' ORDER BY rule COLLATE "C";
SELECT rule, state, due, first_end FROM privacy.sweep_preview('2019-06-30 12:00+00') WHERE rule_table = 'office.letter' ORDER BY rule COLLATE "C";

-- Which rules there are, and whether each could run.
SECURITY LABEL FOR privacy ON TABLE folder IS 'DRAFT; RETAIN FOR service, account AFTER closed_at THEN DELETE';
SELECT * FROM privacy.check_labels() ORDER BY relation::text COLLATE "C", rule COLLATE "C";
-- A renamed column parks what reads it, until somebody says that it is meant: here its label is out of date as well.
ALTER TABLE letter RENAME answered_at TO answered;
SELECT * FROM privacy.check_labels() ORDER BY relation::text COLLATE "C", rule COLLATE "C";
SELECT privacy.rebind_labels('letter');
ALTER TABLE letter RENAME answered TO answered_at;
SELECT DISTINCT state FROM privacy.check_labels() WHERE relation = 'letter'::regclass;
-- Two columns that change names read alike, and mean something else.
ALTER TABLE letter RENAME sent_at TO x;
ALTER TABLE letter RENAME answered_at TO sent_at;
ALTER TABLE letter RENAME x TO answered_at;
SELECT * FROM privacy.check_labels() WHERE rule = 'THEN DELETE' AND state <> 'draft';
SELECT privacy.rebind_labels('letter');
SELECT DISTINCT state FROM privacy.check_labels() WHERE relation = 'letter'::regclass;
-- Only who owns the table may say so.
GRANT USAGE ON SCHEMA office TO regress_clerk;
GRANT EXECUTE ON FUNCTION privacy.rebind_labels(regclass) TO regress_clerk;
SET ROLE regress_clerk;
SELECT privacy.rebind_labels('letter');
SELECT privacy.rebind_labels();
SELECT privacy.rebind_labels(0);
RESET ROLE;

-- A shorter promise takes every row from then on; a longer one only what starts later.
CREATE TABLE offer (id int PRIMARY KEY, made_at timestamptz);
SECURITY LABEL FOR privacy ON TABLE offer IS 'RETAIN FOR improvement AFTER made_at THEN DELETE';
INSERT INTO offer VALUES (1, '2088-06-01 00:00+00'), (2, '2095-06-01 00:00+00');
SELECT privacy.alter_purpose('improvement', '1 year', '2090-01-01 00:00+00');
SELECT privacy.alter_purpose('improvement', '5 years', '2095-01-01 00:00+00');
SELECT due, first_end, last_end FROM privacy.sweep_preview('2089-12-31 23:59+00') WHERE rule_table = 'office.offer';
SELECT due, first_end, last_end FROM privacy.sweep_preview('2090-01-01 00:00+00') WHERE rule_table = 'office.offer';
SELECT due, first_end, last_end FROM privacy.sweep_preview('2100-05-31 23:59+00') WHERE rule_table = 'office.offer';
SELECT due, first_end, last_end FROM privacy.sweep_preview('2100-06-01 00:00+00') WHERE rule_table = 'office.offer';

-- A promise made shorter than a term's own period takes that term's rows, too.
SELECT privacy.create_purpose('guarantee', 'contract', '5 years', 'Honour the guarantee');
CREATE TABLE office.sale (id int PRIMARY KEY, sold_at timestamptz, paid_at timestamptz);
INSERT INTO office.sale VALUES (1, '2020-01-01 00:00+00', '2020-01-01 00:00+00'), (2, '2020-01-01 00:00+00', '-infinity');
SECURITY LABEL FOR privacy ON TABLE office.sale IS
	'RETAIN 4 years FOR guarantee AFTER ALL OF (sold_at, paid_at) THEN DELETE';
SELECT state, due, first_end FROM privacy.sweep_preview('2023-01-01 00:00+00') WHERE rule_table = 'office.sale';
SELECT privacy.alter_purpose('guarantee', '3 years');
SELECT state, due FROM privacy.sweep_preview('2022-12-31 23:59+00') WHERE rule_table = 'office.sale';
-- (An event at -infinity is unknown: sale 2 stays.)
SELECT state, due FROM privacy.sweep_preview('2090-01-01 00:00+00') WHERE rule_table = 'office.sale';

-- A child whose rule is parked stays, and keeps its parent; the preview counts on it.
CREATE TABLE office.refund (id int PRIMARY KEY, sale_id int REFERENCES office.sale, at timestamptz);
INSERT INTO office.refund VALUES (1, 1, '2020-01-01');
SECURITY LABEL FOR privacy ON TABLE office.refund IS 'RETAIN FOR guarantee AFTER at THEN DELETE';
SELECT rule_table, state, due, blocked FROM privacy.sweep_preview('2090-01-01 00:00+00') WHERE rule_table IN ('office.sale', 'office.refund') ORDER BY 1;
ALTER TABLE office.refund RENAME at TO refunded_at;
SELECT rule_table, state, due, blocked FROM privacy.sweep_preview('2090-01-01 00:00+00') WHERE rule_table IN ('office.sale', 'office.refund') ORDER BY 1;

-- Naming a purpose names all below it, those that come later as well.
CREATE TABLE office.reader (id int PRIMARY KEY, joined_at timestamptz);
INSERT INTO office.reader VALUES (1, '2020-01-31 00:00+00');
SECURITY LABEL FOR privacy ON TABLE office.reader IS 'RETAIN FOR marketing AFTER joined_at THEN DELETE';
SELECT purpose, ends_at, effect FROM privacy.explain('office.reader', '1');
SELECT privacy.create_purpose('marketing.post', 'legitimate_interests', '1 year', 'Catalogue', minimum_age => 18);
SELECT purpose, ends_at, effect FROM privacy.explain('office.reader', '1');
SELECT privacy.create_purpose('marketing.fax', 'consent', '1 year', 'Fax', minimum_age => 0);

-- Other ends than a period: an event itself, a condition, none at all.
CREATE TABLE office.visit (
	id int PRIMARY KEY, began_at timestamptz, seen_at timestamptz, objected_at timestamptz, is_open boolean,
	address text, referred_by text);
INSERT INTO office.visit VALUES
	(1, '2025-01-01', '2025-01-01 10:00', NULL, true, 'a', 'x'),
	(2, '2025-01-01', '2025-01-01 10:00', '2025-02-01', false, 'b', 'x'),
	(3, '2025-01-01', '2025-01-01 10:00', 'infinity', NULL, 'c', NULL);
CREATE FUNCTION office.states(label text, as_of timestamptz DEFAULT NULL) RETURNS text[] LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SECURITY LABEL FOR privacy ON TABLE office.visit IS %L', label);
	RETURN (SELECT array_agg(privacy.row_state('office.visit', id::text, as_of) ORDER BY id) FROM office.visit);
END
$$;
SELECT office.states('RETAIN FOR marketing.email UNTIL objected_at THEN DELETE');
SELECT office.states('RETAIN FOR marketing.email UNTIL objected_at THEN DELETE', '2025-01-31 23:59:59.999999+00');
SELECT office.states('RETAIN WHILE (is_open) THEN DELETE');
SELECT office.states('RETAIN UNTIL (seen_at + interval ''30 minutes'') THEN DELETE', '2025-01-01 10:29:59.999999+00');
SELECT office.states('RETAIN UNTIL (seen_at + interval ''30 minutes'') THEN DELETE', '2025-01-01 10:30+00');
SELECT office.states('RETAIN ''0'' AFTER began_at THEN DELETE', '2025-01-01 00:00+00');
SELECT office.states('RETAIN NOTHING THEN DELETE', '1999-01-01 00:00+00');
SELECT office.states('RETAIN FOR bookkeeping AFTER began_at THEN DELETE');
SELECT office.states('RETAIN 1 day AFTER began_at WHERE (is_open) THEN DELETE');

-- A purpose that does not apply says nothing about another one that has ended.
CREATE TABLE office.stop (id int PRIMARY KEY, visit_id int REFERENCES office.visit);
INSERT INTO office.stop VALUES (2, 2);
SELECT office.states('RETAIN FOR marketing.email WHILE (is_open), ''0'' FOR bookkeeping AFTER began_at WHERE (address = ''x'') THEN DELETE');
SECURITY LABEL FOR privacy ON TABLE office.stop IS 'RETAIN FOR bookkeeping, marketing.email WITH (visit_id) THEN DELETE';
SELECT privacy.row_state('office.stop', '2');
DROP TABLE office.stop;

-- At most: the earliest maximum ends every purpose that no law demands, known or not; a missing one ends nothing.
SELECT office.states('RETAIN FOR marketing.email UNTIL objected_at AT MOST 2 months AFTER began_at AT MOST 1 month AFTER seen_at THEN DELETE', '2025-02-01 09:59+00');
SELECT office.states('RETAIN FOR marketing.email UNTIL objected_at AT MOST 2 months AFTER began_at AT MOST 1 month AFTER seen_at THEN DELETE', '2025-02-01 10:00+00');
SELECT office.states('RETAIN FOR marketing.email WHILE (is_open) AT MOST 1 month AFTER objected_at THEN DELETE');
SELECT office.states('RETAIN 1 year FOR bookkeeping AFTER began_at, FOR service AFTER objected_at AT MOST 1 month AFTER began_at THEN DELETE', '2025-12-31 23:59+00');
SELECT office.states('RETAIN 1 year FOR bookkeeping AFTER began_at, FOR service AFTER objected_at AT MOST 1 month AFTER began_at THEN DELETE');
SELECT purpose, legal_basis, starts_from, starts_at, period, decided_by, ends_at, state, effect, obstacle FROM privacy.explain('office.visit', '1') \gx
-- No term applies: nobody knows what the row is for, and no maximum changes that.
SELECT office.states('RETAIN 1 day AFTER began_at WHERE (NOT is_open) AT MOST 1 day AFTER began_at THEN DELETE');

-- A column with a RETAIN of its own: the value goes by that list, and the row waits for it while there is a value.
SECURITY LABEL FOR privacy ON COLUMN office.visit.address IS 'RETAIN 2 years FOR guarantee AFTER began_at THEN SET NULL';
SECURITY LABEL FOR privacy ON COLUMN office.visit.referred_by IS 'RETAIN NOTHING THEN SET NULL';
SELECT office.states('RETAIN 1 month AFTER began_at THEN DELETE');
UPDATE office.visit SET address = NULL WHERE id = 2;
SELECT office.states('RETAIN 1 month AFTER began_at THEN DELETE');
SELECT target, purpose, period, ends_at, state, effect FROM privacy.explain('office.visit', '1');
SELECT rule, due, waiting, undetermined FROM privacy.sweep_preview() WHERE rule_table = 'office.visit' ORDER BY rule COLLATE "C";
-- Values earlier, the row later: one sweep empties, another one deletes.
SELECT office.states('RETAIN FOR service AFTER began_at, FOR guarantee AFTER began_at THEN DELETE');
SECURITY LABEL FOR privacy ON COLUMN office.visit.address IS 'FOR service THEN SET ''''';
SELECT purpose, ends_at, effect FROM privacy.explain('office.visit', '1');
CALL privacy.sweep();
SELECT id, address, referred_by FROM office.visit ORDER BY id;
SELECT purpose, ends_at, effect FROM privacy.explain('office.visit', '1');

-- Tenants have periods of their own, which come before the term's and the purpose's.
CREATE TABLE office.company (id int PRIMARY KEY, name text);
CREATE TABLE office.staff (id int PRIMARY KEY, company_id int REFERENCES office.company, left_at date);
INSERT INTO office.company VALUES (1, 'Acme'), (2, 'Other');
INSERT INTO office.staff VALUES (1, 1, '2020-02-29'), (2, 2, '2020-02-29'), (3, NULL, '2020-02-29');
SECURITY LABEL FOR privacy ON TABLE office.staff IS 'TENANT VIA (company_id); RETAIN 6 months FOR service AFTER left_at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE office.company IS 'TENANT (name)';
SECURITY LABEL FOR privacy ON TABLE office.staff IS 'TENANT VIA (company_id); RETAIN 6 months FOR service AFTER left_at THEN DELETE';
SELECT privacy.set_tenant_period('Acme', 'service', '4 years');
SELECT s.id, e.period, e.decided_by, e.ends_at FROM office.staff AS s, privacy.explain('office.staff', s.id::text) AS e ORDER BY 1;
SELECT privacy.set_tenant_period('Acme', 'service', '1 month');
SELECT s.id, e.period, e.decided_by, e.ends_at FROM office.staff AS s, privacy.explain('office.staff', s.id::text) AS e ORDER BY 1;
SELECT privacy.set_tenant_period('Acme', 'service', NULL);
SELECT e.period, e.decided_by, e.ends_at FROM privacy.explain('office.staff', '1') AS e;
SELECT privacy.set_tenant_period(NULL, 'service', '1 day');
SELECT privacy.set_tenant_period('Acme', 'nothing', '1 day');
SELECT privacy.set_tenant_period('Acme', 'service', '-1 day');
-- A tenant can make up for a purpose without a period.
SECURITY LABEL FOR privacy ON TABLE office.staff IS 'TENANT VIA (company_id); RETAIN FOR bookkeeping AFTER left_at THEN DELETE';
SELECT privacy.set_tenant_period('Acme', 'bookkeeping', '1 year');
SELECT privacy.row_state('office.staff', '1'), privacy.row_state('office.staff', '2');
-- A tenant's key that leads in a circle.
ALTER TABLE office.company ADD owner int REFERENCES office.staff;
SECURITY LABEL FOR privacy ON TABLE office.company IS 'TENANT VIA (owner)';
ALTER TABLE office.company DROP COLUMN owner;

-- States add up to the table. What waits says since when, and for what.
SELECT office.states('RETAIN FOR service AFTER ALL OF (began_at, objected_at) THEN DELETE', '2026-02-01 00:00+00');
SELECT total, undetermined, waiting, waiting_since, running, restricted, held, blocked, due, problem FROM privacy.row_states('2026-02-01 00:00+00') WHERE relation = 'office.visit'::regclass;
SELECT purpose, state, obstacle FROM privacy.explain('office.visit', '1');
SELECT purpose, state, obstacle FROM privacy.explain('office.visit', '3');
SELECT due, waiting, undetermined, missing, estimated_bytes > 0 AS has_bytes, estimated_time FROM privacy.sweep_preview('2026-02-01 00:00+00') WHERE rule = 'THEN DELETE' AND rule_table = 'office.visit';
SELECT privacy.row_state('office.visit', '4');
SELECT privacy.row_state('office.visit', NULL), privacy.row_state(NULL, '1');
SELECT privacy.row_state('office.visit', 'one');
SELECT privacy.row_state('office.visit', '1', 'infinity');
SELECT privacy.row_state('office.visit', '1', '290000-01-01');
SELECT privacy.row_state('office.company', '1');
SELECT * FROM privacy.explain('office.company', '1');
CREATE TABLE office.pair (b int, a text, at date, PRIMARY KEY (a, b));
INSERT INTO office.pair VALUES (7, 'x,y', '2020-01-01');
SECURITY LABEL FOR privacy ON TABLE office.pair IS 'RETAIN 1 day AFTER at THEN DELETE';
SELECT privacy.row_state('office.pair', '{7,"x,y"}');
SELECT privacy.row_state('office.pair', '{7}');
SELECT privacy.row_state('office.pair', '7');

-- What falls due when.
SELECT from_then, until_then, due, problem FROM privacy.retention_forecast('70 years', '10 years') WHERE rule_table = 'office.offer';
SELECT from_then, until_then, due FROM privacy.retention_forecast('1 month', '1 month') WHERE rule_table IN ('office.pair', 'office.visit') ORDER BY rule_table;
SELECT * FROM privacy.retention_forecast('5 years', '0');
SELECT * FROM privacy.retention_forecast('-5 years', '1 month');
SELECT * FROM privacy.retention_forecast('1000 years', '1 hour');

-- The condition itself, for EXPLAIN: raw columns first, so that an index can answer.
SELECT regexp_replace(privacy.rule_condition('office.pair', as_of => '2026-01-01 00:00+00'), ' OR .*', ' OR ...') AS condition;
SELECT privacy.rule_condition('office.pair', 'b', '2026-01-01 00:00+00');
SELECT privacy.rule_condition('office.pair', 'c');
CREATE INDEX ON office.reader (joined_at);
INSERT INTO office.reader SELECT i, '2026-01-01'::timestamptz - i * interval '1 hour' FROM generate_series(2, 20000) AS i;
ANALYZE office.reader;
CREATE FUNCTION office.uses_index(label text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
	result boolean := false;
BEGIN
	EXECUTE format('SECURITY LABEL FOR privacy ON TABLE office.reader IS %L', label);
	FOR line IN EXECUTE format('EXPLAIN (COSTS OFF) SELECT FROM office.reader AS target WHERE %s',
		replace(privacy.rule_condition('office.reader'), '$1', '''2026-01-01 00:00+00''::timestamptz'))
	LOOP
		result := result OR line ~ 'Index Cond';
	END LOOP;
	RETURN result;
END
$$;
SELECT office.uses_index('RETAIN 820 days AFTER joined_at THEN DELETE');
SELECT office.uses_index('RETAIN 820 days AFTER joined_at WHERE (id % 2 = 0), 821 days AFTER joined_at WHERE (id % 2 = 1) THEN DELETE');
SELECT office.uses_index('RETAIN 900 days AFTER joined_at AT MOST 820 days AFTER joined_at THEN DELETE');
SELECT office.uses_index('RETAIN WHILE (id < 0) THEN DELETE');

-- Who may ask: who may execute the function and read the whole table.
GRANT USAGE ON SCHEMA office TO regress_clerk;
GRANT EXECUTE ON FUNCTION privacy.explain(regclass, text, timestamptz), privacy.row_state(regclass, text, timestamptz) TO regress_clerk;
SET ROLE regress_clerk;
SELECT privacy.row_state('office.visit', '1');
SELECT * FROM privacy.explain('office.visit', '1');
SELECT privacy.rule_condition('office.visit');
SELECT * FROM privacy.row_states();
SELECT * FROM privacy.retention_forecast();
SELECT privacy.set_tenant_period('Acme', 'service', '1 day');
SELECT privacy.create_policy_version('1', '2018-05-01', '2018-05-25');
RESET ROLE;
GRANT SELECT ON office.visit TO regress_clerk;
SET ROLE regress_clerk;
SELECT privacy.row_state('office.visit', '1'), (SELECT count(*) FROM privacy.explain('office.visit', '1'));
RESET ROLE;
ALTER TABLE office.visit ENABLE ROW LEVEL SECURITY;
SET ROLE regress_clerk;
SELECT privacy.row_state('office.visit', '1');
RESET ROLE;
ALTER TABLE office.visit DISABLE ROW LEVEL SECURITY;

-- Versions of the policy, and the notice that was given.
SELECT privacy.create_policy_version('1', '2018-05-01 00:00+00', '2018-05-25 00:00+00');
SELECT privacy.create_policy_version('2', '2026-01-05 00:00+00', '2026-02-16 00:00+00', 'New recipients', working_days_promised => 30);
SELECT privacy.create_policy_version('3', '2026-06-01 00:00+00', '2026-06-30 00:00+00', 'Longer periods', working_days_promised => 30);
SELECT * FROM privacy.policy_notice ORDER BY version;
SELECT privacy.create_policy_version('3', '2027-06-01 00:00+00', '2027-06-30 00:00+00');
SELECT privacy.create_policy_version('4', '2027-06-01 00:00+00', '2027-05-01 00:00+00');
SELECT privacy.create_policy_version('4', '2027-06-01 00:00+00', 'infinity');
SELECT privacy.create_policy_version('', '2027-06-01 00:00+00', '2027-06-01 00:00+00');
SELECT privacy.create_policy_version('4', '2027-06-01 00:00+00', '2027-06-01 00:00+00', working_days_promised => -1);

-- Every change of a promise leaves evidence.
SELECT action, object, detail FROM privacy.audit_entry WHERE action IN ('tenant.set', 'policy.create') OR object = 'marketing.post' ORDER BY id;
SELECT count(*) FROM privacy.audit_entry WHERE action = 'purpose.alter' AND object = 'guarantee' AND detail ->> 'retention' = '3 years';
SELECT privacy.audit_promise('sweep.delete', 'office.visit', NULL);

-- Bad data never stops a rule: moments beyond the calendar, dates beyond all moments.
CREATE TABLE office.odd (id int PRIMARY KEY, dropped int, at timestamptz, day date);
ALTER TABLE office.odd DROP COLUMN dropped;
INSERT INTO office.odd VALUES (1, '294276-12-31 23:59:59+00', '2000-01-01'), (2, '4714-11-24 00:00+00 BC', '4713-01-01 BC'), (3, '2000-01-01', '5874897-12-31'), (4, '2000-01-01', '2000-01-01');
SECURITY LABEL FOR privacy ON TABLE office.odd IS 'RETAIN 1000 years AFTER END OF YEAR OF at, 1000 years AFTER day THEN DELETE';
SELECT id, privacy.row_state('office.odd', id::text, '3001-01-01 00:00+00') FROM office.odd;
SELECT due, undetermined, problem FROM privacy.sweep_preview('3001-01-01 00:00+00') WHERE rule_table = 'office.odd';
SELECT due, problem FROM privacy.sweep_preview('4714-11-24 00:00:00+00 BC') WHERE rule_table = 'office.odd';

-- The session's settings change nothing: not in what a label says, not in what a row's state is.
SET IntervalStyle = 'sql_standard';
SET DateStyle = 'SQL, DMY';
SET TimeZone = 'Pacific/Kiritimati';
SET search_path = office, pg_catalog;
CREATE FUNCTION office.date_trunc(text, timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS 'SELECT timestamptz ''-infinity''';
SECURITY LABEL FOR privacy ON TABLE odd IS 'RETAIN ''1 month 15 days 12 hours'' AFTER END OF MONTH OF at, FOR guarantee AFTER day THEN DELETE';
SELECT privacy.row_state('odd', '4', '2005-01-01 00:00+00'), privacy.row_state('odd', '4', '2004-12-31 23:59:59.999999+00');
RESET search_path;
RESET IntervalStyle;
SET IntervalStyle = 'postgres';
SET DateStyle = 'ISO';
SET TimeZone = 'UTC';

-- East of Greenwich the first day of the calendar begins before its first moment. It has ended all the same.
CREATE TABLE office.dawn (id int PRIMARY KEY, day date);
INSERT INTO office.dawn VALUES (1, '4714-11-24 BC'), (2, '4714-11-25 BC'), (3, '2025-12-31'), (4, '-infinity');
SECURITY LABEL FOR privacy ON TABLE office.dawn IS 'RETAIN 1 month AFTER day THEN DELETE';
SET privacy.policy_timezone = 'Europe/Stockholm';
SELECT id, privacy.row_state('office.dawn', id::text) FROM office.dawn ORDER BY id;
SELECT due, problem FROM privacy.sweep_preview() WHERE rule_table = 'office.dawn';
-- Of office.reader all rows are due by now, and more than the breaker lets go without asking: that is meant.
SELECT privacy.approve_sweep('office.reader');
CALL privacy.sweep();
SELECT id FROM office.dawn ORDER BY id;
RESET privacy.policy_timezone;
DROP TABLE office.dawn;

-- Each path of WITH is followed by itself. Where they fork and meet again there is a limit, and one to the length of a chain.
CREATE TABLE office.fork0 (id int PRIMARY KEY, at timestamptz);
SECURITY LABEL FOR privacy ON TABLE office.fork0 IS 'RETAIN FOR service AFTER at THEN DELETE';
CREATE TABLE office.chain0 (LIKE office.fork0 INCLUDING ALL);
SECURITY LABEL FOR privacy ON TABLE office.chain0 IS 'RETAIN FOR service AFTER at THEN DELETE';
CREATE PROCEDURE office.grow(kind text, n int, columns text[]) LANGUAGE plpgsql AS $$ BEGIN
	EXECUTE format('CREATE TABLE office.%s%s (id int PRIMARY KEY, %s)', kind, n,
		(SELECT string_agg(format('%I int REFERENCES office.%s%s', c, kind, n - 1), ', ') FROM unnest(columns) AS c));
	EXECUTE format('SECURITY LABEL FOR privacy ON TABLE office.%s%s IS ''RETAIN %s THEN DELETE''', kind, n,
		(SELECT string_agg(format('FOR service WITH (%s)', c), ', ') FROM unnest(columns) AS c));
END $$;
\set VERBOSITY default
DO $$ BEGIN FOR n IN 1..20 LOOP CALL office.grow('fork', n, '{a,b,c}'); END LOOP; END $$;
DO $$ BEGIN FOR n IN 1..19 LOOP CALL office.grow('chain', n, '{a}'); END LOOP; END $$;
CALL office.grow('chain', 20, '{a}');
-- At the end of the longest chain a row has the state of the row at its beginning.
INSERT INTO office.chain0 VALUES (1, '2020-01-01 00:00+00'), (2, '2025-12-31 00:00+00');
DO $$ BEGIN FOR n IN 1..19 LOOP EXECUTE format('INSERT INTO office.chain%s VALUES (1, 1), (2, 2)', n); END LOOP; END $$;
SELECT privacy.row_state('office.chain19', '1'), privacy.row_state('office.chain19', '2');
DO $$ BEGIN FOR n IN REVERSE 19..0 LOOP EXECUTE format('DROP TABLE office.chain%s', n); END LOOP; END $$;
DROP TABLE office.fork0;

-- A partition may have its columns in another order.
CREATE TABLE office.event (kind text, at timestamptz, note text) PARTITION BY LIST (kind);
CREATE TABLE office.event_a (note text, x int, at timestamptz, kind text);
ALTER TABLE office.event_a DROP COLUMN x;
ALTER TABLE office.event ATTACH PARTITION office.event_a FOR VALUES IN ('a');
INSERT INTO office.event VALUES ('a', '2020-01-01', 'old'), ('a', '2025-12-31', 'new'), ('a', '2025-12-15', 'middling');
SECURITY LABEL FOR privacy ON TABLE office.event IS 'RETAIN 1 month AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON COLUMN office.event.note IS 'RETAIN 10 days AFTER at THEN SET NULL';
SECURITY LABEL FOR privacy ON TABLE office.reader IS NULL;
CALL privacy.sweep();
SELECT at, note FROM office.event ORDER BY at;

-- What a sub-select reads is dropped: the rule is parked, and says so wherever it is asked.
CREATE TABLE office.ledger (visit_id int, closed_at timestamptz);
SECURITY LABEL FOR privacy ON TABLE office.visit IS 'RETAIN 1 month AFTER ((SELECT max(l.closed_at) FROM office.ledger AS l WHERE l.visit_id = visit.id)) THEN DELETE';
SECURITY LABEL FOR privacy ON COLUMN office.visit.address IS NULL;
DROP TABLE office.ledger;
SELECT state, problem FROM privacy.check_labels() WHERE relation = 'office.visit'::regclass AND rule = 'THEN DELETE';
SELECT due, problem FROM privacy.row_states() WHERE relation = 'office.visit'::regclass;
SELECT due, problem FROM privacy.retention_forecast() WHERE rule_table = 'office.visit' AND rule = 'THEN DELETE';
SELECT privacy.row_state('office.visit', '1');

CALL privacy.remove_labels();
SELECT count(*) FROM privacy.check_labels();
SET client_min_messages = warning;
DROP SCHEMA office CASCADE;
DROP EXTENSION pg_privacy;
DROP ROLE regress_clerk;
