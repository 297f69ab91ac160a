/*
 * sweep_internal.h: between the parts of the sweep.
 */
#ifndef PP_SWEEP_INTERNAL_H
#define PP_SWEEP_INTERNAL_H

#include "nodes/pg_list.h"
#include "storage/block.h"
#include "utils/array.h"

#include "policy/policy.h"
#include "sweep/sweep.h"

/* One rule in one run. Lives in the run's memory, across batches. */
typedef struct SweepRule
{
	Oid			relid;
	AttrNumber	attnum;			/* 0: rows are deleted */
	const char *table;			/* quoted */
	const char *text;
	const char *state;			/* "enforced", "draft", "unbound", "parked", "failed" */
	const char *problem;		/* why it is parked or failed, without values */
	int64		done;			/* rows deleted or values treated, committed */
	/* of the latest pass only: */
	int64		pass_done;
	int64		blocked;
	List	   *blockers;		/* of char *: the tables that still refer to blocked rows */
	int64		locked;
} SweepRule;

typedef struct SweepRun
{
	int64		id;
	TimestampTz cut_off;
	MemoryContext memory;		/* as long as the run */
	MemoryContext batch_memory; /* reset at each transaction */
	SweepProgress progress;
	bool		bind;			/* restored labels */
	List	   *rules;			/* of SweepRule, in the order in which they run */
} SweepRun;

/* sweep_run.c: commits and starts the next transaction, READ COMMITTED, with a short lock_timeout. */
extern void next_transaction(SweepRun *run);

/* sweep_run.c: the ordinary tables that hold the rows of a table: itself, or its leaves and children. */
extern List *leaves_of(Oid relid);

/* sweep_pass.c: goes once through everything a rule governs, batch by batch. */
extern void run_pass(SweepRun *run, SweepRule *rule);

/* Pages of a leaf that a pass still has to visit. */
typedef struct SweepRange
{
	Oid			leaf;
	Oid			filenode;		/* of the leaf when the pass began on it: a rewrite moves rows */
	BlockNumber next;
	BlockNumber end;
} SweepRange;

/*
 * sweep_batch.c: one transaction's work on the next pages of a range, committed with its evidence.
 * Returns false when the rule is over: it failed, or its label is gone.
 */
extern bool run_batch(SweepRun *run, SweepRule *rule, SweepRange *range);

/* A foreign key that leads to a leaf. */
typedef struct RowReference
{
	Oid			child;
	const char *table;			/* the referencing table, quoted */
	List	   *keys;			/* of char *: the referenced columns, quoted */
	const char *match;			/* SQL: the row "child" refers to the row "target" */
} RowReference;

/* sweep_reference.c: the foreign keys that lead to a leaf. */
extern List *references_to(Oid leaf);

/*
 * sweep_reference.c: of some locked rows of a leaf (tid[]), those that no other row refers to any
 * more; counts the others into the rule.
 */
extern ArrayType *unreferenced(SweepRun *run, SweepRule *rule, Oid leaf, ArrayType *rows);

/* sweep_reference.c: counts rows of the rule that something keeps. */
extern void add_blocker(SweepRun *run, SweepRule *rule, const char *blocker, int64 count);

/* sweep_reference.c: puts rules that delete referencing rows before those that delete the referenced. */
extern List *order_rules(List *rules);

/* sweep_watch.c: the transaction's own counts of deleted and updated tuples in every labelled table. */
typedef struct SweepWatch SweepWatch;
extern SweepWatch *start_watch(Oid leaf);
extern void check_watch(SweepWatch *watch, Oid leaf, int64 deleted, int64 updated);

/* sweep_record.c: the run's own books, inside the transaction of what they tell. */
extern int64 record_start(TimestampTz cut_off);
extern void record_batch(SweepRun *run, SweepRule *rule, int64 count);
extern void record_outcome(SweepRun *run, SweepRule *rule);
extern void record_end(SweepRun *run);

/* sweep.c: settings. */
extern int	sweep_batch_pages;

#endif							/* PP_SWEEP_INTERNAL_H */
