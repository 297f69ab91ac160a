/*
 * pseudonym_national.c: Swedish personal numbers and organisation numbers.
 *
 * A personal number is YYMMDD, a serial of three digits and a Luhn digit, with - or + in front of
 * the last four and the century in front of all, or without them. The ten last digits are permuted
 * as a pair of a day in the century and a serial, the check digit is computed anew, and everything
 * else stays: unique numbers stay unique, and both spellings of a number have the same ten digits in
 * their pseudonyms. Only the century keeps them apart, once in a century: it decides whether there
 * is a 29 February 00, and where there is none its thousand numbers are put through again.
 *
 * A pseudonym must not be the number of someone else. There is room for that in the month: 13 to 16
 * for personal and 17 to 19 and 00 for coordination numbers, which no calendar has, with the day of
 * the year counted on through both fields. The third digit stays 0 or 1: from 2 on it would be an
 * organisation's, and sole traders, whose organisation number is their personal number, would meet
 * companies. For the same reason both functions give them the same pseudonym. Such a pseudonym is
 * no personal number any more, so that applying the function again shows.
 *
 * An organisation number has ten digits: the group of the legal form, a third digit from 2 on, and a
 * Luhn digit at the end, written NNNNNN-NNNN, without the hyphen, or with 16 in front. Those three
 * stay what they are; what is between them is permuted within the group. Organisations are not
 * persons, so the result may be the number of another one.
 */
#include "postgres.h"

#include "utils/datetime.h"

#include "core/core.h"
#include "pseudonym/pseudonym_internal.h"
#include "pseudonym/pseudonym_decimal.h"

#define NUMBER_DIGITS	10
#define LAST_DIGITS		4		/* behind the separator */
#define LONGEST			12
#define DAYS			36525	/* of a century whose first year is a leap year */
#define SERIALS			1000
#define COORDINATION	60		/* added to the day */

/* What is between group and check digit: ten second digits, eight third ones, six digits more. */
#define ORGANISATIONS	(10 * 8 * UINT64CONST(1000000))

static int	read_number(char *digits, const text *value);
static bool is_organisation_number(const char *digits, int count, const text *value);
static void permute_person(char *digits, int count, bool issuable, const ScopeKey *key);
static uint64 read_birth(const char *number);
static void write_birth(char *number, uint64 birth, bool is_coordination, bool issuable);
static bool has_leap_day(const char *digits, int count);
static void permute_organisation(char *number, const ScopeKey *key);
static void append_check_digit(char *number);

PG_FUNCTION_INFO_V1(pp_sql_pseudonym_personnummer);
PG_FUNCTION_INFO_V1(pp_sql_pseudonym_organisation_number);

/* pseudonym_personnummer(value text, scope text, form text) */
Datum
pp_sql_pseudonym_personnummer(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	const ScopeKey *key = find_key(fcinfo, 1);
	bool		issuable = is_issuable(PG_GETARG_TEXT_PP(2));
	char		digits[LONGEST];
	int			count = read_number(digits, value);

	if (!pp_core_is_personal_number(digits, count))
		PG_RETURN_TEXT_P(treat_malformed(value, key, "personnummer",
										 "is no personal number with a valid date and check digit"));
	permute_person(digits, count, issuable, key);
	PG_RETURN_TEXT_P(respell(value, digits));
}

/* pseudonym_organisation_number(value text, scope text) */
Datum
pp_sql_pseudonym_organisation_number(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	const ScopeKey *key = find_key(fcinfo, 1);
	char		digits[LONGEST];
	int			count = read_number(digits, value);

	if (is_organisation_number(digits, count, value))
		permute_organisation(digits + count - NUMBER_DIGITS, key);
	else if (pp_core_is_personal_number(digits, count))
		permute_person(digits, count, false, key);
	else
		PG_RETURN_TEXT_P(treat_malformed(value, key, "organisation_number",
										 "is no organisation number with a valid check digit"));
	PG_RETURN_TEXT_P(respell(value, digits));
}

/* 10 or 12 digits, with at most one separator in its place: their number; else 0. */
static int
read_number(char *digits, const text *value)
{
	const char *bytes = VARDATA_ANY(value);
	int			length = VARSIZE_ANY_EXHDR(value);
	int			separators = length % 2;
	char		separator;

	if (length - separators != NUMBER_DIGITS && length - separators != LONGEST)
		return 0;
	separator = bytes[length - LAST_DIGITS - separators];
	if (separators == 1 && separator != '-' && separator != '+')
		return 0;
	if (collect_digits(bytes, length, "-+", digits, LONGEST) != length - separators)
		return 0;
	return length - separators;
}

static bool
is_organisation_number(const char *digits, int count, const text *value)
{
	const char *number;

	if (count == 0 || (count == LONGEST && strncmp(digits, "16", 2) != 0))
		return false;
	number = digits + count - NUMBER_DIGITS;
	return number[2] >= '2' &&
		memchr(VARDATA_ANY(value), '+', VARSIZE_ANY_EXHDR(value)) == NULL &&
		pp_core_luhn_digit(number, NUMBER_DIGITS - 1) == number[NUMBER_DIGITS - 1] - '0';
}

static void
permute_person(char *digits, int count, bool issuable, const ScopeKey *key)
{
	char	   *number = digits + count - NUMBER_DIGITS;
	bool		is_coordination = number[4] >= '6';
	const char *tweak = is_coordination ? "coordination" : "personnummer";
	bool		leap_day = has_leap_day(digits, count);
	uint64		birth = read_birth(number);

	do
		birth = permute(birth, DAYS * SERIALS, tweak, key);
	while (!leap_day && birth / SERIALS == 31 + 28);
	write_birth(number, birth, is_coordination, issuable);
	append_check_digit(number);
}

/* Day in the century and serial as one number. Every year of the century from 2000 fits the digits. */
static uint64
read_birth(const char *number)
{
	int			day = (int) read_decimal(number + 4, 2) % COORDINATION;
	int			date = date2j(2000 + (int) read_decimal(number, 2), (int) read_decimal(number + 2, 2), day);

	return (uint64) (date - date2j(2000, 1, 1)) * SERIALS + read_decimal(number + 6, 3);
}

static void
write_birth(char *number, uint64 birth, bool is_coordination, bool issuable)
{
	int			date = date2j(2000, 1, 1) + (int) (birth / SERIALS);
	int			year;
	int			month;
	int			day;

	j2date(date, &year, &month, &day);
	if (issuable)
		day += is_coordination ? COORDINATION : 0;
	else
	{
		int			day_of_year = date - date2j(year, 1, 1);

		month = (day_of_year / 100 + (is_coordination ? 17 : 13)) % 20;
		day = day_of_year % 100;
	}
	write_decimal(number, 2, year - 2000);
	write_decimal(number + 2, 2, month);
	write_decimal(number + 4, 2, day);
	write_decimal(number + 6, 3, birth % SERIALS);
}

/* Whether the first year of the number's century is a leap year; true where no century is given. */
static bool
has_leap_day(const char *digits, int count)
{
	return count == NUMBER_DIGITS || pp_core_days_of_month(100 * (int) read_decimal(digits, 2), 2) == 29;
}

static void
permute_organisation(char *number, const ScopeKey *key)
{
	char		tweak[] = "organisation 0";
	uint64		position = (number[1] - '0') * 8 + (number[2] - '2');

	tweak[sizeof(tweak) - 2] = number[0];
	position = permute(position * 1000000 + read_decimal(number + 3, 6), ORGANISATIONS, tweak, key);
	write_decimal(number + 3, 6, position % 1000000);
	position /= 1000000;
	number[1] = '0' + position / 8;
	number[2] = '2' + position % 8;
	append_check_digit(number);
}

static void
append_check_digit(char *number)
{
	number[NUMBER_DIGITS - 1] = '0' + pp_core_luhn_digit(number, NUMBER_DIGITS - 1);
}
