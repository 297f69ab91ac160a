/*
 * core.c: the ground the modules stand on.
 *
 * Two things here are easy to get wrong. The first is time: a deletion rule must never depend on a
 * session's own idea of it, so the present is asked for in one place, and tests set it there
 * instead of sleeping. A test clock is a superuser's setting; whoever may set it may delete the
 * rows anyway.
 *
 * The second is acting as somebody else. The extension reads and writes its own tables on behalf of
 * roles that may not, and the sweep acts as the owner of each table. Both happen between
 * pp_core_enter and pp_core_leave: there the user is switched and every setting that could bend the
 * meaning of a statement is pinned. Settings are saved with GUC_ACTION_SAVE on a nesting level of
 * their own, the user in the transaction's state; an error undoes both on its way out, which is why
 * nobody needs a PG_TRY for it. GUC_ACTION_SAVE is also the one action that is allowed in a
 * parallel worker.
 */
#include "postgres.h"

#include <ctype.h>

#include "access/genam.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/core.h"

static char *core_clock = NULL;
static TimestampTz stopped_at;	/* what core_clock says, when it says something */

static bool check_clock(char **value, void **extra, GucSource source);
static void assign_clock(const char *value, void *extra);
static bool parse_clock(const char *text, TimestampTz *time);
static void pin(const char *name, const char *value);
static const char *policy_timezone(void);

void
pp_core_init(void)
{
	DefineCustomStringVariable("privacy.core_clock",
							   "The time that deletion rules take for the present; empty for the wall clock.",
							   "For tests and rehearsals. A time without offset is in the session's TimeZone.",
							   &core_clock, "", PGC_SUSET, GUC_NOT_IN_SAMPLE,
							   check_clock, assign_clock, NULL);
}

TimestampTz
pp_core_now(void)
{
	if (core_clock == NULL || core_clock[0] == '\0')
		return GetCurrentTimestamp();
	return stopped_at;
}

/* The parsed time travels as the setting's "extra", so that it is rolled back with the setting. */
static bool
check_clock(char **value, void **extra, GucSource source)
{
	TimestampTz time;

	(void) source;
	if (*value == NULL || (*value)[0] == '\0')
		return true;
	if (!parse_clock(*value, &time))
	{
		GUC_check_errdetail("\"%s\" is not a finite time.", *value);
		GUC_check_errhint("Give a time such as \"2026-01-31 00:00+00\", or an empty string for the wall clock.");
		return false;
	}
#if PG_VERSION_NUM >= 160000
	*extra = guc_malloc(LOG, sizeof(TimestampTz));
#else
	*extra = malloc(sizeof(TimestampTz));
#endif
	if (*extra == NULL)
		return false;
	memcpy(*extra, &time, sizeof(TimestampTz));
	return true;
}

static void
assign_clock(const char *value, void *extra)
{
	(void) value;
	if (extra != NULL)
		memcpy(&stopped_at, extra, sizeof(TimestampTz));
}

/*
 * Not timestamptz_in: a check hook also runs in the postmaster, where an error would end it. Words
 * such as "now" and "infinity" are left out by asking for a digit.
 */
static bool
parse_clock(const char *text, TimestampTz *time)
{
	char		buffer[MAXDATELEN + MAXDATEFIELDS];
	char	   *field[MAXDATEFIELDS];
	int			type[MAXDATEFIELDS];
	int			fields;
	int			kind;
	int			zone;
	fsec_t		fraction;
	struct pg_tm parts;

	if (!isdigit((unsigned char) text[0]))
		return false;
	if (ParseDateTime(text, buffer, sizeof(buffer), field, type, MAXDATEFIELDS, &fields) != 0)
		return false;
#if PG_VERSION_NUM >= 160000
	{
		DateTimeErrorExtra unused;

		if (DecodeDateTime(field, type, fields, &kind, &parts, &fraction, &zone, &unused) != 0)
			return false;
	}
#else
	if (DecodeDateTime(field, type, fields, &kind, &parts, &fraction, &zone) != 0)
		return false;
#endif
	return kind == DTK_DATE && tm2timestamp(&parts, fraction, &zone, time) == 0;
}

void
pp_core_enter(CoreStay *stay, Oid userid, bool restricted)
{
	int			security;

	if (!OidIsValid(userid))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("a table was dropped meanwhile"));
	GetUserIdAndSecContext(&stay->saved_user, &stay->saved_security);
	security = stay->saved_security;
	if (restricted)
		security |= SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS;
	else
		security |= SECURITY_LOCAL_USERID_CHANGE;

	stay->guc_level = NewGUCNestLevel();
	pin("search_path", "pg_catalog, pg_temp");
	pin("row_security", "off");
	pin("TimeZone", policy_timezone());
	pin("DateStyle", "ISO, YMD");
	pin("IntervalStyle", "postgres");
	pin("session_replication_role", "origin");
	pin("track_counts", "on");
	pin("extra_float_digits", "1");
	pin("standard_conforming_strings", "on");
	pin("transform_null_equals", "off");
	pin("array_nulls", "on");
	pin("backslash_quote", "safe_encoding");
	pin("quote_all_identifiers", "off");
	pin("bytea_output", "hex");
	pin("xmlbinary", "base64");
	pin("xmloption", "content");
	pin("lc_monetary", "C");
	pin("lc_messages", "C");	/* core_attempt.c reads them */
	pin("lc_numeric", "C");
	pin("lc_time", "C");
	pin("default_text_search_config", "pg_catalog.simple");
	pin("gin_fuzzy_search_limit", "0"); /* else an index may leave rows out */
	/* compiling the many expressions of a rule costs more than running them; a batch is small */
	pin("jit", "off");
	SetUserIdAndSecContext(userid, security);
}

void
pp_core_leave(CoreStay *stay)
{
	AtEOXact_GUC(false, stay->guc_level);
	SetUserIdAndSecContext(stay->saved_user, stay->saved_security);
}

static void
pin(const char *name, const char *value)
{
	const char *present = GetConfigOption(name, false, false);

	/* some are dear to set; what is changed in between goes back all the same */
	if (present != NULL && strcmp(present, value) == 0)
		return;
	(void) set_config_option(name, value, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/* The setting belongs to a layer above; by name, so that no arrow points upward. */
static const char *
policy_timezone(void)
{
	const char *zone = GetConfigOption("privacy.policy_timezone", true, false);

	return zone != NULL && zone[0] != '\0' ? zone : "UTC";
}

Oid
pp_core_extension(void)
{
	Oid			extension = get_extension_oid("pg_privacy", true);

	if (!OidIsValid(extension))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("extension \"pg_privacy\" is not created in this database"),
				 errdetail("The library is loaded, but database \"%s\" has none of its tables.",
						   get_database_name(MyDatabaseId)),
				 errhint("Use CREATE EXTENSION pg_privacy.")));
	return extension;
}

/* The tables go before the extension does, so that both are asked for. */
bool
pp_core_installed(void)
{
	Oid			schema;

	if (!OidIsValid(get_extension_oid("pg_privacy", true)))
		return false;
	schema = get_namespace_oid("privacy", true);
	return OidIsValid(schema) && OidIsValid(get_relname_relid("audit_entry", schema));
}

Oid
pp_core_owner(void)
{
	Relation	catalogue;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			owner = InvalidOid;

	ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(pp_core_extension()));
	catalogue = table_open(ExtensionRelationId, AccessShareLock);
	scan = systable_beginscan(catalogue, ExtensionOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		owner = ((Form_pg_extension) GETSTRUCT(tuple))->extowner;
	systable_endscan(scan);
	table_close(catalogue, AccessShareLock);

	if (!OidIsValid(owner))
		elog(ERROR, "extension \"pg_privacy\" vanished");	/* cannot happen */
	return owner;
}

Oid
pp_core_relation(const char *name)
{
	Oid			schema;
	Oid			relation = InvalidOid;

	(void) pp_core_extension();
	schema = get_namespace_oid("privacy", true);
	if (OidIsValid(schema))
		relation = get_relname_relid(name, schema);
	if (!OidIsValid(relation))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation \"privacy.%s\" does not exist", name),
				 errdetail("Extension pg_privacy is being created or dropped, or is older than its library."),
				 errhint("Use ALTER EXTENSION pg_privacy UPDATE.")));
	return relation;
}

void
pp_core_execute(const char *statement, bool read_only, int nargs, Oid *types,
				Datum *values, const char *nulls)
{
	CoreStay	stay;
	bool		pushed = false;

	pp_core_enter(&stay, pp_core_owner(), false);
	/* A read-only statement borrows the caller's snapshot; a background worker may have none. */
	if (read_only && !ActiveSnapshotSet())
	{
		PushActiveSnapshot(GetTransactionSnapshot());
		pushed = true;
	}
	pp_core_run(pp_core_plan(statement, nargs, types, NULL), values, nulls, read_only);
	if (pushed)
		PopActiveSnapshot();
	pp_core_leave(&stay);
}

char *
pp_core_quote_relation(Oid relid)
{
	char	   *name = get_rel_name(relid);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid),
				 errdetail("It has been dropped meanwhile.")));
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), name);
}

const char *
pp_core_utf8(const char *text, int length, int *utf8_length)
{
	int			encoding = GetDatabaseEncoding();
	const char *converted;

	*utf8_length = length;
	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII || length == 0)
		return text;

	converted = pg_server_to_any(text, length, PG_UTF8);
	if (converted != text)
		*utf8_length = strlen(converted);
	return converted;
}

void
pp_core_put_number(unsigned char bytes[8], uint64 number)
{
#ifdef WORDS_BIGENDIAN
	number = pg_bswap64(number);
#endif
	memcpy(bytes, &number, 8);
}
