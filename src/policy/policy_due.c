/*
 * policy_due.c: the same terms as a condition: has everything ended?
 *
 * policy_end.c could answer that (end <= $1), but row by row and with calendar arithmetic each time.
 * Here each term becomes a condition of its own, in a form that costs little and that an index can
 * answer:
 *
 *     start > -infinity AND start <= latest AND (start < earliest OR start + period <= $1)
 *
 * with two constants computed once from the cut-off. What is later than `latest` certainly has not
 * ended, what is earlier than `earliest` certainly has; only between them does the calendar decide,
 * and it decides alone. WITH becomes EXISTS, which the planner may turn into a join.
 *
 * Unknown is NULL or false here, so it keeps. At least one term must apply: one without condition
 * does. Where there is none, the end decides.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "policy/policy_internal.h"

/*
 * How much a period can differ from itself, laid forward or backward: months have 28 to 31 days, a
 * zone may skip a day, and clocks change.
 */
#define SLACK (5 * USECS_PER_DAY)

/* Before this cut-off the calendar begins too soon to subtract from: every period fits in behind it. */
#define SAFE_CUT_OFF ((TimestampTz) (INT64CONST(-3000) * 366 * USECS_PER_DAY))

static Interval no_period = {0};

static char *compile_term_ended(const TermList *list, const LabelTerm *term, const List *purposes);
static char *or_capped(const TermList *list, const char *condition);
static char *compile_with_due(const TermList *list, const List *purposes);
static bool applies_always(const LabelTerm *term);
static char *compile_bound(const TermList *list, const List *purposes);
static char *bound_term(const TermList *list, const LabelTerm *term, const List *purposes);
static List *lasting_purposes(const LabelTerm *term, const List *purposes);
static bool is_outlasted(const LabelTerm *term, const Purpose *purpose, const List *purposes);
static const Interval *only_period(const LabelTerm *term, const Purpose *purpose);
static char *compile_purpose_reached(const TermList *list, const LabelTerm *term, const Purpose *purpose);
static List *certain_periods(const TermList *list, const LabelTerm *term, const Purpose *purpose);
static char *compile_exactly(const TermList *list, const LabelTerm *term, const Purpose *purpose, const Interval *period);
static bool is_moment(const LabelTarget *target, const LabelStart *start);
static TimestampTz latest_start(const LabelTerm *term, const List *periods, TimestampTz cut_off);
static TimestampTz earliest_start(const LabelTerm *term, const Interval *period, TimestampTz cut_off);
static TimestampTz subtract(TimestampTz cut_off, const Interval *period);
static bool is_zero(const LabelTerm *term, const Interval *period);
static char *compile_parent_ended(const TermList *list, const LabelTerm *term, const List *purposes);

char *
compile_due(const TermList *list, const List *purposes)
{
	ListCell   *cell;
	char	   *bound;

	if (list->label->retain_nothing)
		return pstrdup("true");
	foreach(cell, list->label->terms)
	{
		LabelTerm  *term = lfirst(cell);

		if (applies_always(term) &&
			(purposes == NIL || served_purposes(list->promises, term, purposes) != NIL))
			return compile_ended(list, purposes);
	}
	if (list_length(list->label->terms) == 1 && list->caps == NIL &&
		((LabelTerm *) linitial(list->label->terms))->condition == NULL)
		return compile_with_due(list, purposes);
	bound = compile_bound(list, purposes);
	return psprintf("%s%s%s <= $1", bound ? bound : "", bound ? " AND " : "", compile_end(list, purposes));
}

static bool
applies_always(const LabelTerm *term)
{
	return term->kind != TERM_WITH && term->condition == NULL;
}

/* A row with one term only, WITH: it is due when its parent's purposes are. */
static char *
compile_with_due(const TermList *list, const List *purposes)
{
	LabelTerm  *term = linitial(list->label->terms);
	List	   *served = served_purposes(list->promises, term, purposes);
	ParentRow	parent;
	TermList	above;
	char	   *due;

	open_parent(list->target, term->columns, term->location, &parent);
	above = parent_terms(list, &parent, served);
	due = compile_due(&above, purpose_names(served));
	close_parent(&parent);
	return psprintf("EXISTS (SELECT%s AND %s)", parent.from, due);
}

char *
compile_ended(const TermList *list, const List *purposes)
{
	List	   *conditions = NIL;
	ListCell   *cell;

	foreach(cell, list->label->terms)
	{
		LabelTerm  *term = lfirst(cell);
		List	   *served = served_purposes(list->promises, term, purposes);

		if (served != NIL || purposes == NIL)
			conditions = lappend(conditions, compile_term_ended(list, term, served));
	}
	return conditions ? join_conditions("AND", conditions) : pstrdup("true");
}

static char *
compile_term_ended(const TermList *list, const LabelTerm *term, const List *purposes)
{
	List	   *bound_by_law = NIL;
	List	   *others = NIL;
	List	   *conditions = NIL;
	char	   *ended;

	split_purposes(purposes, &bound_by_law, &others);
	if (bound_by_law != NIL)
		conditions = lappend(conditions, compile_reached(list, term, bound_by_law));
	if (others != NIL || purposes == NIL)
		conditions = lappend(conditions, or_capped(list, compile_reached(list, term, others)));
	ended = join_conditions("AND", conditions);
	if (term->condition == NULL)
		return ended;
	return psprintf("CASE (%s) WHEN true THEN %s WHEN false THEN true ELSE %s END",
					compile_condition(list->target, term->condition, "WHERE"), ended,
					bound_by_law ? "false" : or_capped(list, "false"));
}

static char *
or_capped(const TermList *list, const char *condition)
{
	List	   *conditions = list_make1(unconstify(char *, condition));
	ListCell   *cell;

	foreach(cell, list->caps)
		conditions = lappend(conditions, unconstify(char *, ((TermCap *) lfirst(cell))->reached));
	return join_conditions("OR", conditions);
}

/* What a row that is due by any of several conditional terms, or by a cap, certainly meets; NULL where one of them cannot say. */
static char *
compile_bound(const TermList *list, const List *purposes)
{
	List	   *bounds = NIL;
	ListCell   *cell;

	foreach(cell, list->label->terms)
	{
		LabelTerm  *term = lfirst(cell);
		List	   *served = served_purposes(list->promises, term, purposes);
		char	   *bound;

		if (purposes != NIL && served == NIL)
			continue;
		bound = bound_term(list, term, served);
		if (bound == NULL)
			return NULL;
		bounds = lappend(bounds, bound);
	}
	foreach(cell, list->caps)
		bounds = lappend(bounds, unconstify(char *, ((TermCap *) lfirst(cell))->reached));
	return join_conditions("OR", bounds);
}

static char *
bound_term(const TermList *list, const LabelTerm *term, const List *purposes)
{
	List	   *periods = NIL;
	List	   *own = list_make1(NULL);
	ListCell   *cell;

	if (term->kind != TERM_AFTER && term->kind != TERM_UNTIL)
		return NULL;
	foreach(cell, purposes ? purposes : own)
		periods = list_concat(periods, certain_periods(list, term, lfirst(cell)));
	if (periods == NIL)
		return pstrdup("false");
	return bound_start(list->target, term->start, latest_start(term, periods, list->promises->cut_off));
}

char *
compile_reached(const TermList *list, const LabelTerm *term, const List *purposes)
{
	List	   *conditions = NIL;
	ListCell   *cell;

	if (term->kind == TERM_WITH)
		return compile_parent_ended(list, term, purposes);
	if (term->kind == TERM_WHILE)
		return psprintf("(%s) IS FALSE", compile_condition(list->target, &term->start->expression, "WHILE"));
	if (term->kind == TERM_UNTIL || purposes == NIL)
		return compile_purpose_reached(list, term, NULL);
	foreach(cell, lasting_purposes(term, purposes))
		conditions = lappend(conditions, compile_purpose_reached(list, term, lfirst(cell)));
	return join_conditions("AND", conditions);
}

/* From the same start, a purpose that certainly ends before another need not be looked at. */
static List *
lasting_purposes(const LabelTerm *term, const List *purposes)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, purposes)
	{
		if (!is_outlasted(term, lfirst(cell), purposes))
			result = lappend(result, lfirst(cell));
	}
	return result;
}

static bool
is_outlasted(const LabelTerm *term, const Purpose *purpose, const List *purposes)
{
	const Interval *period = only_period(term, purpose);
	Interval	longer;
	ListCell   *cell;

	if (period == NULL)
		return false;
	longer = *period;
	longer.day += SLACK / USECS_PER_DAY;
	foreach(cell, purposes)
	{
		const Interval *other = only_period(term, lfirst(cell));

		if (other != NULL && !is_longer(&longer, other))
			return true;
	}
	return false;
}

/* The one period that can be added, whatever the row; NULL where that depends. */
static const Interval *
only_period(const LabelTerm *term, const Purpose *purpose)
{
	List	   *periods = possible_periods(term, purpose, true);

	return list_length(periods) == 1 ? linitial(periods) : NULL;
}

static char *
compile_purpose_reached(const TermList *list, const LabelTerm *term, const Purpose *purpose)
{
	const Interval *period = term->kind == TERM_UNTIL ? &no_period : only_period(term, purpose);
	List	   *periods = certain_periods(list, term, purpose);
	char	   *bound;
	char	   *exactly;

	if (periods == NIL)
		return pstrdup("false");
	bound = bound_start(list->target, term->start, latest_start(term, periods, list->promises->cut_off));
	if (period != NULL && is_zero(term, period) && is_moment(list->target, term->start))
		return bound;
	exactly = compile_exactly(list, term, purpose, period);
	return bound ? psprintf("(%s AND %s)", bound, exactly) : exactly;
}

/* The periods that can make an end: an undetermined one never does. */
static List *
certain_periods(const TermList *list, const LabelTerm *term, const Purpose *purpose)
{
	List	   *result = NIL;
	ListCell   *cell;

	if (term->kind == TERM_UNTIL)
		return list_make1(&no_period);
	foreach(cell, possible_periods(term, purpose, has_tenant_periods(list, purpose)))
	{
		if (lfirst(cell) != NULL)
			result = lappend(result, lfirst(cell));
	}
	return result;
}

/* Period: the only one there can be, or NULL. */
static char *
compile_exactly(const TermList *list, const LabelTerm *term, const Purpose *purpose, const Interval *period)
{
	char	   *start = known_start(compile_start(list->target, term->start));
	char	   *end = psprintf("%s <= $1", term->kind == TERM_UNTIL ? start : add_periods(list, term, purpose, start));
	char	   *earlier;

	if (period == NULL || !is_plain_start(term->start) || is_zero(term, period))
		return end;
	earlier = precedes(list->target, term->start, earliest_start(term, period, list->promises->cut_off));
	if (term->start->kind != START_COLUMN)
		earlier = psprintf("(%s AND %s > '-infinity'::pg_catalog.timestamptz)", earlier,
						   compile_start(list->target, term->start));
	return psprintf("(%s OR %s)", earlier, end);
}

static bool
is_moment(const LabelTarget *target, const LabelStart *start)
{
	return start->kind == START_COLUMN &&
		getBaseType(get_atttype(target->relid, get_attnum(target->relid, start->column.name))) == TIMESTAMPTZOID;
}

static bool
is_zero(const LabelTerm *term, const Interval *period)
{
	return term->calendar == NULL && period->month == 0 && period->day == 0 && period->time == 0;
}

/* No start after it can have ended. */
static TimestampTz
latest_start(const LabelTerm *term, const List *periods, TimestampTz cut_off)
{
	TimestampTz latest = DT_NOBEGIN;
	ListCell   *cell;

	foreach(cell, periods)
	{
		TimestampTz start = cut_off;

		if (cut_off > SAFE_CUT_OFF && !is_zero(term, lfirst(cell)))
			start = Min(cut_off - SLACK, subtract(cut_off, lfirst(cell))) + SLACK;
		latest = Max(latest, start);
	}
	return latest;
}

/* Every start before it has ended. A year is what END OF may add. */
static TimestampTz
earliest_start(const LabelTerm *term, const Interval *period, TimestampTz cut_off)
{
	if (cut_off <= SAFE_CUT_OFF)
		return DT_NOBEGIN;
	return subtract(cut_off, period) - SLACK - (term->calendar ? 366 * USECS_PER_DAY : 0);
}

static TimestampTz
subtract(TimestampTz cut_off, const Interval *period)
{
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_mi_interval, TimestampTzGetDatum(cut_off),
												   IntervalPGetDatum(period)));
}

/* The term does not apply, or the parent has ended for these purposes. */
static char *
compile_parent_ended(const TermList *list, const LabelTerm *term, const List *purposes)
{
	ParentRow	parent;
	TermList	above;
	char	   *exists;

	open_parent(list->target, term->columns, term->location, &parent);
	above = parent_terms(list, &parent, purposes);
	exists = psprintf("EXISTS (SELECT%s AND %s)", parent.from, compile_ended(&above, purpose_names(purposes)));
	close_parent(&parent);
	return parent.any_null ? psprintf("(%s OR %s)", parent.any_null, exists) : exists;
}
