/*
 * pseudonym_name.c: names of persons, streets and towns.
 *
 * A name is replaced by one out of a list, chosen by a keyed hash of the whole value, so that texts
 * read as before and equal names stay equal. Lists are short and people are many: different persons
 * may be given one name, and nothing in a name says that it is a pseudonym. Postal codes, which are
 * few, are permuted instead; they and the towns are chosen without regard to each other.
 *
 * The lists are the .txt files of this folder, compiled into the library by the Makefile: nothing
 * is read at run time. They are in UTF-8, and their letters beyond ASCII are of Latin-1 only. In a
 * database of another encoding a name is the same one, written with that encoding's letters where
 * it is Latin-1, Latin-9 or Windows-1252, and with the letter below the accent in all others. In an
 * SQL_ASCII database, whose encoding nobody knows, it is in UTF-8.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "pseudonym/pseudonym_decimal.h"
#include "pseudonym/pseudonym_internal.h"
#include "pseudonym/pseudonym_name.inc"

#define HOUSE_NUMBERS	199
#define POSTAL_DIGITS	5
#define LONGEST			64		/* result in bytes */

/* A name of every list is shorter, or the compiler says so: see LONGEST_NAME. */
StaticAssertDecl(2 * LONGEST_NAME + 1 < LONGEST, "a name is too long");

typedef struct NameList
{
	const char *const *names;
	int			count;
} NameList;

#define LIST(names) {names, lengthof(names)}

/* The two lists of a language. */
typedef struct Language
{
	const char *code;
	NameList	given;
	NameList	family;
} Language;

static const Language languages[] = {
	{"sv", LIST(given_sv), LIST(family_sv)},
	{"en", LIST(given_en), LIST(family_en)},
};
static const NameList streets = LIST(street_sv);
static const NameList cities = LIST(city_sv);

static const Language *find_language(const text *code);
static uint64 choose_for(FunctionCallInfo fcinfo, uint64 size, const char *tweak);
static int	put_name(char *to, const NameList *list, uint64 place);
static char find_letter(int place, int encoding);
static text *make_text(const char *bytes, int length);

PG_FUNCTION_INFO_V1(pp_sql_pseudonym_name);
PG_FUNCTION_INFO_V1(pp_sql_pseudonym_given_name);
PG_FUNCTION_INFO_V1(pp_sql_pseudonym_family_name);
PG_FUNCTION_INFO_V1(pp_sql_pseudonym_street);
PG_FUNCTION_INFO_V1(pp_sql_pseudonym_city);
PG_FUNCTION_INFO_V1(pp_sql_pseudonym_postal_code);

/* pseudonym_name(value text, scope text, language text) */
Datum
pp_sql_pseudonym_name(PG_FUNCTION_ARGS)
{
	const Language *language = find_language(PG_GETARG_TEXT_PP(2));
	uint64		size = (uint64) language->given.count * language->family.count;
	uint64		choice = choose_for(fcinfo, size, "name");
	char		name[LONGEST];
	int			length;

	length = put_name(name, &language->given, choice / language->family.count);
	name[length++] = ' ';
	length += put_name(name + length, &language->family, choice % language->family.count);
	PG_RETURN_TEXT_P(make_text(name, length));
}

/* pseudonym_given_name(value text, scope text, language text) */
Datum
pp_sql_pseudonym_given_name(PG_FUNCTION_ARGS)
{
	const NameList *list = &find_language(PG_GETARG_TEXT_PP(2))->given;
	char		name[LONGEST];

	PG_RETURN_TEXT_P(make_text(name, put_name(name, list, choose_for(fcinfo, list->count, "given name"))));
}

/* pseudonym_family_name(value text, scope text, language text) */
Datum
pp_sql_pseudonym_family_name(PG_FUNCTION_ARGS)
{
	const NameList *list = &find_language(PG_GETARG_TEXT_PP(2))->family;
	char		name[LONGEST];

	PG_RETURN_TEXT_P(make_text(name, put_name(name, list, choose_for(fcinfo, list->count, "family name"))));
}

/* pseudonym_street(value text, scope text) */
Datum
pp_sql_pseudonym_street(PG_FUNCTION_ARGS)
{
	uint64		choice = choose_for(fcinfo, (uint64) streets.count * HOUSE_NUMBERS, "street");
	int			number = 1 + choice % HOUSE_NUMBERS;
	int			digits = number < 10 ? 1 : number < 100 ? 2 : 3;
	char		street[LONGEST];
	int			length = put_name(street, &streets, choice / HOUSE_NUMBERS);

	street[length++] = ' ';
	write_decimal(street + length, digits, number);
	PG_RETURN_TEXT_P(make_text(street, length + digits));
}

/* pseudonym_city(value text, scope text) */
Datum
pp_sql_pseudonym_city(PG_FUNCTION_ARGS)
{
	char		city[LONGEST];

	PG_RETURN_TEXT_P(make_text(city, put_name(city, &cities, choose_for(fcinfo, cities.count, "city"))));
}

/* pseudonym_postal_code(value text, scope text) */
Datum
pp_sql_pseudonym_postal_code(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	const ScopeKey *key = find_key(fcinfo, 1);
	const char *bytes = VARDATA_ANY(value);
	int			length = VARSIZE_ANY_EXHDR(value);
	char		digits[POSTAL_DIGITS];
	uint64		least = power_of_ten(POSTAL_DIGITS - 1);

	if (length > POSTAL_DIGITS + 1 ||
		(length == POSTAL_DIGITS + 1 && bytes[3] != ' ') ||
		collect_digits(bytes, length, " ", digits, POSTAL_DIGITS) != POSTAL_DIGITS ||
		digits[0] == '0')
		PG_RETURN_TEXT_P(treat_malformed(value, key, "postal_code", "is not of the form NNN NN or NNNNN"));
	write_decimal(digits, POSTAL_DIGITS,
				  least + permute(read_decimal(digits, POSTAL_DIGITS) - least, 9 * least, "postal code", key));
	PG_RETURN_TEXT_P(respell(value, digits));
}

static const Language *
find_language(const text *code)
{
	for (size_t i = 0; i < lengthof(languages); i++)
		if (equals_word(code, languages[i].code))
			return &languages[i];
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("there are no names of this language"),
			 errhint("Valid languages: sv, en.")));
}

/* The choice for a call's value under its scope. */
static uint64
choose_for(FunctionCallInfo fcinfo, uint64 size, const char *tweak)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	const ScopeKey *key = find_key(fcinfo, 1);

	return choose(text_part(value), size, PP_USE_CHOICE, tweak, key);
}

/* Writes a name in the database's encoding; returns how many bytes. */
static int
put_name(char *to, const NameList *list, uint64 place)
{
	const char *name = list->names[place];
	int			encoding = GetDatabaseEncoding();
	int			length = 0;

	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
	{
		length = strlen(name);
		memcpy(to, name, length);
		return length;
	}
	/* a letter of Latin-1 is two bytes: 0xC3, and its own last six bits */
	for (const char *from = name; *from != '\0'; from++)
		to[length++] = *from == '\xc3' ? find_letter(*++from & 0x3f, encoding) : *from;
	return length;
}

/* A letter of Latin-1, counted from U+00C0, in an encoding of single bytes, or below its accent. */
static char
find_letter(int place, int encoding)
{
	static const char below[] = "AAAAAAACEEEEIIIIDNOOOOOxOUUUUYTsaaaaaaaceeeeiiiidnooooo-ouuuuyty";

	if (encoding == PG_LATIN1 || encoding == PG_LATIN9 || encoding == PG_WIN1252)
		return (char) (0xc0 + place);
	return below[place];
}

static text *
make_text(const char *bytes, int length)
{
	text	   *result = palloc(VARHDRSZ + length);

	SET_VARSIZE(result, VARHDRSZ + length);
	memcpy(VARDATA(result), bytes, length);
	return result;
}
