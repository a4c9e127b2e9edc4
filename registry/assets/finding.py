"""Finding assets: one search, one set of filters (filters.py) and orders (orders.py) for the list, its export, saved views and
the API.

Where an asset is comes from the tracking app, whose position the ORM reaches by its related name; so this stays below it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Lower

from identity.resolve import resolve_text, second_reading
from registry.access.actors import Action, Actor
from registry.among import among, keys_of, keys_of_any
from registry.assets import code_order, filters, scope
from registry.assets.columns import Column, loaded
from registry.assets.filters import SEEN, Criteria, seen
from registry.assets.models import Asset, AssetQuerySet, CustomField, CustomValue, Identifier
from registry.assets.orders import DEFAULT_SORT, NEVER, ORDERS, order_of
from registry.paging import Order, Page, cut

__all__ = [
    "DEFAULT_SORT",
    "MAX_SEARCH_CHARS",
    "NEVER",
    "ORDERS",
    "SEEN",
    "Criteria",
    "Found",
    "carried",
    "find",
    "in_scope",
    "narrow",
    "narrowed",
    "order_of",
    "search",
    "searched",
    "seen",
]

MAX_SEARCH_CHARS: Final = 200
MAX_WORDS: Final = 8
CARRIED: Final = 10_000  # so many keys are a tenth of a second at most
WIDE: Final = 20_000  # so many that a word finds are held against those of the others
FEW: Final = 5_000  # so many are looked at one by one before all are looked through


@dataclass(frozen=True, slots=True)
class Found:
    """What a search leaves in somebody's scope. `keys`: of all of them, if they are few enough to be carried along; then `rows`
    names them by these, so that nothing is searched a second time."""

    rows: AssetQuerySet
    keys: Sequence[str] | None = None

    @property
    def total(self) -> int | None:
        return None if self.keys is None else len(self.keys)


def find(by: Actor, wanted: Criteria) -> AssetQuerySet:
    return narrow(searched(by, wanted.q), wanted)


def narrow(found: AssetQuerySet, wanted: Criteria) -> AssetQuerySet:
    """Everything of `wanted` but its search."""
    return found.filter(filters.condition(wanted))


def narrowed(found: Found, wanted: Criteria) -> Found:
    """The same of what a search has found: what is left of keys that are carried along is carried along."""
    if wanted.without("q") == Criteria():
        return found
    rows = narrow(found.rows, wanted)
    return Found(rows) if found.keys is None else carried(rows)


def searched(by: Actor, text: str) -> AssetQuerySet:
    return search(by, text).rows


def search(by: Actor, text: str) -> Found:
    """By code first: what is exactly one asset's code or number means that asset and nothing that looks alike."""
    found = Asset.objects.visible_to(by)
    text = text.strip()[:MAX_SEARCH_CHARS]
    if not text:
        return Found(found)
    exact = by_code(found, text)
    return carried(exact) if exact is not None else matching(by, text)


def in_scope(by: Actor) -> Found:
    """All that they see, by their keys if those are few enough to be carried along."""
    if by.may_everywhere(Action.VIEW):
        return Found(Asset.objects.all())
    keys = scope.keys(by, CARRIED)
    return Found(Asset.objects.visible_to(by)) if keys is None else Found(_these(keys), keys)


def carried(found: AssetQuerySet) -> Found:
    """The same by their keys, if they are few enough to be carried along from one question to the next."""
    keys = keys_of(found, CARRIED)
    return Found(found) if keys is None else Found(_these(keys), keys)


def by_code(found: AssetQuerySet, text: str) -> AssetQuerySet | None:
    """The assets that bear the code `text` in any of its forms, or have it as number or serial number; None if there is none."""
    keys = [resolve_text(text).key]
    if (second := second_reading(text)) is not None:
        keys.append(second.key)
    for key in keys:
        hit = found.filter(pk__in=list(Identifier.objects.active().filter(key=key).values_list("asset", flat=True)))
        if hit.exists():
            return hit
    return next((rows for rows in _numbered(found, text) if rows.exists()), None)


def numbered(found: AssetQuerySet, text: str) -> Asset | None:
    """The one asset whose number or serial number this is; None also when several have it."""
    for rows in _numbered(found, text.strip()[:MAX_SEARCH_CHARS]):
        if len(some := list(rows[:2])) == 1:
            return some[0]
    return None


def _numbered(found: AssetQuerySet, text: str) -> list[AssetQuerySet]:
    """Those with this number, and those with this serial number, in whatever case."""
    return [found.alias(written=Lower(name)).filter(written=Lower(Value(text))) for name in ("asset_no", "serial_no") if text]


def matching(by: Actor, text: str) -> Found:
    """Every word of `text` stands in the name, the number or the serial number, begins a custom value, or (with a digit in it)
    begins or ends a code of the asset, whatever the code's state.

    Word by word, what is rare first: the keys that each finds by its indexes are held against those of the others, or the word is
    looked for among the few assets that are left."""
    words = sorted(dict.fromkeys(text.split()[:MAX_WORDS]), key=lambda word: (not _coded(word), -len(word)))
    found = Asset.objects.visible_to(by)
    keys = scope.keys(by, CARRIED) if found.query.where else None
    common: list[str] = []
    for word in words:
        hits = _keys_with(word, found, keys)
        if hits is None:
            common.append(word)
        else:
            keys = hits
    if keys is None or len(keys) > CARRIED:
        return Found(_with_each(words, found))
    return carried(_with_each(common, _these(keys))) if common and keys else Found(_these(keys), keys)


def _keys_with(word: str, found: AssetQuerySet, keys: Sequence[str] | None) -> list[str] | None:
    """Of those among `keys`, or in `found` while there are none yet, that have the word; None if it is in too many."""
    if _short(word) or (keys is not None and len(keys) <= FEW):
        return keys_of((found if keys is None else _these(keys)).filter(_each(word)), WIDE) if keys != [] else []
    hits = keys_of_any(_places_of(word), WIDE)
    if hits is None or (keys is None and not found.query.where):
        return hits
    if keys is None:
        return keys_of(found.filter(pk__in=among(hits)), WIDE)
    there = set(hits)
    return [key for key in keys if key in there]


def _with_each(words: Sequence[str], found: AssetQuerySet) -> AssetQuerySet:
    return reduce(lambda rows, word: rows.filter(_each(word)), words, found)


def _these(keys: Sequence[str]) -> AssetQuerySet:
    return Asset.objects.filter(pk__in=among(keys))


def _places_of(word: str) -> list[tuple[QuerySet[Any, Any], str]]:
    """Each place where the word can stand, asked of all assets by its index. An OR would have PostgreSQL read every asset."""
    places: list[tuple[QuerySet[Any, Any], str]] = [(Asset.objects.filter(_written(word)), "pk"), (_saying(word), "asset")]
    return [*places, (Identifier.objects.filter(_in_code(word)), "asset")] if _coded(word) else places


def _each(word: str) -> Q:
    """Asked of each of some assets, or where so many fit that a page is soon full."""
    said = CustomValue.objects.filter(asset=OuterRef("pk"), start__startswith=word.lower())
    of_it = _written(word) | Q(Exists(said))
    return of_it | Q(Exists(Identifier.objects.filter(_in_code(word), asset=OuterRef("pk")))) if _coded(word) else of_it


def _short(word: str) -> bool:
    """Has it no group of three characters, by which PostgreSQL would look it up?"""
    return len(word) < 3 and connection.vendor == "postgresql"


def _coded(word: str) -> bool:
    """Can it be a part of a code? What has no digit is a word; a whole code is found by by_code()."""
    return re.search(r"[0-9:]", word) is not None


def _written(word: str) -> Q:
    return Q(name__icontains=word) | Q(asset_no__icontains=word) | Q(serial_no__icontains=word)


def _in_code(word: str) -> Q:
    coded = Q(key__iendswith=word) | Q(key__istartswith=word) | Q(raw__iexact=word)
    return coded | Q(raw__istartswith=word.upper()) if re.fullmatch(r"[0-9A-F]{8,}", word.upper()) else coded


def _saying(word: str) -> QuerySet[CustomValue, CustomValue]:
    """The values of the company's own fields that begin with the word."""
    low = word.lower()
    values = CustomValue.objects.order_by().filter(start__startswith=low)
    if connection.vendor == "sqlite":  # its LIKE uses no index; its texts sort by their bytes
        fields = list(CustomField.objects.order_by().values_list("pk", flat=True))
        values = values.filter(field__in=fields, start__gte=low, start__lt=f"{low}\U0010ffff")
    return values


def for_rows(found: AssetQuerySet) -> AssetQuerySet:
    """With all that one row of a list shows, in one query."""
    return found.select_related("category", "home_location", "position__location", "position__zone")


def page_of(found: AssetQuerySet, order: Order, cursor: str | None, size: int, columns: Sequence[Column] = ()) -> Page[Asset]:
    """One page with all that its rows and `columns` show. First the keys alone are sorted, then the rows of one page are read:
    whole assets would be carried through the sorting of a hundred thousand. Raises BadCursor."""
    walked = code_order.page(found, order, cursor, size) if order.name == "identifiers" else None
    keys = walked or cut(found.only("pk"), order, cursor, size)
    wanted = [row.pk for row in keys.rows]
    return Page(rows_of(wanted, columns), keys.next, keys.previous)


def rows_of(wanted: Sequence[UUID], columns: Sequence[Column] = ()) -> list[Asset]:
    """These assets in this order, with all that their rows and `columns` show."""
    found = loaded(for_rows(Asset.objects.order_by()), columns).filter(pk__in=wanted)
    if columns and all(column.key != "notes" for column in columns):
        found = found.defer("notes")  # the one that is long
    rows = {row.pk: row for row in found}
    return [rows[pk] for pk in wanted if pk in rows]
