"""The first row of a table: what is wrong with it, and which field each header seems to mean."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Final, NamedTuple

from registry.tables.table import shown

_SIMILAR: Final = 0.84
_NUMBERED: Final = re.compile(r"\d+$")
_MAX_HEADER_CHARS: Final = 120


class HeaderProblem(NamedTuple):
    """`column` counts from 0."""

    column: int
    header: str
    reason: str


def bare(header: str) -> str:
    """The header without what people write in many ways: case, blanks, dots, accents. `Serial No.` is `serialno`."""
    text = unicodedata.normalize("NFKD", header).casefold().replace("№", "no").replace("#", "no")
    return "".join(c for c in text if c.isalnum())


def problems(header: Sequence[str]) -> list[HeaderProblem]:
    """Empty and repeated headers. Such a column can be left out or given a field by hand."""
    found = []
    first: dict[str, int] = {}
    for column, title in enumerate(header):
        name = bare(title) or title.strip()
        if not name:
            found.append(HeaderProblem(column, "", "this column has no name"))
        elif name in first:
            reason = f"stands twice: column {first[name] + 1} has the same name"
            found.append(HeaderProblem(column, shown(title), reason))
        else:
            first[name] = column
        if len(title) > _MAX_HEADER_CHARS:
            found.append(HeaderProblem(column, shown(title), f"longer than {_MAX_HEADER_CHARS} characters; is this the header?"))
    return found


def guess(header: Sequence[str], fields: Mapping[str, Sequence[str]], several: frozenset[str] = frozenset()) -> dict[int, str]:
    """Which field each column means: by name, by one of its other names, else by likeness. `fields`: name to other names.

    A field is given once, the likeliest column gets it; those in `several` may come from many columns (`barcode 1`, `barcode 2`).
    Columns with a problem get none.
    """
    wrong = {problem.column for problem in problems(header)}
    known = {bare(word): field for field, words in fields.items() for word in (field, *words)}
    scored: list[tuple[float, int, str]] = []
    for column, title in enumerate(header):
        if column in wrong:
            continue
        name = bare(title)
        stem = _NUMBERED.sub("", name)
        if (exact := known.get(name)) is not None:
            scored.append((2.0, column, exact))
        elif (field := known.get(stem)) is not None and field in several:
            scored.append((1.5, column, field))
        elif len(name) >= 4:
            score, field = max(((_likeness(name, word), field) for word, field in known.items()), default=(0.0, ""))
            if score >= _SIMILAR:
                scored.append((score, column, field))
    found: dict[int, str] = {}
    for _, column, field in sorted(scored, key=lambda one: (-one[0], one[1])):
        if field in several or field not in found.values():
            found[column] = field
    return dict(sorted(found.items()))


def _likeness(one: str, other: str) -> float:
    if abs(len(one) - len(other)) > 4:
        return 0.0
    return SequenceMatcher(None, one, other).ratio()
