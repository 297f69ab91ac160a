/*
 * policy_pseudonym.c: from PSEUDONYMIZE in a label to SQL.
 *
 * The format must exist for the column's type, fit into it, and keep it unique where it is; the
 * table's owner, as whom the rule runs, must be on the scope's list.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "keyring/keyring.h"
#include "policy/policy_internal.h"
#include "pseudonym/pseudonym.h"

#define DEFAULT_SCOPE "person"

static char *write_call(const TreatedColumn *column, const PseudonymFormat *format, const char *value, const char *scope);
static const PseudonymFormat *find_format(const TreatedColumn *column, Oid type);
static void check_length(const TreatedColumn *column, const PseudonymFormat *format, Oid type, int32 typmod);
static char *subject_sql(const TreatedColumn *column, const PseudonymFormat *format);
static void check_scope(const TreatedColumn *column, const char *scope);

/*
 * A domain and varchar(n) are treated as what they are made from, and the result is given their type
 * again, with the domain's constraints.
 */
void
compile_pseudonym(const TreatedColumn *column, ColumnTreatment *result)
{
	const char *scope = column->treatment->scope ? column->treatment->scope->name : DEFAULT_SCOPE;
	int32		typmod = column->typmod;
	Oid			base = getBaseTypeAndTypmod(column->type, &typmod);
	Oid			element = get_element_type(base);
	Oid			type = OidIsValid(element) ? getBaseType(element) : base;
	const PseudonymFormat *format = find_format(column, type);
	char	   *value = psprintf("%s::%s", column->sql,
								 format_type_be_qualified(OidIsValid(element) ? base : format->type));

	check_scope(column, scope);
	appendStringInfo(column->target->binding, "pseudonym %s in %s;", format->name, scope);
	scope = quote_literal_cstr(scope);
	if (OidIsValid(element))
	{
		if (format->needs_subject)
			refuse_column(column, "Its format needs the subject's key, which arrays have no place for.", "Choose another format.");
		result->value = psprintf("privacy.pseudonym_array(%s, %s, %s)::%s", value, scope,
								 quote_literal_cstr(format->name), column->type_name);
		return;
	}
	check_length(column, format, type, typmod);
	result->value = write_call(column, format, value, scope);
	if (format->is_marked)
		result->untreated = psprintf("%s IS DISTINCT FROM NULL AND NOT privacy.is_pseudonym(%s, %s%s)",
									 column->sql, value, scope,
									 type == UUIDOID || format->keeps_domain ? "" : ", 'replace'");
}

static char *
write_call(const TreatedColumn *column, const PseudonymFormat *format, const char *value, const char *scope)
{
	const char *third = NULL;

	if (format->needs_subject)
		third = subject_sql(column, format);
	else if (format->argument != NULL)
		third = quote_literal_cstr(format->argument);
	return psprintf("privacy.%s(%s, %s%s%s)::%s", format->function, value, scope,
					third ? ", " : "", third ? third : "", column->type_name);
}

static const PseudonymFormat *
find_format(const TreatedColumn *column, Oid type)
{
	const LabelName *wanted = column->treatment->format;
	const PseudonymFormat *format = pp_pseudonym_format(wanted ? wanted->name : NULL, type);

	if (format == NULL && wanted != NULL)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("pseudonym format \"%s\" does not exist for type %s", wanted->name, format_type_be(type)),
				errhint("Valid formats are %s.", pp_pseudonym_format_names(type)),
				pp_label_position(wanted->location));
	if (format == NULL)
		refuse_column(column, psprintf("There are no pseudonyms of type %s.", column->type_name),
					  "SET NULL, a literal, or a MASK.");
	if (!format->is_unique && is_unique_alone(column))
		refuse_column(column, psprintf("It is unique, and pseudonyms of format %s are not.", format->name),
					  psprintf("Formats for its type are %s.", pp_pseudonym_format_names(type)));
	return format;
}

static void
check_length(const TreatedColumn *column, const PseudonymFormat *format, Oid type, int32 typmod)
{
	if ((type == VARCHAROID || type == BPCHAROID) && typmod >= 0 && typmod - VARHDRSZ < format->length)
		refuse_column(column, psprintf("A pseudonym of format %s has up to %d characters, the column holds %d.",
									   format->name, format->length, typmod - VARHDRSZ),
					  "Widen the column.");
}

/* The key of the subject whose value it is, as text: equal in every table that leads to the subject. */
static char *
subject_sql(const TreatedColumn *column, const PseudonymFormat *format)
{
	Label	   *table = pp_label_load(column->target->relid, 0);
	List	   *subjects = column->label->subjects != NIL ? column->label->subjects :
	table != NULL ? table->subjects : NIL;
	LabelSubject *subject;
	LabelStart *key;

	if (list_length(subjects) != 1 || list_length(((LabelSubject *) linitial(subjects))->keys) != 1)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("format \"%s\" needs the subject's key", format->name),
				errdetail("Neither the column's label nor its table's names one SUBJECT with one key column."),
				errhint("Label the table with SUBJECT <kind> KEY (<column>) or VIA (<column>) first, or choose another format: %s.",
						pp_pseudonym_format_names(format->type)),
				pp_label_position(column->treatment->location));
	subject = linitial(subjects);
	key = linitial(subject->keys);
	return psprintf("%s::pg_catalog.text", pp_label_resolve_column(column->target, &key->column, NULL, NULL));
}

/* The rule runs as the table's owner, so it is the owner who needs the scope. */
static void
check_scope(const TreatedColumn *column, const char *scope)
{
	int			location = column->treatment->scope ? column->treatment->scope->location :
	column->treatment->location;
	char	   *owner = GetUserNameFromId(column->target->owner, false);

	if (!pp_keyring_scope_exists(scope))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("scope \"%s\" does not exist", scope),
				errhint("Create it with privacy.create_scope()."),
				pp_label_position(location));
	if (!pp_keyring_scope_allows(scope, column->target->owner))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("role \"%s\" may not use scope \"%s\"", owner, scope),
				errdetail("The rule runs as the owner of the table."),
				errhint("SELECT privacy.grant_scope(%s, %s)", quote_literal_cstr(scope),
						quote_literal_cstr(quote_identifier(owner))),
				pp_label_position(location));
}
