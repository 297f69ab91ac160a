/*
 * policy_parent.c: the tables whose rows a row lives WITH, or by which it has its TENANT.
 *
 * A child's end is only as sure as the labels it leads to, so every one of them is locked against
 * change, is no draft, and still resolves to what it did when it was set. A chain that comes back
 * to a table it has passed has no end, and is refused. The two kinds of chain do not continue each
 * other: whom a tenant's row lives WITH decides nothing about the tenant.
 */
#include "postgres.h"

#include "access/table.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "core/core.h"
#include "policy/policy_internal.h"

/* One walk over all labels that a label leads to. */
typedef struct ParentWalk
{
	List	   *seen;			/* tables that were checked */
	bool		bind;
	bool		bound;			/* so far */
} ParentWalk;

static void walk_up(ParentWalk *walk, Oid relid, const Label *label, List *with, List *tenant);
static void visit_parent(ParentWalk *walk, Oid relid, const List *columns, int location,
						 const char *clause, List *with, List *tenant);
static Label *load_parent(Oid parent, const char *clause, int location);
static bool verify_parent(Oid parent, const Label *label, bool bind);

bool
check_parents(Oid relid, const Label *label, List **seen, bool bind)
{
	ParentWalk	walk = {.seen = *seen, .bind = bind, .bound = true};

	walk_up(&walk, relid, label, NIL, NIL);
	*seen = walk.seen;
	return walk.bound;
}

/* with, tenant: the tables passed on the way here, by either kind. */
static void
walk_up(ParentWalk *walk, Oid relid, const Label *label, List *with, List *tenant)
{
	ListCell   *cell;

	check_stack_depth();
	with = lappend_oid(list_copy(with), relid);
	tenant = lappend_oid(list_copy(tenant), relid);
	foreach(cell, label->terms)
	{
		LabelTerm  *term = lfirst(cell);

		if (term->kind == TERM_WITH)
			visit_parent(walk, relid, term->columns, term->location, "WITH", with, NIL);
	}
	if (label->tenant != NULL && label->tenant_via)
		visit_parent(walk, relid, list_make1(label->tenant), label->tenant->location, "TENANT VIA", NIL, tenant);
}

static void
visit_parent(ParentWalk *walk, Oid relid, const List *columns, int location, const char *clause,
			 List *with, List *tenant)
{
	ForeignKeyCacheInfo *key = pp_label_foreign_key(relid, columns);
	Oid			parent;
	Label	   *label;

	if (key == NULL)
		return;					/* open_parent says so */
	parent = key->confrelid;
	if (list_member_oid(with, parent) || list_member_oid(tenant, parent))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("%s leads in a circle", clause),
				errdetail("It comes back to table \"%s\".", get_rel_name(parent)),
				errhint("One of the rows in the circle needs %s of its own.", tenant ? "a tenant" : "an end"),
				pp_label_position(location));
	table_close(table_open(parent, AccessShareLock), NoLock);
	pp_label_lock(parent, false);
	label = load_parent(parent, clause, location);
	if (list_member_oid(walk->seen, parent))
		return;
	walk->seen = lappend_oid(walk->seen, parent);
	walk_up(walk, parent, label, with, tenant);
	/* even if another is not bound: to bind is what this call may be for */
	walk->bound &= verify_parent(parent, label, walk->bind);
}

static Label *
load_parent(Oid parent, const char *clause, int location)
{
	Label	   *label = pp_label_load(parent, 0);
	bool		with = strcmp(clause, "WITH") == 0;

	if (label == NULL || label->draft || (with ? label->terms == NIL : label->tenant == NULL))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				with ? errmsg("WITH leads to table \"%s\", which makes no promise", get_rel_name(parent)) :
				errmsg("TENANT VIA leads to table \"%s\", which has no tenant", get_rel_name(parent)),
				label && label->draft ? errdetail("Its label is a draft.") :
				with ? errdetail("It has no RETAIN with a term.") : errdetail("It has no TENANT."),
				errhint("Label that table first."),
				pp_label_position(location));
	return label;
}

/* As its own owner: a label's binding does not depend on who reads it. */
static bool
verify_parent(Oid parent, const Label *label, bool bind)
{
	LabelTarget target = {.relid = parent, .owner = pp_core_table_owner(parent), .alias = PP_TARGET, .binding = makeStringInfo()};
	LabelReading reading;
	CoreStay	stay;
	bool		bound;

	pp_label_open(&reading, label->source, describe(parent, 0));
	pp_core_enter(&stay, target.owner, true);
	resolve_names(&target, label);
	bound = is_bound(parent, 0, target.binding->data, bind);
	pp_core_leave(&stay);
	pp_label_close(&reading);
	return bound;
}
