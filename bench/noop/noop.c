/*
 * noop.c: what a call of a C function costs that does nothing but take a text and hand a text of 40
 * characters back. The floor that bench/pseudonym.sh measures from; never installed.
 */
#include "postgres.h"

#include "fmgr.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(noop);

Datum
noop(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	text	   *result = palloc(VARHDRSZ + 40);

	memset(VARDATA(result), 'a' + (VARSIZE_ANY_EXHDR(value) & 15), 40);
	SET_VARSIZE(result, VARHDRSZ + 40);
	PG_RETURN_TEXT_P(result);
}
