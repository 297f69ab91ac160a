/*
 * label_check.c: what can be said of a label without knowing what its purposes mean.
 *
 * A clause whose engine does not exist yet is refused, so that nobody relies on a promise that
 * nothing keeps.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/catalog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "commands/extension.h"
#include "catalog/dependency.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "label/label_internal.h"

/* How deep starting points may nest. */
#define MAX_NESTING 6

static const char *const kind_names[] = {
	[TERM_AFTER] = "AFTER",[TERM_WITH] = "WITH",[TERM_UNTIL] = "UNTIL",[TERM_WHILE] = "WHILE",
	[TERM_UNTIL_OBJECTION] = "UNTIL OBJECTION",[TERM_UNTIL_WITHDRAWAL] = "UNTIL WITHDRAWAL"
};

static void refuse(const char *clause, int location) pg_attribute_noreturn();
static void refuse_second_list(const Label *label);
static void refuse_terms(const List *terms);
static void check_term(const LabelTerm *term);
static void check_nesting(const LabelStart *start, int level);
static void refuse_subjects(const List *subjects);
static void check_relation(Relation relation);
static void check_table_label(Relation relation, const Label *label);
static void check_column_label(Relation relation, const Label *label);
static bool is_clone(const ForeignKeyCacheInfo *key);
static void check_subject(Relation relation, const LabelSubject *subject);
static void misplaced(const char *clause, const char *place) pg_attribute_noreturn();

void
refuse_unsupported(const Label *label)
{
	if (label->only)
		refuse("ONLY", ((LabelName *) linitial(label->serves))->location);
	if (label->serves != NIL && label->treatment == NULL)
		refuse("FOR without THEN", ((LabelName *) linitial(label->serves))->location);
	refuse_terms(label->terms);
	refuse_terms(label->caps);
	refuse_second_list(label);
	refuse_subjects(label->subjects);
}

static void
refuse(const char *clause, int location)
{
	ereport(ERROR,
			errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("%s is not supported yet", clause),
			errdetail("The label language has it, but this release could not keep the promise."),
			pp_label_position(location));
}

/* A column has the purposes of its table's list, or a list of its own. */
static void
refuse_second_list(const Label *label)
{
	if (label->serves != NIL && (label->terms != NIL || label->retain_nothing))
		ereport(ERROR,
				errcode(ERRCODE_SYNTAX_ERROR),
				errmsg("FOR and RETAIN exclude each other"),
				errdetail("A column picks purposes from its table's RETAIN, or has a RETAIN of its own instead."),
				errhint("Name the purposes inside RETAIN: RETAIN FOR <purpose> AFTER ... THEN <treatment>."),
				pp_label_position(label->retain_location));
}

static void
refuse_terms(const List *terms)
{
	ListCell   *cell;

	foreach(cell, terms)
	{
		LabelTerm  *term = lfirst(cell);

		check_term(term);
	}
}

static void
check_term(const LabelTerm *term)
{
	if (term->kind == TERM_UNTIL_OBJECTION || term->kind == TERM_UNTIL_WITHDRAWAL)
		refuse(term->kind == TERM_UNTIL_OBJECTION ? "UNTIL OBJECTION" : "UNTIL WITHDRAWAL", term->location);
	if (term->kind != TERM_AFTER && term->period != NULL)
		ereport(ERROR,
				errcode(ERRCODE_SYNTAX_ERROR),
				errmsg("%s takes no retention period", kind_names[term->kind]),
				term->kind == TERM_WITH ?
				errdetail("The row lives exactly as long as the row its foreign key leads to.") :
				errdetail("The purpose ends there and then."),
				pp_label_position(term->location));
	if (term->kind == TERM_WITH && term->purposes == NIL)
		ereport(ERROR,
				errcode(ERRCODE_SYNTAX_ERROR),
				errmsg("WITH needs FOR and a purpose"),
				errhint("Write RETAIN FOR <purpose> WITH (<foreign key columns>)."),
				pp_label_position(term->location));
	if (term->kind == TERM_AFTER && term->period == NULL && term->purposes == NIL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("a term without a purpose needs a retention period"),
				errhint("Write RETAIN <period> AFTER ..., or name the purpose that has one: RETAIN FOR <purpose> AFTER ..."),
				pp_label_position(term->location));
	if (term->start != NULL)
		check_nesting(term->start, 1);
}

/* Each level of ALL OF multiplies the SQL that it becomes. */
static void
check_nesting(const LabelStart *start, int level)
{
	ListCell   *cell;

	if (level > MAX_NESTING)
		ereport(ERROR,
				errcode(ERRCODE_STATEMENT_TOO_COMPLEX),
				errmsg("starting points are nested too deep"),
				errdetail("ALL OF and ANY OF nest at most %d deep.", MAX_NESTING),
				pp_label_position(start->location));
	foreach(cell, start->parts)
	{
		check_nesting(lfirst(cell), level + 1);
	}
}

static void
refuse_subjects(const List *subjects)
{
	ListCell   *cell;
	ListCell   *key;

	foreach(cell, subjects)
	{
		foreach(key, ((LabelSubject *) lfirst(cell))->keys)
		{
			LabelStart *start = lfirst(key);

			if (start->kind != START_COLUMN)
				refuse("an expression as a subject's key", start->location);
		}
	}
}

void
pp_label_check_fits(Oid relid, AttrNumber attnum, const Label *label)
{
	LabelReading reading;
	Relation	relation = table_open(relid, AccessShareLock);

	pp_label_open(&reading, label->source, NULL);
	check_relation(relation);
	if (attnum == 0)
		check_table_label(relation, label);
	else
		check_column_label(relation, label);
	pp_label_close(&reading);
	table_close(relation, NoLock);
}

static void
check_relation(Relation relation)
{
	char		kind = relation->rd_rel->relkind;
	const char *reason = NULL;

	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
		reason = "Only ordinary and partitioned tables hold rows that a sweep could remove.";
	else if (relation->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		reason = "A temporary table is another session's, and gone with it.";
	else if (IsCatalogRelation(relation))
		reason = "It belongs to the system catalogue.";
	else if (getExtensionOfObject(RelationRelationId, RelationGetRelid(relation)) == pp_core_extension())
		reason = "It belongs to pg_privacy itself.";
	else if (pp_label_has_rewrite_rules(relation))
		reason = "It has rewrite rules for DELETE or UPDATE, which could keep what the sweep removes.";
	if (reason != NULL)
		ereport(ERROR,
				errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("\"%s\" cannot carry a privacy label", RelationGetRelationName(relation)),
				errdetail("%s", reason),
				errhint("Label the permanent tables from which its rows come."));
}

bool
pp_label_has_rewrite_rules(Relation relation)
{
	for (int i = 0; relation->rd_rules != NULL && i < relation->rd_rules->numLocks; i++)
		if (relation->rd_rules->rules[i]->event != CMD_INSERT)
			return true;
	return false;
}

static void
check_table_label(Relation relation, const Label *label)
{
	ListCell   *cell;

	if (label->category)
		misplaced("CATEGORY", "columns");
	if (label->identifier)
		misplaced("an attribute class", "columns");
	if (label->origin)
		misplaced("SOURCE", "columns");
	if (label->treatment)
		misplaced("THEN <treatment>", "columns");
	if (label->masking)
		misplaced("a treatment", "columns");
	foreach(cell, label->subjects)
		check_subject(relation, lfirst(cell));
}

static void
check_column_label(Relation relation, const Label *label)
{
	ListCell   *cell;

	if (label->then_delete)
		misplaced("THEN DELETE", "tables");
	if (label->draft)
		misplaced("DRAFT", "tables");
	if (label->tenant)
		misplaced("TENANT", "tables");
	foreach(cell, label->subjects)
	{
		LabelSubject *subject = lfirst(cell);

		if (!subject->via)
			misplaced("SUBJECT ... KEY", "tables");
		check_subject(relation, subject);
	}
}

static void
misplaced(const char *clause, const char *place)
{
	ereport(ERROR,
			errcode(ERRCODE_SYNTAX_ERROR),
			errmsg("%s is a clause for %s", clause, place),
			errhint("Tables take SUBJECT, TENANT, RETAIN ... THEN DELETE and DRAFT; columns take CATEGORY, "
					"an attribute class, SOURCE, SUBJECT ... VIA, FOR ... THEN <treatment>, RETAIN ... THEN <treatment> and <treatment>."));
}

static void
check_subject(Relation relation, const LabelSubject *subject)
{
	StringInfoData unused;
	LabelTarget target = {.relid = RelationGetRelid(relation), .alias = "target"};
	List	   *columns = NIL;
	ListCell   *cell;

	initStringInfo(&unused);
	target.binding = &unused;
	foreach(cell, subject->keys)
	{
		LabelName  *column = &((LabelStart *) lfirst(cell))->column;

		(void) pp_label_resolve_column(&target, column, NULL, NULL);
		columns = lappend(columns, column);
	}
	if (subject->via && subject->references == NULL &&
		pp_label_foreign_key(target.relid, columns) == NULL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_FOREIGN_KEY),
				errmsg("no foreign key of \"%s\" leads to its subject from these columns",
					   RelationGetRelationName(relation)),
				errhint("Name the columns of one foreign key, or say where they lead: VIA (...) REFERENCES table (...)."),
				pp_label_position(subject->location));
}

ForeignKeyCacheInfo *
pp_label_foreign_key(Oid relid, const List *columns)
{
	Relation	relation = table_open(relid, AccessShareLock);
	ForeignKeyCacheInfo *result = NULL;
	bool		ambiguous = false;
	ListCell   *cell;

	foreach(cell, RelationGetFKeyList(relation))
	{
		ForeignKeyCacheInfo *key = lfirst(cell);
		int			found = 0;
		ListCell   *column;

		foreach(column, columns)
		{
			AttrNumber	attnum = get_attnum(relid, ((LabelName *) lfirst(column))->name);

			for (int i = 0; i < key->nkeys; i++)
				found += key->conkey[i] == attnum;
		}
		if (found != key->nkeys || found != list_length(columns) || is_clone(key))
			continue;
		ambiguous = result != NULL;
		result = copyObject(key);
	}
	table_close(relation, NoLock);
	if (ambiguous)
		ereport(ERROR,
				errcode(ERRCODE_AMBIGUOUS_COLUMN),
				errmsg("several foreign keys of \"%s\" have these columns", get_rel_name(relid)),
				errdetail("They lead to different rows, and the label does not say to which."),
				errhint("Drop all but one of them, or use a term with a sub-select."),
				pp_label_position(((LabelName *) linitial(columns))->location));
	return result;
}

/* A key to a partitioned table has one more constraint for each of its partitions. */
static bool
is_clone(const ForeignKeyCacheInfo *key)
{
	Oid			parent = InvalidOid;
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(key->conoid));
	bool		clone = false;

	if (HeapTupleIsValid(tuple))
	{
		parent = ((Form_pg_constraint) GETSTRUCT(tuple))->conparentid;
		ReleaseSysCache(tuple);
	}
	tuple = OidIsValid(parent) ? SearchSysCache1(CONSTROID, ObjectIdGetDatum(parent)) : NULL;
	if (HeapTupleIsValid(tuple))
	{
		clone = ((Form_pg_constraint) GETSTRUCT(tuple))->conrelid == key->conrelid;
		ReleaseSysCache(tuple);
	}
	return clone;
}

bool
pp_label_period_is_sane(const Interval *period)
{
	return period->month >= 0 && period->day >= 0 && period->time >= 0 &&
		period->month <= 1000 * MONTHS_PER_YEAR && period->day <= 1000 * DAYS_PER_YEAR &&
		period->time <= INT64CONST(1000) * 366 * USECS_PER_DAY;
}
