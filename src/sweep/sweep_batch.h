/*
 * sweep_batch.h: one transaction of the sweep, between sweep_plan.c, which decides how to go through a
 * leaf, sweep_batch.c, which finds and locks, and sweep_act.c, which acts.
 */
#ifndef PP_SWEEP_BATCH_H
#define PP_SWEEP_BATCH_H

#include "sweep/sweep_graph.h"

/* How an attempt at a batch treats the rows; each is slower than the one before it, and bears more. */
typedef enum BatchManner
{
	BATCH_AT_ONCE,				/* one statement, where nothing but the row decides */
	BATCH_LOCKING,				/* due rows are locked, then acted on */
	BATCH_SKIPPING				/* the same, without the rows that somebody holds */
} BatchManner;

/* A part of a range, as a condition over "target" with arguments. */
typedef struct SweepPiece
{
	const char *condition;
	int			nargs;			/* $1 the cut-off; then a tid[], or two tids */
	Datum		values[3];
	ItemPointerData from;		/* to which values point */
	ItemPointerData to;
} SweepPiece;

/* What a batch works on, and what came of it. */
typedef struct SweepBatch
{
	SweepRun   *run;
	SweepRule  *rule;
	SweepRange *range;
	RetentionRule *resolved;
	const char *leaf;			/* quoted */
	SweepReach *reach;			/* of a rule that deletes */
	List	   *effects;		/* of SweepEffect */
	List	   *fellows;		/* of SweepRule: columns that are treated along with the rule's own */
	List	   *together;		/* of RetentionRule: the rule's own and theirs */
	BatchManner manner;
	TimestampTz started_at;
	bool		over;			/* the label is gone, has become a draft, or is not bound */
	int			conflicts;
	const char *outgrown;		/* why it waits for an approval, in the run's memory */
	bool		late;			/* the rest of its rows is left to the next batch */
	int64		worked_to;		/* the page of the last row that was acted on */
	int64		done;
} SweepBatch;

/*
 * sweep_plan.c: decides, at the first batch on a leaf, how to go through it: along the rows that an
 * index finds, or along all its pages.
 */
extern void plan_leaf(SweepBatch *batch);

/* sweep_plan.c: whether one statement may find and act: only the row decides, and nothing else reacts. */
extern bool may_act_at_once(SweepBatch *batch);

/* sweep_plan.c: whether what is due under a rule depends on the row only. */
extern bool reads_only_row(SweepBatch *batch, const RetentionRule *resolved);

/* sweep_fellows.c: fills in batch->fellows and batch->together. */
extern void find_fellows(SweepBatch *batch);

/* sweep_fellows.c: the batch treated so many rows for its fellows, too. */
extern void tell_fellows(SweepBatch *batch, int64 done);

/*
 * sweep_followers.c: inside the batch's transaction, when all is done: raises, and says in
 * batch->outgrown why, when too much of a table follows. What was counted is added up by
 * settle_followers() once it has been committed, or else forgotten.
 */
extern void check_followers(SweepBatch *batch);
extern void settle_followers(SweepRun *run);
extern void forget_followers(SweepRun *run);

/* sweep_truncate.c: empties a leaf that is wholly due, if it may; false: it has to go row by row. */
extern bool truncate_leaf(SweepBatch *batch);

/* sweep_pass.c: before a commit: counts the transaction numbers that were used. */
extern void count_own_writing(void);

/* sweep_batch.c: takes the next piece off the range. */
extern void next_piece(SweepBatch *batch, SweepPiece *piece);

/* sweep_batch.c: whether, nothing being due so far, this transaction looks on; in longer steps then. */
extern bool look_on(SweepBatch *batch);

/* sweep_act.c: deletes or treats what is due in the next pieces, in one statement each. */
extern void act_at_once(SweepBatch *batch);

/*
 * sweep_act.c: deletes or treats due rows that are locked (tid[]), with what must go along; adds what
 * came of it to the batch. What stands in the way is counted into the rule, row by row.
 */
extern void act(SweepBatch *batch, ArrayType *rows);

/*
 * sweep_batch.c: one statement as the table's owner. $1 is the cut-off, $2 and $3 as the statement
 * needs them: a tid[], or two tids. Returns SPI_processed. repeat_rule() keeps its plan for the
 * batches to come.
 */
extern int64 repeat_rule(SweepBatch *batch, const char *statement, int nargs, Datum *values);
extern int64 execute_rule(SweepBatch *batch, const char *statement, int nargs, Datum *values);

/* sweep_batch.c: as execute_rule, where the result is one number. */
extern int64 count_rule(SweepBatch *batch, const char *statement, int nargs, Datum *values);

/* sweep_batch.c: somebody holds what we need, or has moved it to another partition while we waited. */
extern bool is_lock_conflict(const ErrorData *error);

#endif							/* PP_SWEEP_BATCH_H */
