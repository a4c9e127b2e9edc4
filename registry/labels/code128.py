"""Code 128 in the words of a label printer: which character set when, so that the symbol is as short as the measured one. Pure.

ZPL draws what it is told: `>;` starts in set C (two digits a character), `>:` in B, `>6` and `>5` change to B and C, `>8` is
FNC1, `>0` a greater-than sign.
"""

from functools import cache
from itertools import pairwise
from typing import Final

from registry.problems import Invalid

_START: Final = {"B": ">:", "C": ">;"}
_CHANGE: Final = {"B": ">6", "C": ">5"}
FRAME_MODULES: Final = 11 + 13  # check character and stop


def invocations(content: str, *, gs1: bool = False) -> str:
    """Return the field data of ^BC for ASCII `content`, shortest possible. Raises Invalid for a character Code 128 B has not."""
    sets = _sets(content, gs1=gs1)
    written, current, at = "", "", 0
    for name in sets:
        if name != current:
            written += _CHANGE[name] if current else _START[name]
            if not current and gs1:
                written += ">8"
            current = name
        step = 2 if name == "C" else 1
        written += content[at : at + step].replace(">", ">0")
        at += step
    return written


def modules(content: str, *, gs1: bool = False) -> int:
    """How wide the symbol is, without its white border."""
    sets = _sets(content, gs1=gs1)
    changes = sum(a != b for a, b in pairwise(sets))
    return 11 * (1 + gs1 + len(sets) + changes) + FRAME_MODULES


def _sets(content: str, *, gs1: bool) -> str:
    """The set of each symbol character: "CCCB"."""
    if not content or any(not " " <= char <= "~" for char in content):
        raise Invalid(f"symbol: Code 128 cannot say {content!r}: letters, digits and signs of ASCII only", field="symbol")

    @cache
    def shortest(at: int, current: str) -> str:
        """The sets of what is left from `at` on, with one more for each change ("-")."""
        if at == len(content):
            return ""
        ways = []
        for name, step in (("C", 2), ("B", 1)):
            if len(content) < at + step or (name == "C" and not content[at : at + 2].isdigit()):
                continue
            ways.append(("-" if current and name != current else "") + name + shortest(at + step, name))
        return min(ways, key=len)

    return shortest(0, "").replace("-", "")
