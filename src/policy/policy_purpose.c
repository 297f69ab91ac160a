/*
 * policy_purpose.c: purposes and their periods, as the resolver needs them.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "policy/policy_internal.h"

static char *list_purposes(void);
static bool is_longer(const Interval *a, const Interval *b);

List *
purpose_periods(const char *purpose, TimestampTz cut_off)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid			types[] = {TEXTOID, TIMESTAMPTZOID};
	Datum		values[] = {CStringGetTextDatum(purpose), TimestampTzGetDatum(cut_off)};
	List	   *result = NIL;

	SPI_connect();
	pp_core_execute("SELECT retention, effective_at FROM privacy.purpose_period "
					"WHERE purpose = $1 AND effective_at <= $2 ORDER BY effective_at",
					true, lengthof(types), types, values, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		MemoryContext spi = MemoryContextSwitchTo(caller);
		PurposePeriod *period = palloc0(sizeof(PurposePeriod));
		bool		isnull;
		Datum		retention = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);

		if (!isnull)
			period->retention = DatumGetIntervalP(datumCopy(retention, false, sizeof(Interval)));
		period->effective_at = DatumGetTimestampTz(SPI_getbinval(SPI_tuptable->vals[i],
																 SPI_tuptable->tupdesc, 2, &isnull));
		result = lappend(result, period);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	return result;
}

void
require_purpose(const LabelName *purpose, TimestampTz cut_off)
{
	if (purpose_periods(purpose->name, cut_off) == NIL)
	{
		char	   *existing = list_purposes();

		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("purpose \"%s\" does not exist", purpose->name),
				existing ? errhint("Existing purposes are %s.", existing) :
				errhint("Declare it with privacy.create_purpose()."),
				pp_label_position(purpose->location));
	}
}

static char *
list_purposes(void)
{
	MemoryContext caller = CurrentMemoryContext;
	char	   *list;

	SPI_connect();
	pp_core_execute("SELECT string_agg(name, ', ' ORDER BY name) FROM privacy.purpose",
					true, 0, NULL, NULL, NULL);
	list = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	list = list ? MemoryContextStrdup(caller, list) : NULL;
	SPI_finish();
	return list;
}

void
check_term(const LabelTerm *term, TimestampTz cut_off)
{
	ListCell   *cell;

	if (term->kind == TERM_AFTER && term->period == NULL && term->purposes == NIL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("a term without a purpose needs a retention period"),
				errhint("Write RETAIN <period> AFTER ..., or name the purpose that has one: RETAIN FOR <purpose> AFTER ..."),
				pp_label_position(term->location));
	foreach(cell, term->purposes)
	{
		require_purpose(lfirst(cell), cut_off);
	}
}

void
check_term_periods(const LabelTerm *term, TimestampTz cut_off)
{
	ListCell   *cell;

	check_term(term, cut_off);
	foreach(cell, term->purposes)
	{
		LabelName  *purpose = lfirst(cell);
		PurposePeriod *current = llast(purpose_periods(purpose->name, cut_off));

		if (term->period != NULL && current->retention != NULL &&
			is_longer(term->period, current->retention))
			ereport(ERROR,
					errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
					errmsg("the term is longer than the retention period of purpose \"%s\"", purpose->name),
					errdetail("The purpose is the promise."),
					errhint("Shorten the term, or change the promise with privacy.alter_purpose()."),
					pp_label_position(term->location));
		if (term->kind == TERM_AFTER && term->period == NULL && current->retention == NULL)
			ereport(WARNING,
					errcode(ERRCODE_WARNING),
					errmsg("purpose \"%s\" has no retention period", purpose->name),
					errdetail("Rows kept for it are undetermined: they stay until somebody decides."),
					errhint("Give the term a period, or the purpose one with privacy.alter_purpose()."));
	}
}

bool
promises_less(const char *purpose, const LabelTerm *term, TimestampTz cut_off)
{
	ListCell   *cell;

	if (term->period == NULL)
		return false;
	foreach(cell, purpose_periods(purpose, cut_off))
	{
		PurposePeriod *period = lfirst(cell);

		if (period->retention != NULL && is_longer(term->period, period->retention))
			return true;
	}
	return false;
}

/*
 * Whether a can end later than b from some start: months and days have no common measure, so both
 * are laid along four years from their first and last days of each month.
 */
static bool
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
