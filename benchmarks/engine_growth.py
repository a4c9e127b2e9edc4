"""What a read costs the engine with 1,000, 10,000 and 100,000 tags in view, beside the EdgeX rule and a bare dict of slots.

Each tag is heard at three antennas in turns, every two seconds of its own time whatever the size, so that a tag gives the same
work in every crowd; the order of the tags is shuffled each time. Two streams: `sighting`, where every read is a sighting, and
`folded`, where five reads make two (the first speaks at once, the others are added to it later). The three take the same reads,
each its own copy with codes that nobody has hashed before, in turns, in a process of its own for each size. The bare loop's dict
is keyed by code and antenna.

A crowd makes every loop slower, because less of it fits into the processor's caches. What counts is by how much more ours slows
down than the bare loop does. The EdgeX rule looks at every tag each 30 s: how long that takes stands beside, and is shared out
over the reads of 30 s at `SITE_HZ` where it says "with its checks".
"""

import random
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.engine_beside import ANTENNAS, WALL_MS, Seen, site
from drivers.api import Kind, Read
from gateway.location.engine import Engine, Instant
from gateway.simulate.dock.rules import CHECK_EVERY_MS, EdgeX

GOAL = 1.3  # times the growth of the bare loop
LAP_NS = 2_000_000_000  # between two visits of a tag
TURNS = (0, 1, 0, 2)  # antennas, counted from that of the tag: the first hears it best
SETTLED_LAPS = 16  # evidence is as full as it gets and timers are where they will be
GROUP = 50  # tags that are heard at a time
ARRIVE = 10_000  # tags at a time
FOLDED = 5  # reads of a visit: the first speaks at once, the others are merged
ROUND_VISITS = 20_000
STREAMS = (("sighting", 1), ("folded", FOLDED))
SITE_HZ = 2_192  # four serial readers at 115,200 baud, full

Lists = list[tuple[Instant, list[Read]]]


@dataclass(slots=True)
class Cost:
    """Microseconds per read, medians; `ratio` is that of ours to the bare loop, the median over the pairs."""

    stream: str
    tags: int
    sightings_per_read: float
    bare_us: float
    edgex_us: float
    ours_us: float
    ours_per_sighting_us: float
    ratio: float
    edgex_check_ms: float = 0.0  # of all tags, each 30 s
    edgex_with_checks_us: float = 0.0


def code(number: int) -> bytes:
    """Return the 96-bit code of a tag: spread out, and an object of its own each time."""
    return (0x34 << 88 | number * 0x9E3779B97F4A7C15F39CC1 % (1 << 88)).to_bytes(12)


class Crowd:
    """Tags that are heard for ever, lap by lap."""

    def __init__(self, tags: int) -> None:
        self._tags = tags
        self._rng = random.Random(tags)
        self._visits = self._all_visits()
        self._now_ns = 0

    def arrive(self) -> Iterator[Lists]:
        """Return the first two visits of everybody, some at a time: no site hears all its tags for the first time at once."""
        for first in range(0, self._tags, ARRIVE):
            lists: Lists = []
            for _ in range(2):
                self._now_ns += LAP_NS // 4
                now = Instant(self._now_ns, WALL_MS + self._now_ns // 1_000_000)
                lists.append((now, self._one_list([(tag, 0) for tag in range(first, min(first + ARRIVE, self._tags))])))
            yield lists

    def hear(self, visits: int, reads: int) -> Lists:
        """Return the reads of so many visits of a tag, `reads` each, as lists with the time of each list."""
        lists: Lists = []
        step_ns = LAP_NS * GROUP // self._tags // reads
        for _ in range(visits // GROUP):
            group = [next(self._visits) for _ in range(GROUP)]
            for _ in range(reads):
                self._now_ns += step_ns
                lists.append((Instant(self._now_ns, WALL_MS + self._now_ns // 1_000_000), self._one_list(group)))
        return lists

    def _one_list(self, group: Sequence[tuple[int, int]]) -> list[Read]:
        wall_ms, made = WALL_MS + self._now_ns // 1_000_000, []
        for tag, turn in group:
            antenna = (tag + TURNS[turn]) % ANTENNAS + 1
            rssi_dbm = (-66 if TURNS[turn] else -57) + (tag + self._now_ns) % 5
            made.append(Read("r", antenna, code(tag), Kind.UHF, self._now_ns, wall_ms, rssi_dbm))
        return made

    def _all_visits(self) -> Iterator[tuple[int, int]]:
        tags = list(range(self._tags))
        lap = 0
        while True:
            self._rng.shuffle(tags)
            yield from ((tag, lap % len(TURNS)) for tag in tags)
            lap += 1


class Bare:
    def __init__(self) -> None:
        self._known: dict[tuple[bytes, int], Seen] = {}

    def take(self, lists: Lists) -> None:
        known = self._known
        for now, reads in lists:
            now_ns = now.mono_ns
            for read in reads:
                key, rssi = (read.raw, read.antenna), read.rssi_dbm or 0
                seen = known.get(key)
                if seen is None:
                    known[key] = Seen(rssi, now_ns, now_ns)
                else:
                    seen.rssi += 0.25 * (rssi - seen.rssi)
                    seen.last_s = now_ns
                    seen.count += 1


class Rule:
    """The EdgeX rule; each list is a report."""

    def __init__(self) -> None:
        self._rule = EdgeX({f"r:{antenna + 1}": f"zone-r:{antenna + 1}" for antenna in range(ANTENNAS)})

    def take(self, lists: Lists) -> None:
        for _, reads in lists:
            for _ in self._rule.take(reads):
                pass


class Ours:
    def __init__(self) -> None:
        self.engine = Engine(site("zones"), now=Instant(0, WALL_MS))

    def take(self, lists: Lists) -> None:
        engine = self.engine
        for now, reads in lists:
            engine.take(reads)
            engine.advance(now)
            engine.changes()


def timed(contender: Bare | Rule | Ours, lists: Lists) -> float:
    """Return the seconds of processor time it takes over its own copy of the reads."""
    copied: Lists = [(now, [_copy(read) for read in reads]) for now, reads in lists]
    began = time.process_time()
    contender.take(copied)
    return time.process_time() - began


def measure(tags: int, pairs: int) -> list[Cost]:
    """Return the costs of both streams with so many tags in view. Run it in a process of its own."""
    crowd, bare, rule, ours = Crowd(tags), Bare(), Rule(), Ours()
    for lists in crowd.arrive():
        for contender in (bare, rule, ours):
            timed(contender, lists)
    _settle(crowd, (bare, rule, ours), tags, 1, SETTLED_LAPS)
    if ours.engine.in_view != tags:
        raise SystemExit(f"{tags} tags are heard, {ours.engine.in_view} are in view: not comparable")
    costs = []
    for stream, reads in STREAMS:
        _settle(crowd, (bare, rule, ours), tags, reads, len(TURNS))
        costs.append(_one_stream(stream, reads, crowd, (bare, rule, ours), tags, pairs))
    check_s = _check_s(rule, crowd.hear(GROUP, 1))
    for cost in costs:
        cost.edgex_check_ms = round(check_s * 1000, 2)
        cost.edgex_with_checks_us = round(cost.edgex_us + check_s / (CHECK_EVERY_MS / 1000 * SITE_HZ) * 1e6, 3)
    if ours.engine.in_view != tags:
        raise SystemExit(f"{tags} tags are heard, {ours.engine.in_view} are in view afterwards: not comparable")
    return costs


def _settle(crowd: Crowd, contenders: tuple[Bare, Rule, Ours], tags: int, reads: int, laps: int) -> None:
    for _ in range(laps * max(1, tags // ROUND_VISITS)):
        lists = crowd.hear(min(tags, ROUND_VISITS), reads)
        for contender in contenders:
            timed(contender, lists)


def _one_stream(stream: str, reads: int, crowd: Crowd, contenders: tuple[Bare, Rule, Ours], tags: int, pairs: int) -> Cost:
    bare, rule, ours = contenders
    count = ROUND_VISITS * reads
    seconds: list[tuple[float, float, float]] = []
    before = ours.engine.counters.sightings
    for _ in range(pairs):
        lists = crowd.hear(ROUND_VISITS, reads)
        seconds.append((timed(bare, lists), timed(rule, lists), timed(ours, lists)))
    sightings = (ours.engine.counters.sightings - before) / (pairs * count)
    bare_us, edgex_us, ours_us = (statistics.median(column) / count * 1e6 for column in zip(*seconds, strict=True))
    return Cost(
        stream=stream,
        tags=tags,
        sightings_per_read=round(sightings, 3),
        bare_us=round(bare_us, 3),
        edgex_us=round(edgex_us, 3),
        ours_us=round(ours_us, 3),
        ours_per_sighting_us=round(ours_us / sightings, 3),
        ratio=round(statistics.median(ours / bare for bare, _, ours in seconds), 2),
    )


def _check_s(rule: Rule, lists: Lists) -> float:
    """Return how long the rule takes over one read that finds its check of all tags due."""
    now, reads = lists[-1]
    later_ns = now.mono_ns + CHECK_EVERY_MS * 1_000_000
    read = Read("r", reads[-1].antenna, reads[-1].raw, Kind.UHF, later_ns, now.wall_ms + CHECK_EVERY_MS, -60)
    return timed(rule, [(Instant(later_ns, read.rx_wall_ms), [read])])


def _copy(read: Read) -> Read:
    return Read(
        read.reader, read.antenna, bytes(bytearray(read.raw)), read.kind, read.rx_mono_ns, read.rx_wall_ms, read.rssi_dbm
    )  # fmt: skip


def growths(costs: Sequence[Cost]) -> dict[str, tuple[float, float, float]]:
    """Return of each stream, from the smallest to the largest crowd: the growth of bare and ours, and ours over bare.

    The last is the quotient of the pairwise ratios, which a machine that changes its speed does not touch.
    """
    found = {}
    for stream, _ in STREAMS:
        small, *_, large = (cost for cost in costs if cost.stream == stream)
        bare, ours = large.bare_us / small.bare_us, large.ours_us / small.ours_us
        found[stream] = (round(bare, 2), round(ours, 2), round(large.ratio / small.ratio, 2))
    return found
