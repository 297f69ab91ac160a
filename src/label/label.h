/*
 * label.h: the label language: parsing, resolving names and expressions against a table, binding.
 * What a label means in time is policy's business.
 */
#ifndef PP_LABEL_H
#define PP_LABEL_H

#include "label/label_reading.h"
#include "label/label_tree.h"

#include "access/attnum.h"
#include "nodes/bitmapset.h"
#include "utils/rel.h"

/* Registers the SECURITY LABEL provider "privacy". */
extern void pp_label_init(void);

/* Parses a label into the current memory context. Raises errors with a place and the valid words. */
extern Label *pp_label_parse(const char *source);

/* The stored label of a table (attnum 0) or column, parsed; NULL when there is none. */
extern Label *pp_label_load(Oid relid, AttrNumber attnum);

/*
 * What names in a label resolve against. The acting owner is the user as whom the statement will
 * run: its privileges and functions are what expressions may use.
 */
typedef struct LabelTarget
{
	Oid			relid;
	Oid			owner;
	const char *alias;			/* by which generated SQL calls the table */
	StringInfo	binding;		/* gathers what everything resolved to */
	Bitmapset  *columns;		/* attributes of relid read so far, as attnum */
} LabelTarget;

/* Resolves a column; returns alias."column", palloc'd. Fills type and attnum unless NULL. Hints at the table's columns. */
extern char *pp_label_resolve_column(LabelTarget *target, const LabelName *column, Oid *type, AttrNumber *attnum);

/*
 * Resolves an SQL expression: parsed, transformed against the table, checked (volatility, clock,
 * session, privileges, ownership of functions), and deparsed. Returns SQL text without parentheses.
 * The caller acts as target->owner with settings pinned. Raises with the place in the label.
 */
extern char *pp_label_resolve_expression(LabelTarget *target, const LabelExpression *expression, Oid *type);

/* The same for a mask over column attnum: "privacy.mask_partial(target.x, 2, '*'::text, 2)". */
extern char *pp_label_resolve_mask(LabelTarget *target, AttrNumber attnum, const LabelTreatment *treatment, Oid *type);

/* Raises when making a value of the type, out of an expression unless that is NULL, would run others' code; binds the expression. */
extern void pp_label_vet_value(LabelTarget *target, Oid type, Node *value, int location);

/*
 * Compares what a label resolves to now with what was stored when it was set. Returns NULL, or in
 * words why the two differ. *bound tells whether there is a binding; one that is missing (restored
 * by pg_dump or pg_upgrade) is stored now when bind is true.
 */
extern const char *pp_label_compare_binding(Oid relid, AttrNumber attnum, const char *binding, bool bind, bool *bound);

/*
 * The layer above checks what this one cannot: purposes, periods, treatments. Called when a label
 * is set on (relid, attnum), under the table's owner; returns the binding to store.
 */
typedef const char *(*LabelChecker) (Oid relid, AttrNumber attnum, Label *label);
extern void pp_label_on_check(LabelChecker checker);

/* Whether a period can be promised: no negative part, at most 1000 years. */
extern bool pp_label_period_is_sane(const Interval *period);

/* The foreign key of relid on exactly these columns (LabelName), palloc'd, or NULL. */
extern ForeignKeyCacheInfo *pp_label_foreign_key(Oid relid, const List *columns);

/* Forgets what the labels of a table and its columns resolved to: they are unbound until they are resolved again. */
extern void pp_label_unbind(Oid relid);

/* Raises when reading the table or its children as owner would run other owners' code; locks those. */
extern void pp_label_require_trusted(Oid relid, Oid owner);

/* Whether DELETE or UPDATE on the relation would be rewritten into something else. */
extern bool pp_label_has_rewrite_rules(Relation relation);

/* Waits for writers of labels on relid (or, exclusive, for their readers) until the end of the transaction. */
extern void pp_label_lock(Oid relid, bool exclusive);

/* Raises unless the object may carry a label, and this one: kind, place of clauses, columns. */
extern void pp_label_check_fits(Oid relid, AttrNumber attnum, const Label *label);

/* The attribute numbers of a table's labelled columns, with 0 in front when the table is; nothing is parsed. */
extern List *pp_label_columns(Oid relid);

/* Every relation of this database with a label on itself or a column, as OIDs in OID order. */
extern List *pp_label_relations(void);

#endif							/* PP_LABEL_H */
