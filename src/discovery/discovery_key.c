/*
 * discovery_key.c: foreign keys and indexes, asked of the catalogue.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "discovery/discovery_internal.h"

static Datum governed_tables(Lint *lint);
static void lint_key(Lint *lint, HeapTuple tuple, TupleDesc columns);

/*
 * The keys that lead to a table whose rows are deleted, directly or as followers: whether the child
 * has a label, what ON DELETE says, whether an index begins with its columns, and how large it is.
 */
static const char *const keys_query =
"WITH RECURSIVE reached (oid) AS ("
"	SELECT pg_catalog.unnest($1) "
"	UNION SELECT more.oid FROM reached r CROSS JOIN LATERAL ("
"		SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = r.oid "
"		UNION ALL SELECT c.conrelid FROM pg_catalog.pg_constraint c "
"		WHERE c.confrelid = r.oid AND c.contype = 'f' AND c.confdeltype = 'c') AS more (oid)) "
"SELECT c.conrelid::pg_catalog.regclass::pg_catalog.text, c.confrelid::pg_catalog.regclass::pg_catalog.text, "
"	c.confdeltype IN ('c', 'n', 'd') AND EXISTS (SELECT FROM pg_catalog.pg_seclabel l WHERE l.provider = 'privacy' "
"		AND l.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND l.objoid = c.conrelid), "
"	NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.conrelid AND i.indisvalid AND i.indpred IS NULL "
"		AND i.indnkeyatts >= pg_catalog.cardinality(c.conkey) "
"		AND (i.indkey::pg_catalog.int2[])[0:pg_catalog.cardinality(c.conkey) - 1] @> c.conkey) "
"	AND COALESCE((SELECT pg_catalog.sum(pg_catalog.pg_relation_size(t.relid)) "
"		FROM pg_catalog.pg_partition_tree(c.conrelid) AS t), pg_catalog.pg_relation_size(c.conrelid)) >= $2 "
"FROM pg_catalog.pg_constraint c WHERE c.contype = 'f' AND c.conparentid = 0 "
"AND c.confrelid IN (SELECT oid FROM reached) ORDER BY 1, 2, c.conname";

void
lint_keys(Lint *lint)
{
	Oid			types[] = {OIDARRAYOID, INT8OID};
	Datum		values[] = {governed_tables(lint), Int64GetDatum(LARGE_TABLE_BYTES)};

	SPI_connect();
	pp_core_execute(keys_query, true, lengthof(types), types, values, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
		lint_key(lint, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
	SPI_finish();
}

/* Those whose labels delete rows, as oid[]. */
static Datum
governed_tables(Lint *lint)
{
	Datum	   *relids = palloc(sizeof(Datum) * Max(list_length(lint->labels), 1));
	int			count = 0;
	ListCell   *cell;

	foreach(cell, lint->labels)
	{
		LintLabel  *label = lfirst(cell);

		if (label->attnum == 0 && label->label->then_delete)
			relids[count++] = ObjectIdGetDatum(label->relid);
	}
	return PointerGetDatum(construct_array(relids, count, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
}

static void
lint_key(Lint *lint, HeapTuple tuple, TupleDesc columns)
{
	char	   *child = SPI_getvalue(tuple, columns, 1);
	char	   *parent = SPI_getvalue(tuple, columns, 2);
	bool		isnull;

	if (DatumGetBool(SPI_getbinval(tuple, columns, 3, &isnull)))
		add_finding(lint, LINT_CASCADE_INTO_RULE, child,
					psprintf("it has a label of its own, yet a DELETE on %s by hand would take or change its rows", parent));
	if (DatumGetBool(SPI_getbinval(tuple, columns, 4, &isnull)))
		add_finding(lint, LINT_FOREIGN_KEY_UNINDEXED, child,
					psprintf("no index begins with the columns of its foreign key to %s, so that all of it is read for each row deleted there", parent));
}

void
lint_start_index(Lint *lint, const LintLabel *label, const LabelName *column)
{
	AttrNumber	attnum = get_attnum(label->relid, column->name);
	Oid			types[] = {OIDOID, INT2OID, INT8OID};
	Datum		values[] = {ObjectIdGetDatum(label->relid), Int16GetDatum(attnum), Int64GetDatum(LARGE_TABLE_BYTES)};
	bool		isnull;
	bool		missing;

	if (attnum <= 0)
		return;
	SPI_connect();
	pp_core_execute("SELECT COALESCE((SELECT pg_catalog.sum(pg_catalog.pg_relation_size(t.relid)) "
					"FROM pg_catalog.pg_partition_tree($1) AS t), pg_catalog.pg_relation_size($1), 0) >= $3 "
					"AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = $1 AND i.indisvalid "
					"AND i.indkey[0] = $2)", true, lengthof(types), types, values, NULL);
	missing = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull)) && !isnull;
	SPI_finish();
	if (missing)
		add_finding(lint, LINT_START_UNINDEXED, label->object,
					psprintf("no index begins with its starting point %s, so that each sweep reads all of it",
							 quote_identifier(column->name)));
}
