#!/usr/bin/env python3
"""An independent implementation of pg_privacy's reversible pseudonyms, from their description and the standard library alone.

    check_reversal.py             recomputes every vector of reversal.json; fails when one differs
    check_reversal.py --write     writes reversal.json anew
    check_reversal.py ROOT SCOPE VERSION VALUE...
                                  prints the reversible pseudonyms of values in a derived scope (destroyable => false)

The keys of the uses "nonce" and "seal" are those of keyed.py. Reversible pseudonym, in base64url without padding:
    header  = 1 in one byte, version in two, least significant first
    message = value in UTF-8, 0x80, zeros up to a multiple of 16
    nonce   = BLAKE2b-192(key = nonce key, person = "pgprivacy-nonce", message = header message)
    sealed  = XChaCha20(key = seal key, nonce, message), counter from 0
    pseudonym = header nonce sealed
"""
import base64
import hashlib
import json
import pathlib
import struct
import sys

from keyed import Scope

FILE = pathlib.Path(__file__).with_name("reversal.json")
MASK = (1 << 32) - 1
CONSTANTS = struct.unpack("<4I", b"expand 32-byte k")


def quarter_round(state, a, b, c, d):
    for target, source, xored, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        state[target] = (state[target] + state[source]) & MASK
        mixed = state[xored] ^ state[target]
        state[xored] = ((mixed << bits) | (mixed >> (32 - bits))) & MASK


def twenty_rounds(words):
    state = list(words)
    for _ in range(10):
        for column in range(4):
            quarter_round(state, column, 4 + column, 8 + column, 12 + column)
        for column in range(4):
            quarter_round(state, column, 4 + (column + 1) % 4, 8 + (column + 2) % 4, 12 + (column + 3) % 4)
    return state


def hchacha20(key, nonce):
    state = twenty_rounds(CONSTANTS + struct.unpack("<8I", key) + struct.unpack("<4I", nonce))
    return struct.pack("<8I", *state[:4], *state[12:])


def chacha20_block(key, counter, nonce):
    """Counter and nonce of eight bytes each, as Bernstein has it."""
    words = CONSTANTS + struct.unpack("<12I", key + counter.to_bytes(8, "little") + nonce)
    return struct.pack("<16I", *((a + b) & MASK for a, b in zip(words, twenty_rounds(words))))


def xchacha20(key, nonce, message):
    subkey = hchacha20(key, nonce[:16])
    stream = b"".join(chacha20_block(subkey, i, nonce[16:]) for i in range((len(message) + 63) // 64))
    return bytes(a ^ b for a, b in zip(message, stream))


def pad(value):
    return value + b"\x80" + bytes(-(len(value) + 1) % 16)


def encrypted_pseudonym(root, scope, version, value):
    keys = Scope(root, scope, version)
    header = b"\x01" + version.to_bytes(2, "little")
    message = pad(value.encode())
    nonce = hashlib.blake2b(header + message, key=keys.use("nonce"), person=b"pgprivacy-nonce", digest_size=24).digest()
    sealed = xchacha20(keys.use("seal"), nonce, message)
    return base64.urlsafe_b64encode(header + nonce + sealed).decode().rstrip("=")


# (scope, text, how often it is repeated); a long pseudonym is given by its SHA-256
INPUTS = [("shared", text, count) for text, count in [
    ("", 1), ("a", 1), (" a", 1), ("A", 1), ("anna@example.org", 1), ("191212121212", 1), ("0", 8),
    ("\u00e5\u00e4\u00f6", 1), ("a\u030a", 1), ("\u6f22\u5b57", 1), ("\U0001f600", 3), ("line\nbreak\ttab", 1),
    ("'\"\\", 1), ("\u0080", 1), ("x", 14), ("x", 15), ("x", 16), ("x", 17), ("x", 31), ("x", 32), ("x", 63), ("x", 64),
    ("x", 127), ("x", 128), ("xyz", 1000), ("\u00e5", 20000)]]
INPUTS += [(scope, "anna@example.org", 1) for scope in ("other", "s", "a.dotted_scope.2", "s" * 63)]


def compute():
    root = bytes(range(32))
    vectors = []
    for scope, text, count in INPUTS:
        pseudonym = encrypted_pseudonym(root, scope, 1, text * count)
        vector = {"scope": scope, "text": text, "repeat": count, "length": len(pseudonym)}
        if len(pseudonym) > 300:
            vector["sha256"] = hashlib.sha256(pseudonym.encode()).hexdigest()
        else:
            vector["encrypted_pseudonym"] = pseudonym
        vectors.append(vector)
    return {"about": "scopes created with destroyable => false, version 1; value = text repeated so many times",
            "root_key": root.hex(), "algorithm": "blake2b-192 xchacha20", "vectors": vectors}


def check_cipher():
    """The published vectors of ChaCha20 (RFC 8439, 2.3.2, read with its longer nonce) and of HChaCha20 (draft-irtf-cfrg-xchacha, 2.2.1)."""
    key = bytes(range(32))
    counter = int.from_bytes(bytes.fromhex("0100000000000009"), "little")
    block = chacha20_block(key, counter, bytes.fromhex("0000004a00000000"))
    if not block.hex().startswith("10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"):
        raise SystemExit("ChaCha20 differs from RFC 8439")
    subkey = hchacha20(key, bytes.fromhex("000000090000004a0000000031415927"))
    if subkey.hex() != "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc":
        raise SystemExit("HChaCha20 differs from its draft")


def main(arguments):
    check_cipher()
    if arguments == ["--write"]:
        FILE.write_text(json.dumps(compute(), indent=1) + "\n")
        return 0
    if arguments:
        root, scope, version, *values = arguments
        for value in values:
            print(encrypted_pseudonym(bytes.fromhex(root), scope, int(version), value))
        return 0
    if json.loads(FILE.read_text()) != compute():
        print("reversal.json differs from what is computed")
        return 1
    print(f"{len(INPUTS)} vectors agree")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
