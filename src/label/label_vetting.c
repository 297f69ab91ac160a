/*
 * label_vetting.c: what an expression in a label may do.
 *
 * It runs unattended with the rights of the table's owner and decides what is deleted. Refused is
 * what could make it mean something else another time (volatile functions, the clock, the session,
 * system columns, whole rows), what somebody else could change under it (views, other people's
 * functions and types, temporary tables), and what its owner may not read.
 *
 * A column's default, and the type of a new value, run with the same rights. A default may vary, as
 * defaults do; it must be made of nothing that somebody else could change.
 *
 * One capture is refused rather than resolved: an unqualified column of the labelled table inside a
 * sub-select, which a column added to the inner table later would take over. Types are looked at
 * before analysis as well, since analysing a literal runs its type's input function.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_coerce.h"
#include "parser/parse_type.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "label/label_internal.h"

static void check_literal(A_Const *constant);
static bool has_word(const char *sentence, const char *word);
static Oid	type_of(Node *node);
static void check_type(Oid type, ExpressionCheck *check);
static void check_parts(Oid type, Form_pg_type form, ExpressionCheck *check);
static void refuse_varying(Oid function, Form_pg_proc form, const ExpressionCheck *check);
static bool has_column(Node *node, void *context);
static void check_query(Query *query, ExpressionCheck *check);
static void check_relation(RangeTblEntry *entry, ExpressionCheck *check);
static void check_column(Var *column, ExpressionCheck *check);
static bool check_function(Oid function, void *context);
static bool reads_clock_or_session(const char *name, int arguments);
static bool may_execute(Oid function, Oid owner);

/* Before analysis: bare names inside sub-selects are noted, and literals that read the clock refused. */
bool
vet_raw_expression(Node *node, ExpressionCheck *check)
{
	bool		in_subselect;

	if (node == NULL)
		return false;
	if (IsA(node, A_Const))
		check_literal((A_Const *) node);
	if (IsA(node, TypeName))
		check_type(typenameTypeId(NULL, (TypeName *) node), check);
	if (IsA(node, ColumnRef) && check->depth > 0 &&
		list_length(((ColumnRef *) node)->fields) == 1)
		check->unqualified = lappend_int(check->unqualified, ((ColumnRef *) node)->location);

	in_subselect = IsA(node, SubLink);
	check->depth += in_subselect;
	raw_expression_tree_walker(node, vet_raw_expression, check);
	check->depth -= in_subselect;
	return false;
}

/*
 * 'now'::timestamptz is a clock in disguise, read when the label is analysed; and so are '12:00
 * today', '[now,)' and '{now}'. So the words are refused wherever they stand by themselves in a
 * literal.
 */
static void
check_literal(A_Const *constant)
{
	static const char *const clocks[] = {"now", "today", "tomorrow", "yesterday"};

	if (constant->isnull || !IsA(&constant->val.node, String))
		return;
	for (int i = 0; i < (int) lengthof(clocks); i++)
		if (has_word(strVal(&constant->val.node), clocks[i]))
			ereport(ERROR,
					errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
					errmsg("the word '%s' in a literal reads the clock", clocks[i]),
					errhint("The cut-off of the run is the only clock: write what has to have happened, "
							"and the period as the term's."),
					place(constant->location));
}

static bool
has_word(const char *sentence, const char *word)
{
	size_t		length = strlen(word);

	for (const char *at = sentence; *at != '\0'; at++)
		if (pg_strncasecmp(at, word, length) == 0 && !isalnum((unsigned char) at[length]) &&
			(at == sentence || !isalnum((unsigned char) at[-1])))
			return true;
	return false;
}

bool
vet_expression(Node *node, ExpressionCheck *check)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		check_query((Query *) node, check);
		return false;
	}

	check->location = exprLocation(node);
	if (!IsA(node, List))
		check_type(type_of(node), check);
	if (!check->may_vary && IsA(node, CoerceViaIO) && !has_column((Node *) ((CoerceViaIO *) node)->arg, NULL) &&
		TypeCategory(((CoerceViaIO *) node)->resulttype) == TYPCATEGORY_DATETIME)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("a moment made of text alone could read the clock"),
				errhint("Write it as one literal, or take it from a column."),
				place(check->location));
	if (IsA(node, Var))
		check_column((Var *) node, check);
	if (!check->may_vary && IsA(node, SQLValueFunction))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("a label's expression must not read the clock or the session"),
				errhint("The cut-off of the run is the only clock."),
				place(check->location));
	(void) check_functions_in_node(node, check_function, check);
	return expression_tree_walker(node, vet_expression, check);
}

void
pp_label_vet_value(LabelTarget *target, Oid type, Node *value, int location)
{
	LabelReading *reading = pp_label_current();
	ExpressionCheck check = {.target = target, .may_vary = true, .location = -1};

	reading->base = -1;
	reading->location = location;
	check_type(type, &check);
	(void) vet_expression(value, &check);
	reading->base = 0;
	reading->location = -1;
	if (value != NULL)
		appendStringInfo(target->binding, "value %s;", nodeToString(value));
}

static Oid
type_of(Node *node)
{
	switch (nodeTag(node))
	{
		case T_Const:
		case T_Var:
		case T_FuncExpr:
		case T_OpExpr:
		case T_CoerceToDomain:
		case T_CoerceViaIO:
		case T_RelabelType:
		case T_ArrayCoerceExpr:
		case T_ConvertRowtypeExpr:
		case T_RowExpr:
		case T_ArrayExpr:
			return exprType(node);
		default:
			return InvalidOid;
	}
}

/*
 * A type can bring code along: the constraints of a domain, or of a domain that it is made of. It
 * must be of the acting owner's or a superuser's making, like a function, and so must its parts.
 */
static void
check_type(Oid type, ExpressionCheck *check)
{
	HeapTuple	tuple;
	FormData_pg_type form;

	if (!OidIsValid(type))
		return;
	check_stack_depth();
	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", type);	/* cannot happen */
	form = *(Form_pg_type) GETSTRUCT(tuple);
	ReleaseSysCache(tuple);
	if (form.typowner != check->target->owner && !superuser_arg(form.typowner))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("type %s must not be used by this label", format_type_be(type)),
				errdetail("It belongs to \"%s\", but its code would run as \"%s\", the owner of the labelled table.",
						  GetUserNameFromId(form.typowner, false),
						  GetUserNameFromId(check->target->owner, false)),
				errhint("Use a type that belongs to the table's owner or to a superuser."),
				place(check->location));
	check_parts(type, &form, check);
}

static void
check_parts(Oid type, Form_pg_type form, ExpressionCheck *check)
{
	check_type(form->typelem, check);
	check_type(form->typbasetype, check);
	if (form->typtype == TYPTYPE_RANGE)
		check_type(get_range_subtype(type), check);
	if (form->typtype == TYPTYPE_MULTIRANGE)
		check_type(get_multirange_range(type), check);
	if (OidIsValid(form->typrelid))
	{
		TupleDesc	columns = lookup_rowtype_tupdesc(type, -1);

		for (int i = 0; i < columns->natts; i++)
			check_type(TupleDescAttr(columns, i)->atttypid, check);
		ReleaseTupleDesc(columns);
	}
}

static bool
has_column(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
		return true;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, has_column, context, 0);
	return expression_tree_walker(node, has_column, context);
}

static void
check_query(Query *query, ExpressionCheck *check)
{
	ListCell   *cell;

	if (query->commandType != CMD_SELECT || query->rowMarks != NIL || query->hasModifyingCTE)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("a sub-select in a label must only read"),
				place(check->location));
	foreach(cell, query->rtable)
	{
		RangeTblEntry *entry = lfirst_node(RangeTblEntry, cell);

		if (entry->rtekind == RTE_RELATION)
			check_relation(entry, check);
	}
	check->depth++;
	(void) query_tree_walker(query, vet_expression, check, 0);
	check->depth--;
}

static void
check_relation(RangeTblEntry *entry, ExpressionCheck *check)
{
	if ((entry->relkind != RELKIND_RELATION && entry->relkind != RELKIND_PARTITIONED_TABLE) ||
		get_rel_persistence(entry->relid) == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("a label must not read \"%s\"", get_rel_name(entry->relid)),
				errdetail("It is a view, a foreign table or a temporary table."),
				errhint("Read the permanent tables themselves."),
				place(check->location));
	pp_label_require_trusted(entry->relid, check->target->owner);
	if (pg_class_aclcheck(entry->relid, check->target->owner, ACL_SELECT) != ACLCHECK_OK &&
		pg_attribute_aclcheck_all(entry->relid, check->target->owner, ACL_SELECT,
								  ACLMASK_ALL) != ACLCHECK_OK)
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied for table %s", get_rel_name(entry->relid)),
				errdetail("The expression runs as \"%s\", the owner of the labelled table.",
						  GetUserNameFromId(check->target->owner, false)),
				errhint("GRANT SELECT on it to that role."),
				place(check->location));
}

static void
check_column(Var *column, ExpressionCheck *check)
{
	if (column->varlevelsup != (Index) check->depth)
		return;
	if (column->varattno <= 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("a label must name the columns it reads"),
				errdetail("A system column or the whole row means something else after a rewrite or a new column."),
				place(column->location));
	if (list_member_int(check->unqualified, column->location))
		ereport(ERROR,
				errcode(ERRCODE_AMBIGUOUS_COLUMN),
				errmsg("column \"%s\" of the labelled table must be qualified inside a sub-select",
					   get_attname(check->target->relid, column->varattno, false)),
				errdetail("A column of that name added to an inner table would silently take its place."),
				errhint("Write %s.%s.",
						quote_identifier(get_rel_name(check->target->relid)),
						quote_identifier(get_attname(check->target->relid, column->varattno, false))),
				place(column->location));
	check->target->columns = bms_add_member(check->target->columns, column->varattno);
}

/* For check_functions_in_node; never returns true, it raises. */
static bool
check_function(Oid function, void *context)
{
	ExpressionCheck *check = context;
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc form;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);	/* cannot happen */
	form = (Form_pg_proc) GETSTRUCT(tuple);

	if (!check->may_vary)
		refuse_varying(function, form, check);
	if (form->pronamespace != PG_CATALOG_NAMESPACE &&
		form->proowner != check->target->owner && !superuser_arg(form->proowner))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("function %s must not be called by this label", format_procedure(function)),
				errdetail("It belongs to \"%s\", but would run as \"%s\", the owner of the labelled table.",
						  GetUserNameFromId(form->proowner, false),
						  GetUserNameFromId(check->target->owner, false)),
				errhint("Use a function that belongs to the table's owner or to a superuser."),
				place(check->location));
	if (!may_execute(function, check->target->owner))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied for function %s", format_procedure(function)),
				errdetail("The expression runs as \"%s\", the owner of the labelled table.",
						  GetUserNameFromId(check->target->owner, false)),
				place(check->location));
	ReleaseSysCache(tuple);
	return false;
}

static void
refuse_varying(Oid function, Form_pg_proc form, const ExpressionCheck *check)
{
	if (form->pronamespace == PG_CATALOG_NAMESPACE &&
		reads_clock_or_session(NameStr(form->proname), form->pronargs))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("a label's expression must not read the clock or the session"),
				errdetail("Function %s does.", format_procedure(function)),
				errhint("The cut-off of the run is the only clock."),
				place(check->location));
	if (form->provolatile == PROVOLATILE_VOLATILE)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("a label's expression must not call a volatile function"),
				errdetail("Function %s is volatile.", format_procedure(function)),
				errhint("Use immutable or stable functions only."),
				place(check->location));
}

/*
 * Stable functions of the server whose answer depends on when or by whom they are called.
 * Everything that asks the server about itself starts with one of the prefixes; the *_to_xml family
 * runs queries of its own.
 */
static bool
reads_clock_or_session(const char *name, int arguments)
{
	static const char *const names[] = {"clock_timestamp", "getdatabaseencoding", "getpgusername",
		"now", "session_user", "statement_timestamp", "timeofday", "transaction_timestamp",
	"version"};
	static const char *const prefixes[] = {"current_", "cursor_to_", "database_to_", "has_", "inet_client_",
	"inet_server_", "pg_", "query_to_", "row_security_active", "schema_to_", "table_to_", "to_reg", "txid_"};

	for (int i = 0; i < (int) lengthof(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	for (int i = 0; i < (int) lengthof(prefixes); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	/* age(x) counts from today; age(x, y) does not */
	return strcmp(name, "age") == 0 && arguments == 1;
}

static bool
may_execute(Oid function, Oid owner)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(ProcedureRelationId, function, owner, ACL_EXECUTE) == ACLCHECK_OK;
#else
	return pg_proc_aclcheck(function, owner, ACL_EXECUTE) == ACLCHECK_OK;
#endif
}
