/*
 * sweep_watch.c: did the batch do what it planned, and nothing else?
 *
 * A user's trigger, or a foreign key's action, runs inside the batch and may delete or change rows
 * that must stay. The server counts what a transaction does to each table; the batch compares those
 * counts with its plan, in every labelled table, every table that the batch acts on, and every one
 * that refers to such, and rolls back when they differ. The counts are kept by the level of
 * subtransactions, and what was rolled back is in none of them.
 *
 * The server lists the tables that a transaction has touched, and there are few: so nothing here
 * grows with the number of tables or partitions.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/lock.h"
#include "utils/pgstat_internal.h"

#include "core/core.h"
#include "label/label.h"
#include "sweep/sweep_internal.h"

typedef struct TupleCounts
{
	int64		deleted;
	int64		updated;
	int64		inserted;
} TupleCounts;

typedef struct WatchedTable
{
	Oid			relid;
	TupleCounts before;
	TupleCounts after;
	TupleCounts plan;
	bool		planned;
} WatchedTable;

struct SweepWatch
{
	List	   *leaves;			/* that the batch acts on */
	List	   *tables;			/* of WatchedTable: touched or planned */
};

static WatchedTable *watch_table(SweepWatch *watch, Oid relid);
static void count_touched(SweepWatch *watch, bool after);
static void judge_table(const SweepWatch *watch, const WatchedTable *table);
static bool matters(const SweepWatch *watch, Oid relid);
static void check_rewrites(const SweepWatch *watch);
static List *tables_that_matter(const SweepWatch *watch);
static bool is_ours(Oid relid);

SweepWatch *
start_watch(List *leaves)
{
	SweepWatch *watch = palloc0(sizeof(SweepWatch));

	watch->leaves = leaves;
	count_touched(watch, false);
	return watch;
}

/* What the batch means to do to one of the leaves. */
void
plan_watch(SweepWatch *watch, Oid leaf, int64 deleted, int64 updated)
{
	WatchedTable *table = watch_table(watch, leaf);

	table->planned |= deleted > 0;
	table->plan.deleted += deleted;
	table->plan.updated += updated;
}

static WatchedTable *
watch_table(SweepWatch *watch, Oid relid)
{
	WatchedTable *table;
	ListCell   *cell;

	foreach(cell, watch->tables)
	{
		table = lfirst(cell);
		if (table->relid == relid)
			return table;
	}
	table = palloc0(sizeof(WatchedTable));
	table->relid = relid;
	watch->tables = lappend(watch->tables, table);
	return table;
}

/* Not pg_stat_get_xact_...(): they also count what a trigger has done and taken back. */
static void
count_touched(SweepWatch *watch, bool after)
{
	PgStat_SubXactStatus *level = pgstat_get_xact_stack_level(GetCurrentTransactionNestLevel());

	for (; level != NULL; level = level->prev)
	{
		for (PgStat_TableXactStatus *touched = level->first; touched != NULL; touched = touched->next)
		{
#if PG_VERSION_NUM >= 160000
			WatchedTable *table = watch_table(watch, touched->parent->id);
#else
			WatchedTable *table = watch_table(watch, touched->parent->t_id);
#endif
			TupleCounts *counts = after ? &table->after : &table->before;

			counts->deleted += touched->tuples_deleted;
			counts->updated += touched->tuples_updated;
			counts->inserted += touched->tuples_inserted;
		}
	}
}

void
check_watch(SweepWatch *watch)
{
	ListCell   *cell;

	count_touched(watch, true);
	foreach(cell, watch->tables)
	{
		WatchedTable *table = lfirst(cell);

		/* TRUNCATE counts no tuples, but it changes the table's row in pg_class */
		if (table->relid == RelationRelationId && memcmp(&table->before, &table->after, sizeof(TupleCounts)) != 0)
			check_rewrites(watch);
		judge_table(watch, table);
	}
}

static void
judge_table(const SweepWatch *watch, const WatchedTable *table)
{
	int64		deleted = table->after.deleted - table->before.deleted - table->plan.deleted;
	int64		updated = table->after.updated - table->before.updated - table->plan.updated;
	int64		inserted = table->after.inserted - table->before.inserted;

	/* a trigger may keep a log elsewhere, but not put rows back where they are swept */
	if (deleted == 0 && updated == 0 && (inserted == 0 || !table->planned))
		return;
	if (matters(watch, table->relid))
		ereport(ERROR,
				errcode(ERRCODE_PP_EVIDENCE),
				errmsg("the batch changed rows that it had not planned"),
				errdetail("A trigger or a foreign key deleted " INT64_FORMAT ", updated " INT64_FORMAT " and inserted " INT64_FORMAT " rows of table %s.",
						  deleted, updated, inserted, pp_core_quote_relation(table->relid)),
				errhint("No trigger may delete or update rows of labelled tables while a sweep is at work."));
}

/* It is acted on, or labelled by itself or above, or refers to what is acted on. */
static bool
matters(const SweepWatch *watch, Oid relid)
{
	List	   *family = lcons_oid(relid, pp_policy_ancestors(relid));
	List	   *unlabelled = list_difference_oid(family, pp_label_relations());
	ListCell   *cell;

	if (list_member_oid(watch->leaves, relid) || list_length(unlabelled) < list_length(family))
		return true;
	foreach(cell, load_keys())
	{
		ForeignKey *key = lfirst(cell);

		if (list_member_oid(watch->leaves, key->parent) && list_member_oid(family, key->child))
			return true;
	}
	return false;
}

/* Whoever rewrites a table locks it; else it was somebody else. */
static void
check_rewrites(const SweepWatch *watch)
{
	ListCell   *cell;

	foreach(cell, tables_that_matter(watch))
	{
		if (is_ours(lfirst_oid(cell)))
			ereport(ERROR,
					errcode(ERRCODE_PP_EVIDENCE),
					errmsg("the batch changed rows that it had not planned"),
					errdetail("A trigger truncated or rewrote table %s.", pp_core_quote_relation(lfirst_oid(cell))));
	}
}

static List *
tables_that_matter(const SweepWatch *watch)
{
	List	   *tables = list_copy(watch->leaves);
	ListCell   *cell;

	foreach(cell, pp_label_relations())
	{
		tables = list_concat(tables, leaves_of(lfirst_oid(cell)));
	}
	foreach(cell, load_keys())
	{
		if (list_member_oid(watch->leaves, ((ForeignKey *) lfirst(cell))->parent))
			tables = list_concat(tables, leaves_of(((ForeignKey *) lfirst(cell))->child));
	}
	return tables;
}

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
