/*
 * sweep_fellows.c: columns whose purposes end together are treated together.
 *
 * Each column has a rule of its own, with its own count and evidence. But an UPDATE writes the whole
 * row, and an entry in every index; so a row in which several columns of the same end are all still
 * to be treated is written once, in a batch of the first of their rules. The others are its fellows.
 * What remains, rows in which some of the values are missing or treated already, each rule does in
 * its own pass.
 *
 * Only a batch that acts at once has fellows: when anything goes wrong it is repeated without.
 */
#include "postgres.h"

#include "utils/snapmgr.h"

#include "core/core.h"
#include "sweep/sweep_batch.h"

/* A rule while it is asked whether it may join. */
typedef struct Candidate
{
	SweepBatch *batch;
	SweepRule  *rule;
	RetentionRule *resolved;
} Candidate;

static bool may_join(SweepBatch *batch, SweepRule *rule);
static void resolve_fellow(void *arg);

/* Of the rules that still have their turn: those before have treated what was theirs. */
void
find_fellows(SweepBatch *batch)
{
	bool		behind = false;
	ListCell   *cell;

	batch->together = list_make1(batch->resolved);
	foreach(cell, batch->rule->attnum == 0 ? NIL : batch->run->rules)
	{
		Candidate	candidate = {.batch = batch, .rule = lfirst(cell)};

		/* a rule in trouble says so when it has its turn */
		if (behind && may_join(batch, candidate.rule) &&
			pp_core_attempt(resolve_fellow, &candidate) == NULL && candidate.resolved != NULL)
		{
			batch->fellows = lappend(batch->fellows, candidate.rule);
			batch->together = lappend(batch->together, candidate.resolved);
		}
		behind |= candidate.rule == batch->rule;
	}
}

static bool
may_join(SweepBatch *batch, SweepRule *rule)
{
	return rule->relid == batch->rule->relid && rule->attnum > 0 && rule->started && strcmp(rule->state, "enforced") == 0;
}

static void
resolve_fellow(void *arg)
{
	Candidate  *candidate = arg;
	SweepBatch *batch = candidate->batch;
	RetentionRule *resolved;

	PushActiveSnapshot(GetTransactionSnapshot());
	resolved = pp_policy_resolve(candidate->rule->relid, candidate->rule->attnum, batch->run->cut_off, batch->run->bind);
	PopActiveSnapshot();
	if (resolved != NULL && !resolved->draft && !resolved->unbound &&
		keeps_promise(batch->run, candidate->rule, resolved) &&
		strcmp(resolved->end, batch->resolved->end) == 0 && reads_only_row(batch, resolved))
		candidate->resolved = resolved;
}

void
tell_fellows(SweepBatch *batch, int64 done)
{
	ListCell   *cell;

	foreach(cell, done > 0 ? batch->fellows : NIL)
	{
		SweepRule  *rule = lfirst(cell);
		SweepEffect effect = {.table = rule->table, .rule = rule, .deleted = done};

		add_effect(&batch->effects, &effect);
	}
}
