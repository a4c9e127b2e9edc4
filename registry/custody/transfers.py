"""Moving assets from one place to another: asked for, sent off, confirmed where each of them arrives."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from registry.access import changes as log
from registry.access.actors import Action, Actor, system
from registry.access.changes import Changed
from registry.assets import services as assets_services
from registry.assets.models import Asset, Location, Numbering
from registry.custody.models import Transfer, TransferItem
from registry.custody.scope import MOST_ASSETS, MOST_MADE, hold, place_of, some_names
from registry.custody.services import FURTHEST
from registry.db import insert, update, uuid7s
from registry.problems import Invalid, NotFound, Stale, Taken
from registry.texts import line
from registry.tracking.models import LocationEvent, Position

SERIES: Final = "transfer"
LOOKED_AT_ONCE: Final = 250  # items under way that confirm_arrivals() looks at in one transaction
OPEN: Final = (TransferItem.State.REQUESTED, TransferItem.State.IN_TRANSIT)
Arrived = tuple[TransferItem, str, datetime, UUID | None]  # confirmed by what, when, by which event


@transaction.atomic
def request(
    *,
    by: Actor,
    asset_ids: Sequence[UUID],
    from_location: Location,
    to_location: Location,
    due_at: datetime | None = None,
    note: str = "",
    new_home: bool = True,
) -> Transfer:
    """Ask for assets (at most 250) to be sent from one place to another. Raises Invalid, Taken, NotFound, Forbidden."""
    start = place_of(by, from_location, Action.VIEW, field="from_location")
    end = place_of(by, to_location, field="to_location")
    if start.pk == end.pk:
        raise Invalid("to_location: is where they are sent from", field="to_location")
    if due_at is not None and not timezone.now() < due_at < timezone.now() + FURTHEST:
        raise Invalid("due_at: lies in the past, or more than ten years ahead", field="due_at")
    assets = hold(by, asset_ids)
    if under_way := on_another(assets):
        raise Taken(f"assets: {some_names(under_way)}: on another transfer already", field="assets")
    transfer = Transfer(
        number=_next_number(),
        from_location=start,
        to_location=end,
        due_at=due_at,
        new_home=new_home,
        note=line(note, field="note", most=1_000, required=False),
        requested_by_id=by.user_id,
    )
    transfer.save(force_insert=True)
    log.record(by, transfer, "created", to=end, due_at=due_at, count=len(assets), **{"from": start})
    _put_on(by, transfer, assets)
    return transfer


@transaction.atomic
def add(*, by: Actor, transfer_id: UUID, asset_ids: Sequence[UUID]) -> Transfer:
    """Put more assets on a transfer that is only asked for yet. Raises Invalid, Taken, NotFound, Forbidden."""
    if not Transfer.objects.visible_to(by).filter(pk=transfer_id).exists():
        raise NotFound("there is no such transfer")
    transfer = _locked(transfer_id)
    place_of(by, transfer.to_location, field="to_location")
    if transfer.state != Transfer.State.REQUESTED:
        raise Invalid(f"{transfer.number} is {transfer.get_state_display()} already")
    assets = hold(by, asset_ids)
    if under_way := on_another(assets):
        raise Taken(f"assets: {some_names(under_way)}: on another transfer already", field="assets")
    if transfer.items.count() + len(assets) > MOST_ASSETS:
        raise Invalid(f"assets: more than {MOST_ASSETS:,} on one transfer", field="assets")
    _put_on(by, transfer, assets)
    return transfer


def on_another(assets: Collection[Asset]) -> list[Asset]:
    """Those of the assets that are on a transfer which is not over."""
    return [item.asset for item in TransferItem.objects.filter(asset__in=assets, state__in=OPEN).select_related("asset")]


def _put_on(by: Actor, transfer: Transfer, assets: Sequence[Asset]) -> None:
    ids = uuid7s(len(assets))
    rows = [(pk, transfer.pk, asset.pk, TransferItem.State.REQUESTED, "") for pk, asset in zip(ids, assets, strict=True)]
    insert(TransferItem, ("id", "transfer", "asset", "state", "confirmed_by"), rows)
    after = {"transfer": transfer, "to": transfer.to_location}
    log.record_all(by, [Changed(asset, "transfer requested", {}, after) for asset in assets])


@transaction.atomic
def dispatch(*, by: Actor, transfer_id: UUID, version: int | None = None) -> Transfer:
    """Send it off: for those who may edit at both ends. Raises Invalid, NotFound, Forbidden, Stale."""
    transfer, assets = _own(by, transfer_id, version, Action.EDIT)
    place_of(by, transfer.to_location, Action.EDIT, field="to_location")
    if transfer.state != Transfer.State.REQUESTED:
        raise Invalid(f"{transfer.number} is {transfer.get_state_display()} already")
    now = timezone.now()
    transfer.items.filter(state=TransferItem.State.REQUESTED).update(state=TransferItem.State.IN_TRANSIT)
    _become(by, transfer, Transfer.State.IN_TRANSIT, "dispatched", dispatched_at=now)
    log.record_all(by, [Changed(a, "sent off", {}, {"transfer": transfer, "to": transfer.to_location}) for a in assets])
    return transfer


@transaction.atomic
def refuse(*, by: Actor, transfer_id: UUID, version: int | None = None) -> Transfer:
    """Say no to a request: for those who could have sent it off. Raises Invalid, NotFound, Forbidden, Stale."""
    transfer, _ = _own(by, transfer_id, version, Action.EDIT)
    if transfer.state != Transfer.State.REQUESTED:
        raise Invalid(f"{transfer.number} is {transfer.get_state_display()}; only a request can be refused")
    return _end(by, transfer, Transfer.State.REFUSED, "refused")


@transaction.atomic
def cancel(*, by: Actor, transfer_id: UUID, version: int | None = None) -> Transfer:
    """Call it off; what has arrived stays where it is. Raises Invalid, NotFound, Forbidden, Stale."""
    transfer, _ = _own(by, transfer_id, version, Action.HANDLE)
    if transfer.state not in (Transfer.State.REQUESTED, Transfer.State.IN_TRANSIT):
        raise Invalid(f"{transfer.number} is {transfer.get_state_display()}; only what is under way can be cancelled")
    return _end(by, transfer, Transfer.State.CANCELLED, "cancelled")


@transaction.atomic
def confirm_by_hand(*, by: Actor, transfer_id: UUID, item_ids: Collection[UUID]) -> Transfer:
    """Say of items that they have arrived: for those who may handle at the destination, and see the asset (of others a read or
    scan there tells). Raises Invalid, NotFound, Forbidden."""
    if not Transfer.objects.visible_to(by).filter(pk=transfer_id).exists():
        raise NotFound("there is no such transfer")
    transfer = _locked(transfer_id)
    place_of(by, transfer.to_location, field="to_location")
    if transfer.state != Transfer.State.IN_TRANSIT:
        raise Invalid(f"{transfer.number} is {transfer.get_state_display()}, not on its way")
    under_way = transfer.items.filter(pk__in=item_ids, state=TransferItem.State.IN_TRANSIT)
    chosen = list(under_way.filter(asset__in=Asset.objects.visible_to(by)).select_related("asset"))
    if not chosen:
        raise Invalid("items: choose at least one that is still on its way", field="items")
    now = timezone.now()
    _arrive(by, transfer, [(item, TransferItem.Confirmed.HAND, now, None) for item in chosen])
    return transfer


def confirm_arrivals(*, after: UUID | None = None) -> int:
    """Look whether what is under way was read or scanned at its destination since it was sent off; return how many were. Called
    every second: one query while nothing was seen, and one transaction per transfer that something arrived for."""
    under_way = TransferItem.objects.filter(
        state=TransferItem.State.IN_TRANSIT, asset__position__last_seen_at__gt=F("transfer__dispatched_at")
    )
    seen = under_way.order_by("-asset__position__last_seen_at").values_list("pk", "transfer")[:LOOKED_AT_ONCE]
    by_transfer: defaultdict[UUID, list[UUID]] = defaultdict(list)
    for item_id, transfer_id in seen:
        by_transfer[transfer_id].append(item_id)
    return sum(_confirm_seen(transfer_id, item_ids) for transfer_id, item_ids in sorted(by_transfer.items()))


def _confirm_seen(transfer_id: UUID, item_ids: Collection[UUID]) -> int:
    """Looks without holding anything, for what it finds stays true; then writes, where it still counts."""
    transfer = Transfer.objects.select_related("to_location").get(pk=transfer_id)
    if transfer.state != Transfer.State.IN_TRANSIT:
        return 0
    items = transfer.items.filter(pk__in=item_ids, state=TransferItem.State.IN_TRANSIT)
    arrived: list[Arrived] = []
    for item in items.select_related("asset__position__location", "asset__position__last_event").prefetch_related(
        "asset__identifiers"
    ):
        event = _seen_at(item.asset, transfer)
        if event is not None:
            arrived.append((item, _confirmed_by(event), event.happened_at, event.pk))
    return _confirm(transfer_id, arrived) if arrived else 0


@transaction.atomic
def _confirm(transfer_id: UUID, seen: Sequence[Arrived]) -> int:
    transfer = _locked(transfer_id)
    on_the_way = set(transfer.items.filter(state=TransferItem.State.IN_TRANSIT).values_list("pk", flat=True))
    arrived = [one for one in seen if one[0].pk in on_the_way]
    if arrived:
        _arrive(system("work", "Sightpost"), transfer, arrived)
    return len(arrived)


def _seen_at(asset: Asset, transfer: Transfer) -> LocationEvent | None:
    """What shows that the asset is or was at the destination since it was sent off: an event of its own, or the position that the
    container it lies in gave it."""
    path = transfer.to_location.path
    assert transfer.dispatched_at is not None  # of what is in transit
    told = LocationEvent.objects.of_asset(asset).filter(happened_at__gt=transfer.dispatched_at)
    told = told.exclude(kind=LocationEvent.Kind.DEPARTED).exclude(direction=LocationEvent.Direction.OUT)
    places = ("zone_to__location__path", "location__path")
    there = reduce(or_, (Q(**{f"{place}__startswith": path}) for place in places))
    first = told.filter(there).order_by("happened_at", "event_id").first()
    if first is not None:
        return first
    position: Position | None = getattr(asset, "position", None)
    if position is None or position.location is None or position.state != Position.State.PRESENT:
        return None
    since = position.since
    if since is None or since <= transfer.dispatched_at or not position.location.path.startswith(path):
        return None
    return position.last_event


def _confirmed_by(event: LocationEvent) -> str:
    is_read = event.source == LocationEvent.Source.GATEWAY and not event.deliberate
    return TransferItem.Confirmed.READ if is_read else TransferItem.Confirmed.SCAN


def _arrive(by: Actor, transfer: Transfer, arrived: Sequence[Arrived]) -> None:
    rows = [(item.pk, TransferItem.State.ARRIVED, at, confirmed_by, event_id) for item, confirmed_by, at, event_id in arrived]
    update(TransferItem, ("state", "arrived_at", "confirmed_by", "event"), rows, key="id")
    assets = [item.asset for item, *_ in arrived]
    after: dict[str, object] = {"transfer": transfer, "at": transfer.to_location}
    if transfer.new_home:
        Asset.objects.filter(pk__in=[asset.pk for asset in assets]).update(
            home_location=transfer.to_location, version=F("version") + 1, changed_at=timezone.now()
        )
        after["home_location"] = transfer.to_location
    log.record_all(by, [Changed(asset, "arrived", {}, after) for asset in assets])
    if not transfer.items.filter(state=TransferItem.State.IN_TRANSIT).exists():
        _become(by, transfer, Transfer.State.ARRIVED, "arrived", arrived_at=max(at for _, _, at, _ in arrived))


def _end(by: Actor, transfer: Transfer, state: str, verb: str) -> Transfer:
    transfer.items.filter(state__in=OPEN).update(state=TransferItem.State.DROPPED)
    _become(by, transfer, state, verb)
    return transfer


def _become(by: Actor, transfer: Transfer, state: str, verb: str, **values: datetime) -> None:
    before, transfer.state = transfer.state, state
    for name, value in values.items():
        setattr(transfer, name, value)
    Transfer.objects.filter(pk=transfer.pk).update(state=state, version=F("version") + 1, **values)
    transfer.version += 1
    log.record(by, transfer, verb, {"state": before}, state=state)


def _own(by: Actor, transfer_id: UUID, version: int | None, action: Action) -> tuple[Transfer, list[Asset]]:
    if not Transfer.objects.visible_to(by).filter(pk=transfer_id).exists():
        raise NotFound("there is no such transfer")
    transfer = _locked(transfer_id)
    if version is not None and version != transfer.version:
        raise Stale(f"{transfer.number} was changed meanwhile; look at it again")
    assets = hold(by, list(transfer.items.values_list("asset", flat=True)), action=action, most=MOST_MADE)
    return transfer, assets


def _locked(transfer_id: UUID) -> Transfer:
    found = Transfer.objects.select_for_update(of=("self",)).select_related("from_location", "to_location")
    return found.get(pk=transfer_id)


def _next_number() -> str:
    """Of a series of its own; whoever asks meanwhile waits for our transaction."""
    numbering = assets_services.hold(SERIES)
    Numbering.objects.filter(pk=numbering.pk).update(last=numbering.last + 1)
    return f"T-{numbering.last + 1:06d}"
