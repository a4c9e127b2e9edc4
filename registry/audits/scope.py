"""Which assets an audit is about."""

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Final

from django.db.models import Q

from registry.assets.models import Asset, Category, Location
from registry.assets.models.assets import AssetQuerySet
from registry.audits.models import Campaign

KINDS: Final = (Asset.Kind.PHYSICAL, Asset.Kind.VEHICLE, Asset.Kind.REAL_ESTATE)  # consumables are counted as stock
LEFT_OUT: Final = ("planned", "disposed")


def expected_assets(campaign: Campaign) -> AssetQuerySet:
    """What it would expect if it opened now: things we own and should have, at home at one of its places (without a home: being
    there), of one of its categories, with one of its people."""
    items = list(campaign.scope.select_related("location", "category"))
    places = [item.location.path for item in items if item.location is not None]
    categories = [item.category.path for item in items if item.category is not None]
    people = [item.person_id for item in items if item.person_id is not None]
    found = Asset.objects.order_by().filter(kind__in=KINDS).exclude(status__in=LEFT_OUT)
    if places:
        below = Location.objects.order_by().filter(_below(places)).values("pk")
        found = found.filter(Q(home_location__in=below) | Q(home_location__isnull=True, position__location__in=below))
    if categories:
        found = found.filter(category__in=Category.objects.order_by().filter(_below(categories)).values("pk"))
    if people:
        found = found.filter(custodian__in=people)
    return found


def _below(paths: Iterable[str]) -> Q:
    return reduce(or_, (Q(path__startswith=path) for path in paths))
