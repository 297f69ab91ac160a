/*
 * label_expression.c: names and SQL expressions of a label against the table it stands on.
 *
 * An expression is code of the table's owner that runs later, unattended, with that owner's rights,
 * and decides what is deleted. So it must mean the same at every run: no volatile function, no
 * clock but the run's cut-off, no session, no name that somebody else could capture. It is parsed
 * by the server, must be one expression with nothing behind it, is transformed against the table as
 * a row security policy is, and what runs is the deparsed tree, never the text.
 */
#include "postgres.h"

#include "access/table.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

#include "label/label_internal.h"
#include "mask/mask.h"

#define MASK_SCHEMA "privacy"

static void check_mask_name(const LabelTreatment *treatment);
static char *write_argument(LabelTarget *target, const LabelArgument *argument);
static char *fingerprint(Node *node);
static bool forget_names(Node *node, void *context);
static Node *parse_one_expression(const char *text);
static bool is_bare_expression(SelectStmt *select);
static Node *transform_expression(LabelTarget *target, Node *raw, const char *text);
static char *list_columns(Oid relid);

char *
pp_label_resolve_column(LabelTarget *target, const LabelName *column, Oid *type, AttrNumber *attnum)
{
	AttrNumber	found = get_attnum(target->relid, column->name);
	Oid			typid;
	int32		typmod;
	Oid			collation;

	if (found <= 0)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_COLUMN),
				errmsg("column \"%s\" of table \"%s\" does not exist", column->name,
					   get_rel_name(target->relid)),
				errhint("Its columns are %s.", list_columns(target->relid)),
				pp_label_position(column->location));

	get_atttypetypmodcoll(target->relid, found, &typid, &typmod, &collation);
	appendStringInfo(target->binding, "column %d type %u %d;", found, typid, typmod);
	target->columns = bms_add_member(target->columns, found);
	if (type != NULL)
		*type = typid;
	if (attnum != NULL)
		*attnum = found;
	return psprintf("%s.%s", target->alias, quote_identifier(column->name));
}

char *
pp_label_resolve_expression(LabelTarget *target, const LabelExpression *expression, Oid *type)
{
	LabelReading *reading = pp_label_current();
	ExpressionCheck check = {.target = target};
	Node	   *node;

	reading->base = expression->location;
	node = parse_one_expression(expression->text);
	vet_raw_expression(node, &check);
	node = transform_expression(target, node, expression->text);
	vet_expression(node, &check);
	reading->base = 0;

	appendStringInfo(target->binding, "expression %s;", fingerprint(node));
	*type = exprType(node);
	return deparse_expression(node, deparse_context_for(target->alias, target->relid), true, false);
}

/*
 * A mask is resolved as the expression that its pieces make. Its arguments are resolved alone before,
 * since only there an error knows its place; in the whole, it points at the function.
 */
char *
pp_label_resolve_mask(LabelTarget *target, AttrNumber attnum, const LabelTreatment *treatment, Oid *type)
{
	LabelReading *reading = pp_label_current();
	LabelExpression call = {.location = -1};
	StringInfoData source;
	ListCell   *cell;
	char	   *result;

	check_mask_name(treatment);
	initStringInfo(&source);
	appendStringInfo(&source, "%s(%s",
					 quote_qualified_identifier(treatment->schema ? treatment->schema : MASK_SCHEMA,
												treatment->function->name),
					 quote_identifier(get_attname(target->relid, attnum, false)));
	foreach(cell, treatment->arguments)
		appendStringInfo(&source, ", %s", write_argument(target, lfirst(cell)));
	appendStringInfoChar(&source, ')');

	call.text = source.data;
	reading->location = treatment->function->location;
	result = pp_label_resolve_expression(target, &call, type);
	reading->location = -1;
	return result;
}

/* What else schema privacy has is not made to be called here. */
static void
check_mask_name(const LabelTreatment *treatment)
{
	if (treatment->schema != NULL && strcmp(treatment->schema, MASK_SCHEMA) != 0)
		return;
	if (!pp_mask_exists(treatment->function->name))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_FUNCTION),
				errmsg("mask \"%s\" does not exist", treatment->function->name),
				errhint("Valid masks are %s; a function of another schema is named with its schema.",
						pp_mask_names()),
				pp_label_position(treatment->function->location));
}

static char *
write_argument(LabelTarget *target, const LabelArgument *argument)
{
	LabelName	column = {argument->text, argument->location};
	LabelExpression expression = {argument->text, argument->location};
	Oid			type;

	switch (argument->kind)
	{
		case ARGUMENT_STRING:
			return quote_literal_cstr(argument->text);
		case ARGUMENT_NUMBER:
			return argument->text;
		case ARGUMENT_COLUMN:
			(void) pp_label_resolve_column(target, &column, NULL, NULL);
			return pstrdup(quote_identifier(argument->text));
		case ARGUMENT_EXPRESSION:
			(void) pp_label_resolve_expression(target, &expression, &type);
			return psprintf("(%s)", argument->text);
	}
	return NULL;
}

/*
 * What the expression resolved to, without the names by which the server remembers columns: a new
 * column of a table it reads matters only if it captures a name, and then numbers differ.
 */
static char *
fingerprint(Node *node)
{
	Node	   *copy = copyObject(node);

	(void) forget_names(copy, NULL);
	return nodeToString(copy);
}

static bool
forget_names(Node *node, void *context)
{
	ListCell   *cell;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, forget_names, context);
	foreach(cell, ((Query *) node)->rtable)
	{
		RangeTblEntry *entry = lfirst_node(RangeTblEntry, cell);

		entry->alias = NULL;
		entry->eref = makeAlias("", NIL);
		entry->joinaliasvars = NIL;
		entry->joinleftcols = NIL;
		entry->joinrightcols = NIL;
	}
	return query_tree_walker((Query *) node, forget_names, context, 0);
}

static Node *
parse_one_expression(const char *text)
{
	List	   *statements = raw_parser(text, RAW_PARSE_PLPGSQL_EXPR);
	Node	   *statement = linitial_node(RawStmt, statements)->stmt;

	if (list_length(statements) != 1 || !IsA(statement, SelectStmt) ||
		!is_bare_expression((SelectStmt *) statement))
		ereport(ERROR,
				errcode(ERRCODE_SYNTAX_ERROR),
				errmsg("not a single SQL expression"),
				errhint("Write one expression and nothing behind it; a query goes into parentheses of its own."),
				place(0));
	return linitial_node(ResTarget, ((SelectStmt *) statement)->targetList)->val;
}

static bool
is_bare_expression(SelectStmt *select)
{
	ResTarget  *column;

	if (list_length(select->targetList) != 1 || select->distinctClause || select->fromClause ||
		select->whereClause || select->groupClause || select->havingClause ||
		select->windowClause || select->valuesLists || select->sortClause ||
		select->limitOffset || select->limitCount || select->lockingClause ||
		select->withClause || select->intoClause || select->op != SETOP_NONE)
		return false;
	column = linitial_node(ResTarget, select->targetList);
	if (IsA(column->val, ColumnRef) &&
		IsA(llast(((ColumnRef *) column->val)->fields), A_Star))
		return false;
	return column->name == NULL && column->indirection == NIL;
}

static Node *
transform_expression(LabelTarget *target, Node *raw, const char *text)
{
	ParseState *state = make_parsestate(NULL);
	Relation	relation = table_open(target->relid, AccessShareLock);
	ParseNamespaceItem *item;
	Node	   *node;

	state->p_sourcetext = text;

	item = addRangeTableEntryForRelation(state, relation, AccessShareLock, NULL, false, false);
	addNSItemToQuery(state, item, false, true, true);
	node = transformExpr(state, raw, EXPR_KIND_POLICY);
	assign_expr_collations(state, node);
	free_parsestate(state);
	table_close(relation, NoLock);
	return node;
}

/* The cursor for a location inside the expression at hand. */
int
place(int location)
{
	LabelReading *reading = pp_label_current();

	return pp_label_position(reading->base < 0 ? reading->location : reading->base + Max(location, 0));
}

static char *
list_columns(Oid relid)
{
	Relation	relation = table_open(relid, AccessShareLock);
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < RelationGetDescr(relation)->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), i);

		if (!attribute->attisdropped)
			appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "",
							 quote_identifier(NameStr(attribute->attname)));
	}
	table_close(relation, NoLock);
	return list.data;
}
