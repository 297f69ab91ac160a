/*
 * policy_term.c: terms become one SQL expression, the moment at which the last of them ends.
 *
 * One value carries the whole three-valued logic. NULL: the term does not apply; GREATEST passes
 * over it, and when nothing applies the row's end is NULL and nothing is due. infinity: an event
 * has not happened, is unknown, or a period is undetermined; GREATEST lets it win, and infinity
 * never comes. So an unknown always keeps, and no path through NULL can delete.
 *
 * ALL OF must not be GREATEST, which ignores a missing event and would start the clock early; ANY
 * OF may be LEAST, which takes the earliest event that happened. A start at -infinity has no moment
 * from which to count and counts as unknown.
 *
 * Calendar arithmetic runs in privacy.policy_timezone because the session's TimeZone is pinned to
 * it.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "policy/policy_internal.h"

/* A start may lie this much later than cut-off minus period and still be due: month ends, DST. */
#define BOUND_SLACK "'4 days'::pg_catalog.interval"

/*
 * A start from here on counts as unknown: the longest period, added to it, would leave the
 * calendar, and one such row would stop the rule for all others.
 */
#define END_OF_TIME "'290000-01-01 00:00:00+00'::pg_catalog.timestamptz"

static bool serves(const LabelTerm *term, const List *purposes);
static List *served_purposes(const LabelTerm *term, const List *purposes);
static char *compile_term(LabelTarget *target, const LabelTerm *term, const List *purposes,
						  TimestampTz cut_off);
static char *compile_after(LabelTarget *target, const LabelTerm *term, const List *purposes,
						   TimestampTz cut_off);
static char *compile_own_end(const LabelTerm *term, const char *start);
static char *compile_promised_end(const LabelTerm *term, const char *purpose, const char *start,
								  TimestampTz cut_off);
static char *add_period(const LabelTerm *term, const char *start, const Interval *period);
static char *compile_start(LabelTarget *target, const LabelStart *start);
static char *compile_parts(LabelTarget *target, const LabelStart *start);
static char *as_timestamptz(const char *sql, Oid type, int location);
static char *compile_with(LabelTarget *target, const LabelTerm *term, const List *purposes,
						  TimestampTz cut_off);
static char *compile_parent_ends(LabelTarget *parent, const Label *label, const List *purposes,
								 TimestampTz cut_off);
static char *match_parent(LabelTarget *target, LabelTarget *parent, const ForeignKeyCacheInfo *key,
						  char **any_null);
static char *wrap_condition(LabelTarget *target, const LabelExpression *condition, const char *end);
static char *join_list(const char *function, const List *parts);
static void bound_start(LabelTarget *target, const LabelStart *start, const char *period,
						StringInfo bound);
static const Interval *certain_period(const LabelTerm *term, const List *purposes, TimestampTz cut_off);

char *
compile_terms(LabelTarget *target, const Label *label, const List *purposes, TimestampTz cut_off)
{
	List	   *ends = NIL;
	ListCell   *cell;

	foreach(cell, label->terms)
	{
		LabelTerm  *term = lfirst(cell);

		if (serves(term, purposes))
			ends = lappend(ends, compile_term(target, term, purposes, cut_off));
	}
	return join_list("GREATEST", ends);
}

static bool
serves(const LabelTerm *term, const List *purposes)
{
	return purposes == NIL || served_purposes(term, purposes) != NIL;
}

/* Those of the term's purposes that are wanted. */
static List *
served_purposes(const LabelTerm *term, const List *purposes)
{
	List	   *result = NIL;
	ListCell   *cell;
	ListCell   *wanted;

	if (purposes == NIL)
		return list_copy(term->purposes);
	foreach(cell, term->purposes)
	{
		bool		is_wanted = false;

		foreach(wanted, purposes)
		{
			is_wanted |= purpose_covers(((LabelName *) lfirst(wanted))->name,
										((LabelName *) lfirst(cell))->name);
		}
		if (is_wanted)
			result = lappend(result, lfirst(cell));
	}
	return result;
}

static char *
compile_term(LabelTarget *target, const LabelTerm *term, const List *purposes, TimestampTz cut_off)
{
	List	   *served = served_purposes(term, purposes);
	char	   *end;

	check_term(term, cut_off);
	if (term->kind == TERM_WITH)
		end = compile_with(target, term, served, cut_off);
	else
		end = compile_after(target, term, served, cut_off);
	return term->condition ? wrap_condition(target, term->condition, end) : end;
}

/* NULL where the condition is false, infinity where it is unknown. */
static char *
wrap_condition(LabelTarget *target, const LabelExpression *condition, const char *end)
{
	Oid			type;
	char	   *sql = pp_label_resolve_expression(target, condition, &type);

	if (type != BOOLOID)
		ereport(ERROR,
				errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("WHERE needs a boolean, not %s", format_type_be(type)),
				pp_label_position(condition->location));
	return psprintf("CASE (%s) WHEN true THEN %s WHEN false THEN NULL::pg_catalog.timestamptz "
					"ELSE 'infinity'::pg_catalog.timestamptz END", sql, end);
}

static char *
compile_after(LabelTarget *target, const LabelTerm *term, const List *purposes, TimestampTz cut_off)
{
	char	   *start = psprintf("NULLIF(NULLIF(LEAST(%s, " END_OF_TIME "), " END_OF_TIME "), "
								 "'-infinity'::pg_catalog.timestamptz)", compile_start(target, term->start));
	List	   *ends = NIL;
	ListCell   *cell;

	if (purposes == NIL)
		return compile_own_end(term, start);
	foreach(cell, purposes)
	{
		const char *purpose = ((LabelName *) lfirst(cell))->name;

		if (term->period == NULL)
			ends = lappend(ends, compile_promised_end(term, purpose, start, cut_off));
		else if (promises_less(purpose, term, cut_off))
			ends = lappend(ends, psprintf("LEAST(%s, %s)", compile_own_end(term, start),
										  compile_promised_end(term, purpose, start, cut_off)));
		else
			ends = lappend(ends, compile_own_end(term, start));
	}
	return join_list("GREATEST", ends);
}

static char *
compile_own_end(const LabelTerm *term, const char *start)
{
	return psprintf("COALESCE(%s, 'infinity'::pg_catalog.timestamptz)",
					add_period(term, start, term->period));
}

/*
 * The end under a purpose's own period. One that was changed since the start holds if it is
 * shorter: the end is the earliest of those under the period in force at the start and under every
 * later one.
 */
static char *
compile_promised_end(const LabelTerm *term, const char *purpose, const char *start, TimestampTz cut_off)
{
	List	   *periods = purpose_periods(purpose, cut_off);
	List	   *ends = NIL;
	ListCell   *cell;

	foreach(cell, periods)
	{
		PurposePeriod *period = lfirst(cell);
		PurposePeriod *next = lnext(periods, cell) ? lfirst(lnext(periods, cell)) : NULL;
		char	   *end;

		if (period->retention == NULL)
			continue;
		end = add_period(term, start, period->retention);
		if (next != NULL)
			end = psprintf("CASE WHEN %s < '%s'::pg_catalog.timestamptz THEN %s END", start,
						   timestamptz_to_str(next->effective_at), end);
		ends = lappend(ends, end);
	}
	if (ends == NIL)
		return pstrdup("'infinity'::pg_catalog.timestamptz");
	return psprintf("COALESCE(%s, 'infinity'::pg_catalog.timestamptz)", join_list("LEAST", ends));
}

static char *
add_period(const LabelTerm *term, const char *start, const Interval *period)
{
	char	   *text = DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(period)));

	if (term->calendar == NULL)
		return psprintf("(%s + '%s'::pg_catalog.interval)", start, text);
	return psprintf("(pg_catalog.date_trunc('%s', %s) + '%s'::pg_catalog.interval + '%s'::pg_catalog.interval)",
					term->calendar, start,
					strcmp(term->calendar, "quarter") == 0 ? "3 months" : psprintf("1 %s", term->calendar),
					text);
}

/* SQL of type timestamptz, NULL while the event is missing. */
static char *
compile_start(LabelTarget *target, const LabelStart *start)
{
	Oid			type;
	char	   *sql;

	check_stack_depth();
	switch (start->kind)
	{
		case START_COLUMN:
			sql = pp_label_resolve_column(target, &start->column, &type, NULL);
			return as_timestamptz(sql, type, start->location);
		case START_EXPRESSION:
			sql = pp_label_resolve_expression(target, &start->expression, &type);
			return as_timestamptz(sql, type, start->location);
		default:
			return compile_parts(target, start);
	}
}

static char *
compile_parts(LabelTarget *target, const LabelStart *start)
{
	List	   *parts = NIL;
	ListCell   *cell;
	StringInfoData known;

	initStringInfo(&known);
	foreach(cell, start->parts)
	{
		char	   *part = compile_start(target, lfirst(cell));

		/* an event at -infinity is unknown: it must not be outvoted by a later one */
		if (start->kind == START_ALL_OF)
			part = psprintf("NULLIF(%s, '-infinity'::pg_catalog.timestamptz)", part);
		parts = lappend(parts, part);
		appendStringInfo(&known, "%s(%s) IS NOT NULL", known.len > 0 ? " AND " : "", part);
	}
	if (start->kind == START_ANY_OF)
		return join_list("LEAST", parts);
	return psprintf("CASE WHEN %s THEN %s END", known.data, join_list("GREATEST", parts));
}

/* Only what names one moment whoever reads it, or a day, which has a beginning in the policy's zone. */
static char *
as_timestamptz(const char *sql, Oid type, int location)
{
	Oid			base = getBaseType(type);

	if (base == TIMESTAMPTZOID || base == DATEOID)
		return psprintf("(%s)::pg_catalog.timestamptz", sql);
	ereport(ERROR,
			errcode(ERRCODE_DATATYPE_MISMATCH),
			errmsg("a starting point cannot be of type %s", format_type_be(type)),
			errdetail("A starting point is a timestamp with time zone, or a date, which means its 00:00 in privacy.policy_timezone."),
			base == TIMESTAMPOID ?
			errhint("Say in which zone the values are kept: (x AT TIME ZONE 'UTC').") :
			errhint("Use a column or an expression of type timestamptz or date."),
			pp_label_position(location));
}

/*
 * WITH: the purpose ends when it ends for the row that the foreign key leads to. Without a key the
 * term does not apply, nor where the purpose does not apply to the parent (its own key is null);
 * -infinity carries that through the sub-select. A parent that cannot be found is unknown.
 */
static char *
compile_with(LabelTarget *target, const LabelTerm *term, const List *purposes, TimestampTz cut_off)
{
	ForeignKeyCacheInfo *key = pp_label_foreign_key(target->relid, term->columns);
	LabelTarget parent = {.owner = target->owner, .binding = makeStringInfo()};
	LabelReading reading;
	Label	   *label;
	char	   *any_null;
	char	   *match;
	char	   *ends;

	if (key == NULL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_FOREIGN_KEY),
				errmsg("no foreign key of \"%s\" has exactly the columns of this WITH",
					   get_rel_name(target->relid)),
				errhint("WITH names the columns of one foreign key; the row lives as long as the row it leads to."),
				pp_label_position(term->location));
	pp_label_require_trusted(key->confrelid, target->owner);
	if (pg_class_aclcheck(key->confrelid, target->owner, ACL_SELECT) != ACLCHECK_OK)
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied for table %s", get_rel_name(key->confrelid)),
				errdetail("The term reads it as \"%s\", the owner of the labelled table.",
						  GetUserNameFromId(target->owner, false)),
				errhint("GRANT SELECT on it to that role."),
				pp_label_position(term->location));

	parent.relid = key->confrelid;
	parent.alias = psprintf("%s_up", target->alias);
	match = match_parent(target, &parent, key, &any_null);
	label = pp_label_load(parent.relid, 0); /* check_parents has vouched for it */
	pp_label_open(&reading, label->source, psprintf("table \"%s\"", get_rel_name(parent.relid)));
	ends = compile_parent_ends(&parent, label, purposes, cut_off);
	pp_label_close(&reading);
	return psprintf("CASE WHEN %s THEN NULL::pg_catalog.timestamptz ELSE NULLIF(COALESCE("
					"(SELECT COALESCE(%s, '-infinity'::pg_catalog.timestamptz) FROM %s%s AS %s WHERE %s), "
					"'infinity'::pg_catalog.timestamptz), '-infinity'::pg_catalog.timestamptz) END",
					any_null, ends,
					get_rel_relkind(parent.relid) == RELKIND_RELATION ? "ONLY " : "", pp_core_quote_relation(parent.relid), parent.alias, match);
}

/* The latest end of the purposes on the parent's row; each of them must be one that the parent's label names. */
static char *
compile_parent_ends(LabelTarget *parent, const Label *label, const List *purposes,
					TimestampTz cut_off)
{
	ListCell   *cell;
	ListCell   *term;

	foreach(cell, purposes)
	{
		LabelName  *purpose = lfirst(cell);
		bool		named = false;

		foreach(term, label->terms)
			named |= served_purposes(lfirst(term), list_make1(purpose)) != NIL;
		if (!named)
			ereport(ERROR,
					errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
					errmsg("table \"%s\" has no term for purpose \"%s\"", get_rel_name(parent->relid),
						   purpose->name),
					errdetail("A row that lives WITH another ends when the same purpose ends there."),
					errhint("Add FOR %s to its RETAIN.", purpose->name));
	}
	return compile_terms(parent, label, purposes, cut_off);
}

/* The foreign key as a condition between the two aliases, by the operators of the constraint itself. */
static char *
match_parent(LabelTarget *target, LabelTarget *parent, const ForeignKeyCacheInfo *key, char **any_null)
{
	StringInfoData match;
	StringInfoData nulls;

	initStringInfo(&match);
	initStringInfo(&nulls);
	appendStringInfo(target->binding, "foreign key to %u;", key->confrelid);
	for (int i = 0; i < key->nkeys; i++)
	{
		LabelName	child_column = {get_attname(target->relid, key->conkey[i], false), -1};
		LabelName	parent_column = {get_attname(parent->relid, key->confkey[i], false), -1};
		char	   *child = pp_label_resolve_column(target, &child_column, NULL, NULL);

		char	   *up = pp_label_resolve_column(parent, &parent_column, NULL, NULL);

		appendStringInfo(&match, "%s%s", i > 0 ? " AND " : "",
						 pp_core_equals(key->conpfeqop[i], parent->relid, key->confkey[i], up,
										target->relid, key->conkey[i], child));
		appendStringInfo(&nulls, "%s%s IS NULL", i > 0 ? " OR " : "", child);
	}
	*any_null = nulls.data;
	return match.data;
}

static char *
join_list(const char *function, const List *parts)
{
	StringInfoData sql;
	ListCell   *cell;

	if (parts == NIL)
		return NULL;
	if (list_length(parts) == 1)
		return linitial(parts);
	initStringInfo(&sql);
	foreach(cell, parts)
		appendStringInfo(&sql, "%s%s", sql.len > 0 ? ", " : psprintf("%s(", function),
						 (char *) lfirst(cell));
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

/*
 * Every row that is due has each unconditional start before cut-off minus period, give or take
 * the calendar. On a plain column an index can answer that.
 */
char *
compile_bound(LabelTarget *target, const Label *label, const List *purposes, TimestampTz cut_off)
{
	StringInfoData bound;
	ListCell   *cell;

	initStringInfo(&bound);
	foreach(cell, label->terms)
	{
		LabelTerm  *term = lfirst(cell);
		const Interval *period;

		if (term->kind != TERM_AFTER || term->condition != NULL || !serves(term, purposes))
			continue;
		period = certain_period(term, served_purposes(term, purposes), cut_off);
		if (period != NULL)
			bound_start(target, term->start,
						DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(period))),
						&bound);
	}
	return bound.len > 0 ? bound.data : NULL;
}

static void
bound_start(LabelTarget *target, const LabelStart *start, const char *period, StringInfo bound)
{
	ListCell   *cell;

	if (start->kind == START_ALL_OF)
	{
		foreach(cell, start->parts)
		{
			bound_start(target, lfirst(cell), period, bound);
		}
	}
	if (start->kind == START_COLUMN)
		appendStringInfo(bound, "%s%s <= ($1 - '%s'::pg_catalog.interval + " BOUND_SLACK ")",
						 bound->len > 0 ? " AND " : "",
						 pp_label_resolve_column(target, &start->column, NULL, NULL), period);
}

/* A period that the term surely lasts: its own, or one of its purposes' that never changed. */
static const Interval *
certain_period(const LabelTerm *term, const List *purposes, TimestampTz cut_off)
{
	const Interval *certain = term->period;
	ListCell   *cell;

	foreach(cell, purposes)
	{
		const char *purpose = ((LabelName *) lfirst(cell))->name;
		List	   *periods = purpose_periods(purpose, cut_off);

		if (term->period != NULL && promises_less(purpose, term, cut_off))
			return NULL;
		if (certain == NULL && list_length(periods) == 1)
			certain = ((PurposePeriod *) linitial(periods))->retention;
	}
	return certain;
}
