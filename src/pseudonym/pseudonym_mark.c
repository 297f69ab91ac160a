/*
 * pseudonym_mark.c: recognising pseudonyms, and carrying them over to a new version of their scope.
 *
 * Every version of a scope has a check key of its own, which stays when the version's key is
 * destroyed: a sweep that took the old pseudonyms for raw values would treat them again. So a
 * value's mark is tried against all of them, the newest first.
 *
 * Where the raw values are gone, a column can still be brought to a new version: the new pseudonym
 * is the MAC of the old one under the new key (EDPB Guidelines 01/2025, paragraph 91). Equal old
 * pseudonyms give equal new ones, and without the new key nobody can tell which belong together. A
 * chained pseudonym is another than the new version's pseudonym of the raw value.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "core/core.h"
#include "pseudonym/pseudonym_internal.h"

#define UUID_DIGEST_BYTES (UUID_LEN - PP_MARK_BYTES)

static int	find_version(const ScopeChecks *checks, const unsigned char *bytes, int length, const unsigned char *mark);
static int	find_version_of_text(const ScopeChecks *checks, const text *value);
static int	find_version_of_uuid(const ScopeChecks *checks, const pg_uuid_t *value);
static bool has_fitting_domain(const text *value, bool any);
static void refuse_to_chain(void) pg_attribute_noreturn();

PG_FUNCTION_INFO_V1(pp_sql_is_pseudonym);
PG_FUNCTION_INFO_V1(pp_sql_is_pseudonym_uuid);
PG_FUNCTION_INFO_V1(pp_sql_pseudonym_version);
PG_FUNCTION_INFO_V1(pp_sql_pseudonym_version_uuid);
PG_FUNCTION_INFO_V1(pp_sql_chain_pseudonym);
PG_FUNCTION_INFO_V1(pp_sql_chain_pseudonym_uuid);

/* is_pseudonym(value text, scope text, domain text) */
Datum
pp_sql_is_pseudonym(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	DomainTreatment domain = read_domain_treatment(PG_GETARG_TEXT_PP(2));
	const ScopeChecks *checks = find_checks(fcinfo, 1);

	PG_RETURN_BOOL(find_version_of_text(checks, value) > 0 &&
				   has_fitting_domain(value, domain == DOMAIN_KEEP));
}

/* is_pseudonym(value uuid, scope text) */
Datum
pp_sql_is_pseudonym_uuid(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(find_version_of_uuid(find_checks(fcinfo, 1), PG_GETARG_UUID_P(0)) > 0);
}

/* pseudonym_version(value text, scope text) */
Datum
pp_sql_pseudonym_version(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	int			version = find_version_of_text(find_checks(fcinfo, 1), value);

	if (version == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(version);
}

/* pseudonym_version(value uuid, scope text) */
Datum
pp_sql_pseudonym_version_uuid(PG_FUNCTION_ARGS)
{
	int			version = find_version_of_uuid(find_checks(fcinfo, 1), PG_GETARG_UUID_P(0));

	if (version == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(version);
}

/* chain_pseudonym(value text, scope text) */
Datum
pp_sql_chain_pseudonym(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	const ScopeKey *key;
	const ScopeChecks *checks = find_checks_and_key(fcinfo, 1, &key);
	int			version = find_version_of_text(checks, value);
	unsigned char token[PP_TOKEN_BYTES];
	MessagePart parts[] = {{"", 0}, {"chain", 5}, {(char *) token, PP_TOKEN_BYTES}};
	Spelling	spelling;
	int			suffix;

	if (version == 0)
		refuse_to_chain();
	if (version >= key->version)
		PG_RETURN_TEXT_P(value);
	(void) read_token(value, token, &spelling);
	compute_token(token, parts, lengthof(parts), key);
	suffix = spelling == SPELLED_EMAIL ? PP_TOKEN_DIGITS : VARSIZE_ANY_EXHDR(value);
	PG_RETURN_TEXT_P(spell_token(token, spelling, VARDATA_ANY(value) + suffix, VARSIZE_ANY_EXHDR(value) - suffix));
}

/* chain_pseudonym(value uuid, scope text) */
Datum
pp_sql_chain_pseudonym_uuid(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *value = PG_GETARG_UUID_P(0);
	const ScopeKey *key;
	const ScopeChecks *checks = find_checks_and_key(fcinfo, 1, &key);
	int			version = find_version_of_uuid(checks, value);
	MessagePart parts[] = {{"", 0}, {"chain", 5}, {(char *) value->data, UUID_LEN}};

	if (version == 0)
		refuse_to_chain();
	PG_RETURN_UUID_P(version >= key->version ? value : make_uuid(parts, lengthof(parts), key));
}

static void
refuse_to_chain(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("a value is not a pseudonym of this scope"),
			 errdetail("Only pseudonyms that carry a keyed mark can be brought to a new version by chaining."),
			 errhint("Pseudonymise raw values with privacy.pseudonym(); privacy.is_pseudonym() tells which are which.")));
}

static int
find_version_of_text(const ScopeChecks *checks, const text *value)
{
	unsigned char token[PP_TOKEN_BYTES];
	Spelling	spelling;

	if (!read_token(value, token, &spelling))
		return 0;
	return find_version(checks, token, PP_MAC_BYTES, token + PP_MAC_BYTES);
}

static int
find_version_of_uuid(const ScopeChecks *checks, const pg_uuid_t *value)
{
	if (value->data[6] >> 4 != 8)
		return 0;
	return find_version(checks, value->data, UUID_DIGEST_BYTES, value->data + UUID_DIGEST_BYTES);
}

static int
find_version(const ScopeChecks *checks, const unsigned char *bytes, int length, const unsigned char *mark)
{
	unsigned char expected[PP_MARK_BYTES];

	for (int i = 0; i < checks->count; i++)
	{
		compute_mark(expected, bytes, length, checks->keys[i].key);
		if (memcmp(mark, expected, PP_MARK_BYTES) == 0)
			return checks->keys[i].version;
	}
	return 0;
}

/*
 * Behind the token of an address stands exactly what pseudonym_email() writes there: anything looser
 * would let a raw value hide behind a pseudonym.
 */
static bool
has_fitting_domain(const text *value, bool any)
{
	const char *domain = VARDATA_ANY(value) + PP_TOKEN_DIGITS;
	int			length = VARSIZE_ANY_EXHDR(value) - PP_TOKEN_DIGITS;
	int			end = sizeof(PP_DOMAIN_END) - 1;

	if (length <= 0)
		return true;
	if (length == sizeof(PP_EMAIL_DOMAIN) - 1 && memcmp(domain, PP_EMAIL_DOMAIN, length) == 0)
		return true;
	if (any)
		return is_domain(domain + 1, length - 1);
	return length == 1 + PP_DOMAIN_DIGITS + end &&
		strspn(domain + 1, "0123456789abcdef") == PP_DOMAIN_DIGITS &&
		memcmp(domain + 1 + PP_DOMAIN_DIGITS, PP_DOMAIN_END, end) == 0;
}
