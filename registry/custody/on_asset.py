"""What the page of one asset says of custody, bookings and transfers: now, next, and as entries of its timeline."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils import timezone

from registry.access.actors import Action, Actor
from registry.assets.models import Asset
from registry.custody.models import BookingItem, Custody, TransferItem

MOST_NEXT = 5


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an asset's timeline. `state` is a class of the stylesheet, `url` leads to more, or is empty."""

    at: datetime
    text: str
    note: str = ""
    state: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class OnAsset:
    """The context of custody/_asset.html."""

    custody: Custody | None
    held_by: str
    overdue: bool
    bookings: Sequence[BookingItem]
    transfer: TransferItem | None
    may_handle: bool


def of_asset(by: Actor, asset: Asset) -> OnAsset:
    """Three queries and one for the right."""
    now = timezone.now()
    custody = Custody.objects.out().filter(asset=asset).select_related("person", "location", "holder").first()
    booked = BookingItem.objects.filter(asset=asset, active=True, to_at__gt=now).select_related("booking__person")
    transfer = (
        TransferItem.objects.filter(asset=asset, state__in=("requested", "in_transit"))
        .select_related("transfer__from_location", "transfer__to_location")
        .first()
    )
    return OnAsset(
        custody,
        holder_name(by, custody) if custody is not None else "",
        custody is not None and custody.is_overdue(now),
        list(booked.order_by("from_at")[:MOST_NEXT]),
        transfer,
        by.may_everywhere(Action.HANDLE) or Asset.objects.visible_to(by, Action.HANDLE).filter(pk=asset.pk).exists(),
    )


def holder_name(by: Actor, custody: Custody) -> str:
    """Who has it; a place out of their scope is `elsewhere`, another asset out of it is not named either."""
    if custody.location is not None:
        return custody.location.name if by.sees_place(custody.location.path) else "elsewhere"
    if custody.holder is not None:
        seen = by.may_everywhere(Action.VIEW) or Asset.objects.visible_to(by).filter(pk=custody.holder.pk).exists()
        return str(custody.holder) if seen else "another asset"
    return str(custody.person)


def entries(by: Actor, asset: Asset, *, before: datetime | None = None, most: int = 40) -> list[Entry]:
    """What happened with the asset, newest first: the `most` entries before that moment."""
    limit = before or datetime.max.replace(tzinfo=timezone.now().tzinfo)
    found: list[Entry] = []
    held = Custody.objects.filter(asset=asset, from_at__lt=limit).select_related("person", "location", "holder")
    for c in held.order_by("-from_at")[:most]:
        name = holder_name(by, c)
        found.append(Entry(c.from_at, f"Checked out to {name}", c.note))
        if c.accepted_at is not None and c.accepted_at < limit:
            found.append(
                Entry(c.accepted_at, f"Accepted by {c.accepted_as}", "with a signature" if c.signature_id else "", "good")
            )
        if c.to_at is not None and c.to_at < limit:
            late = c.due_at is not None and c.to_at > c.due_at
            found.append(Entry(c.to_at, f"Back from {name}", c.note_in, "attention" if late else "good"))
    for b in (
        BookingItem.objects.filter(asset=asset, booking__created_at__lt=limit)
        .select_related("booking__person")
        .order_by("-id")[:most]
    ):
        text = f"Booked for {b.booking.person}: {b.booking.title}"
        found.append(
            Entry(b.booking.created_at, text, str(b.booking.get_state_display()), url=reverse("booking", args=[b.booking_id]))
        )
    moved = TransferItem.objects.filter(asset=asset, transfer__created_at__lt=limit).select_related("transfer__to_location")
    for t in moved.order_by("-id")[:most]:
        place = t.transfer.to_location
        name = place.name if by.sees_place(place.path) else "elsewhere"
        url = reverse("transfer", args=[t.transfer_id])
        if t.transfer.dispatched_at is not None and t.transfer.dispatched_at < limit:
            found.append(Entry(t.transfer.dispatched_at, f"Sent off to {name}", t.transfer.number, "waiting", url))
        if t.arrived_at is not None and t.arrived_at < limit:
            found.append(Entry(t.arrived_at, f"Arrived at {name}", f"confirmed by {t.get_confirmed_by_display()}", "good", url))
    return sorted(found, key=lambda entry: entry.at, reverse=True)[:most]
