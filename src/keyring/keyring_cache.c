/*
 * keyring_cache.c: which scopes' keys are open, and for whom.
 *
 * Every keyed function asks here. The answer is remembered, for the permission as for the key,
 * until the generation changes (keyring.c): then all of it is given up and zeroed, with the next
 * question or at the end of the transaction, whichever comes first. So a version that has been
 * destroyed is gone from every session that asks again or ends its transaction; a session that does
 * neither holds it in guarded memory, and a statement under way may finish with it.
 *
 * The newest version is the one that makes pseudonyms, also when it has been destroyed: then making
 * them is an error. Going back to the version before it would work silently, and give new data
 * pseudonyms of a key that somebody meant to be done with; an error is seen, and rotate_scope() ends
 * it. Imported versions never make new pseudonyms.
 *
 * Recognising a pseudonym needs the check keys of all versions at once, destroyed ones too. They
 * lie side by side in the guarded memory.
 *
 * Order of errors: an unknown scope, then a missing permission, an unknown or destroyed version, a
 * missing or foreign root key; all before anything is written.
 */
#include "postgres.h"

#include <sodium.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/inval.h"

#include "core/core.h"
#include "keyring/keyring_internal.h"

#define NEWEST				INT_MIN /* in place of a version's number */
#define REMEMBERED_USERS	64

/* What unwrapping leaves on the stack below us: a generous guess. */
#define STACK_BYTES			4096

/* Everything below is of cache_generation, and holds no key: those are in the slab. */
static uint64 cache_generation = 0;

static int	keys_open = 0;
static struct
{
	char		scope[PP_SCOPE_NAME_BYTES + 1];
	int			version;		/* as asked for */
}			open_keys[PP_SCOPE_SLOTS];

static int	checks_open = 0;
static int	check_keys_open = 0;
static struct
{
	char		scope[PP_SCOPE_NAME_BYTES + 1];
	ScopeChecks checks;
}			open_checks[PP_SCOPE_SLOTS];

static int	users_remembered = 0;
static struct
{
	char		scope[PP_SCOPE_NAME_BYTES + 1];
	Oid			userid;
}			remembered[REMEMBERED_USERS];

static void forget_at_end(XactEvent event, void *arg);
static void forget_if_stale(void);
static void forget_all(void);
static void admit_user(const char *scope);
static bool is_remembered(const char *scope, Oid userid);
static void remember_user(const char *scope, Oid userid);
static void check_permission(const char *scope, Oid userid);
static const ScopeKey *get_key(const char *scope, int version);
static int	find_key(const char *scope, int version);
static int	load_key(const char *scope, int version);
static const StoredVersion *choose_version(const char *scope, const StoredScope *stored, int version);
static const StoredVersion *choose_newest(const char *scope, const StoredScope *stored);
static bool fill_key(ScopeKey *key, RootKey root, const char *scope, bool destroyable, const StoredVersion *version);
static void derive_uses(ScopeKey *key, const unsigned char secret[PP_KEY_BYTES]);
static const ScopeChecks *find_checks(const char *scope);
static const ScopeChecks *load_checks(const char *scope);
static void load_check_key(RootKey root, const char *scope, bool destroyable, const StoredVersion *version);

const ScopeKey *
pp_keyring_scope_key(const char *scope)
{
	return get_key(scope, NEWEST);
}

const ScopeKey *
pp_keyring_scope_version(const char *scope, int version)
{
	return get_key(scope, version != NEWEST ? version : 0); /* there is neither */
}

const ScopeChecks *
pp_keyring_scope_checks(const char *scope)
{
	const ScopeChecks *checks;

	admit_user(scope);
	checks = find_checks(scope);
	return checks != NULL ? checks : load_checks(scope);
}

/* ---- giving up ---- */

static void
forget_at_end(XactEvent event, void *arg)
{
	(void) arg;
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		forget_if_stale();
}

static void
forget_if_stale(void)
{
	if (cache_generation != pp_keyring_generation())
		forget_all();
}

static void
forget_all(void)
{
	if (keys_open > 0 || check_keys_open > 0)
		pp_keyring_forget_scopes();
	keys_open = 0;
	checks_open = 0;
	check_keys_open = 0;
	users_remembered = 0;
	cache_generation = pp_keyring_generation();
}

/* ---- who may ---- */

static void
admit_user(const char *scope)
{
	static bool listening = false;
	Oid			userid = GetUserId();

	if (!listening)
		RegisterXactCallback(forget_at_end, NULL);
	listening = true;

	/* A statement that opens no table would not hear of news in the middle of a transaction. */
	AcceptInvalidationMessages();
	forget_if_stale();
	if (is_remembered(scope, userid))
		return;
	check_permission(scope, userid);
	remember_user(scope, userid);
}

static bool
is_remembered(const char *scope, Oid userid)
{
	for (int i = 0; i < users_remembered; i++)
		if (remembered[i].userid == userid && strcmp(remembered[i].scope, scope) == 0)
			return true;
	return false;
}

static void
remember_user(const char *scope, Oid userid)
{
	if (users_remembered == REMEMBERED_USERS)
		users_remembered = 0;
	strlcpy(remembered[users_remembered].scope, scope, sizeof(remembered[0].scope));
	remembered[users_remembered].userid = userid;
	users_remembered++;
}

static void
check_permission(const char *scope, Oid userid)
{
	pp_keyring_check_scope(scope);
	if (pp_keyring_scope_allows(scope, userid))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for scope \"%s\"", scope),
			 errdetail("Role \"%s\" is not on the scope's list.", GetUserNameFromId(userid, false)),
			 errhint("Let the extension's owner use privacy.grant_scope(), or call a SECURITY DEFINER function of a role that is on it.")));
}

/* ---- keys ---- */

static const ScopeKey *
get_key(const char *scope, int version)
{
	int			slot;

	admit_user(scope);
	slot = find_key(scope, version);
	return pp_keyring_kept_scope_key(slot >= 0 ? slot : load_key(scope, version));
}

static int
find_key(const char *scope, int version)
{
	for (int slot = 0; slot < keys_open; slot++)
		if (open_keys[slot].version == version && strcmp(open_keys[slot].scope, scope) == 0)
			return slot;
	return -1;
}

/* When all slots are taken, all are given up: pointers handed out before are of an older generation then. */
static int
load_key(const char *scope, int version)
{
	StoredScope stored;
	const StoredVersion *chosen;
	RootKey		root;
	ScopeKey	key;
	bool		filled;

	pp_keyring_find_scope(scope, &stored);
	chosen = choose_version(scope, &stored, version);
	root = pp_keyring_fitting_root(&stored.root);
	if (keys_open == PP_SCOPE_SLOTS)
	{
		pp_keyring_outdate();
		forget_all();
	}
	filled = fill_key(&key, root, scope, stored.destroyable, chosen);
	if (filled)
		pp_keyring_keep_scope_key(keys_open, &key);
	sodium_memzero(&key, sizeof(key));
	sodium_stackzero(STACK_BYTES);
	if (!filled)
		pp_keyring_refuse_row(scope, chosen);
	strlcpy(open_keys[keys_open].scope, scope, sizeof(open_keys[0].scope));
	open_keys[keys_open].version = version;
	return keys_open++;
}

static const StoredVersion *
choose_version(const char *scope, const StoredScope *stored, int version)
{
	const StoredVersion *chosen;

	if (version == NEWEST)
		return choose_newest(scope, stored);
	chosen = pp_keyring_pick_version(scope, stored, version);
	if (chosen->destroyed)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %d of scope \"%s\" has been destroyed", version, scope),
				 chosen->imported ? errdetail("Its salt is gone; nothing can compute its pseudonyms again.") :
				 errdetail("Its pseudonyms are still recognised, but nothing can make them again."),
				 errhint("See privacy.scope_status.")));
	return chosen;
}

static const StoredVersion *
choose_newest(const char *scope, const StoredScope *stored)
{
	const StoredVersion *newest = stored->versions;

	while (newest < stored->versions + stored->count && newest->imported)
		newest++;
	if (newest == stored->versions + stored->count)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("scope \"%s\" has no key", scope),
				 errdetail("It has no version of its own in privacy.scope_version."),
				 errhint("Restore its rows from a backup, or start a version with privacy.rotate_scope().")));
	if (newest->destroyed)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the newest version of scope \"%s\" has been destroyed", scope),
				 errdetail("It was version %d. An earlier one does not take its place by itself.", newest->version),
				 errhint("Start a new version with privacy.rotate_scope(), or name an earlier one with privacy.pseudonym_at().")));
	return newest;
}

static bool
fill_key(ScopeKey *key, RootKey root, const char *scope, bool destroyable, const StoredVersion *version)
{
	unsigned char secret[PP_SALT_BYTES];
	int			length;
	bool		opened = pp_keyring_open_key(root, scope, destroyable, version, secret, &length);

	memset(key, 0, sizeof(*key));
	key->version = version->version;
	if (opened && version->imported)
	{
		key->salt_length = length;
		memcpy(key->salt, secret, length);
	}
	else if (opened)
	{
		derive_uses(key, secret);
		opened = pp_keyring_open_check_key(root, scope, destroyable, version, key->check_key);
	}
	sodium_memzero(secret, sizeof(secret));
	return opened;
}

/* Every use has a key of its own, so that what one reveals says nothing of another. */
static void
derive_uses(ScopeKey *key, const unsigned char secret[PP_KEY_BYTES])
{
	static const char *const names[PP_USES] = {
		[PP_USE_PERMUTATION] = "permutation",[PP_USE_PREFIX] = "prefix",[PP_USE_SHIFT] = "shift",
		[PP_USE_CHOICE] = "choice",[PP_USE_NONCE] = "nonce",[PP_USE_SEAL] = "seal"
	};
	static const unsigned char personal[crypto_generichash_blake2b_PERSONALBYTES] = "pgprivacy-use";

	pp_core_mac_prepare(&key->token, secret, "pgprivacy-token");
	for (int use = 0; use < PP_USES; use++)
		crypto_generichash_blake2b_salt_personal(key->use[use], PP_KEY_BYTES,
												 (const unsigned char *) names[use], strlen(names[use]),
												 secret, PP_KEY_BYTES, NULL, personal);
}

/* ---- recognising ---- */

static const ScopeChecks *
find_checks(const char *scope)
{
	for (int i = 0; i < checks_open; i++)
		if (strcmp(open_checks[i].scope, scope) == 0)
			return &open_checks[i].checks;
	return NULL;
}

static const ScopeChecks *
load_checks(const char *scope)
{
	StoredScope stored;
	RootKey		root;
	int			first;

	pp_keyring_find_scope(scope, &stored);
	root = pp_keyring_fitting_root(&stored.root);
	if (stored.count > PP_SCOPE_VERSIONS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("scope \"%s\" has too many versions", scope),
				 errdetail("It has %d; at most %d can be recognised at once.", stored.count, PP_SCOPE_VERSIONS),
				 errhint("Remove from privacy.scope_version what was added by hand.")));
	if (checks_open == PP_SCOPE_SLOTS || check_keys_open + stored.count > PP_CHECK_SLOTS)
	{
		pp_keyring_outdate();
		forget_all();
	}
	first = check_keys_open;
	for (int i = 0; i < stored.count; i++)
		if (!stored.versions[i].imported)
			load_check_key(root, scope, stored.destroyable, &stored.versions[i]);
	sodium_stackzero(STACK_BYTES);

	strlcpy(open_checks[checks_open].scope, scope, sizeof(open_checks[0].scope));
	open_checks[checks_open].checks.count = check_keys_open - first;
	open_checks[checks_open].checks.keys = pp_keyring_kept_check_keys(first);
	return &open_checks[checks_open++].checks;
}

static void
load_check_key(RootKey root, const char *scope, bool destroyable, const StoredVersion *version)
{
	struct CheckKey key = {.version = version->version};
	bool		opened = pp_keyring_open_check_key(root, scope, destroyable, version, key.key);

	if (opened)
		pp_keyring_keep_check_key(check_keys_open++, &key);
	sodium_memzero(&key, sizeof(key));
	if (!opened)
		pp_keyring_refuse_row(scope, version);
}
