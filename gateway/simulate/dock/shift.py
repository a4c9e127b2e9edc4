"""A shift at the dock: who stands where, what goes through, and every report its readers send.

All chance comes from the seed. The first `QUIET_S` nothing moves, as at a site that has been running for a while.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from drivers.api import Kind, Read
from gateway.location.site import Door, Instant, Site, Zone, ZoneKind, ZoneRules
from gateway.simulate.dock.air import (
    Antenna,
    Floats,
    answers,
    door_antennas,
    fading_db,
    mean_dbm,
    shadow_walk,
    tag_losses_db,
)
from gateway.simulate.dock.behaviour import SHARES, Behaviour, Way, ways
from gateway.simulate.dock.numbers import Numbers
from identity.epc import encode, from_key

QUIET_S = 600.0
COMPANY_PREFIX = "0614141"
BEGINS_MS = round(datetime(2026, 3, 2, 6, tzinfo=UTC).timestamp() * 1000)
YEAR_2000_MS = round(datetime(2000, 1, 1, tzinfo=UTC).timestamp() * 1000)
ROOMS = ("store-a", "store-b")
TURNS_AT_ONCE = 4096  # of standing tags, to bound memory


@dataclass(frozen=True, slots=True)
class Carried:
    """A carrier with its tags: truth."""

    way: Way
    first: int  # the number of its first tag; the others follow
    count: int
    spots: Floats  # (count, 3) around the middle of the carrier
    losses_db: Floats


@dataclass(frozen=True, slots=True)
class Report:
    """What a reader sends after one antenna's turn, as it arrives."""

    at: Instant
    reads: list[Read]


@dataclass(frozen=True, slots=True)
class Outage:
    reader: str
    begins_s: float
    ends_s: float


@dataclass(slots=True)
class Standing:
    """Tags that never move, and when something stands before them."""

    first: int
    places: Floats  # (tags, 3)
    losses_db: Floats
    blocked: list[tuple[int, float, float, float]] = field(default_factory=list)  # tag, from, to, dB

    def __len__(self) -> int:
        return len(self.losses_db)


@dataclass(frozen=True, slots=True)
class Shift:
    numbers: Numbers
    length_s: float
    carried: list[Carried]
    parked: Standing
    stored: Standing
    outages: list[Outage]
    reports: list[Report]  # in the order they arrive
    tags: list[str]  # identities by number
    codes: list[bytes]  # what the tags send

    @property
    def still_hours(self) -> float:
        """Tag hours of what never moved."""
        return (len(self.parked) + len(self.stored)) * self.length_s / 3600

    @property
    def parked_hours(self) -> float:
        return len(self.parked) * self.length_s / 3600


def site(numbers: Numbers, **door_rules: float) -> Site:
    """Return the settings of the dock: each door leads from the yard to the hall, the two rooms are next to each other."""
    doors = [f"door-{n + 1}" for n in range(numbers.doors)]
    return Site.of(
        [
            Zone("yard", ZoneKind.EXIT, ZoneRules.for_kind(ZoneKind.EXIT)),
            Zone("hall", ZoneKind.STORAGE, ZoneRules.for_kind(ZoneKind.STORAGE)),
            *(
                Zone(room, ZoneKind.STORAGE, ZoneRules.for_kind(ZoneKind.STORAGE), (f"store:{n + 1}",))
                for n, room in enumerate(ROOMS)
            ),
        ],
        [
            Door(name, (f"{name}:1",), (f"{name}:2",), "yard", "hall", ZoneRules.for_kind(ZoneKind.DOOR, **door_rules))
            for name in doors
        ],
    )


def shift(seed: tuple[int, ...], runs: int, numbers: Numbers, only: Behaviour | None = None) -> Shift:
    """Let `runs` carriers (pairs of carriers, where they cross) go about at the dock. `only`: all of them behave so."""
    rng = np.random.default_rng(seed)
    tags: list[str] = []
    carried: list[Carried] = []
    at_s = QUIET_S
    for _ in range(runs):
        behaviour = only or Behaviour(rng.choice([kind.value for kind in SHARES], p=list(SHARES.values())))
        for way in ways(behaviour, int(rng.integers(numbers.doors)), at_s, numbers, rng):
            carried.append(_load(way, len(tags), numbers, rng))
            tags += _identities(len(tags), carried[-1].count)
        at_s = max(one.way.ends_s for one in carried[-2:]) + rng.uniform(0.02, 1.98) * numbers.gap_s
    length_s = at_s + 60.0
    parked = _parked(len(tags), length_s, numbers, rng)
    tags += _identities(len(tags), len(parked))
    stored = _stored(len(tags), numbers, rng)
    tags += _identities(len(tags), len(stored))
    codes = [encode(from_key(tag, len(COMPANY_PREFIX))) for tag in tags]
    reports: list[Report] = []
    outages: list[Outage] = []
    for door in range(numbers.doors):
        antennas = door_antennas(door, rng.uniform(*numbers.tilt_deg), numbers)
        outages += _outages(antennas[0].reader, length_s, numbers, rng)
        reports += _reports(antennas, length_s, carried, parked, codes, outages, numbers, rng)
    outages += _outages("store", length_s, numbers, rng)
    reports += _reports(_store_antennas(numbers), length_s, [], stored, codes, outages, numbers, rng)
    reports.sort(key=lambda report: report.at)
    return Shift(numbers, length_s, carried, parked, stored, outages, reports, tags, codes)


def instant(at_s: float) -> Instant:
    return Instant(round(at_s * 1e9), BEGINS_MS + round(at_s * 1e3))


def _identities(first: int, count: int) -> list[str]:
    return [f"8004:{COMPANY_PREFIX}{n}" for n in range(100_000 + first, 100_000 + first + count)]


def _load(way: Way, first: int, numbers: Numbers, rng: Generator) -> Carried:
    kind = rng.random()
    if kind < numbers.single_share:
        count = 1
    else:
        fewest, most = numbers.some if kind < numbers.single_share + numbers.some_share else numbers.pallet
        count = int(rng.integers(fewest, most + 1))
    spots = (rng.random((count, 3)) - 0.5) * np.asarray(numbers.load_m)
    spots[:, 2] += numbers.load_m[2] / 2 + numbers.load_from_floor_m
    losses = tag_losses_db(count, numbers, rng) + rng.uniform(*numbers.orientation_db, count)
    return Carried(way, first, count, spots, losses)


def _parked(first: int, length_s: float, numbers: Numbers, rng: Generator) -> Standing:
    places: list[tuple[float, float, float]] = []
    for door in range(numbers.doors):
        for _ in range(int(rng.integers(numbers.parked[0], numbers.parked[1] + 1))):
            away, bearing = rng.uniform(*numbers.parked_m), rng.uniform(0, 2 * np.pi)
            up = numbers.load_from_floor_m + rng.uniform(0, numbers.load_m[2])
            places.append((away * np.cos(bearing), door * numbers.door_distance_m + away * np.sin(bearing), up))
    losses = tag_losses_db(len(places), numbers, rng) + rng.uniform(*numbers.orientation_db, len(places))
    standing = Standing(first, np.asarray(places), losses)
    for tag in np.flatnonzero(rng.random(len(places)) < numbers.blocked_share):
        at_s = rng.uniform(*numbers.blocked_every_s)
        while at_s < length_s:
            for_s = rng.uniform(*numbers.blocked_for_s)
            standing.blocked.append((int(tag), at_s, at_s + for_s, rng.uniform(*numbers.blocked_db)))
            at_s += for_s + rng.uniform(*numbers.blocked_every_s)
    return standing


def _stored(first: int, numbers: Numbers, rng: Generator) -> Standing:
    places = []
    for antenna in _store_antennas(numbers):
        for _ in range(numbers.stored):
            away, bearing = rng.uniform(*numbers.parked_m), rng.uniform(0, 2 * np.pi)
            places.append((antenna.at[0] + away * np.cos(bearing), antenna.at[1] + away * np.sin(bearing), rng.uniform(0.2, 2.0)))
    losses = tag_losses_db(len(places), numbers, rng) + rng.uniform(*numbers.orientation_db, len(places))
    return Standing(first, np.asarray(places), losses)


def _store_antennas(numbers: Numbers) -> tuple[Antenna, Antenna]:
    far = 40.0  # from the doors: neither hears the other
    return (
        Antenna("store", 1, (far, 0.0, 3.0), (0.0, 0.0, -1.0), numbers.exponent_store),
        Antenna("store", 2, (far, numbers.store_distance_m, 3.0), (0.0, 0.0, -1.0), numbers.exponent_store),
    )


def _outages(reader: str, length_s: float, numbers: Numbers, rng: Generator) -> list[Outage]:
    made = []
    for day in range(int(length_s // 86400) + 1):
        begins_s = rng.uniform(0, 86400) + day * 86400
        ends_s = begins_s + rng.uniform(*numbers.outage_s)
        if begins_s < length_s:
            made.append(Outage(reader, begins_s, min(ends_s, length_s)))
    return made


@dataclass(slots=True)
class _Heard:
    """Reads of one reader, column by column."""

    turn: list[NDArray[np.int64]] = field(default_factory=list)
    tag: list[NDArray[np.int64]] = field(default_factory=list)
    dbm: list[Floats] = field(default_factory=list)

    def add(self, turns: NDArray[np.int64], tags: NDArray[np.int64], dbm: Floats) -> None:
        self.turn.append(turns)
        self.tag.append(tags)
        self.dbm.append(dbm)


def _reports(
    antennas: tuple[Antenna, Antenna],
    length_s: float,
    carried: list[Carried],
    standing: Standing,
    codes: list[bytes],
    outages: list[Outage],
    numbers: Numbers,
    rng: Generator,
) -> Iterator[Report]:
    """Yield what one reader reports of everything within its reach."""
    turn_s = rng.uniform(*numbers.turn_s, size=int(length_s / (sum(numbers.turn_s) / 2) * 1.1))
    begins_s = np.concatenate([[0.0], np.cumsum(turn_s)[:-1]])
    heard = _Heard()
    passing = [
        (carrier, turns, levels)
        for carrier in carried
        for port in (0, 1)
        if len(turns := _turns_of(carrier.way, begins_s, port))
        for levels in [_levels(carrier, antennas[port], begins_s[turns], numbers, rng)]
    ]
    in_range = np.zeros(len(turn_s))
    for _, turns, levels in passing:
        in_range[turns] += (levels > numbers.sensitivity_dbm).sum(1)
    still = [
        mean_dbm(antenna, standing.places, numbers) - standing.losses_db + rng.normal(0, numbers.shadow_db, len(standing))
        for antenna in antennas
    ]
    for port in (0, 1):
        in_range[port::2] += (still[port] > numbers.sensitivity_dbm).sum()
    for carrier, turns, levels in passing:
        answered = answers(levels, in_range[turns], turn_s[turns], numbers, rng)
        which, tag = np.nonzero(answered)
        heard.add(turns[which], carrier.first + tag, levels[which, tag])
    for port in (0, 1):
        _hear_standing(heard, standing, still[port], port, begins_s, turn_s, in_range, numbers, rng)
    yield from _as_reports(heard, antennas[0].reader, begins_s, turn_s, codes, outages, numbers, rng)


def _turns_of(way: Way, begins_s: Floats, port: int) -> NDArray[np.int64]:
    first, last = np.searchsorted(begins_s, (way.begins_s, way.ends_s))
    return np.arange(first + (first + port) % 2, last, 2)


def _levels(carrier: Carried, antenna: Antenna, at_s: Floats, numbers: Numbers, rng: Generator) -> Floats:
    """Return the level (turns, tags) of what a carrier brings by, with shadow and fading."""
    way = carrier.way
    middle = np.stack([np.interp(at_s, way.times, way.x), np.interp(at_s, way.times, way.y), np.zeros(len(at_s))], axis=1)
    places = middle[:, None, :] + carrier.spots[None, :, :]
    moved = np.concatenate([[np.inf], np.sqrt((np.diff(middle, axis=0) ** 2).sum(1))])
    levels = mean_dbm(antenna, places, numbers) - carrier.losses_db
    levels += shadow_walk(moved, carrier.count, numbers, rng)
    return np.asarray(levels + fading_db(levels.shape, numbers, rng))


def _hear_standing(
    heard: _Heard,
    standing: Standing,
    level: Floats,
    port: int,
    begins_s: Floats,
    turn_s: Floats,
    in_range: Floats,
    numbers: Numbers,
    rng: Generator,
) -> None:
    """Add the reads of what stands around. A tag that no fading can lift over the sensitivity is left out."""
    near = np.flatnonzero(level > numbers.sensitivity_dbm - 8)
    for first in range(port, len(begins_s), 2 * TURNS_AT_ONCE):
        turns = np.arange(first, min(first + 2 * TURNS_AT_ONCE, len(begins_s)), 2)
        levels = level[near] + fading_db((len(turns), len(near)), numbers, rng)
        for tag, from_s, to_s, loss_db in standing.blocked:
            begin, end = np.searchsorted(begins_s[turns], (from_s, to_s))
            levels[begin:end, near == tag] -= loss_db
        which, at = np.nonzero(answers(levels, in_range[turns], turn_s[turns], numbers, rng))
        heard.add(turns[which], standing.first + near[at], levels[which, at])


def _as_reports(
    heard: _Heard,
    reader: str,
    begins_s: Floats,
    turn_s: Floats,
    codes: list[bytes],
    outages: list[Outage],
    numbers: Numbers,
    rng: Generator,
) -> Iterator[Report]:
    """Yield a report for each turn that heard something. The reader's own clock is off, drifts, or stands in another century."""
    turns, tags, dbm = np.concatenate(heard.turn), np.concatenate(heard.tag), np.concatenate(heard.dbm)
    at_s = begins_s[turns] + rng.random(len(turns)) * turn_s[turns]
    order = np.lexsort((at_s, turns))
    turns, tags, dbm, at_s = turns[order], tags[order], np.rint(dbm[order]).astype(np.int64), at_s[order]
    clock_ms = YEAR_2000_MS if rng.random() < numbers.stuck_share else BEGINS_MS + rng.uniform(*numbers.clock_offset_s) * 1e3
    stamps_ms = np.rint(clock_ms + at_s * 1e3 * (1 + numbers.clock_drift_ppm * 1e-6 * rng.choice((-1, 1)))).astype(np.int64)
    arrives_s = np.maximum.accumulate(begins_s + turn_s + rng.uniform(*numbers.delay_s, size=len(turn_s)))
    down = [(outage.begins_s, outage.ends_s) for outage in outages if outage.reader == reader]
    edges = np.flatnonzero(np.diff(turns)) + 1
    for begin, end in zip([0, *edges.tolist()], [*edges.tolist(), len(turns)], strict=True):
        if begin == end:
            continue
        turn = int(turns[begin])
        if any(from_s <= begins_s[turn] < to_s for from_s, to_s in down):
            continue
        at = instant(float(arrives_s[turn]))
        port = 1 + turn % 2
        reads = [
            Read(reader, port, codes[tag], Kind.UHF, at.mono_ns, at.wall_ms, rssi_dbm=level, reader_ts_ms=stamp)
            for tag, level, stamp in zip(
                tags[begin:end].tolist(), dbm[begin:end].tolist(), stamps_ms[begin:end].tolist(), strict=True
            )
        ]
        yield Report(at, reads)
