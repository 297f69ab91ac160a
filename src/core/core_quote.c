/*
 * core_quote.c: pieces of SQL that name objects, quoted, never found through a search path.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_operator.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "core/core.h"

char *
pp_core_equals(Oid operator, const char *left, const char *right)
{
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	Form_pg_operator form;
	char	   *result;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", operator);	/* cannot happen */
	form = (Form_pg_operator) GETSTRUCT(tuple);
	result = psprintf("%s OPERATOR(%s.%s) %s", left,
					  quote_identifier(get_namespace_name(form->oprnamespace)),
					  NameStr(form->oprname), right);
	ReleaseSysCache(tuple);
	return result;
}
