/*
 * pseudonym.c: the register of formats.
 *
 * One table says which formats there are, for which types, by which function, and what can be said
 * of their results: whether they carry a mark (else a label needs MARK), how long they can become,
 * whether unique stays unique. Labels, arrays and error hints all read it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "parser/parse_coerce.h"

#include "core/core.h"
#include "pseudonym/pseudonym_internal.h"

#define EMAIL_LENGTH	(PP_TOKEN_DIGITS + 18)
#define DOMAIN_LENGTH	(PP_TOKEN_DIGITS + 29)

#define DECLARE(function) extern Datum function(PG_FUNCTION_ARGS)

DECLARE(pp_sql_pseudonym);
DECLARE(pp_sql_pseudonym_base32);
DECLARE(pp_sql_pseudonym_base64url);
DECLARE(pp_sql_pseudonym_email);
DECLARE(pp_sql_pseudonym_digits);
DECLARE(pp_sql_pseudonym_of_uuid);
DECLARE(pp_sql_pseudonym_int2);
DECLARE(pp_sql_pseudonym_int4);
DECLARE(pp_sql_pseudonym_int8);
DECLARE(pp_sql_pseudonym_inet);
DECLARE(pp_sql_pseudonym_cidr);
DECLARE(pp_sql_pseudonym_date);
DECLARE(pp_sql_pseudonym_timestamp);
DECLARE(pp_sql_subject_pseudonym);
DECLARE(pp_sql_subject_pseudonym_date);
DECLARE(pp_sql_subject_pseudonym_timestamp);
DECLARE(pp_sql_encrypted_pseudonym);
DECLARE(pp_sql_pseudonym_phone);
DECLARE(pp_sql_pseudonym_personnummer);
DECLARE(pp_sql_pseudonym_organisation_number);
DECLARE(pp_sql_pseudonym_card);
DECLARE(pp_sql_pseudonym_name);
DECLARE(pp_sql_pseudonym_given_name);
DECLARE(pp_sql_pseudonym_family_name);
DECLARE(pp_sql_pseudonym_street);
DECLARE(pp_sql_pseudonym_postal_code);
DECLARE(pp_sql_pseudonym_city);

/* A type's first format is its default. */
static const PseudonymFormat formats[] = {
	{"token", TEXTOID, "pseudonym", pp_sql_pseudonym, .length = PP_TOKEN_DIGITS, .is_marked = true, .is_unique = true},
	{"base32", TEXTOID, "pseudonym_base32", pp_sql_pseudonym_base32, .length = 32, .is_marked = true, .is_unique = true},
	{"base64url", TEXTOID, "pseudonym_base64url", pp_sql_pseudonym_base64url, .length = 27, .is_marked = true, .is_unique = true},
	{"email", TEXTOID, "pseudonym_email", pp_sql_pseudonym_email, .argument = "replace", .length = EMAIL_LENGTH, .is_marked = true, .is_unique = true},
	{"email_pseudonym_domain", TEXTOID, "pseudonym_email", pp_sql_pseudonym_email, .argument = "pseudonymize", .length = DOMAIN_LENGTH, .is_marked = true, .is_unique = true},
	{"email_keep_domain", TEXTOID, "pseudonym_email", pp_sql_pseudonym_email, .argument = "keep", .length = PP_TOKEN_DIGITS + 64, .is_marked = true, .keeps_domain = true, .is_unique = true},
	{"digits", TEXTOID, "pseudonym_digits", pp_sql_pseudonym_digits, .is_unique = true},
	{"subject_token", TEXTOID, "subject_pseudonym", pp_sql_subject_pseudonym, .length = PP_TOKEN_DIGITS, .is_marked = true, .needs_subject = true, .is_unique = true},
	{"phone", TEXTOID, "pseudonym_phone", pp_sql_pseudonym_phone, .is_unique = true},
	{"personnummer", TEXTOID, "pseudonym_personnummer", pp_sql_pseudonym_personnummer, .argument = "not_issuable", .is_unique = true},
	{"personnummer_issuable", TEXTOID, "pseudonym_personnummer", pp_sql_pseudonym_personnummer, .argument = "issuable", .is_unique = true},
	{"organisation_number", TEXTOID, "pseudonym_organisation_number", pp_sql_pseudonym_organisation_number, .is_unique = true},
	{"card", TEXTOID, "pseudonym_card", pp_sql_pseudonym_card, .argument = "issuable", .is_unique = true},
	{"card_not_issuable", TEXTOID, "pseudonym_card", pp_sql_pseudonym_card, .argument = "not_issuable"},
	{"name", TEXTOID, "pseudonym_name", pp_sql_pseudonym_name, .argument = "sv", .length = 26},
	{"given_name", TEXTOID, "pseudonym_given_name", pp_sql_pseudonym_given_name, .argument = "sv", .length = 11},
	{"family_name", TEXTOID, "pseudonym_family_name", pp_sql_pseudonym_family_name, .argument = "sv", .length = 14},
	{"name_en", TEXTOID, "pseudonym_name", pp_sql_pseudonym_name, .argument = "en", .length = 22},
	{"given_name_en", TEXTOID, "pseudonym_given_name", pp_sql_pseudonym_given_name, .argument = "en", .length = 11},
	{"family_name_en", TEXTOID, "pseudonym_family_name", pp_sql_pseudonym_family_name, .argument = "en", .length = 10},
	{"street", TEXTOID, "pseudonym_street", pp_sql_pseudonym_street, .length = 20},
	{"postal_code", TEXTOID, "pseudonym_postal_code", pp_sql_pseudonym_postal_code, .is_unique = true},
	{"city", TEXTOID, "pseudonym_city", pp_sql_pseudonym_city, .length = 14},
	{"encrypted", TEXTOID, "encrypted_pseudonym", pp_sql_encrypted_pseudonym, .is_unique = true, .grows = true},
	{"uuid", UUIDOID, "pseudonym", pp_sql_pseudonym_of_uuid, .is_marked = true, .is_unique = true},
	{"number", INT2OID, "pseudonym", pp_sql_pseudonym_int2, .is_unique = true},
	{"number", INT4OID, "pseudonym", pp_sql_pseudonym_int4, .is_unique = true},
	{"number", INT8OID, "pseudonym", pp_sql_pseudonym_int8, .is_unique = true},
	{"prefix", INETOID, "pseudonym", pp_sql_pseudonym_inet, .is_unique = true},
	{"prefix", CIDROID, "pseudonym", pp_sql_pseudonym_cidr, .is_unique = true},
	{"shift", DATEOID, "subject_pseudonym", pp_sql_subject_pseudonym_date, .needs_subject = true},
	{"shift", TIMESTAMPTZOID, "subject_pseudonym", pp_sql_subject_pseudonym_timestamp, .needs_subject = true},
	{"shift", TIMESTAMPOID, "subject_pseudonym", pp_sql_subject_pseudonym_timestamp, .needs_subject = true},
	{"day", DATEOID, "pseudonym", pp_sql_pseudonym_date, .is_unique = true},
	{"moment", TIMESTAMPTZOID, "pseudonym", pp_sql_pseudonym_timestamp, .is_unique = true},
	{"moment", TIMESTAMPOID, "pseudonym", pp_sql_pseudonym_timestamp, .is_unique = true},
};

static bool takes(const PseudonymFormat *format, Oid type);

const PseudonymFormat *
pp_pseudonym_format(const char *name, Oid type)
{
	for (size_t i = 0; i < lengthof(formats); i++)
		if (takes(&formats[i], type) && (name == NULL || strcmp(formats[i].name, name) == 0))
			return &formats[i];
	return NULL;
}

const char *
pp_pseudonym_format_names(Oid type, bool unique)
{
	StringInfoData names;

	initStringInfo(&names);
	for (size_t i = 0; i < lengthof(formats); i++)
		if (takes(&formats[i], type) && (formats[i].is_unique || !unique))
			appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", formats[i].name);
	return names.len > 0 ? names.data : "none";
}

static bool
takes(const PseudonymFormat *format, Oid type)
{
	return format->type == type ||
		(format->type == TEXTOID && (type == BPCHAROID || IsBinaryCoercible(type, TEXTOID)));
}
