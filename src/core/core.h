/* core.h: what every module stands on: SQLSTATEs, the clock, the extension's tables, acting as others. */
#ifndef PP_CORE_H
#define PP_CORE_H

#include "datatype/timestamp.h"
#include "executor/spi.h"
#include "core/core_mac.h"
#include "core/core_number.h"
#include "core/core_plan.h"

/* PostgreSQL 18 has pg_noreturn in front instead. */
#ifndef pg_attribute_noreturn
#define pg_attribute_noreturn() __attribute__((noreturn))
#endif

/* Own SQLSTATEs, only where a client must branch. */
#define ERRCODE_PP_KEY_UNAVAILABLE	MAKE_SQLSTATE('P', 'V', '0', '0', '1')
#define ERRCODE_PP_KEY_MISMATCH		MAKE_SQLSTATE('P', 'V', '0', '0', '2')
#define ERRCODE_PP_RULE_PARKED		MAKE_SQLSTATE('P', 'V', '0', '0', '3')
#define ERRCODE_PP_EVIDENCE			MAKE_SQLSTATE('P', 'V', '0', '0', '4')

/* Registers the setting privacy.core_clock. */
extern void pp_core_init(void);

/* The present as deletion rules see it: the wall clock, or privacy.core_clock where a test set it. */
extern TimestampTz pp_core_now(void);

/*
 * A stay as another user with pinned settings. pp_core_enter switches to userid inside a
 * security-restricted operation (unless it is the extension's owner acting on its own tables: pass
 * restricted = false), and pins search_path to "pg_catalog, pg_temp", row_security, TimeZone,
 * DateStyle, IntervalStyle, session_replication_role and whatever else bends the meaning of SQL
 * until pp_core_leave. An error thrown in between needs no pp_core_leave: (sub)transaction abort
 * restores both.
 */
typedef struct CoreStay
{
	Oid			saved_user;
	int			saved_security;
	int			guc_level;
} CoreStay;

extern void pp_core_enter(CoreStay *stay, Oid userid, bool restricted);
extern void pp_core_leave(CoreStay *stay);

/* The OID of pg_privacy in this database; raises undefined_object with a hint when it is not created. */
extern Oid	pp_core_extension(void);

/* Whether pg_privacy is created in this database. */
extern bool pp_core_installed(void);

/* The owner of the extension; of a table: InvalidOid when it is gone. */
extern Oid	pp_core_owner(void);
extern Oid	pp_core_table_owner(Oid relid);

/* The OID of a relation of schema privacy, by name; raises undefined_table. */
extern Oid	pp_core_relation(const char *name);

/*
 * Runs one statement on the extension's own tables, as the extension's owner with settings pinned,
 * inside a SPI connection that the caller holds; else as SPI_execute_with_args. Results in
 * SPI_tuptable and SPI_processed. Raises what the statement raises.
 */
extern void pp_core_execute(const char *statement, bool read_only, int nargs, Oid *types,
							Datum *values, const char *nulls);

/* "schema"."name" of a relation, quoted, palloc'd; raises when it is gone. */
extern char *pp_core_quote_relation(Oid relid);

/*
 * The text as UTF-8, so that databases of different encodings hash alike: the text itself where the
 * encoding is UTF-8, or SQL_ASCII and hence unknown; else palloc'd.
 */
extern const char *pp_core_utf8(const char *text, int length, int *utf8_length);

/* A number as eight bytes, least significant first: what frames everything that is hashed. */
extern void pp_core_put_number(unsigned char bytes[8], uint64 number);

/*
 * "referenced = referencing" as the server's own foreign keys compare: by the constraint's
 * operator, its types and the referenced column's collation. The operands are SQL; palloc'd.
 */
extern char *pp_core_equals(Oid operator, Oid referenced, AttrNumber key, const char *key_sql,
							Oid referencing, AttrNumber column, const char *column_sql);

/*
 * Does work(arg) in a subtransaction. NULL, or the error in the caller's memory context, with all
 * undone. A cancelled query passes through, but not one that took longer than milliseconds (0: any).
 */
extern ErrorData *pp_core_attempt(void (*work) (void *arg), void *arg);
extern ErrorData *pp_core_attempt_within(int milliseconds, void (*work) (void *arg), void *arg);

/*
 * An error in words that may be stored and shown: its message only where it cannot quote a value.
 * has_read_rows: the work had come further than resolving names.
 */
extern char *pp_core_describe_error(const ErrorData *error, bool has_read_rows);

#endif							/* PP_CORE_H */
