/*
 * pseudonym_network.c: addresses that keep their prefixes together.
 *
 * Two addresses that share their first n bits have pseudonyms that share their first n bits, and no
 * more: networks stay networks, and a cidr stays one. Each bit is flipped or not by a keyed function
 * of all bits before it (prefix-preserving anonymisation as of Xu, Fan, Ammar and Moon, 2002). One
 * SipHash-2-4 decides six bits at a time: its 63 lower bits are the nodes of a binary tree, in which
 * the bits already read lead to the node that says about the next one. Its message is 16 bytes: the
 * bits before, then a one, then zeros, which says how many bits there were. Its key is the first half
 * of the key for this use for IPv4, the second half for IPv6.
 *
 * This is a bijection of each family, and it preserves the structure by design: who knows some
 * networks and their sizes may recognise others.
 */
#include "postgres.h"

#include <sys/socket.h>

#include "port/pg_bswap.h"
#include "utils/inet.h"

#include "core/core.h"
#include "pseudonym/pseudonym_internal.h"

#define TREE_BITS	6

static void permute_prefix(unsigned char *address, int bits, int family, const ScopeKey *key);
static int	find_flips(uint64 tree, int bits, int count);
static uint64 hash_prefix(uint128 before, int position, int family, const ScopeKey *key);

PG_FUNCTION_INFO_V1(pp_sql_pseudonym_inet);
PG_FUNCTION_INFO_V1(pp_sql_pseudonym_cidr);

/* pseudonym(value inet, scope text) */
Datum
pp_sql_pseudonym_inet(PG_FUNCTION_ARGS)
{
	inet	   *value = (inet *) PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(0));
	int			bits = ip_family(value) == PGSQL_AF_INET ? 32 : 128;

	permute_prefix(ip_addr(value), bits, ip_family(value), find_key(fcinfo, 1));
	PG_RETURN_INET_P(value);
}

/* pseudonym(value cidr, scope text): the bits behind the mask stay zero */
Datum
pp_sql_pseudonym_cidr(PG_FUNCTION_ARGS)
{
	inet	   *value = (inet *) PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(0));

	permute_prefix(ip_addr(value), ip_bits(value), ip_family(value), find_key(fcinfo, 1));
	PG_RETURN_INET_P(value);
}

/* The address stands at the upper end of 128 bits, whatever its family. */
static void
permute_prefix(unsigned char *address, int bits, int family, const ScopeKey *key)
{
	int			bytes = family == PGSQL_AF_INET ? 4 : 16;
	unsigned char aligned[16] = {0};
	uint64		upper;
	uint64		lower;
	uint128		raw;
	uint128		result;

	memcpy(aligned, address, bytes);
	memcpy(&upper, aligned, 8);
	memcpy(&lower, aligned + 8, 8);
	result = raw = (uint128) pg_ntoh64(upper) << 64 | pg_ntoh64(lower);
	for (int i = 0; i < bits; i += TREE_BITS)
	{
		int			count = Min(TREE_BITS, bits - i);
		int			behind = 128 - i - count;
		uint128		before = i == 0 ? 0 : raw >> (128 - i) << (128 - i);
		uint64		tree = hash_prefix(before, i, family, key);

		result ^= (uint128) find_flips(tree, (int) (raw >> behind & ((1 << count) - 1)), count) << behind;
	}
	upper = pg_hton64((uint64) (result >> 64));
	lower = pg_hton64((uint64) result);
	memcpy(aligned, &upper, 8);
	memcpy(aligned + 8, &lower, 8);
	memcpy(address, aligned, bytes);
}

/* Node 0 says about the first bit; below node n, 2n + 1 and 2n + 2 say about the next one. */
static int
find_flips(uint64 tree, int bits, int count)
{
	int			flips = 0;

	for (int read = 0; read < count; read++)
	{
		int			node = (1 << read) - 1 + (bits >> (count - read));

		flips |= (int) (tree >> node & 1) << (count - 1 - read);
	}
	return flips;
}

static uint64
hash_prefix(uint128 before, int position, int family, const ScopeKey *key)
{
	uint128		marked = before | (uint128) 1 << (127 - position);
	uint64		halves[2] = {pg_hton64((uint64) (marked >> 64)), pg_hton64((uint64) marked)};
	unsigned char hash[crypto_shorthash_siphash24_BYTES];

	crypto_shorthash_siphash24(hash, (unsigned char *) halves, sizeof(halves),
							   key->use[PP_USE_PREFIX] + (family == PGSQL_AF_INET ? 0 : PP_KEY_BYTES / 2));
	return get_number(hash);
}
