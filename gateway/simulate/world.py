"""The demo's site and what truly happens there: who stands where at every moment, and the facts the gateway ought to tell.

A dock door between yard and hall (two antennas of one R2000), a store room (an M100), a belt under a camera, and tags parked
near the door. Everything repeats every `CYCLE_S` seconds, so the demo can run for 20 seconds or for a day.
"""

import enum
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.simulate.radio import Antenna, Place
from identity.epc import encode, from_key

COMPANY_PREFIX = "0614141"
CYCLE_S = 18.0
CROSSING_S, STAGGER_S, TURN_AROUND_S = 3.0, 0.5, 7.5
LABEL_EVERY_S, LABEL_FOR_S = 1.6, 1.2

OUTSIDE = Antenna(Place(-0.6, 0), facing_deg=180)
INSIDE = Antenna(Place(0.6, 0), facing_deg=0)
STORE = Antenna(Place(40, 0), facing_deg=0, path_loss_exponent=2.8)


class Role(enum.StrEnum):
    CROSSER = "crosser"  # goes through the door and comes back
    PARKED = "parked"  # stands near the door and never moves
    STORED = "stored"  # is brought into the store room and taken out again
    LABELLED = "labelled"  # lies on the belt with a printed label


@dataclass(frozen=True, slots=True)
class Thing:
    asset_no: str
    name: str
    role: Role
    index: int  # among the things of its role
    giai: str  # individual asset reference, digits

    @property
    def key(self) -> str:
        """What its tag or label says, as the canonical identity."""
        plain = self.role is Role.LABELLED and self.symbology == "code128"
        return f"tag:{self.asset_no}" if plain else f"8004:{COMPANY_PREFIX}{self.giai}"

    @property
    def symbology(self) -> str:
        """Of its printed label."""
        return ("code128", "qr", "datamatrix")[self.index % 3]

    @property
    def label(self) -> str:
        """What its printed label holds: a plain number, a GS1 Digital Link or a GS1 element string."""
        match self.symbology:
            case "code128":
                return self.asset_no
            case "qr":
                return f"https://id.gs1.org/8004/{COMPANY_PREFIX}{self.giai}"
            case _:
                return f"(8004){COMPANY_PREFIX}{self.giai}"

    @property
    def epc(self) -> bytes:
        return encode(from_key(self.key, len(COMPANY_PREFIX)))


@dataclass(frozen=True, slots=True)
class Passage:
    """One truth: `key` crossed the door line at `at_s` (seconds since the world began)."""

    key: str
    direction: str
    at_s: float


NAMES = {
    Role.CROSSER: ("Pallet truck", "Tool trolley", "Welding set", "Compressor", "Test bench", "Cable drum"),
    Role.PARKED: ("Forklift battery", "Scissor lift", "Spare gate motor"),
    Role.STORED: ("Torque wrench", "Laser level", "Oscilloscope", "Thermal camera", "Hydraulic pump", "Drill press"),
    Role.LABELLED: ("Handheld radio", "Tablet", "Gas detector", "Headset", "Barcode printer"),
}
COUNTS = {Role.CROSSER: 12, Role.PARKED: 3, Role.STORED: 6, Role.LABELLED: 10}


def things() -> list[Thing]:
    """Every asset of the site, in a fixed order."""
    made: list[Thing] = []
    for role, count in COUNTS.items():
        for index in range(count):
            number = len(made) + 1
            name = f"{NAMES[role][index % len(NAMES[role])]} {index // len(NAMES[role]) + 1}"
            made.append(Thing(f"SP-{number:04d}", name, role, index, f"{5000 + number}"))
    return made


@dataclass(frozen=True, slots=True)
class World:
    """What happens. With an end, nobody sets out who would not be through the door by then."""

    ends_s: float = math.inf

    def where(self, thing: Thing, at_s: float) -> Place | None:
        """Where the tag of `thing` is, None when it is out of every antenna's reach."""
        match thing.role:
            case Role.CROSSER:
                return self._on_the_way(thing, at_s)
            case Role.PARKED:
                return Place(1.4 + 0.8 * thing.index, 1.6 * (-1) ** thing.index)
            case Role.STORED:
                return Place(41 + 0.3 * thing.index, 0.4 * thing.index - 1) if _in_store(thing, at_s) else None
            case Role.LABELLED:
                return None

    def passages(self, crossers: list[Thing], until_s: float) -> list[Passage]:
        """The crossings that are over by `until_s`, in the order of time."""
        made = [
            Passage(thing.key, direction, start + CROSSING_S / 2)
            for thing in crossers
            for start, direction in self._crossings(thing, 0, until_s)
            if start + CROSSING_S <= until_s
        ]
        return sorted(made, key=lambda passage: passage.at_s)

    def _crossings(self, thing: Thing, since_s: float, until_s: float) -> Iterator[tuple[float, str]]:
        """(start, direction) of those begun since the cycle of `since_s`: even things begin outside, odd ones inside."""
        ways = ("in", "out") if thing.index % 2 == 0 else ("out", "in")
        first_cycle = max(0, int((since_s - STAGGER_S * thing.index - 0.5) // CYCLE_S))
        for leg in itertools.count(2 * first_cycle):
            start = (leg // 2) * CYCLE_S + 0.5 + STAGGER_S * thing.index + (leg % 2) * TURN_AROUND_S
            if start > until_s or start + CROSSING_S > self.ends_s:
                return
            yield start, ways[leg % 2]

    def _on_the_way(self, thing: Thing, at_s: float) -> Place | None:
        for start, direction in self._crossings(thing, at_s, at_s):
            if at_s <= start + CROSSING_S:
                along = -3.5 + 7.0 * (at_s - start) / CROSSING_S
                return Place(along if direction == "in" else -along, 0.3 * (thing.index % 3 - 1))
        return None


def label_shown(labelled: list[Thing], at_s: float) -> Thing | None:
    """The label under the camera at `at_s`: 1.2 s each, 0.4 s of empty belt between two."""
    slot, into = divmod(at_s % CYCLE_S, LABEL_EVERY_S)
    return labelled[int(slot)] if slot < len(labelled) and into < LABEL_FOR_S else None


def labels_shown(labelled: list[Thing], until_s: float) -> list[Thing]:
    """The labels that have been under the camera, whole, by `until_s`."""
    return [thing for thing in labelled if thing.index * LABEL_EVERY_S + LABEL_FOR_S <= until_s]


def _in_store(thing: Thing, at_s: float) -> bool:
    """All but two stay for good; those two are taken out again in every cycle."""
    if thing.index >= 2:
        return at_s >= 0.5 * thing.index
    return 0.5 * thing.index <= at_s % CYCLE_S < 8
