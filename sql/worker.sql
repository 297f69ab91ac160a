-- worker: how a sweep is watched: standing of each rule, what is overdue, retries, marks, history.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_privacy CASCADE;
CREATE EXTENSION pg_privacy;
CREATE ROLE regress_watcher;
SELECT privacy.create_purpose('service', 'contract', '1 year', 'Provide the service');
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET privacy.core_clock = '2026-01-01 00:00+00';
CREATE TABLE visit (id int PRIMARY KEY, note text, left_at timestamptz);
INSERT INTO visit VALUES
	(1, 'long ago', '2020-01-01 00:00+00'), (2, 'ago', '2021-01-01 00:00+00'), (3, 'recently', '2025-12-31 00:00+00'), (4, 'unknown', 'infinity');
SECURITY LABEL FOR privacy ON TABLE visit IS 'RETAIN FOR service AFTER left_at THEN DELETE';
\set overdue 'SELECT relation, rule, overdue, since, age > interval ''1 day'' AS old, why FROM privacy.overdue ORDER BY 1, 2;'
\set standing 'SELECT relation, rule, state, problem, last_run IS NOT NULL AS ran, total, overdue, blocked, blocked_by, locked, failures, crashes FROM privacy.sweep_rule ORDER BY 1, 2;'

-- Is anything kept beyond its time, since when, and why? One line per rule; nobody sweeps here yet.
:overdue
-- Each rule: what it has done, what it should have, and what it does not know.
:standing
SELECT rule, overdue, overdue_since, held, undetermined, next_run FROM privacy.sweep_rule;
SET privacy.sweep_enabled = on;
SELECT why FROM privacy.overdue;
SELECT next_run > clock_timestamp() AS later FROM privacy.sweep_rule;
RESET privacy.sweep_enabled;

-- After a sweep every promise is kept; the total is what was deleted ever since.
CALL privacy.sweep();
:overdue
:standing
INSERT INTO visit VALUES (5, 'again', '2020-01-01 00:00+00');
CALL privacy.sweep();
SELECT total, last_run_id = (SELECT max(id) FROM privacy.sweep_run) AS latest FROM privacy.sweep_rule;
SELECT state, finished_at IS NOT NULL AS finished FROM privacy.sweep_run ORDER BY id;

-- What is blocked stays overdue, and says by whom. The run is done all the same.
CREATE TABLE receipt (id int PRIMARY KEY, visit_id int REFERENCES visit);
INSERT INTO visit VALUES (6, 'billed', '2020-01-01 00:00+00');
INSERT INTO receipt VALUES (1, 6);
CALL privacy.sweep();
:overdue
:standing
SELECT state FROM privacy.sweep_run ORDER BY id DESC LIMIT 1;
DROP TABLE receipt;

-- A rule that fails is on record with its error. A worker leaves it alone for a minute or so, then for two; a person may try at once.
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not today' USING ERRCODE = 'P0009'; END $$;
CREATE TRIGGER refuse BEFORE DELETE ON visit FOR EACH ROW EXECUTE FUNCTION refuse();
SET client_min_messages = error;
CALL privacy.sweep();
CALL privacy.sweep();
RESET client_min_messages;
:overdue
:standing
SELECT retry_at - last_run BETWEEN interval '90 seconds' AND interval '150 seconds' AS two_minutes FROM privacy.sweep_standing;
SELECT state FROM privacy.sweep_run ORDER BY id DESC LIMIT 1;
SELECT privacy.resume_sweep('visit');
SELECT privacy.resume_sweep('visit');
SELECT failures, retry_at FROM privacy.sweep_standing;
DROP TRIGGER refuse ON visit;

-- A trigger that sleeps stops its own rule, and no other.
CREATE FUNCTION doze() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_catalog.pg_sleep(60); RETURN OLD; END $$;
CREATE TRIGGER doze BEFORE DELETE ON visit FOR EACH ROW EXECUTE FUNCTION doze();
CREATE TABLE welcome (id int PRIMARY KEY, left_at timestamptz);
INSERT INTO welcome VALUES (1, '2020-01-01 00:00+00');
SECURITY LABEL FOR privacy ON TABLE welcome IS 'RETAIN FOR service AFTER left_at THEN DELETE';
SET privacy.sweep_batch_timeout = '200ms';
CALL privacy.sweep();
RESET privacy.sweep_batch_timeout;
:standing
SELECT state FROM privacy.sweep_run ORDER BY id DESC LIMIT 1;
DROP TRIGGER doze ON visit;

-- A rule in whose midst the server crashed three times is parked, for people too, until someone says go on.
UPDATE privacy.sweep_standing SET crashes = 3 WHERE relation = 'visit'::regclass;
:standing
CALL privacy.sweep();
:overdue
SELECT count(*) AS still_there FROM visit WHERE id = 6;
SELECT privacy.resume_sweep('visit');
CALL privacy.sweep();
:overdue
SELECT relation, state, total, crashes FROM privacy.sweep_rule ORDER BY 1;

-- A parked rule has no number, which is not the same as nothing. A new label begins with a clean sheet.
ALTER TABLE visit RENAME left_at TO gone_at;
:overdue
ALTER TABLE visit RENAME gone_at TO left_at;

-- Old runs are forgotten, evidence is not; nor is anything kept of tables that are gone.
UPDATE privacy.sweep_run SET started_at = started_at - interval '1 year' WHERE id < (SELECT max(id) FROM privacy.sweep_run);
DROP TABLE welcome;
CALL privacy.sweep();
SELECT count(*) AS runs, (SELECT count(DISTINCT run_id) FROM privacy.sweep_outcome) AS runs_with_outcomes,
	(SELECT count(*) FROM privacy.sweep_standing) AS standings FROM privacy.sweep_run;
SELECT sum(row_count) AS in_evidence FROM privacy.audit_entry WHERE action = 'sweep.delete';

-- A run that did not come to its end is found out by the next one.
INSERT INTO privacy.sweep_run (cut_off) VALUES ('2026-01-01 00:00+00');
CALL privacy.sweep();
SELECT state, finished_at IS NULL AS unfinished FROM privacy.sweep_run ORDER BY id DESC LIMIT 2;
SELECT count(*) AS at_work FROM privacy.sweep_progress;

-- Nobody may look but those who are let: counts tell of people too.
SET ROLE regress_watcher;
SELECT * FROM privacy.overdue;
SELECT * FROM privacy.sweep_progress;
SELECT privacy.overdue_rows('visit', 'THEN DELETE');
SELECT privacy.resume_sweep('visit');
SET privacy.sweep_history = '1d';
SET privacy.sweep_batch_timeout = 0;
SET privacy.worker_max = 9;
RESET ROLE;
GRANT USAGE ON SCHEMA privacy TO regress_watcher;
GRANT SELECT ON privacy.overdue TO regress_watcher;
GRANT EXECUTE ON FUNCTION privacy.overdue_rows(regclass, text), privacy.check_labels(), privacy.next_sweep() TO regress_watcher;
SET ROLE regress_watcher;
SELECT count(*) FROM privacy.overdue;
RESET ROLE;

SET client_min_messages = warning;
DROP OWNED BY regress_watcher;
DROP TABLE visit;
DROP FUNCTION refuse, doze;
DROP EXTENSION pg_privacy;
DROP ROLE regress_watcher;
