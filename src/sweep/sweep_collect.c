/*
 * sweep_collect.c: from the due rows down to whatever refers to them, level by level.
 *
 * Each level is locked before the next is looked for, and each search has a snapshot of its own. A
 * row that would begin to refer to one of ours has to lock it first, so nothing can appear below a
 * level that is locked; and what was changed while we waited for its lock is looked at again: the
 * server repeats the comparison of keys, and whether a row is still due by its own rule we ask
 * under the lock.
 *
 * Rows that block are only counted, neither read nor locked.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "sweep/sweep_graph.h"

static void add_roots(RowGraph *graph, ArrayType *rows);
static void expect_to_go(GraphRow *row);
static ReachTable *next_pending(RowGraph *graph);
static void look_below(RowGraph *graph, ReachTable *table);
static void look_along(RowGraph *graph, RowReference *reference, List *rows);
static ReferenceSearch *search_for(RowGraph *graph, RowReference *reference, List *rows);
static List *confirm_due(RowGraph *graph, ReachTable *table, List *rows);
static List *going(List *rows);
static List *find_referred(RowGraph *graph, RowReference *reference, List *rows, const char *due);
static void keep_rows(List *rows, const char *blocker);
static void gather_referring(RowGraph *graph, ReferenceSearch *search, const char *lock);
static void gather_row(RowGraph *graph, ReferenceSearch *search, HeapTuple tuple, TupleDesc description);

RowGraph *
collect_rows(SweepReach *reach, TimestampTz cut_off, ArrayType *rows, bool *too_large)
{
	RowGraph   *graph = make_graph(reach, cut_off, too_large);
	ReachTable *table;

	add_roots(graph, rows);
	while ((table = next_pending(graph)) != NULL)
		look_below(graph, table);
	settle(graph);
	return graph;
}

static void
add_roots(RowGraph *graph, ArrayType *rows)
{
	Datum	   *tids;
	int			count;

	deconstruct_array(rows, TIDOID, sizeof(ItemPointerData), false, TYPALIGN_SHORT, &tids, NULL, &count);
	for (int i = 0; i < count; i++)
	{
		GraphRow   *row = add_row(graph, linitial(graph->reach->tables), (ItemPointer) DatumGetPointer(tids[i]));

		row->root = true;
		expect_to_go(row);
	}
}

static void
expect_to_go(GraphRow *row)
{
	row->goes = true;
	row->looked_at = true;
	row->table->pending = lappend(row->table->pending, row);
}

static ReachTable *
next_pending(RowGraph *graph)
{
	ListCell   *cell;

	foreach(cell, graph->reach->tables)
	{
		if (((ReachTable *) lfirst(cell))->pending != NIL)
			return lfirst(cell);
	}
	return NULL;
}

/* Everything that refers to the pending rows of a table. */
static void
look_below(RowGraph *graph, ReachTable *table)
{
	List	   *rows = table->pending;
	ListCell   *cell;

	table->pending = NIL;
	if (table->resolved != NULL)
		rows = confirm_due(graph, table, rows);
	foreach(cell, table->references)
	{
		CHECK_FOR_INTERRUPTS();
		rows = going(rows);
		look_along(graph, lfirst(cell), rows);
	}
}

/* Companions are seldom left, since their rule runs first: what is not there needs no closer look. */
static void
look_along(RowGraph *graph, RowReference *reference, List *rows)
{
	graph->reach->at_work = reference->table;
	switch (reference->kind)
	{
		case REFERENCE_BLOCKS:
			keep_rows(reference->opaque ? rows : find_referred(graph, reference, rows, NULL), reference->table);
			break;
		case REFERENCE_ACCOMPANIES:
			rows = find_referred(graph, reference, rows, NULL);
			keep_rows(find_referred(graph, reference, rows, reference->due), reference->table);
			gather_referring(graph, search_for(graph, reference, going(rows)), " FOR UPDATE OF child");
			break;
		case REFERENCE_AWAITS:
			gather_referring(graph, search_for(graph, reference, rows), "");
			break;
		case REFERENCE_FOLLOWS:
			gather_referring(graph, search_for(graph, reference, rows), " FOR UPDATE OF child");
			break;
		case REFERENCE_CLEARS:
			gather_referring(graph, search_for(graph, reference, rows), " FOR NO KEY UPDATE OF child");
			break;
	}
	put_to_work(graph->reach, NULL);
}

/* NULL: there is nothing to search for. */
static ReferenceSearch *
search_for(RowGraph *graph, RowReference *reference, List *rows)
{
	return rows != NIL ? start_search(reference, reference->parent, graph->cut_off, tids_of(rows)) : NULL;
}

/* Whoever waited for a row's lock may find that it has been postponed meanwhile. */
static List *
confirm_due(RowGraph *graph, ReachTable *table, List *rows)
{
	Oid			types[] = {TIMESTAMPTZOID, TIDARRAYOID};
	Datum		values[] = {TimestampTzGetDatum(graph->cut_off), PointerGetDatum(tids_of(rows))};
	List	   *confirmed = NIL;
	ListCell   *cell;
	int64		count;

	put_to_work(graph->reach, table);
	count = execute_kept(table->owner,
						 psprintf("SELECT " PP_TARGET ".ctid FROM ONLY %s AS " PP_TARGET " WHERE " IN_ROWS("$2") " AND %s",
								  table->name, table->resolved->due), 2, types, values);
	put_to_work(graph->reach, NULL);
	foreach(cell, rows)
		keep_row(lfirst(cell), NULL);
	for (int64 i = 0; i < count; i++)
	{
		bool		isnull;
		Datum		tid = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);
		GraphRow   *row = find_row(graph, table->leaf, (ItemPointer) DatumGetPointer(tid));

		row->goes = true;
		row->gone = false;
		confirmed = lappend(confirmed, row);
	}
	SPI_freetuptable(SPI_tuptable);
	return confirmed;
}

static List *
going(List *rows)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, rows)
	{
		if (((GraphRow *) lfirst(cell))->goes)
			result = lappend(result, lfirst(cell));
	}
	return result;
}

/* Of some rows those to which one refers; due: to which one refers that is not due. */
static List *
find_referred(RowGraph *graph, RowReference *reference, List *rows, const char *due)
{
	ReferenceSearch *search = search_for(graph, reference, rows);
	int64		count = search ? search_referred(search, due) : 0;
	List	   *referred = NIL;

	for (int64 i = 0; i < count; i++)
	{
		bool		isnull;
		Datum		tid = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);

		referred = lappend(referred, find_row(graph, search->leaf, (ItemPointer) DatumGetPointer(tid)));
	}
	if (search != NULL)
		SPI_freetuptable(SPI_tuptable);
	return referred;
}

static void
keep_rows(List *rows, const char *blocker)
{
	ListCell   *cell;

	foreach(cell, rows)
		keep_row(lfirst(cell), blocker);
}

static void
gather_referring(RowGraph *graph, ReferenceSearch *search, const char *lock)
{
	int64		count = search ? search_referring(search, lock, MAX_GRAPH_ROWS) : 0;

	for (int64 i = 0; i < count; i++)
		gather_row(graph, search, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
	if (search != NULL)
		SPI_freetuptable(SPI_tuptable);
}

static void
gather_row(RowGraph *graph, ReferenceSearch *search, HeapTuple tuple, TupleDesc description)
{
	RowReference *reference = search->reference;
	bool		isnull;
	Datum		parent_tid = SPI_getbinval(tuple, description, 1, &isnull);
	Datum		leaf = SPI_getbinval(tuple, description, 2, &isnull);
	Datum		child_tid = SPI_getbinval(tuple, description, 3, &isnull);
	GraphRow   *parent = find_row(graph, search->leaf, (ItemPointer) DatumGetPointer(parent_tid));
	ReachTable *table = find_reached(graph->reach, DatumGetObjectId(leaf));
	GraphRow   *child;

	/* a partition attached meanwhile */
	if (table == NULL)
	{
		keep_row(parent, reference->table);
		return;
	}
	child = add_row(graph, table, (ItemPointer) DatumGetPointer(child_tid));
	/* a row that refers to itself does not stand in its own way */
	if (child == parent)
		return;
	add_edge(graph, parent, child, reference);
	if ((reference->kind == REFERENCE_FOLLOWS || reference->kind == REFERENCE_ACCOMPANIES) &&
		!child->goes && !child->looked_at)
		expect_to_go(child);
}
