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

static char *timezone_setting;

static bool is_promise(const char *action);
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
