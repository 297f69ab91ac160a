/*
 * mask_date.c: dates and moments made coarse: the beginning of the period that they lie in.
 *
 * The server's date_trunc() of a timestamptz depends on the session's time zone, and what a mask
 * writes must not. So moments are truncated in UTC, or in a zone that is an argument. A zone's
 * rules come with the server's time zone data and change with its releases: that form is STABLE.
 *
 * Periods are counted as the server does it: a week begins on Monday, a decade with year 0, a
 * century with year 1. Infinities stay. A beginning before the type's first day is that day.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "mask/mask_internal.h"

typedef enum Unit
{
	UNIT_HOUR,
	UNIT_DAY,
	UNIT_WEEK,
	UNIT_MONTH,
	UNIT_QUARTER,
	UNIT_YEAR,
	UNIT_DECADE,
	UNIT_CENTURY
} Unit;

static Unit read_unit(const text *name, Unit finest);
static const char *list_units(Unit finest);
static int	begin_period(int julian, Unit unit);
static int	floor_to(int number, int step);
static Timestamp begin_moment(Timestamp value, Unit unit);

PG_FUNCTION_INFO_V1(pp_sql_mask_date);
PG_FUNCTION_INFO_V1(pp_sql_mask_date_timestamp);
PG_FUNCTION_INFO_V1(pp_sql_mask_date_zone);

static const char *const units[] = {"hour", "day", "week", "month", "quarter", "year", "decade", "century"};

/* mask_date(value date, unit text) */
Datum
pp_sql_mask_date(PG_FUNCTION_ARGS)
{
	DateADT		value = PG_GETARG_DATEADT(0);
	Unit		unit = read_unit(PG_GETARG_TEXT_PP(1), UNIT_WEEK);

	if (DATE_NOT_FINITE(value))
		PG_RETURN_DATEADT(value);
	PG_RETURN_DATEADT(begin_period(value + POSTGRES_EPOCH_JDATE, unit) - POSTGRES_EPOCH_JDATE);
}

/* mask_date(value timestamp, unit text), and for timestamptz, which is kept in UTC */
Datum
pp_sql_mask_date_timestamp(PG_FUNCTION_ARGS)
{
	Unit		unit = read_unit(PG_GETARG_TEXT_PP(1), UNIT_HOUR);

	PG_RETURN_TIMESTAMP(begin_moment(PG_GETARG_TIMESTAMP(0), unit));
}

/* mask_date(value timestamptz, unit text, zone text) */
Datum
pp_sql_mask_date_zone(PG_FUNCTION_ARGS)
{
	Datum		value = PG_GETARG_DATUM(0);
	Unit		unit = read_unit(PG_GETARG_TEXT_PP(1), UNIT_HOUR);
	Datum		zone = PG_GETARG_DATUM(2);
	Timestamp	local = DatumGetTimestamp(DirectFunctionCall2(timestamptz_zone, zone, value));

	return DirectFunctionCall2(timestamp_zone, zone, TimestampGetDatum(begin_moment(local, unit)));
}

static Unit
read_unit(const text *name, Unit finest)
{
	char	   *wanted = text_to_cstring(name);

	for (int i = finest; i < (int) lengthof(units); i++)
		if (pg_strcasecmp(wanted, units[i]) == 0)
			return (Unit) i;
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("unit \"%s\" is not one to which this type can be masked", wanted),
			errhint("Valid units are %s.", list_units(finest)));
}

static const char *
list_units(Unit finest)
{
	return finest == UNIT_HOUR ? "hour, day, week, month, quarter, year, decade and century" :
		"week, month, quarter, year, decade and century";
}

static Timestamp
begin_moment(Timestamp value, Unit unit)
{
	Timestamp	time;
	int64		day;

	if (TIMESTAMP_NOT_FINITE(value))
		return value;
	time = value % USECS_PER_DAY;
	if (time < 0)
		time += USECS_PER_DAY;
	if (unit == UNIT_HOUR)
		return value - time % USECS_PER_HOUR;
	day = (value - time) / USECS_PER_DAY + POSTGRES_EPOCH_JDATE;
	if (unit > UNIT_DAY)
		day = begin_period((int) day, unit);
	return (day - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY;
}

/* The first day of the period of a Julian day; years count 0 for 1 BC. */
static int
begin_period(int julian, Unit unit)
{
	int			year;
	int			month;
	int			day;

	if (unit == UNIT_WEEK)
		return Max(0, julian - julian % 7);
	j2date(julian, &year, &month, &day);
	if (unit == UNIT_QUARTER)
		month -= (month - 1) % 3;
	else if (unit > UNIT_QUARTER)
		month = 1;
	if (unit == UNIT_DECADE)
		year = floor_to(year, 10);
	if (unit == UNIT_CENTURY)
		year = floor_to(year - 1, 100) + 1;
	return IS_VALID_JULIAN(year, month, 1) ? date2j(year, month, 1) : 0;
}

static int
floor_to(int number, int step)
{
	int			rest = number % step;

	return number - (rest < 0 ? rest + step : rest);
}
