/*
 * sweep_pass.c: one way through everything that a rule governs, leaf by leaf, batch by batch.
 *
 * Ranges of pages, or of rows that an index has found, rather than "the next n rows": no batch
 * rescans what an earlier one emptied, and an old snapshot somewhere does not make it slower. Work
 * is per leaf, since a ctid means nothing in another one.
 *
 * How many pages a batch takes follows from how long the one before took. So rows that take others
 * along, long values and slow disks make smaller batches, and nobody has to know why. The first
 * batch is small; it grows from there, and to the next leaf of the same table the size is handed
 * on.
 *
 * An update can move a due row to where the pass has been, so there is another pass; but not when
 * nobody else wrote anything anywhere, which the server's own numbering of transactions tells.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "executor/instrument.h"
#include "storage/procarray.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "sweep/sweep_batch.h"

/* Of the first batch, until one has been timed. */
#define FIRST_PAGES 16

int			batch_target_ms;
int			batch_commit;

static const struct config_enum_entry batch_commits[] = {
	{"off", SYNCHRONOUS_COMMIT_OFF, false},
	{"local", SYNCHRONOUS_COMMIT_LOCAL_FLUSH, false},
	{"on", SYNCHRONOUS_COMMIT_ON, false},
	{NULL, 0, false}
};

/* Everybody's transaction numbers, and ours among them: who writes has one. */
typedef struct WriterCount
{
	TransactionId next;
	bool		quiet;			/* nobody was writing at the start */
	uint32		own;
} WriterCount;

/* Of the pass at work; sweeps of one session follow each other. */
static WriterCount writers;

static void start_counting(void);
static void begin_pass(SweepRun *run, SweepRule *rule);
static void go_through(SweepRun *run, SweepRule *rule);
static bool next_leaf(SweepRule *rule);
static List *find_leaves(SweepRun *run, SweepRule *rule);
static void report_foreign(SweepRun *run, SweepRule *rule);
static bool time_batch(SweepRun *run, SweepRule *rule, SweepRange *range);
static void adapt(SweepRange *range, int64 milliseconds);

void
init_batches(void)
{
	DefineCustomIntVariable("privacy.sweep_batch_target",
							"How long one batch of the sweep should take.",
							"Batches grow and shrink towards it, up to privacy.sweep_batch_pages.",
							&batch_target_ms, 50, 1, 60000, PGC_SUSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomEnumVariable("privacy.sweep_synchronous_commit",
							 "Whether a batch's commit waits for the disk (local), or as synchronous_commit says (on).",
							 "A batch that is lost in a crash is only done again; the commit that ends the run makes all of them safe.",
							 &batch_commit, SYNCHRONOUS_COMMIT_OFF, batch_commits, PGC_SUSET, 0, NULL, NULL, NULL);
}

void
run_pass(SweepRun *run, SweepRule *rule)
{
	bool		whole = !rule->unfinished;

	if (whole)
		begin_pass(run, rule);
	start_counting();
	go_through(run, rule);
	/* between two turns anybody may have written */
	rule->alone = whole && !rule->unfinished && writers.quiet && ReadNextTransactionId() - writers.next == writers.own;
	rule->through |= !rule->unfinished;
}

static void
begin_pass(SweepRun *run, SweepRule *rule)
{
	rule->pass_done = rule->blocked = 0;
	rule->locked = list_length(rule->uncounted);
	rule->blockers = NIL;
	memset(&rule->range, 0, sizeof(SweepRange));
	rule->range.pages = FIRST_PAGES;
	if (rule->since == 0)
		rule->since = GetCurrentTimestamp();
	report_phase(run, rule, "planning");
	rule->leaves = find_leaves(run, rule);
}

static void
start_counting(void)
{
	writers.own = 0;
	writers.quiet = false;
	writers.next = ReadNextTransactionId();
	writers.quiet = !TransactionIdPrecedes(GetOldestActiveTransactionId(), writers.next);
}

/* Subtransactions that failed are not among them; then somebody else might have been. */
void
count_own_writing(void)
{
	TransactionId *children;

	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		writers.own += 1 + xactGetCommittedChildren(&children);
}

static void
go_through(SweepRun *run, SweepRule *rule)
{
	rule->unfinished = false;
	if (!begin_turn(run, rule))
		return;
	while (rule->range.next < rule->range.end || next_leaf(rule))
	{
		if (!time_batch(run, rule, &rule->range))
			return;
	}
}

static bool
next_leaf(SweepRule *rule)
{
	/* the first batch finds out how long the leaf is */
	SweepRange	range = {.end = 1, .pages = rule->range.pages};

	if (rule->range.found != NULL)
		pfree(rule->range.found);
	rule->range.found = NULL;
	if (rule->leaves == NIL)
		return false;
	range.leaf = linitial_oid(rule->leaves);
	rule->leaves = list_delete_first(rule->leaves);
	rule->range = range;
	return true;
}

static List *
find_leaves(SweepRun *run, SweepRule *rule)
{
	List	   *leaves = list_difference_oid(leaves_of(rule->relid), rule->uncounted);

	report_foreign(run, rule);
	MemoryContextSwitchTo(run->memory);
	leaves = list_copy(leaves);
	MemoryContextSwitchTo(run->batch_memory);
	next_transaction(run);
	return leaves;
}

/* What is stored elsewhere is not ours to sweep, and not to be passed over in silence either. */
static void
report_foreign(SweepRun *run, SweepRule *rule)
{
	ListCell   *cell;

	if (get_rel_relkind(rule->relid) == '\0')
		return;
	foreach(cell, find_all_inheritors(rule->relid, NoLock, NULL))
	{
		if (get_rel_relkind(lfirst_oid(cell)) != RELKIND_FOREIGN_TABLE)
			continue;
		rule->left_out = true;
		rule->problem = MemoryContextStrdup(run->memory, psprintf("table %s was left out: it is a foreign table",
																  pp_core_quote_relation(lfirst_oid(cell))));
	}
}

/* A batch, and the pause after it. False: the pass is over, or the turn. */
static bool
time_batch(SweepRun *run, SweepRule *rule, SweepRange *range)
{
	TimestampTz start = GetCurrentTimestamp();
	uint64		wal_bytes = pgWalUsage.wal_bytes;
	int64		done = rule->done;
	int64		milliseconds;
	bool		go_on;

	report_phase(run, rule, "running");
	go_on = run_batch(run, rule, range);
	milliseconds = TimestampDifferenceMilliseconds(start, GetCurrentTimestamp());
	if (rule->done > done || milliseconds > batch_target_ms)
		adapt(range, milliseconds);
	return go_on && !outgrows_breaker(run, rule) &&
		pace_batch(run, rule, milliseconds / 1000.0, range->emptied ? 0 : rule->done - done,
				   pgWalUsage.wal_bytes - wal_bytes);
}

/* By steps: one slow commit says little about the next. */
static void
adapt(SweepRange *range, int64 milliseconds)
{
	int64		pages = (int64) range->pages * batch_target_ms / Max(milliseconds, 1);

	pages = Max(Min(pages, (int64) range->pages * 2), range->pages / 4);
	range->pages = Max(Min(pages, range->most_pages), 1);
}
