"""Patterns that people write for values of their own fields: what of regular expressions is allowed, so that none can take long.

Python's engine tries every way a value can be read. A pattern is refused here unless the number of ways is small for every value,
so matching needs no timeout."""

import re
from re import _constants as sre  # type: ignore[attr-defined,unused-ignore]
from re import _parser as parser  # type: ignore[attr-defined,unused-ignore]
from typing import Any, Final

from registry.problems import Invalid

MOST_CHARS: Final = 200  # of a value that is held against a pattern
MOST_WAYS: Final = 10_000_000
_PLAIN = (sre.LITERAL, sre.NOT_LITERAL, sre.IN, sre.ANY, sre.CATEGORY, sre.RANGE, sre.AT)
_REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT)


def checked(pattern: str) -> str:
    """Return the pattern. Raises Invalid if it is none, or if a hostile value could keep it busy."""
    try:
        re.compile(pattern)
        tree = parser.parse(pattern)
    except (re.error, OverflowError, RecursionError) as exc:
        raise Invalid(f"pattern: cannot be read ({str(exc)[:80]}); [A-Z]{{2}}-[0-9]+ would be one", field="pattern") from None
    if _ways(list(tree), repeated=False) > MOST_WAYS:
        raise Invalid("pattern: could take too long; three + or * are enough", field="pattern")
    return pattern


def fits(pattern: str, value: str) -> bool:
    """Does the whole value look like the pattern, which `checked` let pass?"""
    return len(value) <= MOST_CHARS and re.fullmatch(pattern, value) is not None


def _ways(items: list[Any], *, repeated: bool) -> int:
    """In how many ways these steps can read a value of MOST_CHARS. Raises Invalid for what is not allowed at all."""
    ways = 1
    for operation, argument in items:
        if operation in _PLAIN:
            continue
        if operation is sre.SUBPATTERN:
            ways *= _ways(list(argument[3]), repeated=repeated)
        elif operation is sre.BRANCH and not repeated:
            ways *= sum(_ways(list(branch), repeated=False) for branch in argument[1])
        elif operation in _REPEATS and not repeated:
            least, most, body = argument
            inner = _ways(list(body), repeated=most > 1)
            ways *= inner * (min(most, MOST_CHARS) - min(least, MOST_CHARS) + 1)
        elif operation in (sre.BRANCH, *_REPEATS):
            raise Invalid("pattern: a choice or a repetition cannot be repeated as a whole", field="pattern")
        else:
            raise Invalid("pattern: only letters, classes, groups, choices and repetitions", field="pattern")
        if ways > MOST_WAYS:
            return ways
    return ways
