-- sweep_breaker: what takes a large share of a table, or runs in a copy, waits for an approval.
\set SHOW_CONTEXT never
SET client_min_messages = error;
DROP EXTENSION IF EXISTS pg_privacy CASCADE;
CREATE EXTENSION pg_privacy;
CREATE ROLE regress_operator;
CREATE SCHEMA shop;
SET search_path = shop, public;
SELECT privacy.create_purpose('service', 'contract', '1 year', 'Provide the service');
SELECT privacy.create_purpose('statistics', 'legitimate_interests', '3 years', 'Statistics');
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET privacy.core_clock = '2026-01-01 00:00+00';
\set outcome 'SELECT rule_table AS "table", rule, state, deleted AS del, treated AS treat, blocked, blocked_by, problem FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) ORDER BY rule_table COLLATE "C", rule COLLATE "C";'
SHOW privacy.sweep_max_fraction;
SHOW privacy.sweep_max_fraction_rows;

-- Six in ten rows are due. There are more than the floor: the rule waits, says so, and says what to do.
CREATE TABLE visit (id int PRIMARY KEY, note text, left_at timestamptz);
INSERT INTO visit SELECT n, 'x', CASE WHEN n % 10 < 6 THEN '2020-01-01 00:00+00' ELSE '2025-12-31 00:00+00' END::timestamptz
  FROM generate_series(1, 20000) AS n;
SECURITY LABEL FOR privacy ON TABLE visit IS 'RETAIN FOR service AFTER left_at THEN DELETE';
SET client_min_messages = warning;
CALL privacy.sweep();
:outcome
SELECT count(*) FROM visit;

-- What waits keeps what it refers to, as if it were not due.
CREATE TABLE customer (id int PRIMARY KEY, left_at timestamptz);
INSERT INTO customer VALUES (1, '2020-01-01 00:00+00'), (2, '2020-01-01 00:00+00');
ALTER TABLE visit ADD customer int REFERENCES customer;
UPDATE visit SET customer = 1 WHERE id = 1;
SECURITY LABEL FOR privacy ON TABLE customer IS 'RETAIN FOR service AFTER left_at THEN DELETE';
SET client_min_messages = error;
CALL privacy.sweep();
:outcome
SELECT id FROM customer;

-- More than the one and more than the other: up to either limit a rule runs.
SET privacy.sweep_max_fraction_rows = 11999;
CALL privacy.sweep();
SELECT state, deleted FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) AND rule_table = 'shop.visit';
SET privacy.sweep_max_fraction = 0.5999;
CALL privacy.sweep();
SELECT state, deleted FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) AND rule_table = 'shop.visit';
-- A floor of all that is due, and the rule runs whatever the share.
SET privacy.sweep_max_fraction_rows = 12000;
CALL privacy.sweep();
SELECT state, deleted FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) AND rule_table = 'shop.visit';
RESET privacy.sweep_max_fraction;
RESET privacy.sweep_max_fraction_rows;

-- An approval is for one time, and leaves evidence.
INSERT INTO visit SELECT n, 'x', '2020-01-01 00:00+00' FROM generate_series(20001, 40000) AS n;
SELECT privacy.approve_sweep('visit');
SELECT relation, approved_by = session_user AS approved_by FROM privacy.sweep_approval;
SELECT action, object, row_count, detail FROM privacy.audit_entry WHERE action = 'sweep.approve';
CALL privacy.sweep();
:outcome
SELECT count(*) FROM privacy.sweep_approval;
INSERT INTO visit SELECT n, 'x', '2020-01-01 00:00+00' FROM generate_series(20001, 40000) AS n;
CALL privacy.sweep();
:outcome

-- It is for the promise as it was: another label or another period, and it is void.
SELECT privacy.approve_sweep('visit');
SECURITY LABEL FOR privacy ON TABLE visit IS 'RETAIN FOR service AFTER left_at WHERE (id > 0) THEN DELETE';
CALL privacy.sweep();
SELECT state, deleted FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) AND rule_table = 'shop.visit';
SELECT privacy.approve_sweep('visit');
SELECT privacy.alter_purpose('service', '6 months');
CALL privacy.sweep();
SELECT state, deleted FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) AND rule_table = 'shop.visit';
-- Given again, it holds.
SELECT privacy.approve_sweep('visit');
CALL privacy.sweep();
SELECT state, deleted FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) AND rule_table = 'shop.visit';

-- So it is when the label of another table changes on which it depends.
SELECT privacy.create_purpose('records', 'contract', '1000 years', 'Who passed what');
CREATE TABLE course (id int PRIMARY KEY, ended_at timestamptz);
INSERT INTO course VALUES (1, '2020-01-01 00:00+00');
CREATE TABLE result (id int PRIMARY KEY, course int REFERENCES course);
INSERT INTO result SELECT n, 1 FROM generate_series(1, 12000) AS n;
SECURITY LABEL FOR privacy ON TABLE course IS 'RETAIN 900 years FOR records AFTER ended_at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE result IS 'RETAIN FOR records WITH (course) THEN DELETE';
SELECT privacy.approve_sweep('result');
SECURITY LABEL FOR privacy ON TABLE course IS 'RETAIN 1 day FOR records AFTER ended_at THEN DELETE';
CALL privacy.sweep();
SELECT rule_table, state, deleted, problem FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) AND rule_table IN ('shop.course', 'shop.result') ORDER BY 1;
SELECT privacy.approve_sweep('result');
CALL privacy.sweep();
SELECT rule_table, state, deleted, problem FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) AND rule_table IN ('shop.course', 'shop.result') ORDER BY 1;
DROP TABLE result, course;

-- What follows counts too: one row of a thousand would take most of another table along.
CREATE TABLE basket (id int PRIMARY KEY, left_at timestamptz);
INSERT INTO basket SELECT n, CASE WHEN n = 1 THEN '2020-01-01 00:00+00' ELSE '2025-12-31 00:00+00' END::timestamptz FROM generate_series(1, 1000) AS n;
CREATE TABLE item (id int, basket int REFERENCES basket ON DELETE CASCADE);
INSERT INTO item SELECT n, CASE WHEN n > 100 THEN 1 ELSE 2 END FROM generate_series(1, 12000) AS n;
CREATE INDEX ON item (basket);
SECURITY LABEL FOR privacy ON TABLE basket IS 'RETAIN FOR service AFTER left_at THEN DELETE';
CALL privacy.sweep();
SELECT state, deleted, followed, problem FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) AND rule_table = 'shop.basket';
SELECT (SELECT count(*) FROM basket) AS baskets, (SELECT count(*) FROM item) AS items;
-- Where they are a small share, they go; or once somebody has said so, for the table that follows or for this time.
INSERT INTO item SELECT n, 2 FROM generate_series(12001, 24000) AS n;
CALL privacy.sweep();
SELECT state, deleted, followed, problem FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) AND rule_table = 'shop.basket';
UPDATE basket SET left_at = '2020-01-01 00:00+00' WHERE id = 2;
CALL privacy.sweep();
SELECT state, deleted, followed, problem FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) AND rule_table = 'shop.basket';
SELECT privacy.approve_sweep('basket');
CALL privacy.sweep();
SELECT state, deleted, followed, problem FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) AND rule_table = 'shop.basket';
DROP TABLE item, basket;

-- Values count like rows; and a table that is always swept as a whole can have a share of its own.
TRUNCATE visit;
INSERT INTO visit SELECT n, 'x', '2025-12-31 00:00+00' FROM generate_series(1, 15000) AS n;
SECURITY LABEL FOR privacy ON TABLE visit IS 'RETAIN FOR service, statistics AFTER left_at THEN DELETE';
SECURITY LABEL FOR privacy ON COLUMN visit.note IS 'FOR service THEN SET NULL';
SET privacy.core_clock = '2027-01-01 00:00+00';
CALL privacy.sweep();
:outcome
SELECT privacy.set_sweep_pace('visit', max_fraction => 1);
CALL privacy.sweep();
:outcome
SELECT privacy.set_sweep_pace('visit');
SELECT count(*) FROM privacy.sweep_pace;
SELECT object, detail FROM privacy.audit_entry WHERE action = 'sweep.pace' ORDER BY id;

-- All leaves of a partitioned table count together.
CREATE TABLE log (id int, at timestamptz) PARTITION BY RANGE (id);
CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (1) TO (6001);
CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM (6001) TO (20001);
INSERT INTO log SELECT n, '2020-01-01 00:00+00' FROM generate_series(1, 11000) AS n;
SECURITY LABEL FOR privacy ON TABLE log IS 'RETAIN FOR service AFTER at THEN DELETE';
CALL privacy.sweep();
SELECT state, deleted, problem FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) AND rule_table = 'shop.log';

-- A sample that is surely below the share saves the count; the answer is the same.
CREATE TABLE event (id int, filler text, at timestamptz);
ALTER TABLE event ALTER filler SET STORAGE PLAIN;
INSERT INTO event SELECT n, NULL, CASE WHEN n % 100 = 0 THEN '2020-01-01 00:00+00' ELSE '2026-12-31 00:00+00' END::timestamptz
  FROM generate_series(1, 100000) AS n;
SECURITY LABEL FOR privacy ON TABLE event IS 'RETAIN FOR service AFTER at THEN DELETE';
SET privacy.sweep_max_fraction_rows = 0;
CALL privacy.sweep();
SELECT state, deleted, problem FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) AND rule_table = 'shop.event';
-- One that is surely above saves it as well; then the numbers are estimates.
TRUNCATE event;
INSERT INTO event SELECT n, NULL, CASE WHEN n % 5 > 0 THEN '2020-01-01 00:00+00' ELSE '2026-12-31 00:00+00' END::timestamptz
  FROM generate_series(1, 100000) AS n;
CALL privacy.sweep();
SELECT state, deleted, regexp_replace(problem, '\d+', 'n', 'g') AS problem FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) AND rule_table = 'shop.event';
-- What is too near to the limit for a sample is counted. Many pages are empty, which says nothing.
SET privacy.sweep_max_fraction = 0.8;
DELETE FROM event WHERE id <= 75000 OR id = 100000;
VACUUM event;
CALL privacy.sweep();
SELECT state, deleted, problem FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) AND rule_table = 'shop.event';
RESET privacy.sweep_max_fraction;
-- Rows are what counts, however they are spread: a thousand pages of one row that stays, and seven full ones that are due.
TRUNCATE event;
INSERT INTO event SELECT n, repeat('x', 5000), '2026-12-31 00:00+00' FROM generate_series(1, 1000) AS n;
INSERT INTO event SELECT n, NULL, '2020-01-01 00:00+00' FROM generate_series(1001, 2300) AS n;
CALL privacy.sweep();
SELECT state, deleted, problem FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) AND rule_table = 'shop.event';
RESET privacy.sweep_max_fraction_rows;
-- A count that takes too long ends; what cannot be counted is not swept.
CREATE FUNCTION dawdle(int) RETURNS bool LANGUAGE plpgsql STABLE AS 'BEGIN PERFORM pg_catalog.pg_sleep(10); RETURN true; END';
SECURITY LABEL FOR privacy ON TABLE event IS 'RETAIN FOR service AFTER at WHERE (shop.dawdle(id)) THEN DELETE';
SET privacy.sweep_batch_timeout = '100ms';
CALL privacy.sweep();
SELECT state, deleted, problem FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) AND rule_table = 'shop.event';
RESET privacy.sweep_batch_timeout;
SECURITY LABEL FOR privacy ON TABLE event IS 'RETAIN FOR service AFTER at THEN DELETE';
TRUNCATE event;

-- A copy: whatever made it, its origin is not what it says here. Everything waits, however little; for the worker too.
UPDATE privacy.sweep_origin SET origin = regexp_replace(origin, '/\d+/', '/1/');
INSERT INTO event VALUES (1, 'x', '2020-01-01 00:00+00');
SET client_min_messages = warning;
CALL privacy.sweep();
SET client_min_messages = error;
SELECT DISTINCT state, problem FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run);
-- One table, once; or the database, as if it were the original.
SELECT privacy.approve_sweep('event');
CALL privacy.sweep();
SELECT rule_table, state, deleted FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) ORDER BY rule_table COLLATE "C", rule COLLATE "C";
SELECT privacy.approve_sweep();
SELECT count(*), bool_and(origin = privacy.describe_origin()) AS here FROM privacy.sweep_origin;
CALL privacy.sweep();
SELECT rule_table, state FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) ORDER BY rule_table COLLATE "C", rule COLLATE "C";
-- The backup it was restored from counts, and so does an origin that is not there at all.
UPDATE privacy.sweep_origin SET origin = regexp_replace(origin, '[^/]*$', 'another backup');
CALL privacy.sweep();
SELECT DISTINCT state, problem FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run);
DELETE FROM privacy.sweep_origin;
CALL privacy.sweep();
SELECT DISTINCT state, problem FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run);
SELECT privacy.approve_sweep();

-- Who may: nobody but the owner of the extension, and whom they grant.
SELECT privacy.approve_sweep('privacy.sweep_run');
SELECT privacy.approve_sweep('nowhere');
SET client_min_messages = warning;
SET ROLE regress_operator;
SELECT privacy.approve_sweep();
SELECT privacy.approve_sweep('pg_class');
SET privacy.sweep_max_fraction = 1;
SET privacy.sweep_max_fraction_rows = 100000;
SELECT * FROM privacy.sweep_approval;
SELECT * FROM privacy.sweep_origin;
RESET ROLE;
SET privacy.sweep_max_fraction = 1.5;

SELECT * FROM privacy.verify_audit();
SET client_min_messages = error;
DROP SCHEMA shop CASCADE;
DROP EXTENSION pg_privacy CASCADE;
DROP ROLE regress_operator;
