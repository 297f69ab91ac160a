/*
 * core_quote.c: pieces of SQL that name objects, quoted, never found through a search
 * path.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"

#include "core/core.h"

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
		column_sql = psprintf("(%s COLLATE %s)", column_sql, generate_collation_name(collation));
	initStringInfo(&sql);
	generate_operator_clause(&sql, key_sql, type, operator, column_sql,
							 get_atttype(referencing, column));
	return sql.data;
}
