"""The address of the list of assets, understood: what is looked for, which columns, in which order. Page, export, bulk edit and
saved views all read it here, so that they mean the same rows.

What it does not know or cannot be is left out, never an error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from django.http import QueryDict

from registry.access.actors import Actor
from registry.assets import filters, finding
from registry.assets.columns import CUSTOM, Column, columns_of
from registry.assets.filters import FILTERS
from registry.assets.models import AssetQuerySet, CustomField
from registry.assets.orders import sort_of
from registry.paging import Order

DEFAULT_COLUMNS: Final = ("name", "asset_no", "category", "place_name", "last_seen_at", "status")
MOST_COLUMNS: Final = 20
NEWEST_FIRST: Final = ("seen", "since", "created_at", "changed_at")  # the first click on such a head sorts downwards


@dataclass(frozen=True, slots=True)
class Chip:
    name: str
    without: str


@dataclass(frozen=True, slots=True)
class Head:
    title: str
    key: str
    sorted: str
    query: str
    number: bool


class Listing:
    """`usual` are the keys of the columns this person chose last; the address may name others."""

    def __init__(self, by: Actor, given: Mapping[str, str], usual: Sequence[str] = ()) -> None:
        texts = {name: given.get(name, "") for name in given}
        texts["q"] = texts.get("q", "")[: finding.MAX_SEARCH_CHARS]
        self.by = by
        self.criteria, _ = filters.read(by, texts)
        self.q = self.criteria.q
        sort = texts.get("sort", "")
        found = finding.order_of(sort) if sort else None
        self.sort = sort if found is not None else finding.DEFAULT_SORT
        order = found or finding.order_of(finding.DEFAULT_SORT)
        assert order is not None
        self.order: Order = order
        self.cursor = texts.get("cursor") or None
        self._asked = self._known(texts.get("columns", "").split(","))
        self._usual = usual

    @cached_property
    def known(self) -> dict[str, Column]:
        """Every column there is."""
        return columns_of(CustomField.objects.all())

    @cached_property
    def columns(self) -> list[Column]:
        keys = self._asked or self._known(self._usual) or list(DEFAULT_COLUMNS)
        return [self.known[key] for key in keys]

    def _known(self, keys: Sequence[str]) -> list[str]:
        if not any(keys):
            return []
        return [key for key in dict.fromkeys(keys) if key in self.known][:MOST_COLUMNS]

    def found(self) -> AssetQuerySet:
        return finding.find(self.by, self.criteria)

    # ---- addresses of lists beside this one ------------------------------------------------------------------------------------

    @cached_property
    def _plain(self) -> dict[str, str]:
        plain = filters.written(self.criteria)
        if self.sort != finding.DEFAULT_SORT:
            plain["sort"] = self.sort
        if self._asked:
            plain["columns"] = ",".join(self._asked)
        return plain

    @property
    def query(self) -> str:
        return self.with_()

    @property
    def whole(self) -> str:
        """Everything said, also what is usual: what a saved view keeps, and exports are asked with."""
        return self.with_(columns=",".join(column.key for column in self.columns))

    def with_(self, **changed: str | None) -> str:
        """The same list with these changed, from its first page."""
        return _address(self._plain | changed)

    def without(self, name: str) -> str:
        return _address({key: text for key, text in self._plain.items() if key != name and not key.startswith(f"{name}.")})

    @property
    def kept_with_search(self) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self._plain.items() if name != "q"]

    @property
    def plain(self) -> dict[str, str]:
        return dict(self._plain)

    # ---- for people ------------------------------------------------------------------------------------------------------------

    @cached_property
    def chosen(self) -> list[Chip]:
        chips = [Chip(f"“{self.q}”", self.without("q"))] if self.q else []
        for name, one in FILTERS.items():
            value = getattr(self.criteria, name)
            if value is not None:
                chips.append(Chip(one.said(value), self.without(name)))
        for custom in self.criteria.custom:
            chips.append(Chip(filters.custom_said(custom), self.without(f"{CUSTOM}{custom.field.key}")))
        return chips

    @cached_property
    def heads(self) -> list[Head]:
        """The heads of the columns: what a click sorts by, and which one is sorted by now."""
        heads = []
        for column in self.columns:
            name = sort_of(column.key)
            now = self.sort.removeprefix("-") == name
            first = f"-{name}" if name in NEWEST_FIRST else name
            other = name if self.sort.startswith("-") else f"-{name}"
            direction = ("descending" if self.sort.startswith("-") else "ascending") if now else ""
            number = column.kind == "amount" or column.type in ("number", "integer")
            heads.append(Head(column.title, column.key, direction, self.with_(sort=other if now else first), number))
        return heads


def _address(plain: Mapping[str, Any]) -> str:
    query = QueryDict(mutable=True)
    for name, value in plain.items():
        if value is not None:
            query[name] = value
    return f"?{query.urlencode()}" if query else "?"
