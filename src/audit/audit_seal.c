/*
 * audit_seal.c: the chain.
 *
 * A sealer takes the entries that have committed and are in no link yet, in the order of their ids,
 * and appends one link for each: a number without gaps, the entry, and a MAC over both, the entry's
 * MAC and the MAC of the link before. A removed, altered or moved link then breaks the one behind
 * it. Only one sealer works at a time: it holds SHARE ROW EXCLUSIVE on privacy.audit_seal to the
 * end of its transaction. Writers of entries never wait for it.
 *
 * Entries commit in another order than their ids, so "greater than the last one sealed" would
 * forget some, and a join over the whole table at every sealing would cost more from year to year.
 * Each link therefore says up to which id everything is settled: sealed, rolled back or never used.
 * A sealer may raise that to the last id drawn when no transaction is writing entries just then;
 * writers lock the table before they draw. It asks by trying to lock out writers and letting go at
 * once. While somebody writes the mark stays where it was, and sealing looks at a few entries more.
 * With a snapshot older than that question (REPEATABLE READ) it would prove nothing, and is not
 * asked.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "audit/audit_internal.h"
#include "core/core.h"

typedef struct Sealing
{
	StoredSeal	last;			/* the last link of the chain */
	unsigned char last_mac[PP_AUDIT_MAC_BYTES];
	int64		sealed;
	int			pending;		/* links not yet written, in the arrays below */
	Datum		entry_ids[PP_AUDIT_FETCH];
	Datum		macs[PP_AUDIT_FETCH];
	MemoryContext context;
} Sealing;

static void read_last_link(Sealing *sealing);
static int64 find_settled(int64 before);
static void seal_entry(HeapTuple row, TupleDesc columns, void *state);
static void write_links(Sealing *sealing);

int64
pp_audit_seal(void)
{
	Sealing    *sealing = palloc0(sizeof(Sealing));
	Oid			types[] = {INT8OID};
	Datum		values[1];
	CoreStay	stay;

	/* A database without evidence needs no key. */
	pp_core_execute("SELECT FROM privacy.audit_entry LIMIT 1", false, 0, NULL, NULL, NULL);
	if (SPI_processed == 0)
		return 0;
	pp_audit_require_key();
	pp_core_enter(&stay, pp_core_owner(), false);
	LockRelationOid(pp_core_relation("audit_seal"), ShareRowExclusiveLock);
	sealing->context = CurrentMemoryContext;
	read_last_link(sealing);
	values[0] = Int64GetDatum(sealing->last.settled_id);
	sealing->last.settled_id = find_settled(sealing->last.settled_id);
	sealing->last.sealed_at = GetCurrentTimestamp();
	pp_audit_stream("SELECT e.id, e.mac FROM privacy.audit_entry AS e "
					"WHERE e.id > $1 "
					"AND NOT EXISTS (SELECT FROM privacy.audit_seal AS s WHERE s.entry_id = e.id AND s.entry_id > $1) "
					"ORDER BY e.id", 1, types, values, false, seal_entry, sealing);
	write_links(sealing);
	pp_core_leave(&stay);
	return sealing->sealed;
}

static void
read_last_link(Sealing *sealing)
{
	bool		isnull;

	pp_core_execute("SELECT chain_number, settled_id, mac FROM privacy.audit_seal "
					"ORDER BY chain_number DESC LIMIT 1", false, 0, NULL, NULL, NULL);
	if (SPI_processed == 0)
		return;
	sealing->last.chain_number = pp_audit_get_number(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	sealing->last.settled_id = pp_audit_get_number(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull);
	(void) pp_audit_get_mac(sealing->last_mac, SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3);
}

/* The last id is read before the lock is tried: whoever drew it, or one before it, held the lock. */
static int64
find_settled(int64 before)
{
	Oid			entries = pp_core_relation("audit_entry");
	int64		drawn;
	bool		isnull;

	if (IsolationUsesXactSnapshot())
		return before;
	pp_core_execute("SELECT last_value FROM privacy.audit_entry_id WHERE is_called", false, 0, NULL, NULL, NULL);
	if (SPI_processed == 0)
		return before;
	drawn = pp_audit_get_number(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (!ConditionalLockRelationOid(entries, ShareLock))
		return before;
	UnlockRelationOid(entries, ShareLock);
	return Max(before, drawn);
}

static void
seal_entry(HeapTuple row, TupleDesc columns, void *state)
{
	Sealing    *sealing = state;
	unsigned char entry_mac[PP_AUDIT_MAC_BYTES] = {0};
	bool		isnull;
	MemoryContext batch;

	sealing->last.chain_number++;
	sealing->last.entry_id = pp_audit_get_number(row, columns, 1, &isnull);
	(void) pp_audit_get_mac(entry_mac, row, columns, 2);
	pp_audit_mac_seal(sealing->last_mac, &sealing->last, entry_mac, sealing->last_mac);

	batch = MemoryContextSwitchTo(sealing->context);
	sealing->entry_ids[sealing->pending] = Int64GetDatum(sealing->last.entry_id);
	sealing->macs[sealing->pending] = PointerGetDatum(pp_audit_make_bytea(sealing->last_mac));
	MemoryContextSwitchTo(batch);
	if (++sealing->pending == PP_AUDIT_FETCH)
		write_links(sealing);
}

static void
write_links(Sealing *sealing)
{
	Oid			types[] = {INT8OID, INT8ARRAYOID, BYTEAARRAYOID, TIMESTAMPTZOID, INT8OID};
	Datum		values[5];
	int			count = sealing->pending;

	if (count == 0)
		return;
	values[0] = Int64GetDatum(sealing->last.chain_number - count);
	values[1] = PointerGetDatum(construct_array(sealing->entry_ids, count, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[2] = PointerGetDatum(construct_array(sealing->macs, count, BYTEAOID, -1, false, TYPALIGN_INT));
	values[3] = TimestampTzGetDatum(sealing->last.sealed_at);
	values[4] = Int64GetDatum(sealing->last.settled_id);
	pp_core_execute("INSERT INTO privacy.audit_seal (chain_number, entry_id, mac, sealed_at, settled_id) "
					"SELECT $1 + u.ordinality, u.entry_id, u.mac, $4, $5 "
					"FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3)) "
					"WITH ORDINALITY AS u (entry_id, mac, ordinality)",
					false, 5, types, values, NULL);
	for (int i = 0; i < count; i++)
		pfree(DatumGetPointer(sealing->macs[i]));
	sealing->sealed += count;
	sealing->pending = 0;
}
