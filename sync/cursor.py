"""Which sequence numbers of one epoch are accounted for, as records or as gaps. Pure; both sides of the wire count with it."""

import bisect
from collections.abc import Iterable
from dataclasses import dataclass

Span = tuple[int, int]  # first and last, both included

MAX_SPANS = 1_000  # kept above `through`; what is forgotten is sent again and changes nothing


@dataclass(frozen=True, slots=True)
class Cursor:
    """Everything up to `through`, and `ranges` above it: ascending, apart from each other and from `through`."""

    through: int = 0
    ranges: tuple[Span, ...] = ()

    def with_spans(self, spans: Iterable[Span]) -> "Cursor":
        """Return the cursor that has these spans too. Raises ValueError for a span that is none."""
        through = self.through
        ranges = list(self.ranges)
        for first, last in spans:
            if not 1 <= first <= last:
                raise ValueError(f"{first}..{last} is no span of sequence numbers")
            if first <= through + 1 and not ranges:
                through = max(through, last)
            else:
                _merge(ranges, first, last)
        while ranges and ranges[0][0] <= through + 1:
            through = max(through, ranges.pop(0)[1])
        return Cursor(through, tuple(ranges[:MAX_SPANS]))

    def has(self, seq: int) -> bool:
        return seq <= self.through or any(first <= seq <= last for first, last in self.ranges)

    def covers(self, first: int, last: int) -> bool:
        """Whether all of first..last is accounted for."""
        return last <= self.through or any(begin <= max(first, self.through + 1) and last <= end for begin, end in self.ranges)

    def hole_after(self, seq: int) -> tuple[int, int | None]:
        """Return the first run of numbers above `seq` that are not accounted for: what it follows, and its last (None: open)."""
        after = max(seq, self.through)
        for first, last in self.ranges:
            if first > after + 1:
                return after, first - 1
            after = max(after, last)
        return after, None


def _merge(ranges: list[Span], first: int, last: int) -> None:
    """Add first..last to `ranges`, joining what it overlaps or touches."""
    begin = bisect.bisect_left(ranges, first - 1, key=lambda span: span[1])
    end = bisect.bisect_right(ranges, last + 1, key=lambda span: span[0])
    if begin < end:
        first, last = min(first, ranges[begin][0]), max(last, ranges[end - 1][1])
    ranges[begin:end] = [(first, last)]
