#!/usr/bin/env python3
# derive_secrets: every secret that a backend computes from a root key for a derived scope, as lines "name hexadecimal".
#
#   derive_secrets.py <root key in hexadecimal> <scope> <version>
#
# For 012_core_dump.pl, which looks for them where they must not be. It knows doc/keys.md only, and of BLAKE2b (RFC 7693)
# the compression function too: a prepared MAC is the state behind the key's block, which hashlib does not show.
import hashlib
import struct
import sys

MASK = 2**64 - 1
IV = [0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
      0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179]
SIGMA = ['0123456789abcdef', 'ea489fd61c02b753', 'b8c052fdae367194', '7931dcbe265a40f8', '905724afe1bc683d',
         '2c6a0b834d75fe19', 'c51fed4a0763928b', 'db7ec13950f4862a', '6fe9b308c2d714a5', 'a2847615fb9e3cd0']
COLUMNS = [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
           (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]


def rotate(value, bits):
    return (value >> bits | value << (64 - bits)) & MASK


def compress(state, block, counter, last):
    m = struct.unpack('<16Q', block)
    v = state + IV
    v[12] ^= counter
    v[14] ^= MASK if last else 0
    for turn in range(12):
        order = [int(digit, 16) for digit in SIGMA[turn % 10]]
        for i, (a, b, c, d) in enumerate(COLUMNS):
            for word, right, left in ((m[order[2 * i]], 32, 24), (m[order[2 * i + 1]], 16, 63)):
                v[a] = (v[a] + v[b] + word) & MASK
                v[d] = rotate(v[d] ^ v[a], right)
                v[c] = (v[c] + v[d]) & MASK
                v[b] = rotate(v[b] ^ v[c], left)
    return [state[i] ^ v[i] ^ v[i + 8] for i in range(8)]


def start(key, length, personal):
    parameters = bytes([length, len(key), 1, 1]) + bytes(44) + personal.ljust(16, b'\0')
    return [iv ^ word for iv, word in zip(IV, struct.unpack('<8Q', parameters))]


def prepare(key, length, personal):
    return compress(start(key, length, personal), key.ljust(128, b'\0'), 128, False)


def blake2b(key, length, personal, message):
    return hashlib.blake2b(message, key=key, digest_size=length, person=personal).digest()


def frame(name):
    return struct.pack('<Q', len(name)) + name


def derive(root, length, use, scope=b'', version=0):
    return blake2b(root, length, b'pgprivacy-kdf', frame(use) + frame(scope) + struct.pack('<I', version))


# What is compared with hashlib here is what the search relies on.
block = frame(b'a value').ljust(128, b'\0')
finished = compress(prepare(b'k' * 32, 16, b'p'), block, 128 + len(frame(b'a value')), True)
assert struct.pack('<8Q', *finished)[:16] == blake2b(b'k' * 32, 16, b'p', frame(b'a value'))

root = bytes.fromhex(sys.argv[1])
scope = sys.argv[2].encode()
version = int(sys.argv[3])
secret = derive(root, 32, b'scope', scope, version)
secrets = {'root_key': root, 'root_key_as_text': sys.argv[1].encode(), 'wrapping_key': derive(root, 32, b'wrap'),
           'scope_key': secret, 'check_key': derive(root, 16, b'scope-check', scope, version),
           'token_state': struct.pack('<8Q', *prepare(secret, 16, b'pgprivacy-token')),
           'root_state': struct.pack('<8Q', *prepare(root, 32, b'pgprivacy-kdf'))}
for use in ('permutation', 'prefix', 'shift', 'choice', 'nonce', 'seal'):
    secrets[f'{use}_key'] = blake2b(secret, 32, b'pgprivacy-use', use.encode())
for name, value in secrets.items():
    print(name, value.hex())
