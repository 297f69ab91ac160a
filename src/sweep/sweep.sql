-- sweep: what a run did, would do, and the run itself.

CREATE SEQUENCE privacy.sweep_run_id_seq;
CREATE TABLE privacy.sweep_run (
	id bigint PRIMARY KEY DEFAULT pg_catalog.nextval('privacy.sweep_run_id_seq'),
	started_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	finished_at timestamptz,
	cut_off timestamptz NOT NULL,
	actor text NOT NULL DEFAULT session_user
);
ALTER SEQUENCE privacy.sweep_run_id_seq OWNED BY privacy.sweep_run.id;
REVOKE ALL ON privacy.sweep_run FROM PUBLIC;
REVOKE ALL ON SEQUENCE privacy.sweep_run_id_seq FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('privacy.sweep_run', '');
SELECT pg_catalog.pg_extension_config_dump('privacy.sweep_run_id_seq', '');
COMMENT ON SEQUENCE privacy.sweep_run_id_seq IS 'Numbers the runs.';
COMMENT ON TABLE privacy.sweep_run IS
	'Each run of the deletion rules: its cut-off (a row is due when the cut-off has reached its end), who ran it, when it started, and when it ended; finished_at stays NULL when it was interrupted. Committed before any work.';

CREATE TABLE privacy.sweep_outcome (
	run_id bigint NOT NULL,
	rule_table text NOT NULL,
	rule text NOT NULL,
	state text NOT NULL,
	deleted bigint NOT NULL,
	treated bigint NOT NULL,
	blocked bigint NOT NULL,
	blocked_by text,
	locked bigint NOT NULL,
	problem text,
	PRIMARY KEY (run_id, rule_table, rule)
);
REVOKE ALL ON privacy.sweep_outcome FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('privacy.sweep_outcome', '');
COMMENT ON TABLE privacy.sweep_outcome IS
	'What each rule of a run came to, kept up to date by every batch: rows deleted, values treated; rows that are due but blocked, and by which tables (or a trigger); rows that somebody else held locked. State: running, enforced (it went through), locked (but for what somebody held), draft, unbound, parked, failed; problem says why, and never quotes a value.';

CREATE VIEW privacy.sweep_rule AS
SELECT relation, rule, state, problem FROM privacy.check_labels();
REVOKE ALL ON privacy.sweep_rule FROM PUBLIC;
COMMENT ON VIEW privacy.sweep_rule IS
	'Every deletion rule of this database and whether it could run now; see check_labels().';

CREATE VIEW privacy.sweep_progress AS
SELECT r.id AS run_id, r.started_at, r.cut_off, o.rule_table, o.rule, o.deleted, o.treated, o.blocked
FROM privacy.sweep_run r
LEFT JOIN privacy.sweep_outcome o ON o.run_id = r.id
WHERE r.finished_at IS NULL
	AND r.id = (SELECT pg_catalog.max(latest.id) FROM privacy.sweep_run latest);
REVOKE ALL ON privacy.sweep_progress FROM PUBLIC;
COMMENT ON VIEW privacy.sweep_progress IS
	'The latest run while it is at work (or where it was interrupted): what each rule has done so far, as committed.';

CREATE PROCEDURE privacy.sweep()
LANGUAGE C
AS 'MODULE_PATHNAME', 'pp_sql_sweep';
REVOKE ALL ON PROCEDURE privacy.sweep() FROM PUBLIC;
COMMENT ON PROCEDURE privacy.sweep() IS
	'Runs every enforced deletion rule of this database once, in batches that each commit with their evidence. Cannot run in a transaction block. EXECUTE on it is a grant to act as every table''s owner. Raises object_in_use while another sweep runs, PV001 and PV002 for the root key; trouble of one rule is in sweep_outcome.';

CREATE FUNCTION privacy.sweep_preview(
	as_of timestamptz DEFAULT NULL,
	OUT rule_table text, OUT rule text, OUT state text, OUT due bigint, OUT blocked bigint,
	OUT blocked_by text, OUT first_end timestamptz, OUT last_end timestamptz, OUT problem text)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pp_sql_sweep_preview';
REVOKE ALL ON FUNCTION privacy.sweep_preview(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION privacy.sweep_preview(timestamptz) IS
	'What a sweep with this cut-off (NULL: now; the future is welcome) would do, changing nothing: per rule the rows or values that are due, how many of them are blocked because a row that refers to them stays (blocked_by: the tables that may refer), and the first and last of their ends. A rule that cannot be counted says so in problem. Includes drafts. May be called by whoever may sweep.';
