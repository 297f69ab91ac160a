/*
 * label_internal.h: between the parts of the label module.
 */
#ifndef PP_LABEL_INTERNAL_H
#define PP_LABEL_INTERNAL_H

#include "core/core.h"
#include "label/label.h"

/* The parser's working state. */
typedef struct LabelParse
{
	Label	   *label;
	List	   *clauses;		/* names of the clauses met, to refuse a second one */
} LabelParse;

/* label_check.c: refuses what has no engine yet; needs no catalogue. */
extern void refuse_unsupported(const Label *label);

/* label_binding.c: stores what the label on an object resolved to; forget removes it. */
extern void store_binding(Oid relid, AttrNumber attnum, const char *source, const char *binding);
extern void forget_binding(Oid relid, AttrNumber attnum);

/* While an expression's trees are walked. */
typedef struct ExpressionCheck
{
	LabelTarget *target;
	List	   *unqualified;	/* locations of bare names inside sub-selects, from the raw tree */
	int			depth;			/* of sub-selects around the node at hand */
	int			location;		/* of the node at hand, in the expression; -1 unknown */
	bool		may_vary;		/* it gives a new value, and decides nothing */
} ExpressionCheck;

/*
 * label_vetting.c: refuse what an expression must not do, before and after its analysis. Walkers:
 * they return false or raise.
 */
extern bool vet_raw_expression(Node *node, ExpressionCheck *check);
extern bool vet_expression(Node *node, ExpressionCheck *check);

/* label_expression.c: for use inside ereport, the cursor for a location inside the expression at hand. */
extern int	place(int location);

/* label_provider.c: the label as stored in pg_seclabel, or NULL. */
extern char *stored_label(Oid relid, AttrNumber attnum);

/* label_json.c: the tree as JSON text, for the views. */
extern char *label_as_json(const Label *label);

#endif							/* PP_LABEL_INTERNAL_H */
