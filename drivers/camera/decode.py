"""Barcodes of one picture, and which of them to believe. No I/O, no clock.

zxing-cpp reads first: it alone knows DataMatrix and tells a GS1 symbol from a plain one. What it does not see upright it often
sees in a tilted or sharpened copy. Tilted copies are searched for linear codes only, because 2-D codes do not mind a tilt: 4 ms
for a copy of a 720p frame instead of 15. zbar gives a second opinion on EAN, where it is the stronger, and on nothing that GS1
data may stand in: it loses the FNC1.
"""

import enum
from collections.abc import Iterable
from typing import Final, NamedTuple

import cv2
import zxingcpp
from cv2.typing import MatLike

from identity.keys import check_digit_fits

try:
    from pyzbar import pyzbar
except ImportError:  # the Python package is there, libzbar0 of the system is not
    pyzbar = None

_F = zxingcpp.BarcodeFormat
LINEAR: Final = {
    "code128": _F.Code128,
    "ean13": _F.EAN13,
    "ean8": _F.EAN8,
    "upca": _F.UPCA,
    "upce": _F.UPCE,
    "itf14": _F.ITF,
    "code39": _F.Code39Std,  # not Code39: that reads one Code 39 label of six characters in ten as an Italian Code 32
    "code93": _F.Code93,
    "codabar": _F.Codabar,
    "databar": _F.DataBar,
}
SQUARE: Final = {"qr": _F.QRCode, "datamatrix": _F.DataMatrix, "pdf417": _F.PDF417, "aztec": _F.Aztec}
SYMBOLOGIES: Final = frozenset({*LINEAR, *SQUARE})
DOCK: Final = frozenset({"code128", "ean13", "ean8", "upca", "itf14", "code39", "qr", "datamatrix"})
"""What labels on goods and assets carry. UPC-E is not among them: on blurred EAN-13 it makes up most of the misreads."""

TILTS_DEG: Final = (15, -15, 30, -30, 45)  # a linear code is read within 8 degrees or so of upright and of every quarter turn
MIN_UNCHECKED_CHARS: Final = 4  # of a symbology without check character
_ZBAR_AIM: Final = {"EAN13": "]E0", "EAN8": "]E4", "I25": "]I1", "CODE39": "]A0"}
_ZBAR_NAMES: Final = {"EAN13": {"ean13", "upca"}, "EAN8": {"ean8"}, "I25": {"itf14"}, "CODE39": {"code39"}}


class Label(NamedTuple):
    """One barcode: its bytes and its AIM identifier, from which alone it follows whether they are GS1 data."""

    payload: bytes
    symbology: str


class Effort(enum.IntEnum):
    """How far to go. Each step is taken only when the one before found nothing, except that ALL takes every one."""

    QUICK = 0  # the picture as it is
    TILTED = 1  # and its tilted copies
    ALL = 2  # and a sharpened copy, and zbar


class Decoder:
    """The cascade for one set of symbologies. Thread-safe; the libraries let other threads run meanwhile."""

    def __init__(self, symbologies: Iterable[str] = DOCK) -> None:
        self._names = frozenset(symbologies)
        linear = tuple(LINEAR[name] for name in sorted(self._names & LINEAR.keys()))
        square = tuple(SQUARE[name] for name in sorted(self._names & SQUARE.keys()))
        self._linear = zxingcpp.BarcodeFormats(linear) if linear else None
        self._formats = zxingcpp.BarcodeFormats(linear + square)
        self._zbar = [name for name, ours in _ZBAR_NAMES.items() if ours & self._names]

    @property
    def second_opinion(self) -> bool:
        """False when zbar is not installed."""
        return pyzbar is not None

    def labels(self, grey: MatLike, effort: Effort = Effort.ALL) -> list[Label]:
        """Return the labels in a grey picture, each once, in the order found."""
        found = dict.fromkeys(self._zxing(grey, self._formats))
        if effort >= Effort.TILTED and self._linear is not None and (not found or effort is Effort.ALL):
            for tilt_deg in TILTS_DEG:
                found |= dict.fromkeys(self._zxing(tilted(grey, tilt_deg), self._linear))
                if found and effort is Effort.TILTED:
                    break
        if effort is Effort.ALL:
            found |= dict.fromkeys(self._zxing(_sharpened(grey), self._formats))
            found |= dict.fromkeys(self._second(grey))
        return list(found)

    def _zxing(self, grey: MatLike, formats: zxingcpp.BarcodeFormats) -> list[Label]:
        seen = zxingcpp.read_barcodes(grey, formats, try_invert=False, text_mode=zxingcpp.TextMode.Plain)
        labels = [Label(symbol.bytes, symbol.symbology_identifier) for symbol in seen]
        return [label for label in labels if _plausible(label)]

    def _second(self, grey: MatLike) -> list[Label]:
        if pyzbar is None or not self._zbar:
            return []
        seen = pyzbar.decode(grey, symbols=[pyzbar.ZBarSymbol[name] for name in self._zbar])
        labels = [Label(symbol.data, _ZBAR_AIM[symbol.type]) for symbol in seen if symbol.type in _ZBAR_AIM]
        return [label for label in labels if _plausible(label)]


def _plausible(label: Label) -> bool:
    payload, symbology = label
    if symbology[:2] == "]I":  # parts of an ITF label read as shorter ones: only 14 digits with their check digit count
        return len(payload) == 14 and check_digit_fits(payload.decode("latin-1"))
    if symbology[:2] in ("]A", "]F"):
        return len(payload) >= MIN_UNCHECKED_CHARS
    return bool(payload)


def tilted(grey: MatLike, tilt_deg: float) -> MatLike:
    """Return the picture turned counter-clockwise, on a canvas that holds all of it."""
    height, width = grey.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), tilt_deg, 1.0)
    cos, sin = abs(turn[0, 0]), abs(turn[0, 1])
    canvas = (round(width * cos + height * sin), round(width * sin + height * cos))
    turn[0, 2] += (canvas[0] - width) / 2
    turn[1, 2] += (canvas[1] - height) / 2
    return cv2.warpAffine(grey, turn, canvas, borderMode=cv2.BORDER_CONSTANT, borderValue=(128,))


def _sharpened(grey: MatLike) -> MatLike:
    return cv2.addWeighted(grey, 2.0, cv2.GaussianBlur(grey, (0, 0), 2.0), -1.0, 0)


class Confirmation:
    """Believes a label that several looks agree on. EAN and UPC need one look more: their misreads pass the check digit.

    At ten looks a second a label in view for half a second is told. It is told again once per `repeat_s` while it stays.
    """

    WITHIN_LOOKS = 12  # two decodes of one label farther apart than this do not confirm each other
    MAX_LABELS = 256

    def __init__(self, repeat_s: float = 1.0) -> None:
        self._repeat_s = repeat_s
        self._looks = 0
        self._seen: dict[Label, _Seen] = {}  # oldest look first; at most MAX_LABELS

    @property
    def remembered(self) -> int:
        return len(self._seen)

    def take(self, labels: Iterable[Label], at_s: float) -> list[Label]:
        """Return those labels of one look, at `at_s` on any steady clock, that are to be told now."""
        self._looks += 1
        told = []
        for label in labels:
            seen = self._seen.pop(label, None)
            if seen is None or self._looks - seen.last_look > self.WITHIN_LOOKS:
                seen = _Seen()
            seen.times += 1
            seen.last_look = self._looks
            self._seen[label] = seen
            needed = 3 if label.symbology[:2] == "]E" else 2
            if seen.times >= needed and (seen.told_at_s is None or at_s - seen.told_at_s >= self._repeat_s):
                seen.told_at_s = at_s
                told.append(label)
        while len(self._seen) > self.MAX_LABELS:
            del self._seen[next(iter(self._seen))]
        return told


class _Seen:
    __slots__ = ("last_look", "times", "told_at_s")

    def __init__(self) -> None:
        self.times = 0
        self.last_look = 0
        self.told_at_s: float | None = None
