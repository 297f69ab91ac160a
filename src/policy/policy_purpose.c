/*
 * policy_purpose.c: purposes and their periods, as the resolver needs them.
 *
 * They are read once per resolution, in two queries, and looked up in memory from then on: a label
 * names the same purpose in many places, and all of them must mean the same promise.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "policy/policy_internal.h"

static void read_purpose(Promises *promises, uint64 row);
static void read_period(Promises *promises, uint64 row);
static List *read_intervals(Datum array);
static Interval *copy_interval(Datum interval);
static char *list_purposes(const Promises *promises);
static void check_period(const LabelTerm *term, const Purpose *purpose);

Promises *
load_promises(TimestampTz cut_off)
{
	MemoryContext caller = CurrentMemoryContext;
	Promises   *promises = palloc0(sizeof(Promises));
	Oid			types[] = {TIMESTAMPTZOID};
	Datum		values[] = {TimestampTzGetDatum(cut_off)};

	promises->cut_off = cut_off;
	SPI_connect();
	pp_core_execute("SELECT p.name, p.legal_basis, t.by_tenant, t.periods FROM privacy.purpose p "
					"LEFT JOIN (SELECT purpose, jsonb_object_agg(tenant, retention)::text AS by_tenant, "
					"array_agg(DISTINCT retention) AS periods FROM privacy.tenant_period GROUP BY purpose) AS t "
					"ON t.purpose = p.name ORDER BY p.name", true, 0, NULL, NULL, NULL);
	MemoryContextSwitchTo(caller);
	for (uint64 i = 0; i < SPI_processed; i++)
		read_purpose(promises, i);
	pp_core_execute("SELECT purpose, retention, effective_at FROM privacy.purpose_period "
					"WHERE effective_at <= $1 ORDER BY effective_at",
					true, lengthof(types), types, values, NULL);
	MemoryContextSwitchTo(caller);
	for (uint64 i = 0; i < SPI_processed; i++)
		read_period(promises, i);
	SPI_finish();
	MemoryContextSwitchTo(caller);
	return promises;
}

static void
read_purpose(Promises *promises, uint64 row)
{
	Purpose    *purpose = palloc0(sizeof(Purpose));
	HeapTuple	tuple = SPI_tuptable->vals[row];
	TupleDesc	columns = SPI_tuptable->tupdesc;
	char	   *by_tenant = SPI_getvalue(tuple, columns, 3);
	bool		isnull;
	Datum		periods = SPI_getbinval(tuple, columns, 4, &isnull);

	purpose->name = pstrdup(SPI_getvalue(tuple, columns, 1));
	purpose->basis = pstrdup(SPI_getvalue(tuple, columns, 2));
	purpose->by_tenant = by_tenant ? pstrdup(by_tenant) : NULL;
	purpose->tenant_periods = isnull ? NIL : read_intervals(periods);
	promises->purposes = lappend(promises->purposes, purpose);
}

static List *
read_intervals(Datum array)
{
	List	   *result = NIL;
	Datum	   *elements;
	int			count;

	deconstruct_array(DatumGetArrayTypeP(array), INTERVALOID, sizeof(Interval), false, TYPALIGN_DOUBLE,
					  &elements, NULL, &count);
	for (int i = 0; i < count; i++)
		result = lappend(result, copy_interval(elements[i]));
	return result;
}

static Interval *
copy_interval(Datum interval)
{
	return DatumGetIntervalP(datumCopy(interval, false, sizeof(Interval)));
}

static void
read_period(Promises *promises, uint64 row)
{
	HeapTuple	tuple = SPI_tuptable->vals[row];
	TupleDesc	columns = SPI_tuptable->tupdesc;
	char	   *name = SPI_getvalue(tuple, columns, 1);
	PurposePeriod *period = palloc0(sizeof(PurposePeriod));
	bool		undetermined;
	bool		isnull;
	Datum		retention = SPI_getbinval(tuple, columns, 2, &undetermined);
	ListCell   *cell;

	if (!undetermined)
		period->retention = copy_interval(retention);
	period->effective_at = DatumGetTimestampTz(SPI_getbinval(tuple, columns, 3, &isnull));
	foreach(cell, promises->purposes)
	{
		Purpose    *purpose = lfirst(cell);

		if (strcmp(purpose->name, name) == 0)
			purpose->periods = lappend(purpose->periods, period);
	}
}

List *
named_purposes(const Promises *promises, const LabelName *name)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, promises->purposes)
	{
		if (purpose_covers(name->name, ((Purpose *) lfirst(cell))->name))
			result = lappend(result, lfirst(cell));
	}
	if (result == NIL)
	{
		char	   *existing = list_purposes(promises);

		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("purpose \"%s\" does not exist", name->name),
				existing ? errhint("Existing purposes are %s.", existing) :
				errhint("Declare it with privacy.create_purpose()."),
				pp_label_position(name->location));
	}
	return result;
}

static char *
list_purposes(const Promises *promises)
{
	StringInfoData list;
	ListCell   *cell;

	initStringInfo(&list);
	foreach(cell, promises->purposes)
		appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "", ((Purpose *) lfirst(cell))->name);
	return list.len > 0 ? list.data : NULL;
}

List *
served_purposes(const Promises *promises, const LabelTerm *term, const List *wanted)
{
	List	   *result = NIL;
	ListCell   *name;
	ListCell   *cell;
	ListCell   *each;

	foreach(name, term->purposes)
	{
		foreach(cell, named_purposes(promises, lfirst(name)))
		{
			bool		is_wanted = wanted == NIL;

			foreach(each, wanted)
			{
				is_wanted |= purpose_covers(((LabelName *) lfirst(each))->name,
											((Purpose *) lfirst(cell))->name);
			}
			if (is_wanted)
				result = list_append_unique_ptr(result, lfirst(cell));
		}
	}
	return result;
}

void
check_term_periods(const Promises *promises, const LabelTerm *term)
{
	ListCell   *cell;

	foreach(cell, served_purposes(promises, term, NIL))
	{
		check_period(term, lfirst(cell));
	}
}

static void
check_period(const LabelTerm *term, const Purpose *purpose)
{
	PurposePeriod *current = llast(purpose->periods);

	if (term->kind != TERM_AFTER)
		return;
	if (term->period != NULL && current->retention != NULL &&
		is_longer(term->period, current->retention))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("the term is longer than the retention period of purpose \"%s\"", purpose->name),
				errdetail("The purpose is the promise."),
				errhint("Shorten the term, or change the promise with privacy.alter_purpose()."),
				pp_label_position(term->location));
	if (term->period == NULL && current->retention == NULL)
		ereport(WARNING,
				errcode(ERRCODE_WARNING),
				errmsg("purpose \"%s\" has no retention period", purpose->name),
				errdetail("Rows kept for it are undetermined: they stay until somebody decides."),
				errhint("Give the term a period, or the purpose one with privacy.alter_purpose()."));
}

bool
promises_less(const Purpose *purpose, const LabelTerm *term)
{
	Interval	longer;
	ListCell   *cell;

	if (term->period == NULL)
		return false;
	/* where clocks change, 24 hours can be longer than a day */
	longer = *term->period;
	longer.day++;
	foreach(cell, purpose->periods)
	{
		const Interval *retention = ((PurposePeriod *) lfirst(cell))->retention;

		if (retention != NULL && memcmp(retention, term->period, sizeof(Interval)) != 0 &&
			is_longer(&longer, retention))
			return true;
	}
	return false;
}

List *
possible_periods(const LabelTerm *term, const Purpose *purpose, bool has_tenant)
{
	List	   *result = term->period ? list_make1(term->period) : NIL;
	ListCell   *cell;

	if (purpose == NULL)
		return result;
	if (term->period == NULL || promises_less(purpose, term))
	{
		foreach(cell, purpose->periods)
		{
			result = lappend(result, ((PurposePeriod *) lfirst(cell))->retention);
		}
	}
	return has_tenant ? list_concat(result, purpose->tenant_periods) : result;
}

/*
 * Months and days have no common measure, so both periods are laid along four years from their
 * first and last days of each month.
 */
bool
is_longer(const Interval *a, const Interval *b)
{
	for (int month = 0; month < 48; month++)
		for (int last = 0; last <= 1; last++)
		{
			Interval	offset = {.month = month + last, .day = -last};
			Datum		start = DirectFunctionCall2(timestamp_pl_interval, TimestampGetDatum(0),
													IntervalPGetDatum(&offset));
			Datum		end_a = DirectFunctionCall2(timestamp_pl_interval, start, IntervalPGetDatum(a));
			Datum		end_b = DirectFunctionCall2(timestamp_pl_interval, start, IntervalPGetDatum(b));

			if (DatumGetTimestamp(end_a) > DatumGetTimestamp(end_b))
				return true;
		}
	return false;
}

bool
purpose_covers(const char *named, const char *purpose)
{
	size_t		length = strlen(named);

	return strncmp(named, purpose, length) == 0 &&
		(purpose[length] == '\0' || purpose[length] == '.');
}
