/*
 * policy.c: the settings of policy, and its place between labels and sweep.
 */
#include "postgres.h"

#include "fmgr.h"
#include "pgtime.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "audit/audit.h"
#include "core/core.h"
#include "label/label.h"
#include "policy/policy_internal.h"

PG_FUNCTION_INFO_V1(pp_sql_is_retention_period);
PG_FUNCTION_INFO_V1(pp_sql_audit_promise);

/* How far a zone may be from Greenwich: PostgreSQL writes what is farther in a way it reads as another moment. */
#define LARGEST_OFFSET (16 * SECS_PER_HOUR - 1)

/* The first day of the year 1800, before any zone changes its clocks; and more changes than any has, rules for the future included. */
#define BEFORE_ALL_CHANGES INT64CONST(-5364662400)
#define MOST_CHANGES 1000

static char *timezone_setting;

static bool is_promise(const char *action);
static bool check_timezone(char **value, void **extra, GucSource source);
static bool is_near(const pg_tz *zone);

void
pp_policy_init(void)
{
	DefineCustomStringVariable("privacy.policy_timezone",
							   "Time zone in which retention periods are counted.",
							   "A date starts at 00:00 there, and a calendar year ends there; the session's time zone never counts.",
							   &timezone_setting, "UTC", PGC_SUSET, 0,
							   check_timezone, NULL, NULL);
	pp_label_on_check(check_rule);
}

static bool
check_timezone(char **value, void **extra, GucSource source)
{
	pg_tz	   *zone;

	(void) extra;
	(void) source;
	zone = pg_tzset(*value);
	if (zone == NULL)
		GUC_check_errdetail("\"%s\" is not a time zone of this server.", *value);
	else if (!is_near(zone))
	{
		GUC_check_errdetail("\"%s\" is 16 hours or more from UTC.", *value);
		zone = NULL;
	}
	return zone != NULL;
}

/* Whether each of its offsets, whatever the season, can be written and read back. */
static bool
is_near(const pg_tz *zone)
{
	pg_time_t	moment = BEFORE_ALL_CHANGES;
	pg_time_t	change;
	long		before;
	long		after;
	int			before_isdst;
	int			after_isdst;

	for (int i = 0; i < MOST_CHANGES; i++)
	{
		int			found = pg_next_dst_boundary(&moment, &before, &before_isdst, &change, &after, &after_isdst, zone);

		if (found < 0 || labs(before) > LARGEST_OFFSET)
			return false;
		if (found == 0)
			return true;
		moment = change;
	}
	return true;
}

void
pp_policy_lock(void)
{
	LockRelationOid(pp_core_relation("purpose"), ShareLock);
	LockRelationOid(pp_core_relation("purpose_period"), ShareLock);
	LockRelationOid(pp_core_relation("tenant_period"), ShareLock);
}

/* privacy.is_retention_period(period interval) returns boolean */
Datum
pp_sql_is_retention_period(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(pp_label_period_is_sane(PG_GETARG_INTERVAL_P(0)));
}

/* privacy.audit_promise(action text, object text, detail jsonb) */
Datum
pp_sql_audit_promise(PG_FUNCTION_ARGS)
{
	AuditEntry	entry = {.row_count = -1};

	entry.action = PG_ARGISNULL(0) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(0));
	if (!is_promise(entry.action))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("not a change of a promise"),
				errhint("Actions are purpose.create, purpose.alter, tenant.set and policy.create."));
	entry.object = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	if (!PG_ARGISNULL(2))
		entry.detail = DatumGetCString(DirectFunctionCall1(jsonb_out, PG_GETARG_DATUM(2)));
	SPI_connect();
	pp_audit_append(&entry);
	SPI_finish();
	PG_RETURN_VOID();
}

static bool
is_promise(const char *action)
{
	static const char *const actions[] = {"purpose.create", "purpose.alter", "tenant.set", "policy.create"};

	for (int i = 0; i < (int) lengthof(actions); i++)
		if (strcmp(action, actions[i]) == 0)
			return true;
	return false;
}
