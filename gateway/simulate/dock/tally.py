"""What was told, held against what was true: counts that add up over shifts."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import NamedTuple

from gateway.simulate.dock.shift import Carried, Shift

LATE_NS = 3_000_000_000  # after its session's end a pallet's tag has to be told
SESSION_GAP_NS = 2_000_000_000
PALLET_FROM = 21  # tags


class Said(NamedTuple):
    """A passage that somebody told: `way` is +1 in, -1 out, 0 unknown; `at_ns` when it was told."""

    door: str
    way: int
    at_ns: int


class Heard(NamedTuple):
    """How often, and when last, a door heard a tag."""

    reads: int
    last_ns: int


@dataclass(slots=True)
class Tally:
    """One rule's account. Every share is of tags: a pallet of 200 counts 200 times."""

    carried: Counter[str] = field(default_factory=Counter)  # by behaviour: tags that were carried so
    decided: Counter[str] = field(default_factory=Counter)  # passages told with a direction
    right: Counter[str] = field(default_factory=Counter)
    read: Counter[str] = field(default_factory=Counter)  # tags that crossed and were read at their door at all
    undecided: Counter[str] = field(default_factory=Counter)  # of these: told as unknown, or not told
    untold: Counter[str] = field(default_factory=Counter)  # of these: not told
    crossed: Counter[str] = field(default_factory=Counter)  # tags that crossed
    on_pallets: int = 0  # tags of pallets that crossed and were read at all
    on_pallets_told: int = 0  # of these: told in time
    false_passages: int = 0  # of parked and stored tags
    false_moves: int = 0
    false_departures: int = 0
    parked_hours: float = 0.0
    still_hours: float = 0.0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(**{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(self)})


def count(
    shift: Shift,
    said: dict[int, list[Said]],
    heard: dict[tuple[int, str], Heard],
    moves: Iterable[int] = (),
    departures: Iterable[int] = (),
) -> Tally:
    """Hold what was told of each tag (by its number) against the truth. `moves` and `departures`: tags they were told of."""
    tally = Tally(parked_hours=shift.parked_hours, still_hours=shift.still_hours)
    for carrier in shift.carried:
        for tag in range(carrier.first, carrier.first + carrier.count):
            _count_carried(tally, carrier, said.get(tag, ()), heard.get((tag, _door(carrier))))
    still = shift.parked.first  # parked and stored tags come last
    tally.false_passages = sum(len(told) for tag, told in said.items() if tag >= still)
    tally.false_moves = sum(1 for tag in moves if tag >= still)
    tally.false_departures = sum(1 for tag in departures if tag >= still)
    return tally


def _count_carried(tally: Tally, carrier: Carried, said: Sequence[Said], heard: Heard | None) -> None:
    """The first direction told at the right door is the answer; whatever else is told is wrong."""
    behaviour = carrier.way.behaviour.value
    tally.carried[behaviour] += 1
    decided = [told for told in said if told.way]
    here = [told for told in decided if told.door == _door(carrier)]
    tally.decided[behaviour] += len(decided)
    crossed = carrier.way.crossed
    if crossed:
        tally.crossed[behaviour] += 1
        tally.right[behaviour] += bool(here and here[0].way == crossed)
        if heard is not None:
            tally.read[behaviour] += 1
            tally.undecided[behaviour] += not here
            tally.untold[behaviour] += not said
    if crossed and heard is not None and carrier.count >= PALLET_FROM:
        tally.on_pallets += 1
        tally.on_pallets_told += bool(said) and min(told.at_ns for told in said) <= heard.last_ns + SESSION_GAP_NS + LATE_NS


def _door(carrier: Carried) -> str:
    return f"door-{carrier.way.door + 1}"
