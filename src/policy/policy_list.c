/*
 * policy_list.c: which rules the labels make, and whether each could run now.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "label/label.h"
#include "policy/policy_internal.h"

PG_FUNCTION_INFO_V1(pp_sql_check_labels);
PG_FUNCTION_INFO_V1(pp_sql_rebind_labels);
PG_FUNCTION_INFO_V1(pp_sql_rule_condition);

/* One rule being looked at. */
typedef struct RuleCheck
{
	Oid			relid;
	AttrNumber	attnum;
	RetentionRule *rule;
} RuleCheck;

static void list_rule(ReturnSetInfo *result, Oid relid, AttrNumber attnum);
static void resolve_check(void *arg);
static int	rebind_table(Oid relid);
static void require_owner(Oid relid);
static AttrNumber find_column(Oid relid, const char *name);

/* privacy.check_labels() returns table (relation, rule, state, problem) */
Datum
pp_sql_check_labels(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *cell;

	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, pp_label_relations())
	{
		ListCell   *attnum;

		CHECK_FOR_INTERRUPTS();
		foreach(attnum, pp_label_columns(lfirst_oid(cell)))
		{
			list_rule(result, lfirst_oid(cell), lfirst_int(attnum));
		}
	}
	PG_RETURN_VOID();
}

static void
list_rule(ReturnSetInfo *result, Oid relid, AttrNumber attnum)
{
	RuleCheck	check = {.relid = relid, .attnum = attnum};
	ErrorData  *error = pp_core_attempt(resolve_check, &check);
	const char *text = attnum == 0 ? "THEN DELETE" : get_attname(relid, attnum, false);
	const char *state = "parked";
	Datum		values[4];
	bool		nulls[4] = {false, false, false, error == NULL};

	if (error == NULL && check.rule == NULL)
		return;
	if (error == NULL)
	{
		text = check.rule->text;

		state = check.rule->draft ? "draft" : check.rule->unbound ? "unbound" : "enforced";
	}
	values[0] = ObjectIdGetDatum(relid);
	values[1] = CStringGetTextDatum(text);
	values[2] = CStringGetTextDatum(state);
	values[3] = error ? CStringGetTextDatum(pp_core_describe_error(error, false)) : (Datum) 0;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static void
resolve_check(void *arg)
{
	RuleCheck  *check = arg;

	check->rule = pp_policy_resolve(check->relid, check->attnum, pp_core_now(), false);
}

/* privacy.rebind_labels(relation regclass) returns integer; NULL: every labelled table */
Datum
pp_sql_rebind_labels(PG_FUNCTION_ARGS)
{
	ListCell   *cell;
	int			count = 0;

	if (!PG_ARGISNULL(0))
		PG_RETURN_INT32(rebind_table(PG_GETARG_OID(0)));
	foreach(cell, pp_label_relations())
		count += rebind_table(lfirst_oid(cell));
	PG_RETURN_INT32(count);
}

/* Whoever may label a table may say that what its labels resolve to now is meant. */
static int
rebind_table(Oid relid)
{
	ListCell   *cell;
	int			count = 0;

	require_owner(relid);
	pp_label_lock(relid, true);
	pp_label_unbind(relid);
	foreach(cell, pp_label_columns(relid))
		count += pp_policy_resolve(relid, lfirst_int(cell), pp_core_now(), true) != NULL;
	return count;
}

static void
require_owner(Oid relid)
{
	if (get_rel_name(relid) == NULL)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("relation with OID %u does not exist", relid));
	if (!has_privs_of_role(GetUserId(), pp_core_table_owner(relid)))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("must be owner of table %s", get_rel_name(relid)));
}

/* privacy.rule_condition(relation regclass, column_name name, as_of timestamptz) returns text */
Datum
pp_sql_rule_condition(PG_FUNCTION_ARGS)
{
	TimestampTz as_of = PG_ARGISNULL(2) ? pp_core_now() : PG_GETARG_TIMESTAMPTZ(2);
	RetentionRule *rule;
	AttrNumber	attnum = 0;
	Oid			relid;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	relid = PG_GETARG_OID(0);
	require_owner(relid);
	if (!PG_ARGISNULL(1))
		attnum = find_column(relid, NameStr(*PG_GETARG_NAME(1)));
	rule = pp_policy_resolve(relid, attnum, as_of, false);
	if (rule == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(rule->due));
}

static AttrNumber
find_column(Oid relid, const char *name)
{
	AttrNumber	attnum = get_attnum(relid, name);

	if (attnum <= 0)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_COLUMN),
				errmsg("column \"%s\" of table \"%s\" does not exist", name, get_rel_name(relid)));
	return attnum;
}
