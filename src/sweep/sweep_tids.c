/*
 * sweep_tids.c: rows by their place.
 *
 * Of a table of some size, the planner takes many single ctids for many scattered pages, and rather
 * reads all of it, once per statement and batch. What it cannot see is whether they lie close
 * together; so they are kept in order, and where they do, first and last are named besides. Where
 * they do not, naming these would have everything between them read.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "storage/itemptr.h"

#include "sweep/sweep_internal.h"

/* Up to so many pages for each row are read in one sweep rather than page by page. */
#define NEAR_PAGES 4

static int	compare_tids(const void *one, const void *other);
static bool lie_close(ArrayType *rows);

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
in_rows(int parameter, ArrayType *rows)
{
	if (!lie_close(rows))
		return psprintf(PP_TARGET ".ctid = ANY ($%d)", parameter);
	return psprintf(PP_TARGET ".ctid >= ($%d)[1] AND " PP_TARGET ".ctid <= ($%d)[pg_catalog.cardinality($%d)] AND "
					PP_TARGET ".ctid = ANY ($%d)", parameter, parameter, parameter, parameter);
}

static bool
lie_close(ArrayType *rows)
{
	int			count = ArrayGetNItems(ARR_NDIM(rows), ARR_DIMS(rows));
	ItemPointer tids = (ItemPointer) ARR_DATA_PTR(rows);

	return count == 0 ||
		(ItemPointerGetBlockNumber(&tids[count - 1]) - ItemPointerGetBlockNumber(&tids[0])) / NEAR_PAGES <= (BlockNumber) count;
}
