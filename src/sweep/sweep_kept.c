/*
 * sweep_kept.c: statements that many batches repeat are planned once.
 *
 * To plan them for every batch would cost more than the parsing: the planner asks an index for the
 * least and greatest value there is, and reads over the entries of all rows that the batches before
 * have removed. The server itself throws a plan away when a table, function or index changes that it
 * is made of.
 *
 * The plan is made without a look at the pages or rows in question, so the planner does not know that
 * they are few. Where the statement reads nothing but one table, it is told; where there is more, the
 * sub-selects must be free to use their indexes.
 */
#include "postgres.h"

#include "nodes/parsenodes.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/plancache.h"

#include "core/core.h"
#include "sweep/sweep_internal.h"

/* As many as a leaf's batches use: one that locks, one that acts, and one for each key that leads to it. */
#define KEPT_PLANS 16

typedef struct KeptPlan
{
	char	   *statement;
	SPIPlanPtr	plan;
} KeptPlan;

/* Of the session; the next one to be replaced is the oldest. */
static KeptPlan kept_plans[KEPT_PLANS];
static int	oldest_plan;

static SPIPlanPtr find_plan(const char *statement, int nargs, Oid *types);
static SPIPlanPtr keep_plan(const char *statement, int nargs, Oid *types);
static void forget_plan(KeptPlan *kept);
static bool reads_one_table(SPIPlanPtr plan);
static void insist_on_places(void);

int64
execute_kept(Oid owner, const char *statement, int nargs, Oid *types, Datum *values)
{
	MemoryContext caller = CurrentMemoryContext;
	CoreStay	stay;
	SPIPlanPtr	plan;
	int			result;

	pp_core_enter(&stay, owner, true);
	plan = find_plan(statement, nargs, types);
	if (reads_one_table(plan))
		insist_on_places();
	result = SPI_execute_plan(plan, values, NULL, false, 0);
	pp_core_leave(&stay);
	MemoryContextSwitchTo(caller);
	if (result < 0)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(result)); /* cannot happen */
	return (int64) SPI_processed;
}

static SPIPlanPtr
find_plan(const char *statement, int nargs, Oid *types)
{
	for (int i = 0; i < KEPT_PLANS; i++)
	{
		if (kept_plans[i].statement != NULL && strcmp(kept_plans[i].statement, statement) == 0)
			return kept_plans[i].plan;
	}
	return keep_plan(statement, nargs, types);
}

static SPIPlanPtr
keep_plan(const char *statement, int nargs, Oid *types)
{
	KeptPlan   *kept = &kept_plans[oldest_plan];
	SPIPlanPtr	plan;

	forget_plan(kept);
	plan = SPI_prepare_cursor(statement, nargs, types, CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));	/* cannot happen */
	kept->statement = MemoryContextStrdup(TopMemoryContext, statement);
	SPI_keepplan(plan);
	kept->plan = plan;
	oldest_plan = (oldest_plan + 1) % KEPT_PLANS;
	return plan;
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

static bool
reads_one_table(SPIPlanPtr plan)
{
	CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(plan));
	Query	   *query = linitial_node(Query, source->query_list);

	return !query->hasSubLinks && list_length(query->rtable) == 1;
}

/* Whatever else the planner thinks of: pages or rows are given. */
static void
insist_on_places(void)
{
	static const char *const others[] = {"enable_seqscan", "enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan"};

	for (int i = 0; i < (int) lengthof(others); i++)
		(void) set_config_option(others[i], "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}
