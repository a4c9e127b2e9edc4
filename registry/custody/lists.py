"""What the lists of custody, bookings and transfers show: one set of questions for pages and API."""

from datetime import datetime
from typing import Final

from django.db.models import Q, QuerySet

from registry.access.actors import Actor
from registry.custody.models import Custody, Transfer

CLOSED: Final = ("arrived", "cancelled", "refused")
MAX_SEARCH_CHARS: Final = 100


def custodies(by: Actor, show: str, *, q: str = "", now: datetime) -> QuerySet[Custody]:
    """`show`: out, overdue, back; or mine, what one has oneself, whatever the scope. `q` stands in a name of either, or is
    the asset's number. In no order."""
    seen = Custody.objects.visible_to(by)
    match show:
        case "mine":
            found = Custody.objects.filter(person__user=by.user_id).out() if by.user_id else Custody.objects.none()
        case "overdue":
            found = seen.overdue(now)
        case "back":
            found = seen.filter(to_at__isnull=False)
        case _:
            found = seen.out()
    if text := q.replace("\0", "").strip()[:MAX_SEARCH_CHARS]:
        named = Q(asset__name__icontains=text) | Q(asset__asset_no__iexact=text) | Q(person__name__icontains=text)
        found = found.filter(named)
    return found.select_related("asset", "person", "location", "holder", "returned_to").order_by()


def transfers(by: Actor, show: str | None, *, now: datetime) -> QuerySet[Transfer]:
    """`show`: open, way (what is on it), overdue, closed; all without. In no order."""
    seen = Transfer.objects.visible_to(by).select_related("from_location", "to_location").order_by()
    match show:
        case "open":
            return seen.open()
        case "way":
            return seen.on_the_way()
        case "overdue":
            return seen.overdue(now)
        case "closed":
            return seen.filter(state__in=CLOSED)
    return seen
