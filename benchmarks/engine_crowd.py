"""What 100,000 tags weigh, how fast they are back after a restart, and what a broken reader does to them.

Each measurement in a fresh process, by its resident memory: what the operating system has to give, with all that allocators keep.
Codes are made as they come, so that whatever is left of them afterwards is the engine's.
"""

import gc
import random
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.engine_beside import ANTENNAS, WALL_MS
from benchmarks.engine_growth import ARRIVE, Rule, code
from drivers.api import Kind, Read
from gateway.location.engine import Engine, Instant
from gateway.location.site import Door, Site, Zone, ZoneKind, ZoneRules
from sync.outbox import Outbox
from sync.wire import EventKind

BYTES_GOAL = 1_536  # per tag
RESTORE_GOAL_S = 5.0
PAGE_BYTES = 4096
LIST = 50  # reads of one list
SAMPLES = 22  # sightings in each zone: the rings are full
PARKED_S = 64  # at a door, until every tag stands there as parked
STATES_AT_ONCE = 5_000
S_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Weight:
    """`zones` have evidence of each tag; with `door` two of their antennas are the sides of one, where all tags are parked."""

    who: str
    zones: int
    door: bool
    tags: int
    bytes_per_tag: int


@dataclass(frozen=True, slots=True)
class Restored:
    tags: int
    read_s: float  # the outbox opened and its states read
    engine_s: float  # the engine made with them
    total_s: float
    state_bytes: int  # mean


@dataclass(frozen=True, slots=True)
class Broken:
    """A minute of a reader that makes up codes, beside tags that are there."""

    codes: int
    before_mib: float
    peak_mib: float
    after_mib: float  # a quarter of an hour later
    unconfirmed_most: int
    crowded: int  # the counter: codes that made room for others
    told_of_made_up: int
    stood: int  # tags that were present before ...
    stood_departed: int  # ... and were told to have departed
    came: int  # tags that came meanwhile ...
    came_told: int  # ... and were told to have arrived
    busy_s: float  # processor time in that minute


def site(door: bool = False) -> Site:
    rules = ZoneRules.for_kind(ZoneKind.STORAGE)
    zones = [Zone(f"zone-{antenna}", ZoneKind.STORAGE, rules, (f"r:{antenna}",)) for antenna in range(1, ANTENNAS + 1)]
    yard = Zone("yard", ZoneKind.EXIT, ZoneRules.for_kind(ZoneKind.EXIT))
    return Site.of([*zones, yard], [Door("door", ("r:1",), ("r:2",), "yard", "zone-2")] if door else [])


def resident_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


def _reads(numbers: range, antenna: int, now_ns: int, rssi_dbm: int) -> list[Read]:
    wall_ms = WALL_MS + now_ns // 1_000_000
    return [Read("r", antenna, code(number), Kind.UHF, now_ns, wall_ms, rssi_dbm) for number in numbers]


def weigh(who: str, zones: int, door: bool, tags: int) -> Weight:
    """Hear every tag in so many zones until its evidence is full. Run it in a process of its own."""
    engine, rule = Engine(site(door), now=Instant(0, WALL_MS)), Rule()
    before = resident_bytes()
    step_ns = S_NS // 2  # between two visits of a tag; each at the next antenna
    now_ns = 0

    def hear(numbers: range, antenna: int, took_ns: int) -> None:
        nonlocal now_ns
        for at in range(numbers.start, numbers.stop, LIST):
            now_ns += took_ns * LIST // len(numbers)
            reads = _reads(range(at, min(at + LIST, numbers.stop)), antenna, now_ns, -56 - 3 * antenna)
            now = Instant(now_ns, WALL_MS + now_ns // 1_000_000)
            if who == "edgex":
                rule.take([(now, reads)])
                continue
            engine.take(reads)
            engine.advance(now)
            engine.changes()

    for at in range(0, tags, ARRIVE):  # no site hears all its tags for the first time at once
        for _ in range(2):
            hear(range(at, min(at + ARRIVE, tags)), 1, step_ns)
    for visit in range(PARKED_S * S_NS // step_ns if door else SAMPLES * zones):
        hear(range(tags), visit % zones + 1, step_ns)
    weight = Weight(who, zones, door, tags, (resident_bytes() - before) // tags)
    if who == "ours" and not door and engine.in_view != tags:
        raise SystemExit(f"{tags} tags are heard, {engine.in_view} are in view")
    if who == "ours" and door and engine.parked_at("door") < 0.9 * tags:
        raise SystemExit(f"{tags} tags stand at the door, {engine.parked_at('door')} are parked")
    return weight


# ---- restart


def _open(folder: Path) -> Outbox:
    return Outbox.open(folder / "outbox.db", wall_ms=lambda: WALL_MS, mono_ns=lambda: 0, boot_id="bench")


def store_states(folder: Path, tags: int) -> None:
    """Let every tag arrive in one of four zones, one in ten parked at a door, and store what the gateway would."""
    outbox, engine = _open(folder), Engine(site(), now=Instant(0, WALL_MS))
    for at in range(0, tags, STATES_AT_ONCE):
        numbers = range(at, min(at + STATES_AT_ONCE, tags))
        for lap in range(3):
            now_ns = at * S_NS // STATES_AT_ONCE * 2 + (lap + 1) * S_NS // 2
            engine.take([read for number in numbers for read in _reads(range(number, number + 1), number % 4 + 1, now_ns, -60)])
        outbox.append([], engine.changes())
    outbox.reader_live(["r"], WALL_MS)
    if len(outbox.saved_state()) != tags:
        raise SystemExit(f"{len(outbox.saved_state())} states are stored of {tags} tags")
    outbox.close()


def restore(folder: Path, tags: int) -> Restored:
    """Do what the gateway does between opening its outbox and its first read."""
    began = time.perf_counter()
    outbox = _open(folder)
    saved, live_until = outbox.saved_state(), outbox.live_until()
    read = time.perf_counter()
    now = Instant(60 * S_NS, WALL_MS + 60_000)
    engine = Engine(site(), saved, live_until, now)
    engine.reader_up("r", now)
    engine.advance(now)
    ready = time.perf_counter()
    outbox.close()
    if engine.in_view != tags or engine.counters.refused_states:
        raise SystemExit(f"{engine.in_view} of {tags} tags are back")
    size = sum(map(len, saved.values())) // tags
    return Restored(tags, round(read - began, 2), round(ready - read, 2), round(ready - began, 2), size)


# ---- a broken reader


def break_a_reader(codes: int) -> Broken:
    """A minute in which antenna 1 makes up `codes`, each heard once; a hundred tags stand there and a hundred come meanwhile."""
    stands, comes = range(100), range(100, 200)
    identities: Counter[tuple[str, EventKind]] = Counter()
    engine, rng = Engine(site(), now=Instant(0, WALL_MS)), random.Random(7)
    busy_s, most, peak = 0.0, 0, 0

    def at(now_ns: int, reads: list[Read]) -> None:
        nonlocal busy_s
        began = time.process_time()
        events = engine.take(reads) + engine.advance(Instant(now_ns, WALL_MS + now_ns // 1_000_000))
        engine.changes()
        busy_s += time.process_time() - began
        identities.update((event.raw, event.kind) for event in events)

    for second in range(10):
        at(second * S_NS, _reads(stands, 1, second * S_NS, -60))
    before, busy_s = resident_bytes(), 0.0
    steps = 60 * 20
    for step in range(steps):
        now_ns = 10 * S_NS + step * S_NS // 20
        reads = [
            Read("r", 1, rng.randbytes(12), Kind.UHF, now_ns, WALL_MS + now_ns // 1_000_000, -60) for _ in range(codes // steps)
        ]
        if step % 20 == 0:  # once a second; those who come are there from the tenth second on
            reads += _reads(stands, 1, now_ns, -60) + (_reads(comes, 1, now_ns, -60) if step >= 200 else [])
        at(now_ns, reads)
        most = max(most, engine.unconfirmed)
        if step % 100 == 99:
            peak = max(peak, resident_bytes())
    minute_s = busy_s
    for second in range(70, 970):
        at(second * S_NS, _reads(range(200), 1, second * S_NS, -60))
    real = {code(number).hex().upper(): number for number in range(200)}
    told = {(real.get(raw, -1), kind) for raw, kind in identities}
    return Broken(
        codes=steps * (codes // steps),
        before_mib=_mib(before),
        peak_mib=_mib(peak),
        after_mib=_mib(resident_bytes()),
        unconfirmed_most=most,
        crowded=engine.counters.suppressed["crowded"],
        told_of_made_up=sum(count for (raw, _), count in identities.items() if raw not in real),
        stood=len(stands),
        stood_departed=sum((number, EventKind.DEPARTED) in told for number in stands),
        came=len(comes),
        came_told=sum((number, EventKind.ARRIVED) in told for number in comes),
        busy_s=round(minute_s, 1),
    )


def _mib(size: int) -> float:
    return round(size / 2**20, 1)
