/*
 * audit_apart.c: evidence that a rollback cannot take back.
 *
 * An entry is otherwise written in the transaction of its effect, and goes when that goes. But to
 * have read a value is an effect that no rollback undoes: who reads, notes it down elsewhere and
 * rolls back would leave no trace, and no limit would ever be reached. Such an entry has to be
 * committed before the value is shown.
 *
 * PostgreSQL has no transaction inside a transaction, so the entry is written by another process: a
 * background worker, started for this one entry. It connects to the database, counts and appends
 * under a lock of the role whose limit it is, commits, and only then says so in a piece of shared
 * memory. The caller waits until the worker has ended and believes nothing else: an error in the
 * worker, its death, no free worker slot, all leave the caller without permission to go on. If the
 * caller is cancelled meanwhile the entry may be there although nothing was shown; never the other
 * way round.
 *
 * The worker is the bootstrap superuser and writes as the extension's owner, whoever called: a role
 * that may not log in, or whose settings are strange, is recorded like any other. Its settings are
 * the server's and the database's, except those that could keep it from writing. The caller's
 * synchronous_commit does not count; that of the server does, and "off" is too little.
 *
 * The worker cannot see what the caller has not committed, and waits for locks that the caller
 * holds, which no deadlock detector notices. It therefore gives up after LOCK_TIMEOUT. Locks: the
 * role in this database, as an object's lock that no SQL statement takes, from before the snapshot
 * that counts to the end of the transaction; then those of every entry (audit.c).
 *
 * All of it costs what a connection costs, a few milliseconds: for acts that are rare.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "audit/audit_internal.h"
#include "core/core.h"

#define WORKER_TYPE		"pg_privacy evidence"
#define LOCK_TIMEOUT	"10s"
#define LOCK_OF_LIMIT	1		/* sub-object of a role that nothing else locks */

typedef enum ApartAnswer
{
	APART_NONE,					/* what the memory says until there is an answer */
	APART_APPENDED,
	APART_LIMITED
} ApartAnswer;

/* The shared memory: this, and behind it the strings of pack_string. */
typedef struct ApartRequest
{
	ApartAnswer answer;			/* written last, after the commit */
	Oid			database;
	Oid			role;
	int			per_hour;
	TimestampTz cut_off;
	int64		row_count;
	unsigned char subject_hash[PP_AUDIT_MAC_BYTES];
	char		strings[FLEXIBLE_ARRAY_MEMBER];
} ApartRequest;

static void refuse_recovery(void);
static dsm_segment *make_request(const AuditEntry *entry, const AuditLimit *limit);
static Size measure_string(const char *string);
static void pack_string(char **place, const char *string);
static const char *unpack_string(char **place);
static BackgroundWorkerHandle *start_worker(dsm_handle request);
static void open_session(Oid database);
static void pin_setting(const char *name, const char *value);
static ApartAnswer append_within_limit(ApartRequest *request);
static bool is_limit_reached(const char *action, const char *role, int per_hour);

bool
pp_audit_append_apart(const AuditEntry *entry, const AuditLimit *limit)
{
	dsm_segment *segment;
	BackgroundWorkerHandle *worker;
	ApartAnswer answer;

	refuse_recovery();
	segment = make_request(entry, limit);
	worker = start_worker(dsm_segment_handle(segment));
	(void) WaitForBackgroundWorkerShutdown(worker);
	answer = ((ApartRequest *) dsm_segment_address(segment))->answer;
	dsm_detach(segment);
	pfree(worker);
	if (answer == APART_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_PP_EVIDENCE),
				 errmsg("the evidence could not be recorded"),
				 errdetail("The process that was to record \"%s\" ended before it had committed; nothing was done.", entry->action),
				 errhint("The server's log has the reason. A transaction that has locked the evidence, or has created the extension itself, cannot make this call.")));
	return answer == APART_APPENDED;
}

static void
refuse_recovery(void)
{
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("evidence cannot be recorded during recovery"),
				 errdetail("This server is a standby or has not finished recovering."),
				 errhint("Make the call on the primary.")));
}

/* ---- the request ---- */

static dsm_segment *
make_request(const AuditEntry *entry, const AuditLimit *limit)
{
	const char *strings[] = {GetUserNameFromId(GetSessionUserId(), false), GetUserNameFromId(limit->role, false),
	entry->action, entry->object, entry->rule, entry->detail};
	Size		size = offsetof(ApartRequest, strings);
	dsm_segment *segment;
	ApartRequest *request;
	char	   *place;

	for (size_t i = 0; i < lengthof(strings); i++)
		size += measure_string(strings[i]);
	segment = dsm_create(size, 0);
	request = dsm_segment_address(segment);
	memset(request, 0, size);
	request->answer = APART_NONE;
	request->database = MyDatabaseId;
	request->role = limit->role;
	request->per_hour = limit->per_hour;
	request->cut_off = entry->cut_off;
	request->row_count = entry->row_count;
	memcpy(request->subject_hash, entry->subject_hash, PP_AUDIT_MAC_BYTES);
	place = request->strings;
	for (size_t i = 0; i < lengthof(strings); i++)
		pack_string(&place, strings[i]);
	return segment;
}

/* A byte that says whether there is one, and the string with its final zero. */
static Size
measure_string(const char *string)
{
	return string == NULL ? 1 : 1 + strlen(string) + 1;
}

static void
pack_string(char **place, const char *string)
{
	**place = string == NULL ? 0 : 1;
	if (string != NULL)
		strcpy(*place + 1, string);
	*place += measure_string(string);
}

static const char *
unpack_string(char **place)
{
	const char *string = **place == 0 ? NULL : *place + 1;

	*place += measure_string(string);
	return string;
}

static BackgroundWorkerHandle *
start_worker(dsm_handle request)
{
	BackgroundWorker worker = {
		.bgw_name = WORKER_TYPE,
		.bgw_type = WORKER_TYPE,
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_library_name = "pg_privacy",
		.bgw_function_name = "pp_audit_work_apart",
		.bgw_main_arg = UInt32GetDatum(request),
		.bgw_notify_pid = MyProcPid,
	};
	BackgroundWorkerHandle *handle;

	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("the evidence could not be recorded"),
				 errdetail("No background worker slot is free; nothing was done."),
				 errhint("Try again, or increase max_worker_processes.")));
	return handle;
}

/* ---- the worker ---- */

void
pp_audit_work_apart(Datum main_arg)
{
	dsm_segment *segment;
	ApartRequest *request;
	ApartAnswer answer;

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	segment = dsm_attach(DatumGetUInt32(main_arg));
	if (segment == NULL)
		proc_exit(0);			/* the caller has gone */
	request = dsm_segment_address(segment);
	open_session(request->database);

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	pgstat_report_activity(STATE_RUNNING, "recording evidence");
	answer = append_within_limit(request);
	CommitTransactionCommand();
	request->answer = answer;
	proc_exit(0);
}

static void
open_session(Oid database)
{
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	pin_setting("application_name", WORKER_TYPE);
	pin_setting("statement_timeout", "0");
	pin_setting("lock_timeout", LOCK_TIMEOUT);
#if PG_VERSION_NUM >= 170000
	pin_setting("transaction_timeout", "0");
#endif
	pin_setting("default_transaction_isolation", "read committed");
	pin_setting("default_transaction_read_only", "off");
	if (synchronous_commit == SYNCHRONOUS_COMMIT_OFF)
		pin_setting("synchronous_commit", "local");
}

static void
pin_setting(const char *name, const char *value)
{
	SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
}

static ApartAnswer
append_within_limit(ApartRequest *request)
{
	char	   *place = request->strings;
	const char *actor = unpack_string(&place);
	const char *role = unpack_string(&place);
	AuditEntry	entry = {.cut_off = request->cut_off, .row_count = request->row_count,
	.subject_hash = request->subject_hash};
	ApartAnswer answer = APART_LIMITED;

	entry.action = unpack_string(&place);
	entry.object = unpack_string(&place);
	entry.rule = unpack_string(&place);
	entry.detail = unpack_string(&place);

	LockDatabaseObject(AuthIdRelationId, request->role, LOCK_OF_LIMIT, ExclusiveLock);
	PushActiveSnapshot(GetTransactionSnapshot());	/* SPI wants one outside its own */
	SPI_connect();
	if (!is_limit_reached(entry.action, role, request->per_hour))
	{
		pp_audit_append_as(&entry, actor);
		answer = APART_APPENDED;
	}
	SPI_finish();
	PopActiveSnapshot();
	return answer;
}

/* The tests' clock does not count: whoever set it could reset the limit. */
static bool
is_limit_reached(const char *action, const char *role, int per_hour)
{
	Oid			types[] = {TEXTOID, TEXTOID, TIMESTAMPTZOID, INT4OID};
	Datum		values[] = {CStringGetTextDatum(action), CStringGetTextDatum(role),
	TimestampTzGetDatum(GetCurrentTimestamp() - USECS_PER_HOUR), Int32GetDatum(per_hour)};

	if (per_hour <= 0)
		return true;
	pp_core_execute("SELECT FROM privacy.audit_entry "
					"WHERE subject_hash IS NOT NULL AND action = $1 AND detail ->> 'role' = $2 AND at > $3 "
					"OFFSET $4 - 1 LIMIT 1", false, 4, types, values, NULL);
	return SPI_processed > 0;
}
