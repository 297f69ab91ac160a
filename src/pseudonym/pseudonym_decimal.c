/*
 * pseudonym_decimal.c: numbers as people write them.
 *
 * Digits are the ten of ASCII: another script's are other characters, and no encoding that a server
 * may have uses an ASCII byte inside of one. A text of any length is read through once, without a
 * copy.
 */
#include "postgres.h"

#include "pseudonym/pseudonym_decimal.h"
#include "pseudonym/pseudonym_internal.h"

static inline bool is_digit(char c);

int
collect_digits(const char *bytes, int length, const char *separators, char *digits, int limit)
{
	int			count = 0;

	for (int i = 0; i < length; i++)
	{
		if (is_digit(bytes[i]))
		{
			if (count < limit)
				digits[count] = bytes[i];
			count++;
		}
		else if (bytes[i] == '\0' || strchr(separators, bytes[i]) == NULL)
			return -1;
	}
	return count;
}

text *
respell(const text *value, const char *digits)
{
	int			length = VARSIZE_ANY_EXHDR(value);
	text	   *result = palloc(VARHDRSZ + length);
	char	   *bytes = VARDATA(result);

	SET_VARSIZE(result, VARHDRSZ + length);
	memcpy(bytes, VARDATA_ANY(value), length);
	for (int i = 0; i < length; i++)
		if (is_digit(bytes[i]))
			bytes[i] = *digits++;
	return result;
}

uint64
read_decimal(const char *digits, int count)
{
	uint64		number = 0;

	for (int i = 0; i < count; i++)
		number = 10 * number + (digits[i] - '0');
	return number;
}

void
write_decimal(char *digits, int count, uint64 number)
{
	for (int i = count - 1; i >= 0; i--)
	{
		digits[i] = '0' + number % 10;
		number /= 10;
	}
}

bool
is_issuable(const text *form)
{
	if (equals_word(form, "issuable"))
		return true;
	if (!equals_word(form, "not_issuable"))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a number has no such form"),
				 errdetail("The form says whether a pseudonym may be a number that someone has."),
				 errhint("Valid forms: issuable, not_issuable.")));
	return false;
}

uint64
power_of_ten(int exponent)
{
	uint64		power = 1;

	while (exponent-- > 0)
		power *= 10;
	return power;
}

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}
