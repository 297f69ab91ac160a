/*
 * pg_privacy.c: where the server enters. _PG_init is the table of contents of the extension; every
 * module registers its own settings and hooks.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/guc.h"

#include "audit/audit.h"
#include "core/core.h"
#include "keyring/keyring.h"
#include "label/label.h"
#include "policy/policy.h"
#include "pseudonym/pseudonym.h"
#include "sweep/sweep.h"
#include "worker/worker.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

static shmem_request_hook_type previous_request;
static shmem_startup_hook_type previous_startup;

static void
request_memory(void)
{
	if (previous_request != NULL)
		previous_request();
	pp_sweep_request_memory();
}

static void
start_memory(void)
{
	if (previous_startup != NULL)
		previous_startup();
	pp_sweep_attach_memory();
}

/* Shared memory is given out only while the server starts. */
static void
hook_memory(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	previous_request = shmem_request_hook;
	shmem_request_hook = request_memory;
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = start_memory;
}

void
_PG_init(void)
{
	pp_core_init();				/* the clock */
	pp_keyring_init();			/* the root key, scopes */
	pp_audit_init();			/* evidence of what the keyring does */
	pp_pseudonym_init();		/* what malformed values get */
	pp_label_init();			/* SECURITY LABEL FOR privacy */
	pp_policy_init();			/* what a label promises */
	pp_sweep_init();			/* how a sweep behaves */
	pp_worker_init();			/* when it runs by itself */

	hook_memory();				/* where sweeps are shown */

	MarkGUCPrefixReserved("privacy");
}
