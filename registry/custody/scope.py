"""What the services of custody, bookings and transfers ask alike: which assets are meant, may they, who may it go to."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from registry.access.actors import Action, Actor
from registry.access.models import Person
from registry.assets.models import Asset, Containment, Location
from registry.assets.services import must_be_allowed
from registry.db import hold_rows
from registry.problems import Forbidden, Invalid, NotFound

MOST_ASSETS = 250  # at once: of each the asset, its custody, what is booked of it and the log are written
MOST_MADE = 1_000  # assets of a booking or transfer of an earlier release
DEEPEST_KIT = 5


def hold(
    by: Actor, asset_ids: Sequence[UUID], *, action: Action = Action.HANDLE, field: str = "assets", most: int = MOST_ASSETS
) -> list[Asset]:
    """The assets, held until the transaction ends, if `by` may do this with all of them. Raises Invalid, NotFound, Forbidden."""
    wanted = list(dict.fromkeys(asset_ids))
    if not wanted:
        raise Invalid(f"{field}: choose at least one asset", field=field)
    if len(wanted) > most:
        raise Invalid(f"{field}: {len(wanted):,} at once are too many, {most:,} at most", field=field)
    must_be_allowed(by, action, wanted)
    hold_rows(Asset, wanted)
    found = Asset.objects.in_bulk(wanted)
    if len(found) < len(wanted):
        raise NotFound("one of these assets does not exist any more", field=field)
    return [found[pk] for pk in wanted]


def with_kits(asset_ids: Sequence[UUID]) -> list[UUID]:
    """These assets and what belongs to those of them that are kits, and so on."""
    found = dict.fromkeys(asset_ids)
    layer: Collection[UUID] = list(found)
    for _ in range(DEEPEST_KIT):
        inside = Containment.objects.filter(container__in=layer, to_ts__isnull=True, kind=Containment.Kind.KIT)
        layer = [pk for pk in inside.order_by("id").values_list("asset", flat=True) if pk not in found]
        if not layer:
            break
        found |= dict.fromkeys(layer)
    return list(found)


def person_of(by: Actor, person_id: UUID) -> Person:
    """Somebody who can be given something. People are for those who hand things out. Raises NotFound, Invalid, Forbidden."""
    if not by.may_anywhere(Action.HANDLE):
        raise Forbidden("your role does not allow this")
    person = Person.objects.filter(pk=person_id, erased_at__isnull=True).first()
    if person is None:
        raise NotFound("there is no such person", field="person")
    if not person.active:
        raise Invalid(f"person: {person.name} is not active any more", field="person")
    return person


def place_of(by: Actor, location: Location, action: Action = Action.HANDLE, *, field: str = "location") -> Location:
    """The place, if `by` may do this there. Raises NotFound, Forbidden."""
    fresh: Location | None = Location.objects.visible_to(by, action).filter(pk=location.pk).first()
    if fresh is not None:
        return fresh
    if not Location.objects.visible_to(by).filter(pk=location.pk).exists():
        raise NotFound("there is no such place", field=field)
    raise Forbidden(f"your role does not allow this at {location.name}", field=field)


def in_words(moment: datetime | None) -> str:
    return moment.strftime("%-d %b %Y %H:%M UTC") if moment is not None else "without an end"


def some_names(assets: Collection[Asset]) -> str:
    """`A-000001, A-000002 and 3 more`."""
    numbers = [asset.asset_no for asset in assets]
    more = f" and {len(numbers) - 3} more" if len(numbers) > 3 else ""
    return ", ".join(numbers[:3]) + more
