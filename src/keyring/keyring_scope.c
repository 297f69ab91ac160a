/*
 * keyring_scope.c: the SQL functions that change the keyring.
 *
 * Each of them asks for the root key first and writes afterwards, and each is an event that the
 * layer above puts into evidence, in the same transaction. The functions act as the extension's
 * owner on its tables; who may call them is a matter of EXECUTE.
 *
 * A grant has two halves that must not come apart: the scope's list, which is checked at run time
 * against GetUserId(), and EXECUTE on the keyed functions. So grant_scope gives both, and
 * revoke_scope takes EXECUTE when the last scope of the role goes. Both lock the list, since two
 * GRANTs at a time on one function fail with "tuple concurrently updated".
 *
 * Two sessions that set up a database at the same time both make up an audit key. ON CONFLICT DO
 * NOTHING lets the second wait for the first and then take what the first has written.
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

#define ALGORITHM	"blake2b-128"

static const char *const keyed_functions =
"privacy.pseudonym(pg_catalog.text, pg_catalog.text), "
"privacy.pseudonym_email(pg_catalog.text, pg_catalog.text), "
"privacy.is_pseudonym(pg_catalog.text, pg_catalog.text)";

static const char *get_text(FunctionCallInfo fcinfo, int argument, const char *name);
static void check_name(const char *name);
static void check_kind(const char *kind);
static void insert_scope(const char *name, const char *kind, bool destroyable);
static void insert_version(const char *scope, int version, bool destroyable);
static Datum wrap_new_key(size_t length, const char *purpose, const char *scope, int version);
static const char *get_listed_scope(FunctionCallInfo fcinfo);
static Oid	get_role(FunctionCallInfo fcinfo, const char **name);
static uint64 change_list(const char *statement, const char *scope, Oid role);
static void change_execute(const char *command, const char *preposition, const char *role);
static bool is_on_any_list(Oid role);

PG_FUNCTION_INFO_V1(pp_sql_create_scope);
PG_FUNCTION_INFO_V1(pp_sql_grant_scope);
PG_FUNCTION_INFO_V1(pp_sql_revoke_scope);
PG_FUNCTION_INFO_V1(pp_sql_invalidate_keyring);

void
pp_keyring_create_root(void)
{
	Oid			types[] = {BYTEAOID, BYTEAOID, TIMESTAMPTZOID};
	Datum		values[3];
	bytea	   *check_value = palloc(VARHDRSZ + PP_CHECK_VALUE_BYTES);
	bool		created;

	SET_VARSIZE(check_value, VARHDRSZ + PP_CHECK_VALUE_BYTES);
	pp_keyring_derive((unsigned char *) VARDATA(check_value), PP_CHECK_VALUE_BYTES, "check-value", "", 0);
	values[0] = PointerGetDatum(check_value);
	values[1] = wrap_new_key(PP_KEY_BYTES, "audit-key", "", 0);
	values[2] = TimestampTzGetDatum(pp_core_now());

	SPI_connect();
	pp_core_execute("INSERT INTO privacy.root_key (check_value, wrapped_audit_key, created_at) "
					"VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", false, 3, types, values, NULL);
	created = SPI_processed > 0;
	pp_keyring_require();
	if (created)
		pp_keyring_tell("root.create", NULL, NULL);
	SPI_finish();
}

/* create_scope(name text, kind text, destroyable boolean) */
Datum
pp_sql_create_scope(PG_FUNCTION_ARGS)
{
	const char *name = get_text(fcinfo, 0, "name");
	const char *kind = get_text(fcinfo, 1, "kind");
	bool		destroyable = PG_ARGISNULL(2) || PG_GETARG_BOOL(2);

	check_name(name);
	check_kind(kind);
	if (pp_keyring_scope_exists(name))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("scope \"%s\" already exists", name),
				 errdetail("A scope's key is made once; another one would give other pseudonyms."),
				 errhint("Choose another name. Scopes of this database: %s.", pp_keyring_list_scopes())));
	pp_keyring_require();

	SPI_connect();
	insert_scope(name, kind, destroyable);
	insert_version(name, 1, destroyable);
	pp_keyring_tell("scope.create", name, NULL);
	SPI_finish();
	PG_RETURN_VOID();
}

static const char *
get_text(FunctionCallInfo fcinfo, int argument, const char *name)
{
	if (PG_ARGISNULL(argument))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", name)));
	return text_to_cstring(PG_GETARG_TEXT_PP(argument));
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
insert_version(const char *scope, int version, bool destroyable)
{
	Oid			types[] = {TEXTOID, INT4OID, TEXTOID, BYTEAOID, BYTEAOID, TIMESTAMPTZOID};
	Datum		values[] = {CStringGetTextDatum(scope), Int32GetDatum(version),
	CStringGetTextDatum(ALGORITHM), (Datum) 0, (Datum) 0, TimestampTzGetDatum(pp_core_now())};

	if (destroyable)
	{
		values[3] = wrap_new_key(PP_KEY_BYTES, "scope", scope, version);
		values[4] = wrap_new_key(PP_CHECK_KEY_BYTES, "scope-check", scope, version);
	}
	pp_core_execute("INSERT INTO privacy.scope_version "
					"(scope, version, algorithm, wrapped_key, wrapped_check_key, created_at) "
					"VALUES ($1, $2, $3, $4, $5, $6)", false, 6, types, values,
					destroyable ? NULL : "   nn ");
}

static Datum
wrap_new_key(size_t length, const char *purpose, const char *scope, int version)
{
	unsigned char key[PP_KEY_BYTES];
	bytea	   *wrapped = palloc(VARHDRSZ + length + PP_WRAP_OVERHEAD);

	Assert(length <= sizeof(key));
	SET_VARSIZE(wrapped, VARHDRSZ + length + PP_WRAP_OVERHEAD);
	randombytes_buf(key, length);
	pp_keyring_wrap((unsigned char *) VARDATA(wrapped), key, length, purpose, scope, version);
	sodium_memzero(key, sizeof(key));
	return PointerGetDatum(wrapped);
}

/* grant_scope(scope text, role regrole) */
Datum
pp_sql_grant_scope(PG_FUNCTION_ARGS)
{
	const char *scope = get_listed_scope(fcinfo);
	const char *role_name;
	Oid			role = get_role(fcinfo, &role_name);

	pp_keyring_require();
	SPI_connect();
	pp_core_execute("LOCK TABLE privacy.scope_grant IN SHARE ROW EXCLUSIVE MODE", false, 0, NULL, NULL, NULL);
	if (change_list("INSERT INTO privacy.scope_grant (scope, grantee) VALUES ($1, $2) ON CONFLICT DO NOTHING",
					scope, role) > 0)
		pp_keyring_tell("scope.grant", scope, role_name);
	change_execute("GRANT", "TO", role_name);
	SPI_finish();
	PG_RETURN_VOID();
}

/* revoke_scope(scope text, role regrole) */
Datum
pp_sql_revoke_scope(PG_FUNCTION_ARGS)
{
	const char *scope = get_listed_scope(fcinfo);
	const char *role_name;
	Oid			role = get_role(fcinfo, &role_name);

	pp_keyring_require();
	SPI_connect();
	pp_core_execute("LOCK TABLE privacy.scope_grant IN SHARE ROW EXCLUSIVE MODE", false, 0, NULL, NULL, NULL);
	if (change_list("DELETE FROM privacy.scope_grant WHERE scope = $1 AND grantee = $2", scope, role) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role \"%s\" is not on the list of scope \"%s\"", role_name, scope),
				 errdetail("A role may also use a scope as a member of a listed role, or as a superuser."),
				 errhint("See column grantees of privacy.scope_status.")));
	if (!is_on_any_list(role))
		change_execute("REVOKE", "FROM", role_name);
	pp_keyring_tell("scope.revoke", scope, role_name);
	SPI_finish();
	PG_RETURN_VOID();
}

static const char *
get_listed_scope(FunctionCallInfo fcinfo)
{
	const char *scope = get_text(fcinfo, 0, "scope");
	char	   *scopes;

	if (pp_keyring_scope_exists(scope))
		return scope;
	scopes = pp_keyring_list_scopes();
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("scope \"%s\" does not exist", scope),
			 scopes != NULL ? errdetail("Scopes of this database: %s.", scopes) :
			 errdetail("This database has no scopes yet."),
			 errhint("Create it with privacy.create_scope().")));
}

/* regrole takes a number without asking whether it is a role's. */
static Oid
get_role(FunctionCallInfo fcinfo, const char **name)
{
	Oid			role;

	if (PG_ARGISNULL(1))
		(void) get_text(fcinfo, 1, "role");
	role = PG_GETARG_OID(1);
	*name = GetUserNameFromId(role, true);
	if (*name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role with OID %u does not exist", role)));
	return role;
}

static uint64
change_list(const char *statement, const char *scope, Oid role)
{
	Oid			types[] = {TEXTOID, REGROLEOID};
	Datum		values[] = {CStringGetTextDatum(scope), ObjectIdGetDatum(role)};

	pp_core_execute(statement, false, 2, types, values, NULL);
	return SPI_processed;
}

static void
change_execute(const char *command, const char *preposition, const char *role)
{
	pp_core_execute(psprintf("%s EXECUTE ON FUNCTION %s %s %s",
							 command, keyed_functions, preposition, quote_identifier(role)),
					false, 0, NULL, NULL, NULL);
}

static bool
is_on_any_list(Oid role)
{
	Oid			types[] = {REGROLEOID};
	Datum		values[] = {ObjectIdGetDatum(role)};

	pp_core_execute("SELECT FROM privacy.scope_grant WHERE grantee = $1 LIMIT 1", false, 1, types, values, NULL);
	return SPI_processed > 0;
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
