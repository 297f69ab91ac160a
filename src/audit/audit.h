/*
 * audit.h: evidence. Every effect appends an entry in its own transaction; a sealer chains entries
 * that have committed.
 */
#ifndef PP_AUDIT_H
#define PP_AUDIT_H

#include "datatype/timestamp.h"

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
} AuditEntry;

/*
 * Appends the entry to privacy.audit_entry with a MAC of its own, inside the caller's transaction
 * and SPI connection. The actor is the session's user. Raises the keyring's errors when there is no
 * key.
 */
extern void pp_audit_append(const AuditEntry *entry);

/* Chains what has committed since the last time, in the caller's transaction and SPI connection; returns how many. */
extern int64 pp_audit_seal(void);

#endif							/* PP_AUDIT_H */
