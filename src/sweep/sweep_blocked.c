/*
 * sweep_blocked.c: whether a row that is due would be blocked, without trying.
 *
 * A due row is blocked when a row that refers to it would stay: one without a rule, not due itself,
 * or blocked in turn. Rows of unlabelled tables under ON DELETE CASCADE follow it, unless something
 * keeps them; those under SET NULL and SET DEFAULT are cleared. That is asked in one expression,
 * as the owner of the table, nesting the rules of the referring tables. A foreign key that comes
 * back to a table already in the chain is asked only whether its rows are due.
 *
 * Another owner's table is not read: what it brings along (casts, index expressions) must not run
 * as this one. The sweep itself is more thorough (sweep_reach.c): it acts as each owner.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"

#include "core/core.h"
#include "label/label.h"
#include "sweep/sweep_ahead.h"

/* A row rule while it is resolved. */
typedef struct RowRule
{
	Oid			relid;
	TimestampTz as_of;
	RetentionRule *rule;
} RowRule;

static List *blockers_of(const BlockedView *view, Oid relid, List *path);
static bool is_labelled(const BlockedView *view, Oid relid);
static char *compile_stays(const BlockedView *view, const RowReference *reference, List *path);
static char *compile_goes_within(const BlockedView *view, Oid relid, List *path);
static void resolve_row_rule(void *arg);

BlockedView
open_view(Oid owner, TimestampTz as_of)
{
	BlockedView view = {.owner = owner, .as_of = as_of, .keys = load_keys()};
	ListCell   *cell;

	foreach(cell, pp_label_relations())
	{
		view.labelled = list_concat_unique_oid(view.labelled, leaves_of(lfirst_oid(cell)));
	}
	return view;
}

List *
find_blockers(const BlockedView *view, Oid relid)
{
	return blockers_of(view, relid, NIL);
}

static List *
blockers_of(const BlockedView *view, Oid relid, List *path)
{
	List	   *result = NIL;
	ListCell   *cell;

	check_stack_depth();
	path = lappend_oid(list_copy(path), relid);
	foreach(cell, references_among(view->keys, relid))
	{
		RowReference *reference = lfirst(cell);
		Blocker    *blocker = palloc0(sizeof(Blocker));

		if ((reference->action == FKCONSTR_ACTION_SETNULL || reference->action == FKCONSTR_ACTION_SETDEFAULT) &&
			!is_labelled(view, reference->child))
			continue;
		blocker->table = reference->table;
		if (pp_core_table_owner(reference->child) == view->owner)
			blocker->stays = compile_stays(view, reference, path);
		result = lappend(result, blocker);
	}
	return result;
}

static bool
is_labelled(const BlockedView *view, Oid relid)
{
	ListCell   *cell;

	foreach(cell, leaves_of(relid))
	{
		if (list_member_oid(view->labelled, lfirst_oid(cell)))
			return true;
	}
	return false;
}

static char *
compile_stays(const BlockedView *view, const RowReference *reference, List *path)
{
	char	   *goes;

	pp_label_require_trusted(reference->child, view->owner);
	if (reference->action == FKCONSTR_ACTION_CASCADE && !is_labelled(view, reference->child))
		goes = list_member_oid(path, reference->child) ? "true" :
			psprintf("NOT %s", any_blocker(blockers_of(view, reference->child, path)));
	else
		goes = compile_goes_within(view, reference->child, path);
	return psprintf("EXISTS (SELECT FROM (SELECT " PP_TARGET ".*, " PP_TARGET ".tableoid AS \"its table\", "
					PP_TARGET ".ctid AS \"its place\", %s AS \"it goes\" FROM %s AS " PP_TARGET ") AS child WHERE %s "
					"AND NOT (child.\"its table\" = " PP_TARGET ".tableoid AND child.\"its place\" = " PP_TARGET ".ctid) "
					"AND NOT child.\"it goes\")", goes, reference->table, reference->match);
}

char *
any_blocker(const List *blockers)
{
	StringInfoData sql;
	ListCell   *cell;

	initStringInfo(&sql);
	foreach(cell, blockers)
	{
		Blocker    *blocker = lfirst(cell);

		if (blocker->stays != NULL)
			appendStringInfo(&sql, "%s%s", sql.len > 0 ? " OR " : "", blocker->stays);
	}
	return sql.len > 0 ? psprintf("(%s)", sql.data) : "false";
}

char *
compile_goes(const BlockedView *view, Oid relid)
{
	return compile_goes_within(view, relid, NIL);
}

static char *
compile_goes_within(const BlockedView *view, Oid relid, List *path)
{
	RowRule		row = {.relid = relid, .as_of = view->as_of};
	RetentionRule *rule;

	if (pp_core_attempt(resolve_row_rule, &row) != NULL)
		return "false";
	rule = row.rule;
	if (rule == NULL || rule->draft || rule->owner != view->owner)
		return "false";
	if (list_member_oid(path, relid))
		return psprintf("COALESCE(%s, false)", rule->due);
	return psprintf("COALESCE(%s AND NOT %s, false)", rule->due, any_blocker(blockers_of(view, relid, path)));
}

static void
resolve_row_rule(void *arg)
{
	RowRule    *row = arg;

	row->rule = pp_policy_resolve(row->relid, 0, row->as_of, false);
}
