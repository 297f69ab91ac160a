/*
 * sweep_run.c: one run of every rule.
 *
 * A run has one cut-off and many transactions. Between them it holds a session lock, so that two
 * runs of one database exclude each other, and nothing else: no snapshot, no row, no table. What it
 * knows of its rules is kept in its own memory; whether a rule still stands, the batch finds out
 * again under its locks.
 *
 * Rows that are referenced go after the rows that reference them, so rules run children first. What
 * one pass frees may let another rule go on: passes are repeated while something was done and
 * something was in the way, and after a few only while less and less is. Columns are treated last: rows that were to go are gone by then, and
 * what is left of them is only blocked.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "audit/audit.h"
#include "core/core.h"
#include "keyring/keyring.h"
#include "label/label.h"
#include "sweep/sweep_internal.h"

/* Tells the sweep's session lock from the lock that DROP EXTENSION takes. */
#define SWEEP_LOCK_SUBID 1

/*
 * How often a rule is gone through because somebody held its rows, or because it did something: an
 * update may have moved a due row behind the pass.
 */
#define MAX_PASSES 3

/*
 * How often blocked rows are looked at again while they become fewer: a tree loses its leaves at each
 * pass. That something was done is not enough: where new rows fall due as fast as others go, columns
 * would never have their turn.
 */
#define MAX_FREEING_PASSES 100

/* A rule while it is looked at for the first time. */
typedef struct RuleLoading
{
	SweepRun   *run;
	SweepRule  *rule;
} RuleLoading;

static LOCKTAG sweep_lock(void);
static void run_all(SweepRun *run);
static bool has_work(SweepRun *run);
static void begin(SweepRun *run);
static void load_rules(SweepRun *run);
static void put_in_order(void *arg);
static SweepRule *load_rule(SweepRun *run, Oid relid, AttrNumber attnum);
static void resolve_rule(void *arg);
static void keep(SweepRun *run, const char **words);
static char *read_promise(Oid relid, AttrNumber attnum);
static char *describe_basis(const RetentionRule *resolved);
static void hold_for_approval(SweepRun *run);
static void run_rules(SweepRun *run, bool rows);
static bool give_turns(SweepRun *run, bool rows, int pass);
static void start_columns(SweepRun *run, int pass);
static SweepRule *find_unfinished(SweepRun *run);
static bool wants_pass(SweepRun *run, SweepRule *rule, bool rows, int pass);
static bool awaits_rows(SweepRun *run, SweepRule *rule);
static int64 count_blocked(const SweepRun *run);
static void report(SweepRun *run);

void
pp_sweep_run(SweepProgress progress, bool bind)
{
	SweepRun	run = {.progress = progress, .bind = bind};
	LOCKTAG		lock;

	if (RecoveryInProgress())
		ereport(ERROR,
				errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				errmsg("cannot sweep during recovery"),
				errhint("The primary sweeps; its deletions are replayed here."));
	lock = sweep_lock();
	if (LockAcquire(&lock, ExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_IN_USE),
				errmsg("another sweep of this database is running"),
				errhint("Wait for it to end: see privacy.sweep_run and pg_stat_activity."));

	run.memory = AllocSetContextCreate(TopMemoryContext, "pg_privacy sweep", ALLOCSET_DEFAULT_SIZES);
	run.batch_memory = AllocSetContextCreate(run.memory, "pg_privacy batch", ALLOCSET_DEFAULT_SIZES);
	PG_TRY();
	{
		run_all(&run);
	}
	PG_FINALLY();
	{
		MemoryContextDelete(run.memory);
		LockRelease(&lock, ExclusiveLock, true);
	}
	PG_END_TRY();
}

static LOCKTAG
sweep_lock(void)
{
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, ExtensionRelationId, pp_core_extension(), SWEEP_LOCK_SUBID);
	return tag;
}

static void
run_all(SweepRun *run)
{
	MemoryContext caller = MemoryContextSwitchTo(run->batch_memory);

	run->cut_off = pp_core_now();
	next_transaction(run);
	load_rules(run);
	find_origin(run);
	hold_for_window(run);
	if (run->bind || has_work(run))
	{
		begin(run);
		hold_for_approval(run);
		run_rules(run, true);
		run_rules(run, false);
		report(run);
	}
	MemoryContextSwitchTo(caller);
}

/*
 * A worker may wake in the middle of a restore, when any row it wrote would collide with the ones
 * that are to come. While no label is bound it writes nothing at all.
 */
static bool
has_work(SweepRun *run)
{
	int			unbound = 0;
	ListCell   *cell;

	foreach(cell, run->rules)
	{
		SweepRule  *rule = lfirst(cell);

		if (strcmp(rule->state, "enforced") == 0)
			return true;
		unbound += strcmp(rule->state, "unbound") == 0;
	}
	if (unbound > 0)
		ereport(LOG,
				errmsg("%d deletion rules of this database wait to be bound", unbound),
				errdetail("Their labels were restored."),
				errhint("SELECT privacy.rebind_labels(), or CALL privacy.sweep()."));
	return false;
}

/* The start mark is committed before any work. */
static void
begin(SweepRun *run)
{
	PushActiveSnapshot(GetTransactionSnapshot());
	pp_keyring_require();
	PopActiveSnapshot();
	record_start(run);
	next_transaction(run);
}

void
next_transaction(SweepRun *run)
{
	SPI_commit();
	MemoryContextSwitchTo(run->batch_memory);
	MemoryContextReset(run->batch_memory);
	CHECK_FOR_INTERRUPTS();

	/*
	 * The batch's second statement must see what was committed since the first. And in a conflict
	 * the sweep yields: it gives up waiting before anybody's deadlock check would run.
	 */
	SetConfigOption("transaction_isolation", "read committed", PGC_USERSET, PGC_S_OVERRIDE);
	(void) set_config_option("lock_timeout", psprintf("%dms", Max(DeadlockTimeout / 2 - 10, 1)),
							 PGC_SUSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
}

static void
load_rules(SweepRun *run)
{
	List	   *rules = NIL;
	ListCell   *cell;

	PushActiveSnapshot(GetTransactionSnapshot());
	foreach(cell, pp_label_relations())
	{
		Oid			relid = lfirst_oid(cell);
		ListCell   *attnum;

		foreach(attnum, pp_label_columns(relid))
		{
			SweepRule  *rule = load_rule(run, relid, lfirst_int(attnum));

			if (rule != NULL)
				rules = lappend(rules, rule);
		}
	}
	/* a table dropped at this moment costs the order, not the run */
	(void) pp_core_attempt(put_in_order, &rules);
	MemoryContextSwitchTo(run->memory);
	run->rules = list_copy(rules);
	MemoryContextSwitchTo(run->batch_memory);
	PopActiveSnapshot();
	next_transaction(run);
}

static void
put_in_order(void *arg)
{
	List	  **rules = arg;

	*rules = order_rules(*rules);
}

/* A rule that cannot be resolved is listed as parked, and stops nobody else. NULL: the label makes none, or its table is gone. */
static SweepRule *
load_rule(SweepRun *run, Oid relid, AttrNumber attnum)
{
	SweepRule  *rule = MemoryContextAllocZero(run->memory, sizeof(SweepRule));
	RuleLoading loading = {run, rule};
	ErrorData  *error;

	rule->relid = relid;
	rule->attnum = attnum;
	rule->table = psprintf("%u", relid);
	rule->text = attnum == 0 ? "THEN DELETE" : psprintf("column %d", attnum);
	error = pp_core_attempt(resolve_rule, &loading);
	if (error != NULL && SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
	{
		/* what somebody holds locked now, the batches try again */
		rule->state = error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ? "enforced" : "parked";
		if (error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE)
			rule->problem = pp_core_describe_error(error, false);
	}
	if (rule->state == NULL)
		return NULL;
	keep(run, &rule->table);
	keep(run, &rule->text);
	keep(run, &rule->problem);
	return rule;
}

static void
resolve_rule(void *arg)
{
	RuleLoading *loading = arg;
	SweepRule  *rule = loading->rule;
	RetentionRule *resolved;

	rule->table = pp_core_quote_relation(rule->relid);
	if (rule->attnum > 0)
		rule->text = quote_identifier(get_attname(rule->relid, rule->attnum, false));
	resolved = pp_policy_resolve(rule->relid, rule->attnum, loading->run->cut_off, loading->run->bind);
	if (resolved == NULL)
		return;
	(void) keeps_promise(loading->run, rule, resolved);
	rule->state = resolved->draft ? "draft" : resolved->unbound ? "unbound" : "enforced";
	if (strcmp(rule->state, "unbound") == 0)
		rule->problem = "its label was restored; privacy.rebind_labels() or CALL privacy.sweep() binds it";
}

bool
keeps_promise(SweepRun *run, SweepRule *rule, const RetentionRule *resolved)
{
	char	   *promise = read_promise(rule->relid, rule->attnum);

	if (rule->promise != NULL)
		return strcmp(rule->promise, promise) == 0;
	rule->promise = promise;
	rule->text = resolved->text;
	rule->basis = describe_basis(resolved);
	keep(run, &rule->promise);
	keep(run, &rule->text);
	keep(run, &rule->basis);
	return true;
}

static char *
read_promise(Oid relid, AttrNumber attnum)
{
	Label	   *table = pp_label_load(relid, 0);
	Label	   *column = attnum > 0 ? pp_label_load(relid, attnum) : NULL;

	return psprintf("%s\n%s", table ? table->source : "", column ? column->source : "");
}

/* {"service": "contract"}; NULL for a rule without purposes. */
static char *
describe_basis(const RetentionRule *resolved)
{
	MemoryContext caller = CurrentMemoryContext;
	ArrayBuildState *names = initArrayResult(TEXTOID, caller, false);
	Oid			types[] = {TEXTARRAYOID};
	Datum		values[1];
	char	   *basis;
	ListCell   *cell;

	foreach(cell, resolved->facts)
	{
		const char *purpose = ((RetentionFact *) lfirst(cell))->purpose;

		if (purpose != NULL)
			names = accumArrayResult(names, CStringGetTextDatum(purpose), false, TEXTOID, caller);
	}
	foreach(cell, resolved->serves)
		names = accumArrayResult(names, CStringGetTextDatum(lfirst(cell)), false, TEXTOID, caller);
	values[0] = makeArrayResult(names, caller);
	SPI_connect();
	pp_core_execute("SELECT pg_catalog.jsonb_object_agg(name, legal_basis) FROM privacy.purpose WHERE name = ANY ($1)",
					false, lengthof(types), types, values, NULL);
	basis = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (basis != NULL)
		basis = MemoryContextStrdup(caller, basis);
	SPI_finish();
	return basis;
}

/* Into the run's memory. */
static void
keep(SweepRun *run, const char **words)
{
	if (*words != NULL)
		*words = MemoryContextStrdup(run->memory, *words);
}

/* All of them before any runs: what waits keeps what it refers to. */
static void
hold_for_approval(SweepRun *run)
{
	ListCell   *cell;

	foreach(cell, run->rules)
	{
		if (strcmp(((SweepRule *) lfirst(cell))->state, "enforced") == 0)
			(void) breaker_holds(run, lfirst(cell));
	}
}

static void
run_rules(SweepRun *run, bool rows)
{
	bool		progress = true;

	for (int pass = 0; progress; pass++)
	{
		int64		blocked = count_blocked(run);

		progress = give_turns(run, rows, pass);
		while (find_unfinished(run) != NULL)
		{
			/* who takes long keeps nobody waiting, columns neither */
			progress |= give_turns(run, true, 0);
			progress |= give_turns(run, false, 0);
		}
		if (pass + 1 >= MAX_PASSES)
			progress &= count_blocked(run) < blocked;
	}
}

static bool
give_turns(SweepRun *run, bool rows, int pass)
{
	bool		progress = false;
	ListCell   *cell;

	if (!rows)
		start_columns(run, pass);
	foreach(cell, run->rules)
	{
		SweepRule  *rule = lfirst(cell);

		if (!wants_pass(run, rule, rows, pass) || !start_rule(run, rule))
			continue;
		run_pass(run, rule);
		progress |= rule->pass_done > 0 || (rule->locked > 0 && pass + 1 < MAX_PASSES);
	}
	return progress;
}

/* One may be treated along with another: so one that rests, or has crashed too often, has to say so first. */
static void
start_columns(SweepRun *run, int pass)
{
	ListCell   *cell;

	foreach(cell, run->rules)
	{
		SweepRule  *rule = lfirst(cell);

		if (!rule->started && wants_pass(run, rule, false, pass))
			(void) start_rule(run, rule);
	}
}

static SweepRule *
find_unfinished(SweepRun *run)
{
	ListCell   *cell;

	foreach(cell, run->rules)
	{
		if (((SweepRule *) lfirst(cell))->unfinished)
			return lfirst(cell);
	}
	return NULL;
}

/* Everything once; then what was in somebody's way. */
static bool
wants_pass(SweepRun *run, SweepRule *rule, bool rows, int pass)
{
	if (strcmp(rule->state, "enforced") != 0 || (rule->attnum == 0) != rows)
		return false;
	if (rule->unfinished)
		return true;
	if (!rule->through)
		return rows || !awaits_rows(run, rule);
	if (pass < MAX_PASSES)
		return pass > 0 && (rule->blocked > 0 || rule->locked > 0 || (rule->pass_done > 0 && !rule->alone));
	return rule->blocked > 0 && pass < MAX_FREEING_PASSES;
}

/* The values of rows that are about to go are not treated before. */
static bool
awaits_rows(SweepRun *run, SweepRule *rule)
{
	SweepRule  *deleting = find_unfinished(run) ? find_row_rule(run->rules, rule->relid) : NULL;

	return deleting != NULL && deleting->unfinished;
}

static int64
count_blocked(const SweepRun *run)
{
	int64		blocked = 0;
	ListCell   *cell;

	foreach(cell, run->rules)
		blocked += ((SweepRule *) lfirst(cell))->blocked;
	return blocked;
}

static void
report(SweepRun *run)
{
	ListCell   *cell;

	foreach(cell, run->rules)
		record_outcome(run, lfirst(cell));
	settle_approvals(run);
	record_end(run);
	next_transaction(run);
	(void) pp_audit_seal();
	next_transaction(run);
}

List *
leaves_of(Oid relid)
{
	List	   *result = NIL;
	ListCell   *cell;

	if (get_rel_relkind(relid) == '\0')
		return NIL;
	/* no lock: whoever acts on a leaf locks it, and looks again whether it is one */
	foreach(cell, find_all_inheritors(relid, NoLock, NULL))
	{
		if (get_rel_relkind(lfirst_oid(cell)) == RELKIND_RELATION)
			result = lappend_oid(result, lfirst_oid(cell));
	}
	return result;
}
