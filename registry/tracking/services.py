"""What people may do about zones, unknown tags and positions. Each function owns its transaction.

Gateways themselves: gateways.py. Projections are always written through project.py.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.assets.models import Asset, Containment, Identifier, Location
from registry.assets.services import add_identifier, register_asset
from registry.assets.values import one_of
from registry.problems import Forbidden, NotFound, Stale, Taken
from registry.texts import line
from registry.tracking import project
from registry.tracking.models import TEXT_CHARS, Gateway, Position, Quarantine, Stay, UnknownTag, Zone

ROWS_AT_ONCE = 1000  # no transaction writes more
ASSETS_AT_ONCE = 100  # replayed in one transaction


@transaction.atomic
def create_zone(
    *, by: Actor, gateway: Gateway, name: str, kind: str = Zone.Kind.UNKNOWN, location: Location | None = None
) -> Zone:
    """Make a zone known before its gateway speaks of it. Raises Invalid, Taken, Forbidden."""
    _must_map(by, location)
    zone = Zone(
        gateway=gateway,
        name=line(name, field="name", most=TEXT_CHARS),
        kind=one_of(kind, Zone.Kind.values, "kind"),
        location=location,
    )
    try:
        with transaction.atomic():
            zone.save(force_insert=True)
    except IntegrityError:
        raise Taken(f"name: gateway {gateway.pk} has a zone {zone.name!r}", field="name") from None
    log.record(by, zone, "created", gateway=gateway, location=location)
    return zone


def map_zone(*, by: Actor, zone: Zone, location: Location | None) -> Zone:
    """Say which place a zone is (None: none, it is unmapped again). What is there now and what was there before moves to that
    place too: all positions and stays of the zone, in transactions of at most ROWS_AT_ONCE rows. If the process dies between two
    of them the ingest process finishes the work. `zone` is as the caller saw it. Raises NotFound, Forbidden, Stale."""
    _must_map(by, zone.location)
    _must_map(by, location)
    with transaction.atomic():
        project.hold_ingest()  # what is being taken in just now still knows the old place
        own = Zone.objects.filter(pk=zone.pk)
        as_seen = own.filter(location__isnull=True) if zone.location is None else own.filter(location=zone.location)
        if not as_seen.update(location=location, remapping=True):
            if own.exists():
                raise Stale(f"somebody has mapped {zone.name} meanwhile; look at it again")
            raise NotFound("this zone does not exist any more")
        log.record(by, zone, "mapped", {"location": zone.location}, location=location)
        done = _remap_some(zone.pk)
    while not done:
        done = continue_remapping(zone_id=zone.pk)
    zone.refresh_from_db()
    return zone


@transaction.atomic
def continue_remapping(*, zone_id: UUID) -> bool:
    """Give the next rows of a remapped zone their place; return whether that was all."""
    project.hold_ingest()
    return _remap_some(zone_id)


def _remap_some(zone_id: UUID) -> bool:
    location = Zone.objects.values_list("location", flat=True).get(pk=zone_id)
    other = Q(location__isnull=False) if location is None else (Q(location__isnull=True) | ~Q(location=location))
    room = ROWS_AT_ONCE - 1  # the zone itself is one
    room -= _move_rows(Position.objects.filter(other, zone=zone_id), location, room)
    if room > 0:
        room -= _move_rows(Stay.objects.filter(other, zone=zone_id), location, room)
    if room > 0:
        Zone.objects.filter(pk=zone_id).update(remapping=False)
    return room > 0


def _move_rows(rows: QuerySet[Any], location: UUID | None, most: int) -> int:
    some = list(rows.order_by("pk").values_list("pk", flat=True)[:most])
    rows.model._default_manager.filter(pk__in=some).update(location=location)
    return len(some)


@transaction.atomic
def claim_unknown_tag(
    *, by: Actor, identity: str, asset: Asset, kind: str | None = None, valid_from: datetime | None = None
) -> Identifier:
    """Make the asset known by this code, at once with everything told of it so far (or since `valid_from`): its position and
    stays are drawn anew from all its events, and the unknown tag is gone. `identity` is an unknown tag's, or any code as typed.

    Raises Invalid, Taken."""
    project.hold_ingest()
    unknown = UnknownTag.objects.filter(identity=identity).first()
    identifier = add_identifier(
        by=by,
        asset=asset,
        text=unknown.raw if unknown is not None and unknown.raw else identity,
        key=unknown.identity if unknown is not None else None,
        kind=kind or _kind_of(unknown),
        valid_from=valid_from,
        projected=True,
    )
    UnknownTag.objects.filter(identity=identifier.key).delete()
    project.rebuild([asset.pk])
    return identifier


@transaction.atomic
def register_unknown_tag(*, by: Actor, identity: str, **asset: Any) -> Asset:
    """Make a new asset (arguments of assets.services.register_asset) that has this code. Raises Invalid, Taken."""
    registered = register_asset(by=by, **asset)
    claim_unknown_tag(by=by, identity=identity, asset=registered)
    return registered


def forget_unknown_tag(*, by: Actor, identity: str) -> None:
    """Take it off the list; the next event of it puts it there again. Raises NotFound, Forbidden."""
    if not by.may_anywhere(Action.HANDLE):
        raise Forbidden("your role does not allow this")
    if not UnknownTag.objects.filter(pk__in=UnknownTag.objects.visible_to(by).filter(identity=identity).values("pk")).delete()[0]:
        raise NotFound(f"there is no unknown tag {identity}")


@transaction.atomic
def project_changed_identifiers(*, most: int = ASSETS_AT_ONCE) -> int:
    """Draw the positions of assets anew whose identifiers were added or retired, or that were put into a container or taken out;
    return for how many of these changes that was done."""
    if not (Identifier.objects.filter(projected=False).exists() or Containment.objects.filter(projected=False).exists()):
        return 0
    project.hold_ingest()
    moved = list(Containment.objects.filter(projected=False).order_by("id").select_for_update(of=("self",))[:most])
    changed = list(Identifier.objects.filter(projected=False).order_by("id").select_for_update(of=("self",))[:most])
    active = [i.key for i in changed if i.state == Identifier.State.ACTIVE]
    UnknownTag.objects.filter(identity__in=active).delete()
    project.rebuild({i.asset_id for i in changed} | {c.asset_id for c in moved})
    Identifier.objects.filter(pk__in=[i.pk for i in changed]).update(projected=True)
    Containment.objects.filter(pk__in=[c.pk for c in moved]).update(projected=True)
    return len(changed) + len(moved)


def rebuild_projections() -> int:
    """Draw the positions and stays of all assets anew from their events, some assets per transaction; return how many."""
    done = 0
    last: UUID | None = None
    while True:
        with transaction.atomic():
            project.hold_ingest()
            known = Asset.objects.filter(Q(identifiers__isnull=False) | Q(position__isnull=False))
            some = list(
                known.filter(Q(pk__gt=last) if last else Q())
                .order_by("pk")
                .values_list("pk", flat=True)
                .distinct()[:ASSETS_AT_ONCE]
            )
            project.rebuild(some)
        if not some:
            return done
        done, last = done + len(some), some[-1]


def continue_some_remapping() -> bool:
    """Do one more transaction of what a process that died left of map_zone; return whether there was something to do."""
    zone_id = Zone.objects.filter(remapping=True).values_list("pk", flat=True).first()
    if zone_id is not None:
        continue_remapping(zone_id=zone_id)
    return zone_id is not None


def trim_unknown_tags(*, most: int) -> int:
    """Forget the unknown tags unseen for longest beyond `most`; return how many, at most ROWS_AT_ONCE."""
    return _trim(UnknownTag.objects.order_by("last_seen"), most)


def trim_quarantine(*, most: int) -> int:
    """Forget the oldest refused records beyond `most`; return how many, at most ROWS_AT_ONCE."""
    return _trim(Quarantine.objects.order_by("id"), most)


def _trim(oldest_first: QuerySet[Any], most: int) -> int:
    surplus = min(oldest_first.model._default_manager.count() - most, ROWS_AT_ONCE)
    if surplus <= 0:
        return 0
    some = list(oldest_first.values_list("pk", flat=True)[:surplus])
    return int(oldest_first.model._default_manager.filter(pk__in=some).delete()[0])


def _must_map(by: Actor, location: Location | None) -> None:
    """Mapping moves everything of a zone: for those who may edit the place, or everywhere without one. Raises Forbidden."""
    if not by.may(Action.EDIT, location_paths=[location.path if location is not None else None], category_path=None):
        raise Forbidden("your role does not allow mapping zones to or from this place")


def _kind_of(unknown: UnknownTag | None) -> str | None:
    if unknown is None:
        return None
    return Identifier.Kind.BARCODE if unknown.symbology else Identifier.Kind.EPC
