/*
 * policy_masking.c: what static masking writes into a table's columns.
 *
 * A column's bare treatment says what those see who may not see the value; where there is none, the
 * treatment after THEN does. No purpose and no period is asked: whoever masks a table wants it
 * masked now. The labels must hold as they must for a sweep: what they resolved to when they were
 * set is compared with what they resolve to now.
 */
#include "postgres.h"

#include "policy/policy_internal.h"

static MaskedColumn *compile_column(Oid relid, AttrNumber attnum, const Label *label);

List *
pp_policy_masking(Oid relid)
{
	Label	   *table;
	List	   *result = NIL;
	ListCell   *cell;

	pp_label_lock(relid, false);
	table = pp_label_load(relid, 0);
	if (table != NULL && table->draft)
		return NIL;
	check_manager(relid);
	foreach(cell, pp_label_columns(relid))
	{
		AttrNumber	attnum = lfirst_int(cell);
		Label	   *label = attnum > 0 ? pp_label_load(relid, attnum) : NULL;

		if (label != NULL && (label->masking != NULL || label->treatment != NULL))
			result = lappend(result, compile_column(relid, attnum, label));
	}
	return result;
}

/* A label with THEN is bound as its rule is; the resolver compares that. */
static MaskedColumn *
compile_column(Oid relid, AttrNumber attnum, const Label *label)
{
	LabelTarget target = {.relid = relid, .owner = pp_core_table_owner(relid), .alias = PP_TARGET, .binding = makeStringInfo()};
	MaskedColumn *result = palloc(sizeof(MaskedColumn));
	LabelReading reading;

	if (label->treatment != NULL)
		(void) pp_policy_resolve(relid, attnum, pp_core_now(), true);
	pp_label_open(&reading, label->source, describe(relid, attnum));
	pp_label_check_fits(relid, attnum, label);
	result->attnum = attnum;
	result->value = compile_masking(&target, attnum, label);
	if (label->treatment == NULL)
		(void) is_bound(relid, attnum, target.binding->data, true);
	pp_label_close(&reading);
	return result;
}
