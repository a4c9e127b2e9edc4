"""Booking assets for a time to come. A request holds nothing; confirming it does, if all of it is free."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.assets.models import Asset
from registry.custody import services
from registry.custody.models import Booking, BookingItem, Custody
from registry.custody.scope import MOST_MADE, hold, in_words, person_of
from registry.custody.services import FURTHEST, CheckedOut
from registry.db import uuid7s
from registry.problems import Invalid, NotFound, Several, Stale, Taken
from registry.texts import line

TITLE_CHARS = 200


@transaction.atomic
def book(
    *,
    by: Actor,
    title: str,
    person_id: UUID,
    asset_ids: Sequence[UUID],
    from_at: datetime,
    to_at: datetime,
    note: str = "",
    confirmed: bool = True,
) -> Booking:
    """Book assets (at most 250) for a person; `confirmed`: hold them at once.

    Raises Invalid, Taken, NotFound, Forbidden, Several."""
    now = timezone.now()
    if to_at <= from_at:
        raise Invalid("to_at: has to be after the beginning", field="to_at")
    if to_at <= now:
        raise Invalid("to_at: lies in the past", field="to_at")
    if to_at > now + FURTHEST:
        raise Invalid("to_at: more than ten years ahead", field="to_at")
    person = person_of(by, person_id)
    assets = hold(by, asset_ids)
    booking = Booking(
        title=line(title, field="title", most=TITLE_CHARS),
        person=person,
        from_at=from_at,
        to_at=to_at,
        note=line(note, field="note", most=1_000, required=False),
        made_by_id=by.user_id,
    )
    booking.save(force_insert=True)
    span: dict[str, Any] = {"booking": booking, "from_at": from_at, "to_at": to_at}
    BookingItem.objects.bulk_create(
        [BookingItem(id=pk, asset=asset, **span) for pk, asset in zip(uuid7s(len(assets)), assets, strict=True)]
    )
    log.record(by, booking, "created", person=person, from_at=from_at, to_at=to_at, assets=assets[:100], count=len(assets))
    if confirmed:
        _hold_time(by, booking, assets)
    return booking


@transaction.atomic
def confirm(*, by: Actor, booking_id: UUID, version: int | None = None) -> Booking:
    """Hold what was requested. Raises Taken when part of it is not free, Invalid, NotFound, Forbidden, Stale."""
    booking, assets = _own(by, booking_id, version)
    if booking.state != Booking.State.REQUESTED:
        raise Invalid(f"{booking.title} is {booking.get_state_display()} already")
    _hold_time(by, booking, assets)
    return booking


@transaction.atomic
def cancel(*, by: Actor, booking_id: UUID, version: int | None = None) -> Booking:
    """Give it up; its assets are free. Raises Invalid, NotFound, Forbidden, Stale."""
    booking, _ = _own(by, booking_id, version)
    if booking.state not in (Booking.State.REQUESTED, Booking.State.CONFIRMED):
        raise Invalid(f"{booking.title} is {booking.get_state_display()}; only what is requested or confirmed can be cancelled")
    booking.items.update(active=False)
    _become(by, booking, Booking.State.CANCELLED, "cancelled")
    return booking


@transaction.atomic
def hand_out(*, by: Actor, booking_id: UUID, version: int | None = None, accept_at: str = "") -> CheckedOut:
    """Check everything of a confirmed booking out to its person, due at its end. Raises what check_out raises, Stale."""
    booking, assets = _own(by, booking_id, version)
    if booking.state != Booking.State.CONFIRMED:
        raise Invalid(f"{booking.title} is {booking.get_state_display()}; only a confirmed booking is handed out")
    out = services.check_out(
        by=by,
        asset_ids=[asset.pk for asset in assets],
        person_id=booking.person_id,
        due_at=booking.to_at,
        note=booking.title,
        booking=booking,
        accept_at=accept_at,
    )
    _become(by, booking, Booking.State.ACTIVE, "handed out")
    return out


def taken(asset_ids: Collection[UUID], start: datetime, end: datetime, *, but: Booking | None = None) -> list[str]:
    """Why these assets are not all free then: one sentence for each that is booked, or out until later."""
    now = timezone.now()
    booked = BookingItem.objects.filter(active=True, asset__in=asset_ids, from_at__lt=end, to_at__gt=start)
    if but is not None:
        booked = booked.exclude(booking=but)
    found = [
        f"{item.asset.asset_no} is booked from {in_words(item.from_at)} until {in_words(item.to_at)}"
        for item in booked.select_related("asset").order_by("from_at")[:100]
    ]
    out = Custody.objects.out().filter(asset__in=asset_ids).select_related("asset")
    out = out.filter(Q(due_at__isnull=True) | Q(due_at__gt=start) | Q(due_at__lte=now) & Q(from_at__lt=end))
    for custody in out.order_by("asset__asset_no")[:100]:
        overdue = custody.due_at is not None and custody.due_at <= now
        if overdue and start > now:
            continue  # it should be back; that it is not is on the list of what is overdue
        until = "it is overdue" if overdue else f"until {in_words(custody.due_at)}" if custody.due_at else "until further notice"
        found.append(f"{custody.asset.asset_no} is checked out, {until}")
    return found


def _hold_time(by: Actor, booking: Booking, assets: Sequence[Asset]) -> None:
    """Make the booking confirmed. Raises Taken or Several with every asset that is not free."""
    reasons = taken([asset.pk for asset in assets], booking.from_at, booking.to_at, but=booking)
    if len(reasons) == 1:
        raise Taken(f"assets: {reasons[0]}", field="assets")
    if reasons:
        raise Several([Taken(f"assets: {reason}", field="assets") for reason in reasons])
    try:
        with transaction.atomic():
            booking.items.update(active=True)
    except IntegrityError:
        raise Taken("assets: one of them was booked by somebody else just now", field="assets") from None
    _become(by, booking, Booking.State.CONFIRMED, "confirmed")


def _own(by: Actor, booking_id: UUID, version: int | None) -> tuple[Booking, list[Asset]]:
    """The booking, held, with its assets, if they may handle all of them."""
    if not Booking.objects.visible_to(by).filter(pk=booking_id).exists():
        raise NotFound("there is no such booking")
    booking = Booking.objects.select_for_update(of=("self",)).select_related("person").get(pk=booking_id)
    if version is not None and version != booking.version:
        raise Stale(f"{booking.title} was changed meanwhile; look at it again")
    assets = hold(by, list(booking.items.values_list("asset", flat=True)), action=Action.HANDLE, most=MOST_MADE)
    return booking, assets


def _become(by: Actor, booking: Booking, state: str, verb: str) -> None:
    before, booking.state = booking.state, state
    Booking.objects.filter(pk=booking.pk).update(state=state, version=F("version") + 1)
    booking.version += 1
    log.record(by, booking, verb, {"state": before}, state=state)
