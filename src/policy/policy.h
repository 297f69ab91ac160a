/*
 * policy.h: purposes, and the resolver: from a label to SQL that tells when a row or a value is
 * due.
 *
 * Generated SQL calls the table "target" and the cut-off $1. It holds for the one cut-off it was
 * resolved for: $1 must be that. All of it must run as the table's owner with settings pinned
 * (pp_core_enter).
 */
#ifndef PP_POLICY_H
#define PP_POLICY_H

#include "access/attnum.h"
#include "datatype/timestamp.h"
#include "label/label.h"

#define PP_TARGET "target"

/* Registers privacy.policy_timezone, and the check of labels as they are set. */
extern void pp_policy_init(void);

typedef struct RetentionRule
{
	Oid			relid;
	AttrNumber	attnum;			/* the column whose value is treated; 0: the row is deleted */
	Oid			owner;			/* as whom its SQL runs */
	bool		draft;			/* listed and previewed, never enforced */
	bool		unbound;		/* restored, and not resolved since */
	char	   *text;			/* "THEN DELETE", "email THEN PSEUDONYMIZE AS email IN person" */
	char	   *end;			/* SQL, timestamptz, never NULL: see pp_policy_state */
	char	   *due;			/* SQL, boolean: the end is reached, by conditions that an index
								 * can answer; and the value is not yet treated */
	char	   *untreated;		/* SQL, boolean: the value is still there; "true" for a row */
	char	   *restricted;		/* SQL, boolean: its subject's data may only be stored; */
	char	   *held;			/* a legal hold stands in the way */
	char	   *assignment;		/* SQL for UPDATE ... SET, or NULL for a row rule */
	bool		own_list;		/* a column with a RETAIN of its own */
	List	   *facts;			/* of RetentionFact, for a row rule and a column's own list */
	List	   *serves;			/* of char *: the purposes by which a column's end is decided */
} RetentionRule;

/* One purpose of a list, by one term. Its end on a row is the latest of its facts. SQL over "target". */
typedef struct RetentionFact
{
	const char *purpose;		/* NULL: the term stands for itself */
	const char *basis;			/* legal basis; NULL for such a term */
	const char *source;			/* what the clock starts with: "ANY OF (a, b) of learner" */
	const char *start;			/* SQL, timestamptz */
	const char *missing;		/* SQL, text: "a, b", the events that have not happened */
	List	   *events;			/* of char *: SQL, timestamptz: the events of which it is made */
	const char *period;			/* SQL, text: what is added to it; NULL where nothing is */
	const char *decided_by;		/* SQL, text: "term", "purpose", "tenant", "maximum", ... */
	const char *end;			/* SQL, timestamptz: as a rule's end; NULL where the term does not
								 * apply */
} RetentionFact;

/*
 * Resolves the rule of a table (attnum 0) or column as of a cut-off; NULL where the label makes
 * none. Locks the labels it reads against change until the end of the transaction, and reads
 * purposes as committed: the caller who acts on the result holds ShareLock on them
 * (pp_policy_lock). bind: an unbound label is bound. Raises whatever parks the rule.
 */
extern RetentionRule *pp_policy_resolve(Oid relid, AttrNumber attnum, TimestampTz cut_off, bool bind);

/*
 * SQL, text: in which state an end (SQL) leaves its target at $1: "undetermined", "waiting",
 * "running" or "due". Palloc'd.
 */
extern char *pp_policy_state(const char *end);

/* SQL, timestamptz: the end where it is a moment, else NULL. Palloc'd. */
extern char *pp_policy_moment(const char *end);

/* The scope of a PSEUDONYMIZE: the one it names, else person. */
extern const char *pp_policy_scope(const LabelTreatment *treatment);

/* What static masking writes into a column: SQL over PP_TARGET, to be assigned to the column. */
typedef struct MaskedColumn
{
	AttrNumber	attnum;
	char	   *value;
} MaskedColumn;

/*
 * The columns of a table whose label has a treatment: the bare one, else THEN's; NIL for none, or
 * for a draft. A pseudonym stays as it is where it can be recognised. Resolved as the table's owner,
 * whom the caller has entered. Raises whatever parks a rule.
 */
extern List *pp_policy_masking(Oid relid);

/* Partitioned tables above a table, and inheritance parents: all of them, by any path, the nearest first. */
extern List *pp_policy_ancestors(Oid relid);

/* Keeps everybody from changing purposes until the end of the transaction; takes ShareLock, and no snapshot. */
extern void pp_policy_lock(void);

#endif							/* PP_POLICY_H */
