/*
 * core_plan.c: statements that a session repeats are planned once.
 *
 * The server itself throws a plan away when a table, function or index changes that it is made of; what
 * is kept here is thrown away when others take its place. Never while a statement runs: a user's trigger
 * could repeat so many others that the one around it would lose its plan.
 */
#include "postgres.h"

#include "nodes/parsenodes.h"
#include "utils/memutils.h"

#include "core/core.h"

/* Of a sweep: its books and evidence, the reading of labels and purposes, and what a leaf's batches do. */
#define KEPT_PLANS 64

typedef struct KeptPlan
{
	char	   *statement;
	SPIPlanPtr	plan;
} KeptPlan;

/* The next one to be replaced is the oldest. */
static KeptPlan kept_plans[KEPT_PLANS];
static int	oldest_plan;

/* Statements that run inside each other. */
static int	depth;

static void keep_plan(const char *statement, SPIPlanPtr plan);
static void forget_plan(KeptPlan *kept);

SPIPlanPtr
pp_core_plan(const char *statement, int nargs, Oid *types, PlanMaker make)
{
	SPIPlanPtr	plan;

	for (int i = 0; i < KEPT_PLANS; i++)
	{
		if (kept_plans[i].statement != NULL && strcmp(kept_plans[i].statement, statement) == 0)
			return kept_plans[i].plan;
	}
	plan = make ? make(statement, nargs, types) : pp_core_prepare(statement, nargs, types, CURSOR_OPT_PARALLEL_OK);
	if (depth == 0)
		keep_plan(statement, plan);
	return plan;
}

static void
keep_plan(const char *statement, SPIPlanPtr plan)
{
	KeptPlan   *kept = &kept_plans[oldest_plan];

	forget_plan(kept);
	SPI_keepplan(plan);
	kept->plan = plan;
	kept->statement = MemoryContextStrdup(TopMemoryContext, statement);
	oldest_plan = (oldest_plan + 1) % KEPT_PLANS;
}

static void
forget_plan(KeptPlan *kept)
{
	KeptPlan	old = *kept;

	memset(kept, 0, sizeof(KeptPlan));
	if (old.plan != NULL)
		SPI_freeplan(old.plan);
	if (old.statement != NULL)
		pfree(old.statement);
}

SPIPlanPtr
pp_core_prepare(const char *statement, int nargs, Oid *types, int options)
{
	SPIPlanPtr	plan = SPI_prepare_cursor(statement, nargs, types, options);

	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));	/* cannot happen */
	return plan;
}

void
pp_core_run(SPIPlanPtr plan, Datum *values, const char *nulls, bool read_only)
{
	int			result = 0;

	depth++;
	PG_TRY();
	{
		result = SPI_execute_plan(plan, values, nulls, read_only, 0);
	}
	PG_FINALLY();
	{
		depth--;
	}
	PG_END_TRY();
	if (result < 0)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(result)); /* cannot happen */
}
