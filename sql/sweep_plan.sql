-- sweep_plan: how a sweep goes through a table: along an index where little is due, along the pages where much is, and a partition at once
-- where all of it is. In every way the same rows go, with the same evidence.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_privacy CASCADE;
CREATE EXTENSION pg_privacy;
CREATE ROLE regress_archive;
CREATE SCHEMA archive;
GRANT ALL ON SCHEMA archive TO regress_archive;
SET search_path = archive, public;
SELECT FROM privacy.create_scope('person');
SELECT FROM privacy.create_purpose('service', 'contract', '1 year', 'Provide the service');
RESET client_min_messages;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET privacy.core_clock = '2026-01-01 00:00+00';
SET privacy.sweep_max_fraction = 1;
\set outcome 'SELECT rule_table AS "table", rule, state, deleted AS del, treated AS treat, blocked, blocked_by, locked, problem FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) ORDER BY rule_table COLLATE "C", rule COLLATE "C";'
\set evidence 'SELECT action, object, count(*) > 1 AS batches, sum(row_count) FROM privacy.audit_entry WHERE (detail ->> ''run'')::int = (SELECT max(id) FROM privacy.sweep_run) GROUP BY 1, 2 ORDER BY object COLLATE "C", action;'

-- How long a batch should take, how many pages it may take at most, and whether its commit waits for the disk. Not for everybody to set.
SELECT name, setting, unit, context, enumvals FROM pg_settings WHERE name IN ('privacy.sweep_batch_target', 'privacy.sweep_batch_pages', 'privacy.sweep_synchronous_commit') ORDER BY name COLLATE "C";
SET ROLE regress_archive;
SET privacy.sweep_batch_target = '1s';
RESET ROLE;

-- Much is due: page by page, in batches. What the session has set is as it was.
SET privacy.sweep_batch_pages = 2;
CREATE TABLE visit (id int PRIMARY KEY, at timestamptz, name text);
INSERT INTO visit SELECT i, CASE WHEN i % 2 = 0 THEN '2020-01-01 00:00+00' ELSE '2025-12-31 00:00+00' END::timestamptz, 'name ' || i FROM generate_series(1, 5000) AS i;
ANALYZE visit;
SECURITY LABEL FOR privacy ON TABLE visit IS 'RETAIN FOR service AFTER at THEN DELETE';
CALL privacy.sweep();
:outcome
:evidence
SELECT count(*), count(*) FILTER (WHERE id % 2 = 0) AS due FROM visit;
SHOW synchronous_commit;
SHOW enable_seqscan;

-- Little is due, and there is an index: it finds them, wherever they are; also where nothing is due any more.
INSERT INTO visit SELECT i, '2020-01-01 00:00+00', 'old' FROM unnest(ARRAY[-5, 0, 5002, 7777, 100000]) AS i;
CREATE INDEX ON visit (at);
ANALYZE visit;
CALL privacy.sweep();
:outcome
:evidence
CALL privacy.sweep();
:outcome
SELECT count(*), count(*) FILTER (WHERE id % 2 = 0) AS due FROM visit;
-- What has been found lies at the beginning, in the middle and at the end.
UPDATE visit SET at = '2020-01-01 00:00+00' WHERE id IN (1, 2501, 4999);
ANALYZE visit;
CALL privacy.sweep();
:outcome
SELECT min(id), max(id), count(*) FROM visit;

-- Values are treated in the same ways. Not in one statement where something reacts: the sweep could not tell what stayed, and why.
SECURITY LABEL FOR privacy ON TABLE visit IS 'RETAIN 10 years AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON COLUMN visit.name IS 'RETAIN FOR service AFTER at THEN PSEUDONYMIZE IN person';
UPDATE visit SET at = '2020-01-01 00:00+00' WHERE id % 3 = 0;
CALL privacy.sweep();
:outcome
:evidence
SELECT count(*) FROM visit WHERE privacy.is_pseudonym(name, 'person') IS DISTINCT FROM (id % 3 = 0);
SECURITY LABEL FOR privacy ON COLUMN visit.name IS NULL;
SECURITY LABEL FOR privacy ON TABLE visit IS 'RETAIN FOR service AFTER at THEN DELETE';
CREATE FUNCTION keep_some() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN CASE WHEN OLD.id % 100 <> 0 THEN OLD END; END $$;
CREATE TRIGGER keep_some BEFORE DELETE ON visit FOR EACH ROW EXECUTE FUNCTION keep_some();
UPDATE visit SET id = 100 WHERE id = 99;
CALL privacy.sweep();
:outcome
SELECT id FROM visit WHERE at < '2021-01-01 00:00+00' ORDER BY id;
DROP TRIGGER keep_some ON visit;
-- A predicate that fails on a row stops the rule, whichever way it went.
SECURITY LABEL FOR privacy ON TABLE visit IS 'RETAIN FOR service AFTER at WHERE (10 / (id - 100) < 100) THEN DELETE';
CALL privacy.sweep();
:outcome
-- One that reads another table is asked again under the lock.
CREATE TABLE keeper (id int);
INSERT INTO keeper VALUES (100);
SECURITY LABEL FOR privacy ON TABLE visit IS 'RETAIN FOR service AFTER at WHERE (NOT EXISTS (SELECT FROM archive.keeper AS k WHERE k.id = visit.id)) THEN DELETE';
UPDATE visit SET at = '2020-01-01 00:00+00' WHERE id = 101;
CALL privacy.sweep();
:outcome
SELECT id FROM visit WHERE at < '2021-01-01 00:00+00' ORDER BY id;
DROP TABLE visit, keeper;

-- Long values count: the same pages make more batches.
CREATE TABLE letter (id int PRIMARY KEY, at timestamptz, body text);
ALTER TABLE letter ALTER body SET STORAGE EXTERNAL;
INSERT INTO letter SELECT i, '2020-01-01 00:00+00', NULL FROM generate_series(1, 2000) AS i;
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN FOR service AFTER at THEN DELETE';
SET privacy.sweep_batch_pages = 20;
CALL privacy.sweep();
:evidence
INSERT INTO letter SELECT i, '2020-01-01 00:00+00', repeat('x', 8000) FROM generate_series(1, 2000) AS i;
CALL privacy.sweep();
:evidence
DROP TABLE letter;
RESET privacy.sweep_batch_pages;

-- A partition in which everything is due is emptied as a whole: it has a new, empty file. One row that stays keeps it; so does nothing else.
CREATE TABLE log (id int, at timestamptz, name text) PARTITION BY RANGE (at);
CREATE TABLE log_2020 PARTITION OF log FOR VALUES FROM ('2020-01-01 00:00+00') TO ('2021-01-01 00:00+00') PARTITION BY LIST (id);
CREATE TABLE log_2020_a PARTITION OF log_2020 FOR VALUES IN (1);
CREATE TABLE log_2020_rest PARTITION OF log_2020 DEFAULT;
CREATE TABLE log_2024 PARTITION OF log FOR VALUES FROM ('2024-01-01 00:00+00') TO ('2025-01-01 00:00+00');
CREATE TABLE log_2025 PARTITION OF log FOR VALUES FROM ('2025-01-01 00:00+00') TO ('2026-01-01 00:00+00');
CREATE TABLE log_2026 PARTITION OF log FOR VALUES FROM ('2026-01-01 00:00+00') TO ('2027-01-01 00:00+00');
INSERT INTO log SELECT i % 3, '2020-03-03 00:00+00' FROM generate_series(1, 3000) AS i;
INSERT INTO log SELECT i, '2024-03-03 00:00+00' FROM generate_series(1, 3000) AS i;
INSERT INTO log SELECT i, CASE WHEN i = 1500 THEN '2025-12-31 00:00+00' ELSE '2025-01-01 00:00+00' END::timestamptz FROM generate_series(1, 3000) AS i;
SECURITY LABEL FOR privacy ON TABLE log IS 'RETAIN FOR service AFTER at THEN DELETE';
CREATE TEMPORARY TABLE file AS SELECT relid AS leaf, pg_relation_filenode(relid) AS node FROM pg_partition_tree('log') WHERE isleaf;
\set leaves 'SELECT leaf, pg_relation_filenode(leaf) <> node AS emptied, pg_relation_size(leaf) = 0 AS empty FROM file ORDER BY leaf::text COLLATE "C";'
CALL privacy.sweep();
:outcome
:evidence
:leaves
SELECT count(*) FROM log;
-- The sweep drops none: rows that belong there could not come any more. One that may be dropped is named; a default partition is not, nor one that is empty because nothing has come yet.
SELECT partition, parent, bound, row_count FROM privacy.empty_partitions ORDER BY partition::text COLLATE "C";
INSERT INTO log VALUES (1, '2020-03-03 00:00+00');
SELECT partition FROM privacy.empty_partitions ORDER BY partition::text COLLATE "C";
DROP TABLE log_2024;
SELECT partition FROM privacy.empty_partitions ORDER BY partition::text COLLATE "C";
CALL privacy.sweep();
SELECT partition, row_count FROM privacy.empty_partitions ORDER BY partition::text COLLATE "C";
DROP TABLE log, file;

-- Row by row: where a DELETE trigger is to run, a row refers to the partition's, or a subscriber would not hear of it.
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$;
CREATE TABLE log (id int PRIMARY KEY, at timestamptz) PARTITION BY RANGE (id);
CREATE TABLE log_plain PARTITION OF log FOR VALUES FROM (0) TO (10);
CREATE TABLE log_watched PARTITION OF log FOR VALUES FROM (10) TO (20);
CREATE TABLE log_referred PARTITION OF log FOR VALUES FROM (20) TO (30);
CREATE TABLE log_published PARTITION OF log FOR VALUES FROM (30) TO (40);
CREATE TABLE log_as_root PARTITION OF log FOR VALUES FROM (40) TO (50);
CREATE TRIGGER look BEFORE DELETE ON log_watched FOR EACH ROW EXECUTE FUNCTION look();
CREATE TABLE note (id int REFERENCES log_referred);
SET client_min_messages = error;
CREATE PUBLICATION regress_deletes FOR TABLE log_published WITH (publish = 'insert, update, delete');
CREATE PUBLICATION regress_root FOR TABLE log_as_root WITH (publish_via_partition_root = true);
RESET client_min_messages;
INSERT INTO log SELECT i, '2020-01-01 00:00+00' FROM generate_series(0, 49) AS i;
CREATE TEMPORARY TABLE file AS SELECT relid AS leaf, pg_relation_filenode(relid) AS node FROM pg_partition_tree('log') WHERE isleaf;
SECURITY LABEL FOR privacy ON TABLE log IS 'RETAIN FOR service AFTER at THEN DELETE';
CALL privacy.sweep();
:outcome
:evidence
:leaves
SELECT count(*) FROM log;
SELECT partition FROM privacy.empty_partitions;
DROP PUBLICATION regress_deletes, regress_root;
DROP TABLE note, log, file;

-- Columns that serve the same purposes end together: a row in which all of them are still to be treated is written once, in a batch
-- of the first rule, with an entry for each. Where one is missing, and a column with another end, have batches of their own.
CREATE TABLE guest (id int PRIMARY KEY, at timestamptz, name text, place text, note text);
INSERT INTO guest SELECT i, '2020-01-01 00:00+00', 'name ' || i, CASE WHEN i % 4 > 0 THEN 'place ' || i END, 'note' FROM generate_series(1, 100) AS i;
SECURITY LABEL FOR privacy ON TABLE guest IS 'RETAIN FOR service AFTER at, 10 years AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON COLUMN guest.name IS 'FOR service THEN PSEUDONYMIZE IN person';
SECURITY LABEL FOR privacy ON COLUMN guest.place IS 'FOR service THEN SET NULL';
SECURITY LABEL FOR privacy ON COLUMN guest.note IS 'RETAIN 2 years AFTER at THEN SET NULL';
CALL privacy.sweep();
:outcome
SELECT transaction, string_agg(row_count || ' of ' || rule, ', ' ORDER BY rule COLLATE "C") AS treated FROM
	(SELECT dense_rank() OVER (ORDER BY xmin::text::bigint) AS transaction, rule, row_count FROM privacy.audit_entry
		WHERE (detail ->> 'run')::int = (SELECT max(id) FROM privacy.sweep_run)) AS entry GROUP BY 1 ORDER BY 1;
SELECT count(*), count(place) AS places, count(note) AS notes, count(*) FILTER (WHERE privacy.is_pseudonym(name, 'person')) AS pseudonyms FROM guest;
-- One of them is refused by a check: that rule says so, and the other goes on alone.
INSERT INTO guest SELECT i, '2020-01-01 00:00+00', 'name ' || i, 'place ' || i, NULL FROM generate_series(101, 110) AS i;
ALTER TABLE guest ADD CHECK (id <> 105 OR place IS NOT NULL);
CALL privacy.sweep();
:outcome
SELECT count(*), count(place) AS places, count(*) FILTER (WHERE privacy.is_pseudonym(name, 'person')) AS pseudonyms FROM guest WHERE id > 100;
DROP TABLE guest;
-- To find out which of many rows a trigger refuses takes long, and all of them are locked meanwhile. When its time is up a batch leaves the
-- rest to the next one, from the beginning of a page (of 185 rows): every refused row is counted once.
CREATE TABLE letter (id int, at timestamptz);
INSERT INTO letter SELECT n, '2020-01-01 00:00+00' FROM generate_series(1, 2500) AS n;
SECURITY LABEL FOR privacy ON TABLE letter IS 'RETAIN FOR service AFTER at THEN DELETE';
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF OLD.id % 2 = 0 THEN RAISE EXCEPTION ''no''; END IF; RETURN OLD; END';
CREATE TRIGGER refuse BEFORE DELETE ON letter FOR EACH ROW EXECUTE FUNCTION refuse();
SET privacy.sweep_batch_target = 1;
CALL privacy.sweep();
:outcome
SELECT max(row_count) <= 93 AS by_page, count(DISTINCT xmin::text) = count(*) AS apart FROM privacy.audit_entry
	WHERE (detail ->> 'run')::int = (SELECT max(id) FROM privacy.sweep_run);
RESET privacy.sweep_batch_target;
DROP TABLE letter;
-- A partition that is emptied as a whole is no load: at one row per second two thousand would take half an hour. One that is stored elsewhere is
-- left out, and the rule says so.
CREATE FOREIGN DATA WRAPPER regress_elsewhere;
CREATE SERVER regress_elsewhere FOREIGN DATA WRAPPER regress_elsewhere;
CREATE TABLE journal (id int, at timestamptz) PARTITION BY RANGE (id);
CREATE TABLE journal_1 PARTITION OF journal FOR VALUES FROM (1) TO (10000);
CREATE FOREIGN TABLE journal_2 PARTITION OF journal FOR VALUES FROM (10000) TO (20000) SERVER regress_elsewhere;
INSERT INTO journal SELECT n, '2020-01-01 00:00+00' FROM generate_series(1, 2000) AS n;
SECURITY LABEL FOR privacy ON TABLE journal IS 'RETAIN FOR service AFTER at THEN DELETE';
SET privacy.sweep_rate_limit = 1;
SET statement_timeout = '30s';
CALL privacy.sweep();
RESET statement_timeout;
RESET privacy.sweep_rate_limit;
:outcome
SELECT partition, row_count FROM privacy.empty_partitions;
DROP TABLE journal;
DROP SERVER regress_elsewhere;
DROP FOREIGN DATA WRAPPER regress_elsewhere;

SELECT * FROM privacy.verify_audit();
SET client_min_messages = warning;
DROP SCHEMA archive CASCADE;
DROP EXTENSION pg_privacy;
DROP ROLE regress_archive;
