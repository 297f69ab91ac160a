/*
 * keyring_rotation.c: the root key of a database: its first, and the next.
 *
 * Two sessions that set up a database at the same time both make up an audit key. ON CONFLICT DO
 * NOTHING lets the second wait for the first and then take what the first has written.
 *
 * rotate_root() moves one database from the current to the next root key, in one transaction:
 * every surviving key, every check key, every salt and the audit key are opened with the one and
 * wrapped by the other. Derived keys are computed from the old root key a last time and are wrapped
 * from then on, so that their pseudonyms stay what they are. Before the commit the database needs
 * the old root key, after it the new one, at no moment both; and a server that ends in between
 * finds the database on one side or the other, and the right key in one of its two places.
 *
 * Locks: EXCLUSIVE on privacy.root_key, first of all. Whoever changes a key holds ROW SHARE on it
 * (pp_keyring_hold_root), hence waits, and finds the new root key afterwards. Readers wait for
 * nothing: they take check value and keys from one snapshot. The order is root_key, a scope's row,
 * rows of scope_version, audit_entry.
 *
 * Earlier states of the rows, in dead tuples, WAL, backups and dumps, are wrapped by the old root
 * key. They can be opened as long as it exists somewhere: that is what destroying a version cannot
 * reach, and what destroying the old root key does.
 */
#include "postgres.h"

#include <sodium.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "keyring/keyring_internal.h"

static void refuse_same_root(RootKey old_root);
static void rewrap_scope(const char *scope, RootKey old_root);
static void rewrap_version(const char *scope, bool destroyable, const StoredVersion *version, RootKey old_root);
static Datum rewrap_key(const char *scope, bool destroyable, const StoredVersion *version, RootKey old_root);
static Datum rewrap_check_key(const char *scope, bool destroyable, const StoredVersion *version, RootKey old_root);
static void rewrap_audit_key(RootKey old_root);

PG_FUNCTION_INFO_V1(pp_sql_rotate_root);

void
pp_keyring_create_root(void)
{
	Oid			types[] = {BYTEAOID, BYTEAOID, TIMESTAMPTZOID};
	unsigned char audit_key[PP_KEY_BYTES];
	Datum		values[3];
	bool		created;

	randombytes_buf(audit_key, sizeof(audit_key));
	values[0] = PointerGetDatum(pp_keyring_check_value(PP_ROOT_CURRENT));
	values[1] = PointerGetDatum(pp_keyring_seal_audit_key(PP_ROOT_CURRENT, audit_key));
	values[2] = TimestampTzGetDatum(pp_core_now());
	sodium_memzero(audit_key, sizeof(audit_key));

	SPI_connect();
	pp_core_execute("INSERT INTO privacy.root_key (check_value, wrapped_audit_key, created_at) "
					"VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", false, 3, types, values, NULL);
	created = SPI_processed > 0;
	pp_keyring_require();
	if (created)
		pp_keyring_tell("root.create", NULL, NULL, 0);
	SPI_finish();
}

RootKey
pp_keyring_hold_root(void)
{
	pp_core_execute("LOCK TABLE privacy.root_key IN ROW SHARE MODE", false, 0, NULL, NULL, NULL);
	return pp_keyring_root();
}

/* rotate_root() */
Datum
pp_sql_rotate_root(PG_FUNCTION_ARGS)
{
	RootKey		old_root;
	ListCell   *cell;

	(void) fcinfo;
	SPI_connect();
	pp_core_execute("LOCK TABLE privacy.root_key IN EXCLUSIVE MODE", false, 0, NULL, NULL, NULL);
	old_root = pp_keyring_root();
	pp_keyring_need_root(PP_ROOT_NEXT);
	refuse_same_root(old_root);

	foreach(cell, pp_keyring_scope_names())
		rewrap_scope(lfirst(cell), old_root);
	rewrap_audit_key(old_root);
	pp_keyring_tell("root.rotate", NULL, NULL, 0);
	SPI_finish();
	PG_RETURN_VOID();
}

static void
refuse_same_root(RootKey old_root)
{
	bytea	   *old_value = pp_keyring_check_value(old_root);
	bytea	   *next_value = pp_keyring_check_value(PP_ROOT_NEXT);

	if (memcmp(VARDATA(old_value), VARDATA(next_value), PP_CHECK_VALUE_BYTES) != 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("this database already has the next root key"),
			 errdetail("The check value of the next root key is the one in privacy.root_key."),
			 errhint("When every database has it, set privacy.keyring_file or privacy.keyring_command to it, reset privacy.keyring_next_file and privacy.keyring_next_command, and reload.")));
}

static void
rewrap_scope(const char *scope, RootKey old_root)
{
	StoredScope stored;

	pp_keyring_find_scope(scope, &stored);
	for (int i = 0; i < stored.count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		rewrap_version(scope, stored.destroyable, &stored.versions[i], old_root);
	}
}

static void
rewrap_version(const char *scope, bool destroyable, const StoredVersion *version, RootKey old_root)
{
	Datum		key = rewrap_key(scope, destroyable, version, old_root);
	Datum		check_key = rewrap_check_key(scope, destroyable, version, old_root);
	Oid			types[] = {TEXTOID, INT4OID, BYTEAOID, BYTEAOID};
	Datum		values[] = {CStringGetTextDatum(scope), Int32GetDatum(version->version), key, check_key};
	char		nulls[] = {' ', ' ', key == 0 ? 'n' : ' ', check_key == 0 ? 'n' : ' '};

	pp_core_execute("UPDATE privacy.scope_version SET wrapped_key = $3, wrapped_check_key = $4 "
					"WHERE scope = $1 AND version = $2", false, 4, types, values, nulls);
	if (SPI_processed != 1)
		pp_keyring_refuse_snapshot();
}

/* Null for a destroyed version. */
static Datum
rewrap_key(const char *scope, bool destroyable, const StoredVersion *version, RootKey old_root)
{
	unsigned char key[PP_SALT_BYTES];
	bytea	   *sealed = NULL;
	int			length;

	if (version->destroyed)
		return (Datum) 0;
	if (pp_keyring_open_key(old_root, scope, destroyable, version, key, &length))
		sealed = pp_keyring_seal_key(PP_ROOT_NEXT, scope, version->version, version->imported, key, length);
	sodium_memzero(key, sizeof(key));
	if (sealed == NULL)
		pp_keyring_refuse_row(scope, version);
	return PointerGetDatum(sealed);
}

/* Null for an imported version. */
static Datum
rewrap_check_key(const char *scope, bool destroyable, const StoredVersion *version, RootKey old_root)
{
	unsigned char key[PP_CHECK_KEY_BYTES];
	bytea	   *sealed = NULL;

	if (version->imported)
		return (Datum) 0;
	if (pp_keyring_open_check_key(old_root, scope, destroyable, version, key))
		sealed = pp_keyring_seal_check_key(PP_ROOT_NEXT, scope, version->version, key);
	sodium_memzero(key, sizeof(key));
	if (sealed == NULL)
		pp_keyring_refuse_row(scope, version);
	return PointerGetDatum(sealed);
}

static void
rewrap_audit_key(RootKey old_root)
{
	Oid			types[] = {BYTEAOID, BYTEAOID, TIMESTAMPTZOID};
	unsigned char key[PP_KEY_BYTES];
	StoredRoot	stored;
	Datum		values[3];

	pp_keyring_find_root(&stored);
	if (!pp_keyring_open_audit_key(old_root, &stored, key))
		elog(ERROR, "the audit key of this database cannot be unwrapped");	/* cannot happen */
	values[0] = PointerGetDatum(pp_keyring_check_value(PP_ROOT_NEXT));
	values[1] = PointerGetDatum(pp_keyring_seal_audit_key(PP_ROOT_NEXT, key));
	values[2] = TimestampTzGetDatum(pp_core_now());
	sodium_memzero(key, sizeof(key));
	pp_core_execute("UPDATE privacy.root_key SET check_value = $1, wrapped_audit_key = $2, rotated_at = $3",
					false, 3, types, values, NULL);
	if (SPI_processed != 1)
		pp_keyring_refuse_snapshot();
}
