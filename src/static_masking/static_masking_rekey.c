/*
 * static_masking_rekey.c: pseudonyms brought over to their scope's current version.
 *
 * After rotate_scope() old pseudonyms stay what they are, and are recognised, but new rows get
 * others: equal values are no longer equal. A column is brought over by chaining, the pseudonym of
 * the old pseudonym under the new key (EDPB Guidelines 01/2025, par. 91), or from the raw values
 * where another column still has them. The two differ: only the latter gives what the values would
 * get today. Pseudonyms of the current version are left alone, so that doing it twice does nothing;
 * so is everything that is no pseudonym of the scope.
 *
 * It is an ordinary UPDATE as the table's owner: triggers fire, ON UPDATE CASCADE carries keys
 * along, and old pseudonyms stay in dead rows until VACUUM. They are not raw values, so that a
 * rewrite would be too much.
 *
 * Deferred triggers would fire at commit with the caller's rights instead of the owner's; so
 * constraints are made immediate first.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "audit/audit.h"
#include "core/core.h"
#include "keyring/keyring.h"
#include "label/label.h"
#include "pseudonym/pseudonym.h"
#include "static_masking/static_masking_internal.h"

PG_FUNCTION_INFO_V1(pp_sql_rekey_column);
PG_FUNCTION_INFO_V1(pp_sql_rekey_table);

/* A column on its way. */
typedef struct Rekey
{
	Oid			relid;
	const char *table;			/* quoted */
	const char *column;			/* as the catalogue has them */
	const char *raw;			/* the column of the raw values, or NULL */
	const char *scope;
	int			version;		/* the current one */
	char	   *update;			/* the statement */
} Rekey;

static Oid	table_argument(PG_FUNCTION_ARGS);
static void check_relation(Oid relid);
static char *name_argument(PG_FUNCTION_ARGS, int number);
static List *labelled_columns(Oid relid);
static void rekey(Rekey *column);
static void update_rows(void *arg);
static char *compile_update(const Rekey *column);
static const char *as_pseudonym(const Rekey *column, const char *name);
static char *compile_raw(const Rekey *column);
static char *raw_condition(const Rekey *column);
static const PseudonymFormat *format_of(Oid relid, AttrNumber attnum, const LabelTreatment *treatment);
static const LabelTreatment *pseudonymisation(Oid relid, AttrNumber attnum);
static void record_rekey(const Rekey *column, int64 rows);

/* CALL rekey_column(table_name regclass, column_name name, scope text, raw_column name DEFAULT NULL) */
Datum
pp_sql_rekey_column(PG_FUNCTION_ARGS)
{
	Rekey		column = {.relid = table_argument(fcinfo)};

	column.column = name_argument(fcinfo, 1);
	column.raw = PG_ARGISNULL(3) ? NULL : name_argument(fcinfo, 3);
	if (PG_ARGISNULL(2))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("which scope are the pseudonyms of?"),
				errhint("See privacy.scope_status."));
	column.scope = text_to_cstring(PG_GETARG_TEXT_PP(2));
	SPI_connect();
	rekey(&column);
	SPI_finish();
	PG_RETURN_VOID();
}

/* CALL rekey_table(table_name regclass) */
Datum
pp_sql_rekey_table(PG_FUNCTION_ARGS)
{
	Oid			relid = table_argument(fcinfo);
	List	   *columns = labelled_columns(relid);
	ListCell   *cell;

	if (columns == NIL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("table %s has no pseudonyms to bring over", pp_core_quote_relation(relid)),
				errdetail("None of its columns is labelled PSEUDONYMIZE with a format that can be recognised."),
				errhint("CALL privacy.rekey_column() for a column without a label."));
	SPI_connect();
	foreach(cell, columns)
	{
		rekey(lfirst(cell));
	}
	SPI_finish();
	PG_RETURN_VOID();
}

static Oid
table_argument(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);

	if (!OidIsValid(relid))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("which table is to be brought over?"));
	check_relation(relid);
	LockRelationOid(relid, RowExclusiveLock);
	check_relation(relid);
	return relid;
}

static void
check_relation(Oid relid)
{
	char	   *name = pp_core_quote_relation(relid);
	char		kind = get_rel_relkind(relid);
	Relation	relation;

	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("%s is not a table", name));
	require_ownership(list_make1_oid(relid));
	relation = table_open(relid, RowExclusiveLock);
	if (pp_label_has_rewrite_rules(relation))
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("table %s has rewrite rules for DELETE or UPDATE", name),
				errdetail("Its pseudonyms are brought over by an UPDATE."));
	table_close(relation, NoLock);
}

/* Of an existing column. */
static char *
name_argument(PG_FUNCTION_ARGS, int number)
{
	char	   *name = PG_ARGISNULL(number) ? "" : pstrdup(NameStr(*PG_GETARG_NAME(number)));

	if (get_attnum(PG_GETARG_OID(0), name) <= 0)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_COLUMN),
				errmsg("column \"%s\" of table %s does not exist", name,
					   pp_core_quote_relation(PG_GETARG_OID(0))));
	return name;
}

/* Those that can be brought over, of Rekey; a notice for those that cannot. */
static List *
labelled_columns(Oid relid)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, pp_label_columns(relid))
	{
		AttrNumber	attnum = lfirst_int(cell);
		const LabelTreatment *treatment = attnum > 0 ? pseudonymisation(relid, attnum) : NULL;
		const PseudonymFormat *format = treatment ? format_of(relid, attnum, treatment) : NULL;
		Rekey	   *column = palloc0(sizeof(Rekey));

		if (treatment == NULL)
			continue;
		column->relid = relid;
		column->column = get_attname(relid, attnum, false);
		column->scope = pp_policy_scope(treatment);
		if (format != NULL && format->is_marked)
			result = lappend(result, column);
		else
			ereport(NOTICE,
					errmsg("column \"%s\" is left as it is", column->column),
					errdetail("Pseudonyms of its format cannot be told from raw values."));
	}
	return result;
}

static void
rekey(Rekey *column)
{
	CoreStay	stay;
	ErrorData  *error;

	column->table = pp_core_quote_relation(column->relid);
	pp_core_enter(&stay, pp_core_table_owner(column->relid), true);
	column->version = pp_keyring_scope_key(column->scope)->version;
	pp_core_leave(&stay);
	column->update = compile_update(column);
	error = pp_core_attempt(update_rows, column);
	if (error != NULL)
		ereport(ERROR,
				errcode(error->sqlerrcode),
				errmsg("column \"%s\" of table %s could not be brought over", column->column, column->table),
				errdetail("%s", pp_core_describe_error(error, true)),
				errhint("Nothing was changed."));
}

static void
update_rows(void *arg)
{
	Rekey	   *column = arg;
	Oid			types[] = {TEXTOID, INT4OID};
	Datum		values[] = {CStringGetTextDatum(column->scope), Int32GetDatum(column->version)};
	CoreStay	stay;
	int64		rows;

	SPI_execute("SET CONSTRAINTS ALL IMMEDIATE", false, 0);
	pp_core_enter(&stay, pp_core_table_owner(column->relid), true);
	if (SPI_execute_with_args(column->update, 2, types, values, NULL, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "no update");	/* cannot happen */
	rows = (int64) SPI_processed;
	pp_core_leave(&stay);
	record_rekey(column, rows);
}

static char *
compile_update(const Rekey *column)
{
	const char *old = as_pseudonym(column, column->column);
	AttrNumber	attnum = get_attnum(column->relid, column->column);
	Oid			type;
	int32		typmod;
	Oid			collation;

	get_atttypetypmodcoll(column->relid, attnum, &type, &typmod, &collation);
	return psprintf("UPDATE %s AS " PP_TARGET " SET %s = %s::%s "
					"WHERE privacy.pseudonym_version(%s, $1) < $2%s",
					column->table, quote_identifier(column->column),
					column->raw ? compile_raw(column) : psprintf("privacy.chain_pseudonym(%s, $1)", old),
					format_type_with_typemod(type, typmod), old,
					column->raw ? raw_condition(column) : "");
}

/* The column as the pseudonym functions take it. */
static const char *
as_pseudonym(const Rekey *column, const char *name)
{
	Oid			type = getBaseType(get_atttype(column->relid, get_attnum(column->relid, name)));

	if (type != UUIDOID && type != TEXTOID && type != VARCHAROID && type != BPCHAROID)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("column \"%s\" cannot be brought over", name),
				errdetail("It is of type %s, whose pseudonyms cannot be told from raw values.",
						  format_type_be(type)),
				errhint("Mask the table again from its source."));
	return psprintf(PP_TARGET ".%s::pg_catalog.%s", quote_identifier(name), type == UUIDOID ? "uuid" : "text");
}

/* The column's label knows its format. */
static char *
compile_raw(const Rekey *column)
{
	AttrNumber	attnum = get_attnum(column->relid, column->column);
	const LabelTreatment *treatment = pseudonymisation(column->relid, attnum);
	const PseudonymFormat *format = treatment ? format_of(column->relid, attnum, treatment) : NULL;

	if (format == NULL || format->needs_subject)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("the format of column \"%s\" is not known", column->column),
				errdetail("Pseudonyms are made from raw values in the format that the column's label names."),
				errhint("Label it PSEUDONYMIZE AS ..., or leave raw_column out."));
	return psprintf("privacy.%s(%s, $1%s)", format->function, as_pseudonym(column, column->raw),
					format->argument ? psprintf(", %s", quote_literal_cstr(format->argument)) : "");
}

/* A column that was masked meanwhile has pseudonyms instead of raw values. */
static char *
raw_condition(const Rekey *column)
{
	const char *raw = as_pseudonym(column, column->raw);

	return psprintf(" AND %s IS NOT NULL AND privacy.pseudonym_version(%s, $1) IS NULL", raw, raw);
}

static const PseudonymFormat *
format_of(Oid relid, AttrNumber attnum, const LabelTreatment *treatment)
{
	return pp_pseudonym_format(treatment->format ? treatment->format->name : NULL,
							   getBaseType(get_atttype(relid, attnum)));
}

/* What static masking does with the column, if that is to pseudonymise. */
static const LabelTreatment *
pseudonymisation(Oid relid, AttrNumber attnum)
{
	Label	   *label = pp_label_load(relid, attnum);
	LabelTreatment *treatment = label == NULL ? NULL : label->masking ? label->masking : label->treatment;

	return treatment != NULL && treatment->kind == TREAT_PSEUDONYMIZE ? treatment : NULL;
}

static void
record_rekey(const Rekey *column, int64 rows)
{
	AuditEntry	entry = {.action = "mask.rekey", .object = column->table, .row_count = rows};
	StringInfoData detail;

	initStringInfo(&detail);
	appendStringInfoString(&detail, "{\"column\": ");
	escape_json(&detail, column->column);
	appendStringInfoString(&detail, ", \"scope\": ");
	escape_json(&detail, column->scope);
	appendStringInfo(&detail, ", \"version\": %d}", column->version);
	entry.detail = detail.data;
	pp_audit_append(&entry);
}
