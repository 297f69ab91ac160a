/* core_plan.h: statements that a session repeats are planned once; part of core.h. */
#ifndef PP_CORE_PLAN_H
#define PP_CORE_PLAN_H

#include "executor/spi.h"

/* Plans a statement, in the caller's SPI connection. */
typedef SPIPlanPtr (*PlanMaker) (const char *statement, int nargs, Oid *types);

/*
 * The plan of a statement, kept by the session under its text; made by make where there is none yet
 * (NULL: as SPI_execute_with_args would have it). Belongs to the session: run it at once. Statements
 * of the same text have arguments of the same types.
 */
extern SPIPlanPtr pp_core_plan(const char *statement, int nargs, Oid *types, PlanMaker make);

/* Plans a statement with CURSOR_OPT_...; what a PlanMaker is made of. */
extern SPIPlanPtr pp_core_prepare(const char *statement, int nargs, Oid *types, int options);

/* As SPI_execute_plan without a limit, raising its failures. */
extern void pp_core_run(SPIPlanPtr plan, Datum *values, const char *nulls, bool read_only);

#endif							/* PP_CORE_PLAN_H */
