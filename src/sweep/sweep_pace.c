/*
 * sweep_pace.c: as gentle as it is told to be, and fair.
 *
 * After each batch the sweep may have to pause, so that on average it deletes no more rows, writes
 * no more WAL and works no larger part of the time than allowed; and it waits while a standby is
 * behind. The longest of these pauses counts. It is reckoned from what was done since the last
 * pause: a batch that was slow earns no credit for a faster one, and a pause too short to be slept
 * is put on the next.
 *
 * Nothing is held meanwhile but the run's session lock: no snapshot, no row, no table. Settings and
 * the table's own pace are read again before each pause and every second of it, so that a change
 * takes effect within one batch, also while an unwise limit keeps the sweep asleep for an hour. The
 * sleeper answers to cancellation, a shutdown and the death of the postmaster at once.
 *
 * Where there are several rules they take turns, so that none, however slow or endless, keeps the
 * others waiting for longer than TURN; to pause uses up the turn. A table with a pace of its own has an
 * account of its own, and lets the others go on while it pauses. All other tables share one account.
 *
 * When the window closes, the run does not sleep until it opens: a session that waits for the night
 * would stand in the way of DROP DATABASE all day. The rule ends for now, and a later run goes on.
 *
 * A standby is behind by what it has not replayed: that is what its readers still see. WAL
 * receivers that replay nothing, such as pg_receivewal and pg_basebackup, do not count.
 */
#include "postgres.h"

#include <math.h>

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"
#include "storage/latch.h"
#include "storage/spin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/wait_event.h"

#include "audit/audit.h"
#include "core/core.h"
#include "sweep/sweep_pace.h"

PG_FUNCTION_INFO_V1(pp_sql_record_sweep_pace);

#define MIN_PAUSE	0.005		/* seconds; shorter ones are put on the next */
#define NAP			1.0			/* until settings are read again */
#define LAG_NAP		0.1			/* until the standbys are looked at again */
#define TURN		10.0		/* seconds of one rule, where there are others */

static int	sweep_rate_limit;
static int	sweep_wal_rate;
static int	sweep_duty_cycle = 100;
static int	sweep_max_lag;
static char *sweep_window;

static bool check_window(char **value, void **extra, GucSource source);
static void override(int *value, int column);
static bool may_go_on(SweepRun *run, SweepRule *rule, SweepPace *pace);
static SweepLoad *account_of(SweepRun *run, SweepRule *rule, const SweepPace *pace);
static void begin_account(SweepLoad *load);
static bool turn_is_over(const SweepRun *run, bool early);
static double pause_for(const SweepLoad *load, const SweepPace *pace, const char **phase);
static bool standby_lags(const SweepPace *pace);
static XLogRecPtr furthest_standby(void);
static double seconds_since(instr_time then);
static void nap(double seconds);
static uint32 wait_event(void);

void
init_pace(void)
{
	DefineCustomIntVariable("privacy.sweep_rate_limit",
							"Rows per second that the sweep deletes or treats at most; 0 for any number.",
							"On average: a batch is not slowed down, but followed by a pause.",
							&sweep_rate_limit, 0, 0, INT_MAX, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("privacy.sweep_wal_rate",
							"WAL per second that the sweep writes at most, in MB; 0 for any amount.",
							"Commits of other sessions queue behind the sweep's WAL.",
							&sweep_wal_rate, 0, 0, 1024 * 1024, PGC_SUSET, GUC_UNIT_MB, NULL, NULL, NULL);
	DefineCustomIntVariable("privacy.sweep_duty_cycle",
							"Percent of the time that the sweep works; it pauses for the rest.",
							NULL,
							&sweep_duty_cycle, 100, 1, 100, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("privacy.sweep_max_lag",
							"The sweep pauses while a standby has more WAL than this still to replay; 0 for never.",
							"A standby with recovery_min_apply_delay is behind all the time.",
							&sweep_max_lag, 0, 0, INT_MAX, PGC_SUSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomStringVariable("privacy.sweep_window",
							   "Hours in which the sweep works, such as 22:00-05:00; empty for all.",
							   "In privacy.policy_timezone. A run that it closes on goes on the next time.",
							   &sweep_window, "", PGC_SUSET, 0, check_window, NULL, NULL);
}

static bool
check_window(char **value, void **extra, GucSource source)
{
	SweepWindow window;

	(void) extra;
	(void) source;
	if (parse_window(*value, &window))
		return true;
	GUC_check_errdetail("\"%s\" is not a window.", *value);
	GUC_check_errhint("Give two different times of the day such as \"22:00-05:00\", or an empty string.");
	return false;
}

SweepPace
read_pace(Oid relid)
{
	SweepPace	pace = {sweep_rate_limit, sweep_wal_rate, sweep_duty_cycle, sweep_max_lag,
	.max_fraction = sweep_max_fraction};
	Oid			types[] = {REGCLASSOID};
	Datum		values[] = {ObjectIdGetDatum(relid)};

	(void) parse_window(sweep_window, &pace.window);
	SPI_connect();
	pp_core_execute("SELECT rate_limit, wal_rate, duty_cycle, max_lag, max_fraction, sweep_window "
					"FROM privacy.sweep_pace WHERE relation = $1", false, 1, types, values, NULL);
	if (SPI_processed > 0)
	{
		bool		isnull;
		Datum		fraction = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 5, &isnull);
		char	   *window = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 6);

		pace.own = true;
		if (!isnull)
			pace.max_fraction = DatumGetFloat8(fraction);
		if (window != NULL)
			(void) parse_window(window, &pace.window);
		override(&pace.rate_limit, 1);
		override(&pace.wal_rate, 2);
		override(&pace.duty_cycle, 3);
		override(&pace.max_lag, 4);
	}
	SPI_finish();
	return pace;
}

static void
override(int *value, int column)
{
	bool		isnull;
	Datum		own = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &isnull);

	if (!isnull)
		*value = DatumGetInt32(own);
}

/* privacy.record_sweep_pace(relation regclass): who switches the breaker off leaves evidence, as who approves does */
Datum
pp_sql_record_sweep_pace(PG_FUNCTION_ARGS)
{
	AuditEntry	entry = {.action = "sweep.pace", .row_count = -1};
	Oid			types[] = {REGCLASSOID};
	Datum		values[] = {PG_GETARG_DATUM(0)};

	SPI_connect();
	entry.object = pp_core_quote_relation(PG_GETARG_OID(0));
	pp_core_execute("SELECT coalesce((SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.to_jsonb(p) - 'relation') "
					"FROM privacy.sweep_pace AS p WHERE p.relation = $1), '{}')", false, lengthof(types), types, values, NULL);
	entry.detail = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	pp_audit_append(&entry);
	SPI_finish();
	PG_RETURN_VOID();
}

void
hold_for_window(SweepRun *run)
{
	ListCell   *cell;

	begin_account(&run->load);
	foreach(cell, run->rules)
	{
		SweepRule  *rule = lfirst(cell);
		SweepPace	pace;

		if (strcmp(rule->state, "enforced") == 0)
			(void) may_go_on(run, rule, &pace);
	}
}

bool
begin_turn(SweepRun *run, SweepRule *rule)
{
	INSTR_TIME_SET_CURRENT(run->turn);
	return pace_batch(run, rule, 0, 0, 0);
}

bool
pace_batch(SweepRun *run, SweepRule *rule, double seconds, int64 rows, uint64 wal_bytes)
{
	SweepPace	pace;
	SweepLoad  *load;
	double		pause;
	const char *phase;
	bool		slept = false;
	bool		suspended = false;

	if (!may_go_on(run, rule, &pace))
		return false;
	load = account_of(run, rule, &pace);
	load->worked += seconds;
	load->rows += rows;
	load->wal_bytes += wal_bytes;
	for (;;)
	{
		bool		lags = standby_lags(&pace);

		pause = pause_for(load, &pace, &phase);
		if (turn_is_over(run, slept && pace.own))
			rule->unfinished = true;
		if (rule->unfinished || (!lags && pause < MIN_PAUSE))
			break;
		if (!suspended && (lags || pause > NAP))
			suspend_rule(run);
		suspended |= lags || pause > NAP;
		report_phase(run, rule, lags ? "waiting for a standby" : phase);
		nap(lags ? LAG_NAP : Min(pause, NAP));
		slept = true;
		if (!may_go_on(run, rule, &pace))
			return false;
	}
	if (pause <= 0)
		begin_account(load);
	return !rule->unfinished && (!suspended || start_rule(run, rule));
}

static SweepLoad *
account_of(SweepRun *run, SweepRule *rule, const SweepPace *pace)
{
	return pace->own ? &rule->load : &run->load;
}

static void
begin_account(SweepLoad *load)
{
	memset(load, 0, sizeof(SweepLoad));
	INSTR_TIME_SET_CURRENT(load->since);
}

static bool
turn_is_over(const SweepRun *run, bool early)
{
	int			rules = 0;
	ListCell   *cell;

	foreach(cell, run->rules)
		rules += strcmp(((SweepRule *) lfirst(cell))->state, "enforced") == 0;
	return rules > 1 && (early || seconds_since(run->turn) >= TURN);
}

/* Reads the pace, and holds nothing afterwards. */
static bool
may_go_on(SweepRun *run, SweepRule *rule, SweepPace *pace)
{
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
	*pace = read_pace(rule->relid);
	next_transaction(run);
	if (window_is_open(&pace->window))
		return true;
	rule->state = "waiting for the window";
	rule->problem = MemoryContextStrdup(run->memory, psprintf("the window %s is closed", print_window(&pace->window)));
	return false;
}

/* How many seconds are still to be slept, and by which limit; negative when more time has passed than need be. */
static double
pause_for(const SweepLoad *load, const SweepPace *pace, const char **phase)
{
	double		until = load->worked * 100 / pace->duty_cycle;
	double		by_rows = pace->rate_limit > 0 ? (double) load->rows / pace->rate_limit : 0;
	double		by_wal = pace->wal_rate > 0 ? (double) load->wal_bytes / (pace->wal_rate * 1024.0 * 1024.0) : 0;

	*phase = "throttled by sweep_duty_cycle";
	if (by_rows > until)
		*phase = "throttled by sweep_rate_limit";
	if (by_wal > fmax(until, by_rows))
		*phase = "throttled by sweep_wal_rate";
	return fmax(until, fmax(by_rows, by_wal)) - seconds_since(load->since);
}

static bool
standby_lags(const SweepPace *pace)
{
	XLogRecPtr	furthest;

	if (pace->max_lag == 0)
		return false;
	furthest = furthest_standby();
	return furthest != InvalidXLogRecPtr &&
		GetXLogInsertRecPtr() > furthest + (uint64) pace->max_lag * 1024;
}

/* What the standby that is behind most has replayed. */
static XLogRecPtr
furthest_standby(void)
{
	XLogRecPtr	furthest = InvalidXLogRecPtr;

	for (int i = 0; i < max_wal_senders; i++)
	{
		WalSnd	   *sender = &WalSndCtl->walsnds[i];
		XLogRecPtr	replayed;

		SpinLockAcquire(&sender->mutex);
		replayed = sender->pid != 0 ? sender->apply : InvalidXLogRecPtr;
		SpinLockRelease(&sender->mutex);
		if (replayed != InvalidXLogRecPtr && (furthest == InvalidXLogRecPtr || replayed < furthest))
			furthest = replayed;
	}
	return furthest;
}

static double
seconds_since(instr_time then)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, then);
	return INSTR_TIME_GET_DOUBLE(now);
}

static void
nap(double seconds)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, (long) (seconds * 1000) + 1,
					 wait_event());
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

static uint32
wait_event(void)
{
#if PG_VERSION_NUM >= 170000
	static uint32 event = 0;

	if (event == 0)
		event = WaitEventExtensionNew("PgPrivacyPause");
	return event;
#else
	return PG_WAIT_EXTENSION;
#endif
}
