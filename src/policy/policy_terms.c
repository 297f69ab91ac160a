/*
 * policy_terms.c: a RETAIN made ready: its tenant, its caps, its conditions.
 *
 * The table's tenant and caps govern its columns as well, also those with a RETAIN of their own: a
 * promise such as "at most five years" is made for all of a row. They are compiled while their own
 * label is open, so that errors point into it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "core/core.h"
#include "policy/policy_internal.h"

static void resolve_start(LabelTarget *target, const LabelStart *start);
static void resolve_term(LabelTarget *target, const LabelTerm *term);
static TermCap *compile_cap(const TermList *list, const LabelTerm *term);
static char *describe_cap(const LabelTerm *term);

/*
 * The binding must depend on the label and the catalogue alone, and not on what purposes promise;
 * so names are resolved for it by themselves, each once, in the order of the label.
 */
void
resolve_names(LabelTarget *target, const Label *label)
{
	ListCell   *cell;

	if (label->tenant != NULL)
		(void) pp_label_resolve_column(target, label->tenant, NULL, NULL);
	foreach(cell, label->terms)
	{
		resolve_term(target, lfirst(cell));
	}
	foreach(cell, label->caps)
	{
		resolve_term(target, lfirst(cell));
	}
	if (label->tenant_via)
		bind_foreign_key(target, list_make1(label->tenant));
}

static void
resolve_term(LabelTarget *target, const LabelTerm *term)
{
	ListCell   *cell;

	if (term->kind == TERM_WHILE)
		(void) compile_condition(target, &term->start->expression, "WHILE");
	else if (term->start != NULL)
		resolve_start(target, term->start);
	foreach(cell, term->columns)
	{
		(void) pp_label_resolve_column(target, lfirst(cell), NULL, NULL);
	}
	if (term->columns != NIL)
		bind_foreign_key(target, term->columns);
	if (term->condition != NULL)
		(void) compile_condition(target, term->condition, "WHERE");
}

static void
resolve_start(LabelTarget *target, const LabelStart *start)
{
	ListCell   *cell;

	if (start->parts == NIL)
		(void) compile_start(target, start);
	foreach(cell, start->parts)
	{
		resolve_start(target, lfirst(cell));
	}
}

TermList
open_terms(LabelTarget *target, const Label *label, const TermList *table, Promises *promises)
{
	TermList	list = {.target = target, .label = label, .promises = promises};
	ListCell   *cell;

	list.tenant = table ? table->tenant : compile_tenant(target, label);
	if (table != NULL)
		list.caps = list_copy(table->caps);
	foreach(cell, label->caps)
		list.caps = lappend(list.caps, compile_cap(&list, lfirst(cell)));
	return list;
}

static TermCap *
compile_cap(const TermList *list, const LabelTerm *term)
{
	TermCap    *cap = palloc0(sizeof(TermCap));

	cap->source = describe_cap(term);
	cap->start = compile_start(list->target, term->start);
	cap->end = add_periods(list, term, NULL, known_start(cap->start));
	cap->reached = compile_reached(list, term, NIL);
	return cap;
}

static char *
describe_cap(const LabelTerm *term)
{
	return psprintf("at most %s after %s", pp_label_period_text(term->period), pp_label_start_text(term->start));
}

bool
label_retains(const Label *label)
{
	return label != NULL && (label->terms != NIL || label->retain_nothing);
}

bool
is_bound_by_law(const Purpose *purpose)
{
	return purpose != NULL && strcmp(purpose->basis, "legal_obligation") == 0;
}

void
split_purposes(const List *purposes, List **bound_by_law, List **others)
{
	ListCell   *cell;

	foreach(cell, purposes)
	{
		List	  **side = is_bound_by_law(lfirst(cell)) ? bound_by_law : others;

		*side = lappend(*side, lfirst(cell));
	}
}

char *
compile_condition(LabelTarget *target, const LabelExpression *condition, const char *clause)
{
	Oid			type;
	char	   *sql = pp_label_resolve_expression(target, condition, &type);

	if (type != BOOLOID)
		ereport(ERROR,
				errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("%s needs a boolean, not %s", clause, format_type_be(type)),
				pp_label_position(condition->location));
	return sql;
}

bool
has_tenant_periods(const TermList *list, const Purpose *purpose)
{
	return purpose != NULL && purpose->by_tenant != NULL && list->tenant != NULL;
}

char *
tenant_period_text(const TermList *list, const Purpose *purpose)
{
	return psprintf("(%s::pg_catalog.jsonb OPERATOR(pg_catalog.->>) %s)", quote_literal_cstr(purpose->by_tenant),
					list->tenant);
}

char *
tenant_period(const TermList *list, const Purpose *purpose)
{
	return psprintf("%s::pg_catalog.interval", tenant_period_text(list, purpose));
}
