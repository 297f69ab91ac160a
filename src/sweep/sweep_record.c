/*
 * sweep_record.c: the books of a run, and the evidence of each batch in its own transaction.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "audit/audit.h"
#include "core/core.h"
#include "sweep/sweep_internal.h"

static void upsert_outcome(SweepRun *run, SweepRule *rule, const char *state, int64 count);
static char *list_blockers(const SweepRule *rule);

int64
record_start(TimestampTz cut_off)
{
	Oid			types[] = {TIMESTAMPTZOID};
	Datum		values[] = {TimestampTzGetDatum(cut_off)};
	bool		isnull;

	pp_core_execute("INSERT INTO privacy.sweep_run (cut_off) VALUES ($1) RETURNING id",
					false, 1, types, values, NULL);
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

void
record_batch(SweepRun *run, SweepRule *rule, int64 count)
{
	AuditEntry	entry = {
		.action = rule->attnum == 0 ? "sweep.delete" : "sweep.treat",
		.object = rule->table,
		.rule = rule->text,
		.cut_off = run->cut_off,
		.row_count = count,
		.detail = psprintf("{\"run\": " INT64_FORMAT "}", run->id)
	};

	pp_audit_append(&entry);
	upsert_outcome(run, rule, "running", count);
}

/* How the rule ended; also for one that did nothing. */
void
record_outcome(SweepRun *run, SweepRule *rule)
{
	bool		held = rule->locked > 0 && strcmp(rule->state, "enforced") == 0;

	upsert_outcome(run, rule, held ? "locked" : rule->state, 0);
}

static void
upsert_outcome(SweepRun *run, SweepRule *rule, const char *state, int64 count)
{
	char	   *blockers = list_blockers(rule);
	Oid			types[] = {INT8OID, TEXTOID, TEXTOID, TEXTOID, INT8OID, INT8OID, INT8OID, TEXTOID,
	INT8OID, TEXTOID};
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
		rule->problem ? CStringGetTextDatum(rule->problem) : (Datum) 0
	};
	char		nulls[] = "          ";

	nulls[7] = blockers ? ' ' : 'n';
	nulls[9] = rule->problem ? ' ' : 'n';
	pp_core_execute("INSERT INTO privacy.sweep_outcome AS o (run_id, rule_table, rule, state, deleted, "
					"treated, blocked, blocked_by, locked, problem) "
					"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) "
					"ON CONFLICT (run_id, rule_table, rule) DO UPDATE SET state = EXCLUDED.state, "
					"deleted = o.deleted + EXCLUDED.deleted, treated = o.treated + EXCLUDED.treated, "
					"blocked = EXCLUDED.blocked, blocked_by = EXCLUDED.blocked_by, "
					"locked = EXCLUDED.locked, problem = EXCLUDED.problem",
					false, lengthof(types), types, values, nulls);
}

static char *
list_blockers(const SweepRule *rule)
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
	Oid			types[] = {INT8OID};
	Datum		values[] = {Int64GetDatum(run->id)};

	pp_core_execute("UPDATE privacy.sweep_run SET finished_at = pg_catalog.clock_timestamp() WHERE id = $1",
					false, 1, types, values, NULL);
}
