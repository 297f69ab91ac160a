/*
 * static_masking_internal.h: between the parts of static masking.
 */
#ifndef PP_STATIC_MASKING_INTERNAL_H
#define PP_STATIC_MASKING_INTERNAL_H

#include "access/sysattr.h"
#include "executor/tuptable.h"
#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"
#include "utils/rel.h"

#include "policy/policy.h"
#include "static_masking/static_masking.h"

/* As a member of a Bitmapset of attributes, which may be those of the system. */
#define MASKED_BIT(attnum) ((attnum) - FirstLowInvalidHeapAttributeNumber)

/* A table that is rewritten: an ordinary one, whatever it is a partition or child of. */
typedef struct MaskedTable
{
	Oid			relid;
	Oid			owner;			/* as whom everything of it runs */
	const char *name;			/* quoted */
	List	   *ancestors;		/* of Oid: the tables above it, the nearest first */
	List	   *columns;		/* of MaskedColumn, by the numbers of this table */
	Bitmapset  *changed;		/* MASKED_BITs: these columns, and the generated ones that read
								 * them */
	int64		rows;			/* once it is rewritten */
} MaskedTable;

typedef struct MaskRun
{
	List	   *tables;			/* of MaskedTable, in OID order */
	const char *failure;		/* what an error at this moment means: "table shop.customer could
								 * not be masked" */
} MaskRun;

/* static_masking.c: raises unless the current user owns all the tables. */
extern void require_ownership(const List *relids);

/*
 * static_masking_check.c: raises unless the table can be masked at all. The table is locked and
 * open.
 */
extern void check_table(const MaskedTable *table, Relation relation);

/* static_masking_row.c: one row of a table after another. Lives in an executor state of its own. */
typedef struct RowMask RowMask;

/* static_masking_row.c: what changes in the table: fills changed from columns. */
extern void find_changed(MaskedTable *table, Relation relation);

/* static_masking_row.c: analyses the table's expressions. As the table's owner, settings pinned. */
extern RowMask *prepare_row_mask(const MaskedTable *table, Relation relation);

/* static_masking_row.c: stores the masked row in a heap slot, which it materialises; raises what the row violates. */
extern void mask_row(RowMask *mask, TupleTableSlot *raw, TupleTableSlot *masked);
extern void free_row_mask(RowMask *mask);

/* static_masking_rewrite.c: rewrites one table, locked by the caller, with its indexes. Sets rows. */
extern void rewrite_table(MaskedTable *table);

/* static_masking_rewrite.c: removes what the planner knows of a table's values, its indexes' included. */
extern void remove_statistics(Oid relid);

/* static_masking_key.c: raises unless every foreign key that a changed column is part of still holds. */
extern void check_foreign_keys(MaskRun *run);

/* static_masking_view.c: refreshes the materialized views that were made from changed columns, as the caller. */
extern void refresh_views(MaskRun *run);

#endif							/* PP_STATIC_MASKING_INTERNAL_H */
