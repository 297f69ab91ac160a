/*
 * policy_start.c: starting points as SQL.
 *
 * A start is NULL while its event has not happened. It may be infinite or beyond all calendars:
 * then nobody knows when it was. Neither may ever be taken for a moment, so arithmetic is done on
 * known_start() only, which is NULL for all of them.
 *
 * ALL OF must not be GREATEST, which ignores a missing event and would start the clock early; and
 * an event at -infinity, which is unknown, must not be outvoted by a later one. ANY OF may be
 * LEAST, which takes the earliest event that happened.
 *
 * Where a start is made of plain columns, conditions on the raw columns can tell most rows apart
 * without any calendar arithmetic, and an index can answer them (bound_start, precedes). They
 * compare with constants computed here, once.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "policy/policy_internal.h"

/*
 * A start from here on counts as unknown: the longest period, added to it, would leave the
 * calendar, and one such row would stop the rule for all others.
 */
#define LAST_START "'290000-01-01 00:00:00+00'::pg_catalog.timestamptz"
#define LAST_DAY "'290000-01-01'::pg_catalog.date"

/* In a zone east of Greenwich this day begins before the calendar of moments does: it begins with it instead. */
#define FIRST_DAY "'4714-11-24 BC'::pg_catalog.date"

static char *compile_parts(LabelTarget *target, const LabelStart *start);
static char *as_timestamptz(const char *sql, Oid type, int location);
static char *bound_column(LabelTarget *target, const LabelStart *start, TimestampTz latest);
static char *day_sql(TimestampTz moment, int days);

char *
compile_start(LabelTarget *target, const LabelStart *start)
{
	Oid			type;
	char	   *sql;

	check_stack_depth();
	switch (start->kind)
	{
		case START_COLUMN:
			sql = pp_label_resolve_column(target, &start->column, &type, NULL);
			return as_timestamptz(sql, type, start->location);
		case START_EXPRESSION:
			sql = pp_label_resolve_expression(target, &start->expression, &type);
			return as_timestamptz(psprintf("(%s)", sql), type, start->location);
		default:
			return compile_parts(target, start);
	}
}

static char *
compile_parts(LabelTarget *target, const LabelStart *start)
{
	List	   *parts = NIL;
	List	   *missing = NIL;
	List	   *unknown = NIL;
	ListCell   *cell;

	foreach(cell, start->parts)
	{
		char	   *part = compile_start(target, lfirst(cell));

		parts = lappend(parts, part);
		missing = lappend(missing, psprintf("%s IS NULL", part));
		unknown = lappend(unknown, psprintf("%s = '-infinity'::pg_catalog.timestamptz", part));
	}
	if (start->kind == START_ANY_OF)
		return join_list("LEAST", parts);
	return psprintf("(CASE WHEN %s THEN NULL WHEN %s THEN '-infinity'::pg_catalog.timestamptz ELSE %s END)",
					join_conditions("OR", missing), join_conditions("OR", unknown), join_list("GREATEST", parts));
}

/* Only what names one moment whoever reads it, or a day, which has a beginning in the policy's zone. */
static char *
as_timestamptz(const char *sql, Oid type, int location)
{
	Oid			base = getBaseType(type);

	if (base == TIMESTAMPTZOID)
		return psprintf("(%s)::pg_catalog.timestamptz", sql);
	/* a day can be earlier and later than any moment */
	if (base == DATEOID)
		return psprintf("(CASE WHEN %s = " FIRST_DAY " THEN " PP_ENDED " WHEN %s < " LAST_DAY " THEN (%s)::pg_catalog.timestamptz "
						"WHEN %s IS NOT NULL THEN 'infinity'::pg_catalog.timestamptz END)", sql, sql, sql, sql);
	ereport(ERROR,
			errcode(ERRCODE_DATATYPE_MISMATCH),
			errmsg("a starting point cannot be of type %s", format_type_be(type)),
			errdetail("A starting point is a timestamp with time zone, or a date, which means its 00:00 in privacy.policy_timezone."),
			base == TIMESTAMPOID ?
			errhint("Say in which zone the values are kept: (x AT TIME ZONE 'UTC').") :
			errhint("Use a column or an expression of type timestamptz or date."),
			pp_label_position(location));
}

char *
known_start(const char *start)
{
	return psprintf("NULLIF(NULLIF(LEAST(%s, " LAST_START "), " LAST_START "), '-infinity'::pg_catalog.timestamptz)",
					start);
}

bool
is_plain_start(const LabelStart *start)
{
	ListCell   *cell;

	if (start->kind == START_EXPRESSION)
		return false;
	foreach(cell, start->parts)
	{
		if (!is_plain_start(lfirst(cell)))
			return false;
	}
	return true;
}

/* ALL OF: each part that is a column; ANY OF: one of the parts, if all of them can say. */
char *
bound_start(LabelTarget *target, const LabelStart *start, TimestampTz latest)
{
	List	   *bounds = NIL;
	ListCell   *cell;

	if (start->kind == START_EXPRESSION)
		return NULL;
	if (start->kind == START_COLUMN)
		return bound_column(target, start, latest);
	foreach(cell, start->parts)
	{
		char	   *bound = bound_start(target, lfirst(cell), latest);

		if (bound != NULL)
			bounds = lappend(bounds, bound);
		else if (start->kind == START_ANY_OF)
			return NULL;
	}
	return join_conditions(start->kind == START_ALL_OF ? "AND" : "OR", bounds);
}

static char *
bound_column(LabelTarget *target, const LabelStart *start, TimestampTz latest)
{
	Oid			type;
	char	   *column = pp_label_resolve_column(target, &start->column, &type, NULL);

	if (getBaseType(type) == DATEOID)
		return psprintf("(%s > '-infinity'::pg_catalog.date AND %s <= %s)", column, column,
						day_sql(latest, 1));
	return psprintf("(%s > '-infinity'::pg_catalog.timestamptz AND %s <= %s)", column, column,
					moment_sql(latest));
}

char *
precedes(LabelTarget *target, const LabelStart *start, TimestampTz moment)
{
	Oid			type;
	char	   *column;

	if (start->kind != START_COLUMN)
		return psprintf("%s < %s", compile_start(target, start), moment_sql(moment));
	column = pp_label_resolve_column(target, &start->column, &type, NULL);
	if (getBaseType(type) == DATEOID)
		return psprintf("%s < %s", column, day_sql(moment, -1));
	return psprintf("%s < %s", column, moment_sql(moment));
}

/* The day of a moment, give or take the zone. */
static char *
day_sql(TimestampTz moment, int days)
{
	DateADT		day;

	if (TIMESTAMP_NOT_FINITE(moment))
		return psprintf("'%sinfinity'::pg_catalog.date", TIMESTAMP_IS_NOBEGIN(moment) ? "-" : "");
	day = DatumGetDateADT(DirectFunctionCall1(timestamp_date, TimestampGetDatum((Timestamp) moment)));
	if (IS_VALID_DATE(day + days))
		day += days;
	return psprintf("'%s'::pg_catalog.date",
					DatumGetCString(DirectFunctionCall1(date_out, DateADTGetDatum(day))));
}

char *
moment_sql(TimestampTz moment)
{
	return psprintf("'%s'::pg_catalog.timestamptz",
					DatumGetCString(DirectFunctionCall1(timestamptz_out, TimestampTzGetDatum(moment))));
}

char *
interval_sql(const Interval *interval)
{
	return psprintf("'%s'::pg_catalog.interval",
					DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(interval))));
}

char *
join_list(const char *function, const List *parts)
{
	StringInfoData sql;
	ListCell   *cell;

	if (parts == NIL)
		return NULL;
	if (list_length(parts) == 1)
		return linitial(parts);
	initStringInfo(&sql);
	foreach(cell, parts)
		appendStringInfo(&sql, "%s%s", sql.len > 0 ? ", " : psprintf("%s(", function),
						 (char *) lfirst(cell));
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

char *
join_conditions(const char *operator, const List *parts)
{
	StringInfoData sql;
	ListCell   *cell;

	if (parts == NIL)
		return NULL;
	if (list_length(parts) == 1)
		return linitial(parts);
	initStringInfo(&sql);
	foreach(cell, parts)
		appendStringInfo(&sql, "%s%s", sql.len > 0 ? psprintf(" %s ", operator) : "(", (char *) lfirst(cell));
	appendStringInfoChar(&sql, ')');
	return sql.data;
}
