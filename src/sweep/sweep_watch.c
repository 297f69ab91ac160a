/*
 * sweep_watch.c: did the batch do what it planned, and nothing else?
 *
 * A user's trigger, or a foreign key's action, runs inside the batch and may delete or change rows
 * that must stay. The server counts what a transaction does to each table; the batch compares those
 * counts with its plan, in every labelled table, every table that the batch acts on, and every one
 * that refers to such, and rolls back when they differ. The counts are kept by the level of
 * subtransactions, and what was rolled back is in none of them.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/lock.h"
#include "utils/pgstat_internal.h"
#include "utils/syscache.h"

#include "core/core.h"
#include "label/label.h"
#include "sweep/sweep_internal.h"

typedef struct WatchedTable
{
	Oid			relid;
	int64		deleted;
	int64		updated;
	int64		inserted;
	Oid			filenode;		/* TRUNCATE does not count tuples, it changes this */
	bool		planned;
	int64		planned_deleted;
	int64		planned_updated;
} WatchedTable;

struct SweepWatch
{
	List	   *tables;			/* of WatchedTable, with the counts at the start */
};

static WatchedTable *count_tuples(Oid relid);
static PgStat_TableXactStatus *find_counts(Oid relid);
static Oid	filenode_of(Oid relid);
static bool is_ours(Oid relid);

SweepWatch *
start_watch(List *leaves)
{
	SweepWatch *watch = palloc0(sizeof(SweepWatch));
	List	   *relids = list_copy(leaves);
	List	   *keys = load_keys();
	ListCell   *cell;

	foreach(cell, pp_label_relations())
	{
		relids = list_concat_unique_oid(relids, leaves_of(lfirst_oid(cell)));
	}
	foreach(cell, keys)
	{
		if (list_member_oid(leaves, ((ForeignKey *) lfirst(cell))->parent))
			relids = list_concat_unique_oid(relids, leaves_of(((ForeignKey *) lfirst(cell))->child));
	}
	foreach(cell, relids)
		watch->tables = lappend(watch->tables, count_tuples(lfirst_oid(cell)));
	return watch;
}

/* What the batch means to do to one of the leaves. */
void
plan_watch(SweepWatch *watch, Oid leaf, int64 deleted, int64 updated)
{
	ListCell   *cell;

	foreach(cell, watch->tables)
	{
		WatchedTable *table = lfirst(cell);

		if (table->relid != leaf)
			continue;
		table->planned |= deleted > 0;
		table->planned_deleted += deleted;
		table->planned_updated += updated;
	}
}

static WatchedTable *
count_tuples(Oid relid)
{
	WatchedTable *table = palloc0(sizeof(WatchedTable));

	table->relid = relid;
	for (PgStat_TableXactStatus *level = find_counts(relid); level != NULL; level = level->upper)
	{
		table->deleted += level->tuples_deleted;
		table->updated += level->tuples_updated;
		table->inserted += level->tuples_inserted;
	}
	table->filenode = filenode_of(relid);
	return table;
}

/* Not pg_stat_get_xact_...(): they also count what a trigger has done and taken back. */
static PgStat_TableXactStatus *
find_counts(Oid relid)
{
	PgStat_EntryRef *entry = pgstat_fetch_pending_entry(PGSTAT_KIND_RELATION, MyDatabaseId, relid);

	return entry != NULL && entry->pending != NULL ? ((PgStat_TableStatus *) entry->pending)->trans : NULL;
}

static Oid
filenode_of(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			filenode = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		filenode = ((Form_pg_class) GETSTRUCT(tuple))->relfilenode;
		ReleaseSysCache(tuple);
	}
	return filenode;
}

/* Whoever rewrites a table locks it; else it was somebody else. */
static bool
is_ours(Oid relid)
{
	LOCKTAG		tag;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, relid);
#if PG_VERSION_NUM >= 170000
	return LockHeldByMe(&tag, AccessExclusiveLock, false);
#else
	return LockHeldByMe(&tag, AccessExclusiveLock);
#endif
}

void
check_watch(SweepWatch *watch)
{
	ListCell   *cell;

	foreach(cell, watch->tables)
	{
		WatchedTable *before = lfirst(cell);
		WatchedTable *after = count_tuples(before->relid);
		int64		deleted_more = after->deleted - before->deleted - before->planned_deleted;
		int64		updated_more = after->updated - before->updated - before->planned_updated;

		/* a trigger may keep a log elsewhere, but not put rows back where they are swept */
		if (after->filenode != before->filenode && is_ours(before->relid))
			ereport(ERROR,
					errcode(ERRCODE_PP_EVIDENCE),
					errmsg("the batch changed rows that it had not planned"),
					errdetail("A trigger truncated or rewrote table %s.", pp_core_quote_relation(before->relid)));
		if (deleted_more != 0 || updated_more != 0 || (before->planned && after->inserted != before->inserted))
			ereport(ERROR,
					errcode(ERRCODE_PP_EVIDENCE),
					errmsg("the batch changed rows that it had not planned"),
					errdetail("A trigger or a foreign key deleted " INT64_FORMAT ", updated " INT64_FORMAT " and inserted " INT64_FORMAT " rows of table %s.",
							  deleted_more, updated_more, after->inserted - before->inserted,
							  pp_core_quote_relation(before->relid)),
					errhint("No trigger may delete or update rows of labelled tables while a sweep is at work."));
	}
}
