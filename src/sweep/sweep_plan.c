/*
 * sweep_plan.c: how to go through a leaf, and whether one statement may both find and act.
 *
 * Little is due: the planner says so, by choosing an index. Then the index finds the rows once, at
 * the first batch, and the batches go along what it found, each row judged again under its lock.
 * Asking the index batch by batch would read the entries of all rows that are gone already, once
 * per batch, for as long as anybody's old snapshot keeps them.
 *
 * Much is due, or there is no index: the batches go along the pages. Where the planner was wrong
 * and the index finds too much, too.
 *
 * What an index found is a hint, as old as its snapshot. A row that moves afterwards is found by
 * the run's next pass, or by the next run.
 *
 * One statement may find and act where the predicate reads nothing but the row, since a statement
 * that waited for a row's lock looks again at that row only. So it must not contain a sub-select,
 * nor call anything that could read a table. Of the server's own functions those that are immutable
 * do not, and of the stable ones those of dates and times; ours read nothing but keys.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/dependency.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"
#include "parser/analyze.h"
#include "parser/parse_coerce.h"
#include "parser/parser.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "sweep/sweep_batch.h"

/* So many rows at most are kept in mind: some 400 kB. */
#define MAX_FOUND 65536

static Portal open_search(SweepBatch *batch);
static bool uses_index(const PlannedStmt *statement, Oid leaf);
static Plan *find_scan(Plan *plan, const List *tables, Oid leaf);
static void keep_found(SweepBatch *batch);
static int	compare_places(const void *one, const void *other);
static bool reacts(Relation leaf, bool deletes);
static bool contains_reader(Node *node, void *context);
static bool may_read(Oid function, void *context);
static bool is_about_time(Form_pg_proc function);

void
plan_leaf(SweepBatch *batch)
{
	SweepRange *range = batch->range;
	CoreStay	stay;
	Portal		search;
	PlannedStmt *statement;

	/* as fast read as asked about */
	if (range->end <= (BlockNumber) range->most_pages)
		return;
	pp_core_enter(&stay, batch->resolved->owner, true);
	search = open_search(batch);
	statement = linitial_node(PlannedStmt, search->stmts);
	if (statement->planTree->plan_rows <= MAX_FOUND && uses_index(statement, range->leaf))
	{
		SPI_cursor_fetch(search, true, MAX_FOUND + 1);
		if (SPI_processed <= MAX_FOUND)
			keep_found(batch);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(search);
	pp_core_leave(&stay);
}

static Portal
open_search(SweepBatch *batch)
{
	ParamListInfo params = makeParamList(1);
	SPIParseOpenOptions options = {.params = params};

	params->params[0].value = TimestampTzGetDatum(batch->run->cut_off);
	params->params[0].isnull = false;
	params->params[0].pflags = PARAM_FLAG_CONST;
	params->params[0].ptype = TIMESTAMPTZOID;
	return SPI_cursor_parse_open(NULL, psprintf("SELECT " PP_TARGET ".ctid FROM ONLY %s AS " PP_TARGET " WHERE %s AND $1 IS NOT NULL",
												batch->leaf, batch->resolved->due), &options);
}

/* Also where the planner proved that nothing can be due, and reads nothing. */
static bool
uses_index(const PlannedStmt *statement, Oid leaf)
{
	Plan	   *scan = find_scan(statement->planTree, statement->rtable, leaf);

	if (scan == NULL)
		return IsA(statement->planTree, Result);
	return IsA(scan, BitmapHeapScan) ||
		(IsA(scan, IndexScan) && ((IndexScan *) scan)->indexqual != NIL) ||
		(IsA(scan, IndexOnlyScan) && ((IndexOnlyScan *) scan)->indexqual != NIL);
}

static Plan *
find_scan(Plan *plan, const List *tables, Oid leaf)
{
	Plan	   *found;

	if (plan == NULL)
		return NULL;
	if ((IsA(plan, SeqScan) || IsA(plan, IndexScan) || IsA(plan, IndexOnlyScan) || IsA(plan, BitmapHeapScan)) &&
		rt_fetch(((Scan *) plan)->scanrelid, tables)->relid == leaf)
		return plan;
	found = find_scan(outerPlan(plan), tables, leaf);
	return found ? found : find_scan(innerPlan(plan), tables, leaf);
}

/* As the run's own, in the order of their places. */
static void
keep_found(SweepBatch *batch)
{
	SweepRange *range = batch->range;
	bool		isnull;

	range->found = MemoryContextAlloc(batch->run->memory, Max(SPI_processed, 1) * sizeof(ItemPointerData));
	for (uint64 i = 0; i < SPI_processed; i++)
		range->found[i] = *(ItemPointer) DatumGetPointer(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
	qsort(range->found, SPI_processed, sizeof(ItemPointerData), compare_places);
	range->end = SPI_processed;
}

static int
compare_places(const void *one, const void *other)
{
	return ItemPointerCompare((ItemPointer) unconstify(void *, one), (ItemPointer) unconstify(void *, other));
}

bool
may_act_at_once(SweepBatch *batch)
{
	Relation	leaf;
	bool		may;

	if (batch->manner != BATCH_AT_ONCE)
		return false;
	leaf = relation_open(batch->range->leaf, NoLock);
	may = !reacts(leaf, batch->rule->attnum == 0) && reads_only_row(batch, batch->resolved);
	relation_close(leaf, NoLock);
	if (!may)
		batch->manner = BATCH_LOCKING;
	return may;
}

/* A foreign key that leads to the table is a trigger of it, too. One that leads away matters to neither. */
static bool
reacts(Relation leaf, bool deletes)
{
	TriggerDesc *triggers = leaf->trigdesc;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (deletes ? TRIGGER_FOR_DELETE(trigger->tgtype) : TRIGGER_FOR_UPDATE(trigger->tgtype) && !trigger->tgisinternal)
			return true;
	}
	return false;
}

/* As the owner, who may call what the label says. */
bool
reads_only_row(SweepBatch *batch, const RetentionRule *resolved)
{
	char	   *statement = psprintf("SELECT FROM ONLY %s AS " PP_TARGET " WHERE %s AND $1 IS NOT NULL",
									 batch->leaf, resolved->due);
	Oid			type = TIMESTAMPTZOID;
	CoreStay	stay;
	Query	   *query;

	pp_core_enter(&stay, resolved->owner, true);
	PushActiveSnapshot(GetTransactionSnapshot());
	query = parse_analyze_fixedparams(linitial_node(RawStmt, raw_parser(statement, RAW_PARSE_DEFAULT)), statement, &type, 1, NULL);
	PopActiveSnapshot();
	pp_core_leave(&stay);
	return !query->hasSubLinks && list_length(query->rtable) == 1 && !contains_reader(query->jointree->quals, NULL);
}

static bool
contains_reader(Node *node, void *context)
{
	if (node == NULL)
		return false;
	return check_functions_in_node(node, may_read, context) ||
		IsA(node, NextValueExpr) ||
		expression_tree_walker(node, contains_reader, context);
}

static bool
may_read(Oid function, void *context)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc form;
	bool		may;

	(void) context;
	if (!HeapTupleIsValid(tuple))
		return true;
	form = (Form_pg_proc) GETSTRUCT(tuple);
	if (form->pronamespace == PG_CATALOG_NAMESPACE)
		may = form->provolatile != PROVOLATILE_IMMUTABLE && !is_about_time(form);
	else
		may = getExtensionOfObject(ProcedureRelationId, function) != pp_core_extension();
	ReleaseSysCache(tuple);
	return may;
}

/* Stable for the session's zone, which is pinned. */
static bool
is_about_time(Form_pg_proc function)
{
	for (int i = 0; function->provolatile == PROVOLATILE_STABLE && i < function->pronargs; i++)
	{
		char		category = TypeCategory(function->proargtypes.values[i]);

		if (category == TYPCATEGORY_DATETIME || category == TYPCATEGORY_TIMESPAN)
			return true;
	}
	return false;
}
