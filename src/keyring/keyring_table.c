/*
 * keyring_table.c: reading the keyring's tables.
 *
 * Not through SPI: a keyed function is STABLE, runs in parallel workers, and is called by roles
 * that may not read these tables. A scan below the executor needs no right, no plan and no other
 * user. And it sees more: with a catalogue snapshot, which is taken afresh, a right that has been
 * revoked or a key that has been destroyed is gone at once, even in a transaction that still reads
 * everything else as it was.
 *
 * The tables are small (one row per scope, version and grant), so they are scanned whole.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "core/core.h"
#include "keyring/keyring_internal.h"

/* Column numbers, as keyring.sql declares them. */
enum
{
	root_key_check_value = 2, root_key_wrapped_audit_key = 3,
	scope_name = 1,
	scope_version_scope = 1, scope_version_version = 2, scope_version_wrapped_key = 4,
	scope_version_wrapped_check_key = 5, scope_version_destroyed_at = 7,
	scope_grant_scope = 1, scope_grant_grantee = 2
};

enum
{
	ROOT_KEY, SCOPE, SCOPE_VERSION, SCOPE_GRANT, TABLES
};

static const char *const table_names[TABLES] = {"root_key", "scope", "scope_version", "scope_grant"};
static Oid	table_oids[TABLES];

/* Looks at one row; true ends the scan. */
typedef bool (*RowVisitor) (HeapTuple row, TupleDesc columns, void *state);

typedef struct VersionSearch
{
	const char *scope;
	StoredVersion *found;
} VersionSearch;

typedef struct GrantSearch
{
	const char *scope;
	Oid			userid;
} GrantSearch;

static bool scan_table(int table, RowVisitor visit, void *state);
static bool visit_root(HeapTuple row, TupleDesc columns, void *state);
static bool visit_scope(HeapTuple row, TupleDesc columns, void *state);
static bool visit_scope_name(HeapTuple row, TupleDesc columns, void *state);
static bool visit_version(HeapTuple row, TupleDesc columns, void *state);
static bool visit_grant(HeapTuple row, TupleDesc columns, void *state);
static bool equals_text(HeapTuple row, TupleDesc columns, int column, const char *expected);
static bytea *get_bytes(HeapTuple row, TupleDesc columns, int column);

bool
pp_keyring_find_root(StoredRoot *root)
{
	return scan_table(ROOT_KEY, visit_root, root);
}

bool
pp_keyring_scope_exists(const char *scope)
{
	return scan_table(SCOPE, visit_scope, unconstify(char *, scope));
}

/* The newest version that has not been destroyed. */
bool
pp_keyring_find_version(const char *scope, StoredVersion *version)
{
	VersionSearch search = {scope, version};

	version->version = 0;
	(void) scan_table(SCOPE_VERSION, visit_version, &search);
	return version->version > 0;
}

bool
pp_keyring_scope_allows(const char *scope, Oid userid)
{
	GrantSearch search = {scope, userid};

	return superuser_arg(userid) || scan_table(SCOPE_GRANT, visit_grant, &search);
}

/* For hints: the names of all scopes, or NULL when there is none. */
char *
pp_keyring_list_scopes(void)
{
	StringInfoData names;

	initStringInfo(&names);
	(void) scan_table(SCOPE, visit_scope_name, &names);
	return names.len > 0 ? names.data : NULL;
}

bool
pp_keyring_is_table(Oid relid)
{
	for (int table = 0; table < TABLES; table++)
		if (OidIsValid(table_oids[table]) && table_oids[table] == relid)
			return true;
	return false;
}

static bool
scan_table(int table, RowVisitor visit, void *state)
{
	Oid			relid = pp_core_relation(table_names[table]);
	Relation	relation = table_open(relid, AccessShareLock);
	SysScanDesc scan;
	HeapTuple	row;
	bool		found = false;

	table_oids[table] = relid;
	scan = systable_beginscan(relation, InvalidOid, false, NULL, 0, NULL);
	while (!found && HeapTupleIsValid(row = systable_getnext(scan)))
		found = visit(row, RelationGetDescr(relation), state);
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return found;
}

static bool
visit_root(HeapTuple row, TupleDesc columns, void *state)
{
	StoredRoot *root = state;

	root->check_value = get_bytes(row, columns, root_key_check_value);
	root->wrapped_audit_key = get_bytes(row, columns, root_key_wrapped_audit_key);
	return true;
}

static bool
visit_scope(HeapTuple row, TupleDesc columns, void *state)
{
	return equals_text(row, columns, scope_name, state);
}

static bool
visit_scope_name(HeapTuple row, TupleDesc columns, void *state)
{
	StringInfo	names = state;
	bool		isnull;
	Datum		name = heap_getattr(row, scope_name, columns, &isnull);

	appendStringInfo(names, "%s%s", names->len > 0 ? ", " : "", TextDatumGetCString(name));
	return false;
}

static bool
visit_version(HeapTuple row, TupleDesc columns, void *state)
{
	VersionSearch *search = state;
	bool		isnull;
	int			version;

	if (!equals_text(row, columns, scope_version_scope, search->scope))
		return false;
	(void) heap_getattr(row, scope_version_destroyed_at, columns, &isnull);
	if (!isnull)
		return false;
	version = DatumGetInt32(heap_getattr(row, scope_version_version, columns, &isnull));
	if (version > search->found->version)
	{
		search->found->version = version;
		search->found->wrapped_key = get_bytes(row, columns, scope_version_wrapped_key);
		search->found->wrapped_check_key = get_bytes(row, columns, scope_version_wrapped_check_key);
	}
	return false;
}

static bool
visit_grant(HeapTuple row, TupleDesc columns, void *state)
{
	GrantSearch *search = state;
	bool		isnull;
	Oid			grantee;

	if (!equals_text(row, columns, scope_grant_scope, search->scope))
		return false;
	grantee = DatumGetObjectId(heap_getattr(row, scope_grant_grantee, columns, &isnull));
	return has_privs_of_role(search->userid, grantee);
}

static bool
equals_text(HeapTuple row, TupleDesc columns, int column, const char *expected)
{
	bool		isnull;
	Datum		stored = heap_getattr(row, column, columns, &isnull);

	return !isnull && strcmp(TextDatumGetCString(stored), expected) == 0;
}

static bytea *
get_bytes(HeapTuple row, TupleDesc columns, int column)
{
	bool		isnull;
	Datum		stored = heap_getattr(row, column, columns, &isnull);

	return isnull ? NULL : DatumGetByteaPCopy(stored);
}
