/*
 * keyring.h: the root key from outside the database, and the scope keys it wraps. No key leaves
 * this module but as a pointer into one guarded slab of memory.
 */
#ifndef PP_KEYRING_H
#define PP_KEYRING_H

#define PP_KEY_BYTES	32
#define PP_CHECK_KEY_BYTES 16

/* Registers the settings, and loads the root key when the postmaster preloads the library. */
extern void pp_keyring_init(void);

/*
 * A scope's current version as a caller may use it. Lives in the guarded slab; valid until the
 * generation of the keyring changes, so that a caller who keeps it compares
 * pp_keyring_generation(): remember the generation from before the call that gave the pointer, news
 * may arrive during it.
 */
typedef struct ScopeKey
{
	int			version;
	unsigned char key[PP_KEY_BYTES];	/* of the keyed pseudonyms */
	unsigned char check_key[PP_CHECK_KEY_BYTES];	/* of the mark that says "I am a pseudonym" */
} ScopeKey;

/*
 * The key of a scope, for the current user (GetUserId()). Raises undefined_object for an unknown
 * scope, insufficient_privilege when the user is not on the scope's list,
 * ERRCODE_PP_KEY_UNAVAILABLE and ERRCODE_PP_KEY_MISMATCH for a root key that is not there or not
 * this database's.
 */
extern const ScopeKey *pp_keyring_scope_key(const char *scope);

/* Grows whenever a pointer or a permission handed out before may have become wrong. */
extern uint64 pp_keyring_generation(void);

/* Whether the scope exists, and whether userid is on its list. Needs no key. */
extern bool pp_keyring_scope_exists(const char *scope);
extern bool pp_keyring_scope_allows(const char *scope, Oid userid);

/*
 * Makes sure that the root key is there, fits this database, and that this database has its own
 * audit key (created and wrapped on first use). Raises like pp_keyring_scope_key.
 */
extern void pp_keyring_require(void);

/* The key that authenticates evidence; same lifetime and errors as a scope key. */
extern const unsigned char *pp_keyring_audit_key(void);

/*
 * News for whoever keeps evidence (a layer above): called inside the transaction and a SPI
 * connection of each key event, such as ("scope.grant", "person", "analyst"); scope and role are
 * NULL where there is none.
 */
typedef void (*KeyEventCallback) (const char *event, const char *scope, const char *role);
extern void pp_keyring_on_event(KeyEventCallback callback);

#endif							/* PP_KEYRING_H */
