/*
 * label_json.c: a label as JSON, for check_label() and for the views over it. Only what was said
 * appears.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "label/label_internal.h"

PG_FUNCTION_INFO_V1(pp_sql_check_label);

static void add_key(StringInfo json, const char *key);
static void add_text(StringInfo json, const char *key, const char *text);
static void add_names(StringInfo json, const char *key, const List *names);
static void add_subjects(StringInfo json, const List *subjects);
static void add_terms(StringInfo json, const char *key, const List *terms);
static const char *start_key(LabelTermKind kind);
static char *describe_starts(const List *starts);
static char *describe_mask(const LabelTreatment *treatment);
static char *describe_argument(const LabelArgument *argument);

/* privacy.check_label(label text) returns jsonb */
Datum
pp_sql_check_label(PG_FUNCTION_ARGS)
{
	Label	   *label = pp_label_parse(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	return DirectFunctionCall1(jsonb_in, CStringGetDatum(label_as_json(label)));
}

char *
label_as_json(const Label *label)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	if (label->subjects != NIL)
		add_subjects(&json, label->subjects);
	if (label->tenant != NULL)
		add_text(&json, label->tenant_via ? "tenant_via" : "tenant", label->tenant->name);
	if (label->terms != NIL)
		add_terms(&json, "terms", label->terms);
	if (label->caps != NIL)
		add_terms(&json, "at_most", label->caps);
	if (label->retain_nothing)
	{
		add_key(&json, "retain_nothing");
		appendStringInfoString(&json, "true");
	}
	if (label->draft)
	{
		add_key(&json, "draft");
		appendStringInfoString(&json, "true");
	}
	add_text(&json, "category", label->category ? label->category->name : NULL);
	add_text(&json, "identifier", label->identifier);
	add_text(&json, "source", label->origin);
	add_names(&json, "purposes", label->serves);
	add_text(&json, "treatment", label->treatment ? pp_label_treatment_text(label->treatment) : NULL);
	add_text(&json, "mark", label->mark ? label->mark->name : NULL);
	add_text(&json, "masking", label->masking ? pp_label_treatment_text(label->masking) : NULL);
	appendStringInfoChar(&json, '}');
	return json.data;
}

static void
add_key(StringInfo json, const char *key)
{
	char		last = json->data[json->len - 1];

	if (last != '{' && last != '[')
		appendStringInfoChar(json, ',');
	if (key == NULL)
		return;
	escape_json(json, key);
	appendStringInfoChar(json, ':');
}

static void
add_text(StringInfo json, const char *key, const char *text)
{
	if (text == NULL)
		return;
	add_key(json, key);
	escape_json(json, text);
}

static void
add_names(StringInfo json, const char *key, const List *names)
{
	ListCell   *cell;

	if (names == NIL)
		return;
	add_key(json, key);
	appendStringInfoChar(json, '[');
	foreach(cell, names)
		add_text(json, NULL, ((LabelName *) lfirst(cell))->name);
	appendStringInfoChar(json, ']');
}

static void
add_subjects(StringInfo json, const List *subjects)
{
	ListCell   *cell;

	add_key(json, "subjects");
	appendStringInfoChar(json, '[');
	foreach(cell, subjects)
	{
		LabelSubject *subject = lfirst(cell);

		add_key(json, NULL);
		appendStringInfoChar(json, '{');
		add_text(json, "kind", subject->kind.name);
		add_text(json, subject->via ? "via" : "key", describe_starts(subject->keys));
		add_text(json, "references", subject->references ? subject->references->name : NULL);
		appendStringInfoChar(json, '}');
	}
	appendStringInfoChar(json, ']');
}

static void
add_terms(StringInfo json, const char *key, const List *terms)
{
	ListCell   *cell;

	add_key(json, key);
	appendStringInfoChar(json, '[');
	foreach(cell, terms)
	{
		LabelTerm  *term = lfirst(cell);

		add_key(json, NULL);
		appendStringInfoChar(json, '{');
		add_text(json, "period", term->period ? pp_label_period_text(term->period) : NULL);
		add_names(json, "purposes", term->purposes);
		if (term->start != NULL)
			add_text(json, start_key(term->kind), pp_label_start_text(term->start));
		add_text(json, "end_of", term->calendar);
		add_names(json, "with", term->columns);
		add_text(json, "where", term->condition ? term->condition->text : NULL);
		appendStringInfoChar(json, '}');
	}
	appendStringInfoChar(json, ']');
}

static const char *
start_key(LabelTermKind kind)
{
	switch (kind)
	{
		case TERM_UNTIL:
			return "until";
		case TERM_WHILE:
			return "while";
		default:
			return "after";
	}
}

/* In one style, whatever the session's IntervalStyle. */
char *
pp_label_period_text(const Interval *period)
{
	struct pg_itm parts;
	char		printed[MAXDATELEN + 1];

	interval2itm(*period, &parts);
	EncodeInterval(&parts, INTSTYLE_POSTGRES, printed);
	return pstrdup(printed);
}

char *
pp_label_start_text(const LabelStart *start)
{
	switch (start->kind)
	{
		case START_COLUMN:
			return pstrdup(quote_identifier(start->column.name));
		case START_EXPRESSION:
			return psprintf("(%s)", start->expression.text);
		case START_ALL_OF:
			return psprintf("ALL OF (%s)", describe_starts(start->parts));
		case START_ANY_OF:
			return psprintf("ANY OF (%s)", describe_starts(start->parts));
	}
	return NULL;
}

static char *
describe_starts(const List *starts)
{
	StringInfoData text;
	ListCell   *cell;

	initStringInfo(&text);
	foreach(cell, starts)
		appendStringInfo(&text, "%s%s", text.len > 0 ? ", " : "", pp_label_start_text(lfirst(cell)));
	return text.data;
}

char *
pp_label_treatment_text(const LabelTreatment *treatment)
{
	switch (treatment->kind)
	{
		case TREAT_PSEUDONYMIZE:
			return psprintf("PSEUDONYMIZE%s%s%s%s",
							treatment->format ? " AS " : "",
							treatment->format ? treatment->format->name : "",
							treatment->scope ? " IN " : "",
							treatment->scope ? treatment->scope->name : "");
		case TREAT_MASK:
			return describe_mask(treatment);
		case TREAT_SET_NULL:
			return pstrdup("SET NULL");
		case TREAT_SET_DEFAULT:
			return pstrdup("SET DEFAULT");
		case TREAT_SET_LITERAL:
			return psprintf("SET %s", quote_literal_cstr(treatment->literal));
	}
	return NULL;
}

/* In the label's own notation. */
static char *
describe_mask(const LabelTreatment *treatment)
{
	StringInfoData words;
	const char *separator = "";
	ListCell   *cell;

	initStringInfo(&words);
	appendStringInfo(&words, "MASK WITH %s(",
					 quote_qualified_identifier(treatment->schema, treatment->function->name));
	foreach(cell, treatment->arguments)
	{
		appendStringInfo(&words, "%s%s", separator, describe_argument(lfirst(cell)));
		separator = ", ";
	}
	appendStringInfoChar(&words, ')');
	return words.data;
}

static char *
describe_argument(const LabelArgument *argument)
{
	switch (argument->kind)
	{
		case ARGUMENT_STRING:
			return quote_literal_cstr(argument->text);
		case ARGUMENT_NUMBER:
			return argument->text;
		case ARGUMENT_COLUMN:
			return pstrdup(quote_identifier(argument->text));
		case ARGUMENT_EXPRESSION:
			return psprintf("(%s)", argument->text);
	}
	return NULL;
}
