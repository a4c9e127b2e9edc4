"""What goes through a door together decides together: the tags of one carrier share its way, and those that were heard well speak
for those that were not.

Pure: the shapes of the sessions of one door that overlap in time come in, carriers come out. Mostly there is one carrier or none;
there are two when many sessions say firmly that they went in and many firmly that they went out, as when two forklifts meet.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from gateway.location.passage import INSIDE, Sample, Verdict

FIRM_ERRORS = 1.5  # standard errors with which one session speaks for itself
MEAN_ERRORS = 1.0  # the same for many together, on average; fewer need more
FEW_ERRORS = 0.6  # ... so much more, divided by the root of their number
MIXED_SHARE = 0.08  # of those with two sides; fewer that say firmly the contrary are mistaken, or go alone
MIXED_SQUARE = 2.0  # the mean square of the errors where there are two carriers; with none it is about 1
MANY = 8  # sessions that show their way together, by the sides that heard them first and last
MANY_ERRORS = 0.3  # on average, of so many
END_SHARE = 0.15  # of all their samples: the beginning and the end
END_GRAIN_NS = 100_000_000
CROSSED = 0.6  # between the balances of the two sides then, each from -1 to 1
FEW = 3  # sessions with two sides: fewer have to be as sure as one alone
GRAIN_NS = 500_000_000  # in which the course of a carrier is told apart from another's
CLEARLY = 2.0  # how much likelier (natural logarithm) the reads of a session have to be with one than with the other
SELDOM = 1e-3  # how likely a read is where nobody else was heard
SECOND_NS = 1_000_000_000
LEFT_SHARE = 0.5  # of the amplitude at its peak: 6 dB less power
TAKEN_OVER = 0.7  # of a carrier's confidence, for who takes it over


@dataclass(frozen=True, slots=True)
class Shape:
    """One session as the others see it."""

    samples: Sequence[Sample]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Carrier:
    """`way` is +1 in, -1 out. `heard` says how likely a read of each side is in each grain of time."""

    way: int
    confidence: float
    at_ns: int  # when its middle went through
    heard: dict[tuple[int, int], float]


def carriers(shapes: Sequence[Shape]) -> list[Carrier]:
    """Return the carriers that these sessions are of: none (they prove nothing), one, or one each way."""
    two_sided = [shape for shape in shapes if shape.verdict.errors]
    if not two_sided:
        return []
    firm = {way: [shape for shape in two_sided if shape.verdict.errors * way >= FIRM_ERRORS] for way in (1, -1)}
    fewest = min(len(firm[1]), len(firm[-1]))
    square = sum(shape.verdict.errors**2 for shape in two_sided) / len(two_sided)
    if fewest >= 2 and fewest >= MIXED_SHARE * len(two_sided) and square >= MIXED_SQUARE and 2 * len(two_sided) >= len(shapes):
        return [_carrier(way, firm[way]) for way in (1, -1)]
    mean = sum(shape.verdict.errors for shape in two_sided) / len(two_sided)
    way = 1 if mean > 0 else -1
    if len(two_sided) >= MANY:
        # Where two of unequal size meet, the few of the smaller one spoil the ends of the larger.
        unequal = fewest >= 2 and square >= MIXED_SQUARE and len(firm[way]) >= MANY
        if not (abs(mean) >= MANY_ERRORS and _crossed(two_sided) == way) and not (unequal and _crossed(firm[way]) == way):
            return []
    elif abs(mean) < MEAN_ERRORS + FEW_ERRORS / math.sqrt(len(two_sided)):
        return []
    if len(two_sided) < FEW and not any(shape.verdict.way == way for shape in two_sided):
        return []
    return [_carrier(way, firm[way] or two_sided)]


def _crossed(shapes: Sequence[Shape]) -> int:
    """Return the way on which many went from one side to the other, by who heard more of them all at first and at last; 0 when
    one side did both, as of a carrier that turns back.

    One tag alone is heard too seldom for that: at the edge of the field a single read is chance."""
    heard: dict[int, list[float]] = {}  # by grain: the balance of the sides, their sum, how many samples
    for shape in shapes:
        for sample in shape.samples:
            amplitude = math.sqrt(sample.power_mw * sample.reads)
            grain = heard.setdefault(sample.at_ns // END_GRAIN_NS, [0.0, 0.0, 0.0])
            grain[0] += amplitude if sample.side == INSIDE else -amplitude
            grain[1] += amplitude
            grain[2] += 1
    grains = sorted(heard)
    ends = END_SHARE * sum(grain[2] for grain in heard.values())
    first, last = _balance(heard, grains, ends), _balance(heard, reversed(grains), ends)
    if first * last >= 0 or abs(last - first) < CROSSED:
        return 0
    return 1 if last > 0 else -1


def _balance(heard: dict[int, list[float]], grains: Iterable[int], samples: float) -> float:
    """Return from -1 (only outside) to 1 (only inside) what the first so many samples say."""
    balance = total = 0.0
    for grain in grains:
        balance += heard[grain][0]
        total += heard[grain][1]
        samples -= heard[grain][2]
        if samples <= 0:
            break
    return balance / total


def carrier_of(shape: Shape, known: Sequence[Carrier]) -> Carrier | None:
    """Return the carrier that this session is most likely of."""
    return max(known, key=lambda carrier: _fit(shape, carrier)) if known else None


class Crowd:
    """Those who are still at the door, of no known way."""

    def __init__(self, shapes: Sequence[Shape], now_ns: int) -> None:
        self._shapes = shapes
        self._now_ns = now_ns
        self.knows = bool(carriers(shapes))  # which way it goes

    @cached_property
    def _all(self) -> Carrier:
        return _carrier(0, self._shapes)

    @cached_property
    def _here(self) -> bool:
        """None of it has left yet."""
        return _still_here(self._shapes, self._now_ns)

    def may_have(self, shape: Shape, carrier: Carrier) -> bool:
        """True when this session should wait for them: it was heard as they are, or it may be and they have not left yet."""
        nearer = _fit(shape, self._all) - _fit(shape, carrier)
        return nearer > (-CLEARLY if self._here else CLEARLY)


def _still_here(shapes: Sequence[Shape], now_ns: int) -> bool:
    """True when what these sessions heard in the last second is hardly less than the most of any second: nothing has left yet."""
    heard: dict[int, float] = {}
    for shape in shapes:
        for sample in shape.samples:
            second = (now_ns - sample.at_ns) // SECOND_NS
            heard[second] = heard.get(second, 0.0) + math.sqrt(sample.power_mw * sample.reads)
    return max(heard.get(0, 0.0), heard.get(1, 0.0)) > LEFT_SHARE * max(heard.values(), default=0.0)


def _carrier(way: int, shapes: Sequence[Shape]) -> Carrier:
    counts: dict[tuple[int, int], float] = {}
    total = 0.0
    for shape in shapes:
        for sample in shape.samples:
            grain = sample.at_ns // GRAIN_NS
            for near, weight in ((grain - 1, 0.25), (grain, 0.5), (grain + 1, 0.25)):
                counts[near, sample.side] = counts.get((near, sample.side), 0.0) + weight * sample.reads
            total += sample.reads
    errors = sum(abs(shape.verdict.errors) for shape in shapes) / math.sqrt(len(shapes))
    middles = sorted(shape.verdict.at_ns for shape in shapes)
    heard = {key: count / total for key, count in counts.items()}
    return Carrier(way, round(1 - math.exp(-errors / FIRM_ERRORS), 3), middles[len(middles) // 2], heard)


def _fit(shape: Shape, carrier: Carrier) -> float:
    """Return the logarithm of how likely its reads are on this carrier."""
    heard = carrier.heard
    return sum(one.reads * math.log(heard.get((one.at_ns // GRAIN_NS, one.side), 0.0) + SELDOM) for one in shape.samples)
