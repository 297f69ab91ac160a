/*
 * label_provider.c: SECURITY LABEL FOR privacy ends here.
 *
 * The server has checked that the caller owns the table and holds ShareUpdateExclusiveLock on it.
 * That lock does not stop a sweep, so readers and writers of one table's labels exclude each other
 * with a lock of their own (pp_label_lock): a batch that has read the label finishes under it, and
 * whoever changes the promise waits for that batch.
 *
 * While pg_dump's output or pg_upgrade is being restored, purposes, scopes and later tables are not
 * there yet. Then only the syntax is checked, and the label stays unbound.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_seclabel.h"
#include "commands/seclabel.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "core/core.h"
#include "label/label_internal.h"

#define PROVIDER "privacy"

static LabelChecker checker = NULL;

static void receive_label(const ObjectAddress *object, const char *source);
static void set_label(Oid relid, AttrNumber attnum, const char *source);
static const char *bind_label(Oid relid, AttrNumber attnum, Label *label);
static bool is_restoring(void);

void
pp_label_init(void)
{
	register_label_provider(PROVIDER, receive_label);
}

void
pp_label_on_check(LabelChecker layer_above)
{
	checker = layer_above;
}

/* The provider's hook: called before the label is stored; raising refuses it. */
static void
receive_label(const ObjectAddress *object, const char *source)
{
	if (object->classId != RelationRelationId)
	{
		if (source == NULL)
			return;
		ereport(ERROR,
				errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("privacy labels are for tables and columns"),
				errhint("What a role may read is granted in the database, not by a label."));
	}
	pp_label_lock(object->objectId, true);
	if (source != NULL)
		set_label(object->objectId, object->objectSubId, source);
	else if (pp_core_installed())
		forget_binding(object->objectId, object->objectSubId);
}

static void
set_label(Oid relid, AttrNumber attnum, const char *source)
{
	Label	   *label;

	(void) pp_core_extension(); /* refuses a database without the extension */
	label = pp_label_parse(source);
	if (is_restoring())
	{
		if (!IsBinaryUpgrade)
			forget_binding(relid, attnum);
		return;
	}
	pp_label_check_fits(relid, attnum, label);
	store_binding(relid, attnum, source, bind_label(relid, attnum, label));
}

/* The layer above resolves the label as the table's owner, as whom it will run. */
static const char *
bind_label(Oid relid, AttrNumber attnum, Label *label)
{
	LabelReading reading;
	CoreStay	stay;
	const char *binding;

	pp_label_open(&reading, label->source, NULL);
	pp_core_enter(&stay, pp_core_table_owner(relid), true);
	binding = checker(relid, attnum, label);
	pp_core_leave(&stay);
	pp_label_close(&reading);
	return binding;
}

static bool
is_restoring(void)
{
	return IsBinaryUpgrade || !check_function_bodies;
}

void
pp_label_lock(Oid relid, bool exclusive)
{
	/* readers must be able to lock on a standby, too, where RowExclusiveLock is the strongest mode */
	LockDatabaseObject(SecLabelRelationId, relid, 0, exclusive ? ExclusiveLock : RowExclusiveLock);
}

char *
stored_label(Oid relid, AttrNumber attnum)
{
	ObjectAddress object = {RelationRelationId, relid, attnum};

	return GetSecurityLabel(&object, PROVIDER);
}

Label *
pp_label_load(Oid relid, AttrNumber attnum)
{
	char	   *source = stored_label(relid, attnum);

	return source ? pp_label_parse(source) : NULL;
}

List *
pp_label_columns(Oid relid)
{
	List	   *result = NIL;
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	AttrNumber	columns;

	if (!HeapTupleIsValid(tuple))
		return NIL;
	columns = ((Form_pg_class) GETSTRUCT(tuple))->relnatts;
	ReleaseSysCache(tuple);
	for (AttrNumber attnum = 0; attnum <= columns; attnum++)
		if (stored_label(relid, attnum) != NULL)
			result = lappend_int(result, attnum);
	return result;
}

List *
pp_label_relations(void)
{
	Relation	labels = table_open(SecLabelRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(labels, InvalidOid, false, NULL, 0, NULL);
	List	   *result = NIL;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		FormData_pg_seclabel *form = (FormData_pg_seclabel *) GETSTRUCT(tuple);
		bool		isnull;
		Datum		provider = heap_getattr(tuple, Anum_pg_seclabel_provider,
											RelationGetDescr(labels), &isnull);

		if (form->classoid == RelationRelationId &&
			strcmp(TextDatumGetCString(provider), PROVIDER) == 0)
			result = list_append_unique_oid(result, form->objoid);
	}
	systable_endscan(scan);
	table_close(labels, AccessShareLock);
	list_sort(result, list_oid_cmp);
	return result;
}
