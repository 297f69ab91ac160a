/*
 * sweep_preview.c: what a sweep would do at some moment, without doing it.
 *
 * Each rule is asked twice: what is due, which an index can answer; and what is not, but might be if
 * more were known, for which the whole table is read. Which rows are blocked, sweep_blocked.c finds
 * out.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "label/label.h"
#include "sweep/sweep_ahead.h"

PG_FUNCTION_INFO_V1(pp_sql_sweep_preview);

/* The columns of the result. */
enum
{
	PREVIEW_TABLE,
	PREVIEW_RULE,
	PREVIEW_STATE,
	PREVIEW_DUE,
	PREVIEW_BLOCKED,
	PREVIEW_BLOCKED_BY,
	PREVIEW_FIRST_END,
	PREVIEW_LAST_END,
	PREVIEW_RESTRICTED,
	PREVIEW_HELD,
	PREVIEW_WAITING,
	PREVIEW_UNDETERMINED,
	PREVIEW_MISSING,
	PREVIEW_BYTES,
	PREVIEW_TIME,
	PREVIEW_PROBLEM,
	PREVIEW_COLUMNS
};

/* About what the sweep takes for a row at full speed; doc/sweep.md says that it is a rough guess. */
#define MICROSECONDS_PER_ROW 4

/* One rule being previewed. */
typedef struct RulePreview
{
	Oid			relid;
	AttrNumber	attnum;
	TimestampTz as_of;
	RetentionRule *rule;
	int64		rows;			/* in the table */
	Datum		values[PREVIEW_COLUMNS];
	bool		nulls[PREVIEW_COLUMNS];
} RulePreview;

static void preview_rule(ReturnSetInfo *result, Oid relid, AttrNumber attnum, TimestampTz as_of);
static void count_rule(void *arg);
static void count_due(RulePreview *preview);
static char *due_statement(const RulePreview *preview, BlockedView *view, const List *blockers);
static char *name_blockers(const List *blockers, const List *uncounted);
static void count_not_due(RulePreview *preview);
static char *not_due_statement(const RulePreview *preview);
static char *name_missing(const RulePreview *preview);
static void estimate(RulePreview *preview);
static int64 table_bytes(Oid relid);
static void read_column(RulePreview *preview, int column, int number);
static void put(RulePreview *preview, int column, Datum value);

/* privacy.sweep_preview(as_of timestamptz) */
Datum
pp_sql_sweep_preview(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	TimestampTz as_of = moment_argument(fcinfo, 0);
	ListCell   *cell;
	ListCell   *attnum;

	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, pp_label_relations())
	{
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
	if (get_rel_name(relid) == NULL || (error == NULL && rule == NULL))
		return;
	if (error != NULL)
	{
		memset(preview.nulls, true, sizeof(preview.nulls));
		put(&preview, PREVIEW_PROBLEM, CStringGetTextDatum(pp_core_describe_error(error, rule != NULL)));
	}
	put(&preview, PREVIEW_TABLE, CStringGetTextDatum(pp_core_quote_relation(relid)));
	put(&preview, PREVIEW_RULE, CStringGetTextDatum(rule ? rule->text : attnum == 0 ? "THEN DELETE" :
													get_attname(relid, attnum, false)));
	put(&preview, PREVIEW_STATE, CStringGetTextDatum(rule == NULL ? "parked" : error ? "failed" :
													 rule->draft ? "draft" : rule->unbound ? "unbound" : "enforced"));
	tuplestore_putvalues(result->setResult, result->setDesc, preview.values, preview.nulls);
}

static void
count_rule(void *arg)
{
	RulePreview *preview = arg;

	preview->rule = pp_policy_resolve(preview->relid, preview->attnum, preview->as_of, false);
	if (preview->rule == NULL)
		return;
	pp_label_require_trusted(preview->relid, preview->rule->owner);
	count_due(preview);
	count_not_due(preview);
	estimate(preview);
}

static void
count_due(RulePreview *preview)
{
	static const int columns[] = {PREVIEW_DUE, PREVIEW_BLOCKED, PREVIEW_FIRST_END, PREVIEW_LAST_END,
	PREVIEW_RESTRICTED, PREVIEW_HELD, PREVIEW_BYTES};
	BlockedView view = open_view(preview->rule->owner, preview->as_of);
	List	   *blockers = preview->attnum == 0 ? find_blockers(&view, preview->relid) : NIL;
	Oid			types[] = {TIMESTAMPTZOID};
	Datum		values[] = {TimestampTzGetDatum(preview->as_of)};
	char	   *statement = due_statement(preview, &view, blockers);
	MemoryContext caller = CurrentMemoryContext;
	char	   *names;

	SPI_connect();
	query_as_owner(preview->rule->owner, statement, 1, types, values);
	MemoryContextSwitchTo(caller);
	for (int i = 0; i < (int) lengthof(columns); i++)
		read_column(preview, columns[i], i + 1);
	SPI_finish();
	names = name_blockers(DatumGetInt64(preview->values[PREVIEW_BLOCKED]) > 0 ? blockers : NIL, view.uncounted);
	if (names != NULL)
		put(preview, PREVIEW_BLOCKED_BY, CStringGetTextDatum(names));
}

/* A column's rule does not count values whose row goes anyway. */
static char *
due_statement(const RulePreview *preview, BlockedView *view, const List *blockers)
{
	const RetentionRule *rule = preview->rule;
	char	   *stays = "true";
	char	   *size = "NULL::pg_catalog.int4";

	if (preview->attnum > 0)
	{
		stays = psprintf("NOT %s", compile_goes(view, preview->relid));
		size = psprintf("pg_catalog.pg_column_size(" PP_TARGET ".%s)",
						quote_identifier(get_attname(preview->relid, preview->attnum, false)));
	}
	return psprintf("SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE blocked), "
					"pg_catalog.min(%s), pg_catalog.max(%s), pg_catalog.count(*) FILTER (WHERE restricted), "
					"pg_catalog.count(*) FILTER (WHERE held), pg_catalog.sum(size) FROM (SELECT (%s) AS ends_at, "
					"%s AS blocked, %s AS restricted, %s AS held, %s AS size "
					"FROM %s AS " PP_TARGET " WHERE %s AND %s OFFSET 0) AS due",
					pp_policy_moment("ends_at"), pp_policy_moment("ends_at"), rule->end, any_blocker(blockers),
					rule->restricted, rule->held, size, pp_core_quote_relation(preview->relid), rule->due, stays);
}

static char *
name_blockers(const List *blockers, const List *uncounted)
{
	char	   *names = NULL;
	ListCell   *cell;

	foreach(cell, blockers)
	{
		names = psprintf("%s%s%s", names ? names : "", names ? ", " : "", ((Blocker *) lfirst(cell))->table);
	}
	foreach(cell, uncounted)
	{
		names = psprintf("%s%s%s" NOT_COUNTED, names ? names : "", names ? ", " : "",
						 pp_core_quote_relation(lfirst_oid(cell)));
	}
	return names;
}

static void
count_not_due(RulePreview *preview)
{
	Oid			types[] = {TIMESTAMPTZOID};
	Datum		values[] = {TimestampTzGetDatum(preview->as_of)};
	MemoryContext caller = CurrentMemoryContext;
	char	   *missing;
	bool		isnull;

	SPI_connect();
	query_as_owner(preview->rule->owner, not_due_statement(preview), 1, types, values);
	MemoryContextSwitchTo(caller);
	preview->rows = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	read_column(preview, PREVIEW_WAITING, 2);
	read_column(preview, PREVIEW_UNDETERMINED, 3);
	missing = name_missing(preview);
	if (missing != NULL)
		put(preview, PREVIEW_MISSING, CStringGetTextDatum(missing));
	SPI_finish();
}

/* Rows, waiting, undetermined; and for each fact how often it is the one that waits or is unknown. */
static char *
not_due_statement(const RulePreview *preview)
{
	const RetentionRule *rule = preview->rule;
	StringInfoData sql;
	ListCell   *cell;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE %s AND judged.state = 'waiting'), "
					 "pg_catalog.count(*) FILTER (WHERE %s AND judged.state = 'undetermined')", rule->untreated, rule->untreated);
	foreach(cell, rule->facts)
	{
		appendStringInfo(&sql, ", pg_catalog.count(*) FILTER (WHERE %s AND judged.state IN ('waiting', 'undetermined') "
						 "AND %s IN ('waiting', 'undetermined'))",
						 rule->untreated, pp_policy_state(psprintf("COALESCE(%s, $1)", ((RetentionFact *) lfirst(cell))->end)));
	}
	appendStringInfo(&sql, " FROM %s AS " PP_TARGET ", LATERAL (SELECT (%s) AS ends OFFSET 0) AS reckoned, "
					 "LATERAL (SELECT %s AS state OFFSET 0) AS judged",
					 pp_core_quote_relation(rule->relid), rule->end, pp_policy_state("reckoned.ends"));
	return sql.data;
}

/* "ended_at (3), ALL OF (a, b) (7)" out of the result. */
static char *
name_missing(const RulePreview *preview)
{
	char	   *names = NULL;
	int			column = 4;
	ListCell   *cell;

	foreach(cell, preview->rule->facts)
	{
		RetentionFact *fact = lfirst(cell);
		char	   *count = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column++);

		if (strcmp(count, "0") != 0)
			names = psprintf("%s%s%s%s%s (%s)", names ? names : "", names ? ", " : "", fact->purpose ? fact->purpose : "",
							 fact->purpose ? ": " : "", fact->source, count);
	}
	return names;
}

/* Rows: their share of the table. Values: as they are stored. */
static void
estimate(RulePreview *preview)
{
	int64		due = DatumGetInt64(preview->values[PREVIEW_DUE]);
	Interval   *time = palloc0(sizeof(Interval));

	if (preview->attnum == 0)
		put(preview, PREVIEW_BYTES,
			Int64GetDatum(preview->rows > 0 ? (int64) ((double) table_bytes(preview->relid) * due / preview->rows) : 0));
	else if (preview->nulls[PREVIEW_BYTES])
		put(preview, PREVIEW_BYTES, Int64GetDatum(0));
	time->time = due * MICROSECONDS_PER_ROW;
	put(preview, PREVIEW_TIME, IntervalPGetDatum(time));
}

static int64
table_bytes(Oid relid)
{
	int64		bytes = 0;
	ListCell   *cell;

	foreach(cell, leaves_of(relid))
		bytes += DatumGetInt64(DirectFunctionCall1(pg_table_size, ObjectIdGetDatum(lfirst_oid(cell))));
	return bytes;
}

/* All of them are passed by value. */
static void
read_column(RulePreview *preview, int column, int number)
{
	preview->values[column] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number,
											&preview->nulls[column]);
}

static void
put(RulePreview *preview, int column, Datum value)
{
	preview->values[column] = value;
	preview->nulls[column] = false;
}
