"""Lists in pages by key: where the last page ended, not how many rows to skip, so page 1,000 costs what page 1 costs.

The order is one never-null expression and the primary key. Pages and API use the same cursor.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Generic, Literal, TypeVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import CharField, F, FilteredRelation, Q
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast

MAX_PAGE = 200
MAX_CURSOR_CHARS = 1500  # a name of 255 characters outside ASCII, escaped twice
MAX_PLACE = 1_000_000
FOREIGN = "the cursor is not one of ours; start again without it"

Row = TypeVar("Row", bound=models.Model)
Item = TypeVar("Item")


class BadCursor(ValueError):
    """The cursor is not one of ours, or belongs to another order of the list."""


@dataclass(frozen=True, slots=True)
class Order:
    """`expression` must never be null. `name` stands in the cursor, so that a cursor of another order is refused. What the
    expression calls `sorted_by` is a `relation` with a condition: one row at most for each of those that are sorted."""

    name: str
    expression: Combinable
    kind: Literal["text", "time", "day", "number"] = "text"
    descending: bool = False
    relation: tuple[str, Q] | None = None

    def reversed(self) -> "Order":
        return replace(self, descending=not self.descending)

    def keyed(self, rows: Any) -> Any:
        """The rows with their `sort_key`."""
        if self.relation is not None:
            path, condition = self.relation
            rows = rows.annotate(sorted_by=FilteredRelation(path, condition=condition))
        return rows.annotate(sort_key=self.expression)


OLDEST_FIRST = Order("id", Cast(F("id"), CharField()))  # of short lists: no index serves it


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    rows: list[Item]
    next: str | None
    previous: str | None


def cut(queryset: models.QuerySet[Row], order: Order, cursor: str | None, size: int) -> Page[Row]:
    """Return the page that `cursor` points to, the first one without it. Raises BadCursor."""
    size = max(1, min(size, MAX_PAGE))
    backward, mark = standing(cursor, order, queryset.model)
    descending = order.descending != backward
    found = order.keyed(queryset)
    if mark is not None:
        value, key = mark
        further = {"sort_key__lt": value} if descending else {"sort_key__gt": value}
        beside = {"pk__lt": key} if descending else {"pk__gt": key}
        # Said twice for the database: the first half alone lets it start in the index.
        up_to = {"sort_key__lte": value} if descending else {"sort_key__gte": value}
        found = found.filter(Q(**further) | Q(sort_key=value, **beside), **up_to)
    sign = "-" if descending else ""
    rows = list(found.order_by(f"{sign}sort_key", f"{sign}pk")[: size + 1])
    more = len(rows) > size
    rows = rows[:size]
    if backward:
        rows.reverse()
    has_next, has_previous = (mark is not None, more) if backward else (more, mark is not None)
    return Page(
        rows,
        next=_pack(order, rows[-1], backward=False) if rows and has_next else None,
        previous=_pack(order, rows[0], backward=True) if rows and has_previous else None,
    )


def standing(cursor: str | None, order: Order, model: type[models.Model]) -> tuple[bool, tuple[Any, Any] | None]:
    """Does the cursor go backward, and from where: (sort key, primary key); without one from the beginning. Raises BadCursor."""
    return _unpack(cursor, order, model) if cursor else (False, None)


def cut_by_key(
    found: models.QuerySet[Row], shown: models.QuerySet[Row], order: Order, cursor: str | None, size: int
) -> Page[Row]:
    """The same where a row shows much: the keys alone of `found` are sorted, then the rows of one page read out of `shown`.
    Raises BadCursor."""
    keys = cut(found.only("pk"), order, cursor, size)
    wanted = [row.pk for row in keys.rows]
    rows = {row.pk: row for row in shown.filter(pk__in=wanted)}
    return Page([rows[pk] for pk in wanted if pk in rows], keys.next, keys.previous)


def cut_sorted(rows: Sequence[Item], key: Callable[[Item], str], cursor: str | None, size: int) -> Page[Item]:
    """The same of rows in an order that the database does not know, all of them at hand: the page goes on behind the row that the
    cursor names, wherever that stands by now; where it is gone, from where it stood. Raises BadCursor."""
    size = max(1, min(size, MAX_PAGE))
    first, last = 0, size
    if cursor:
        backward, name, stood = _unpack_place(cursor)
        place = next((at for at, row in enumerate(rows) if key(row) == name), stood if backward else stood - 1)
        first, last = (max(0, place - size), place) if backward else (place + 1, place + 1 + size)
    shown = list(rows[first:last])
    return Page(
        shown,
        next=_pack_place(key(shown[-1]), last - 1, backward=False) if shown and last < len(rows) else None,
        previous=_pack_place(key(shown[0]), first, backward=True) if shown and first else None,
    )


def _pack_place(name: str, stood: int, *, backward: bool) -> str:
    return _encoded([backward, name, stood])


def _unpack_place(cursor: str) -> tuple[bool, str, int]:
    mark = _decoded(cursor)
    if [type(part) for part in mark] != [bool, str, int]:
        raise BadCursor(FOREIGN)
    backward, name, stood = mark
    return backward, name, max(0, min(stood, MAX_PLACE))


def _encoded(mark: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(mark, separators=(",", ":"), ensure_ascii=False).encode()).decode().rstrip("=")


def _decoded(cursor: str) -> list[Any]:
    """Raises BadCursor."""
    if len(cursor) > MAX_CURSOR_CHARS:
        raise BadCursor("the cursor is too long to be ours")
    try:
        mark = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error, RecursionError) as exc:
        raise BadCursor(FOREIGN) from exc
    if not isinstance(mark, list):
        raise BadCursor(FOREIGN)
    return mark


def _pack(order: Order, row: models.Model, *, backward: bool) -> str:
    value = row.sort_key  # type: ignore[attr-defined]  # annotated in cut()
    plain = value.isoformat() if isinstance(value, date) else value  # a datetime is one too
    return _encoded([order.name, order.descending, backward, plain, str(row.pk)])


def _unpack(cursor: str, order: Order, model: type[models.Model]) -> tuple[bool, tuple[object, object]]:
    mark = _decoded(cursor)
    try:
        name, descending, backward, plain, key = mark
        if (name, descending) != (order.name, order.descending):
            raise BadCursor("the cursor belongs to another order of this list")
        return bool(backward), (_value(order.kind, plain), model._meta.pk.to_python(key))
    except (ValueError, TypeError, AttributeError, ValidationError) as exc:
        if isinstance(exc, BadCursor):
            raise
        raise BadCursor(FOREIGN) from exc


def _value(kind: str, plain: object) -> object:
    if kind == "time":
        moment = datetime.fromisoformat(str(plain))
        if moment.tzinfo is None:
            raise ValueError("a time without zone")
        return moment
    if kind == "day":
        return date.fromisoformat(str(plain))
    if not isinstance(plain, str if kind == "text" else int):
        raise ValueError("a value of another kind")
    return plain
