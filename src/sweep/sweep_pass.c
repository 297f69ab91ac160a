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
#include "executor/instrument.h"
#include "storage/procarray.h"
#include "utils/guc.h"
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
static void go_through(SweepRun *run, SweepRule *rule);
static List *find_leaves(SweepRun *run, SweepRule *rule);
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
	rule->pass_done = rule->blocked = rule->locked = 0;
	rule->blockers = NIL;
	start_counting();
	go_through(run, rule);
	rule->alone = writers.quiet && ReadNextTransactionId() - writers.next == writers.own;
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
	List	   *leaves;
	int			pages = FIRST_PAGES;
	ListCell   *cell;

	report_phase(run, rule, "planning");
	leaves = find_leaves(run, rule);
	foreach(cell, leaves)
	{
		/* the first batch finds out how long the leaf is */
		SweepRange	range = {.leaf = lfirst_oid(cell), .end = 1, .pages = pages};

		while (range.next < range.end)
		{
			if (!time_batch(run, rule, &range))
				return;
		}
		if (range.found != NULL)
			pfree(range.found);
		pages = range.pages;
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

/* A batch, and the pause after it. False: the pass is over. */
static bool
time_batch(SweepRun *run, SweepRule *rule, SweepRange *range)
{
	TimestampTz start = GetCurrentTimestamp();
	uint64		wal_bytes = pgWalUsage.wal_bytes;
	int64		done = rule->done;
	bool		go_on;

	report_phase(run, rule, "running");
	go_on = run_batch(run, rule, range);
	if (rule->done > done)
		adapt(range, TimestampDifferenceMilliseconds(start, GetCurrentTimestamp()));
	return pace_batch(run, rule, rule->done - done, pgWalUsage.wal_bytes - wal_bytes) && go_on;
}

/* By steps: one slow commit says little about the next. */
static void
adapt(SweepRange *range, int64 milliseconds)
{
	int64		pages = (int64) range->pages * batch_target_ms / Max(milliseconds, 1);

	pages = Max(Min(pages, (int64) range->pages * 2), range->pages / 4);
	range->pages = Max(Min(pages, range->most_pages), 1);
}
