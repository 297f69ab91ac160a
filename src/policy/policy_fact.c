/*
 * policy_fact.c: each purpose of each term by itself, for those who ask why.
 *
 * The same SQL as the rule's end, taken apart: a purpose's end on a row is the latest of its facts.
 * WITH is followed to the parent's own facts, so that the event that decides is named where it
 * happens.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/lsyscache.h"

#include "core/core.h"
#include "policy/policy_internal.h"

#define NO_MOMENT "NULL::pg_catalog.timestamptz"

static List *term_facts(const TermList *list, const LabelTerm *term, const Purpose *purpose);
static List *parent_facts(const TermList *list, const LabelTerm *term, const Purpose *purpose);
static void list_events(LabelTarget *target, const LabelStart *start, RetentionFact *fact);
static char *where_it_is(const LabelTarget *target);
static RetentionFact *make_fact(const Purpose *purpose);
static RetentionFact *nothing_fact(void);
static char *describe_source(const LabelTarget *target, const LabelTerm *term);
static char *choose_period(const TermList *list, const LabelTerm *term, const Purpose *purpose, const char *start);
static char *choose_decider(const TermList *list, const LabelTerm *term, const Purpose *purpose, const char *end);
static char *period_text(const Interval *period);
static const char *decider_name(const LabelTerm *term);
static char *read_parent(const ParentRow *parent, const char *sql);

List *
compile_facts(const TermList *list, const List *purposes)
{
	List	   *result = list->label->retain_nothing ? list_make1(nothing_fact()) : NIL;
	List	   *own = list_make1(NULL);
	ListCell   *cell;
	ListCell   *purpose;

	foreach(cell, list->label->terms)
	{
		LabelTerm  *term = lfirst(cell);
		List	   *served = served_purposes(list->promises, term, purposes);

		foreach(purpose, served == NIL && purposes == NIL ? own : served)
		{
			result = list_concat(result, term_facts(list, term, lfirst(purpose)));
		}
	}
	return result;
}

static List *
term_facts(const TermList *list, const LabelTerm *term, const Purpose *purpose)
{
	RetentionFact *fact;
	bool		is_event = term->kind == TERM_AFTER || term->kind == TERM_UNTIL;

	if (term->kind == TERM_WITH)
		return parent_facts(list, term, purpose);
	fact = make_fact(purpose);
	fact->source = describe_source(list->target, term);
	fact->start = is_event ? compile_start(list->target, term->start) : NO_MOMENT;
	if (is_event)
		list_events(list->target, term->start, fact);
	if (term->kind == TERM_AFTER)
		fact->period = choose_period(list, term, purpose, known_start(fact->start));
	fact->end = compile_purpose_end(list, term, purpose);
	fact->decided_by = choose_decider(list, term, purpose, fact->end);
	return list_make1(fact);
}

static List *
parent_facts(const TermList *list, const LabelTerm *term, const Purpose *purpose)
{
	List	   *purposes = list_make1(unconstify(Purpose *, purpose));
	List	   *facts;
	ParentRow	parent;
	TermList	above;
	ListCell   *cell;
	ListCell   *event;

	open_parent(list->target, term->columns, term->location, &parent);
	above = parent_terms(list, &parent, purposes);
	facts = compile_facts(&above, purpose_names(purposes));
	close_parent(&parent);
	foreach(cell, facts)
	{
		RetentionFact *fact = lfirst(cell);

		fact->start = read_parent(&parent, fact->start);
		foreach(event, fact->events)
		{
			lfirst(event) = read_parent(&parent, lfirst(event));
		}
		fact->missing = read_parent(&parent, fact->missing);
		fact->period = fact->period ? read_parent(&parent, fact->period) : NULL;
		fact->decided_by = read_parent(&parent, fact->decided_by);
		fact->end = govern_end(list, term, purpose, read_parent(&parent, fact->end));
	}
	return facts;
}

static char *
read_parent(const ParentRow *parent, const char *sql)
{
	return psprintf("(SELECT %s%s)", sql, parent->from);
}

/* Each event by itself, and which of them are missing. */
static void
list_events(LabelTarget *target, const LabelStart *start, RetentionFact *fact)
{
	ListCell   *cell;

	if (start->parts == NIL)
	{
		char	   *event = compile_start(target, start);

		fact->events = lappend(fact->events, event);
		fact->missing = psprintf("pg_catalog.concat_ws(', ', NULLIF(%s, ''), CASE WHEN %s IS NULL THEN %s END)",
								 fact->missing, event,
								 quote_literal_cstr(psprintf("%s%s", pp_label_start_text(start), where_it_is(target))));
	}
	foreach(cell, start->parts)
	{
		list_events(target, lfirst(cell), fact);
	}
}

/* Of the row itself that need not be said. */
static char *
where_it_is(const LabelTarget *target)
{
	return strcmp(target->alias, PP_TARGET) == 0 ? "" : psprintf(" of %s", quote_identifier(get_rel_name(target->relid)));
}

static RetentionFact *
make_fact(const Purpose *purpose)
{
	RetentionFact *fact = palloc0(sizeof(RetentionFact));

	fact->purpose = purpose ? purpose->name : NULL;
	fact->basis = purpose ? purpose->basis : NULL;
	fact->missing = "''";
	return fact;
}

static RetentionFact *
nothing_fact(void)
{
	RetentionFact *fact = make_fact(NULL);

	fact->source = "RETAIN NOTHING";
	fact->start = NO_MOMENT;
	fact->decided_by = "'retain nothing'";
	fact->end = PP_ENDED;
	return fact;
}

static char *
describe_source(const LabelTarget *target, const LabelTerm *term)
{
	char	   *start = psprintf("%s%s", pp_label_start_text(term->start), where_it_is(target));

	if (term->kind == TERM_WHILE)
		return psprintf("WHILE %s", start);
	return term->calendar ? psprintf("END OF %s OF %s", asc_toupper(term->calendar, strlen(term->calendar)), start) : start;
}

/* Of several periods of a purpose, the one that made the end; while there is no start, the latest. */
static char *
choose_period(const TermList *list, const LabelTerm *term, const Purpose *purpose, const char *start)
{
	List	   *periods = possible_periods(term, purpose, false);
	char	   *chosen = period_text(llast(periods));
	ListCell   *cell;

	foreach(cell, list_truncate(list_copy(periods), list_length(periods) - 1))
	{
		if (lfirst(cell) != NULL)
			chosen = psprintf("CASE WHEN %s = %s THEN %s ELSE %s END", add_periods(list, term, purpose, start),
							  add_period(term, start, interval_sql(lfirst(cell))), period_text(lfirst(cell)), chosen);
	}
	if (has_tenant_periods(list, purpose))
		chosen = psprintf("COALESCE(%s, %s)", tenant_period_text(list, purpose), chosen);
	return chosen;
}

static char *
period_text(const Interval *period)
{
	return period ? quote_literal_cstr(pp_label_period_text(period)) : pstrdup("NULL::pg_catalog.text");
}

static char *
choose_decider(const TermList *list, const LabelTerm *term, const Purpose *purpose, const char *end)
{
	char	   *decider = quote_literal_cstr(decider_name(term));
	ListCell   *cell;

	if (term->kind == TERM_AFTER && has_tenant_periods(list, purpose))
		decider = psprintf("CASE WHEN %s IS NULL THEN %s ELSE 'tenant' END", tenant_period_text(list, purpose), decider);
	if (is_bound_by_law(purpose))
		return decider;
	foreach(cell, list->caps)
	{
		TermCap    *cap = lfirst(cell);

		decider = psprintf("CASE WHEN %s = %s THEN %s ELSE %s END", cap->end, end,
						   quote_literal_cstr(cap->source), decider);
	}
	return decider;
}

static const char *
decider_name(const LabelTerm *term)
{
	switch (term->kind)
	{
		case TERM_UNTIL:
			return "event";
		case TERM_WHILE:
			return "condition";
		default:
			return term->period ? "term" : "purpose";
	}
}
