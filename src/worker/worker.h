/*
 * worker.h: the sweep runs by itself.
 */
#ifndef PP_WORKER_H
#define PP_WORKER_H

/* Registers the worker's settings and, when preloaded, the launcher. */
extern void pp_worker_init(void);

#endif							/* PP_WORKER_H */
