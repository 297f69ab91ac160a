/*
 * mask_number.c: personal numbers and phone numbers found in a text.
 *
 * Both are groups of digits with little between them, and both are looked for wherever a group
 * begins. A personal number is known by its date and check digit, in groups of pairs. A phone
 * number is known by little more than how it begins: +, 00, 0 and an area code, or 467 in a group
 * of eleven. So an order number that begins with 0 and has eight digits is taken for one; a date,
 * opening hours or a decimal fraction is not. Where it ends is known even less:
 *
 *   - a complete number (ten digits in Sweden) ends with its group;
 *   - one that is not complete yet takes the next group as well;
 *   - when that is more than a number can have, or begins with the 0 of another number, all groups
 *     that follow are taken too: the first number may have used up the beginning of a second one,
 *     whose rest would be left.
 *
 * Groups that are taken are not read again, and what a group is tried for reads a few dozen bytes:
 * the time is linear in the text.
 */
#include "postgres.h"

#include <ctype.h>

#include "core/core.h"
#include "miscadmin.h"

#include "mask/mask_internal.h"

#define MAX_GAP				5	/* characters between two groups: " - " and then some */
#define PERSONAL_DIGITS		12
#define NATIONAL_LEAST		8
#define NATIONAL_COMPLETE	10
#define NATIONAL_MOST		13	/* machines have longer ones than people */
#define WORLD_LEAST			7
#define WORLD_COMPLETE		15	/* E.164 */
#define SWEDISH_COMPLETE	11
#define SWEDISH_MOBILE		"467"

/* A phone number being read. */
typedef struct Phone
{
	const char *end;			/* behind the last group taken */
	int			digits;
	int			least;			/* fewer are no number */
	int			complete;		/* then no further group is needed; more are several numbers */
} Phone;

static const char *find_personal_number(const char *at, const char *end);
static const char *find_phone(const char *start, const char *at, const char *end);
static const char *find_phone_start(const char *start, const char *at, const char *end);
static const char *find_plus(const char *start, const char *at);
static bool begin_phone(Phone *phone, const char *start, const char *at, const char *end);
static bool begin_world_phone(Phone *phone, const char *at, const char *end);
static bool begin_national_phone(Phone *phone, const char *start, const char *at, const char *end);
static void take_groups(Phone *phone, const char *end);
static const char *skip_group(const char *at, const char *end);
static const char *skip_gap(const char *at, const char *end);
static int	dash_or_space_bytes(const char *at, const char *end);
static const char *find_moment(const char *at, const char *end);
static const char *match_shape(const char *shape, const char *at, const char *end);
static bool is_digit(const char *at, const char *end);

void
find_numbers(const char *value, int length, MentionList *list)
{
	const char *end = value + length;
	const char *at = value;

	while (at < end)
	{
		const char *stop;

		if (!is_digit(at, end))
		{
			at++;
			continue;
		}
		CHECK_FOR_INTERRUPTS();
		stop = find_personal_number(at, end);
		if (stop != NULL)
			add_mention(list, at - value, stop - value, MENTION_PERSONAL_NUMBER);
		else if ((stop = find_moment(at, end)) == NULL &&
				 (stop = find_phone(value, at, end)) != NULL)
			add_mention(list, find_phone_start(value, at, end) - value, stop - value, MENTION_PHONE);
		at = stop ? stop : skip_group(at, end);
	}
}

/* The longer form first: its date could be a shorter one's. NULL: none begins here. */
static const char *
find_personal_number(const char *at, const char *end)
{
	char		digits[PERSONAL_DIGITS];
	const char *found = NULL;

	for (int count = 0; count < PERSONAL_DIGITS && at < end;)
	{
		digits[count++] = *at++;
		if (is_digit(at, end))
			continue;
		if (pp_core_is_personal_number(digits, count))
			found = at;
		at = count % 2 == 0 ? skip_gap(at, end) : NULL;
		if (at == NULL)
			break;
	}
	return found;
}

/* The end of a phone number whose first digit is at "at"; NULL: none. */
static const char *
find_phone(const char *start, const char *at, const char *end)
{
	Phone		phone = {0};

	if (!begin_phone(&phone, start, at, end))
		return NULL;
	take_groups(&phone, end);
	return phone.digits >= phone.least ? phone.end : NULL;
}

/* The plus, and a parenthesis that is closed within the number. */
static const char *
find_phone_start(const char *start, const char *at, const char *end)
{
	const char *plus = find_plus(start, at);
	const char *behind = skip_group(at, end);
	const char *first = plus ? plus : at;

	return first > start && first[-1] == '(' && behind < end && *behind == ')' ? first - 1 : first;
}

/* The plus in front of a first digit: +46, +(46), + 46. */
static const char *
find_plus(const char *start, const char *at)
{
	if (at > start && (at[-1] == '(' || at[-1] == ' '))
		at--;
	return at > start && at[-1] == '+' ? at - 1 : NULL;
}

/* Takes the first group, and knows by it what to expect. */
static bool
begin_phone(Phone *phone, const char *start, const char *at, const char *end)
{
	phone->end = skip_group(at, end);
	phone->digits = phone->end - at;
	if (find_plus(start, at) != NULL)
		return begin_world_phone(phone, at, end);
	if (phone->digits > 2 && at[0] == '0' && at[1] == '0')
		return begin_world_phone(phone, at + 2, end);
	if (at[0] == '0')
		return begin_national_phone(phone, start, at, end);
	phone->complete = phone->least = SWEDISH_COMPLETE;
	return phone->digits == SWEDISH_COMPLETE &&
		memcmp(at, SWEDISH_MOBILE, strlen(SWEDISH_MOBILE)) == 0;
}

/* From the country code on; "+46 (0)70" has a digit more. */
static bool
begin_world_phone(Phone *phone, const char *at, const char *end)
{
	const char *next = skip_gap(phone->end, end);
	bool		swedish = end - at >= 2 && at[0] == '4' && at[1] == '6';

	phone->digits = phone->end - at;
	phone->least = WORLD_LEAST;
	phone->complete = swedish ? SWEDISH_COMPLETE : WORLD_COMPLETE;
	if (swedish && phone->digits == 2 && next != NULL && *next == '0')
		phone->complete++;
	return phone->digits <= WORLD_COMPLETE;
}

/* A lone 0 begins a fraction, unless it stands in parentheses. */
static bool
begin_national_phone(Phone *phone, const char *start, const char *at, const char *end)
{
	bool		goes_on = at - start >= 2 && strchr("-./", at[-1]) != NULL && isdigit((unsigned char) at[-2]);

	phone->least = NATIONAL_LEAST;
	phone->complete = NATIONAL_COMPLETE;
	if (phone->digits == 1)
		return phone->end < end && *phone->end == ')';
	/* the month of a date stands behind a hyphen as well */
	return phone->digits <= NATIONAL_MOST && (!goes_on || phone->digits > 2);
}

static void
take_groups(Phone *phone, const char *end)
{
	int			most = Max(phone->complete, phone->digits);
	bool		in_doubt = false;
	const char *next;

	while ((phone->digits < phone->complete || phone->digits > most || in_doubt) &&
		   (next = skip_gap(phone->end, end)) != NULL)
	{
		in_doubt |= phone->digits >= phone->least && *next == '0';
		phone->end = skip_group(next, end);
		phone->digits += phone->end - next;
		CHECK_FOR_INTERRUPTS();
	}
}

static const char *
skip_group(const char *at, const char *end)
{
	while (is_digit(at, end))
		at++;
	return at;
}

/* The digit behind a gap, or NULL where no group follows. */
static const char *
skip_gap(const char *at, const char *end)
{
	int			characters;

	for (characters = 0; characters < MAX_GAP && at < end; characters++)
	{
		int			bytes = strchr(" \t-./()+", *at) != NULL ? 1 : dash_or_space_bytes(at, end);

		if (bytes == 0)
			break;
		at += bytes;
	}
	return characters > 0 && is_digit(at, end) ? at : NULL;
}

/* Bytes of a space or dash beyond ASCII, or 0: no-break space, the dashes, the minus sign, the soft hyphen. */
static int
dash_or_space_bytes(const char *at, const char *end)
{
	Letter		letter;
	bool		is_dash;

	if (!IS_HIGHBIT_SET(*at))
		return 0;
	letter = read_letter(at, end);
	if (GetDatabaseEncoding() == PG_UTF8)
		is_dash = (letter.folded >= 0x2010 && letter.folded <= 0x2015) || letter.folded == 0x2212;
	else						/* Windows has its dashes there, the others nothing */
		is_dash = letter.folded == 0x96 || letter.folded == 0x97;
	return letter.space || is_dash || letter.folded == 0xAD ? letter.bytes : 0;
}

/* Dates and opening hours look like area code and number. */
static const char *
find_moment(const char *at, const char *end)
{
	static const char *const shapes[] = {"39-19-y999", "39/19/y999", "39.19.y999", "29.59-29.59",
	"29.59 - 29.59"};

	for (int i = 0; i < (int) lengthof(shapes); i++)
	{
		const char *stop = match_shape(shapes[i], at, end);

		if (stop != NULL)
			return stop;
	}
	return NULL;
}

/* A digit of the shape stands for itself and all below, y for the first of a year. */
static const char *
match_shape(const char *shape, const char *at, const char *end)
{
	for (; *shape != '\0'; shape++, at++)
	{
		if (at == end)
			return NULL;
		if (*shape == 'y' ? *at != '1' && *at != '2' :
			isdigit((unsigned char) *shape) ? !is_digit(at, end) || *at > *shape : *at != *shape)
			return NULL;
	}
	return is_digit(at, end) ? NULL : at;
}

static bool
is_digit(const char *at, const char *end)
{
	return at < end && *at >= '0' && *at <= '9';
}
