"""EPC tag data, TDS 2.x "+" and "++": the identifier as digit nibbles and text, without company prefix split and without URN.

Layout: header 8, toggle 1 (more data behind, not identity), filter 3, key, serial. "++" appends a host name, which is no
identity either. Read only: Sightpost writes the TDS 1.x codings. Source: GS1 EPC Tag Data Standard 2.3, chapter 14.
"""

from typing import Final

from identity import keys
from identity.epc import NotAnEpc

_GTIN, _DATED_GTIN, _SSCC, _GLN, _GRAI, _GIAI = "SGTIN+", "DSGTIN+", "SSCC+", "SGLN+", "GRAI+", "GIAI+"
_SCHEMES: Final = {
    0xF7: _GTIN, 0xFD: _GTIN, 0xFB: _DATED_GTIN, 0xFC: _DATED_GTIN, 0xF9: _SSCC, 0xEF: _SSCC,
    0xF2: _GLN, 0xE9: _GLN, 0xF1: _GRAI, 0xEB: _GRAI, 0xFA: _GIAI, 0xEE: _GIAI,
}  # fmt: skip
HEADERS: Final = frozenset(_SCHEMES)

_BITS_PER_DIGITS: Final = tuple((10**n - 1).bit_length() for n in range(32))  # ceil(n * log2 10)
_BASE64: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_CODE40: Final = " ABCDEFGHIJKLMNOPQRSTUVWXYZ-.:0123456789"  # code 0 only pads


def decode(epc: bytes) -> str:
    """Return the canonical key of the EPC bank's bytes. Raises NotAnEpc."""
    scheme = _SCHEMES.get(epc[0]) if epc else None
    if scheme is None:
        raise NotAnEpc("no + scheme's header")
    bits = _Bits(epc)
    bits.take(12)
    try:
        match scheme:
            case "SSCC+":
                return keys.join("00", bits.digits(18))
            case "SGLN+":
                gln, extension = bits.digits(13), bits.text()
                return keys.join("414", gln) if extension == "0" else keys.join("414+254", f"{gln}|{extension}")
            case "GRAI+":
                return keys.join("8003", bits.digits(14) + bits.text())
            case "GIAI+":
                return keys.join("8004", bits.digits_and_text())
            case "DSGTIN+":
                bits.take(20)  # kind of date and date
        return keys.join("01+21", f"{bits.digits(14)}|{bits.text()}")
    except keys.BadKey as exc:
        raise NotAnEpc(f"{scheme}: {exc}") from exc


class _Bits:
    """The bits of an EPC, taken from the front."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data)
        self._left = len(data) * 8

    def take(self, count: int) -> int:
        if count > self._left:
            raise NotAnEpc("truncated")
        self._left -= count
        return self._value >> self._left & (1 << count) - 1

    def digits(self, count: int) -> str:
        return "".join(self._digit(self.take(4)) for _ in range(count))

    def digits_and_text(self) -> str:
        """Digits up to a delimiter: F ends, E says that text follows."""
        text = ""
        while (nibble := self.take(4)) < 0xE:
            text += self._digit(nibble)
        return text + self.text() if nibble == 0xE else text

    def text(self) -> str:
        """Encoding 3 bits, length 5 bits, characters."""
        encoding, length = self.take(3), self.take(5)
        if not length:
            raise NotAnEpc("empty text")
        match encoding:
            case 0:
                text = f"{self.take(_BITS_PER_DIGITS[length]):0{length}d}"
                if len(text) > length:
                    raise NotAnEpc("number out of range")
                return text
            case 1:
                return "".join(f"{self.take(4):X}" for _ in range(length))
            case 2:
                return "".join(f"{self.take(4):x}" for _ in range(length))
            case 3:
                return "".join(_BASE64[self.take(6)] for _ in range(length))
            case 4:
                return "".join(chr(self.take(7)) for _ in range(length))
            case 5:
                return self._code40(length)
            case _:
                raise NotAnEpc(f"reserved text encoding {encoding}")

    def _code40(self, length: int) -> str:
        """Three characters per 16 bits: 1600 a + 40 b + c + 1."""
        text = ""
        for _ in range(-(-length // 3)):
            group = self.take(16) - 1
            if not 0 <= group < 64000:
                raise NotAnEpc("URN Code 40 out of range")
            text += _CODE40[group // 1600] + _CODE40[group // 40 % 40] + _CODE40[group % 40]
        return text[:length]

    @staticmethod
    def _digit(nibble: int) -> str:
        if nibble > 9:
            raise NotAnEpc(f"nibble {nibble:X} is no digit")
        return str(nibble)
