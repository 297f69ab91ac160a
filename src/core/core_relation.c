/*
 * core_relation.c: what must be known of a relation that is only a number: who owns it, and how a
 * foreign key compares its columns.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

#include "core/core.h"

static char *quote_collation(Oid collation);

char *
pp_core_equals(Oid operator, Oid referenced, AttrNumber key, const char *key_sql,
			   Oid referencing, AttrNumber column, const char *column_sql)
{
	StringInfoData sql;
	Oid			collation = InvalidOid;
	Oid			type;
	int32		typmod;

	get_atttypetypmodcoll(referenced, key, &type, &typmod, &collation);
	if (OidIsValid(collation))
		column_sql = psprintf("(%s COLLATE %s)", column_sql, quote_collation(collation));
	initStringInfo(&sql);
	generate_operator_clause(&sql, key_sql, type, operator, column_sql,
							 get_atttype(referencing, column));
	return sql.data;
}

/* With its schema, always: whoever runs the clause has another search_path than whoever made it. */
static char *
quote_collation(Oid collation)
{
	HeapTuple	tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
	Form_pg_collation form;
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for collation %u", collation); /* cannot happen */
	form = (Form_pg_collation) GETSTRUCT(tuple);
	name = quote_qualified_identifier(get_namespace_name(form->collnamespace), NameStr(form->collname));
	ReleaseSysCache(tuple);
	return name;
}

Oid
pp_core_table_owner(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
		ReleaseSysCache(tuple);
	}
	return owner;
}
