/*
 * sweep_internal.h: between the parts of the sweep.
 */
#ifndef PP_SWEEP_INTERNAL_H
#define PP_SWEEP_INTERNAL_H

#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"
#include "portability/instr_time.h"
#include "storage/block.h"
#include "utils/array.h"

#include "policy/policy.h"
#include "sweep/sweep.h"

/*
 * What of a leaf a pass still has to visit: pages, or rows that an index found. next and end count
 * either of them.
 */
typedef struct SweepRange
{
	Oid			leaf;
	Oid			filenode;		/* of the leaf when the pass began on it: a rewrite moves rows */
	BlockNumber next;
	BlockNumber end;
	struct ItemPointerData *found;	/* in order, in the run's memory; NULL: all pages are visited */
	int			pages;			/* that the next batch takes; adapted to what the latest one took */
	int			most_pages;		/* that any batch of this leaf takes */
	bool		emptied;		/* by TRUNCATE: its rows are no load */
} SweepRange;

/* What was done since the latest pause ended. */
typedef struct SweepLoad
{
	instr_time	since;
	double		worked;			/* seconds */
	int64		rows;
	uint64		wal_bytes;
} SweepLoad;

/* One rule in one run. Lives in the run's memory, across batches. */
typedef struct SweepRule
{
	Oid			relid;
	AttrNumber	attnum;			/* 0: rows are deleted */
	const char *table;			/* quoted */
	const char *text;
	const char *promise;		/* its labels as the run found them; NULL: not read yet */
	const char *state;			/* "enforced", "draft", "unbound", "parked", "failed", "waiting
								 * ..." */
	const char *problem;		/* why it is parked or failed, or what it waits for, without values */
	const char *basis;			/* JSON: its purposes and their legal bases; NULL where it has none */
	bool		approved;
	int64		done;			/* rows deleted or values treated, committed */
	int64		due;			/* as counted before the first batch, or estimated; 0: not counted */
	int64		allowed;		/* what may be done before the breaker is asked again */
	bool		left_out;		/* a leaf that must not be touched; problem says which */
	List	   *uncounted;		/* leaves that somebody held when the breaker counted */
	bool		started;		/* in this run, by start_rule() */
	TimestampTz since;
	bool		through;		/* a pass has come to its end */
	SweepLoad	load;			/* where its table has a pace of its own */
	/* of a pass that others have turns in between of: */
	bool		unfinished;
	List	   *leaves;			/* still to come */
	SweepRange	range;
	/* of the latest pass only: */
	int64		pass_done;
	bool		alone;			/* nobody else wrote meanwhile: no row can have moved behind the
								 * pass */
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
	SweepLoad	load;			/* of all rules without a pace of their own */
	instr_time	turn;			/* when the present one began */
	List	   *followed;		/* of FollowedTable: what follows, by its table (sweep_followers.c) */
	const char *copied;			/* why this database is taken for a copy, or NULL */
	List	   *rules;			/* of SweepRule, in the order in which they run */
} SweepRun;

/* sweep_run.c: commits and starts the next transaction, READ COMMITTED, with a short lock_timeout. */
extern void next_transaction(SweepRun *run);

/*
 * sweep_run.c: whether the labels still say what they said when the run began; at the first call notes
 * what they say, and on which basis, in the run's memory.
 */
extern bool keeps_promise(SweepRun *run, SweepRule *rule, const RetentionRule *resolved);

/* sweep_run.c: the ordinary tables that hold the rows of a table: itself, or its leaves and children. */
extern List *leaves_of(Oid relid);

/*
 * sweep_pass.c: goes once through everything a rule governs, batch by batch; or, where other rules wait,
 * for a turn: then the rule says that it is unfinished, and the next call goes on.
 */
extern void run_pass(SweepRun *run, SweepRule *rule);

/* sweep_pace.c: begins a rule's turn; pauses as pace_batch() does if it has a pause to make up for. */
extern bool begin_turn(SweepRun *run, SweepRule *rule);

/*
 * sweep_pace.c: after each committed batch, outside any transaction's work: sleeps as long as the
 * settings and the table's own pace want, interruptibly, rereading both. Resets the batch's memory.
 * False: the turn is over, and the rule is unfinished; or the window has closed, and the pass is over:
 * the rule says so in its state.
 */
extern bool pace_batch(SweepRun *run, SweepRule *rule, double seconds, int64 rows, uint64 wal_bytes);

/* sweep_pace.c: registers the settings of the pace. */
extern void init_pace(void);

/* sweep_pace.c: puts off the rules whose window is closed, and begins to measure. */
extern void hold_for_window(SweepRun *run);

/* sweep_breaker.c: registers the settings of the circuit breaker. */
extern void init_breaker(void);

/*
 * sweep_breaker.c: whether a rule has to wait for somebody's approval, before its first batch: it
 * would take too much of its table, or this database is a copy. Then the rule says so in its state.
 */
extern bool breaker_holds(SweepRun *run, SweepRule *rule);

/* sweep_breaker.c: after a batch: the same, where the rule has taken more than was counted. */
extern bool outgrows_breaker(SweepRun *run, SweepRule *rule);

/* sweep_breaker.c: the rule waits for an approval, and says why. */
extern void hold_rule(SweepRun *run, SweepRule *rule, const char *problem);

/* sweep_origin.c: whether this database is a copy of the one where it swept; fills in run->copied. */
extern void find_origin(SweepRun *run);

/* sweep_origin.c: what tells this database from its copies; palloc'd. Not during recovery. */
extern char *describe_origin(void);

/* sweep_breaker.c: uses up the approvals of rules that went through. */
extern void settle_approvals(SweepRun *run);

/* sweep_pass.c: registers the settings of batches. */
extern void init_batches(void);

/* sweep_pass.c: milliseconds that one batch aims at. */
extern int	batch_target_ms;

/* sweep_pass.c: how the commits of batches wait: as SYNCHRONOUS_COMMIT_..., ON for the session's own. */
extern int	batch_commit;

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

/* sweep_kept.c: the same without limit, on given pages or rows, with a plan that is kept for the batches to come. */
extern int64 execute_kept(Oid owner, const char *statement, int nargs, Oid *types, Datum *values);

/* The condition of rows in a tid[], in such statements. */
#define IN_ROWS(parameter) PP_TARGET ".ctid = ANY (" parameter ")"

/* sweep_record.c: counts rows of the rule that something keeps. */
extern void add_blocker(SweepRun *run, SweepRule *rule, const char *blocker, int64 count);

/* sweep_order.c: the rule that deletes the rows of a table: its own, or that of a table above it or below. */
extern SweepRule *find_row_rule(List *rules, Oid relid);

/* sweep_order.c: puts rules that delete referencing rows before those that delete the referenced. */
extern List *order_rules(List *rules);

/* sweep_tids.c: ctids as tid[], in order. Sorts them in place. */
extern ArrayType *tid_array(Datum *tids, int count);

/*
 * sweep_tids.c: SQL: the row "target" is one of rows, which tid_array() made and the parameter holds. Says
 * it so that only their pages are read.
 */
extern char *in_rows(int parameter, ArrayType *rows);

/* sweep_watch.c: the transaction's own counts of deleted and updated tuples in every labelled table. */
typedef struct SweepWatch SweepWatch;
extern SweepWatch *start_watch(List *leaves);
extern void plan_watch(SweepWatch *watch, Oid leaf, int64 deleted, int64 updated);
extern void check_watch(SweepWatch *watch);

/* sweep_record.c: the tables that still refer to blocked rows, in words; NULL for none. */
extern char *name_blockers_of(const SweepRule *rule);

/* sweep_record.c: the run's own books, inside the transaction of what they tell. */
extern void record_start(SweepRun *run);
extern void record_batch(SweepRun *run, SweepRule *rule, int64 count, List *effects);
extern int64 count_followers(List *effects);
extern void record_outcome(SweepRun *run, SweepRule *rule);
extern void record_end(SweepRun *run);

/*
 * sweep_progress.c: shows in shared memory, and as the status text of a worker, what the run is at.
 * rule NULL: no rule in particular. The phases: planning, running, throttled by ..., waiting for a standby,
 * sealing; doc/operations.md lists them. Without shared_preload_libraries nothing is shown. In a
 * worker it also answers signals and rereads settings.
 */
extern void report_phase(SweepRun *run, SweepRule *rule, const char *phase);

/* sweep_progress.c: which time since a start or a crash of the server this is; false: not known. */
extern bool read_uptime(int64 *id, bool *after_crash);

/* sweep_standing.c: registers the settings of history, time limit and retries. */
extern void init_standing(void);

/*
 * sweep_standing.c: commits the mark that the rule is at work, outside any snapshot. False: the rule
 * is not to run, and says so in its state and problem.
 */
extern bool start_rule(SweepRun *run, SweepRule *rule);

/*
 * sweep_standing.c: before a pause, outside any snapshot: takes the mark away, since a crash meanwhile is
 * nobody's fault; start_rule() sets it again.
 */
extern void suspend_rule(SweepRun *run);

/* sweep_standing.c: inside a transaction: a run begins; what others left unfinished is judged. */
extern void settle_unfinished(void);

/* sweep_standing.c: inside the batch's transaction: count more rows or values of the rule are done. */
extern void add_to_standing(SweepRule *rule, int64 count);

/* sweep_standing.c: inside the last transaction: how the rule ended. */
extern void record_standing(SweepRun *run, SweepRule *rule, const char *state);

/* sweep_standing.c: inside the last transaction: forgets old runs, and rules of tables that are gone. */
extern void forget_history(void);

/* sweep_standing.c: milliseconds that one batch may take; 0: as long as it likes. */
extern int	sweep_batch_timeout;

/* sweep.c: settings. */
extern int	sweep_batch_pages;

#endif							/* PP_SWEEP_INTERNAL_H */
