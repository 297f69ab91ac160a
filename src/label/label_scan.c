/*
 * label_scan.c: a label's text becomes tokens, and errors find their place in it.
 *
 * The server's scanner does the scanning, with an empty keyword list, so that every word arrives as
 * a name, already folded. A word that stands unquoted in the text is then looked up among ours:
 * "after" in quotes is a column, AFTER is a keyword.
 *
 * A label is a string inside a statement, so a cursor into the statement would point nowhere.
 * Errors carry the label as their internal query and the place in it as the internal position, as
 * PL/pgSQL does. The reading at hand is found through error_context_stack: it ends with the error
 * by itself.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "parser/parser.h"

#include "label/label_scan.h"

typedef struct Keyword
{
	const char *word;
	int			token;
} Keyword;

/* Sorted, for bsearch. */
static const Keyword keywords[] = {
	{"after", K_AFTER}, {"all", K_ALL}, {"any", K_ANY}, {"as", K_AS}, {"at", K_AT},
	{"category", K_CATEGORY}, {"default", K_DEFAULT}, {"delete", K_DELETE},
	{"derived", K_DERIVED}, {"direct", K_DIRECT}, {"draft", K_DRAFT}, {"end", K_END},
	{"for", K_FOR}, {"identifier", K_IDENTIFIER}, {"in", K_IN}, {"key", K_KEY},
	{"mark", K_MARK}, {"mask", K_MASK}, {"month", K_MONTH}, {"most", K_MOST}, {"not", K_NOT},
	{"nothing", K_NOTHING}, {"null", K_NULL}, {"objection", K_OBJECTION},
	{"observed", K_OBSERVED}, {"of", K_OF}, {"only", K_ONLY}, {"party", K_PARTY},
	{"personal", K_PERSONAL}, {"pseudonymize", K_PSEUDONYMIZE}, {"public", K_PUBLIC},
	{"quarter", K_QUARTER}, {"quasi", K_QUASI}, {"references", K_REFERENCES},
	{"retain", K_RETAIN}, {"sensitive", K_SENSITIVE}, {"set", K_SET}, {"source", K_SOURCE},
	{"subject", K_SUBJECT}, {"tenant", K_TENANT}, {"then", K_THEN}, {"third", K_THIRD},
	{"until", K_UNTIL}, {"via", K_VIA}, {"where", K_WHERE}, {"while", K_WHILE},
	{"with", K_WITH}, {"withdrawal", K_WITHDRAWAL}, {"year", K_YEAR},
};

/* Every word is a name to the server's scanner. */
static const ScanKeywordList no_keywords = {.max_kw_len = 0};
static const uint16 no_tokens[1];

static void add_place(void *arg);
static int	compare_keyword(const void *word, const void *keyword);

Label *
pp_label_parse(const char *source)
{
	core_yy_extra_type extra;
	core_yyscan_t scanner;
	LabelReading reading;
	LabelParse	parse = {0};

	parse.label = palloc0(sizeof(Label));
	parse.label->source = pstrdup(source);

	pp_label_open(&reading, parse.label->source, NULL);
	scanner = scanner_init(source, &extra, &no_keywords, no_tokens);
	/* one meaning, whatever the session's settings */
	extra.standard_conforming_strings = true;
	extra.backslash_quote = BACKSLASH_QUOTE_SAFE_ENCODING;
	extra.escape_string_warning = false;
	(void) pp_label_yyparse(scanner, &parse);
	scanner_finish(scanner);
	refuse_unsupported(parse.label);
	pp_label_close(&reading);
	return parse.label;
}

int
pp_label_yylex(PP_LABEL_YYSTYPE *value, int *location, core_yyscan_t scanner)
{
	int			token = core_yylex(&value->core_yystype, location, scanner);
	const char *source = pp_label_current()->source;
	const Keyword *keyword;

	if (token != IDENT || source[*location] == '"')
		return token;
	keyword = bsearch(value->core_yystype.str, keywords, lengthof(keywords), sizeof(Keyword),
					  compare_keyword);
	return keyword ? keyword->token : IDENT;
}

static int
compare_keyword(const void *word, const void *keyword)
{
	return strcmp(word, ((const Keyword *) keyword)->word);
}

/* bison's own complaints: memory, or a nesting beyond its stack. */
void
pp_label_yyerror(int *location, core_yyscan_t scanner, LabelParse *parse, const char *message)
{
	(void) scanner;
	(void) parse;
	ereport(ERROR,
			errcode(ERRCODE_STATEMENT_TOO_COMPLEX),
			errmsg("label is too complex"),
			errdetail("The parser reports: %s.", message),
			pp_label_position(*location));
}

void
pp_label_open(LabelReading *reading, const char *source, const char *object)
{
	reading->callback.callback = add_place;
	reading->callback.arg = reading;
	reading->callback.previous = error_context_stack;
	reading->source = source;
	reading->object = object;
	reading->base = 0;
	reading->location = -1;
	error_context_stack = &reading->callback;
}

void
pp_label_close(LabelReading *reading)
{
	error_context_stack = reading->callback.previous;
}

LabelReading *
pp_label_current(void)
{
	ErrorContextCallback *callback = error_context_stack;

	while (callback != NULL && callback->callback != add_place)
		callback = callback->previous;
	return callback ? callback->arg : NULL;
}

int
pp_label_position(int location)
{
	LabelReading *reading = pp_label_current();

	if (reading != NULL && location >= 0)
	{
		internalerrquery(reading->source);
		internalerrposition(pg_mbstrlen_with_len(reading->source, location) + 1);
	}
	return 0;
}

/*
 * Gives an error of the server's its place in the label: its position counts from the start of the
 * text it was given, which starts at reading->base of ours. In a text that we have made of a label's
 * pieces it counts for nothing: the error is about what reading->location points at.
 */
static void
add_place(void *arg)
{
	LabelReading *reading = arg;
	int			position = geterrposition();

	if (reading->object != NULL)
		errcontext("privacy label of %s", reading->object);
	if (getinternalerrposition() > 0 || reading != pp_label_current())
		return;
	if (position > 0)
		errposition(0);
	if (position > 0 && reading->base >= 0)
	{
		internalerrquery(reading->source);
		internalerrposition(pg_mbstrlen_with_len(reading->source, reading->base) + position);
	}
	else
		pp_label_position(reading->location);
}
