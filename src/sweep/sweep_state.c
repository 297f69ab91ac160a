/*
 * sweep_state.c: in which state a row is, and how many are in which.
 *
 * Exactly one of undetermined, waiting, running, restricted, held, blocked and due: the first that
 * fits. They add up to the table's rows.
 *
 * Everything here runs the table's rule as its owner and so tells what else the rule reads: that
 * the agreement of this row ended, for instance. Hence it takes two things: EXECUTE on the function,
 * which nobody has by default, and the right to read the whole table it is asked about, with no row
 * security in between.
 *
 * What the rule reads elsewhere stays there: an error that quotes it is put in other words. A
 * key can be a personal number, and statements end up in the context of errors and in logs: it is a
 * parameter, never part of the SQL.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/index.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "core/core.h"
#include "label/label.h"
#include "sweep/sweep_ahead.h"

PG_FUNCTION_INFO_V1(pp_sql_row_state);
PG_FUNCTION_INFO_V1(pp_sql_row_states);

#define STATE_COLUMNS 11

/* One table being counted. */
typedef struct StateCount
{
	Oid			relid;
	TimestampTz as_of;
	bool		has_rule;
	Datum		values[STATE_COLUMNS];
	bool		nulls[STATE_COLUMNS];
} StateCount;

/* One row being asked about. */
typedef struct StateQuestion
{
	Oid			relid;
	RetentionRule *rule;
	RowKey		key;
	char	   *state;			/* NULL: no such row */
} StateQuestion;

/* A part of a key being read. */
typedef struct KeyPart
{
	Oid			owner;
	Oid			type;
	int32		typmod;
	char	   *word;
	Datum		value;
} KeyPart;

static void find_state(void *arg);
static Datum convert_key_part(Oid relid, Oid type, int32 typmod, char *word);
static void read_key_part(void *arg);
static Bitmapset *primary_key(Relation relation);
static char **split_key(Oid relid, const char *key, int columns);
static void count_table(ReturnSetInfo *result, Oid relid, TimestampTz as_of);
static void count_states(void *arg);
static char *count_statement(const RetentionRule *rule, const char *blocked);
static char *oldest_start(const RetentionRule *rule);

/* privacy.row_state(relation regclass, key text, as_of timestamptz) returns text */
Datum
pp_sql_row_state(PG_FUNCTION_ARGS)
{
	TimestampTz as_of = moment_argument(fcinfo, 2);
	StateQuestion question = {0};

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	question.relid = PG_GETARG_OID(0);
	require_reader(question.relid);
	question.rule = pp_policy_resolve(question.relid, 0, as_of, false);
	if (question.rule == NULL)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("table \"%s\" has no RETAIN", get_rel_name(question.relid)),
				errhint("Tables with a deletion rule are listed by privacy.sweep_rule."));
	pp_label_require_trusted(question.relid, question.rule->owner);
	question.key = read_key(question.relid, text_to_cstring(PG_GETARG_TEXT_PP(1)), as_of);
	ask_rule(question.relid, find_state, &question);
	if (question.state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(question.state));
}

static void
find_state(void *arg)
{
	StateQuestion *question = arg;
	RetentionRule *rule = question->rule;
	MemoryContext caller = CurrentMemoryContext;
	BlockedView view = open_view(rule->owner, DatumGetTimestampTz(question->key.values[0]));
	char	   *state = compile_state(rule, rule->end, any_blocker(find_blockers(&view, question->relid)));
	char	   *statement = psprintf("SELECT %s FROM %s AS " PP_TARGET " WHERE %s",
									 state, pp_core_quote_relation(question->relid), question->key.match);

	SPI_connect();
	query_as_owner(rule->owner, statement, question->key.nargs, question->key.types, question->key.values);
	if (SPI_processed > 0)
		question->state = MemoryContextStrdup(caller, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	SPI_finish();
}

void
ask_rule(Oid relid, void (*work) (void *arg), void *arg)
{
	ErrorData  *error = pp_core_attempt(work, arg);

	if (error != NULL)
		ereport(ERROR,
				errcode(error->sqlerrcode),
				errmsg("the rule of table \"%s\" cannot be asked", get_rel_name(relid)),
				errdetail("%s", pp_core_describe_error(error, true)));
}

TimestampTz
moment_argument(FunctionCallInfo fcinfo, int argument)
{
	TimestampTz moment = PG_ARGISNULL(argument) ? pp_core_now() : PG_GETARG_TIMESTAMPTZ(argument);

	if (TIMESTAMP_NOT_FINITE(moment))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("a preview needs a finite moment"),
				errhint("Give a timestamp, or none for now."));
	return moment;
}

char *
compile_state(const RetentionRule *rule, const char *end, const char *blocked)
{
	return psprintf("CASE WHEN NOT %s <= $1 THEN %s WHEN %s THEN 'restricted' WHEN %s THEN 'held' "
					"WHEN %s THEN 'blocked' ELSE 'due' END",
					end, pp_policy_state(end), rule->restricted, rule->held, blocked);
}

void
require_reader(Oid relid)
{
	if (get_rel_name(relid) == NULL)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("relation with OID %u does not exist", relid));
	if (has_privs_of_role(GetUserId(), pp_core_table_owner(relid)))
		return;
	if (pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) != ACLCHECK_OK ||
		check_enable_rls(relid, GetUserId(), true) == RLS_ENABLED)
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied for table %s", get_rel_name(relid)),
				errdetail("Its rule is asked as its owner, which may tell more than the row itself."),
				errhint("It takes SELECT on the whole table, without row security."));
}

/* Compared as the primary key does it, whatever search_path says. */
RowKey
read_key(Oid relid, const char *key, TimestampTz as_of)
{
	Relation	relation = table_open(relid, AccessShareLock);
	Bitmapset  *columns = primary_key(relation);
	char	  **parts = split_key(relid, key, bms_num_members(columns));
	RowKey		result = {.match = "", .nargs = 1, .types = {TIMESTAMPTZOID}, .values = {TimestampTzGetDatum(as_of)}};
	int			attnum = -1;

	while ((attnum = bms_next_member(columns, attnum)) >= 0)
	{
		Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), attnum - 1);
		char	   *column = psprintf(PP_TARGET ".%s", quote_identifier(NameStr(attribute->attname)));
		Oid			equal = lookup_type_cache(attribute->atttypid, TYPECACHE_EQ_OPR)->eq_opr;

		result.types[result.nargs] = attribute->atttypid;
		result.values[result.nargs] = convert_key_part(relid, attribute->atttypid, attribute->atttypmod,
													   parts[result.nargs - 1]);
		result.nargs++;
		result.match = psprintf("%s%s%s", result.match, result.nargs > 2 ? " AND " : "",
								pp_core_equals(equal, relid, attnum, column, relid, attnum, psprintf("$%d", result.nargs)));
	}
	table_close(relation, NoLock);
	return result;
}

/* As the owner, whose type it may be; the server's own message would quote the value. */
static Datum
convert_key_part(Oid relid, Oid type, int32 typmod, char *word)
{
	KeyPart		part = {.owner = pp_core_table_owner(relid), .type = type, .typmod = typmod, .word = word};

	if (word == NULL || pp_core_attempt(read_key_part, &part) != NULL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				errmsg("the key does not fit the primary key of table \"%s\"", get_rel_name(relid)),
				errdetail("A part of it is no value of type %s.", format_type_be(type)));
	return part.value;
}

static void
read_key_part(void *arg)
{
	KeyPart    *part = arg;
	CoreStay	stay;
	Oid			input;
	Oid			parameter;

	getTypeInputInfo(part->type, &input, &parameter);
	pp_core_enter(&stay, part->owner, true);
	part->value = OidInputFunctionCall(input, part->word, parameter, part->typmod);
	pp_core_leave(&stay);
}

/* In the order of the table's columns. */
static Bitmapset *
primary_key(Relation relation)
{
	Bitmapset  *offset = RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	Bitmapset  *result = NULL;
	int			member = -1;

	while ((member = bms_next_member(offset, member)) >= 0)
		result = bms_add_member(result, member + FirstLowInvalidHeapAttributeNumber);
	if (result == NULL)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("table \"%s\" has no primary key", RelationGetRelationName(relation)),
				errhint("A row is asked for by its primary key."));
	return result;
}

/* "7", or for a key of several columns an array of its parts: "{2024,17}". */
static char **
split_key(Oid relid, const char *key, int columns)
{
	char	  **parts = palloc(sizeof(char *) * columns);
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	parts[0] = unconstify(char *, key);
	if (columns == 1)
		return parts;
	deconstruct_array(DatumGetArrayTypeP(convert_key_part(relid, TEXTARRAYOID, -1, parts[0])),
					  TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	if (count != columns)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("the key has %d parts, the primary key %d columns", count, columns),
				errhint("Give an array of the parts in the order of the table's columns: '{2024,17}'."));
	for (int i = 0; i < count; i++)
		parts[i] = nulls[i] ? NULL : TextDatumGetCString(elements[i]);
	return parts;
}

void
query_as_owner(Oid owner, const char *statement, int nargs, Oid *types, Datum *values)
{
	CoreStay	stay;

	pp_core_enter(&stay, owner, true);
	if (SPI_execute_with_args(statement, nargs, types, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");	/* cannot happen */
	pp_core_leave(&stay);
}

/* privacy.row_states(as_of timestamptz) returns setof record */
Datum
pp_sql_row_states(PG_FUNCTION_ARGS)
{
	TimestampTz as_of = moment_argument(fcinfo, 0);
	ListCell   *cell;

	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, pp_label_relations())
	{
		CHECK_FOR_INTERRUPTS();
		count_table((ReturnSetInfo *) fcinfo->resultinfo, lfirst_oid(cell), as_of);
	}
	PG_RETURN_VOID();
}

/* One table that cannot be counted says so in its own row. */
static void
count_table(ReturnSetInfo *result, Oid relid, TimestampTz as_of)
{
	StateCount	count = {.relid = relid, .as_of = as_of};
	ErrorData  *error;

	memset(count.nulls, true, sizeof(count.nulls));
	error = pp_core_attempt(count_states, &count);
	if (get_rel_name(relid) == NULL || (error == NULL && !count.has_rule))
		return;
	count.values[0] = ObjectIdGetDatum(relid);
	count.nulls[0] = false;
	if (error != NULL)
	{
		memset(count.nulls + 1, true, sizeof(bool) * (STATE_COLUMNS - 2));
		count.values[STATE_COLUMNS - 1] = CStringGetTextDatum(pp_core_describe_error(error, count.has_rule));
		count.nulls[STATE_COLUMNS - 1] = false;
	}
	tuplestore_putvalues(result->setResult, result->setDesc, count.values, count.nulls);
}

static void
count_states(void *arg)
{
	StateCount *count = arg;
	MemoryContext caller = CurrentMemoryContext;
	Oid			types[] = {TIMESTAMPTZOID};
	Datum		values[] = {TimestampTzGetDatum(count->as_of)};
	RetentionRule *rule = pp_policy_resolve(count->relid, 0, count->as_of, false);
	BlockedView view;

	if (rule == NULL)
		return;
	count->has_rule = true;
	pp_label_require_trusted(count->relid, rule->owner);
	view = open_view(rule->owner, count->as_of);
	SPI_connect();
	query_as_owner(rule->owner, count_statement(rule, any_blocker(find_blockers(&view, count->relid))),
				   1, types, values);
	for (int i = 1; i < STATE_COLUMNS - 1; i++)
		count->values[i] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i, &count->nulls[i]);
	MemoryContextSwitchTo(caller);
	SPI_finish();
}

static char *
count_statement(const RetentionRule *rule, const char *blocked)
{
	static const char *const states[] = {"undetermined", "waiting", NULL, "running", "restricted", "held", "blocked", "due"};
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT pg_catalog.count(*)");
	for (int i = 0; i < (int) lengthof(states); i++)
	{
		if (states[i] != NULL)
			appendStringInfo(&sql, ", pg_catalog.count(*) FILTER (WHERE stated.state = '%s')", states[i]);
		else
			appendStringInfoString(&sql, ", pg_catalog.min(stated.since) FILTER (WHERE stated.state = 'waiting')");
	}
	appendStringInfo(&sql, " FROM %s AS " PP_TARGET ", LATERAL (SELECT (%s) AS ends, %s AS since OFFSET 0) AS reckoned, "
					 "LATERAL (SELECT %s AS state, reckoned.since OFFSET 0) AS stated",
					 pp_core_quote_relation(rule->relid), rule->end, oldest_start(rule),
					 compile_state(rule, "reckoned.ends", blocked));
	return sql.data;
}

/* The first of the events that did happen in the row. */
static char *
oldest_start(const RetentionRule *rule)
{
	StringInfoData sql;
	ListCell   *cell;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "NULLIF(LEAST(NULL::pg_catalog.timestamptz");
	foreach(cell, rule->facts)
	{
		ListCell   *event;

		foreach(event, ((RetentionFact *) lfirst(cell))->events)
		{
			appendStringInfo(&sql, ", %s", (char *) lfirst(event));
		}
	}
	appendStringInfoString(&sql, "), '-infinity'::pg_catalog.timestamptz)");
	return sql.data;
}
