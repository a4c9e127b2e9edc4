"""Places out of somebody's scope, on what they do see: shown as `elsewhere`, without name, code or link.

An asset in scope by its home may stand in a building that its viewer knows nothing of, and the other way round. Pages, exports
and the API all pass what they are about to show through here; what is changed are the objects in memory alone.
"""

from collections.abc import Iterable
from typing import Any

from registry.access.actors import Actor
from registry.assets.models import Asset, Location

ELSEWHERE = "elsewhere"


def shown_place(by: Actor, place: Location | None) -> Location | None:
    """The place, or `elsewhere` (a Location without key, code and path) where they may not know it."""
    if place is None or by.sees_place(place.path):
        return place
    return Location(id=None, name=ELSEWHERE, code="", kind=place.kind, path="", depth=1)


def hide_elsewhere(by: Actor, assets: Iterable[Asset]) -> None:
    """Make home and position of these assets, read for being shown (finding.for_rows), such as `by` may see them. They are not
    to be saved afterwards."""
    for asset in assets:
        asset._state.fields_cache["home_location"] = shown_place(by, asset.home_location)
        position: Any = getattr(asset, "position", None)
        if position is not None:
            hide_elsewhere_of(by, position)


def hide_elsewhere_of(by: Actor, row: Any) -> None:
    """The same for one row with `location` and `zone`: a position or a stay. A zone says as much as its place; one that nobody
    has mapped is known to those who see all places, for others the thing is elsewhere."""
    place: Location | None = row.location
    if place is None and row.zone is not None and not by.sees_all_places():
        place = Location(path="/")  # of no tree
    shown = shown_place(by, place)
    if shown is not place:
        row._state.fields_cache |= {"location": shown, "zone": None}
