"""One tag at one door: its open session, and what is remembered of it between sessions."""

import math
from collections.abc import Sequence

from gateway.location.judged import thinned
from gateway.location.live_site import LiveDoor
from gateway.location.passage import Sample
from gateway.location.zones import NO_RSSI
from sync.wire import Passage

MAX_SAMPLES, GRAINS = 256, 64  # of one session; beyond that those of one side in each 64th of its longest time become one
MEMORY_NS = 60_000_000_000  # lingering and parked marks outlast this much silence
STAYS_NS = 3600_000_000_000  # a tag heard at a door without passing belongs to no carrier there for so long
STIR_DB = 8.0  # above its usual level: more than fading does
RISE_SAMPLES = 8
USUAL_SHARE = 0.05  # of each new sighting in the usual level


class AtDoor:
    """One tag at one door."""

    __slots__ = (
        "door", "last_ns", "lately", "lingered_ns", "parked", "passed_ns", "rssi_max_dbm", "samples", "spoke", "stayed_ns",
        "usual_dbm", "yielded_ns",
    )  # fmt: skip

    def __init__(self, door: LiveDoor, now_ns: int) -> None:
        self.door = door
        self.last_ns = now_ns
        self.lingered_ns = 0  # in sessions that were no passage, without a silence of MEMORY_NS between them
        self.parked = False
        self.stayed_ns: int | None = None  # when it was last heard here without passing
        self.spoke: tuple[int, int, float] | None = None  # its last session: from, to, how loud
        self.yielded_ns: int | None = None  # when it was last heard in a session that another door took over
        self.passed_ns: dict[Passage, int] = {}
        self.samples: list[Sample] = []  # of the open session, in order of time; none while no session is open
        self.rssi_max_dbm = NO_RSSI
        self.lately: list[Sample] = []  # the last few while parked
        self.usual_dbm: list[float | None] = [None, None]  # by side, while parked

    def add(self, sample: Sample, rssi_max_dbm: int) -> None:
        samples = self.samples
        if samples and sample.at_ns < samples[-1].at_ns:
            # Readers take turns at the queue: a few samples come a little late.
            at = next((i for i in range(len(samples) - 1, -1, -1) if samples[i].at_ns <= sample.at_ns), -1)
            samples.insert(at + 1, sample)
        else:
            samples.append(sample)
        if len(samples) > MAX_SAMPLES:
            self.samples = thinned(samples, self.door.max_ns // GRAINS)
        if rssi_max_dbm > self.rssi_max_dbm:
            self.rssi_max_dbm = rssi_max_dbm

    def stirs(self, sample: Sample) -> bool:
        """Take a sighting of a parked tag. When it says that the tag is no longer where it stood, a session begins with the
        sightings just before, which may be of its rise."""
        dbm = 10 * math.log10(sample.power_mw / sample.reads)
        usual, other = self.usual_dbm[sample.side], self.usual_dbm[1 - sample.side]
        self.usual_dbm[sample.side] = dbm if usual is None else usual + USUAL_SHARE * (dbm - usual)
        if other is None if usual is None else dbm < usual + STIR_DB:
            self.lately.append(sample)
            if len(self.lately) > RISE_SAMPLES:
                del self.lately[0]
            return False
        self.samples = sorted(known for known in self.lately if known.at_ns > sample.at_ns - self.door.gap_ns)
        self.lately = []
        return True

    def closes_ns(self) -> int:
        return min(self.samples[-1].at_ns + self.door.gap_ns, self.samples[0].at_ns + self.door.max_ns)

    def span(self) -> tuple[int, int, float] | None:
        """Return from when to when it has been heard here lately, and how loud in all."""
        return span_of(self.samples) if self.samples else self.spoke

    def belongs(self, now_ns: int) -> bool:
        """True when it may be of a carrier: it has not been about here before."""
        return (
            not self.parked
            and not self.lingered_ns
            and (self.stayed_ns is None or now_ns - self.stayed_ns > STAYS_NS)
            and all(now_ns - passed_ns > MEMORY_NS for passed_ns in self.passed_ns.values())
        )

    def stands(self, now_ns: int) -> bool:
        """True while it is parked here and heard."""
        return self.parked and now_ns - self.last_ns <= MEMORY_NS

    def memory_ends_ns(self) -> int:
        return max(self.last_ns + MEMORY_NS, 0 if self.stayed_ns is None else self.stayed_ns + STAYS_NS)


def span_of(samples: Sequence[Sample]) -> tuple[int, int, float]:
    """Return from when to when these were heard, and how loud in all."""
    return samples[0].at_ns, samples[-1].at_ns, sum(math.sqrt(sample.power_mw * sample.reads) for sample in samples)
