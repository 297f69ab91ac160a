/*
 * audit.c: evidence of what was done, by whom, under which rule, to how many rows.
 *
 * An entry is inserted in the transaction of its effect, so that there is never one without the
 * other. It carries a MAC under a key that only this database's root key opens: who can write the
 * table cannot forge an entry. That alone would not show an entry that was removed, so entries are
 * chained (audit_seal.c); but not while they are written, since then all writers would wait for the
 * one before them.
 *
 * What is written here stays: tables are append-only by trigger, and no personal value belongs into
 * any column.
 *
 * The id is drawn before the row is inserted, because the MAC covers it. The lock on the table
 * comes before the id: a sealer that finds the table unlocked then knows that every id drawn so far
 * is committed or never will be.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "audit/audit_internal.h"
#include "core/core.h"
#include "keyring/keyring.h"

static void record_key_event(const char *event, const char *scope, const char *role, int version);
static void insert_entry(const StoredEntry *entry, const unsigned char mac[PP_AUDIT_MAC_BYTES]);
static Datum text_or_null(const char *text, char *null);
static char *normalise_json(const char *json);

PG_FUNCTION_INFO_V1(pp_sql_seal_audit);
PG_FUNCTION_INFO_V1(pp_sql_audit_head);

void
pp_audit_init(void)
{
	pp_keyring_on_event(record_key_event);
}

static void
record_key_event(const char *event, const char *scope, const char *role, int version)
{
	AuditEntry	entry = {.action = event, .object = scope, .row_count = -1};
	StringInfoData detail;

	initStringInfo(&detail);
	if (role != NULL)
	{
		appendStringInfoString(&detail, "{\"role\": ");
		escape_json(&detail, role);
		appendStringInfoChar(&detail, '}');
	}
	else if (version > 0)
		appendStringInfo(&detail, "{\"version\": %d}", version);
	if (detail.len > 0)
		entry.detail = detail.data;
	pp_audit_append(&entry);
}

void
pp_audit_append(const AuditEntry *entry)
{
	pp_audit_append_as(entry, GetUserNameFromId(GetSessionUserId(), false));
}

void
pp_audit_append_as(const AuditEntry *entry, const char *actor)
{
	unsigned char mac[PP_AUDIT_MAC_BYTES];
	StoredEntry stored = {
		.actor = actor,
		.action = entry->action,
		.object = entry->object,
		.rule = entry->rule,
		.cut_off = entry->cut_off == 0 || TIMESTAMP_NOT_FINITE(entry->cut_off) ? NULL : &entry->cut_off,
		.row_count = entry->row_count < 0 ? NULL : &entry->row_count,
		.detail = entry->detail == NULL ? NULL : normalise_json(entry->detail),
		.subject_hash = entry->subject_hash == NULL ? NULL : pp_audit_make_bytea(entry->subject_hash),
	};

	pp_audit_require_key();
	LockRelationOid(pp_core_relation("audit_entry"), RowExclusiveLock);
	stored.id = nextval_internal(pp_core_relation("audit_entry_id"), false);
	stored.at = GetCurrentTimestamp();	/* never the tests' clock: this is evidence */
	pp_audit_mac_entry(mac, &stored);
	insert_entry(&stored, mac);
}

static void
insert_entry(const StoredEntry *entry, const unsigned char mac[PP_AUDIT_MAC_BYTES])
{
	Oid			types[] = {INT8OID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
	TIMESTAMPTZOID, INT8OID, TEXTOID, BYTEAOID, BYTEAOID};
	char		nulls[] = "           ";
	Datum		values[11];

	values[0] = Int64GetDatum(entry->id);
	values[1] = TimestampTzGetDatum(entry->at);
	values[2] = text_or_null(entry->actor, &nulls[2]);
	values[3] = text_or_null(entry->action, &nulls[3]);
	values[4] = text_or_null(entry->object, &nulls[4]);
	values[5] = text_or_null(entry->rule, &nulls[5]);
	values[6] = entry->cut_off != NULL ? TimestampTzGetDatum(*entry->cut_off) : (Datum) 0;
	values[7] = entry->row_count != NULL ? Int64GetDatum(*entry->row_count) : (Datum) 0;
	values[8] = text_or_null(entry->detail, &nulls[8]);
	values[9] = PointerGetDatum(entry->subject_hash);
	values[10] = PointerGetDatum(pp_audit_make_bytea(mac));
	if (entry->cut_off == NULL)
		nulls[6] = 'n';
	if (entry->row_count == NULL)
		nulls[7] = 'n';
	if (entry->subject_hash == NULL)
		nulls[9] = 'n';
	pp_core_execute("INSERT INTO privacy.audit_entry "
					"(id, at, actor, action, object, rule, cut_off, row_count, detail, subject_hash, mac) "
					"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::pg_catalog.jsonb, $10, $11)",
					false, 11, types, values, nulls);
}

static Datum
text_or_null(const char *text, char *null)
{
	if (text !=NULL)
		return CStringGetTextDatum(text);
	*null = 'n';
	return (Datum) 0;
}

/* The MAC covers what jsonb prints: spaces, the order and repetition of keys do not survive storage. */
static char *
normalise_json(const char *json)
{
	Datum		stored = DirectFunctionCall1(jsonb_in, CStringGetDatum(json));

	return DatumGetCString(DirectFunctionCall1(jsonb_out, stored));
}

void
pp_audit_stream(const char *statement, int nargs, Oid *types, Datum *values,
				bool read_only, AuditVisitor visit, void *state)
{
	MemoryContext batch = AllocSetContextCreate(CurrentMemoryContext, "audit batch", ALLOCSET_DEFAULT_SIZES);
	Portal		cursor = SPI_cursor_open_with_args(NULL, statement, nargs, types, values, NULL,
												   read_only, CURSOR_OPT_NO_SCROLL);

	do
	{
		MemoryContext before;

		SPI_cursor_fetch(cursor, true, PP_AUDIT_FETCH);
		before = MemoryContextSwitchTo(batch);
		for (uint64 i = 0; i < SPI_processed; i++)
			visit(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, state);
		MemoryContextSwitchTo(before);
		MemoryContextReset(batch);
		SPI_freetuptable(SPI_tuptable);
		CHECK_FOR_INTERRUPTS();
	} while (SPI_processed > 0);
	SPI_cursor_close(cursor);
	MemoryContextDelete(batch);
}

/* Making a new key up for old evidence would turn every entry into a forgery. */
void
pp_audit_require_key(void)
{
	pp_core_execute("SELECT FROM privacy.audit_entry "
					"WHERE NOT EXISTS (SELECT FROM privacy.root_key) LIMIT 1", false, 0, NULL, NULL, NULL);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_PP_EVIDENCE),
				 errmsg("the key of the evidence in this database is missing"),
				 errdetail("Table privacy.audit_entry has entries, but privacy.root_key has no row."),
				 errhint("Restore privacy.root_key from the dump or backup that the entries come from.")));
	pp_keyring_require();
}

/* seal_audit() */
Datum
pp_sql_seal_audit(PG_FUNCTION_ARGS)
{
	int64		sealed;

	(void) fcinfo;
	SPI_connect();
	sealed = pp_audit_seal();
	SPI_finish();
	PG_RETURN_INT64(sealed);
}

/* audit_head() */
Datum
pp_sql_audit_head(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	char	   *head = NULL;

	(void) fcinfo;
	SPI_connect();
	pp_core_execute("SELECT pg_catalog.concat(chain_number, ':', pg_catalog.encode(mac, 'hex')) "
					"FROM privacy.audit_seal ORDER BY chain_number DESC LIMIT 1", true, 0, NULL, NULL, NULL);
	if (SPI_processed > 0)
		head = MemoryContextStrdup(caller, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	SPI_finish();
	if (head == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(head));
}
