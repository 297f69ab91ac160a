/*
 * audit_export.c: evidence leaves the database, for whoever keeps it elsewhere.
 *
 * One line of JSON for each link of the chain with its entry, in the order of the chain, from any
 * number on; so the keeper asks for what comes after the last line he has. What is not sealed has no
 * place in that order yet and is not exported.
 *
 * A sweep commits without waiting for the disk. A crash takes such a batch back, effect and
 * evidence, and what comes instead gets the same chain number: a keeper who had exported the first
 * would see a forged chain. So WAL is flushed before anything is handed out: whatever the caller's
 * snapshot sees had written its commit record before.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/tuplestore.h"

#include "audit/audit_internal.h"
#include "core/core.h"

PG_FUNCTION_INFO_V1(pp_sql_export_audit);

static void flush_wal(void);
static void put_line(HeapTuple row, TupleDesc columns, void *state);

/* export_audit(after bigint, at_most bigint) returns setof text */
Datum
pp_sql_export_audit(PG_FUNCTION_ARGS)
{
	Oid			types[] = {INT8OID, INT8OID};
	Datum		values[] = {
		PG_ARGISNULL(0) ? Int64GetDatum(0) : PG_GETARG_DATUM(0),
		PG_ARGISNULL(1) ? Int64GetDatum(PG_INT64_MAX) : PG_GETARG_DATUM(1)
	};
	CoreStay	stay;

	if (DatumGetInt64(values[1]) < 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("at_most must not be negative"),
				errhint("Give a number of lines, or NULL for all."));
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	flush_wal();
	SPI_connect();
	pp_core_enter(&stay, pp_core_owner(), false);
	pp_audit_stream("SELECT pg_catalog.json_build_object("
					"'chain_number', s.chain_number, 'id', s.entry_id, 'at', e.at, 'actor', e.actor, 'action', e.action, "
					"'object', e.object, 'rule', e.rule, 'cut_off', e.cut_off, 'row_count', e.row_count, 'detail', e.detail, "
					"'subject_hash', pg_catalog.encode(e.subject_hash, 'hex'), 'mac', pg_catalog.encode(e.mac, 'hex'), "
					"'sealed_at', s.sealed_at, 'settled_id', s.settled_id, 'seal', pg_catalog.encode(s.mac, 'hex'))::pg_catalog.text "
					"FROM privacy.audit_seal AS s LEFT JOIN privacy.audit_entry AS e ON e.id = s.entry_id "
					"WHERE s.chain_number > $1 ORDER BY s.chain_number LIMIT $2",
					lengthof(types), types, values, true, put_line, fcinfo->resultinfo);
	pp_core_leave(&stay);
	SPI_finish();
	return (Datum) 0;
}

/* The insert position may lie behind a page's header, to where nothing has been written yet. */
static void
flush_wal(void)
{
	XLogRecPtr	end;

	if (RecoveryInProgress())
		return;					/* what is replayed here was flushed there */
	end = GetXLogInsertRecPtr();
	if (XLogSegmentOffset(end, wal_segment_size) == SizeOfXLogLongPHD)
		end -= SizeOfXLogLongPHD;
	else if (end % XLOG_BLCKSZ == SizeOfXLogShortPHD)
		end -= SizeOfXLogShortPHD;
	XLogFlush(end);
}

static void
put_line(HeapTuple row, TupleDesc columns, void *state)
{
	ReturnSetInfo *result = state;
	bool		isnull;
	Datum		line = SPI_getbinval(row, columns, 1, &isnull);

	tuplestore_putvalues(result->setResult, result->setDesc, &line, &isnull);
}
