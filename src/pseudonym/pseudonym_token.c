/*
 * pseudonym_token.c: the token, and how it is spelled.
 *
 * A token is 20 bytes: 16 bytes of keyed BLAKE2b over the value, and a mark of four. The mark is
 * SipHash-2-4 of those 16 bytes under the version's check key, which is another key: whoever holds it
 * can tell a pseudonym from a raw value, and can compute none. A rule that ran twice, or a table
 * that was loaded half pseudonymised, would otherwise replace pseudonyms by pseudonyms of
 * pseudonyms. A raw value of 40 digits passes for a pseudonym once in four thousand million.
 *
 * Any other implementation can compute the same (test/vectors/ has one): key = the version's key,
 * personalisation = "pgprivacy-token", message = each part as its number of bytes in eight bytes,
 * least significant first, and the part in UTF-8. One part is a plain pseudonym; two are the
 * subject's key and the value; three are nothing, "chain" and the old token. Since every part says
 * how long it is, no message of one kind is one of another.
 *
 * Spellings: 40 lower-case hexadecimal digits, 32 of Crockford's base 32, 27 of base64url (RFC 4648,
 * no padding), an address whose local part is the 40 digits. A UUID has only 122 bits to itself: 90
 * of the MAC, and the mark over the twelve bytes before it.
 *
 * The address's domain is one that can never receive mail (RFC 2606), unless the caller wants it
 * kept, or replaced by a pseudonym of the domain.
 */
#include "postgres.h"

#include <ctype.h>

#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/memutils.h"

#include "core/core.h"
#include "pseudonym/pseudonym_internal.h"

#define DOMAIN_DIGEST_BYTES (PP_DOMAIN_DIGITS / 2)
#define PSEUDONYM_DOMAIN_LENGTH (1 + PP_DOMAIN_DIGITS + (int) sizeof(PP_DOMAIN_END) - 1)
#define LONGEST_DOMAIN		253
#define SHORT_MESSAGE		256
#define UUID_DIGEST_BYTES	12

static text *make_spelled(FunctionCallInfo fcinfo, Spelling spelling);
static text *make_salted_hash(const text *value, const ScopeKey *key);
static const char *find_domain(const text *value);
static text *pseudonymize_domain(const MessagePart *address, const char *domain, int length, const ScopeKey *key);
static void compute_digest(unsigned char digest[PP_MAC_BYTES], const MessagePart *parts, int count, const ScopeKey *key);

PG_FUNCTION_INFO_V1(pp_sql_pseudonym);
PG_FUNCTION_INFO_V1(pp_sql_pseudonym_base32);
PG_FUNCTION_INFO_V1(pp_sql_pseudonym_base64url);
PG_FUNCTION_INFO_V1(pp_sql_pseudonym_email);
PG_FUNCTION_INFO_V1(pp_sql_pseudonym_uuid);
PG_FUNCTION_INFO_V1(pp_sql_pseudonym_of_uuid);
PG_FUNCTION_INFO_V1(pp_sql_pseudonym_at);
PG_FUNCTION_INFO_V1(pp_sql_subject_pseudonym);

/* pseudonym(value text, scope text) */
Datum
pp_sql_pseudonym(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(make_spelled(fcinfo, SPELLED_HEX));
}

/* pseudonym_base32(value text, scope text) */
Datum
pp_sql_pseudonym_base32(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(make_spelled(fcinfo, SPELLED_BASE32));
}

/* pseudonym_base64url(value text, scope text) */
Datum
pp_sql_pseudonym_base64url(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(make_spelled(fcinfo, SPELLED_BASE64URL));
}

/* The value comes first: fetching it from a TOAST table may bring news of another key. */
static text *
make_spelled(FunctionCallInfo fcinfo, Spelling spelling)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	const ScopeKey *key = find_key(fcinfo, 1);
	MessagePart part = text_part(value);
	unsigned char token[PP_TOKEN_BYTES];

	compute_token(token, &part, 1, key);
	PG_FREE_IF_COPY(value, 0);
	return spell_token(token, spelling, "", 0);
}

/* pseudonym_at(value text, scope text, version integer) */
Datum
pp_sql_pseudonym_at(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	const ScopeKey *key = find_key_at(fcinfo, 1, Max(PG_GETARG_INT32(2), -INT_MAX));
	MessagePart part = text_part(value);

	if (key->salt_length > 0)
		PG_RETURN_TEXT_P(make_salted_hash(value, key));
	PG_RETURN_TEXT_P(make_hex_token(&part, 1, key, "", 0));
}

/* What was made before by sha256(value || salt): of the bytes as they are stored, in hexadecimal digits. */
static text *
make_salted_hash(const text *value, const ScopeKey *key)
{
	crypto_hash_sha256_state state;
	unsigned char hash[crypto_hash_sha256_BYTES];
	text	   *result = palloc(VARHDRSZ + 2 * sizeof(hash));

	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, (const unsigned char *) VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
	crypto_hash_sha256_update(&state, key->salt, key->salt_length);
	crypto_hash_sha256_final(&state, hash);
	sodium_memzero(&state, sizeof(state));
	SET_VARSIZE(result, VARHDRSZ + 2 * sizeof(hash));
	put_hex(VARDATA(result), hash, sizeof(hash));
	return result;
}

/* subject_pseudonym(value text, scope text, subject_key text) */
Datum
pp_sql_subject_pseudonym(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	text	   *subject = PG_GETARG_TEXT_PP(2);
	const ScopeKey *key = find_key(fcinfo, 1);
	MessagePart parts[] = {text_part(subject), text_part(value)};

	PG_RETURN_TEXT_P(make_hex_token(parts, lengthof(parts), key, "", 0));
}

/* ---- addresses ---- */

/* pseudonym_email(value text, scope text, domain text) */
Datum
pp_sql_pseudonym_email(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	DomainTreatment treatment = read_domain_treatment(PG_GETARG_TEXT_PP(2));
	const ScopeKey *key = find_key(fcinfo, 1);
	const char *domain = find_domain(value);
	MessagePart part = text_part(value);
	int			length = domain != NULL ? VARDATA_ANY(value) + VARSIZE_ANY_EXHDR(value) - domain : 0;

	if (domain == NULL)
		refuse_malformed("email", "is not a local part, an @ and a domain");
	if (treatment == DOMAIN_REPLACE || domain == NULL)
		PG_RETURN_TEXT_P(make_hex_token(&part, 1, key, PP_EMAIL_DOMAIN, sizeof(PP_EMAIL_DOMAIN) - 1));
	if (treatment == DOMAIN_KEEP)
		PG_RETURN_TEXT_P(make_hex_token(&part, 1, key, domain, length));
	PG_RETURN_TEXT_P(pseudonymize_domain(&part, domain, length, key));
}

DomainTreatment
read_domain_treatment(const text *word)
{
	if (equals_word(word, "replace"))
		return DOMAIN_REPLACE;
	if (equals_word(word, "keep"))
		return DOMAIN_KEEP;
	if (equals_word(word, "pseudonymize"))
		return DOMAIN_PSEUDONYMIZE;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" is not a treatment of an address's domain", text_to_cstring(word)),
			 errhint("Valid treatments: replace, keep, pseudonymize.")));
}

bool
equals_word(const text *argument, const char *word)
{
	return VARSIZE_ANY_EXHDR(argument) == strlen(word) &&
		memcmp(VARDATA_ANY(argument), word, strlen(word)) == 0;
}

/* The last @ and what follows, or NULL where there is nothing before it or no domain behind it. */
static const char *
find_domain(const text *value)
{
	const char *bytes = VARDATA_ANY(value);
	int			length = VARSIZE_ANY_EXHDR(value);

	for (int i = length - 2; i > 0; i--)
		if (bytes[i] == '@')
			return is_domain(bytes + i + 1, length - i - 1) ? bytes + i : NULL;
	return NULL;
}

/*
 * Letters, digits, hyphens and dots, as domains have them (RFC 1035; RFC 5890 for letters beyond
 * ASCII): what is kept must not be a way around the pseudonym for other text.
 */
bool
is_domain(const char *bytes, int length)
{
	if (length < 1 || length > LONGEST_DOMAIN || bytes[0] == '.' || bytes[0] == '-')
		return false;
	for (int i = 0; i < length; i++)
		if (!IS_HIGHBIT_SET(bytes[i]) && !isalnum((unsigned char) bytes[i]) && bytes[i] != '-' && bytes[i] != '.')
			return false;
	return true;
}

/* Equal domains stay equal: a pseudonym of the domain, in lower case as domains compare. */
static text *
pseudonymize_domain(const MessagePart *address, const char *domain, int length, const ScopeKey *key)
{
	char		suffix[PSEUDONYM_DOMAIN_LENGTH];
	char	   *lower = asc_tolower(domain + 1, length - 1);
	MessagePart parts[] = {{"", 0}, {"domain", 6}, {lower, length - 1}};
	unsigned char digest[PP_MAC_BYTES];

	compute_digest(digest, parts, lengthof(parts), key);
	suffix[0] = '@';
	put_hex(suffix + 1, digest, DOMAIN_DIGEST_BYTES);
	memcpy(suffix + 1 + PP_DOMAIN_DIGITS, PP_DOMAIN_END, sizeof(PP_DOMAIN_END) - 1);
	pfree(lower);
	return make_hex_token(address, 1, key, suffix, sizeof(suffix));
}

/* ---- UUIDs ---- */

/* pseudonym_uuid(value text, scope text) */
Datum
pp_sql_pseudonym_uuid(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	const ScopeKey *key = find_key(fcinfo, 1);
	MessagePart part = text_part(value);

	PG_RETURN_UUID_P(make_uuid(&part, 1, key));
}

/* pseudonym(value uuid, scope text): of its text, so that a soft key of type text matches */
Datum
pp_sql_pseudonym_of_uuid(PG_FUNCTION_ARGS)
{
	const ScopeKey *key = find_key(fcinfo, 1);
	MessagePart part = {DatumGetCString(DirectFunctionCall1(uuid_out, PG_GETARG_DATUM(0))), 36};

	PG_RETURN_UUID_P(make_uuid(&part, 1, key));
}

pg_uuid_t *
make_uuid(const MessagePart *parts, int count, const ScopeKey *key)
{
	pg_uuid_t  *uuid = palloc(sizeof(pg_uuid_t));
	unsigned char digest[PP_MAC_BYTES];

	compute_digest(digest, parts, count, key);
	memcpy(uuid->data, digest, UUID_DIGEST_BYTES);
	uuid->data[6] = 0x80 | (uuid->data[6] & 0x0f);	/* version 8 */
	uuid->data[8] = 0x80 | (uuid->data[8] & 0x3f);	/* the variant of RFC 9562 */
	compute_mark(uuid->data + UUID_DIGEST_BYTES, uuid->data, UUID_DIGEST_BYTES, key->check_key);
	return uuid;
}

/* ---- the token ---- */

MessagePart
text_part(const text *value)
{
	MessagePart part;

	part.bytes = pp_core_utf8(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), &part.length);
	return part;
}

text *
make_hex_token(const MessagePart *parts, int count, const ScopeKey *key, const char *suffix, int suffix_length)
{
	unsigned char token[PP_TOKEN_BYTES];

	compute_token(token, parts, count, key);
	return spell_token(token, SPELLED_EMAIL, suffix, suffix_length);
}

void
compute_token(unsigned char token[PP_TOKEN_BYTES], const MessagePart *parts, int count, const ScopeKey *key)
{
	compute_digest(token, parts, count, key);
	compute_mark(token + PP_MAC_BYTES, token, PP_MAC_BYTES, key->check_key);
}

static void
compute_digest(unsigned char digest[PP_MAC_BYTES], const MessagePart *parts, int count, const ScopeKey *key)
{
	unsigned char space[SHORT_MESSAGE] = {0};
	unsigned char *message = space;
	Size		length = 0;
	Size		filled = 0;

	for (int i = 0; i < count; i++)
		length += 8 + parts[i].length;
	if (length > sizeof(space))
		message = MemoryContextAllocHuge(CurrentMemoryContext, length);
	for (int i = 0; i < count; i++)
	{
		pp_core_put_number(message + filled, parts[i].length);
		memcpy(message + filled + 8, parts[i].bytes, parts[i].length);
		filled += 8 + parts[i].length;
	}
	pp_core_mac(&key->token, digest, message, length);
	if (message != space)
		pfree(message);
}

void
compute_mark(unsigned char mark[PP_MARK_BYTES], const unsigned char *bytes, int length,
			 const unsigned char check_key[PP_CHECK_KEY_BYTES])
{
	unsigned char hash[crypto_shorthash_siphash24_BYTES];

	crypto_shorthash_siphash24(hash, bytes, length, check_key);
	memcpy(mark, hash, PP_MARK_BYTES);
}
