-- hostile: what an owner of tables might try in order to run code as somebody else, to have rows deleted that must stay, to
-- keep what must go, or to stop the sweep of everybody. Each case has once succeeded.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_privacy CASCADE;
CREATE EXTENSION pg_privacy;
CREATE ROLE regress_mallory;
CREATE ROLE regress_victim;
CREATE SCHEMA lair;
GRANT ALL ON SCHEMA lair TO regress_mallory, regress_victim;
SET search_path = lair, public;
SELECT privacy.create_scope('person');
SELECT privacy.create_purpose('service', 'contract', '1 year', 'Provide the service');
SELECT privacy.create_purpose('statistics', 'legitimate_interests', '3 years', 'Statistics');
RESET client_min_messages;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET privacy.core_clock = '2026-01-31 12:00+00';
\set outcome 'SELECT regexp_replace(rule_table, ''pg_temp_[0-9]+'', ''pg_temp'') AS "table", rule, state, deleted AS del, treated AS treat, blocked, blocked_by, problem FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) ORDER BY rule_table COLLATE "C", rule COLLATE "C";'
\set check 'SELECT regexp_replace(relation::text, ''pg_temp_[0-9]+'', ''pg_temp'') AS "table", rule, state, problem FROM privacy.check_labels() ORDER BY relation::text COLLATE "C", rule COLLATE "C";'

-- What a label is refused with, without the place in its text.
CREATE FUNCTION refusal(object text, label text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text; detail text;
BEGIN
	EXECUTE format('SECURITY LABEL FOR privacy ON %s IS %L', object, label);
	RETURN 'ACCEPTED';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(E'\n    ', message, nullif(detail, ''));
END $$;

-- Whatever code of hers is run notes as whom, and tries to make her a superuser.
SET ROLE regress_mallory;
CREATE TABLE seen (what text, who text);
GRANT INSERT ON seen TO PUBLIC;
CREATE FUNCTION strike(what text) RETURNS int LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	INSERT INTO lair.seen VALUES (what, current_user);
	BEGIN
		ALTER ROLE regress_mallory SUPERUSER;
	EXCEPTION WHEN insufficient_privilege THEN
		NULL;
	END;
	RETURN 0;
END $$;
RESET ROLE;
\set seen 'SELECT DISTINCT what, who FROM lair.seen ORDER BY 1, 2; SELECT rolsuper FROM pg_roles WHERE rolname = ''regress_mallory'';'

-- 1. A foreign key whose comparison needs a cast of the referencing owner's. The sweep looks for referring rows before it
-- deletes one: as their owner, never as its own, so that the cast runs as her and nobody becomes anything.
SET ROLE regress_victim;
CREATE TABLE parent (id int PRIMARY KEY, at timestamptz);
GRANT REFERENCES ON parent TO regress_mallory;
INSERT INTO parent VALUES (1, '2020-01-01 00:00+00'), (2, '2020-01-01 00:00+00');
SECURITY LABEL FOR privacy ON TABLE parent IS 'RETAIN FOR service AFTER at THEN DELETE';
SET ROLE regress_mallory;
CREATE TYPE wrapped AS (i int);
CREATE FUNCTION unwrap(wrapped) RETURNS int LANGUAGE plpgsql VOLATILE AS $$
BEGIN PERFORM lair.strike('cast'); RETURN $1.i; END $$;
CREATE CAST (wrapped AS int) WITH FUNCTION unwrap(wrapped) AS IMPLICIT;
CREATE TABLE child (parent_id wrapped REFERENCES parent);
INSERT INTO child VALUES (ROW(1)::wrapped);
TRUNCATE seen;
RESET ROLE;
SELECT due FROM privacy.sweep_preview();
:seen
CALL privacy.sweep();
:outcome
:seen
TRUNCATE seen;
DROP TABLE child;
DROP CAST (wrapped AS int);
DROP FUNCTION unwrap;
DROP TYPE wrapped;

-- 2. An index on an expression that the planner computes beforehand. The sweep's own plans on the referring table are made as
-- its owner. (A new session: an old one has the expression computed.)
SET ROLE regress_mallory;
CREATE FUNCTION harmless() RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM lair.strike('index'); RETURN 0; END $$;
CREATE TABLE child (parent_id int REFERENCES parent, z int);
INSERT INTO child VALUES (1, 1);
CREATE INDEX ON child ((z + harmless()));
TRUNCATE seen;
RESET ROLE;
\c -
SET search_path = lair, public;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET privacy.core_clock = '2026-01-31 12:00+00';
\set SHOW_CONTEXT never
SELECT due FROM privacy.sweep_preview();
:seen
\c -
SET search_path = lair, public;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET privacy.core_clock = '2026-01-31 12:00+00';
CALL privacy.sweep();
:outcome
:seen
TRUNCATE seen;
DROP TABLE child, parent;

-- 3. WITH reads the parent's label, whose expressions then run as the child's owner. A type brings code along: the check of a
-- domain, also inside a composite type. So the types must not be somebody else's, neither when the label is set ...
SET ROLE regress_mallory;
CREATE DOMAIN sly AS int CHECK (lair.strike('domain') = 0);
CREATE TYPE slier AS (v sly);
CREATE TABLE master (id int PRIMARY KEY, n int, at timestamptz);
GRANT SELECT, REFERENCES ON master TO regress_victim;
INSERT INTO master VALUES (1, 1, '2020-01-01 00:00+00');
SECURITY LABEL FOR privacy ON TABLE master IS 'RETAIN FOR service AFTER at WHERE (n::lair.sly = n) THEN DELETE';
SET ROLE regress_victim;
CREATE TABLE servant (id int PRIMARY KEY, master_id int REFERENCES master);
INSERT INTO servant VALUES (1, 1);
SELECT refusal('TABLE servant', 'RETAIN FOR service WITH (master_id) THEN DELETE');
SET ROLE regress_mallory;
SECURITY LABEL FOR privacy ON TABLE master IS 'RETAIN FOR service AFTER at WHERE (((''(1)''::lair.slier).v) = n) THEN DELETE';
TRUNCATE seen;
SET ROLE regress_victim;
SELECT refusal('TABLE servant', 'RETAIN FOR service WITH (master_id) THEN DELETE');
RESET ROLE;
:seen
-- ... nor when the parent is labelled anew behind the child's back.
SET ROLE regress_mallory;
SECURITY LABEL FOR privacy ON TABLE master IS 'RETAIN FOR service AFTER at THEN DELETE';
SET ROLE regress_victim;
SECURITY LABEL FOR privacy ON TABLE servant IS 'RETAIN FOR service WITH (master_id) THEN DELETE';
SET ROLE regress_mallory;
SECURITY LABEL FOR privacy ON TABLE master IS 'RETAIN FOR service AFTER at WHERE (n::lair.sly = n) THEN DELETE';
RESET ROLE;
CALL privacy.sweep();
:outcome
SELECT DISTINCT what, who FROM seen WHERE who <> 'regress_mallory';
DROP TABLE servant, master;
DROP TYPE slier;
DROP DOMAIN sly;
TRUNCATE seen;

-- 4. A mark that new rows bring along, or that another column's treatment sets, passed raw values off as treated.
CREATE TABLE marked (id int PRIMARY KEY, a json, b json, email text, at timestamptz, m timestamptz, at_once timestamptz DEFAULT '2026-01-01 00:00+00',
	always timestamptz NOT NULL);
SECURITY LABEL FOR privacy ON TABLE marked IS 'RETAIN FOR service, statistics AFTER at THEN DELETE';
SELECT refusal('COLUMN marked.a', 'FOR service THEN SET ''{}'' MARK (at_once)');
SELECT refusal('COLUMN marked.a', 'FOR service THEN SET ''{}'' MARK (always)');
SELECT refusal('COLUMN marked.a', 'FOR service THEN SET ''{}'' MARK (m)');
SELECT refusal('COLUMN marked.b', 'FOR service THEN SET ''{}'' MARK (m)');
SECURITY LABEL FOR privacy ON COLUMN marked.a IS NULL;
-- A default that comes later.
SECURITY LABEL FOR privacy ON COLUMN marked.a IS 'FOR service THEN SET ''{}'' MARK (m)';
ALTER TABLE marked ALTER m SET DEFAULT '2026-01-01 00:00+00';
:check
ALTER TABLE marked ALTER m DROP DEFAULT;
SECURITY LABEL FOR privacy ON COLUMN marked.a IS NULL;
-- Where the value itself can tell, the mark is only a note: what is written back raw is treated again.
SECURITY LABEL FOR privacy ON COLUMN marked.email IS 'FOR service THEN SET NULL MARK (m)';
INSERT INTO marked VALUES (1, NULL, NULL, 'a@example.org', '2024-06-01 00:00+00', NULL, NULL, '2024-06-01 00:00+00');
CALL privacy.sweep();
SELECT email, m FROM marked;
UPDATE marked SET email = 'a@example.org';
CALL privacy.sweep();
SELECT email, m FROM marked;
DROP TABLE marked;

-- 5. Who calls the sweep must not decide by the session's settings what is deleted: here bytea_output would.
CREATE TABLE bytes (id int PRIMARY KEY, b bytea, at timestamptz);
INSERT INTO bytes VALUES (1, '\xdead', '2020-01-01 00:00+00'), (2, '\xbeef', '2020-01-01 00:00+00');
SECURITY LABEL FOR privacy ON TABLE bytes IS
	'RETAIN 1 day AFTER at WHERE (NOT b::text = ''\xdead''), 100 years AFTER at WHERE (b::text = ''\xdead'') THEN DELETE';
SET bytea_output = escape;
CALL privacy.sweep();
RESET bytea_output;
:outcome
SELECT id FROM bytes;
DROP TABLE bytes;
-- The same of every setting that changes what an expression means.
CREATE TABLE pinned (name text, setting text);
CREATE TABLE bytes (id int PRIMARY KEY, at timestamptz);
INSERT INTO bytes VALUES (1, '2020-01-01 00:00+00');
CREATE FUNCTION note_settings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO lair.pinned SELECT name, current_setting(name) FROM unnest(ARRAY['transform_null_equals', 'array_nulls', 'bytea_output', 'xmlbinary',
		'xmloption', 'lc_monetary', 'lc_numeric', 'lc_time', 'DateStyle', 'IntervalStyle', 'TimeZone', 'extra_float_digits', 'quote_all_identifiers',
		'backslash_quote', 'default_text_search_config']) AS name;
	RETURN OLD;
END $$;
CREATE TRIGGER note_settings BEFORE DELETE ON bytes FOR EACH ROW EXECUTE FUNCTION note_settings();
SECURITY LABEL FOR privacy ON TABLE bytes IS 'RETAIN 1 day AFTER at THEN DELETE';
SET transform_null_equals = on;
SET array_nulls = off;
SET bytea_output = escape;
SET xmlbinary = hex;
SET xmloption = document;
SET lc_monetary = 'POSIX';
SET lc_numeric = 'POSIX';
SET lc_time = 'POSIX';
SET DateStyle = 'SQL, DMY';
SET IntervalStyle = iso_8601;
SET TimeZone = 'Asia/Tokyo';
SET extra_float_digits = -15;
SET quote_all_identifiers = on;
SET backslash_quote = on;
SET default_text_search_config = 'pg_catalog.swedish';
CALL privacy.sweep();
RESET ALL;
SET search_path = lair, public;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET privacy.core_clock = '2026-01-31 12:00+00';
SELECT * FROM pinned ORDER BY name COLLATE "C";
DROP TABLE bytes, pinned;
DROP FUNCTION note_settings;

-- 6. A label that could be read only with standard_conforming_strings off would be one that nobody can read later.
CREATE TABLE odd (id int PRIMARY KEY, note text, at timestamptz);
CREATE TABLE sound (id int PRIMARY KEY, at timestamptz);
INSERT INTO odd VALUES (1, E'\\', '2020-01-01 00:00+00'), (2, E'\\\\', '2020-01-01 00:00+00');
INSERT INTO sound VALUES (1, '2020-01-01 00:00+00');
SECURITY LABEL FOR privacy ON TABLE sound IS 'RETAIN 1 day AFTER at THEN DELETE';
SET escape_string_warning = off;
SET standard_conforming_strings = off;
SECURITY LABEL FOR privacy ON TABLE odd IS $$RETAIN 1 day AFTER at WHERE (note = 'it\'s') THEN DELETE$$;
-- And one that can be read either way means the same either way: two backslashes, wherever it is set and read.
SECURITY LABEL FOR privacy ON TABLE odd IS $$RETAIN 1 day AFTER at WHERE (note = '\\') THEN DELETE$$;
SELECT relation, terms -> 0 -> 'where' AS condition FROM privacy.table_label WHERE relation = 'odd'::regclass;
RESET standard_conforming_strings;
SELECT relation, terms -> 0 -> 'where' AS condition FROM privacy.table_label WHERE relation = 'odd'::regclass;
:check
CALL privacy.sweep();
:outcome
SELECT id, note FROM odd;
-- However a label became unreadable, it is its own rule's trouble only.
INSERT INTO sound VALUES (1, '2020-01-01 00:00+00');
UPDATE pg_seclabel SET label = 'RETAIN 1 day AFTER at WHERE (note = ''it\''s'') THEN DELETE' WHERE objoid = 'odd'::regclass;
:check
CALL privacy.sweep();
:outcome
SELECT (SELECT count(*) FROM odd) AS odd, (SELECT count(*) FROM sound) AS sound;
RESET escape_string_warning;
DROP TABLE odd, sound;

-- 7. A composite value of which one field is null is neither NULL nor NOT NULL to SQL: it was never treated.
CREATE TYPE address AS (street text, city text);
CREATE TABLE mail (id int PRIMARY KEY, home address, work address, at timestamptz);
INSERT INTO mail VALUES (1, ROW('High Street 1', NULL), ROW('Low Street 2', NULL), '2024-06-01 00:00+00'),
	(2, ROW(NULL, NULL), ROW('Low Street 3', 'Town'), '2024-06-01 00:00+00');
SECURITY LABEL FOR privacy ON TABLE mail IS 'RETAIN FOR service, statistics AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON COLUMN mail.home IS 'FOR service THEN SET NULL';
SECURITY LABEL FOR privacy ON COLUMN mail.work IS 'FOR service THEN SET ''(gone,)''';
CALL privacy.sweep();
:outcome
SELECT id, home IS NOT DISTINCT FROM NULL AS home_is_gone, work FROM mail ORDER BY id;
DROP TABLE mail;
DROP TYPE address;

-- 8. A table with a promise of its own becomes a child of one that has another: the shorter would break the longer.
CREATE TABLE elder (id int, at timestamptz);
CREATE TABLE heir (id int, at timestamptz);
INSERT INTO elder VALUES (1, '2020-01-01 00:00+00');
INSERT INTO heir VALUES (2, '2020-01-01 00:00+00');
SECURITY LABEL FOR privacy ON TABLE elder IS 'RETAIN 1 day AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE heir IS 'RETAIN 100 years AFTER at THEN DELETE';
ALTER TABLE heir INHERIT elder;
CALL privacy.sweep();
:outcome
SELECT tableoid::regclass AS "table", id FROM elder ORDER BY id;
DROP TABLE heir, elder;

-- 9. A trigger that puts back what is deleted, and one row that is blocked: there was always something to do and something in
-- the way, so that the sweep had no end. (The time limit is for a server that still has none.)
CREATE TABLE phoenix (id int PRIMARY KEY, at timestamptz);
CREATE TABLE perch (phoenix_id int REFERENCES phoenix);
CREATE TABLE after_it (id int PRIMARY KEY, at timestamptz);
INSERT INTO phoenix VALUES (1, '2020-01-01 00:00+00'), (2, '2020-01-01 00:00+00');
INSERT INTO perch VALUES (1);
INSERT INTO after_it VALUES (1, '2020-01-01 00:00+00');
CREATE FUNCTION rise() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO lair.phoenix SELECT OLD.*; RETURN NULL; END $$;
CREATE TRIGGER rise AFTER DELETE ON phoenix FOR EACH ROW EXECUTE FUNCTION rise();
SECURITY LABEL FOR privacy ON TABLE phoenix IS 'RETAIN 1 day AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE after_it IS 'RETAIN 1 day AFTER at THEN DELETE';
SET statement_timeout = '15s';
CALL privacy.sweep();
RESET statement_timeout;
:outcome
SELECT (SELECT array_agg(id ORDER BY id) FROM phoenix) AS phoenix, (SELECT count(*) FROM after_it) AS after_it;
DROP TABLE perch;
-- Two tables that throw each other their rows: each deletion is due and is evidence, but the run ends.
CREATE TABLE ping (id int PRIMARY KEY, at timestamptz);
CREATE TABLE pong (id int PRIMARY KEY, at timestamptz);
CREATE TABLE held (ping_id int REFERENCES ping, pong_id int REFERENCES pong);
INSERT INTO ping VALUES (1, '2020-01-01 00:00+00'), (2, '2020-01-01 00:00+00');
INSERT INTO pong VALUES (1, '2020-01-01 00:00+00'), (3, '2020-01-01 00:00+00');
INSERT INTO held VALUES (1, 1);
CREATE OR REPLACE FUNCTION rise() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_TABLE_NAME = 'ping' THEN INSERT INTO lair.pong SELECT OLD.*; ELSE INSERT INTO lair.ping SELECT OLD.*; END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER rise AFTER DELETE ON ping FOR EACH ROW EXECUTE FUNCTION rise();
CREATE TRIGGER rise AFTER DELETE ON pong FOR EACH ROW EXECUTE FUNCTION rise();
SECURITY LABEL FOR privacy ON TABLE phoenix IS NULL;
SECURITY LABEL FOR privacy ON TABLE ping IS 'RETAIN 1 day AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE pong IS 'RETAIN 1 day AFTER at THEN DELETE';
SET statement_timeout = '15s';
CALL privacy.sweep();
RESET statement_timeout;
SELECT rule_table, state, blocked FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) ORDER BY 1;
SELECT finished_at IS NOT NULL AS finished FROM privacy.sweep_run ORDER BY id DESC LIMIT 1;
DROP TABLE phoenix, after_it, held, ping, pong;
DROP FUNCTION rise;

-- 10. Two foreign keys of the same columns lead to two promises; whichever came last in the catalogue was taken.
CREATE TABLE here (id int PRIMARY KEY, at timestamptz);
CREATE TABLE there (id int PRIMARY KEY, at timestamptz);
CREATE TABLE torn (id int PRIMARY KEY, up int REFERENCES here REFERENCES there);
SECURITY LABEL FOR privacy ON TABLE here IS 'RETAIN FOR service AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE there IS 'RETAIN FOR service AFTER at THEN DELETE';
SELECT refusal('TABLE torn', 'RETAIN FOR service WITH (up) THEN DELETE');
-- A second key that comes later stops the rule.
ALTER TABLE torn DROP CONSTRAINT torn_up_fkey;
SECURITY LABEL FOR privacy ON TABLE torn IS 'RETAIN FOR service WITH (up) THEN DELETE';
ALTER TABLE torn ADD FOREIGN KEY (up) REFERENCES here;
SELECT state, problem FROM privacy.check_labels() WHERE relation = 'torn'::regclass;
DROP TABLE torn, here, there;
-- A key to a partitioned table has one constraint for each partition besides, and is one key all the same.
CREATE TABLE party (id int PRIMARY KEY, at timestamptz) PARTITION BY RANGE (id);
CREATE TABLE party_1 PARTITION OF party FOR VALUES FROM (1) TO (10);
CREATE TABLE party_2 PARTITION OF party FOR VALUES FROM (10) TO (20);
CREATE TABLE crumb (id int PRIMARY KEY, party_id int REFERENCES party);
INSERT INTO party VALUES (1, '2020-01-01 00:00+00'), (2, '2025-12-31 00:00+00'), (11, '2020-01-01 00:00+00'), (12, '2025-12-31 00:00+00');
INSERT INTO crumb SELECT id, id FROM party;
SECURITY LABEL FOR privacy ON TABLE party IS 'RETAIN FOR service AFTER at THEN DELETE';
SELECT refusal('TABLE crumb', 'RETAIN FOR service WITH (party_id) THEN DELETE');
CALL privacy.sweep();
:outcome
SELECT (SELECT array_agg(id ORDER BY id) FROM crumb) AS crumbs, (SELECT array_agg(id ORDER BY id) FROM party) AS parties;
DROP TABLE IF EXISTS crumb, party;

-- 11. A trigger's error takes the state of an innocent one in order to quote a value. It does not get into the books.
CREATE TABLE loud (id int PRIMARY KEY, name text, at timestamptz);
INSERT INTO loud VALUES (1, 'Anna Andersson', '2020-01-01 00:00+00');
CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE 'may not go: %', OLD.name USING ERRCODE = 'check_violation', DETAIL = OLD.name, HINT = OLD.name;
END $$;
CREATE TRIGGER shout BEFORE DELETE ON loud FOR EACH ROW EXECUTE FUNCTION shout();
SECURITY LABEL FOR privacy ON TABLE loud IS 'RETAIN 1 day AFTER at THEN DELETE';
CALL privacy.sweep();
:outcome
-- The same with a state of our own, whose details are passed on.
CREATE OR REPLACE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE 'may not go: %', OLD.name USING ERRCODE = 'PV001', DETAIL = OLD.name;
END $$;
CALL privacy.sweep();
SELECT count(*) AS quoted FROM privacy.sweep_outcome WHERE problem LIKE '%Anna%';
SELECT count(*) AS quoted FROM privacy.audit_entry WHERE detail::text LIKE '%Anna%';
DROP TABLE loud;
DROP FUNCTION shout;

-- 12. A trigger that truncates another labelled table: TRUNCATE is in no count of rows.
CREATE TABLE bait (id int PRIMARY KEY, at timestamptz);
CREATE TABLE prey (id int PRIMARY KEY, at timestamptz);
INSERT INTO bait VALUES (1, '2020-01-01 00:00+00');
INSERT INTO prey VALUES (1, '2025-12-31 00:00+00');
CREATE FUNCTION sink() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN TRUNCATE lair.prey; RETURN OLD; END $$;
CREATE TRIGGER sink BEFORE DELETE ON bait FOR EACH ROW EXECUTE FUNCTION sink();
SECURITY LABEL FOR privacy ON TABLE bait IS 'RETAIN FOR service AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE prey IS 'RETAIN FOR service AFTER at THEN DELETE';
CALL privacy.sweep();
:outcome
SELECT (SELECT count(*) FROM bait) AS bait, (SELECT count(*) FROM prey) AS prey;
DROP TABLE bait, prey;
DROP FUNCTION sink;

-- 13. A leaf that somebody else owns is theirs, and named; the others are swept.
CREATE TABLE log (id int, at timestamptz) PARTITION BY RANGE (id);
CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (1) TO (10);
CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM (10) TO (20);
CREATE TABLE log_3 PARTITION OF log FOR VALUES FROM (20) TO (30);
INSERT INTO log VALUES (1, '2020-01-01 00:00+00'), (11, '2020-01-01 00:00+00'), (21, '2020-01-01 00:00+00');
ALTER TABLE log OWNER TO regress_victim;
ALTER TABLE log_1 OWNER TO regress_victim;
ALTER TABLE log_2 OWNER TO regress_mallory;
ALTER TABLE log_3 OWNER TO regress_victim;
SECURITY LABEL FOR privacy ON TABLE log IS 'RETAIN FOR service AFTER at THEN DELETE';
CALL privacy.sweep();
:outcome
SELECT tableoid::regclass AS leaf, id FROM log ORDER BY id;
DROP TABLE log;

-- 14. A foreign key leads to a row of the parent itself, never to one of a table that inherits from it.
CREATE TABLE animal (id int PRIMARY KEY, at timestamptz);
CREATE TABLE dog () INHERITS (animal);
CREATE TABLE walk (id int PRIMARY KEY, animal_id int REFERENCES animal);
INSERT INTO animal VALUES (1, '2025-12-31 00:00+00'), (2, '2020-01-01 00:00+00');
INSERT INTO dog VALUES (1, '2020-01-01 00:00+00'), (2, '2025-12-31 00:00+00');
INSERT INTO walk VALUES (1, 1), (2, 2);
SECURITY LABEL FOR privacy ON TABLE animal IS 'RETAIN FOR service AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE walk IS 'RETAIN FOR service WITH (animal_id) THEN DELETE';
CALL privacy.sweep();
:outcome
SELECT id FROM walk;
SELECT tableoid::regclass AS "table", id FROM animal ORDER BY 1, 2;
DROP TABLE walk, dog, animal;

-- 15. A restore checks no label, so one could be smuggled onto what cannot carry it. It is found out before it is used.
CREATE TEMP TABLE fleeting (id int PRIMARY KEY, at timestamptz);
CREATE TABLE nameless (id int PRIMARY KEY, at timestamptz);
INSERT INTO fleeting VALUES (1, '2020-01-01 00:00+00');
INSERT INTO nameless VALUES (1, '2020-01-01 00:00+00');
SET check_function_bodies = off;
SECURITY LABEL FOR privacy ON TABLE fleeting IS 'RETAIN 1 day AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE nameless IS 'SUBJECT person KEY (nobody); RETAIN 1 day AFTER at THEN DELETE';
RESET check_function_bodies;
:check
CALL privacy.sweep();
:outcome
SELECT (SELECT count(*) FROM fleeting) AS fleeting, (SELECT count(*) FROM nameless) AS nameless;
DROP TABLE fleeting, nameless;

-- 16. A new column of a table that a sub-select reads changes nothing, unless it takes a name over.
CREATE TABLE visit (id int PRIMARY KEY, at timestamptz);
CREATE TABLE trail (visit_id int, at timestamptz);
INSERT INTO visit VALUES (1, NULL);
INSERT INTO trail VALUES (1, '2020-01-01 00:00+00');
SECURITY LABEL FOR privacy ON TABLE visit IS
	'RETAIN 1 day AFTER ((SELECT max(t.at) FROM lair.trail t, (SELECT visit.id AS started) v WHERE t.visit_id = started)) THEN DELETE';
ALTER TABLE trail ADD weather text;
:check
ALTER TABLE trail RENAME weather TO started;
:check
ALTER TABLE trail DROP started, ADD started int;
:check
CALL privacy.sweep();
:outcome
ALTER TABLE trail DROP started;
CALL privacy.sweep();
:outcome
DROP TABLE visit, trail;

-- 17. A rewrite rule turns a deletion into something else, so a table with one cannot carry a promise.
CREATE TABLE ruled (id int PRIMARY KEY, name text, at timestamptz);
INSERT INTO ruled VALUES (1, 'Anna', '2020-01-01 00:00+00');
CREATE RULE nothing AS ON DELETE TO ruled DO INSTEAD NOTHING;
SELECT refusal('TABLE ruled', 'RETAIN FOR service AFTER at THEN DELETE');
DROP RULE nothing ON ruled;
CREATE RULE nothing AS ON UPDATE TO ruled DO INSTEAD NOTHING;
SELECT refusal('TABLE ruled', 'RETAIN FOR service AFTER at THEN DELETE');
DROP RULE nothing ON ruled;
-- One on INSERT is nobody's business; one that comes later parks the table's rules.
CREATE RULE fine AS ON INSERT TO ruled DO ALSO NOTHING;
SECURITY LABEL FOR privacy ON TABLE ruled IS 'RETAIN FOR service AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON COLUMN ruled.name IS 'FOR service THEN SET NULL';
:check
CREATE RULE nothing AS ON DELETE TO ruled DO INSTEAD NOTHING;
CALL privacy.sweep();
:outcome
SELECT count(*) FROM ruled;
DROP RULE nothing ON ruled;
DROP RULE fine ON ruled;
CALL privacy.sweep();
:outcome
DROP TABLE ruled;

-- 18. The clock, put together from text so that no literal names it.
CREATE TABLE clocked (id int PRIMARY KEY, at timestamptz);
SELECT expression || E'\n  ' || refusal('TABLE clocked', 'RETAIN 1 day AFTER (' || expression || ') THEN DELETE') FROM (VALUES
	('(''n'' || ''ow'')::timestamptz'), ('CAST(concat(''to'', ''day'') AS date)'), ('(''now''::text)::timestamptz'),
	('(upper(''yesterday''))::timestamptz'), ('(''{now}''::text[]::timestamptz[])[1]')) AS sly (expression);
DROP TABLE clocked;

-- 19. Reading a table runs what its owner has put on it: planning folds the function in an index expression. Mallory adds one to
-- a table that the victim's label leads to, and to one that a label's sub-select reads.
SET ROLE regress_mallory;
CREATE FUNCTION fold() RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM lair.strike('index'); RETURN 0; END $$;
CREATE TABLE master (id int PRIMARY KEY, n int, at timestamptz);
INSERT INTO master VALUES (1, 1, '2020-01-01 00:00+00');
GRANT SELECT, REFERENCES ON master TO regress_victim;
SECURITY LABEL FOR privacy ON TABLE master IS 'RETAIN FOR service AFTER at THEN DELETE; DRAFT';
SECURITY LABEL FOR privacy ON TABLE master IS 'RETAIN FOR service AFTER at THEN DELETE';
SET ROLE regress_victim;
CREATE TABLE servant (id int PRIMARY KEY, master_id int REFERENCES master);
CREATE TABLE reader (id int PRIMARY KEY);
INSERT INTO servant VALUES (1, 1);
SECURITY LABEL FOR privacy ON TABLE servant IS 'RETAIN FOR service WITH (master_id) THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE reader IS 'RETAIN FOR service AFTER ((SELECT max(m.at) FROM lair.master m)) THEN DELETE';
RESET ROLE;
SELECT rule_table, state, due FROM privacy.sweep_preview() WHERE rule_table IN ('lair.servant', 'lair.reader') ORDER BY 1;
SET ROLE regress_mallory;
CREATE INDEX ON master ((n + fold()));
TRUNCATE seen;
RESET ROLE;
SELECT relation, state, problem FROM privacy.check_labels() WHERE relation::text IN ('servant', 'reader') ORDER BY 1;
SELECT rule_table, state FROM privacy.sweep_preview() WHERE rule_table IN ('lair.servant', 'lair.reader') ORDER BY 1;
CALL privacy.sweep();
SELECT count(*) AS ran_as_the_victim FROM seen WHERE who = 'regress_victim';
TRUNCATE seen;
DROP TABLE servant, reader, master;

-- 20. An error that names a person as its constraint, or as the table that refers.
CREATE TABLE louder (id int PRIMARY KEY, name text, at timestamptz);
INSERT INTO louder VALUES (1, 'Anna Andersson', '2020-01-01 00:00+00');
CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	IF TG_ARGV[0] = 'constraint' THEN RAISE 'x' USING ERRCODE = 'check_violation', CONSTRAINT = OLD.name; END IF;
	RAISE 'x' USING ERRCODE = 'foreign_key_violation', TABLE = OLD.name, SCHEMA = 'lair'; END $$;
CREATE TRIGGER shout BEFORE DELETE ON louder FOR EACH ROW EXECUTE FUNCTION shout('constraint');
SECURITY LABEL FOR privacy ON TABLE louder IS 'RETAIN 1 day AFTER at THEN DELETE';
CALL privacy.sweep();
DROP TRIGGER shout ON louder;
CREATE TRIGGER shout BEFORE DELETE ON louder FOR EACH ROW EXECUTE FUNCTION shout('table');
CALL privacy.sweep();
SELECT state, blocked, blocked_by, problem FROM privacy.sweep_outcome WHERE rule_table = 'lair.louder' ORDER BY run_id;
DROP TABLE louder;

-- 21. The clock inside a longer literal.
CREATE TABLE clocked (id int PRIMARY KEY, at timestamptz);
SELECT expression || E'\n  ' || refusal('TABLE clocked', 'RETAIN 1 day AFTER (' || expression || ') THEN DELETE') FROM (VALUES
	(''',now''::timestamptz'), ('''12:00 today''::timestamptz'), ('(''{now}''::timestamptz[])[1]'), ('lower(''[now,infinity]''::tstzrange)'),
	('CASE WHEN ''I know'' <> '''' THEN at END')) AS sly (expression);
DROP TABLE clocked;

-- 22. A promise made shorter must reach rows whose term has a longer period of its own, also with the condition that an index can
-- answer in front; and a longer one later must not bring back what the shorter one had ended.
SELECT privacy.create_purpose('shrunk', 'contract', '5 years', 'x'), privacy.create_purpose('shrunk_grown', 'contract', '5 years', 'x');
CREATE TABLE shrunk (id int PRIMARY KEY, at timestamptz);
CREATE TABLE shrunk_grown (id int PRIMARY KEY, at timestamptz);
INSERT INTO shrunk VALUES (1, '2022-01-01 00:00+00'), (2, '2024-06-01 00:00+00'), (3, '2025-12-01 00:00+00');
INSERT INTO shrunk_grown SELECT * FROM shrunk;
SECURITY LABEL FOR privacy ON TABLE shrunk IS 'RETAIN 3 years FOR shrunk AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE shrunk_grown IS 'RETAIN 3 years FOR shrunk_grown AFTER at THEN DELETE';
INSERT INTO privacy.purpose_period VALUES ('shrunk', '2025-01-01', '1 year'),
	('shrunk_grown', '2025-01-01', '1 year'), ('shrunk_grown', '2025-02-01', '10 years');
CALL privacy.sweep();
SELECT array(SELECT id FROM shrunk ORDER BY id) AS shrunk, array(SELECT id FROM shrunk_grown ORDER BY id) AS shrunk_grown;
DROP TABLE shrunk, shrunk_grown;

-- 23. A foreign key compares as its constraint says, not as the columns' types would: char(8) against text pads, and a row that refers
-- in this way is found: the one that must stay keeps its parent, the one that follows is counted.
CREATE TABLE padded (k char(8) PRIMARY KEY, at timestamptz);
CREATE TABLE padded_child (k text REFERENCES padded);
CREATE TABLE padded_follower (k text REFERENCES padded ON DELETE CASCADE);
INSERT INTO padded VALUES ('a', '2020-01-01 00:00+00'), ('b', '2020-01-01 00:00+00');
INSERT INTO padded_child VALUES ('a');
INSERT INTO padded_follower VALUES ('b');
SECURITY LABEL FOR privacy ON TABLE padded IS 'RETAIN 1 day AFTER at THEN DELETE';
CALL privacy.sweep();
SELECT deleted, followed, blocked, blocked_by FROM privacy.sweep_outcome WHERE rule_table = 'lair.padded';
SELECT k FROM padded_child;
DROP TABLE padded, padded_child, padded_follower;

-- 24. A trigger that pretends to be somebody who cancels the query stops its own rule only.
CREATE TABLE a_cancelling (id int PRIMARY KEY, name text, at timestamptz);
CREATE TABLE z_after (id int PRIMARY KEY, at timestamptz);
INSERT INTO a_cancelling VALUES (1, 'Anna', '2020-01-01 00:00+00');
INSERT INTO z_after VALUES (1, '2020-01-01 00:00+00');
CREATE FUNCTION pretend() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE '%', OLD.name USING ERRCODE = 'query_canceled'; END $$;
CREATE TRIGGER pretend BEFORE DELETE ON a_cancelling FOR EACH ROW EXECUTE FUNCTION pretend();
SECURITY LABEL FOR privacy ON TABLE a_cancelling IS 'RETAIN 1 day AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE z_after IS 'RETAIN 1 day AFTER at THEN DELETE';
CALL privacy.sweep();
SELECT rule_table, state, deleted, problem FROM privacy.sweep_outcome WHERE rule_table IN ('lair.a_cancelling', 'lair.z_after') ORDER BY 1;
DROP TABLE a_cancelling, z_after;

-- 25. A key on a partition or a child only: a treated value would cascade from there into a table that nobody labelled.
CREATE TABLE branch (id int, email text, at timestamptz) PARTITION BY RANGE (id);
CREATE TABLE branch_1 PARTITION OF branch FOR VALUES FROM (1) TO (10);
ALTER TABLE branch_1 ADD UNIQUE (email);
CREATE TABLE hanger_on (email text REFERENCES branch_1 (email) ON UPDATE CASCADE);
SECURITY LABEL FOR privacy ON TABLE branch IS 'RETAIN FOR service AFTER at THEN DELETE';
SELECT refusal('COLUMN branch.email', 'THEN PSEUDONYMIZE');
DROP TABLE hanger_on;
SELECT refusal('COLUMN branch.email', 'THEN SET ''x''');
DROP TABLE branch;

-- 26. What a bound label leads to must be bound as well: the parent's is set again as a restore would, with another start.
CREATE TABLE above (id int PRIMARY KEY, at timestamptz, later timestamptz);
CREATE TABLE below (id int PRIMARY KEY, above_id int REFERENCES above);
INSERT INTO above VALUES (1, '2020-01-01 00:00+00', '2025-12-31 00:00+00');
INSERT INTO below VALUES (1, 1);
SECURITY LABEL FOR privacy ON TABLE above IS 'RETAIN FOR service AFTER later THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE below IS 'RETAIN FOR service WITH (above_id) THEN DELETE';
SET check_function_bodies = off;
SECURITY LABEL FOR privacy ON TABLE above IS 'RETAIN FOR service AFTER at THEN DELETE';
RESET check_function_bodies;
SELECT relation, state FROM privacy.check_labels() WHERE relation::text IN ('above', 'below') ORDER BY 1;
DROP TABLE below, above;

-- 27. One row with a date at the end of the calendar must not keep all others.
CREATE TABLE endless (id int PRIMARY KEY, at timestamptz, other timestamptz);
INSERT INTO endless VALUES (1, '294276-06-01 00:00+00'), (2, '2020-01-01 00:00+00');
SECURITY LABEL FOR privacy ON TABLE endless IS 'RETAIN FOR service AFTER (COALESCE(at, other)) THEN DELETE';
CALL privacy.sweep();
SELECT id FROM endless;
DROP TABLE endless;

-- 28. An expression that quotes a value in an error about syntax.
CREATE TABLE quoting (id int PRIMARY KEY, sub text, at timestamptz);
INSERT INTO quoting VALUES (1, 'anna berg 19800101-1234', '2020-01-01 00:00+00');
SECURITY LABEL FOR privacy ON TABLE quoting IS 'RETAIN FOR service AFTER at WHERE (sub::tsquery IS NOT NULL) THEN DELETE';
CALL privacy.sweep();
SELECT state, problem FROM privacy.sweep_outcome WHERE rule_table = 'lair.quoting';
DROP TABLE quoting;

-- 29. A rewrite rule for INSERT takes nothing away.
CREATE TABLE inserting (id int PRIMARY KEY, at timestamptz);
INSERT INTO inserting VALUES (1, '2020-01-01 00:00+00');
CREATE RULE also AS ON INSERT TO inserting DO ALSO NOTHING;
SECURITY LABEL FOR privacy ON TABLE inserting IS 'RETAIN FOR service AFTER at THEN DELETE';
CALL privacy.sweep();
SELECT count(*) FROM inserting;
DROP TABLE inserting;

-- 30. A chain of rows that refer to each other goes in one run, the last one first.
CREATE TABLE chain (id int PRIMARY KEY, up int REFERENCES chain, at timestamptz);
INSERT INTO chain SELECT g, nullif(g - 1, 0), '2020-01-01 00:00+00' FROM generate_series(1, 12) g;
SECURITY LABEL FOR privacy ON TABLE chain IS 'RETAIN FOR service AFTER at THEN DELETE';
CALL privacy.sweep();
SELECT count(*) FROM chain;
DROP TABLE chain;

-- 31. A domain hides that its column is too narrow for a pseudonym.
CREATE DOMAIN narrow AS varchar(20);
CREATE TABLE narrow_table (id int PRIMARY KEY, name narrow, at timestamptz);
SECURITY LABEL FOR privacy ON TABLE narrow_table IS 'RETAIN FOR service AFTER at THEN DELETE';
SELECT refusal('COLUMN narrow_table.name', 'THEN PSEUDONYMIZE');
DROP TABLE narrow_table;

-- After all this: the evidence is whole, and nobody has become anybody.
SELECT * FROM privacy.verify_audit();
:seen
SET client_min_messages = warning;
CALL privacy.remove_labels();
DROP SCHEMA lair CASCADE;
DROP EXTENSION pg_privacy;
DROP ROLE regress_mallory, regress_victim;
