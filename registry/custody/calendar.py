"""The grid of the calendar: assets down, days across, and in each row which days are taken by what. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Taken:
    """Something that takes an asset from `start` until `end`. `state` is a class of the stylesheet, `word` says it."""

    start: datetime
    end: datetime
    title: str
    word: str
    state: str
    url: str


@dataclass(frozen=True, slots=True)
class Cell:
    """`days` days on end that are taken by the same things, from `first`; one free day without any."""

    first: date
    days: int
    taken: tuple[Taken, ...]


def days_of(view: str, day: datetime) -> tuple[datetime, int]:
    """The first day and the number of days of the week or month that has this day (at midnight, in whatever time zone: days
    in which clocks change are days of it like all others)."""
    if view == "month":
        first = day.replace(day=1)
        return first, ((first + 32 * DAY).replace(day=1) - first).days
    return day - day.weekday() * DAY, 7


def row(taken: Sequence[Taken], first: datetime, days: int) -> list[Cell]:
    """The cells of one asset. Days next to each other with the same things become one cell."""
    cells: list[Cell] = []
    for n in range(days):
        start = first + n * DAY
        here = tuple(one for one in taken if one.start < start + DAY and one.end > start)
        if here and cells and cells[-1].taken == here:
            cells[-1] = Cell(cells[-1].first, cells[-1].days + 1, here)
        else:
            cells.append(Cell(start.date(), 1, here))
    return cells
