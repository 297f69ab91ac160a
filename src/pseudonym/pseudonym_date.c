/*
 * pseudonym_date.c: days and moments.
 *
 * Two ways. A permutation takes a day to any other day of its two centuries (blocks of 73 049 days,
 * one of which runs from 1900-01-01 to 2099-12-31), a moment likewise in microseconds: unique stays
 * unique, and nothing of order or distance remains. A shift moves everything of one subject by the
 * same number of days, at most ten years either way and never zero: order, distances, weekday
 * patterns and the time of day remain within the subject, and nothing links subjects. Infinity is no
 * day and stays.
 */
#include "postgres.h"

#include "utils/date.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "pseudonym/pseudonym_internal.h"

#define BLOCK_DAYS		73049
#define BLOCK_START		(-36524)	/* 1900-01-01, in days from 2000-01-01 */
#define LONGEST_SHIFT	3652	/* days */

static int64 permute_in_block(int64 number, int64 start, int64 size, const char *tweak, const ScopeKey *key);
static int	choose_shift(FunctionCallInfo fcinfo);
static void check_range(Timestamp moment);
static void refuse_range(void) pg_attribute_noreturn();

PG_FUNCTION_INFO_V1(pp_sql_pseudonym_date);
PG_FUNCTION_INFO_V1(pp_sql_pseudonym_timestamp);
PG_FUNCTION_INFO_V1(pp_sql_subject_pseudonym_date);
PG_FUNCTION_INFO_V1(pp_sql_subject_pseudonym_timestamp);

/* pseudonym(value date, scope text) */
Datum
pp_sql_pseudonym_date(PG_FUNCTION_ARGS)
{
	DateADT		day = PG_GETARG_DATEADT(0);
	int64		result;

	if (DATE_NOT_FINITE(day))
		PG_RETURN_DATEADT(day);
	result = permute_in_block(day, BLOCK_START, BLOCK_DAYS, "date", find_key(fcinfo, 1));
	if (!IS_VALID_DATE(result))
		refuse_range();
	PG_RETURN_DATEADT((DateADT) result);
}

/* pseudonym(value timestamptz, scope text), and of timestamp */
Datum
pp_sql_pseudonym_timestamp(PG_FUNCTION_ARGS)
{
	Timestamp	moment = PG_GETARG_TIMESTAMP(0);
	int64		result;

	if (TIMESTAMP_NOT_FINITE(moment))
		PG_RETURN_TIMESTAMP(moment);
	check_range(moment);
	result = permute_in_block(moment, BLOCK_START * USECS_PER_DAY, BLOCK_DAYS * USECS_PER_DAY,
							  "timestamp", find_key(fcinfo, 1));
	if (!IS_VALID_TIMESTAMP(result))
		refuse_range();
	PG_RETURN_TIMESTAMP(result);
}

/* So far from the ends of its type that nothing below overflows: the year 146 000 will do. */
static void
check_range(Timestamp moment)
{
	if (moment > PG_INT64_MAX / 2)
		refuse_range();
}

/* Blocks of equal size in both directions. */
static int64
permute_in_block(int64 number, int64 start, int64 size, const char *tweak, const ScopeKey *key)
{
	int64		block = (number - start) / size;

	if (number < start + block * size)
		block--;
	return start + block * size + (int64) permute(number - start - block * size, size, tweak, key);
}

/* subject_pseudonym(value date, scope text, subject_key text) */
Datum
pp_sql_subject_pseudonym_date(PG_FUNCTION_ARGS)
{
	DateADT		day = PG_GETARG_DATEADT(0);
	int			shift = choose_shift(fcinfo);

	if (DATE_NOT_FINITE(day))
		PG_RETURN_DATEADT(day);
	if (!IS_VALID_DATE((int64) day + shift))
		refuse_range();
	PG_RETURN_DATEADT(day + shift);
}

/* subject_pseudonym(value timestamptz, scope text, subject_key text), and of timestamp */
Datum
pp_sql_subject_pseudonym_timestamp(PG_FUNCTION_ARGS)
{
	Timestamp	moment = PG_GETARG_TIMESTAMP(0);
	int64		shift = choose_shift(fcinfo) * USECS_PER_DAY;

	if (TIMESTAMP_NOT_FINITE(moment))
		PG_RETURN_TIMESTAMP(moment);
	check_range(moment);
	if (!IS_VALID_TIMESTAMP(moment + shift))
		refuse_range();
	PG_RETURN_TIMESTAMP(moment + shift);
}

/* Days, not zero; the same for all values of a subject. */
static int
choose_shift(FunctionCallInfo fcinfo)
{
	text	   *subject = PG_GETARG_TEXT_PP(2);
	const ScopeKey *key = find_key(fcinfo, 1);
	int			choice = (int) choose(text_part(subject), 2 * LONGEST_SHIFT, PP_USE_SHIFT, "shift", key);

	return choice < LONGEST_SHIFT ? choice - LONGEST_SHIFT : choice - LONGEST_SHIFT + 1;
}

static void
refuse_range(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATETIME_FIELD_OVERFLOW),
			 errmsg("the pseudonym of a date is out of range"),
			 errdetail("The value is too near the first or the last date that PostgreSQL has."),
			 errhint("Correct the value.")));
}
