/*
 * keyring_grant.c: the SQL functions for who may use a scope.
 *
 * A grant has two halves that must not come apart: the scope's list, which is checked at run time
 * against GetUserId(), and EXECUTE on the functions that ask it. So each grant gives both, and
 * EXECUTE goes with the role's last entry. All of them lock the list, since two GRANTs at a time on
 * one function fail with "tuple concurrently updated".
 *
 * There are two rights. Whoever is on a scope's list may make and recognise its pseudonyms; whoever
 * is marked there as well may turn reversible ones back. The second implies the first, since a role
 * that reads the values could find their pseudonyms anyway. A superuser has both everywhere: he
 * could grant them to himself, and every reversal is evidence, his too.
 *
 * Which functions these are is asked of the catalogue, so that no list has to be kept: those of the
 * extension that have "pseudonym" in their name, and the one called reidentify.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "core/core.h"
#include "keyring/keyring_internal.h"

#define MAKING		"pseudonym"
#define REVERSING	"^reidentify$"

static Oid	open_list(FunctionCallInfo fcinfo, const char **scope, const char **role_name);
static Oid	get_role(FunctionCallInfo fcinfo, const char **name);
static void lock_list(void);
static uint64 change_list(const char *statement, const char *scope, Oid role);
static void change_execute(const char *command, const char *functions, const char *preposition, const char *role);
static char *list_functions(const char *pattern);
static bool is_on_any_list(Oid role, bool reversible);
static void refuse_unlisted(const char *scope, const char *role, const char *right);

PG_FUNCTION_INFO_V1(pp_sql_grant_scope);
PG_FUNCTION_INFO_V1(pp_sql_revoke_scope);
PG_FUNCTION_INFO_V1(pp_sql_grant_reidentify);
PG_FUNCTION_INFO_V1(pp_sql_revoke_reidentify);

/* grant_scope(scope text, role regrole) */
Datum
pp_sql_grant_scope(PG_FUNCTION_ARGS)
{
	const char *scope;
	const char *role_name;
	Oid			role = open_list(fcinfo, &scope, &role_name);

	if (change_list("INSERT INTO privacy.scope_grant (scope, grantee) VALUES ($1, $2) ON CONFLICT DO NOTHING",
					scope, role) > 0)
		pp_keyring_tell("scope.grant", scope, role_name, 0);
	change_execute("GRANT", MAKING, "TO", role_name);
	SPI_finish();
	PG_RETURN_VOID();
}

/* revoke_scope(scope text, role regrole) */
Datum
pp_sql_revoke_scope(PG_FUNCTION_ARGS)
{
	const char *scope;
	const char *role_name;
	Oid			role = open_list(fcinfo, &scope, &role_name);

	if (change_list("DELETE FROM privacy.scope_grant WHERE scope = $1 AND grantee = $2", scope, role) == 0)
		refuse_unlisted(scope, role_name, "grantees");
	if (!is_on_any_list(role, false))
		change_execute("REVOKE", MAKING, "FROM", role_name);
	if (!is_on_any_list(role, true))
		change_execute("REVOKE", REVERSING, "FROM", role_name);
	pp_keyring_tell("scope.revoke", scope, role_name, 0);
	SPI_finish();
	PG_RETURN_VOID();
}

/* grant_reidentify(scope text, role regrole) */
Datum
pp_sql_grant_reidentify(PG_FUNCTION_ARGS)
{
	const char *scope;
	const char *role_name;
	Oid			role = open_list(fcinfo, &scope, &role_name);

	if (change_list("INSERT INTO privacy.scope_grant AS listed (scope, grantee, reversible) VALUES ($1, $2, true) "
					"ON CONFLICT (scope, grantee) DO UPDATE SET reversible = true WHERE NOT listed.reversible",
					scope, role) > 0)
		pp_keyring_tell("scope.grant_reidentify", scope, role_name, 0);
	change_execute("GRANT", MAKING, "TO", role_name);
	change_execute("GRANT", REVERSING, "TO", role_name);
	SPI_finish();
	PG_RETURN_VOID();
}

/* revoke_reidentify(scope text, role regrole) */
Datum
pp_sql_revoke_reidentify(PG_FUNCTION_ARGS)
{
	const char *scope;
	const char *role_name;
	Oid			role = open_list(fcinfo, &scope, &role_name);

	if (change_list("UPDATE privacy.scope_grant SET reversible = false "
					"WHERE scope = $1 AND grantee = $2 AND reversible", scope, role) == 0)
		refuse_unlisted(scope, role_name, "reidentifiers");
	if (!is_on_any_list(role, true))
		change_execute("REVOKE", REVERSING, "FROM", role_name);
	pp_keyring_tell("scope.revoke_reidentify", scope, role_name, 0);
	SPI_finish();
	PG_RETURN_VOID();
}

/* How each of them begins: the arguments, the root key, and the list locked in a SPI connection. */
static Oid
open_list(FunctionCallInfo fcinfo, const char **scope, const char **role_name)
{
	Oid			role;

	*scope = pp_keyring_get_scope(fcinfo);
	role = get_role(fcinfo, role_name);
	pp_keyring_require();
	SPI_connect();
	lock_list();
	return role;
}

static void
refuse_unlisted(const char *scope, const char *role, const char *right)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("role \"%s\" is not among the %s of scope \"%s\"", role, right, scope),
			 errdetail("A role may also use a scope as a member of a listed role, or as a superuser."),
			 errhint("See column %s of privacy.scope_status.", right)));
}

/* regrole takes a number without asking whether it is a role's. */
static Oid
get_role(FunctionCallInfo fcinfo, const char **name)
{
	Oid			role;

	if (PG_ARGISNULL(1))
		(void) pp_keyring_get_text(fcinfo, 1, "role");
	role = PG_GETARG_OID(1);
	*name = GetUserNameFromId(role, true);
	if (*name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role with OID %u does not exist", role)));
	return role;
}

static void
lock_list(void)
{
	pp_core_execute("LOCK TABLE privacy.scope_grant IN SHARE ROW EXCLUSIVE MODE", false, 0, NULL, NULL, NULL);
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
change_execute(const char *command, const char *functions, const char *preposition, const char *role)
{
	char	   *list = list_functions(functions);

	if (list != NULL)
		pp_core_execute(psprintf("%s EXECUTE ON FUNCTION %s %s %s", command, list, preposition, quote_identifier(role)),
						false, 0, NULL, NULL, NULL);
}

static char *
list_functions(const char *pattern)
{
	Oid			types[] = {OIDOID, TEXTOID};
	Datum		values[] = {ObjectIdGetDatum(pp_core_extension()), CStringGetTextDatum(pattern)};

	pp_core_execute("SELECT string_agg(f.oid::regprocedure::text, ', ') FROM pg_proc AS f JOIN pg_depend AS d "
					"ON d.classid = 'pg_proc'::regclass AND d.objid = f.oid AND d.deptype = 'e' "
					"WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = $1 "
					"AND f.proname ~ $2 AND f.prorettype <> 'trigger'::regtype", true, 2, types, values, NULL);
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

static bool
is_on_any_list(Oid role, bool reversible)
{
	Oid			types[] = {REGROLEOID, BOOLOID};
	Datum		values[] = {ObjectIdGetDatum(role), BoolGetDatum(reversible)};

	pp_core_execute("SELECT FROM privacy.scope_grant WHERE grantee = $1 AND (reversible OR NOT $2) LIMIT 1",
					false, 2, types, values, NULL);
	return SPI_processed > 0;
}
