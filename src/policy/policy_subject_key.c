/*
 * policy_subject_key.c: pseudonyms that are computed with the key of the subject.
 *
 * All of a subject's dates move alike because the subject's key says by how much, in every table
 * and at any time. So the key must be there in each row, and stay: a key that a sweep treats would
 * move the dates it has not reached yet by something else. Bare treatments of both are no matter:
 * static masking computes all columns of a row from the raw row at once.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "policy/policy_internal.h"

static const LabelName *find_subject_key(Oid relid, const Label *label);
static bool moves_under(Oid relid, AttrNumber attnum, const Label *label, const Label *key);
static bool needs_subject(Oid relid, AttrNumber attnum, const LabelTreatment *treatment);
static bool is_nullable(Oid relid, AttrNumber attnum);

char *
compile_subject_key(const TreatedColumn *column, const PseudonymFormat *format)
{
	Oid			relid = column->target->relid;
	const LabelName *key = find_subject_key(relid, column->label);
	const char *others = pp_pseudonym_format_names(format->type, false);
	AttrNumber	attnum;
	Label	   *label;
	char	   *result;

	if (key == NULL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("format \"%s\" needs the subject's key", format->name),
				errdetail("Neither the column's label nor its table's names one SUBJECT with one key column."),
				errhint("Label the table with SUBJECT <kind> KEY (<column>) or VIA (<column>) first, or choose another format: %s.", others),
				pp_label_position(column->treatment->location));
	result = psprintf("%s::pg_catalog.text", pp_label_resolve_column(column->target, key, NULL, &attnum));
	if (is_nullable(relid, attnum))
		refuse_column(column, psprintf("Column \"%s\", the subject's key, may be null: the value of such a row would be lost.", key->name),
					  psprintf("Make the key NOT NULL, or choose another format: %s.", others));
	label = pp_label_load(relid, attnum);
	if (label != NULL && moves_under(relid, column->attnum, column->label, label))
		refuse_column(column, psprintf("Column \"%s\", the subject's key, is treated itself: what is computed from it afterwards would differ.", key->name),
					  psprintf("Leave the key to the row's RETAIN, or choose another format: %s.", others));
	return result;
}

void
check_subject_key(const TreatedColumn *column)
{
	Oid			relid = column->target->relid;
	ListCell   *cell;

	foreach(cell, pp_label_columns(relid))
	{
		AttrNumber	attnum = lfirst_int(cell);
		Label	   *label = attnum > 0 && attnum != column->attnum ? pp_label_load(relid, attnum) : NULL;
		const LabelName *key = label != NULL ? find_subject_key(relid, label) : NULL;

		if (key != NULL && strcmp(key->name, column->name) == 0 && moves_under(relid, attnum, label, column->label))
			refuse_column(column, psprintf("It is the subject's key, with which the pseudonyms of column \"%s\" are computed: later ones would differ.",
										   get_attname(relid, attnum, false)),
						  psprintf("Leave the key to the row's RETAIN, or choose another format for column \"%s\".",
								   get_attname(relid, attnum, false)));
	}
}

/* The column's own SUBJECT, else its table's; NULL unless it is one with one key. */
static const LabelName *
find_subject_key(Oid relid, const Label *label)
{
	Label	   *table = label->subjects == NIL ? pp_label_load(relid, 0) : NULL;
	List	   *subjects = table != NULL ? table->subjects : label->subjects;
	LabelSubject *subject;

	if (list_length(subjects) != 1)
		return NULL;
	subject = linitial(subjects);
	return list_length(subject->keys) == 1 ? &((LabelStart *) linitial(subject->keys))->column : NULL;
}

/* Whether a column's pseudonyms would be computed now with the raw key, now with a treated one. */
static bool
moves_under(Oid relid, AttrNumber attnum, const Label *label, const Label *key)
{
	return (needs_subject(relid, attnum, label->treatment) && (key->treatment != NULL || key->masking != NULL)) ||
		(needs_subject(relid, attnum, label->masking) && key->treatment != NULL);
}

static bool
needs_subject(Oid relid, AttrNumber attnum, const LabelTreatment *treatment)
{
	const PseudonymFormat *format;

	if (treatment == NULL || treatment->kind != TREAT_PSEUDONYMIZE)
		return false;
	format = pp_pseudonym_format(treatment->format ? treatment->format->name : NULL,
								 getBaseType(get_atttype(relid, attnum)));
	return format != NULL && format->needs_subject;
}

static bool
is_nullable(Oid relid, AttrNumber attnum)
{
	HeapTuple	tuple = SearchSysCacheAttNum(relid, attnum);
	bool		result = !((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull;

	ReleaseSysCache(tuple);
	return result;
}
