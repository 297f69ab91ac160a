/*
 * sweep_internal.h: between the parts of the sweep.
 */
#ifndef PP_SWEEP_INTERNAL_H
#define PP_SWEEP_INTERNAL_H

#include "nodes/bitmapset.h"
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

/* What becomes of the referencing row when the row it refers to is to go. */
typedef enum ReferenceKind
{
	REFERENCE_BLOCKS,			/* it stays, and so does the other */
	REFERENCE_AWAITS,			/* so it is, unless it goes for another reason */
	REFERENCE_ACCOMPANIES,		/* it goes if it is due by its own rule, else it blocks */
	REFERENCE_FOLLOWS,			/* it goes */
	REFERENCE_CLEARS			/* its columns are set to null or their defaults */
} ReferenceKind;

/* A foreign key of this database. */
typedef struct ForeignKey
{
	Oid			constraint;
	Oid			child;
	Oid			parent;
} ForeignKey;

/* A foreign key that leads to a leaf. */
typedef struct RowReference
{
	Oid			child;
	Oid			parent;			/* the leaf */
	const char *table;			/* the referencing table, quoted */
	List	   *keys;			/* of char *: the referenced columns, quoted */
	List	   *types;			/* their types */
	const char *match;			/* SQL: the row "child" refers to the row "target" */
	Bitmapset  *columns;		/* the referencing columns */
	char		action;			/* ON DELETE: FKCONSTR_ACTION_... */
	Bitmapset  *cleared;		/* the columns that SET NULL or SET DEFAULT sets */
	/* of a batch: */
	ReferenceKind kind;
	const char *due;			/* of a companion's rule: SQL over "target" */
	bool		opaque;			/* it blocks all rows, referred to or not */
	List	   *leaves;			/* of a reference that clears: of child */
	int			bit;			/* likewise: no other one's of the same leaf */
} RowReference;

/* sweep_reference.c: the foreign keys that lead to a leaf; keys: what load_keys() returned. */
extern List *load_keys(void);
extern List *references_among(List *keys, Oid leaf);
extern List *references_to(Oid leaf);

/* sweep_reference.c: whether an index of child begins with the referencing columns. */
extern bool reference_is_indexed(const RowReference *reference);

/* sweep_reference.c: one statement as an owner, restricted and pinned; returns SPI_processed. limit 0: none. */
extern int64 execute_as(Oid owner, const char *statement, int nargs, Oid *types, Datum *values, long limit);

/* sweep_record.c: counts rows of the rule that something keeps. */
extern void add_blocker(SweepRun *run, SweepRule *rule, const char *blocker, int64 count);

/* sweep_order.c: the rule that deletes the rows of a table: its own, or that of a table above it or below. */
extern SweepRule *find_row_rule(List *rules, Oid relid);

/* sweep_order.c: puts rules that delete referencing rows before those that delete the referenced. */
extern List *order_rules(List *rules);

/* sweep_tids.c: ctids as tid[], in order. Sorts them in place. */
extern ArrayType *tid_array(Datum *tids, int count);

/*
 * sweep_tids.c: SQL: the row "target" is one of those in a tid[] parameter made by tid_array(). Says it
 * so that only the pages between the first and the last are read.
 */
extern char *in_rows(int parameter);

/* sweep_watch.c: the transaction's own counts of deleted and updated tuples in every labelled table. */
typedef struct SweepWatch SweepWatch;
extern SweepWatch *start_watch(List *leaves);
extern void plan_watch(SweepWatch *watch, Oid leaf, int64 deleted, int64 updated);
extern void check_watch(SweepWatch *watch);

/* sweep_record.c: the run's own books, inside the transaction of what they tell. */
extern int64 record_start(TimestampTz cut_off);
extern void record_batch(SweepRun *run, SweepRule *rule, int64 count, List *effects);
extern int64 count_followers(List *effects);
extern void record_outcome(SweepRun *run, SweepRule *rule);
extern void record_end(SweepRun *run);

/* sweep.c: settings. */
extern int	sweep_batch_pages;

#endif							/* PP_SWEEP_INTERNAL_H */
