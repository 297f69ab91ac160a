/*
 * pseudonym_card.c: numbers of payment cards.
 *
 * A card number (ISO/IEC 7812-1) is the issuer's number, the account's, and a Luhn digit. The first
 * six digits stay, since reports by issuer and brand need them and they are no person's; what is
 * between them and the check digit is permuted, for every issuer in another way, and the check digit
 * is computed anew. So the result passes wherever a card number does: it may be somebody's.
 *
 * Who wants numbers that no card can have gets a 0 in front: that digit is reserved for other uses
 * than cards. It takes the place of a digit that told numbers apart, so that two cards whose numbers
 * begin with different digits may be given the same result; those that begin alike never are.
 */
#include "postgres.h"

#include "core/core.h"
#include "pseudonym/pseudonym_internal.h"
#include "pseudonym/pseudonym_decimal.h"

#define FORMAT			"card"
#define SEPARATORS		" -"
#define SHORTEST		12
#define LONGEST			19
#define ISSUER_DIGITS	6

static const char *read_card(char *digits, int *count, const text *value);
static void permute_card(char *digits, int count, const ScopeKey *key);

PG_FUNCTION_INFO_V1(pp_sql_pseudonym_card);

/* pseudonym_card(value text, scope text, form text) */
Datum
pp_sql_pseudonym_card(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	const ScopeKey *key = find_key(fcinfo, 1);
	bool		issuable = is_issuable(PG_GETARG_TEXT_PP(2));
	char		digits[LONGEST];
	int			count;
	const char *why = read_card(digits, &count, value);

	if (why != NULL)
		PG_RETURN_TEXT_P(treat_malformed(value, key, FORMAT, why));
	permute_card(digits, count, key);
	if (!issuable)
		digits[0] = '0';
	digits[count - 1] = '0' + pp_core_luhn_digit(digits, count - 1);
	PG_RETURN_TEXT_P(respell(value, digits));
}

/* NULL, or why the value is no card number. */
static const char *
read_card(char *digits, int *count, const text *value)
{
	*count = collect_digits(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), SEPARATORS, digits, LONGEST);
	if (*count < 0)
		return "has characters that a card number has not";
	if (*count < SHORTEST || *count > LONGEST)
		return "has not 12 to 19 digits";
	if (digits[0] == '0')
		return "begins with 0, which no card number does";
	if (pp_core_luhn_digit(digits, *count - 1) != digits[*count - 1] - '0')
		return "has a wrong check digit";
	return NULL;
}

static void
permute_card(char *digits, int count, const ScopeKey *key)
{
	char	   *account = digits + ISSUER_DIGITS;
	int			length = count - ISSUER_DIGITS - 1;
	char		tweak[sizeof(FORMAT) + ISSUER_DIGITS + 1] = FORMAT " ";

	memcpy(tweak + sizeof(FORMAT), digits, ISSUER_DIGITS);
	write_decimal(account, length,
				  permute(read_decimal(account, length), power_of_ten(length), tweak, key));
}
