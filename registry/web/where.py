"""Where something is, in words: one way of saying it on every page."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from registry.access.actors import Actor
from registry.assets.elsewhere import hide_elsewhere
from registry.assets.models import Asset, Location
from registry.tracking.models import Position


@dataclass(frozen=True, slots=True)
class Where:
    """`state` is a class of the stylesheet. `inside` names the place around `place`. `away` is the home it is away from."""

    state: str
    words: str
    place: Location | None = None
    inside: str = ""
    zone: str = ""
    away: str = ""
    since: datetime | None = None
    last_seen_at: datetime | None = None


def whereabouts(asset: Asset, around: dict[str, str]) -> Where:
    """`around` is what surroundings() found; the asset was read by finding.for_rows()."""
    position: Position | None = getattr(asset, "position", None)
    if position is None:
        return Where("unknown", "Not seen yet")
    place = position.location
    inside = around.get(place.path[: -place.steplen], "") if place is not None else ""  # nothing is around `elsewhere`
    zone = position.zone.name if position.zone is not None else ""
    if position.state == Position.State.UNKNOWN:
        return Where("unknown", "Left", place, inside, zone, "", position.since, position.last_seen_at)
    if place is None:
        return Where("attention", "In", None, "", zone, "", position.since, position.last_seen_at)
    home = asset.home_location
    known = home is not None and home.path and place.path
    away = home.name if home is not None and known and not place.path.startswith(home.path) else ""
    return Where("good", "In", place, inside, zone, away, position.since, position.last_seen_at)


def surroundings(by: Actor, places: Iterable[Location | None]) -> dict[str, str]:
    """The names of the places around these, by path, in one query; of those that `by` may know."""
    wanted = {place.path[: -place.steplen] for place in places if place is not None and place.path and place.depth > 1}
    return dict(Location.objects.visible_to(by).filter(path__in=wanted).values_list("path", "name")) if wanted else {}


def for_assets(by: Actor, assets: Iterable[Asset]) -> dict[Asset, Where]:
    """Where each of these is, as far as `by` may know it. What they see of the assets themselves is hidden likewise."""
    assets = list(assets)
    hide_elsewhere(by, assets)
    positions: list[Position | None] = [getattr(asset, "position", None) for asset in assets]
    around = surroundings(by, (position.location if position is not None else None for position in positions))
    return {asset: whereabouts(asset, around) for asset in assets}
