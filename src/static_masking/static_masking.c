/*
 * static_masking.c: one run of static masking: which tables, under which locks, and all or nothing.
 *
 * An UPDATE that masks leaves every raw value behind in a dead row, doubles the table, and fires
 * triggers that copy values elsewhere. So a table is rewritten as ALTER TABLE rewrites it: a new
 * heap and new indexes, put in the place of the old files, which go when the transaction commits.
 * What ALTER TABLE would refuse (a column that a view uses) does not matter here, since no type
 * changes; what it takes care of (constraints, publications, statistics) falls to us.
 *
 * The parts: static_masking_check.c says which tables cannot be masked, static_masking_row.c masks
 * a row, static_masking_rewrite.c a table; afterwards static_masking_key.c checks foreign keys and
 * static_masking_view.c refreshes materialized views. static_masking_rekey.c is another errand: it
 * brings pseudonyms over to a scope's new version.
 *
 * Locks. Every table that is rewritten, and each parent of it that was named or labelled, is locked
 * in AccessExclusiveLock before the first is touched: parents before children, as queries lock them,
 * and otherwise in OID order. Other parents get AccessShareLock. The list is made again under the
 * locks until it has not changed, because a partition may be attached while we wait.
 *
 * Rights. The caller owns the tables, and it is the owner of each table as whom its treatments,
 * constraints and indexes are evaluated, restricted, with settings pinned. A label on a parent says
 * what becomes of its children's columns, so that both must have one owner.
 *
 * Errors. A treatment, a constraint or an index can fail on a row, and the server's message would
 * then quote it. So the work is done in a subtransaction, and what it raises is told in words that
 * cannot quote anything (pp_core_describe_error).
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "audit/audit.h"
#include "core/core.h"
#include "label/label.h"
#include "static_masking/static_masking_internal.h"

PG_FUNCTION_INFO_V1(pp_sql_mask_table);
PG_FUNCTION_INFO_V1(pp_sql_mask_database);

static List *lock_tables(Oid table);
static List *list_tables(Oid table);
static List *labelled_tables(void);
static bool has_treatment(Oid relid);
static void lock_table(Oid relid, const List *exclusive);
static bool is_owner(Oid relid);
static List *load_tables(const List *relids);
static MaskedTable *load_table(Oid relid);
static void add_treatments(MaskedTable *table, Oid source);
static void add_column(MaskedTable *table, const char *name, char *value);
static void report_nothing(Oid table);
static void mask_tables(void *arg);
static void record_table(const MaskedTable *table);
static void report_failure(const MaskRun *run, const ErrorData *error) pg_attribute_noreturn();
static const char *way_out(int sqlstate);

/* CALL mask_table(table_name regclass) */
Datum
pp_sql_mask_table(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);

	if (!OidIsValid(relid))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("which table is to be masked?"),
				errhint("CALL privacy.mask_table('schema.table'), or privacy.mask_database() for all."));
	pp_static_masking_run(relid);
	PG_RETURN_VOID();
}

/* CALL mask_database() */
Datum
pp_sql_mask_database(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	pp_static_masking_run(InvalidOid);
	PG_RETURN_VOID();
}

void
pp_static_masking_run(Oid table)
{
	MaskRun		run = {0};
	ErrorData  *error;
	List	   *relids;

	PreventCommandDuringRecovery("static masking");
	PreventCommandIfReadOnly("static masking");
	SPI_connect();
	relids = lock_tables(table);
	PushActiveSnapshot(GetTransactionSnapshot());
	run.tables = load_tables(relids);
	if (run.tables == NIL)
		report_nothing(table);
	error = pp_core_attempt(mask_tables, &run);
	if (error != NULL)
		report_failure(&run, error);
	PopActiveSnapshot();
	SPI_finish();
}

/* A partition attached while we waited is found by looking again under the locks. */
static List *
lock_tables(Oid table)
{
	List	   *relids = list_tables(table);
	List	   *before;

	do
	{
		ListCell   *cell;

		require_ownership(relids);
		foreach(cell, relids)
			lock_table(lfirst_oid(cell), relids);
		before = relids;
		relids = list_tables(table);
	} while (!equal(before, relids));
	require_ownership(relids);
	return relids;
}

/* With everything below, in OID order. */
static List *
list_tables(Oid table)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, OidIsValid(table) ? list_make1_oid(table) : labelled_tables())
		result = list_concat_unique_oid(result, find_all_inheritors(lfirst_oid(cell), NoLock, NULL));
	list_sort(result, list_oid_cmp);
	return result;
}

/* A look without locks, so that no table is locked for nothing: what counts is read under the locks. */
static List *
labelled_tables(void)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, pp_label_relations())
	{
		if (has_treatment(lfirst_oid(cell)))
			result = lappend_oid(result, lfirst_oid(cell));
	}
	return result;
}

static bool
has_treatment(Oid relid)
{
	ListCell   *cell;

	foreach(cell, pp_label_columns(relid))
	{
		Label	   *label = lfirst_int(cell) > 0 ? pp_label_load(relid, lfirst_int(cell)) : NULL;

		if (label != NULL && (label->masking != NULL || label->treatment != NULL))
			return true;
	}
	return false;
}

/* Queries lock a parent before its children; whoever locked otherwise would meet them halfway. */
static void
lock_table(Oid relid, const List *exclusive)
{
	List	   *above = pp_policy_ancestors(relid);

	for (int i = list_length(above) - 1; i >= 0; i--)
	{
		Oid			ancestor = list_nth_oid(above, i);

		LockRelationOid(ancestor, list_member_oid(exclusive, ancestor) ?
						AccessExclusiveLock : AccessShareLock);
	}
	LockRelationOid(relid, AccessExclusiveLock);
}

/* Asked before locking, so that nobody stands in a stranger's way, and again after it. */
void
require_ownership(const List *relids)
{
	ListCell   *cell;

	foreach(cell, relids)
	{
		Oid			relid = lfirst_oid(cell);
		char	   *name = pp_core_quote_relation(relid);

		if (!is_owner(relid))
			ereport(ERROR,
					errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					errmsg("must be owner of table %s", name),
					errdetail("Static masking rewrites the table."));
	}
}

static bool
is_owner(Oid relid)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(RelationRelationId, relid, GetUserId());
#else
	return pg_class_ownercheck(relid, GetUserId());
#endif
}

/* Those that hold rows of their own, and have something to mask. */
static List *
load_tables(const List *relids)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, relids)
	{
		MaskedTable *table;

		if (get_rel_relkind(lfirst_oid(cell)) == RELKIND_PARTITIONED_TABLE)
			continue;
		table = load_table(lfirst_oid(cell));
		if (table->columns != NIL)
			result = lappend(result, table);
	}
	return result;
}

static MaskedTable *
load_table(Oid relid)
{
	MaskedTable *table = palloc0(sizeof(MaskedTable));
	Relation	relation;
	ListCell   *cell;

	table->relid = relid;
	table->owner = pp_core_table_owner(relid);
	table->name = pp_core_quote_relation(relid);
	table->ancestors = pp_policy_ancestors(relid);
	add_treatments(table, relid);
	foreach(cell, table->ancestors)
		add_treatments(table, lfirst_oid(cell));
	if (table->columns == NIL)
		return table;
	relation = relation_open(relid, NoLock);
	find_changed(table, relation);
	check_table(table, relation);
	relation_close(relation, NoLock);
	return table;
}

/* What the labels of the table, or of one above it, say of its columns. */
static void
add_treatments(MaskedTable *table, Oid source)
{
	Oid			owner = pp_core_table_owner(source);
	CoreStay	stay;
	List	   *columns;
	ListCell   *cell;

	pp_core_enter(&stay, owner, true);
	columns = pp_policy_masking(source);
	pp_core_leave(&stay);
	if (columns != NIL && owner != table->owner)
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("table %s cannot be masked", table->name),
				errdetail("It belongs to another owner than table %s, whose label governs it.",
						  pp_core_quote_relation(source)),
				errhint("Let both have one owner."));
	foreach(cell, columns)
	{
		MaskedColumn *column = lfirst(cell);

		add_column(table, get_attname(source, column->attnum, false), column->value);
	}
}

/* A column's number can differ between a table and its parents; its name cannot. */
static void
add_column(MaskedTable *table, const char *name, char *value)
{
	MaskedColumn *added = palloc(sizeof(MaskedColumn));
	ListCell   *cell;

	added->attnum = get_attnum(table->relid, name);
	added->value = value;
	foreach(cell, table->columns)
	{
		MaskedColumn *column = lfirst(cell);

		if (column->attnum != added->attnum)
			continue;
		if (strcmp(column->value, value) != 0)
			ereport(ERROR,
					errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
					errmsg("table %s cannot be masked", table->name),
					errdetail("Its own label and a parent's treat column \"%s\" differently.", name),
					errhint("Leave the treatment to the parent's label."));
		return;
	}
	table->columns = lappend(table->columns, added);
}

/* Who names a table means it; a database may well have nothing. */
static void
report_nothing(Oid table)
{
	ereport(OidIsValid(table) ? ERROR : NOTICE,
			errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			OidIsValid(table) ? errmsg("table %s has nothing to mask", pp_core_quote_relation(table)) :
			errmsg("no table of this database has anything to mask"),
			errdetail("There is no table with rows whose columns have a treatment by an enforced label."),
			errhint("SECURITY LABEL FOR privacy ON COLUMN ... IS 'PSEUDONYMIZE'; drafts are not applied."));
}

static void
mask_tables(void *arg)
{
	MaskRun    *run = arg;
	ListCell   *cell;

	foreach(cell, run->tables)
	{
		MaskedTable *table = lfirst(cell);

		run->failure = psprintf("table %s could not be masked", table->name);
		rewrite_table(table);
	}
	check_foreign_keys(run);
	refresh_views(run);
	run->failure = "static masking could not be recorded";
	foreach(cell, run->tables)
	{
		record_table(lfirst(cell));
	}
}

static void
record_table(const MaskedTable *table)
{
	AuditEntry	entry = {.action = "mask.table", .object = table->name, .row_count = table->rows};
	StringInfoData detail;
	ListCell   *cell;

	initStringInfo(&detail);
	foreach(cell, table->columns)
	{
		AttrNumber	attnum = ((MaskedColumn *) lfirst(cell))->attnum;

		appendStringInfoString(&detail, detail.len > 0 ? ", " : "{\"columns\": [");
		escape_json(&detail, get_attname(table->relid, attnum, false));
	}
	appendStringInfoString(&detail, "]}");
	entry.detail = detail.data;
	pp_audit_append(&entry);
}

static void
report_failure(const MaskRun *run, const ErrorData *error)
{
	ereport(ERROR,
			errcode(error->sqlerrcode),
			errmsg("%s", run->failure),
			error->sqlerrcode == ERRCODE_FOREIGN_KEY_VIOLATION ?
			errdetail("A row would be left without the row that it refers to.") :
			errdetail("%s", pp_core_describe_error(error, true)),
			errhint("Nothing was changed.%s", way_out(error->sqlerrcode)));
}

static const char *
way_out(int sqlstate)
{
	switch (sqlstate)
	{
		case ERRCODE_FOREIGN_KEY_VIOLATION:
			return " Give both sides of the key the same treatment in the same scope, and mask them together.";
		case ERRCODE_UNIQUE_VIOLATION:
		case ERRCODE_EXCLUSION_VIOLATION:
			return " Choose a treatment that keeps different values different.";
		case ERRCODE_CHECK_VIOLATION:
		case ERRCODE_NOT_NULL_VIOLATION:
			return " Choose a treatment whose results the constraint allows.";
		default:
			return "";
	}
}
