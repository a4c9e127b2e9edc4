"""Numbers that were sent and did not get through: found out in ever smaller batches, until one record alone is to blame. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from sync.cursor import Cursor, Span

HOPELESS_AFTER = 8  # times that a record was sent alone and the registry heard what we said later, but not this
LONGEST_REST_S = 60.0


@dataclass(slots=True)
class _Suspect:
    first: int
    last: int
    failures: int = 0
    rests_until_s: float = 0.0


class Suspects:
    """They outlive a connection, which may be what the culprit costs. Bounded by what can be under way, record by record."""

    def __init__(self, rest_s: float) -> None:
        """`rest_s`: how long a record that failed alone is left alone at first; it doubles."""
        self._rest_s = rest_s
        self._all: list[_Suspect] = []  # ascending, apart from each other

    def failed(self, first: int, last: int, now_s: float, *, proven: bool) -> None:
        """The batch first..last has not arrived. `proven`: what was said later has, so nobody else is to blame."""
        old = next((one for one in self._all if one.first == one.last == first == last), None)
        self._all = [one for one in self._all if one.last < first or one.first > last]
        if first < last:
            middle = (first + last) // 2
            self._all += [_Suspect(first, middle), _Suspect(middle + 1, last)]
        else:
            one = old or _Suspect(first, last)
            if proven:
                one.failures += 1
                one.rests_until_s = now_s + min(LONGEST_REST_S, self._rest_s * 2 ** min(one.failures, 16))
            self._all.append(one)
        self._all.sort(key=lambda one: one.first)

    def clear(self, known: Cursor) -> None:
        """What has arrived after all is no suspect."""
        self._all = [one for one in self._all if not known.covers(one.first, one.last)]

    def forget(self, seq: int) -> None:
        self._all = [one for one in self._all if not one.first <= seq <= one.last]

    def hopeless(self) -> int | None:
        """Return a record that never gets through."""
        return next((one.first for one in self._all if one.failures >= HOPELESS_AFTER), None)

    def end_of_batch(self, first: int) -> int | None:
        """Return how far a batch that begins at `first` may go at most (None: any): a suspect goes alone, in its present size."""
        for one in self._all:
            if one.first <= first <= one.last:
                return one.last
            if one.first > first:
                return one.first - 1
        return None

    def resting(self, now_s: float) -> Iterator[Span]:
        """What is not to be sent now."""
        return ((one.first, one.last) for one in self._all if one.rests_until_s > now_s)

    def next_end_of_rest_s(self, now_s: float) -> float | None:
        return min((one.rests_until_s for one in self._all if one.rests_until_s > now_s), default=None)
