/*
 * mask_given.c: given values found in a text, whatever their case, all at once.
 *
 * Text and values come from whoever may write a row, so the time must not depend on what they are:
 * this is Aho and Corasick's automaton, which reads each character of the text once however many
 * values there are and however much they have in common.
 *
 * Both are read as a stream of symbols: characters without their case, a run of white space as one
 * space, and a BOUNDARY where a word begins. A value that begins with a word therefore begins with
 * BOUNDARY, and what the automaton finds begins where a word does; so of all values that end at one
 * place only the longest counts, and each state knows its length. What remains is the other end: no
 * word may go on there, but for the s of a genitive ("Annas").
 *
 * Each state remembers the number of symbols of its longest value; the ring of starts turns that
 * into a place in the text.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"

#include "mask/mask_internal.h"

#define BOUNDARY	UINT32_MAX
#define NO_STATE	0

/* The root is state 0; nothing leads to it, so that 0 means "none". */
typedef struct State
{
	uint32		parent;
	uint32		sign;			/* by which the parent leads here */
	uint32		fail;			/* the longest proper suffix that is a state */
	int			depth;
	int			found;			/* symbols of the longest value that ends here, 0: none */
} State;

struct GivenValues
{
	State	   *states;
	uint32		count;
	uint32	   *table;			/* of states, hashed by parent and sign; open addressing */
	uint32		mask;
	int			longest;
};

/* A text as symbols. */
typedef struct SymbolReader
{
	const char *start;
	const char *at;
	const char *end;
	LetterClass before;
	bool		after_space;
	bool		boundary_given;
} SymbolReader;

static bool next_symbol(SymbolReader *reader, uint32 *sign, int *place);
static bool ends_word(const char *at, const char *end, LetterClass last);
static void add_value(GivenValues *given, const char *value, int length);
static uint32 *find_slot(const GivenValues *given, uint32 parent, uint32 sign);
static uint32 follow(const GivenValues *given, uint32 state, uint32 sign);
static void link_states(GivenValues *given);

GivenValues *
compile_given(const char **values, const int *lengths, int count)
{
	GivenValues *given = palloc0(sizeof(GivenValues));
	Size		symbols = 1;
	Size		slots = 64;

	/* at most a boundary before each byte */
	for (int i = 0; i < count; i++)
		symbols += 2 * (Size) lengths[i];
	while (slots < 2 * symbols)
		slots *= 2;
	given->states = MemoryContextAllocHuge(CurrentMemoryContext, symbols * sizeof(State));
	given->table = MemoryContextAllocHuge(CurrentMemoryContext, slots * sizeof(uint32));
	memset(given->table, 0, slots * sizeof(uint32));
	memset(&given->states[0], 0, sizeof(State));
	given->mask = slots - 1;
	given->count = 1;

	for (int i = 0; i < count; i++)
		add_value(given, values[i], lengths[i]);
	if (given->count == 1)
		return NULL;
	link_states(given);
	return given;
}

/* White space around a value is no part of it, and a value of nothing else is none. */
static void
add_value(GivenValues *given, const char *value, int length)
{
	SymbolReader reader;
	const char *end = value + length;
	const char *last = NULL;
	uint32		state = 0;
	uint32		sign;
	int			place;

	while (value < end && read_letter(value, end).space)
		value += letter_bytes(value, end);
	for (const char *at = value; at < end; at += letter_bytes(at, end))
		if (!read_letter(at, end).space)
			last = at + letter_bytes(at, end);
	if (last == NULL)
		return;

	reader = (SymbolReader)
	{
		.start = value, .at = value, .end = last
	};
	while (next_symbol(&reader, &sign, &place))
	{
		uint32	   *slot = find_slot(given, state, sign);

		if (*slot == NO_STATE)
		{
			State	   *added = &given->states[given->count];

			*added = (State)
			{
				.parent = state, .sign = sign, .depth = given->states[state].depth + 1
			};
			*slot = given->count++;
		}
		state = *slot;
	}
	given->states[state].found = given->states[state].depth;
	given->longest = Max(given->longest, given->states[state].depth);
}

/* The next sign, and the byte where it begins. */
static bool
next_symbol(SymbolReader *reader, uint32 *sign, int *place)
{
	while (reader->at < reader->end)
	{
		Letter		letter = read_letter(reader->at, reader->end);

		*place = reader->at - reader->start;
		if (letter.letter_class != CLASS_OTHER && letter.letter_class != reader->before &&
			!reader->boundary_given)
		{
			reader->boundary_given = true;
			*sign = BOUNDARY;
			return true;
		}
		reader->boundary_given = false;
		reader->before = letter.letter_class;
		reader->at += letter.bytes;
		if (letter.space && reader->after_space)
			continue;
		reader->after_space = letter.space;
		*sign = letter.space ? ' ' : letter.folded;
		return true;
	}
	return false;
}

static uint32 *
find_slot(const GivenValues *given, uint32 parent, uint32 sign)
{
	uint32		at = hash_combine(murmurhash32(parent), murmurhash32(sign)) & given->mask;

	while (given->table[at] != NO_STATE &&
		   (given->states[given->table[at]].parent != parent ||
			given->states[given->table[at]].sign != sign))
		at = (at + 1) & given->mask;
	return &given->table[at];
}

static uint32
follow(const GivenValues *given, uint32 state, uint32 sign)
{
	for (;;)
	{
		uint32		next = *find_slot(given, state, sign);

		if (next != NO_STATE || state == 0)
			return next;
		state = given->states[state].fail;
	}
}

/* Breadth first, since a state's suffix is shorter than itself: sorted by depth, counting. */
static void
link_states(GivenValues *given)
{
	uint32	   *order = MemoryContextAllocHuge(CurrentMemoryContext, given->count * sizeof(uint32));
	uint32	   *first = palloc0((given->longest + 2) * sizeof(uint32));

	for (uint32 i = 1; i < given->count; i++)
		first[given->states[i].depth + 1]++;
	for (int depth = 1; depth <= given->longest + 1; depth++)
		first[depth] += first[depth - 1];
	for (uint32 i = 1; i < given->count; i++)
		order[first[given->states[i].depth]++] = i;

	for (uint32 i = 0; i + 1 < given->count; i++)
	{
		State	   *state = &given->states[order[i]];

		if (state->parent != 0)
			state->fail = follow(given, given->states[state->parent].fail, state->sign);
		if (state->found == 0)
			state->found = given->states[state->fail].found;
	}
	pfree(order);
	pfree(first);
}

void
find_given(const GivenValues *given, const char *value, int length, MentionList *list)
{
	SymbolReader reader = {.start = value, .at = value, .end = value + length};
	int		   *starts = MemoryContextAllocHuge(CurrentMemoryContext, (given->longest + 1) * sizeof(int));
	uint32		state = 0;
	uint32		sign;
	int			place;

	for (int64 count = 0; next_symbol(&reader, &sign, &place); count++)
	{
		int			found;

		if (count % 65536 == 0)
			CHECK_FOR_INTERRUPTS();
		starts[count % (given->longest + 1)] = place;
		state = follow(given, state, sign);
		found = given->states[state].found;
		if (found > 0 && ends_word(reader.at, reader.end, reader.before))
			add_mention(list, starts[(count - found + 1) % (given->longest + 1)],
						reader.at - reader.start, MENTION_NAME);
	}
	pfree(starts);
}

static bool
ends_word(const char *at, const char *end, LetterClass last)
{
	Letter		next;

	if (last == CLASS_OTHER || at == end)
		return true;
	next = read_letter(at, end);
	if (next.letter_class != last)
		return true;
	if (next.folded != 's')
		return false;
	at += next.bytes;
	return at == end || read_letter(at, end).letter_class != CLASS_LETTER;
}
