/*
 * policy_with.c: the row that a foreign key leads to, for WITH and for TENANT VIA.
 *
 * It is read by a sub-select in which the parent is called "target_up", its own parent
 * "target_up_up". The owner of the labelled table must be allowed to read it, and nothing that
 * reading it would run may belong to somebody else.
 *
 * Each path through the labels makes a sub-select of its own, and where keys fork and meet again
 * there are exponentially many. Whoever may set a label could take the server's memory so, hence
 * two limits: on the tables that one WITH leads to, and on the length of a chain, whose aliases must
 * all differ within NAMEDATALEN.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "core/core.h"
#include "policy/policy_internal.h"

/* How many tables one WITH may lead to, a table counted on each path to it. */
#define MOST_FOLLOWED 100

/* How often UP can be added to the alias of the labelled table. */
#define UP "_up"
#define LONGEST_CHAIN ((int) ((NAMEDATALEN - sizeof(PP_TARGET)) / (sizeof(UP) - 1)))

static void check_length(const ParentRow *parent, int location);
static void check_readable(Oid relid, Oid owner, int location);
static void match_parent(LabelTarget *target, const ForeignKeyCacheInfo *key, ParentRow *parent);
static bool is_not_null(Oid relid, AttrNumber attnum);
static void count_followed(const TermList *child, const ParentRow *parent);
static void require_named(const ParentRow *parent, const Promises *promises, const Purpose *purpose);
static char *compile_tenant_via(LabelTarget *target, const LabelName *column);

void
open_parent(LabelTarget *target, const List *columns, int location, ParentRow *parent)
{
	ForeignKeyCacheInfo *key = pp_label_foreign_key(target->relid, columns);

	check_stack_depth();
	if (key == NULL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_FOREIGN_KEY),
				errmsg("no foreign key of \"%s\" has exactly these columns", get_rel_name(target->relid)),
				errhint("WITH and TENANT VIA name the columns of one foreign key; what they ask for is that of the row it leads to."),
				pp_label_position(location));
	check_readable(key->confrelid, target->owner, location);
	memset(parent, 0, sizeof(ParentRow));
	parent->target.relid = key->confrelid;
	parent->target.owner = target->owner;
	parent->target.alias = psprintf("%s" UP, target->alias);
	parent->target.binding = makeStringInfo();
	check_length(parent, location);
	match_parent(target, key, parent);
	parent->label = pp_label_load(key->confrelid, 0);	/* check_parents has vouched for it */
	if (parent->label == NULL)
		elog(ERROR, "no label on relation %u", key->confrelid); /* cannot happen */
	pp_label_open(&parent->reading, parent->label->source,
				  psprintf("table \"%s\"", get_rel_name(key->confrelid)));
}

/* A name is cut where it gets too long; then two rows of the chain would be one. */
static void
check_length(const ParentRow *parent, int location)
{
	if (strlen(parent->target.alias) >= NAMEDATALEN)
		ereport(ERROR,
				errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("WITH or TENANT VIA leads through more than %d tables", LONGEST_CHAIN),
				errdetail("The next would be \"%s\".", get_rel_name(parent->target.relid)),
				errhint("Give one of the tables on the way an end or a TENANT of its own."),
				pp_label_position(location));
}

/* Where no key has these columns, open_parent says so. */
void
bind_foreign_key(LabelTarget *target, const List *columns)
{
	ForeignKeyCacheInfo *key = pp_label_foreign_key(target->relid, columns);

	if (key != NULL)
		appendStringInfo(target->binding, "foreign key to %u;", key->confrelid);
}

void
close_parent(ParentRow *parent)
{
	pp_label_close(&parent->reading);
}

static void
check_readable(Oid relid, Oid owner, int location)
{
	pp_label_require_trusted(relid, owner);
	if (pg_class_aclcheck(relid, owner, ACL_SELECT) != ACLCHECK_OK)
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied for table %s", get_rel_name(relid)),
				errdetail("The term reads it as \"%s\", the owner of the labelled table.",
						  GetUserNameFromId(owner, false)),
				errhint("GRANT SELECT on it to that role."),
				pp_label_position(location));
}

/* The foreign key as a condition between the two aliases, by the operators of the constraint itself. */
static void
match_parent(LabelTarget *target, const ForeignKeyCacheInfo *key, ParentRow *parent)
{
	List	   *match = NIL;
	List	   *nulls = NIL;
	Oid			above = parent->target.relid;

	for (int i = 0; i < key->nkeys; i++)
	{
		LabelName	child_column = {get_attname(target->relid, key->conkey[i], false), -1};
		LabelName	parent_column = {get_attname(above, key->confkey[i], false), -1};
		char	   *child = pp_label_resolve_column(target, &child_column, NULL, NULL);
		char	   *up = pp_label_resolve_column(&parent->target, &parent_column, NULL, NULL);

		match = lappend(match, pp_core_equals(key->conpfeqop[i], above, key->confkey[i], up,
											  target->relid, key->conkey[i], child));
		if (!is_not_null(target->relid, key->conkey[i]))
			nulls = lappend(nulls, psprintf("%s IS NULL", child));
	}
	parent->any_null = join_conditions("OR", nulls);
	parent->from = psprintf(" FROM %s%s AS %s WHERE %s",
							get_rel_relkind(above) == RELKIND_RELATION ? "ONLY " : "",
							pp_core_quote_relation(above), parent->target.alias, join_conditions("AND", match));
}

/* From PostgreSQL 18 on a NOT NULL may be there without having been checked. */
static bool
is_not_null(Oid relid, AttrNumber attnum)
{
	Relation	relation = table_open(relid, AccessShareLock);
	bool		result;

#if PG_VERSION_NUM >= 180000
	result = TupleDescCompactAttr(RelationGetDescr(relation), attnum - 1)->attnullability == ATTNULLABLE_VALID;
#else
	result = TupleDescAttr(RelationGetDescr(relation), attnum - 1)->attnotnull;
#endif
	table_close(relation, NoLock);
	return result;
}

TermList
parent_terms(const TermList *child, ParentRow *parent, const List *purposes)
{
	ListCell   *cell;

	foreach(cell, purposes)
	{
		require_named(parent, child->promises, lfirst(cell));
	}
	count_followed(child, parent);
	return open_terms(&parent->target, parent->label, NULL, child->promises);
}

/* Each WITH of the labelled table begins anew, so that what is refused does not depend on the other terms. */
static void
count_followed(const TermList *child, const ParentRow *parent)
{
	CHECK_FOR_INTERRUPTS();
	if (strcmp(child->target->alias, PP_TARGET) == 0)
		child->promises->followed = 0;
	if (++child->promises->followed > MOST_FOLLOWED)
		ereport(ERROR,
				errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("WITH leads to more than %d tables", MOST_FOLLOWED),
				errdetail("A table counts once for each path that leads to it, as \"%s\" does.",
						  get_rel_name(parent->target.relid)),
				errhint("Of several keys that lead to the same table, name one, or give a table on the way an end of its own."));
}

static void
require_named(const ParentRow *parent, const Promises *promises, const Purpose *purpose)
{
	LabelName	name = {unconstify(char *, purpose->name), -1};
	ListCell   *cell;

	foreach(cell, parent->label->terms)
	{
		if (served_purposes(promises, lfirst(cell), list_make1(&name)) != NIL)
			return;
	}
	ereport(ERROR,
			errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			errmsg("table \"%s\" has no term for purpose \"%s\"", get_rel_name(parent->target.relid), purpose->name),
			errdetail("A row that lives WITH another ends when the same purpose ends there."),
			errhint("Add FOR %s to its RETAIN.", purpose->name));
}

List *
purpose_names(const List *purposes)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, purposes)
	{
		LabelName  *name = palloc0(sizeof(LabelName));

		name->name = unconstify(char *, ((Purpose *) lfirst(cell))->name);
		name->location = -1;
		result = lappend(result, name);
	}
	return result;
}

char *
compile_tenant(LabelTarget *target, const Label *label)
{
	Oid			type;
	char	   *column;

	if (label->tenant == NULL)
		return NULL;
	if (label->tenant_via)
		return compile_tenant_via(target, label->tenant);
	column = pp_label_resolve_column(target, label->tenant, &type, NULL);
	return psprintf("(%s)::pg_catalog.text", column);
}

/* The tenant of the row that the key leads to. */
static char *
compile_tenant_via(LabelTarget *target, const LabelName *column)
{
	ParentRow	parent;
	char	   *tenant;

	open_parent(target, list_make1(unconstify(LabelName *, column)), column->location, &parent);
	tenant = psprintf("(SELECT %s%s)", compile_tenant(&parent.target, parent.label), parent.from);
	close_parent(&parent);
	return tenant;
}
