/*
 * sweep_batch.h: one transaction of the sweep, between sweep_batch.c, which finds and locks, and
 * sweep_act.c, which acts.
 */
#ifndef PP_SWEEP_BATCH_H
#define PP_SWEEP_BATCH_H

#include "sweep/sweep_graph.h"

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
	bool		skip_locked;
	bool		over;			/* the label is gone, has become a draft, or is not bound */
	int			conflicts;
	int64		done;
} SweepBatch;

/*
 * sweep_act.c: deletes or treats due rows that are locked (tid[]), with what must go along; adds what
 * came of it to the batch. What stands in the way is counted into the rule, row by row.
 */
extern void act(SweepBatch *batch, ArrayType *rows);

/*
 * sweep_batch.c: one statement as the table's owner. $1 is the cut-off, $2 and $3 as the statement
 * needs them: a tid[], or two tids. Returns SPI_processed.
 */
extern int64 execute_rule(SweepBatch *batch, const char *statement, int nargs, Datum *values);

/* sweep_batch.c: somebody holds what we need, or has moved it to another partition while we waited. */
extern bool is_lock_conflict(const ErrorData *error);

#endif							/* PP_SWEEP_BATCH_H */
