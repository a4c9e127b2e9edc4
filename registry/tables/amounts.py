"""Numbers as people write them: 1,234.56 and 1.234,56 alike. What the point of 1.234 is has to be decided
by something else."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

Sign = Literal[".", ","]

_BLANKS: Final = str.maketrans(dict.fromkeys(" \u00a0\u2007\u2009\u202f'’", ""))  # noqa: RUF001 - what stands between thousands
_GROUPED: Final = re.compile(r"\d{1,3}(?:[ \u00a0\u2007\u2009\u202f'’]\d{3})+(?![\d ])")  # noqa: RUF001 - the same
_NUMBER: Final = re.compile(r"[+\-−]?\d+(?:[.,]\d+)*|[+\-−]?[.,]\d+", re.ASCII)  # noqa: RUF001 - a typeset minus
_EXPONENT: Final = re.compile(r"[+-]?\d+(?:[.,]\d+)?[eE][+-]?\d{1,3}", re.ASCII)


class NotANumber(ValueError):
    """The text is no number, or more than one. The message is the reason for people."""


@dataclass(slots=True)
class AmountFacts:
    """What a whole column shows: the first row whose decimals can only be behind a point, and behind a comma; 0: none."""

    point: int = 0
    comma: int = 0

    def see(self, text: str, row: int) -> None:
        sign = _decides(_bare(text))
        if sign == ".":
            self.point = self.point or row
        elif sign == ",":
            self.comma = self.comma or row


def read_amount(text: str, facts: AmountFacts, sign: Sign | None = None, *, typed: bool = False) -> Decimal:
    """The number; `sign` is what a person said stands before decimals, `typed`: the file itself says that it is a number.

    Raises NotANumber."""
    if _EXPONENT.fullmatch(text.strip()):
        raise NotANumber("a spreadsheet has shortened it; give the column a number format and save again")
    bare = _bare(text)
    if not _NUMBER.fullmatch(bare):
        raise NotANumber("is no number; write only digits, the currency has its own column")
    if typed:
        return Decimal(bare)
    own = _decides(bare)
    if "." not in bare and "," not in bare:
        return Decimal(bare)
    if own is None:
        own = sign or _of_column(facts)
    elif sign is not None and own != sign:
        raise NotANumber(f"has its decimals behind {_word(own)}, the file is said to use {_word(sign)}")
    if own is None:
        point, comma = _value(bare, "."), _value(bare, ",")
        raise NotANumber(f"may be {point} or {comma}, and nothing in the column decides it; say what stands before decimals")
    return _value(bare, own)


def _of_column(facts: AmountFacts) -> Sign | None:
    if facts.point and facts.comma:
        raise NotANumber(f"the column has decimals behind a point (row {facts.point}) and behind a comma (row {facts.comma})")
    return "." if facts.point else "," if facts.comma else None


def _bare(text: str) -> str:
    text = text.strip()
    if _GROUPED.search(text):
        text = text.translate(_BLANKS)
    return text.replace("−", "-")  # noqa: RUF001 - a typeset minus


def _decides(bare: str) -> Sign | None:
    """What stands before the decimals, if this number alone shows it."""
    if not _NUMBER.fullmatch(bare):
        return None
    points, commas = bare.count("."), bare.count(",")
    if points and commas:
        return "." if bare.rindex(".") > bare.rindex(",") else ","
    if points > 1:
        return ","
    if commas > 1:
        return "."
    if not points and not commas:
        return None
    sign: Sign = "." if points else ","
    whole, _, rest = bare.lstrip("+-").partition(sign)
    could_be_thousands = len(rest) == 3 and 1 <= len(whole) <= 3 and whole[0] != "0"
    return None if could_be_thousands else sign


def _value(bare: str, sign: Sign) -> Decimal:
    other = "," if sign == "." else "."
    whole, _, rest = bare.rpartition(sign) if sign in bare else (bare, "", "")
    digits = whole.lstrip("+-")
    if other in rest or sign in whole or (other in digits and not re.fullmatch(rf"\d{{1,3}}(?:\{other}\d{{3}})+", digits)):
        raise NotANumber("is no number: points and commas do not stand where thousands are")
    return Decimal(f"{whole.replace(other, '')}.{rest}" if rest else whole.replace(other, ""))


def _word(sign: Sign) -> str:
    return "a point" if sign == "." else "a comma"
