/*
 * pseudonym_call.c: which key a call uses, and what malformed input gets.
 *
 * Keyed functions run once per row. What a call site remembers between rows is a pointer into the
 * keyring's guarded memory, with the generation, user, scope and version for which it was right,
 * never a key: memory of a function's own ends up in core dumps.
 *
 * Some formats cannot say anything about some inputs: a phone number of thirty digits, a personal
 * number with a wrong check digit. Handing such a value through would leave it raw, so there are
 * two answers only, and privacy.pseudonym_malformed chooses: the token of the whole value, or an
 * error, which stops the statement. The first is the default: a sweep that stops leaves everything
 * raw.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "core/core.h"
#include "pseudonym/pseudonym_internal.h"

#define NEWEST		INT_MIN		/* what nobody can ask for */

/* What a call site remembers from row to row; pointers not asked for yet are NULL. */
typedef struct CallSite
{
	const ScopeKey *key;
	const ScopeChecks *checks;
	uint64		generation;
	Oid			userid;
	int			version;
	int			length;			/* of the scope's name */
	char		scope[NAMEDATALEN];
} CallSite;

typedef enum Malformed
{
	MALFORMED_TOKEN,
	MALFORMED_ERROR
} Malformed;

static const struct config_enum_entry malformed_options[] = {
	{"token", MALFORMED_TOKEN, false},
	{"error", MALFORMED_ERROR, false},
	{NULL, 0, false}
};

static int	malformed = MALFORMED_TOKEN;

static CallSite *find_site(FunctionCallInfo fcinfo, int scope_argument, int version);
static bool is_at(const CallSite *site, const text *scope, int version);

void
pp_pseudonym_init(void)
{
	DefineCustomEnumVariable("privacy.pseudonym_malformed",
							 "What a format of pseudonyms gives for a value that is not of its form.",
							 "token: the token of the whole value; error: an error that does not quote the value.",
							 &malformed, MALFORMED_TOKEN, malformed_options,
							 PGC_SUSET, GUC_NOT_IN_SAMPLE, NULL, NULL, NULL);
}

const ScopeKey *
find_key(FunctionCallInfo fcinfo, int scope_argument)
{
	return find_key_at(fcinfo, scope_argument, NEWEST);
}

const ScopeKey *
find_key_at(FunctionCallInfo fcinfo, int scope_argument, int version)
{
	CallSite   *site = find_site(fcinfo, scope_argument, version);

	if (site->key == NULL)
		site->key = version == NEWEST ? pp_keyring_scope_key(site->scope) :
			pp_keyring_scope_version(site->scope, version);
	return site->key;
}

const ScopeChecks *
find_checks(FunctionCallInfo fcinfo, int scope_argument)
{
	CallSite   *site = find_site(fcinfo, scope_argument, NEWEST);

	if (site->checks == NULL)
		site->checks = pp_keyring_scope_checks(site->scope);
	return site->checks;
}

/* Asking for the second may have made the first one wrong: what is remembered is of one generation. */
const ScopeChecks *
find_checks_and_key(FunctionCallInfo fcinfo, int scope_argument, const ScopeKey **key)
{
	const ScopeChecks *checks;
	uint64		generation;

	do
	{
		generation = pp_keyring_generation();
		checks = find_checks(fcinfo, scope_argument);
		*key = find_key(fcinfo, scope_argument);
	} while (generation != pp_keyring_generation());
	return checks;
}

/* The generation from before the lookups: news that arrives during them must not be missed. */
static CallSite *
find_site(FunctionCallInfo fcinfo, int scope_argument, int version)
{
	text	   *scope = PG_GETARG_TEXT_PP(scope_argument);
	CallSite   *site = fcinfo->flinfo->fn_extra;

	if (site != NULL && is_at(site, scope, version))
		return site;
	if (site == NULL)
		site = fcinfo->flinfo->fn_extra = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(CallSite));
	memset(site, 0, sizeof(CallSite));
	site->generation = pp_keyring_generation();
	site->userid = GetUserId();
	site->version = version;
	site->length = VARSIZE_ANY_EXHDR(scope);
	if (site->length >= (int) sizeof(site->scope))
		(void) pp_keyring_scope_key(text_to_cstring(scope));	/* no scope has such a name */
	memcpy(site->scope, VARDATA_ANY(scope), site->length);
	return site;
}

static bool
is_at(const CallSite *site, const text *scope, int version)
{
	return site->generation == pp_keyring_generation() &&
		site->userid == GetUserId() &&
		site->version == version &&
		site->length == (int) VARSIZE_ANY_EXHDR(scope) &&
		memcmp(site->scope, VARDATA_ANY(scope), site->length) == 0;
}

text *
treat_malformed(const text *value, const ScopeKey *key, const char *format, const char *why)
{
	MessagePart part = text_part(value);

	refuse_malformed(format, why);
	return make_hex_token(&part, 1, key, "", 0);
}

void
refuse_malformed(const char *format, const char *why)
{
	if (malformed == MALFORMED_ERROR)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("a value is not of the form that format \"%s\" takes", format),
				 errdetail("The value %s.", why),
				 errhint("Correct it, or set privacy.pseudonym_malformed to \"token\".")));
}
