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
import json
import pathlib
import sys

from keyed import Scope

FILE = pathlib.Path(__file__).with_name("pseudonym.json")


def pseudonym(root, scope, version, value):
    return Scope(root, scope, version).token(value.encode()).hex()


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


def main(arguments):
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
