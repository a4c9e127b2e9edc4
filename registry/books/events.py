"""What happens to an asset in a book after it went into service. Append-only: taking one back is an event too.

None of them touches a row that ended before it. A transfer to another place, person or cost centre changes no row at all, so
there is none here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from registry.books.money import ZERO
from registry.books.terms import Rules
from registry.problems import Invalid


@dataclass(frozen=True, slots=True)
class Addition:
    """`amount` is added to the cost, `extend_months` to the life. A capitalised repair is one too."""

    on: date
    amount: Decimal
    extend_months: int = 0


@dataclass(frozen=True, slots=True)
class LifeChange:
    """The whole life is now `life_months`, counted from its beginning; or `units_left` units are still expected."""

    on: date
    life_months: int | None = None
    units_left: Decimal | None = None


@dataclass(frozen=True, slots=True)
class SalvageChange:
    on: date
    salvage: Decimal


@dataclass(frozen=True, slots=True)
class MethodChange:
    on: date
    rules: Rules


@dataclass(frozen=True, slots=True)
class Impairment:
    """At the end of `on` no more than `recoverable` can be got from the asset."""

    on: date
    recoverable: Decimal


@dataclass(frozen=True, slots=True)
class Reversal:
    """At the end of `on` an impaired asset is worth `recoverable` again; at most what it would be without impairments."""

    on: date
    recoverable: Decimal


@dataclass(frozen=True, slots=True)
class Revaluation:
    """At the end of `on` the asset is worth `fair_value`: that is its cost from now on, and nothing of it is depreciated yet."""

    on: date
    fair_value: Decimal


@dataclass(frozen=True, slots=True)
class Split:
    """`share` of the asset becomes another one, from the period on that `on` lies in.

    `side` says which of the two this schedule is. Both go on from the same events before it; remainder cents stay with the
    parent.
    """

    on: date
    share: Fraction
    side: Literal["parent", "child"]


@dataclass(frozen=True, slots=True)
class Disposal:
    """Sold, scrapped, stolen or given away on `on`, for `proceeds` less `costs`."""

    on: date
    kind: Literal["sale", "scrap", "theft", "donation"] = "sale"
    proceeds: Decimal = ZERO
    costs: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Cancel:
    """Take the event at `index` of the same list back. A disposal cancelled is a reinstatement."""

    index: int


Change = Addition | LifeChange | SalvageChange | MethodChange | Impairment | Reversal | Revaluation | Split | Disposal
Event = Change | Cancel


def standing(events: Sequence[Event]) -> list[Change]:
    """The events that have not been cancelled. Raises Invalid for a cancel of what is not there or is cancelled already."""
    cancelled: set[int] = set()
    for index, event in enumerate(events):
        if isinstance(event, Cancel):
            meant = events[event.index] if 0 <= event.index < index else None
            if meant is None or isinstance(meant, Cancel) or event.index in cancelled:
                raise Invalid("cancels: there is no such event, or it is cancelled already", field="cancels")
            cancelled.add(event.index)
    return [event for index, event in enumerate(events) if not isinstance(event, Cancel) and index not in cancelled]


def check_new(event: Event, events: Sequence[Event], locked_until: date | None) -> None:
    """Raise Invalid if `event` would change rows on or before `locked_until`. `events` are those that are there already."""
    meant = events[event.index] if isinstance(event, Cancel) and 0 <= event.index < len(events) else event
    day = None if isinstance(meant, Cancel) else meant.on
    if day is not None and locked_until is not None and day <= locked_until:
        raise Invalid(f"on: the periods until {locked_until} are locked; a later day is allowed, not {day}", field="on")
    standing([*events, event])
