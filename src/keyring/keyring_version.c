/*
 * keyring_version.c: what is stored of a version, and what it stands for.
 *
 * A version's row means one of four things:
 *
 * wrapped    two ciphertexts: its key and its check key, both random
 * derived    nothing: both keys are computed from root key, scope and version
 * imported   one ciphertext: the salt of pseudonyms that were made before this extension came
 * destroyed  the ciphertext of the check key alone
 *
 * An empty row could mean "derived" by mistake or malice, and then give pseudonyms where there
 * should be an error. So only a scope that is not destroyable has derived versions, and a destroyed
 * one is known by its date. Everything wrapped is bound to its purpose, scope and version.
 *
 * What is unwrapped here is on the caller's stack, and the caller zeroes it.
 */
#include "postgres.h"

#include <sodium.h>

#include "keyring/keyring_internal.h"

static bool is_derived(bool destroyable, const StoredVersion *version);
static bool open_wrapped(RootKey root, unsigned char *key, int length, const bytea *wrapped,
						 const char *purpose, const char *scope, int version);
static bytea *seal(RootKey root, const unsigned char *key, int length,
				   const char *purpose, const char *scope, int version);

static bool
is_derived(bool destroyable, const StoredVersion *version)
{
	return !destroyable && !version->imported && !version->destroyed &&
		version->wrapped_key == NULL && version->wrapped_check_key == NULL;
}

bool
pp_keyring_open_key(RootKey root, const char *scope, bool destroyable, const StoredVersion *version,
					unsigned char key[PP_SALT_BYTES], int *length)
{
	*length = PP_KEY_BYTES;
	if (version->imported)
	{
		*length = version->wrapped_key == NULL ? 0 :
			(int) (VARSIZE(version->wrapped_key) - VARHDRSZ) - PP_WRAP_OVERHEAD;
		return *length >= 1 && *length <= PP_SALT_BYTES &&
			open_wrapped(root, key, *length, version->wrapped_key, "salt", scope, version->version);
	}
	if (!is_derived(destroyable, version))
		return open_wrapped(root, key, *length, version->wrapped_key, "scope", scope, version->version);
	pp_keyring_derive(root, key, *length, "scope", scope, version->version);
	return true;
}

bool
pp_keyring_open_check_key(RootKey root, const char *scope, bool destroyable, const StoredVersion *version,
						  unsigned char key[PP_CHECK_KEY_BYTES])
{
	if (!is_derived(destroyable, version))
		return open_wrapped(root, key, PP_CHECK_KEY_BYTES, version->wrapped_check_key,
							"scope-check", scope, version->version);
	pp_keyring_derive(root, key, PP_CHECK_KEY_BYTES, "scope-check", scope, version->version);
	return true;
}

bool
pp_keyring_open_audit_key(RootKey root, const StoredRoot *stored, unsigned char key[PP_KEY_BYTES])
{
	return open_wrapped(root, key, PP_KEY_BYTES, stored->wrapped_audit_key, "audit-key", "", 0);
}

static bool
open_wrapped(RootKey root, unsigned char *key, int length, const bytea *wrapped,
			 const char *purpose, const char *scope, int version)
{
	size_t		wrapped_length = length + PP_WRAP_OVERHEAD;

	if (wrapped == NULL || VARSIZE(wrapped) - VARHDRSZ != wrapped_length)
		return false;
	return pp_keyring_unwrap(root, key, (const unsigned char *) VARDATA(wrapped), wrapped_length,
							 purpose, scope, version);
}

void
pp_keyring_refuse_row(const char *scope, const StoredVersion *version)
{
	ereport(ERROR,
			(errcode(ERRCODE_PP_KEY_MISMATCH),
			 errmsg("version %d of scope \"%s\" cannot be unwrapped", version->version, scope),
			 errdetail("Its row in privacy.scope_version was altered, or belongs to another scope, version or root key."),
			 errhint("Restore the row from a backup.")));
}

bytea *
pp_keyring_seal_key(RootKey root, const char *scope, int version, bool imported,
					const unsigned char *key, int length)
{
	return seal(root, key, length, imported ? "salt" : "scope", scope, version);
}

bytea *
pp_keyring_seal_check_key(RootKey root, const char *scope, int version,
						  const unsigned char key[PP_CHECK_KEY_BYTES])
{
	return seal(root, key, PP_CHECK_KEY_BYTES, "scope-check", scope, version);
}

bytea *
pp_keyring_seal_audit_key(RootKey root, const unsigned char key[PP_KEY_BYTES])
{
	return seal(root, key, PP_KEY_BYTES, "audit-key", "", 0);
}

static bytea *
seal(RootKey root, const unsigned char *key, int length,
	 const char *purpose, const char *scope, int version)
{
	bytea	   *sealed = palloc(VARHDRSZ + length + PP_WRAP_OVERHEAD);

	SET_VARSIZE(sealed, VARHDRSZ + length + PP_WRAP_OVERHEAD);
	pp_keyring_wrap(root, (unsigned char *) VARDATA(sealed), key, length, purpose, scope, version);
	return sealed;
}

bytea *
pp_keyring_check_value(RootKey root)
{
	bytea	   *value = palloc(VARHDRSZ + PP_CHECK_VALUE_BYTES);

	SET_VARSIZE(value, VARHDRSZ + PP_CHECK_VALUE_BYTES);
	pp_keyring_derive(root, (unsigned char *) VARDATA(value), PP_CHECK_VALUE_BYTES, "check-value", "", 0);
	return value;
}

const StoredVersion *
pp_keyring_pick_version(const char *scope, const StoredScope *stored, int version)
{
	for (int i = 0; i < stored->count; i++)
		if (stored->versions[i].version == version)
			return &stored->versions[i];
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("version %d of scope \"%s\" does not exist", version, scope),
			 stored->count > 0 ? errdetail("Its newest version is %d.", stored->versions[0].version) :
			 errdetail("It has no row in privacy.scope_version."),
			 errhint("See privacy.scope_status.")));
}
