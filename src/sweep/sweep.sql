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
	followed bigint NOT NULL,
	PRIMARY KEY (run_id, rule_table, rule)
);
REVOKE ALL ON privacy.sweep_outcome FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('privacy.sweep_outcome', '');
COMMENT ON TABLE privacy.sweep_outcome IS
	'What each rule of a run came to, kept up to date by every batch: rows deleted, values treated; rows of unlabelled tables that followed them, or whose foreign key was cleared (followed); rows that are due but blocked, and by which tables (or a trigger); rows that somebody else held locked. State: running, enforced (it went through), locked (but for what somebody held), draft, unbound, parked, failed; problem says why, and never quotes a value.';

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
	OUT blocked_by text, OUT first_end timestamptz, OUT last_end timestamptz,
	OUT restricted bigint, OUT held bigint, OUT waiting bigint, OUT undetermined bigint, OUT missing text,
	OUT estimated_bytes bigint, OUT estimated_time interval, OUT problem text)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pp_sql_sweep_preview';
REVOKE ALL ON FUNCTION privacy.sweep_preview(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION privacy.sweep_preview(timestamptz) IS
	'What a sweep with this cut-off (NULL: now; the future is welcome) would do, changing nothing. Per rule: the rows or values that are due; of them, how many are blocked because a row that refers to them stays (blocked_by: the tables that may refer; "(not counted)" behind one whose rows nobody but its owner may read, or that may go by another key), restricted, or held; the first and last of their ends; how many wait for an event or are undetermined, and which purposes and starting points are the cause (missing); roughly the bytes and the time it takes. Reads each table once. A rule that cannot be counted says so in problem. Includes drafts. May be called by whoever may sweep. Raises invalid_parameter_value.';

CREATE FUNCTION privacy.row_state(relation regclass, key text, as_of timestamptz DEFAULT NULL) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pp_sql_row_state';
REVOKE ALL ON FUNCTION privacy.row_state(regclass, text, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION privacy.row_state(regclass, text, timestamptz) IS
	'The state of the row with this primary key at a moment (NULL: now): undetermined (no term applies, a condition is neither true nor false, no retention period, an infinite start), waiting (a clock has not started), running, restricted, held, blocked (a row that refers to it stays) or due; the first that fits. What the preview names as not counted shows as due here. NULL where there is no such row. A key of several columns is an array: ''{2024,17}''. The caller needs SELECT on the whole table as well. Raises undefined_object, insufficient_privilege, invalid_parameter_value.';

CREATE FUNCTION privacy.row_states(
	as_of timestamptz DEFAULT NULL,
	OUT relation regclass, OUT total bigint, OUT undetermined bigint, OUT waiting bigint, OUT waiting_since timestamptz,
	OUT running bigint, OUT restricted bigint, OUT held bigint, OUT blocked bigint, OUT due bigint, OUT problem text)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pp_sql_row_states';
REVOKE ALL ON FUNCTION privacy.row_states(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION privacy.row_states(timestamptz) IS
	'How many rows of each table with a deletion rule are in which state at a moment (NULL: now); they add up to total. waiting_since: the first event that did happen in a row that waits for another. What the preview names as not counted is among due. A table that cannot be counted says so in problem. Raises invalid_parameter_value.';

CREATE FUNCTION privacy.explain(
	relation regclass, key text, as_of timestamptz DEFAULT NULL,
	OUT target text, OUT purpose text, OUT legal_basis text, OUT starts_from text, OUT starts_at timestamptz,
	OUT period text, OUT decided_by text, OUT ends_at timestamptz, OUT state text, OUT effect text, OUT obstacle text)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pp_sql_explain';
REVOKE ALL ON FUNCTION privacy.explain(regclass, text, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION privacy.explain(regclass, text, timestamptz) IS
	'Why the row with this primary key is still here, as of a moment (NULL: now): for each purpose of the row, and of columns with a RETAIN of their own (target), its legal basis; the event that starts its clock, in which column, and when; the period that is added and who decided it (purpose, term, tenant, a maximum, an event, a condition); when it ends (NULL: no moment is known) and its state: running, ended, waiting, undetermined, not applicable; what then happens to the row or a column (done: it has); and what stands in the way. A key of several columns is an array: ''{2024,17}''. The caller needs SELECT on the whole table as well. Raises undefined_object, insufficient_privilege, invalid_parameter_value.';

CREATE FUNCTION privacy.retention_forecast(
	horizon interval DEFAULT '1 year', step interval DEFAULT '1 month',
	OUT rule_table text, OUT rule text, OUT from_then timestamptz, OUT until_then timestamptz, OUT due bigint, OUT problem text)
RETURNS SETOF record
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pp_sql_retention_forecast';
REVOKE ALL ON FUNCTION privacy.retention_forecast(interval, interval) FROM PUBLIC;
COMMENT ON FUNCTION privacy.retention_forecast(interval, interval) IS
	'The retention calendar: per rule and step of time from now up to the horizon, how many rows or values fall due in it (after from_then, up to until_then); from_then is NULL for what is due already. Steps without any are left out. Promises count as they will stand at the horizon; values whose row goes no later are left out. At most 1200 steps. Raises invalid_parameter_value.';
