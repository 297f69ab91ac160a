/*
 * policy_resolve.c: from a stored label to a rule the sweep can run.
 *
 * The same path serves a label that is being set (check_rule) and every batch that acts on it
 * (pp_policy_resolve): what would be refused then parks the rule now, since tables, purposes and
 * grants change after a label was set. Everything resolves as the table's owner under pinned
 * settings.
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

static RetentionRule *resolve_as_owner(Oid relid, AttrNumber attnum, const Label *table,
									   const Label *column, TimestampTz cut_off, bool bind);
static void resolve_row(LabelTarget *target, const Label *label, TimestampTz cut_off,
						RetentionRule *rule);
static void resolve_column(LabelTarget *target, const Label *table, const Label *column,
						   TimestampTz cut_off, bool bind, RetentionRule *rule);
static void check_served(LabelTarget *target, const Label *table, const Label *column);
static void check_relatives(Oid relid);
static void park(const char *object, const char *reason) pg_attribute_noreturn();
static List *ancestors_of(Oid relid);
static bool retains(Oid relid);

RetentionRule *
pp_policy_resolve(Oid relid, AttrNumber attnum, TimestampTz cut_off, bool bind)
{
	Label	   *table;
	Label	   *column = NULL;

	pp_label_lock(relid, false);
	table = pp_label_load(relid, 0);
	if (attnum > 0)
		column = pp_label_load(relid, attnum);
	if (attnum > 0 ? column == NULL || column->treatment == NULL : table == NULL || table->terms == NIL)
		return NULL;
	pp_label_check_fits(relid, attnum, column ? column : table);
	return resolve_as_owner(relid, attnum, table, column, cut_off, bind);
}

static RetentionRule *
resolve_as_owner(Oid relid, AttrNumber attnum, const Label *table, const Label *column,
				 TimestampTz cut_off, bool bind)
{
	RetentionRule *rule = palloc0(sizeof(RetentionRule));
	LabelTarget target = {.relid = relid, .alias = PP_TARGET, .binding = makeStringInfo()};
	LabelReading reading;
	CoreStay	stay;
	List	   *parents = NIL;

	rule->relid = relid;
	rule->attnum = attnum;
	rule->owner = target.owner = pp_core_table_owner(relid);
	rule->draft = table != NULL && table->draft;
	pp_label_open(&reading, column ? column->source : table->source, describe(relid, attnum));
	pp_core_enter(&stay, target.owner, true);
	check_relatives(relid);
	check_manager(relid);
	if (table != NULL)
		rule->unbound = !check_parents(relid, table, NIL, &parents, cut_off, bind);
	if (column != NULL)
		resolve_column(&target, table, column, cut_off, bind, rule);
	else
		resolve_row(&target, table, cut_off, rule);
	rule->unbound |= !is_bound(relid, attnum, target.binding->data, bind);
	pp_core_leave(&stay);
	pp_label_close(&reading);
	return rule;
}

static void
resolve_row(LabelTarget *target, const Label *label, TimestampTz cut_off, RetentionRule *rule)
{
	LabelTarget unbound = *target;
	char	   *bound;

	rule->text = "THEN DELETE";
	rule->end = compile_terms(target, label, NIL, cut_off);
	unbound.binding = makeStringInfo();
	bound = compile_bound(&unbound, label, NIL, cut_off);
	rule->due = psprintf("%s%s(%s) <= $1", bound ? bound : "", bound ? " AND " : "", rule->end);
}

/* The terms are the table's, so the table's label must hold as well as the column's. */
static void
resolve_column(LabelTarget *target, const Label *table, const Label *column, TimestampTz cut_off,
			   bool bind, RetentionRule *rule)
{
	LabelTarget terms = *target;
	LabelReading reading;
	ColumnTreatment treatment;
	const char *table_binding;
	char	   *bound;
	const char *name = quote_identifier(get_attname(target->relid, rule->attnum, false));

	check_served(target, table, column);
	pp_label_open(&reading, table->source, describe(target->relid, 0));
	terms.binding = makeStringInfo();
	(void) compile_terms(&terms, table, NIL, cut_off);
	table_binding = pstrdup(terms.binding->data);
	rule->end = compile_terms(&terms, table, column->serves, cut_off);
	bound = compile_bound(&terms, table, column->serves, cut_off);
	pp_label_close(&reading);
	rule->unbound |= !is_bound(target->relid, 0, table_binding, bind);

	treatment = compile_treatment(target, rule->attnum, column, terms.columns, rule->end);
	if (column->masking != NULL)
		(void) compile_masking(target, rule->attnum, column);
	rule->text = psprintf("%s THEN %s", name, pp_label_treatment_text(column->treatment));
	rule->due = psprintf("%s%s(%s) <= $1 AND %s", bound ? bound : "", bound ? " AND " : "", rule->end,
						 treatment.untreated);
	rule->assignment = psprintf("%s = %s", name, treatment.value);
}

/* A column serves purposes out of the table's one list. */
static void
check_served(LabelTarget *target, const Label *table, const Label *column)
{
	ListCell   *cell;
	ListCell   *term;

	if (table == NULL || table->terms == NIL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("table \"%s\" has no RETAIN", get_rel_name(target->relid)),
				errdetail("A column's value ends when the purposes of its table's RETAIN that it serves have ended."),
				errhint("Label the table first."),
				pp_label_position(column->treatment->location));
	foreach(cell, column->serves)
	{
		LabelName  *purpose = lfirst(cell);
		bool		found = false;
		StringInfoData named;

		initStringInfo(&named);
		foreach(term, table->terms)
		{
			ListCell   *each;

			foreach(each, ((LabelTerm *) lfirst(term))->purposes)
			{
				found |= purpose_covers(purpose->name, ((LabelName *) lfirst(each))->name);
				appendStringInfo(&named, "%s%s", named.len > 0 ? ", " : "", ((LabelName *) lfirst(each))->name);
			}
		}
		if (!found)
			ereport(ERROR,
					errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
					errmsg("no term of table \"%s\" is for purpose \"%s\"", get_rel_name(target->relid),
						   purpose->name),
					named.len > 0 ? errhint("Its RETAIN names %s.", named.data) :
					errhint("Its RETAIN names no purpose."),
					pp_label_position(purpose->location));
	}
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
	foreach(cell, ancestors_of(relid))
	{
		if (retains(lfirst_oid(cell)))
			park(describe(relid, 0), psprintf("Its parent %s has a RETAIN as well.", describe(lfirst_oid(cell), 0)));
	}
}

/* Partitioned tables above it, and inheritance parents: all of them, by any path. */
static List *
ancestors_of(Oid relid)
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

	return label != NULL && label->terms != NIL;
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
	LabelTarget target = {.relid = relid, .owner = pp_core_table_owner(relid), .alias = PP_TARGET, .binding = makeStringInfo()};
	RetentionRule rule = {.relid = relid, .attnum = attnum};
	TimestampTz now = pp_core_now();
	List	   *parents = NIL;
	ListCell   *cell;

	if (attnum > 0 && label->treatment == NULL)
	{
		if (label->masking != NULL)
			(void) compile_masking(&target, attnum, label);
		return target.binding->data;
	}
	if (attnum > 0)
	{
		resolve_column(&target, pp_label_load(relid, 0), label, now, true, &rule);
		return target.binding->data;
	}
	if (label->terms != NIL)
	{
		check_relatives(relid);
		check_manager(relid);
	}
	foreach(cell, label->terms)
	{
		check_term_periods(lfirst(cell), now);
	}
	/* whose labels the parents' are may bind them; this one waits as long as they do */
	(void) check_parents(relid, label, NIL, &parents, now, false);
	(void) compile_terms(&target, label, NIL, now);
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
