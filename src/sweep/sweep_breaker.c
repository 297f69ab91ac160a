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
 * room for so many rows; else in a sample of its pages, sixteen times larger each time, until one
 * says with certainty (five standard deviations, were each page wholly due or not at all) whether the
 * share is below or above. Only a share that is very near to the limit has the whole table read. All
 * of it may take no longer than one batch.
 *
 * A leaf that somebody holds locked cannot be counted, and holds nobody else up: it is left out of
 * the count and of this run. What was not counted is not swept.
 *
 * An approval is for a table, with its labels and all periods as they are: any change to them voids
 * it, and it is used up when the table's rules have gone through. It is evidence.
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

#define DEVIATIONS	5.0

/* How much larger the next sample is, where one did not suffice. */
#define SAMPLE_GROWTH	16

#define APPROVAL	"waiting for an approval"

/* SQL: what an approval of $1 is for. */
#define PROMISE \
	"(SELECT pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.concat(" \
	"(SELECT pg_catalog.string_agg(pg_catalog.concat(s.objsubid, ' ', s.label), E'\\n' ORDER BY s.objsubid) " \
	"FROM pg_catalog.pg_seclabel s WHERE s.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass " \
	"AND s.objoid = $1 AND s.provider = 'privacy'), E'\\n', " \
	"(SELECT pg_catalog.string_agg(p::pg_catalog.text, E'\\n' ORDER BY p.purpose, p.effective_at) " \
	"FROM privacy.purpose_period p), E'\\n', " \
	"(SELECT pg_catalog.string_agg(t::pg_catalog.text, E'\\n' ORDER BY t.tenant, t.purpose) " \
	"FROM privacy.tenant_period t)), 'UTF8')))"

double		sweep_max_fraction;
static int	sweep_max_fraction_rows;

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
	/* found in the latest sample: */
	int64		total;
	int64		due;
	int64		filled;			/* pages with any row; not counted where all are read */
} ShareCount;

static bool is_approved(SweepRule *rule);
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
static double bound_share(const ShareCount *count, double deviations);
static int64 scale(const ShareCount *count, int64 found);
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

	rule->approved = is_approved(rule);
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
	return holds;
}

static bool
is_approved(SweepRule *rule)
{
	Oid			types[] = {REGCLASSOID, TEXTOID};
	Datum		values[] = {ObjectIdGetDatum(rule->relid), CStringGetTextDatum(describe_origin())};
	bool		approved;

	SPI_connect();
	pp_core_execute("SELECT FROM privacy.sweep_approval a WHERE a.relation = $1 AND a.origin = $2 AND a.promise = " PROMISE,
					false, lengthof(types), types, values, NULL);
	approved = SPI_processed > 0;
	SPI_finish();
	return approved;
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

static void
put_off(SweepRun *run, SweepRule *rule, const char *state, const char *problem)
{
	rule->state = state;
	rule->problem = MemoryContextStrdup(run->memory, problem);
	rule->started = false;
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
		widen_sample(count, 2 * DEVIATIONS * DEVIATIONS / fmax(count->max_fraction, 1e-6));
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

/* Those that somebody holds are left out from then on. */
static void
count_leaves(ShareCount *count)
{
	ListCell   *cell;

	count->due = count->total = count->filled = 0;
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
	Oid			types[] = {TIMESTAMPTZOID};
	Datum		values[] = {TimestampTzGetDatum(count->run->cut_off)};
	int64	   *sums[] = {&count->total, &count->due, &count->filled};
	bool		all = count->percent >= 100;

	SPI_connect();
	(void) execute_as(count->resolved->owner,
					  psprintf("SELECT pg_catalog.sum(n)::pg_catalog.int8, pg_catalog.sum(due)::pg_catalog.int8, pg_catalog.count(*) "
							   "FROM (SELECT pg_catalog.count(*) AS n, pg_catalog.count(*) FILTER (WHERE %s) AS due "
							   "FROM ONLY %s AS " PP_TARGET "%s GROUP BY %s) AS page",
							   count->resolved->due, pp_core_quote_relation(count->leaf),
							   all ? "" : psprintf(" TABLESAMPLE pg_catalog.system(%.9f)", count->percent),
							   all ? "()" : "pg_catalog.substr(pg_catalog.tidsend(" PP_TARGET ".ctid), 1, 4)"),
					  1, types, values, 0);
	for (int i = 0; i < (int) lengthof(sums); i++)
	{
		bool		isnull;
		int64		found = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1, &isnull));

		*sums[i] += isnull ? 0 : found;
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

static bool
is_certain(const ShareCount *count)
{
	return count->filled > 0 &&
		(bound_share(count, DEVIATIONS) < count->max_fraction || bound_share(count, -DEVIATIONS) > count->max_fraction);
}

/* The upper end of Wilson's interval, for a share found in so many pages; the lower for negative deviations. */
static double
bound_share(const ShareCount *count, double deviations)
{
	double		n = count->filled;
	double		share = (double) count->due / count->total;
	double		squared = deviations * deviations;

	return (share + squared / (2 * n) + deviations * sqrt(share * (1 - share) / n + squared / (4 * n * n))) /
		(1 + squared / n);
}

/* From the sample to all of it. */
static int64
scale(const ShareCount *count, int64 found)
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
	Oid			types[] = {REGCLASSOID, TEXTOID};
	Datum		values[] = {ObjectIdGetDatum(relid), CStringGetTextDatum(describe_origin())};

	if (!list_member_oid(pp_label_relations(), relid))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("table \"%s\" has no deletion rule", get_rel_name(relid) ? get_rel_name(relid) : psprintf("%u", relid)),
				errhint("Tables with a deletion rule are listed by privacy.sweep_rule."));
	pp_core_execute("DELETE FROM privacy.sweep_approval WHERE relation = $1", false, 1, types, values, NULL);
	pp_core_execute("INSERT INTO privacy.sweep_approval (relation, origin, promise) VALUES ($1, $2, " PROMISE ")",
					false, lengthof(types), types, values, NULL);
}
