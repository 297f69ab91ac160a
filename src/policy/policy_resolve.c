/*
 * policy_resolve.c: from a stored label to a rule the sweep can run.
 *
 * The same path serves a label that is being set (check_rule) and every batch that acts on it
 * (pp_policy_resolve): what would be refused then parks the rule now, since tables, purposes and
 * grants change after a label was set. Everything resolves as the table's owner under pinned
 * settings.
 *
 * A table and its columns are one promise. A column's rule holds only while the table's label does;
 * a row's only while those of its columns with a RETAIN of their own do, because it waits for them.
 * So whichever rule is asked for, all labels that decide about it are locked, verified and bound
 * together (Resolution).
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "policy/policy_internal.h"

/* The year 290000. */
#define LAST_CUT_OFF ((TimestampTz) (INT64CONST(105189840) * USECS_PER_DAY))

/* A label while its rule is made: what belongs to the table as a whole. */
typedef struct Resolution
{
	LabelTarget target;
	const Label *table;			/* NULL: the table itself has no label */
	Promises   *promises;
	TermList	list;			/* the table's terms, where it has any */
	Bitmapset  *read;			/* columns that decide when rows and values are due */
	List	   *parents;		/* tables whose labels were checked */
	bool		bind;
	bool		unbound;		/* the table's label, or one that it leads to */
} Resolution;

static void open_resolution(Resolution *resolution, Oid relid, const Label *table, TimestampTz cut_off, bool bind);
static void open_table(Resolution *resolution);
static Label *own_list(Oid relid, AttrNumber attnum);
static void resolve_row(Resolution *resolution, RetentionRule *rule);
static void keep_for_column(Resolution *resolution, AttrNumber attnum, RetentionRule *rule);
static char *resolve_column(Resolution *resolution, const Label *column, RetentionRule *rule, StringInfo binding);
static TermList column_terms(Resolution *resolution, const Label *column);
static List *served_names(const Promises *promises, const Label *label, const List *wanted);
static void check_served(const Resolution *resolution, const Label *column);
static void check_named(const Resolution *resolution, const LabelName *purpose);
static char *join_names(const List *names);
static void check_cut_off(TimestampTz cut_off);
static const char *check_table_rule(Oid relid, const Label *label);
static void check_relatives(Oid relid);
static void park(const char *object, const char *reason) pg_attribute_noreturn();
static bool retains(Oid relid);

RetentionRule *
pp_policy_resolve(Oid relid, AttrNumber attnum, TimestampTz cut_off, bool bind)
{
	RetentionRule *rule = palloc0(sizeof(RetentionRule));
	StringInfo	binding = makeStringInfo();
	Resolution	resolution;
	LabelReading reading;
	CoreStay	stay;
	Label	   *table;
	Label	   *label;

	check_cut_off(cut_off);
	pp_label_lock(relid, false);
	table = pp_label_load(relid, 0);
	label = attnum == 0 ? table : pp_label_load(relid, attnum);
	if (label == NULL || (attnum == 0 ? !label_retains(label) : label->treatment == NULL))
		return NULL;
	pp_label_check_fits(relid, attnum, label);

	pp_label_open(&reading, label->source, describe(relid, attnum));
	pp_core_enter(&stay, pp_core_table_owner(relid), true);
	open_resolution(&resolution, relid, table, cut_off, bind);
	rule->relid = relid;
	rule->attnum = attnum;
	rule->owner = resolution.target.owner;
	rule->draft = table != NULL && table->draft;
	rule->restricted = rule->held = "false";
	if (attnum == 0)
		resolve_row(&resolution, rule);
	else
	{
		(void) resolve_column(&resolution, label, rule, binding);
		rule->unbound = !is_bound(relid, attnum, binding->data, bind);
	}
	rule->unbound |= resolution.unbound;
	pp_core_leave(&stay);
	pp_label_close(&reading);
	return rule;
}

/* Above the calendar stand the signs by which an end says that it is none (policy_end.c). */
static void
check_cut_off(TimestampTz cut_off)
{
	if (TIMESTAMP_NOT_FINITE(cut_off) || cut_off >= LAST_CUT_OFF)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("a cut-off must be a moment before the year 290000"),
				errhint("Give a timestamp, or none for now."));
}

/* As the owner. What is common to the table and its columns; the table's label is verified with all it leads to. */
static void
open_resolution(Resolution *resolution, Oid relid, const Label *table, TimestampTz cut_off, bool bind)
{
	ListCell   *cell;

	memset(resolution, 0, sizeof(Resolution));
	resolution->target.relid = relid;
	resolution->target.owner = pp_core_table_owner(relid);
	resolution->target.alias = PP_TARGET;
	resolution->target.binding = makeStringInfo();	/* of what is compiled: nobody looks at it */
	resolution->table = table;
	resolution->promises = load_promises(cut_off);
	resolution->bind = bind;
	check_relatives(relid);
	check_manager(relid);
	if (table != NULL)
		open_table(resolution);
	foreach(cell, pp_label_columns(relid))
	{
		Label	   *label = own_list(relid, lfirst_int(cell));
		LabelTarget names = resolution->target;
		LabelReading reading;

		if (label == NULL)
			continue;
		pp_label_open(&reading, label->source, describe(relid, lfirst_int(cell)));
		names.columns = NULL;
		resolve_names(&names, label);
		resolution->read = bms_union(resolution->read, names.columns);
		pp_label_close(&reading);
	}
}

static void
open_table(Resolution *resolution)
{
	LabelTarget names = resolution->target;
	LabelReading reading;
	Oid			relid = names.relid;

	pp_label_open(&reading, resolution->table->source, describe(relid, 0));
	resolution->unbound = !check_parents(relid, resolution->table, &resolution->parents, resolution->bind);
	names.binding = makeStringInfo();
	resolve_names(&names, resolution->table);
	resolution->read = bms_copy(names.columns);
	resolution->unbound |= !is_bound(relid, 0, names.binding->data, resolution->bind);
	resolution->list = open_terms(&resolution->target, resolution->table, NULL, resolution->promises);
	pp_label_close(&reading);
}

/* A column's label if it has a RETAIN of its own, else NULL. */
static Label *
own_list(Oid relid, AttrNumber attnum)
{
	Label	   *label = attnum > 0 ? pp_label_load(relid, attnum) : NULL;

	return label_retains(label) ? label : NULL;
}

/* A row goes when its own terms have ended, and those of columns with a list of their own, as far as they hold a value. */
static void
resolve_row(Resolution *resolution, RetentionRule *rule)
{
	Oid			relid = resolution->target.relid;
	ListCell   *cell;

	rule->text = "THEN DELETE";
	rule->untreated = "true";
	rule->end = psprintf("COALESCE(%s, 'infinity'::pg_catalog.timestamptz)", compile_end(&resolution->list, NIL));
	rule->due = compile_due(&resolution->list, NIL);
	rule->facts = compile_facts(&resolution->list, NIL);
	foreach(cell, pp_label_columns(relid))
	{
		if (own_list(relid, lfirst_int(cell)) != NULL)
			keep_for_column(resolution, lfirst_int(cell), rule);
	}
}

static void
keep_for_column(Resolution *resolution, AttrNumber attnum, RetentionRule *row)
{
	Oid			relid = resolution->target.relid;
	RetentionRule rule = {.relid = relid, .attnum = attnum};
	Label	   *label = own_list(relid, attnum);
	StringInfo	binding = makeStringInfo();
	char	   *name = psprintf(PP_TARGET ".%s", quote_identifier(get_attname(relid, attnum, false)));
	LabelReading reading;
	char	   *ended;

	pp_label_open(&reading, label->source, describe(relid, attnum));
	ended = resolve_column(resolution, label, &rule, binding);
	row->unbound |= !is_bound(relid, attnum, binding->data, resolution->bind);
	pp_label_close(&reading);
	row->end = psprintf("GREATEST(%s, CASE WHEN %s IS DISTINCT FROM NULL THEN %s END)", row->end, name, rule.end);
	row->due = psprintf("%s AND (%s IS NOT DISTINCT FROM NULL OR %s)", row->due, name, ended);
}

/* Fills the rule and the column's binding. Returns the condition that its purposes have ended, treated or not. */
static char *
resolve_column(Resolution *resolution, const Label *column, RetentionRule *rule, StringInfo binding)
{
	LabelTarget names = resolution->target;
	TermList	list = column_terms(resolution, column);
	const char *name = quote_identifier(get_attname(names.relid, rule->attnum, false));
	ColumnTreatment treatment;
	char	   *ended;

	rule->own_list = label_retains(column);
	names.binding = binding;
	names.columns = NULL;
	resolve_names(&names, column);
	rule->end = psprintf("COALESCE(%s, 'infinity'::pg_catalog.timestamptz)", compile_end(&list, column->serves));
	ended = compile_due(&list, column->serves);
	if (rule->own_list)
		rule->facts = compile_facts(&list, NIL);
	rule->serves = served_names(resolution->promises, list.label, column->serves);

	treatment = compile_treatment(&names, rule->attnum, column, bms_union(resolution->read, names.columns), rule->end);
	if (column->masking != NULL)
		(void) compile_masking(&names, rule->attnum, column);
	rule->text = psprintf("%s THEN %s", name, pp_label_treatment_text(column->treatment));
	rule->untreated = treatment.untreated;
	rule->due = psprintf("%s AND %s", ended, treatment.untreated);
	rule->assignment = psprintf("%s = %s", name, treatment.value);
	return ended;
}

/* A column's list is its own, or what it picks from the table's. */
static TermList
column_terms(Resolution *resolution, const Label *column)
{
	if (!label_retains(column))
	{
		check_served(resolution, column);
		return resolution->list;
	}
	resolution->unbound |= !check_parents(resolution->target.relid, column, &resolution->parents, resolution->bind);
	return open_terms(&resolution->target, column, resolution->table ? &resolution->list : NULL,
					  resolution->promises);
}

static List *
served_names(const Promises *promises, const Label *label, const List *wanted)
{
	List	   *result = NIL;
	ListCell   *cell;
	ListCell   *purpose;

	foreach(cell, label->terms)
	{
		foreach(purpose, served_purposes(promises, lfirst(cell), wanted))
		{
			result = lappend(result, unconstify(char *, ((Purpose *) lfirst(purpose))->name));
		}
	}
	return result;
}

/* A column serves purposes out of the table's one list. */
static void
check_served(const Resolution *resolution, const Label *column)
{
	ListCell   *cell;

	if (!label_retains(resolution->table))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("table \"%s\" has no RETAIN", get_rel_name(resolution->target.relid)),
				errdetail("A column's value ends when the purposes of its table's RETAIN that it serves have ended."),
				errhint("Label the table first, or give the column a RETAIN of its own."),
				pp_label_position(column->treatment->location));
	foreach(cell, column->serves)
	{
		check_named(resolution, lfirst(cell));
	}
}

static void
check_named(const Resolution *resolution, const LabelName *purpose)
{
	List	   *named = served_names(resolution->promises, resolution->table, NIL);

	if (served_names(resolution->promises, resolution->table, list_make1(unconstify(LabelName *, purpose))) == NIL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("no term of table \"%s\" is for purpose \"%s\"", get_rel_name(resolution->target.relid),
					   purpose->name),
				named ? errhint("Its RETAIN names %s.", join_names(named)) :
				errhint("Its RETAIN names no purpose."),
				pp_label_position(purpose->location));
}

static char *
join_names(const List *names)
{
	StringInfoData list;
	ListCell   *cell;

	initStringInfo(&list);
	foreach(cell, names)
		appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "", (char *) lfirst(cell));
	return list.data;
}

bool
is_bound(Oid relid, AttrNumber attnum, const char *binding, bool bind)
{
	bool		bound;
	const char *reason = pp_label_compare_binding(relid, attnum, binding, bind, &bound);

	if (reason != NULL)
		park(describe(relid, attnum), reason);
	return bound;
}

static void
park(const char *object, const char *reason)
{
	ereport(ERROR,
			errcode(ERRCODE_PP_RULE_PARKED),
			errmsg("the rule of %s is parked", object),
			errdetail("%s", reason),
			errhint("Look at the label and the table, then relabel or call privacy.rebind_labels()."));
}

/* Two promises for one row would each be kept by breaking the other. */
static void
check_relatives(Oid relid)
{
	ListCell   *cell;

	foreach(cell, find_all_inheritors(relid, NoLock, NULL))
	{
		if (lfirst_oid(cell) != relid && retains(lfirst_oid(cell)))
			park(describe(relid, 0), psprintf("Its child %s has a RETAIN of its own.", describe(lfirst_oid(cell), 0)));
	}
	foreach(cell, pp_policy_ancestors(relid))
	{
		if (retains(lfirst_oid(cell)))
			park(describe(relid, 0), psprintf("Its parent %s has a RETAIN as well.", describe(lfirst_oid(cell), 0)));
	}
}

List *
pp_policy_ancestors(Oid relid)
{
	Relation	inherits = table_open(InheritsRelationId, AccessShareLock);
	List	   *result = list_make1_oid(relid);

	for (int i = 0; i < list_length(result); i++)
	{
		ScanKeyData key;
		SysScanDesc scan;
		HeapTuple	tuple;

		ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber, F_OIDEQ,
					ObjectIdGetDatum(list_nth_oid(result, i)));
		scan = systable_beginscan(inherits, InheritsRelidSeqnoIndexId, true, NULL, 1, &key);
		while (HeapTupleIsValid(tuple = systable_getnext(scan)))
			result = list_append_unique_oid(result, ((Form_pg_inherits) GETSTRUCT(tuple))->inhparent);
		systable_endscan(scan);
	}
	table_close(inherits, AccessShareLock);
	return list_delete_first(result);
}

static bool
retains(Oid relid)
{
	Label	   *label = pp_label_load(relid, 0);

	return label_retains(label);
}

/* A ctid repeats on every shard of a distributed table, so a batch by ctid would delete other rows. */
void
check_manager(Oid relid)
{
	Oid			types[] = {OIDOID};
	Datum		values[] = {ObjectIdGetDatum(relid)};
	bool		distributed;

	if (!OidIsValid(get_relname_relid("pg_dist_partition", PG_CATALOG_NAMESPACE)))
		return;
	SPI_connect();
	pp_core_execute("SELECT FROM pg_catalog.pg_dist_partition WHERE logicalrelid = $1",
					true, 1, types, values, NULL);
	distributed = SPI_processed > 0;
	SPI_finish();
	if (distributed)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("RETAIN is not supported on the distributed table \"%s\"", get_rel_name(relid)),
				errdetail("Citus manages it."));
}

/* Called by the label module, as the table's owner, with the label open for reading. */
const char *
check_rule(Oid relid, AttrNumber attnum, Label *label)
{
	RetentionRule rule = {.relid = relid, .attnum = attnum};
	StringInfo	binding = makeStringInfo();
	LabelTarget names = {.relid = relid, .owner = pp_core_table_owner(relid), .alias = PP_TARGET, .binding = binding};
	Resolution	resolution;
	ListCell   *cell;

	if (attnum > 0 && label->treatment == NULL)
	{
		if (label->masking != NULL)
			(void) compile_masking(&names, attnum, label);
		return binding->data;
	}
	if (attnum == 0)
		return check_table_rule(relid, label);
	open_resolution(&resolution, relid, pp_label_load(relid, 0), pp_core_now(), true);
	foreach(cell, label->terms)
	{
		check_term_periods(resolution.promises, lfirst(cell));
	}
	(void) resolve_column(&resolution, label, &rule, binding);
	return binding->data;
}

/* The labels it leads to may be bound by whose they are; this one waits as long as they do. */
static const char *
check_table_rule(Oid relid, const Label *label)
{
	LabelTarget target = {.relid = relid, .owner = pp_core_table_owner(relid), .alias = PP_TARGET, .binding = makeStringInfo()};
	LabelTarget compiled = target;
	Promises   *promises = load_promises(pp_core_now());
	List	   *parents = NIL;
	TermList	list;
	ListCell   *cell;

	if (label_retains(label))
	{
		check_relatives(relid);
		check_manager(relid);
	}
	foreach(cell, label->terms)
	{
		check_term_periods(promises, lfirst(cell));
	}
	(void) check_parents(relid, label, &parents, false);
	resolve_names(&target, label);
	compiled.binding = makeStringInfo();
	list = open_terms(&compiled, label, NULL, promises);
	(void) compile_end(&list, NIL);
	(void) compile_due(&list, NIL);
	return target.binding->data;
}

char *
describe(Oid relid, AttrNumber attnum)
{
	char	   *table = pp_core_quote_relation(relid);

	if (attnum == 0)
		return psprintf("table %s", table);
	return psprintf("column %s.%s", table, quote_identifier(get_attname(relid, attnum, false)));
}
