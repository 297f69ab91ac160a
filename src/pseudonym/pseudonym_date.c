/*
 * pseudonym_date.c: days and moments.
 *
 * Two ways. A permutation takes a day to any other day of its two centuries (blocks of 73 049 days,
 * one of which runs from 1900-01-01 to 2099-12-31), a moment likewise in microseconds: unique stays
 * unique, and nothing of order or distance remains. A shift moves everything of one subject by the
 * same number of days, at most ten years either way and never zero: order, distances, weekday
 * patterns and the time of day remain within the subject, and nothing links subjects. Infinity is no
 * day and stays.
 *
 * There is an answer for every value: one that cannot be given would stop the treatment of all
 * others. So the first and the last block are as short as the type makes them, and what a shift
 * would move out of the type moves the other way.
 */
#include "postgres.h"

#include "common/int.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "pseudonym/pseudonym_internal.h"

#define BLOCK_DAYS		73049
#define BLOCK_START		(-36524)	/* 1900-01-01, in days from 2000-01-01 */
#define LONGEST_SHIFT	3652	/* days */

/* The numbers of a type, and how they are divided. */
typedef struct Range
{
	int64		first;
	int64		last;
	int64		block_start;	/* of one of the blocks */
	int64		block_size;
	const char *tweak;
} Range;

static const Range days = {
	DATETIME_MIN_JULIAN - POSTGRES_EPOCH_JDATE, DATE_END_JULIAN - POSTGRES_EPOCH_JDATE - 1,
	BLOCK_START, BLOCK_DAYS, "date"
};
static const Range moments = {
	MIN_TIMESTAMP, END_TIMESTAMP - 1,
	BLOCK_START * USECS_PER_DAY, BLOCK_DAYS * USECS_PER_DAY, "timestamp"
};

static int64 permute_in_block(int64 number, const Range *range, const ScopeKey *key);
static int64 shift_within(int64 number, int64 shift, const Range *range);
static int	choose_shift(FunctionCallInfo fcinfo);

PG_FUNCTION_INFO_V1(pp_sql_pseudonym_date);
PG_FUNCTION_INFO_V1(pp_sql_pseudonym_timestamp);
PG_FUNCTION_INFO_V1(pp_sql_subject_pseudonym_date);
PG_FUNCTION_INFO_V1(pp_sql_subject_pseudonym_timestamp);

/* pseudonym(value date, scope text) */
Datum
pp_sql_pseudonym_date(PG_FUNCTION_ARGS)
{
	DateADT		day = PG_GETARG_DATEADT(0);

	if (DATE_NOT_FINITE(day))
		PG_RETURN_DATEADT(day);
	PG_RETURN_DATEADT((DateADT) permute_in_block(day, &days, find_key(fcinfo, 1)));
}

/* pseudonym(value timestamptz, scope text), and of timestamp */
Datum
pp_sql_pseudonym_timestamp(PG_FUNCTION_ARGS)
{
	Timestamp	moment = PG_GETARG_TIMESTAMP(0);

	if (TIMESTAMP_NOT_FINITE(moment))
		PG_RETURN_TIMESTAMP(moment);
	PG_RETURN_TIMESTAMP(permute_in_block(moment, &moments, find_key(fcinfo, 1)));
}

/* Blocks of equal size in both directions, but for those at the ends. */
static int64
permute_in_block(int64 number, const Range *range, const ScopeKey *key)
{
	int128		distance = (int128) number - range->block_start;
	int128		block = distance / range->block_size - (distance % range->block_size < 0 ? 1 : 0);
	int128		first = range->block_start + block * range->block_size;
	int128		next = Min(first + range->block_size, (int128) range->last + 1);

	first = Max(first, (int128) range->first);
	return (int64) (first + (int128) permute((uint64) (number - first), (uint64) (next - first), range->tweak, key));
}

/* subject_pseudonym(value date, scope text, subject_key text) */
Datum
pp_sql_subject_pseudonym_date(PG_FUNCTION_ARGS)
{
	DateADT		day = PG_GETARG_DATEADT(0);
	int			shift = choose_shift(fcinfo);

	if (DATE_NOT_FINITE(day))
		PG_RETURN_DATEADT(day);
	PG_RETURN_DATEADT((DateADT) shift_within(day, shift, &days));
}

/* subject_pseudonym(value timestamptz, scope text, subject_key text), and of timestamp */
Datum
pp_sql_subject_pseudonym_timestamp(PG_FUNCTION_ARGS)
{
	Timestamp	moment = PG_GETARG_TIMESTAMP(0);
	int			shift = choose_shift(fcinfo);

	if (TIMESTAMP_NOT_FINITE(moment))
		PG_RETURN_TIMESTAMP(moment);
	PG_RETURN_TIMESTAMP(shift_within(moment, shift * USECS_PER_DAY, &moments));
}

static int64
shift_within(int64 number, int64 shift, const Range *range)
{
	int64		result;

	if (pg_add_s64_overflow(number, shift, &result) || result < range->first || result > range->last)
		return number - shift;
	return result;
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
