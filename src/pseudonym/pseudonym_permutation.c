/*
 * pseudonym_permutation.c: keyed bijections of the numbers below any bound.
 *
 * Where a value must stay a number of its kind, and unique where it was unique, a hash will not do:
 * a million values hashed into ten million slots collide 48 000 times. A permutation cannot
 * collide.
 *
 * Large domains: an alternating Feistel network over a pair (left, right) with left below a and
 * right below b, a * b being the least such product that covers the domain with a and b about its
 * root. In each round one half is moved by a keyed function of the other, modulo its bound. A
 * result beyond the domain is put through again until it falls inside (cycle walking), which keeps
 * the bijection and happens less than once in b. The round function is SipHash-2-4 over 16 bytes,
 * least significant first: eight that name the permutation and the round, and the half. The former
 * are the SipHash of the tweak, padded with zeros to 16 bytes, and the domain's size in eight, plus
 * the round's number, modulo 2^64. Its 64 bits are scaled to the bound by the upper half of a
 * product, not by a modulus. 12 rounds from a million numbers on, 24 below: small Feistel networks
 * need more. This is not FF1 (NIST SP 800-38G), and does not claim its proofs.
 *
 * Below 65 536 no number of rounds is enough, and the whole table fits into memory: a shuffle
 * (Fisher-Yates) driven by the same round function with the position in the half's place and 255
 * as the round. Such a table says as much as a key does, so it lives in guarded memory and is
 * forgotten with the key.
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "port/pg_bswap.h"

#include "core/core.h"
#include "pseudonym/pseudonym_internal.h"

#define TWEAK_BYTES		16		/* the last of them zero */
#define TABLE_LIMIT		65536	/* domains below it are shuffled */
#define TABLES			16
#define SHUFFLE_ROUND	255
#define CHOICE_ROUND	254

/* A permutation, as the round function knows it. */
typedef struct Permutation
{
	const unsigned char *key;
	uint64		name;			/* out of tweak and size */
} Permutation;

/* A shuffled table, each in guarded memory of its own. */
static struct HeldTable
{
	uint16	   *table;			/* NULL: free */
	uint64		generation;
	uint64		used;			/* when, in calls */
	const ScopeKey *key;
	uint64		size;
	char		tweak[TWEAK_BYTES];
}			held[TABLES];

static uint64 permute_pair(uint64 number, uint64 size, uint64 a, uint64 b,
						   const char *tweak, const unsigned char *key);
static Permutation name_permutation(const char *tweak, uint64 size, const unsigned char *key);
static inline uint64 hash_round(const Permutation *permutation, int round, uint64 half);
static uint64 scale(uint64 hash, uint64 bound);
static uint64 upper_root(uint64 size);
static const uint16 *find_table(uint64 size, const char *tweak, const ScopeKey *key);
static void make_table(struct HeldTable *slot, uint64 size, const char *tweak, const ScopeKey *key);
static void forget_table(struct HeldTable *slot);
static void watch_transactions(void);
static void forget_stale_tables(XactEvent event, void *arg);
static void shuffle(uint16 *table, uint64 size, const char *tweak, const unsigned char *key);

uint64
permute(uint64 number, uint64 size, const char *tweak, const ScopeKey *key)
{
	uint64		a;
	uint64		b;

	Assert(number < size);
	if (size < TABLE_LIMIT)
		return find_table(size, tweak, key)[number];
	a = upper_root(size);
	b = (size - 1) / a + 1;
	do
		number = permute_pair(number, size, a, b, tweak, key->use[PP_USE_PERMUTATION]);
	while (number >= size);
	return number;
}

static uint64
permute_pair(uint64 number, uint64 size, uint64 a, uint64 b, const char *tweak, const unsigned char *key)
{
	int			rounds = size < 1000000 ? 24 : 12;
	uint64		left = number / b;
	uint64		right = number % b;
	Permutation permutation = name_permutation(tweak, size, key);

	for (int round = 0; round < rounds; round += 2)
	{
		left += scale(hash_round(&permutation, round, right), a);
		left -= left >= a ? a : 0;
		right += scale(hash_round(&permutation, round + 1, left), b);
		right -= right >= b ? b : 0;
	}
	return left * b + right;
}

static Permutation
name_permutation(const char *tweak, uint64 size, const unsigned char *key)
{
	Permutation result = {.key = key};
	unsigned char message[TWEAK_BYTES + 8] = {0};
	unsigned char hash[crypto_shorthash_siphash24_BYTES];

	memcpy(message, tweak, strnlen(tweak, TWEAK_BYTES - 1));
	pp_core_put_number(message + TWEAK_BYTES, size);
	crypto_shorthash_siphash24(hash, message, sizeof(message), key);
	result.name = get_number(hash);
	return result;
}

static inline uint64
hash_round(const Permutation *permutation, int round, uint64 half)
{
	unsigned char message[16];
	unsigned char hash[crypto_shorthash_siphash24_BYTES];

	pp_core_put_number(message, permutation->name + round);
	pp_core_put_number(message + 8, half);
	crypto_shorthash_siphash24(hash, message, sizeof(message), permutation->key);
	return get_number(hash);
}

/* Eight bytes, least significant first. */
uint64
get_number(const unsigned char *bytes)
{
	uint64		number;

	memcpy(&number, bytes, 8);
#ifdef WORDS_BIGENDIAN
	number = pg_bswap64(number);
#endif
	return number;
}

static uint64
scale(uint64 hash, uint64 bound)
{
	return (uint64) (((uint128) hash * bound) >> 64);
}

/* The least number whose square is not below size. */
static uint64
upper_root(uint64 size)
{
	uint64		root = (uint64) sqrt((double) size);

	while ((uint128) root * root < size)
		root++;
	while (root > 1 && (uint128) (root - 1) * (root - 1) >= size)
		root--;
	return root;
}

/* ---- small domains ---- */

static const uint16 *
find_table(uint64 size, const char *tweak, const ScopeKey *key)
{
	static uint64 calls = 0;
	struct HeldTable *oldest = &held[0];

	calls++;
	for (struct HeldTable *each = held; each < held + TABLES; each++)
	{
		if (each->table != NULL && each->generation == pp_keyring_generation() && each->key == key &&
			each->size == size && strcmp(each->tweak, tweak) == 0)
		{
			each->used = calls;
			return each->table;
		}
		if (each->table == NULL || (oldest->table != NULL && each->used < oldest->used))
			oldest = each;
	}
	make_table(oldest, size, tweak, key);
	oldest->used = calls;
	return oldest->table;
}

static void
make_table(struct HeldTable *slot, uint64 size, const char *tweak, const ScopeKey *key)
{
	forget_table(slot);
	watch_transactions();
	slot->table = sodium_malloc(size * sizeof(uint16));
	if (slot->table == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("there is no guarded memory for a permutation"),
				 errdetail("libsodium could not allocate it."),
				 errhint("See the limits on memory of the server's process.")));
	shuffle(slot->table, size, tweak, key->use[PP_USE_PERMUTATION]);
	sodium_mprotect_readonly(slot->table);
	slot->generation = pp_keyring_generation();
	slot->key = key;
	slot->size = size;
	strlcpy(slot->tweak, tweak, sizeof(slot->tweak));
}

/* sodium_free fills the memory with zeros. */
static void
forget_table(struct HeldTable *slot)
{
	if (slot->table != NULL)
		sodium_free(slot->table);
	memset(slot, 0, sizeof(*slot));
}

static void
watch_transactions(void)
{
	static bool watching = false;

	if (!watching)
		RegisterXactCallback(forget_stale_tables, NULL);
	watching = true;
}

/* A key that was destroyed or revoked takes its tables along, at the end of the transaction at the latest. */
static void
forget_stale_tables(XactEvent event, void *arg)
{
	(void) event;
	(void) arg;
	for (int i = 0; i < TABLES; i++)
		if (held[i].generation != pp_keyring_generation())
			forget_table(&held[i]);
}

static void
shuffle(uint16 *table, uint64 size, const char *tweak, const unsigned char *key)
{
	Permutation permutation = name_permutation(tweak, size, key);

	for (uint64 i = 0; i < size; i++)
	{
		uint64		other = scale(hash_round(&permutation, SHUFFLE_ROUND, i), i + 1);

		table[i] = table[other];
		table[other] = (uint16) i;
	}
}

uint64
choose(MessagePart part, uint64 size, ScopeUse use, const char *tweak, const ScopeKey *key)
{
	unsigned char hash[crypto_shorthash_siphash24_BYTES];
	Permutation permutation = name_permutation(tweak, size, key->use[use]);

	crypto_shorthash_siphash24(hash, (const unsigned char *) part.bytes, part.length, key->use[use]);
	return scale(hash_round(&permutation, CHOICE_ROUND, get_number(hash)), size);
}
