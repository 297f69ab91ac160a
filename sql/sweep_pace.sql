-- sweep_pace: as gentle as it is told to be, and only when it may.
\set SHOW_CONTEXT never
SET client_min_messages = error;
DROP EXTENSION IF EXISTS pg_privacy CASCADE;
CREATE EXTENSION pg_privacy;
CREATE ROLE regress_operator;
CREATE SCHEMA shop;
SET search_path = shop, public;
SELECT privacy.create_purpose('service', 'contract', '1 year', 'Provide the service');
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET privacy.core_clock = '2026-01-01 21:30+00';
\set outcome 'SELECT rule_table AS "table", rule, state, deleted AS del, problem FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) ORDER BY rule_table COLLATE "C", rule COLLATE "C";'
\set measure 'SELECT extract(epoch FROM finished_at - started_at) AS seconds FROM privacy.sweep_run ORDER BY id DESC LIMIT 1 \\gset'
-- By default nothing holds it back.
SELECT name, setting, unit, context FROM pg_settings
 WHERE name IN ('privacy.sweep_rate_limit', 'privacy.sweep_wal_rate', 'privacy.sweep_duty_cycle', 'privacy.sweep_max_lag', 'privacy.sweep_window') ORDER BY name COLLATE "C";

CREATE TABLE visit (id int PRIMARY KEY, left_at timestamptz);
CREATE TABLE order_line (id int PRIMARY KEY, filler text, stage text, closed_at timestamptz);
ALTER TABLE order_line ALTER filler SET STORAGE PLAIN;
SECURITY LABEL FOR privacy ON TABLE visit IS 'RETAIN FOR service AFTER left_at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE order_line IS 'RETAIN FOR service AFTER closed_at THEN DELETE';

-- Rows per second, on average: 300 rows at 1000 per second take three tenths of a second.
SET privacy.sweep_batch_pages = 1;
SET privacy.sweep_rate_limit = 1000;
INSERT INTO visit SELECT n, '2020-01-01 00:00+00' FROM generate_series(1, 300) AS n;
CALL privacy.sweep();
:measure
SELECT :seconds >= 0.28 AS slow_enough;
:outcome
RESET privacy.sweep_rate_limit;

-- A part of the time: at a tenth of it, a run takes nine times what it works.
CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_catalog.pg_sleep(0.0005); RETURN OLD; END';
CREATE TRIGGER dawdle BEFORE DELETE ON visit FOR EACH ROW EXECUTE FUNCTION dawdle();
INSERT INTO visit SELECT n, '2020-01-01 00:00+00' FROM generate_series(1, 100) AS n;
SET privacy.sweep_duty_cycle = 10;
CALL privacy.sweep();
:measure
SELECT :seconds >= 0.5 AS slow_enough;
DROP TRIGGER dawdle ON visit;
RESET privacy.sweep_duty_cycle;

-- WAL per second: rows of a kilobyte that are rewritten by the treatment of one value.
INSERT INTO order_line SELECT n, repeat('x', 1000), 'sent', '2025-12-31 00:00+00' FROM generate_series(1, 500) AS n;
SECURITY LABEL FOR privacy ON TABLE order_line IS 'RETAIN 10 years AFTER closed_at THEN DELETE';
SECURITY LABEL FOR privacy ON COLUMN order_line.stage IS 'RETAIN 1 hour AFTER closed_at THEN SET NULL';
SET privacy.sweep_wal_rate = '1MB';
CALL privacy.sweep();
:measure
SELECT :seconds >= 0.4 AS slow_enough;
RESET privacy.sweep_wal_rate;

-- A pause is slept through by nobody: a cancelled sweep ends at once, and what it did stands.
INSERT INTO visit SELECT n, '2020-01-01 00:00+00' FROM generate_series(1, 300) AS n;
SET privacy.sweep_rate_limit = 1;
SET statement_timeout = '500ms';
CALL privacy.sweep();
RESET statement_timeout;
RESET privacy.sweep_rate_limit;
SELECT count(*) > 0 AS rest FROM visit;

-- A table can have a pace of its own; it comes before the settings, and is dumped.
SET privacy.sweep_rate_limit = 1;
SELECT privacy.set_sweep_pace('visit', rate_limit => 0);
TABLE privacy.sweep_pace;
CALL privacy.sweep();
SELECT count(*) AS rest FROM visit;
RESET privacy.sweep_rate_limit;
SELECT privacy.set_sweep_pace('visit', duty_cycle => 50, wal_rate => 8, max_lag => 16384, sweep_window => '22:00-05:00');
TABLE privacy.sweep_pace;

-- Outside its window a rule waits, and says which; 21:30 in UTC is 22:30 in Stockholm. Others go on.
INSERT INTO visit VALUES (1, '2020-01-01 00:00+00');
INSERT INTO order_line VALUES (1000, '', NULL, '2010-01-01 00:00+00');
CALL privacy.sweep();
:outcome
SET privacy.policy_timezone = 'Europe/Stockholm';
CALL privacy.sweep();
:outcome
RESET privacy.policy_timezone;
SELECT privacy.set_sweep_pace('visit');
TABLE privacy.sweep_pace;

-- The minute it opens, and the minute it closes; over midnight or not.
CREATE FUNCTION pg_temp.swept(clock text, sweep_window text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('privacy.core_clock', clock, false), set_config('privacy.sweep_window', sweep_window, false);
	INSERT INTO shop.visit VALUES (1, '2020-01-01 00:00+00');
END $$;
\set rest 'WITH rest AS (DELETE FROM visit RETURNING 1) SELECT count(*) AS rest FROM rest;'
SELECT pg_temp.swept('2026-01-01 21:59:59+00', '22:00-05:00');
CALL privacy.sweep();
:rest
SELECT pg_temp.swept('2026-01-01 22:00:00+00', '22:00-05:00');
CALL privacy.sweep();
:rest
SELECT pg_temp.swept('2026-01-01 04:59:59+00', '22:00-05:00');
CALL privacy.sweep();
:rest
SELECT pg_temp.swept('2026-01-01 05:00:00+00', '22:00-05:00');
CALL privacy.sweep();
:rest
SELECT pg_temp.swept('2026-01-01 23:59:59+00', '12:00-24:00');
CALL privacy.sweep();
:rest
SELECT pg_temp.swept('2026-01-01 00:00:00+00', '12:00-24:00');
CALL privacy.sweep();
:rest
RESET privacy.sweep_window;

-- What is no window, no pace, no table; and who may.
SET privacy.sweep_window = '22-5';
SET privacy.sweep_window = '22:00-25:00';
SET privacy.sweep_window = '24:00-05:00';
SET privacy.sweep_window = '22:60-05:00';
SET privacy.sweep_window = '22:00-22:00';
SET privacy.sweep_window = '22:00-05:00 ';
SELECT w, privacy.is_sweep_window(w) FROM unnest(ARRAY['', '00:00-24:00', '22:00-05:00', '2', '22:00', '22:00_05:00', '-1:00-05:00']) AS w;
SELECT privacy.set_sweep_pace('visit', sweep_window => 'at night');
SELECT privacy.set_sweep_pace('visit', duty_cycle => 0);
SELECT privacy.set_sweep_pace('visit', max_fraction => 2);
SELECT privacy.set_sweep_pace('privacy.sweep_rule', rate_limit => 1);
SELECT privacy.set_sweep_pace(NULL, rate_limit => 1);
SET privacy.sweep_duty_cycle = 0;
SET ROLE regress_operator;
SELECT privacy.set_sweep_pace('privacy.purpose', rate_limit => 1);
SET privacy.sweep_rate_limit = 1;
SET privacy.sweep_window = '22:00-05:00';
RESET ROLE;

DROP SCHEMA shop CASCADE;
DROP EXTENSION pg_privacy CASCADE;
DROP ROLE regress_operator;
