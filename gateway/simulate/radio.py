"""What an antenna hears of a tag: one small model of the air, all randomness from the seed.

Backscatter crosses the distance twice, so path loss and antenna pattern count double. A tag answers a round with a probability
that falls off with its RSSI (logistic, half at -72 dBm), and fewer answer when many are in the field (collisions).
"""

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass

RSSI_AT_1_M_DBM = -45.0
SENSITIVITY_DBM = -84.0
HALF_READ_DBM, READ_SLOPE_PER_DB = -72.0, 1.2
BEAM_DEG, BACK_LOBE_DB = 65.0, 18.0
TAG_SPREAD_DB, FADING_DB = 3.0, 2.5
COLLISION_MISS, COLLISION_FULL_AT = 0.35, 200


@dataclass(frozen=True, slots=True)
class Place:
    """Metres. x crosses the door line at 0 (negative is outside), y runs along the wall."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Antenna:
    at: Place
    facing_deg: float  # 0 looks towards +x
    path_loss_exponent: float = 2.2
    above_tags_m: float = 1.2


@dataclass(frozen=True, slots=True)
class Heard:
    epc: bytes
    rssi_dbm: int


class Air:
    """The tags that answer one inventory round of an antenna."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._rng = random.Random(seed)
        self._tag_offset_db: dict[bytes, float] = {}  # bounded by the tags of the site

    def round(self, antenna: Antenna, tags: Iterable[tuple[bytes, Place]]) -> list[Heard]:
        in_range = [(epc, rssi) for epc, place in tags if (rssi := self._rssi_dbm(antenna, epc, place)) > SENSITIVITY_DBM]
        crowd = min(1.0, len(in_range) / COLLISION_FULL_AT)
        return [Heard(epc, round(rssi)) for epc, rssi in in_range if self._rng.random() < _read_chance(rssi, crowd)]

    def _rssi_dbm(self, antenna: Antenna, epc: bytes, place: Place) -> float:
        away = math.hypot(place.x - antenna.at.x, place.y - antenna.at.y, antenna.above_tags_m)
        bearing = math.degrees(math.atan2(place.y - antenna.at.y, place.x - antenna.at.x))
        off_axis = abs((bearing - antenna.facing_deg + 180) % 360 - 180)
        pattern_db = min(12 * (off_axis / BEAM_DEG) ** 2, BACK_LOBE_DB)
        loss_db = 20 * antenna.path_loss_exponent * math.log10(away)
        return RSSI_AT_1_M_DBM - loss_db - 2 * pattern_db + self._offset_db(epc) + self._rng.gauss(0, FADING_DB)

    def _offset_db(self, epc: bytes) -> float:
        if epc not in self._tag_offset_db:
            self._tag_offset_db[epc] = random.Random(epc + self._seed.to_bytes(8)).gauss(0, TAG_SPREAD_DB)
        return self._tag_offset_db[epc]


def _read_chance(rssi_dbm: float, crowd: float) -> float:
    heard = 1 / (1 + math.exp(-READ_SLOPE_PER_DB * (rssi_dbm - HALF_READ_DBM)))
    return heard * (1 - COLLISION_MISS * crowd)
