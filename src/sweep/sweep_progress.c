/*
 * sweep_progress.c: what sweeps are doing now, for everybody to see.
 *
 * A table says what has been committed; shared memory says what is going on: which rule, in which
 * phase, how fast. Each run has a place there, as long as its memory lives; the place is given back
 * when that memory is (which an error does too) and when the process ends. The server's crash
 * empties all of it.
 *
 * The memory exists only with shared_preload_libraries. Without it nothing is shown, and nothing
 * else is different.
 *
 * It also has two things to tell that outlive a run: since when the server is up and whether a
 * crash preceded that (sweep_standing.c needs it to tell a crash in the middle of a rule from a
 * shutdown), and when the launcher makes its next round. All of it is read and written under one
 * lock, held for as long as it takes to copy a few hundred bytes.
 */
#include "postgres.h"

#include "catalog/pg_control.h"
#include "common/controldata_utils.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "sweep/sweep_internal.h"

PG_FUNCTION_INFO_V1(pp_sql_sweeps_at_work);
PG_FUNCTION_INFO_V1(pp_sql_next_sweep);

#define SHARED_NAME		"pg_privacy sweep"

/* Runs that are shown at a time; one more is not. */
#define MAX_SHOWN_RUNS	64

#define PROGRESS_COLUMNS 10

/* The part of a wait event that tells its class. */
#define WAIT_EVENT_CLASS 0xFF000000U

typedef struct ShownRun
{
	int			pid;			/* 0: the place is free */
	Oid			database;
	int64		id;
	char		table[2 * NAMEDATALEN + 8];
	char		rule[128];
	int			rule_number;	/* from 1, in the order of the run */
	int			rule_count;
	char		phase[32];
	TimestampTz phase_since;
	TimestampTz rule_since;
	int64		done;
	int64		due;			/* 0: not counted */
} ShownRun;

typedef struct SweepShared
{
	LWLock	   *lock;
	int64		uptime_id;		/* of the time since the server started or recovered; random */
	bool		after_crash;	/* which a crash had preceded */
	TimestampTz next_round;		/* of the launcher; 0: unknown */
	ShownRun	runs[MAX_SHOWN_RUNS];
} SweepShared;

static SweepShared *shared = NULL;

/* This process's place, or NULL. */
static ShownRun *mine = NULL;

static bool crashed_before(void);
static bool take_place(SweepRun *run);
static void give_back(void *arg);
static void give_back_at_exit(int code, Datum arg);
static void show(SweepRun *run, const SweepRule *rule, const char *phase);
static void put_words(char *place, size_t size, const char *words);
static int	position(const SweepRun *run, const SweepRule *rule);
static bool waits_for_lock(int pid);
static void put_run(ReturnSetInfo *result, const ShownRun *run);

/* ------------------------------------------------------------------------------------------- memory */

void
pp_sweep_request_memory(void)
{
	RequestAddinShmemSpace(sizeof(SweepShared));
	RequestNamedLWLockTranche(SHARED_NAME, 1);
}

/* At the start of the postmaster, and again when it recovers from a crash. */
void
pp_sweep_attach_memory(void)
{
	bool		found;

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct(SHARED_NAME, sizeof(SweepShared), &found);
	if (!found)
	{
		memset(shared, 0, sizeof(SweepShared));
		shared->lock = &GetNamedLWLockTranche(SHARED_NAME)->lock;
		shared->after_crash = crashed_before();
		if (!pg_strong_random(&shared->uptime_id, sizeof(shared->uptime_id)))
			shared->uptime_id = GetCurrentTimestamp();
	}
	LWLockRelease(AddinShmemInitLock);
}

/* The control file still says how the server ended: recovery has not begun. */
static bool
crashed_before(void)
{
	bool		valid;
	ControlFileData *control = get_controlfile(DataDir, &valid);
	bool		crashed = valid && (control->state == DB_IN_PRODUCTION || control->state == DB_IN_CRASH_RECOVERY);

	pfree(control);
	return crashed;
}

bool
read_uptime(int64 *id, bool *after_crash)
{
	if (shared == NULL)
		return false;
	*id = shared->uptime_id;
	*after_crash = shared->after_crash;
	return true;
}

/* --------------------------------------------------------------------------------------- one's place */

void
report_phase(SweepRun *run, SweepRule *rule, const char *phase)
{
	if (run->progress != NULL)
		run->progress(rule == NULL ? psprintf("sweeping: %s", phase) :
					  psprintf("sweeping %s: %s, %s, " INT64_FORMAT " done", rule->table, rule->text,
							   phase, rule->done));
	if (shared != NULL && (mine != NULL || take_place(run)))
		show(run, rule, phase);
}

static bool
take_place(SweepRun *run)
{
	static bool registered = false;
	MemoryContextCallback *callback;

	if (!registered)
		before_shmem_exit(give_back_at_exit, (Datum) 0);
	registered = true;
	callback = MemoryContextAllocZero(run->memory, sizeof(MemoryContextCallback));
	callback->func = give_back;
	MemoryContextRegisterResetCallback(run->memory, callback);

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < MAX_SHOWN_RUNS && mine == NULL; i++)
	{
		if (shared->runs[i].pid == 0)
			mine = &shared->runs[i];
	}
	if (mine != NULL)
	{
		memset(mine, 0, sizeof(ShownRun));
		mine->pid = MyProcPid;
		mine->database = MyDatabaseId;
	}
	LWLockRelease(shared->lock);
	return mine != NULL;
}

static void
give_back(void *arg pg_attribute_unused())
{
	if (mine == NULL)
		return;
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	mine->pid = 0;
	LWLockRelease(shared->lock);
	mine = NULL;
}

static void
give_back_at_exit(int code pg_attribute_unused(), Datum arg pg_attribute_unused())
{
	give_back(NULL);
}

static void
show(SweepRun *run, const SweepRule *rule, const char *phase)
{
	TimestampTz now = GetCurrentTimestamp();
	int			number = rule ? position(run, rule) : 0;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	if (strcmp(mine->phase, phase) != 0)
		mine->phase_since = now;
	mine->rule_since = rule ? rule->since : 0;
	mine->id = run->id;
	mine->rule_number = number;
	mine->rule_count = list_length(run->rules);
	mine->done = rule ? rule->done : 0;
	mine->due = rule ? rule->due : 0;
	put_words(mine->phase, sizeof(mine->phase), phase);
	put_words(mine->table, sizeof(mine->table), rule ? rule->table : "");
	put_words(mine->rule, sizeof(mine->rule), rule ? rule->text : "");
	LWLockRelease(shared->lock);
}

/* Cut between characters where it is too long. */
static void
put_words(char *place, size_t size, const char *words)
{
	int			length = pg_mbcliplen(words, strlen(words), size - 1);

	memcpy(place, words, length);
	place[length] = '\0';
}

static int
position(const SweepRun *run, const SweepRule *rule)
{
	ListCell   *cell;

	foreach(cell, run->rules)
	{
		if (lfirst(cell) == rule)
			return foreach_current_index(cell) + 1;
	}
	return 0;
}

/* ------------------------------------------------------------------------------------------- to be seen */

/* privacy.sweeps_at_work() returns table */
Datum
pp_sql_sweeps_at_work(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; shared != NULL && i < MAX_SHOWN_RUNS; i++)
	{
		ShownRun	run;

		LWLockAcquire(shared->lock, LW_SHARED);
		run = shared->runs[i];
		LWLockRelease(shared->lock);
		if (run.pid != 0 && run.database == MyDatabaseId)
			put_run((ReturnSetInfo *) fcinfo->resultinfo, &run);
	}
	PG_RETURN_VOID();
}

/* As pg_stat_activity says it. */
static bool
waits_for_lock(int pid)
{
	PGPROC	   *process = BackendPidGetProc(pid);

	return process != NULL && (*(volatile uint32 *) &process->wait_event_info & WAIT_EVENT_CLASS) == PG_WAIT_LOCK;
}

static void
put_run(ReturnSetInfo *result, const ShownRun *run)
{
	bool		at_rule = run->rule_number > 0;
	Datum		values[PROGRESS_COLUMNS] = {
		Int32GetDatum(run->pid),
		Int64GetDatum(run->id),
		CStringGetTextDatum(waits_for_lock(run->pid) ? "waiting for a lock" : run->phase),
		TimestampTzGetDatum(run->phase_since),
		CStringGetTextDatum(run->table),
		CStringGetTextDatum(run->rule),
		CStringGetTextDatum(psprintf("%d of %d", run->rule_number, run->rule_count)),
		TimestampTzGetDatum(run->rule_since),
		Int64GetDatum(run->done),
		Int64GetDatum(run->due)
	};
	bool		nulls[PROGRESS_COLUMNS] = {false, run->id == 0, false, false, !at_rule, !at_rule, !at_rule,
	!at_rule, !at_rule, run->due <= 0};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

void
pp_sweep_announce_round(TimestampTz next)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	shared->next_round = next;
	LWLockRelease(shared->lock);
}

/* privacy.next_sweep() returns timestamptz */
Datum
pp_sql_next_sweep(PG_FUNCTION_ARGS)
{
	TimestampTz next = 0;

	if (shared != NULL)
	{
		LWLockAcquire(shared->lock, LW_SHARED);
		next = shared->next_round;
		LWLockRelease(shared->lock);
	}
	if (next == 0 || !pp_sweep_enabled())
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(next);
}
