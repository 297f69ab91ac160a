/*
 * label_binding.c: what a label resolved to when it was set.
 *
 * A label is text; what it deletes is decided by what its names resolve to. If a column is renamed,
 * swapped for another, or a new column captures a name, the same text would delete other rows. So
 * the resolution is kept beside the label and compared at each run; a difference parks the rule
 * until somebody looks.
 *
 * Bindings are made of OIDs and attribute numbers, so they mean nothing in another database: they
 * are not dumped, and one made by another cluster (pg_upgrade carries the table along) counts as
 * absent. A label without a binding is bound on first use, when everything resolves.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "core/core.h"
#include "label/label_internal.h"

static Datum cluster_id(void);

void
store_binding(Oid relid, AttrNumber attnum, const char *source, const char *binding)
{
	Oid			types[] = {OIDOID, INT2OID, TEXTOID, TEXTOID, INT8OID};
	Datum		values[] = {ObjectIdGetDatum(relid), Int16GetDatum(attnum),
	CStringGetTextDatum(source), CStringGetTextDatum(binding), cluster_id()};

	SPI_connect();
	pp_core_execute("INSERT INTO privacy.label_binding (relation, attribute, label, binding, cluster) "
					"VALUES ($1, $2, $3, $4, $5) ON CONFLICT (relation, attribute) DO UPDATE "
					"SET label = EXCLUDED.label, binding = EXCLUDED.binding, cluster = EXCLUDED.cluster",
					false, lengthof(types), types, values, NULL);
	SPI_finish();
}

void
pp_label_unbind(Oid relid)
{
	Oid			types[] = {OIDOID};
	Datum		values[] = {ObjectIdGetDatum(relid)};

	SPI_connect();
	pp_core_execute("DELETE FROM privacy.label_binding WHERE relation = $1", false, 1, types, values, NULL);
	SPI_finish();
}

void
forget_binding(Oid relid, AttrNumber attnum)
{
	Oid			types[] = {OIDOID, INT2OID};
	Datum		values[] = {ObjectIdGetDatum(relid), Int16GetDatum(attnum)};

	SPI_connect();
	pp_core_execute("DELETE FROM privacy.label_binding WHERE relation = $1 AND attribute = $2",
					false, lengthof(types), types, values, NULL);
	SPI_finish();
}

const char *
pp_label_compare_binding(Oid relid, AttrNumber attnum, const char *binding, bool bind, bool *bound)
{
	char	   *source = stored_label(relid, attnum);
	Oid			types[] = {OIDOID, INT2OID, TEXTOID, TEXTOID, INT8OID};
	Datum		values[] = {ObjectIdGetDatum(relid), Int16GetDatum(attnum),
	CStringGetTextDatum(source), CStringGetTextDatum(binding), cluster_id()};
	bool		same = false;

	SPI_connect();
	pp_core_execute("SELECT binding = $4 FROM privacy.label_binding "
					"WHERE relation = $1 AND attribute = $2 AND label = $3 AND cluster = $5",
					false, lengthof(types), types, values, NULL);
	*bound = SPI_processed > 0;
	if (*bound)
	{
		bool		isnull;

		same = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	}
	SPI_finish();

	if (*bound && !same)
		return "Its names resolve to other objects than when it was set.";
	if (!*bound && bind)
	{
		store_binding(relid, attnum, source, binding);
		*bound = true;
	}
	return NULL;
}

/* Bindings of another cluster mean nothing here. */
static Datum
cluster_id(void)
{
	return Int64GetDatum((int64) GetSystemIdentifier());
}
