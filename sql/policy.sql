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

CALL privacy.remove_labels();
SELECT count(*) FROM privacy.check_labels();
SET client_min_messages = warning;
DROP SCHEMA office CASCADE;
DROP EXTENSION pg_privacy;
DROP ROLE regress_clerk;
