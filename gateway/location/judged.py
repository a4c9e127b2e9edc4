"""The last sessions of a door with their evidence and what was made of them, for people who place antennas.

Written when a session is judged, never with a read. Sessions that were judged alike at about one time share an entry, so a pallet
of two hundred tags does not push everything else out; of each entry a few sessions are kept and the others counted.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.location.passage import Sample, Verdict

ENTRIES = 50  # of passages
HELD_BACK = 20  # of sessions that were none, for each reason: those of residents do not push the others out
KEPT = 4  # sessions of one entry: the two clearest and the two least clear
ALIKE_NS = 3_000_000_000  # judged no further apart than this ...
ENTRY_NS = 10_000_000_000  # ... and in all within so long
MINUTE_NS = 60_000_000_000
HOUR_MINUTES = 60
DRAWN = 32  # grains of time of a kept session; in each the samples of one side become one


@dataclass(slots=True)
class Judged:
    """One session. `way` is what was told: +1 in, -1 out, 0 unknown, None nothing (then `reason` says why, as in `Counters`)."""

    identity: str
    raw: str
    samples: Sequence[Sample]
    verdict: Verdict
    decided_ns: int
    company: int = 1  # sessions that were looked at together, this one among them
    carrier: int = 0  # the way its carrier went; 0: of no carrier that shows a way
    way: int | None = None
    confidence: float = 0.0
    reason: str | None = None
    louder: str | None = None  # the other door that heard more

    @property
    def taken_over(self) -> bool:
        """True when the tag was told by its carrier's word, because its own reads did not say it."""
        return self.way is not None and self.way != 0 and self.way != self.verdict.way


@dataclass(slots=True)
class Entry:
    """Sessions that were judged alike at about one time. `number` rises by one with each entry of the door."""

    number: int
    way: int | None
    reason: str | None
    first_ns: int
    last_ns: int
    count: int = 0
    kept: list[Judged] = field(default_factory=list)  # the clearest first

    def takes(self, judged: Judged) -> bool:
        now_ns = judged.decided_ns
        alike = (judged.way, judged.reason) == (self.way, self.reason)
        return alike and now_ns - self.last_ns <= ALIKE_NS and now_ns - self.first_ns <= ENTRY_NS

    def add(self, judged: Judged) -> None:
        self.count += 1
        self.last_ns = judged.decided_ns
        if (
            len(self.kept) < KEPT
            or _clearness(self.kept[1]) < _clearness(judged)
            or _clearness(judged) < _clearness(self.kept[2])
        ):
            judged.samples = drawn(judged.samples)
            self.kept.append(judged)
            self.kept.sort(key=_clearness, reverse=True)
            if len(self.kept) > KEPT:
                del self.kept[KEPT // 2]


class Lately:
    """What has been judged at one door; bounded by ENTRIES, HELD_BACK, KEPT and DRAWN."""

    __slots__ = ("_minutes", "_number", "held_back", "passages")

    def __init__(self) -> None:
        self.passages: deque[Entry] = deque(maxlen=ENTRIES)  # oldest first
        self.held_back: dict[str, deque[Entry]] = {}  # by reason
        self._number = 0
        self._minutes: deque[tuple[int, Counter[int]]] = deque(maxlen=HOUR_MINUTES)

    def add(self, judged: Judged) -> None:
        if judged.way is not None:
            entries = self.passages
        else:
            entries = self.held_back.setdefault(judged.reason or "", deque(maxlen=HELD_BACK))
        newest = entries[-1] if entries else None
        if newest is None or not newest.takes(judged):
            self._number += 1
            newest = Entry(self._number, judged.way, judged.reason, judged.decided_ns, judged.decided_ns)
            entries.append(newest)
        newest.add(judged)
        if judged.way is not None:
            minute = judged.decided_ns // MINUTE_NS
            if not self._minutes or self._minutes[-1][0] != minute:
                self._minutes.append((minute, Counter()))
            self._minutes[-1][1][judged.way] += 1

    def passages_by_way(self, now_ns: int) -> dict[int, int]:
        """Return how many tags were told in the last hour, by way: +1 in, -1 out, 0 unknown."""
        since = now_ns // MINUTE_NS - HOUR_MINUTES
        return dict(sum((ways for minute, ways in self._minutes if minute > since), Counter[int]()))


def drawn(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """Return a session's samples, merged to at most one of each side in each 32nd of its time."""
    if len(samples) <= DRAWN:
        return tuple(samples)
    start_ns = samples[0].at_ns
    return tuple(thinned(samples, (samples[-1].at_ns - start_ns) // DRAWN + 1, start_ns))


def thinned(samples: Sequence[Sample], grain_ns: int, start_ns: int = 0) -> list[Sample]:
    """Merge the samples of one side that lie in the same grain of time, counted from `start_ns`."""
    grains: dict[tuple[int, int], Sample] = {}
    for sample in samples:
        known = grains.get(grain := ((sample.at_ns - start_ns) // grain_ns, sample.side))
        if known is not None:
            reads = known.reads + sample.reads
            at_ns = (known.at_ns * known.reads + sample.at_ns * sample.reads) // reads
            sample = Sample(at_ns, sample.side, reads, known.power_mw + sample.power_mw)
        grains[grain] = sample
    return sorted(grains.values())


def _clearness(judged: Judged) -> float:
    return abs(judged.verdict.errors)
