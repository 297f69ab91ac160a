/*
 * core_mac.h: keyed BLAKE2b-128 that starts where the key has already been absorbed; part of
 * core.h.
 */
#ifndef PP_CORE_MAC_H
#define PP_CORE_MAC_H

#include <sodium.h>

#define PP_MAC_BYTES		16
#define PP_MAC_KEY_BYTES	32

/* Worth as much as its key: keep it in guarded memory. */
typedef crypto_generichash_blake2b_state CoreMac;

/*
 * Prepares a keyed BLAKE2b-128 (RFC 7693) with a personalisation of at most 16 bytes. Equal to the
 * public interface in every result, only faster.
 */
extern void pp_core_mac_prepare(CoreMac *mac, const unsigned char key[PP_MAC_KEY_BYTES], const char *personal);

/* The MAC of a message that is not empty; mac stays as it is. */
extern void pp_core_mac(const CoreMac *mac, unsigned char digest[PP_MAC_BYTES],
						const void *message, size_t length);

#endif							/* PP_CORE_MAC_H */
