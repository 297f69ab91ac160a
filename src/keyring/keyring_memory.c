/*
 * keyring_memory.c: the one place where keys are.
 *
 * Keys leak by copies: a core dump held two copies of a key that a function had cached for its own
 * speed. So there are exactly two pieces of memory that hold keys for longer than a call, both from
 * sodium_malloc: guard pages around them, left out of core dumps, locked against swap. The vault
 * holds the root key and cannot even be read, except while a key is computed from it. The slab
 * holds what is derived or unwrapped, read-only, except while a slot is written; that happens per
 * key, never per row. Every copy on a stack is zeroed before anything can throw.
 *
 * The postmaster fills the vault before it forks, and its children inherit pages and protection,
 * but not the lock: each process locks for itself. sodium_malloc does not say whether it could
 * lock, so the lock is asked for again. Failing that is a warning, not an error: the key may reach
 * the swap space, which is no reason to leave personal data unpseudonymised.
 *
 * The derivation: BLAKE2b keyed with the root key, personalised "pgprivacy-kdf", over use and
 * scope, each framed by its length in eight bytes, and the version in four, all least significant
 * byte first. Wrapping: XChaCha20-Poly1305 with a random nonce in front; purpose, scope and
 * version, framed alike, are its additional data, so that a wrapped key does not open in another
 * row than its own.
 */
#include "postgres.h"

#include <sodium.h>

#include "lib/stringinfo.h"
#include "miscadmin.h"

#include "core/core.h"
#include "keyring/keyring_internal.h"

typedef struct KeySlab
{
	ScopeKey	scope[PP_SCOPE_SLOTS];
	struct CheckKey check[PP_CHECK_SLOTS];
	unsigned char audit_key[PP_KEY_BYTES];
} KeySlab;

static unsigned char (*vault)[PP_KEY_BYTES] = NULL; /* by RootKey */
static KeySlab *slab = NULL;

static bool lock_pages(void);
static void absorb_text(crypto_generichash_blake2b_state * state, const char *text);
static void frame_place(StringInfo place, const char *purpose, const char *scope, uint32 version);
static void put_version(unsigned char bytes[4], uint32 version);

bool
pp_keyring_open_memory(void)
{
	StaticAssertStmt(sizeof(KeySlab) % 64 == 0, "sodium_malloc aligns to the end");

	if (slab != NULL)
		return true;
	if (sodium_init() < 0)
		return false;
	if (vault == NULL)
		vault = sodium_allocarray(PP_ROOTS, PP_KEY_BYTES);
	if (vault != NULL)
		slab = sodium_malloc(sizeof(KeySlab));
	if (slab == NULL)
		return false;
	sodium_memzero(slab, sizeof(KeySlab));
	sodium_memzero(vault, PP_ROOTS * PP_KEY_BYTES);
	sodium_mprotect_readonly(slab);
	sodium_mprotect_noaccess(vault);
	return true;
}

void
pp_keyring_lock_memory(void)
{
	static int	locked_by = 0;
	static bool warned = false; /* inherited: what the postmaster said need not be said again */
	const char *reason;

	if (locked_by == MyProcPid)
		return;
	locked_by = MyProcPid;
	if (lock_pages() || warned)
		return;
	warned = true;
	reason = strerror(errno);
	ereport(WARNING,
			(errmsg("the keys are not locked in memory"),
			 errdetail("They may be written to swap space: mlock failed with \"%s\".", reason),
			 errhint("Raise the limit on locked memory for the server: LimitMEMLOCK=64M in its systemd unit, or ulimit -l.")));
}

static bool
lock_pages(void)
{
	int			failure;
	int			error;

	sodium_mprotect_readonly(vault);
	failure = sodium_mlock(vault, PP_ROOTS * PP_KEY_BYTES);
	error = errno;
	sodium_mprotect_noaccess(vault);
	if (failure == 0)
	{
		failure = sodium_mlock(slab, sizeof(KeySlab));
		error = errno;
	}
	errno = error;
	return failure == 0;
}

void
pp_keyring_keep_root(RootKey which, const unsigned char root[PP_KEY_BYTES])
{
	sodium_mprotect_readwrite(vault);
	memcpy(vault[which], root, PP_KEY_BYTES);
	sodium_mprotect_noaccess(vault);
}

void
pp_keyring_forget_root(RootKey which)
{
	if (vault == NULL)
		return;
	sodium_mprotect_readwrite(vault);
	sodium_memzero(vault[which], PP_KEY_BYTES);
	sodium_mprotect_noaccess(vault);
}

void
pp_keyring_keep_audit_key(const unsigned char key[PP_KEY_BYTES])
{
	sodium_mprotect_readwrite(slab);
	memcpy(slab->audit_key, key, PP_KEY_BYTES);
	sodium_mprotect_readonly(slab);
}

void
pp_keyring_keep_scope_key(int slot, const ScopeKey *key)
{
	sodium_mprotect_readwrite(slab);
	memcpy(&slab->scope[slot], key, sizeof(ScopeKey));
	sodium_mprotect_readonly(slab);
}

void
pp_keyring_keep_check_key(int slot, const struct CheckKey *key)
{
	sodium_mprotect_readwrite(slab);
	memcpy(&slab->check[slot], key, sizeof(struct CheckKey));
	sodium_mprotect_readonly(slab);
}

void
pp_keyring_forget_scopes(void)
{
	if (slab == NULL)
		return;
	sodium_mprotect_readwrite(slab);
	sodium_memzero(slab->scope, sizeof(slab->scope));
	sodium_memzero(slab->check, sizeof(slab->check));
	sodium_mprotect_readonly(slab);
}

const unsigned char *
pp_keyring_kept_audit_key(void)
{
	return slab->audit_key;
}

const ScopeKey *
pp_keyring_kept_scope_key(int slot)
{
	return &slab->scope[slot];
}

const struct CheckKey *
pp_keyring_kept_check_keys(int slot)
{
	return &slab->check[slot];
}

void
pp_keyring_derive(RootKey root, unsigned char *derived, size_t length,
				  const char *use, const char *scope, uint32 version)
{
	static const unsigned char personal[crypto_generichash_blake2b_PERSONALBYTES] = "pgprivacy-kdf";
	crypto_generichash_blake2b_state state;
	unsigned char number[4];

	sodium_mprotect_readonly(vault);
	crypto_generichash_blake2b_init_salt_personal(&state, vault[root], PP_KEY_BYTES, length, NULL, personal);
	sodium_mprotect_noaccess(vault);
	absorb_text(&state, use);
	absorb_text(&state, scope);
	put_version(number, version);
	crypto_generichash_blake2b_update(&state, number, sizeof(number));
	crypto_generichash_blake2b_final(&state, derived, length);
	sodium_memzero(&state, sizeof(state));
}

static void
absorb_text(crypto_generichash_blake2b_state * state, const char *text)
{
	unsigned char frame[8];

	pp_core_put_number(frame, strlen(text));
	crypto_generichash_blake2b_update(state, frame, sizeof(frame));
	crypto_generichash_blake2b_update(state, (const unsigned char *) text, strlen(text));
}

void
pp_keyring_wrap(RootKey root, unsigned char *wrapped, const unsigned char *key, size_t length,
				const char *purpose, const char *scope, uint32 version)
{
	const size_t nonce_length = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
	unsigned char wrap_key[PP_KEY_BYTES];
	StringInfoData place;

	frame_place(&place, purpose, scope, version);
	randombytes_buf(wrapped, nonce_length);
	pp_keyring_derive(root, wrap_key, sizeof(wrap_key), "wrap", "", 0);
	crypto_aead_xchacha20poly1305_ietf_encrypt(wrapped + nonce_length, NULL, key, length,
											   (unsigned char *) place.data, place.len,
											   NULL, wrapped, wrap_key);
	sodium_memzero(wrap_key, sizeof(wrap_key));
	pfree(place.data);
}

bool
pp_keyring_unwrap(RootKey root, unsigned char *key, const unsigned char *wrapped, size_t wrapped_length,
				  const char *purpose, const char *scope, uint32 version)
{
	const size_t nonce_length = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
	unsigned char wrap_key[PP_KEY_BYTES];
	StringInfoData place;
	int			failure;

	frame_place(&place, purpose, scope, version);
	pp_keyring_derive(root, wrap_key, sizeof(wrap_key), "wrap", "", 0);
	failure = crypto_aead_xchacha20poly1305_ietf_decrypt(key, NULL, NULL,
														 wrapped + nonce_length, wrapped_length - nonce_length,
														 (unsigned char *) place.data, place.len,
														 wrapped, wrap_key);
	sodium_memzero(wrap_key, sizeof(wrap_key));
	pfree(place.data);
	return failure == 0;
}

static void
frame_place(StringInfo place, const char *purpose, const char *scope, uint32 version)
{
	unsigned char frame[8];

	initStringInfo(place);
	pp_core_put_number(frame, strlen(purpose));
	appendBinaryStringInfo(place, (char *) frame, sizeof(frame));
	appendStringInfoString(place, purpose);
	pp_core_put_number(frame, strlen(scope));
	appendBinaryStringInfo(place, (char *) frame, sizeof(frame));
	appendStringInfoString(place, scope);
	put_version(frame, version);
	appendBinaryStringInfo(place, (char *) frame, 4);
}

static void
put_version(unsigned char bytes[4], uint32 version)
{
	for (int i = 0; i < 4; i++)
		bytes[i] = (unsigned char) (version >> (8 * i));
}
