/*
 * sweep_order.c: rules that delete referring rows run before rules that delete the rows referred to.
 *
 * Also where tables without a rule lie between: what refers to a row that follows keeps it, and
 * should be gone by then.
 */
#include "postgres.h"

#include "catalog/partition.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"

#include "sweep/sweep_internal.h"

/* A walk along all foreign keys. */
typedef struct RuleWalk
{
	List	   *rules;			/* of SweepRule */
	List	   *keys;			/* of ForeignKey */
	List	   *visited;		/* of SweepRule */
	List	   *passed;			/* OIDs of tables without a rule */
	List	   *ordered;
} RuleWalk;

static void visit_rule(RuleWalk *walk, SweepRule *rule);
static void visit_children(RuleWalk *walk, Oid relid);

List *
order_rules(List *rules)
{
	RuleWalk	walk = {.rules = rules, .keys = load_keys()};
	ListCell   *cell;

	foreach(cell, rules)
		visit_rule(&walk, lfirst(cell));
	return walk.ordered;
}

/* Depth first: a rule comes after every rule whose rows may refer to its rows; a circle is cut anywhere. */
static void
visit_rule(RuleWalk *walk, SweepRule *rule)
{
	if (list_member_ptr(walk->visited, rule))
		return;
	walk->visited = lappend(walk->visited, rule);
	if (rule->attnum == 0)
		visit_children(walk, rule->relid);
	walk->ordered = lappend(walk->ordered, rule);
}

static void
visit_children(RuleWalk *walk, Oid relid)
{
	List	   *leaves = leaves_of(relid);
	ListCell   *cell;

	check_stack_depth();
	foreach(cell, walk->keys)
	{
		ForeignKey *key = lfirst(cell);
		SweepRule  *rule;

		if (!list_member_oid(leaves, key->parent))
			continue;
		rule = find_row_rule(walk->rules, key->child);
		if (rule != NULL)
			visit_rule(walk, rule);
		else if (!list_member_oid(walk->passed, key->child))
		{
			walk->passed = lappend_oid(walk->passed, key->child);
			visit_children(walk, key->child);
		}
	}
}

SweepRule *
find_row_rule(List *rules, Oid relid)
{
	List	   *family = list_concat(list_make1_oid(relid), leaves_of(relid));
	ListCell   *cell;

	if (get_rel_relispartition(relid))
		family = list_concat(family, get_partition_ancestors(relid));
	foreach(cell, rules)
	{
		SweepRule  *rule = lfirst(cell);

		if (rule->attnum == 0 && list_member_oid(family, rule->relid))
			return rule;
	}
	return NULL;
}
