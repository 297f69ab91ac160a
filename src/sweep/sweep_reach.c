/*
 * sweep_reach.c: which tables a batch may have to touch, and how each foreign key between them is
 * taken.
 *
 * The sweep never relies on CASCADE or SET NULL: a cascade would take rows that must stay. It does
 * itself what the key asks for, and only to tables that nobody has labelled: a label is a promise
 * of its own, so a labelled row that refers to another blocks it unless it is due by its own rule.
 * Rules run children first, so that such a row is seldom there; one that is stands in a circle of
 * foreign keys, or waits for a follower of the other: neither could go without the other.
 *
 * The sweep acts on a table as its owner, as the server's own cascade does: who declares ON DELETE
 * CASCADE or SET NULL has asked for it. Where it could not be sure of the effect (rewrite rules, a
 * partition of another owner, a column that must not be null or that others refer to), the key
 * blocks. Where it cannot even find out which rows are referred to, the key blocks all of them.
 *
 * The tables' labels are locked against change and the tables against DDL until the transaction
 * ends.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "core/core.h"
#include "label/label.h"
#include "sweep/sweep_graph.h"

/* From this size on, reading a whole table for each deleted row is worth a word. */
#define LARGE_TABLE_PAGES 1000

/* A rule while it is resolved. */
typedef struct CompanionRule
{
	SweepReach *reach;
	SweepRule  *rule;
	RetentionRule *resolved;
} CompanionRule;

static ReachTable *add_table(SweepReach *reach, Oid leaf);
static void add_references(SweepReach *reach, ReachTable *table);
static List *await_leaving(SweepReach *reach, List *references);
static ReferenceKind classify(SweepReach *reach, RowReference *reference);
static bool is_rewritten(const RowReference *reference);
static bool is_trusted(Oid child);
static void require_trusted(void *arg);
static void admit_children(SweepReach *reach, RowReference *reference);
static bool is_labelled(Oid relid);
static bool may_accompany(SweepReach *reach, Oid child);
static CompanionRule find_companion_rule(SweepReach *reach, Oid child);
static void resolve_companion(void *arg);
static bool leaves_belong_to(Oid relid, Oid owner);
static bool may_clear(SweepReach *reach, RowReference *reference);
static bool must_not_be_null(Oid relid, Bitmapset *columns);
static bool is_referred_to(SweepReach *reach, Oid leaf, const RowReference *reference);
static void report_missing_index(SweepReach *reach, const RowReference *reference);

SweepReach *
load_reach(SweepRun *run, SweepRule *rule, RetentionRule *resolved, Oid leaf)
{
	SweepReach *reach = palloc0(sizeof(SweepReach));
	ReachTable *root;
	ListCell   *cell;

	reach->run = run;
	reach->keys = load_keys();
	root = add_table(reach, leaf);
	root->resolved = resolved;
	root->rule = rule;
	add_references(reach, root);
	foreach(cell, reach->tables)
	{
		ReachTable *table = lfirst(cell);

		table->references = await_leaving(reach, table->references);
	}
	return reach;
}

static ReachTable *
add_table(SweepReach *reach, Oid leaf)
{
	ReachTable *table = palloc0(sizeof(ReachTable));

	table->leaf = leaf;
	table->name = pp_core_quote_relation(leaf);
	table->owner = pp_core_table_owner(leaf);
	reach->tables = lappend(reach->tables, table);
	return table;
}

ReachTable *
find_reached(SweepReach *reach, Oid leaf)
{
	ListCell   *cell;

	foreach(cell, reach->tables)
	{
		if (((ReachTable *) lfirst(cell))->leaf == leaf)
			return lfirst(cell);
	}
	return NULL;
}

void
put_to_work(SweepReach *reach, const ReachTable *table)
{
	ReachTable *root = linitial(reach->tables);

	reach->at_work = table == NULL || table->rule == root->rule ? NULL : table->name;
}

/* Depth first, each table once. */
static void
add_references(SweepReach *reach, ReachTable *table)
{
	ListCell   *cell;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	table->goes = true;
	table->references = references_among(reach->keys, table->leaf);
	foreach(cell, table->references)
	{
		RowReference *reference = lfirst(cell);

		LockRelationOid(reference->child, AccessShareLock);
		reference->kind = classify(reach, reference);
		report_missing_index(reach, reference);
		if (reference->kind != REFERENCE_BLOCKS)
			admit_children(reach, reference);
	}
}

/*
 * A row that blocks may go all the same when it follows by another key. The blocking keys come
 * first: what they keep needs no further look.
 */
static List *
await_leaving(SweepReach *reach, List *references)
{
	List	   *blocking = NIL;
	List	   *others = NIL;
	ListCell   *cell;

	foreach(cell, references)
	{
		RowReference *reference = lfirst(cell);
		ListCell   *leaf;

		foreach(leaf, reference->kind == REFERENCE_BLOCKS && !reference->opaque && !is_labelled(reference->child) ?
				leaves_of(reference->child) : NIL)
		{
			ReachTable *table = find_reached(reach, lfirst_oid(leaf));

			if (table != NULL && table->goes)
				reference->kind = REFERENCE_AWAITS;
		}
		if (reference->kind == REFERENCE_BLOCKS)
			blocking = lappend(blocking, reference);
		else
			others = lappend(others, reference);
	}
	return list_concat(blocking, others);
}

static ReferenceKind
classify(SweepReach *reach, RowReference *reference)
{
	ListCell   *cell;

	/* whoever sets a label now waits for the batch, or the batch for them */
	pp_label_lock(reference->child, false);
	foreach(cell, get_rel_relispartition(reference->child) ? get_partition_ancestors(reference->child) : NIL)
	{
		pp_label_lock(lfirst_oid(cell), false);
	}
	reference->opaque = is_rewritten(reference) || !is_trusted(reference->child);
	if (reference->opaque)
		return REFERENCE_BLOCKS;
	if (is_labelled(reference->child))
		return may_accompany(reach, reference->child) ? REFERENCE_ACCOMPANIES : REFERENCE_BLOCKS;
	if (reference->action == FKCONSTR_ACTION_NOACTION || reference->action == FKCONSTR_ACTION_RESTRICT ||
		!leaves_belong_to(reference->child, pp_core_table_owner(reference->child)))
		return REFERENCE_BLOCKS;
	if (reference->action == FKCONSTR_ACTION_CASCADE)
		return REFERENCE_FOLLOWS;
	return may_clear(reach, reference) ? REFERENCE_CLEARS : REFERENCE_BLOCKS;
}

/* The server's own ON DELETE would raise an error at a rewrite rule, also for a row that nobody refers to. */
static bool
is_rewritten(const RowReference *reference)
{
	CmdType		event = reference->action == FKCONSTR_ACTION_CASCADE ? CMD_DELETE : CMD_UPDATE;
	Relation	child;
	bool		rewritten = false;

	if (reference->action == FKCONSTR_ACTION_NOACTION || reference->action == FKCONSTR_ACTION_RESTRICT)
		return false;
	child = try_relation_open(reference->child, NoLock);
	if (child == NULL)
		return false;
	for (int i = 0; child->rd_rules != NULL && i < child->rd_rules->numLocks; i++)
		rewritten |= child->rd_rules->rules[i]->event == event;
	relation_close(child, NoLock);
	return rewritten;
}

/* Whether its owner can read it without running code of the owners of its children. */
static bool
is_trusted(Oid child)
{
	ErrorData  *error = pp_core_attempt(require_trusted, &child);

	if (error != NULL && error->sqlerrcode != ERRCODE_INSUFFICIENT_PRIVILEGE)
		ReThrowError(error);
	return error == NULL;
}

static void
require_trusted(void *arg)
{
	Oid			child = *(Oid *) arg;

	pp_label_require_trusted(child, pp_core_table_owner(child));
}

/* The leaves of a referencing table join the reach. */
static void
admit_children(SweepReach *reach, RowReference *reference)
{
	CompanionRule companion = {0};
	ListCell   *cell;

	if (reference->kind == REFERENCE_ACCOMPANIES)
	{
		companion = find_companion_rule(reach, reference->child);
		reference->due = companion.resolved->due;
	}
	foreach(cell, leaves_of(reference->child))
	{
		ReachTable *table = find_reached(reach, lfirst_oid(cell));

		if (table == NULL)
		{
			LockRelationOid(lfirst_oid(cell), RowExclusiveLock);
			table = add_table(reach, lfirst_oid(cell));
			table->resolved = companion.resolved;
			table->rule = companion.rule;
		}
		if (reference->kind != REFERENCE_CLEARS && !table->goes)
			add_references(reach, table);
	}
}

/* By itself, above or below. Asked again for each table, after its lock. */
static bool
is_labelled(Oid relid)
{
	ListCell   *leaf;
	ListCell   *cell;

	foreach(leaf, lcons_oid(relid, leaves_of(relid)))
	{
		foreach(cell, lcons_oid(lfirst_oid(leaf), pp_policy_ancestors(lfirst_oid(leaf))))
		{
			if (pp_label_columns(lfirst_oid(cell)) != NIL)
				return true;
		}
	}
	return false;
}

static bool
may_accompany(SweepReach *reach, Oid child)
{
	CompanionRule companion = find_companion_rule(reach, child);

	return companion.resolved != NULL && pp_core_table_owner(child) == companion.resolved->owner &&
		leaves_belong_to(child, companion.resolved->owner);
}

/* The rule that governs all rows of a table, resolved now; without result when it does not run. */
static CompanionRule
find_companion_rule(SweepReach *reach, Oid child)
{
	CompanionRule companion = {.reach = reach, .rule = find_row_rule(reach->run->rules, child)};
	ListCell   *cell;

	foreach(cell, reach->tables)
	{
		ReachTable *table = lfirst(cell);

		if (table->rule != NULL && table->rule == companion.rule)
		{
			companion.resolved = table->resolved;
			return companion;
		}
	}
	if (companion.rule == NULL || companion.rule->state == NULL || strcmp(companion.rule->state, "enforced") != 0 ||
		list_difference_oid(leaves_of(child), leaves_of(companion.rule->relid)) != NIL ||
		pp_core_attempt(resolve_companion, &companion) != NULL)
		companion.resolved = NULL;
	return companion;
}

static void
resolve_companion(void *arg)
{
	CompanionRule *companion = arg;
	SweepRun   *run = companion->reach->run;
	RetentionRule *resolved = pp_policy_resolve(companion->rule->relid, 0, run->cut_off, run->bind);

	if (resolved != NULL && !resolved->draft && !resolved->unbound)
		companion->resolved = resolved;
}

/* Statements on a leaf run as that owner, and do what they say. */
static bool
leaves_belong_to(Oid relid, Oid owner)
{
	ListCell   *cell;

	foreach(cell, leaves_of(relid))
	{
		Relation	leaf = try_relation_open(lfirst_oid(cell), RowExclusiveLock);
		bool		fits = leaf != NULL && leaf->rd_rel->relowner == owner && !pp_label_has_rewrite_rules(leaf);

		if (leaf != NULL)
			relation_close(leaf, NoLock);
		if (!fits)
			return false;
	}
	return OidIsValid(owner);
}

/* A column that must not be null, or that others refer to, is nothing that can be cleared. */
static bool
may_clear(SweepReach *reach, RowReference *reference)
{
	ListCell   *cell;

	reference->leaves = leaves_of(reference->child);
	foreach(cell, reach->clearing)
	{
		RowReference *other = lfirst(cell);

		if (list_length(list_difference_oid(other->leaves, reference->leaves)) < list_length(other->leaves))
			reference->bit = Max(reference->bit, other->bit + 1);
	}
	if (reference->bit >= 64 ||
		(reference->action == FKCONSTR_ACTION_SETNULL && must_not_be_null(reference->child, reference->cleared)))
		return false;
	foreach(cell, reference->leaves)
	{
		if (is_referred_to(reach, lfirst_oid(cell), reference))
			return false;
	}
	reach->clearing = lappend(reach->clearing, reference);
	return true;
}

static bool
must_not_be_null(Oid relid, Bitmapset *columns)
{
	int			column = -1;

	while ((column = bms_next_member(columns, column)) >= 0)
	{
		HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(column));
		bool		must_not = HeapTupleIsValid(tuple) && ((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull;

		if (HeapTupleIsValid(tuple))
			ReleaseSysCache(tuple);
		if (must_not)
			return true;
	}
	return false;
}

/* By name: a leaf's columns may be numbered in another way. */
static bool
is_referred_to(SweepReach *reach, Oid leaf, const RowReference *reference)
{
	ListCell   *cell;

	foreach(cell, references_among(reach->keys, leaf))
	{
		int			column = -1;

		while ((column = bms_next_member(reference->cleared, column)) >= 0)
		{
			ListCell   *key;

			foreach(key, ((RowReference *) lfirst(cell))->keys)
			{
				if (strcmp(lfirst(key), quote_identifier(get_attname(reference->child, column, false))) == 0)
					return true;
			}
		}
	}
	return false;
}

/* The server itself looks for referring rows after each deleted one. */
static void
report_missing_index(SweepReach *reach, const RowReference *reference)
{
	SweepRule  *rule = ((ReachTable *) linitial(reach->tables))->rule;
	BlockNumber pages = 0;
	ListCell   *cell;

	if (rule->problem != NULL || reference_is_indexed(reference))
		return;
	foreach(cell, leaves_of(reference->child))
	{
		Relation	leaf = try_relation_open(lfirst_oid(cell), AccessShareLock);

		if (leaf == NULL)
			continue;
		pages += RelationGetNumberOfBlocks(leaf);
		relation_close(leaf, NoLock);
	}
	if (pages >= LARGE_TABLE_PAGES)
		rule->problem = MemoryContextStrdup(reach->run->memory,
											psprintf("it is slow: table %s has no index on the columns of its foreign key to table %s, so all of it is read for each deleted row",
													 reference->table, pp_core_quote_relation(reference->parent)));
}
