/*
 * sweep_record.c: the books of a run, and the evidence of each batch in its own transaction.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "audit/audit.h"
#include "core/core.h"
#include "sweep/sweep_graph.h"

static char *describe_batch(SweepRun *run, const SweepRule *rule, List *effects);
static void upsert_outcome(SweepRun *run, SweepRule *rule, const char *state, int64 count, int64 followed);
static const char *judge_run(const SweepRun *run);
static bool in_trouble(const SweepRule *rule);
static void log_end(const SweepRun *run, const char *state);

void
record_start(SweepRun *run)
{
	Oid			types[] = {TIMESTAMPTZOID};
	Datum		values[] = {TimestampTzGetDatum(run->cut_off)};
	bool		isnull;
	ListCell   *cell;

	settle_unfinished();
	ereport(LOG,
			errmsg("the sweep of database \"%s\" starts, with %d rules", get_database_name(MyDatabaseId),
				   list_length(run->rules)));
	pp_core_execute("INSERT INTO privacy.sweep_run (cut_off) VALUES ($1) RETURNING id",
					false, 1, types, values, NULL);
	run->id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	foreach(cell, run->rules)
	{
		SweepRule  *rule = lfirst(cell);

		upsert_outcome(run, rule, strcmp(rule->state, "enforced") == 0 ? "queued" : rule->state, 0, 0);
	}
}

void
record_batch(SweepRun *run, SweepRule *rule, int64 count, List *effects)
{
	AuditEntry	entry = {
		.action = rule->attnum == 0 ? "sweep.delete" : "sweep.treat",
		.object = rule->table,
		.rule = rule->text,
		.cut_off = run->cut_off,
		.row_count = count,
		.detail = describe_batch(run, rule, effects)
	};

	pp_audit_append(&entry);
	upsert_outcome(run, rule, "running", count, count_followers(effects));
	add_to_standing(rule, count);
}

/* {"run": 7, "basis": {"service": "contract"}, "followers": {"shop.review": {"deleted": 3, "cleared": 0}}} */
static char *
describe_batch(SweepRun *run, const SweepRule *rule, List *effects)
{
	StringInfoData detail;
	const char *separator = ", \"followers\": {";
	ListCell   *cell;

	initStringInfo(&detail);
	appendStringInfo(&detail, "{\"run\": " INT64_FORMAT, run->id);
	if (rule->basis != NULL)
		appendStringInfo(&detail, ", \"basis\": %s", rule->basis);
	foreach(cell, effects)
	{
		SweepEffect *effect = lfirst(cell);

		if (effect->rule != NULL)
			continue;
		appendStringInfoString(&detail, separator);
		escape_json(&detail, effect->table);
		appendStringInfo(&detail, ": {\"deleted\": " INT64_FORMAT ", \"cleared\": " INT64_FORMAT "}",
						 effect->deleted, effect->cleared);
		separator = ", ";
	}
	appendStringInfoString(&detail, count_followers(effects) > 0 ? "}}" : "}");
	return detail.data;
}

int64
count_followers(List *effects)
{
	int64		count = 0;
	ListCell   *cell;

	foreach(cell, effects)
	{
		SweepEffect *effect = lfirst(cell);

		count += effect->rule == NULL ? effect->deleted + effect->cleared : 0;
	}
	return count;
}

/* How the rule ended; also for one that did nothing. */
void
record_outcome(SweepRun *run, SweepRule *rule)
{
	bool		held = rule->locked > 0 && strcmp(rule->state, "enforced") == 0;

	upsert_outcome(run, rule, held ? "locked" : rule->state, 0, 0);
	record_standing(run, rule, held ? "locked" : rule->state);
}

static void
upsert_outcome(SweepRun *run, SweepRule *rule, const char *state, int64 count, int64 followed)
{
	char	   *blockers = name_blockers_of(rule);
	Oid			types[] = {INT8OID, TEXTOID, TEXTOID, TEXTOID, INT8OID, INT8OID, INT8OID, TEXTOID,
	INT8OID, TEXTOID, INT8OID};
	Datum		values[] = {
		Int64GetDatum(run->id),
		CStringGetTextDatum(rule->table),
		CStringGetTextDatum(rule->text),
		CStringGetTextDatum(state),
		Int64GetDatum(rule->attnum == 0 ? count : 0),
		Int64GetDatum(rule->attnum == 0 ? 0 : count),
		Int64GetDatum(rule->blocked),
		blockers ? CStringGetTextDatum(blockers) : (Datum) 0,
		Int64GetDatum(rule->locked),
		rule->problem ? CStringGetTextDatum(rule->problem) : (Datum) 0,
		Int64GetDatum(followed)
	};
	char		nulls[] = "           ";

	nulls[7] = blockers ? ' ' : 'n';
	nulls[9] = rule->problem ? ' ' : 'n';
	pp_core_execute("INSERT INTO privacy.sweep_outcome AS o (run_id, rule_table, rule, state, deleted, "
					"treated, blocked, blocked_by, locked, problem, followed) "
					"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) "
					"ON CONFLICT (run_id, rule_table, rule) DO UPDATE SET state = EXCLUDED.state, "
					"deleted = o.deleted + EXCLUDED.deleted, treated = o.treated + EXCLUDED.treated, "
					"followed = o.followed + EXCLUDED.followed, "
					"blocked = EXCLUDED.blocked, blocked_by = EXCLUDED.blocked_by, "
					"locked = EXCLUDED.locked, problem = EXCLUDED.problem",
					false, lengthof(types), types, values, nulls);
}

char *
name_blockers_of(const SweepRule *rule)
{
	StringInfoData list;
	ListCell   *cell;

	if (rule->blockers == NIL)
		return NULL;
	initStringInfo(&list);
	foreach(cell, rule->blockers)
		appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "", (char *) lfirst(cell));
	return list.data;
}

void
record_end(SweepRun *run)
{
	const char *state = judge_run(run);
	Oid			types[] = {INT8OID, TEXTOID};
	Datum		values[] = {Int64GetDatum(run->id), CStringGetTextDatum(state)};

	report_phase(run, NULL, "sealing");
	pp_core_execute("UPDATE privacy.sweep_run SET finished_at = pg_catalog.clock_timestamp(), state = $2 WHERE id = $1",
					false, lengthof(types), types, values, NULL);
	forget_history();
	log_end(run, state);
}

/* A rule that waits, or that could not take all, makes it partial; when all are in trouble it failed. */
static const char *
judge_run(const SweepRun *run)
{
	int			rules = 0;
	int			troubled = 0;
	ListCell   *cell;

	foreach(cell, run->rules)
	{
		SweepRule  *rule = lfirst(cell);

		rules += strcmp(rule->state, "draft") != 0;
		troubled += in_trouble(rule);
	}
	return troubled == 0 ? "done" : troubled == rules ? "failed" : "partial";
}

/* Blocked rows are none: they are where they belong. */
static bool
in_trouble(const SweepRule *rule)
{
	if (strcmp(rule->state, "draft") == 0)
		return false;
	return rule->locked > 0 || rule->left_out || strcmp(rule->state, "enforced") != 0;
}

static void
log_end(const SweepRun *run, const char *state)
{
	int64		deleted = 0;
	int64		treated = 0;
	int64		blocked = 0;
	int			troubled = 0;
	ListCell   *cell;

	foreach(cell, run->rules)
	{
		SweepRule  *rule = lfirst(cell);

		deleted += rule->attnum == 0 ? rule->done : 0;
		treated += rule->attnum == 0 ? 0 : rule->done;
		blocked += rule->blocked;
		troubled += in_trouble(rule);
	}
	ereport(LOG,
			errmsg("the sweep of database \"%s\" ends: %s", get_database_name(MyDatabaseId), state),
			errdetail(INT64_FORMAT " rows deleted, " INT64_FORMAT " values treated, " INT64_FORMAT
					  " rows blocked; %d of %d rules in trouble.",
					  deleted, treated, blocked, troubled, list_length(run->rules)),
			troubled > 0 ? errhint("See privacy.sweep_rule.") : 0);
}

void
add_blocker(SweepRun *run, SweepRule *rule, const char *blocker, int64 count)
{
	MemoryContext caller;
	ListCell   *cell;

	rule->blocked += count;
	foreach(cell, rule->blockers)
	{
		if (strcmp(lfirst(cell), blocker) == 0)
			return;
	}
	caller = MemoryContextSwitchTo(run->memory);
	rule->blockers = lappend(list_copy(rule->blockers), pstrdup(blocker));
	MemoryContextSwitchTo(caller);
}

void
add_effect(List **effects, const SweepEffect *more)
{
	SweepEffect *effect;
	ListCell   *cell;

	foreach(cell, *effects)
	{
		effect = lfirst(cell);
		if (effect->rule == more->rule && strcmp(effect->table, more->table) == 0)
		{
			effect->deleted += more->deleted;
			effect->cleared += more->cleared;
			return;
		}
	}
	effect = palloc(sizeof(SweepEffect));
	*effect = *more;
	*effects = lappend(*effects, effect);
}
