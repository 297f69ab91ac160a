/*
 * keyring.h: the root key from outside the database, and the scope keys it wraps. No key leaves
 * this module but as a pointer into one guarded slab of memory.
 */
#ifndef PP_KEYRING_H
#define PP_KEYRING_H

#include "core/core.h"

#define PP_KEY_BYTES	32
#define PP_CHECK_KEY_BYTES 16
#define PP_SALT_BYTES	128

/* Registers the settings, and loads the root key when the postmaster preloads the library. */
extern void pp_keyring_init(void);

/* What a version's key is used for, each under a key of its own that is derived from it. */
typedef enum ScopeUse
{
	PP_USE_PERMUTATION,			/* bijections of numbers and codes */
	PP_USE_PREFIX,				/* network addresses */
	PP_USE_SHIFT,				/* moving dates */
	PP_USE_CHOICE,				/* names and addresses out of lists */
	PP_USE_NONCE,				/* the two halves of reversible pseudonyms */
	PP_USE_SEAL,
	PP_USES
} ScopeUse;

/*
 * A version of a scope as a caller may use it. Lives in the guarded slab; valid until the
 * generation of the keyring changes, so that a caller who keeps it compares
 * pp_keyring_generation(): remember the generation from before the call that gave the pointer, news
 * may arrive during it.
 */
typedef struct ScopeKey
{
	CoreMac		token;			/* keyed with the version's key, personalised "pgprivacy-token" */
	unsigned char use[PP_USES][PP_KEY_BYTES];
	unsigned char check_key[PP_CHECK_KEY_BYTES];	/* of the mark that says "I am a pseudonym" */
	int			version;
	int			salt_length;	/* of an imported version, sha256(value || salt); else 0 */
	unsigned char salt[PP_SALT_BYTES];
} ScopeKey;

/* What recognises the pseudonyms of every version of a scope, destroyed ones too; the newest first. */
typedef struct ScopeChecks
{
	int			count;
	const struct CheckKey
	{
		int			version;
		unsigned char key[PP_CHECK_KEY_BYTES];
	}		   *keys;
} ScopeChecks;

/*
 * For the current user (GetUserId()): the key of a scope's newest version that was not imported,
 * that of a given version, and what recognises any. Raise undefined_object for an unknown scope or
 * version, insufficient_privilege when the user is not on the scope's list,
 * object_not_in_prerequisite_state for a key that was destroyed, ERRCODE_PP_KEY_UNAVAILABLE and
 * ERRCODE_PP_KEY_MISMATCH for a root key that is not there or not this database's.
 */
extern const ScopeKey *pp_keyring_scope_key(const char *scope);
extern const ScopeKey *pp_keyring_scope_version(const char *scope, int version);
extern const ScopeChecks *pp_keyring_scope_checks(const char *scope);

/* Grows whenever a pointer or a permission handed out before may have become wrong. */
extern uint64 pp_keyring_generation(void);

/* Whether the scope exists, and whether userid is on its list. Needs no key. */
extern bool pp_keyring_scope_exists(const char *scope);
extern bool pp_keyring_scope_allows(const char *scope, Oid userid);

/* Whether userid may turn the scope's reversible pseudonyms back; being on its list is not enough. */
extern bool pp_keyring_scope_reversible_by(const char *scope, Oid userid);

/* How many reversals a role may make in an hour: privacy.keyring_reidentify_limit. */
extern int	pp_keyring_reidentify_limit(void);

/*
 * Makes sure that the root key is there, fits this database, and that this database has its own
 * audit key (created and wrapped on first use). Raises like pp_keyring_scope_key.
 */
extern void pp_keyring_require(void);

/* The key that authenticates evidence; same lifetime and errors as a scope key. */
extern const unsigned char *pp_keyring_audit_key(void);

/*
 * News for whoever keeps evidence (a layer above): called inside the transaction and a SPI
 * connection of each key event, such as ("scope.grant", "person", "analyst", 0); scope and role are
 * NULL and version is 0 where there is none.
 */
typedef void (*KeyEventCallback) (const char *event, const char *scope, const char *role, int version);
extern void pp_keyring_on_event(KeyEventCallback callback);

#endif							/* PP_KEYRING_H */
