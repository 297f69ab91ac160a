/*
 * policy_internal.h: between the parts of the policy module.
 */
#ifndef PP_POLICY_INTERNAL_H
#define PP_POLICY_INTERNAL_H

#include "core/core.h"
#include "label/label.h"
#include "policy/policy.h"
#include "pseudonym/pseudonym.h"

/* A purpose's periods, the oldest first. */
typedef struct PurposePeriod
{
	Interval   *retention;		/* NULL: undetermined */
	TimestampTz effective_at;
} PurposePeriod;

typedef struct Purpose
{
	const char *name;
	const char *basis;			/* GDPR Art. 6(1) */
	List	   *periods;		/* of PurposePeriod, those in effect at the cut-off */
	const char *by_tenant;		/* JSON: tenant to period; NULL when none has one of its own */
	List	   *tenant_periods; /* of Interval: which periods those are */
} Purpose;

/* What was promised, as of a cut-off. */
typedef struct Promises
{
	TimestampTz cut_off;
	List	   *purposes;		/* of Purpose, by name */
	int			followed;		/* tables that a WITH has led to so far: a table counts on each
								 * path */
} Promises;

/* policy_purpose.c: reads them, as committed. */
extern Promises *load_promises(TimestampTz cut_off);

/*
 * policy_purpose.c: the purposes that a name in a label names: marketing is marketing.email as
 * well. Raises undefined_object, with the existing ones as hint, when there are none.
 */
extern List *named_purposes(const Promises *promises, const LabelName *name);

/* Whether naming `named` names `purpose`: marketing names marketing.email. */
extern bool purpose_covers(const char *named, const char *purpose);

/*
 * policy_purpose.c: of the purposes of a term, those that are wanted (LabelName; NIL: all); a list
 * of Purpose.
 */
extern List *served_purposes(const Promises *promises, const LabelTerm *term, const List *wanted);

/*
 * policy_purpose.c: refuses a term of a label being set that promises longer than its purpose;
 * warns of one that promises nothing.
 */
extern void check_term_periods(const Promises *promises, const LabelTerm *term);

/* policy_purpose.c: whether the purpose has ever become shorter than the term's own period. */
extern bool promises_less(const Purpose *purpose, const LabelTerm *term);

/* policy_purpose.c: whether a can end later than b, from some start. */
extern bool is_longer(const Interval *a, const Interval *b);

/* policy_purpose.c: every period that may be added to a start of this term for this purpose (NULL: none); Interval. */
extern List *possible_periods(const LabelTerm *term, const Purpose *purpose, bool has_tenant);

/* A RETAIN over its table, ready to be compiled. */
typedef struct TermList
{
	LabelTarget *target;
	const Label *label;
	Promises   *promises;
	const char *tenant;			/* SQL, text; NULL: rows have none */
	List	   *caps;			/* of TermCap */
} TermList;

/* An AT MOST. */
typedef struct TermCap
{
	const char *source;			/* as written: "5 years after ended_at" */
	const char *start;			/* SQL, timestamptz */
	const char *end;			/* SQL, timestamptz; NULL while it caps nothing */
	const char *reached;		/* SQL, boolean */
} TermCap;

/*
 * policy_terms.c: a list of a label's terms. table: the list of the table, where `label` is a
 * column's with a RETAIN of its own, which the table's tenant and caps govern as well; else NULL.
 * The label is open for reading.
 */
extern TermList open_terms(LabelTarget *target, const Label *label, const TermList *table,
						   Promises *promises);

/* policy_terms.c: what the names of a label resolve to, into target->binding and target->columns. */
extern void resolve_names(LabelTarget *target, const Label *label);

/* policy_terms.c: whether the label has a RETAIN. */
extern bool label_retains(const Label *label);

/* policy_terms.c: whether it rests on a legal obligation, which no cap can end; which of them do. */
extern bool is_bound_by_law(const Purpose *purpose);
extern void split_purposes(const List *purposes, List **bound_by_law, List **others);

/* policy_terms.c: SQL, boolean; clause: for the error where it is not. */
extern char *compile_condition(LabelTarget *target, const LabelExpression *condition, const char *clause);

/* policy_terms.c: whether tenants may have periods of their own here; SQL of the row's, NULL where its tenant has none. */
extern bool has_tenant_periods(const TermList *list, const Purpose *purpose);
extern char *tenant_period(const TermList *list, const Purpose *purpose);
extern char *tenant_period_text(const TermList *list, const Purpose *purpose);

/* The end of what has ended at once: the first moment there is, so that every cut-off has reached it. */
#define PP_ENDED "'4714-11-24 00:00:00+00 BC'::pg_catalog.timestamptz"

/*
 * policy_end.c: SQL for the end of those terms that serve the purposes (LabelName; NIL: all of
 * them); NULL where none applies. Also what RetentionRule.end says.
 */
extern char *compile_end(const TermList *list, const List *purposes);

/* policy_end.c: for one term, no caps: the end of some purposes (Purpose; NIL: the term's own). Never SQL NULL. */
extern char *compile_bare_end(const TermList *list, const LabelTerm *term, const List *purposes);

/* policy_end.c: the end of one purpose (NULL: the term's own) by one term, as compile_end has it. */
extern char *compile_purpose_end(const TermList *list, const LabelTerm *term, const Purpose *purpose);

/* policy_end.c: the tenant's, term's or purpose's period added to a start that is known, as SQL; NULL where there is none. */
extern char *add_periods(const TermList *list, const LabelTerm *term, const Purpose *purpose, const char *start);

/* policy_end.c: a period (SQL) added to a start, which END OF moves first. */
extern char *add_period(const LabelTerm *term, const char *start, const char *period);

/* policy_end.c: what caps and the term's WHERE make of an end. */
extern char *govern_end(const TermList *list, const LabelTerm *term, const Purpose *purpose, const char *end);

/* policy_due.c: SQL, boolean: every applicable term has ended, and one does apply; the same, but some or none apply. */
extern char *compile_due(const TermList *list, const List *purposes);
extern char *compile_ended(const TermList *list, const List *purposes);

/* policy_due.c: SQL, boolean, true where a start plus a period has been reached; see there. */
extern char *compile_reached(const TermList *list, const LabelTerm *term, const List *purposes);

/* policy_start.c: SQL of type timestamptz, NULL while the event is missing; it may be infinite. */
extern char *compile_start(LabelTarget *target, const LabelStart *start);

/* policy_start.c: the start where a period may be added to it, else NULL. */
extern char *known_start(const char *start);

/* policy_start.c: whether a start is made of plain columns. */
extern bool is_plain_start(const LabelStart *start);

/*
 * policy_start.c: SQL, boolean, that every row meets whose start is not later than `latest`, and
 * that an index on a starting column can answer; NULL where there is nothing to say.
 */
extern char *bound_start(LabelTarget *target, const LabelStart *start, TimestampTz latest);

/* policy_start.c: SQL, boolean: the start is certainly earlier. */
extern char *precedes(LabelTarget *target, const LabelStart *start, TimestampTz moment);

/* policy_start.c: a moment, an interval as SQL. */
extern char *moment_sql(TimestampTz moment);
extern char *interval_sql(const Interval *interval);

/* policy_start.c: "GREATEST(a, b)", "a" for one; NULL for none. */
extern char *join_list(const char *function, const List *parts);

/* policy_start.c: "(a AND b)", "a" for one; NULL for none. */
extern char *join_conditions(const char *operator, const List *parts);

/* policy_with.c: the row that a foreign key leads to. */
typedef struct ParentRow
{
	LabelTarget target;			/* alias "target_up" */
	const char *from;			/* SQL: FROM ... WHERE, matching the child */
	const char *any_null;		/* SQL, boolean: the key is null; NULL: it cannot be */
	Label	   *label;
	LabelReading reading;		/* of that label, open */
} ParentRow;

/* policy_with.c: the parent by these columns; raises when the owner may not read it. close_parent is not needed after an error. */
extern void open_parent(LabelTarget *target, const List *columns, int location, ParentRow *parent);
extern void close_parent(ParentRow *parent);

/* policy_with.c: to which table the foreign key leads, for the binding. */
extern void bind_foreign_key(LabelTarget *target, const List *columns);

/*
 * policy_with.c: the parent's own terms. Raises unless each purpose is named there, and where a
 * WITH of the labelled table has led to too many tables by now.
 */
extern TermList parent_terms(const TermList *child, ParentRow *parent, const List *purposes);

/* policy_with.c: SQL, text: the tenant of a row, by the table's TENANT; NULL without. */
extern char *compile_tenant(LabelTarget *target, const Label *label);

/* policy_with.c: Purposes as LabelNames. */
extern List *purpose_names(const List *purposes);

/* policy_fact.c: each purpose of each term, as RetentionFact. */
extern List *compile_facts(const TermList *list, const List *purposes);

/* policy_treatment.c: what a column's treatment does, and how a treated value is recognised. */
typedef struct ColumnTreatment
{
	char	   *value;			/* SQL of the new value */
	char	   *untreated;		/* SQL: the value is still to be treated; end is the column's end */
} ColumnTreatment;

/* The column at hand. */
typedef struct TreatedColumn
{
	LabelTarget *target;
	const Label *label;
	const LabelTreatment *treatment;
	AttrNumber	attnum;
	Oid			type;
	int32		typmod;
	const char *name;			/* as the catalogue has it */
	const char *sql;			/* target.name */
	const char *type_name;		/* as SQL */
} TreatedColumn;

extern ColumnTreatment compile_treatment(LabelTarget *target, AttrNumber attnum, const Label *label,
										 const Bitmapset *read_by_terms, const char *end);

/* policy_treatment.c: SQL of what static masking writes into a labelled column: its bare treatment, else THEN's. */
extern char *compile_masking(LabelTarget *target, AttrNumber attnum, const Label *label);

/* policy_treatment.c: raises invalid_object_definition at the treatment. */
extern void refuse_column(const TreatedColumn *column, const char *reason, const char *hint) pg_attribute_noreturn();

/* policy_treatment.c: the column's default, coerced to its type; NULL when it has none. */
extern Node *find_default(const TreatedColumn *column);

/* policy_obstacle.c: refuses a treatment that could not succeed, or would change when the row is due. */
extern void check_column(const TreatedColumn *column, const Bitmapset *read_by_terms);

/* policy_obstacle.c: whether no two rows may have the same value in this column; or, with nulls, a null. */
extern bool is_unique_alone(const TreatedColumn *column, bool nulls);

/* policy_pseudonym.c: SQL of a column's pseudonym, and of whether it is one already where that can be told. */
extern void compile_pseudonym(const TreatedColumn *column, ColumnTreatment *result);

/* policy_subject_key.c: refuses to treat the subject's key by which another column of the table is treated. */
extern void check_subject_key(const TreatedColumn *column);

/* policy_subject_key.c: SQL of the key of the subject whose value the column has, as text: equal in every table that leads to the subject. */
extern char *compile_subject_key(const TreatedColumn *column, const PseudonymFormat *format);

/* policy_resolve.c: the checker of labels being set. */
extern const char *check_rule(Oid relid, AttrNumber attnum, Label *label);

/*
 * policy_parent.c: checks every label that the label of relid leads to through WITH and TENANT VIA:
 * locks it, and verifies that it makes a promise. Returns whether all are bound. seen gathers all
 * that were checked.
 */
extern bool check_parents(Oid relid, const Label *label, List **seen, bool bind);

/* policy_resolve.c: whether the label is bound to what it resolves to now; a difference parks the rule. */
extern bool is_bound(Oid relid, AttrNumber attnum, const char *binding, bool bind);

/* policy_resolve.c: refuses a table that Citus distributes. */
extern void check_manager(Oid relid);

/* policy_resolve.c: "table s.t" or "column s.t.c", quoted. */
extern char *describe(Oid relid, AttrNumber attnum);

#endif							/* PP_POLICY_INTERNAL_H */
