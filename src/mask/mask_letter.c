/*
 * mask_letter.c: characters of any server encoding, as far as masks need to know them.
 *
 * A mask is IMMUTABLE, so it cannot ask the locale what is a letter and what its other case is:
 * that differs between machines and releases of the C library. The few rules here cover the
 * alphabets with case that are written with spaces: Latin, Greek, Cyrillic, Armenian. In the
 * single-byte encodings a letter's two cases lie 32 apart in all of Latin, Windows-1251 and KOI8;
 * what that makes equal besides (ß and ÿ) only hides more.
 *
 * In every server encoding a byte below 128 is the ASCII character, never a part of another one. So
 * detectors of what is written in ASCII may look at bytes, and this file is only for the rest.
 */
#include "postgres.h"

#include "mask/mask_internal.h"

/* Code points whose lower case lies a shift behind, or alternates with the upper one. */
#define EVEN_IS_UPPER	0
#define ODD_IS_UPPER	(-1)

typedef struct CaseRun
{
	uint32		first;
	uint32		last;
	int			shift;
} CaseRun;

static const CaseRun case_runs[] = {
	{0xC0, 0xD6, 32}, {0xD8, 0xDE, 32}, {0x100, 0x137, EVEN_IS_UPPER}, {0x139, 0x148, ODD_IS_UPPER},
	{0x14A, 0x177, EVEN_IS_UPPER}, {0x179, 0x17E, ODD_IS_UPPER}, {0x1CD, 0x1DC, ODD_IS_UPPER},
	{0x1DE, 0x1EF, EVEN_IS_UPPER}, {0x1F8, 0x21F, EVEN_IS_UPPER}, {0x222, 0x233, EVEN_IS_UPPER},
	{0x388, 0x38A, 37}, {0x391, 0x3AB, 32}, {0x400, 0x40F, 80}, {0x410, 0x42F, 32},
	{0x460, 0x481, EVEN_IS_UPPER}, {0x48A, 0x4BF, EVEN_IS_UPPER}, {0x4C1, 0x4CE, ODD_IS_UPPER},
	{0x4D0, 0x52F, EVEN_IS_UPPER}, {0x531, 0x556, 48}, {0x1E00, 0x1E95, EVEN_IS_UPPER},
	{0x1EA0, 0x1EFF, EVEN_IS_UPPER},
};

static uint32 decode(const char *at, int bytes);
static uint32 fold_single_byte(uint32 byte);
static uint32 fold_unicode(uint32 c);
static bool is_between(uint32 c, uint32 first, uint32 last);
static bool is_unicode_letter(uint32 c);
static bool is_unicode_space(uint32 c);
static bool is_unicode_punctuation(uint32 c);

int
letter_bytes(const char *at, const char *end)
{
	int			bytes;

	if (!IS_HIGHBIT_SET(*at))
		return 1;
	bytes = pg_encoding_mblen(GetDatabaseEncoding(), at);
	return Max(1, Min(bytes, (int) (end - at)));
}

Letter
read_letter(const char *at, const char *end)
{
	unsigned char byte = *at;
	Letter		letter = {.bytes = letter_bytes(at, end)};

	if (byte < 128)
	{
		bool		upper = byte >= 'A' && byte <= 'Z';

		letter.folded = upper ? byte + 32 : byte;
		letter.separator = letter.space = byte == ' ' || (byte >= '\t' && byte <= '\r');
		if (letter.folded >= 'a' && letter.folded <= 'z')
			letter.letter_class = CLASS_LETTER;
		else if (byte >= '0' && byte <= '9')
			letter.letter_class = CLASS_DIGIT;
		return letter;
	}
	letter.folded = decode(at, letter.bytes);
	if (GetDatabaseEncoding() == PG_UTF8)
	{
		letter.letter_class = is_unicode_letter(letter.folded) ? CLASS_LETTER : CLASS_OTHER;
		letter.space = is_unicode_space(letter.folded);
		letter.separator = letter.space || is_unicode_punctuation(letter.folded);
		letter.folded = fold_unicode(letter.folded);
	}
	else if (pg_database_encoding_max_length() == 1)
	{
		letter.letter_class = byte >= 0xC0 ? CLASS_LETTER : CLASS_OTHER;
		letter.separator = letter.space = byte == 0xA0;
		letter.folded = fold_single_byte(byte);
	}
	return letter;
}

/* The code point of UTF-8; in other encodings, and for broken bytes, the bytes themselves. */
static uint32
decode(const char *at, int bytes)
{
	uint32		packed = 0;

	if (GetDatabaseEncoding() == PG_UTF8 && pg_utf8_islegal((const unsigned char *) at, bytes))
		return utf8_to_unicode((const unsigned char *) at);
	for (int i = 0; i < bytes; i++)
		packed = packed << 8 | (unsigned char) at[i];
	return packed;
}

/* SQL_ASCII tells nothing of its bytes. */
static uint32
fold_single_byte(uint32 byte)
{
	return GetDatabaseEncoding() != PG_SQL_ASCII && byte >= 0xC0 && byte <= 0xDF ? byte + 32 : byte;
}

static uint32
fold_unicode(uint32 c)
{
	/* Greek writes its last sigma differently, Turkish dots its i; U+0178 has gone astray */
	static const uint32 strays[][2] = {{0x130, 'i'}, {0x131, 'i'}, {0x178, 0xFF}, {0x386, 0x3AC},
	{0x38C, 0x3CC}, {0x38E, 0x3CD}, {0x38F, 0x3CE}, {0x3C2, 0x3C3}};

	for (int i = 0; i < (int) lengthof(strays); i++)
		if (strays[i][0] == c)
			return strays[i][1];
	for (int i = 0; i < (int) lengthof(case_runs); i++)
	{
		const CaseRun *run = &case_runs[i];

		if (is_between(c, run->first, run->last))
			return run->shift > 0 ? c + run->shift : c + ((c & 1) ^ (run->shift == EVEN_IS_UPPER));
	}
	return c;
}

static bool
is_between(uint32 c, uint32 first, uint32 last)
{
	return c >= first && c <= last;
}

/* Of a script that separates words: neither punctuation, nor Thai, nor what lies beyond it. */
static bool
is_unicode_letter(uint32 c)
{
	if (c < 0xC0)
		return c == 0xAA || c == 0xB5 || c == 0xBA;
	return c < 0x2000 && c != 0xD7 && c != 0xF7 && !is_between(c, 0x0E00, 0x0EFF);
}

static bool
is_unicode_space(uint32 c)
{
	return c == 0x85 || c == 0xA0 || is_between(c, 0x2000, 0x200B) || c == 0x2028 || c == 0x2029 ||
		c == 0x202F || c == 0x3000;
}

static bool
is_unicode_punctuation(uint32 c)
{
	return c == 0xAB || c == 0xB7 || c == 0xBB || is_between(c, 0x2010, 0x206F) ||
		is_between(c, 0x3001, 0x303F) || is_between(c, 0xFF01, 0xFF0F) ||
		is_between(c, 0xFF1A, 0xFF1F) || is_between(c, 0xFF5B, 0xFF65);
}
