/*
 * core_attempt.c: work that may fail without taking its caller along.
 *
 * One rule's trouble must never stop another's retention, and what was half done must be undone.
 * Both are what a subtransaction is for. What must not be swallowed is somebody else's will: a
 * cancelled query and a shutdown pass through.
 *
 * Messages of errors can quote the very values that are to be gone ("invalid input syntax for type
 * date: ..."), and a trigger may raise anything. So a message is passed on only from classes of
 * errors whose messages name objects; of all others the SQLSTATE has to do.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "core/core.h"

static bool is_cancellation(const ErrorData *error);
static bool message_is_safe(const ErrorData *error, bool has_read_rows);

ErrorData *
pp_core_attempt(void (*work) (void *arg), void *arg)
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

	if (error != NULL && is_cancellation(error))
		ReThrowError(error);
	return error;
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
