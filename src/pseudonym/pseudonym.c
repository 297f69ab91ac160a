/*
 * pseudonym.c: keyed one-way pseudonyms.
 *
 * A pseudonym is 40 lower-case hexadecimal digits: 16 bytes of keyed BLAKE2b over the value, and a
 * mark of four bytes. The mark is SipHash-2-4 of those 16 bytes under the scope's check key, which
 * is another key: whoever holds it can tell a pseudonym from a raw value, and can compute none. A
 * rule that ran twice, or a table that was loaded half pseudonymised, would otherwise replace
 * pseudonyms by pseudonyms of pseudonyms. A raw value of 40 digits passes for a pseudonym once in
 * four thousand million.
 *
 * Any other implementation can compute the same (test/vectors/ has one): key = the scope key,
 * personalisation = "pgprivacy-token", message = the number of bytes in eight bytes, least
 * significant first, and the value in UTF-8. The length in front leaves room for messages of
 * several parts. In an SQL_ASCII database, whose encoding nobody knows, the bytes are hashed as
 * they are.
 *
 * The e-mail form carries the same 40 digits in a domain that can never receive mail (RFC 2606). It
 * takes any input, since an error in the middle of a table, or a raw value let through because it
 * did not look like an address, would both be worse.
 *
 * These functions run once per row. What they remember between rows is a pointer into the keyring's
 * guarded memory with the generation, user and scope for which it was right, never a key: memory of
 * a function's own ends up in core dumps.
 */
#include "postgres.h"

#include <sodium.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "core/core.h"
#include "keyring/keyring.h"
#include "pseudonym/pseudonym.h"

#define DIGEST_BYTES	16
#define MARK_BYTES		4
#define TOKEN_BYTES		(DIGEST_BYTES + MARK_BYTES)
#define TOKEN_DIGITS	(2 * TOKEN_BYTES)
#define EMAIL_DOMAIN	"@pseudonym.invalid"
#define EMAIL_LENGTH	(TOKEN_DIGITS + (int) sizeof(EMAIL_DOMAIN) - 1)

static const PseudonymFormat formats[] = {
	{"token", "pseudonym", TOKEN_DIGITS},
	{"email", "pseudonym_email", EMAIL_LENGTH},
};

/* What a call site remembers from row to row. */
typedef struct CallSite
{
	const ScopeKey *key;
	uint64		generation;
	Oid			userid;
	int			length;			/* of the scope's name */
	char		scope[64];
} CallSite;

static const ScopeKey *find_key(FunctionCallInfo fcinfo);
static const ScopeKey *look_up_key(FunctionCallInfo fcinfo, const text *scope);
static text *make_pseudonym(FunctionCallInfo fcinfo, const char *suffix, int suffix_length);
static void compute_token(unsigned char token[TOKEN_BYTES], const text *value, const ScopeKey *key);
static void compute_mark(unsigned char token[TOKEN_BYTES], const ScopeKey *key);
static void put_hex(char *hex, const unsigned char *bytes, int length);
static bool read_token(unsigned char token[TOKEN_BYTES], const char *digits);

PG_FUNCTION_INFO_V1(pp_sql_pseudonym);
PG_FUNCTION_INFO_V1(pp_sql_pseudonym_email);
PG_FUNCTION_INFO_V1(pp_sql_is_pseudonym);

const PseudonymFormat *
pp_pseudonym_format(const char *name)
{
	if (name == NULL)
		return &formats[0];
	for (size_t i = 0; i < lengthof(formats); i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	return NULL;
}

const char *
pp_pseudonym_format_names(void)
{
	return "token, email";
}

/* pseudonym(value text, scope text) */
Datum
pp_sql_pseudonym(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(make_pseudonym(fcinfo, "", 0));
}

/* pseudonym_email(value text, scope text) */
Datum
pp_sql_pseudonym_email(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(make_pseudonym(fcinfo, EMAIL_DOMAIN, sizeof(EMAIL_DOMAIN) - 1));
}

/* is_pseudonym(value text, scope text) */
Datum
pp_sql_is_pseudonym(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	const ScopeKey *key = find_key(fcinfo);
	const char *digits = VARDATA_ANY(value);
	int			length = VARSIZE_ANY_EXHDR(value);
	unsigned char token[TOKEN_BYTES];
	unsigned char marked[TOKEN_BYTES];

	if (length == EMAIL_LENGTH)
	{
		if (memcmp(digits + TOKEN_DIGITS, EMAIL_DOMAIN, sizeof(EMAIL_DOMAIN) - 1) != 0)
			PG_RETURN_BOOL(false);
	}
	else if (length != TOKEN_DIGITS)
		PG_RETURN_BOOL(false);

	if (!read_token(token, digits))
		PG_RETURN_BOOL(false);
	memcpy(marked, token, DIGEST_BYTES);
	compute_mark(marked, key);
	PG_RETURN_BOOL(memcmp(token, marked, TOKEN_BYTES) == 0);
}

static const ScopeKey *
find_key(FunctionCallInfo fcinfo)
{
	text	   *scope = PG_GETARG_TEXT_PP(1);
	CallSite   *site = fcinfo->flinfo->fn_extra;

	if (site != NULL &&
		site->generation == pp_keyring_generation() &&
		site->userid == GetUserId() &&
		site->length == (int) VARSIZE_ANY_EXHDR(scope) &&
		memcmp(site->scope, VARDATA_ANY(scope), site->length) == 0)
		return site->key;
	return look_up_key(fcinfo, scope);
}

/* The generation from before the lookup: news that arrives during it must not be missed. */
static const ScopeKey *
look_up_key(FunctionCallInfo fcinfo, const text *scope)
{
	CallSite   *site = fcinfo->flinfo->fn_extra;
	uint64		generation = pp_keyring_generation();
	char	   *name = text_to_cstring(scope);
	const ScopeKey *key = pp_keyring_scope_key(name);

	if (site == NULL)
		site = fcinfo->flinfo->fn_extra = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(CallSite));
	site->key = key;
	site->generation = generation;
	site->userid = GetUserId();
	site->length = strlen(name);
	memcpy(site->scope, name, site->length);
	pfree(name);
	return key;
}

/* The value comes first: fetching it from a TOAST table may bring news of another key. */
static text *
make_pseudonym(FunctionCallInfo fcinfo, const char *suffix, int suffix_length)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	const ScopeKey *key = find_key(fcinfo);
	text	   *result = palloc(VARHDRSZ + TOKEN_DIGITS + suffix_length);
	unsigned char token[TOKEN_BYTES];

	compute_token(token, value, key);
	SET_VARSIZE(result, VARHDRSZ + TOKEN_DIGITS + suffix_length);
	put_hex(VARDATA(result), token, TOKEN_BYTES);
	memcpy(VARDATA(result) + TOKEN_DIGITS, suffix, suffix_length);
	PG_FREE_IF_COPY(value, 0);
	return result;
}

static void
compute_token(unsigned char token[TOKEN_BYTES], const text *value, const ScopeKey *key)
{
	static const unsigned char personal[crypto_generichash_blake2b_PERSONALBYTES] = "pgprivacy-token";
	crypto_generichash_blake2b_state state;
	unsigned char frame[8];
	int			length;
	const char *bytes = pp_core_utf8(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), &length);

	pp_core_put_number(frame, length);
	crypto_generichash_blake2b_init_salt_personal(&state, key->key, PP_KEY_BYTES, DIGEST_BYTES, NULL, personal);
	crypto_generichash_blake2b_update(&state, frame, sizeof(frame));
	crypto_generichash_blake2b_update(&state, (const unsigned char *) bytes, length);
	crypto_generichash_blake2b_final(&state, token, DIGEST_BYTES);
	compute_mark(token, key);
}

/* Behind the digest goes the beginning of its SipHash. */
static void
compute_mark(unsigned char token[TOKEN_BYTES], const ScopeKey *key)
{
	unsigned char hash[crypto_shorthash_siphash24_BYTES];

	crypto_shorthash_siphash24(hash, token, DIGEST_BYTES, key->check_key);
	memcpy(token + DIGEST_BYTES, hash, MARK_BYTES);
}

static void
put_hex(char *hex, const unsigned char *bytes, int length)
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < length; i++)
	{
		*hex++ = digits[bytes[i] >> 4];
		*hex++ = digits[bytes[i] & 15];
	}
}

/* Lower case only: a pseudonym is compared as text, so it has one spelling. */
static bool
read_token(unsigned char token[TOKEN_BYTES], const char *digits)
{
	/* One more than the digit's value; 0 is no digit. */
	static const unsigned char values[256] = {
		['0'] = 1,['1'] = 2,['2'] = 3,['3'] = 4,['4'] = 5,['5'] = 6,['6'] = 7,['7'] = 8,
		['8'] = 9,['9'] = 10,['a'] = 11,['b'] = 12,['c'] = 13,['d'] = 14,['e'] = 15,['f'] = 16
	};

	for (int i = 0; i < TOKEN_BYTES; i++)
	{
		int			high = values[(unsigned char) digits[2 * i]];
		int			low = values[(unsigned char) digits[2 * i + 1]];

		if (high == 0 || low == 0)
			return false;
		token[i] = (high - 1) << 4 | (low - 1);
	}
	return true;
}
