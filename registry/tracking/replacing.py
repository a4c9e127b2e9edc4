"""A gateway takes another one's place: new machine, new name and credentials, the same zones and readers.

What the old one told stays, and so does where its zones are. The new one gets zones and read points of the same names at the same
places, so that nobody maps anything twice. What the old one's card still holds comes in through the new one (`sightpost outbox
import`): records that the old one had delivered itself are known again, by their ids.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import transaction

from registry.access import changes as log
from registry.access.actors import Actor
from registry.problems import Invalid, NotFound, Taken
from registry.tracking.gateways import revoke_gateway
from registry.tracking.models import Gateway, ReadPoint, Zone
from registry.tracking.services import map_zone

ROWS_AT_ONCE = 1000  # no transaction writes more


@dataclass(frozen=True, slots=True)
class Replaced:
    """How many zones the new gateway got or had mapped, how many were mapped elsewhere already and stay, and its read points."""

    zones: int
    left_alone: int
    read_points: int


def replace_gateway(*, by: Actor, old_id: str, new_id: str) -> Replaced:
    """Let the gateway `new_id` take the place of `old_id`, which is revoked. Done again it goes on where it was interrupted.

    Raises NotFound, Invalid, Taken, Forbidden."""
    made, to_map, left = _take_over(by, old_id, new_id)
    for zone, old in to_map:
        map_zone(by=by, zone=zone, location=old.location)
    return Replaced(made + len(to_map), left, sum(_read_points(old_id, new_id)))


@transaction.atomic
def _take_over(by: Actor, old_id: str, new_id: str) -> tuple[int, list[tuple[Zone, Zone]], int]:
    """Return how many zones were made, which are to be mapped as which, and how many are mapped otherwise."""
    both = {g.pk: g for g in Gateway.objects.select_for_update().filter(pk__in=[old_id, new_id]).order_by("pk")}
    for gateway_id in (old_id, new_id):
        if gateway_id not in both:
            raise NotFound(f"there is no gateway {gateway_id!r}", field="id")
    old, new = both[old_id], both[new_id]
    if new.revoked_at is not None or new.pk in old.generations():
        raise Invalid(f"{new.pk} cannot take the place of {old.pk}: it is revoked, the same, or was replaced by it", field="id")
    if new.replaces_id not in (None, old.pk):
        raise Taken(f"{new.pk} has taken the place of {new.replaces_id} already", field="id")
    if (other := Gateway.objects.filter(replaces=old).exclude(pk=new.pk).first()) is not None:
        raise Taken(f"{old.pk} was replaced by {other.pk} already", field="id")
    revoke_gateway(by=by, gateway_id=old.pk)
    if new.replaces_id is None:
        new.replaces = old
        new.save(update_fields=["replaces"])
        log.record(by, new, "replaces", replaces=old)
    there = {zone.name: zone for zone in Zone.objects.valid().filter(gateway=new).select_related("location")}
    made, to_map, left = [], [], 0
    for zone in Zone.objects.valid().filter(gateway=old).select_related("location"):
        own = there.get(zone.name)
        if own is None:
            made.append(Zone(gateway=new, name=zone.name, kind=zone.kind, location=zone.location))
        elif own.location is None and zone.location is not None:
            to_map.append((own, zone))
        else:
            left += own.location != zone.location
    Zone.objects.bulk_create(made)
    return len(made), to_map, left


def _read_points(old_id: str, new_id: str) -> Iterator[int]:
    """Make those that the new gateway lacks; yield how many per transaction."""
    while True:
        with transaction.atomic():
            there = ReadPoint.objects.filter(gateway=new_id).values("name")
            missing = ReadPoint.objects.filter(gateway=old_id).exclude(name__in=there).order_by("name")
            some = list(missing.values_list("name", "zone__name")[:ROWS_AT_ONCE])
            if not some:
                return
            zones = dict(Zone.objects.valid().filter(gateway=new_id).values_list("name", "pk"))
            ReadPoint.objects.bulk_create(
                [ReadPoint(gateway_id=new_id, name=name, zone_id=zones.get(zone)) for name, zone in some], ignore_conflicts=True
            )
        yield len(some)
