"""What an antenna hears: the mean level of tags by where they are, what chance adds, and who answers a round.

Backscatter crosses the distance twice, so path loss and pattern count twice. Three ways lead to a tag: straight, over the floor
and over the wall; their powers add.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from gateway.simulate.dock.numbers import Numbers

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Antenna:
    reader: str
    port: int
    at: tuple[float, float, float]
    looks: tuple[float, float, float]  # a unit vector
    exponent: float


def door_antennas(door: int, tilt_deg: float, numbers: Numbers) -> tuple[Antenna, Antenna]:
    """Return the outside and the inside antenna of a door, above its middle, tilted away from each other."""
    tilt = np.radians(tilt_deg)
    y = door * numbers.door_distance_m
    return (
        _antenna(f"door-{door + 1}", 1, (-numbers.off_line_m, y, numbers.height_m), (-np.cos(tilt), 0.0, -np.sin(tilt)), numbers),
        _antenna(f"door-{door + 1}", 2, (numbers.off_line_m, y, numbers.height_m), (np.cos(tilt), 0.0, -np.sin(tilt)), numbers),
    )


def _antenna(
    reader: str, port: int, at: tuple[float, float, float], looks: tuple[float, float, float], numbers: Numbers
) -> Antenna:
    return Antenna(reader, port, at, looks, numbers.exponent_door)


def mean_dbm(antenna: Antenna, places: Floats, numbers: Numbers) -> Floats:
    """Return the level of tags at `places` (..., 3) before spread, shadow and fading."""
    wall = (numbers.doors - 1) * numbers.door_distance_m + numbers.wall_m
    total = _one_way(antenna, places, numbers)
    over_floor = places * np.array([1.0, 1.0, -1.0])
    total = total + 10 ** (-numbers.floor_db / 10) * _one_way(antenna, over_floor, numbers)
    over_wall = places * np.array([1.0, -1.0, 1.0]) + np.array([0.0, 2 * wall, 0.0])
    total = total + 10 ** (-numbers.wall_db / 10) * _one_way(antenna, over_wall, numbers)
    return np.asarray(numbers.rssi_at_1_m_dbm + 20 * np.log10(total))


def _one_way(antenna: Antenna, places: Floats, numbers: Numbers) -> Floats:
    """Return the share of the power that gets there, 1 at one metre in the middle of the beam."""
    away = places - np.asarray(antenna.at)
    distance = np.maximum(0.3, np.sqrt((away * away).sum(-1)))
    cosine = np.clip((away @ np.asarray(antenna.looks)) / distance, -1.0, 1.0)
    off_deg = np.degrees(np.arccos(cosine))
    pattern_db = np.minimum(12 * (off_deg / numbers.beam_deg) ** 2, numbers.back_lobe_db)
    return np.asarray(10 ** (-(10 * antenna.exponent * np.log10(distance) + pattern_db) / 10))


def tag_losses_db(count: int, numbers: Numbers, rng: Generator) -> Floats:
    """Return what each tag loses for good: its spread, and metal or liquid behind it."""
    losses = rng.normal(0, numbers.tag_spread_db, count)
    on_metal = rng.random(count) < numbers.metal_share
    return np.asarray(losses + np.where(on_metal, rng.uniform(*numbers.metal_db, count), 0.0))


def shadow_walk(moved_m: Floats, tags: int, numbers: Numbers, rng: Generator) -> Floats:
    """Return the shadow (steps, tags) on a way whose steps are `moved_m` long: two points far apart have nothing in common."""
    keeps = np.exp(-moved_m / numbers.shadow_m)
    shadow = np.empty((len(moved_m), tags))
    now = rng.normal(0, numbers.shadow_db, tags)
    for step, keep in enumerate(keeps):
        now = keep * now + np.sqrt(1 - keep * keep) * rng.normal(0, numbers.shadow_db, tags)
        shadow[step] = now
    return shadow


def fading_db(shape: tuple[int, ...], numbers: Numbers, rng: Generator) -> Floats:
    """Rician: a steady part and a scattered one."""
    k = 10 ** (numbers.fading_k_db / 10)
    steady, scatter = np.sqrt(k / (k + 1)), np.sqrt(0.5 / (k + 1))
    real = steady + scatter * rng.standard_normal(shape)
    imaginary = scatter * rng.standard_normal(shape)
    return np.asarray(10 * np.log10(real * real + imaginary * imaginary))


def answers(dbm: Floats, in_range: Floats, turn_s: Floats, numbers: Numbers, rng: Generator) -> NDArray[np.bool_]:
    """Return which tags (turns, tags) answer: `dbm` with fading, `in_range` tags in each turn of `turn_s` seconds."""
    crowd = np.minimum(1.0, in_range / numbers.crowd)
    round_s = numbers.round_s[0] + (numbers.round_s[1] - numbers.round_s[0]) * crowd
    done = np.minimum(1.0, turn_s / round_s) * (1 - rng.uniform(*numbers.missed, len(turn_s)) * crowd)
    chance = done[:, None] / (1 + np.exp(-numbers.read_slope_per_db * (dbm - numbers.half_read_dbm)))
    return np.asarray((rng.random(dbm.shape) < chance) & (dbm > numbers.sensitivity_dbm))
