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

static char *value_sql(const TreatedColumn *column, Oid type);
static char *write_array_call(const TreatedColumn *column, const PseudonymFormat *format, const char *scope);
static char *write_call(const TreatedColumn *column, const PseudonymFormat *format, const char *scope, int room);
static int	token_length(void);
static const PseudonymFormat *find_format(const TreatedColumn *column, Oid type);
static int	room_of(Oid type, int32 typmod);
static void check_length(const TreatedColumn *column, const PseudonymFormat *format, int room, bool is_array);
static void check_scope(const TreatedColumn *column, const char *scope);

const char *
pp_policy_scope(const LabelTreatment *treatment)
{
	return treatment->scope != NULL ? treatment->scope->name : "person";
}

/*
 * A domain, an array of domains and varchar(n) are treated as what they are made from. The result
 * is assigned to the column: that checks its length and the domain's constraints.
 */
void
compile_pseudonym(const TreatedColumn *column, ColumnTreatment *result)
{
	const char *scope = pp_policy_scope(column->treatment);
	int32		typmod = column->typmod;
	Oid			base = getBaseTypeAndTypmod(column->type, &typmod);
	Oid			element = get_element_type(base);
	Oid			type = OidIsValid(element) ? getBaseTypeAndTypmod(element, &typmod) : base;
	const PseudonymFormat *format = find_format(column, type);
	int			room = room_of(type, typmod);

	check_scope(column, scope);
	check_length(column, format, room, OidIsValid(element));
	appendStringInfo(column->target->binding, "pseudonym %s in %s;", format->name, scope);
	scope = quote_literal_cstr(scope);
	if (OidIsValid(element))
		result->value = write_array_call(column, format, scope);
	else
		result->value = write_call(column, format, scope, room);
	if (format->is_marked && !OidIsValid(element))
		result->untreated = psprintf("%s IS DISTINCT FROM NULL AND NOT privacy.is_pseudonym(%s, %s%s)",
									 column->sql, value_sql(column, format->type), scope,
									 type == UUIDOID || format->keeps_domain ? "" : ", 'replace'");
}

static char *
value_sql(const TreatedColumn *column, Oid type)
{
	return psprintf("%s::%s", column->sql, format_type_be_qualified(type));
}

static char *
write_array_call(const TreatedColumn *column, const PseudonymFormat *format, const char *scope)
{
	if (format->needs_subject)
		refuse_column(column, "Its format needs the subject's key, which arrays have no place for.", "Choose another format.");
	return psprintf("privacy.pseudonym_array(%s, %s, %s)",
					value_sql(column, get_array_type(format->type)), scope, quote_literal_cstr(format->name));
}

/* What is not of the format's form becomes a token, which may have to be cut. */
static char *
write_call(const TreatedColumn *column, const PseudonymFormat *format, const char *scope, int room)
{
	const char *third = NULL;
	char	   *call;

	if (format->needs_subject)
		third = compile_subject_key(column, format);
	else if (format->argument != NULL)
		third = quote_literal_cstr(format->argument);
	call = psprintf("privacy.%s(%s, %s%s%s)", format->function, value_sql(column, format->type), scope,
					third ? ", " : "", third ? third : "");
	if (format->length == 0 && room < token_length())
		return psprintf("pg_catalog.substr(%s, 1, %d)", call, room);
	return call;
}

static int
token_length(void)
{
	return pp_pseudonym_format("token", TEXTOID)->length;
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
				errhint("Valid formats are %s.", pp_pseudonym_format_names(type, false)),
				pp_label_position(wanted->location));
	if (format == NULL)
		refuse_column(column, psprintf("There are no pseudonyms of type %s.", column->type_name),
					  "SET NULL, a literal, or a MASK.");
	if (!format->is_unique && is_unique_alone(column, false))
		refuse_column(column, psprintf("It is unique, and pseudonyms of format %s are not.", format->name),
					  psprintf("Unique formats for its type: %s.", pp_pseudonym_format_names(type, true)));
	return format;
}

/* How many characters the column, or an element of it, may have. */
static int
room_of(Oid type, int32 typmod)
{
	return (type == VARCHAROID || type == BPCHAROID) && typmod >= 0 ? typmod - VARHDRSZ : INT_MAX;
}

static void
check_length(const TreatedColumn *column, const PseudonymFormat *format, int room, bool is_array)
{
	if (room == INT_MAX)
		return;
	if (format->grows)
		refuse_column(column, psprintf("A pseudonym of format %s grows with the value, the column holds %d characters.",
									   format->name, room),
					  "Widen the column: text, or varchar without a length.");
	if (room < format->length)
		refuse_column(column, psprintf("A pseudonym of format %s has up to %d characters, the column holds %d.",
									   format->name, format->length, room),
					  "Widen the column.");
	if (format->length == 0 && is_array && room < token_length())
		refuse_column(column, psprintf("A value that is not of the form of %s becomes a token of %d characters; the elements hold %d, and are not cut.",
									   format->name, token_length(), room),
					  psprintf("Widen the column to %d characters.", token_length()));
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
