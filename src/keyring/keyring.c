/*
 * keyring.c: which key may be used by whom, right now.
 *
 * The root key is outside the database (keyring_root.c), the scopes' keys are inside, wrapped by it
 * (keyring_scope.c), and what is unwrapped is in one slab of guarded memory (keyring_memory.c).
 * This file holds the cache between them, and the answer to the question every keyed function asks.
 *
 * The cache is right because it is cheap to throw away. One number, the generation, grows with
 * everything that may have made a key or a permission wrong: a change of the keyring's tables
 * (statement triggers send a relcache invalidation, so that psql, COPY from pg_restore, a rollback
 * and a standby's replay all count), a change of roles or their members, a reload that names
 * another root key. Whatever was remembered under an older generation is not used. News can arrive
 * in the middle of a lookup; then the result is remembered under the generation from before it, and
 * asked for again next time.
 *
 * A root key that is not this database's would produce pseudonyms that match nothing, silently. So
 * the first row ever made with a root key stores a check value derived from it, and every use in a
 * new generation compares.
 *
 * Order of errors: an unknown scope, then a missing permission, then a missing or foreign root key;
 * all before anything is written.
 */
#include "postgres.h"

#include <sodium.h>

#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#include "core/core.h"
#include "keyring/keyring_internal.h"

#define REMEMBERED_USERS 64

static char *keyring_file = NULL;
static char *keyring_command = NULL;
static KeyEventCallback event_callback = NULL;

static uint64 generation = 1;
static bool root_loaded = false;
static bool root_renamed = false;	/* a reload named another root key */
static uint64 fits_generation = 0;	/* when the root key was last found to be this database's */

/* Everything below is of cache_generation, and holds no key: those are in the slab. */
static uint64 cache_generation = 0;
static int	slots_used = 0;
static char slot_scope[PP_SCOPE_SLOTS][PP_SCOPE_NAME_BYTES + 1];
static int	users_remembered = 0;
static struct
{
	Oid			userid;
	int			slot;
}			remembered[REMEMBERED_USERS];

static void note_file(const char *value, void *extra);
static void note_command(const char *value, void *extra);
static void note_source(const char *value, const char *old_value);
static void forget_after_table_change(Datum arg, Oid relid);
static void forget_after_role_change(Datum arg, int cache, uint32 hash);
static void preload_root(void);
static bool load_root(RootRefusal *refusal);
static void need_root(void);
static void need_fitting_root(bool create);
static void forget_if_stale(void);
static int	find_slot(const char *scope);
static bool is_remembered(Oid userid, int slot);
static void remember_user(Oid userid, int slot);
static void check_permission(const char *scope, Oid userid);
static int	load_scope(const char *scope);
static void unwrap_scope(ScopeKey *key, const char *scope, const StoredVersion *version);
static bool unwrap_stored(unsigned char *key, size_t length, const bytea *wrapped,
						  const char *purpose, const char *scope, uint32 version);
static int	take_slot(const char *scope);

void
pp_keyring_init(void)
{
	DefineCustomStringVariable("privacy.keyring_file",
							   "The file that holds the root key: 64 hexadecimal digits.",
							   "An absolute path outside the data directory; the file belongs to the server's user and has mode 0600.",
							   &keyring_file, "", PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY | GUC_NOT_IN_SAMPLE,
							   NULL, note_file, NULL);
	DefineCustomStringVariable("privacy.keyring_command",
							   "A shell command that prints the root key: 64 hexadecimal digits.",
							   NULL,
							   &keyring_command, "", PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY | GUC_NOT_IN_SAMPLE,
							   NULL, note_command, NULL);

	CacheRegisterRelcacheCallback(forget_after_table_change, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, forget_after_role_change, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, forget_after_role_change, (Datum) 0);

	if (process_shared_preload_libraries_in_progress)
		preload_root();
}

void
pp_keyring_on_event(KeyEventCallback callback)
{
	event_callback = callback;
}

void
pp_keyring_tell(const char *event, const char *scope, const char *role)
{
	if (event_callback != NULL)
		event_callback(event, scope, role);
}

uint64
pp_keyring_generation(void)
{
	return generation;
}

/* ---- what makes it grow ---- */

static void
note_file(const char *value, void *extra)
{
	(void) extra;
	note_source(value, keyring_file);
}

static void
note_command(const char *value, void *extra)
{
	(void) extra;
	note_source(value, keyring_command);
}

static void
note_source(const char *value, const char *old_value)
{
	if (strcmp(value != NULL ? value : "", old_value != NULL ? old_value : "") == 0)
		return;
	root_renamed = true;
	generation++;
}

static void
forget_after_table_change(Datum arg, Oid relid)
{
	(void) arg;
	if (relid == InvalidOid || pp_keyring_is_table(relid))
		generation++;
}

static void
forget_after_role_change(Datum arg, int cache, uint32 hash)
{
	(void) arg;
	(void) cache;
	(void) hash;
	generation++;
}

/* ---- the root key ---- */

/* A server without a root key still starts; what needs the key says so when it is called. */
static void
preload_root(void)
{
	RootRefusal refusal;

	if ((keyring_file == NULL || keyring_file[0] == '\0') &&
		(keyring_command == NULL || keyring_command[0] == '\0'))
		return;
	if (!load_root(&refusal))
		ereport(WARNING,
				(errmsg("%s", refusal.message), errdetail("%s", refusal.detail),
				 errhint("%s", refusal.hint)));
}

static bool
load_root(RootRefusal *refusal)
{
	unsigned char root[PP_KEY_BYTES];
	bool		read;

	if (!pp_keyring_open_memory())
	{
		refusal->message = "there is no guarded memory for keys";
		refusal->detail = pstrdup("libsodium could not allocate it.");
		refusal->hint = "See the limits on memory of the server's process.";
		return false;
	}
	read = pp_keyring_read_root(keyring_file, keyring_command, root, refusal);
	if (read)
	{
		pp_keyring_keep_root(root);
		root_loaded = true;
		root_renamed = false;
		generation++;
	}
	sodium_memzero(root, sizeof(root));
	if (read)
		pp_keyring_lock_memory();
	return read;
}

static void
need_root(void)
{
	RootRefusal refusal;

	if ((!root_loaded || root_renamed) && !load_root(&refusal))
		ereport(ERROR,
				(errcode(ERRCODE_PP_KEY_UNAVAILABLE),
				 errmsg("%s", refusal.message), errdetail("%s", refusal.detail),
				 errhint("%s", refusal.hint)));
	pp_keyring_lock_memory();
}

static void
need_fitting_root(bool create)
{
	unsigned char expected[PP_CHECK_VALUE_BYTES];
	unsigned char audit_key[PP_KEY_BYTES];
	StoredRoot	stored;
	uint64		began;
	bool		opened;

	if (root_loaded && !root_renamed && fits_generation == generation)
		return;
	need_root();
	began = generation;
	if (!pp_keyring_find_root(&stored))
	{
		if (!create)
			ereport(ERROR,
					(errcode(ERRCODE_PP_KEY_MISMATCH),
					 errmsg("this database was not set up with a root key"),
					 errdetail("Table privacy.root_key is empty, although there are keys that a root key wrapped."),
					 errhint("Restore the table from the dump or backup that the scopes come from.")));
		pp_keyring_create_root();
		return;
	}
	pp_keyring_derive(expected, sizeof(expected), "check-value", "", 0);
	if (VARSIZE(stored.check_value) - VARHDRSZ != sizeof(expected) ||
		sodium_memcmp(VARDATA(stored.check_value), expected, sizeof(expected)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_PP_KEY_MISMATCH),
				 errmsg("the root key is not the one this database was set up with"),
				 errdetail("Its check value differs from the one in privacy.root_key; the pseudonyms would match nothing."),
				 errhint("Set privacy.keyring_file or privacy.keyring_command to the root key of this database, and reload; if the content of the file changed, restart.")));
	opened = unwrap_stored(audit_key, sizeof(audit_key), stored.wrapped_audit_key, "audit-key", "", 0);
	if (opened)
		pp_keyring_keep_audit_key(audit_key);
	sodium_memzero(audit_key, sizeof(audit_key));
	if (!opened)
		ereport(ERROR,
				(errcode(ERRCODE_PP_KEY_MISMATCH),
				 errmsg("the audit key of this database cannot be unwrapped"),
				 errdetail("The value in privacy.root_key was altered."),
				 errhint("Restore the table from a backup.")));
	fits_generation = began;
}

void
pp_keyring_require(void)
{
	need_fitting_root(true);
}

const unsigned char *
pp_keyring_audit_key(void)
{
	need_fitting_root(true);
	return pp_keyring_kept_audit_key();
}

/* ---- scopes ---- */

const ScopeKey *
pp_keyring_scope_key(const char *scope)
{
	Oid			userid = GetUserId();
	int			slot;

	/* A statement that opens no table would not hear of news in the middle of a transaction. */
	AcceptInvalidationMessages();
	forget_if_stale();
	slot = find_slot(scope);
	if (slot >= 0 && is_remembered(userid, slot))
		return pp_keyring_kept_scope_key(slot);

	check_permission(scope, userid);
	need_fitting_root(false);
	if (slot < 0)
		slot = load_scope(scope);
	remember_user(userid, slot);
	return pp_keyring_kept_scope_key(slot);
}

static void
forget_if_stale(void)
{
	if (cache_generation == generation && !root_renamed)
		return;
	slots_used = 0;
	users_remembered = 0;
	cache_generation = generation;
}

static int
find_slot(const char *scope)
{
	for (int slot = 0; slot < slots_used; slot++)
		if (strcmp(slot_scope[slot], scope) == 0)
			return slot;
	return -1;
}

static bool
is_remembered(Oid userid, int slot)
{
	for (int i = 0; i < users_remembered; i++)
		if (remembered[i].userid == userid && remembered[i].slot == slot)
			return true;
	return false;
}

static void
remember_user(Oid userid, int slot)
{
	if (users_remembered == REMEMBERED_USERS)
		users_remembered = 0;
	remembered[users_remembered].userid = userid;
	remembered[users_remembered].slot = slot;
	users_remembered++;
}

static void
check_permission(const char *scope, Oid userid)
{
	char	   *scopes;

	if (!pp_keyring_scope_exists(scope))
	{
		scopes = pp_keyring_list_scopes();
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("scope \"%s\" does not exist", scope),
				 scopes != NULL ? errdetail("Scopes of this database: %s.", scopes) :
				 errdetail("This database has no scopes yet."),
				 errhint("Create it with privacy.create_scope().")));
	}
	if (!pp_keyring_scope_allows(scope, userid))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for scope \"%s\"", scope),
				 errdetail("Role \"%s\" is not on the scope's list.", GetUserNameFromId(userid, false)),
				 errhint("Let the extension's owner use privacy.grant_scope(), or call a SECURITY DEFINER function of a role that is on it.")));
}

static int
load_scope(const char *scope)
{
	StoredVersion version;
	ScopeKey	key;
	int			slot;

	if (!pp_keyring_find_version(scope, &version))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("scope \"%s\" has no key", scope),
				 errdetail("Every version of it has been destroyed, or its row in privacy.scope_version is missing."),
				 errhint("See privacy.scope_status.")));
	unwrap_scope(&key, scope, &version);
	slot = take_slot(scope);
	pp_keyring_keep_scope_key(slot, &key);
	sodium_memzero(&key, sizeof(key));
	return slot;
}

static void
unwrap_scope(ScopeKey *key, const char *scope, const StoredVersion *version)
{
	bool		opened = true;

	key->version = version->version;
	if (version->wrapped_key == NULL)
	{
		pp_keyring_derive(key->key, sizeof(key->key), "scope", scope, version->version);
		pp_keyring_derive(key->check_key, sizeof(key->check_key), "scope-check", scope, version->version);
	}
	else
		opened = unwrap_stored(key->key, sizeof(key->key), version->wrapped_key,
							   "scope", scope, version->version) &&
			unwrap_stored(key->check_key, sizeof(key->check_key), version->wrapped_check_key,
						  "scope-check", scope, version->version);
	if (opened)
		return;
	sodium_memzero(key, sizeof(*key));
	ereport(ERROR,
			(errcode(ERRCODE_PP_KEY_MISMATCH),
			 errmsg("version %d of scope \"%s\" cannot be unwrapped", version->version, scope),
			 errdetail("Its row in privacy.scope_version was altered, or belongs to another scope, version or root key."),
			 errhint("Restore the row from a backup.")));
}

static bool
unwrap_stored(unsigned char *key, size_t length, const bytea *wrapped,
			  const char *purpose, const char *scope, uint32 version)
{
	if (wrapped == NULL || VARSIZE(wrapped) - VARHDRSZ != length + PP_WRAP_OVERHEAD)
		return false;
	return pp_keyring_unwrap(key, (const unsigned char *) VARDATA(wrapped), length + PP_WRAP_OVERHEAD,
							 purpose, scope, version);
}

/* When all slots are taken, all are given up: pointers handed out before are of an older generation then. */
static int
take_slot(const char *scope)
{
	if (slots_used == PP_SCOPE_SLOTS)
	{
		generation++;
		forget_if_stale();
	}
	strlcpy(slot_scope[slots_used], scope, sizeof(slot_scope[0]));
	return slots_used++;
}
