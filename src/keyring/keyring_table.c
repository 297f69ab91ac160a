/*
 * keyring_table.c: reading the keyring's tables.
 *
 * Not through SPI: a keyed function is STABLE, runs in parallel workers, and is called by roles
 * that may not read these tables. A scan below the executor needs no right, no plan and no other
 * user. And it sees more: with a catalogue snapshot, which is taken afresh, a right that has been
 * revoked or a key that has been destroyed is gone at once, even in a transaction that still reads
 * everything else as it was.
 *
 * What belongs together is read with one snapshot. While the root key is rotated, a reader who took
 * the check value from before and the scope's rows from after would refuse them, or worse, derive a
 * key from the wrong root key.
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
#include "utils/snapmgr.h"

#include "core/core.h"
#include "keyring/keyring_internal.h"

#define MANY_VERSIONS	8
#define SCOPES_IN_HINT	20

/* Column numbers, as keyring.sql declares them. */
enum
{
	root_key_check_value = 2, root_key_wrapped_audit_key = 3,
	scope_name = 1, scope_destroyable = 3,
	scope_version_scope = 1, scope_version_version = 2, scope_version_algorithm = 3,
	scope_version_wrapped_key = 4, scope_version_wrapped_check_key = 5, scope_version_destroyed_at = 7,
	scope_grant_scope = 1, scope_grant_grantee = 2, scope_grant_reversible = 3
};

enum
{
	ROOT_KEY, SCOPE, SCOPE_VERSION, SCOPE_GRANT, TABLES
};

static const char *const table_names[TABLES] = {"root_key", "scope", "scope_version", "scope_grant"};
static Oid	table_oids[TABLES];

/* Looks at one row; true ends the scan. */
typedef bool (*RowVisitor) (HeapTuple row, TupleDesc columns, void *state);

typedef struct ScopeSearch
{
	const char *scope;
	StoredScope *found;
	int			room;			/* for versions */
} ScopeSearch;

typedef struct GrantSearch
{
	const char *scope;
	Oid			userid;
	bool		reversible;		/* only grants that allow reversal */
} GrantSearch;

static bool scan_table(int table, Snapshot snapshot, RowVisitor visit, void *state);
static bool visit_root(HeapTuple row, TupleDesc columns, void *state);
static bool visit_scope(HeapTuple row, TupleDesc columns, void *state);
static bool visit_scope_name(HeapTuple row, TupleDesc columns, void *state);
static bool visit_version(HeapTuple row, TupleDesc columns, void *state);
static bool visit_grant(HeapTuple row, TupleDesc columns, void *state);
static int	compare_versions(const void *left, const void *right);
static bool equals_text(HeapTuple row, TupleDesc columns, int column, const char *expected);
static bytea *get_bytes(HeapTuple row, TupleDesc columns, int column);
static bool is_null(HeapTuple row, TupleDesc columns, int column);

void
pp_keyring_find_root(StoredRoot *root)
{
	root->check_value = NULL;
	(void) scan_table(ROOT_KEY, NULL, visit_root, root);
}

void
pp_keyring_find_scope(const char *scope, StoredScope *stored)
{
	ScopeSearch search = {scope, stored, MANY_VERSIONS};
	Snapshot	snapshot = RegisterSnapshot(GetCatalogSnapshot(pp_core_relation(table_names[ROOT_KEY])));

	memset(stored, 0, sizeof(*stored));
	stored->versions = palloc(sizeof(StoredVersion) * search.room);
	stored->destroyable = true;
	(void) scan_table(ROOT_KEY, snapshot, visit_root, &stored->root);
	(void) scan_table(SCOPE, snapshot, visit_scope, &search);
	(void) scan_table(SCOPE_VERSION, snapshot, visit_version, &search);
	UnregisterSnapshot(snapshot);
	qsort(stored->versions, stored->count, sizeof(StoredVersion), compare_versions);
}

bool
pp_keyring_scope_exists(const char *scope)
{
	StoredScope unused;
	ScopeSearch search = {scope, &unused, 0};

	return scan_table(SCOPE, NULL, visit_scope, &search);
}

bool
pp_keyring_scope_allows(const char *scope, Oid userid)
{
	GrantSearch search = {scope, userid, false};

	return superuser_arg(userid) || scan_table(SCOPE_GRANT, NULL, visit_grant, &search);
}

bool
pp_keyring_scope_reversible_by(const char *scope, Oid userid)
{
	GrantSearch search = {scope, userid, true};

	return superuser_arg(userid) || scan_table(SCOPE_GRANT, NULL, visit_grant, &search);
}

List *
pp_keyring_scope_names(void)
{
	List	   *names = NIL;

	(void) scan_table(SCOPE, NULL, visit_scope_name, &names);
	return names;
}

char *
pp_keyring_list_scopes(void)
{
	List	   *names = pp_keyring_scope_names();
	StringInfoData list;
	ListCell   *cell;

	initStringInfo(&list);
	foreach(cell, names)
	{
		if (foreach_current_index(cell) == SCOPES_IN_HINT)
		{
			appendStringInfo(&list, " and %d more", list_length(names) - SCOPES_IN_HINT);
			break;
		}
		appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "", (char *) lfirst(cell));
	}
	return list.len > 0 ? list.data : NULL;
}

bool
pp_keyring_is_table(Oid relid)
{
	for (int table = 0; table < TABLES; table++)
		if (OidIsValid(table_oids[table]) && table_oids[table] == relid)
			return true;
	return false;
}

/* Without a snapshot the scan takes a new one. */
static bool
scan_table(int table, Snapshot snapshot, RowVisitor visit, void *state)
{
	Oid			relid = pp_core_relation(table_names[table]);
	Relation	relation = table_open(relid, AccessShareLock);
	SysScanDesc scan;
	HeapTuple	row;
	bool		found = false;

	table_oids[table] = relid;
	scan = systable_beginscan(relation, InvalidOid, false, snapshot, 0, NULL);
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
	ScopeSearch *search = state;
	bool		isnull;

	if (!equals_text(row, columns, scope_name, search->scope))
		return false;
	search->found->destroyable = DatumGetBool(heap_getattr(row, scope_destroyable, columns, &isnull));
	return true;
}

static bool
visit_scope_name(HeapTuple row, TupleDesc columns, void *state)
{
	List	  **names = state;
	bool		isnull;

	*names = lappend(*names, TextDatumGetCString(heap_getattr(row, scope_name, columns, &isnull)));
	return false;
}

static bool
visit_version(HeapTuple row, TupleDesc columns, void *state)
{
	ScopeSearch *search = state;
	StoredScope *found = search->found;
	StoredVersion *version;
	bool		isnull;

	if (!equals_text(row, columns, scope_version_scope, search->scope))
		return false;
	if (found->count == search->room)
	{
		search->room *= 2;
		found->versions = repalloc(found->versions, sizeof(StoredVersion) * search->room);
	}
	version = &found->versions[found->count++];
	version->version = DatumGetInt32(heap_getattr(row, scope_version_version, columns, &isnull));
	version->imported = !equals_text(row, columns, scope_version_algorithm, "blake2b-128");
	version->destroyed = !is_null(row, columns, scope_version_destroyed_at);
	version->wrapped_key = get_bytes(row, columns, scope_version_wrapped_key);
	version->wrapped_check_key = get_bytes(row, columns, scope_version_wrapped_check_key);
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
	if (search->reversible && !DatumGetBool(heap_getattr(row, scope_grant_reversible, columns, &isnull)))
		return false;
	grantee = DatumGetObjectId(heap_getattr(row, scope_grant_grantee, columns, &isnull));
	return has_privs_of_role(search->userid, grantee);
}

static int
compare_versions(const void *left, const void *right)
{
	int			a = ((const StoredVersion *) left)->version;
	int			b = ((const StoredVersion *) right)->version;

	return a < b ? 1 : a > b ? -1 : 0;
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

static bool
is_null(HeapTuple row, TupleDesc columns, int column)
{
	bool		isnull;

	(void) heap_getattr(row, column, columns, &isnull);
	return isnull;
}
