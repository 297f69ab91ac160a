/*
 * static_masking_key.c: foreign keys over masked columns still hold.
 *
 * Equal values have equal pseudonyms in one scope, so that a key holds when both sides have the
 * same treatment; the swap itself checks nothing. When all tables are rewritten (keys may lead in
 * circles), every validated key with a changed column on either side is checked by the server's own
 * query for it, the one of ALTER TABLE ... ADD FOREIGN KEY: no referencing row without its
 * referenced one, whichever side has changed.
 *
 * A key of partitioned tables has copies for their partitions, which say less than the whole. What
 * is checked is the one at the top.
 *
 * The query runs as the owner of the referencing table, who needs to read both. It must not run
 * other owners' code: see label_trust.c.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_constraint.h"
#include "commands/trigger.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "core/core.h"
#include "label/label.h"
#include "static_masking/static_masking_internal.h"

static List *changed_keys(const MaskRun *run);
static bool is_changed(const MaskRun *run, HeapTuple constraint);
static bool has_changed(const MaskRun *run, Oid relid, const AttrNumber *columns, int count);
static Oid	top_constraint(Oid constraint);
static void check_key(MaskRun *run, Oid constraint);
static bool is_validated(Form_pg_constraint key);
static void check_rows(Form_pg_constraint key);

void
check_foreign_keys(MaskRun *run)
{
	ListCell   *cell;

	foreach(cell, changed_keys(run))
	{
		check_key(run, lfirst_oid(cell));
	}
}

/* pg_constraint is read once: it has no index on the referenced table. */
static List *
changed_keys(const MaskRun *run)
{
	Relation	constraints = table_open(ConstraintRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(constraints, InvalidOid, false, NULL, 0, NULL);
	List	   *result = NIL;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);

		if (form->contype == CONSTRAINT_FOREIGN && is_changed(run, tuple))
			result = list_append_unique_oid(result, top_constraint(form->oid));
	}
	systable_endscan(scan);
	table_close(constraints, AccessShareLock);
	return result;
}

static bool
is_changed(const MaskRun *run, HeapTuple constraint)
{
	Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(constraint);
	AttrNumber	child[INDEX_MAX_KEYS];
	AttrNumber	parent[INDEX_MAX_KEYS];
	int			keys;

	DeconstructFkConstraintRow(constraint, &keys, child, parent, NULL, NULL, NULL, NULL, NULL);
	return has_changed(run, form->conrelid, child, keys) ||
		has_changed(run, form->confrelid, parent, keys);
}

static bool
has_changed(const MaskRun *run, Oid relid, const AttrNumber *columns, int count)
{
	ListCell   *cell;

	foreach(cell, run->tables)
	{
		MaskedTable *table = lfirst(cell);

		if (table->relid != relid)
			continue;
		for (int i = 0; i < count; i++)
		{
			if (bms_is_member(MASKED_BIT(columns[i]), table->changed))
				return true;
		}
	}
	return false;
}

static Oid
top_constraint(Oid constraint)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	Oid			above;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "constraint %u vanished", constraint);	/* cannot happen */
	above = ((Form_pg_constraint) GETSTRUCT(tuple))->conparentid;
	ReleaseSysCache(tuple);
	return OidIsValid(above) ? top_constraint(above) : constraint;
}

static void
check_key(MaskRun *run, Oid constraint)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	Form_pg_constraint key;
	CoreStay	stay;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "constraint %u vanished", constraint);	/* cannot happen */
	key = (Form_pg_constraint) GETSTRUCT(tuple);
	run->failure = psprintf("foreign key \"%s\" of table %s could not be kept", NameStr(key->conname),
							pp_core_quote_relation(key->conrelid));
	if (is_validated(key))
	{
		pp_core_enter(&stay, pp_core_table_owner(key->conrelid), true);
		check_rows(key);
		pp_core_leave(&stay);
	}
	ReleaseSysCache(tuple);
}

/* A key that is not promises nothing about old rows. */
static bool
is_validated(Form_pg_constraint key)
{
#if PG_VERSION_NUM >= 180000
	if (!key->conenforced)
		return false;
#endif
	return key->convalidated;
}

static void
check_rows(Form_pg_constraint key)
{
	Relation	referencing = table_open(key->conrelid, AccessShareLock);
	Relation	referenced = table_open(key->confrelid, AccessShareLock);
	Trigger		trigger = {
		.tgname = NameStr(key->conname),
		.tgenabled = TRIGGER_FIRES_ON_ORIGIN,
		.tgisinternal = true,
		.tgconstrrelid = key->confrelid,
		.tgconstrindid = key->conindid,
		.tgconstraint = key->oid,
	};

	pp_label_require_trusted(key->confrelid, referencing->rd_rel->relowner);
	if (!RI_Initial_Check(&trigger, referencing, referenced))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("the owner of table %s may not read both sides of the key, or row security stands in the way",
					   pp_core_quote_relation(key->conrelid)));
	table_close(referenced, NoLock);
	table_close(referencing, NoLock);
}
