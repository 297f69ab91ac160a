/*
 * sweep_watch.c: did the batch do what it planned, and nothing else?
 *
 * A user's trigger runs inside the batch and may delete or change rows that must stay. The server counts
 * what a transaction does to each table; the batch compares those counts with its plan, in every
 * labelled table, and rolls back when they differ.
 */
#include "postgres.h"

#include "utils/fmgrprotos.h"
#include "utils/syscache.h"

#include "core/core.h"
#include "label/label.h"
#include "sweep/sweep_internal.h"

typedef struct WatchedTable
{
	Oid			relid;
	int64		deleted;
	int64		updated;
} WatchedTable;

struct SweepWatch
{
	List	   *tables;			/* of WatchedTable, with the counts at the start */
};

static WatchedTable *count_tuples(Oid relid);

SweepWatch *
start_watch(Oid leaf)
{
	SweepWatch *watch = palloc0(sizeof(SweepWatch));
	List	   *relids = list_make1_oid(leaf);
	ListCell   *cell;

	foreach(cell, pp_label_relations())
		if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(lfirst_oid(cell))))
			relids = list_concat_unique_oid(relids, leaves_of(lfirst_oid(cell)));
	foreach(cell, relids)
		watch->tables = lappend(watch->tables, count_tuples(lfirst_oid(cell)));
	return watch;
}

static WatchedTable *
count_tuples(Oid relid)
{
	WatchedTable *table = palloc(sizeof(WatchedTable));
	Datum		argument = ObjectIdGetDatum(relid);

	table->relid = relid;
	table->deleted = DatumGetInt64(DirectFunctionCall1(pg_stat_get_xact_tuples_deleted, argument));
	table->updated = DatumGetInt64(DirectFunctionCall1(pg_stat_get_xact_tuples_updated, argument));
	return table;
}

void
check_watch(SweepWatch *watch, Oid leaf, int64 deleted, int64 updated)
{
	ListCell   *cell;

	foreach(cell, watch->tables)
	{
		WatchedTable *before = lfirst(cell);
		WatchedTable *after = count_tuples(before->relid);
		bool		planned = before->relid == leaf;
		int64		deleted_more = after->deleted - before->deleted - (planned ? deleted : 0);
		int64		updated_more = after->updated - before->updated - (planned ? updated : 0);

		if (deleted_more != 0 || updated_more != 0)
			ereport(ERROR,
					errcode(ERRCODE_PP_EVIDENCE),
					errmsg("the batch changed rows that it had not planned"),
					errdetail("A trigger deleted " INT64_FORMAT " and updated " INT64_FORMAT " rows of table %s.",
							  deleted_more, updated_more, pp_core_quote_relation(before->relid)),
					errhint("A trigger must not delete or update rows of labelled tables while a sweep is at work."));
	}
}
