"""EPC tag data, TDS 1.x: bits to fields and back, fields to canonical keys and back, `urn:epc:id` in and out.

Layout, most significant bit first: header 8, filter 3, partition 3, company prefix, reference, then the scheme's rest. The filter
is the packaging level and no part of the identity. Source: GS1 EPC Tag Data Standard 1.13, chapter 14 and annex E.
"""

import re
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import unquote

from identity import keys


class NotAnEpc(ValueError):
    """These bytes or this text are no EPC of a scheme we know; the text says why."""


class DoesNotFit(ValueError):
    """This identity cannot be written in that scheme; the text says why."""


class Scheme(NamedTuple):
    """One binary coding. `digits` counts company prefix and reference together: the shorter the one, the longer the other."""

    name: str
    header: int
    bits: int
    kind: str  # of the canonical key
    digits: int
    rest_bits: int  # behind the reference; 0: there is no reference, the serial takes all behind the prefix
    text_chars: int = 0  # the serial is text of at most so many 7-bit characters; 0: an integer


SGTIN_96: Final = Scheme("sgtin-96", 0x30, 96, "01+21", 13, 38)
SGTIN_198: Final = Scheme("sgtin-198", 0x36, 198, "01+21", 13, 140, 20)
SSCC_96: Final = Scheme("sscc-96", 0x31, 96, "00", 17, 24)
SGLN_96: Final = Scheme("sgln-96", 0x32, 96, "414", 12, 41)
SGLN_195: Final = Scheme("sgln-195", 0x39, 195, "414", 12, 140, 20)
GRAI_96: Final = Scheme("grai-96", 0x33, 96, "8003", 12, 38)
GRAI_170: Final = Scheme("grai-170", 0x37, 170, "8003", 12, 112, 16)
GIAI_96: Final = Scheme("giai-96", 0x34, 96, "8004", 25, 0)
GIAI_202: Final = Scheme("giai-202", 0x38, 202, "8004", 30, 0, 30)  # its 30 characters include the prefix
GID_96: Final = Scheme("gid-96", 0x35, 96, "gid", 0, 0)
SCHEMES: Final = (SGTIN_96, SGTIN_198, SSCC_96, SGLN_96, SGLN_195, GRAI_96, GRAI_170, GIAI_96, GIAI_202, GID_96)

PREFIX_BITS: Final = (40, 37, 34, 30, 27, 24, 20)  # by partition; the prefix has 12 - partition digits
_BY_HEADER: Final = {s.header: s for s in SCHEMES}
_OTHER_HEADERS: Final = {
    0x2C: "GDTI-96", 0x2D: "GSRN-96", 0x2E: "GSRNP-96", 0x2F: "USDOD-96", 0x3B: "ADI-var", 0x3C: "CPI-96",
    0x3D: "CPI-var", 0x3E: "GDTI-174", 0x3F: "SGCN-96", 0x40: "ITIP-110", 0x41: "ITIP-212",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Epc:
    """The fields of one EPC as they stand in its URN, unescaped. GID has its manager, class and serial in the three texts."""

    scheme: Scheme
    company_prefix: str
    reference: str  # SGTIN: indicator digit first; SSCC: extension digit first; GIAI: empty
    serial: str  # SGLN: the extension; SSCC: empty
    filter: int = 0

    @property
    def key(self) -> str:
        """The canonical key."""
        c, r, s = self.company_prefix, self.reference, self.serial
        match self.scheme.kind:
            case "01+21":
                digits = r[0] + c + r[1:]
                return f"01+21:{digits}{keys.check_digit(digits)}|{s}"
            case "00":
                digits = r[0] + c + r[1:]
                return f"00:{digits}{keys.check_digit(digits)}"
            case "8003":
                return f"8003:0{c}{r}{keys.check_digit(c + r)}{s}"
            case "414":
                gln = c + r + keys.check_digit(c + r)
                return f"414:{gln}" if s == "0" else f"414+254:{gln}|{s}"  # extension 0 says: no extension
            case "8004":
                return f"8004:{c}{s}"
            case _:
                return f"gid:{c}.{r}.{s}"

    @property
    def urn(self) -> str:
        """The pure identity: `urn:epc:id:giai:0614141.5678`."""
        name = self.scheme.name.partition("-")[0]
        fields = [self.company_prefix, self.reference, _escape(self.serial)]
        if name == "sscc":
            fields.pop()
        elif name == "giai":
            del fields[1]
        return f"urn:epc:id:{name}:{'.'.join(fields)}"


def decode(epc: bytes) -> Epc:
    """Return the fields of the EPC bank's bytes. Zero bits behind the scheme's end are padding. Raises NotAnEpc."""
    if not epc:
        raise NotAnEpc("empty EPC")
    scheme = _BY_HEADER.get(epc[0])
    if scheme is None:
        raise NotAnEpc(_strange_header(epc))
    spare = len(epc) * 8 - scheme.bits
    if spare < 0:
        raise NotAnEpc(f"{scheme.name} needs {scheme.bits} bits, here are {len(epc) * 8}")
    value = int.from_bytes(epc)
    if value & ((1 << spare) - 1):
        raise NotAnEpc(f"bits set behind the {scheme.bits} of {scheme.name}")
    value >>= spare
    if scheme is GID_96:
        return Epc(scheme, str(value >> 60 & 0xFFFFFFF), str(value >> 36 & 0xFFFFFF), str(value & 0xFFFFFFFFF))
    filter_value = value >> (scheme.bits - 11) & 7
    partition = value >> (scheme.bits - 14) & 7
    if partition == 7:
        raise NotAnEpc("invalid partition 7")
    prefix_digits = 12 - partition
    below_prefix = scheme.bits - 14 - PREFIX_BITS[partition]
    prefix = _digits(value >> below_prefix & (1 << PREFIX_BITS[partition]) - 1, prefix_digits, "company prefix")
    value &= (1 << below_prefix) - 1
    if not scheme.rest_bits:
        if scheme.text_chars:
            return Epc(scheme, prefix, "", _text(value, below_prefix, scheme.text_chars - prefix_digits), filter_value)
        if value >= 10 ** (scheme.digits - prefix_digits):
            raise NotAnEpc("asset reference out of range")
        return Epc(scheme, prefix, "", str(value), filter_value)
    reference = _digits(value >> scheme.rest_bits, scheme.digits - prefix_digits, "reference")
    value &= (1 << scheme.rest_bits) - 1
    if scheme is SSCC_96:
        if value:
            raise NotAnEpc("reserved bits of sscc-96 are not zero")
        return Epc(scheme, prefix, reference, "", filter_value)
    serial = _text(value, scheme.rest_bits, scheme.text_chars) if scheme.text_chars else str(value)
    return Epc(scheme, prefix, reference, serial, filter_value)


def encode(epc: Epc) -> bytes:
    """Return the EPC bank's bytes, padded with zero bits to whole 16-bit words. Raises DoesNotFit."""
    scheme = epc.scheme
    if scheme is GID_96:
        manager, cls = _plain_integer(epc.company_prefix, 1 << 28), _plain_integer(epc.reference, 1 << 24)
        return (scheme.header << 88 | manager << 60 | cls << 36 | _plain_integer(epc.serial, 1 << 36)).to_bytes(12)
    partition = 12 - len(epc.company_prefix)
    if not 0 <= partition <= 6:
        raise DoesNotFit(f"a company prefix has 6 to 12 digits, not {len(epc.company_prefix)}")
    if not 0 <= epc.filter <= 7:
        raise DoesNotFit(f"filter {epc.filter} is not 0 to 7")
    head = scheme.header << 6 | epc.filter << 3 | partition
    head = head << PREFIX_BITS[partition] | _integer(epc.company_prefix, 10 ** len(epc.company_prefix))
    below_prefix = scheme.bits - 14 - PREFIX_BITS[partition]
    reference_digits = scheme.digits - len(epc.company_prefix) if scheme.rest_bits else 0
    if len(epc.reference) != reference_digits:
        raise DoesNotFit(f"{scheme.name} wants {reference_digits} digits behind this prefix, not {len(epc.reference)}")
    rest_bits = scheme.rest_bits if scheme.rest_bits else below_prefix
    reference = _integer(epc.reference, 10**reference_digits) if reference_digits else 0
    if scheme is SSCC_96:
        rest = 0
        if epc.serial:
            raise DoesNotFit("an SSCC has no serial")
    elif scheme.text_chars:
        most = scheme.text_chars if scheme.rest_bits else scheme.text_chars - len(epc.company_prefix)
        rest = _text_bits(epc.serial, rest_bits, most)
    else:
        rest = _plain_integer(epc.serial, 1 << rest_bits)
    value = (head << below_prefix) | (reference << rest_bits) | rest
    spare = -scheme.bits % 16
    return (value << spare).to_bytes((scheme.bits + spare) // 8)


def from_key(key: str, prefix_digits: int = 0, filter_value: int = 0) -> Epc:
    """Return the EPC of a canonical key whose company prefix has `prefix_digits` digits (not needed for GID).

    Takes the 96-bit coding where the serial fits it, else the long one. Raises keys.BadKey or DoesNotFit.
    """
    kind, value = keys.split(key)
    number, _, serial = value.partition("|")
    end = prefix_digits
    match kind:
        case "gid":
            manager, cls, serial = value.split(".")
            return _fitting((GID_96,), manager, cls, serial, 0)
        case "8004":
            return _fitting((GIAI_96, GIAI_202), value[:end], "", value[end:], filter_value)
        case "8003" if len(value) > 14:
            return _fitting((GRAI_96, GRAI_170), value[1 : end + 1], value[end + 1 : 13], value[14:], filter_value)
        case "01+21":
            return _fitting((SGTIN_96, SGTIN_198), value[1 : end + 1], value[0] + number[end + 1 : 13], serial, filter_value)
        case "00":
            return _fitting((SSCC_96,), value[1 : end + 1], value[0] + value[end + 1 : 17], "", filter_value)
        case "414" | "414+254":
            return _fitting((SGLN_96, SGLN_195), value[:end], number[end:12], serial or "0", filter_value)
        case _:
            raise DoesNotFit(f"{kind}: has no EPC without a serial" if kind in ("01", "8003") else f"{kind}: is no GS1 key")


_URN = re.compile(r"urn:epc:(?:id:(?P<name>[a-z]+)|tag:(?P<tag>[a-z]+-[0-9]+)):(?P<fields>[\x21-\x7e]{1,120})")


def from_urn(urn: str) -> Epc:
    """Return the EPC of `urn:epc:id:...` or `urn:epc:tag:...`. Raises NotAnEpc."""
    found = _URN.fullmatch(urn)
    if found is None:
        raise NotAnEpc("not a urn:epc:id or urn:epc:tag")
    fields = found["fields"]
    name, filter_value = found["name"], 0
    if found["tag"]:
        name = found["tag"].partition("-")[0]
        if name != "gid":
            digit, _, fields = fields.partition(".")
            if digit not in tuple("01234567"):
                raise NotAnEpc(f"filter {digit[:20]!r} is not 0 to 7")
            filter_value = int(digit)
    schemes = tuple(s for s in SCHEMES if (s.name == found["tag"] if found["tag"] else s.name.startswith(f"{name}-")))
    if not schemes:
        raise NotAnEpc(f"unknown EPC scheme {found['tag'] or name!r}")
    wanted = 2 if name in ("sscc", "giai") else 3
    parts = fields.split(".", wanted - 1)  # a serial may hold dots
    if len(parts) != wanted:
        raise NotAnEpc(f"{name} has {wanted} fields, here are {len(parts)}")
    if name == "sscc":
        parts.append("")
    elif name == "giai":
        parts.insert(1, "")
    serial = unquote(parts[2])
    if _escape(serial) != parts[2]:
        raise NotAnEpc(f"badly escaped serial {parts[2]!r}")
    try:
        return _fitting(schemes, parts[0], parts[1], serial, filter_value)
    except DoesNotFit as exc:
        raise NotAnEpc(str(exc)) from exc


def _fitting(schemes: tuple[Scheme, ...], prefix: str, reference: str, serial: str, filter_value: int) -> Epc:
    why = DoesNotFit("no scheme")
    for scheme in schemes:
        epc = Epc(scheme, prefix, reference, serial, filter_value)
        try:
            encode(epc)
        except DoesNotFit as exc:
            why = exc
        else:
            return epc
    raise why


def _strange_header(epc: bytes) -> str:
    if not any(epc):
        return "unprogrammed tag"
    if epc[0] == 0xE2:
        return "starts like a TID: factory EPC"
    if other := _OTHER_HEADERS.get(epc[0]):
        return f"{other}: not an asset's scheme"
    return f"unknown EPC header {epc[0]:02X}"


def _digits(value: int, count: int, what: str) -> str:
    if value >= 10**count:
        raise NotAnEpc(f"{what} {value} has more than {count} digits")
    return f"{value:0{count}d}" if count else ""


def _text(value: int, bits: int, most: int) -> str:
    codes = [value >> shift & 0x7F for shift in range(bits - 7, -1, -7)]
    if value & (1 << bits % 7) - 1:
        raise NotAnEpc("bits set behind the serial")
    end = codes.index(0) if 0 in codes else len(codes)
    text = "".join(map(chr, codes[:end]))
    if not text or end > most or any(codes[end:]):
        raise NotAnEpc("serial is empty, too long, or goes on behind its end")
    if not keys.GS1_CHARACTERS.issuperset(text):
        raise NotAnEpc("serial holds characters outside the GS1 set")
    return text


def _text_bits(text: str, bits: int, most: int) -> int:
    if not 0 < len(text) <= most or not keys.GS1_CHARACTERS.issuperset(text):
        raise DoesNotFit(f"serial {text!r} needs 1 to {most} characters of the GS1 set")
    value = 0
    for char in text:
        value = value << 7 | ord(char)
    return value << (bits - 7 * len(text))


def _integer(text: str, limit: int) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) >= limit:
        raise DoesNotFit(f"{text!r} is not a number below {limit}")
    return int(text)


def _plain_integer(text: str, limit: int) -> int:
    if text != "0" and text.startswith("0"):
        raise DoesNotFit(f"{text!r} starts with a zero, which a binary number does not keep")
    return _integer(text, limit)


_ESCAPES: Final = {ord(c): f"%{ord(c):02X}" for c in '"%&/<>?#'}


def _escape(serial: str) -> str:
    return serial.translate(_ESCAPES)
