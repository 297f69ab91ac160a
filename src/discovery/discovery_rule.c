/*
 * discovery_rule.c: whether a rule could run now, and whether its clocks ever start.
 *
 * A starting point that no row has is looked for in the whole table; that may take as long as
 * reading it. One that is read from another table is gone when that table's rows are.
 */
#include "postgres.h"

#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/plancache.h"
#include "utils/timestamp.h"

#include "discovery/discovery_internal.h"

/* A rule while it is looked at. */
typedef struct RuleLint
{
	Lint	   *lint;
	LintLabel  *label;
	RetentionRule *rule;
	const RetentionFact *fact;
	bool		never;			/* no row has its starting point */
	const LabelStart *start;	/* an expression; */
	List	   *read;			/* the tables it reads, as OIDs */
} RuleLint;

static void resolve_rule(void *arg);
static LintId judge_error(const LintLabel *label, const ErrorData *error);
static void lint_facts(RuleLint *rule);
static void look_for_start(void *arg);
static void lint_reading(RuleLint *rule, const LabelStart *start);
static void find_read(void *arg);
static bool reads(const RuleLint *rule, Oid relid);

void
lint_rule(Lint *lint, LintLabel *label)
{
	RuleLint	rule = {.lint = lint, .label = label};
	ErrorData  *error = pp_core_attempt(resolve_rule, &rule);
	ListCell   *cell;

	if (error != NULL)
		add_finding(lint, judge_error(label, error), label->object,
					psprintf("its rule does not run: %s", pp_core_describe_error(error, false)));
	else if (rule.rule != NULL && rule.rule->unbound)
		add_finding(lint, LINT_RULE_UNBOUND, label->object, "its label was restored and has not been bound since");
	if (error != NULL || rule.rule == NULL)
		return;
	lint_facts(&rule);
	foreach(cell, list_concat_copy(label->label->terms, label->label->caps))
	{
		LabelTerm  *term = lfirst(cell);

		if (term->start != NULL && term->kind != TERM_WHILE)
			lint_reading(&rule, term->start);
	}
}

static void
resolve_rule(void *arg)
{
	RuleLint   *rule = arg;

	rule->rule = pp_policy_resolve(rule->label->relid, rule->label->attnum, rule->lint->now, false);
	if (rule->rule != NULL)
		pp_label_require_trusted(rule->label->relid, rule->rule->owner);
}

/* A restored label was not checked when it was set. */
static LintId
judge_error(const LintLabel *label, const ErrorData *error)
{
	if (label->label->treatment != NULL && label->label->mark == NULL && error->hint != NULL &&
		strstr(error->hint, "MARK (") != NULL)
		return LINT_TREATMENT_UNRECOGNISABLE;
	return LINT_RULE_PARKED;
}

static void
lint_facts(RuleLint *rule)
{
	List	   *seen = NIL;
	ListCell   *cell;

	foreach(cell, rule->rule->facts)
	{
		const RetentionFact *fact = lfirst(cell);
		ErrorData  *error;

		if (fact->events == NIL || fact->source == NULL || list_member(seen, makeString(pstrdup(fact->source))))
			continue;
		seen = lappend(seen, makeString(pstrdup(fact->source)));
		rule->fact = fact;
		rule->never = false;
		error = pp_core_attempt(look_for_start, rule);
		if (error != NULL)
			add_finding(rule->lint, LINT_RULE_FAILS, rule->label->object,
						psprintf("its starting point cannot be computed: %s", pp_core_describe_error(error, true)));
		else if (rule->never)
			add_finding(rule->lint, LINT_START_NEVER_SET, rule->label->object,
						psprintf("no row has its starting point, %s, so that nothing ever ends", fact->source));
	}
}

static void
look_for_start(void *arg)
{
	RuleLint   *rule = arg;
	char	   *table = pp_core_quote_relation(rule->label->relid);
	Oid			types[] = {TIMESTAMPTZOID};
	Datum		values[] = {TimestampTzGetDatum(rule->lint->now)};
	CoreStay	stay;
	bool		isnull;

	SPI_connect();
	pp_core_enter(&stay, rule->rule->owner, true);
	if (SPI_execute_with_args(psprintf("SELECT EXISTS (SELECT FROM %s) AND NOT EXISTS (SELECT FROM %s AS " PP_TARGET
									   " WHERE $1 IS NOT NULL AND (%s) IS NOT NULL)", table, table, rule->fact->start),
							  1, types, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");	/* cannot happen */
	pp_core_leave(&stay);
	rule->never = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
}

/* What a rule deletes there goes first where it refers to this table, and whenever it is due otherwise. */
static void
lint_reading(RuleLint *rule, const LabelStart *start)
{
	ListCell   *cell;

	foreach(cell, start->parts)
	{
		lint_reading(rule, lfirst(cell));
	}
	rule->start = start;
	rule->read = NIL;
	if (start->kind != START_EXPRESSION || pp_core_attempt(find_read, rule) != NULL)
		return;					/* why it cannot be resolved is said elsewhere */
	foreach(cell, rule->lint->labels)
	{
		LintLabel  *other = lfirst(cell);

		if (other->attnum == 0 && other->label->then_delete && !other->label->draft &&
			other->relid != rule->label->relid && reads(rule, other->relid))
			add_finding(rule->lint, LINT_START_SWEPT, rule->label->object,
						psprintf("a starting point is read from %s, whose rows a rule deletes; after that it is missing or another", other->object));
	}
}

/* The server knows, once it has looked the expression through. */
static void
find_read(void *arg)
{
	RuleLint   *rule = arg;
	Oid			relid = rule->label->relid;
	LabelTarget target = {.relid = relid, .owner = rule->rule->owner, .alias = PP_TARGET, .binding = makeStringInfo()};
	MemoryContext caller = CurrentMemoryContext;
	CachedPlanSource *source;
	LabelReading reading;
	SPIPlanPtr	plan;
	CoreStay	stay;
	char	   *sql;
	Oid			type;

	pp_core_enter(&stay, rule->rule->owner, true);
	pp_label_open(&reading, rule->label->label->source, rule->label->object);
	sql = pp_label_resolve_expression(&target, &rule->start->expression, &type);
	pp_label_close(&reading);
	SPI_connect();
	plan = SPI_prepare(psprintf("SELECT (%s) FROM %s AS " PP_TARGET, sql, pp_core_quote_relation(relid)), 0, NULL);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed");	/* cannot happen */
	source = linitial(SPI_plan_get_plan_sources(plan));
	MemoryContextSwitchTo(caller);
	rule->read = list_copy(source->relationOids);
	SPI_finish();
	pp_core_leave(&stay);
}

/* The table itself, or what stands below it. */
static bool
reads(const RuleLint *rule, Oid relid)
{
	ListCell   *cell;

	foreach(cell, find_all_inheritors(relid, NoLock, NULL))
	{
		if (list_member_oid(rule->read, lfirst_oid(cell)))
			return true;
	}
	return false;
}
