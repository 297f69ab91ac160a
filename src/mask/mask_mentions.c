/*
 * mask_mentions.c: mask_mentions(), which hides persons mentioned in a free text.
 *
 * Three finders read the text, each in one pass and linear time, and gather what they found. Where
 * mentions overlap they become one, named after the widest: what any of them found is gone.
 *
 * The given values are usually the same for many rows (a list), or others in each (the names that
 * stand beside the text). So the automaton for them is kept with the call site until they differ.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "mask/mask_internal.h"

/* What a call site remembers from row to row. */
typedef struct CallSite
{
	MemoryContext context;		/* of what follows */
	ArrayType  *values;
	GivenValues *given;
} CallSite;

static const char *const markers[] = {
	[MENTION_EMAIL] = "[email]",
	[MENTION_PHONE] = "[phone]",
	[MENTION_PERSONAL_NUMBER] = "[personal number]",
	[MENTION_NAME] = "[name]"
};

static GivenValues *find_automaton(FunctionCallInfo fcinfo, int argument);
static void compile_values(CallSite *site, const ArrayType *values);
static void merge_mentions(MentionList *list);
static int	compare_mentions(const void *left, const void *right);
static text *replace_mentions(const char *value, int length, const MentionList *list,
							  const text *replacement);

PG_FUNCTION_INFO_V1(pp_sql_mask_mentions);

/* mask_mentions(value text, given_values text[], replacement text) */
Datum
pp_sql_mask_mentions(PG_FUNCTION_ARGS)
{
	text	   *value;
	GivenValues *given;
	MentionList list = {0};

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	value = PG_GETARG_TEXT_PP(0);
	find_emails(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), &list);
	find_numbers(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), &list);
	given = PG_ARGISNULL(1) ? NULL : find_automaton(fcinfo, 1);
	if (given != NULL)
		find_given(given, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), &list);
	if (list.count == 0)
		PG_RETURN_TEXT_P(value);
	merge_mentions(&list);
	PG_RETURN_TEXT_P(replace_mentions(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), &list,
									  PG_ARGISNULL(2) ? NULL : PG_GETARG_TEXT_PP(2)));
}

static GivenValues *
find_automaton(FunctionCallInfo fcinfo, int argument)
{
	ArrayType  *values = PG_GETARG_ARRAYTYPE_P(argument);
	CallSite   *site = fcinfo->flinfo->fn_extra;

	if (site == NULL)
	{
		site = fcinfo->flinfo->fn_extra = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(CallSite));
		site->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "given values", ALLOCSET_DEFAULT_SIZES);
	}
	if (site->values == NULL || VARSIZE(site->values) != VARSIZE(values) ||
		memcmp(site->values, values, VARSIZE(values)) != 0)
		compile_values(site, values);
	return site->given;
}

/* What fails half way must not look compiled. */
static void
compile_values(CallSite *site, const ArrayType *values)
{
	MemoryContext caller;
	ArrayType  *copy;
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	const char **starts;
	int		   *lengths;
	int			given = 0;

	site->values = NULL;
	MemoryContextReset(site->context);
	caller = MemoryContextSwitchTo(site->context);
	copy = palloc(VARSIZE(values));
	memcpy(copy, values, VARSIZE(values));
	deconstruct_array(copy, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	starts = palloc(Max(count, 1) * sizeof(char *));
	lengths = palloc(Max(count, 1) * sizeof(int));
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			continue;
		starts[given] = VARDATA_ANY(DatumGetPointer(elements[i]));
		lengths[given++] = VARSIZE_ANY_EXHDR(DatumGetPointer(elements[i]));
	}
	site->given = compile_given(starts, lengths, given);
	site->values = copy;
	MemoryContextSwitchTo(caller);
}

void
add_mention(MentionList *list, int start, int end, MentionKind kind)
{
	if (list->count == list->allocated)
	{
		list->allocated = Max(16, 2 * list->allocated);
		list->mentions = list->mentions == NULL ? palloc(list->allocated * sizeof(Mention)) :
			repalloc_huge(list->mentions, list->allocated * sizeof(Mention));
	}
	list->mentions[list->count++] = (Mention)
	{
		start, end, kind
	};
}

/* In the order of their starts, those that overlap as one. */
static void
merge_mentions(MentionList *list)
{
	int			widest;
	int			kept = 0;

	qsort(list->mentions, list->count, sizeof(Mention), compare_mentions);
	widest = list->mentions[0].end - list->mentions[0].start;
	for (int i = 1; i < list->count; i++)
	{
		Mention    *last = &list->mentions[kept];
		Mention    *next = &list->mentions[i];
		int			width = next->end - next->start;

		if (next->start >= last->end)
		{
			list->mentions[++kept] = *next;
			widest = width;
			continue;
		}
		if (width > widest)
			last->kind = next->kind;
		widest = Max(widest, width);
		last->end = Max(last->end, next->end);
	}
	list->count = kept + 1;
}

static int
compare_mentions(const void *left, const void *right)
{
	int			a = ((const Mention *) left)->start;
	int			b = ((const Mention *) right)->start;

	return (a > b) - (a < b);
}

static text *
replace_mentions(const char *value, int length, const MentionList *list, const text *replacement)
{
	StringInfoData result;
	int			at = 0;

	initStringInfo(&result);
	appendStringInfoSpaces(&result, VARHDRSZ);
	for (int i = 0; i < list->count; i++)
	{
		const Mention *mention = &list->mentions[i];

		appendBinaryStringInfo(&result, value + at, mention->start - at);
		if (replacement != NULL)
			appendBinaryStringInfo(&result, VARDATA_ANY(replacement), VARSIZE_ANY_EXHDR(replacement));
		else
			appendStringInfoString(&result, markers[mention->kind]);
		at = mention->end;
	}
	appendBinaryStringInfo(&result, value + at, length - at);
	SET_VARSIZE(result.data, result.len);
	return (text *) result.data;
}
