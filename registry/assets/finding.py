"""Finding assets: the same filters and orders for the list, its export and the API.

Where an asset is comes from the tracking app, whose position the ORM reaches by its related name; so this stays below it.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import F, Q, TextField, Value
from django.db.models.fields import DateTimeField
from django.db.models.functions import Coalesce, Lower
from django.utils import timezone

from identity.resolve import resolve_text, second_reading
from registry.access.actors import Actor
from registry.assets.models import Asset, AssetQuerySet, Category, CustomValue, Identifier, Location
from registry.paging import Order

NEVER = datetime(1, 1, 2, tzinfo=UTC)  # sorts before every sighting; a day in, so that no zone makes it year 0
MAX_SEARCH_CHARS = 200

SEEN: dict[str, str] = {
    "hour": "in the last hour",
    "day": "in the last day",
    "week": "in the last week",
    "older": "not for a week",
    "never": "never",
}
_SEEN_WITHIN = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}

_text = TextField()
ORDERS: dict[str, Order] = {
    "name": Order("name", Lower("name")),
    "number": Order("number", Lower("asset_no")),
    "category": Order("category", Coalesce(Lower("category__name"), Value(""), output_field=_text)),
    "place": Order("place", Coalesce(Lower("position__location__name"), Value(""), output_field=_text)),
    "seen": Order("seen", Coalesce("position__last_seen_at", Value(NEVER), output_field=DateTimeField()), "time"),
    "status": Order("status", F("status")),
}
DEFAULT_SORT = "name"


def order_of(sort: str) -> Order | None:
    """`name`, or `-name` for the other way round; None for an order we do not have."""
    order = ORDERS.get(sort.removeprefix("-"))
    return order.reversed() if order is not None and sort.startswith("-") else order


@dataclass(frozen=True, slots=True)
class Criteria:
    """What is looked for. Unset means: not filtered by it. A category or place means it and everything inside it."""

    q: str = ""
    category: Category | None = None
    place: Location | None = None
    status: str | None = None
    seen: str | None = None


def find(by: Actor, wanted: Criteria) -> AssetQuerySet:
    return narrow(searched(by, wanted.q), wanted)


def searched(by: Actor, text: str) -> AssetQuerySet:
    """By code first: what is exactly one asset's code or number means that asset and nothing that looks alike."""
    found = Asset.objects.visible_to(by)
    text = text.strip()[:MAX_SEARCH_CHARS]
    if not text:
        return found
    exact = by_code(found, text)
    return exact if exact is not None else matching(found, text)


def matching(found: AssetQuerySet, text: str) -> AssetQuerySet:
    """Every word of `text` stands in the name, the number or the serial number, begins a custom value, or begins or ends a code
    of the asset, whatever the code's state."""
    for word in text.split()[:8]:
        bare = word.upper()
        coded = Q(key__iendswith=word) | Q(key__istartswith=word) | Q(raw__iexact=word)
        if re.fullmatch(r"[0-9A-F]{8,}", bare):
            coded |= Q(raw__istartswith=bare)
        owners = Identifier.objects.filter(coded).values("asset")
        said = CustomValue.objects.order_by().filter(start__startswith=word.casefold()).values("asset")
        named = Q(name__icontains=word) | Q(asset_no__icontains=word) | Q(serial_no__icontains=word)
        found = found.filter(named | Q(pk__in=owners) | Q(pk__in=said))
    return found


def narrow(found: AssetQuerySet, wanted: Criteria) -> AssetQuerySet:
    """Everything of `wanted` but its search."""
    if wanted.category is not None:
        found = found.in_category(wanted.category)
    if wanted.place is not None:
        found = found.filter(position__location__path__startswith=wanted.place.path)
    if wanted.status is not None:
        found = found.filter(status=wanted.status)
    if wanted.seen is not None:
        found = found.filter(seen(wanted.seen))
    return found


def by_code(found: AssetQuerySet, text: str) -> AssetQuerySet | None:
    """The assets that bear the code `text` in any of its forms, or have it as number; None if there is none."""
    keys = [resolve_text(text).key]
    if (second := second_reading(text)) is not None:
        keys.append(second.key)
    for key in keys:
        hit = found.filter(identifiers__key=key, identifiers__state="active")
        if hit.exists():
            return hit
    numbered = found.filter(asset_no__iexact=text)
    return numbered if numbered.exists() else None


def seen(choice: str) -> Q:
    """One of SEEN as a condition on assets."""
    if choice == "never":
        return Q(position__isnull=True)
    if choice == "older":
        return Q(position__last_seen_at__lt=timezone.now() - _SEEN_WITHIN["week"])
    return Q(position__last_seen_at__gte=timezone.now() - _SEEN_WITHIN[choice])


def for_rows(found: AssetQuerySet) -> AssetQuerySet:
    """With all that one row of a list shows, in one query."""
    return found.select_related("category", "home_location", "position__location", "position__zone")
