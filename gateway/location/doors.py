"""Door sessions: from the first sighting at either side until the door has been silent, or for half a minute; then one judgement.

While a session is open nothing else is told of where the tag goes. A tag that lingers at a door without passing is parked: no
session is opened for it until it stirs (a side hears it much louder than it used to, or hears it at all), or until the door has
not heard it for a while.
"""

import math

from gateway.location.counters import Counters
from gateway.location.fold import Sighting
from gateway.location.live_site import LiveDoor
from gateway.location.passage import INSIDE, OUTSIDE, Sample, judge
from gateway.location.presence import Presences
from gateway.location.tag import Presence, Tag
from gateway.location.telling import MS_NS, Teller
from gateway.location.timers import NEVER, Timers
from gateway.location.zones import NO_RSSI
from sync.wire import EventKind, Evidence, Passage

MAX_SAMPLES, GRAINS = 256, 64  # of one session; beyond that those of one side in each 64th of its longest time become one
MAX_DOORS = 4  # that hear one tag at a time; the least recent goes
MEMORY_NS = 60_000_000_000  # lingering and parked marks outlast this much silence
STIR_DB = 8.0  # above its usual level: more than fading does
RISE_SAMPLES = 8
USUAL_SHARE = 0.05  # of each new sighting in the usual level


class AtDoor:
    """One tag at one door."""

    __slots__ = ("door", "last_ns", "lately", "lingered_ns", "parked", "passed_ns", "rssi_max_dbm", "samples", "usual_dbm")

    def __init__(self, door: LiveDoor, now_ns: int) -> None:
        self.door = door
        self.last_ns = now_ns
        self.lingered_ns = 0  # in sessions that were no passage, without a silence of MEMORY_NS between them
        self.parked = False
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
            self.samples = _thinned(samples, self.door.max_ns // GRAINS)
        if rssi_max_dbm > self.rssi_max_dbm:
            self.rssi_max_dbm = rssi_max_dbm

    def stirs(self, sample: Sample) -> bool:
        """Take a sighting of a parked tag. When it says that the tag is no longer where it stood, a session begins with the
        sightings just before, which may be of its rise."""
        dbm = 10 * math.log10(sample.power_mw / sample.reads)
        usual, other = self.usual_dbm[sample.side], self.usual_dbm[1 - sample.side]
        self.usual_dbm[sample.side] = dbm if usual is None else usual + USUAL_SHARE * (dbm - usual)
        if other is None if usual is None else dbm < usual + STIR_DB:
            self.lately = [*self.lately[1 - RISE_SAMPLES :], sample]
            return False
        self.samples = sorted(known for known in self.lately if known.at_ns > sample.at_ns - self.door.gap_ns)
        self.lately = []
        return True

    def closes_ns(self) -> int:
        return min(self.samples[-1].at_ns + self.door.gap_ns, self.samples[0].at_ns + self.door.max_ns)

    def memory_ends_ns(self) -> int:
        return self.last_ns + MEMORY_NS


class Doors:
    """Keeps the sessions of all tags (in the tags); tells passages."""

    def __init__(self, presences: Presences, timers: Timers[Tag], teller: Teller, counters: Counters) -> None:
        self._presences = presences
        self._timers = timers
        self._teller = teller
        self._counters = counters

    def sighted(self, tag: Tag, door: LiveDoor, side: int, sighting: Sighting, now_ns: int) -> str | None:
        """Take a sighting at one side; return in words what came of it, None when the door has nothing to decide."""
        at = tag.doors.get(door.name)
        if at is None:
            if len(tag.doors) == MAX_DOORS:
                gone = min(tag.doors.values(), key=lambda known: known.last_ns)
                del tag.doors[gone.door.name]
            at = tag.doors[door.name] = AtDoor(door, now_ns)
        if now_ns - at.last_ns > MEMORY_NS:
            at.lingered_ns = 0
            self._park(tag, at, parked=False)
        at.last_ns = now_ns
        sample = Sample(sighting.at_ns, side, sighting.reads, sighting.power_mw)
        opened = not at.samples
        if at.parked and opened and not at.stirs(sample):
            self._counters.suppressed["parked"] += 1
            return None
        at.add(sample, sighting.rssi_max_dbm)
        if opened:
            self._timers.set(tag, at.closes_ns())
        return "at the door"

    def merge(self, tag: Tag, door: LiveDoor, side: int, sighting: Sighting) -> None:
        """Add what still belonged to an open session."""
        at = tag.doors.get(door.name)
        if at is not None and at.samples:
            at.add(Sample(sighting.at_ns, side, sighting.reads, sighting.power_mw), sighting.rssi_max_dbm)
            at.last_ns = max(at.last_ns, sighting.at_ns)

    def next_ns(self, tag: Tag) -> int:
        """When the next session of `tag` may close."""
        return min((at.closes_ns() for at in tag.doors.values() if at.samples), default=NEVER)

    def deciding(self, tag: Tag) -> bool:
        return any(at.samples for at in tag.doors.values())

    def due(self, tag: Tag, now_ns: int) -> None:
        """Close the sessions whose time has come, and see to it that the others are looked at again."""
        for at in list(tag.doors.values()):
            if at.samples:
                if now_ns >= at.closes_ns():
                    self._close(tag, at, now_ns)
                else:
                    self._timers.set(tag, at.closes_ns())
            elif now_ns >= at.memory_ends_ns():
                self._park(tag, at, parked=False)
                del tag.doors[at.door.name]

    def _close(self, tag: Tag, at: AtDoor, now_ns: int) -> None:
        verdict = judge(at.samples, at.lingered_ns // 2 if at.parked else at.lingered_ns)  # that it stirred speaks for it
        samples, rssi_max_dbm = at.samples, at.rssi_max_dbm
        at.samples, at.rssi_max_dbm = [], NO_RSSI
        duration_ns = samples[-1].at_ns - samples[0].at_ns
        if verdict.reason is not None:
            self._counters.suppressed[verdict.reason] += 1
            at.lingered_ns = min(at.lingered_ns + duration_ns, at.door.resident_ns)
            if at.lingered_ns >= at.door.resident_ns - at.door.gap_ns and not at.parked:
                self._park(tag, at, parked=True)
                at.usual_dbm = [_mean_dbm(samples, OUTSIDE), _mean_dbm(samples, INSIDE)]
            return
        direction = Passage.IN if verdict.way > 0 else Passage.OUT
        came, went = (at.door.from_zone, at.door.to_zone) if verdict.way > 0 else (at.door.to_zone, at.door.from_zone)
        at.lingered_ns = 0
        self._park(tag, at, parked=False)
        if now_ns - at.passed_ns.get(direction, now_ns - at.door.cool_down_ns) < at.door.cool_down_ns:
            self._counters.suppressed["cool_down"] += 1
            return
        if tag.presence is Presence.GLIMPSED and not self._presences.make_room():
            return
        at.passed_ns[direction] = now_ns
        self._presences.enter_by_door(tag, went, verdict.at_ns, now_ns, rssi_max_dbm)
        self._teller.tell(
            EventKind.PASSED, tag, verdict.at_ns, now_ns,
            zone_from=came.name, zone_to=went.name, door=at.door.name, direction=direction, confidence=verdict.confidence,
            evidence=Evidence(
                n=sum(sample.reads for sample in samples),
                rssi_max_dbm=rssi_max_dbm if rssi_max_dbm > NO_RSSI else None,
                duration_ms=duration_ns // MS_NS,
                sides=verdict.sides,
            ),
        )  # fmt: skip

    def _park(self, tag: Tag, at: AtDoor, *, parked: bool) -> None:
        if at.parked != parked:
            at.parked = parked
            if tag.presence is not Presence.GLIMPSED:
                self._teller.changed[tag.identity] = tag


def _mean_dbm(samples: list[Sample], side: int) -> float | None:
    power_mw = sum(sample.power_mw for sample in samples if sample.side == side)
    return 10 * math.log10(power_mw / sum(sample.reads for sample in samples if sample.side == side)) if power_mw else None


def _thinned(samples: list[Sample], grain_ns: int) -> list[Sample]:
    """Merge the samples of one side that lie in the same grain of time."""
    grains: dict[tuple[int, int], Sample] = {}
    for sample in samples:
        known = grains.get(grain := (sample.at_ns // grain_ns, sample.side))
        if known is not None:
            reads = known.reads + sample.reads
            at_ns = (known.at_ns * known.reads + sample.at_ns * sample.reads) // reads
            sample = Sample(at_ns, sample.side, reads, known.power_mw + sample.power_mw)
        grains[grain] = sample
    return sorted(grains.values())
