/*
 * static_masking_row.c: from a raw row to the masked one.
 *
 * The treatments come as SQL and are analysed as ALTER TABLE analyses USING: expressions over the
 * row, so that a sub-select, an aggregate or a set is refused by the server. They are compiled once
 * per table and evaluated on the raw row; generated columns that read what changed are evaluated on
 * the masked one.
 *
 * A heap swap checks no constraint, so each row is checked here: a CHECK constraint that reads a
 * changed column, NOT NULL of a changed column. Domains check themselves, the cast to the column's
 * type being part of the expression. What was not validated promises nothing about old rows, and
 * neither is it asked here. Constraints that read nothing that changed hold as they did.
 *
 * Nothing of a row lives longer than the row: expressions are evaluated in the per-tuple memory
 * that the next row resets, and the masked row is copied into its slot.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "rewrite/rewriteHandler.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "core/core.h"
#include "static_masking/static_masking_internal.h"

/* A new value of a column. */
typedef struct RowValue
{
	int			index;			/* of the column, from 0 */
	bool		not_null;
	const char *name;
	ExprState  *state;
} RowValue;

/* A condition that the masked row must meet, and what to say if it does not. */
typedef struct RowCheck
{
	int			sqlstate;
	char	   *violation;
	ExprState  *state;
} RowCheck;

struct RowMask
{
	EState	   *executor;
	ExprContext *context;
	Oid			relid;
	int			natts;
	List	   *dropped;		/* of int: indexes of dropped columns, whose old values go too */
	List	   *treated;		/* of RowValue, over the raw row */
	List	   *generated;		/* of RowValue, over the masked row */
	List	   *checks;			/* of RowCheck, over the masked row */
};

static bool reads_changed(Node *expression, const Bitmapset *changed);
static Node *analyse_value(Relation relation, const MaskedColumn *column);
static Node *parse_value(const char *value);
static RowValue *make_value(RowMask *mask, Relation relation, AttrNumber attnum, Node *expression);
static void add_generated(RowMask *mask, Relation relation, const Bitmapset *changed);
static void add_checks(RowMask *mask, Relation relation, const Bitmapset *changed);
static void add_check(RowMask *mask, Node *condition, int sqlstate, char *violation);
static void evaluate(const List *values, ExprContext *context, TupleTableSlot *raw, TupleTableSlot *masked);
static void check_row(RowMask *mask);

#if PG_VERSION_NUM >= 180000
static void add_virtual_column(RowMask *mask, Relation relation, const Bitmapset *changed, int index);
#endif

void
find_changed(MaskedTable *table, Relation relation)
{
	TupleDesc	columns = RelationGetDescr(relation);
	Bitmapset  *changed = NULL;
	ListCell   *cell;

	foreach(cell, table->columns)
		changed = bms_add_member(changed, MASKED_BIT(((MaskedColumn *) lfirst(cell))->attnum));
	table->changed = bms_copy(changed);
	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(columns, i);

		if (attribute->attgenerated != '\0' && !attribute->attisdropped &&
			reads_changed(build_column_default(relation, i + 1), changed))
			table->changed = bms_add_member(table->changed, MASKED_BIT(i + 1));
	}
}

/* A reference to the whole row reads every column. */
static bool
reads_changed(Node *expression, const Bitmapset *changed)
{
	Bitmapset  *read = NULL;

	pull_varattnos(expression, 1, &read);
	return bms_is_member(MASKED_BIT(0), read) || bms_overlap(read, changed);
}

RowMask *
prepare_row_mask(const MaskedTable *table, Relation relation)
{
	RowMask    *mask = palloc0(sizeof(RowMask));
	TupleDesc	columns = RelationGetDescr(relation);
	ListCell   *cell;

	mask->executor = CreateExecutorState();
	mask->context = GetPerTupleExprContext(mask->executor);
	mask->relid = table->relid;
	mask->natts = columns->natts;
	for (int i = 0; i < mask->natts; i++)
	{
		if (TupleDescAttr(columns, i)->attisdropped)
			mask->dropped = lappend_int(mask->dropped, i);
	}
	foreach(cell, table->columns)
	{
		MaskedColumn *column = lfirst(cell);

		mask->treated = lappend(mask->treated,
								make_value(mask, relation, column->attnum, analyse_value(relation, column)));
	}
	add_generated(mask, relation, table->changed);
	add_checks(mask, relation, table->changed);
	return mask;
}

static Node *
analyse_value(Relation relation, const MaskedColumn *column)
{
	Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), column->attnum - 1);
	ParseState *state = make_parsestate(NULL);
	ParseNamespaceItem *item;
	Node	   *node;

	item = addRangeTableEntryForRelation(state, relation, AccessExclusiveLock,
										 makeAlias(PP_TARGET, NIL), false, false);
	addNSItemToQuery(state, item, false, true, true);
	node = transformExpr(state, parse_value(column->value), EXPR_KIND_ALTER_COL_TRANSFORM);
	node = coerce_to_target_type(state, node, exprType(node), attribute->atttypid, attribute->atttypmod,
								 COERCION_ASSIGNMENT, COERCE_IMPLICIT_CAST, -1);
	if (node == NULL)
		ereport(ERROR,
				errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("the treatment of column \"%s\" is of another type", NameStr(attribute->attname)));
	assign_expr_collations(state, node);
	free_parsestate(state);
#if PG_VERSION_NUM >= 180000
	node = expand_generated_columns_in_expr(node, relation, 1);
#endif
	return node;
}

/* It was compiled by us, so that it is one expression. */
static Node *
parse_value(const char *value)
{
	List	   *statements = raw_parser(value, RAW_PARSE_PLPGSQL_EXPR);
	SelectStmt *select = castNode(SelectStmt, linitial_node(RawStmt, statements)->stmt);

	return linitial_node(ResTarget, select->targetList)->val;
}

static RowValue *
make_value(RowMask *mask, Relation relation, AttrNumber attnum, Node *expression)
{
	Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), attnum - 1);
	RowValue   *value = palloc(sizeof(RowValue));

	value->index = attnum - 1;
	value->not_null = attribute->attnotnull;
	value->name = pstrdup(NameStr(attribute->attname));
	value->state = ExecPrepareExpr((Expr *) expression, mask->executor);
	return value;
}

static void
add_generated(RowMask *mask, Relation relation, const Bitmapset *changed)
{
	for (int i = 0; i < mask->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), i);

		if (attribute->attgenerated == ATTRIBUTE_GENERATED_STORED &&
			bms_is_member(MASKED_BIT(i + 1), changed))
			mask->generated = lappend(mask->generated,
									  make_value(mask, relation, i + 1, build_column_default(relation, i + 1)));
	}
}

static void
add_checks(RowMask *mask, Relation relation, const Bitmapset *changed)
{
	TupleConstr *constraints = RelationGetDescr(relation)->constr;

	for (int i = 0; constraints != NULL && i < constraints->num_check; i++)
	{
		ConstrCheck *check = &constraints->check[i];
		Node	   *condition = stringToNode(check->ccbin);

		if (check->ccvalid && reads_changed(condition, changed))
		{
#if PG_VERSION_NUM >= 180000
			condition = expand_generated_columns_in_expr(condition, relation, 1);
#endif
			add_check(mask, condition, ERRCODE_CHECK_VIOLATION,
					  psprintf("a masked row violates check constraint \"%s\"", check->ccname));
		}
	}
#if PG_VERSION_NUM >= 180000
	for (int i = 0; i < mask->natts; i++)
		add_virtual_column(mask, relation, changed, i);
#endif
}

static void
add_check(RowMask *mask, Node *condition, int sqlstate, char *violation)
{
	RowCheck   *check = palloc(sizeof(RowCheck));

	check->sqlstate = sqlstate;
	check->violation = violation;
	check->state = ExecPrepareExpr((Expr *) condition, mask->executor);
	mask->checks = lappend(mask->checks, check);
}

#if PG_VERSION_NUM >= 180000
/* A virtual column is stored nowhere, and can be NOT NULL all the same. */
static void
add_virtual_column(RowMask *mask, Relation relation, const Bitmapset *changed, int index)
{
	Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), index);
	NullTest   *test;

	if (attribute->attgenerated != ATTRIBUTE_GENERATED_VIRTUAL || !attribute->attnotnull ||
		!bms_is_member(MASKED_BIT(index + 1), changed))
		return;
	test = makeNode(NullTest);
	test->nulltesttype = IS_NOT_NULL;
	test->location = -1;
	test->arg = (Expr *) makeVar(1, index + 1, attribute->atttypid, attribute->atttypmod,
								 attribute->attcollation, 0);
	add_check(mask, expand_generated_columns_in_expr((Node *) test, relation, 1),
			  ERRCODE_NOT_NULL_VIOLATION,
			  psprintf("a masked row has a null value in column \"%s\", which is NOT NULL",
					   NameStr(attribute->attname)));
}
#endif

void
mask_row(RowMask *mask, TupleTableSlot *raw, TupleTableSlot *masked)
{
	ListCell   *cell;

	ResetExprContext(mask->context);
	ExecClearTuple(masked);
	slot_getallattrs(raw);
	memcpy(masked->tts_values, raw->tts_values, sizeof(Datum) * mask->natts);
	memcpy(masked->tts_isnull, raw->tts_isnull, sizeof(bool) * mask->natts);
	foreach(cell, mask->dropped)
		masked->tts_isnull[lfirst_int(cell)] = true;

	mask->context->ecxt_scantuple = raw;
	evaluate(mask->treated, mask->context, raw, masked);
	ExecStoreVirtualTuple(masked);
	masked->tts_tableOid = mask->relid;
	mask->context->ecxt_scantuple = masked;
	evaluate(mask->generated, mask->context, raw, masked);
	check_row(mask);
	ExecMaterializeSlot(masked);
}

/* A null that was there before, where NOT NULL has not been validated, is not our doing. */
static void
evaluate(const List *values, ExprContext *context, TupleTableSlot *raw, TupleTableSlot *masked)
{
	ListCell   *cell;

	foreach(cell, values)
	{
		RowValue   *value = lfirst(cell);
		int			i = value->index;

		masked->tts_values[i] = ExecEvalExprSwitchContext(value->state, context, &masked->tts_isnull[i]);
		if (masked->tts_isnull[i] && value->not_null && !raw->tts_isnull[i])
			ereport(ERROR,
					errcode(ERRCODE_NOT_NULL_VIOLATION),
					errmsg("a masked row has a null value in column \"%s\", which is NOT NULL", value->name));
	}
}

static void
check_row(RowMask *mask)
{
	ListCell   *cell;

	foreach(cell, mask->checks)
	{
		RowCheck   *check = lfirst(cell);

		if (!ExecCheck(check->state, mask->context))
			ereport(ERROR,
					errcode(check->sqlstate),
					errmsg("%s", check->violation));
	}
}

void
free_row_mask(RowMask *mask)
{
	FreeExecutorState(mask->executor);
}
