/*
 * discovery_label.c: what a label says, by itself and beside the others.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_inherits.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "discovery/discovery_internal.h"

static void lint_term(Lint *lint, LintLabel *label, const LabelTerm *term);
static void lint_start(Lint *lint, const LintLabel *label, const LabelStart *start);
static bool covers(const char *named, const char *purpose);
static bool is_longer(const Interval *one, const Interval *other);
static Interval *longest_period(Lint *lint, const List *terms, const LabelTerm *cap);
static bool starts_alike(const LabelTerm *term, const LabelTerm *cap);
static void lint_caps(Lint *lint, const LintLabel *label);
static void lint_leaf(Lint *lint, const LintLabel *label);
static void lint_outliving(Lint *lint, const LintLabel *column);
static void lint_unlabelled(Lint *lint, const LintLabel *table);
static LintLabel *find_label(Lint *lint, Oid relid, AttrNumber attnum);

void
lint_label(Lint *lint, LintLabel *label)
{
	ListCell   *cell;

	foreach(cell, label->label->terms)
		lint_term(lint, label, lfirst(cell));
	foreach(cell, label->label->caps)
		lint_start(lint, label, ((LabelTerm *) lfirst(cell))->start);
	lint_caps(lint, label);
	if (label->attnum == 0)
	{
		lint_leaf(lint, label);
		lint_unlabelled(lint, label);
	}
	else
		lint_outliving(lint, label);
}

/* Names its purposes as used; a period may come from the tenant, whom we do not know. */
static void
lint_term(Lint *lint, LintLabel *label, const LabelTerm *term)
{
	ListCell   *named;
	ListCell   *cell;

	foreach(named, term->purposes)
	{
		const char *name = ((LabelName *) lfirst(named))->name;

		foreach(cell, lint->purposes)
		{
			LintPurpose *purpose = lfirst(cell);

			if (!covers(name, purpose->name))
				continue;
			purpose->named = true;
			if (term->kind == TERM_AFTER && term->period == NULL && purpose->retention == NULL &&
				label->label->tenant == NULL)
				add_finding(lint, LINT_NO_PERIOD, label->object,
							psprintf("neither the term nor its purpose %s has a period, so that nothing ever ends",
									 purpose->name));
		}
	}
	lint_start(lint, label, term->start);
}

/* naming marketing names marketing.email */
static bool
covers(const char *named, const char *purpose)
{
	size_t		length = strlen(named);

	return strncmp(named, purpose, length) == 0 && (purpose[length] == '\0' || purpose[length] == '.');
}

/* Each column of a starting point. */
static void
lint_start(Lint *lint, const LintLabel *label, const LabelStart *start)
{
	ListCell   *cell;

	if (start == NULL)
		return;
	if (start->kind == START_COLUMN && label->attnum == 0)
		lint_start_index(lint, label, &start->column);
	foreach(cell, start->parts)
		lint_start(lint, label, lfirst(cell));
}

static void
lint_caps(Lint *lint, const LintLabel *label)
{
	ListCell   *cell;

	foreach(cell, label->label->caps)
	{
		LabelTerm  *cap = lfirst(cell);
		Interval   *longest = longest_period(lint, label->label->terms, cap);

		if (cap->period != NULL && longest != NULL && is_longer(longest, cap->period))
			add_finding(lint, LINT_MINIMUM_ABOVE_MAXIMUM, label->object,
						psprintf("from the same start it is kept for %s, and for at most %s",
								 DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(longest))),
								 DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(cap->period)))));
	}
}

static bool
is_longer(const Interval *one, const Interval *other)
{
	return DatumGetBool(DirectFunctionCall2(interval_gt, IntervalPGetDatum(one), IntervalPGetDatum(other)));
}

/* From different starts a short maximum may well end a long minimum: nobody is kept once he has objected. */
static bool
starts_alike(const LabelTerm *term, const LabelTerm *cap)
{
	return strcmp(pp_label_start_text(term->start), pp_label_start_text(cap->start)) == 0;
}

/* Of terms that add a period, to the start of the cap unless that is NULL; NULL when none is known. */
static Interval *
longest_period(Lint *lint, const List *terms, const LabelTerm *cap)
{
	Interval   *longest = NULL;
	ListCell   *cell;

	foreach(cell, terms)
	{
		LabelTerm  *term = lfirst(cell);
		ListCell   *named;

		if (term->kind != TERM_AFTER || (cap != NULL && !starts_alike(term, cap)))
			continue;
		if (term->period != NULL && (longest == NULL || is_longer(term->period, longest)))
			longest = term->period;
		foreach(named, term->period == NULL ? term->purposes : NIL)
		{
			ListCell   *known;

			foreach(known, lint->purposes)
			{
				LintPurpose *purpose = lfirst(known);

				if (purpose->retention != NULL && covers(((LabelName *) lfirst(named))->name, purpose->name) &&
					(longest == NULL || is_longer(purpose->retention, longest)))
					longest = purpose->retention;
			}
		}
	}
	return longest;
}

/* ATTACH PARTITION and INHERIT can bring a promise along; then two of them govern one row. */
static void
lint_leaf(Lint *lint, const LintLabel *label)
{
	ListCell   *cell;

	if (!label->label->then_delete)
		return;
	foreach(cell, lint->labels)
	{
		LintLabel  *other = lfirst(cell);

		if (other->attnum == 0 && other->relid != label->relid && other->label->then_delete &&
			list_member_oid(find_all_inheritors(other->relid, NoLock, NULL), label->relid))
			add_finding(lint, LINT_LEAF_OWN_RETAIN, label->object,
						psprintf("its rows are governed by its own RETAIN and by that of %s", other->object));
	}
}

/* The row waits for the column's own end. */
static void
lint_outliving(Lint *lint, const LintLabel *column)
{
	LintLabel  *table = find_label(lint, column->relid, 0);
	Interval   *row = table ? longest_period(lint, table->label->terms, NULL) : NULL;
	Interval   *value = longest_period(lint, column->label->terms, NULL);

	if (row != NULL && value != NULL && is_longer(value, row))
		add_finding(lint, LINT_COLUMN_OUTLIVES_TABLE, column->object,
					psprintf("it is kept for %s and its row for %s, so that the row waits for it",
							 DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(value))),
							 DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(row)))));
}

static void
lint_unlabelled(Lint *lint, const LintLabel *table)
{
	Relation	relation = try_relation_open(table->relid, AccessShareLock);
	List	   *labelled = pp_label_columns(table->relid);

	if (relation == NULL)
		return;
	for (int i = 0; i < RelationGetNumberOfAttributes(relation); i++)
	{
		Form_pg_attribute column = TupleDescAttr(RelationGetDescr(relation), i);

		if (!column->attisdropped && !list_member_int(labelled, column->attnum))
			add_finding(lint, LINT_COLUMN_UNLABELLED,
						psprintf("%s.%s", table->object, quote_identifier(NameStr(column->attname))),
						"nobody has said what it is; it lives as long as its row");
	}
	relation_close(relation, NoLock);
}

static LintLabel *
find_label(Lint *lint, Oid relid, AttrNumber attnum)
{
	ListCell   *cell;

	foreach(cell, lint->labels)
	{
		LintLabel  *label = lfirst(cell);

		if (label->relid == relid && label->attnum == attnum)
			return label;
	}
	return NULL;
}

void
lint_purposes(Lint *lint)
{
	ListCell   *cell;

	foreach(cell, lint->purposes)
	{
		LintPurpose *purpose = lfirst(cell);

		if (!purpose->named)
			add_finding(lint, LINT_PURPOSE_WITHOUT_RULE, purpose->name, "no label names this purpose");
	}
}
