/*
 * sweep_window.c: the hours in which the sweep may work.
 *
 * A window is a stretch of the day such as 22:00-05:00, in privacy.policy_timezone like every other
 * time of a rule. Its last minute does not belong to it. Like what is due, it is judged by
 * pp_core_now(), so that tests need not wait for the night.
 */
#include "postgres.h"

#include <ctype.h>

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "sweep/sweep_pace.h"

PG_FUNCTION_INFO_V1(pp_sql_is_sweep_window);

static bool parse_time(const char *word, int *minute);
static int	minute_of_day(TimestampTz moment);

bool
parse_window(const char *word, SweepWindow *window)
{
	window->from = window->until = 0;
	if (word[0] == '\0')
		return true;
	return strlen(word) == strlen("22:00-05:00") && word[5] == '-' &&
		parse_time(word, &window->from) && parse_time(word + 6, &window->until) &&
		window->from != window->until && window->from != MINS_PER_HOUR * HOURS_PER_DAY;
}

/* "05:00", with whatever behind it. */
static bool
parse_time(const char *word, int *minute)
{
	int			hours = (word[0] - '0') * 10 + (word[1] - '0');
	int			minutes = (word[3] - '0') * 10 + (word[4] - '0');

	*minute = hours * MINS_PER_HOUR + minutes;
	return isdigit((unsigned char) word[0]) && isdigit((unsigned char) word[1]) && word[2] == ':' &&
		isdigit((unsigned char) word[3]) && isdigit((unsigned char) word[4]) &&
		minutes < MINS_PER_HOUR && *minute <= MINS_PER_HOUR * HOURS_PER_DAY;
}

char *
print_window(const SweepWindow *window)
{
	return psprintf("%02d:%02d-%02d:%02d", window->from / MINS_PER_HOUR, window->from % MINS_PER_HOUR,
					window->until / MINS_PER_HOUR, window->until % MINS_PER_HOUR);
}

bool
window_is_open(const SweepWindow *window)
{
	int			now;

	if (window->from == window->until)
		return true;
	now = minute_of_day(pp_core_now());
	if (window->from < window->until)
		return now >= window->from && now < window->until;
	return now >= window->from || now < window->until;
}

static int
minute_of_day(TimestampTz moment)
{
	const char *zone = GetConfigOption("privacy.policy_timezone", false, false);
	struct pg_tm parts;
	fsec_t		fraction;
	int			offset;

	if (timestamp2tm(moment, &offset, &parts, &fraction, NULL, pg_tzset(zone)) != 0)
		ereport(ERROR,
				errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				errmsg("timestamp out of range"));
	return parts.tm_hour * MINS_PER_HOUR + parts.tm_min;
}

/* privacy.is_sweep_window(sweep_window text) returns boolean */
Datum
pp_sql_is_sweep_window(PG_FUNCTION_ARGS)
{
	SweepWindow window;

	PG_RETURN_BOOL(parse_window(text_to_cstring(PG_GETARG_TEXT_PP(0)), &window));
}
