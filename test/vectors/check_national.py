#!/usr/bin/env python3
"""An independent implementation of the formats of numbers and names that people have.

    check_national.py              recomputes every vector of national.json; fails when one differs
    check_national.py --write      writes national.json anew

As check_forms.py; test/tap/015_national.pl asks the server. The lists of names are read from src/pseudonym, so that
the vectors also show when a list has been changed.
"""
import datetime
import json
import pathlib
import re
import sys

from keyed import Scope

FILE = pathlib.Path(__file__).with_name("national.json")
LISTS = pathlib.Path(__file__).resolve().parents[2] / "src" / "pseudonym"
SCOPE = Scope(bytes(range(32)), "shared")
TWO_DIGITS = ("20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 "
              "81 82 84 86 90 91 92 93 94 95 98").split()


def token(value):
    return SCOPE.token(value.encode()).hex()


def luhn(digits):
    doubled = [int(c) * (2 - i % 2) for i, c in enumerate(reversed(digits))]
    return str(-sum(d // 10 + d % 10 for d in doubled) % 10)


def respell(value, digits):
    digits = iter(digits)
    return re.sub("[0-9]", lambda _: next(digits), value)


def phone(value):
    if not re.fullmatch(r"[ (]*\+?[ ()./0-9-]*", value):
        return token(value)
    digits = re.sub("[^0-9]", "", value)
    prefix, code = "", ""
    if "+" in value or digits.startswith("00"):
        prefix = "" if "+" in value else "00"
        code = next((c for c in (digits[len(prefix):][:n] for n in (1, 2)) if c in ("1", "7") or c in TWO_DIGITS),
                    digits[len(prefix):][:3])
        if not code or code[0] == "0":
            return token(value)
    behind = digits[len(prefix) + len(code):]
    national = behind.lstrip("0")
    if len(digits) - len(prefix) > 15 or len(national) < 5:
        return token(value)
    if not prefix and not code and digits.startswith("0"):
        tweak = "phone 46"
    else:
        tweak = "phone " + code
    least = 10 ** (len(national) - 1)
    moved = least + SCOPE.permute(int(national) - least, 9 * least, tweak)
    return respell(value, prefix + code + behind[:len(behind) - len(national)] + str(moved))


def personnummer(value, form="not_issuable"):
    spelled = re.fullmatch(r"(18|19|20)?([0-9]{6})[-+]?([0-9]{4})", value, re.A)
    if not spelled:
        return token(value)
    century, digits = spelled[1] or "", spelled[2] + spelled[3]
    coordination = int(digits[4:6]) > 60
    try:
        birth = datetime.date(int((century or "20") + digits[:2]), int(digits[2:4]), int(digits[4:6]) - 60 * coordination)
    except ValueError:
        return token(value)
    if luhn(digits[:9]) != digits[9]:
        return token(value)
    start = datetime.date(2000, 1, 1)
    number = (birth.replace(year=2000 + birth.year % 100) - start).days * 1000 + int(digits[6:9])
    while True:
        number = SCOPE.permute(number, 36525 * 1000, "coordination" if coordination else "personnummer")
        moved = start + datetime.timedelta(number // 1000)
        if (moved.month, moved.day, moved.year) != (2, 29, 2000) or century not in ("18", "19"):
            break
    if form == "issuable":
        date = moved.strftime("%y%m") + f"{moved.day + 60 * coordination:02}"
    else:
        day_of_year = moved.timetuple().tm_yday - 1
        date = moved.strftime("%y") + f"{((17 if coordination else 13) * 100 + day_of_year) % 2000:04}"
    body = date + f"{number % 1000:03}"
    return respell(value, century + body + luhn(body))


def organisation_number(value):
    spelled = re.fullmatch(r"(16)?([0-9]{2}[2-9][0-9]{3})-?([0-9]{4})", value, re.A)
    if not spelled:
        return personnummer(value)
    digits = spelled[2] + spelled[3]
    if luhn(digits[:9]) != digits[9]:
        return token(value)
    number = (int(digits[1]) * 8 + int(digits[2]) - 2) * 10 ** 6 + int(digits[3:9])
    high, low = divmod(SCOPE.permute(number, 8 * 10 ** 7, "organisation " + digits[0]), 10 ** 6)
    body = f"{digits[0]}{high // 8}{high % 8 + 2}{low:06}"
    return respell(value, (spelled[1] or "") + body + luhn(body))


def card(value, form="issuable"):
    digits = re.sub("[ -]", "", value)
    if not re.fullmatch("[1-9][0-9]{11,18}", digits, re.A) or luhn(digits[:-1]) != digits[-1]:
        return token(value)
    account = digits[6:-1]
    moved = SCOPE.permute(int(account), 10 ** len(account), "card " + digits[:6])
    body = ("0" if form == "not_issuable" else digits[0]) + digits[1:6] + str(moved).zfill(len(account))
    return respell(value, body + luhn(body))


def postal_code(value):
    if not re.fullmatch("[1-9][0-9]{2} ?[0-9]{2}", value, re.A):
        return token(value)
    return respell(value, str(10000 + SCOPE.permute(int(value.replace(" ", "")) - 10000, 90000, "postal code")))


def names(name):
    lines = (LISTS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [entry.strip() for line in lines if not line.startswith("#") for entry in line.split(",") if entry.strip()]


def choose(value, size, tweak):
    return SCOPE.choose(value.encode(), size, "choice", tweak)


def one_of(value, name, tweak):
    entries = names(name)
    return entries[choose(value, len(entries), tweak)]


def full_name(value, language="sv"):
    given, family = names("given_" + language), names("family_" + language)
    choice = choose(value, len(given) * len(family), "name")
    return given[choice // len(family)] + " " + family[choice % len(family)]


def street(value):
    streets = names("street_sv")
    place, number = divmod(choose(value, len(streets) * 199, "street"), 199)
    return f"{streets[place]} {number + 1}"


PHONES = ["+46701234567", "0046701234567", "0701234567", "+46 (0)70-123 45 67", "(+46) 70.123/45.67", "08-12 34 56", "+1 (212) 555-0100",
          "001 212 555 0100", "+7 495 123-45-67", "+358 40 1234567", "+298 123456", "12 34 56", "+46 00 12345", "012345", "12345",
          "+461000000000000", "", "+", "112", "++4670123456", "46+701234567", "+0701234567", "000701234567", "+4612345678901234",
          "070x1234567", "\u0660\u0667\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667", "-" * 300]
PHONES += [f"+{code}{7000000 + 13 * i}" for i, code in enumerate(range(1, 1000, 7))]
PERSONS = ["19121212-1212", "191212121212", "121212-1212", "1212121212", "121212+1212", "18121212-1212", "20121212-1212", "000229-0005",
           "20000229-0005", "19000229-0005", "701063-2391", "19701063-2391", "19121212-1213", "19121312-1212", "17121212-1212", "21121212-1212",
           "1912-12121212", "19121212 1212", "121260-1212", "121292-1212", "121200-1212", "556036-0793", "", "1" * 12]
ORGANISATIONS = PERSONS[:12] + ["556036-0793", "5560360793", "16556036-0793", "165560360793", "212000-0142", "802404-5000", "556036-0794",
                                "556036+0793", "17556036-0793", "16121212-1212", ""]
CARDS = ["4111 1111 1111 1111", "4111111111111111", "4111-1111-1111-1111", "3782 822463 10005", "6304 0000 0000", "6304000000000000000",
         "4111 1111 1111 1112", "0000 0000 0000 0000", "41111111111", "63040000000000000000", "4111.1111.1111.1111", ""]
POSTAL_CODES = ["123 45", "12345", "114 55", "98499", "10000", "99999", "012 34", "1234", "12 345", "SE-123 45", ""]
NAMES = ["Anna Andersson", "anna andersson", "Bo", "\u00c5sa \u00d6berg", "", "\u6f22\u5b57", "O'Neill", "x" * 300]


def persons():
    """Days and serials all over the century, each with its check digit, as personal and as coordination numbers."""
    for i in range(60):
        day = datetime.date(2000, 1, 1) + datetime.timedelta(36524 * i // 59)
        body = day.strftime("%y%m") + f"{day.day + 60 * (i % 2):02}{i * 17 % 1000:03}"
        yield body + luhn(body)


def quote(value):
    return "'" + value.replace("'", "''") + "'"


def compute():
    vectors = []

    def add(name, values, function, *argument):
        for value in values:
            arguments = ", ".join(quote(part) for part in (value, "shared", *argument))
            vectors.append({"sql": f"privacy.pseudonym_{name}({arguments})", "result": function(value, *argument)})

    add("phone", PHONES, phone)
    add("personnummer", PERSONS + list(persons()), personnummer)
    add("personnummer", PERSONS + list(persons()), personnummer, "issuable")
    add("organisation_number", ORGANISATIONS, organisation_number)
    add("card", CARDS, card)
    add("card", CARDS, card, "not_issuable")
    add("postal_code", POSTAL_CODES, postal_code)
    for language in ("sv", "en"):
        add("name", NAMES, full_name, language)
        add("given_name", NAMES, lambda value, code: one_of(value, "given_" + code, "given name"), language)
        add("family_name", NAMES, lambda value, code: one_of(value, "family_" + code, "family name"), language)
    add("street", NAMES, street)
    add("city", NAMES, lambda value: one_of(value, "city_sv", "city"))
    return {"about": "scope 'shared' created with destroyable => false, version 1", "root_key": bytes(range(32)).hex(), "vectors": vectors}


def main(arguments):
    if arguments == ["--write"]:
        FILE.write_text(json.dumps(compute(), indent=1) + "\n")
        return 0
    expected = compute()
    if json.loads(FILE.read_text()) != expected:
        print("national.json differs from what is computed")
        return 1
    print(f"{len(expected['vectors'])} vectors agree")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
