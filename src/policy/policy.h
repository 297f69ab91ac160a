/*
 * policy.h: purposes, and the resolver: from a label to SQL that tells when a row or a value is
 * due.
 *
 * The moment at which something ends is one SQL expression of type timestamptz over the table,
 * which generated SQL calls "target": NULL when no term applies, infinity when an event is missing
 * or unknown (both keep), else the end. Due means: end <= cut-off, the parameter $1. All of it must
 * run as the table's owner with settings pinned (pp_core_enter).
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
	char	   *end;			/* SQL, timestamptz */
	char	   *due;			/* SQL, boolean: an indexable lossy condition AND the exact one,
								 * and not yet treated */
	char	   *assignment;		/* SQL for UPDATE ... SET, or NULL for a row rule */
} RetentionRule;

/*
 * Resolves the rule of a table (attnum 0) or column as of a cut-off; NULL where the label makes
 * none. Locks the labels it reads against change until the end of the transaction, and reads
 * purposes as committed: the caller who acts on the result holds ShareLock on them
 * (pp_policy_lock). bind: an unbound label is bound. Raises whatever parks the rule.
 */
extern RetentionRule *pp_policy_resolve(Oid relid, AttrNumber attnum, TimestampTz cut_off, bool bind);

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

/* Keeps everybody from changing purposes until the end of the transaction; takes ShareLock, and no snapshot. */
extern void pp_policy_lock(void);

#endif							/* PP_POLICY_H */
