/*
 * sweep_tids.c: rows by their place.
 *
 * Of a table of some size, the planner takes many single ctids for many scattered pages, and rather
 * reads all of it, once per statement and batch. What it cannot see is that they lie close
 * together; so they are kept in order, and first and last are named besides.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "storage/itemptr.h"

#include "sweep/sweep_internal.h"

static int	compare_tids(const void *one, const void *other);

ArrayType *
tid_array(Datum *tids, int count)
{
	qsort(tids, count, sizeof(Datum), compare_tids);
	return construct_array(tids, count, TIDOID, sizeof(ItemPointerData), false, TYPALIGN_SHORT);
}

static int
compare_tids(const void *one, const void *other)
{
	return ItemPointerCompare((ItemPointer) DatumGetPointer(*(const Datum *) one),
							  (ItemPointer) DatumGetPointer(*(const Datum *) other));
}

char *
in_rows(int parameter)
{
	return psprintf(PP_TARGET ".ctid >= ($%d)[1] AND " PP_TARGET ".ctid <= ($%d)[pg_catalog.cardinality($%d)] AND "
					PP_TARGET ".ctid = ANY ($%d)", parameter, parameter, parameter, parameter);
}
