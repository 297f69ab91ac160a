/*
 * pseudonym_spelling.c: a token's bytes as characters, and back.
 *
 * A pseudonym is compared as text, so it has one spelling only: reading is strict about case, and
 * about bits that a last digit has more than the token. The spellings differ in length, an address
 * by its "@".
 */
#include "postgres.h"

#include "core/core.h"
#include "pseudonym/pseudonym_internal.h"

#define NO_DIGIT		0xff

/* How many bits a digit stands for, how many digits a token has, and the digits in order. */
typedef struct Alphabet
{
	int			bits;
	int			length;
	const char *digits;
} Alphabet;

static const Alphabet alphabets[] = {
	[SPELLED_HEX] = {4, PP_TOKEN_DIGITS, "0123456789abcdef"},
	[SPELLED_BASE32] = {5, 32, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"},
	[SPELLED_BASE64URL] = {6, 27, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"},
	[SPELLED_EMAIL] = {4, PP_TOKEN_DIGITS, "0123456789abcdef"}
};

static void put_digits(char *digit, const unsigned char token[PP_TOKEN_BYTES], const Alphabet *alphabet);
static bool find_spelling(const char *bytes, int length, Spelling *spelling);
static bool read_digits(unsigned char token[PP_TOKEN_BYTES], const char *digits, Spelling spelling);
static const unsigned char *find_values(Spelling spelling);

text *
spell_token(const unsigned char token[PP_TOKEN_BYTES], Spelling spelling, const char *suffix, int suffix_length)
{
	const Alphabet *alphabet = &alphabets[spelling];
	text	   *result = palloc(VARHDRSZ + alphabet->length + suffix_length);

	SET_VARSIZE(result, VARHDRSZ + alphabet->length + suffix_length);
	if (alphabet->bits == 4)
		put_hex(VARDATA(result), token, PP_TOKEN_BYTES);
	else
		put_digits(VARDATA(result), token, alphabet);
	memcpy(VARDATA(result) + alphabet->length, suffix, suffix_length);
	return result;
}

void
put_hex(char *hex, const unsigned char *bytes, int length)
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < length; i++)
	{
		*hex++ = digits[bytes[i] >> 4];
		*hex++ = digits[bytes[i] & 15];
	}
}

/* Each digit out of a window of two bytes, zeros behind the last. */
static void
put_digits(char *digit, const unsigned char token[PP_TOKEN_BYTES], const Alphabet *alphabet)
{
	for (int bit = 0; bit < 8 * PP_TOKEN_BYTES; bit += alphabet->bits)
	{
		int			byte = bit / 8;
		uint32		window = token[byte] << 8 | (byte + 1 < PP_TOKEN_BYTES ? token[byte + 1] : 0);

		*digit++ = alphabet->digits[window >> (16 - alphabet->bits - bit % 8) & ((1 << alphabet->bits) - 1)];
	}
}

bool
read_token(const text *value, unsigned char token[PP_TOKEN_BYTES], Spelling *spelling)
{
	return find_spelling(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), spelling) &&
		read_digits(token, VARDATA_ANY(value), *spelling);
}

static bool
find_spelling(const char *bytes, int length, Spelling *spelling)
{
	if (length > PP_TOKEN_DIGITS + 1 && bytes[PP_TOKEN_DIGITS] == '@')
	{
		*spelling = SPELLED_EMAIL;
		return true;
	}
	for (*spelling = SPELLED_HEX; *spelling < SPELLED_EMAIL; (*spelling)++)
		if (length == alphabets[*spelling].length)
			return true;
	return false;
}

static bool
read_digits(unsigned char token[PP_TOKEN_BYTES], const char *digits, Spelling spelling)
{
	const unsigned char *values = find_values(spelling);
	int			bits = alphabets[spelling].bits;

	memset(token, 0, PP_TOKEN_BYTES);
	for (int bit = 0; bit < 8 * PP_TOKEN_BYTES; bit += bits)
	{
		unsigned char digit = values[(unsigned char) *digits++];
		uint32		window = digit << (16 - bits - bit % 8);
		bool		is_last = bit / 8 + 1 == PP_TOKEN_BYTES;

		if (digit == NO_DIGIT || (is_last && (window & 0xff) != 0))
			return false;
		token[bit / 8] |= window >> 8;
		if (!is_last)
			token[bit / 8 + 1] |= window & 0xff;
	}
	return true;
}

/* From a character to its digit's value; made when first needed. */
static const unsigned char *
find_values(Spelling spelling)
{
	static unsigned char values[lengthof(alphabets)][256];
	static bool made[lengthof(alphabets)];

	if (!made[spelling])
	{
		memset(values[spelling], NO_DIGIT, sizeof(values[spelling]));
		for (int i = 0; i < 1 << alphabets[spelling].bits; i++)
			values[spelling][(unsigned char) alphabets[spelling].digits[i]] = i;
		made[spelling] = true;
	}
	return values[spelling];
}
