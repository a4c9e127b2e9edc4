"""What a report says: a sentence, a table, and bars that draw its figures. Pages, API, CSV, XLSX and PDF all show this."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final, Literal
from uuid import UUID

Cell = str | int | Decimal | date | None
BARS: Final = 12


@dataclass(frozen=True, slots=True)
class Column:
    key: str
    title: str
    kind: Literal["text", "number", "money", "percent", "day"] = "text"

    @property
    def is_number(self) -> bool:
        return self.kind in ("number", "money", "percent")


@dataclass(frozen=True, slots=True)
class Bar:
    label: str
    value: float
    shown: str


@dataclass(frozen=True, slots=True)
class Answer:
    """`links`: of a list of assets, whose row it is. `left_out`: rows that are not in it. `totals`: a last row, or none."""

    sentence: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    totals: Sequence[Cell] = ()
    links: Sequence[UUID] = ()
    left_out: int = 0
    bars: Sequence[Bar] = ()
    bars_of: str = ""  # what their lengths are
    notes: Sequence[str] = field(default=())


def bars(rows: Sequence[tuple[str, float]], unit: str = "") -> list[Bar]:
    """The largest ones, and the rest in one."""
    ordered = sorted((row for row in rows if row[1] > 0), key=lambda row: -row[1])
    shown = ordered if len(ordered) <= BARS else ordered[: BARS - 1]
    found = [Bar(label, value, f"{value:,.0f}{unit}") for label, value in shown]
    rest = sum(value for _, value in ordered[len(shown) :])
    if rest and unit != " %":
        found.append(Bar(f"{len(ordered) - len(shown)} others", rest, f"{rest:,.0f}{unit}"))
    return found
