/*
 * static_masking_view.c: materialized views hold copies.
 *
 * A materialized view that was made from a masked column, directly or through other views, would
 * keep the raw values in its own files. So it is refreshed in the same transaction, the views that
 * others are made from first. The server refreshes it with the rights of its owner; that the caller
 * may do so is checked by REFRESH as usual, and an error ends the whole run. A view that is not
 * populated stays so; only the planner may remember values of the time when it was.
 *
 * Which views read a column is known from pg_depend: a dependency on the column, or on the table
 * where only the row as a whole is used. Of a view's columns nobody records which column of the
 * table they come from, so that from the first view on, everything counts. What a function reads is
 * recorded nowhere.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_rewrite.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "core/core.h"
#include "static_masking/static_masking_internal.h"

/* Views found so far. */
typedef struct ViewSearch
{
	List	   *seen;			/* of Oid */
	List	   *materialized;	/* of Oid: each before those that are made from it */
} ViewSearch;

static void search_table(ViewSearch *search, const MaskedTable *table, Oid relid);
static void search_relation(ViewSearch *search, Oid relid, const Bitmapset *columns);
static List *dependent_rules(Oid relid, const Bitmapset *columns);
static Oid	view_of_rule(Oid rule);
static void refresh_view(MaskRun *run, Oid view);
static bool is_populated(Oid view);

void
refresh_views(MaskRun *run)
{
	ViewSearch	search = {0};
	ListCell   *cell;

	foreach(cell, run->tables)
	{
		MaskedTable *table = lfirst(cell);
		ListCell   *above;

		search_table(&search, table, table->relid);
		foreach(above, table->ancestors)
			search_table(&search, table, lfirst_oid(above));
	}
	foreach(cell, search.materialized)
	{
		refresh_view(run, lfirst_oid(cell));
	}
}

/* The table, or one above it, whose columns have other numbers. */
static void
search_table(ViewSearch *search, const MaskedTable *table, Oid relid)
{
	Bitmapset  *columns = NULL;
	int			bit = -1;

	while ((bit = bms_next_member(table->changed, bit)) >= 0)
	{
		AttrNumber	attnum = bit + FirstLowInvalidHeapAttributeNumber;

		attnum = get_attnum(relid, get_attname(table->relid, attnum, false));
		if (attnum > 0)
			columns = bms_add_member(columns, attnum);
	}
	if (columns != NULL)
		search_relation(search, relid, columns);
}

/* columns: those that matter; NULL for all of a view. A view comes into the list before what it found. */
static void
search_relation(ViewSearch *search, Oid relid, const Bitmapset *columns)
{
	ListCell   *cell;

	check_stack_depth();
	foreach(cell, dependent_rules(relid, columns))
	{
		Oid			view = view_of_rule(lfirst_oid(cell));
		char		kind = get_rel_relkind(view);

		if ((kind != RELKIND_VIEW && kind != RELKIND_MATVIEW) || view == relid ||
			list_member_oid(search->seen, view))
			continue;
		search->seen = lappend_oid(search->seen, view);
		search_relation(search, view, NULL);
		if (kind == RELKIND_MATVIEW)
			search->materialized = lcons_oid(view, search->materialized);
	}
}

static List *
dependent_rules(Oid relid, const Bitmapset *columns)
{
	Relation	depends = table_open(DependRelationId, AccessShareLock);
	List	   *result = NIL;
	ScanKeyData key[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&key[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(depends, DependReferenceIndexId, true, NULL, 2, key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend depend = (Form_pg_depend) GETSTRUCT(tuple);

		if (depend->classid == RewriteRelationId &&
			(columns == NULL || depend->refobjsubid == 0 || bms_is_member(depend->refobjsubid, columns)))
			result = list_append_unique_oid(result, depend->objid);
	}
	systable_endscan(scan);
	table_close(depends, AccessShareLock);
	return result;
}

static Oid
view_of_rule(Oid rule)
{
	Relation	rules = table_open(RewriteRelationId, AccessShareLock);
	Oid			view = InvalidOid;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_rewrite_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(rule));
	scan = systable_beginscan(rules, RewriteOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		view = ((Form_pg_rewrite) GETSTRUCT(tuple))->ev_class;
	systable_endscan(scan);
	table_close(rules, AccessShareLock);
	return view;
}

static void
refresh_view(MaskRun *run, Oid view)
{
	char	   *name = pp_core_quote_relation(view);

	run->failure = psprintf("materialized view %s could not be refreshed", name);
	LockRelationOid(view, ShareUpdateExclusiveLock);
	if (is_populated(view) &&
		SPI_execute(psprintf("REFRESH MATERIALIZED VIEW %s", name), false, 0) < 0)
		elog(ERROR, "SPI_execute failed");	/* cannot happen */
	remove_statistics(view);
}

static bool
is_populated(Oid view)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(view));
	bool		result = HeapTupleIsValid(tuple) && ((Form_pg_class) GETSTRUCT(tuple))->relispopulated;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return result;
}
