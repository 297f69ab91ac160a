/*
 * label_tree.h: a label as the parser understands it; part of label.h. Locations are byte offsets
 * in the label's text.
 */
#ifndef PP_LABEL_TREE_H
#define PP_LABEL_TREE_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

typedef struct LabelName
{
	char	   *name;			/* purposes are dotted: "marketing.email" */
	int			location;
} LabelName;

typedef struct LabelExpression
{
	char	   *text;			/* between the parentheses, as written */
	int			location;		/* of its first byte */
} LabelExpression;

typedef enum LabelStartKind
{
	START_COLUMN,
	START_EXPRESSION,
	START_ALL_OF,
	START_ANY_OF
} LabelStartKind;

typedef struct LabelStart
{
	LabelStartKind kind;
	LabelName	column;
	LabelExpression expression;
	List	   *parts;			/* of LabelStart */
	int			location;
} LabelStart;

typedef enum LabelTermKind
{
	TERM_AFTER,
	TERM_WITH,
	TERM_UNTIL,
	TERM_UNTIL_OBJECTION,
	TERM_UNTIL_WITHDRAWAL,
	TERM_WHILE
} LabelTermKind;

typedef struct LabelTerm
{
	Interval   *period;			/* NULL: the purpose's */
	List	   *purposes;		/* of LabelName; NIL: the term stands for itself */
	LabelTermKind kind;
	const char *calendar;		/* "month", "quarter", "year" for END OF, else NULL */
	LabelStart *start;
	List	   *columns;		/* of LabelName, for WITH */
	LabelExpression *condition; /* WHERE, or NULL */
	int			location;
} LabelTerm;

typedef enum LabelTreatmentKind
{
	TREAT_PSEUDONYMIZE,
	TREAT_MASK,
	TREAT_SET_NULL,
	TREAT_SET_DEFAULT,
	TREAT_SET_LITERAL
} LabelTreatmentKind;

typedef enum LabelArgumentKind
{
	ARGUMENT_STRING,
	ARGUMENT_NUMBER,
	ARGUMENT_COLUMN,
	ARGUMENT_EXPRESSION
} LabelArgumentKind;

/* What a mask is given besides the column. */
typedef struct LabelArgument
{
	LabelArgumentKind kind;
	char	   *text;			/* a string without its quotes, an expression without its
								 * parentheses */
	int			location;
} LabelArgument;

typedef struct LabelTreatment
{
	LabelTreatmentKind kind;
	LabelName  *format;
	LabelName  *scope;
	char	   *schema;			/* of a mask's function; NULL: privacy */
	LabelName  *function;
	List	   *arguments;		/* of LabelArgument */
	char	   *literal;
	int			location;
} LabelTreatment;

typedef struct LabelSubject
{
	LabelName	kind;
	bool		via;			/* VIA, else KEY */
	List	   *keys;			/* of LabelStart: columns or expressions */
	LabelName  *references;		/* "schema.table" as written, or NULL */
	List	   *references_keys;
	int			location;
} LabelSubject;

/* One label: the union of what tables and columns may say; a clause that was not given is NULL, NIL or false. */
typedef struct Label
{
	const char *source;
	List	   *subjects;		/* of LabelSubject */
	LabelName  *tenant;			/* TENANT: the column; */
	bool		tenant_via;		/* it leads to the row that has the tenant */
	List	   *terms;			/* of LabelTerm: RETAIN */
	bool		retain_nothing;
	List	   *caps;			/* of LabelTerm: AT MOST */
	bool		then_delete;
	bool		draft;
	LabelName  *category;
	const char *identifier;		/* the attribute class: "direct identifier", ... */
	const char *origin;			/* SOURCE: "subject", "observed", ... */
	bool		only;
	List	   *serves;			/* of LabelName: FOR */
	LabelTreatment *treatment;	/* THEN */
	LabelTreatment *masking;	/* a treatment without THEN */
	LabelName  *mark;
	int			retain_location;
} Label;

/* In the label's own notation: "PSEUDONYMIZE AS email IN person", "ANY OF (a, b)", "3 years"; palloc'd. */
extern char *pp_label_treatment_text(const LabelTreatment *treatment);
extern char *pp_label_start_text(const LabelStart *start);
extern char *pp_label_period_text(const Interval *period);

#endif							/* PP_LABEL_TREE_H */
