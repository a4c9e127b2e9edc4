"""What is or was at a place and everything inside it, as far as somebody may see the assets."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, Count, Q, QuerySet, Value, When
from django.db.models.fields import CharField
from django.utils import timezone

from registry.access.actors import Action, Actor
from registry.assets.models import Asset, AssetQuerySet, Location
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


def compared(by: Actor, place: Location) -> Compared:
    """Four querysets without an order."""
    assets = Asset.objects.visible_to(by).order_by()
    home = Q(home_location__path__startswith=place.path)
    present = Q(position__state=Position.State.PRESENT)
    inside = Q(position__location__path__startswith=place.path)
    return Compared(
        here=assets.filter(home, present, inside),
        elsewhere=assets.filter(home, present).exclude(inside),
        unknown=assets.filter(home).filter(Q(position__isnull=True) | Q(position__state=Position.State.UNKNOWN)),
        guests=assets.filter(present, inside).filter(Q(home_location__isnull=True) | ~home),
    )


def at(by: Actor, place: Location, moment: datetime) -> QuerySet[Stay]:
    """The stays that held at that moment there, of assets in scope."""
    stays = Stay.objects.at(moment).within(place).order_by()
    if not by.may_everywhere(Action.VIEW):
        stays = stays.filter(asset__in=Asset.objects.visible_to(by))
    return stays.select_related("asset", "location", "zone")


def ages_by_place(by: Actor, place: Location) -> dict[str, Counter[str]]:
    """By path of the places in it: how many assets are right there, by the age of their last sighting. One query."""
    now = timezone.now()
    age = Case(
        *(When(last_seen_at__gt=now - limit, then=Value(name)) for limit, name in LIMITS),
        default=Value(WEEKS),
        output_field=CharField(),
    )
    positions = Position.objects.within(place).filter(state=Position.State.PRESENT, asset__in=Asset.objects.visible_to(by))
    found: dict[str, Counter[str]] = {}
    for path, name, number in positions.order_by().values_list("location__path", age).annotate(number=Count("pk")):
        found.setdefault(path, Counter())[name] += number
    return found
