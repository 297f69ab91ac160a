"""What the second implementations share: SipHash, key derivation, the token, the permutation. Standard library only.

All numbers are least significant byte first; frame(x) = length of x in 8 bytes, x.
    root, scope, version -> scope key      BLAKE2b(key root, person "pgprivacy-kdf", frame(use) frame(scope) version in 4 bytes)
                                           use "scope", 32 bytes; use "scope-check", 16 bytes: the check key
    scope key -> key of a use              BLAKE2b-256(key scope key, person "pgprivacy-use", the use's name)
    token                                  BLAKE2b-128(key scope key, person "pgprivacy-token", frame(part)...), and as its
                                           mark the first 4 bytes of SipHash-2-4(check key, those 16 bytes)
"""
import hashlib
import math

MASK = (1 << 64) - 1


def rotate(word, bits):
    return ((word << bits) | (word >> (64 - bits))) & MASK


def sip_round(v0, v1, v2, v3):
    v0 = (v0 + v1) & MASK
    v1 = rotate(v1, 13) ^ v0
    v0 = rotate(v0, 32)
    v2 = (v2 + v3) & MASK
    v3 = rotate(v3, 16) ^ v2
    v0 = (v0 + v3) & MASK
    v3 = rotate(v3, 21) ^ v0
    v2 = (v2 + v1) & MASK
    v1 = rotate(v1, 17) ^ v2
    v2 = rotate(v2, 32)
    return v0, v1, v2, v3


def siphash24(key, message):
    k0, k1 = (int.from_bytes(key[i:i + 8], "little") for i in (0, 8))
    v = (k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573)
    padded = message + bytes(-(len(message) + 1) % 8) + bytes([len(message) & 255])
    for i in range(0, len(padded), 8):
        word = int.from_bytes(padded[i:i + 8], "little")
        v = (v[0], v[1], v[2], v[3] ^ word)
        v = sip_round(*sip_round(*v))
        v = (v[0] ^ word, v[1], v[2], v[3])
    v = (v[0], v[1], v[2] ^ 255, v[3])
    for _ in range(4):
        v = sip_round(*v)
    return (v[0] ^ v[1] ^ v[2] ^ v[3]).to_bytes(8, "little")


def check_siphash():
    """Two vectors of the reference implementation of SipHash: key 00..0f, message 00..n-1."""
    key = bytes(range(16))
    if siphash24(key, b"").hex() != "310e0edd47db6f72" or siphash24(key, bytes(range(15))).hex() != "e545be4961ca29a1":
        raise SystemExit("SipHash-2-4 differs from its reference implementation")


check_siphash()


def frame(data):
    return len(data).to_bytes(8, "little") + data


def derive(root, use, scope, version, size):
    message = frame(use.encode()) + frame(scope.encode()) + version.to_bytes(4, "little")
    return hashlib.blake2b(message, key=root, person=b"pgprivacy-kdf", digest_size=size).digest()


class Scope:
    """A version of a derived scope (destroyable => false)."""

    def __init__(self, root, name, version=1):
        self.key = derive(root, "scope", name, version, 32)
        self.check_key = derive(root, "scope-check", name, version, 16)

    def use(self, name):
        return hashlib.blake2b(name.encode(), key=self.key, person=b"pgprivacy-use", digest_size=32).digest()

    def digest(self, *parts):
        message = b"".join(frame(part) for part in parts)
        return hashlib.blake2b(message, key=self.key, person=b"pgprivacy-token", digest_size=16).digest()

    def token(self, *parts):
        digest = self.digest(*parts)
        return digest + siphash24(self.check_key, digest)[:4]

    def round(self, use, tweak, number, size, half):
        key = self.use(use)[:16]
        name = int.from_bytes(siphash24(key, tweak.encode().ljust(16, b"\0") + size.to_bytes(8, "little")), "little")
        message = (name + number & MASK).to_bytes(8, "little") + half.to_bytes(8, "little")
        return int.from_bytes(siphash24(key, message), "little")

    def permute(self, number, size, tweak):
        """A bijection of 0 .. size - 1, as src/pseudonym/pseudonym_permutation.c describes it."""
        if size < 65536:
            return self.shuffle(size, tweak)[number]
        a = math.isqrt(size - 1) + 1
        b = (size - 1) // a + 1
        while True:
            left, right = divmod(number, b)
            for step in range(0, 24 if size < 1000000 else 12, 2):
                left = (left + (self.round("permutation", tweak, step, size, right) * a >> 64)) % a
                right = (right + (self.round("permutation", tweak, step + 1, size, left) * b >> 64)) % b
            number = left * b + right
            if number < size:
                return number

    def shuffle(self, size, tweak):
        table = []
        for i in range(size):
            other = self.round("permutation", tweak, 255, size, i) * (i + 1) >> 64
            table.append(i)
            table[i], table[other] = table[other], i
        return table

    def choose(self, part, size, use, tweak):
        half = int.from_bytes(siphash24(self.use(use)[:16], part), "little")
        return self.round(use, tweak, 254, size, half) * size >> 64
