/*
 * sweep_forecast.c: the retention calendar: how much falls due, rule by rule and step by step.
 *
 * Each table is read once per rule: the ends of all rows that will be due at the horizon are sorted
 * into steps. Promises count as they will stand at the horizon. A column's value is counted only if
 * it goes before its row does.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "label/label.h"
#include "sweep/sweep_ahead.h"

PG_FUNCTION_INFO_V1(pp_sql_retention_forecast);

#define FORECAST_COLUMNS 6
#define MAX_STEPS 1200

/* One rule and the steps. */
typedef struct Forecast
{
	ReturnSetInfo *result;
	Oid			relid;
	AttrNumber	attnum;
	Datum	   *bounds;			/* of timestamptz: now, and the end of each step */
	int			steps;
	RetentionRule *rule;
} Forecast;

static void make_steps(Forecast *forecast, const Interval *horizon, const Interval *step);
static TimestampTz after_steps(TimestampTz now, const Interval *step, int count);
static void forecast_rule(Forecast *forecast);
static void count_steps(void *arg);
static char *steps_statement(const Forecast *forecast);
static void put_step(const Forecast *forecast, int step, Datum count);
static void put_problem(const Forecast *forecast, const ErrorData *error);

/* privacy.retention_forecast(horizon interval, step interval) returns setof record */
Datum
pp_sql_retention_forecast(PG_FUNCTION_ARGS)
{
	Forecast	forecast = {.result = (ReturnSetInfo *) fcinfo->resultinfo};
	ListCell   *cell;
	ListCell   *attnum;

	InitMaterializedSRF(fcinfo, 0);
	make_steps(&forecast, PG_GETARG_INTERVAL_P(0), PG_GETARG_INTERVAL_P(1));
	foreach(cell, pp_label_relations())
	{
		foreach(attnum, pp_label_columns(lfirst_oid(cell)))
		{
			CHECK_FOR_INTERRUPTS();
			forecast.relid = lfirst_oid(cell);
			forecast.attnum = lfirst_int(attnum);
			forecast_rule(&forecast);
		}
	}
	PG_RETURN_VOID();
}

/* From now, each step counted from the beginning, so that months keep their day. */
static void
make_steps(Forecast *forecast, const Interval *horizon, const Interval *step)
{
	TimestampTz now = pp_core_now();
	TimestampTz last = after_steps(now, horizon, 1);

	if (last <= now || after_steps(now, step, 1) <= now)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("a forecast needs a horizon and steps that lie ahead"),
				errhint("For example retention_forecast('5 years', '1 month')."));
	forecast->bounds = palloc(sizeof(Datum) * (MAX_STEPS + 1));
	forecast->bounds[0] = TimestampTzGetDatum(now);
	for (TimestampTz bound = now; bound < last; forecast->steps++)
	{
		if (forecast->steps == MAX_STEPS)
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("a forecast has at most %d steps", MAX_STEPS),
					errhint("Make the steps longer, or the horizon shorter."));
		bound = Min(after_steps(now, step, forecast->steps + 1), last);
		forecast->bounds[forecast->steps + 1] = TimestampTzGetDatum(bound);
	}
}

static TimestampTz
after_steps(TimestampTz now, const Interval *step, int count)
{
	Datum		length = DirectFunctionCall2(interval_mul, IntervalPGetDatum(step), Float8GetDatum(count));

	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval, TimestampTzGetDatum(now), length));
}

static void
forecast_rule(Forecast *forecast)
{
	ErrorData  *error;

	forecast->rule = NULL;
	error = pp_core_attempt(count_steps, forecast);
	if (error != NULL && get_rel_name(forecast->relid) != NULL)
		put_problem(forecast, error);
}

static void
count_steps(void *arg)
{
	Forecast   *forecast = arg;
	MemoryContext caller = CurrentMemoryContext;
	Oid			types[] = {TIMESTAMPTZOID, TIMESTAMPTZARRAYOID};
	Datum		values[2];

	values[0] = forecast->bounds[forecast->steps];
	values[1] = PointerGetDatum(construct_array(forecast->bounds, forecast->steps + 1, TIMESTAMPTZOID, sizeof(TimestampTz),
												FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	forecast->rule = pp_policy_resolve(forecast->relid, forecast->attnum, DatumGetTimestampTz(values[0]), false);
	if (forecast->rule == NULL)
		return;
	pp_label_require_trusted(forecast->relid, forecast->rule->owner);
	SPI_connect();
	query_as_owner(forecast->rule->owner, steps_statement(forecast), 2, types, values);
	MemoryContextSwitchTo(caller);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		Datum		step = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);

		put_step(forecast, DatumGetInt32(step), SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &isnull));
	}
	SPI_finish();
}

/* Step 0 is what is due already. An end belongs to the step that it closes: there it is reached. */
static char *
steps_statement(const Forecast *forecast)
{
	const RetentionRule *rule = forecast->rule;
	RetentionRule *row = rule->attnum > 0 ?
	pp_policy_resolve(rule->relid, 0, DatumGetTimestampTz(forecast->bounds[forecast->steps]), false) : NULL;

	return psprintf("SELECT step, pg_catalog.count(*) FROM (SELECT (SELECT pg_catalog.count(*)::pg_catalog.int4 "
					"FROM pg_catalog.unnest($2) AS bound WHERE bound < ends_at) AS step "
					"FROM (SELECT %s AS ends_at, %s AS row_ends_at FROM %s AS " PP_TARGET " WHERE %s OFFSET 0) AS due "
					"WHERE row_ends_at IS NULL OR row_ends_at > ends_at) AS steps GROUP BY step ORDER BY step",
					rule->end, row && !row->draft ? row->end : "NULL::pg_catalog.timestamptz",
					pp_core_quote_relation(rule->relid), rule->due);
}

static void
put_step(const Forecast *forecast, int step, Datum count)
{
	Datum		values[FORECAST_COLUMNS] = {0};
	bool		nulls[FORECAST_COLUMNS] = {0};

	values[0] = CStringGetTextDatum(pp_core_quote_relation(forecast->relid));
	values[1] = CStringGetTextDatum(forecast->rule->text);
	nulls[2] = step == 0;
	values[2] = step == 0 ? (Datum) 0 : forecast->bounds[step - 1];
	values[3] = forecast->bounds[step];
	values[4] = count;
	nulls[5] = true;
	tuplestore_putvalues(forecast->result->setResult, forecast->result->setDesc, values, nulls);
}

static void
put_problem(const Forecast *forecast, const ErrorData *error)
{
	Datum		values[FORECAST_COLUMNS] = {0};
	bool		nulls[FORECAST_COLUMNS] = {false, false, true, true, true, false};

	values[0] = CStringGetTextDatum(pp_core_quote_relation(forecast->relid));
	values[1] = CStringGetTextDatum(forecast->rule ? forecast->rule->text :
									forecast->attnum == 0 ? "THEN DELETE" : get_attname(forecast->relid, forecast->attnum, false));
	values[5] = CStringGetTextDatum(pp_core_describe_error(error, forecast->rule != NULL));
	tuplestore_putvalues(forecast->result->setResult, forecast->result->setDesc, values, nulls);
}
