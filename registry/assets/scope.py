"""Somebody's scope as Asset.objects.visible_to(), for two cases that have a quicker way.

of_each() asks it of a few rows of other tables that an index has narrowed already, one by one along their keys. keys() gathers it
once for a page that asks much of it.
"""

from typing import Any

from django.db.models import Q, QuerySet

from registry.access.actors import Action, Actor
from registry.among import keys_of
from registry.assets.models import Asset, at_home_below, of_categories_below, standing_at


def of_each(by: Actor, asset: str = "", action: Action = Action.VIEW) -> Q:
    """May `by` do this with the asset that each row names by the path `asset`, or is itself without one?"""
    to = f"{asset}__" if asset else ""
    granted = by.granted(action)
    if any(grant.everywhere for grant in granted):
        return Q()
    scope = Q(pk__in=[])  # no grant sees nothing
    for place, category in {(grant.location_path, grant.category_path) for grant in granted}:
        one = Q()
        if place is not None:
            at_home = Q((f"{to}home_location__path__startswith", place))
            one &= at_home | Q((f"{to}position__location__path__startswith", place))
        if category is not None:
            one &= Q((f"{to}category__path__startswith", category))
        scope |= one
    return scope


def keys(by: Actor, most: int) -> list[str] | None:
    """The keys of all assets that somebody with limits sees, as among() takes them; None if there are more than `most`. They are
    read off the indexes of homes and positions, without a look at the assets themselves, and no further than they are needed."""
    found: dict[str, None] = {}
    for place, category in {(grant.location_path, grant.category_path) for grant in by.granted(Action.VIEW)}:
        for rows, name in _parts(place, category):
            some = keys_of(rows, most, name)
            found |= dict.fromkeys(some or ())
            if some is None or len(found) > most:
                return None
    return list(found)


def _parts(place: str | None, category: str | None) -> list[tuple[QuerySet[Any, Any], str]]:
    """What a grant shows, by index, and what the key is called there: one way for each, as an OR of them has none."""
    kind = Asset.objects.filter(of_categories_below(category)) if category is not None else Asset.objects.all()
    if place is None:
        return [(kind, "pk")]
    at_home = (kind.filter(at_home_below(place)), "pk")
    there = standing_at(place)
    return [at_home, (there, "asset") if category is None else (kind.filter(pk__in=there), "pk")]
