-- sweep: what a run did, would do, and the run itself.

CREATE SEQUENCE privacy.sweep_run_id_seq;
CREATE TABLE privacy.sweep_run (
	id bigint PRIMARY KEY DEFAULT pg_catalog.nextval('privacy.sweep_run_id_seq'),
	started_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	finished_at timestamptz,
	cut_off timestamptz NOT NULL,
	actor text NOT NULL DEFAULT session_user,
	state text NOT NULL DEFAULT 'running'
);
ALTER SEQUENCE privacy.sweep_run_id_seq OWNED BY privacy.sweep_run.id;
REVOKE ALL ON privacy.sweep_run FROM PUBLIC;
REVOKE ALL ON SEQUENCE privacy.sweep_run_id_seq FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('privacy.sweep_run', '');
SELECT pg_catalog.pg_extension_config_dump('privacy.sweep_run_id_seq', '');
COMMENT ON SEQUENCE privacy.sweep_run_id_seq IS 'Numbers the runs.';
COMMENT ON TABLE privacy.sweep_run IS
	'Each run of the deletion rules: its cut-off (a row is due when the cut-off has reached its end), who ran it, when it started, and when it ended; finished_at stays NULL when it was interrupted. State: running; done (every rule went through; rows that are blocked are where they belong), partial (some rule failed, is parked or waits, or rows were locked), failed (all rules did); found out by the next run: cancelled (an error of the run, a cancel, a shutdown) or crashed. Committed before any work; kept for privacy.sweep_history.';

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
	'What each rule of a run came to, kept up to date by every batch: rows deleted, values treated; rows of unlabelled tables that followed them, or whose foreign key was cleared (followed); rows that are due but blocked, and by which tables (or a trigger); rows that somebody else held locked. State: queued (it has not done anything yet), running, cancelled or crashed (as its run, found out by the next one), enforced (it went through), locked (but for what somebody held), draft, unbound, parked, failed, waiting for an approval, for the window, for a retry, or for the next run (its label changed in the midst of this one); problem says why, and never quotes a value.';

CREATE TABLE privacy.emptied_partition (
	relation oid PRIMARY KEY,
	emptied_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	row_count bigint NOT NULL
);
REVOKE ALL ON privacy.emptied_partition FROM PUBLIC;
COMMENT ON TABLE privacy.emptied_partition IS
	'Each partition of this very database that a sweep emptied as a whole, when, and of how many rows; for the view empty_partitions. Not dumped.';

CREATE VIEW privacy.empty_partitions AS
SELECT c.oid::pg_catalog.regclass AS partition, i.inhparent::pg_catalog.regclass AS parent,
	pg_catalog.pg_get_expr(c.relpartbound, c.oid) AS bound, e.emptied_at, e.row_count
FROM privacy.emptied_partition AS e
JOIN pg_catalog.pg_class AS c ON c.oid = e.relation
JOIN pg_catalog.pg_inherits AS i ON i.inhrelid = c.oid
WHERE c.relispartition AND pg_catalog.pg_relation_size(c.oid) = 0
	AND pg_catalog.pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT';
REVOKE ALL ON privacy.empty_partitions FROM PUBLIC;
COMMENT ON VIEW privacy.empty_partitions IS
	'Partitions that may now be dropped: a sweep has removed every row by one TRUNCATE (row_count of them), and nothing has come since. The sweep does not drop them itself: rows that belong there could not be inserted any more. Default partitions are left out.';

CREATE TABLE privacy.sweep_standing (
	relation oid NOT NULL,
	rule text NOT NULL,
	state text,
	problem text,
	total bigint NOT NULL DEFAULT 0,
	blocked bigint NOT NULL DEFAULT 0,
	blocked_by text,
	locked bigint NOT NULL DEFAULT 0,
	last_run timestamptz,
	last_run_id bigint,
	last_error text,
	last_error_at timestamptz,
	failures integer NOT NULL DEFAULT 0,
	retry_at timestamptz,
	crashes integer NOT NULL DEFAULT 0,
	at_work bigint,
	PRIMARY KEY (relation, rule)
);
REVOKE ALL ON privacy.sweep_standing FROM PUBLIC;
COMMENT ON TABLE privacy.sweep_standing IS
	'What is remembered of each rule of this very database from run to run, for the view sweep_rule: how its last run ended, rows deleted or values treated ever since (total), failures and crashes in a row, and the mark of being at work. Not dumped.';

CREATE FUNCTION privacy.overdue_rows(relation regclass, rule text, OUT overdue bigint, OUT since timestamptz)
LANGUAGE C STRICT STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pp_sql_overdue_rows';
REVOKE ALL ON FUNCTION privacy.overdue_rows(regclass, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.overdue_rows(regclass, text) IS
	'How many rows or values a rule, as sweep_rule names it, should have removed by now, blocked ones included, and the first of their ends. Looks only at what is due where the starting point is indexed. NULL when the rule is parked, fails or does not exist; raises nothing.';

CREATE FUNCTION privacy.unending_rows(relation regclass, rule text, OUT undetermined bigint, OUT held bigint)
LANGUAGE C STRICT STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pp_sql_unending_rows';
REVOKE ALL ON FUNCTION privacy.unending_rows(regclass, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.unending_rows(regclass, text) IS
	'Of how many rows or values a rule, as sweep_rule names it, does not know an end (undetermined), or finds a legal hold in the way. Reads the whole table. NULL when the rule is parked, fails or does not exist; raises nothing.';

CREATE FUNCTION privacy.next_sweep() RETURNS timestamptz
LANGUAGE C VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'pp_sql_next_sweep';
REVOKE ALL ON FUNCTION privacy.next_sweep() FROM PUBLIC;
COMMENT ON FUNCTION privacy.next_sweep() IS
	'When the launcher makes its next round, about; NULL where no worker sweeps this database: without shared_preload_libraries, or unless privacy.sweep_enabled is on.';

CREATE FUNCTION privacy.resume_sweep(relation regclass) RETURNS integer
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pp_sql_resume_sweep';
REVOKE ALL ON FUNCTION privacy.resume_sweep(regclass) FROM PUBLIC;
COMMENT ON FUNCTION privacy.resume_sweep(regclass) IS
	'Lets the rules of a table run again that were parked because the server crashed three times while they ran, or that wait for a retry after a failure; returns how many. Look into the server log first. Raises undefined_table.';

-- OFFSET 0: what reads tables is asked once, and not at all where none of its columns is selected.
CREATE VIEW privacy.sweep_rule AS
SELECT c.relation, c.rule,
	CASE WHEN c.state <> 'enforced' THEN c.state WHEN s.crashes >= 3 THEN 'parked'
		WHEN s.state IN ('enforced', 'draft', 'unbound') THEN c.state ELSE coalesce(s.state, c.state) END AS state,
	CASE WHEN c.state <> 'enforced' OR s.state IN ('draft', 'unbound') THEN c.problem
		WHEN s.crashes >= 3 THEN 'the server crashed ' || s.crashes || ' times while it ran; privacy.resume_sweep() lets it run again'
		ELSE s.problem END AS problem,
	s.last_run, s.last_run_id, coalesce(s.total, 0) AS total,
	(o.rows).overdue, (o.rows).since AS overdue_since,
	s.blocked, s.blocked_by, s.locked,
	(u.rows).held, (u.rows).undetermined,
	s.last_error, s.last_error_at, s.failures, s.crashes,
	CASE WHEN c.state = 'enforced' AND coalesce(s.crashes, 0) < 3
		THEN greatest(n.next, CASE WHEN n.next IS NOT NULL THEN s.retry_at END) END AS next_run
FROM privacy.check_labels() AS c
CROSS JOIN privacy.next_sweep() AS n (next)
LEFT JOIN privacy.sweep_standing AS s ON s.relation = c.relation AND s.rule = c.rule
CROSS JOIN LATERAL (SELECT privacy.overdue_rows(c.relation, c.rule) OFFSET 0) AS o (rows)
CROSS JOIN LATERAL (SELECT privacy.unending_rows(c.relation, c.rule) OFFSET 0) AS u (rows);
REVOKE ALL ON privacy.sweep_rule FROM PUBLIC;
COMMENT ON VIEW privacy.sweep_rule IS
	'Every deletion rule of this database. State: enforced, draft, unbound, parked (it cannot be resolved, or the server crashed three times while it ran: see resume_sweep()), and as its last run left it: failed, locked, waiting for an approval, for the window or for the next run. Of that run: when, rows blocked and by which tables, rows locked. Ever since: total of rows deleted or values treated, the last error, failures and crashes in a row. As of now: overdue, the first end among them (overdue_since), held, undetermined (the latter two read the whole table, if selected). next_run: when a worker takes it again, about.';

CREATE VIEW privacy.overdue AS
SELECT r.relation, r.rule, r.overdue, r.overdue_since AS since, pg_catalog.clock_timestamp() - r.overdue_since AS age,
	CASE
		WHEN r.state <> 'enforced' THEN r.state || coalesce(': ' || r.problem, '')
		WHEN r.blocked > 0 THEN 'blocked by ' || r.blocked_by
		WHEN pg_catalog.current_setting('privacy.sweep_enabled')::boolean THEN 'the next sweep takes it'
		ELSE 'no worker sweeps this database: privacy.sweep_enabled is off'
	END AS why
FROM privacy.sweep_rule AS r
WHERE r.state <> 'draft' AND (r.overdue > 0 OR r.overdue IS NULL);
REVOKE ALL ON privacy.overdue FROM PUBLIC;
COMMENT ON VIEW privacy.overdue IS
	'Is anything kept beyond its time? Per rule the rows or values that should be gone by now, since when the first of them, and why they are still here. A few that fell due since the last sweep are ordinary; what is older than two rounds is not. overdue is NULL for a rule that cannot tell. Empty when every promise is kept.';

CREATE FUNCTION privacy.sweeps_at_work(
	OUT pid integer, OUT run_id bigint, OUT phase text, OUT phase_since timestamptz, OUT rule_table text, OUT rule text,
	OUT rule_number text, OUT rule_since timestamptz, OUT done bigint, OUT due bigint)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'pp_sql_sweeps_at_work';
REVOKE ALL ON FUNCTION privacy.sweeps_at_work() FROM PUBLIC;
COMMENT ON FUNCTION privacy.sweeps_at_work() IS
	'The sweep of this database that is at work, from shared memory; see the view sweep_progress. Nothing without shared_preload_libraries.';

CREATE VIEW privacy.sweep_progress AS
SELECT w.pid, w.run_id, w.rule_table, w.rule, w.rule_number, w.phase, w.phase_since, w.done, w.due, speed.rows_per_second,
	CASE WHEN w.due > w.done AND speed.rows_per_second > 0
		THEN (w.due - w.done) / speed.rows_per_second * interval '1 second' END AS remaining,
	w.rule_since
FROM privacy.sweeps_at_work() AS w
CROSS JOIN LATERAL (SELECT pg_catalog.round((w.done
	/ nullif(extract(epoch FROM pg_catalog.clock_timestamp() - w.rule_since), 0))::numeric, 1)) AS speed (rows_per_second);
REVOKE ALL ON privacy.sweep_progress FROM PUBLIC;
COMMENT ON VIEW privacy.sweep_progress IS
	'The sweep of this database that is at work, live: the rule, its number among all, what it does or waits for (phase: planning, running, throttled by sweep_rate_limit, sweep_wal_rate or sweep_duty_cycle, waiting for a lock, waiting for a standby, sealing) and since when; rows done and due (due: NULL where nobody counted, an estimate where a sample was enough), rows per second since the rule began, and the time that remains at that speed. Empty without shared_preload_libraries.';

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

-- How fast, and what waits for approval.

CREATE FUNCTION privacy.is_sweep_window(sweep_window text) RETURNS boolean
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'pp_sql_is_sweep_window';
REVOKE ALL ON FUNCTION privacy.is_sweep_window(text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.is_sweep_window(text) IS
	'Whether this is a window for privacy.sweep_window: two different times of the day such as 22:00-05:00, or empty for all day. Raises nothing.';

CREATE TABLE privacy.sweep_pace (
	relation regclass PRIMARY KEY,
	rate_limit integer CHECK (rate_limit >= 0),
	wal_rate integer CHECK (wal_rate >= 0),
	duty_cycle integer CHECK (duty_cycle BETWEEN 1 AND 100),
	max_lag integer CHECK (max_lag >= 0),
	sweep_window text CHECK (privacy.is_sweep_window(sweep_window)),
	max_fraction double precision CHECK (max_fraction BETWEEN 0 AND 1)
);
REVOKE ALL ON privacy.sweep_pace FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('privacy.sweep_pace', '');
COMMENT ON TABLE privacy.sweep_pace IS
	'The pace of single tables, before the settings of the same names; NULL: as the setting says. Units as there: rows per second, MB per second, percent, kB, hours in privacy.policy_timezone, part of the table''s rows. Written by set_sweep_pace().';

CREATE FUNCTION privacy.record_sweep_pace(relation regclass) RETURNS void
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pp_sql_record_sweep_pace';
REVOKE ALL ON FUNCTION privacy.record_sweep_pace(regclass) FROM PUBLIC;
COMMENT ON FUNCTION privacy.record_sweep_pace(regclass) IS
	'For set_sweep_pace(): appends the pace of a table, as it is now, to the evidence (sweep.pace). Raises PV001 and PV002 for the root key.';

CREATE FUNCTION privacy.set_sweep_pace(
	relation regclass,
	rate_limit integer DEFAULT NULL,
	wal_rate integer DEFAULT NULL,
	duty_cycle integer DEFAULT NULL,
	max_lag integer DEFAULT NULL,
	sweep_window text DEFAULT NULL,
	max_fraction double precision DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF relation IS NULL OR NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = relation AND c.relkind IN ('r', 'p')) THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_table',
			MESSAGE = 'a pace needs a table',
			HINT = 'Name the table that has the label; for all tables there are the settings.';
	END IF;
	DELETE FROM privacy.sweep_pace p
	WHERE p.relation = set_sweep_pace.relation OR NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = p.relation);
	IF num_nonnulls(rate_limit, wal_rate, duty_cycle, max_lag, sweep_window, max_fraction) > 0 THEN
		INSERT INTO privacy.sweep_pace
		VALUES (relation, rate_limit, wal_rate, duty_cycle, max_lag, sweep_window, max_fraction);
	END IF;
	PERFORM privacy.record_sweep_pace(relation);
EXCEPTION
	WHEN check_violation THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('no such pace for table %s', relation),
			DETAIL = 'One of the values is out of range.',
			HINT = 'rate_limit, wal_rate and max_lag are 0 (none) or more, duty_cycle is 1 to 100, max_fraction 0 to 1, sweep_window such as 22:00-05:00 or empty.';
END;
$$;
REVOKE ALL ON FUNCTION privacy.set_sweep_pace(regclass, integer, integer, integer, integer, text, double precision) FROM PUBLIC;
COMMENT ON FUNCTION privacy.set_sweep_pace(regclass, integer, integer, integer, integer, text, double precision) IS
	'Sets the pace of the sweep on one table, all of it at once: what is NULL or left out follows the setting of the same name. rate_limit: rows per second; wal_rate: MB per second; duty_cycle: percent of the time at work; max_lag: kB that a standby may be behind; sweep_window: hours in privacy.policy_timezone; max_fraction: the part of the table that a rule may take without approval. Takes effect within one batch. For partitions name the labelled table. max_fraction also counts for a table without a label whose rows follow others. Leaves an audit entry. Raises undefined_table, invalid_parameter_value, PV001 and PV002 for the root key.';

CREATE FUNCTION privacy.describe_origin() RETURNS text
LANGUAGE C STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'pp_sql_describe_origin';
REVOKE ALL ON FUNCTION privacy.describe_origin() FROM PUBLIC;
COMMENT ON FUNCTION privacy.describe_origin() IS
	'What tells this database from its copies: system identifier, database OID, timeline and the backup that the server was restored from, if any. NULL during recovery.';

CREATE TABLE privacy.sweep_origin (
	origin text NOT NULL,
	since timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
CREATE UNIQUE INDEX sweep_origin_single ON privacy.sweep_origin ((true));
INSERT INTO privacy.sweep_origin (origin) VALUES (privacy.describe_origin());
REVOKE ALL ON privacy.sweep_origin FROM PUBLIC;
COMMENT ON TABLE privacy.sweep_origin IS
	'Where this database was swept last, as describe_origin() says it. Where that is not what it says now, this is a copy, and every rule waits for approve_sweep(). One row; not dumped. After a failover the next sweep writes it anew.';

CREATE TABLE privacy.sweep_approval (
	relation regclass PRIMARY KEY,
	approved_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	approved_by text NOT NULL DEFAULT session_user,
	origin text NOT NULL,
	promise bytea NOT NULL
);
REVOKE ALL ON privacy.sweep_approval FROM PUBLIC;
COMMENT ON TABLE privacy.sweep_approval IS
	'Tables whose rules may run although they take a large share of the rows, or although this database is a copy: until they have gone through once. Void when a label of the table, what it resolves to (labels of parents among it) or any period changes (promise: SHA-256 over them), and in a copy. Not dumped. Written by approve_sweep().';

CREATE FUNCTION privacy.approve_sweep(relation regclass DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pp_sql_approve_sweep';
REVOKE ALL ON FUNCTION privacy.approve_sweep(regclass) FROM PUBLIC;
COMMENT ON FUNCTION privacy.approve_sweep(regclass) IS
	'Lets the rules of a table run that wait for an approval, once. Without an argument: this database is no copy to leave alone, all its rules run from now on as they did in the original; large shares still wait. Look at sweep_preview() before. Leaves an audit entry. Raises undefined_object where the table has no rule, PV001 and PV002 for the root key.';
