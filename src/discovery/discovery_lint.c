/*
 * discovery_lint.c: privacy.lint() reads every label, and tells what is missing, contradictory or slow.
 *
 * A label that cannot be read, or a rule that cannot run, is a finding and never an error of the
 * whole: each is looked at in a subtransaction of its own. Nothing is changed. Tables are read as
 * their owners, as the sweep does, and no finding quotes a value.
 *
 * The ids are for machines: they do not change.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "discovery/discovery_internal.h"

PG_FUNCTION_INFO_V1(pp_sql_lint);

#define LINT_COLUMNS 5

static const struct
{
	const char *id;
	const char *severity;
	const char *hint;
}			lint_ids[] = {
	[LINT_LABEL_UNREADABLE] = {"label-unreadable", "error", "Set the label again; check_label() tells where it goes wrong."},
	[LINT_RULE_PARKED] = {"rule-parked", "error", "Set the label again, or call rebind_labels() if what it resolves to now is meant."},
	[LINT_RULE_UNBOUND] = {"rule-unbound", "warning", "Call rebind_labels(), or CALL privacy.sweep()."},
	[LINT_RULE_FAILS] = {"rule-fails", "error", "Change the label so that its expressions hold for every row."},
	[LINT_TREATMENT_UNRECOGNISABLE] = {"treatment-unrecognisable", "error", "Add MARK (<a timestamptz column that the sweep may set>)."},
	[LINT_MINIMUM_ABOVE_MAXIMUM] = {"minimum-above-maximum", "error", "Decide which of them holds: an AT MOST ends every purpose but those on legal obligation."},
	[LINT_NO_PERIOD] = {"no-period", "warning", "Give the term a period, or the purpose with alter_purpose()."},
	[LINT_START_NEVER_SET] = {"start-never-set", "warning", "See that the application records the event, or choose another starting point."},
	[LINT_START_SWEPT] = {"start-swept", "warning", "Keep the event in a column of the table itself."},
	[LINT_START_UNINDEXED] = {"start-unindexed", "notice", "CREATE INDEX on the column, so that a sweep reads only what may be due."},
	[LINT_LEAF_OWN_RETAIN] = {"leaf-own-retain", "error", "Remove the RETAIN of one of the two labels."},
	[LINT_COLUMN_OUTLIVES_TABLE] = {"column-outlives-table", "warning", "Shorten the column's period, or name its purpose in the table's RETAIN."},
	[LINT_COLUMN_UNLABELLED] = {"column-unlabelled", "notice", "Label it; NOT PERSONAL says that there is nothing to say."},
	[LINT_PURPOSE_WITHOUT_RULE] = {"purpose-without-rule", "notice", "Name it in the RETAIN of the tables that serve it."},
	[LINT_CASCADE_INTO_RULE] = {"cascade-into-rule", "warning", "Declare the foreign key ON DELETE NO ACTION; the sweep deletes children first."},
	[LINT_FOREIGN_KEY_UNINDEXED] = {"foreign-key-unindexed", "warning", "CREATE INDEX on the referencing columns."}
};

static List *load_purposes(void);
static void lint_relation(Lint *lint, Oid relid);
static void read_label(void *arg);

/* privacy.lint() returns table (severity, object, finding, hint, id) */
Datum
pp_sql_lint(PG_FUNCTION_ARGS)
{
	Lint		lint = {.result = (ReturnSetInfo *) fcinfo->resultinfo, .now = pp_core_now()};
	ListCell   *cell;

	InitMaterializedSRF(fcinfo, 0);
	lint.purposes = load_purposes();
	foreach(cell, pp_label_relations())
	{
		CHECK_FOR_INTERRUPTS();
		lint_relation(&lint, lfirst_oid(cell));
	}
	foreach(cell, lint.labels)
	{
		CHECK_FOR_INTERRUPTS();
		lint_label(&lint, lfirst(cell));
		lint_rule(&lint, lfirst(cell));
	}
	lint_purposes(&lint);
	lint_keys(&lint);
	PG_RETURN_VOID();
}

void
add_finding(Lint *lint, LintId id, const char *object, const char *finding)
{
	Datum		values[LINT_COLUMNS] = {
		CStringGetTextDatum(lint_ids[id].severity),
		CStringGetTextDatum(object),
		CStringGetTextDatum(finding),
		CStringGetTextDatum(lint_ids[id].hint),
		CStringGetTextDatum(lint_ids[id].id)
	};
	bool		nulls[LINT_COLUMNS] = {0};

	tuplestore_putvalues(lint->result->setResult, lint->result->setDesc, values, nulls);
}

static List *
load_purposes(void)
{
	MemoryContext caller = CurrentMemoryContext;
	List	   *purposes = NIL;

	SPI_connect();
	pp_core_execute("SELECT p.name, (SELECT r.retention FROM privacy.purpose_period r WHERE r.purpose = p.name "
					"AND r.effective_at <= pg_catalog.now() ORDER BY r.effective_at DESC LIMIT 1) "
					"FROM privacy.purpose p ORDER BY p.name", true, 0, NULL, NULL, NULL);
	MemoryContextSwitchTo(caller);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		LintPurpose *purpose = palloc0(sizeof(LintPurpose));
		bool		isnull;
		Datum		retention = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &isnull);

		purpose->name = MemoryContextStrdup(caller, SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1));
		if (!isnull)
		{
			purpose->retention = palloc(sizeof(Interval));
			*purpose->retention = *DatumGetIntervalP(retention);
		}
		purposes = lappend(purposes, purpose);
	}
	SPI_finish();
	MemoryContextSwitchTo(caller);
	return purposes;
}

/* Gathers the labels that can be read. */
static void
lint_relation(Lint *lint, Oid relid)
{
	ListCell   *cell;

	foreach(cell, pp_label_columns(relid))
	{
		LintLabel  *label = palloc0(sizeof(LintLabel));
		ErrorData  *error;

		label->relid = relid;
		label->attnum = lfirst_int(cell);
		error = pp_core_attempt(read_label, label);
		if (error == NULL)
			lint->labels = lappend(lint->labels, label);
		else if (label->object != NULL)
			add_finding(lint, LINT_LABEL_UNREADABLE, label->object,
						psprintf("its label cannot be read: %s", pp_core_describe_error(error, false)));
	}
}

static void
read_label(void *arg)
{
	LintLabel  *label = arg;

	label->object = pp_core_quote_relation(label->relid);
	if (label->attnum > 0)
		label->object = psprintf("%s.%s", label->object,
								 quote_identifier(get_attname(label->relid, label->attnum, false)));
	label->label = pp_label_load(label->relid, label->attnum);
}
