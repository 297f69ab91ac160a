/*
 * audit_mac.c: what is authenticated, byte by byte.
 *
 * Keyed BLAKE2b-256 under the database's audit key, personalised "pgprivacy-entry" for an entry and
 * "pgprivacy-chain" for a link of the chain, so that one can never pass for the other.
 *
 * An entry: its columns in the order of StoredEntry. Each is one byte, 0 for null (and nothing
 * more) or 1, followed for a number by eight bytes, for a text or bytea by its length in eight
 * bytes and the bytes. So no two different entries have equal messages, whatever they contain. A
 * timestamptz is the number of microseconds since 2000-01-01 UTC; texts are in UTF-8 and jsonb as
 * it is printed, so that a dump restored under another encoding still verifies.
 *
 * A subject or other thing that an entry is about: kind and key as texts, personalised
 * "pgprivacy-subj", so that evidence can be searched for it by those who can name it.
 *
 * A link: chain number, entry id, sealed_at and settled_id as numbers, then the entry's MAC and the
 * MAC of the link before, 32 bytes each (zeros before the first). Numbers have their least
 * significant byte first throughout.
 */
#include "postgres.h"

#include <sodium.h>

#include "core/core.h"
#include "keyring/keyring.h"

#include "audit/audit_internal.h"

typedef crypto_generichash_blake2b_state MacState;

static void begin(MacState *state, const char *personal);
static void absorb_number(MacState *state, int64 number);
static void absorb_bytes(MacState *state, const char *bytes, int length);
static void absorb_presence(MacState *state, bool present);
static void absorb_text_or_null(MacState *state, const char *text);
static void absorb_number_or_null(MacState *state, const int64 *number);

void
pp_audit_mac_entry(unsigned char mac[PP_AUDIT_MAC_BYTES], const StoredEntry *entry)
{
	MacState	state;

	begin(&state, "pgprivacy-entry");
	absorb_number_or_null(&state, &entry->id);
	absorb_number_or_null(&state, &entry->at);
	absorb_text_or_null(&state, entry->actor);
	absorb_text_or_null(&state, entry->action);
	absorb_text_or_null(&state, entry->object);
	absorb_text_or_null(&state, entry->rule);
	absorb_number_or_null(&state, entry->cut_off);
	absorb_number_or_null(&state, entry->row_count);
	absorb_text_or_null(&state, entry->detail);
	absorb_presence(&state, entry->subject_hash != NULL);
	if (entry->subject_hash != NULL)
		absorb_bytes(&state, VARDATA_ANY(entry->subject_hash), VARSIZE_ANY_EXHDR(entry->subject_hash));
	crypto_generichash_blake2b_final(&state, mac, PP_AUDIT_MAC_BYTES);
	sodium_memzero(&state, sizeof(state));
}

void
pp_audit_mac_seal(unsigned char mac[PP_AUDIT_MAC_BYTES], const StoredSeal *seal,
				  const unsigned char entry_mac[PP_AUDIT_MAC_BYTES],
				  const unsigned char previous_mac[PP_AUDIT_MAC_BYTES])
{
	MacState	state;

	begin(&state, "pgprivacy-chain");
	absorb_number(&state, seal->chain_number);
	absorb_number(&state, seal->entry_id);
	absorb_number(&state, seal->sealed_at);
	absorb_number(&state, seal->settled_id);
	crypto_generichash_blake2b_update(&state, entry_mac, PP_AUDIT_MAC_BYTES);
	crypto_generichash_blake2b_update(&state, previous_mac, PP_AUDIT_MAC_BYTES);
	crypto_generichash_blake2b_final(&state, mac, PP_AUDIT_MAC_BYTES);
	sodium_memzero(&state, sizeof(state));
}

void
pp_audit_hash_subject(unsigned char hash[PP_AUDIT_MAC_BYTES], const char *kind, const char *key)
{
	MacState	state;

	begin(&state, "pgprivacy-subj");
	absorb_text_or_null(&state, kind);
	absorb_text_or_null(&state, key);
	crypto_generichash_blake2b_final(&state, hash, PP_AUDIT_MAC_BYTES);
	sodium_memzero(&state, sizeof(state));
}

static void
begin(MacState *state, const char *personal)
{
	unsigned char padded[crypto_generichash_blake2b_PERSONALBYTES] = {0};

	memcpy(padded, personal, strlen(personal));
	crypto_generichash_blake2b_init_salt_personal(state, pp_keyring_audit_key(), PP_KEY_BYTES,
												  PP_AUDIT_MAC_BYTES, NULL, padded);
}

static void
absorb_number(MacState *state, int64 number)
{
	unsigned char bytes[8];

	pp_core_put_number(bytes, number);
	crypto_generichash_blake2b_update(state, bytes, sizeof(bytes));
}

static void
absorb_bytes(MacState *state, const char *bytes, int length)
{
	absorb_number(state, length);
	crypto_generichash_blake2b_update(state, (const unsigned char *) bytes, length);
}

static void
absorb_presence(MacState *state, bool present)
{
	unsigned char mark = present ? 1 : 0;

	crypto_generichash_blake2b_update(state, &mark, 1);
}

static void
absorb_text_or_null(MacState *state, const char *text)
{
	absorb_presence(state, text !=NULL);
	if (text !=NULL)
	{
		int			length;
		const char *utf8 = pp_core_utf8(text, strlen(text), &length);

		absorb_bytes(state, utf8, length);
	}
}

static void
absorb_number_or_null(MacState *state, const int64 *number)
{
	absorb_presence(state, number != NULL);
	if (number != NULL)
		absorb_number(state, *number);
}

bytea *
pp_audit_make_bytea(const unsigned char mac[PP_AUDIT_MAC_BYTES])
{
	bytea	   *bytes = palloc(VARHDRSZ + PP_AUDIT_MAC_BYTES);

	SET_VARSIZE(bytes, VARHDRSZ + PP_AUDIT_MAC_BYTES);
	memcpy(VARDATA(bytes), mac, PP_AUDIT_MAC_BYTES);
	return bytes;
}

bool
pp_audit_get_mac(unsigned char mac[PP_AUDIT_MAC_BYTES], HeapTuple row, TupleDesc columns, int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(row, columns, column, &isnull);
	bytea	   *bytes = isnull ? NULL : DatumGetByteaPP(value);

	if (isnull || VARSIZE_ANY_EXHDR(bytes) != PP_AUDIT_MAC_BYTES)
		return false;
	memcpy(mac, VARDATA_ANY(bytes), PP_AUDIT_MAC_BYTES);
	return true;
}

int64
pp_audit_get_number(HeapTuple row, TupleDesc columns, int column, bool *isnull)
{
	Datum		value = SPI_getbinval(row, columns, column, isnull);

	return *isnull ? 0 : DatumGetInt64(value);
}
