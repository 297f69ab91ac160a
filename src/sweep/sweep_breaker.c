/*
 * sweep_breaker.c: what waits for somebody's approval.
 *
 * A rule that would take a large share of its table at once is more often a mistake than not: a
 * wrong column, a period in days instead of years, a clock that was set. So before anything of a
 * run is done, each rule is asked how much is due. More than privacy.sweep_max_fraction of the rows
 * and more than privacy.sweep_max_fraction_rows of them, and the rule waits. A copy of a database
 * waits with all its rules (sweep_origin.c). What waits keeps what depends on it: rows of such a
 * rule block the rows that they refer to.
 *
 * To count costs a read of the table, so it is done only when need be: not for a table that has no
 * room for so many rows; else in a sample of its pages, four times larger each time, until one says
 * with certainty whether the share is below or above. A page that is not in the sample may be as full
 * as a page can be of rows that are all due, or hold a single one: the bound allows for both
 * (Maurer and Pontil 2009, empirical Bernstein bounds). What a sample cannot say, nor that the rows are
 * few, is counted. All of it may take no longer than one batch.
 *
 * A rule that then takes more than was found, since rows fell due in the midst of its run, is asked
 * again.
 *
 * A leaf that somebody holds locked cannot be counted, and holds nobody else up: it is left out of
 * the count and of this run. What was not counted is not swept.
 *
 * An approval is for a table, with its labels, what they resolve to (the labels of parents, names that
 * now mean something else) and all periods as they are: any change to them voids it, and it is used up
 * when the table's rules have gone through. It is evidence.
 */
#include "postgres.h"

#include <math.h>
#include <sys/stat.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "audit/audit.h"
#include "core/core.h"
#include "label/label.h"
#include "sweep/sweep_pace.h"

PG_FUNCTION_INFO_V1(pp_sql_approve_sweep);

/* ln(2 / p): a sample misleads once in a million times. */
#define CERTAINTY		14.5

/* Pages of the first sample, and how much larger the next is, where one did not suffice. */
#define FIRST_SAMPLE	256
#define SAMPLE_GROWTH	4

#define APPROVAL	"waiting for an approval"

/*
 * SQL: what an approval of $1 is for; $3 is what the labels resolve to, at a moment that is always the
 * same. What a function of the owner's does is the owner's word.
 */
#define PROMISE \
	"(SELECT pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.concat(" \
	"(SELECT pg_catalog.string_agg(pg_catalog.concat(s.objsubid, ' ', s.label), E'\\n' ORDER BY s.objsubid) " \
	"FROM pg_catalog.pg_seclabel s WHERE s.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass " \
	"AND s.objoid = $1 AND s.provider = 'privacy'), E'\\n', $3, E'\\n', " \
	"(SELECT pg_catalog.string_agg(p::pg_catalog.text, E'\\n' ORDER BY p.purpose, p.effective_at) " \
	"FROM privacy.purpose_period p), E'\\n', " \
	"(SELECT pg_catalog.string_agg(t::pg_catalog.text, E'\\n' ORDER BY t.tenant, t.purpose) " \
	"FROM privacy.tenant_period t)), 'UTF8')))"

double		sweep_max_fraction;
int			sweep_max_fraction_rows;

/* At which approvals are compared: every change of a period that was made by now is in force. */
#define COMPARED_AT	((TimestampTz) (INT64CONST(2921940) * USECS_PER_DAY))

/* What the rules of a table resolve to. */
typedef struct Resolving
{
	Oid			relid;
	bool		bind;
	StringInfoData conditions;
} Resolving;

/* A rule while its share is found out. */
typedef struct ShareCount
{
	SweepRun   *run;
	SweepRule  *rule;
	double		max_fraction;
	RetentionRule *resolved;
	List	   *leaves;			/* that can be counted */
	uint64		pages;			/* of the leaves */
	double		percent;		/* of the pages that the next sample reads; 100: all of them */
	Oid			leaf;			/* that is being counted */
	/* found in the latest sample, what the rule has taken in this run among it: */
	double		total;
	double		due;
	double		filled;			/* pages with any row; not counted where all are read */
	double		squares;		/* over those pages: of their rows due beyond the share */
} ShareCount;

static bool is_approved(SweepRun *run, SweepRule *rule);
static Datum resolve_conditions(Oid relid, bool bind);
static void append_conditions(void *arg);
static bool takes_too_much(SweepRun *run, SweepRule *rule);
static void put_off(SweepRun *run, SweepRule *rule, const char *state, const char *problem);
static void count_share(void *arg);
static void measure_leaves(ShareCount *count);
static uint64 count_pages(Oid leaf);
static void widen_sample(ShareCount *count, double pages);
static void count_leaves(ShareCount *count);
static void count_leaf(void *arg);
static void leave_out(ShareCount *count);
static bool is_certain(const ShareCount *count);
static double uncertainty(const ShareCount *count);
static int64 scale(const ShareCount *count, double found);
static bool exceeds(const ShareCount *count);
static void approve_origin(void);
static void approve_table(Oid relid);

void
init_breaker(void)
{
	DefineCustomRealVariable("privacy.sweep_max_fraction",
							 "A rule that would take more than this part of its table's rows waits for approve_sweep(); 1 for no such rule.",
							 "Only where it would take more than privacy.sweep_max_fraction_rows as well.",
							 &sweep_max_fraction, 0.5, 0, 1, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("privacy.sweep_max_fraction_rows",
							"A rule that would take no more rows than this never waits for approval.",
							NULL,
							&sweep_max_fraction_rows, 10000, 0, INT_MAX, PGC_SUSET, 0, NULL, NULL, NULL);
}

bool
breaker_holds(SweepRun *run, SweepRule *rule)
{
	bool		holds;

	rule->approved = is_approved(run, rule);
	if (rule->approved)
		holds = false;
	else if (run->copied != NULL)
	{
		put_off(run, rule, APPROVAL, run->copied);
		holds = true;
	}
	else
		holds = takes_too_much(run, rule);
	next_transaction(run);
	rule->allowed = Max(rule->due, rule->done) + sweep_max_fraction_rows;
	return holds;
}

bool
outgrows_breaker(SweepRun *run, SweepRule *rule)
{
	return !rule->approved && rule->done > rule->allowed && breaker_holds(run, rule);
}

static bool
is_approved(SweepRun *run, SweepRule *rule)
{
	Oid			types[] = {REGCLASSOID, TEXTOID, TEXTOID};
	Datum		values[] = {ObjectIdGetDatum(rule->relid), CStringGetTextDatum(describe_origin()), (Datum) 0};
	bool		approved;

	SPI_connect();
	pp_core_execute("SELECT FROM privacy.sweep_approval a WHERE a.relation = $1 AND a.origin = $2",
					false, 2, types, values, NULL);
	approved = SPI_processed > 0;
	SPI_finish();
	if (!approved)
		return false;
	values[2] = resolve_conditions(rule->relid, run->bind);
	SPI_connect();
	pp_core_execute("SELECT FROM privacy.sweep_approval a WHERE a.relation = $1 AND a.origin = $2 AND a.promise = " PROMISE,
					false, lengthof(types), types, values, NULL);
	approved = SPI_processed > 0;
	SPI_finish();
	return approved;
}

/* The conditions of all rules of a table, as text. A rule that cannot be resolved adds none: once it can be, that is another promise. */
static Datum
resolve_conditions(Oid relid, bool bind)
{
	Resolving	resolving = {.relid = relid, .bind = bind};

	initStringInfo(&resolving.conditions);
	if (pp_core_attempt(append_conditions, &resolving) != NULL)
		appendStringInfoString(&resolving.conditions, "unresolved");
	return CStringGetTextDatum(resolving.conditions.data);
}

static void
append_conditions(void *arg)
{
	Resolving  *resolving = arg;
	ListCell   *cell;

	PushActiveSnapshot(GetTransactionSnapshot());
	foreach(cell, pp_label_columns(resolving->relid))
	{
		RetentionRule *rule = pp_policy_resolve(resolving->relid, lfirst_int(cell), COMPARED_AT, resolving->bind);

		if (rule != NULL && !rule->unbound)
			appendStringInfo(&resolving->conditions, "%s: %s\n", rule->text, rule->due);
	}
	PopActiveSnapshot();
}

/* What cannot be counted waits too: as locked, or as what its batches would come to. */
static bool
takes_too_much(SweepRun *run, SweepRule *rule)
{
	ShareCount	count = {.run = run, .rule = rule, .max_fraction = read_pace(rule->relid).max_fraction};
	ErrorData  *error;

	measure_leaves(&count);
	if (count.max_fraction >= 1 || count.pages * MaxHeapTuplesPerPage <= (uint64) sweep_max_fraction_rows)
		return false;
	/* to count calls what the rule calls, and may crash as well */
	if (!start_rule(run, rule))
		return true;
	error = pp_core_attempt_within(sweep_batch_timeout, count_share, &count);
	if (error != NULL && error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE)
	{
		put_off(run, rule, "locked", "it could not be counted, since somebody holds its table");
		rule->locked++;
	}
	else if (error != NULL)
		put_off(run, rule, count.resolved == NULL ? "parked" : "failed",
				pp_core_describe_error(error, count.resolved != NULL));
	else if (exceeds(&count))
		put_off(run, rule, APPROVAL,
				psprintf("it would %s %s" INT64_FORMAT " of " INT64_FORMAT " %s",
						 rule->attnum == 0 ? "delete" : "treat", count.percent < 100 ? "about " : "",
						 scale(&count, count.due), scale(&count, count.total), rule->attnum == 0 ? "rows" : "values"));
	else
		return false;
	return true;
}

void
hold_rule(SweepRun *run, SweepRule *rule, const char *problem)
{
	put_off(run, rule, APPROVAL, problem);
}

static void
put_off(SweepRun *run, SweepRule *rule, const char *state, const char *problem)
{
	rule->state = state;
	rule->problem = MemoryContextStrdup(run->memory, problem);
	rule->started = rule->done > 0;
	if (run->copied != NULL || strcmp(state, "locked") == 0)
		return;
	ereport(WARNING,
			errcode(ERRCODE_WARNING),
			errmsg("the rule \"%s\" of table %s does not run", rule->text, rule->table),
			errdetail("%s", rule->problem),
			strcmp(state, APPROVAL) != 0 ? errhint("Other rules go on. See privacy.sweep_outcome.") :
			errhint("If this is meant: SELECT privacy.approve_sweep(%s). The first sweep of a table that was long neglected is such a case.",
					quote_literal_cstr(rule->table)));
}

static void
count_share(void *arg)
{
	ShareCount *count = arg;

	SPI_connect();
	measure_leaves(count);
	PushActiveSnapshot(GetTransactionSnapshot());
	count->resolved = pp_policy_resolve(count->rule->relid, count->rule->attnum,
										count->run->cut_off, count->run->bind);
	PopActiveSnapshot();
	if (count->resolved != NULL)
	{
		widen_sample(count, FIRST_SAMPLE);
		for (count_leaves(count); count->percent < 100 && !is_certain(count); count_leaves(count))
			widen_sample(count, count->percent / 100 * count->pages * SAMPLE_GROWTH);
		count->rule->due = scale(count, count->due);
	}
	SPI_finish();
}

/* By their files, without a lock: most tables are too small to matter, whoever holds them. */
static void
measure_leaves(ShareCount *count)
{
	ListCell   *cell;

	count->leaves = NIL;
	count->pages = 0;
	foreach(cell, leaves_of(count->rule->relid))
	{
		uint64		pages = SearchSysCacheExists1(RELOID, ObjectIdGetDatum(lfirst_oid(cell))) ?
		count_pages(lfirst_oid(cell)) : 0;

		if (pages > 0)
			count->leaves = lappend_oid(count->leaves, lfirst_oid(cell));
		count->pages += pages;
	}
}

static uint64
count_pages(Oid leaf)
{
	char	   *path = text_to_cstring(DatumGetTextPP(DirectFunctionCall1(pg_relation_filepath, ObjectIdGetDatum(leaf))));
	uint64		bytes = 0;
	struct stat status = {.st_size = (off_t) RELSEG_SIZE * BLCKSZ};

	for (int segment = 0; status.st_size == (off_t) RELSEG_SIZE * BLCKSZ; segment++)
	{
		if (stat(segment == 0 ? path : psprintf("%s.%d", path, segment), &status) != 0)
			break;
		bytes += status.st_size;
	}
	return bytes / BLCKSZ;
}

static void
widen_sample(ShareCount *count, double pages)
{
	count->percent = count->pages > pages ? 100 * pages / count->pages : 100;
}

/* Those that somebody holds are left out from then on. A row that the rule has deleted in this run was due; so was a value, whose row is still there. */
static void
count_leaves(ShareCount *count)
{
	ListCell   *cell;

	count->filled = count->squares = 0;
	count->due = count->rule->done * count->percent / 100;
	count->total = count->rule->attnum == 0 ? count->due : 0;
	foreach(cell, count->leaves)
	{
		ErrorData  *error;

		count->leaf = lfirst_oid(cell);
		error = pp_core_attempt(count_leaf, count);
		if (error == NULL)
			continue;
		if (error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE)
			ReThrowError(error);
		leave_out(count);
		count->leaves = foreach_delete_current(count->leaves, cell);
	}
}

/*
 * Rows of a sample are grouped by their pages: after a large deletion most are empty, and say nothing
 * about the share.
 */
static void
count_leaf(void *arg)
{
	ShareCount *count = arg;
	Oid			types[] = {TIMESTAMPTZOID, FLOAT8OID};
	Datum		values[] = {TimestampTzGetDatum(count->run->cut_off), Float8GetDatum(count->max_fraction)};
	double	   *sums[] = {&count->total, &count->due, &count->filled, &count->squares};
	bool		all = count->percent >= 100;

	SPI_connect();
	(void) execute_as(count->resolved->owner,
					  psprintf("SELECT pg_catalog.sum(n)::pg_catalog.float8, pg_catalog.sum(due)::pg_catalog.float8, "
							   "pg_catalog.count(*)::pg_catalog.float8, pg_catalog.sum((due - $2 * n) * (due - $2 * n)) "
							   "FROM (SELECT pg_catalog.count(*) AS n, pg_catalog.count(*) FILTER (WHERE %s) AS due "
							   "FROM ONLY %s AS " PP_TARGET "%s GROUP BY %s) AS page",
							   count->resolved->due, pp_core_quote_relation(count->leaf),
							   all ? "" : psprintf(" TABLESAMPLE pg_catalog.system(%.9f)", count->percent),
							   all ? "()" : "pg_catalog.substr(pg_catalog.tidsend(" PP_TARGET ".ctid), 1, 4)"),
					  lengthof(types), types, values, 0);
	for (int i = 0; i < (int) lengthof(sums); i++)
	{
		bool		isnull;
		Datum		found = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1, &isnull);

		*sums[i] += isnull ? 0 : DatumGetFloat8(found);
	}
	SPI_finish();
}

static void
leave_out(ShareCount *count)
{
	MemoryContext caller = MemoryContextSwitchTo(count->run->memory);

	count->rule->uncounted = lappend_oid(count->rule->uncounted, count->leaf);
	MemoryContextSwitchTo(caller);
}

/* Who is above must be above the number of rows too; whether it is, only a count tells where that is near. */
static bool
is_certain(const ShareCount *count)
{
	double		excess = count->due - count->max_fraction * count->total;

	if (count->filled < 2 || fabs(excess) / count->filled <= uncertainty(count))
		return false;
	return excess < 0 || scale(count, count->due) > 2 * (int64) sweep_max_fraction_rows;
}

/*
 * By how much the average page may differ from that of the sample, in rows due beyond the share. One
 * such number lies between that of a full page that stays and that of a full page that is due.
 */
static double
uncertainty(const ShareCount *count)
{
	double		n = count->filled;
	double		mean = (count->due - count->max_fraction * count->total) / n;
	double		variance = fmax(count->squares - n * mean * mean, 0) / (n - 1);

	return sqrt(2 * variance * CERTAINTY / n) + 7 * MaxHeapTuplesPerPage * CERTAINTY / (3 * (n - 1));
}

/* From the sample to all of it. */
static int64
scale(const ShareCount *count, double found)
{
	return count->percent > 0 ? (int64) rint(found * 100 / count->percent) : 0;
}

static bool
exceeds(const ShareCount *count)
{
	return scale(count, count->due) > sweep_max_fraction_rows && count->due > count->max_fraction * count->total;
}

void
settle_approvals(SweepRun *run)
{
	Oid			types[] = {REGCLASSOID};
	ListCell   *cell;

	foreach(cell, run->rules)
	{
		SweepRule  *rule = lfirst(cell);
		Datum		values[] = {ObjectIdGetDatum(rule->relid)};
		bool		through = rule->approved;
		ListCell   *other;

		foreach(other, run->rules)
		{
			SweepRule  *sister = lfirst(other);

			if (sister->relid == rule->relid && sister->approved &&
				(sister->locked > 0 || strcmp(sister->state, "enforced") != 0))
				through = false;
		}
		if (through)
			pp_core_execute("DELETE FROM privacy.sweep_approval WHERE relation = $1",
							false, lengthof(types), types, values, NULL);
	}
}

/* privacy.approve_sweep(relation regclass) */
Datum
pp_sql_approve_sweep(PG_FUNCTION_ARGS)
{
	AuditEntry	entry = {.action = "sweep.approve", .row_count = -1};

	SPI_connect();
	if (PG_ARGISNULL(0))
		approve_origin();
	else
	{
		approve_table(PG_GETARG_OID(0));
		entry.object = pp_core_quote_relation(PG_GETARG_OID(0));
	}
	pp_audit_append(&entry);
	SPI_finish();
	PG_RETURN_VOID();
}

static void
approve_origin(void)
{
	Oid			types[] = {TEXTOID};
	Datum		values[] = {CStringGetTextDatum(describe_origin())};

	pp_core_execute("DELETE FROM privacy.sweep_origin", false, 0, NULL, NULL, NULL);
	pp_core_execute("INSERT INTO privacy.sweep_origin (origin) VALUES ($1)",
					false, lengthof(types), types, values, NULL);
}

static void
approve_table(Oid relid)
{
	Oid			types[] = {REGCLASSOID, TEXTOID, TEXTOID};
	Datum		values[] = {ObjectIdGetDatum(relid), CStringGetTextDatum(describe_origin()), (Datum) 0};

	if (!list_member_oid(pp_label_relations(), relid))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("table \"%s\" has no deletion rule", get_rel_name(relid) ? get_rel_name(relid) : psprintf("%u", relid)),
				errhint("Tables with a deletion rule are listed by privacy.sweep_rule."));
	values[2] = resolve_conditions(relid, true);
	pp_core_execute("DELETE FROM privacy.sweep_approval WHERE relation = $1", false, 1, types, values, NULL);
	pp_core_execute("INSERT INTO privacy.sweep_approval (relation, origin, promise) VALUES ($1, $2, " PROMISE ")",
					false, lengthof(types), types, values, NULL);
}
