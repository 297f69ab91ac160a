/*
 * audit_internal.h: what the parts of audit ask of each other.
 *
 * audit.c         appending entries; the keyring's events; the SQL functions
 * audit_apart.c   entries that commit on their own
 * audit_mac.c     what is authenticated, byte by byte
 * audit_seal.c    chaining
 * audit_export.c  handing it out
 * audit_verify.c  verification
 */
#ifndef PP_AUDIT_INTERNAL_H
#define PP_AUDIT_INTERNAL_H

#include "audit/audit.h"
#include "executor/spi.h"

#define PP_AUDIT_FETCH 1000		/* rows of a cursor at a time */

/* An entry as stored; texts in the server's encoding, NULL where the column is null. */
typedef struct StoredEntry
{
	int64		id;
	TimestampTz at;
	const char *actor;
	const char *action;
	const char *object;
	const char *rule;
	const TimestampTz *cut_off;
	const int64 *row_count;
	const char *detail;			/* as jsonb prints it */
	const bytea *subject_hash;
} StoredEntry;

/* A link of the chain as stored, without its MAC. */
typedef struct StoredSeal
{
	int64		chain_number;
	int64		entry_id;
	TimestampTz sealed_at;
	int64		settled_id;
} StoredSeal;

/* pp_audit_append for an actor who is not the session's user. */
extern void pp_audit_append_as(const AuditEntry *entry, const char *actor);

/* Where the worker of audit_apart.c begins; its argument is the handle of a piece of shared memory. */
extern PGDLLEXPORT void pp_audit_work_apart(Datum main_arg);

extern void pp_audit_mac_entry(unsigned char mac[PP_AUDIT_MAC_BYTES], const StoredEntry *entry);
extern void pp_audit_mac_seal(unsigned char mac[PP_AUDIT_MAC_BYTES], const StoredSeal *seal,
							  const unsigned char entry_mac[PP_AUDIT_MAC_BYTES],
							  const unsigned char previous_mac[PP_AUDIT_MAC_BYTES]);

/* A MAC as a bytea, palloc'd; and from one: false when it is null or of another length. */
extern bytea *pp_audit_make_bytea(const unsigned char mac[PP_AUDIT_MAC_BYTES]);
extern bool pp_audit_get_mac(unsigned char mac[PP_AUDIT_MAC_BYTES], HeapTuple row, TupleDesc columns, int column);

/* A bigint or timestamptz column; 0 where it is null. */
extern int64 pp_audit_get_number(HeapTuple row, TupleDesc columns, int column, bool *isnull);

/*
 * Feeds the rows of a read-only statement to visit, as whoever is the current user. Memory stays
 * bounded: visit runs in a context that is reset after every PP_AUDIT_FETCH rows.
 */
typedef void (*AuditVisitor) (HeapTuple row, TupleDesc columns, void *state);
extern void pp_audit_stream(const char *statement, int nargs, Oid *types, Datum *values,
							bool read_only, AuditVisitor visit, void *state);

/* Raises ERRCODE_PP_EVIDENCE when there is evidence, but not the key that it was made with. */
extern void pp_audit_require_key(void);

#endif							/* PP_AUDIT_INTERNAL_H */
