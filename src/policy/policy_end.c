/*
 * policy_end.c: terms become one SQL expression, the moment at which the last of them ends.
 *
 * One value carries all of a target's state. NULL: the term does not apply; GREATEST passes over
 * it, and when nothing applies the whole is NULL. Above every moment of the calendar stand, in the
 * order in which they win under GREATEST: the condition of a WHILE still holds (LASTING); a clock
 * has not started (WAITING); unknown or undetermined (infinity). Its
 * first moment is what has ended at once (PP_ENDED). Below all stands, inside sub-selects only, what
 * does not apply (NO_END). No cut-off ever
 * reaches the upper ones, so an unknown always keeps, and no path through NULL can delete.
 *
 * A cap is NULL where its own clock has not started; LEAST passes over it.
 *
 * Calendar arithmetic runs in privacy.policy_timezone because the session's TimeZone is pinned to
 * it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "policy/policy_internal.h"

#define UNKNOWN "'infinity'::pg_catalog.timestamptz"
#define WAITING "'294276-01-01 00:00:00+00'::pg_catalog.timestamptz"
#define LASTING "'294275-01-01 00:00:00+00'::pg_catalog.timestamptz"
/* From here on, years are whole in every zone. */
#define FIRST_YEAR "'4713-02-01 00:00:00+00 BC'::pg_catalog.timestamptz"
#define NO_END "'-infinity'::pg_catalog.timestamptz"

static char *compile_term_end(const TermList *list, const LabelTerm *term, const List *purposes);
static char *where_it_applies(const TermList *list, const LabelTerm *term, const char *end, bool can_be_capped);
static char *cap_end(const TermList *list, const char *end);
static char *compile_after(const TermList *list, const LabelTerm *term, const List *purposes);
static char *move_start(const LabelTerm *term, const char *start);
static char *compile_until(const TermList *list, const LabelTerm *term);
static char *compile_while(const TermList *list, const LabelTerm *term);
static char *compile_with(const TermList *list, const LabelTerm *term, const List *purposes);
static char *missing_end(const TermList *list, const LabelTerm *term, const Purpose *purpose);
static char *compile_promised_end(const LabelTerm *term, const Purpose *purpose, const char *start);

char *
compile_end(const TermList *list, const List *purposes)
{
	List	   *ends = NIL;
	ListCell   *cell;

	if (list->label->retain_nothing)
		return pstrdup(PP_ENDED);
	foreach(cell, list->label->terms)
	{
		LabelTerm  *term = lfirst(cell);
		List	   *served = served_purposes(list->promises, term, purposes);

		if (served != NIL || purposes == NIL)
			ends = lappend(ends, compile_term_end(list, term, served));
	}
	return join_list("GREATEST", ends);
}

char *
compile_purpose_end(const TermList *list, const LabelTerm *term, const Purpose *purpose)
{
	return compile_term_end(list, term, purpose ? list_make1(unconstify(Purpose *, purpose)) : NIL);
}

/* Caps end what does not rest on a legal obligation; a condition decides whether the term applies. */
static char *
compile_term_end(const TermList *list, const LabelTerm *term, const List *purposes)
{
	List	   *bound_by_law = NIL;
	List	   *others = NIL;
	List	   *ends = NIL;
	char	   *end;

	split_purposes(purposes, &bound_by_law, &others);
	if (bound_by_law != NIL)
		ends = lappend(ends, compile_bare_end(list, term, bound_by_law));
	if (others != NIL || purposes == NIL)
		ends = lappend(ends, cap_end(list, compile_bare_end(list, term, others)));
	end = join_list("GREATEST", ends);
	if (term->kind == TERM_WITH)
		end = psprintf("NULLIF(%s, " NO_END ")", end);
	return where_it_applies(list, term, end, bound_by_law == NIL);
}

static char *
where_it_applies(const TermList *list, const LabelTerm *term, const char *end, bool can_be_capped)
{
	if (term->condition == NULL)
		return unconstify(char *, end);
	return psprintf("CASE (%s) WHEN true THEN %s WHEN false THEN NULL::pg_catalog.timestamptz ELSE %s END",
					compile_condition(list->target, term->condition, "WHERE"), end,
					can_be_capped ? cap_end(list, UNKNOWN) : UNKNOWN);
}

char *
govern_end(const TermList *list, const LabelTerm *term, const Purpose *purpose, const char *end)
{
	bool		can_be_capped = !is_bound_by_law(purpose);

	if (can_be_capped && list->caps != NIL)
		end = psprintf("NULLIF(%s, " NO_END ")", cap_end(list, psprintf("COALESCE(%s, " NO_END ")", end)));
	return where_it_applies(list, term, end, can_be_capped);
}

static char *
cap_end(const TermList *list, const char *end)
{
	List	   *ends = list_make1(unconstify(char *, end));
	ListCell   *cell;

	foreach(cell, list->caps)
		ends = lappend(ends, unconstify(char *, ((TermCap *) lfirst(cell))->end));
	return join_list("LEAST", ends);
}

char *
compile_bare_end(const TermList *list, const LabelTerm *term, const List *purposes)
{
	switch (term->kind)
	{
		case TERM_WITH:
			return compile_with(list, term, purposes);
		case TERM_UNTIL:
			return compile_until(list, term);
		case TERM_WHILE:
			return compile_while(list, term);
		default:
			return compile_after(list, term, purposes);
	}
}

static char *
compile_after(const TermList *list, const LabelTerm *term, const List *purposes)
{
	char	   *start = compile_start(list->target, term->start);
	List	   *ends = NIL;
	List	   *own = list_make1(NULL);
	ListCell   *cell;

	foreach(cell, purposes ? purposes : own)
	{
		char	   *end = add_periods(list, term, lfirst(cell), known_start(start));

		if (end == NULL)
			return pstrdup(UNKNOWN);
		ends = lappend(ends, psprintf("COALESCE(%s, CASE WHEN %s IS NULL THEN %s ELSE " UNKNOWN " END)",
									  end, start, missing_end(list, term, lfirst(cell))));
	}
	return join_list("GREATEST", ends);
}

/* Where the clock has not started: waiting, if there is a period to wait for. */
static char *
missing_end(const TermList *list, const LabelTerm *term, const Purpose *purpose)
{
	if (term->period != NULL ||
		(purpose != NULL && ((PurposePeriod *) llast(purpose->periods))->retention != NULL))
		return WAITING;
	if (!has_tenant_periods(list, purpose))
		return UNKNOWN;
	return psprintf("CASE WHEN %s IS NULL THEN " UNKNOWN " ELSE " WAITING " END", tenant_period(list, purpose));
}

char *
add_periods(const TermList *list, const LabelTerm *term, const Purpose *purpose, const char *start)
{
	char	   *end = NULL;

	if (term->period != NULL)
		end = add_period(term, start, interval_sql(term->period));
	if (purpose != NULL && (term->period == NULL || promises_less(purpose, term)))
	{
		char	   *promised = compile_promised_end(term, purpose, start);

		if (end != NULL && promised != NULL)
			end = psprintf("LEAST(%s, %s)", end, promised);
		else if (end == NULL)
			end = promised;
	}
	if (!has_tenant_periods(list, purpose))
		return end;
	return psprintf("COALESCE(%s, %s)", add_period(term, start, tenant_period(list, purpose)),
					end ? end : "NULL");
}

/*
 * The end under a purpose's own period. One that was changed since the start holds if it is
 * shorter: the end is the earliest of those under the period in force at the start and under every
 * later one.
 */
static char *
compile_promised_end(const LabelTerm *term, const Purpose *purpose, const char *start)
{
	List	   *ends = NIL;
	ListCell   *cell;

	foreach(cell, purpose->periods)
	{
		PurposePeriod *period = lfirst(cell);
		PurposePeriod *next = lnext(purpose->periods, cell) ? lfirst(lnext(purpose->periods, cell)) : NULL;
		char	   *end;

		if (period->retention == NULL)
			continue;
		end = add_period(term, start, interval_sql(period->retention));
		if (next != NULL)
			end = psprintf("CASE WHEN %s <= %s THEN %s END", move_start(term, start),
						   moment_sql(next->effective_at), end);
		ends = lappend(ends, end);
	}
	return join_list("LEAST", ends);
}

char *
add_period(const LabelTerm *term, const char *start, const char *period)
{
	return psprintf("(%s + %s)", move_start(term, start), period);
}

/* END OF: to the end of its calendar unit, where the calendar has the unit's beginning. */
static char *
move_start(const LabelTerm *term, const char *start)
{
	if (term->calendar == NULL)
		return unconstify(char *, start);
	return psprintf("CASE WHEN %s >= " FIRST_YEAR " THEN pg_catalog.date_trunc('%s', %s) + '%s'::pg_catalog.interval ELSE %s END",
					start, term->calendar, start,
					strcmp(term->calendar, "quarter") == 0 ? "3 months" : psprintf("1 %s", term->calendar), start);
}

static char *
compile_until(const TermList *list, const LabelTerm *term)
{
	char	   *start = compile_start(list->target, term->start);

	return psprintf("COALESCE(%s, CASE WHEN %s IS NULL THEN " WAITING " ELSE " UNKNOWN " END)",
					known_start(start), start);
}

static char *
compile_while(const TermList *list, const LabelTerm *term)
{
	return psprintf("CASE (%s) WHEN true THEN " LASTING " WHEN false THEN " PP_ENDED " ELSE " UNKNOWN " END",
					compile_condition(list->target, &term->start->expression, "WHILE"));
}

/*
 * WITH: the purpose ends when it ends for the row that the foreign key leads to. Without a key the
 * term does not apply, nor where the purpose does not apply to the parent (its own key is null). A
 * parent that cannot be found is unknown.
 */
static char *
compile_with(const TermList *list, const LabelTerm *term, const List *purposes)
{
	ParentRow	parent;
	TermList	above;
	char	   *end;

	open_parent(list->target, term->columns, term->location, &parent);
	above = parent_terms(list, &parent, purposes);
	end = psprintf("COALESCE((SELECT COALESCE(%s, " NO_END ")%s), " UNKNOWN ")",
				   compile_end(&above, purpose_names(purposes)), parent.from);
	close_parent(&parent);
	if (parent.any_null == NULL)
		return end;
	return psprintf("CASE WHEN %s THEN " NO_END " ELSE %s END", parent.any_null, end);
}

char *
pp_policy_state(const char *end)
{
	return psprintf("CASE WHEN %s <= $1 THEN 'due' WHEN %s <= " LASTING " THEN 'running' "
					"WHEN %s = " WAITING " THEN 'waiting' ELSE 'undetermined' END", end, end, end);
}

char *
pp_policy_moment(const char *end)
{
	return psprintf("NULLIF(CASE WHEN %s < " LASTING " THEN %s END, " PP_ENDED ")", end, end);
}
