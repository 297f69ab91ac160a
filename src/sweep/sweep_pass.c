/*
 * sweep_pass.c: one way through all pages that a rule governs, leaf by leaf, range by range.
 *
 * Ranges of pages rather than "the next n rows": no batch rescans what an earlier one emptied, and
 * an old snapshot somewhere does not make it slower. Work is per leaf, since a ctid means nothing
 * in another one.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "core/core.h"
#include "sweep/sweep_internal.h"

static List *find_leaves(SweepRun *run, SweepRule *rule);
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
		SweepRange	range = {.leaf = lfirst_oid(cell), .end = 1};

		/* the first batch finds out how long the leaf is */
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

static void
tell(SweepRun *run, const SweepRule *rule)
{
	if (run->progress != NULL)
		run->progress(psprintf("sweeping %s: %s, " INT64_FORMAT " done", rule->table, rule->text,
							   rule->done));
}
