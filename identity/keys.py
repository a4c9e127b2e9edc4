"""Canonical keys: what tag and barcode of one thing have in common.

A key is the GS1 element string's value behind its application identifier, without the split into company prefix and reference
(a barcode does not say where that split is): `8004:06141415678`. What is not GS1 stays usable under `gid:`, `tid:`, `uii:` or
`tag:`.
"""

import enum
import re
from typing import Final, NamedTuple


class BadKey(ValueError):
    """This text is not a canonical key; it says why."""


class Level(enum.StrEnum):
    ASSET = "asset"  # one thing
    CLASS = "class"  # a kind of thing: never moves an asset
    PLACE = "place"  # a location code
    LOAD = "load"  # a logistic unit


GS1_CHARACTERS: Final = frozenset("!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
_TEXT = r"[!\"%&'()*+,\-./0-9:;<=>?A-Z_a-z]"


class Form(NamedTuple):
    """How the value of one kind of key looks; its first `checked` characters end with a check digit."""

    pattern: re.Pattern[str]
    checked: int
    level: Level


FORMS: Final = {
    "8004": Form(re.compile(_TEXT + r"{1,30}"), 0, Level.ASSET),  # GIAI
    "8003": Form(re.compile(r"0[0-9]{13}" + _TEXT + r"{0,16}"), 14, Level.ASSET),  # GRAI: 0, type and check digit, serial
    "01+21": Form(re.compile(r"[0-9]{14}\|" + _TEXT + r"{1,20}"), 14, Level.ASSET),  # GTIN and serial
    "01": Form(re.compile(r"[0-9]{14}"), 14, Level.CLASS),
    "00": Form(re.compile(r"[0-9]{18}"), 18, Level.LOAD),  # SSCC
    "414": Form(re.compile(r"[0-9]{13}"), 13, Level.PLACE),  # GLN
    "414+254": Form(re.compile(r"[0-9]{13}\|(?!0$)" + _TEXT + r"{1,20}"), 13, Level.PLACE),  # GLN and its extension
    "gid": Form(re.compile(r"(0|[1-9][0-9]{,8})\.(0|[1-9][0-9]{,7})\.(0|[1-9][0-9]{,10})"), 0, Level.ASSET),
    "tid": Form(re.compile(r"([0-9A-F]{2})+"), 0, Level.ASSET),  # the chip's own number
    "uii": Form(re.compile(r"([0-9A-F]{2})*|[0-9A-F]+~[0-9a-f]{64}"), 0, Level.ASSET),  # EPC bank, not understood
    "tag": Form(re.compile(r"[^\x00-\x1f\x7f-\x9f]*"), 0, Level.ASSET),  # any other text
}


def split(key: str) -> tuple[str, str]:
    """Return (kind, value) of a canonical key: ("8004", "06141415678"). Raises BadKey."""
    kind, colon, value = key.partition(":")
    form = FORMS.get(kind) if colon else None
    if form is None:
        raise BadKey(f"{key[:40]!r} does not start with one of {', '.join(f'{k}:' for k in FORMS)}")
    if form.pattern.fullmatch(value) is None:
        raise BadKey(f"{value[:40]!r} is not a value of {kind}:")
    if form.checked and not check_digit_fits(value[: form.checked]):
        raise BadKey(f"label check digit: {value[: form.checked]} should end with {check_digit(value[: form.checked - 1])}")
    return kind, value


def join(kind: str, value: str) -> str:
    """Return the canonical key, checked. Raises BadKey."""
    key = f"{kind}:{value}"
    split(key)
    return key


def level(key: str) -> Level:
    """What a canonical key stands for. A GRAI without serial is a kind of thing, not a thing."""
    kind, _, value = key.partition(":")
    if kind == "8003" and len(value) == FORMS["8003"].checked:
        return Level.CLASS
    return FORMS[kind].level


def check_digit(digits: str) -> str:
    """The GS1 mod-10 digit that follows `digits`: weights 3 and 1 from the right."""
    total = 3 * sum(map(int, digits[-1::-2])) + sum(map(int, digits[-2::-2]))
    return str(-total % 10)


def check_digit_fits(digits: str) -> bool:
    """Whether the last of `digits` is the check digit of those before it. Anything but ASCII digits does not fit."""
    return len(digits) > 1 and digits.isascii() and digits.isdigit() and check_digit(digits[:-1]) == digits[-1]
