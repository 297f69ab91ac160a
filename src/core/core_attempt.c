/*
 * core_attempt.c: work that may fail without taking its caller along.
 *
 * One rule's trouble must never stop another's retention, and what was half done must be undone.
 * Both are what a subtransaction is for. What must not be swallowed is somebody else's will: a
 * cancelled query and a shutdown pass through.
 *
 * Work may also be given a time limit. A timer then cancels it as a person would; what was a
 * cancellation is an error like others if the timer went off. It cannot stop what catches
 * cancellations itself.
 *
 * Messages of errors can quote the very values that are to be gone ("invalid input syntax for type
 * date: ..."), and a trigger may raise anything. So a message is passed on only from classes of
 * errors whose messages name objects; of all others the SQLSTATE has to do.
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timeout.h"

#include "core/core.h"

static ErrorData *attempt(void (*work) (void *arg), void *arg);
static void stop_work(void);
static bool is_cancellation(const ErrorData *error);
static bool message_is_safe(const ErrorData *error, bool has_read_rows);

ErrorData *
pp_core_attempt(void (*work) (void *arg), void *arg)
{
	ErrorData  *error = attempt(work, arg);

	if (error != NULL && is_cancellation(error))
		ReThrowError(error);
	return error;
}

static ErrorData *
attempt(void (*work) (void *arg), void *arg)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		work(arg);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	return error;
}

/* The timer of this process: whether it went off, and whether a person had cancelled before. */
static volatile sig_atomic_t out_of_time = false;
static volatile sig_atomic_t cancelled_before = false;

ErrorData *
pp_core_attempt_within(int milliseconds, void (*work) (void *arg), void *arg)
{
	static bool registered = false;
	static TimeoutId timer;
	ErrorData  *error;

	if (!registered)
		timer = RegisterTimeout(USER_TIMEOUT, stop_work);
	registered = true;
	if (milliseconds == 0)
		return pp_core_attempt(work, arg);

	out_of_time = cancelled_before = false;
	enable_timeout_after(timer, milliseconds);
	error = attempt(work, arg);
	disable_timeout(timer, false);
	if (out_of_time && !cancelled_before)
	{
		/*
		 * the work may have been done just before; once it was stopped, a cancellation is a
		 * person's
		 */
		if (error == NULL || !is_cancellation(error))
			QueryCancelPending = false;
		else
		{
			error->message = psprintf("it took longer than %d ms", milliseconds);
			error->context = NULL;
			return error;
		}
	}
	if (error != NULL && is_cancellation(error))
		ReThrowError(error);
	return error;
}

/* In a signal handler. */
static void
stop_work(void)
{
	cancelled_before = QueryCancelPending;
	out_of_time = true;
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
}

/* A function can raise the same SQLSTATE; only the server's own answer to a signal comes from there. */
static bool
is_cancellation(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_QUERY_CANCELED &&
		error->funcname != NULL && strcmp(error->funcname, "ProcessInterrupts") == 0;
}

char *
pp_core_describe_error(const ErrorData *error, bool has_read_rows)
{
	if (!message_is_safe(error, has_read_rows))
		return psprintf("error %s (its message is withheld: it could quote a value)",
						unpack_sql_state(error->sqlerrcode));
	if (error->detail != NULL &&
		ERRCODE_TO_CATEGORY(error->sqlerrcode) == MAKE_SQLSTATE('P', 'V', '0', '0', '0'))
		return psprintf("%s: %s", error->message, error->detail);
	return pstrdup(error->message);
}

/*
 * 0A: not supported, 23: constraints (the value is in the detail), 42: names and rights, 55: locks,
 * 57: operators, PV: our own; and a division by zero, which has nothing to quote. Once rows are
 * read, a cast to a name or a query of words can quote them in class 42 as well. A function can
 * raise any of them with words of its own, so nothing that comes out of one is safe.
 */
static bool
message_is_safe(const ErrorData *error, bool has_read_rows)
{
	int			sqlstate = error->sqlerrcode;
	int			category = ERRCODE_TO_CATEGORY(sqlstate);

	if (error->context != NULL && strstr(error->context, "function") != NULL)
		return false;

	return category == MAKE_SQLSTATE('0', 'A', '0', '0', '0') ||
		category == MAKE_SQLSTATE('2', '3', '0', '0', '0') ||
		(category == MAKE_SQLSTATE('4', '2', '0', '0', '0') && !has_read_rows) ||
		sqlstate == ERRCODE_INSUFFICIENT_PRIVILEGE ||
		category == MAKE_SQLSTATE('5', '5', '0', '0', '0') ||
		category == MAKE_SQLSTATE('5', '7', '0', '0', '0') ||
		category == MAKE_SQLSTATE('P', 'V', '0', '0', '0') ||
		sqlstate == ERRCODE_DIVISION_BY_ZERO;
}
