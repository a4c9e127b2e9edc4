"""A door as the status page shows it: what the engine kept of its sessions, with wall times, and how its readers are."""

import math
from collections.abc import Mapping

from gateway.health import DoorEntry, DoorRow, DoorSample, DoorSession, DoorSide, DoorView, ReaderRow, ReaderState
from gateway.location.engine import Engine
from gateway.location.judged import Entry, Judged, Lately
from gateway.location.passage import INSIDE, OUTSIDE, SIDES, middles
from gateway.location.site import Door
from gateway.location.telling import MS_NS

WAYS = {1: "in", -1: "out", 0: "unknown", None: None}


def door_row(door: Door, engine: Engine, now_ns: int) -> DoorRow:
    lately = engine.lately_at(door.name) or Lately()
    ways = lately.passages_by_way(now_ns)
    last_ms = engine.wall_ms(lately.passages[-1].last_ns) if lately.passages else None
    return DoorRow(door.name, door.from_zone, door.to_zone, ways.get(1, 0), ways.get(-1, 0), ways.get(0, 0), last_ms)


def door_view(door: Door, engine: Engine, readers: Mapping[str, ReaderRow], now_ns: int, now_ms: int, site: str) -> DoorView:
    lately = engine.lately_at(door.name) or Lately()
    held_back = sorted((entry for entries in lately.held_back.values() for entry in entries), key=lambda entry: -entry.number)
    return DoorView(
        row=door_row(door, engine, now_ns),
        sides=(_side(OUTSIDE, door.outside, readers), _side(INSIDE, door.inside, readers)),
        parked=engine.parked_at(door.name),
        passages=tuple(_entry(entry, engine) for entry in reversed(lately.passages)),
        held_back=tuple(_entry(entry, engine) for entry in held_back),
        now_wall_ms=now_ms,
        site=site,
    )


def _entry(entry: Entry, engine: Engine) -> DoorEntry:
    sessions = tuple(_session(judged, engine) for judged in entry.kept)
    return DoorEntry(entry.number, WAYS[entry.way], entry.reason, engine.wall_ms(entry.last_ns), entry.count, sessions)


def _session(judged: Judged, engine: Engine) -> DoorSession:
    samples, verdict = judged.samples, judged.verdict
    begins_ns = samples[0].at_ns
    outside_ns, inside_ns = middles(samples)
    return DoorSession(
        identity=judged.identity,
        raw=judged.raw,
        begins_wall_ms=engine.wall_ms(begins_ns),
        samples=tuple(
            DoorSample(
                (sample.at_ns - begins_ns) // MS_NS,
                SIDES[sample.side],
                sample.reads,
                round(10 * math.log10(sample.power_mw / sample.reads), 1),
            )
            for sample in samples
        ),
        outside_ms=None if outside_ns is None else (outside_ns - begins_ns) // MS_NS,
        inside_ms=None if inside_ns is None else (inside_ns - begins_ns) // MS_NS,
        decided_ms=(judged.decided_ns - begins_ns) // MS_NS,
        first_side=verdict.sides[0],
        last_side=verdict.sides[1],
        errors=round(verdict.errors, 2),
        needed=round(verdict.needed, 2),
        own_way=WAYS[verdict.way] if verdict.way else None,
        own_reason=verdict.reason,
        way=WAYS[judged.way],
        reason=judged.reason,
        confidence=judged.confidence,
        taken_over=judged.taken_over,
        carrier=WAYS[judged.carrier] if judged.carrier else None,
        company=judged.company,
        louder_door=judged.louder,
    )


def _side(side: int, points: tuple[str, ...], readers: Mapping[str, ReaderRow]) -> DoorSide:
    troubles = []
    for point in points:
        name, _, antenna = point.rpartition(":")
        row = readers.get(name)
        if row is None:
            troubles.append(f"no reader is called {name}")
        elif row.state is not ReaderState.UP:
            troubles.append(f"reader {name} is {row.state.value}" + (f": {row.why}" if row.why else ""))
        else:
            bad = next((one for one in row.antennas if str(one.antenna) == antenna and not one.ok), None)
            if bad is not None:
                troubles.append(f"antenna {antenna} of {name}: {bad.why or 'not connected'}")
    return DoorSide(SIDES[side], points, tuple(dict.fromkeys(troubles)))
