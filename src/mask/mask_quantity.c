/*
 * mask_quantity.c: numbers made coarse, as a range that contains the value or as the nearest
 * multiple of a step.
 *
 * At the ends of a type the arithmetic would overflow. A bound that the type cannot hold becomes no
 * bound, which is as true; a number that cannot be rounded away from zero is rounded towards it.
 * Both work with the remainder, which is exact and never overflows. The scale of a numeric tells
 * how exact the value was, so it is cut to what the result needs.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/int.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/rangetypes.h"

#include "mask/mask_internal.h"

static Datum make_bounds(FunctionCallInfo fcinfo, Oid type, RangeBound *lower, RangeBound *upper);
static void find_bounds(int64 value, int64 width, RangeBound *lower, RangeBound *upper);
static int64 round_to(int64 value, int64 step, int64 least, int64 most);
static void require_positive(bool positive, const char *what);
static bool is_positive(Numeric number);
static int	compare(Datum left, Datum right);
static Datum trim(Datum number);

PG_FUNCTION_INFO_V1(pp_sql_mask_range_int4);
PG_FUNCTION_INFO_V1(pp_sql_mask_range_int8);
PG_FUNCTION_INFO_V1(pp_sql_mask_range_numeric);
PG_FUNCTION_INFO_V1(pp_sql_mask_number_int4);
PG_FUNCTION_INFO_V1(pp_sql_mask_number_int8);
PG_FUNCTION_INFO_V1(pp_sql_mask_number_numeric);
PG_FUNCTION_INFO_V1(pp_sql_mask_number_float8);

/* mask_range(value integer, width integer) */
Datum
pp_sql_mask_range_int4(PG_FUNCTION_ARGS)
{
	RangeBound	lower = {.inclusive = true, .lower = true};
	RangeBound	upper = {0};

	require_positive(PG_GETARG_INT32(1) > 0, "width");
	find_bounds(PG_GETARG_INT32(0), PG_GETARG_INT32(1), &lower, &upper);
	lower.infinite = DatumGetInt64(lower.val) < PG_INT32_MIN;
	upper.infinite = DatumGetInt64(upper.val) > PG_INT32_MAX;
	lower.val = Int32GetDatum((int32) DatumGetInt64(lower.val));
	upper.val = Int32GetDatum((int32) DatumGetInt64(upper.val));
	return make_bounds(fcinfo, INT4RANGEOID, &lower, &upper);
}

/* mask_range(value bigint, width bigint) */
Datum
pp_sql_mask_range_int8(PG_FUNCTION_ARGS)
{
	RangeBound	lower = {.inclusive = true, .lower = true};
	RangeBound	upper = {0};

	require_positive(PG_GETARG_INT64(1) > 0, "width");
	find_bounds(PG_GETARG_INT64(0), PG_GETARG_INT64(1), &lower, &upper);
	return make_bounds(fcinfo, INT8RANGEOID, &lower, &upper);
}

/* The multiples of width around value; infinite where 64 bits cannot hold one. */
static void
find_bounds(int64 value, int64 width, RangeBound *lower, RangeBound *upper)
{
	int64		above = value % width;
	int64		bound;

	if (above < 0)
		above += width;
	lower->infinite = pg_sub_s64_overflow(value, above, &bound);
	lower->val = Int64GetDatum(bound);
	upper->infinite = pg_add_s64_overflow(value, width - above, &bound);
	upper->val = Int64GetDatum(bound);
}

/* mask_range(value numeric, width numeric) */
Datum
pp_sql_mask_range_numeric(PG_FUNCTION_ARGS)
{
	Numeric		value = PG_GETARG_NUMERIC(0);
	Datum		width = PG_GETARG_DATUM(1);
	RangeBound	lower = {.inclusive = true, .lower = true};
	RangeBound	upper = {0};

	require_positive(is_positive(DatumGetNumeric(width)), "width");
	lower.infinite = upper.infinite = numeric_is_nan(value) || numeric_is_inf(value);
	if (!lower.infinite)
	{
		Datum		above = DirectFunctionCall2(numeric_mod, NumericGetDatum(value), width);

		if (compare(above, NumericGetDatum(int64_to_numeric(0))) < 0)
			above = DirectFunctionCall2(numeric_add, above, width);
		lower.val = trim(DirectFunctionCall2(numeric_sub, NumericGetDatum(value), above));
		upper.val = trim(DirectFunctionCall2(numeric_add, lower.val, width));
	}
	return make_bounds(fcinfo, NUMRANGEOID, &lower, &upper);
}

static Datum
make_bounds(FunctionCallInfo fcinfo, Oid type, RangeBound *lower, RangeBound *upper)
{
	TypeCacheEntry *cache = range_get_typcache(fcinfo, type);

#if PG_VERSION_NUM >= 160000
	return RangeTypePGetDatum(make_range(cache, lower, upper, false, NULL));
#else
	return RangeTypePGetDatum(make_range(cache, lower, upper, false));
#endif
}

/* mask_number(value integer, step integer) */
Datum
pp_sql_mask_number_int4(PG_FUNCTION_ARGS)
{
	require_positive(PG_GETARG_INT32(1) > 0, "step");
	PG_RETURN_INT32((int32) round_to(PG_GETARG_INT32(0), PG_GETARG_INT32(1), PG_INT32_MIN, PG_INT32_MAX));
}

/* mask_number(value bigint, step bigint) */
Datum
pp_sql_mask_number_int8(PG_FUNCTION_ARGS)
{
	require_positive(PG_GETARG_INT64(1) > 0, "step");
	PG_RETURN_INT64(round_to(PG_GETARG_INT64(0), PG_GETARG_INT64(1), PG_INT64_MIN, PG_INT64_MAX));
}

/* Half a step goes away from zero, as numeric's round() does. */
static int64
round_to(int64 value, int64 step, int64 least, int64 most)
{
	int64		rest = value % step;
	int64		towards_zero = value - rest;
	int64		away;

	if (rest > 0 ? rest < step - rest : -rest < step + rest)
		return towards_zero;
	if (rest > 0 ? pg_add_s64_overflow(towards_zero, step, &away) : pg_sub_s64_overflow(towards_zero, step, &away))
		return towards_zero;
	return away < least || away > most ? towards_zero : away;
}

/* mask_number(value numeric, step numeric) */
Datum
pp_sql_mask_number_numeric(PG_FUNCTION_ARGS)
{
	Numeric		value = PG_GETARG_NUMERIC(0);
	Datum		step = PG_GETARG_DATUM(1);
	Datum		rest;
	Datum		size;
	Datum		result;

	require_positive(is_positive(DatumGetNumeric(step)), "step");
	if (numeric_is_nan(value) || numeric_is_inf(value))
		PG_RETURN_NUMERIC(value);
	rest = DirectFunctionCall2(numeric_mod, NumericGetDatum(value), step);
	size = DirectFunctionCall1(numeric_abs, rest);
	result = DirectFunctionCall2(numeric_sub, NumericGetDatum(value), rest);
	if (compare(DirectFunctionCall2(numeric_add, size, size), step) >= 0)
		result = DirectFunctionCall2(compare(rest, size) == 0 ? numeric_add : numeric_sub, result, step);
	return trim(result);
}

/* mask_number(value double precision, step double precision) */
Datum
pp_sql_mask_number_float8(PG_FUNCTION_ARGS)
{
	float8		value = PG_GETARG_FLOAT8(0);
	float8		step = PG_GETARG_FLOAT8(1);
	float8		parts;			/* of which one has so many: 10 steps of 0.1 */
	float8		result;

	require_positive(step > 0 && !isinf(step), "step");
	parts = round(1 / step);
	result = parts > 1 && parts * step == 1 ? round(value * parts) / parts : round(value / step) * step;
	/* beyond the type: then the step is too small, or the value too near the end, to say less */
	if (isinf(result) && !isinf(value))
		result = value - fmod(value, step);
	/* a negative zero would tell the sign */
	PG_RETURN_FLOAT8(result + 0.0);
}

static void
require_positive(bool positive, const char *what)
{
	if (!positive)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("%s of a mask must be positive and finite", what),
				errhint("Say how coarse the result is: 10 keeps tens."));
}

static bool
is_positive(Numeric number)
{
	return !numeric_is_nan(number) && !numeric_is_inf(number) &&
		compare(NumericGetDatum(number), NumericGetDatum(int64_to_numeric(0))) > 0;
}

static int
compare(Datum left, Datum right)
{
	return DatumGetInt32(DirectFunctionCall2(numeric_cmp, left, right));
}

static Datum
trim(Datum number)
{
	return DirectFunctionCall1(numeric_trim_scale, number);
}
