/*
 * worker.c: the sweep runs by itself.
 *
 * Two kinds of process do it. The launcher (worker_launcher.c) is there from the end of recovery
 * to the shutdown of the server, connected to no database. Every privacy.sweep_interval it makes a
 * round: it starts a worker (worker_sweep.c) for each database, some at a time, and each ends when
 * its database has been swept, at once where nobody asked for it.
 *
 * Both obey signals the way ordinary backends do, through the server's own handlers: SIGTERM takes
 * effect at the next CHECK_FOR_INTERRUPTS, in the middle of a statement if need be, and never waits
 * for a sweep to end.
 *
 * Without shared_preload_libraries there is no launcher, and CALL privacy.sweep() is all there is.
 */
#include "postgres.h"

#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"

#include "worker/worker.h"
#include "worker/worker_internal.h"

/* The launcher starts again this many seconds after an error or pg_terminate_backend(). */
#define LAUNCHER_RESTART_S	10

int			pp_worker_interval = 3600;
int			pp_worker_max = 2;

static void
define_settings(void)
{
	DefineCustomIntVariable("privacy.sweep_interval",
							"Seconds from the start of one round of the background sweep to the start of the next.",
							"A round takes longer when there is more to do; the next then follows a second after it.",
							&pp_worker_interval,
							3600, 1, 7 * 24 * 3600,
							PGC_SIGHUP, GUC_UNIT_S,
							NULL, NULL, NULL);
	DefineCustomIntVariable("privacy.worker_max",
							"How many databases are swept at the same time.",
							"Each takes a background worker while it lasts; the launcher takes another.",
							&pp_worker_max,
							2, 1, 1024,
							PGC_SIGHUP, 0,
							NULL, NULL, NULL);
}

void
pp_worker_describe(BackgroundWorker *process, const char *type, const char *function)
{
	memset(process, 0, sizeof(*process));
	process->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	process->bgw_start_time = BgWorkerStart_RecoveryFinished;
	snprintf(process->bgw_library_name, sizeof(process->bgw_library_name), "%s", WORKER_LIBRARY);
	snprintf(process->bgw_function_name, sizeof(process->bgw_function_name), "%s", function);
	snprintf(process->bgw_type, sizeof(process->bgw_type), "%s", type);
	snprintf(process->bgw_name, sizeof(process->bgw_name), "%s", type);
}

static void
register_launcher(void)
{
	BackgroundWorker launcher;

	pp_worker_describe(&launcher, LAUNCHER_NAME, "pp_worker_launch");
	launcher.bgw_restart_time = LAUNCHER_RESTART_S;
	RegisterBackgroundWorker(&launcher);
}

/* While pg_upgrade moves a cluster, nothing may change in it. */
void
pp_worker_init(void)
{
	define_settings();
	if (process_shared_preload_libraries_in_progress && !IsBinaryUpgrade)
		register_launcher();
}

void
pp_worker_open_signals(void)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
}

void
pp_worker_reload(void)
{
	if (!ConfigReloadPending)
		return;
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
}
