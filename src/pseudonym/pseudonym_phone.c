/*
 * pseudonym_phone.c: phone numbers.
 *
 * A number is a country code and a national number. What stays is all that says how it is dialled:
 * the country code, how many digits there are, the zeros in front of the national number, the
 * separators. The rest, from the first digit that is not 0, is permuted among the numbers of its
 * length that do not begin with 0 either, so that unique numbers stay unique and +46 70 123 45 67,
 * 0046 70 123 45 67, +46 (0)70 123 45 67 and 070 123 45 67 are given the same digits behind their
 * zeros.
 *
 * Three spellings are told apart by how they begin: "+" or 00, and a country code behind; 0, a
 * Swedish national number; another digit, a number without a country or an area code, which can only
 * be permuted for itself. Who stores national numbers of other countries that begin with 0 gets
 * good pseudonyms too, only not those of their international spellings.
 *
 * The result has the form of a number, and may be somebody's: nothing must ever be sent to it.
 */
#include "postgres.h"

#include "pseudonym/pseudonym_internal.h"
#include "pseudonym/pseudonym_decimal.h"

#define FORMAT			"phone"
#define SEPARATORS		" -()./"
#define SWEDEN			"46"
#define LONGEST			15		/* country code and national number (ITU-T E.164) */
#define LONGEST_PREFIX	2		/* 00 */
#define SHORTEST		5		/* fewer digits are too few to permute */
#define LONGEST_CODE	3

typedef struct Phone
{
	int			count;
	char		digits[LONGEST_PREFIX + LONGEST + LONGEST_CODE];
	char		tweak[sizeof(FORMAT) + 1 + LONGEST_CODE];
	int			first;			/* of the digits to permute */
} Phone;

static const char *read_phone(Phone *phone, const text *value);
static bool skip_plus(const char **bytes, int *length);
static const char *split_phone(Phone *phone, bool is_international);
static int	measure_country_code(const char *digits);
static void permute_phone(Phone *phone, const ScopeKey *key);

PG_FUNCTION_INFO_V1(pp_sql_pseudonym_phone);

/* pseudonym_phone(value text, scope text) */
Datum
pp_sql_pseudonym_phone(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	const ScopeKey *key = find_key(fcinfo, 1);
	Phone		phone;
	const char *why = read_phone(&phone, value);

	if (why != NULL)
		PG_RETURN_TEXT_P(treat_malformed(value, key, FORMAT, why));
	permute_phone(&phone, key);
	PG_RETURN_TEXT_P(respell(value, phone.digits));
}

/* NULL, or why the value is no phone number. */
static const char *
read_phone(Phone *phone, const text *value)
{
	const char *bytes = VARDATA_ANY(value);
	int			length = VARSIZE_ANY_EXHDR(value);
	bool		is_international = skip_plus(&bytes, &length);

	memset(phone, 0, sizeof(*phone));
	phone->count = collect_digits(bytes, length, SEPARATORS, phone->digits, LONGEST_PREFIX + LONGEST);
	if (phone->count < 0)
		return "has characters that a phone number has not";
	if (phone->count > LONGEST_PREFIX + LONGEST)
		return "has more than 15 digits";
	return split_phone(phone, is_international);
}

/* A plus sign stands once and first, but for what opens a group: "(+46)". */
static bool
skip_plus(const char **bytes, int *length)
{
	int			i = 0;

	while (i < *length && ((*bytes)[i] == ' ' || (*bytes)[i] == '('))
		i++;
	if (i == *length || (*bytes)[i] != '+')
		return false;
	*bytes += i + 1;
	*length -= i + 1;
	return true;
}

/* Finds the country code, which goes into the tweak, and the digits behind its zeros. */
static const char *
split_phone(Phone *phone, bool is_international)
{
	const char *code = "";
	int			code_length = 0;
	int			prefix = 0;

	if (!is_international && strncmp(phone->digits, "00", 2) == 0)
	{
		is_international = true;
		prefix = 2;
	}
	if (is_international)
	{
		code = phone->digits + prefix;
		code_length = measure_country_code(code);
		if (code_length == 0)
			return "has no country code";
		phone->first = prefix + code_length;
	}
	else if (phone->digits[0] == '0')
	{
		code = SWEDEN;
		code_length = sizeof(SWEDEN) - 1;
	}
	while (phone->first < phone->count && phone->digits[phone->first] == '0')
		phone->first++;

	if (phone->count - prefix > LONGEST)
		return "has more than 15 digits";
	if (phone->count - phone->first < SHORTEST)
		return "has fewer than five digits behind country code and zeros";
	memcpy(phone->tweak, FORMAT " ", sizeof(FORMAT));
	memcpy(phone->tweak + sizeof(FORMAT), code, code_length);
	return NULL;
}

/*
 * Country codes are a prefix code (ITU-T E.164 and its list of assigned codes): 1 and 7 are whole,
 * some begin a whole code with their second digit, all others have three.
 */
static int
measure_country_code(const char *digits)
{
	static const char *const second_of_two[10] = {
		[2] = "07",[3] = "0123469",[4] = "013456789",[5] = "12345678",[6] = "0123456",
		[8] = "1246",[9] = "0123458"
	};
	const char *seconds;

	if (digits[0] < '1' || digits[0] > '9')
		return 0;
	if (digits[0] == '1' || digits[0] == '7')
		return 1;
	seconds = second_of_two[digits[0] - '0'];
	return digits[1] != '\0' && strchr(seconds, digits[1]) != NULL ? 2 : 3;
}

static void
permute_phone(Phone *phone, const ScopeKey *key)
{
	char	   *digits = phone->digits + phone->first;
	int			count = phone->count - phone->first;
	uint64		least = power_of_ten(count - 1);
	uint64		number = read_decimal(digits, count) - least;

	write_decimal(digits, count, least + permute(number, 9 * least, phone->tweak, key));
}
