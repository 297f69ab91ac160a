/*
 * sweep_standing.c: what is remembered of a rule from run to run.
 *
 * A rule that fails is left alone for a while, twice as long after each failure, so that it costs
 * the others little; with some jitter, so that many rules that failed together do not come back
 * together. Only the worker waits: a person who calls sweep() means now.
 *
 * A rule that takes the server down cannot say so. Before it starts, a mark is committed, and
 * flushed, since what a crash loses would be no mark; it moves on with the run and is taken away at
 * its end, and for each longer pause, in which a crash is not its doing. A mark that is found at the beginning of a run was left by a run that did not come to its
 * end: it was cancelled, or the server was stopped, or it crashed. The mark names the time of uptime
 * in which it was made, and shared memory knows whether a crash preceded the present one. After
 * MAX_CRASHES of them in a row the rule is parked, also for people, until resume_sweep().
 *
 * A rule is known by its table and its words: a new label begins with a clean sheet.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "sweep/sweep_internal.h"

PG_FUNCTION_INFO_V1(pp_sql_resume_sweep);

#define MAX_CRASHES		3

/* SQL: from the first failure to the next attempt; doubled each time, up to 17 hours. */
#define FIRST_RETRY		"interval '1 minute'"
#define MAX_DOUBLINGS	"10"

/* The state of a rule that is left alone for a while. */
#define RESTING			"waiting for a retry"

int			sweep_batch_timeout;
static int	history_minutes;

static bool mark(SweepRun *run, const SweepRule *rule);
static void explain_refusal(SweepRun *run, SweepRule *rule);
static void refuse_start(SweepRun *run, SweepRule *rule, const char *state, char *problem);
static void execute_for(const SweepRule *rule, const char *statement);

void
init_standing(void)
{
	DefineCustomIntVariable("privacy.sweep_history",
							"How long runs of the sweep stay on record.",
							"sweep_run and sweep_outcome lose what is older; the evidence stays.",
							&history_minutes, 90 * 24 * 60, 24 * 60, INT_MAX, PGC_SUSET, GUC_UNIT_MIN, NULL, NULL, NULL);
	DefineCustomIntVariable("privacy.sweep_batch_timeout",
							"How long one batch of the sweep may take before its rule is stopped.",
							"A trigger that sleeps cannot hold up other rules for longer. 0 sets no limit.",
							&sweep_batch_timeout, 5 * 60 * 1000, 0, INT_MAX, PGC_SUSET, GUC_UNIT_MS, NULL, NULL, NULL);
}

/* ------------------------------------------------------------------------------------- marks of work */

bool
start_rule(SweepRun *run, SweepRule *rule)
{
	if (!mark(run, rule) && !rule->started)
	{
		explain_refusal(run, rule);
		return false;
	}
	rule->started = true;
	/* what a crash loses would be no mark */
	ForceSyncCommit();
	next_transaction(run);
	return true;
}

void
suspend_rule(SweepRun *run)
{
	pp_core_execute("UPDATE privacy.sweep_standing SET at_work = NULL WHERE at_work IS NOT NULL", false, 0, NULL, NULL, NULL);
	/* a mark that came back with the crash would be taken for one of work */
	ForceSyncCommit();
	next_transaction(run);
}

/*
 * Moves the mark here from wherever it was; makes none without shared memory, which could not tell
 * what became of it. False, and nothing is marked, for a rule that is parked or rests.
 */
static bool
mark(SweepRun *run, const SweepRule *rule)
{
	int64		uptime_id = 0;
	bool		after_crash;
	bool		known = read_uptime(&uptime_id, &after_crash);
	Oid			types[] = {OIDOID, TEXTOID, INT8OID, BOOLOID, INT4OID};
	Datum		values[] = {ObjectIdGetDatum(rule->relid), CStringGetTextDatum(rule->text), Int64GetDatum(uptime_id),
	BoolGetDatum(run->bind), Int32GetDatum(MAX_CRASHES)};

	pp_core_execute("WITH elsewhere AS (UPDATE privacy.sweep_standing SET at_work = NULL "
					"WHERE at_work IS NOT NULL AND (relation <> $1 OR rule <> $2)) "
					"INSERT INTO privacy.sweep_standing AS s (relation, rule, at_work) VALUES ($1, $2, $3) "
					"ON CONFLICT (relation, rule) DO UPDATE SET at_work = $3 "
					"WHERE s.crashes < $5 AND ($4 OR s.retry_at IS NULL OR s.retry_at <= pg_catalog.clock_timestamp())",
					false, lengthof(types), types, values, known ? NULL : "  n  ");
	return SPI_processed > 0;
}

static void
explain_refusal(SweepRun *run, SweepRule *rule)
{
	bool		isnull;
	int			crashes;

	execute_for(rule, "SELECT crashes, retry_at FROM privacy.sweep_standing WHERE relation = $1 AND rule = $2");
	crashes = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	if (crashes >= MAX_CRASHES)
		refuse_start(run, rule, "parked",
					 psprintf("the server crashed %d times while it ran; privacy.resume_sweep() lets it run again", crashes));
	else
		refuse_start(run, rule, RESTING, psprintf("it failed, and is tried again after %s",
												  SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2)));
}

static void
refuse_start(SweepRun *run, SweepRule *rule, const char *state, char *problem)
{
	rule->state = state;
	rule->problem = MemoryContextStrdup(run->memory, problem);
}

/* We have the database to ourselves: a run that is not at its end has no process any more. */
void
settle_unfinished(void)
{
	int64		uptime_id = 0;
	bool		after_crash = false;
	Oid			types[] = {INT8OID, BOOLOID};
	Datum		values[2];

	(void) read_uptime(&uptime_id, &after_crash);
	values[0] = Int64GetDatum(uptime_id);
	values[1] = BoolGetDatum(after_crash);
	pp_core_execute("WITH crashed AS (UPDATE privacy.sweep_standing SET crashes = crashes + 1, at_work = NULL, "
					"last_error = 'the server crashed while it ran', last_error_at = pg_catalog.clock_timestamp() "
					"WHERE at_work <> $1 AND $2 RETURNING 1), "
					"run AS (UPDATE privacy.sweep_run SET state = CASE WHEN EXISTS (SELECT FROM crashed) THEN 'crashed' "
					"ELSE 'cancelled' END WHERE state = 'running' RETURNING id, state) "
					"UPDATE privacy.sweep_outcome o SET state = run.state FROM run "
					"WHERE o.run_id = run.id AND o.state IN ('queued', 'running')",
					false, lengthof(types), types, values, NULL);
	pp_core_execute("UPDATE privacy.sweep_standing SET at_work = NULL WHERE at_work = $1 OR NOT $2 AND at_work IS NOT NULL",
					false, lengthof(types), types, values, NULL);
}

/* ---------------------------------------------------------------------------------------- the standing */

void
add_to_standing(SweepRule *rule, int64 count)
{
	Oid			types[] = {OIDOID, TEXTOID, INT8OID};
	Datum		values[] = {ObjectIdGetDatum(rule->relid), CStringGetTextDatum(rule->text), Int64GetDatum(count)};

	pp_core_execute("INSERT INTO privacy.sweep_standing AS s (relation, rule, total) VALUES ($1, $2, $3) "
					"ON CONFLICT (relation, rule) DO UPDATE SET total = s.total + $3",
					false, lengthof(types), types, values, NULL);
}

/* A rule that rests stands as it did. One that was not started has not shown that it can do without a crash. */
void
record_standing(SweepRun *run, SweepRule *rule, const char *state)
{
	char	   *blockers = name_blockers_of(rule);
	bool		failed = strcmp(state, "failed") == 0;
	Oid			types[] = {OIDOID, TEXTOID, TEXTOID, TEXTOID, INT8OID, TEXTOID, INT8OID, INT4OID, BOOLOID, INT8OID, TEXTOID,
	FLOAT8OID};
	Datum		values[] = {
		ObjectIdGetDatum(rule->relid),
		CStringGetTextDatum(rule->text),
		CStringGetTextDatum(state),
		rule->problem ? CStringGetTextDatum(rule->problem) : (Datum) 0,
		Int64GetDatum(rule->blocked),
		blockers ? CStringGetTextDatum(blockers) : (Datum) 0,
		Int64GetDatum(rule->locked),
		Int32GetDatum(failed ? 1 : 0),
		BoolGetDatum(rule->started),
		Int64GetDatum(run->id),
		rule->problem ? CStringGetTextDatum(rule->problem) : (Datum) 0,
		Float8GetDatum(0.75 + 0.5 * pg_prng_double(&pg_global_prng_state))
	};
	char		nulls[] = "            ";

	if (strcmp(state, RESTING) == 0)
		return;
	nulls[3] = rule->problem ? ' ' : 'n';
	nulls[5] = blockers ? ' ' : 'n';
	nulls[10] = failed || strcmp(state, "parked") == 0 ? nulls[3] : 'n';
	pp_core_execute("INSERT INTO privacy.sweep_standing AS s (relation, rule, state, problem, blocked, blocked_by, locked, "
					"failures, retry_at, last_run, last_run_id, last_error, last_error_at) "
					"SELECT $1, $2, $3, $4, $5, $6, $7, $8, CASE WHEN $8 > 0 THEN now + " FIRST_RETRY " * $12 END, "
					"CASE WHEN $9 THEN now END, CASE WHEN $9 THEN $10 END, $11, CASE WHEN $11 IS NOT NULL THEN now END "
					"FROM pg_catalog.clock_timestamp() AS now "
					"ON CONFLICT (relation, rule) DO UPDATE SET state = $3, problem = $4, blocked = $5, blocked_by = $6, locked = $7, "
					"failures = (s.failures + 1) * $8, at_work = NULL, crashes = CASE WHEN $9 THEN 0 ELSE s.crashes END, "
					"retry_at = CASE WHEN $8 > 0 THEN pg_catalog.clock_timestamp() + " FIRST_RETRY
					" * $12 * pg_catalog.power(2, least(s.failures, " MAX_DOUBLINGS ")) END, "
					"last_run = coalesce(EXCLUDED.last_run, s.last_run), last_run_id = coalesce(EXCLUDED.last_run_id, s.last_run_id), "
					"last_error = coalesce($11, s.last_error), last_error_at = coalesce(EXCLUDED.last_error_at, s.last_error_at)",
					false, lengthof(types), types, values, nulls);
}

static void
execute_for(const SweepRule *rule, const char *statement)
{
	Oid			types[] = {OIDOID, TEXTOID};
	Datum		values[] = {ObjectIdGetDatum(rule->relid), CStringGetTextDatum(rule->text)};

	pp_core_execute(statement, false, lengthof(types), types, values, NULL);
}

void
forget_history(void)
{
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(history_minutes)};

	pp_core_execute("WITH old AS (DELETE FROM privacy.sweep_run WHERE started_at < pg_catalog.clock_timestamp() "
					"- $1 * interval '1 minute' AND finished_at IS NOT NULL RETURNING id) "
					"DELETE FROM privacy.sweep_outcome o USING old WHERE o.run_id = old.id",
					false, lengthof(types), types, values, NULL);
	pp_core_execute("DELETE FROM privacy.sweep_standing s WHERE NOT EXISTS "
					"(SELECT FROM pg_catalog.pg_class c WHERE c.oid = s.relation)", false, 0, NULL, NULL, NULL);
	pp_core_execute("DELETE FROM privacy.emptied_partition e WHERE NOT EXISTS "
					"(SELECT FROM pg_catalog.pg_class c WHERE c.oid = e.relation)", false, 0, NULL, NULL, NULL);
}

/* privacy.resume_sweep(relation regclass) returns integer: the rules that were parked or resting */
Datum
pp_sql_resume_sweep(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	Oid			types[] = {OIDOID};
	Datum		values[] = {ObjectIdGetDatum(relid)};
	int64		resumed;

	if (get_rel_name(relid) == NULL)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("relation with OID %u does not exist", relid));
	SPI_connect();
	pp_core_execute("UPDATE privacy.sweep_standing SET crashes = 0, failures = 0, retry_at = NULL "
					"WHERE relation = $1 AND (crashes > 0 OR retry_at IS NOT NULL)",
					false, lengthof(types), types, values, NULL);
	resumed = SPI_processed;
	SPI_finish();
	PG_RETURN_INT32(resumed);
}
