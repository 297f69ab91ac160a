/*
 * sweep.c: the sweep's settings and its SQL entry.
 */
#include "postgres.h"

#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "utils/guc.h"

#include "core/core.h"
#include "sweep/sweep_internal.h"

PG_FUNCTION_INFO_V1(pp_sql_sweep);

int			sweep_batch_pages;
static bool sweep_enabled;

void
pp_sweep_init(void)
{
	DefineCustomBoolVariable("privacy.sweep_enabled",
							 "Whether the background worker sweeps this database.",
							 "Set it with ALTER DATABASE. CALL privacy.sweep() works either way.",
							 &sweep_enabled, false, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("privacy.sweep_batch_pages",
							"The most pages of a table that one batch of the sweep works on.",
							"Larger batches are faster and hold their row locks longer.",
							&sweep_batch_pages, 128, 1, 4096, PGC_SUSET, 0, NULL, NULL, NULL);
	init_batches();
	init_standing();
	init_pace();
	init_breaker();
}

bool
pp_sweep_enabled(void)
{
	return sweep_enabled;
}

/* CALL privacy.sweep() */
Datum
pp_sql_sweep(PG_FUNCTION_ARGS)
{
	CallContext *context = (CallContext *) fcinfo->context;

	if (context == NULL || !IsA(context, CallContext) || context->atomic)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				errmsg("sweep() cannot run inside a transaction block or a function"),
				errdetail("Every batch commits by itself, so that evidence and effect are one."),
				errhint("CALL privacy.sweep() by itself, in autocommit."));
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	pp_sweep_run(NULL, true);
	SPI_finish();
	PG_RETURN_VOID();
}
