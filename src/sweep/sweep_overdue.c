/*
 * sweep_overdue.c: is anything kept beyond its time?
 *
 * What is due is counted as the sweep itself finds it, so that an index on the starting point answers
 * and monitoring may ask every few minutes. What is held, or undetermined, takes a reading of the
 * whole table.
 *
 * A rule is named as privacy.sweep_rule names it. One that is parked, or fails over a row, has no
 * number: NULL, not nothing.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "label/label.h"
#include "sweep/sweep_ahead.h"

PG_FUNCTION_INFO_V1(pp_sql_overdue_rows);
PG_FUNCTION_INFO_V1(pp_sql_unending_rows);

/* One rule being counted, in two columns. */
typedef struct RuleCount
{
	Oid			relid;
	const char *text;
	AttrNumber	attnum;
	char	   *(*compile) (const RetentionRule *rule);
	RetentionRule *rule;
	Datum		values[2];
	bool		nulls[2];
} RuleCount;

static Datum answer(FunctionCallInfo fcinfo, char *(*compile) (const RetentionRule *rule));
static void find_rule(RuleCount *count);
static void resolve_candidate(void *arg);
static void count_rows(void *arg);
static char *compile_overdue(const RetentionRule *rule);
static char *compile_unending(const RetentionRule *rule);

/* privacy.overdue_rows(relation regclass, rule text, OUT overdue bigint, OUT since timestamptz) */
Datum
pp_sql_overdue_rows(PG_FUNCTION_ARGS)
{
	return answer(fcinfo, compile_overdue);
}

/* privacy.unending_rows(relation regclass, rule text, OUT undetermined bigint, OUT held bigint) */
Datum
pp_sql_unending_rows(PG_FUNCTION_ARGS)
{
	return answer(fcinfo, compile_unending);
}

static Datum
answer(FunctionCallInfo fcinfo, char *(*compile) (const RetentionRule *rule))
{
	RuleCount	count = {.relid = PG_GETARG_OID(0), .text = text_to_cstring(PG_GETARG_TEXT_PP(1)), .compile = compile,
	.nulls = {true, true}};
	TupleDesc	columns;

	if (get_call_result_type(fcinfo, NULL, &columns) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "the result is not a row"); /* cannot happen */
	find_rule(&count);
	if (count.rule != NULL && pp_core_attempt(count_rows, &count) != NULL)
		count.nulls[0] = count.nulls[1] = true;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns), count.values, count.nulls)));
}

static void
find_rule(RuleCount *count)
{
	ListCell   *cell;

	if (get_rel_name(count->relid) == NULL)
		return;
	foreach(cell, pp_label_columns(count->relid))
	{
		count->rule = NULL;
		count->attnum = lfirst_int(cell);
		if (pp_core_attempt(resolve_candidate, count) == NULL && count->rule != NULL &&
			strcmp(count->rule->text, count->text) == 0)
			return;
	}
	count->rule = NULL;
}

static void
resolve_candidate(void *arg)
{
	RuleCount  *count = arg;

	count->rule = pp_policy_resolve(count->relid, count->attnum, pp_core_now(), false);
}

static void
count_rows(void *arg)
{
	RuleCount  *count = arg;
	Oid			types[] = {TIMESTAMPTZOID};
	Datum		values[] = {TimestampTzGetDatum(pp_core_now())};

	pp_label_require_trusted(count->relid, count->rule->owner);
	SPI_connect();
	query_as_owner(count->rule->owner, count->compile(count->rule), lengthof(types), types, values);
	for (int i = 0; i < 2; i++)
		count->values[i] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1, &count->nulls[i]);
	SPI_finish();
}

static char *
compile_overdue(const RetentionRule *rule)
{
	return psprintf("SELECT pg_catalog.count(*), pg_catalog.min(%s) FROM (SELECT (%s) AS ends_at FROM %s AS " PP_TARGET
					" WHERE %s OFFSET 0) AS due", pp_policy_moment("ends_at"), rule->end,
					pp_core_quote_relation(rule->relid), rule->due);
}

static char *
compile_unending(const RetentionRule *rule)
{
	return psprintf("SELECT pg_catalog.count(*) FILTER (WHERE state = 'undetermined'), pg_catalog.count(*) FILTER (WHERE held) "
					"FROM (SELECT %s AS state, held FROM (SELECT (%s) AS ends_at, %s AS held FROM %s AS " PP_TARGET
					" WHERE %s OFFSET 0) AS ended) AS stated",
					pp_policy_state("ends_at"), rule->end, rule->held, pp_core_quote_relation(rule->relid), rule->untreated);
}
