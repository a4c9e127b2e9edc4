"""Undoing a check-in: what came back is out again, with whoever had it, as if it had not come back.

Only the last check-in of an asset, and only while nobody else has booked it for the time until it is due again."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import F, OuterRef, Subquery
from django.utils import timezone

from registry.access import changes as log
from registry.access.actors import Actor
from registry.access.changes import Changed
from registry.access.models import Change
from registry.assets.models import Asset
from registry.custody.models import Booking, BookingItem, Custody
from registry.custody.scope import hold, in_words
from registry.custody.services import keep_custodian
from registry.problems import Invalid, Problem, Several, Taken

_LOGGED_WITHIN: Final = timedelta(milliseconds=1)  # the log is written after the end of the custody, which may be put later


@transaction.atomic
def undo_check_in(*, by: Actor, asset_ids: Sequence[UUID], request_id: UUID | None = None) -> list[Custody]:
    """Let assets be out again, with who had them until the last check-in; with `request_id` only where that check-in was of this
    request. The condition they had before is theirs again if nobody changed it since; a link to accept it has to be made anew.

    All or none. Raises Invalid, Taken, NotFound, Forbidden, Several."""
    assets = {asset.pk: asset for asset in hold(by, asset_ids)}
    last, logged = _last(assets), _logged(assets)
    problems = list(_problems(assets, last, logged, request_id).values())
    if problems:
        raise problems[0] if len(problems) == 1 else Several(problems)
    now = timezone.now()
    Custody.objects.filter(pk__in=[c.pk for c in last.values()]).update(
        to_at=None, note_in="", condition_in=None, returned_to=None, in_by=None
    )
    for values, same in _by_condition(assets, logged).items():
        keep_custodian({pk: last[pk].person for pk in same}, now, **dict(values))
    _reopen_bookings(last)
    log.record_all(by, [_change(asset, last[pk], logged.get(pk)) for pk, asset in assets.items()])
    for custody in last.values():
        custody.to_at = custody.condition_in = custody.returned_to = custody.in_by = None
        custody.note_in = ""
    return [last[pk] for pk in assets]


def cannot_be_undone(assets: Mapping[UUID, Asset], request_id: UUID | None = None) -> dict[UUID, Problem]:
    """Of these assets the ones whose last check-in (with `request_id`: of that request) cannot be undone, with why."""
    return _problems(assets, _last(assets), _logged(assets), request_id)


def came_back_by(request_id: UUID, asset_ids: Collection[UUID]) -> set[UUID]:
    """Those of the assets that a request took back."""
    rows = Change.objects.of_request(request_id).filter(object_type="asset", action="checked in")
    return {UUID(pk) for pk in rows.filter(object_id__in=[str(pk) for pk in asset_ids]).values_list("object_id", flat=True)}


def _last(assets: Mapping[UUID, Asset]) -> dict[UUID, Custody]:
    newest = Custody.objects.filter(asset=OuterRef("asset")).order_by("-from_at", "-id").values("pk")[:1]
    found = Custody.objects.filter(asset__in=assets, pk=Subquery(newest))
    return {c.asset_id: c for c in found.select_related("asset", "person", "location", "holder", "booking")}


def _logged(assets: Mapping[UUID, Asset]) -> dict[UUID, Change]:
    """What the log says of the last check-in of each."""
    ends = [c.to_at for c in _last(assets).values() if c.to_at is not None]
    if not ends:
        return {}
    rows = Change.objects.filter(object_type="asset", object_id__in=[str(pk) for pk in assets], action="checked in")
    return {UUID(row.object_id): row for row in rows.filter(at__gte=min(ends) - _LOGGED_WITHIN).order_by("at", "id")}


def _problems(
    assets: Mapping[UUID, Asset], last: Mapping[UUID, Custody], logged: Mapping[UUID, Change], request_id: UUID | None
) -> dict[UUID, Problem]:
    found: dict[UUID, Problem] = {}
    for pk, asset in assets.items():
        custody, row = last.get(pk), logged.get(pk)
        if custody is None:
            found[pk] = Invalid(f"assets: {asset.asset_no} was never checked out", field="assets")
        elif custody.to_at is None:
            found[pk] = Taken(f"assets: {asset.asset_no} is checked out", field="assets")
        elif request_id is not None and (row is None or row.request_id != request_id):
            found[pk] = Taken(f"assets: {asset.asset_no} was handed out and taken back again since", field="assets")
        elif asset.status == Asset.Status.DISPOSED:
            found[pk] = Invalid(f"assets: {asset.asset_no} is disposed", field="assets")
        elif custody.person is not None and custody.person.erased_at is not None:
            found[pk] = Invalid(f"assets: who had {asset.asset_no} is not known any more", field="assets")
    return found | _booked({pk: custody for pk, custody in last.items() if pk not in found})


def _booked(last: Mapping[UUID, Custody]) -> dict[UUID, Problem]:
    """What somebody else has booked meanwhile."""
    now = timezone.now()
    starts = {pk: c.booking.from_at if c.booking is not None else now for pk, c in last.items()}
    if not starts:
        return {}
    others = BookingItem.objects.filter(active=True, asset__in=last, to_at__gt=min(starts.values()))
    found: dict[UUID, Problem] = {}
    for item in others.select_related("booking__person").order_by("from_at"):
        custody = last[item.asset_id]
        theirs = item.booking_id == custody.booking_id or item.booking.person_id == custody.person_id
        beside = item.to_at <= starts[item.asset_id] or (custody.due_at is not None and item.from_at >= custody.due_at)
        if not theirs and not beside:
            no, span = custody.asset.asset_no, f"from {in_words(item.from_at)} until {in_words(item.to_at)}"
            text = f"assets: {no} is booked for {item.booking.person} {span} meanwhile"
            found.setdefault(item.asset_id, Taken(text, field="assets"))
    return found


def _by_condition(
    assets: Mapping[UUID, Asset], logged: Mapping[UUID, Change]
) -> Mapping[tuple[tuple[str, Any], ...], list[UUID]]:
    """The assets by what of them goes back to what it was: no more than nothing for most."""
    found: defaultdict[tuple[tuple[str, Any], ...], list[UUID]] = defaultdict(list)
    for pk, asset in assets.items():
        found[tuple(_condition_before(asset, logged.get(pk)).items())].append(pk)
    return found


def _condition_before(asset: Asset, row: Change | None) -> dict[str, Any]:
    """Nothing where the check-in did not change it, or somebody did since."""
    if row is None or asset.condition != row.after.get("condition", asset.condition):
        return {}
    found = {name: row.before[name] for name in ("condition", "condition_on") if name in row.before}
    if found.get("condition_on") is not None:
        found["condition_on"] = date.fromisoformat(found["condition_on"])
    return found


def _reopen_bookings(last: Mapping[UUID, Custody]) -> None:
    """What was handed out for a booking is held by it again."""
    booked: defaultdict[UUID, list[UUID]] = defaultdict(list)
    for pk, custody in last.items():
        if custody.booking_id is not None:
            booked[custody.booking_id].append(pk)
    done = Booking.objects.filter(pk__in=list(booked), state=Booking.State.DONE)
    done.update(state=Booking.State.ACTIVE, version=F("version") + 1)
    for booking_id, assets in booked.items():
        BookingItem.objects.filter(booking=booking_id, asset__in=assets, active=False).update(active=True)


def _change(asset: Asset, custody: Custody, row: Change | None) -> Changed:
    before = _condition_before(asset, row)
    was = {name: getattr(asset, name) for name in before}
    return Changed(asset, "check-in undone", was, {"to": custody.held_by, "due_at": custody.due_at, **before})
