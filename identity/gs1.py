"""GS1 element strings: what a GS1 barcode carries, to one canonical key and back to what a label prints.

biip takes the message apart; it neither gates by symbology nor refuses a wrong check digit, and knows none for a GRAI, so the
guards stand here. biip loads 140 ms of tables: it is imported when the first GS1 barcode comes, not when a gateway of RFID
readers starts (`digital_link` does the same).
"""

import re
from typing import TYPE_CHECKING, Final

from identity import keys

if TYPE_CHECKING:
    from biip import ParseConfig

SEPARATOR: Final = "\x1d"  # FNC1 as transmitted: ends an element of variable length
SYMBOLOGIES: Final = frozenset({"]C1", "]d2", "]Q3", "]e0", "]J1"})  # GS1-128, DataMatrix, QR, DataBar, DotCode
MAX_MESSAGE_CHARS: Final = 400  # GS1 General Specifications allow 48 in GS1-128; a DataMatrix of several elements some 200

_CHECKED: Final = {"00": 18, "01": 14, "02": 14, "03": 14, "253": 13, "8003": 14, "8006": 14, "8017": 18, "8018": 18}
_CHECKED_GLN: Final = frozenset(f"41{n}" for n in range(8))
_MESSAGE_CHARS: Final = keys.GS1_CHARACTERS | {SEPARATOR}
_PARENTHESISED: Final = re.compile(r"\(([0-9]{2,4})\)([^\s(][^\s]*?)(?=\([0-9]{2,4}\)|$)")


class NotGs1(ValueError):
    """This is not a sound GS1 element string with the key of a thing, a kind, a place or a load; the text says why."""


def key(message: str) -> str:
    """Return the canonical key of a message: the payload behind the AIM identifier, with SEPARATOR between elements.

    The most particular key wins: GIAI, GRAI with serial, GTIN with serial, SSCC, GLN, then the classes. Raises NotGs1.
    """
    return key_of_elements(_elements(message))


def key_of_elements(found: dict[str, str]) -> str:
    """The same of elements already taken apart, application identifier to value. Raises NotGs1."""
    for ai, value in found.items():
        checked = 13 if ai in _CHECKED_GLN else _CHECKED.get(ai)
        if checked and not keys.check_digit_fits(value[:checked]):
            raise NotGs1(f"label check digit: ({ai}){value}")
    try:
        if "8004" in found:
            return keys.join("8004", found["8004"])
        if len(found.get("8003", "")) > 14:
            return keys.join("8003", found["8003"])
        if "01" in found and "21" in found:
            return keys.join("01+21", f"{found['01']}|{found['21']}")
        if "00" in found:
            return keys.join("00", found["00"])
        if "414" in found:
            extension = found.get("254", "0")  # 0 says: no extension
            return keys.join("414", found["414"]) if extension == "0" else keys.join("414+254", f"{found['414']}|{extension}")
        for ai in ("8003", "01"):
            if ai in found:
                return keys.join(ai, found[ai])
    except keys.BadKey as exc:
        raise NotGs1(str(exc)) from exc
    raise NotGs1(f"no key of a thing in ({')('.join(found)})")


def key_of_printed(text: str) -> str:
    """Return the canonical key of printed text: "(01)80614141123458(21)6789". Blanks are for the eye. Raises NotGs1."""
    from biip import ParseError
    from biip.gs1_element_strings import GS1ElementString

    text = "".join(text.split())
    pairs = _PARENTHESISED.findall(text) if len(text) <= MAX_MESSAGE_CHARS else []
    if not pairs or "".join(f"({ai}){value}" for ai, value in pairs) != text or not _MESSAGE_CHARS.issuperset(text):
        raise NotGs1("not a row of (application identifier)value")
    found: dict[str, str] = {}
    for ai, value in pairs:
        try:
            element = GS1ElementString.parse(ai + value, config=_config())
        except (ParseError, ValueError) as exc:
            raise NotGs1(str(exc)) from exc
        if element.ai.ai != ai or found.setdefault(ai, value) != value:
            raise NotGs1(f"({ai}) is no application identifier, or stands twice with different values")
    return key_of_elements(found)


def elements(canonical_key: str) -> tuple[tuple[str, str], ...]:
    """Return the (application identifier, value) pairs a label of this key carries. Raises keys.BadKey for what is not GS1."""
    kind, value = keys.split(canonical_key)
    if not kind[0].isdigit():
        raise keys.BadKey(f"{kind}: is no GS1 key")
    return tuple(zip(kind.split("+"), value.split("|"), strict=True))


def printed(canonical_key: str) -> str:
    """What stands under the bars: "(01)80614141123458(21)6789". Raises keys.BadKey."""
    return "".join(f"({ai}){value}" for ai, value in elements(canonical_key))


def _elements(message: str) -> dict[str, str]:
    from biip import ParseError
    from biip.gs1_messages import GS1Message

    # biip takes any Unicode digit for one, strips blanks, and takes more than our limit without end.
    if not 0 < len(message) <= MAX_MESSAGE_CHARS or not _MESSAGE_CHARS.issuperset(message):
        raise NotGs1("empty, too long, or characters outside the GS1 set")
    message = message.strip(SEPARATOR)
    try:
        parsed = GS1Message.parse(message, config=_config())
    except (ParseError, ValueError) as exc:
        raise NotGs1(str(exc)) from exc
    found: dict[str, str] = {}
    rest = message
    for element in parsed.element_strings:
        ai, value = element.ai.ai, element.value
        rest = rest.removeprefix(ai + value)
        if rest and element.ai.separator_required and not rest.startswith(SEPARATOR):
            raise NotGs1(f"({ai}){value} runs on: it is longer than allowed, or its separator is missing")
        rest = rest.lstrip(SEPARATOR)
        if found.setdefault(ai, value) != value:
            raise NotGs1(f"({ai}) twice with different values")
    return found


def _config() -> "ParseConfig":
    from biip import ParseConfig

    # A wrong date is a sloppy label, but the thing it is on is still the thing.
    return ParseConfig(gs1_element_strings_verify_date=False)
