/*
 * sweep_apply.c: carries out what the graph says.
 *
 * First the columns of rows that are cleared, then the rows, children before parents, so that no
 * foreign key of the server has anything left to cascade. Tables whose rows refer to each other in
 * a circle go in one statement of several DELETEs: keys are checked at its end. A statement has one
 * user, so a circle through tables of several owners stays.
 *
 * What is due is asked once more before the first of them, not in them: a period may start at what
 * its followers say. Each statement must find exactly what was planned. A trigger that keeps a row would leave it
 * without the one it refers to.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "sweep/sweep_graph.h"

/* Rows of one leaf that lose the same columns. */
typedef struct Clearing
{
	ReachTable *table;
	uint64		cleared;
	List	   *rows;			/* of GraphRow */
} Clearing;

/* Rows of one leaf that are deleted. */
typedef struct Deletion
{
	ReachTable *table;
	List	   *rows;			/* of GraphRow */
	List	   *children;		/* of Deletion: rows there refer to rows here */
	int			visited;		/* scratch of find_circles: when, 0 for not yet */
	int			lowest;
	bool		waiting;
} Deletion;

/* Deletions in circles, found by Tarjan's algorithm, which comes by children first. */
typedef struct CircleSearch
{
	int			visits;
	List	   *waiting;		/* of Deletion */
	List	   *circles;		/* of List of Deletion */
} CircleSearch;

static List *plan_deletions(RowGraph *graph);
static Deletion *deletion_from(List **deletions, ReachTable *table);
static List *plan_clearings(RowGraph *graph);
static uint64 clears_of(const GraphRow *row);
static SweepWatch *watch_plan(List *deletions, List *clearings);
static void require_due(const Deletion *deletion, TimestampTz cut_off);
static void clear_rows(const Clearing *clearing, TimestampTz cut_off);
static char *clear_assignments(const GraphRow *row);
static List *add_name(List *names, const char *name);
static List *find_circles(List *deletions);
static void visit_deletion(CircleSearch *search, Deletion *deletion);
static ReachTable *table_at_work(List *circle, ReachTable *root);
static void delete_circle(List *circle, ReachTable *root);
static void require_one_owner(List *circle, ReachTable *root);
static void refuse(Oid leaf, const char *detail) pg_attribute_noreturn();
static int64 tell_effects(List *deletions, List *clearings, SweepRule *rule, List **effects);

int64
apply_graph(RowGraph *graph, List **effects)
{
	List	   *deletions = plan_deletions(graph);
	List	   *clearings = plan_clearings(graph);
	SweepWatch *watch = watch_plan(deletions, clearings);
	ListCell   *cell;

	foreach(cell, deletions)
	{
		put_to_work(graph->reach, ((Deletion *) lfirst(cell))->table);
		require_due(lfirst(cell), graph->cut_off);
	}
	foreach(cell, clearings)
	{
		put_to_work(graph->reach, ((Clearing *) lfirst(cell))->table);
		clear_rows(lfirst(cell), graph->cut_off);
	}
	foreach(cell, find_circles(deletions))
	{
		put_to_work(graph->reach, table_at_work(lfirst(cell), linitial(graph->reach->tables)));
		delete_circle(lfirst(cell), linitial(graph->reach->tables));
	}
	put_to_work(graph->reach, NULL);
	check_watch(watch);
	return tell_effects(deletions, clearings, ((ReachTable *) linitial(graph->reach->tables))->rule, effects);
}

static List *
plan_deletions(RowGraph *graph)
{
	List	   *deletions = NIL;
	ListCell   *cell;

	foreach(cell, graph->rows)
	{
		GraphRow   *row = lfirst(cell);
		Deletion   *deletion;

		if (!row->goes)
			continue;
		deletion = deletion_from(&deletions, row->table);
		deletion->rows = lappend(deletion->rows, row);
		for (GraphEdge *edge = row->referring; edge != NULL; edge = edge->next_referring)
		{
			if (edge->child->goes && edge->child->table != row->table)
				deletion->children = list_append_unique_ptr(deletion->children,
															deletion_from(&deletions, edge->child->table));
		}
	}
	return deletions;
}

static Deletion *
deletion_from(List **deletions, ReachTable *table)
{
	Deletion   *deletion;
	ListCell   *cell;

	foreach(cell, *deletions)
	{
		if (((Deletion *) lfirst(cell))->table == table)
			return lfirst(cell);
	}
	deletion = palloc0(sizeof(Deletion));
	deletion->table = table;
	*deletions = lappend(*deletions, deletion);
	return deletion;
}

static List *
plan_clearings(RowGraph *graph)
{
	List	   *clearings = NIL;
	ListCell   *cell;

	foreach(cell, graph->rows)
	{
		GraphRow   *row = lfirst(cell);
		uint64		cleared = row->goes ? 0 : clears_of(row);
		Clearing   *clearing = NULL;
		ListCell   *planned;

		foreach(planned, cleared ? clearings : NIL)
		{
			Clearing   *other = lfirst(planned);

			if (other->table == row->table && other->cleared == cleared)
				clearing = other;
		}
		if (cleared && clearing == NULL)
		{
			clearing = palloc0(sizeof(Clearing));
			clearing->table = row->table;
			clearing->cleared = cleared;
			clearings = lappend(clearings, clearing);
		}
		if (clearing != NULL)
			clearing->rows = lappend(clearing->rows, row);
	}
	return clearings;
}

/* The references that must be cleared, by their bits. */
static uint64
clears_of(const GraphRow *row)
{
	uint64		cleared = 0;

	for (GraphEdge *edge = row->referred; edge != NULL; edge = edge->next_referred)
	{
		if (edge->reference->kind == REFERENCE_CLEARS && edge->parent->goes)
			cleared |= UINT64CONST(1) << edge->reference->bit;
	}
	return cleared;
}

static SweepWatch *
watch_plan(List *deletions, List *clearings)
{
	List	   *leaves = NIL;
	SweepWatch *watch;
	ListCell   *cell;

	foreach(cell, deletions)
		leaves = list_append_unique_oid(leaves, ((Deletion *) lfirst(cell))->table->leaf);
	foreach(cell, clearings)
		leaves = list_append_unique_oid(leaves, ((Clearing *) lfirst(cell))->table->leaf);
	watch = start_watch(leaves);
	foreach(cell, deletions)
	{
		Deletion   *deletion = lfirst(cell);

		plan_watch(watch, deletion->table->leaf, list_length(deletion->rows), 0);
	}
	foreach(cell, clearings)
	{
		Clearing   *clearing = lfirst(cell);

		plan_watch(watch, clearing->table->leaf, 0, list_length(clearing->rows));
	}
	return watch;
}

/* Before anything is done, for what is done may be what the start of a period is read from. */
static void
require_due(const Deletion *deletion, TimestampTz cut_off)
{
	const ReachTable *table = deletion->table;
	Oid			types[] = {TIMESTAMPTZOID, TIDARRAYOID};
	Datum		values[] = {TimestampTzGetDatum(cut_off), PointerGetDatum(tids_of(deletion->rows))};

	if (table->resolved == NULL)
		return;
	if (execute_as(table->owner,
				   psprintf("SELECT FROM ONLY %s AS " PP_TARGET " WHERE %s AND %s",
							table->name, in_rows(2, DatumGetArrayTypeP(values[1])), table->resolved->due),
				   2, types, values, 0) != list_length(deletion->rows))
		refuse(table->leaf, "A row is not due any more.");
	SPI_freetuptable(SPI_tuptable);
}

static void
clear_rows(const Clearing *clearing, TimestampTz cut_off)
{
	Oid			types[] = {TIMESTAMPTZOID, TIDARRAYOID};
	Datum		values[] = {TimestampTzGetDatum(cut_off), PointerGetDatum(tids_of(clearing->rows))};
	int64		done = execute_as(clearing->table->owner,
								  psprintf("UPDATE ONLY %s AS " PP_TARGET " SET %s WHERE $1 IS NOT NULL AND %s",
										   clearing->table->name, clear_assignments(linitial(clearing->rows)),
										   in_rows(2, DatumGetArrayTypeP(values[1]))), 2, types, values, 0);

	if (done != list_length(clearing->rows))
		refuse(clearing->table->leaf, "A trigger kept a row that was to be updated.");
}

/* By name: a partition's own keys and those of its table may number the columns in two ways. */
static char *
clear_assignments(const GraphRow *row)
{
	List	   *columns = NIL;
	List	   *defaults = NIL;
	StringInfoData sql;
	ListCell   *cell;

	for (GraphEdge *edge = row->referred; edge != NULL; edge = edge->next_referred)
	{
		RowReference *reference = edge->reference;
		int			column = -1;

		if (reference->kind != REFERENCE_CLEARS || !edge->parent->goes)
			continue;
		while ((column = bms_next_member(reference->cleared, column)) >= 0)
		{
			const char *name = get_attname(reference->child, column, false);

			columns = add_name(columns, name);
			if (reference->action == FKCONSTR_ACTION_SETDEFAULT)
				defaults = add_name(defaults, name);
		}
	}
	initStringInfo(&sql);
	foreach(cell, columns)
	{
		appendStringInfo(&sql, "%s%s = %s", sql.len > 0 ? ", " : "", quote_identifier(strVal(lfirst(cell))),
						 list_member(defaults, lfirst(cell)) ? "DEFAULT" : "NULL");
	}
	return sql.data;
}

static List *
add_name(List *names, const char *name)
{
	return list_append_unique(names, makeString(pstrdup(name)));
}

static List *
find_circles(List *deletions)
{
	CircleSearch search = {0};
	ListCell   *cell;

	foreach(cell, deletions)
	{
		if (((Deletion *) lfirst(cell))->visited == 0)
			visit_deletion(&search, lfirst(cell));
	}
	return search.circles;
}

static void
visit_deletion(CircleSearch *search, Deletion *deletion)
{
	List	   *circle = NIL;
	ListCell   *cell;

	check_stack_depth();
	deletion->visited = deletion->lowest = ++search->visits;
	deletion->waiting = true;
	search->waiting = lappend(search->waiting, deletion);
	foreach(cell, deletion->children)
	{
		Deletion   *child = lfirst(cell);

		if (child->visited == 0)
			visit_deletion(search, child);
		if (child->waiting)
			deletion->lowest = Min(deletion->lowest, child->lowest);
	}
	if (deletion->lowest < deletion->visited)
		return;
	while (deletion->waiting)
	{
		Deletion   *member = llast(search->waiting);

		search->waiting = list_delete_last(search->waiting);
		member->waiting = false;
		circle = lappend(circle, member);
	}
	search->circles = lappend(search->circles, circle);
}

/* Of a circle the first table that is not the root: whose trigger raised an error nobody can tell. */
static ReachTable *
table_at_work(List *circle, ReachTable *root)
{
	ReachTable *table = ((Deletion *) linitial(circle))->table;

	return table == root && list_length(circle) > 1 ? ((Deletion *) lsecond(circle))->table : table;
}

/* One DELETE for each table, all in one statement, of rows that are locked and proved due. */
static void
delete_circle(List *circle, ReachTable *root)
{
	int			count = list_length(circle);
	Oid		   *types = palloc(sizeof(Oid) * count);
	Datum	   *values = palloc(sizeof(Datum) * count);
	StringInfoData deletes;
	StringInfoData counts;

	require_one_owner(circle, root);
	initStringInfo(&deletes);
	initStringInfo(&counts);
	for (int i = 0; i < count; i++)
	{
		Deletion   *deletion = list_nth(circle, i);

		types[i] = TIDARRAYOID;
		values[i] = PointerGetDatum(tids_of(deletion->rows));
		appendStringInfo(&deletes, "%s d%d AS (DELETE FROM ONLY %s AS " PP_TARGET " WHERE %s RETURNING 1)",
						 i > 0 ? "," : "WITH", i, deletion->table->name, in_rows(i + 1, DatumGetArrayTypeP(values[i])));
		appendStringInfo(&counts, "%s (SELECT pg_catalog.count(*) FROM d%d)", i > 0 ? "," : "", i);
	}
	(void) execute_as(((Deletion *) linitial(circle))->table->owner,
					  psprintf("%s SELECT%s", deletes.data, counts.data), count, types, values, 0);
	for (int i = 0; i < count; i++)
	{
		Deletion   *deletion = list_nth(circle, i);
		bool		isnull;
		Datum		done = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1, &isnull);

		if (DatumGetInt64(done) != list_length(deletion->rows))
			refuse(deletion->table->leaf, "A trigger kept a row that was to be deleted.");
	}
	SPI_freetuptable(SPI_tuptable);
}

static void
require_one_owner(List *circle, ReachTable *root)
{
	ReachTable *first = ((Deletion *) linitial(circle))->table;
	ListCell   *cell;

	foreach(cell, circle)
	{
		ReachTable *table = ((Deletion *) lfirst(cell))->table;

		if (table->owner != first->owner)
			refuse(table == root ? first->leaf : table->leaf,
				   "Its rows stand in a circle with rows of another owner's table.");
	}
}

/* As an error of the table's, so that the rows at fault are found by halving, and blocked by it. */
static void
refuse(Oid leaf, const char *detail)
{
	Relation	relation = relation_open(leaf, NoLock);

	ereport(ERROR,
			errcode(ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION),
			errmsg("rows of table \"%s\" stay that were to go", RelationGetRelationName(relation)),
			errdetail("%s", detail),
			errtable(relation));
}

static int64
tell_effects(List *deletions, List *clearings, SweepRule *rule, List **effects)
{
	int64		done = 0;
	ListCell   *cell;

	foreach(cell, deletions)
	{
		Deletion   *deletion = lfirst(cell);
		SweepEffect effect = {deletion->table->name, deletion->table->rule, list_length(deletion->rows), 0,
		deletion->table->leaf};

		if (deletion->table->rule == rule)
			done += effect.deleted;
		else
			add_effect(effects, &effect);
	}
	foreach(cell, clearings)
	{
		Clearing   *clearing = lfirst(cell);
		SweepEffect effect = {clearing->table->name, NULL, 0, list_length(clearing->rows),
		clearing->table->leaf};

		add_effect(effects, &effect);
	}
	return done;
}
