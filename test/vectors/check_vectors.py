#!/usr/bin/env python3
"""An independent implementation of pg_privacy's pseudonyms, from their description and the standard library alone.

    check_vectors.py              recomputes every vector of pseudonym.json; fails when one differs
    check_vectors.py --write      writes pseudonym.json anew
    check_vectors.py ROOT SCOPE VERSION VALUE...
                                  prints the pseudonyms of values in a derived scope (destroyable => false)

Derived scope keys (all numbers least significant byte first, frame(x) = length of x in 8 bytes, x):
    BLAKE2b(key = root key, person = "pgprivacy-kdf", message = frame(use) frame(scope) version in 4 bytes)
    use "scope", 32 bytes: the key of the pseudonyms; use "scope-check", 16 bytes: the check key
Pseudonym, in hexadecimal:
    digest = BLAKE2b-128(key = scope key, person = "pgprivacy-token", message = frame(value in UTF-8))
    mark   = first 4 bytes of SipHash-2-4(check key, digest)
"""
import hashlib
import json
import pathlib
import sys

FILE = pathlib.Path(__file__).with_name("pseudonym.json")
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


def frame(data):
    return len(data).to_bytes(8, "little") + data


def derive(root, use, scope, version, size):
    message = frame(use.encode()) + frame(scope.encode()) + version.to_bytes(4, "little")
    return hashlib.blake2b(message, key=root, person=b"pgprivacy-kdf", digest_size=size).digest()


def pseudonym(root, scope, version, value):
    key = derive(root, "scope", scope, version, 32)
    check_key = derive(root, "scope-check", scope, version, 16)
    digest = hashlib.blake2b(frame(value.encode()), key=key, person=b"pgprivacy-token", digest_size=16).digest()
    return (digest + siphash24(check_key, digest)[:4]).hex()


# (scope, text, how often it is repeated)
INPUTS = [("shared", text, count) for text, count in [
    ("", 1), ("a", 1), (" a", 1), ("A", 1), ("anna@example.org", 1), ("191212121212", 1), ("0", 8),
    ("\u00e5\u00e4\u00f6", 1), ("a\u030a", 1), ("\u6f22\u5b57", 1), ("\U0001f600", 3), ("line\nbreak\ttab", 1),
    ("'\"\\", 1), ("x", 119), ("x", 120), ("x", 121), ("x", 127), ("x", 128), ("x", 129), ("x", 248), ("x", 249),
    ("xyz", 1000), ("\u00e5", 70000), ("0123456789abcdef", 65537), ("pg_privacy ", 150000)]]
INPUTS += [(scope, "anna@example.org", 1) for scope in ("other", "s", "a.dotted_scope.2", "s" * 63)]


def compute():
    root = bytes(range(32))
    vectors = []
    for scope, text, count in INPUTS:
        token = pseudonym(root, scope, 1, text * count)
        vectors.append({"scope": scope, "text": text, "repeat": count, "pseudonym": token,
                        "pseudonym_email": token + "@pseudonym.invalid"})
    return {"about": "scopes created with destroyable => false, version 1; value = text repeated so many times",
            "root_key": root.hex(), "algorithm": "blake2b-128", "vectors": vectors}


def check_siphash():
    """Two vectors of the reference implementation of SipHash: key 00..0f, message 00..n-1."""
    key = bytes(range(16))
    if siphash24(key, b"").hex() != "310e0edd47db6f72" or siphash24(key, bytes(range(15))).hex() != "e545be4961ca29a1":
        raise SystemExit("SipHash-2-4 differs from its reference implementation")


def main(arguments):
    check_siphash()
    if arguments == ["--write"]:
        FILE.write_text(json.dumps(compute(), indent=1) + "\n")
        return 0
    if arguments:
        root, scope, version, *values = arguments
        for value in values:
            print(pseudonym(bytes.fromhex(root), scope, int(version), value))
        return 0
    if json.loads(FILE.read_text()) != compute():
        print("pseudonym.json differs from what is computed")
        return 1
    print(f"{len(INPUTS)} vectors agree")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
