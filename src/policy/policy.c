/*
 * policy.c: the settings of policy, and its place between labels and sweep.
 */
#include "postgres.h"

#include "fmgr.h"
#include "pgtime.h"
#include "storage/lmgr.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "label/label.h"
#include "policy/policy_internal.h"

PG_FUNCTION_INFO_V1(pp_sql_is_retention_period);

static char *timezone_setting;

static bool check_timezone(char **value, void **extra, GucSource source);

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
	(void) extra;
	(void) source;
	if (pg_tzset(*value) != NULL)
		return true;
	GUC_check_errdetail("\"%s\" is not a time zone of this server.", *value);
	return false;
}

void
pp_policy_lock(void)
{
	LockRelationOid(pp_core_relation("purpose"), ShareLock);
	LockRelationOid(pp_core_relation("purpose_period"), ShareLock);
}

/* privacy.is_retention_period(period interval) returns boolean */
Datum
pp_sql_is_retention_period(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(pp_label_period_is_sane(PG_GETARG_INTERVAL_P(0)));
}
