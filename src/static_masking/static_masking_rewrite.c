/*
 * static_masking_rewrite.c: one table is written anew and takes the old one's place.
 *
 * This is the way of ALTER TABLE: a transient heap with the same columns (make_new_heap), every
 * visible row written into it, then the two exchange their files, indexes are built on the new one
 * under all their constraints, and the old files go at commit (finish_heap_swap). The table keeps
 * its OID, and with it everything that hangs on it. Under wal_level = minimal the server syncs the
 * new files instead of logging them, by itself.
 *
 * What makes it right:
 *
 * - Rows are read with the latest snapshot under AccessExclusiveLock: what is committed, and what
 *   this transaction wrote. No dead row is carried over.
 * - The new rows are frozen, as by COPY FREEZE: the heap is this subtransaction's own, and goes with
 *   it. No VACUUM has to write the table a second time, and index builds need not ask who wrote a
 *   row. A rewrite is not MVCC-safe either way: after ALTER TABLE a transaction with an older
 *   snapshot sees an empty table; here it sees the rows of now, masked.
 * - A column of old storage that does not change arrives as a pointer into the old TOAST table; the
 *   server fetches it and stores it in the new one as it inserts the row.
 * - Dropped columns become null, defaults of ADD COLUMN that rows did not hold become their own
 *   (finish_heap_swap clears the catalogue's copy).
 * - pg_statistic and the extended statistics hold the most common raw values in the clear. Those of
 *   the table, its indexes and every parent are removed in the same transaction, and the counters
 *   told that the table was filled anew, so that autovacuum analyses it.
 *
 * Rows go in by batches, as COPY inserts them: fewer WAL records and page locks than one by one.
 * A batch is bounded in rows and bytes, its memory is reset behind it.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/multixact.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/heap.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "commands/cluster.h"
#include "commands/defrem.h"
#include "commands/progress.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "core/core.h"
#include "static_masking/static_masking_internal.h"

/* As COPY has them. */
#define BATCH_ROWS	1000
#define BATCH_BYTES	65535

#define INSERT_OPTIONS (TABLE_INSERT_SKIP_FSM | TABLE_INSERT_FROZEN)

/* Masked rows on their way into the new heap. */
typedef struct RowBatch
{
	Relation	heap;
	CommandId	command;
	BulkInsertState bulk;
	MemoryContext memory;		/* reset with each batch */
	TupleTableSlot *slots[BATCH_ROWS];	/* made as they are needed */
	int			count;
	Size		bytes;
	int64		written;
} RowBatch;

static int64 copy_rows(const MaskedTable *table, Relation old, Relation new);
static void start_batch(RowBatch *batch, Relation heap);
static TupleTableSlot *next_slot(RowBatch *batch);
static void add_row(RowBatch *batch, TupleTableSlot *row);
static void flush_batch(RowBatch *batch);
static void end_batch(RowBatch *batch);
static int64 scan_rows(const MaskedTable *table, Relation old, RowBatch *batch);
static void count_rows(Oid relid, int64 rows);

void
rewrite_table(MaskedTable *table)
{
	MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "pg_privacy static masking",
												 ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(memory);
	Relation	old = table_open(table->relid, NoLock);
	char		persistence = old->rd_rel->relpersistence;
	CoreStay	stay;
	Relation	new;
	Oid			heap;
	ListCell   *cell;

	pp_core_enter(&stay, table->owner, true);
	pgstat_progress_start_command(PROGRESS_COMMAND_CLUSTER, table->relid);
	pgstat_progress_update_param(PROGRESS_CLUSTER_COMMAND, PROGRESS_CLUSTER_COMMAND_VACUUM_FULL);
	heap = make_new_heap(table->relid, old->rd_rel->reltablespace, old->rd_rel->relam, persistence,
						 AccessExclusiveLock);
	new = table_open(heap, NoLock);
	TransferPredicateLocksToHeapRelation(old);
	table->rows = copy_rows(table, old, new);
	table_close(new, NoLock);
	table_close(old, NoLock);
	finish_heap_swap(table->relid, heap, false, false, true, true, RecentXmin,
					 ReadNextMultiXactId(), persistence);

	remove_statistics(table->relid);
	foreach(cell, table->ancestors)
		remove_statistics(lfirst_oid(cell));
	count_rows(table->relid, table->rows);
	InvokeObjectPostAlterHook(RelationRelationId, table->relid, 0);
	pgstat_progress_end_command();
	pp_core_leave(&stay);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(memory);
}

static int64
copy_rows(const MaskedTable *table, Relation old, Relation new)
{
	RowBatch   *batch = palloc0(sizeof(RowBatch));
	int64		rows;

	start_batch(batch, new);
	rows = scan_rows(table, old, batch);
	end_batch(batch);
	return rows;
}

static void
start_batch(RowBatch *batch, Relation heap)
{
	batch->heap = heap;
	batch->command = GetCurrentCommandId(true);
	batch->bulk = GetBulkInsertState();
	batch->memory = AllocSetContextCreate(CurrentMemoryContext, "pg_privacy masked rows",
										  ALLOCSET_DEFAULT_SIZES);
}

static TupleTableSlot *
next_slot(RowBatch *batch)
{
	TupleTableSlot **slot = &batch->slots[batch->count];

	if (*slot == NULL)
		*slot = MakeSingleTupleTableSlot(RelationGetDescr(batch->heap), &TTSOpsHeapTuple);
	return *slot;
}

static void
add_row(RowBatch *batch, TupleTableSlot *row)
{
	batch->bytes += ((HeapTupleTableSlot *) row)->tuple->t_len;
	batch->count++;
	if (batch->count == BATCH_ROWS || batch->bytes > BATCH_BYTES)
		flush_batch(batch);
}

static void
flush_batch(RowBatch *batch)
{
	MemoryContext caller = MemoryContextSwitchTo(batch->memory);

	if (batch->count > 0)
		table_multi_insert(batch->heap, batch->slots, batch->count, batch->command,
						   INSERT_OPTIONS, batch->bulk);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(batch->memory);
	batch->written += batch->count;
	batch->count = 0;
	batch->bytes = 0;
	pgstat_progress_update_param(PROGRESS_CLUSTER_HEAP_TUPLES_WRITTEN, batch->written);
}

static void
end_batch(RowBatch *batch)
{
	flush_batch(batch);
	FreeBulkInsertState(batch->bulk);
	table_finish_bulk_insert(batch->heap, INSERT_OPTIONS);
	for (int i = 0; i < BATCH_ROWS && batch->slots[i] != NULL; i++)
		ExecDropSingleTupleTableSlot(batch->slots[i]);
}

/* From the first page to the last, so that the rows keep their order. */
static int64
scan_rows(const MaskedTable *table, Relation old, RowBatch *batch)
{
	RowMask    *mask = prepare_row_mask(table, old);
	TupleTableSlot *raw = table_slot_create(old, NULL);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = table_beginscan_strat(old, snapshot, 0, NULL, true, false);
	BlockNumber block = InvalidBlockNumber;
	int64		rows = 0;

	pgstat_progress_update_param(PROGRESS_CLUSTER_PHASE, PROGRESS_CLUSTER_PHASE_SEQ_SCAN_HEAP);
	pgstat_progress_update_param(PROGRESS_CLUSTER_TOTAL_HEAP_BLKS, RelationGetNumberOfBlocks(old));
	while (table_scan_getnextslot(scan, ForwardScanDirection, raw))
	{
		TupleTableSlot *masked = next_slot(batch);

		CHECK_FOR_INTERRUPTS();
		mask_row(mask, raw, masked);
		add_row(batch, masked);
		rows++;
		if (ItemPointerGetBlockNumber(&raw->tts_tid) != block)
		{
			block = ItemPointerGetBlockNumber(&raw->tts_tid);
			pgstat_progress_update_param(PROGRESS_CLUSTER_HEAP_BLKS_SCANNED, block + 1);
			pgstat_progress_update_param(PROGRESS_CLUSTER_HEAP_TUPLES_SCANNED, rows);
		}
	}
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	ExecDropSingleTupleTableSlot(raw);
	free_row_mask(mask);
	return rows;
}

void
remove_statistics(Oid relid)
{
	Relation	relation = table_open(relid, NoLock);
	ListCell   *cell;

	RemoveStatistics(relid, 0);
	foreach(cell, RelationGetIndexList(relation))
		RemoveStatistics(lfirst_oid(cell), 0);
	foreach(cell, RelationGetStatExtList(relation))
	{
		RemoveStatisticsDataById(lfirst_oid(cell), false);
		RemoveStatisticsDataById(lfirst_oid(cell), true);
	}
	table_close(relation, NoLock);
	/* a parent is visited once for each of its children */
	CommandCounterIncrement();
}

/* No row is dead, and every one is new to autovacuum. */
static void
count_rows(Oid relid, int64 rows)
{
	Relation	relation = table_open(relid, NoLock);

	pgstat_count_truncate(relation);
	pgstat_count_heap_insert(relation, rows);
	table_close(relation, NoLock);
}
