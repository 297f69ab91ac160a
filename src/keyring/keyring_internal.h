/*
 * keyring_internal.h: what the parts of the keyring ask of each other.
 *
 * keyring.c         settings, the cache and its generation; what other modules call
 * keyring_root.c    the root key from its file or command
 * keyring_memory.c  the guarded memory; everything that is computed with the root key
 * keyring_table.c   reading the tables
 * keyring_scope.c   the SQL functions that change them
 */
#ifndef PP_KEYRING_INTERNAL_H
#define PP_KEYRING_INTERNAL_H

#include "keyring/keyring.h"

#define PP_CHECK_VALUE_BYTES 16
#define PP_WRAP_OVERHEAD	40	/* a 24-byte nonce before, a 16-byte tag behind */
#define PP_SCOPE_SLOTS		64	/* scope keys held unwrapped at a time */
#define PP_SCOPE_NAME_BYTES 63

/* Why there is no root key: the parts of an error, to be raised or only logged. */
typedef struct RootRefusal
{
	const char *message;
	char	   *detail;			/* palloc'd */
	const char *hint;
} RootRefusal;

/* Reads the root key, never throwing; on false the refusal is filled in. The caller zeroes root. */
extern bool pp_keyring_read_root(const char *file, const char *command,
								 unsigned char root[PP_KEY_BYTES], RootRefusal *refusal);

/* Allocates the guarded memory once per process family; false when the system refuses. */
extern bool pp_keyring_open_memory(void);

/* Makes sure that this process (a fork inherits no locks) keeps its keys out of swap; warns once when it cannot. */
extern void pp_keyring_lock_memory(void);

/* Puts keys into the guarded memory. */
extern void pp_keyring_keep_root(const unsigned char root[PP_KEY_BYTES]);
extern void pp_keyring_keep_audit_key(const unsigned char key[PP_KEY_BYTES]);
extern void pp_keyring_keep_scope_key(int slot, const ScopeKey *key);
extern const unsigned char *pp_keyring_kept_audit_key(void);
extern const ScopeKey *pp_keyring_kept_scope_key(int slot);

/* A key derived from the root key for one use; scope "" and version 0 where there is none. */
extern void pp_keyring_derive(unsigned char *derived, size_t length, const char *use, const char *scope, uint32 version);

/*
 * Encrypts a key under the root key, bound to its purpose and place; wrapped takes length +
 * PP_WRAP_OVERHEAD bytes. Unwrapping returns false when key, purpose or place is another.
 */
extern void pp_keyring_wrap(unsigned char *wrapped, const unsigned char *key, size_t length,
							const char *purpose, const char *scope, uint32 version);
extern bool pp_keyring_unwrap(unsigned char *key, const unsigned char *wrapped, size_t wrapped_length,
							  const char *purpose, const char *scope, uint32 version);

/* The tables' rows, read with the newest snapshot: a revoked right is gone at once. */
typedef struct StoredRoot
{
	bytea	   *check_value;
	bytea	   *wrapped_audit_key;
} StoredRoot;

typedef struct StoredVersion
{
	int			version;
	bytea	   *wrapped_key;	/* NULL when the keys are derived */
	bytea	   *wrapped_check_key;
} StoredVersion;

extern bool pp_keyring_find_root(StoredRoot *root);
extern bool pp_keyring_find_version(const char *scope, StoredVersion *version);
extern char *pp_keyring_list_scopes(void);

/* Whether a relcache invalidation concerns one of the tables. */
extern bool pp_keyring_is_table(Oid relid);

/* Tells whoever listens. */
extern void pp_keyring_tell(const char *event, const char *scope, const char *role);

/* Sets this database up with the root key: its check value and its own audit key. */
extern void pp_keyring_create_root(void);

#endif							/* PP_KEYRING_INTERNAL_H */
