/*
 * sweep_blocked.c: whether a row that is due would be blocked, without trying.
 *
 * A due row is blocked when a row that refers to it would stay: one without a rule, not due itself,
 * or blocked in turn. Rows of unlabelled tables under ON DELETE CASCADE follow it, unless something
 * keeps them; those under SET NULL and SET DEFAULT are cleared. That is asked in one expression,
 * as the owner of the table, nesting the rules of the referring tables. A foreign key that comes
 * back to a table already in the chain is asked only whether its rows are due.
 *
 * What cannot be known that way is not guessed: the table is named as not counted. That is so for
 * another owner's table: what it brings along (casts, index expressions) must not run as this one.
 * It is so for rows that may go by one foreign key while another would keep them, which takes
 * collecting rows, not one expression. And it is so beyond MAX_REFERENCES: nested, a mesh of foreign
 * keys has exponentially many paths. The sweep itself collects rows and acts as each owner
 * (sweep_reach.c).
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "core/core.h"
#include "label/label.h"
#include "sweep/sweep_ahead.h"

/* As many references are asked about in one expression. */
#define MAX_REFERENCES 100

/* A row rule while it is resolved, and as resolved. */
typedef struct RowRule
{
	Oid			relid;
	TimestampTz as_of;
	Oid			owner;			/* of the view */
	RetentionRule *rule;		/* NULL: none that runs as the owner */
} RowRule;

static int	compare_names(const ListCell *a, const ListCell *b);
static void reach_rows(BlockedView *view, Oid relid);
static List *references_to_rows(const BlockedView *view, Oid relid);
static bool is_inherited(const ForeignKey *key);
static List *blockers_of(BlockedView *view, Oid relid, List *path);
static bool only_clears(const BlockedView *view, const RowReference *reference);
static bool can_ask(BlockedView *view, const RowReference *reference);
static bool may_go_otherwise(const BlockedView *view, const RowReference *reference);
static void require_trusted_child(void *arg);
static bool is_labelled(const BlockedView *view, Oid relid);
static bool overlaps(const List *oids, Oid relid);
static char *compile_stays(BlockedView *view, Oid relid, const RowReference *reference, List *path);
static char *compile_goes_along(BlockedView *view, const RowReference *reference, List *path);
static char *see_as_target(Oid relid, const char *alias, const char *condition);
static char *compile_goes_within(BlockedView *view, Oid relid, List *path);
static RetentionRule *find_row_rule_of(BlockedView *view, Oid relid);
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
find_blockers(BlockedView *view, Oid relid)
{
	List	   *blockers;

	reach_rows(view, relid);
	blockers = blockers_of(view, relid, NIL);
	list_sort(blockers, compare_names);
	list_sort(view->uncounted, list_oid_cmp);
	return blockers;
}

/* The catalogue is read in no order. */
static int
compare_names(const ListCell *a, const ListCell *b)
{
	return strcmp(((Blocker *) lfirst(a))->table, ((Blocker *) lfirst(b))->table);
}

/* Whatever may go along with rows of this table, as far as it matters to keys that would keep them. */
static void
reach_rows(BlockedView *view, Oid relid)
{
	ListCell   *cell;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (list_difference_oid(leaves_of(relid), view->reached) == NIL)
		return;
	view->reached = list_concat_unique_oid(view->reached, leaves_of(relid));
	foreach(cell, references_to_rows(view, relid))
	{
		RowReference *reference = lfirst(cell);

		if (reference->action == FKCONSTR_ACTION_CASCADE || is_labelled(view, reference->child))
			reach_rows(view, reference->child);
	}
}

/* Also those to one partition only, or to an inheritance child. */
static List *
references_to_rows(const BlockedView *view, Oid relid)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, get_rel_relkind(relid) == '\0' ? NIL : find_all_inheritors(relid, NoLock, NULL))
	{
		ListCell   *key;

		foreach(key, view->keys)
		{
			ForeignKey *candidate = lfirst(key);

			if (candidate->parent == lfirst_oid(cell) &&
				(candidate->parent == relid || !is_inherited(candidate)))
				result = list_concat(result, references_among(list_make1(candidate), candidate->parent));
		}
	}
	return result;
}

/* A foreign key to a partitioned table has one more constraint for each of its partitions. */
static bool
is_inherited(const ForeignKey *key)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(key->constraint));
	bool		inherited = HeapTupleIsValid(tuple) && OidIsValid(((Form_pg_constraint) GETSTRUCT(tuple))->conparentid);

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return inherited;
}

static List *
blockers_of(BlockedView *view, Oid relid, List *path)
{
	List	   *result = NIL;
	ListCell   *cell;

	check_stack_depth();
	path = lappend_oid(list_copy(path), relid);
	foreach(cell, references_to_rows(view, relid))
	{
		RowReference *reference = lfirst(cell);
		Blocker    *blocker;

		CHECK_FOR_INTERRUPTS();
		if (only_clears(view, reference))
			continue;
		if (!can_ask(view, reference))
		{
			view->uncounted = list_append_unique_oid(view->uncounted, reference->child);
			continue;
		}
		blocker = palloc0(sizeof(Blocker));
		blocker->table = reference->table;
		blocker->stays = compile_stays(view, relid, reference, path);
		if (blocker->stays != NULL)
			result = lappend(result, blocker);
	}
	return result;
}

/* Of another owner's table nobody knows whether it can be cleared. */
static bool
only_clears(const BlockedView *view, const RowReference *reference)
{
	return (reference->action == FKCONSTR_ACTION_SETNULL || reference->action == FKCONSTR_ACTION_SETDEFAULT) &&
		!is_labelled(view, reference->child) && pp_core_table_owner(reference->child) == view->owner;
}

static bool
can_ask(BlockedView *view, const RowReference *reference)
{
	RowRule		child = {.relid = reference->child, .owner = view->owner};

	return view->asked++ < MAX_REFERENCES &&
		pp_core_table_owner(reference->child) == view->owner &&
		!may_go_otherwise(view, reference) &&
		pp_core_attempt(require_trusted_child, &child) == NULL;
}

/* This key keeps its rows, but they may follow by another. */
static bool
may_go_otherwise(const BlockedView *view, const RowReference *reference)
{
	return reference->action != FKCONSTR_ACTION_CASCADE && !is_labelled(view, reference->child) &&
		overlaps(view->reached, reference->child);
}

static void
require_trusted_child(void *arg)
{
	RowRule    *child = arg;

	pp_label_require_trusted(child->relid, child->owner);
}

static bool
is_labelled(const BlockedView *view, Oid relid)
{
	return overlaps(view->labelled, relid);
}

static bool
overlaps(const List *oids, Oid relid)
{
	ListCell   *cell;

	foreach(cell, leaves_of(relid))
	{
		if (list_member_oid(oids, lfirst_oid(cell)))
			return true;
	}
	return false;
}

/*
 * NULL: its rows always go along. In "match" the row that is referred to is a leaf's, which may have
 * columns that the table has not.
 */
static char *
compile_stays(BlockedView *view, Oid relid, const RowReference *reference, List *path)
{
	char	   *goes = compile_goes_along(view, reference, path);
	char	   *stays;

	if (goes == NULL)
		return NULL;
	stays = psprintf("EXISTS (SELECT FROM %s AS child WHERE %s "
					 "AND NOT (child.tableoid = " PP_TARGET ".tableoid AND child.ctid = " PP_TARGET ".ctid) AND NOT %s)",
					 reference->table, reference->match, see_as_target(reference->child, "child", goes));
	if (reference->parent == relid)
		return stays;
	return psprintf("EXISTS (SELECT FROM (SELECT " PP_TARGET ".tableoid, " PP_TARGET ".ctid) AS here WHERE %s)",
					see_as_target(reference->parent, "here", stays));
}

/* SQL, boolean over the referring row as "target"; NULL: always. */
static char *
compile_goes_along(BlockedView *view, const RowReference *reference, List *path)
{
	List	   *keepers;

	if (reference->action != FKCONSTR_ACTION_CASCADE || is_labelled(view, reference->child))
		return compile_goes_within(view, reference->child, path);
	if (list_member_oid(path, reference->child))
		return NULL;
	keepers = blockers_of(view, reference->child, path);
	return keepers == NIL ? NULL : psprintf("NOT %s", any_blocker(keepers));
}

/*
 * SQL, boolean: a condition over "target", asked of the row that goes by another alias. Nothing is
 * added beside the row's own columns, so that none can clash.
 */
static char *
see_as_target(Oid relid, const char *alias, const char *condition)
{
	if (strcmp(condition, "false") == 0)
		return pstrdup(condition);
	return psprintf("EXISTS (SELECT FROM %s AS " PP_TARGET " WHERE " PP_TARGET ".tableoid = %s.tableoid "
					"AND " PP_TARGET ".ctid = %s.ctid AND %s)", pp_core_quote_relation(relid), alias, alias, condition);
}

char *
any_blocker(const List *blockers)
{
	StringInfoData sql;
	ListCell   *cell;

	initStringInfo(&sql);
	foreach(cell, blockers)
	{
		appendStringInfo(&sql, "%s%s", sql.len > 0 ? " OR " : "", ((Blocker *) lfirst(cell))->stays);
	}
	return sql.len > 0 ? psprintf("(%s)", sql.data) : "false";
}

char *
compile_goes(BlockedView *view, Oid relid)
{
	reach_rows(view, relid);
	return compile_goes_within(view, relid, NIL);
}

static char *
compile_goes_within(BlockedView *view, Oid relid, List *path)
{
	RetentionRule *rule = find_row_rule_of(view, relid);

	if (rule == NULL)
		return "false";
	if (list_member_oid(path, relid))
		return psprintf("COALESCE(%s, false)", rule->due);
	return psprintf("COALESCE(%s AND NOT %s, false)", rule->due, any_blocker(blockers_of(view, relid, path)));
}

/* NULL: its rows stay. */
static RetentionRule *
find_row_rule_of(BlockedView *view, Oid relid)
{
	RowRule    *row;
	ListCell   *cell;

	foreach(cell, view->rules)
	{
		if (((RowRule *) lfirst(cell))->relid == relid)
			return ((RowRule *) lfirst(cell))->rule;
	}
	row = palloc0(sizeof(RowRule));
	row->relid = relid;
	row->as_of = view->as_of;
	row->owner = view->owner;
	view->rules = lappend(view->rules, row);
	if (pp_core_attempt(resolve_row_rule, row) != NULL)
		row->rule = NULL;
	return row->rule;
}

static void
resolve_row_rule(void *arg)
{
	RowRule    *row = arg;
	RetentionRule *rule = pp_policy_resolve(row->relid, 0, row->as_of, false);

	if (rule != NULL && !rule->draft && rule->owner == row->owner)
		row->rule = rule;
}
