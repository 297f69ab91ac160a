/*
 * core_mac.c: a keyed hash whose key is absorbed once.
 *
 * Keyed BLAKE2b puts the key into a first block of 128 bytes. For a value of some 24 bytes that
 * block is half of all the work, and it is the same for every row. libsodium's interface has no way
 * to compress it ahead of time: its state keeps the last full block back, in case it is the last
 * one. So we let it compress the key's block by feeding another behind it, and then take those
 * bytes out of the state's buffer again, at the place where libsodium keeps them.
 *
 * That place is not part of its interface. Therefore nothing is assumed: when the library is
 * loaded, messages of all lengths that matter are computed both ways under a made-up key, and if
 * one differs, every state is prepared the plain way. The results are the same; only the speed is
 * not. Since the key's block is treated as not the last one, an empty message would come out wrong;
 * ours all begin with a length.
 */
#include "postgres.h"

#include "core/core.h"

#define BLOCK_BYTES		128
#define LONGEST_TRIAL	(3 * BLOCK_BYTES)

/* The end of libsodium's state: two blocks of buffer, and how much of them is filled. */
#define BUFFER_OFFSET	96
#define FILLED_OFFSET	(BUFFER_OFFSET + 2 * BLOCK_BYTES)

typedef enum Layout
{
	LAYOUT_UNTRIED,
	LAYOUT_KNOWN,
	LAYOUT_UNKNOWN
} Layout;

static Layout layout = LAYOUT_UNTRIED;

static void start(CoreMac *mac, const unsigned char *key, const char *personal);
static bool absorb_key(CoreMac *mac);
static Layout try_layout(void);

void
pp_core_mac_prepare(CoreMac *mac, const unsigned char key[PP_MAC_KEY_BYTES], const char *personal)
{
	if (layout == LAYOUT_UNTRIED)
		layout = try_layout();
	start(mac, key, personal);
	if (layout == LAYOUT_KNOWN && !absorb_key(mac))
		start(mac, key, personal);
}

/* The copy is zeroed by libsodium's final. */
void
pp_core_mac(const CoreMac *mac, unsigned char digest[PP_MAC_BYTES], const void *message, size_t length)
{
	CoreMac		state = *mac;

	crypto_generichash_blake2b_update(&state, message, length);
	crypto_generichash_blake2b_final(&state, digest, PP_MAC_BYTES);
}

static void
start(CoreMac *mac, const unsigned char *key, const char *personal)
{
	unsigned char padded[crypto_generichash_blake2b_PERSONALBYTES] = {0};

	memcpy(padded, personal, strnlen(personal, sizeof(padded)));
	crypto_generichash_blake2b_init_salt_personal(mac, key, PP_MAC_KEY_BYTES, PP_MAC_BYTES, NULL, padded);
}

static bool
absorb_key(CoreMac *mac)
{
	static const unsigned char filler[BLOCK_BYTES + 1] = {0};
	unsigned char *bytes = (unsigned char *) mac;
	size_t		filled;

	crypto_generichash_blake2b_update(mac, filler, sizeof(filler));
	memcpy(&filled, bytes + FILLED_OFFSET, sizeof(filled));
	if (filled != sizeof(filler))
		return false;
	memset(bytes + BUFFER_OFFSET, 0, FILLED_OFFSET + sizeof(filled) - BUFFER_OFFSET);
	return true;
}

static Layout
try_layout(void)
{
	unsigned char key[PP_MAC_KEY_BYTES];
	unsigned char message[LONGEST_TRIAL];
	unsigned char plain_digest[PP_MAC_BYTES];
	unsigned char fast_digest[PP_MAC_BYTES];
	CoreMac		plain;
	CoreMac		fast;

	StaticAssertStmt(FILLED_OFFSET + sizeof(size_t) <= sizeof(CoreMac), "the state is too small");
	memset(key, 0x5a, sizeof(key));
	for (int i = 0; i < LONGEST_TRIAL; i++)
		message[i] = (unsigned char) i;
	start(&plain, key, "pgprivacy-trial");
	start(&fast, key, "pgprivacy-trial");
	if (!absorb_key(&fast))
		return LAYOUT_UNKNOWN;
	for (size_t length = 1; length <= LONGEST_TRIAL; length++)
	{
		pp_core_mac(&plain, plain_digest, message, length);
		pp_core_mac(&fast, fast_digest, message, length);
		if (memcmp(plain_digest, fast_digest, PP_MAC_BYTES) != 0)
			return LAYOUT_UNKNOWN;
	}
	return LAYOUT_KNOWN;
}
