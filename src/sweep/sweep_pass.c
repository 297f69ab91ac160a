/*
 * sweep_pass.c: one way through all pages that a rule governs, leaf by leaf, range by range.
 *
 * Ranges of pages rather than "the next n rows": no batch rescans what an earlier one emptied, and an old
 * snapshot somewhere does not make it slower. Work is per leaf, since a ctid means nothing in another one.
 */
#include "postgres.h"

#include "access/relation.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "core/core.h"
#include "sweep/sweep_internal.h"

static List *find_leaves(SweepRun *run, SweepRule *rule);
static bool open_range(SweepRun *run, SweepRange *range);
static void tell(SweepRun *run, const SweepRule *rule);

void
run_pass(SweepRun *run, SweepRule *rule)
{
	List	   *leaves = find_leaves(run, rule);
	ListCell   *cell;

	rule->pass_done = rule->blocked = rule->locked = 0;
	rule->blockers = NIL;
	foreach(cell, leaves)
	{
		SweepRange	range = {.leaf = lfirst_oid(cell)};

		if (!open_range(run, &range))
			continue;
		while (range.next < range.end)
		{
			tell(run, rule);
			if (!run_batch(run, rule, &range))
				return;
		}
	}
}

static List *
find_leaves(SweepRun *run, SweepRule *rule)
{
	List	   *leaves = leaves_of(rule->relid);

	MemoryContextSwitchTo(run->memory);
	leaves = list_copy(leaves);
	MemoryContextSwitchTo(run->batch_memory);
	next_transaction(run);
	return leaves;
}

/*
 * Pages that the table grows by from now on are left to the next run: rows written meanwhile are either
 * too young for this cut-off, or were moved there by an update that may have postponed them.
 */
static bool
open_range(SweepRun *run, SweepRange *range)
{
	Relation	relation = try_relation_open(range->leaf, AccessShareLock);

	if (relation != NULL)
	{
		range->filenode = relation->rd_rel->relfilenode;
		range->next = 0;
		range->end = RelationGetNumberOfBlocks(relation);
		relation_close(relation, AccessShareLock);
	}
	next_transaction(run);
	return relation != NULL;
}

static void
tell(SweepRun *run, const SweepRule *rule)
{
	if (run->progress != NULL)
		run->progress(psprintf("sweeping %s: %s, " INT64_FORMAT " done", rule->table, rule->text,
							   rule->done));
}
