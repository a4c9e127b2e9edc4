"""What may be done with agreements: make, change, cover assets, give seats, keep papers. Each is one transaction and is logged.

EDIT with all that an agreement covers is asked for, or EDIT without limits for one that covers nothing. The end of a warranty
stands on its assets too (`warranty_until`): that is the day that lists, filters and reports go by, and it follows the agreement.
"""

import calendar
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, BinaryIO, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from registry.access import changes as log
from registry.access.actors import Action, Actor, system
from registry.access.models import Person
from registry.assets import files, values
from registry.assets.lifespan import months_later
from registry.assets.models import NAME_CHARS, Asset
from registry.assets.services import must_be_allowed
from registry.care.checks import all_checked, whole
from registry.care.models import Agreement, AgreementAsset, Paper, Seat
from registry.care.models.agreements import MOST_LEAD, TERM_CHARS
from registry.problems import Forbidden, Invalid, NotFound, Stale, Taken
from registry.texts import block, line

MOST_COVERED: Final = 400  # of each the asset, the cover and the log are written
MOST_SEATS: Final = 1_000_000
MOST_PAPERS: Final = 100
MOST_LEADS: Final = 8
RENEWED_AT_ONCE: Final = 200


@transaction.atomic
def make(*, by: Actor, asset_ids: Sequence[UUID] = (), **given: Any) -> Agreement:
    """An agreement about these assets. `given` are fields of CHECKS; `name` and `kind` are needed.
    Raises Invalid, Several, NotFound, Forbidden."""
    wanted = _wanted(asset_ids)
    _must_edit(by, wanted)
    chosen = all_checked({"name": "", "kind": ""} | given, CHECKS)
    agreement = Agreement(**chosen)
    _settle(agreement)
    agreement.save(force_insert=True)
    log.record(by, agreement, "created", **{name: value for name, value in chosen.items() if value not in (None, "")})
    if wanted:
        _cover(by, agreement, wanted)
    return agreement


@transaction.atomic
def change(*, by: Actor, agreement_id: UUID, version: int, changes: Mapping[str, Any]) -> Agreement:
    """Raises Invalid, Several, Stale, NotFound, Forbidden."""
    agreement = _held(by, agreement_id)
    if agreement.version != version:
        raise Stale("somebody changed this agreement meanwhile; look at it again, then decide")
    chosen = all_checked(changes, CHECKS)
    before = {name: getattr(agreement, name) for name in chosen}
    ended = agreement.ends_on
    for name, value in chosen.items():
        setattr(agreement, name, value)
    if "ends_on" in chosen:
        agreement.ends_day = None
    _settle(agreement)
    if agreement.seats is not None and agreement.seats < (used := agreement.seats_used.filter(to_at__isnull=True).count()):
        raise Invalid(f"seats: {used} are in use; free some first", field="seats")
    agreement.version += 1
    agreement.save()
    log.record(by, agreement, "changed", before, **chosen)
    _tell_warranty(by, agreement, list(agreement.covered.values_list("asset", flat=True)), ended=ended)
    return agreement


@transaction.atomic
def delete(*, by: Actor, agreement_id: UUID) -> None:
    """For one that was a mistake: with its seats and papers. The log keeps that it was there. Raises NotFound, Forbidden."""
    agreement = _held(by, agreement_id)
    kept = [paper.file for paper in agreement.papers.select_related("file")]
    log.record(by, agreement, "deleted", {"kind": agreement.kind, "ends_on": agreement.ends_on, "number": agreement.number})
    agreement.delete()
    for stored in kept:
        files.let_go(stored)


@transaction.atomic
def cover(*, by: Actor, agreement_id: UUID, asset_ids: Sequence[UUID]) -> Agreement:
    """Raises Invalid, NotFound, Forbidden."""
    agreement, wanted = _held(by, agreement_id), _wanted(asset_ids)
    must_be_allowed(by, Action.EDIT, wanted)
    _cover(by, agreement, wanted)
    return agreement


@transaction.atomic
def uncover(*, by: Actor, agreement_id: UUID, asset_id: UUID) -> Agreement:
    """The asset's day of warranty stays: it may stand on paper of its own. Raises NotFound, Forbidden, Invalid."""
    agreement = _held(by, agreement_id)
    must_be_allowed(by, Action.EDIT, [asset_id])
    found = agreement.covered.filter(asset=asset_id).select_related("asset").first()
    if found is None:
        raise NotFound("the agreement does not cover this asset")
    if not by.may_everywhere(Action.EDIT) and agreement.covered.count() == 1:
        raise Invalid("asset: it is the last one; an agreement about nothing is for somebody without limits", field="asset")
    found.delete()
    log.record(by, agreement, "changed", {"assets": [found.asset]}, assets=[])
    return agreement


@transaction.atomic
def give_seat(
    *, by: Actor, agreement_id: UUID, person_id: UUID | None = None, asset_id: UUID | None = None, note: str = ""
) -> Seat:
    """To a person, or to the asset it is installed on. Raises Invalid, Taken, NotFound, Forbidden."""
    agreement = _held(by, agreement_id)
    if (person_id is None) == (asset_id is None):
        raise Invalid("person: name the person or the asset that uses it", field="person")
    person = asset = None
    if person_id is not None:
        person = Person.objects.filter(pk=person_id, erased_at__isnull=True).first() if by.may_anywhere(Action.HANDLE) else None
        if person is None:
            raise NotFound("there is no such person", field="person")
    elif asset_id is not None:
        asset = Asset.objects.visible_to(by).filter(pk=asset_id).first()
        if asset is None:
            raise NotFound("there is no such asset", field="asset")
    used = agreement.seats_used.filter(to_at__isnull=True).count()
    if agreement.seats is not None and used >= agreement.seats:
        raise Invalid(f"seats: all {agreement.seats} are in use; free one, or say that there are more", field="seats")
    try:
        with transaction.atomic():
            seat = Seat.objects.create(
                agreement=agreement, person=person, asset=asset, note=line(note, field="note", most=200, required=False)
            )
    except IntegrityError:
        raise Taken(f"{'person' if person else 'asset'}: has a seat already", field="person" if person else "asset") from None
    log.record(by, agreement, "seat given", seat=person or asset)
    return seat


@transaction.atomic
def free_seat(*, by: Actor, agreement_id: UUID, seat_id: UUID) -> Seat:
    """Raises NotFound, Forbidden."""
    agreement = _held(by, agreement_id)
    seat = agreement.seats_used.filter(pk=seat_id, to_at__isnull=True).select_related("person", "asset").first()
    if seat is None:
        raise NotFound("this seat is not in use")
    seat.to_at = timezone.now()
    seat.save(update_fields=["to_at"])
    log.record(by, agreement, "seat freed", {"seat": seat.person or seat.asset})
    return seat


def add_paper(*, by: Actor, agreement_id: UUID, file: BinaryIO, name: str) -> Paper:
    """Raises Invalid, NotFound, Forbidden."""
    with transaction.atomic():
        _held(by, agreement_id)
    stored, shown = files.keep(file, name)
    with transaction.atomic():
        agreement = _held(by, agreement_id)
        if agreement.papers.count() >= MOST_PAPERS:
            raise Invalid(f"file: {MOST_PAPERS} papers are here already; delete one first", field="file")
        paper = Paper.objects.create(agreement=agreement, file=stored, name=shown, added_by_id=by.user_id)
        log.record(by, agreement, "file added", file=shown, size=stored.size)
    return paper


@transaction.atomic
def remove_paper(*, by: Actor, paper: Paper) -> None:
    """Raises NotFound, Forbidden."""
    agreement, stored = _held(by, paper.agreement_id), paper.file
    log.record(by, agreement, "file deleted", {"file": paper.name, "sha256": stored.sha256})
    paper.delete()
    files.let_go(stored)


def visible(by: Actor, agreement_id: UUID) -> Agreement:
    """Raises NotFound."""
    found = Agreement.objects.visible_to(by).select_related("vendor").filter(pk=agreement_id).first()
    if found is None:
        raise NotFound("there is no such agreement")
    return found


def may_change(by: Actor, agreement: Agreement) -> bool:
    """With all that it covers."""
    if by.may_everywhere(Action.EDIT):
        return True
    covered = agreement.covered.values("asset")
    allowed = Asset.objects.visible_to(by, Action.EDIT).filter(pk__in=covered).count()
    return 0 < allowed == covered.count()


def go_on() -> int:
    """Give those that have renewed themselves their next end; return how many. Due every hour."""
    return _go_on(timezone.localdate())


@transaction.atomic
def _go_on(today: date) -> int:
    over = Agreement.objects.select_for_update().filter(auto_renew=True, cancelled_on__isnull=True, ends_on__lt=today)
    by = system()
    some = list(over.order_by("pk")[:RENEWED_AT_ONCE])
    for agreement in some:
        ended = agreement.ends_on
        while agreement.ends_on is not None and agreement.ends_on < today:
            agreement.ends_on = _later(agreement.ends_on, agreement.renew_months or 1, agreement.ends_day)
        _settle(agreement)
        agreement.version += 1
        agreement.save(update_fields=["ends_on", "due_on", "version"])
        log.record(by, agreement, "renewed itself", {"ends_on": ended}, ends_on=agreement.ends_on)
        _tell_warranty(by, agreement, list(agreement.covered.values_list("asset", flat=True)), ended=ended)
    return len(some)


def _later(day: date, months: int, ends_day: int | None) -> date:
    """So many months on: from 28 February back to the 31st, where that is the day it ends on."""
    later = months_later(day, months)
    return later.replace(day=min(ends_day or day.day, calendar.monthrange(later.year, later.month)[1]))


def due_on(agreement: Agreement) -> date | None:
    """The last day for notice of one that would go on by itself, else its end."""
    if agreement.ends_on is None or not agreement.auto_renew or agreement.cancelled_on is not None:
        return agreement.ends_on
    return agreement.ends_on - timedelta(days=agreement.notice_days or 0)


def _settle(agreement: Agreement) -> None:
    """What follows from its values, and whether they agree. Raises Invalid."""
    if agreement.starts_on and agreement.ends_on and agreement.ends_on < agreement.starts_on:
        raise Invalid("ends_on: lies before it starts", field="ends_on")
    if agreement.auto_renew and agreement.ends_on is None:
        raise Invalid("ends_on: say when it ends if it is not renewed", field="ends_on")
    if agreement.auto_renew and not agreement.renew_months:
        raise Invalid("renew_months: say for how many months it goes on", field="renew_months")
    if agreement.cost is not None and not agreement.currency:
        raise Invalid("currency: say in which currency the cost is", field="currency")
    if agreement.ends_on is not None and agreement.ends_day is None:
        agreement.ends_day = agreement.ends_on.day
    agreement.due_on = due_on(agreement)


def _held(by: Actor, agreement_id: UUID) -> Agreement:
    """The agreement, locked, if they may change it. Raises NotFound, Forbidden."""
    found = visible(by, agreement_id)
    if not may_change(by, found):
        raise Forbidden("your role does not allow changing this agreement; it may cover assets of others")
    return Agreement.objects.select_for_update().get(pk=found.pk)


def _must_edit(by: Actor, asset_ids: Sequence[UUID]) -> None:
    if asset_ids:
        must_be_allowed(by, Action.EDIT, asset_ids)
    elif not by.may_anywhere(Action.EDIT):
        raise Forbidden("your role does not allow making agreements")
    elif not by.may_everywhere(Action.EDIT):
        raise Invalid("assets: name what it covers; an agreement about nothing is for somebody without limits", field="assets")


def _wanted(asset_ids: Sequence[UUID]) -> list[UUID]:
    wanted = list(dict.fromkeys(asset_ids))
    if len(wanted) > MOST_COVERED:
        raise Invalid(f"assets: {len(wanted):,} at once are too many, {MOST_COVERED} at most", field="assets")
    return wanted


def _cover(by: Actor, agreement: Agreement, asset_ids: Sequence[UUID]) -> None:
    there = set(agreement.covered.values_list("asset", flat=True))
    new = [pk for pk in asset_ids if pk not in there]
    if len(there) + len(new) > MOST_COVERED:
        raise Invalid(f"assets: an agreement covers {MOST_COVERED} at most; make a second one", field="assets")
    AgreementAsset.objects.bulk_create([AgreementAsset(agreement=agreement, asset_id=pk) for pk in new])
    if new:
        log.record(by, agreement, "changed", {"assets": []}, assets=list(Asset.objects.filter(pk__in=new)))
        _tell_warranty(by, agreement, new)


def _tell_warranty(by: Actor, agreement: Agreement, asset_ids: Sequence[UUID], *, ended: date | None = None) -> None:
    """The assets' own day follows: where it is not known, earlier, or was the agreement's end until now."""
    if agreement.kind != Agreement.Kind.WARRANTY or agreement.ends_on is None or not asset_ids:
        return
    behind = Q(warranty_until__isnull=True) | Q(warranty_until__lt=agreement.ends_on)
    if ended is not None:
        behind |= Q(warranty_until=ended)
    found = Asset.objects.select_for_update().filter(behind, pk__in=asset_ids).exclude(warranty_until=agreement.ends_on)
    assets = list(found.order_by("pk"))
    changed = {"warranty_until": agreement.ends_on, "version": F("version") + 1, "changed_at": timezone.now()}
    Asset.objects.filter(pk__in=[asset.pk for asset in assets]).update(**changed)
    was_now = [({"warranty_until": one.warranty_until}, {"warranty_until": agreement.ends_on}) for one in assets]
    log.record_all(by, [log.Changed(one, "changed", was, now) for one, (was, now) in zip(assets, was_now, strict=True)])


# ---- what its fields may be ----------------------------------------------------------------------------------------------------


def leads(field: str, value: Any) -> list[int]:
    """`90, 60, 30, 7` or a list, largest first; none: nobody wants to hear of it."""
    parts = value if isinstance(value, list | tuple) else str(value or "").replace(";", ",").split(",")
    found = {int(text) for part in parts if (text := str(part).strip()).isascii() and text.isdecimal() and len(text) < 5}
    given = [part for part in parts if str(part).strip()]
    if len(found) != len(given) or len(found) > MOST_LEADS or any(days > MOST_LEAD for days in found):
        raise Invalid(f"{field}: up to {MOST_LEADS} different numbers of days until {MOST_LEAD}, like 90, 60, 30, 7", field=field)
    return sorted(found, reverse=True)


CHECKS: Final[dict[str, Any]] = {
    "name": lambda field, value: line(str(value or ""), field=field, most=NAME_CHARS),
    "kind": lambda field, value: values.one_of(value, Agreement.Kind.values, field),
    "number": lambda field, value: line(str(value or ""), field=field, most=100, required=False),
    "vendor": lambda field, value: value,
    "starts_on": values.day,
    "ends_on": values.day,
    "auto_renew": lambda field, value: bool(value),
    "renew_months": whole(120, least=1),
    "notice_days": whole(MOST_LEAD),
    "cancelled_on": values.day,
    "lead_days": leads,
    "seats": whole(MOST_SEATS),
    "cost": values.money,
    "currency": values.currency,
    "period": lambda field, value: values.one_of(value or "once", Agreement.Period.values, field),
    "terms": lambda field, value: block(str(value or ""), field=field, most=TERM_CHARS),
}
