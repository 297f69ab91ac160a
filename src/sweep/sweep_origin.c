/*
 * sweep_origin.c: is this the database that was swept before, or a copy of it?
 *
 * A copy made to look at an old state, or to test with, must not begin to delete because a worker
 * comes along with it. What makes the difference is kept in privacy.sweep_origin, which is copied
 * like everything else and not dumped:
 *
 *     system identifier / database OID / timeline / the backup that it was restored from
 *
 * CREATE DATABASE ... TEMPLATE changes the OID, pg_upgrade the system identifier. A recovery from
 * an archive ends on a new timeline. A base backup that is started as it is stays on its timeline,
 * but the server keeps the backup's label, whose content stands for the backup.
 *
 * A failover looks like a restore: the standby was made from a backup and changes the timeline. But
 * it streamed to the last, and the server remembers that until it stops. So a new timeline counts
 * as a failover if this server has received WAL from another since it started; the first sweep
 * after it writes the new origin down. A server that is restarted between its promotion and that
 * sweep has forgotten, and waits for approval.
 *
 * What is restored from a dump has no bindings, which is another reason to wait. A copy of the files
 * of a stopped server, or of a storage snapshot, cannot be told from the original.
 */
#include "postgres.h"

#include <sys/stat.h>

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "replication/walreceiver.h"
#include "storage/fd.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/core.h"
#include "sweep/sweep_internal.h"

PG_FUNCTION_INFO_V1(pp_sql_describe_origin);

/* The server renames a backup's label to this when it has recovered from the backup. */
#define USED_LABEL	"backup_label.old"

static uint64 hash_backup_label(void);
static char *read_origin(void);
static bool same_place(const char *origin, const char *here);
static bool has_streamed(void);
static void follow_failover(const char *origin, const char *here);

char *
describe_origin(void)
{
	return psprintf(UINT64_FORMAT "/%u/%u/%016llx", GetSystemIdentifier(), MyDatabaseId,
					GetWALInsertionTimeLine(), (unsigned long long) hash_backup_label());
}

/* privacy.describe_origin() returns text */
Datum
pp_sql_describe_origin(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	if (RecoveryInProgress())
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(describe_origin()));
}

/* It names the start of the backup, in WAL and in time. 0: this server does not come from one. */
static uint64
hash_backup_label(void)
{
	FILE	   *file = AllocateFile(USED_LABEL, PG_BINARY_R);
	unsigned char content[2048];
	size_t		length;

	if (file == NULL && errno == ENOENT)
		return 0;
	if (file == NULL)
		ereport(ERROR,
				errcode_for_file_access(),
				errmsg("could not open file \"%s\": %m", USED_LABEL));
	length = fread(content, 1, sizeof(content), file);
	FreeFile(file);
	return hash_bytes_extended(content, length, 0);
}

void
find_origin(SweepRun *run)
{
	char	   *origin;
	char	   *here = describe_origin();

	SPI_connect();
	origin = read_origin();
	if (strcmp(origin, here) == 0)
		run->copied = NULL;
	else if (!same_place(origin, here))
		run->copied = "this database is a copy of another";
	else if (!has_streamed())
		run->copied = "this database was restored from a backup";
	else
		follow_failover(origin, here);
	SPI_finish();
	next_transaction(run);
	if (run->copied != NULL && run->rules != NIL)
		ereport(WARNING,
				errcode(ERRCODE_WARNING),
				errmsg("the sweep waits for approval: %s", run->copied),
				errdetail("Its origin is not the one in privacy.sweep_origin."),
				errhint("If it is to be swept like the original: SELECT privacy.approve_sweep()."));
}

static char *
read_origin(void)
{
	pp_core_execute("SELECT origin FROM privacy.sweep_origin", false, 0, NULL, NULL, NULL);
	return SPI_processed == 0 ? "" : SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

/* The same database of the same cluster: equal up to the second slash. */
static bool
same_place(const char *origin, const char *here)
{
	const char *end = strchr(strchr(here, '/') + 1, '/');

	return strncmp(origin, here, end + 1 - here) == 0;
}

static bool
has_streamed(void)
{
	return GetWalRcvFlushRecPtr(NULL, NULL) != InvalidXLogRecPtr;
}

/* What was approved on the former primary stays so. */
static void
follow_failover(const char *origin, const char *here)
{
	Oid			types[] = {TEXTOID, TEXTOID};
	Datum		values[] = {CStringGetTextDatum(origin), CStringGetTextDatum(here)};

	pp_core_execute("UPDATE privacy.sweep_origin SET origin = $2, since = pg_catalog.clock_timestamp()",
					false, lengthof(types), types, values, NULL);
	pp_core_execute("UPDATE privacy.sweep_approval SET origin = $2 WHERE origin = $1",
					false, lengthof(types), types, values, NULL);
	ereport(LOG,
			errmsg("the sweep goes on after a failover"),
			errdetail("This server was a streaming standby and was promoted."));
}
