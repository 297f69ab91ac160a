/*
 * sweep.h: carries out what is due, in batches that are each a transaction with its evidence.
 */
#ifndef PP_SWEEP_H
#define PP_SWEEP_H

#include "datatype/timestamp.h"

/* Registers the sweep's settings. */
extern void pp_sweep_init(void);

/* For the server's hooks: asks for the shared memory in which sweeps are shown, and finds or makes it. */
extern void pp_sweep_request_memory(void);
extern void pp_sweep_attach_memory(void);

/* Tells when the launcher makes its next round; only where there is shared memory. */
extern void pp_sweep_announce_round(TimestampTz next);

/* Whether this database has opted in: ALTER DATABASE ... SET privacy.sweep_enabled = on. */
extern bool pp_sweep_enabled(void);

/* Is told in words what the sweep is doing now; for pg_stat_activity. */
typedef void (*SweepProgress) (const char *doing);

/*
 * Runs every enforced rule of this database once. bind: labels that were restored are bound on this
 * use; a person says so by calling, a worker must not, since it might wake in the middle of a
 * restore. The caller holds a non-atomic SPI connection; transactions are committed and started
 * inside. Raises object_in_use when another sweep of this database runs; an error in one rule is
 * recorded in privacy.sweep_outcome, not raised.
 */
extern void pp_sweep_run(SweepProgress progress, bool bind);

#endif							/* PP_SWEEP_H */
