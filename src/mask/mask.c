/*
 * mask.c: masks of text and addresses, and what masks there are.
 *
 * A mask needs no key and keeps no link: it shows a part of the value or says something coarser.
 * So it has one duty, whatever the value: never to show all of it by accident. Where a value is
 * shorter than what was to be left readable, or is not of the form that the mask knows, all is
 * masked. Such a value is no error: that would stop the rewriting of a million rows in the middle.
 * What the caller says is checked, though: a negative length or width is a slip that could show too
 * much.
 *
 * Masks are IMMUTABLE: the result depends on nothing but the arguments, neither on locale nor on
 * time zone. They are all C, since a function in SQL would need a search_path of its own (a house
 * rule), which keeps it from being inlined.
 */
#include "postgres.h"

#include <ctype.h>
#include <sys/socket.h>

#include "access/htup_details.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/inet.h"

#include "mask/mask.h"
#include "mask/mask_internal.h"

#define HIDDEN	"***"

static const char *skip_letters(const char *at, const char *end, int letters);
static const char *find_tail(const char *at, const char *end, int letters);
static void require_length(const char *what, int length);
static void append_initial(StringInfo result, const char *at, const char *end);
static const char *find_last(const char *at, const char *end, char sought);
static bool is_top_level(const char *at, const char *end);
static void require_prefix(int prefix, int most, const char *family);

PG_FUNCTION_INFO_V1(pp_sql_mask_partial);
PG_FUNCTION_INFO_V1(pp_sql_mask_email);
PG_FUNCTION_INFO_V1(pp_sql_mask_inet);

bool
pp_mask_exists(const char *name)
{
	static const char *const names[] = {"mask_date", "mask_email", "mask_inet", "mask_mentions",
	"mask_number", "mask_partial", "mask_range"};

	for (int i = 0; i < (int) lengthof(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

const char *
pp_mask_names(void)
{
	return "mask_date, mask_email, mask_inet, mask_mentions, mask_number, mask_partial and mask_range";
}

/* mask_partial(value text, prefix integer, padding text, suffix integer) */
Datum
pp_sql_mask_partial(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	text	   *padding = PG_GETARG_TEXT_PP(2);
	const char *start = VARDATA_ANY(value);
	const char *end = start + VARSIZE_ANY_EXHDR(value);
	const char *head;
	const char *tail;
	StringInfoData result;

	require_length("prefix", PG_GETARG_INT32(1));
	require_length("suffix", PG_GETARG_INT32(3));
	head = skip_letters(start, end, PG_GETARG_INT32(1));
	tail = find_tail(head, end, PG_GETARG_INT32(3));
	if (tail <= head)
	{
		head = start;
		tail = end;
	}
	initStringInfo(&result);
	appendBinaryStringInfo(&result, start, head - start);
	appendBinaryStringInfo(&result, VARDATA_ANY(padding), VARSIZE_ANY_EXHDR(padding));
	appendBinaryStringInfo(&result, tail, end - tail);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(result.data, result.len));
}

/* Behind so many characters, or at the end. */
static const char *
skip_letters(const char *at, const char *end, int letters)
{
	for (; letters > 0 && at < end; letters--)
		at += letter_bytes(at, end);
	return at;
}

/* Where the last so many characters begin: one runner so many in front of the other. */
static const char *
find_tail(const char *at, const char *end, int letters)
{
	const char *ahead = at;

	for (; letters > 0; letters--)
	{
		if (ahead == end)
			return at;
		ahead += letter_bytes(ahead, end);
	}
	while (ahead < end)
	{
		ahead += letter_bytes(ahead, end);
		at += letter_bytes(at, end);
	}
	return at;
}

static void
require_length(const char *what, int length)
{
	if (length < 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("%s of a mask must not be negative", what),
				errdetail("It is %d.", length),
				errhint("Say how many characters stay readable: 0 or more."));
}

/* mask_email(value text) */
Datum
pp_sql_mask_email(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	const char *start = VARDATA_ANY(value);
	const char *end = start + VARSIZE_ANY_EXHDR(value);
	const char *sign = find_last(start, end, '@');
	const char *dot = sign ? find_last(sign, end, '.') : NULL;
	StringInfoData result;

	if (sign == NULL || sign == start || sign + 1 == end)
		PG_RETURN_TEXT_P(cstring_to_text(HIDDEN));
	if (dot == NULL || !is_top_level(dot + 1, end))
		dot = end;
	initStringInfo(&result);
	append_initial(&result, start, sign);
	appendStringInfoChar(&result, '@');
	append_initial(&result, sign + 1, dot);
	appendBinaryStringInfo(&result, dot, end - dot);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(result.data, result.len));
}

/* One character of several; one alone would be the whole. */
static void
append_initial(StringInfo result, const char *at, const char *end)
{
	const char *second = skip_letters(at, end, 1);

	if (second < end)
		appendBinaryStringInfo(result, at, second - at);
	appendStringInfoString(result, HIDDEN);
}

static const char *
find_last(const char *at, const char *end, char sought)
{
	const char *found = NULL;

	for (; at < end; at++)
		if (*at == sought)
			found = at;
	return found;
}

/* Country codes, com, org, net: what is longer may be a name. */
static bool
is_top_level(const char *at, const char *end)
{
	if (end - at < 2 || end - at > 3)
		return false;
	for (; at < end; at++)
		if (IS_HIGHBIT_SET(*at) || !isalpha((unsigned char) *at))
			return false;
	return true;
}

/* mask_inet(value inet, prefix_v4 integer, prefix_v6 integer) */
Datum
pp_sql_mask_inet(PG_FUNCTION_ARGS)
{
	inet	   *value = PG_GETARG_INET_PP(0);
	int			prefix;

	require_prefix(PG_GETARG_INT32(1), 32, "IPv4");
	require_prefix(PG_GETARG_INT32(2), 128, "IPv6");
	prefix = PG_GETARG_INT32(ip_family(value) == PGSQL_AF_INET ? 1 : 2);
	prefix = Min(prefix, ip_bits(value));
	return DirectFunctionCall1(network_network,
							   DirectFunctionCall2(inet_set_masklen, InetPGetDatum(value),
												   Int32GetDatum(prefix)));
}

static void
require_prefix(int prefix, int most, const char *family)
{
	if (prefix < 0 || prefix > most)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("prefix length of a mask for %s is out of range", family),
				errdetail("It is %d.", prefix),
				errhint("Say how many bits stay readable: 0 to %d.", most));
}
