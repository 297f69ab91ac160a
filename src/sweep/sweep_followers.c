/*
 * sweep_followers.c: what follows counts too.
 *
 * The breaker asks how much of its own table a rule would take. Rows of unlabelled tables follow, or
 * have their keys cleared, and nobody knows how many before they have been collected: one row of a
 * thousand may take most of another table along. So what a run's rules take of one table (a
 * partitioned one counts as a whole) is added up, and a batch that would come to more than the
 * breaker's share and number of rows is undone; its rule waits for an approval. The share is the
 * followed table's own, if set_sweep_pace() gave it one.
 *
 * How many rows there are is counted only as far as need be: to eight times as many as would do.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"

#include "core/core.h"
#include "sweep/sweep_batch.h"
#include "sweep/sweep_pace.h"

/* How much further than need be rows are counted, so that they need not be counted again soon. */
#define COUNT_AHEAD	8

/* A table in one run. In its memory. */
typedef struct FollowedTable
{
	Oid			relid;
	int64		taken;			/* rows deleted or cleared, committed */
	int64		deleted;		/* those of them that are gone */
	int64		taken_now;		/* by the batch at work, besides */
	int64		deleted_now;
	double		rows;			/* at least so many it had before the run; */
	bool		all;			/* exactly so many */
} FollowedTable;

static const char *describe(SweepRun *run, const FollowedTable *followed);
static void add_up(SweepRun *run, const SweepEffect *effect);
static FollowedTable *find_followed(SweepRun *run, Oid relid);
static bool takes_most(FollowedTable *followed, double fraction);
static void count_followed(FollowedTable *followed, double enough);

void
check_followers(SweepBatch *batch)
{
	SweepRun   *run = batch->run;
	ListCell   *cell;

	if (batch->rule->approved)
		return;
	forget_followers(run);
	foreach(cell, batch->effects)
	{
		SweepEffect *effect = lfirst(cell);

		if (effect->rule == NULL)
			add_up(run, effect);
	}
	foreach(cell, run->followed)
	{
		FollowedTable *followed = lfirst(cell);
		int64		taken = followed->taken + followed->taken_now;

		if (followed->taken_now == 0 || taken <= sweep_max_fraction_rows ||
			!takes_most(followed, read_pace(followed->relid).max_fraction))
			continue;
		batch->outgrown = describe(run, followed);
		ereport(ERROR,
				errcode(ERRCODE_PP_RULE_PARKED),
				errmsg("a rule waits for an approval"));
	}
}

static const char *
describe(SweepRun *run, const FollowedTable *followed)
{
	return MemoryContextStrdup(run->memory, psprintf("with its rows " INT64_FORMAT " of the " INT64_FORMAT " rows of table %s would go or be cleared",
													 followed->taken + followed->taken_now, (int64) followed->rows,
													 pp_core_quote_relation(followed->relid)));
}

static void
add_up(SweepRun *run, const SweepEffect *effect)
{
	List	   *above = pp_policy_ancestors(effect->leaf);
	FollowedTable *followed = find_followed(run, above != NIL ? llast_oid(above) : effect->leaf);

	followed->taken_now += effect->deleted + effect->cleared;
	followed->deleted_now += effect->deleted;
}

static FollowedTable *
find_followed(SweepRun *run, Oid relid)
{
	MemoryContext caller;
	FollowedTable *followed;
	ListCell   *cell;

	foreach(cell, run->followed)
	{
		if (((FollowedTable *) lfirst(cell))->relid == relid)
			return lfirst(cell);
	}
	caller = MemoryContextSwitchTo(run->memory);
	followed = palloc0(sizeof(FollowedTable));
	followed->relid = relid;
	run->followed = lappend(run->followed, followed);
	MemoryContextSwitchTo(caller);
	return followed;
}

static bool
takes_most(FollowedTable *followed, double fraction)
{
	double		taken = followed->taken + followed->taken_now;

	if (fraction >= 1)
		return false;
	if (!followed->all && taken > fraction * followed->rows)
		count_followed(followed, taken / fmax(fraction, 1e-6));
	return taken > fraction * followed->rows;
}

/* What this batch has deleted is not there any more. */
static void
count_followed(FollowedTable *followed, double enough)
{
	double		limit = ceil(enough * COUNT_AHEAD);
	Oid			types[] = {FLOAT8OID};
	Datum		values[] = {Float8GetDatum(limit)};
	bool		isnull;
	int64		left;

	(void) execute_as(pp_core_table_owner(followed->relid),
					  psprintf("SELECT pg_catalog.count(*) FROM (SELECT FROM %s LIMIT $1::pg_catalog.int8) AS counted",
							   pp_core_quote_relation(followed->relid)), lengthof(types), types, values, 0);
	left = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	followed->all = left < limit;
	followed->rows = left + followed->deleted + followed->deleted_now;
}

void
settle_followers(SweepRun *run)
{
	ListCell   *cell;

	foreach(cell, run->followed)
	{
		FollowedTable *followed = lfirst(cell);

		followed->taken += followed->taken_now;
		followed->deleted += followed->deleted_now;
	}
	forget_followers(run);
}

void
forget_followers(SweepRun *run)
{
	ListCell   *cell;

	foreach(cell, run->followed)
	{
		FollowedTable *followed = lfirst(cell);

		followed->taken_now = followed->deleted_now = 0;
	}
}
