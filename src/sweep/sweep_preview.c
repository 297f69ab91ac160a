/*
 * sweep_preview.c: what a sweep would do at some moment, without doing it.
 *
 * A row that is due is blocked when a row that refers to it would stay: one without a rule, not due
 * itself, or blocked in turn. That is asked in one query per rule, as the table's owner, nesting
 * the rules of the referring tables. Rules of other owners cannot be asked that way; their rows
 * count as staying. A foreign key that comes back to a table already in the chain is asked only
 * whether its rows are due.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "label/label.h"
#include "sweep/sweep_internal.h"

PG_FUNCTION_INFO_V1(pp_sql_sweep_preview);

#define PREVIEW_COLUMNS 9

/* Behind the name of a referring table that could not be read. */
#define NOT_COUNTED " (not counted)"

/* One rule being previewed. */
typedef struct RulePreview
{
	Oid			relid;
	AttrNumber	attnum;
	TimestampTz as_of;
	RetentionRule *rule;
	Datum		values[PREVIEW_COLUMNS];
	bool		nulls[PREVIEW_COLUMNS];
} RulePreview;

static void preview_rule(ReturnSetInfo *result, Oid relid, AttrNumber attnum, TimestampTz as_of);
static void count_rule(void *arg);
static char *count_statement(const RulePreview *preview, char **blockers);
static char *compile_blocked(Oid relid, Oid owner, TimestampTz as_of, List *path, char **blockers);
static char *compile_goes(Oid relid, Oid owner, TimestampTz as_of, List *path);
static void resolve_row_rule(void *arg);

/* privacy.sweep_preview(as_of timestamptz) */
Datum
pp_sql_sweep_preview(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	TimestampTz as_of = PG_ARGISNULL(0) ? pp_core_now() : PG_GETARG_TIMESTAMPTZ(0);
	ListCell   *cell;

	if (TIMESTAMP_NOT_FINITE(as_of))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("a preview needs a finite moment"),
				errhint("Give a timestamp, or none for now."));
	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, pp_label_relations())
	{
		ListCell   *attnum;

		foreach(attnum, pp_label_columns(lfirst_oid(cell)))
		{
			preview_rule(result, lfirst_oid(cell), lfirst_int(attnum), as_of);
		}
	}
	PG_RETURN_VOID();
}

/* One rule that cannot be resolved or counted says so in its own row. */
static void
preview_rule(ReturnSetInfo *result, Oid relid, AttrNumber attnum, TimestampTz as_of)
{
	RulePreview preview = {.relid = relid, .attnum = attnum, .as_of = as_of};
	ErrorData  *error;
	RetentionRule *rule;

	CHECK_FOR_INTERRUPTS();
	memset(preview.nulls, true, sizeof(preview.nulls));
	error = pp_core_attempt(count_rule, &preview);
	rule = preview.rule;
	if (error == NULL && rule == NULL)
		return;
	preview.values[0] = CStringGetTextDatum(pp_core_quote_relation(relid));
	preview.values[1] = CStringGetTextDatum(rule ? rule->text :
											attnum == 0 ? "THEN DELETE" : get_attname(relid, attnum, false));
	preview.values[2] = CStringGetTextDatum(rule == NULL ? "parked" : error ? "failed" :
											rule->draft ? "draft" : rule->unbound ? "unbound" : "enforced");
	preview.nulls[0] = preview.nulls[1] = preview.nulls[2] = false;
	if (error != NULL)
	{
		memset(preview.nulls + 3, true, sizeof(bool) * 5);
		preview.values[8] = CStringGetTextDatum(pp_core_describe_error(error, rule != NULL));
		preview.nulls[8] = false;
	}
	tuplestore_putvalues(result->setResult, result->setDesc, preview.values, preview.nulls);
}

static void
count_rule(void *arg)
{
	RulePreview *preview = arg;
	MemoryContext caller = CurrentMemoryContext;
	Oid			types[] = {TIMESTAMPTZOID};
	Datum		values[] = {TimestampTzGetDatum(preview->as_of)};
	char	   *blockers = NULL;
	char	   *statement;
	CoreStay	stay;

	preview->rule = pp_policy_resolve(preview->relid, preview->attnum, preview->as_of, false);
	if (preview->rule == NULL)
		return;
	pp_label_require_trusted(preview->relid, preview->rule->owner);
	statement = count_statement(preview, &blockers);
	SPI_connect();
	pp_core_enter(&stay, preview->rule->owner, true);
	if (SPI_execute_with_args(statement, 1, types, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");	/* cannot happen */
	pp_core_leave(&stay);
	for (int i = 0; i < 4; i++)
		preview->values[i < 2 ? i + 3 : i + 4] =
			SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1,
						  &preview->nulls[i < 2 ? i + 3 : i + 4]);
	MemoryContextSwitchTo(caller);
	if (blockers != NULL && (DatumGetInt64(preview->values[4]) > 0 || strstr(blockers, NOT_COUNTED)))
	{
		preview->values[5] = CStringGetTextDatum(blockers);
		preview->nulls[5] = false;
	}
	SPI_finish();
	MemoryContextSwitchTo(caller);
}

/* due, blocked, first and last end. A column's rule does not count values whose row goes anyway. */
static char *
count_statement(const RulePreview *preview, char **blockers)
{
	const RetentionRule *rule = preview->rule;
	char	   *blocked = "false";
	char	   *stays = "true";

	if (preview->attnum == 0)
		blocked = compile_blocked(preview->relid, rule->owner, preview->as_of, NIL, blockers);
	else
		stays = psprintf("NOT %s", compile_goes(preview->relid, rule->owner, preview->as_of, NIL));
	return psprintf("SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE blocked), "
					"pg_catalog.min(ends_at), pg_catalog.max(ends_at) FROM (SELECT (%s) AS ends_at, %s AS blocked "
					"FROM %s AS " PP_TARGET " WHERE %s AND %s OFFSET 0) AS due",
					rule->end, blocked, pp_core_quote_relation(preview->relid), rule->due, stays);
}

/*
 * SQL over target: whether a row that refers to it would stay. Names the referring tables on the
 * way. Another owner's table is not read: what it brings along (casts, index expressions) must not
 * run as this one.
 */
static char *
compile_blocked(Oid relid, Oid owner, TimestampTz as_of, List *path, char **blockers)
{
	StringInfoData sql;
	ListCell   *cell;

	path = lappend_oid(list_copy(path), relid);
	initStringInfo(&sql);
	foreach(cell, references_to(relid))
	{
		RowReference *reference = lfirst(cell);
		bool		ours = pp_core_table_owner(reference->child) == owner;

		if (blockers != NULL)
			*blockers = psprintf("%s%s%s%s", *blockers ? *blockers : "", *blockers ? ", " : "",
								 reference->table, ours ? "" : NOT_COUNTED);
		if (!ours)
			continue;
		pp_label_require_trusted(reference->child, owner);
		appendStringInfo(&sql, "%sEXISTS (SELECT FROM (SELECT " PP_TARGET ".*, " PP_TARGET ".tableoid AS \"its table\", "
						 PP_TARGET ".ctid AS \"its place\", %s AS \"it goes\" FROM %s AS " PP_TARGET ") AS child WHERE %s "
						 "AND NOT (child.\"its table\" = " PP_TARGET ".tableoid AND child.\"its place\" = " PP_TARGET ".ctid) "
						 "AND NOT child.\"it goes\")",
						 sql.len > 0 ? " OR " : "", compile_goes(reference->child, owner, as_of, path),
						 reference->table, reference->match);
	}
	return sql.len > 0 ? psprintf("(%s)", sql.data) : "false";
}

/* SQL over target: whether the row would be deleted. What cannot be resolved stays. */
static char *
compile_goes(Oid relid, Oid owner, TimestampTz as_of, List *path)
{
	RulePreview preview = {.relid = relid, .as_of = as_of};
	RetentionRule *rule;

	if (pp_core_attempt(resolve_row_rule, &preview) != NULL)
		return "false";
	rule = preview.rule;
	if (rule == NULL || rule->draft || rule->owner != owner)
		return "false";
	if (list_member_oid(path, relid))
		return psprintf("COALESCE(%s, false)", rule->due);
	return psprintf("COALESCE(%s AND NOT %s, false)", rule->due,
					compile_blocked(relid, owner, as_of, path, NULL));
}

static void
resolve_row_rule(void *arg)
{
	RulePreview *preview = arg;

	preview->rule = pp_policy_resolve(preview->relid, 0, preview->as_of, false);
}
