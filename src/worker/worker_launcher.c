/*
 * worker_launcher.c: decides when which database is swept.
 *
 * A round serves every database that takes connections and is no template, in the order of their
 * OIDs, up to privacy.worker_max of them at a time. The launcher looks up the next one only when
 * there is room for it, so that a database created or dropped meanwhile is seen, and nothing but one
 * OID has to be remembered. Whether a database wants to be swept only its worker can find out: what
 * ALTER DATABASE ... SET stored is not readable without a database.
 *
 * A round ends when the last worker has been started. One that takes longer than the interval goes
 * on beside the next round, which passes its database over: a long sweep takes up its place, and
 * nobody else's time.
 *
 * Time is measured by the monotonic clock: a wall clock put right by a year neither stops the sweep
 * for a year nor starts a thousand rounds.
 *
 * All waiting is done in doze(), which also answers the signals: a reload, a shutdown, the end of a
 * worker, and the barriers that DROP DATABASE and others put up and that every process has to pass.
 * An error ends the process and the postmaster starts another.
 *
 * The launcher's first round comes a second after the start of the server. A launcher that begins
 * later was promoted with its standby, was terminated, or follows a crash of the server, perhaps
 * one that the sweep itself ran into: it leaves the operator a minute before it tries again.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "portability/instr_time.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "sweep/sweep.h"
#include "worker/worker_internal.h"

#define FIRST_ROUND_S	1		/* from the start of the server to the first round */
#define LATE_START_S	60		/* a launcher that begins so late waits as long */
#define PAUSE_S			1		/* at least, between two rounds */
#define SLOT_RETRY_S	10		/* until the next attempt to get a worker slot */
#define LOOK_AGAIN_S	60		/* at a worker that has not been heard of */

typedef struct Database
{
	Oid			oid;			/* InvalidOid: none */
	NameData	name;
} Database;

/* A worker under way. */
typedef struct ActiveWorker
{
	Database	database;
	BackgroundWorkerHandle *handle;
} ActiveWorker;

/* Of ActiveWorker, in TopMemoryContext. */
static List *workers = NIL;

static void reap_workers(void);

/* ------------------------------------------------------------------------------------------ waiting */

static uint32
wait_event(void)
{
#if PG_VERSION_NUM >= 170000
	static uint32 event = 0;

	if (event == 0)
		event = WaitEventExtensionNew("PgPrivacyLauncher");
	return event;
#else
	return PG_WAIT_EXTENSION;
#endif
}

/*
 * Sleeps until something happens, for so many seconds at most, and sees to what has happened. To be
 * terminated here is the ordinary end, and not worth the FATAL line that CHECK_FOR_INTERRUPTS would
 * log.
 */
static void
doze(double seconds)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, (long) (seconds * 1000) + 1,
					 wait_event());
	ResetLatch(MyLatch);
	if (ProcDiePending)
		proc_exit(1);
	CHECK_FOR_INTERRUPTS();
	pp_worker_reload();
	reap_workers();
}

static double
seconds_since(instr_time then)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, then);
	return INSTR_TIME_GET_DOUBLE(now);
}

/* ---------------------------------------------------------------------------------------- databases */

static bool
is_served(Form_pg_database database)
{
	return database->datallowconn && !database->datistemplate &&
		database->datconnlimit != DATCONNLIMIT_INVALID_DB;
}

/* Keeps in *next the database of the lowest OID above "after". */
static void
consider(Database *next, Oid after, HeapTuple tuple)
{
	Form_pg_database candidate = (Form_pg_database) GETSTRUCT(tuple);

	if (!is_served(candidate) || candidate->oid <= after)
		return;
	if (OidIsValid(next->oid) && next->oid < candidate->oid)
		return;
	next->oid = candidate->oid;
	next->name = candidate->datname;
}

static Database
next_database(Oid after)
{
	Database	next = {.oid = InvalidOid};
	Relation	catalog;
	TableScanDesc scan;
	HeapTuple	tuple;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	catalog = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(catalog, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
		consider(&next, after, tuple);
	table_endscan(scan);
	table_close(catalog, AccessShareLock);
	CommitTransactionCommand();
	return next;
}

/* ------------------------------------------------------------------------------------------ workers */

static void
report_full(int attempts)
{
	char		doing[128];

	if (attempts == 1)
		ereport(LOG,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("the sweep waits: no background worker slot is free"),
				 errhint("Increase max_worker_processes.")));
	snprintf(doing, sizeof(doing), "waiting for a background worker slot, %d attempts", attempts);
	pgstat_report_activity(STATE_RUNNING, doing);
}

/* What the launcher is waiting for. */
static void
report_serving(void)
{
	char		doing[NAMEDATALEN + 32] = "";

	if (list_length(workers) == 1)
		snprintf(doing, sizeof(doing), "serving database \"%s\"", NameStr(((ActiveWorker *) linitial(workers))->database.name));
	else if (workers != NIL)
		snprintf(doing, sizeof(doing), "serving %d databases", list_length(workers));
	pgstat_report_activity(workers == NIL ? STATE_IDLE : STATE_RUNNING, doing);
}

/* Starts a worker in the database, however long the wait for a slot. */
static void
start_worker(const Database *database)
{
	BackgroundWorker process;
	MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);
	ActiveWorker *worker = palloc0(sizeof(ActiveWorker));
	int			attempts = 0;

	worker->database = *database;
	pp_worker_describe(&process, WORKER_NAME, "pp_worker_sweep");
	process.bgw_restart_time = BGW_NEVER_RESTART;
	process.bgw_main_arg = ObjectIdGetDatum(database->oid);
	process.bgw_notify_pid = MyProcPid;
	while (!RegisterDynamicBackgroundWorker(&process, &worker->handle))
	{
		report_full(++attempts);
		doze(SLOT_RETRY_S);
	}
	workers = lappend(workers, worker);
	MemoryContextSwitchTo(caller);
	report_serving();
	if (attempts > 0)
		ereport(LOG, (errmsg("the sweep goes on: got a background worker slot after %d attempts", attempts + 1)));
}

static bool
worker_runs(const ActiveWorker *worker)
{
	pid_t		pid;
	BgwHandleStatus status = GetBackgroundWorkerPid(worker->handle, &pid);

	return status == BGWH_STARTED || status == BGWH_NOT_YET_STARTED;
}

/* Forgets those that have ended. */
static void
reap_workers(void)
{
	int			before = list_length(workers);
	ListCell   *cell;

	foreach(cell, workers)
	{
		ActiveWorker *worker = lfirst(cell);

		if (worker_runs(worker))
			continue;
		workers = foreach_delete_current(workers, cell);
		pfree(worker->handle);
		pfree(worker);
	}
	if (list_length(workers) != before)
		report_serving();
}

static bool
is_being_served(Oid database)
{
	ListCell   *cell;

	foreach(cell, workers)
	{
		if (((ActiveWorker *) lfirst(cell))->database.oid == database)
			return true;
	}
	return false;
}

/* The postmaster sets our latch when a worker has ended. */
static void
wait_for_room(void)
{
	while (list_length(workers) >= pp_worker_max)
		doze(LOOK_AGAIN_S);
}

/* A launcher that goes takes its workers along; the next one would otherwise start more. */
static void
stop_workers(int code pg_attribute_unused(), Datum arg pg_attribute_unused())
{
	ListCell   *cell;

	foreach(cell, workers)
		TerminateBackgroundWorker(((ActiveWorker *) lfirst(cell))->handle);
}

/* ------------------------------------------------------------------------------------------- rounds */

static void
make_round(MemoryContext context)
{
	Database	database = {.oid = InvalidOid};

	for (;;)
	{
		wait_for_room();
		MemoryContextReset(context);
		database = next_database(database.oid);
		MemoryContextSwitchTo(context);
		if (!OidIsValid(database.oid))
			break;
		if (!is_being_served(database.oid))
			start_worker(&database);
	}
}

/* By the wall clock, for people. */
static void
announce_round(double seconds)
{
	pp_sweep_announce_round(GetCurrentTimestamp() + (TimestampTz) (seconds * USECS_PER_SEC));
}

/* A reload may change the interval during either wait. */
static void
wait_for_first_round(void)
{
	bool		late = TimestampDifferenceExceeds(PgStartTime, MyStartTimestamp, LATE_START_S * 1000);
	instr_time	start;
	double		rest;

	INSTR_TIME_SET_CURRENT(start);
	while ((rest = Min(pp_worker_interval, late ? LATE_START_S : FIRST_ROUND_S) - seconds_since(start)) > 0)
	{
		announce_round(rest);
		doze(rest);
	}
}

static void
wait_for_next_round(instr_time start, instr_time end)
{
	double		rest;

	while ((rest = Max(pp_worker_interval - seconds_since(start), PAUSE_S - seconds_since(end))) > 0)
	{
		announce_round(rest);
		doze(rest);
	}
}

static void
open_session(void)
{
	pqsignal(SIGINT, SIG_IGN);	/* there is no statement to cancel */
	pp_worker_open_signals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	SetConfigOption("application_name", LAUNCHER_NAME, PGC_USERSET, PGC_S_OVERRIDE);
	before_shmem_exit(stop_workers, (Datum) 0);
	pgstat_report_activity(STATE_IDLE, "");
}

void
pp_worker_launch(Datum main_arg pg_attribute_unused())
{
	MemoryContext context;

	open_session();
	context = AllocSetContextCreate(TopMemoryContext, "pg_privacy round", ALLOCSET_SMALL_SIZES);
	wait_for_first_round();
	for (;;)
	{
		instr_time	start;
		instr_time	end;

		INSTR_TIME_SET_CURRENT(start);
		make_round(context);
		INSTR_TIME_SET_CURRENT(end);
		wait_for_next_round(start, end);
	}
}
