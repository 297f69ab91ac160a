/*
 * discovery_internal.h: between the parts of lint.
 */
#ifndef PP_DISCOVERY_INTERNAL_H
#define PP_DISCOVERY_INTERNAL_H

#include "funcapi.h"

#include "core/core.h"
#include "label/label.h"
#include "policy/policy.h"

/* A table of this size or more is large: 8 MB. */
#define LARGE_TABLE_BYTES 8192000

/* What lint can find. Each has a line in lint_ids, a paragraph in doc/lint.md and a test. */
typedef enum LintId
{
	LINT_LABEL_UNREADABLE,
	LINT_RULE_PARKED,
	LINT_RULE_UNBOUND,
	LINT_RULE_FAILS,
	LINT_TREATMENT_UNRECOGNISABLE,
	LINT_MINIMUM_ABOVE_MAXIMUM,
	LINT_NO_PERIOD,
	LINT_START_NEVER_SET,
	LINT_START_SWEPT,
	LINT_START_UNINDEXED,
	LINT_LEAF_OWN_RETAIN,
	LINT_COLUMN_OUTLIVES_TABLE,
	LINT_COLUMN_UNLABELLED,
	LINT_PURPOSE_WITHOUT_RULE,
	LINT_CASCADE_INTO_RULE,
	LINT_FOREIGN_KEY_UNINDEXED
} LintId;

/* A purpose with its present period. */
typedef struct LintPurpose
{
	const char *name;
	Interval   *retention;		/* NULL: undetermined */
	bool		named;			/* by a label */
} LintPurpose;

/* A label that could be read. */
typedef struct LintLabel
{
	Oid			relid;
	AttrNumber	attnum;
	const char *object;			/* "s.t" or "s.t.c", quoted */
	Label	   *label;
} LintLabel;

typedef struct Lint
{
	ReturnSetInfo *result;
	TimestampTz now;
	List	   *purposes;		/* of LintPurpose */
	List	   *labels;			/* of LintLabel, a table's before its columns' */
} Lint;

/* discovery_lint.c: one row of the result. */
extern void add_finding(Lint *lint, LintId id, const char *object, const char *finding);

/* discovery_label.c: what one label says, taken by itself and with the others. */
extern void lint_label(Lint *lint, LintLabel *label);
extern void lint_purposes(Lint *lint);

/* discovery_rule.c: whether the rule of a label could run, and what it finds in the data. */
extern void lint_rule(Lint *lint, LintLabel *label);

/* discovery_key.c: foreign keys that lead to rows that a rule deletes. */
extern void lint_keys(Lint *lint);

/* discovery_key.c: a starting point's column on a large table without an index. */
extern void lint_start_index(Lint *lint, const LintLabel *label, const LabelName *column);

#endif							/* PP_DISCOVERY_INTERNAL_H */
