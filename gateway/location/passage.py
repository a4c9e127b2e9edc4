"""Was this a passage, and which way? A pure judgement of the sightings of one tag at the two sides of one door.

The direction is that of the first and the last side. Single reads at the edge of the field are chance, so the side of an end is
the one that heard more power there; and the whole session has to agree: each side's power has a centre in time, and the two
centres have to lie apart in that order, further than a tag that stands still would put them by chance.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

OUTSIDE, INSIDE = 0, 1
SIDES = ("outside", "inside")
EDGE_NS = 500_000_000  # how long the beginning and the end of a session are
JITTER_NS = 125_000_000  # what is not known about the time of a sighting: half a fold
CHANCE_ERRORS = 1.5  # standard errors between the centres of a standing tag: seldom more ...
LINGER_NS = 30_000_000_000  # ... but the longer it lingers, the likelier it stands: one more for each half minute


class Sample(msgspec.Struct, frozen=True, order=True, gc=False):
    """One sighting at one side."""

    at_ns: int
    side: int
    reads: int
    power_mw: float  # summed over the reads


@dataclass(frozen=True, slots=True)
class Verdict:
    """`way` is +1 from outside to inside, -1 back, 0 for no passage; `reason` says why there was none."""

    way: int
    reason: str | None
    confidence: float  # 0 to 1
    at_ns: int  # when it went through: half way between the centres
    sides: tuple[str, str]  # the first and the last
    errors: float = 0.0  # standard errors by which inside was heard later than outside; 0 when one side heard nothing
    needed: float = 0.0  # so many speak for themselves


def judge(samples: Sequence[Sample], lingered_ns: int = 0) -> Verdict:
    """Return what these samples (in order of time, at least one) say; the tag has lingered at the door for so long before."""
    first_ns, last_ns = samples[0].at_ns, samples[-1].at_ns
    first = _louder([sample for sample in samples if sample.at_ns <= first_ns + EDGE_NS])
    last = _louder([sample for sample in samples if sample.at_ns >= last_ns - EDGE_NS])
    sides = (SIDES[first], SIDES[last])
    if len({sample.side for sample in samples}) == 1:
        return Verdict(0, "one_side", 0.0, last_ns, sides)
    at_ns, errors = _order(samples)
    needed = CHANCE_ERRORS + (lingered_ns + last_ns - first_ns) / LINGER_NS
    if first == last:
        return Verdict(0, "same_side", 0.0, at_ns, sides, errors, needed)
    way = 1 if last == INSIDE else -1
    if errors * way < needed:
        return Verdict(0, "contradiction" if errors * way < -needed else "still", 0.0, at_ns, sides, errors, needed)
    return Verdict(way, None, round(1 - math.exp(-errors * way / needed), 3), at_ns, sides, errors, needed)


def middles(samples: Sequence[Sample]) -> tuple[int | None, int | None]:
    """Return when the middle of each side's power was (outside, inside); None for a side that heard nothing."""
    return _middle(samples, OUTSIDE), _middle(samples, INSIDE)


def _middle(samples: Sequence[Sample], side: int) -> int | None:
    heard = [(sample.at_ns, math.sqrt(sample.power_mw * sample.reads)) for sample in samples if sample.side == side]
    start_ns, total = samples[0].at_ns, sum(amplitude for _, amplitude in heard)
    return start_ns + round(sum((at_ns - start_ns) * amplitude for at_ns, amplitude in heard) / total) if heard else None


def _louder(samples: Sequence[Sample]) -> int:
    """Return the side that heard more power."""
    balance = sum(sample.power_mw if sample.side == INSIDE else -sample.power_mw for sample in samples)
    return INSIDE if balance > 0 else OUTSIDE


def _order(samples: Sequence[Sample]) -> tuple[int, float]:
    """Return the middle between the sides' centres, and by how many standard errors inside lies later than outside.

    The error is that of sides drawn at random for the same sightings, as for a tag that stands still: so two reads of one side
    that happen to fall together prove little. Amplitudes weigh, not powers: one lucky read does not decide.
    """
    weight, moment, squares = [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]
    start_ns = samples[0].at_ns
    second_moment = 0.0
    for sample in samples:
        amplitude = math.sqrt(sample.power_mw * sample.reads)  # the reads times the root of their mean power
        at_ns = sample.at_ns - start_ns
        weight[sample.side] += amplitude
        squares[sample.side] += amplitude * amplitude
        moment[sample.side] += amplitude * at_ns
        second_moment += amplitude * at_ns * at_ns
    total = sum(weight)
    mean_ns = sum(moment) / total
    spread = max(0.0, second_moment / total - mean_ns * mean_ns) + JITTER_NS**2
    out_ns, in_ns = moment[OUTSIDE] / weight[OUTSIDE], moment[INSIDE] / weight[INSIDE]
    error_ns = math.sqrt(spread * sum(squares[side] / weight[side] ** 2 for side in (OUTSIDE, INSIDE)))
    return start_ns + round((out_ns + in_ns) / 2), (in_ns - out_ns) / error_ns
