"""What is or was at a place and everything inside it, as far as somebody may see the assets."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, Count, Exists, OuterRef, Q, QuerySet, Value, When
from django.db.models.fields import CharField
from django.utils import timezone

from registry.access.actors import Actor
from registry.assets.models import Asset, AssetQuerySet, Location
from registry.assets.scope import of_each
from registry.tracking.ages import DAYS, HOURS, LIMITS, MINUTES, WEEKS
from registry.tracking.models import Position, Stay

AGES = (MINUTES, HOURS, DAYS, WEEKS)  # newest first


@dataclass(frozen=True, slots=True)
class Compared:
    """What belongs to a place against what is there. `here`: both; `elsewhere`: belongs here, is at another place; `unknown`:
    belongs here, left or never seen; `guests`: is here, belongs to another place or none."""

    here: AssetQuerySet
    elsewhere: AssetQuerySet
    unknown: AssetQuerySet
    guests: AssetQuerySet


def of_known_places(by: Actor) -> AssetQuerySet:
    """The assets in scope, to be narrowed to what stands or is at home at a place that `by` may know of; so nobody who is
    limited by places alone is asked for their scope again. In no order."""
    return Asset.objects.order_by() if by.sees_all_kinds() else Asset.objects.visible_to(by).order_by()


def is_inside(place: Location) -> Exists:
    """Is an asset at this place or one inside it, now or last? Asked of each: PostgreSQL plans badly for what is not IN."""
    return Exists(Location.objects.within(place).order_by().filter(pk=OuterRef("position__location")))


def compared(by: Actor, place: Location) -> Compared:
    """Four querysets without an order."""
    assets = of_known_places(by)
    rooms = Location.objects.within(place).order_by().values("pk")
    home, inside = Q(home_location__in=rooms), Q(position__location__in=rooms)
    belongs_inside = Exists(Location.objects.within(place).order_by().filter(pk=OuterRef("home_location")))
    present = Q(position__state=Position.State.PRESENT)
    return Compared(
        here=assets.filter(belongs_inside, present, inside),  # with both as IN, SQLite tries every place for every asset
        elsewhere=assets.filter(~is_inside(place), home, present),
        unknown=assets.filter(home).filter(Q(position__isnull=True) | Q(position__state=Position.State.UNKNOWN)),
        guests=assets.filter(~belongs_inside, present, inside),
    )


def at(by: Actor, place: Location, moment: datetime) -> QuerySet[Stay]:
    """The stays that held at that moment there, of assets in scope."""
    rooms = Location.objects.within(place).order_by().values("pk")
    return Stay.objects.at(moment).filter(of_each(by, "asset"), location__in=rooms).order_by()


def shown() -> QuerySet[Stay]:
    """Stays with what a row of them shows."""
    return Stay.objects.select_related("asset", "location", "zone").order_by()


def ages_by_place(by: Actor, place: Location) -> dict[str, Counter[str]]:
    """By path of the places in it: how many assets are right there, by the age of their last sighting."""
    now = timezone.now()
    age = Case(
        *(When(last_seen_at__gt=now - limit, then=Value(name)) for limit, name in LIMITS),
        default=Value(WEEKS),
        output_field=CharField(),
    )
    rooms = dict(Location.objects.within(place).order_by().values_list("pk", "path"))
    positions = Position.objects.at_places_of(by).present().filter(location__in=Location.objects.within(place).values("pk"))
    found: dict[str, Counter[str]] = {}
    for pk, name, number in positions.order_by().values_list("location", age).annotate(number=Count("pk")):
        if pk in rooms:  # else made since
            found.setdefault(rooms[pk], Counter())[name] += number
    return found
