/*
 * sweep_batch.c: one transaction of the sweep.
 *
 * The order of its steps is what makes it safe:
 *
 * 1. Before the first snapshot: ShareLock on the purposes, so that whoever changes a promise waits
 *    for this batch and this batch for them; then the label, read again and locked against change
 *    (pp_policy_resolve).
 *    At the first batch of a leaf it is decided how to go through it (sweep_plan.c).
 * 2. The due rows of the next pages are locked. This may wait, and what it sees besides the rows is
 *    as old as its snapshot.
 * 3. What refers to the rows is collected, locked and judged (sweep_collect.c), and the rows acted on
 *    by further statements with newer snapshots, which repeat the whole predicate: a row postponed,
 *    a child inserted or an event recorded meanwhile is seen. New references cannot appear any
 *    more: they would have to lock the rows that we hold.
 * 4. What the server counted is compared with what was planned (sweep_watch.c).
 * 5. The evidence joins the effect, and both commit.
 *
 * Steps 2 and 3 are one statement where the predicate reads nothing but the row, and no foreign key
 * refers to the table: then a row that was changed while we waited for it is all that could have
 * changed, and the server looks at that one again. When such an attempt fails, for whatever
 * reason, the same pages are gone through step by step, which finds out the row at fault.
 *
 * The owner's expressions and triggers run as the owner, restricted and pinned. All work is in a
 * subtransaction: when it fails, nothing of it remains.
 *
 * If somebody holds a row or the table, the batch does not wait long (lock_timeout) but leaves
 * those rows to a later pass. Only then are locked rows skipped: that way each row costs a lock of
 * its own in the log.
 *
 * A lost batch is only done again, so its commit need not wait for the disk: the next one that does,
 * at the latest that of the run's end, takes it along.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/itemptr.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "label/label.h"
#include "sweep/sweep_batch.h"

/* So many scattered rows count as a page. */
#define ROWS_FOR_PAGE 8

static ErrorData *attempt_batch(SweepBatch *batch);
static bool give_up(SweepBatch *batch, const ErrorData *error);
static void do_batch(void *arg);
static void record(SweepBatch *batch);
static bool prepare(SweepBatch *batch);
static void write_lightly(void);
static void work(SweepBatch *batch);
static bool check_leaf(SweepBatch *batch);
static void measure_leaf(SweepRange *range, Relation leaf);
static bool may_touch_leaf(SweepBatch *batch);
static void skip_leaf(SweepBatch *batch, const char *reason);
static ArrayType *lock_due(SweepBatch *batch);
static ArrayType *found_rows(const SweepRange *range, BlockNumber first);
static ArrayType *lock_piece(SweepBatch *batch);
static void count_locked(SweepBatch *batch, SweepPiece *piece, int64 mine);
static Oid *argument_types(int nargs);
static ArrayType *result_rows(void);

bool
run_batch(SweepRun *run, SweepRule *rule, SweepRange *range)
{
	SweepBatch	batch = {.run = run, .rule = rule, .range = range};
	ErrorData  *error = attempt_batch(&batch);
	bool		go_on;

	if (error != NULL && batch.manner == BATCH_AT_ONCE && batch.outgrown == NULL && !is_lock_conflict(error))
	{
		batch.manner = BATCH_LOCKING;
		error = attempt_batch(&batch);
	}
	if (error != NULL && is_lock_conflict(error))
	{
		batch.manner = BATCH_SKIPPING;
		error = attempt_batch(&batch);
	}
	go_on = error ? give_up(&batch, error) : !batch.over;
	count_own_writing();
	next_transaction(run);

	/* only what has been committed counts */
	if (error == NULL)
	{
		settle_followers(run);
		rule->done += batch.done;
		rule->pass_done += batch.done;
	}
	return go_on;
}

static ErrorData *
attempt_batch(SweepBatch *batch)
{
	SweepRule	rule = *batch->rule;
	SweepRange	range = *batch->range;
	ErrorData  *error;

	batch->resolved = NULL;
	batch->late = false;
	batch->worked_to = -1;
	batch->started_at = GetCurrentTimestamp();
	error = pp_core_attempt_within(sweep_batch_timeout, do_batch, batch);
	if (error != NULL)
	{
		*batch->rule = rule;
		if (batch->range->found != range.found && batch->range->found != NULL)
			pfree(batch->range->found);
		*batch->range = range;
		forget_followers(batch->run);
		batch->done = 0;
		batch->effects = NIL;
		batch->fellows = NIL;
		batch->conflicts = 0;
	}
	return error;
}

bool
is_lock_conflict(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		error->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED ||
		error->sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE; /* moved to another leaf meanwhile */
}

/* A leaf that is locked as a whole is tried again in the next pass; any other trouble ends the rule. */
static bool
give_up(SweepBatch *batch, const ErrorData *error)
{
	SweepRule  *rule = batch->rule;

	if (batch->outgrown != NULL)
	{
		hold_rule(batch->run, rule, batch->outgrown);
		return false;
	}
	if (is_lock_conflict(error))
	{
		rule->locked++;
		batch->range->next = batch->range->end;
		return true;
	}
	rule->state = batch->resolved == NULL ? "parked" : "failed";
	rule->problem = MemoryContextStrdup(batch->run->memory,
										pp_core_describe_error(error, batch->resolved != NULL));
	ereport(WARNING,
			errcode(ERRCODE_WARNING),
			errmsg("the rule \"%s\" of table %s stopped", rule->text, rule->table),
			errdetail("%s", rule->problem),
			errhint("What was done before stands; other rules go on. See privacy.sweep_outcome."));
	return false;
}

/* With an SPI connection of its own, whose results go with the batch. */
static void
do_batch(void *arg)
{
	SweepBatch *batch = arg;

	SPI_connect();
	write_lightly();
	if (prepare(batch))
		work(batch);
	check_followers(batch);
	record(batch);
	SPI_finish();
}

/* Until the end of the transaction. Pages newly written since a checkpoint go to the log as a whole: that is most of it. */
static void
write_lightly(void)
{
	if (batch_commit < synchronous_commit)
		(void) set_config_option("synchronous_commit", batch_commit == SYNCHRONOUS_COMMIT_OFF ? "off" : "local",
								 PGC_SUSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
	/* where the server was built with it */
	if (wal_compression == WAL_COMPRESSION_NONE)
		(void) set_config_option("wal_compression", "lz4", PGC_SUSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, DEBUG5, false);
}

/* Steps 2 to 4. */
static void
work(SweepBatch *batch)
{
	ArrayType  *rows;

	if (batch->range->next == 0 && batch->manner == BATCH_AT_ONCE && truncate_leaf(batch))
		return;
	if (batch->range->next == 0)
		plan_leaf(batch);
	if (batch->range->next >= batch->range->end)
		return;
	if (may_act_at_once(batch))
	{
		act_at_once(batch);
		return;
	}
	rows = lock_due(batch);
	if (rows == NULL)
		return;
	if (batch->rule->attnum == 0)
		batch->reach = load_reach(batch->run, batch->rule, batch->resolved, batch->range->leaf);
	act(batch, rows);
}

/* Step 5. What companions and fellows did belongs to their own rule; they and their followers may go where no row of this rule does. */
static void
record(SweepBatch *batch)
{
	ListCell   *cell;

	if (batch->done > 0 || count_followers(batch->effects) > 0)
		record_batch(batch->run, batch->rule, batch->done, batch->effects);
	foreach(cell, batch->effects)
	{
		SweepEffect *effect = lfirst(cell);

		if (effect->rule == NULL)
			continue;
		record_batch(batch->run, effect->rule, effect->deleted, NIL);
		effect->rule->done += effect->deleted;
	}
}

/* Step 1: locks, then the label afresh. False: there is nothing to do here. */
static bool
prepare(SweepBatch *batch)
{
	pp_policy_lock();
	LockRelationOid(batch->range->leaf, RowExclusiveLock);
	if (!check_leaf(batch))
		return false;
	PushActiveSnapshot(GetTransactionSnapshot());
	batch->resolved = pp_policy_resolve(batch->rule->relid, batch->rule->attnum,
										batch->run->cut_off, batch->run->bind);
	PopActiveSnapshot();
	batch->over = batch->resolved == NULL || batch->resolved->draft || batch->resolved->unbound;
	if (batch->over || !may_touch_leaf(batch))
		return false;
	batch->over = !keeps_promise(batch->run, batch->rule, batch->resolved);
	if (batch->over)
	{
		/* nobody has been asked about, and no evidence would name, what it promises now */
		batch->rule->state = "waiting for the next run";
		batch->rule->problem = "its label has changed since this run began";
		return false;
	}
	batch->leaf = pp_core_quote_relation(batch->range->leaf);
	SPI_execute("SET CONSTRAINTS ALL IMMEDIATE", false, 0);
	return true;
}

/* A leaf may have been dropped, detached from the labelled table, or rewritten, so that its rows moved. */
static bool
check_leaf(SweepBatch *batch)
{
	SweepRange *range = batch->range;
	Relation	leaf = try_relation_open(range->leaf, NoLock);
	bool		governed;

	if (leaf == NULL)
	{
		range->next = range->end;
		return false;
	}
	governed = leaf->rd_rel->relkind == RELKIND_RELATION &&
		list_member_oid(lcons_oid(range->leaf, pp_policy_ancestors(range->leaf)), batch->rule->relid);
	if (!governed)
		range->next = range->end;
	else if (leaf->rd_rel->relfilenode != range->filenode)
		measure_leaf(range, leaf);
	relation_close(leaf, NoLock);
	return governed;
}

/* From its beginning. The pages of its TOAST table count as its own. */
static void
measure_leaf(SweepRange *range, Relation leaf)
{
	BlockNumber toast_pages = 0;

	range->filenode = leaf->rd_rel->relfilenode;
	range->found = NULL;
	range->next = 0;
	range->end = RelationGetNumberOfBlocks(leaf);
	if (OidIsValid(leaf->rd_rel->reltoastrelid))
	{
		Relation	toast = relation_open(leaf->rd_rel->reltoastrelid, AccessShareLock);

		toast_pages = RelationGetNumberOfBlocks(toast);
		relation_close(toast, AccessShareLock);
	}
	range->most_pages = Max(1, (int) (sweep_batch_pages / (1 + toast_pages / Max(range->end, 1))));
	range->pages = Min(range->pages, range->most_pages);
}

/* The rule's statements run as the owner of the labelled table, and do to the leaf what they say. */
static bool
may_touch_leaf(SweepBatch *batch)
{
	Relation	leaf = relation_open(batch->range->leaf, NoLock);

	if (leaf->rd_rel->relowner != batch->resolved->owner)
		skip_leaf(batch, "belongs to another owner than the labelled table");
	else if (pp_label_has_rewrite_rules(leaf))
		skip_leaf(batch, "has rewrite rules for DELETE or UPDATE");
	relation_close(leaf, NoLock);
	return batch->range->next < batch->range->end;
}

static void
skip_leaf(SweepBatch *batch, const char *reason)
{
	char	   *problem = psprintf("table %s was left out: it %s",
								   pp_core_quote_relation(batch->range->leaf), reason);

	batch->rule->problem = MemoryContextStrdup(batch->run->memory, problem);
	batch->rule->left_out = true;
	batch->range->next = batch->range->end;
}

/* Step 2. NULL when nothing is due in what was looked at. */
static ArrayType *
lock_due(SweepBatch *batch)
{
	ArrayType  *rows;

	do
		rows = lock_piece(batch);
	while (rows == NULL && look_on(batch));
	return rows;
}

bool
look_on(SweepBatch *batch)
{
	SweepRange *range = batch->range;

	CHECK_FOR_INTERRUPTS();
	if (batch->done > 0 || range->next >= range->end)
		return false;
	range->pages = Min(range->pages * 2, range->most_pages);
	return !TimestampDifferenceExceeds(batch->started_at, GetCurrentTimestamp(), batch_target_ms);
}

void
next_piece(SweepBatch *batch, SweepPiece *piece)
{
	SweepRange *range = batch->range;
	BlockNumber first = range->next;

	range->next = Min(range->end, first + (range->found ? ROWS_FOR_PAGE : 1) * range->pages);
	piece->values[0] = TimestampTzGetDatum(batch->run->cut_off);
	if (range->found != NULL)
	{
		ArrayType  *rows = found_rows(range, first);

		piece->nargs = 2;
		piece->values[1] = PointerGetDatum(rows);
		piece->condition = IN_ROWS("$2");
		return;
	}
	ItemPointerSet(&piece->from, first, 0);
	ItemPointerSet(&piece->to, range->next, 0);
	piece->nargs = 3;
	piece->values[1] = PointerGetDatum(&piece->from);
	piece->values[2] = PointerGetDatum(&piece->to);
	piece->condition = PP_TARGET ".ctid >= $2 AND " PP_TARGET ".ctid < $3";
}

static ArrayType *
found_rows(const SweepRange *range, BlockNumber first)
{
	int			count = range->next - first;
	Datum	   *tids = palloc(sizeof(Datum) * count);

	for (int i = 0; i < count; i++)
		tids[i] = PointerGetDatum(&range->found[first + i]);
	return tid_array(tids, count);
}

static ArrayType *
lock_piece(SweepBatch *batch)
{
	SweepPiece	piece;
	ArrayType  *rows;
	int64		found;

	next_piece(batch, &piece);
	found = repeat_rule(batch, psprintf("SELECT " PP_TARGET ".ctid FROM ONLY %s AS " PP_TARGET
										" WHERE %s AND %s FOR %sUPDATE OF " PP_TARGET "%s",
										batch->leaf, piece.condition, batch->resolved->due,
										batch->rule->attnum == 0 ? "" : "NO KEY ",
										batch->manner == BATCH_SKIPPING ? " SKIP LOCKED" : ""),
						piece.nargs, piece.values);
	rows = found > 0 ? result_rows() : NULL;
	if (batch->manner == BATCH_SKIPPING)
		count_locked(batch, &piece, found);
	return rows;
}

/* What is due in the piece and not ours is somebody else's for now. */
static void
count_locked(SweepBatch *batch, SweepPiece *piece, int64 mine)
{
	int64		due = count_rule(batch, psprintf("SELECT pg_catalog.count(*) FROM ONLY %s AS " PP_TARGET " WHERE %s AND %s",
												 batch->leaf, piece->condition, batch->resolved->due),
								 piece->nargs, piece->values);

	/* a row that an update moved out of the piece while we waited is ours, but not counted here */
	batch->rule->locked += Max(due - mine, 0);
}

int64
count_rule(SweepBatch *batch, const char *statement, int nargs, Datum *values)
{
	bool		isnull;

	(void) execute_rule(batch, statement, nargs, values);
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

int64
execute_rule(SweepBatch *batch, const char *statement, int nargs, Datum *values)
{
	return execute_as(batch->resolved->owner, statement, nargs, argument_types(nargs), values, 0);
}

int64
repeat_rule(SweepBatch *batch, const char *statement, int nargs, Datum *values)
{
	return execute_kept(batch->resolved->owner, statement, nargs, argument_types(nargs), values);
}

static Oid *
argument_types(int nargs)
{
	static Oid	range_types[] = {TIMESTAMPTZOID, TIDOID, TIDOID};
	static Oid	rows_types[] = {TIMESTAMPTZOID, TIDARRAYOID};

	return nargs == 3 ? range_types : rows_types;
}

/* The ctids of the latest result as tid[], in the batch's memory. */
static ArrayType *
result_rows(void)
{
	Datum	   *values = palloc(sizeof(Datum) * SPI_processed);
	bool		isnull;

	for (uint64 i = 0; i < SPI_processed; i++)
		values[i] = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);
	return tid_array(values, SPI_processed);
}
