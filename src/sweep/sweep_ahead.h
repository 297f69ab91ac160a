/*
 * sweep_ahead.h: between the parts that look ahead and change nothing: preview, states, explanation,
 * forecast.
 */
#ifndef PP_SWEEP_AHEAD_H
#define PP_SWEEP_AHEAD_H

#include "funcapi.h"

#include "sweep/sweep_internal.h"

/* One owner's view of the references to a table, as of a moment. */
typedef struct BlockedView
{
	Oid			owner;			/* as whom the query runs */
	TimestampTz as_of;
	List	   *keys;			/* of ForeignKey: all of this database */
	List	   *labelled;		/* OIDs of every leaf that a label governs */
	List	   *reached;		/* OIDs of the leaves whose rows may go along */
	List	   *rules;			/* of RowRule: those resolved so far */
	int			asked;			/* references that are part of the question */
	List	   *uncounted;		/* OIDs of the tables, near or far, that are not asked */
} BlockedView;

/* One table whose rows may stand in the way. */
typedef struct Blocker
{
	const char *table;			/* quoted */
	const char *stays;			/* SQL, boolean over "target": a row that refers to it would stay */
} Blocker;

/* Behind the name of a table in uncounted. */
#define NOT_COUNTED " (not counted)"

/* A row by its primary key, as the parameters of a statement: $1 is the moment, the key follows. */
typedef struct RowKey
{
	char	   *match;			/* SQL, boolean over "target" */
	int			nargs;
	Oid			types[INDEX_MAX_KEYS + 1];
	Datum		values[INDEX_MAX_KEYS + 1];
} RowKey;

/* sweep_blocked.c */
extern BlockedView open_view(Oid owner, TimestampTz as_of);

/*
 * sweep_blocked.c: the tables that refer to a table, as Blockers; at most one per foreign key. What is
 * not asked is in view->uncounted.
 */
extern List *find_blockers(BlockedView *view, Oid relid);

/* sweep_blocked.c: SQL, boolean: any of them stands in the way. */
extern char *any_blocker(const List *blockers);

/* sweep_blocked.c: SQL, boolean over "target": the row would be deleted. What cannot be resolved stays. */
extern char *compile_goes(BlockedView *view, Oid relid);

/* sweep_state.c: the moment asked for (NULL: now); raises unless a cut-off could be it. */
extern TimestampTz moment_argument(FunctionCallInfo fcinfo, int argument);

/*
 * sweep_state.c: SQL, text: the state of a row (section 4 of the design: the first that fits). end:
 * SQL of its end; blocked: SQL, boolean.
 */
extern char *compile_state(const RetentionRule *rule, const char *end, const char *blocked);

/* sweep_state.c: reads a primary key, as the table's owner; raises when it does not fit, never quoting it. */
extern RowKey read_key(Oid relid, const char *key, TimestampTz as_of);

/*
 * sweep_state.c: does work(arg), which asks the rule of a table. An error is passed on with its
 * SQLSTATE, in words that cannot quote what the caller may not read.
 */
extern void ask_rule(Oid relid, void (*work) (void *arg), void *arg);

/* sweep_state.c: raises unless the user may see the whole row. */
extern void require_reader(Oid relid);

/* Does one statement as the owner, restricted and pinned, read-only; the result is in SPI_tuptable. The caller holds the SPI connection. */
extern void query_as_owner(Oid owner, const char *statement, int nargs, Oid *types, Datum *values);

#endif							/* PP_SWEEP_AHEAD_H */
