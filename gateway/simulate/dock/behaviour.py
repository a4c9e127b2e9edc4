"""How carriers move: the ways through, at and past a door, and what is true of each."""

import enum
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from gateway.simulate.dock.numbers import Numbers

STEP_S = 0.1
Floats = NDArray[np.float64]


class Behaviour(enum.StrEnum):
    IN = "in"
    OUT = "out"
    STOP = "stop"  # in the door, then on
    TURN_BACK = "turn_back"
    PASS_BY = "pass_by"  # noqa: S105 - along the wall, outside or inside
    CROSSING = "crossing"  # two at once, in opposite directions
    NEIGHBOUR = "neighbour"  # through the next door, heard here


SHARES = {
    Behaviour.IN: 0.25,
    Behaviour.OUT: 0.25,
    Behaviour.STOP: 0.10,
    Behaviour.TURN_BACK: 0.10,
    Behaviour.PASS_BY: 0.15,
    Behaviour.CROSSING: 0.10,
    Behaviour.NEIGHBOUR: 0.05,
}


@dataclass(frozen=True, slots=True)
class Way:
    """Where the middle of a carrier is over time, and which way it crossed: +1 in, -1 out, 0 not at all."""

    behaviour: Behaviour
    door: int
    crossed: int
    times: Floats
    x: Floats
    y: Floats

    @property
    def begins_s(self) -> float:
        return float(self.times[0])

    @property
    def ends_s(self) -> float:
        return float(self.times[-1])


def ways(behaviour: Behaviour, door: int, at_s: float, numbers: Numbers, rng: Generator) -> list[Way]:
    """Return the carriers of one run that begins at `at_s`: one, or two that cross."""
    towards = 1 if rng.random() < 0.5 else -1
    match behaviour:
        case Behaviour.IN:
            return [_through(behaviour, door, 1, at_s, numbers, rng)]
        case Behaviour.OUT:
            return [_through(behaviour, door, -1, at_s, numbers, rng)]
        case Behaviour.STOP | Behaviour.NEIGHBOUR:
            return [_through(behaviour, door, towards, at_s, numbers, rng)]
        case Behaviour.CROSSING:
            return [
                _through(behaviour, door, towards, at_s, numbers, rng, across=0.7),
                _through(behaviour, door, -towards, at_s + rng.uniform(0, 2), numbers, rng, across=-0.7),
            ]
        case Behaviour.TURN_BACK:
            return [_turning_back(door, towards, at_s, numbers, rng)]
        case Behaviour.PASS_BY:
            return [_beside(door, towards, at_s, numbers, rng)]


def _through(
    behaviour: Behaviour, door: int, direction: int, at_s: float, numbers: Numbers, rng: Generator, across: float = 0.0
) -> Way:
    stop_s = rng.uniform(*numbers.stop_s) if behaviour is Behaviour.STOP else 0.0
    along = _along(2 * numbers.reach_m, numbers, rng, stop_at_m=numbers.reach_m + rng.uniform(-0.3, 0.3), stop_s=stop_s)
    y = door * numbers.door_distance_m + across + rng.uniform(-0.4, 0.4)
    times = _times(at_s, along)
    return Way(behaviour, door, direction, times, direction * (along - numbers.reach_m), np.full(len(along), y))


def _turning_back(door: int, direction: int, at_s: float, numbers: Numbers, rng: Generator) -> Way:
    turn_m = numbers.reach_m + rng.uniform(*numbers.turn_back_m)
    there = _along(turn_m, numbers, rng, stop_at_m=turn_m, stop_s=rng.uniform(0, 5))
    back = turn_m - _along(turn_m, numbers, rng, stop_at_m=0, stop_s=0)
    along = np.concatenate([there, back])
    times = _times(at_s, along)
    y = np.full(len(along), door * numbers.door_distance_m + rng.uniform(-0.4, 0.4))
    return Way(Behaviour.TURN_BACK, door, 0, times, direction * (along - numbers.reach_m), y)


def _beside(door: int, side: int, at_s: float, numbers: Numbers, rng: Generator) -> Way:
    along = _along(2 * numbers.reach_m, numbers, rng, stop_at_m=0, stop_s=0)
    times = _times(at_s, along)
    heading = 1 if rng.random() < 0.5 else -1
    y = door * numbers.door_distance_m + heading * (along - numbers.reach_m)
    return Way(Behaviour.PASS_BY, door, 0, times, np.full(len(along), side * rng.uniform(*numbers.beside_m)), y)


def _times(at_s: float, along: Floats) -> Floats:
    return np.asarray(at_s + STEP_S * np.arange(len(along)), dtype=np.float64)


def _along(length_m: float, numbers: Numbers, rng: Generator, *, stop_at_m: float, stop_s: float) -> Floats:
    """Return the way made after each STEP_S, from 0 to `length_m`, with jitter, a slow-down to the stop and the stop itself."""
    mean = rng.uniform(*numbers.speed_m_s)
    steps: list[float] = [0.0]
    jitter = 0.0
    rest = stop_s
    while steps[-1] < length_m:
        jitter = 0.9 * jitter + 0.436 * rng.normal(0, numbers.speed_jitter)
        speed = mean * max(0.2, 1 + jitter)
        to_stop = stop_at_m - steps[-1]
        if stop_s > 0 and rest > 0:
            if 0 <= to_stop < 1.0:
                speed = min(speed, max(0.2, mean * to_stop))
            if to_stop <= 0.02:
                rest -= STEP_S
                steps.append(steps[-1])
                continue
        steps.append(min(length_m, steps[-1] + speed * STEP_S))
    return np.asarray(steps)
