/*
 * sweep_kept.c: statements that many batches repeat are planned once.
 *
 * To plan them for every batch would cost more than the parsing: the planner asks an index for the
 * least and greatest value there is, and reads over the entries of all rows that the batches before
 * have removed. core_plan.c keeps the plans.
 *
 * The plan is made without a look at the pages or rows in question, so the planner does not know that
 * they are few. Where the statement reads nothing but one table, it is told. Where there is more, the
 * sub-selects must be free to use their indexes; then only the parsing is saved of what reads a range
 * of pages, whose size decides how to read the other tables. Of single rows the planner expects few.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/parsenodes.h"
#include "utils/guc.h"
#include "utils/plancache.h"

#include "core/core.h"
#include "sweep/sweep_internal.h"

static SPIPlanPtr plan_places(const char *statement, int nargs, Oid *types);
static bool reads_one_table(SPIPlanPtr plan);
static void insist_on_places(void);

int64
execute_kept(Oid owner, const char *statement, int nargs, Oid *types, Datum *values)
{
	MemoryContext caller = CurrentMemoryContext;
	CoreStay	stay;
	SPIPlanPtr	plan;

	pp_core_enter(&stay, owner, true);
	plan = pp_core_plan(statement, nargs, types, plan_places);
	if (reads_one_table(plan))
		insist_on_places();
	pp_core_run(plan, values, NULL, false);
	pp_core_leave(&stay);
	MemoryContextSwitchTo(caller);
	return (int64) SPI_processed;
}

static SPIPlanPtr
plan_places(const char *statement, int nargs, Oid *types)
{
	SPIPlanPtr	plan = pp_core_prepare(statement, nargs, types, CURSOR_OPT_GENERIC_PLAN);

	if (types[nargs - 1] != TIDOID || reads_one_table(plan))
		return plan;
	SPI_freeplan(plan);
	return pp_core_prepare(statement, nargs, types, CURSOR_OPT_CUSTOM_PLAN);
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
