/*
 * policy_internal.h: between the parts of the policy module.
 */
#ifndef PP_POLICY_INTERNAL_H
#define PP_POLICY_INTERNAL_H

#include "core/core.h"
#include "label/label.h"
#include "policy/policy.h"
#include "pseudonym/pseudonym.h"

/* A purpose's periods, the oldest first, as of a cut-off. */
typedef struct PurposePeriod
{
	Interval   *retention;		/* NULL: undetermined */
	TimestampTz effective_at;
} PurposePeriod;

/* policy_purpose.c: the periods of a purpose; NIL when it does not exist. */
extern List *purpose_periods(const char *purpose, TimestampTz cut_off);

/* policy_purpose.c: refuses a purpose that does not exist, with the existing ones as hint. */
extern void require_purpose(const LabelName *purpose, TimestampTz cut_off);

/* policy_purpose.c: refuses a term whose purposes do not exist, or that has neither purpose nor period. */
extern void check_term(const LabelTerm *term, TimestampTz cut_off);

/*
 * policy_purpose.c: the same for a label being set, which also must not promise longer than its
 * purpose; warns of a term that promises nothing.
 */
extern void check_term_periods(const LabelTerm *term, TimestampTz cut_off);

/* policy_purpose.c: whether the purpose has ever become shorter than the term's own period. */
extern bool promises_less(const char *purpose, const LabelTerm *term, TimestampTz cut_off);

/* Whether naming `named` names `purpose`: marketing names marketing.email. */
extern bool purpose_covers(const char *named, const char *purpose);

/*
 * policy_term.c: SQL for the end of a table's terms, as far as they serve the purposes (LabelName;
 * NIL: all of them).
 */
extern char *compile_terms(LabelTarget *target, const Label *label, const List *purposes,
						   TimestampTz cut_off);

/* policy_term.c: SQL for an indexable condition that every due row meets, or NULL. */
extern char *compile_bound(LabelTarget *target, const Label *label, const List *purposes,
						   TimestampTz cut_off);

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
 * policy_parent.c: checks every label that the label of relid leads to through WITH: locks it, and
 * verifies that it makes a promise. Returns whether all are bound. path: the tables passed on the
 * way here; seen gathers all that were checked.
 */
extern bool check_parents(Oid relid, const Label *label, List *path, List **seen,
						  TimestampTz cut_off, bool bind);

/* policy_resolve.c: whether the label is bound to what it resolves to now; a difference parks the rule. */
extern bool is_bound(Oid relid, AttrNumber attnum, const char *binding, bool bind);

/* policy_resolve.c: refuses a table that Citus distributes. */
extern void check_manager(Oid relid);

/* policy_resolve.c: "table s.t" or "column s.t.c", quoted. */
extern char *describe(Oid relid, AttrNumber attnum);

#endif							/* PP_POLICY_INTERNAL_H */
