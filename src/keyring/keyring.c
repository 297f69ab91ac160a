/*
 * keyring.c: which root key is this database's, and since when.
 *
 * The root key is outside the database (keyring_root.c), the scopes' keys are inside, wrapped by it
 * (keyring_version.c), and what is unwrapped is in one slab of guarded memory (keyring_memory.c),
 * as a cache (keyring_cache.c). This file holds what they all turn on: the generation.
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
 * A server has one root key, and while it moves to another, a second one: the next. Databases are
 * rotated one after the other, so each takes whichever of the two its check value names; the other
 * may be missing. When the last database has moved, the settings do: the next becomes the current
 * one, and no database notices.
 */
#include "postgres.h"

#include <sodium.h>

#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#include "core/core.h"
#include "keyring/keyring_internal.h"

static RootSource sources[PP_ROOTS] = {
	[PP_ROOT_CURRENT] = {.name = "root key",
	.file_setting = "privacy.keyring_file", .command_setting = "privacy.keyring_command"},
	[PP_ROOT_NEXT] = {.name = "next root key",
	.file_setting = "privacy.keyring_next_file", .command_setting = "privacy.keyring_next_command"}
};
static int	reidentify_limit;
static KeyEventCallback event_callback = NULL;

static uint64 generation = 1;
static bool loaded[PP_ROOTS];

/* Which root key is this database's, and when that was last found. */
static RootKey fitting_root;
static uint64 fits_generation = 0;

static void define_source(RootKey which, const char *file_help, const char *command_help,
						  GucStringAssignHook note_file, GucStringAssignHook note_command);
static void note_file(const char *value, void *extra);
static void note_command(const char *value, void *extra);
static void note_next_file(const char *value, void *extra);
static void note_next_command(const char *value, void *extra);
static void note_source(RootKey which, const char *value, const char *old_value);
static void forget_after_table_change(Datum arg, Oid relid);
static void forget_after_role_change(Datum arg, int cache, uint32 hash);
static bool is_named(RootKey which);
static void preload_root(RootKey which);
static bool load_root(RootKey which, RootRefusal *refusal);
static bool have_root(RootKey which, RootRefusal *refusal);
static void refuse_root(const RootRefusal *refusal) pg_attribute_noreturn();
static bool fits(RootKey which, const StoredRoot *stored);

void
pp_keyring_init(void)
{
	define_source(PP_ROOT_CURRENT,
				  "The file that holds the root key: 64 hexadecimal digits.",
				  "A shell command that prints the root key: 64 hexadecimal digits.",
				  note_file, note_command);
	define_source(PP_ROOT_NEXT,
				  "The file that holds the root key that privacy.rotate_root() moves to.",
				  "A shell command that prints the root key that privacy.rotate_root() moves to.",
				  note_next_file, note_next_command);
	DefineCustomIntVariable("privacy.keyring_reidentify_limit",
							"How many reversible pseudonyms a role may turn back in an hour; 0 for none.",
							NULL,
							&reidentify_limit, 100, 0, INT_MAX, PGC_SUSET, 0,
							NULL, NULL, NULL);

	CacheRegisterRelcacheCallback(forget_after_table_change, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, forget_after_role_change, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, forget_after_role_change, (Datum) 0);

	for (RootKey which = PP_ROOT_CURRENT; which < PP_ROOTS; which++)
		if (process_shared_preload_libraries_in_progress && is_named(which))
			preload_root(which);
}

static void
define_source(RootKey which, const char *file_help, const char *command_help,
			  GucStringAssignHook note_file, GucStringAssignHook note_command)
{
	RootSource *source = &sources[which];

	DefineCustomStringVariable(source->file_setting, file_help,
							   "An absolute path outside the data directory; the file belongs to the server's user and has mode 0600.",
							   &source->file, "", PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY | GUC_NOT_IN_SAMPLE,
							   NULL, note_file, NULL);
	DefineCustomStringVariable(source->command_setting, command_help, NULL,
							   &source->command, "", PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY | GUC_NOT_IN_SAMPLE,
							   NULL, note_command, NULL);
}

int
pp_keyring_reidentify_limit(void)
{
	return reidentify_limit;
}

void
pp_keyring_on_event(KeyEventCallback callback)
{
	event_callback = callback;
}

void
pp_keyring_tell(const char *event, const char *scope, const char *role, int version)
{
	if (event_callback != NULL)
		event_callback(event, scope, role, version);
}

uint64
pp_keyring_generation(void)
{
	return generation;
}

void
pp_keyring_outdate(void)
{
	generation++;
}

/* ---- what makes it grow ---- */

static void
note_file(const char *value, void *extra)
{
	(void) extra;
	note_source(PP_ROOT_CURRENT, value, sources[PP_ROOT_CURRENT].file);
}

static void
note_command(const char *value, void *extra)
{
	(void) extra;
	note_source(PP_ROOT_CURRENT, value, sources[PP_ROOT_CURRENT].command);
}

static void
note_next_file(const char *value, void *extra)
{
	(void) extra;
	note_source(PP_ROOT_NEXT, value, sources[PP_ROOT_NEXT].file);
}

static void
note_next_command(const char *value, void *extra)
{
	(void) extra;
	note_source(PP_ROOT_NEXT, value, sources[PP_ROOT_NEXT].command);
}

/* Given up at once, in the postmaster too: what was replaced shall not be inherited for ever. */
static void
note_source(RootKey which, const char *value, const char *old_value)
{
	if (strcmp(value != NULL ? value : "", old_value != NULL ? old_value : "") == 0)
		return;
	pp_keyring_forget_root(which);
	loaded[which] = false;
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

/* ---- root keys ---- */

static bool
is_named(RootKey which)
{
	return sources[which].file[0] != '\0' || sources[which].command[0] != '\0';
}

/* A server without a root key still starts; what needs the key says so when it is called. */
static void
preload_root(RootKey which)
{
	RootRefusal refusal;

	if (!load_root(which, &refusal))
		ereport(WARNING,
				(errmsg("%s", refusal.message), errdetail("%s", refusal.detail),
				 errhint("%s", refusal.hint)));
}

static bool
load_root(RootKey which, RootRefusal *refusal)
{
	unsigned char root[PP_KEY_BYTES];
	bool		read;

	if (!pp_keyring_open_memory())
	{
		refusal->message = "there is no guarded memory for keys";
		refusal->detail = "libsodium could not allocate it.";
		refusal->hint = "See the limits on memory of the server's process.";
		return false;
	}
	read = pp_keyring_read_root(&sources[which], root, refusal);
	if (read)
	{
		pp_keyring_keep_root(which, root);
		loaded[which] = true;
	}
	sodium_memzero(root, sizeof(root));
	if (read)
		pp_keyring_lock_memory();
	return read;
}

static bool
have_root(RootKey which, RootRefusal *refusal)
{
	if (!loaded[which] && !load_root(which, refusal))
		return false;
	pp_keyring_lock_memory();
	return true;
}

void
pp_keyring_need_root(RootKey which)
{
	RootRefusal refusal;

	if (!have_root(which, &refusal))
		refuse_root(&refusal);
}

static void
refuse_root(const RootRefusal *refusal)
{
	ereport(ERROR,
			(errcode(ERRCODE_PP_KEY_UNAVAILABLE),
			 errmsg("%s", refusal->message), errdetail("%s", refusal->detail),
			 errhint("%s", refusal->hint)));
}

/* A root key that cannot be read matters only to the databases that need it. */
RootKey
pp_keyring_fitting_root(const StoredRoot *stored)
{
	RootRefusal refusal[PP_ROOTS];
	bool		refused[PP_ROOTS] = {false};

	if (stored->check_value == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_PP_KEY_MISMATCH),
				 errmsg("this database was not set up with a root key"),
				 errdetail("Table privacy.root_key is empty, although there are keys that a root key wrapped."),
				 errhint("Restore the table from the dump or backup that the scopes come from.")));
	for (RootKey which = PP_ROOT_CURRENT; which < PP_ROOTS; which++)
	{
		if (which == PP_ROOT_NEXT && !is_named(which))
			break;
		refused[which] = !have_root(which, &refusal[which]);
		if (!refused[which] && fits(which, stored))
			return which;
	}
	for (RootKey which = PP_ROOT_CURRENT; which < PP_ROOTS; which++)
		if (refused[which])
			refuse_root(&refusal[which]);
	ereport(ERROR,
			(errcode(ERRCODE_PP_KEY_MISMATCH),
			 errmsg("the root key is not the one this database was set up with"),
			 errdetail("Its check value differs from the one in privacy.root_key; the pseudonyms would match nothing."),
			 errhint("Set privacy.keyring_file or privacy.keyring_command to the root key of this database, and reload; if the content of the file changed, restart.")));
}

static bool
fits(RootKey which, const StoredRoot *stored)
{
	unsigned char expected[PP_CHECK_VALUE_BYTES];

	pp_keyring_derive(which, expected, sizeof(expected), "check-value", "", 0);
	return VARSIZE(stored->check_value) - VARHDRSZ == sizeof(expected) &&
		sodium_memcmp(VARDATA(stored->check_value), expected, sizeof(expected)) == 0;
}

RootKey
pp_keyring_root(void)
{
	unsigned char audit_key[PP_KEY_BYTES];
	StoredRoot	stored;
	uint64		began = generation;
	bool		opened;

	if (fits_generation == generation)
		return fitting_root;
	pp_keyring_find_root(&stored);
	if (stored.check_value == NULL)
	{
		pp_keyring_need_root(PP_ROOT_CURRENT);
		pp_keyring_create_root();
		return fitting_root;
	}
	fitting_root = pp_keyring_fitting_root(&stored);
	opened = pp_keyring_open_audit_key(fitting_root, &stored, audit_key);
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
	return fitting_root;
}

void
pp_keyring_require(void)
{
	(void) pp_keyring_root();
}

const unsigned char *
pp_keyring_audit_key(void)
{
	(void) pp_keyring_root();
	return pp_keyring_kept_audit_key();
}
