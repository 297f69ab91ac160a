/*
 * pseudonym_number.c: integers and codes of digits, by permutation.
 *
 * A number stays a number of its type and sign, and unique where it was unique. There is no room in
 * it for a mark: whether a number is a pseudonym cannot be told from it, and a label needs MARK.
 */
#include "postgres.h"

#include "core/core.h"
#include "pseudonym/pseudonym_internal.h"

#define LONGEST_CODE	18

static int64 permute_signed(int64 number, uint64 size, const char *tweak, const char *negative_tweak, const ScopeKey *key);
static bool read_code(const text *value, uint64 *number, uint64 *size);

PG_FUNCTION_INFO_V1(pp_sql_pseudonym_int2);
PG_FUNCTION_INFO_V1(pp_sql_pseudonym_int4);
PG_FUNCTION_INFO_V1(pp_sql_pseudonym_int8);
PG_FUNCTION_INFO_V1(pp_sql_pseudonym_digits);

/* pseudonym(value smallint, scope text) */
Datum
pp_sql_pseudonym_int2(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT16(permute_signed(PG_GETARG_INT16(0), UINT64CONST(1) << 15, "int2", "int2 negative", find_key(fcinfo, 1)));
}

/* pseudonym(value integer, scope text) */
Datum
pp_sql_pseudonym_int4(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(permute_signed(PG_GETARG_INT32(0), UINT64CONST(1) << 31, "int4", "int4 negative", find_key(fcinfo, 1)));
}

/* pseudonym(value bigint, scope text) */
Datum
pp_sql_pseudonym_int8(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(permute_signed(PG_GETARG_INT64(0), UINT64CONST(1) << 63, "int8", "int8 negative", find_key(fcinfo, 1)));
}

/* A type has as many negative numbers, from -1 down, as others, from 0 up; they are permuted apart. */
static int64
permute_signed(int64 number, uint64 size, const char *tweak, const char *negative_tweak, const ScopeKey *key)
{
	if (number >= 0)
		return permute(number, size, tweak, key);
	return -1 - (int64) permute(-1 - number, size, negative_tweak, key);
}

/* pseudonym_digits(value text, scope text) */
Datum
pp_sql_pseudonym_digits(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	const ScopeKey *key = find_key(fcinfo, 1);
	uint64		number;
	uint64		size;
	text	   *result;

	if (!read_code(value, &number, &size))
		PG_RETURN_TEXT_P(treat_malformed(value, key, "digits", "is not a code of 1 to 18 digits"));
	number = permute(number, size, "digits", key);
	result = palloc(VARSIZE_ANY_EXHDR(value) + VARHDRSZ);
	SET_VARSIZE(result, VARSIZE_ANY_EXHDR(value) + VARHDRSZ);
	for (int i = VARSIZE_ANY_EXHDR(value) - 1; i >= 0; i--, number /= 10)
		VARDATA(result)[i] = '0' + number % 10;
	PG_RETURN_TEXT_P(result);
}

static bool
read_code(const text *value, uint64 *number, uint64 *size)
{
	int			length = VARSIZE_ANY_EXHDR(value);

	*number = 0;
	*size = 1;
	if (length < 1 || length > LONGEST_CODE)
		return false;
	for (int i = 0; i < length; i++)
	{
		unsigned char digit = VARDATA_ANY(value)[i];

		if (digit < '0' || digit > '9')
			return false;
		*number = 10 * *number + (digit - '0');
		*size *= 10;
	}
	return true;
}
