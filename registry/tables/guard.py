"""Formulas in CSV: a cell that a spreadsheet would run gets an apostrophe in front, and loses it again when it is read.

Both ways it is exact: of a text that begins with apostrophes and then such a character one more apostrophe is put on and taken
off, every other text stays what it is.
"""

import re
from typing import Final

# OWASP's list: = + - @, tab and line ends, and the wide forms that Japanese spreadsheets take for the same.
_DANGEROUS: Final = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")  # noqa: RUF001 - the wide forms are meant


def guarded(text: str) -> str:
    return f"'{text}" if _DANGEROUS.match(text) else text


def unguarded(text: str) -> str:
    return text[1:] if text[:1] == "'" and _DANGEROUS.match(text) else text
