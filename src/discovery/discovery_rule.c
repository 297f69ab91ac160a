/*
 * discovery_rule.c: whether a rule could run now, and whether its clocks ever start.
 *
 * A starting point that no row has is looked for in the whole table; that may take as long as
 * reading it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
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
} RuleLint;

static void resolve_rule(void *arg);
static LintId judge_error(const LintLabel *label, const ErrorData *error);
static void lint_facts(RuleLint *rule);
static void look_for_start(void *arg);

void
lint_rule(Lint *lint, LintLabel *label)
{
	RuleLint	rule = {.lint = lint, .label = label};
	ErrorData  *error = pp_core_attempt(resolve_rule, &rule);

	if (error != NULL)
		add_finding(lint, judge_error(label, error), label->object,
					psprintf("its rule does not run: %s", pp_core_describe_error(error, false)));
	else if (rule.rule != NULL && rule.rule->unbound)
		add_finding(lint, LINT_RULE_UNBOUND, label->object, "its label was restored and has not been bound since");
	if (error == NULL && rule.rule != NULL)
		lint_facts(&rule);
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

		if (fact->start == NULL || fact->source == NULL || list_member(seen, makeString(pstrdup(fact->source))))
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
