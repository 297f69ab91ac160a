/*
 * sweep_search.c: which rows refer to these?
 *
 * As the server's own foreign keys do it: the keys of our rows are read as the owner of our table,
 * and looked for in the referencing table as the owner of that one. Neither sees or runs what is
 * the other's, and nobody's casts, operators or index expressions run as a superuser. The snapshot
 * is newer than the rows' locks, so that no row can begin to refer to them unseen.
 *
 * All rows of a batch are looked for in one statement: a referencing column without an index costs
 * one reading of its table per batch.
 *
 * Whether a referring row is due by its own rule is asked for that row alone: an expression may
 * raise an error at rows that nobody here refers to. No column of a table is called ctid, so that
 * no key comes in conflict with it.
 *
 * Keys travel as arrays. An array of arrays or of rows would come apart on arrival, so such keys
 * travel as what they look like.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "label/label.h"
#include "sweep/sweep_graph.h"

static bool read_keys(ReferenceSearch *search, TimestampTz cut_off, ArrayType *rows);
static bool travels_as_text(Oid type);
static char *given_rows(const ReferenceSearch *search);
static const char *only(const RowReference *reference);

ReferenceSearch *
start_search(RowReference *reference, Oid leaf, TimestampTz cut_off, ArrayType *rows)
{
	ReferenceSearch *search = palloc0(sizeof(ReferenceSearch));

	search->reference = reference;
	search->leaf = leaf;
	search->nargs = list_length(reference->keys) + 2;
	search->types = palloc(sizeof(Oid) * search->nargs);
	search->values = palloc(sizeof(Datum) * search->nargs);
	pp_label_require_trusted(reference->child, pp_core_table_owner(reference->child));
	return read_keys(search, cut_off, rows) ? search : NULL;
}

/* The ctids and each key column of our rows, as arrays. */
static bool
read_keys(ReferenceSearch *search, TimestampTz cut_off, ArrayType *rows)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid			row_type = TIDARRAYOID;
	Datum		row_value = PointerGetDatum(rows);
	StringInfoData statement;
	ListCell   *name;
	ListCell   *type;
	bool		none = false;

	initStringInfo(&statement);
	appendStringInfoString(&statement, "SELECT pg_catalog.array_agg(" PP_TARGET ".ctid ORDER BY " PP_TARGET ".ctid)");
	forboth(name, search->reference->keys, type, search->reference->types)
	{
		appendStringInfo(&statement, ", pg_catalog.array_agg(" PP_TARGET ".%s%s ORDER BY " PP_TARGET ".ctid)",
						 (char *) lfirst(name), travels_as_text(lfirst_oid(type)) ? "::pg_catalog.text" : "");
	}
	appendStringInfo(&statement, " FROM ONLY %s AS " PP_TARGET " WHERE " IN_ROWS("$1"),
					 pp_core_quote_relation(search->leaf));
	(void) execute_kept(pp_core_table_owner(search->leaf), statement.data, 1, &row_type, &row_value);

	search->types[0] = TIMESTAMPTZOID;
	search->values[0] = TimestampTzGetDatum(cut_off);
	for (int i = 1; i < search->nargs && !none; i++)
	{
		Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i, &none);

		MemoryContextSwitchTo(caller);
		search->types[i] = SPI_gettypeid(SPI_tuptable->tupdesc, i);
		search->values[i] = none ? (Datum) 0 : PointerGetDatum(DatumGetArrayTypePCopy(value));
	}
	SPI_freetuptable(SPI_tuptable);
	return !none;
}

static bool
travels_as_text(Oid type)
{
	return OidIsValid(get_base_element_type(type)) || type_is_rowtype(type);
}

/* The rows as a table "target" of their ctids and keys. */
static char *
given_rows(const ReferenceSearch *search)
{
	StringInfoData arrays;
	StringInfoData columns;
	StringInfoData output;
	ListCell   *name;
	ListCell   *type;
	int			argument = 2;

	initStringInfo(&arrays);
	initStringInfo(&columns);
	initStringInfo(&output);
	forboth(name, search->reference->keys, type, search->reference->types)
	{
		const char *key = lfirst(name);

		appendStringInfo(&arrays, ", $%d", ++argument);
		appendStringInfo(&columns, ", %s", key);
		appendStringInfo(&output, ", %s%s%s", key, travels_as_text(lfirst_oid(type)) ? "::" : "",
						 travels_as_text(lfirst_oid(type)) ? format_type_be_qualified(lfirst_oid(type)) : "");
	}
	return psprintf("(SELECT ctid%s FROM ROWS FROM (unnest($2%s)) AS given (ctid%s)) AS "
					PP_TARGET, output.data, arrays.data, columns.data);
}

int64
search_referred(ReferenceSearch *search, const char *due)
{
	const RowReference *reference = search->reference;
	const char *stays = "";

	if (due != NULL)
		stays = psprintf(" AND CASE WHEN %s THEN (SELECT %s FROM %s%s AS " PP_TARGET " WHERE " PP_TARGET
						 ".ctid = child.ctid AND " PP_TARGET ".tableoid = child.tableoid) IS NOT TRUE END",
						 reference->match, due, only(reference), reference->table);
	return execute_as(pp_core_table_owner(reference->child),
					  psprintf("SELECT " PP_TARGET ".ctid FROM %s WHERE $1 IS NOT NULL AND "
							   "EXISTS (SELECT FROM %s%s AS child WHERE %s%s)", given_rows(search),
							   only(reference), reference->table, reference->match, stays),
					  search->nargs, search->types, search->values, 0);
}

int64
search_referring(ReferenceSearch *search, const char *lock, int limit)
{
	const RowReference *reference = search->reference;

	return execute_as(pp_core_table_owner(reference->child),
					  psprintf("SELECT " PP_TARGET ".ctid, child.tableoid, child.ctid FROM %s, %s%s AS child "
							   "WHERE $1 IS NOT NULL AND %s%s", given_rows(search), only(reference), reference->table,
							   reference->match, lock),
					  search->nargs, search->types, search->values, limit + 1);
}

static const char *
only(const RowReference *reference)
{
	return get_rel_relkind(reference->child) == RELKIND_RELATION ? "ONLY " : "";
}
