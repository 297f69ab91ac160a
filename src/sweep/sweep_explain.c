/*
 * sweep_explain.c: why one row is still here, purpose by purpose.
 *
 * One line per purpose of the table's RETAIN, and of columns with a RETAIN of their own. Of the terms
 * of a purpose the one counts that ends last. What happens at an end is told beside the purpose
 * that brings it about: the last one of the row, or of a column.
 *
 * For whom it may be called, see sweep_state.c.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "label/label.h"
#include "sweep/sweep_ahead.h"

PG_FUNCTION_INFO_V1(pp_sql_explain);

#define EXPLAIN_COLUMNS 11

#define FACT_COLUMNS "place, list, purpose, basis, source, start, missing, period, adds_period, decided_by, ends, held, restricted"

#define OBSTACLE \
	"CASE state WHEN 'waiting' THEN 'waits for ' || missing " \
	"WHEN 'undetermined' THEN CASE WHEN NOT pg_catalog.isfinite(start) THEN 'nobody knows when its clock started' " \
	"WHEN adds_period AND period IS NULL THEN 'nobody has decided on a retention period' " \
	"ELSE 'whether it applies, or its end, is unknown' END " \
	"WHEN 'ended' THEN CASE WHEN takes_row THEN NULLIF(pg_catalog.concat_ws('; ', " \
	"CASE WHEN held THEN 'a legal hold' END, CASE WHEN restricted THEN 'a restriction' END, NULLIF(blockers, '')), '') END END"

/* The rules of one table. */
typedef struct TableRules
{
	Oid			relid;
	Oid			owner;
	TimestampTz as_of;
	List	   *rules;			/* of RetentionRule, the row's first where there is one */
	RowKey		key;
	ReturnSetInfo *result;
} TableRules;

static TableRules load_table(Oid relid, TimestampTz as_of);
static void explain_row(void *arg);
static char *explain_statement(const TableRules *table);
static char *deciding_facts(const TableRules *table);
static char *compile_effect(const TableRules *table);
static char *list_facts(const TableRules *table);
static void add_fact(StringInfo sql, const RetentionRule *rule, const RetentionFact *fact);
static const char *list_name(const RetentionRule *rule);
static char *list_effects(const TableRules *table);
static char *list_blockers(const TableRules *table);
static char *quote_array(const List *names);
static const char *quote_or_null(const char *word);

/* privacy.explain(relation regclass, key text, as_of timestamptz) returns setof record */
Datum
pp_sql_explain(PG_FUNCTION_ARGS)
{
	TimestampTz as_of = moment_argument(fcinfo, 2);
	TableRules	table;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_VOID();
	require_reader(PG_GETARG_OID(0));
	table = load_table(PG_GETARG_OID(0), as_of);
	table.key = read_key(table.relid, text_to_cstring(PG_GETARG_TEXT_PP(1)), as_of);
	table.result = (ReturnSetInfo *) fcinfo->resultinfo;
	ask_rule(table.relid, explain_row, &table);
	PG_RETURN_VOID();
}

static void
explain_row(void *arg)
{
	TableRules *table = arg;
	char	   *statement = explain_statement(table);

	SPI_connect();
	query_as_owner(table->owner, statement, table->key.nargs, table->key.types, table->key.values);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Datum		values[EXPLAIN_COLUMNS];
		bool		nulls[EXPLAIN_COLUMNS];

		heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, values, nulls);
		tuplestore_putvalues(table->result->setResult, table->result->setDesc, values, nulls);
	}
	SPI_finish();
}

static TableRules
load_table(Oid relid, TimestampTz as_of)
{
	TableRules	table = {.relid = relid, .owner = pp_core_table_owner(relid), .as_of = as_of};
	ListCell   *cell;

	foreach(cell, pp_label_columns(relid))
	{
		RetentionRule *rule = pp_policy_resolve(relid, lfirst_int(cell), as_of, false);

		if (rule != NULL)
			table.rules = lappend(table.rules, rule);
	}
	if (table.rules == NIL)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("table \"%s\" has no deletion rule", get_rel_name(relid)),
				errhint("Tables with a deletion rule are listed by privacy.sweep_rule."));
	pp_label_require_trusted(relid, table.owner);
	return table;
}

/* Of the facts of each purpose the one that decides, in the order in which they end; undetermined comes last. */
static char *
explain_statement(const TableRules *table)
{
	return psprintf("SELECT list, purpose, basis, source, CASE WHEN pg_catalog.isfinite(start) THEN start END, "
					"period, decided_by, %s, state, effect, " OBSTACLE
					" FROM (%s) AS decided ORDER BY place, ends NULLS LAST, purpose",
					pp_policy_moment("ends"), deciding_facts(table));
}

static char *
deciding_facts(const TableRules *table)
{
	RetentionRule *first = linitial(table->rules);

	return psprintf("SELECT DISTINCT ON (fact.list, fact.purpose) fact.*, "
					"CASE WHEN fact.ends IS NULL THEN 'not applicable' ELSE pg_catalog.replace(%s, 'due', 'ended') END AS state, "
					"%s AS effect, COALESCE(fact.ends = %s, false) AS takes_row, pg_catalog.concat_ws('; ', %s) AS blockers "
					"FROM %s AS " PP_TARGET ", LATERAL (VALUES %s) AS fact (" FACT_COLUMNS ") "
					"WHERE %s ORDER BY fact.list, fact.purpose, fact.ends DESC NULLS LAST",
					pp_policy_state("fact.ends"), compile_effect(table),
					first->attnum == 0 ? first->end : "NULL", list_blockers(table),
					pp_core_quote_relation(table->relid), list_facts(table), table->key.match);
}

/* What happens at this end: the row goes with the last of all lists, a value with the last purpose that it serves. */
static char *
compile_effect(const TableRules *table)
{
	return psprintf("CASE WHEN fact.ends IS NOT NULL THEN (SELECT pg_catalog.string_agg(effect.what, '; ' ORDER BY effect.place) "
					"FROM (VALUES %s) AS effect (place, list, serves, what, ends) WHERE effect.ends = fact.ends "
					"AND (effect.place = 0 OR effect.list = fact.list AND "
					"(fact.purpose IS NULL OR fact.purpose = ANY (effect.serves)))) END", list_effects(table));
}

static char *
list_facts(const TableRules *table)
{
	StringInfoData sql;
	ListCell   *cell;
	ListCell   *fact;

	initStringInfo(&sql);
	foreach(cell, table->rules)
	{
		RetentionRule *rule = lfirst(cell);

		foreach(fact, rule->facts)
		{
			add_fact(&sql, rule, lfirst(fact));
		}
	}
	return sql.data;
}

static void
add_fact(StringInfo sql, const RetentionRule *rule, const RetentionFact *fact)
{
	appendStringInfo(sql, "%s(%d, %s::pg_catalog.text, %s::pg_catalog.text, %s::pg_catalog.text, %s::pg_catalog.text, "
					 "%s, %s, %s::pg_catalog.text, %s, %s::pg_catalog.text, %s, %s, %s)",
					 sql->len > 0 ? ", " : "", rule->attnum, quote_literal_cstr(list_name(rule)),
					 quote_or_null(fact->purpose), quote_or_null(fact->basis), quote_literal_cstr(fact->source),
					 fact->start, fact->missing, fact->period ? fact->period : "NULL", fact->period ? "true" : "false",
					 fact->decided_by, fact->end, rule->held, rule->restricted);
}

static const char *
list_name(const RetentionRule *rule)
{
	return rule->own_list ? get_attname(rule->relid, rule->attnum, false) : "row";
}

/* place 0 is the row, which goes when the last of all lists ends. */
static char *
list_effects(const TableRules *table)
{
	StringInfoData sql;
	ListCell   *cell;

	initStringInfo(&sql);
	foreach(cell, table->rules)
	{
		RetentionRule *rule = lfirst(cell);
		char	   *what = rule->attnum == 0 ? pstrdup("the row is deleted") : rule->text;

		appendStringInfo(&sql, "%s(%d, %s, %s, %s || CASE WHEN %s THEN '' ELSE ' (done)' END, %s)", sql.len > 0 ? ", " : "",
						 rule->attnum, quote_literal_cstr(list_name(rule)), quote_array(rule->serves),
						 quote_literal_cstr(psprintf("%s%s", what, rule->draft ? " (draft: not enforced)" : "")),
						 rule->untreated, rule->end);
	}
	return sql.data;
}

static char *
list_blockers(const TableRules *table)
{
	BlockedView view = open_view(table->owner, table->as_of);
	StringInfoData sql;
	ListCell   *cell;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "NULL");
	foreach(cell, find_blockers(&view, table->relid))
	{
		Blocker    *blocker = lfirst(cell);

		appendStringInfo(&sql, ", CASE WHEN %s THEN %s END", blocker->stays,
						 quote_literal_cstr(psprintf("rows of %s refer to it", blocker->table)));
	}
	foreach(cell, view.uncounted)
	{
		appendStringInfo(&sql, ", %s", quote_literal_cstr(psprintf("perhaps rows of %s" NOT_COUNTED,
																   pp_core_quote_relation(lfirst_oid(cell)))));
	}
	return sql.data;
}

static char *
quote_array(const List *names)
{
	StringInfoData sql;
	ListCell   *cell;

	initStringInfo(&sql);
	foreach(cell, names)
		appendStringInfo(&sql, "%s%s", sql.len > 0 ? ", " : "", quote_literal_cstr(lfirst(cell)));
	return psprintf("ARRAY[%s]::pg_catalog.text[]", sql.data);
}

static const char *
quote_or_null(const char *word)
{
	return word ? quote_literal_cstr(word) : "NULL";
}
