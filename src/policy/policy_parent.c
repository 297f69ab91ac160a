/*
 * policy_parent.c: the tables whose rows a row lives WITH.
 *
 * A child's end is only as sure as the labels it leads to, so every one of them is locked against
 * change, is no draft, and still resolves to what it did when it was set. A chain that comes back
 * to a table it has passed has no end, and is refused.
 */
#include "postgres.h"

#include "access/table.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "core/core.h"
#include "policy/policy_internal.h"

static bool visit_parent(const LabelTerm *term, Oid parent, List *path, List **seen,
						 TimestampTz cut_off, bool bind);
static bool verify_parent(Oid parent, const Label *label, TimestampTz cut_off, bool bind);

bool
check_parents(Oid relid, const Label *label, List *path, List **seen, TimestampTz cut_off, bool bind)
{
	bool		bound = true;
	ListCell   *cell;

	path = lappend_oid(list_copy(path), relid);
	foreach(cell, label->terms)
	{
		LabelTerm  *term = lfirst(cell);
		ForeignKeyCacheInfo *key;

		if (term->kind != TERM_WITH)
			continue;
		key = pp_label_foreign_key(relid, term->columns);
		if (key == NULL)
			continue;			/* compile_with says so, with the place */
		bound &= visit_parent(term, key->confrelid, path, seen, cut_off, bind);
	}
	return bound;
}

static bool
visit_parent(const LabelTerm *term, Oid parent, List *path, List **seen, TimestampTz cut_off, bool bind)
{
	Label	   *label;

	if (list_member_oid(path, parent))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("WITH leads in a circle"),
				errdetail("It comes back to table \"%s\".", get_rel_name(parent)),
				errhint("One of the rows in the circle needs an end of its own."),
				pp_label_position(term->location));
	if (list_member_oid(*seen, parent))
		return true;
	*seen = lappend_oid(*seen, parent);

	table_close(table_open(parent, AccessShareLock), NoLock);
	pp_label_lock(parent, false);
	label = pp_label_load(parent, 0);
	if (label == NULL || label->terms == NIL || label->draft)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("WITH leads to table \"%s\", which makes no promise", get_rel_name(parent)),
				label && label->draft ? errdetail("Its label is a draft.") :
				errdetail("It has no RETAIN."),
				errhint("Label that table first."),
				pp_label_position(term->location));
	/* both, even if the first is not bound: to bind is what this call may be for */
	return check_parents(parent, label, path, seen, cut_off, bind) &
		verify_parent(parent, label, cut_off, bind);
}

/* As its own owner: a label's binding does not depend on who reads it. */
static bool
verify_parent(Oid parent, const Label *label, TimestampTz cut_off, bool bind)
{
	LabelTarget target = {.relid = parent, .owner = pp_core_table_owner(parent), .alias = PP_TARGET, .binding = makeStringInfo()};
	LabelReading reading;
	CoreStay	stay;
	bool		bound;

	pp_label_open(&reading, label->source, describe(parent, 0));
	pp_core_enter(&stay, target.owner, true);
	(void) compile_terms(&target, label, NIL, cut_off);
	bound = is_bound(parent, 0, target.binding->data, bind);
	pp_core_leave(&stay);
	pp_label_close(&reading);
	return bound;
}
