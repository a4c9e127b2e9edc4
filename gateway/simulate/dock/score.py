"""How right an engine is: shifts at the simulated dock, played to the engine and to the two yardstick rules.

Reads are the same for all three. Shifts are made one by one, each from its own seed, so that they can be played on all cores and
the result does not depend on how many there are.
"""

import multiprocessing
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from gateway.location.engine import Engine
from gateway.simulate.dock.behaviour import Behaviour
from gateway.simulate.dock.numbers import Numbers
from gateway.simulate.dock.rules import EdgeX, FirstAndLastSide
from gateway.simulate.dock.shift import ROOMS, Shift, instant, shift, site
from gateway.simulate.dock.tally import Heard, Said, Tally, count
from sync.wire import EventKind, LocationEvent, Passage

RUNS_AT_ONCE = 25  # runs of one shift
DOWN_AFTER_S = 5.0  # a reader that fell silent is known to be down
CLOSES_S = 60.0

WAYS = {Passage.IN: 1, Passage.OUT: -1}


def scores(seed: int, runs: int, numbers: Numbers, only: Behaviour | None = None, cores: int | None = None) -> dict[str, Tally]:
    """Return the tallies of `engine`, `first_last_side` and `edgex` over `runs` runs, played on so many cores (all there are)."""
    sizes = [RUNS_AT_ONCE] * (runs // RUNS_AT_ONCE) + [rest for rest in (runs % RUNS_AT_ONCE,) if rest]
    play = partial(_play, seed, numbers, only)
    if cores == 1:
        return _sum(map(play, range(len(sizes)), sizes))
    with ProcessPoolExecutor(cores or os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        return _sum(pool.map(play, range(len(sizes)), sizes))


def _sum(played: Iterable[dict[str, Tally]]) -> dict[str, Tally]:
    total: dict[str, Tally] = {}
    for shift_played in played:
        for rule, tally in shift_played.items():
            total[rule] = total[rule] + tally if rule in total else tally
    return total


def _play(seed: int, numbers: Numbers, only: Behaviour | None, number: int, runs: int) -> dict[str, Tally]:
    made = shift((seed, number), runs, numbers, only)
    heard = _heard(made)
    return {
        "engine": _engine(made, heard),
        "first_last_side": _first_last_side(made, heard),
        "edgex": _edgex(made, heard),
    }


def _heard(made: Shift) -> dict[tuple[int, str], Heard]:
    number_of = {code: n for n, code in enumerate(made.codes)}
    heard: dict[tuple[int, str], Heard] = {}
    for report in made.reports:
        for read in report.reads:
            key = (number_of[read.raw], read.reader)
            known = heard.get(key)
            heard[key] = Heard(known.reads + 1 if known else 1, read.rx_mono_ns)
    return heard


def _engine(made: Shift, heard: dict[tuple[int, str], Heard]) -> Tally:
    number_of = {tag: n for n, tag in enumerate(made.tags)}
    engine = Engine(site(made.numbers), now=instant(0))
    said: dict[int, list[Said]] = defaultdict(list)
    moves: list[int] = []
    departures: list[int] = []
    for event in _told(engine, made):
        tag = number_of[event.identity]
        if event.kind is EventKind.PASSED:
            way = WAYS.get(event.direction, 0) if event.direction is not None else 0
            told_ns = round((event.decided_at.timestamp() * 1000 - instant(0).wall_ms) * 1e6)
            said[tag].append(Said(event.door or "", way, told_ns))
        elif event.kind is EventKind.MOVED:
            moves.append(tag)
        elif event.kind is EventKind.DEPARTED:
            departures.append(tag)
    return count(made, said, heard, moves, departures)


def _told(engine: Engine, made: Shift) -> Iterator[LocationEvent]:
    for reader in (*(f"door-{n + 1}" for n in range(made.numbers.doors)), "store"):
        engine.reader_up(reader, instant(0))
    steps = sorted(
        [(instant(outage.begins_s + DOWN_AFTER_S), 0, outage.reader) for outage in made.outages]
        + [(instant(outage.ends_s), 1, outage.reader) for outage in made.outages]
    )
    for report in made.reports:
        while steps and steps[0][0] <= report.at:
            at, up, reader = steps.pop(0)
            (engine.reader_up if up else engine.reader_down)(reader, at)
        yield from engine.take(report.reads)
    yield from engine.advance(instant(made.length_s + CLOSES_S))


def _first_last_side(made: Shift, heard: dict[tuple[int, str], Heard]) -> Tally:
    number_of = {code: n for n, code in enumerate(made.codes)}
    rule = FirstAndLastSide()
    said: dict[int, list[Said]] = defaultdict(list)
    for report in made.reports:
        if report.reads[0].reader != "store":
            for told in rule.take(report.reads):
                said[number_of[told.raw]].append(Said(told.door, told.way, told.at_ns))
    for told in rule.end():
        said[number_of[told.raw]].append(Said(told.door, told.way, told.at_ns))
    return count(made, said, heard)


def _edgex(made: Shift, heard: dict[tuple[int, str], Heard]) -> Tally:
    """A move from the yard to the hall is a passage in, at the door whose antenna heard it last."""
    number_of = {code: n for n, code in enumerate(made.codes)}
    alias = {f"store:{n + 1}": room for n, room in enumerate(ROOMS)}
    for door in range(made.numbers.doors):
        alias |= {f"door-{door + 1}:1": "yard", f"door-{door + 1}:2": "hall"}
    rule = EdgeX(alias)
    said: dict[int, list[Said]] = defaultdict(list)
    moves: list[int] = []
    for report in made.reports:
        for moved in rule.take(report.reads):
            tag = number_of[moved.raw]
            moves.append(tag)
            if moved.zone_to in ("yard", "hall"):
                said[tag].append(Said(moved.point.rpartition(":")[0], 1 if moved.zone_to == "hall" else -1, moved.at_ns))
    return count(made, said, heard, moves)
