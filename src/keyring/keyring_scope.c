/*
 * keyring_scope.c: the SQL functions that make and destroy versions.
 *
 * Each of them holds the root key first (keyring_rotation.c says why) and writes afterwards, and
 * each is an event that the layer above puts into evidence, in the same transaction. The functions
 * act as the extension's owner on its tables; who may call them is a matter of EXECUTE.
 *
 * A version is written once. What may happen to it afterwards is that the root key changes under it
 * (the same key, wrapped anew), and that it is destroyed: its key goes, its check key stays, since
 * otherwise its pseudonyms would be taken for raw values and be replaced once more.
 *
 * Two sessions that add a version to one scope would draw the same number, and one that destroys
 * every version would miss one that is being added; so they take turns at the scope's row. Rows are listed with a snapshot of their own and changed one by one, and each
 * must be found: a transaction that still sees the table as it was must not believe that it has
 * destroyed all there is.
 */
#include "postgres.h"

#include <sodium.h>

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "keyring/keyring_internal.h"

#define ALGORITHM			"blake2b-128"
#define IMPORTED_ALGORITHM	"sha256-salted"

static void check_name(const char *name);
static void check_kind(const char *kind);
static void insert_scope(const char *name, const char *kind, bool destroyable);
static void insert_version(RootKey root, const char *scope, int version, bool destroyable);
static void insert_row(const char *scope, int version, const char *algorithm, const bytea *key, const bytea *check_key);
static void take_scope(const char *scope, StoredScope *stored);
static int	draw_version(const char *scope, const StoredScope *stored);
static void check_destroyable(const char *scope, const StoredScope *stored, const StoredVersion *version);
static int	destroy_versions(const char *scope, const StoredScope *stored, const StoredVersion *only);
static void destroy_row(const char *scope, int version);
static const bytea *get_salt(FunctionCallInfo fcinfo);

PG_FUNCTION_INFO_V1(pp_sql_create_scope);
PG_FUNCTION_INFO_V1(pp_sql_rotate_scope);
PG_FUNCTION_INFO_V1(pp_sql_destroy_scope);
PG_FUNCTION_INFO_V1(pp_sql_import_salt);
PG_FUNCTION_INFO_V1(pp_sql_invalidate_keyring);

char *
pp_keyring_get_text(FunctionCallInfo fcinfo, int argument, const char *name)
{
	if (PG_ARGISNULL(argument))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", name)));
	return text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

char *
pp_keyring_get_scope(FunctionCallInfo fcinfo)
{
	char	   *scope = pp_keyring_get_text(fcinfo, 0, "scope");

	pp_keyring_check_scope(scope);
	return scope;
}

void
pp_keyring_check_scope(const char *scope)
{
	char	   *scopes;

	if (pp_keyring_scope_exists(scope))
		return;
	scopes = pp_keyring_list_scopes();
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("scope \"%s\" does not exist", scope),
			 scopes != NULL ? errdetail("Scopes of this database: %s.", scopes) :
			 errdetail("This database has no scopes yet."),
			 errhint("Create it with privacy.create_scope().")));
}

void
pp_keyring_refuse_snapshot(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("the keys were changed by another transaction"),
			 errdetail("This transaction still reads them as they were before."),
			 errhint("Repeat it, at isolation level READ COMMITTED.")));
}

/* create_scope(name text, kind text, destroyable boolean) */
Datum
pp_sql_create_scope(PG_FUNCTION_ARGS)
{
	const char *name = pp_keyring_get_text(fcinfo, 0, "name");
	const char *kind = pp_keyring_get_text(fcinfo, 1, "kind");
	bool		destroyable = PG_ARGISNULL(2) || PG_GETARG_BOOL(2);
	RootKey		root;

	check_name(name);
	check_kind(kind);
	if (pp_keyring_scope_exists(name))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("scope \"%s\" already exists", name),
				 errdetail("A scope's key is made once; another one would give other pseudonyms."),
				 errhint("Choose another name, or start a new version with privacy.rotate_scope(). Scopes of this database: %s.",
						 pp_keyring_list_scopes())));

	SPI_connect();
	root = pp_keyring_hold_root();
	insert_scope(name, kind, destroyable);
	insert_version(root, name, 1, destroyable);
	pp_keyring_tell("scope.create", name, NULL, 0);
	SPI_finish();
	PG_RETURN_VOID();
}

static void
check_name(const char *name)
{
	size_t		length = strlen(name);

	if (length >= 1 && length <= PP_SCOPE_NAME_BYTES &&
		strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.") == length &&
		strspn(name, "0123456789.") == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_NAME),
			 errmsg("\"%s\" is not a valid name for a scope", name),
			 errdetail("It has %zu bytes.", length),
			 errhint("Use 1 to %d lower-case letters, digits, underscores and dots, beginning with a letter or underscore.",
					 PP_SCOPE_NAME_BYTES)));
}

static void
check_kind(const char *kind)
{
	if (strcmp(kind, "person") == 0 || strcmp(kind, "relationship") == 0 || strcmp(kind, "transaction") == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" is not a kind of scope", kind),
			 errdetail("The kind says how far equal pseudonyms link: all of a person's data, one relationship, one transaction."),
			 errhint("Valid kinds: person, relationship, transaction.")));
}

static void
insert_scope(const char *name, const char *kind, bool destroyable)
{
	Oid			types[] = {TEXTOID, TEXTOID, BOOLOID, TIMESTAMPTZOID};
	Datum		values[] = {CStringGetTextDatum(name), CStringGetTextDatum(kind),
	BoolGetDatum(destroyable), TimestampTzGetDatum(pp_core_now())};

	pp_core_execute("INSERT INTO privacy.scope (name, kind, destroyable, created_at) "
					"VALUES ($1, $2, $3, $4)", false, 4, types, values, NULL);
}

/* A scope that cannot be destroyed stores no key: it is derived wherever the root key is. */
static void
insert_version(RootKey root, const char *scope, int version, bool destroyable)
{
	unsigned char key[PP_KEY_BYTES];
	unsigned char check_key[PP_CHECK_KEY_BYTES];
	bytea	   *sealed;
	bytea	   *sealed_check;

	if (!destroyable)
	{
		insert_row(scope, version, ALGORITHM, NULL, NULL);
		return;
	}
	randombytes_buf(key, sizeof(key));
	randombytes_buf(check_key, sizeof(check_key));
	sealed = pp_keyring_seal_key(root, scope, version, false, key, sizeof(key));
	sealed_check = pp_keyring_seal_check_key(root, scope, version, check_key);
	sodium_memzero(key, sizeof(key));
	sodium_memzero(check_key, sizeof(check_key));
	insert_row(scope, version, ALGORITHM, sealed, sealed_check);
}

static void
insert_row(const char *scope, int version, const char *algorithm, const bytea *key, const bytea *check_key)
{
	Oid			types[] = {TEXTOID, INT4OID, TEXTOID, BYTEAOID, BYTEAOID, TIMESTAMPTZOID};
	Datum		values[] = {CStringGetTextDatum(scope), Int32GetDatum(version),
		CStringGetTextDatum(algorithm), PointerGetDatum(key), PointerGetDatum(check_key),
	TimestampTzGetDatum(pp_core_now())};
	char		nulls[] = {' ', ' ', ' ', key == NULL ? 'n' : ' ', check_key == NULL ? 'n' : ' ', ' '};

	pp_core_execute("INSERT INTO privacy.scope_version "
					"(scope, version, algorithm, wrapped_key, wrapped_check_key, created_at) "
					"VALUES ($1, $2, $3, $4, $5, $6)", false, 6, types, values, nulls);
}

/* rotate_scope(scope text) */
Datum
pp_sql_rotate_scope(PG_FUNCTION_ARGS)
{
	const char *scope = pp_keyring_get_scope(fcinfo);
	StoredScope stored;
	RootKey		root;
	int			version;

	SPI_connect();
	root = pp_keyring_hold_root();
	take_scope(scope, &stored);
	version = draw_version(scope, &stored);
	insert_version(root, scope, version, stored.destroyable);
	pp_keyring_tell("scope.rotate", scope, NULL, version);
	SPI_finish();
	PG_RETURN_INT32(version);
}

/* The scope's versions, which are the caller's until the transaction ends. */
static void
take_scope(const char *scope, StoredScope *stored)
{
	Oid			types[] = {TEXTOID};
	Datum		values[] = {CStringGetTextDatum(scope)};

	pp_core_execute("SELECT FROM privacy.scope WHERE name = $1 FOR UPDATE", false, 1, types, values, NULL);
	pp_keyring_find_scope(scope, stored);
}

static int
draw_version(const char *scope, const StoredScope *stored)
{
	if (stored->count >= PP_SCOPE_VERSIONS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("scope \"%s\" cannot have more versions", scope),
				 errdetail("It has %d, and the pseudonyms of every one of them must be recognised.", stored->count),
				 errhint("Create another scope.")));
	return stored->count == 0 ? 1 : stored->versions[0].version + 1;
}

/* destroy_scope(scope text, version integer) */
Datum
pp_sql_destroy_scope(PG_FUNCTION_ARGS)
{
	const char *scope = pp_keyring_get_scope(fcinfo);
	const StoredVersion *only = NULL;
	StoredScope stored;
	int			destroyed;

	SPI_connect();
	pp_keyring_hold_root();
	take_scope(scope, &stored);
	if (!PG_ARGISNULL(1))
		only = pp_keyring_pick_version(scope, &stored, PG_GETARG_INT32(1));
	check_destroyable(scope, &stored, only);
	destroyed = destroy_versions(scope, &stored, only);
	SPI_finish();
	PG_RETURN_INT32(destroyed);
}

/* A salt is always stored, so that it can be destroyed wherever it was imported. */
static void
check_destroyable(const char *scope, const StoredScope *stored, const StoredVersion *version)
{
	if (stored->destroyable || (version != NULL && version->imported))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("scope \"%s\" cannot be destroyed", scope),
			 errdetail("It was created with destroyable => false: its keys are derived from the root key, and whoever has that can derive them again."),
			 errhint("Create a destroyable scope and bring the data over, or destroy the root key itself.")));
}

static int
destroy_versions(const char *scope, const StoredScope *stored, const StoredVersion *only)
{
	int			destroyed = 0;

	for (int i = 0; i < stored->count; i++)
	{
		const StoredVersion *version = &stored->versions[i];

		if (version->destroyed || (only != NULL && version != only))
			continue;
		destroy_row(scope, version->version);
		pp_keyring_tell("scope.destroy", scope, NULL, version->version);
		destroyed++;
	}
	if (destroyed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 only != NULL ? errmsg("version %d of scope \"%s\" has already been destroyed", only->version, scope) :
				 errmsg("every version of scope \"%s\" has already been destroyed", scope),
				 errdetail("A key is destroyed once."),
				 errhint("See privacy.scope_status.")));
	return destroyed;
}

static void
destroy_row(const char *scope, int version)
{
	Oid			types[] = {TEXTOID, INT4OID, TIMESTAMPTZOID};
	Datum		values[] = {CStringGetTextDatum(scope), Int32GetDatum(version), TimestampTzGetDatum(pp_core_now())};

	pp_core_execute("UPDATE privacy.scope_version SET wrapped_key = NULL, destroyed_at = $3 "
					"WHERE scope = $1 AND version = $2 AND destroyed_at IS NULL", false, 3, types, values, NULL);
	if (SPI_processed != 1)
		pp_keyring_refuse_snapshot();
}

/* import_salt(scope text, salt bytea) */
Datum
pp_sql_import_salt(PG_FUNCTION_ARGS)
{
	const char *scope = pp_keyring_get_scope(fcinfo);
	const bytea *salt = get_salt(fcinfo);
	StoredScope stored;
	RootKey		root;
	int			version;

	SPI_connect();
	root = pp_keyring_hold_root();
	take_scope(scope, &stored);
	version = draw_version(scope, &stored);
	insert_row(scope, version, IMPORTED_ALGORITHM,
			   pp_keyring_seal_key(root, scope, version, true,
								   (const unsigned char *) VARDATA_ANY(salt), VARSIZE_ANY_EXHDR(salt)), NULL);
	pp_keyring_tell("scope.import", scope, NULL, version);
	SPI_finish();
	PG_RETURN_INT32(version);
}

static const bytea *
get_salt(FunctionCallInfo fcinfo)
{
	const bytea *salt;
	int			length;

	if (PG_ARGISNULL(1))
		(void) pp_keyring_get_text(fcinfo, 1, "salt");
	salt = PG_GETARG_BYTEA_PP(1);
	length = VARSIZE_ANY_EXHDR(salt);
	if (length >= 1 && length <= PP_SALT_BYTES)
		return salt;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the salt has a length that is not supported"),
			 errdetail("It has %d bytes.", length),
			 errhint("Give 1 to %d bytes.", PP_SALT_BYTES)));
}

/* A statement trigger on each of the keyring's tables: whoever changed it, every backend looks again. */
Datum
pp_sql_invalidate_keyring(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("invalidate_keyring() can only be called as a trigger")));
	CacheInvalidateRelcache(((TriggerData *) fcinfo->context)->tg_relation);
	return PointerGetDatum(NULL);	/* a trigger says "no row" so, not by a null */
}
