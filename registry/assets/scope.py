"""Somebody's scope asked of a few rows, one by one: along their keys, instead of gathering every asset in scope first.

As Asset.objects.visible_to(), for rows of other tables that an index has narrowed already.
"""

from django.db.models import Q

from registry.access.actors import Action, Actor


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
