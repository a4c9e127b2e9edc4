"""Was this a passage, and which way? A pure judgement of the sightings of one tag at the two sides of one door.

The direction is that of the first and the last side. Single reads at the edge of the field are chance, so the side of an end is
the one that heard more power there; and the whole session has to agree: each side's power has a centre in time, and the two
centres have to lie apart in that order, further than a tag that stands still would put them by chance.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

OUTSIDE, INSIDE = 0, 1
SIDES = ("outside", "inside")
EDGE_NS = 500_000_000  # the beginning and the end of a session: this long ...
EDGE_SHARE = 0.1  # ... or this share of it
APART_NS = 150_000_000  # centres closer than this, or than a tenth of the session, say nothing about the order
JITTER_NS = 125_000_000  # what is not known about the time of a sighting: half a fold
STANDING_Z = 2.5  # centres of a standing tag are rarely further apart than this many standard errors


class Sample(NamedTuple):
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
    confidence: float
    at_ns: int  # when it went through, as far as the centres tell
    sides: tuple[str, str]


class Centre(NamedTuple):
    """Where the power of one side lies in time. Amplitudes weigh, not powers: one lucky read does not decide."""

    at_ns: float
    error_ns: float


def judge(samples: Sequence[Sample]) -> Verdict:
    """Return what these samples (in order of time, at least one) say."""
    first_ns, last_ns = samples[0].at_ns, samples[-1].at_ns
    edge_ns = max(EDGE_NS, round((last_ns - first_ns) * EDGE_SHARE))
    first = _louder([sample for sample in samples if sample.at_ns <= first_ns + edge_ns])
    last = _louder([sample for sample in samples if sample.at_ns >= last_ns - edge_ns])
    sides = (SIDES[first], SIDES[last])
    outside = [sample for sample in samples if sample.side == OUTSIDE]
    inside = [sample for sample in samples if sample.side == INSIDE]
    if not outside or not inside:
        return Verdict(0, "one_side", 0.0, last_ns, sides)
    out, into = _centre(outside, last_ns - first_ns), _centre(inside, last_ns - first_ns)
    at_ns = round((out.at_ns + into.at_ns) / 2)
    if first == last:
        return Verdict(0, "same_side", 0.0, at_ns, sides)
    way = 1 if last == INSIDE else -1
    apart_ns = (into.at_ns - out.at_ns) * way
    if apart_ns < -max(APART_NS, (last_ns - first_ns) * 0.1):
        return Verdict(0, "contradiction", 0.0, at_ns, sides)
    z = apart_ns / math.hypot(out.error_ns, into.error_ns)
    if z < STANDING_Z:
        return Verdict(0, "still", 0.0, at_ns, sides)
    return Verdict(way, None, round(1 - math.exp(-z / STANDING_Z), 3), at_ns, sides)


def _louder(samples: Sequence[Sample]) -> int:
    """Return the side that heard more power."""
    balance = sum(sample.power_mw if sample.side == INSIDE else -sample.power_mw for sample in samples)
    return INSIDE if balance > 0 else OUTSIDE


def _centre(samples: Sequence[Sample], length_ns: int) -> Centre:
    weights = [sample.reads * math.sqrt(sample.power_mw / sample.reads) for sample in samples]
    total = sum(weights)
    at_ns = sum(weight * sample.at_ns for weight, sample in zip(weights, samples, strict=True)) / total
    variance = sum(weight * (sample.at_ns - at_ns) ** 2 for weight, sample in zip(weights, samples, strict=True)) / total
    independent = total * total / sum(weight * weight for weight in weights)
    # A side heard once has a centre of unknown spread: as wide as chance could make it.
    spread = variance + JITTER_NS**2 if len(samples) > 1 else length_ns**2 / 12 + JITTER_NS**2
    return Centre(at_ns, math.sqrt(spread / independent))
