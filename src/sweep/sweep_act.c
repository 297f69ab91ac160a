/*
 * sweep_act.c: acts on the rows that a batch has locked.
 *
 * Where nothing but the row decides, that is one statement. Else each attempt is a subtransaction:
 * what refers to the rows is collected and judged, what goes is deleted or treated with the whole
 * predicate repeated, and what the server counted is compared with what was planned. When something
 * stands in the way of some row, nothing of the attempt remains, and it is made again with each
 * half, as long as the batch has time. What an attempt found out counts only once it stands.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "sweep/sweep_batch.h"

/* Lock conflicts inside triggers that one batch puts up with; each costs a lock_timeout. */
#define MAX_CONFLICTS 8

/* Some of its rows, on which it acts in a subtransaction of their own. */
typedef struct SweepAct
{
	SweepBatch *batch;
	ArrayType  *rows;
	MemoryContext memory;
	bool		together;		/* rows of several tables go together */
	bool		too_large;
	int64		done;
	List	   *blocked;		/* of GraphRow: what must stay, and why */
	List	   *effects;		/* of SweepEffect */
	int64		kept;			/* by a trigger */
} SweepAct;

static bool calls_for_halves(const SweepAct *attempt, const ErrorData *error);
static const char *find_at_work(const SweepAct *attempt);
static void block_row(const SweepAct *attempt, const ErrorData *error);
static void stand_by(SweepAct *attempt);
static const char *name_blocker(const SweepAct *attempt, const ErrorData *error);
static void act_on_halves(SweepBatch *batch, ArrayType *rows);
static bool is_late(SweepBatch *batch, ArrayType *rows);
static void leave_rest(SweepRange *range, BlockNumber page);
static int	find_middle(ArrayType *rows);
static BlockNumber page_of(ArrayType *rows, int number);
static ArrayType *slice(ArrayType *rows, int from, int to);
static void do_act(void *arg);
static void sort_out(SweepAct *attempt, RowGraph *graph);
static void act_alone(SweepAct *attempt);
static int64 apply(SweepBatch *batch, List *rules, const char *condition, int nargs, Datum *values);
static int64 require_treated(int64 done);
static int64 count_kept(SweepBatch *batch, ArrayType *rows);
static int64 plan_one(SweepBatch *batch, SweepWatch *watch, int64 done);

/*
 * Steps 3 and 4. A foreign-key error although nothing refers to the rows, or a lock conflict
 * although all rows are ours, comes from what a trigger does; a constraint, a trigger or another
 * table may refuse a row. The rows are halved until the culprit stands alone, and that one is
 * blocked, or locked.
 */
void
act(SweepBatch *batch, ArrayType *rows)
{
	SweepAct	attempt = {.batch = batch, .rows = rows};
	int			count = ArrayGetNItems(ARR_NDIM(rows), ARR_DIMS(rows));
	ErrorData  *error;

	if (is_late(batch, rows))
		return;
	if (batch->reach != NULL)
		put_to_work(batch->reach, NULL);
	attempt.memory = AllocSetContextCreate(CurrentMemoryContext, "pg_privacy rows", ALLOCSET_DEFAULT_SIZES);
	error = pp_core_attempt(do_act, &attempt);
	if (error == NULL)
		stand_by(&attempt);
	MemoryContextDelete(attempt.memory);
	if (error == NULL)
	{
		batch->worked_to = page_of(rows, count - 1);
		return;
	}
	if (!calls_for_halves(&attempt, error))
		ReThrowError(error);
	if (is_lock_conflict(error) && (count == 1 || batch->conflicts++ >= MAX_CONFLICTS))
		batch->rule->locked += count;
	else if (count > 1)
	{
		act_on_halves(batch, rows);
		return;
	}
	else
		block_row(&attempt, error);
	batch->worked_to = page_of(rows, count - 1);
}

/*
 * What can be the fault of single rows: whatever keeps one of them (a key, a check, a value that an
 * expression cannot take, a trigger that raises an exception), and anything in a table of another
 * rule or none, unless the server itself is in trouble.
 */
static bool
calls_for_halves(const SweepAct *attempt, const ErrorData *error)
{
	int			category = ERRCODE_TO_CATEGORY(error->sqlerrcode);

	return is_lock_conflict(error) || attempt->too_large ||
		category == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION ||
		category == ERRCODE_DATA_EXCEPTION ||
		error->sqlerrcode == ERRCODE_RAISE_EXCEPTION ||
		(find_at_work(attempt) != NULL && category != ERRCODE_INSUFFICIENT_RESOURCES &&
		 category != ERRCODE_OPERATOR_INTERVENTION);
}

/* The table of another rule or none that was at work when an error was raised, or NULL. */
static const char *
find_at_work(const SweepAct *attempt)
{
	return attempt->batch->reach ? attempt->batch->reach->at_work : NULL;
}

/* A row that cannot go by itself, and why. */
static void
block_row(const SweepAct *attempt, const ErrorData *error)
{
	SweepBatch *batch = attempt->batch;
	SweepRule  *rule = batch->rule;

	add_blocker(batch->run, rule, name_blocker(attempt, error), 1);
	if (rule->problem == NULL && !attempt->too_large && find_at_work(attempt) == NULL &&
		error->sqlerrcode != ERRCODE_FOREIGN_KEY_VIOLATION && error->sqlerrcode != ERRCODE_RESTRICT_VIOLATION)
		rule->problem = MemoryContextStrdup(batch->run->memory, pp_core_describe_error(error, true));
}

/* What an act has done and found counts only now that it stands. */
static void
stand_by(SweepAct *attempt)
{
	SweepBatch *batch = attempt->batch;
	ListCell   *cell;

	batch->done += attempt->done;
	foreach(cell, attempt->blocked)
		add_blocker(batch->run, batch->rule, ((GraphRow *) lfirst(cell))->blocker, 1);
	foreach(cell, attempt->effects)
		add_effect(&batch->effects, lfirst(cell));
	if (attempt->kept > 0)
		add_blocker(batch->run, batch->rule, "a trigger", attempt->kept);
}

/* A trigger can raise such an error with any name in it, so only what is a table is passed on. */
static const char *
name_blocker(const SweepAct *attempt, const ErrorData *error)
{
	Oid			schema = error->schema_name ? get_namespace_oid(error->schema_name, true) : InvalidOid;
	Oid			table = error->table_name && OidIsValid(schema) ?
	get_relname_relid(error->table_name, schema) : InvalidOid;

	if (attempt->too_large)
		return psprintf("more than %d rows and references", MAX_GRAPH_ROWS);
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION &&
		OidIsValid(table) && table != attempt->batch->range->leaf)
		return pp_core_quote_relation(table);
	if (find_at_work(attempt) != NULL)
		return find_at_work(attempt);
	switch (error->sqlerrcode)
	{
		case ERRCODE_FOREIGN_KEY_VIOLATION:
		case ERRCODE_RESTRICT_VIOLATION:
			return OidIsValid(table) ? pp_core_quote_relation(table) : "a foreign key";
		case ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION:
		case ERRCODE_RAISE_EXCEPTION:
			return "a trigger";
		default:
			return OidIsValid(table) ? "a constraint" : "an error";
	}
}

static void
act_on_halves(SweepBatch *batch, ArrayType *rows)
{
	int			count = ArrayGetNItems(ARR_NDIM(rows), ARR_DIMS(rows));
	int			middle = find_middle(rows);

	act(batch, slice(rows, 0, middle));
	act(batch, slice(rows, middle, count));
}

/*
 * Many refused rows take long, and all rows of the batch are locked meanwhile. So when its time is up,
 * what is left is left to the next batch, from the beginning of a page: what was blocked on it is
 * counted once.
 */
static bool
is_late(SweepBatch *batch, ArrayType *rows)
{
	BlockNumber page = page_of(rows, 0);

	if (!batch->late && batch->worked_to >= 0 && page > batch->worked_to &&
		TimestampDifferenceExceeds(batch->started_at, GetCurrentTimestamp(), batch_target_ms))
	{
		batch->late = true;
		leave_rest(batch->range, page);
	}
	return batch->late;
}

static void
leave_rest(SweepRange *range, BlockNumber page)
{
	if (range->found == NULL)
		range->next = Min(range->next, page);
	else
	{
		while (range->next > 0 && ItemPointerGetBlockNumber(&range->found[range->next - 1]) >= page)
			range->next--;
	}
}

/* Where a page begins, unless all are on one. */
static int
find_middle(ArrayType *rows)
{
	int			count = ArrayGetNItems(ARR_NDIM(rows), ARR_DIMS(rows));
	int			middle = count / 2;

	while (middle < count && page_of(rows, middle) == page_of(rows, middle - 1))
		middle++;
	if (middle < count)
		return middle;
	for (middle = count / 2; middle > 0 && page_of(rows, middle) == page_of(rows, count / 2);)
		middle--;
	return page_of(rows, middle) == page_of(rows, count / 2) ? count / 2 : middle + 1;
}

/* Such arrays are in order, and have no nulls. */
static BlockNumber
page_of(ArrayType *rows, int number)
{
	return ItemPointerGetBlockNumber((ItemPointer) ARR_DATA_PTR(rows) + number);
}

static ArrayType *
slice(ArrayType *rows, int from, int to)
{
	Datum	   *values;
	int			count;

	deconstruct_array(rows, TIDOID, sizeof(ItemPointerData), false, TYPALIGN_SHORT, &values, NULL, &count);
	return tid_array(values + from, to - from);
}

static void
do_act(void *arg)
{
	SweepAct   *attempt = arg;
	SweepBatch *batch = attempt->batch;
	MemoryContext caller = MemoryContextSwitchTo(attempt->memory);
	RowGraph   *graph = NULL;

	if (batch->reach != NULL && ((ReachTable *) linitial(batch->reach->tables))->references != NIL)
		graph = collect_rows(batch->reach, batch->run->cut_off, attempt->rows, &attempt->too_large);
	if (graph != NULL)
		sort_out(attempt, graph);
	if (attempt->together)
		attempt->done = apply_graph(graph, &attempt->effects);
	else
		act_alone(attempt);
	MemoryContextSwitchTo(caller);
}

/* Of the rows, those that go are left. */
static void
sort_out(SweepAct *attempt, RowGraph *graph)
{
	List	   *rows = NIL;
	ListCell   *cell;

	foreach(cell, graph->rows)
	{
		GraphRow   *row = lfirst(cell);

		if (row->root && row->goes)
			rows = lappend(rows, row);
		else if (row->root && !row->gone)
			attempt->blocked = lappend(attempt->blocked, row);
	}
	attempt->rows = tids_of(rows);
	attempt->together = !graph_is_plain(graph);
}

/* On the rows of one table, which need nobody else. */
static void
act_alone(SweepAct *attempt)
{
	SweepBatch *batch = attempt->batch;
	int			count = ArrayGetNItems(ARR_NDIM(attempt->rows), ARR_DIMS(attempt->rows));
	Datum		values[] = {TimestampTzGetDatum(batch->run->cut_off), PointerGetDatum(attempt->rows)};
	SweepWatch *watch;

	if (count == 0)
		return;
	watch = start_watch(list_make1_oid(batch->range->leaf));
	attempt->done = plan_one(batch, watch, apply(batch, list_make1(batch->resolved), IN_ROWS("$2"), 2, values));
	check_watch(watch);
	if (attempt->done < count)
		attempt->kept = count_kept(batch, attempt->rows);
}

void
act_at_once(SweepBatch *batch)
{
	SweepWatch *watch = start_watch(list_make1_oid(batch->range->leaf));
	List	   *alone = list_make1(batch->resolved);
	SweepPiece	piece;

	find_fellows(batch);
	do
	{
		int64		together = 0;

		next_piece(batch, &piece);
		if (batch->fellows != NIL)
			together = apply(batch, batch->together, piece.condition, piece.nargs, piece.values);
		tell_fellows(batch, together);
		batch->done = plan_one(batch, watch, together + apply(batch, alone, piece.condition, piece.nargs, piece.values));
	} while (look_on(batch));
	check_watch(watch);
}

static int64
plan_one(SweepBatch *batch, SweepWatch *watch, int64 done)
{
	bool		deletes = batch->rule->attnum == 0;

	plan_watch(watch, batch->range->leaf, deletes ? done : 0, deletes ? 0 : done);
	return done;
}

/*
 * The whole predicate (again), with a new snapshot: rows that are due under each of some rules, that of
 * the batch and its fellows'.
 */
static int64
apply(SweepBatch *batch, List *rules, const char *condition, int nargs, Datum *values)
{
	StringInfoData assignments;
	StringInfoData due;
	StringInfoData left;
	const char *update;
	ListCell   *cell;

	initStringInfo(&assignments);
	initStringInfo(&due);
	initStringInfo(&left);
	foreach(cell, rules)
	{
		RetentionRule *rule = lfirst(cell);

		appendStringInfo(&assignments, "%s%s", assignments.len > 0 ? ", " : "", rule->assignment ? rule->assignment : "");
		appendStringInfo(&due, " AND %s", rule->due);
		appendStringInfo(&left, "%sCOALESCE(%s, false)", left.len > 0 ? " OR " : "", rule->due);
	}
	if (batch->rule->attnum == 0)
		return repeat_rule(batch, psprintf("DELETE FROM ONLY %s AS " PP_TARGET " WHERE %s%s",
										   batch->leaf, condition, due.data), nargs, values);
	update = psprintf("UPDATE ONLY %s AS " PP_TARGET " SET %s WHERE %s%s", batch->leaf, assignments.data, condition, due.data);
	/* without triggers nobody can undo it */
	if (batch->manner == BATCH_AT_ONCE)
		return repeat_rule(batch, update, nargs, values);
	return require_treated(repeat_rule(batch, psprintf("%s RETURNING %s", update, left.data), nargs, values));
}

/* An UPDATE tells of rows that are due even after it. */
static int64
require_treated(int64 done)
{
	for (int64 i = 0; i < done; i++)
	{
		bool		isnull;

		if (DatumGetBool(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull)))
			ereport(ERROR,
					errcode(ERRCODE_PP_EVIDENCE),
					errmsg("a treated value is still there"),
					errdetail("A trigger undid the treatment."),
					errhint("A trigger must not write a column that the sweep treats."));
	}
	SPI_freetuptable(SPI_tuptable);
	return done;
}

/* Rows that are due and ours, and still there: a trigger kept them. */
static int64
count_kept(SweepBatch *batch, ArrayType *rows)
{
	Datum		values[] = {TimestampTzGetDatum(batch->run->cut_off), PointerGetDatum(rows)};

	return count_rule(batch, psprintf("SELECT pg_catalog.count(*) FROM ONLY %s AS " PP_TARGET " WHERE %s AND %s",
									  batch->leaf, in_rows(2, rows), batch->resolved->due), 2, values);
}
