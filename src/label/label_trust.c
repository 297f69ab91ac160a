/*
 * label_trust.c: tables that bring somebody else's code along.
 *
 * Who reads a table runs what its owner has put on it: planning a query evaluates the functions in
 * index expressions and predicates, in CHECK constraints, partition keys and extended statistics;
 * row security adds its policies. A person who reads another's table knows; a sweep that does it
 * unattended, with an owner's rights, must not. So a table of another owner (unless that is a
 * superuser), or with partitions of another owner, may be read only while it carries no such code.
 *
 * Whoever could add some while we look is kept out by ShareUpdateExclusiveLock on those foreign
 * tables, to the end of the transaction.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "label/label_internal.h"

static bool is_foreign(Oid relid, Oid owner);
static void require_no_code(Oid relid);
static const char *find_code(Relation relation);
static bool has_expression_index(Relation relation);

void
pp_label_require_trusted(Oid relid, Oid owner)
{
	ListCell   *cell;

	foreach(cell, find_all_inheritors(relid, NoLock, NULL))
	{
		if (is_foreign(lfirst_oid(cell), owner))
			require_no_code(lfirst_oid(cell));
	}
}

static bool
is_foreign(Oid relid, Oid owner)
{
	Oid			relation_owner = pp_core_table_owner(relid);

	return OidIsValid(relation_owner) && relation_owner != owner && !superuser_arg(relation_owner);
}

static void
require_no_code(Oid relid)
{
	Relation	relation;
	const char *code;

	if (!RecoveryInProgress())
		LockRelationOid(relid, ShareUpdateExclusiveLock);
	relation = table_open(relid, AccessShareLock);
	code = find_code(relation);
	if (code != NULL)
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("table \"%s\" of another owner must not be read", RelationGetRelationName(relation)),
				errdetail("It belongs to \"%s\" and has %s, whose code would run with other rights.",
						  GetUserNameFromId(relation->rd_rel->relowner, false), code),
				errhint("Let both tables have one owner, or drop what carries the code."));
	table_close(relation, NoLock);
}

static const char *
find_code(Relation relation)
{
	PartitionKey key = RelationGetPartitionKey(relation);

	if (has_expression_index(relation))
		return "an index on an expression or with a predicate";
	if (relation->rd_att->constr != NULL && relation->rd_att->constr->num_check > 0)
		return "a CHECK constraint";
	if (key != NULL && key->partexprs != NIL)
		return "an expression as partition key";
	if (relation->rd_rel->relrowsecurity)
		return "row security";
	if (RelationGetStatExtList(relation) != NIL)
		return "extended statistics";
	return NULL;
}

static bool
has_expression_index(Relation relation)
{
	ListCell   *cell;
	bool		found = false;

	foreach(cell, RelationGetIndexList(relation))
	{
		HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(cell)));

		if (!HeapTupleIsValid(tuple))
			continue;
		found |= !heap_attisnull(tuple, Anum_pg_index_indexprs, NULL) ||
			!heap_attisnull(tuple, Anum_pg_index_indpred, NULL);
		ReleaseSysCache(tuple);
	}
	return found;
}
