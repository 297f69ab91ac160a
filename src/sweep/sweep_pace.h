/*
 * sweep_pace.h: how fast a table may be swept, between sweep_pace.c, sweep_window.c and
 * sweep_breaker.c.
 */
#ifndef PP_SWEEP_PACE_H
#define PP_SWEEP_PACE_H

#include "sweep/sweep_internal.h"

/* Minutes of the day; both equal: always. */
typedef struct SweepWindow
{
	int			from;
	int			until;
} SweepWindow;

/* What counts for one table: the settings, and before them its row of privacy.sweep_pace. */
typedef struct SweepPace
{
	int			rate_limit;		/* rows per second; 0: any number */
	int			wal_rate;		/* MB per second; 0: any number */
	int			duty_cycle;		/* percent of the time */
	int			max_lag;		/* kB; 0: however much */
	SweepWindow window;
	double		max_fraction;	/* 1: no breaker */
	bool		own;			/* the table has a row there */
} SweepPace;

/* sweep_pace.c: the pace of a labelled table as it is now. Takes a snapshot. */
extern SweepPace read_pace(Oid relid);

/* sweep_window.c: reads a window; empty: always. False when it is none. */
extern bool parse_window(const char *word, SweepWindow *window);

/* sweep_window.c: as it is written; palloc'd. */
extern char *print_window(const SweepWindow *window);

/* sweep_window.c: whether it is open now. */
extern bool window_is_open(const SweepWindow *window);

/* sweep_breaker.c: settings. */
extern double sweep_max_fraction;
extern int	sweep_max_fraction_rows;

#endif							/* PP_SWEEP_PACE_H */
