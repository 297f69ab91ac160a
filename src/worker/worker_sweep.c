/*
 * worker_sweep.c: one sweep of one database, in a process of its own.
 *
 * The worker is the bootstrap superuser, as autovacuum is, and the sweep goes from it into each
 * table owner's place. It ends with exit code 0 when the database has been swept, does not want to
 * be, or is being swept by somebody else; an error has been written to the log when it ends with 1.
 * Errors of single rules never come here: the sweep records them and goes on.
 *
 * The settings of the database and of the superuser's role apply, except those below: they are
 * meant for people at a prompt, or would tie the sweep, and its row locks, to a standby that is
 * away.
 *
 * SPI keeps a procedure that commits in order by the help of the portal that CALL runs in: the
 * snapshot that it takes again after each commit belongs to the portal, and the memory of the
 * connection is the portal's. A background worker has none ("cannot execute SQL without an outer
 * snapshot or portal"), so it makes one with nothing in it, and the sweep finds here what it finds
 * under CALL.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/lock.h"
#include "storage/pmsignal.h"
#include "tcop/pquery.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"

#include "core/core.h"
#include "sweep/sweep.h"
#include "worker/worker_internal.h"

static void
pin_setting(const char *name, const char *value)
{
	SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
}

static void
pin_settings(void)
{
	pin_setting("application_name", WORKER_NAME);
	pin_setting("statement_timeout", "0");
	pin_setting("lock_timeout", "0");
#if PG_VERSION_NUM >= 170000
	pin_setting("transaction_timeout", "0");
#endif
	pin_setting("default_transaction_isolation", "read committed");
	pin_setting("default_transaction_read_only", "off");
	if (synchronous_commit > SYNCHRONOUS_COMMIT_LOCAL_FLUSH)
		pin_setting("synchronous_commit", "local");
}

static void
open_session(Oid database)
{
	pp_worker_open_signals();
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	pin_settings();
}

/*
 * Whether somebody is about to drop, rename, move or copy this database: they hold a lock on it that
 * keeps new sessions out, and wait five seconds for the old ones to end.
 */
static bool
database_is_wanted(void)
{
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, MyDatabaseId, 0);
	if (LockAcquire(&tag, RowExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
		return true;
	LockRelease(&tag, RowExclusiveLock, false);
	return false;
}

/* The batch before has been committed; a run that was not finished is found by the next one. */
static void
make_way(void)
{
	ereport(LOG,
			(errmsg("the sweep of database \"%s\" ends: it is in somebody's way", get_database_name(MyDatabaseId)),
			 errdetail("The database is about to be dropped, renamed, moved or copied.")));
	proc_exit(0);
}

/*
 * For pg_stat_activity. The sweep comes by before each batch and in its pauses, so that a reload, the
 * death of the postmaster, which a process that never waits would not notice, and people who want the
 * database to themselves are seen to here.
 */
static void
report_progress(const char *doing)
{
	if (!PostmasterIsAlive())
		proc_exit(1);
	CHECK_FOR_INTERRUPTS();
	pp_worker_reload();
	if (database_is_wanted())
		make_way();
	pgstat_report_activity(STATE_RUNNING, doing);
}

/* Enters a portal that is as active as one that runs CALL. */
static Portal
enter_portal(void)
{
	Portal		portal = CreatePortal("", true, true);

	portal->visible = false;
	PortalDefineQuery(portal, NULL, "CALL privacy.sweep()", CMDTAG_CALL, NIL, NULL);
	PortalStart(portal, NULL, 0, InvalidSnapshot);
	MarkPortalActive(portal);
	ActivePortal = portal;
	PortalContext = portal->portalContext;
	return portal;
}

/* The last transaction's snapshot is the portal's too, if the sweep left one. */
static void
leave_portal(Portal portal)
{
	if (portal->portalSnapshot != NULL)
	{
		PopActiveSnapshot();
		portal->portalSnapshot = NULL;
	}
	ActivePortal = NULL;
	PortalContext = NULL;
	MarkPortalDone(portal);
	PortalDrop(portal, false);
}

static void
sweep(void)
{
	Portal		portal = enter_portal();

	SPI_connect_ext(SPI_OPT_NONATOMIC);
	pp_sweep_run(report_progress, false);
	SPI_finish();
	leave_portal(portal);
}

static void
sweep_if_installed(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	if (pp_core_installed())
		sweep();
	CommitTransactionCommand();
}

/* The portal goes with its transaction. */
static void
abandon_sweep(void)
{
	FlushErrorState();
	ActivePortal = NULL;
	PortalContext = NULL;
	AbortCurrentTransaction();
}

/* Somebody else's sweep does as well as ours. */
static void
leave_it_to_the_other(void)
{
	abandon_sweep();
	ereport(DEBUG1, (errmsg("another sweep of database %u is running", MyDatabaseId)));
}

/* DROP EXTENSION waits for a batch to end, not for the sweep. */
static bool
extension_is_gone(void)
{
	bool		gone;

	StartTransactionCommand();
	gone = !pp_core_installed();
	CommitTransactionCommand();
	return gone;
}

/* Shutdowns and cancels do not come here, and single rules' errors do not either. */
static void
give_up(void)
{
	ErrorData  *error;

	MemoryContextSwitchTo(TopMemoryContext);
	error = CopyErrorData();
	abandon_sweep();
	if (!extension_is_gone())
		ReThrowError(error);
	ereport(LOG, (errmsg("the sweep of database %u ends: pg_privacy was dropped", MyDatabaseId)));
}

void
pp_worker_sweep(Datum main_arg)
{
	open_session(DatumGetObjectId(main_arg));
	if (!pp_sweep_enabled())
		proc_exit(0);
	PG_TRY();
	{
		sweep_if_installed();
	}
	PG_CATCH();
	{
		if (geterrcode() == ERRCODE_OBJECT_IN_USE)
			leave_it_to_the_other();
		else
			give_up();
	}
	PG_END_TRY();
	proc_exit(0);
}
