#!/usr/bin/env python3
"""An independent implementation of the formats that are not national: spellings, UUIDs, addresses, numbers, networks, dates.

    check_forms.py              recomputes every vector of forms.json; fails when one differs
    check_forms.py --write      writes forms.json anew

Each vector is an SQL expression over the scope 'shared' (created with destroyable => false) and its result as text; the
expression is composed here, the result computed here, and test/tap/014_forms.pl asks the server.
"""
import base64
import datetime
import hashlib
import ipaddress
import json
import pathlib
import sys

from keyed import Scope, siphash24

FILE = pathlib.Path(__file__).with_name("forms.json")
SCOPE = Scope(bytes(range(32)), "shared")
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def base32(value):
    bits = int.from_bytes(SCOPE.token(value.encode()), "big")
    return "".join(CROCKFORD[bits >> shift & 31] for shift in range(155, -1, -5))


def base64url(value):
    return base64.urlsafe_b64encode(SCOPE.token(value.encode())).decode().rstrip("=")


def uuid(*parts):
    data = bytearray(SCOPE.digest(*parts)[:12])
    data[6] = 0x80 | data[6] & 0x0F
    data[8] = 0x80 | data[8] & 0x3F
    text = (bytes(data) + siphash24(SCOPE.check_key, bytes(data))[:4]).hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def email(value, domain):
    token = SCOPE.token(value.encode()).hex()
    local, at, host = value.rpartition("@")
    if domain == "replace" or not local or not host:
        return token + "@pseudonym.invalid"
    if domain == "keep":
        return token + "@" + host
    lower = "".join(c.lower() if c.isascii() else c for c in host).encode()
    return token + "@" + SCOPE.digest(b"", b"domain", lower)[:10].hex() + ".invalid"


def digits(value):
    if not (value.isascii() and value.isdigit() and len(value) <= 18):
        return SCOPE.token(value.encode()).hex()
    return str(SCOPE.permute(int(value), 10 ** len(value), "digits")).zfill(len(value))


def number(value, bits):
    size = 1 << (bits - 1)
    tweak = f"int{bits // 8}"
    return SCOPE.permute(value, size, tweak) if value >= 0 else -1 - SCOPE.permute(-1 - value, size, tweak + " negative")


def prefix(address, count):
    raw = int(address)
    width = address.max_prefixlen
    result = raw
    for i in range(count):
        if i % 6 == 0:
            before = (raw >> (width - i)) << 1 | 1
            key = SCOPE.use("prefix")[:16] if address.version == 4 else SCOPE.use("prefix")[16:]
            tree = int.from_bytes(siphash24(key, (before << (127 - i)).to_bytes(16, "big")), "little")
            node = 0
        shift = width - 1 - i
        result ^= (tree >> node & 1) << shift
        node = 2 * node + 1 + (raw >> shift & 1)
    return type(address)(result)


def inet(value):
    interface = ipaddress.ip_interface(value)
    return f"{prefix(interface.ip, interface.max_prefixlen)}/{interface.network.prefixlen}"


def cidr(value):
    network = ipaddress.ip_network(value)
    return f"{prefix(network.network_address, network.prefixlen)}/{network.prefixlen}"


def day(value):
    count = (datetime.date.fromisoformat(value) - datetime.date(1900, 1, 1)).days
    block, number = divmod(count, 73049)
    return str(datetime.date(1900, 1, 1) + datetime.timedelta(block * 73049 + SCOPE.permute(number, 73049, "date")))


def moment(value):
    size = 73049 * 86400000000
    start = datetime.datetime(1900, 1, 1)
    block, number = divmod((datetime.datetime.fromisoformat(value) - start) // datetime.timedelta(microseconds=1), size)
    moved = start + datetime.timedelta(microseconds=block * size + SCOPE.permute(number, size, "timestamp"))
    text = moved.isoformat(" ")
    return text.rstrip("0") if "." in text else text


def shift(value, subject):
    choice = SCOPE.choose(subject.encode(), 7304, "shift", "shift")
    days = choice - 3652 if choice < 3652 else choice - 3651
    return str(datetime.date.fromisoformat(value) + datetime.timedelta(days))


def quote(value):
    return "'" + value.replace("'", "''") + "'"


def compute():
    vectors = []

    def add(expression, result):
        vectors.append({"sql": expression, "result": str(result)})

    texts = ["", "anna@example.org", "A@B@Example.ORG", "no address", "@", "x" * 300, "\u00e5@\u00e4\u00f6.se", "20121212"]
    for text in texts:
        add(f"privacy.pseudonym_base32({quote(text)}, 'shared')", base32(text))
        add(f"privacy.pseudonym_base64url({quote(text)}, 'shared')", base64url(text))
        add(f"privacy.pseudonym_uuid({quote(text)}, 'shared')", uuid(text.encode()))
        for domain in ("replace", "keep", "pseudonymize"):
            add(f"privacy.pseudonym_email({quote(text)}, 'shared', '{domain}')", email(text, domain))
        add(f"privacy.subject_pseudonym({quote(text)}, 'shared', '7')", SCOPE.token(b"7", text.encode()).hex())
    some_uuid = "01234567-89ab-cdef-0123-456789abcdef"
    add(f"privacy.pseudonym('{some_uuid}'::uuid, 'shared')", uuid(some_uuid.encode()))
    for code in ("0", "9", "0000", "12345", "00000", "99999", "123456", "1000000", "00700700700", "9" * 18, "1" * 19, "12a", ""):
        add(f"privacy.pseudonym_digits('{code}', 'shared')", digits(code))
    for bits, name in ((16, "smallint"), (32, "integer"), (64, "bigint")):
        for value in (0, 1, 7, -1, -7, (1 << (bits - 1)) - 1, -(1 << (bits - 1))):
            add(f"privacy.pseudonym('{value}'::{name}, 'shared')", number(value, bits))
    for value in ("0.0.0.0", "10.1.2.3", "10.1.2.4", "10.1.3.4/24", "255.255.255.255", "::", "2001:db8::1", "2001:db8::2/64", "ffff::"):
        add(f"privacy.pseudonym('{value}'::inet, 'shared')", inet(value))
    for value in ("10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "0.0.0.0/0", "2001:db8::/32"):
        add(f"privacy.pseudonym('{value}'::cidr, 'shared')", cidr(value))
    for value in ("1900-01-01", "2000-02-29", "2026-11-22", "2099-12-31", "2100-01-01", "1899-12-31", "1812-06-24"):
        add(f"privacy.pseudonym('{value}'::date, 'shared')", day(value))
        for subject in ("7", "", "anna"):
            add(f"privacy.subject_pseudonym('{value}'::date, 'shared', '{subject}')", shift(value, subject))
    for value in ("2026-11-22 12:34:56.789", "1900-01-01", "1899-12-31 23:59:59.999999"):
        add(f"privacy.pseudonym('{value}'::timestamp, 'shared')", moment(value))
    add("privacy.pseudonym(ARRAY['anna', NULL, ''], 'shared')::text",
        "{" + SCOPE.token(b"anna").hex() + ",NULL," + SCOPE.token(b"").hex() + "}")
    add("privacy.pseudonym_array(ARRAY[['1', '22'], ['333', '4444']], 'shared', 'digits')::text",
        "{{" + digits("1") + "," + digits("22") + "},{" + digits("333") + "," + digits("4444") + "}}")
    return {"about": "scope 'shared' created with destroyable => false, version 1; DateStyle ISO", "root_key": bytes(range(32)).hex(),
            "vectors": vectors}


def main(arguments):
    if arguments == ["--write"]:
        FILE.write_text(json.dumps(compute(), indent=1) + "\n")
        return 0
    expected = compute()
    if json.loads(FILE.read_text()) != expected:
        print("forms.json differs from what is computed")
        return 1
    print(f"{len(expected['vectors'])} vectors agree")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
