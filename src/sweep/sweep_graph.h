/*
 * sweep_graph.h: the rows that must go together, between the parts that find, judge and delete them.
 *
 * Words: the batch's own due rows are roots. Rows of unlabelled tables that a foreign key ON DELETE
 * CASCADE would take along follow; those under SET NULL or SET DEFAULT are cleared. Rows of labelled
 * tables that refer to any of them, and are due by their own rule, are companions.
 */
#ifndef PP_SWEEP_GRAPH_H
#define PP_SWEEP_GRAPH_H

#include "storage/itemptr.h"

#include "sweep/sweep_internal.h"

/* Roots, companions, followers and cleared rows that one act may hold, with the references between them: some 200 MB. */
#define MAX_GRAPH_ROWS 1000000

/* A leaf whose rows may go with the root's, or be cleared. */
typedef struct ReachTable
{
	Oid			leaf;
	const char *name;			/* quoted */
	Oid			owner;
	bool		goes;			/* its rows may be deleted; else only cleared */
	RetentionRule *resolved;	/* by which its rows are due; NULL: they follow */
	SweepRule  *rule;			/* the same in the run; NULL likewise */
	List	   *references;		/* of RowReference, to this leaf, the blocking ones first */
	/* of the act at work: */
	List	   *pending;		/* of GraphRow: rows whose references are still to be read */
} ReachTable;

/* Every table that a batch may have to touch. In the batch's memory, under its locks. */
typedef struct SweepReach
{
	SweepRun   *run;
	List	   *keys;			/* of ForeignKey: all of this database */
	List	   *tables;			/* of ReachTable, the root's leaf first */
	List	   *clearing;		/* of RowReference: all that clear */
	const char *at_work;		/* a table, not of the root's rule, that may raise */
} SweepReach;

typedef struct GraphEdge GraphEdge;

typedef struct GraphRow
{
	Oid			leaf;			/* with tid: the key */
	ItemPointerData tid;
	ReachTable *table;
	bool		root;
	bool		gone;			/* not due any more when it was looked at again */
	bool		looked_at;		/* has been pending */
	bool		goes;			/* will be deleted */
	bool		reached;		/* scratch: something that goes takes it along */
	uint64		cleared;		/* scratch: by the bits of the references to be cleared */
	const char *blocker;		/* the table whose row keeps it */
	GraphEdge  *referring;		/* edges in which it is the parent */
	GraphEdge  *referred;		/* edges in which it is the child */
} GraphRow;

struct GraphEdge
{
	GraphRow   *parent;
	GraphRow   *child;
	RowReference *reference;
	GraphEdge  *next_referring;
	GraphEdge  *next_referred;
};

typedef struct RowGraph
{
	SweepReach *reach;
	TimestampTz cut_off;
	struct HTAB *index;
	List	   *rows;			/* of GraphRow, the roots first */
	int			size;			/* rows and edges */
	bool	   *too_large;		/* told before the error is raised */
} RowGraph;

/* What an act did to a table beside the root's rule. */
typedef struct SweepEffect
{
	const char *table;			/* quoted */
	SweepRule  *rule;			/* of companions and fellows; NULL: followers */
	int64		deleted;		/* or treated, by fellows */
	int64		cleared;
	Oid			leaf;			/* of followers */
} SweepEffect;

/* sweep_record.c: adds what was done to a table to a list of SweepEffect; *more is copied. */
extern void add_effect(List **effects, const SweepEffect *more);

/* sweep_reach.c: from the leaf of a rule, under locks that last until the end of the transaction. */
extern SweepReach *load_reach(SweepRun *run, SweepRule *rule, RetentionRule *resolved, Oid leaf);
extern ReachTable *find_reached(SweepReach *reach, Oid leaf);

/*
 * sweep_reach.c: says on which table the next statement works (NULL: on none). An error there only
 * blocks, unless the table is of the root's rule.
 */
extern void put_to_work(SweepReach *reach, const ReachTable *table);

/*
 * sweep_collect.c: the graph below the due rows (tid[], locked) of the reach's first leaf. Locks
 * what may go. Raises program_limit_exceeded, after setting *too_large, when it is too large.
 */
extern RowGraph *collect_rows(SweepReach *reach, TimestampTz cut_off, ArrayType *rows, bool *too_large);

/* sweep_graph.c: an empty graph, in the current memory context. */
extern RowGraph *make_graph(SweepReach *reach, TimestampTz cut_off, bool *too_large);

/* sweep_graph.c: adds a row unless it is there. */
extern GraphRow *add_row(RowGraph *graph, ReachTable *table, ItemPointer tid);
extern GraphRow *find_row(RowGraph *graph, Oid leaf, ItemPointer tid);
extern void add_edge(RowGraph *graph, GraphRow *parent, GraphRow *child, RowReference *reference);

/* sweep_graph.c: a row that goes does not, because of a table (NULL: because it is not due any more). */
extern void keep_row(GraphRow *row, const char *blocker);

/* sweep_graph.c: decides which rows go: those from which nothing that stays can be reached. */
extern void settle(RowGraph *graph);

/* sweep_graph.c: the ctids of GraphRows as tid[]. */
extern ArrayType *tids_of(const List *rows);

/* sweep_graph.c: whether the rows that go are roots, and nothing refers to them. */
extern bool graph_is_plain(RowGraph *graph);

/*
 * sweep_apply.c: clears and deletes what the graph says, children first, and compares what the
 * server counted. Returns the number of rows deleted of the reach's first table's rule; *effects
 * gets SweepEffects of the others. Raises an integrity violation that names the table when a
 * trigger kept one.
 */
extern int64 apply_graph(RowGraph *graph, List **effects);

/* A search for the rows that refer to some rows. */
typedef struct ReferenceSearch
{
	RowReference *reference;
	Oid			leaf;			/* of the rows referred to */
	int			nargs;			/* $1 the cut-off, $2 the rows' ctids, then their keys */
	Oid		   *types;
	Datum	   *values;
} ReferenceSearch;

/* sweep_search.c: reads the keys of some rows of a leaf; NULL when none is left. */
extern ReferenceSearch *start_search(RowReference *reference, Oid leaf, TimestampTz cut_off, ArrayType *rows);

/* sweep_search.c: the result, of rows (tid), in SPI_tuptable: those referred to by a row that is not due (NULL: by any). */
extern int64 search_referred(ReferenceSearch *search, const char *due);

/* sweep_search.c: the result: (parent tid, child's leaf oid, child tid), at most limit + 1, children locked if told so. */
extern int64 search_referring(ReferenceSearch *search, const char *lock, int limit);

#endif							/* PP_SWEEP_GRAPH_H */
