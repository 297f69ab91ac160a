/*
 * worker_internal.h: what the launcher and its workers share.
 */
#ifndef PP_WORKER_INTERNAL_H
#define PP_WORKER_INTERNAL_H

#include "postmaster/bgworker.h"

#define WORKER_LIBRARY	"pg_privacy"
#define LAUNCHER_NAME	"pg_privacy launcher"
#define WORKER_NAME		"pg_privacy worker"

/* privacy.sweep_interval, in seconds. */
extern int	pp_worker_interval;

/* privacy.worker_max: databases swept at the same time. */
extern int	pp_worker_max;

/* Where the two kinds of process begin; the worker's argument is the OID of its database. */
extern PGDLLEXPORT void pp_worker_launch(Datum main_arg);
extern PGDLLEXPORT void pp_worker_sweep(Datum main_arg);

/* Fills in what is the same for both kinds of process. */
extern void pp_worker_describe(BackgroundWorker *process, const char *type, const char *function);

/* Installs the signal handlers that both kinds of process want and lets signals through. */
extern void pp_worker_open_signals(void);

/* Rereads the configuration files if somebody asked for it. */
extern void pp_worker_reload(void);

#endif							/* PP_WORKER_INTERNAL_H */
