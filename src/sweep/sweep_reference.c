/*
 * sweep_reference.c: a row leaves only after every row that refers to it.
 *
 * The sweep does not rely on CASCADE or SET NULL: a cascade would take rows that must stay. Any row
 * that refers to a due row blocks it, whatever the key's ON DELETE says, and is reported by its
 * table. Rows that refer to themselves do not stand in their own way.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "core/core.h"
#include "label/label.h"
#include "sweep/sweep_internal.h"

static RowReference *read_reference(HeapTuple tuple);
static bool is_repeated(Form_pg_constraint constraint);
static void read_match(HeapTuple tuple, RowReference *reference);
static ArrayType *not_referenced_by(const RowReference *reference, Oid leaf, ArrayType *rows);
static void read_keys(const RowReference *reference, Oid leaf, ArrayType *rows, int nargs, Oid *types,
					  Datum *values);
static char *search_statement(const RowReference *reference, Oid leaf);
static void query_as(Oid owner, const char *statement, int nargs, Oid *types, Datum *values);
static void visit_rule(SweepRule *rule, List *rules, List **visited, List **ordered);
static SweepRule *find_row_rule(List *rules, Oid relid);

List *
references_to(Oid leaf)
{
	Relation	constraints = table_open(ConstraintRelationId, AccessShareLock);
	List	   *result = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_constraint_confrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(leaf));
	scan = systable_beginscan(constraints, InvalidOid, false, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint constraint = (Form_pg_constraint) GETSTRUCT(tuple);

		if (constraint->contype == CONSTRAINT_FOREIGN && !is_repeated(constraint))
			result = lappend(result, read_reference(tuple));
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

static RowReference *
read_reference(HeapTuple tuple)
{
	Form_pg_constraint constraint = (Form_pg_constraint) GETSTRUCT(tuple);
	RowReference *reference = palloc0(sizeof(RowReference));

	reference->child = constraint->conrelid;
	reference->table = pp_core_quote_relation(constraint->conrelid);
	read_match(tuple, reference);
	return reference;
}

/* By the operators of the constraint itself. */
static void
read_match(HeapTuple tuple, RowReference *reference)
{
	Form_pg_constraint constraint = (Form_pg_constraint) GETSTRUCT(tuple);
	AttrNumber	child[INDEX_MAX_KEYS];
	AttrNumber	parent[INDEX_MAX_KEYS];
	Oid			operators[INDEX_MAX_KEYS];
	StringInfoData match;
	int			keys;

	DeconstructFkConstraintRow(tuple, &keys, child, parent, operators, NULL, NULL, NULL, NULL);
	initStringInfo(&match);
	for (int i = 0; i < keys; i++)
	{
		const char *key = quote_identifier(get_attname(constraint->confrelid, parent[i], false));
		const char *column = quote_identifier(get_attname(constraint->conrelid, child[i], false));

		reference->keys = lappend(reference->keys, pstrdup(key));
		appendStringInfo(&match, "%s%s", i > 0 ? " AND " : "",
						 pp_core_equals(operators[i], constraint->confrelid, parent[i],
										psprintf(PP_TARGET ".%s", key),
										constraint->conrelid, child[i],
										psprintf("child.%s", column)));
	}
	reference->match = match.data;
}

ArrayType *
unreferenced(SweepRun *run, SweepRule *rule, Oid leaf, ArrayType *rows)
{
	ListCell   *cell;

	foreach(cell, references_to(leaf))
	{
		RowReference *reference = lfirst(cell);
		int			before = ArrayGetNItems(ARR_NDIM(rows), ARR_DIMS(rows));
		ArrayType  *free = not_referenced_by(reference, leaf, rows);
		int			after = free ? ArrayGetNItems(ARR_NDIM(free), ARR_DIMS(free)) : 0;

		if (after < before)
			add_blocker(run, rule, reference->table, before - after);
		if (free == NULL)
			return NULL;
		rows = free;
	}
	return rows;
}

/*
 * As the server's own foreign keys do it: the keys of our rows are read as the owner of our table,
 * and looked for in the referencing table as the owner of that one. Neither sees or runs what is
 * the other's, and nobody's casts, operators or index expressions run as a superuser. The snapshot
 * is newer than the rows' locks.
 */
static ArrayType *
not_referenced_by(const RowReference *reference, Oid leaf, ArrayType *rows)
{
	MemoryContext caller = CurrentMemoryContext;
	int			nargs = list_length(reference->keys) + 1;
	Oid		   *types = palloc(sizeof(Oid) * nargs);
	Datum	   *values = palloc(sizeof(Datum) * nargs);
	bool		isnull;
	Datum		free;

	pp_label_require_trusted(reference->child, pp_core_table_owner(reference->child));
	read_keys(reference, leaf, rows, nargs, types, values);
	query_as(pp_core_table_owner(reference->child), search_statement(reference, leaf), nargs, types, values);
	free = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (isnull)
		return NULL;
	MemoryContextSwitchTo(caller);
	return DatumGetArrayTypePCopy(free);
}

/* The ctids and each key column of our rows, as arrays. */
static void
read_keys(const RowReference *reference, Oid leaf, ArrayType *rows, int nargs, Oid *types, Datum *values)
{
	Oid			row_type = TIDARRAYOID;
	Datum		row_value = PointerGetDatum(rows);
	StringInfoData statement;
	ListCell   *cell;

	initStringInfo(&statement);
	appendStringInfoString(&statement, "SELECT pg_catalog.array_agg(" PP_TARGET ".ctid ORDER BY " PP_TARGET ".ctid)");
	foreach(cell, reference->keys)
	{
		appendStringInfo(&statement, ", pg_catalog.array_agg(" PP_TARGET ".%s ORDER BY " PP_TARGET ".ctid)",
						 (char *) lfirst(cell));
	}
	appendStringInfo(&statement, " FROM ONLY %s AS " PP_TARGET " WHERE " PP_TARGET ".ctid = ANY ($1)",
					 pp_core_quote_relation(leaf));
	query_as(pp_core_table_owner(leaf), statement.data, 1, &row_type, &row_value);
	for (int i = 0; i < nargs; i++)
	{
		bool		isnull;

		types[i] = SPI_gettypeid(SPI_tuptable->tupdesc, i + 1);
		values[i] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1, &isnull);
	}
}

/* Of rows (ctid $1, keys $2...), those to which no row of the referencing table refers. */
static char *
search_statement(const RowReference *reference, Oid leaf)
{
	StringInfoData arrays;
	StringInfoData columns;
	ListCell   *cell;
	int			argument = 1;

	initStringInfo(&arrays);
	initStringInfo(&columns);
	foreach(cell, reference->keys)
	{
		appendStringInfo(&arrays, ", $%d", ++argument);
		appendStringInfo(&columns, ", %s", (char *) lfirst(cell));
	}
	return psprintf("SELECT pg_catalog.array_agg(" PP_TARGET ".\"row of the sweep\") "
					"FROM ROWS FROM (unnest($1%s)) AS " PP_TARGET " (\"row of the sweep\"%s) "
					"WHERE NOT EXISTS (SELECT FROM %s%s AS child WHERE %s AND NOT (child.tableoid = %u AND "
					"child.ctid = " PP_TARGET ".\"row of the sweep\"))",
					arrays.data, columns.data,
					get_rel_relkind(reference->child) == RELKIND_RELATION ? "ONLY " : "",
					reference->table, reference->match, leaf);
}

static void
query_as(Oid owner, const char *statement, int nargs, Oid *types, Datum *values)
{
	CoreStay	stay;
	int			result;

	pp_core_enter(&stay, owner, true);
	result = SPI_execute_with_args(statement, nargs, types, values, NULL, false, 0);
	pp_core_leave(&stay);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(result));	/* cannot happen */
}

void
add_blocker(SweepRun *run, SweepRule *rule, const char *blocker, int64 count)
{
	MemoryContext caller;
	ListCell   *cell;

	rule->blocked += count;
	foreach(cell, rule->blockers)
	{
		if (strcmp(lfirst(cell), blocker) == 0)
			return;
	}
	caller = MemoryContextSwitchTo(run->memory);
	rule->blockers = lappend(list_copy(rule->blockers), pstrdup(blocker));
	MemoryContextSwitchTo(caller);
}

List *
order_rules(List *rules)
{
	List	   *visited = NIL;
	List	   *ordered = NIL;
	ListCell   *cell;

	foreach(cell, rules)
		visit_rule(lfirst(cell), rules, &visited, &ordered);
	return ordered;
}

/* Depth first: a rule comes after every rule whose rows may refer to its rows; a circle is cut anywhere. */
static void
visit_rule(SweepRule *rule, List *rules, List **visited, List **ordered)
{
	ListCell   *leaf;
	ListCell   *cell;

	if (list_member_ptr(*visited, rule))
		return;
	*visited = lappend(*visited, rule);
	foreach(leaf, rule->attnum == 0 ? leaves_of(rule->relid) : NIL)
	{
		foreach(cell, references_to(lfirst_oid(leaf)))
		{
			SweepRule  *child = find_row_rule(rules, ((RowReference *) lfirst(cell))->child);

			if (child != NULL)
				visit_rule(child, rules, visited, ordered);
		}
	}
	*ordered = lappend(*ordered, rule);
}

/* The rule that deletes the rows of a table: its own, or that of a partitioned table above it or below. */
static SweepRule *
find_row_rule(List *rules, Oid relid)
{
	List	   *family = list_concat(list_make1_oid(relid), leaves_of(relid));
	ListCell   *cell;

	if (get_rel_relispartition(relid))
		family = list_concat(family, get_partition_ancestors(relid));
	foreach(cell, rules)
	{
		SweepRule  *rule = lfirst(cell);

		if (rule->attnum == 0 && list_member_oid(family, rule->relid))
			return rule;
	}
	return NULL;
}
