/*
 * mask_email.c: e-mail addresses found in a text.
 *
 * Every at-sign is looked at, and "%40", which is one inside of links. From there an address goes
 * as far to both sides as its characters do: whoever wrote the text decides what stands in front of
 * it, so a link's "?to=anna@example.org" is taken from the question mark on. Rather too much than a
 * name left over.
 *
 * The text is read once from left to right, and from each at-sign once more to the next one: the
 * time is linear, whatever the text is made of.
 *
 * Not found, since prose is full of the like: "anna (at) example.org", "anna @ example.org", and an
 * at-sign written as an entity or in full width.
 */
#include "postgres.h"

#include <ctype.h>

#include "miscadmin.h"

#include "mask/mask_internal.h"

static int	sign_length(const char *at, const char *end);
static const char *find_domain_end(const char *at, const char *end);
static bool has_letter(const char *at, const char *end);
static bool belongs(const char *at, const char *end, const char *others);

void
find_emails(const char *value, int length, MentionList *list)
{
	const char *end = value + length;
	const char *word = value;	/* where what could be a local part begins */
	const char *quote = NULL;	/* the opening one of "anna andersson"@example.org */
	int			bytes;

	for (const char *at = value; at < end; at += bytes)
	{
		int			sign = sign_length(at, end);

		bytes = letter_bytes(at, end);
		if (sign > 0)
		{
			const char *start = quote != NULL && at[-1] == '"' ? quote : word;
			const char *stop = find_domain_end(at + sign, end);

			CHECK_FOR_INTERRUPTS();
			if (start < at && stop > at + sign && (has_letter(start, at) || has_letter(at + sign, stop)))
				add_mention(list, start - value, stop - value, MENTION_EMAIL);
			bytes = sign;
			word = at + bytes;
			quote = NULL;
		}
		else if (*at == '"' && sign_length(at + 1, end) == 0)
			word = (quote = at) + 1;
		else if (*at != '"' && !belongs(at, end, "!#$%&'*+-/=?^_`{|}~."))
			word = at + bytes;
		if (*at == '\n')
			quote = NULL;
	}
}

/* Bytes of the at-sign that stands here, or 0. */
static int
sign_length(const char *at, const char *end)
{
	if (at < end && *at == '@')
		return 1;
	return end - at >= 3 && memcmp(at, "%40", 3) == 0 ? 3 : 0;
}

/* A full stop or hyphen at its end belongs to the sentence. */
static const char *
find_domain_end(const char *at, const char *end)
{
	const char *stop = at;

	if (at < end && *at == '[')
	{
		for (stop++; stop < end && (isxdigit((unsigned char) *stop) || strchr(":.IPv", *stop) != NULL); stop++)
			;
		return stop < end && *stop == ']' ? stop + 1 : stop;
	}
	while (stop < end && belongs(stop, end, ".-_"))
		stop += letter_bytes(stop, end);
	while (stop > at && strchr(".-_", stop[-1]) != NULL)
		stop--;
	return stop;
}

/* "2@4.50" is a price. */
static bool
has_letter(const char *at, const char *end)
{
	for (; at < end; at++)
		if (IS_HIGHBIT_SET(*at) || isalpha((unsigned char) *at))
			return true;
	return false;
}

/* Letters and digits, of any script (RFC 6531), and those others. */
static bool
belongs(const char *at, const char *end, const char *others)
{
	if (IS_HIGHBIT_SET(*at))
		return !read_letter(at, end).separator;
	return isalnum((unsigned char) *at) || strchr(others, *at) != NULL;
}
