/*
 * audit.h: evidence. Every effect appends an entry in its own transaction; a sealer chains entries
 * that have committed.
 */
#ifndef PP_AUDIT_H
#define PP_AUDIT_H

#include "datatype/timestamp.h"

#define PP_AUDIT_MAC_BYTES 32

/* Subscribes to the keyring's events. */
extern void pp_audit_init(void);

typedef struct AuditEntry
{
	const char *action;			/* "sweep.delete", "scope.create" */
	const char *object;			/* a quoted table, a scope, or NULL */
	const char *rule;			/* the rule as text, or NULL */
	TimestampTz cut_off;		/* 0 for none (DT_NOBEGIN is stored as NULL too) */
	int64		row_count;		/* -1 for none */
	const char *detail;			/* a JSON text, or NULL; never a personal value */
	const unsigned char *subject_hash;	/* of pp_audit_hash_subject, or NULL */
} AuditEntry;

/*
 * Appends the entry to privacy.audit_entry with a MAC of its own, inside the caller's transaction
 * and SPI connection. The actor is the session's user. Raises the keyring's errors when there is no
 * key.
 */
extern void pp_audit_append(const AuditEntry *entry);

/* How often a role may do what is recorded apart. */
typedef struct AuditLimit
{
	Oid			role;
	int			per_hour;		/* 0: never */
} AuditLimit;

/*
 * Appends the entry in a transaction of its own, which has committed when this returns: for what a
 * rollback does not undo. False when the role's limit is reached, and nothing is appended: when the
 * last hour has so many entries of this action whose detail names the role as "role". The entry
 * needs that, and a subject_hash. Takes no locks in the caller's transaction; waits, interruptibly,
 * for a background worker, some milliseconds. Raises insufficient_resources when none is free,
 * ERRCODE_PP_EVIDENCE when it could not commit, read_only_sql_transaction on a standby.
 */
extern bool pp_audit_append_apart(const AuditEntry *entry, const AuditLimit *limit);

/*
 * The keyed hash by which evidence names a subject or a thing without saying which; kind and key
 * are text in the server's encoding. Raises the keyring's errors.
 */
extern void pp_audit_hash_subject(unsigned char hash[PP_AUDIT_MAC_BYTES], const char *kind, const char *key);

/* Chains what has committed since the last time, in the caller's transaction and SPI connection; returns how many. */
extern int64 pp_audit_seal(void);

#endif							/* PP_AUDIT_H */
