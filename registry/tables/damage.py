"""What spreadsheets do to codes, seen in the cell or in its column: 1.23E+11, lost zeros, digits beyond the fifteenth, codes that
have become days. A verdict is a reason for people; whoever knows better says so for the column.

Nothing here is asked of a cell that changes nothing: a code that stands like this in the registry is right as it is.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from registry.tables.table import DATE

_SCIENTIFIC: Final = re.compile(r"[+-]?\d(?:[.,]\d+)?[eE][+-]\d{2,3}", re.ASCII)
_ROUNDED: Final = re.compile(r"\d{15}0+", re.ASCII)
_FRACTION: Final = re.compile(r"\d{4,}[.,]0+", re.ASCII)
_MONTHS: Final = "Jan|Feb|Mar|Mrz|Mär|Apr|May|Mai|Jun|Jul|Aug|Sep|Sept|Oct|Okt|Nov|Dec|Dez"
# As a spreadsheet writes them; a code of somebody's own in capitals (MAR-07) is left in peace.
_MONTH_DAY: Final = re.compile(rf"\d{{1,2}}[-. ]{{1,2}}(?:{_MONTHS})\.?(?:[- ]\d{{2,4}})?|(?:{_MONTHS})\.?[- ]\d{{2,4}}")
_ERRORS: Final = frozenset(
    [
        "#N/A",
        "#NV",
        "#REF!",
        "#BEZUG!",
        "#NAME?",
        "#VALUE!",
        "#WERT!",
        "#DIV/0!",
        "#NUM!",
        "#ZAHL!",
        "#NULL!",
        "#SPILL!",
        "#CALC!",
    ]
)
_WIDEST: Final = 40  # digits of a code that are counted
_GS1_LENGTHS: Final = (8, 12, 13, 14, 17, 18)


@dataclass(slots=True)
class CodeFacts:
    """How long the codes of a column are that are digits alone: all of them, those with a zero in front, and those that are GS1
    numbers with a right check digit."""

    digits: Counter[int] = field(default_factory=Counter)
    zeros: Counter[int] = field(default_factory=Counter)
    checked: Counter[int] = field(default_factory=Counter)

    def see(self, text: str) -> None:
        text = text.strip()
        if text.isascii() and text.isdecimal() and len(text) <= _WIDEST:
            self.digits[len(text)] += 1
            if text[0] == "0" and len(text) > 1:
                self.zeros[len(text)] += 1
            if _check_digit_holds(text):
                self.checked[len(text)] += 1

    def width(self) -> int:
        """The one length that codes with zeros in front have; 0 where there is none."""
        if len(self.zeros) != 1:
            return 0
        width = next(iter(self.zeros))
        return width if max(self.digits) == width else 0

    def checked_width(self, text: str) -> int:
        """The length that `text` lacks zeros for, in a column of GS1 numbers: with them its check digit is right. 0: none.

        One number in ten has a right check digit by chance, so most others have to be such numbers."""
        proved = sum(self.checked.values())
        if proved < 2 or proved * 2 < sum(self.digits.values()) or len(text) in _GS1_LENGTHS or not check_digit_ok(text):
            return 0
        width = self.checked.most_common(1)[0][0]
        return width if 0 < width - len(text) <= 3 else 0


def code_damage(text: str, facts: CodeFacts, kind: str = "") -> str | None:
    """Why this cannot be the code that was meant, or None."""
    text = text.strip()
    if kind == DATE:
        return "a spreadsheet has made a day of it; format the column as text and enter the code again"
    if _SCIENTIFIC.fullmatch(text):
        return (
            "a spreadsheet has shortened the number, and its digits are lost; format the column as text and enter the code again"
        )
    if _MONTH_DAY.fullmatch(text):
        return "a spreadsheet has made a day of it; format the column as text and enter the code again"
    if _FRACTION.fullmatch(text):
        return "a number with decimals, no code; format the column as text"
    if not (text.isascii() and text.isdecimal()):
        return None
    if _ROUNDED.fullmatch(text) and not _check_digit_holds(text):
        return "spreadsheets keep 15 digits; those behind them have become zeros"
    width = facts.width() or facts.checked_width(text)
    if width and len(text) < width:
        return (
            f"zeros in front are missing: the other codes of the column have {width} digits, so {text.zfill(width)} may be meant"
        )
    return None


def error_value(text: str) -> str | None:
    """Why a cell is what a spreadsheet shows instead of a value, or None."""
    text = text.strip()
    if text in _ERRORS:
        return "a spreadsheet's error, no value"
    if len(text) > 2 and set(text) == {"#"}:
        return "the column was too narrow when the file was saved, and the value is lost"
    return None


def check_digit_ok(digits: str) -> bool:
    """GS1's modulo 10. Zeros in front do not change it."""
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits)))
    return total % 10 == 0


def _check_digit_holds(digits: str) -> bool:
    return len(digits) in _GS1_LENGTHS and check_digit_ok(digits)
