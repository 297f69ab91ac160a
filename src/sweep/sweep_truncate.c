/*
 * sweep_truncate.c: a partition in which everything is due is emptied in one go.
 *
 * What is lost in a TRUNCATE is lost unread, so it is proved first. A glance at both ends of the leaf
 * tells most leaves apart, and reading all of it most others, without any lock. Where that was quick,
 * ShareLock keeps writers away, while readers go on, and the rows are counted again: a snapshot taken
 * after it sees every row there is. Only when all of them are due, the lock is raised for the moment
 * that TRUNCATE takes. Neither lock is waited for: whoever is in the way, autovacuum for one, may be
 * gone at the next pass, and then the leaf goes row by row like any other.
 *
 * Who reads with a snapshot from before the TRUNCATE (REPEATABLE READ) finds the leaf empty.
 *
 * TRUNCATE runs no DELETE triggers and looks at no foreign key; it is not for leaves that have
 * any. Subscribers of a publication that leaves TRUNCATE out would keep the rows, and so would
 * those of one that publishes the leaf as its root.
 *
 * The empty partition is the DBA's to drop: privacy.empty_partitions names it.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/partition.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "storage/bufmgr.h"
#include "storage/itemptr.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "sweep/sweep_batch.h"

/* What a glance at one end of a leaf reads. */
#define GLANCE_PAGES 4

/* So long at most may writers wait while the rows are counted again. */
#define MAX_PROOF_MS 1000

static bool may_truncate(SweepBatch *batch);
static bool is_proved(SweepBatch *batch);
static bool leave_for_later(SweepBatch *batch);
static bool has_triggers(Oid relid);
static bool publishes_rows_only(Oid leaf);
static bool looks_due(SweepBatch *batch);
static bool stays_nothing(SweepBatch *batch, const char *where, int nargs, Datum *values);
static int64 count_if_due(SweepBatch *batch);
static void record_emptied(SweepBatch *batch, int64 count);

bool
truncate_leaf(SweepBatch *batch)
{
	SweepRange *range = batch->range;
	int64		count;

	if (range->end == 0 || !may_truncate(batch) || !looks_due(batch) || !is_proved(batch))
		return false;
	if (!ConditionalLockRelationOid(range->leaf, ShareLock))
		return leave_for_later(batch);
	/* what has come meanwhile has to be proved as well: under the lock, by newer snapshots */
	count = may_truncate(batch) ? count_if_due(batch) : 0;
	if (count == 0 || !ConditionalLockRelationOid(range->leaf, AccessExclusiveLock))
	{
		UnlockRelationOid(range->leaf, ShareLock);
		return count > 0 && leave_for_later(batch);
	}
	(void) execute_as(batch->resolved->owner, psprintf("TRUNCATE ONLY %s", batch->leaf), 0, NULL, NULL, 0);
	record_emptied(batch, count);
	batch->done = count;
	range->emptied = true;
	range->next = range->end;
	return true;
}

/* Without a lock; ends at the first row that stays. What takes long to prove is not proved again under a lock. */
static bool
is_proved(SweepBatch *batch)
{
	Datum		values[] = {TimestampTzGetDatum(batch->run->cut_off), PointerGetDatum(construct_empty_array(TIDOID))};
	TimestampTz start = GetCurrentTimestamp();

	return stays_nothing(batch, "$2 IS NOT NULL", 2, values) &&
		!TimestampDifferenceExceeds(start, GetCurrentTimestamp(), MAX_PROOF_MS);
}

/* Once; in a later pass the leaf goes row by row. */
static bool
leave_for_later(SweepBatch *batch)
{
	if (batch->rule->through)
		return false;
	batch->rule->locked++;
	batch->range->next = batch->range->end;
	return true;
}

static bool
may_truncate(SweepBatch *batch)
{
	Oid			leaf = batch->range->leaf;

	return batch->rule->attnum == 0 && get_rel_relispartition(leaf) && !has_triggers(leaf) && !publishes_rows_only(leaf);
}

/* Those of foreign keys that lead here among them. */
static bool
has_triggers(Oid relid)
{
	Relation	relation = relation_open(relid, NoLock);
	TriggerDesc *triggers = relation->trigdesc;
	bool		result = false;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		result |= TRIGGER_FOR_DELETE(triggers->triggers[i].tgtype) || TRIGGER_FOR_TRUNCATE(triggers->triggers[i].tgtype);
	}
	relation_close(relation, NoLock);
	return result;
}

static bool
publishes_rows_only(Oid leaf)
{
	List	   *family = lcons_oid(leaf, get_partition_ancestors(leaf));
	Datum	   *oids = palloc(sizeof(Datum) * list_length(family));
	Oid			type = OIDARRAYOID;
	Datum		value;
	bool		isnull;

	for (int i = 0; i < list_length(family); i++)
		oids[i] = ObjectIdGetDatum(list_nth_oid(family, i));
	value = PointerGetDatum(construct_array(oids, list_length(family), OIDOID, sizeof(Oid), true, TYPALIGN_INT));
	pp_core_execute("SELECT EXISTS (SELECT FROM pg_catalog.pg_publication AS p WHERE (NOT p.pubtruncate OR p.pubviaroot) AND "
					"(p.puballtables OR "
					"EXISTS (SELECT FROM pg_catalog.pg_publication_rel AS r WHERE r.prpubid = p.oid AND r.prrelid = ANY ($1)) OR "
					"EXISTS (SELECT FROM pg_catalog.pg_publication_namespace AS n JOIN pg_catalog.pg_class AS c "
					"ON c.relnamespace = n.pnnspid WHERE n.pnpubid = p.oid AND c.oid = ANY ($1))))",
					true, 1, &type, &value, NULL);
	return DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/* Both ends hold nothing that has to stay. */
static bool
looks_due(SweepBatch *batch)
{
	ItemPointerData first;
	ItemPointerData last;
	Datum		values[] = {TimestampTzGetDatum(batch->run->cut_off), PointerGetDatum(&first), PointerGetDatum(&last)};
	BlockNumber end = batch->range->end;

	ItemPointerSet(&first, Min(end, GLANCE_PAGES), 0);
	ItemPointerSet(&last, end > GLANCE_PAGES ? end - GLANCE_PAGES : 0, 0);
	return stays_nothing(batch, PP_TARGET ".ctid < $2 AND $3 IS NOT NULL", 3, values) &&
		stays_nothing(batch, PP_TARGET ".ctid >= $3 AND $2 IS NOT NULL", 3, values);
}

static bool
stays_nothing(SweepBatch *batch, const char *where, int nargs, Datum *values)
{
	return execute_rule(batch, psprintf("SELECT FROM ONLY %s AS " PP_TARGET " WHERE %s AND (%s) IS NOT TRUE LIMIT 1",
										batch->leaf, where, batch->resolved->due), nargs, values) == 0;
}

/* The rows, all of which are due; 0 when one is not. */
static int64
count_if_due(SweepBatch *batch)
{
	Datum		values[] = {TimestampTzGetDatum(batch->run->cut_off), (Datum) 0};

	values[1] = PointerGetDatum(construct_empty_array(TIDOID));
	return count_rule(batch, psprintf("SELECT CASE WHEN pg_catalog.bool_and((%s) IS TRUE) THEN pg_catalog.count(*) ELSE 0 END"
									  " FROM ONLY %s AS " PP_TARGET " WHERE $1 IS NOT NULL AND $2 IS NOT NULL",
									  batch->resolved->due, batch->leaf), 2, values);
}

static void
record_emptied(SweepBatch *batch, int64 count)
{
	Oid			types[] = {OIDOID, INT8OID};
	Datum		values[] = {ObjectIdGetDatum(batch->range->leaf), Int64GetDatum(count)};

	pp_core_execute("INSERT INTO privacy.emptied_partition AS e (relation, row_count) VALUES ($1, $2) "
					"ON CONFLICT (relation) DO UPDATE SET row_count = e.row_count + EXCLUDED.row_count, emptied_at = EXCLUDED.emptied_at",
					false, 2, types, values, NULL);
}
