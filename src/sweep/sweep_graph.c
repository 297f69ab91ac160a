/*
 * sweep_graph.c: which rows may go, given who refers to whom.
 *
 * A row goes when it is due, or when it follows one that goes, and when every row that refers to it
 * goes as well or is cleared. So a row that stays keeps everything it refers to, through any number
 * of tables; and what followed only a row that is kept stays, too, which may keep others in turn.
 * Both are repeated until nothing changes. Circles need no special care: rows of a circle keep each
 * other only if something from outside keeps one of them.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/hsearch.h"

#include "sweep/sweep_graph.h"

/* The head of GraphRow, padding zeroed. */
typedef struct RowKey
{
	Oid			leaf;
	ItemPointerData tid;
} RowKey;

typedef struct IndexedRow
{
	RowKey		key;
	GraphRow   *row;
} IndexedRow;

static void grow(RowGraph *graph);
static void keep_referred(RowGraph *graph);
static void spread(List *kept);
static bool keep_unreached(RowGraph *graph);
static void reach_followers(RowGraph *graph);

RowGraph *
make_graph(SweepReach *reach, TimestampTz cut_off, bool *too_large)
{
	RowGraph   *graph = palloc0(sizeof(RowGraph));
	HASHCTL		control = {.keysize = sizeof(RowKey), .entrysize = sizeof(IndexedRow), .hcxt = CurrentMemoryContext};
	ListCell   *cell;

	graph->reach = reach;
	graph->cut_off = cut_off;
	graph->too_large = too_large;
	graph->index = hash_create("pg_privacy rows", 1024, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	foreach(cell, reach->tables)
		((ReachTable *) lfirst(cell))->pending = NIL;
	return graph;
}

GraphRow *
find_row(RowGraph *graph, Oid leaf, ItemPointer tid)
{
	RowKey		key;
	IndexedRow *found;

	memset(&key, 0, sizeof(key));
	key.leaf = leaf;
	key.tid = *tid;
	found = hash_search(graph->index, &key, HASH_FIND, NULL);
	return found ? found->row : NULL;
}

GraphRow *
add_row(RowGraph *graph, ReachTable *table, ItemPointer tid)
{
	RowKey		key;
	IndexedRow *entry;
	bool		found;

	memset(&key, 0, sizeof(key));
	key.leaf = table->leaf;
	key.tid = *tid;
	entry = hash_search(graph->index, &key, HASH_ENTER, &found);
	if (!found)
	{
		GraphRow   *row = palloc0(sizeof(GraphRow));

		row->leaf = table->leaf;
		row->tid = *tid;
		row->table = table;
		entry->row = row;
		graph->rows = lappend(graph->rows, row);
		grow(graph);
	}
	return entry->row;
}

void
add_edge(RowGraph *graph, GraphRow *parent, GraphRow *child, RowReference *reference)
{
	GraphEdge  *edge = palloc(sizeof(GraphEdge));

	edge->parent = parent;
	edge->child = child;
	edge->reference = reference;
	edge->next_referring = parent->referring;
	parent->referring = edge;
	edge->next_referred = child->referred;
	child->referred = edge;
	grow(graph);
}

static void
grow(RowGraph *graph)
{
	if (++graph->size <= MAX_GRAPH_ROWS)
		return;
	*graph->too_large = true;
	ereport(ERROR,
			errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			errmsg("more than %d rows and references would have to be held at once", MAX_GRAPH_ROWS));
}

void
keep_row(GraphRow *row, const char *blocker)
{
	row->goes = false;
	row->gone = blocker == NULL;
	if (row->blocker == NULL)
		row->blocker = blocker;
}

void
settle(RowGraph *graph)
{
	keep_referred(graph);
	while (keep_unreached(graph))
		CHECK_FOR_INTERRUPTS();
}

/* Everything that a row that stays refers to stays. */
static void
keep_referred(RowGraph *graph)
{
	List	   *kept = NIL;
	ListCell   *cell;

	foreach(cell, graph->rows)
	{
		if (!((GraphRow *) lfirst(cell))->goes)
			kept = lappend(kept, lfirst(cell));
	}
	spread(kept);
}

static void
spread(List *kept)
{
	while (kept != NIL)
	{
		GraphRow   *row = llast(kept);

		kept = list_delete_last(kept);
		for (GraphEdge *edge = row->referred; edge != NULL; edge = edge->next_referred)
		{
			if (edge->reference->kind == REFERENCE_CLEARS || !edge->parent->goes)
				continue;
			/* a follower has no say of its own: name whom it obeys */
			keep_row(edge->parent, row->blocker && row->table->resolved == NULL ? row->blocker : row->table->name);
			kept = lappend(kept, edge->parent);
		}
	}
}

/* A follower whom nobody takes along any more stays. Returns whether there was one. */
static bool
keep_unreached(RowGraph *graph)
{
	List	   *kept = NIL;
	ListCell   *cell;

	reach_followers(graph);
	foreach(cell, graph->rows)
	{
		GraphRow   *row = lfirst(cell);

		if (!row->goes || row->reached)
			continue;
		row->goes = false;
		kept = lappend(kept, row);
	}
	spread(kept);
	return kept != NIL;
}

static void
reach_followers(RowGraph *graph)
{
	List	   *reached = NIL;
	ListCell   *cell;

	foreach(cell, graph->rows)
	{
		GraphRow   *row = lfirst(cell);

		row->reached = row->goes && row->table->resolved != NULL;
		if (row->reached)
			reached = lappend(reached, row);
	}
	while (reached != NIL)
	{
		GraphRow   *row = llast(reached);

		reached = list_delete_last(reached);
		for (GraphEdge *edge = row->referring; edge != NULL; edge = edge->next_referring)
		{
			if (edge->reference->kind != REFERENCE_FOLLOWS || !edge->child->goes || edge->child->reached)
				continue;
			edge->child->reached = true;
			reached = lappend(reached, edge->child);
		}
	}
}

bool
graph_is_plain(RowGraph *graph)
{
	ListCell   *cell;

	foreach(cell, graph->rows)
	{
		GraphRow   *row = lfirst(cell);

		if (row->goes && (!row->root || row->referring != NULL))
			return false;
	}
	return true;
}

ArrayType *
tids_of(const List *rows)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(list_length(rows), 1));
	ListCell   *cell;
	int			count = 0;

	foreach(cell, rows)
		values[count++] = PointerGetDatum(&((GraphRow *) lfirst(cell))->tid);
	return tid_array(values, count);
}
