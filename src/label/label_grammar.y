%code top
{
/*
 * label_grammar.y: the grammar of labels, over the server's own scanner.
 *
 * An SQL expression is any balanced run of tokens between parentheses: what the server's scanner
 * takes for a string, a comment or a dollar quote cannot hide a parenthesis from us. Its text goes
 * to the server's parser later (label_expression.c); nothing here looks inside.
 *
 * Words are keywords only where one is expected: a column named "key" needs no quotes. The few that
 * could be mistaken for a name (RESERVED below) do.
 */
#include "postgres.h"

#include "parser/scanner.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "label/label_internal.h"

/* the scanner's word for a location; bison defines its own */
#undef YYLTYPE
#define YYMALLOC palloc
#define YYFREE pfree
#define YYLLOC_DEFAULT(Current, Rhs, N) ((Current) = (N) ? (Rhs)[1] : (Rhs)[0])
}

%code requires
{
#include "parser/scanner.h"
#include "label/label_internal.h"
}

%code
{
#include "label/label_scan.h"

static void take_treatment(LabelParse *parse, LabelTreatment *treatment);
static void report_syntax_error(const char *text, int location, StringInfo valid);
static LabelName *make_name(char *name, int location);
static LabelStart *make_start(LabelStartKind kind, int location);
static LabelTreatment *make_treatment(LabelTreatmentKind kind, int location);
static LabelArgument *make_argument(LabelArgumentKind kind, char *text, int location);
static LabelExpression *make_expression(const char *source, int open, int close);
static Interval *make_period(char *text, int location);
static char *check_unit(char *unit, int location);
static void begin_clause(LabelParse *parse, const char *clause, int location);
}

%define api.prefix {pp_label_yy}
%define api.pure full
%define parse.error custom
%define parse.lac full
%define api.location.type {int}
%expect 0
/* bison counts errors for nobody: the first one raises */
%initial-action { (void) yynerrs; }
%parse-param {core_yyscan_t yyscanner} {LabelParse *parse}
%lex-param {core_yyscan_t yyscanner}

%union
{
	core_YYSTYPE core_yystype;
	int			ival;
	char	   *str;
	const char *word;
	bool		flag;
	List	   *list;
	Interval   *interval;
	LabelName  *name;
	LabelExpression *expression;
	LabelStart *start;
	LabelTerm  *term;
	LabelTreatment *treatment;
	LabelArgument *argument;
	LabelSubject *subject;
}

/* The core scanner's tokens: these must come first, in this order. */
%token <str>	IDENT "name" UIDENT FCONST "number" SCONST "string" USCONST BCONST XCONST Op
%token <ival>	ICONST "integer" PARAM
%token			TYPECAST DOT_DOT COLON_EQUALS EQUALS_GREATER
%token			LESS_EQUALS GREATER_EQUALS NOT_EQUALS

/* Words that a name must quote. */
%token <str>	K_ALL "ALL" K_ANY "ANY" K_AS "AS" K_DEFAULT "DEFAULT" K_END "END" K_FOR "FOR"
				K_IN "IN" K_NOT "NOT" K_NULL "NULL" K_OBJECTION "OBJECTION" K_ONLY "ONLY"
				K_REFERENCES "REFERENCES" K_THEN "THEN" K_WHERE "WHERE" K_WITH "WITH"
				K_WITHDRAWAL "WITHDRAWAL"
/* Words that may be names as well; K_AFTER is the first, K_YEAR the last (label_scan.c). */
%token <str>	K_AFTER "AFTER" K_AT "AT" K_CATEGORY "CATEGORY" K_DELETE "DELETE" K_DERIVED "DERIVED"
				K_DIRECT "DIRECT" K_DRAFT "DRAFT" K_IDENTIFIER "IDENTIFIER" K_KEY "KEY" K_MARK "MARK"
				K_MASK "MASK" K_MONTH "MONTH" K_MOST "MOST" K_NOTHING "NOTHING" K_OBSERVED "OBSERVED"
				K_OF "OF" K_PARTY "PARTY" K_PERSONAL "PERSONAL" K_PSEUDONYMIZE "PSEUDONYMIZE"
				K_PUBLIC "PUBLIC" K_QUARTER "QUARTER" K_QUASI "QUASI" K_RETAIN "RETAIN"
				K_SENSITIVE "SENSITIVE" K_SET "SET" K_SOURCE "SOURCE" K_SUBJECT "SUBJECT"
				K_TENANT "TENANT" K_THIRD "THIRD" K_UNTIL "UNTIL" K_VIA "VIA" K_WHILE "WHILE"
				K_YEAR "YEAR"

%type <str>		word soft_word dotted literal number bare_number
%type <word>	attribute_class origin calendar opt_calendar
%type <name>	column purpose opt_format opt_scope
%type <flag>	opt_via
%type <list>	columns purposes terms starts keys references_keys opt_purposes opt_arguments arguments
%type <interval> period opt_period
%type <expression> expression opt_where
%type <start>	start key
%type <term>	term cap
%type <treatment> treatment mask_function
%type <argument> argument
%type <subject> subject_path

%%

label:
	clauses opt_semicolon
	;

clauses:
	clause
	| clauses ';' clause
	;

opt_semicolon:
	%empty
	| ';'
	;

clause:
	K_SUBJECT column subject_path
		{
			$3->kind = *$2;
			$3->location = @1;
			parse->label->subjects = lappend(parse->label->subjects, $3);
		}
	| K_TENANT opt_via '(' column ')'
		{
			begin_clause(parse, "TENANT", @1);
			parse->label->tenant = $4;
			parse->label->tenant_via = $2;
		}
	| K_RETAIN retention K_THEN outcome
		{
			begin_clause(parse, "RETAIN", @1);
			parse->label->retain_location = @1;
		}
	| K_DRAFT
		{
			begin_clause(parse, "DRAFT", @1);
			parse->label->draft = true;
		}
	| K_CATEGORY dotted
		{
			begin_clause(parse, "CATEGORY", @1);
			parse->label->category = make_name($2, @2);
		}
	| attribute_class
		{
			begin_clause(parse, "IDENTIFIER", @1);
			parse->label->identifier = $1;
		}
	| K_SOURCE origin
		{
			begin_clause(parse, "SOURCE", @1);
			parse->label->origin = $2;
		}
	| opt_only K_FOR purposes opt_then
		{
			begin_clause(parse, "FOR", @2);
			parse->label->serves = $3;
		}
	| K_THEN treatment opt_mark
		{
			begin_clause(parse, "THEN", @1);
			take_treatment(parse, $2);
		}
	| treatment
		{
			begin_clause(parse, "treatment", @1);
			parse->label->masking = $1;
		}
	;

/* Whose row or value it is. */

subject_path:
	K_KEY '(' keys ')'
		{
			$$ = palloc0(sizeof(LabelSubject));
			$$->keys = $3;
		}
	| K_VIA '(' keys ')'
		{
			$$ = palloc0(sizeof(LabelSubject));
			$$->via = true;
			$$->keys = $3;
		}
	| K_VIA '(' keys ')' K_REFERENCES dotted references_keys
		{
			$$ = palloc0(sizeof(LabelSubject));
			$$->via = true;
			$$->keys = $3;
			$$->references = make_name($6, @6);
			$$->references_keys = $7;
		}
	;

references_keys:
	'(' keys ')'	{ $$ = $2; }
	;

opt_via:
	%empty			{ $$ = false; }
	| K_VIA			{ $$ = true; }
	;

keys:
	key				{ $$ = list_make1($1); }
	| keys ',' key	{ $$ = lappend($1, $3); }
	;

key:
	column
		{
			$$ = make_start(START_COLUMN, @1);
			$$->column = *$1;
		}
	| expression
		{
			$$ = make_start(START_EXPRESSION, @1);
			$$->expression = *$1;
		}
	;

/* For what it is kept, and until when. */

retention:
	K_NOTHING		{ parse->label->retain_nothing = true; }
	| terms caps	{ parse->label->terms = $1; }
	;

terms:
	term				{ $$ = list_make1($1); }
	| terms ',' term	{ $$ = lappend($1, $3); }
	;

caps:
	%empty
	| caps cap		{ parse->label->caps = lappend(parse->label->caps, $2); }
	;

cap:
	K_AT K_MOST period K_AFTER start
		{
			$$ = palloc0(sizeof(LabelTerm));
			$$->kind = TERM_AFTER;
			$$->period = $3;
			$$->start = $5;
			$$->location = @1;
		}
	;

term:
	opt_period opt_purposes K_AFTER opt_calendar start opt_where
		{
			$$ = palloc0(sizeof(LabelTerm));
			$$->kind = TERM_AFTER;
			$$->period = $1;
			$$->purposes = $2;
			$$->calendar = $4;
			$$->start = $5;
			$$->condition = $6;
			$$->location = $1 ? @1 : $2 ? @2 : @3;
		}
	| opt_period opt_purposes K_WITH '(' columns ')' opt_where
		{
			$$ = palloc0(sizeof(LabelTerm));
			$$->kind = TERM_WITH;
			$$->period = $1;
			$$->purposes = $2;
			$$->columns = $5;
			$$->condition = $7;
			$$->location = $1 ? @1 : $2 ? @2 : @3;
		}
	| opt_period opt_purposes K_UNTIL start opt_where
		{
			$$ = palloc0(sizeof(LabelTerm));
			$$->kind = TERM_UNTIL;
			$$->period = $1;
			$$->purposes = $2;
			$$->start = $4;
			$$->condition = $5;
			$$->location = @3;
		}
	| opt_period opt_purposes K_UNTIL K_OBJECTION opt_where
		{
			$$ = palloc0(sizeof(LabelTerm));
			$$->kind = TERM_UNTIL_OBJECTION;
			$$->period = $1;
			$$->purposes = $2;
			$$->condition = $5;
			$$->location = @3;
		}
	| opt_period opt_purposes K_UNTIL K_WITHDRAWAL opt_where
		{
			$$ = palloc0(sizeof(LabelTerm));
			$$->kind = TERM_UNTIL_WITHDRAWAL;
			$$->period = $1;
			$$->purposes = $2;
			$$->condition = $5;
			$$->location = @3;
		}
	| opt_period opt_purposes K_WHILE expression opt_where
		{
			$$ = palloc0(sizeof(LabelTerm));
			$$->kind = TERM_WHILE;
			$$->period = $1;
			$$->purposes = $2;
			$$->condition = $5;
			$$->start = make_start(START_EXPRESSION, @4);
			$$->start->expression = *$4;
			$$->location = @3;
		}
	;

opt_period:
	%empty			{ $$ = NULL; }
	| period
	;

period:
	ICONST word		{ $$ = make_period(psprintf("%d %s", $1, check_unit($2, @2)), @1); }
	| SCONST		{ $$ = make_period($1, @1); }
	;

opt_purposes:
	%empty			{ $$ = NIL; }
	| K_FOR purposes	{ $$ = $2; }
	;

purposes:
	purpose			{ $$ = list_make1($1); }
	| purposes ',' purpose	{ $$ = lappend($1, $3); }
	;

purpose:
	dotted			{ $$ = make_name($1, @1); }
	;

opt_calendar:
	%empty			{ $$ = NULL; }
	| K_END K_OF calendar K_OF	{ $$ = $3; }
	;

calendar:
	K_MONTH			{ $$ = "month"; }
	| K_QUARTER		{ $$ = "quarter"; }
	| K_YEAR		{ $$ = "year"; }
	;

start:
	column
		{
			$$ = make_start(START_COLUMN, @1);
			$$->column = *$1;
		}
	| expression
		{
			$$ = make_start(START_EXPRESSION, @1);
			$$->expression = *$1;
		}
	| K_ALL K_OF '(' starts ')'
		{
			$$ = make_start(START_ALL_OF, @1);
			$$->parts = $4;
		}
	| K_ANY K_OF '(' starts ')'
		{
			$$ = make_start(START_ANY_OF, @1);
			$$->parts = $4;
		}
	;

starts:
	start			{ $$ = list_make1($1); }
	| starts ',' start	{ $$ = lappend($1, $3); }
	;

opt_where:
	%empty			{ $$ = NULL; }
	| K_WHERE expression	{ $$ = $2; }
	;

/* What becomes of it. */

outcome:
	K_DELETE		{ parse->label->then_delete = true; }
	| treatment opt_mark	{ take_treatment(parse, $1); }
	;

opt_then:
	%empty
	| K_THEN treatment opt_mark	{ take_treatment(parse, $2); }
	;

opt_mark:
	%empty
	| K_MARK '(' column ')'	{ parse->label->mark = $3; }
	;

opt_only:
	%empty
	| K_ONLY		{ parse->label->only = true; }
	;

treatment:
	K_PSEUDONYMIZE opt_format opt_scope
		{
			$$ = make_treatment(TREAT_PSEUDONYMIZE, @1);
			$$->format = $2;
			$$->scope = $3;
		}
	| K_MASK K_WITH mask_function '(' opt_arguments ')'
		{
			$$ = $3;
			$$->location = @1;
			$$->arguments = $5;
		}
	| K_SET K_NULL		{ $$ = make_treatment(TREAT_SET_NULL, @1); }
	| K_SET K_DEFAULT	{ $$ = make_treatment(TREAT_SET_DEFAULT, @1); }
	| K_SET literal
		{
			$$ = make_treatment(TREAT_SET_LITERAL, @1);
			$$->literal = $2;
		}
	;

opt_format:
	%empty			{ $$ = NULL; }
	| K_AS word		{ $$ = make_name($2, @2); }
	;

opt_scope:
	%empty			{ $$ = NULL; }
	| K_IN dotted	{ $$ = make_name($2, @2); }
	;

mask_function:
	word
		{
			$$ = make_treatment(TREAT_MASK, @1);
			$$->function = make_name($1, @1);
		}
	| word '.' word
		{
			$$ = make_treatment(TREAT_MASK, @1);
			$$->schema = $1;
			$$->function = make_name($3, @1);
		}
	;

opt_arguments:
	%empty			{ $$ = NIL; }
	| arguments
	;

arguments:
	argument			{ $$ = list_make1($1); }
	| arguments ',' argument	{ $$ = lappend($1, $3); }
	;

argument:
	SCONST			{ $$ = make_argument(ARGUMENT_STRING, $1, @1); }
	| number		{ $$ = make_argument(ARGUMENT_NUMBER, $1, @1); }
	| column		{ $$ = make_argument(ARGUMENT_COLUMN, $1->name, @1); }
	| expression	{ $$ = make_argument(ARGUMENT_EXPRESSION, $1->text, $1->location); }
	;

literal:
	SCONST
	| number
	;

number:
	bare_number
	| '-' bare_number	{ $$ = psprintf("-%s", $2); }
	;

bare_number:
	ICONST			{ $$ = psprintf("%d", $1); }
	| FCONST
	;

attribute_class:
	K_DIRECT K_IDENTIFIER	{ $$ = "direct identifier"; }
	| K_QUASI K_IDENTIFIER	{ $$ = "quasi-identifier"; }
	| K_SENSITIVE			{ $$ = "sensitive attribute"; }
	| K_NOT K_PERSONAL		{ $$ = "not personal"; }
	;

origin:
	K_SUBJECT		{ $$ = "subject"; }
	| K_OBSERVED	{ $$ = "observed"; }
	| K_DERIVED		{ $$ = "derived"; }
	| K_THIRD K_PARTY	{ $$ = "third party"; }
	| K_PUBLIC		{ $$ = "public"; }
	;

/* Names. */

columns:
	column			{ $$ = list_make1($1); }
	| columns ',' column	{ $$ = lappend($1, $3); }
	;

column:
	word			{ $$ = make_name($1, @1); }
	;

dotted:
	word
	| dotted '.' word	{ $$ = psprintf("%s.%s", $1, $3); }
	;

word:
	IDENT
	| soft_word
	;

soft_word:
	K_AFTER | K_AT | K_CATEGORY | K_DELETE | K_DERIVED | K_DIRECT | K_DRAFT | K_IDENTIFIER | K_KEY
	| K_MARK | K_MASK | K_MONTH | K_MOST | K_NOTHING | K_OBSERVED | K_OF | K_PARTY | K_PERSONAL
	| K_PSEUDONYMIZE | K_PUBLIC | K_QUARTER | K_QUASI | K_RETAIN | K_SENSITIVE | K_SET | K_SOURCE
	| K_SUBJECT | K_TENANT | K_THIRD | K_UNTIL | K_VIA | K_WHILE | K_YEAR
	;

/* SQL: whatever stands between balanced parentheses. */

expression:
	'(' balanced ')'	{ $$ = make_expression(parse->label->source, @1, @3); }
	;

balanced:
	sql_token
	| '(' ')'
	| '(' balanced ')'
	| balanced sql_token
	| balanced '(' ')'
	| balanced '(' balanced ')'
	;

sql_token:
	word | sql_word
	;

sql_word:
	UIDENT | FCONST | SCONST | USCONST | BCONST | XCONST | Op | ICONST | PARAM
	| TYPECAST | DOT_DOT | COLON_EQUALS | EQUALS_GREATER
	| LESS_EQUALS | GREATER_EQUALS | NOT_EQUALS
	| K_ALL | K_ANY | K_AS | K_DEFAULT | K_END | K_FOR | K_IN | K_NOT | K_NULL | K_OBJECTION | K_ONLY
	| K_REFERENCES | K_THEN | K_WHERE | K_WITH | K_WITHDRAWAL
	| ',' | '[' | ']' | '.' | ';' | ':' | '+' | '-' | '*' | '/' | '%' | '^' | '<' | '>' | '='
	;

%%

static LabelName *
make_name(char *name, int location)
{
	LabelName  *result = palloc0(sizeof(LabelName));

	result->name = name;
	result->location = location;
	return result;
}

static LabelStart *
make_start(LabelStartKind kind, int location)
{
	LabelStart *result = palloc0(sizeof(LabelStart));

	result->kind = kind;
	result->location = location;
	return result;
}

static LabelTreatment *
make_treatment(LabelTreatmentKind kind, int location)
{
	LabelTreatment *result = palloc0(sizeof(LabelTreatment));

	result->kind = kind;
	result->location = location;
	return result;
}

static LabelArgument *
make_argument(LabelArgumentKind kind, char *text, int location)
{
	LabelArgument *result = palloc0(sizeof(LabelArgument));

	result->kind = kind;
	result->text = text;
	result->location = location;
	return result;
}

static LabelExpression *
make_expression(const char *source, int open, int close)
{
	LabelExpression *result = palloc0(sizeof(LabelExpression));

	result->text = pnstrdup(source + open + 1, close - open - 1);
	result->location = open + 1;
	return result;
}

/* "7 fortnights" must not become seven of something else. */
static char *
check_unit(char *unit, int location)
{
	static const char *const units[] = {"hour", "hours", "day", "days", "week", "weeks",
	"month", "months", "year", "years"};

	for (int i = 0; i < (int) lengthof(units); i++)
		if (strcmp(unit, units[i]) == 0)
			return unit;
	ereport(ERROR,
			errcode(ERRCODE_SYNTAX_ERROR),
			errmsg("\"%s\" is not a unit of a retention period", unit),
			errhint("Valid units are hours, days, weeks, months and years."),
			pp_label_position(location));
}

/*
 * A promise is never negative, of mixed sign, or longer than a thousand years: such a period is a
 * slip of the pen that would delete too early or never.
 */
static Interval *
make_period(char *text, int location)
{
	LabelReading *reading = pp_label_current();
	Interval   *period;

	reading->location = location;
	period = DatumGetIntervalP(DirectFunctionCall3(interval_in, CStringGetDatum(text),
												   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	reading->location = -1;
	if (!pp_label_period_is_sane(period))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("retention period \"%s\" is out of range", text),
				errhint("A period has no negative part and is at most 1000 years."),
				pp_label_position(location));
	return period;
}

static void
begin_clause(LabelParse *parse, const char *clause, int location)
{
	ListCell   *cell;

	foreach(cell, parse->clauses)
		if (strcmp(lfirst(cell), clause) == 0)
			ereport(ERROR,
					errcode(ERRCODE_SYNTAX_ERROR),
					errmsg("clause %s is given more than once", clause),
					errhint("Join what the clauses say in one."),
					pp_label_position(location));
	parse->clauses = lappend(parse->clauses, unconstify(char *, clause));
}

/* FOR ... THEN, THEN, and RETAIN ... THEN are three places to say one thing. */
static void
take_treatment(LabelParse *parse, LabelTreatment *treatment)
{
	if (parse->label->treatment != NULL)
		ereport(ERROR,
				errcode(ERRCODE_SYNTAX_ERROR),
				errmsg("a treatment is given more than once"),
				errhint("A value can be treated in one way only."),
				pp_label_position(treatment->location));
	parse->label->treatment = treatment;
}

/*
 * Names what would have been valid. Where any name is, the words that may be names as well are left
 * out; within an SQL expression anything is valid but the end.
 */
static int
yyreport_syntax_error(const yypcontext_t *context, core_yyscan_t yyscanner, LabelParse *parse)
{
	yysymbol_kind_t expected[YYNTOKENS];
	int			count = yypcontext_expected_tokens(context, expected, YYNTOKENS);
	bool		name = false;
	StringInfoData valid;

	(void) yyscanner;
	for (int i = 0; i < count; i++)
		name |= expected[i] == YYSYMBOL_IDENT;
	initStringInfo(&valid);
	for (int i = 0; i < count && count < YYNTOKENS / 2; i++)
		if (!name || expected[i] < YYSYMBOL_K_AFTER || expected[i] > YYSYMBOL_K_YEAR)
			appendStringInfo(&valid, "%s%s", valid.len > 0 ? ", " : "",
							 expected[i] == YYSYMBOL_YYEOF ? "the end" : yysymbol_name(expected[i]));
	report_syntax_error(parse->label->source, *yypcontext_location(context), &valid);
	return 0;
}

static void
report_syntax_error(const char *text, int location, StringInfo valid)
{
	if (text[location] == '\0')
		ereport(ERROR,
				errcode(ERRCODE_SYNTAX_ERROR),
				errmsg("syntax error at end of label"),
				valid->len > 0 ? errhint("Valid here: %s.", valid->data) :
				errhint("A parenthesis was left open."),
				pp_label_position(location));
	ereport(ERROR,
			errcode(ERRCODE_SYNTAX_ERROR),
			errmsg("syntax error in label"),
			valid->len > 0 ? errhint("Valid here: %s.", valid->data) :
			errhint("Valid here: an SQL expression."),
			pp_label_position(location));
}
