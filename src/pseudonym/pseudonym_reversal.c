/*
 * pseudonym_reversal.c: pseudonyms that can be turned back, by few and with evidence.
 *
 * Deterministic authenticated encryption with a synthetic nonce. The nonce is a keyed hash of the
 * value: equal values have equal pseudonyms, which shows that they are equal and nothing else; and
 * it is the authentication too: who opens one decrypts, hashes again and compares. Nothing random
 * is needed and nothing can be repeated by mistake. What is computed, in bytes, all of it written
 * as base64url without padding (RFC 4648):
 *
 *   header   3: the format, 1; the scope's version in two, least significant first
 *   nonce   24: BLAKE2b-192 (RFC 7693) of header and message, key "nonce" of the version,
 *               personalised "pgprivacy-nonce"
 *   sealed   n: message, encrypted by XChaCha20 with this nonce and key "seal" of the version, the
 *               counter beginning at 0
 *
 * The message is the value in UTF-8, a byte 0x80, and zeros up to a multiple of 16: a pseudonym
 * shows how many blocks of 16 bytes the value has, not its length. The two keys are derived from
 * that of the version (keyring.c), so a pseudonym opens in its own scope and version only, and
 * never again after the version was destroyed.
 *
 * Whoever asks for the value is told one thing about a pseudonym that does not open, whatever is
 * wrong with it. That includes a version that is not there, which the keyring reports by an error
 * of its own; hence the subtransaction. Sealed bytes are compared in constant time, and the padding
 * is looked at only after they have proved authentic.
 *
 * The order of events when a value is asked for: the rights, the opening, in memory only; the
 * evidence, by audit_apart.c, committed; then the value, or the refusal. An attempt that fails is
 * evidence and counts like one that does not, so that pseudonyms cannot be guessed.
 */
#include "postgres.h"

#include <sodium.h>

#include "catalog/namespace.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"

#include "audit/audit.h"
#include "core/core.h"
#include "pseudonym/pseudonym_internal.h"

#define FORMAT			1
#define HEADER_BYTES	3
#define NONCE_BYTES		crypto_stream_xchacha20_NONCEBYTES
#define BLOCK_BYTES		16
#define SPELLING		sodium_base64_VARIANT_URLSAFE_NO_PADDING

#define LONGEST_VALUE	(100 * 1024 * 1024) /* so that no buffer comes near the limit of palloc */
#define LONGEST_REASON	500		/* characters */
#define ACTION			"scope.reidentify"

/* A pseudonym in bytes. */
typedef struct Envelope
{
	unsigned char *bytes;		/* header, nonce and sealed message */
	unsigned char *nonce;
	unsigned char *message;		/* of length bytes, sealed or open */
	int			length;
} Envelope;

/* What find_version asks the keyring. */
typedef struct VersionSearch
{
	const char *scope;
	int			version;
	const ScopeKey *found;
} VersionSearch;

static Envelope make_envelope(int length);
static void fill_message(Envelope *envelope, MessagePart value);
static void put_header(Envelope *envelope, int version);
static void compute_nonce(unsigned char nonce[NONCE_BYTES], const Envelope *envelope, const ScopeKey *key);
static void apply_cipher(Envelope *envelope, const ScopeKey *key);
static text *spell_envelope(const Envelope *envelope);
static void put_digits(char *digit, const unsigned char *bytes, int length);
static bool read_envelope(Envelope *envelope, const text *token);
static bool open_envelope(Envelope *envelope, const char *scope);
static const ScopeKey *find_version(const char *scope, int version);
static void search_version(void *arg);
static MessagePart get_value(const Envelope *envelope);
static const char *get_scope(FunctionCallInfo fcinfo);
static const char *get_reason(FunctionCallInfo fcinfo);
static void check_right(const char *scope);
static void record_attempt(const text *token, const char *scope, const char *reason, bool opened);
static void hash_token(unsigned char hash[PP_AUDIT_MAC_BYTES], const text *token, const char *scope);
static text *make_text(MessagePart value);

PG_FUNCTION_INFO_V1(pp_sql_encrypted_pseudonym);
PG_FUNCTION_INFO_V1(pp_sql_reidentify);
PG_FUNCTION_INFO_V1(pp_sql_reversal_hash);

/* encrypted_pseudonym(value text, scope text) */
Datum
pp_sql_encrypted_pseudonym(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	MessagePart part = text_part(value);
	const ScopeKey *key = find_key(fcinfo, 1);	/* last: looking up a conversion may bring news */
	Envelope	envelope;

	if (part.length > LONGEST_VALUE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("value is too long for a reversible pseudonym"),
				 errdetail("It has %d bytes in UTF-8, and may have %d.", part.length, LONGEST_VALUE)));
	envelope = make_envelope((part.length / BLOCK_BYTES + 1) * BLOCK_BYTES);
	put_header(&envelope, key->version);
	fill_message(&envelope, part);
	compute_nonce(envelope.nonce, &envelope, key);
	apply_cipher(&envelope, key);
	PG_RETURN_TEXT_P(spell_envelope(&envelope));
}

/* reidentify(token text, scope text, reason text) */
Datum
pp_sql_reidentify(PG_FUNCTION_ARGS)
{
	const char *scope = get_scope(fcinfo);
	const char *reason = get_reason(fcinfo);
	text	   *token;
	Envelope	envelope;
	bool		opened;

	PreventCommandIfParallelMode("privacy.reidentify()");
	check_right(scope);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	token = PG_GETARG_TEXT_PP(0);
	opened = read_envelope(&envelope, token) && open_envelope(&envelope, scope);
	record_attempt(token, scope, reason, opened);
	if (!opened)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("not a pseudonym that can be turned back in scope \"%s\"", scope),
				 errdetail("It is no reversible pseudonym, was altered, is of another scope, or its key was destroyed."),
				 errhint("The attempt was recorded, and counts like any other.")));
	PG_RETURN_TEXT_P(make_text(get_value(&envelope)));
}

/* reversal_hash(token text, scope text) */
Datum
pp_sql_reversal_hash(PG_FUNCTION_ARGS)
{
	bytea	   *hash = palloc(VARHDRSZ + PP_AUDIT_MAC_BYTES);

	SET_VARSIZE(hash, VARHDRSZ + PP_AUDIT_MAC_BYTES);
	hash_token((unsigned char *) VARDATA(hash), PG_GETARG_TEXT_PP(0), text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_BYTEA_P(hash);
}

/* ---- closing and opening ---- */

static Envelope
make_envelope(int length)
{
	Envelope	envelope;

	envelope.bytes = palloc(HEADER_BYTES + NONCE_BYTES + length);
	envelope.nonce = envelope.bytes + HEADER_BYTES;
	envelope.message = envelope.nonce + NONCE_BYTES;
	envelope.length = length;
	return envelope;
}

static void
put_header(Envelope *envelope, int version)
{
	if (version < 1 || version > PG_UINT16_MAX)
		elog(ERROR, "version %d of a scope", version);	/* cannot happen */
	envelope->bytes[0] = FORMAT;
	envelope->bytes[1] = version & 0xff;
	envelope->bytes[2] = version >> 8;
}

static void
fill_message(Envelope *envelope, MessagePart value)
{
	memcpy(envelope->message, value.bytes, value.length);
	envelope->message[value.length] = 0x80;
	memset(envelope->message + value.length + 1, 0, envelope->length - value.length - 1);
}

static void
compute_nonce(unsigned char nonce[NONCE_BYTES], const Envelope *envelope, const ScopeKey *key)
{
	static const unsigned char personal[crypto_generichash_blake2b_PERSONALBYTES] = "pgprivacy-nonce";
	crypto_generichash_blake2b_state state;

	crypto_generichash_blake2b_init_salt_personal(&state, key->use[PP_USE_NONCE], PP_KEY_BYTES,
												  NONCE_BYTES, NULL, personal);
	crypto_generichash_blake2b_update(&state, envelope->bytes, HEADER_BYTES);
	crypto_generichash_blake2b_update(&state, envelope->message, envelope->length);
	crypto_generichash_blake2b_final(&state, nonce, NONCE_BYTES);
}

/* In place, and its own inverse. */
static void
apply_cipher(Envelope *envelope, const ScopeKey *key)
{
	crypto_stream_xchacha20_xor(envelope->message, envelope->message, envelope->length,
								envelope->nonce, key->use[PP_USE_SEAL]);
}

static text *
spell_envelope(const Envelope *envelope)
{
	int			length = HEADER_BYTES + NONCE_BYTES + envelope->length;
	int			spelled = (length * 4 + 2) / 3;
	text	   *result = palloc(VARHDRSZ + spelled + 2);

	SET_VARSIZE(result, VARHDRSZ + spelled);
	put_digits(VARDATA(result), envelope->bytes, length);
	return result;
}

/*
 * libsodium's own writes a digit in constant time, which takes as long as the encryption, and what
 * is written is no secret. Writes up to two digits too many, into the room for them.
 */
static void
put_digits(char *digit, const unsigned char *bytes, int length)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	for (int i = 0; i < length; i += 3)
	{
		uint32		window = bytes[i] << 16 |
		(i + 1 < length ? bytes[i + 1] << 8 : 0) |
		(i + 2 < length ? bytes[i + 2] : 0);

		for (int shift = 18; shift >= 0; shift -= 6)
			*digit++ = digits[window >> shift & 63];
	}
}

/* False unless it is spelled exactly as spell_envelope does it: one value has one pseudonym. */
static bool
read_envelope(Envelope *envelope, const text *token)
{
	size_t		spelled = VARSIZE_ANY_EXHDR(token);
	size_t		length;

	if (spelled > sodium_base64_encoded_len(HEADER_BYTES + NONCE_BYTES + LONGEST_VALUE + BLOCK_BYTES, SPELLING))
		return false;
	*envelope = make_envelope(spelled);
	if (sodium_base642bin(envelope->bytes, spelled, VARDATA_ANY(token), spelled,
						  NULL, &length, NULL, SPELLING) != 0)
		return false;
	if (length < HEADER_BYTES + NONCE_BYTES + BLOCK_BYTES || envelope->bytes[0] != FORMAT)
		return false;
	envelope->length = length - HEADER_BYTES - NONCE_BYTES;
	return envelope->length % BLOCK_BYTES == 0;
}

static bool
open_envelope(Envelope *envelope, const char *scope)
{
	const ScopeKey *key = find_version(scope, envelope->bytes[1] | envelope->bytes[2] << 8);
	unsigned char nonce[NONCE_BYTES];

	if (key == NULL)
		return false;
	apply_cipher(envelope, key);
	compute_nonce(nonce, envelope, key);
	return sodium_memcmp(nonce, envelope->nonce, NONCE_BYTES) == 0;
}

/* NULL when the scope has no such version, or one that was destroyed or imported. */
static const ScopeKey *
find_version(const char *scope, int version)
{
	VersionSearch search = {.scope = scope, .version = version};
	ErrorData  *error = pp_core_attempt(search_version, &search);

	if (error == NULL)
		return search.found->salt_length == 0 ? search.found : NULL;
	if (error->sqlerrcode != ERRCODE_UNDEFINED_OBJECT &&
		error->sqlerrcode != ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE)
		ReThrowError(error);
	FreeErrorData(error);
	return NULL;
}

static void
search_version(void *arg)
{
	VersionSearch *search = arg;

	search->found = pp_keyring_scope_version(search->scope, search->version);
}

/* The value in a message that has proved authentic. */
static MessagePart
get_value(const Envelope *envelope)
{
	int			length = envelope->length - 1;

	while (length > 0 && envelope->message[length] == 0)
		length--;
	return (MessagePart)
	{
		(const char *) envelope->message, length
	};
}

/* ---- asking for a value ---- */

static const char *
get_scope(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "scope")));
	return text_to_cstring(PG_GETARG_TEXT_PP(1));
}

/* It is stored for good and shown to people: one line, of a length that is read. */
static const char *
get_reason(FunctionCallInfo fcinfo)
{
	const char *reason = PG_ARGISNULL(2) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(2));
	bool		blank = true;
	bool		control = false;

	for (const unsigned char *c = (const unsigned char *) reason; *c != '\0'; c++)
	{
		blank = blank && *c == ' ';
		control = control || *c < ' ' || *c == 0x7f;
	}
	if (blank || control || pg_mbstrlen(reason) > LONGEST_REASON)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a reversal needs a reason"),
				 blank ? errdetail("The reason is null or blank.") :
				 control ? errdetail("The reason has a control character, such as the end of a line.") :
				 errdetail("The reason has %d characters.", pg_mbstrlen(reason)),
				 errhint("Give one line of at most %d characters. It is kept as evidence: name a case, never a person.",
						 LONGEST_REASON)));
	return reason;
}

/* Raises for everything that does not depend on the pseudonym. */
static void
check_right(const char *scope)
{
	(void) pp_keyring_scope_checks(scope);
	if (!pp_keyring_scope_reversible_by(scope, GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to turn pseudonyms of scope \"%s\" back", scope),
				 errdetail("Role \"%s\" is on the scope's list, but not for this.", GetUserNameFromId(GetUserId(), false)),
				 errhint("Let the extension's owner use privacy.grant_reidentify(), or call a SECURITY DEFINER function of a role that may.")));
}

static void
record_attempt(const text *token, const char *scope, const char *reason, bool opened)
{
	AuditLimit	limit = {.role = GetUserId(), .per_hour = pp_keyring_reidentify_limit()};
	AuditEntry	entry = {.action = ACTION, .object = scope, .row_count = -1};
	unsigned char hash[PP_AUDIT_MAC_BYTES];
	const char *role = GetUserNameFromId(limit.role, false);
	StringInfoData detail;

	initStringInfo(&detail);
	appendStringInfoString(&detail, "{\"role\": ");
	escape_json(&detail, role);
	appendStringInfoString(&detail, ", \"reason\": ");
	escape_json(&detail, reason);
	appendStringInfo(&detail, ", \"opened\": %s}", opened ? "true" : "false");
	hash_token(hash, token, scope);
	entry.detail = detail.data;
	entry.subject_hash = hash;
	if (!pp_audit_append_apart(&entry, &limit))
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("role \"%s\" has reached its limit of reversals", role),
				 errdetail("It may make %d in an hour, counting those that failed or were rolled back.", limit.per_hour),
				 errhint("Try again later, or let a superuser raise privacy.keyring_reidentify_limit.")));
}

/* Which pseudonym it was, for those who have it to ask; what was passed may be anything, a raw value too. */
static void
hash_token(unsigned char hash[PP_AUDIT_MAC_BYTES], const text *token, const char *scope)
{
	pp_audit_hash_subject(hash, psprintf("token:%s", scope), text_to_cstring(token));
}

/*
 * The value in the server's encoding. The conversion of the server itself would quote the bytes
 * that it cannot convert.
 */
static text *
make_text(MessagePart value)
{
	int			encoding = GetDatabaseEncoding();
	int			room = value.length * MAX_CONVERSION_GROWTH + 1;
	unsigned char *buffer;

	if (encoding == PG_SQL_ASCII ||
		(encoding == PG_UTF8 && pg_verify_mbstr(PG_UTF8, value.bytes, value.length, true)))
		return cstring_to_text_with_len(value.bytes, value.length);
	buffer = palloc(room);
	if (encoding != PG_UTF8 &&
		pg_do_encoding_conversion_buf(FindDefaultConversionProc(PG_UTF8, encoding), PG_UTF8, encoding,
									  (unsigned char *) unconstify(char *, value.bytes), value.length,
									  buffer, room, true) == value.length)
		return cstring_to_text((char *) buffer);
	ereport(ERROR,
			(errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
			 errmsg("the value cannot be written in this database"),
			 errdetail("It has characters that encoding \"%s\" lacks.", GetDatabaseEncodingName()),
			 errhint("Make the call in a database of the encoding that the value comes from.")));
}
