/*
 * sweep_reference.c: the foreign keys of this database, as the sweep needs them.
 *
 * The catalogue has no index on the referenced table, so that whoever asks about many tables reads
 * it once (load_keys), and a session reads it again only when a constraint has changed. A key that is not enforced (PostgreSQL 18) takes nobody along: whatever its
 * ON DELETE says, its rows only refer.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_index.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "core/core.h"
#include "sweep/sweep_internal.h"

/* Of this session, until a constraint changes. */
static List *kept_keys = NIL;
static bool keys_are_kept = false;
static uint64 constraint_changes = 0;

static void forget_keys(Datum arg, int cache_id, uint32 hash);
static void watch_constraints(void);
static List *copy_keys(const List *keys);
static List *read_keys(void);
static bool is_repeated(Form_pg_constraint constraint);
static RowReference *read_reference(const ForeignKey *key);
static void read_columns(HeapTuple tuple, RowReference *reference);
static bool begins_with(Oid index, Bitmapset *columns);

/* A copy: reading the catalogue may itself bring news. */
List *
load_keys(void)
{
	watch_constraints();
	if (!keys_are_kept)
	{
		uint64		changes = constraint_changes;
		List	   *keys = read_keys();
		MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);

		list_free_deep(kept_keys);
		kept_keys = NIL;
		kept_keys = copy_keys(keys);
		MemoryContextSwitchTo(caller);
		keys_are_kept = changes == constraint_changes;
		return keys;
	}
	return copy_keys(kept_keys);
}

static void
watch_constraints(void)
{
	static bool watching = false;

	if (!watching)
		CacheRegisterSyscacheCallback(CONSTROID, forget_keys, (Datum) 0);
	watching = true;
}

static void
forget_keys(Datum arg, int cache_id, uint32 hash)
{
	(void) arg;
	(void) cache_id;
	(void) hash;
	keys_are_kept = false;
	constraint_changes++;
}

static List *
copy_keys(const List *keys)
{
	List	   *copy = NIL;
	ListCell   *cell;

	foreach(cell, keys)
	{
		ForeignKey *key = palloc(sizeof(ForeignKey));

		*key = *(ForeignKey *) lfirst(cell);
		copy = lappend(copy, key);
	}
	return copy;
}

static List *
read_keys(void)
{
	Relation	constraints = table_open(ConstraintRelationId, AccessShareLock);
	List	   *result = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_constraint_contype, BTEqualStrategyNumber, F_CHAREQ, CharGetDatum(CONSTRAINT_FOREIGN));
	scan = systable_beginscan(constraints, InvalidOid, false, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint constraint = (Form_pg_constraint) GETSTRUCT(tuple);
		ForeignKey *found;

		if (is_repeated(constraint))
			continue;
		found = palloc(sizeof(ForeignKey));
		found->constraint = constraint->oid;
		found->child = constraint->conrelid;
		found->parent = constraint->confrelid;
		result = lappend(result, found);
	}
	systable_endscan(scan);
	table_close(constraints, AccessShareLock);
	return result;
}

/* A partitioned referencing table has one constraint for itself and one for each partition, to the same table. */
static bool
is_repeated(Form_pg_constraint constraint)
{
	HeapTuple	tuple;
	bool		repeated;

	if (!OidIsValid(constraint->conparentid))
		return false;
	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint->conparentid));
	if (!HeapTupleIsValid(tuple))
		return false;
	repeated = ((Form_pg_constraint) GETSTRUCT(tuple))->confrelid == constraint->confrelid;
	ReleaseSysCache(tuple);
	return repeated;
}

List *
references_to(Oid leaf)
{
	return references_among(load_keys(), leaf);
}

List *
references_among(List *keys, Oid leaf)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, keys)
	{
		RowReference *reference = NULL;

		if (((ForeignKey *) lfirst(cell))->parent == leaf)
			reference = read_reference(lfirst(cell));
		if (reference != NULL)
			result = lappend(result, reference);
	}
	return result;
}

/* NULL: dropped meanwhile. */
static RowReference *
read_reference(const ForeignKey *key)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(key->constraint));
	RowReference *reference;

	if (!HeapTupleIsValid(tuple))
		return NULL;
	reference = palloc0(sizeof(RowReference));
	reference->child = key->child;
	reference->parent = key->parent;
	reference->table = pp_core_quote_relation(key->child);
	reference->action = ((Form_pg_constraint) GETSTRUCT(tuple))->confdeltype;
#if PG_VERSION_NUM >= 180000
	if (!((Form_pg_constraint) GETSTRUCT(tuple))->conenforced)
		reference->action = FKCONSTR_ACTION_NOACTION;
#endif
	read_columns(tuple, reference);
	ReleaseSysCache(tuple);
	return reference;
}

/* They match by the operators of the constraint itself. */
static void
read_columns(HeapTuple tuple, RowReference *reference)
{
	AttrNumber	child[INDEX_MAX_KEYS];
	AttrNumber	parent[INDEX_MAX_KEYS];
	AttrNumber	cleared[INDEX_MAX_KEYS];
	Oid			operators[INDEX_MAX_KEYS];
	StringInfoData match;
	int			keys;
	int			clears = 0;

	DeconstructFkConstraintRow(tuple, &keys, child, parent, operators, NULL, NULL, &clears, cleared);
	initStringInfo(&match);
	for (int i = 0; i < keys; i++)
	{
		const char *key = quote_identifier(get_attname(reference->parent, parent[i], false));
		const char *column = quote_identifier(get_attname(reference->child, child[i], false));

		reference->keys = lappend(reference->keys, pstrdup(key));
		reference->types = lappend_oid(reference->types, get_atttype(reference->parent, parent[i]));
		reference->columns = bms_add_member(reference->columns, child[i]);
		appendStringInfo(&match, "%s%s", i > 0 ? " AND " : "",
						 pp_core_equals(operators[i], reference->parent, parent[i],
										psprintf(PP_TARGET ".%s", key),
										reference->child, child[i],
										psprintf("child.%s", column)));
	}
	reference->match = match.data;
	for (int i = 0; i < clears; i++)
		reference->cleared = bms_add_member(reference->cleared, cleared[i]);
	if (clears == 0)
		reference->cleared = bms_copy(reference->columns);
}

bool
reference_is_indexed(const RowReference *reference)
{
	Relation	child = try_relation_open(reference->child, AccessShareLock);
	bool		indexed = false;
	ListCell   *cell;

	if (child == NULL)
		return true;
	foreach(cell, RelationGetIndexList(child))
		indexed |= begins_with(lfirst_oid(cell), reference->columns);
	relation_close(child, NoLock);
	return indexed;
}

/* In any order, and whole: a partial index serves no foreign key. */
static bool
begins_with(Oid index, Bitmapset *columns)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	Bitmapset  *leading = NULL;
	bool		usable;

	if (!HeapTupleIsValid(tuple))
		return false;
	usable = ((Form_pg_index) GETSTRUCT(tuple))->indisvalid && heap_attisnull(tuple, Anum_pg_index_indpred, NULL) &&
		((Form_pg_index) GETSTRUCT(tuple))->indnkeyatts >= bms_num_members(columns);
	for (int i = 0; usable && i < bms_num_members(columns); i++)
	{
		AttrNumber	attnum = ((Form_pg_index) GETSTRUCT(tuple))->indkey.values[i];

		if (attnum > 0)
			leading = bms_add_member(leading, attnum);
	}
	ReleaseSysCache(tuple);
	return usable && bms_equal(leading, columns);
}

int64
execute_as(Oid owner, const char *statement, int nargs, Oid *types, Datum *values, long limit)
{
	MemoryContext caller = CurrentMemoryContext;
	CoreStay	stay;
	int			result;

	pp_core_enter(&stay, owner, true);
	result = SPI_execute_with_args(statement, nargs, types, values, NULL, false, limit);
	pp_core_leave(&stay);
	MemoryContextSwitchTo(caller);
	if (result < 0)
		elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(result));	/* cannot happen */
	return (int64) SPI_processed;
}
