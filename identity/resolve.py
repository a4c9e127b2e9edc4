"""From what a reader, a camera or a person gives us to one identity. READ FIRST.

Nothing here raises and nothing is dropped: what is not understood becomes an opaque identity, `uii:` for the bytes of a tag,
`tag:` for text. The note says what a person may want to know about it.
"""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from identity import digital_link, epc, epc_plus, gs1, keys
from identity.keys import Level

MAX_RAW_BYTES: Final = 4096  # more than any tag or symbol Sightpost reads as an identity holds; beyond it nothing is parsed
MAX_KEY_CHARS: Final = 200  # a longer opaque key keeps its beginning and gets a digest of the whole
_TOGGLE: Final = 0x0100  # of the PC word: 1 says ISO, the low byte is an application family
_AIM: Final = re.compile(r"\][A-Za-z][0-9a-zA-Z]")
_RETAIL: Final = {"]E0": 13, "]E3": 13, "]E4": 8}  # EAN and UPC: digits before an add-on
_HEX: Final = re.compile(r"[0-9A-Fa-f]{20,128}")
_PRINTABLE: Final = frozenset(range(0x20, 0x7F))


@dataclass(frozen=True, slots=True)
class Identity:
    """What was read, as one canonical key, and what that key stands for."""

    key: str
    level: Level
    note: str | None = None


def resolve_epc(raw: bytes, pc: int | None = None, prefixes: frozenset[str] = frozenset()) -> Identity:
    """Return the identity of a Gen2 tag by its EPC bank and, where the reader gives it, its PC word.

    `prefixes` are the company prefixes the site owns or accepts. They decide one thing: text written into the EPC bank
    ("001435500801") is a valid EPC of some company too, and is taken for one only if that company is listed.
    """
    if pc is not None and pc & _TOGGLE:
        return _uii(raw, f"ISO tag, application family {pc & 0xFF:02X}")
    if len(raw) > MAX_RAW_BYTES:
        return _uii(raw, "longer than any EPC")
    try:
        if raw and raw[0] in epc_plus.HEADERS:
            return _known(epc_plus.decode(raw))
        found = epc.decode(raw)
    except epc.NotAnEpc as exc:
        text = text_in_epc(raw)
        return _uii(raw, f"{exc}; text {text!r}" if text else str(exc))
    text = text_in_epc(raw)
    if text and found.company_prefix not in prefixes:
        return _uii(raw, f"text {text!r}, or {found.urn} of a company that is not on the list")
    return _known(found.key)


def text_in_epc(raw: bytes) -> str | None:
    """The ASCII text that somebody may have written into the EPC bank, without its padding, else None."""
    text = raw.rstrip(b"\0 ")
    return text.decode("ascii") if len(text) >= 4 and _PRINTABLE.issuperset(text) else None


def resolve_barcode(payload: bytes, symbology: str | None = None) -> Identity:
    """Return the identity of a barcode. `symbology` is its AIM identifier ("]C1"), and decides what the payload may mean.

    Only the GS1 symbologies carry element strings; EAN and UPC name a kind of thing. Anything else is text, unless it says
    itself what it is: a Digital Link, an EPC URN, or element strings in parentheses.
    """
    if len(payload) > MAX_RAW_BYTES:
        return _tag(payload, "too long to be an identity")
    text = _decoded(payload)
    if symbology is None and _AIM.match(text):
        symbology, text = text[:3], text[3:]
        payload = payload[3:]
    if symbology in gs1.SYMBOLOGIES:
        try:
            return _known(gs1.key(text))
        except gs1.NotGs1 as exc:
            return _tag(payload, str(exc))
    if symbology in _RETAIL:
        if gtin := _gtin(text[: _RETAIL[symbology]]):
            return _known(f"01:{gtin}")
        return _tag(payload, "label check digit")
    return _explicit(text) or _tag(payload)


def resolve_text(text: str) -> Identity:
    """Return the identity of what a person types or a scanner sends as keys.

    Takes canonical keys, EPC in hex, EPC URNs, Digital Links, element strings in parentheses and text with an AIM identifier;
    all else is `tag:`.
    """
    payload = text.encode("utf-8", "surrogatepass")
    text = text.strip()
    if len(payload) > MAX_RAW_BYTES:
        return _tag(payload, "too long to be an identity")
    if _AIM.match(text):
        return resolve_barcode(text[3:].encode("utf-8", "surrogatepass"), text[:3])
    if typed := _typed_key(text):
        return typed
    if _HEX.fullmatch(text) and (found := _hex(text)):
        return found
    return _explicit(text) or _tag(payload)


def second_reading(text: str) -> Identity | None:
    """What plain text may mean besides `tag:`, to be tried when no asset has that tag and believed only if one has this key.

    A label without AIM identifier may hold element strings, an article number or an EPC in hex.
    """
    text = text.strip()
    if len(text) > gs1.MAX_MESSAGE_CHARS:
        return None
    try:
        return _known(gs1.key(text))
    except gs1.NotGs1:
        pass
    if gtin := _gtin(text):
        return _known(f"01:{gtin}")
    return _hex(text) if _HEX.fullmatch(text) else None


def _explicit(text: str) -> Identity | None:
    """The identity of text that says by its form what it is."""
    text = text.strip()
    try:
        if digital_link.is_address(text):
            return _known(digital_link.key(text))
        if text[:8].lower() == "urn:epc:":
            return _known(epc.from_urn("urn:epc:" + text[8:]).key)
        if text.startswith("("):
            return _known(gs1.key_of_printed(text))
    except (gs1.NotGs1, epc.NotAnEpc):
        pass
    return None


def _typed_key(text: str) -> Identity | None:
    kind, colon, value = text.partition(":")
    if not colon or kind not in keys.FORMS:
        return None
    if kind in ("uii", "tid") and "~" not in value:
        value = value.upper()
    if kind == "tag" or len(text) > MAX_KEY_CHARS:
        return _tag((value if kind == "tag" else text).encode("utf-8", "surrogatepass"))
    try:
        return _known(keys.join(kind, value))
    except keys.BadKey as exc:
        return _tag(text.encode("utf-8", "surrogatepass"), str(exc))


def _hex(text: str) -> Identity | None:
    """The identity of an EPC in hex, with or without padding; of bytes that are no EPC only in a tag's usual lengths."""
    raw = bytes.fromhex(text + "0" * (-len(text) % 4))
    found = resolve_epc(raw)
    return found if not found.key.startswith("uii:") or len(text) in (24, 32) else None


def _gtin(text: str) -> str | None:
    digits = text.strip()
    return digits.zfill(14) if len(digits) in (8, 12, 13, 14) and keys.check_digit_fits(digits) else None


def _known(key: str) -> Identity:
    return Identity(key, keys.level(key))


def _uii(raw: bytes, note: str | None = None) -> Identity:
    return _opaque("uii", raw.hex().upper(), raw, note)


def _tag(payload: bytes, note: str | None = None) -> Identity:
    """Plain text: blanks trimmed and folded to one, composed characters. Other control characters make it binary: `uii:`."""
    whole = len(payload) <= MAX_RAW_BYTES
    text = _decoded(payload) if whole else payload[:MAX_KEY_CHARS].decode("utf-8", "ignore")
    text = " ".join(unicodedata.normalize("NFC", text).split())
    if any(unicodedata.category(char) == "Cc" for char in text):
        return _uii(payload, note or "binary payload")
    return _opaque("tag", text, text.encode() if whole else payload, note)


def _opaque(kind: str, value: str, raw: bytes, note: str | None) -> Identity:
    if len(value) > MAX_KEY_CHARS - 4 or len(raw) > MAX_RAW_BYTES:
        value = f"{value[: MAX_KEY_CHARS - 80].rstrip()}~{hashlib.sha256(raw).hexdigest()}"
    return Identity(f"{kind}:{value}", Level.ASSET, note)


def _decoded(payload: bytes) -> str:
    """UTF-8 where it is, else ISO 8859-1, the symbologies' own default."""
    try:
        return payload.decode("utf-8")
    except UnicodeDecodeError:
        return payload.decode("latin-1")
