/*
 * keyring_internal.h: what the parts of the keyring ask of each other.
 *
 * keyring.c           settings, the generation, which root key is this database's
 * keyring_root.c      a root key from its file or command
 * keyring_memory.c    the guarded memory; everything that is computed with a root key
 * keyring_table.c     reading the tables
 * keyring_version.c   what is stored of a version, and what it stands for
 * keyring_cache.c     which scopes' keys are open, and for whom
 * keyring_scope.c     the SQL functions that make and destroy versions
 * keyring_grant.c     the SQL functions for who may use a scope
 * keyring_rotation.c  the root key of a database: its first, and the next
 */
#ifndef PP_KEYRING_INTERNAL_H
#define PP_KEYRING_INTERNAL_H

#include "fmgr.h"
#include "keyring/keyring.h"
#include "nodes/pg_list.h"

#define PP_CHECK_VALUE_BYTES 16
#define PP_WRAP_OVERHEAD	40	/* a 24-byte nonce before, a 16-byte tag behind */
#define PP_SCOPE_NAME_BYTES 63
#define PP_SCOPE_VERSIONS	256 /* of one scope */

/* What is held open at a time; all of it below the 64 kB that an ordinary user may lock anywhere. */
#define PP_SCOPE_SLOTS		40	/* scope keys */
#define PP_CHECK_SLOTS		(4 * PP_SCOPE_VERSIONS)

/* The root keys a server may have: while databases move to the next one, both. */
typedef enum RootKey
{
	PP_ROOT_CURRENT,
	PP_ROOT_NEXT,
	PP_ROOTS
} RootKey;

/* Where one of them comes from. */
typedef struct RootSource
{
	char	   *file;
	char	   *command;
	const char *name;			/* "root key", in errors */
	const char *file_setting;
	const char *command_setting;
} RootSource;

/* Why there is no root key: the parts of an error, to be raised or only logged. */
typedef struct RootRefusal
{
	const char *message;
	const char *detail;
	const char *hint;
} RootRefusal;

/* Reads a root key, never throwing; on false the refusal is filled in. The caller zeroes root. */
extern bool pp_keyring_read_root(const RootSource *source, unsigned char root[PP_KEY_BYTES], RootRefusal *refusal);

/* Allocates the guarded memory once per process family; false when the system refuses. */
extern bool pp_keyring_open_memory(void);

/* Makes sure that this process (a fork inherits no locks) keeps its keys out of swap; warns once when it cannot. */
extern void pp_keyring_lock_memory(void);

/* Puts keys into the guarded memory. */
extern void pp_keyring_keep_root(RootKey which, const unsigned char root[PP_KEY_BYTES]);
extern void pp_keyring_keep_audit_key(const unsigned char key[PP_KEY_BYTES]);
extern void pp_keyring_keep_scope_key(int slot, const ScopeKey *key);
extern void pp_keyring_keep_check_key(int slot, const struct CheckKey *key);
extern const unsigned char *pp_keyring_kept_audit_key(void);
extern const ScopeKey *pp_keyring_kept_scope_key(int slot);
extern const struct CheckKey *pp_keyring_kept_check_keys(int slot);

/* Zeroes a root key; and the keys of all scopes. */
extern void pp_keyring_forget_root(RootKey which);
extern void pp_keyring_forget_scopes(void);

/* A key derived from a root key for one use; scope "" and version 0 where there is none. */
extern void pp_keyring_derive(RootKey root, unsigned char *derived, size_t length,
							  const char *use, const char *scope, uint32 version);

/*
 * Encrypts a key under a root key, bound to its purpose and place; wrapped takes length +
 * PP_WRAP_OVERHEAD bytes. Unwrapping returns false when key, purpose or place is another.
 */
extern void pp_keyring_wrap(RootKey root, unsigned char *wrapped, const unsigned char *key, size_t length,
							const char *purpose, const char *scope, uint32 version);
extern bool pp_keyring_unwrap(RootKey root, unsigned char *key, const unsigned char *wrapped, size_t wrapped_length,
							  const char *purpose, const char *scope, uint32 version);

/* The tables' rows, read with the newest snapshot: a revoked right is gone at once. */
typedef struct StoredRoot
{
	bytea	   *check_value;	/* NULL when there is no row */
	bytea	   *wrapped_audit_key;
} StoredRoot;

typedef struct StoredVersion
{
	int			version;
	bool		imported;		/* wrapped_key is a salt, and there is no check key */
	bool		destroyed;
	bytea	   *wrapped_key;	/* NULL when destroyed or derived */
	bytea	   *wrapped_check_key;
} StoredVersion;

/* All that belongs together, of one moment: versions wrapped by this root key and no other. */
typedef struct StoredScope
{
	StoredRoot	root;
	bool		destroyable;
	int			count;
	StoredVersion *versions;	/* the newest first */
} StoredScope;

extern void pp_keyring_find_root(StoredRoot *root);
extern void pp_keyring_find_scope(const char *scope, StoredScope *stored);

/* Names of all scopes: a list of strings in order; and for hints, NULL when there is none. */
extern List *pp_keyring_scope_names(void);
extern char *pp_keyring_list_scopes(void);

/* Whether a relcache invalidation concerns one of the tables. */
extern bool pp_keyring_is_table(Oid relid);

/* Raises undefined_object for a scope that is not there, and lists those that are. */
extern void pp_keyring_check_scope(const char *scope);

/* ---- versions ---- */

/*
 * Opens the key of a version (its salt, when it was imported) and its check key, under the root key
 * that the row was read with. The caller zeroes what it gets, and gets nothing when it returns
 * false: then the row was altered.
 */
extern bool pp_keyring_open_key(RootKey root, const char *scope, bool destroyable, const StoredVersion *version,
								unsigned char key[PP_SALT_BYTES], int *length);
extern bool pp_keyring_open_check_key(RootKey root, const char *scope, bool destroyable, const StoredVersion *version,
									  unsigned char key[PP_CHECK_KEY_BYTES]);
extern bool pp_keyring_open_audit_key(RootKey root, const StoredRoot *stored, unsigned char key[PP_KEY_BYTES]);
extern void pp_keyring_refuse_row(const char *scope, const StoredVersion *version) pg_attribute_noreturn();

/* What is stored of each: a bytea, palloc'd. */
extern bytea *pp_keyring_seal_key(RootKey root, const char *scope, int version, bool imported,
								  const unsigned char *key, int length);
extern bytea *pp_keyring_seal_check_key(RootKey root, const char *scope, int version,
										const unsigned char key[PP_CHECK_KEY_BYTES]);
extern bytea *pp_keyring_seal_audit_key(RootKey root, const unsigned char key[PP_KEY_BYTES]);
extern bytea *pp_keyring_check_value(RootKey root);

/* The named version; raises undefined_object. */
extern const StoredVersion *pp_keyring_pick_version(const char *scope, const StoredScope *stored, int version);

/* This database's root key; sets the database up with the current one when it has none yet. */
extern RootKey pp_keyring_root(void);

/* Which root key made this row; raises when there is no row, or neither did. */
extern RootKey pp_keyring_fitting_root(const StoredRoot *stored);

/* Loads a root key unless that has been done; raises why not. */
extern void pp_keyring_need_root(RootKey which);

/* Sets this database up with the current root key: its check value and its own audit key. */
extern void pp_keyring_create_root(void);

/*
 * Keeps this database's root key what it is until the transaction ends: whoever changes a key holds
 * it first, so that no row is wrapped by a root key that is being replaced. Needs a SPI connection.
 */
extern RootKey pp_keyring_hold_root(void);

/* Raises a serialization failure: the transaction's snapshot is older than the keys it must change. */
extern void pp_keyring_refuse_snapshot(void) pg_attribute_noreturn();

/* Makes the generation grow: pointers handed out before are about to become wrong. */
extern void pp_keyring_outdate(void);

/* Tells whoever listens. */
extern void pp_keyring_tell(const char *event, const char *scope, const char *role, int version);

/* Arguments of SQL functions: a text that must not be null; the first one, the name of a scope that exists. */
extern char *pp_keyring_get_text(FunctionCallInfo fcinfo, int argument, const char *name);
extern char *pp_keyring_get_scope(FunctionCallInfo fcinfo);

#endif							/* PP_KEYRING_INTERNAL_H */
