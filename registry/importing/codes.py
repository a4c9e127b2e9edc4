"""Several codes in one cell, as `joined` writes them and as people do."""

import re
from typing import Final

_BETWEEN: Final = re.compile(r"(?<!;);(?!;)|[\r\n]+")
_EXPLICIT: Final = re.compile(r"[0-9A-Fa-f]{16,}|\S+:\S+|\(\d{2,4}\)\S+|https?://\S+")


def split_codes(text: str) -> list[str]:
    """The codes in a cell: `;` or a new line stands between them, and blanks where each part says by itself what it is (an EPC in
    hex, a key, an element string): `INV 42` is one code. A `;` inside a code stands twice."""
    found: list[str] = []
    for part in _BETWEEN.split(text):
        code = part.replace(";;", ";").strip()
        words = code.split()
        if len(words) > 1 and all(_EXPLICIT.fullmatch(word) for word in words):
            found += words
        elif code:
            found.append(code)
    return list(dict.fromkeys(found))


def split_words(text: str) -> list[str]:
    """Tags: `;` or a new line between them, or commas where there is neither."""
    parts = _BETWEEN.split(text)
    if len(parts) == 1 and ";" not in text:
        parts = text.split(",")
    return list(dict.fromkeys(" ".join(part.replace(";;", ";").split()) for part in parts if part.strip()))
