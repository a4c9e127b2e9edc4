"""Handing assets out and taking them back. Each function is one transaction, all of its assets or none.

`Asset.custodian` is the person who has it now; only `keep_custodian` writes it. Bookings: bookings.py. Transfers: transfers.py.
"""

import hashlib
import secrets
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.access.changes import Changed
from registry.access.models import Person
from registry.assets.models import Asset, Location, StoredFile
from registry.assets.services import own
from registry.assets.values import CHECKS
from registry.custody.accepting import mail_link
from registry.custody.models import Booking, BookingItem, Custody
from registry.custody.models.held import NOTE_CHARS
from registry.custody.scope import hold, in_words, person_of, place_of, some_names, with_kits
from registry.db import insert, uuid7, uuid7s
from registry.problems import Invalid, NotFound, Problem, Several, Stale, Taken
from registry.texts import line

FURTHEST = timedelta(days=3660)  # ahead that something can be due
_COLUMNS = [field.name for field in Custody._meta.concrete_fields]
_ATTRIBUTES = [field.attname for field in Custody._meta.concrete_fields]


@dataclass(frozen=True, slots=True)
class CheckedOut:
    """What was handed out together. `link_secret` is the secret of the link by which a person accepts it, shown this once;
    `mailed`: the person gets it by mail too."""

    custodies: list[Custody]
    link_secret: str | None
    mailed: bool = False


class Batch(NamedTuple):
    """What goes out together: under one id, with one link."""

    id: UUID
    secret: str | None


@transaction.atomic
def check_out(
    *,
    by: Actor,
    asset_ids: Sequence[UUID],
    person_id: UUID | None = None,
    location: Location | None = None,
    holder_id: UUID | None = None,
    due_at: datetime | None = None,
    note: str = "",
    kits: bool = True,
    over_bookings: bool = False,
    booking: Booking | None = None,
    accept_at: str = "",
    part_of: Batch | None = None,
) -> CheckedOut:
    """Hand assets (at most 250) to a person, a place or another asset, until `due_at` or until further notice; `kits`: with
    what belongs to those of them that are kits. What is booked for others meanwhile is refused unless `over_bookings` says so.
    A person who has an address gets the link to accept it by mail: `accept_at` is where that leads (accepting.py). `part_of`:
    with others that go out in other transactions; whoever does that mails the link.

    Raises Invalid, Taken, NotFound, Forbidden, Several."""
    to = holder(by, person_id, location, holder_id)
    assets = hold(by, with_kits(asset_ids) if kits else asset_ids)
    now = timezone.now()
    due_at = due(due_at, now)
    if holder_id is not None and any(asset.pk == holder_id for asset in assets):
        raise Invalid("holder: an asset cannot be handed to itself", field="holder")
    _must_be_here(by, assets)
    if not over_bookings:
        _must_not_be_booked(assets, now, due_at, booking, person_id)
    batch, secret = part_of or Batch(uuid7(), secrets.token_urlsafe(32))
    secret = secret if person_id is not None else None
    made = [
        Custody(
            id=pk,
            asset=asset,
            from_at=now,
            due_at=due_at,
            batch=batch,
            token_hash=hashed(secret) if secret is not None else "",
            note=line(note, field="note", most=NOTE_CHARS, required=False),
            condition_out=asset.condition,
            booking=booking,
            out_by_id=by.user_id,
            **to,
        )
        for pk, asset in zip(uuid7s(len(assets)), assets, strict=True)
    ]
    try:
        with transaction.atomic():
            insert(Custody, _COLUMNS, [tuple(getattr(custody, name) for name in _ATTRIBUTES) for custody in made])
    except IntegrityError:
        raise Taken("assets: one of them was handed out by somebody else just now", field="assets") from None
    keep_custodian({custody.asset_id: custody.person for custody in made}, now)
    log.record_all(
        by,
        [Changed(c.asset, "checked out", {}, {"to": c.held_by, "due_at": due_at, "note": c.note, "batch": batch}) for c in made],
    )
    mailed = (
        part_of is None
        and secret is not None
        and mail_link(person=to["person"], assets=assets, due_at=due_at, accept_at=accept_at, secret=secret)
    )
    return CheckedOut(made, secret, mailed)


@transaction.atomic
def check_in(
    *,
    by: Actor,
    asset_ids: Sequence[UUID],
    location: Location | None = None,
    condition: int | None = None,
    note: str = "",
    kits: bool = True,
) -> list[Custody]:
    """Take assets back, to a place where one is said; `condition` (1 worn out to 5 as new) is theirs from now on. What of a kit
    went out with it comes back with it. Raises Invalid, NotFound, Forbidden."""
    if location is not None:
        place_of(by, location)
    condition = CHECKS["condition"]("condition", condition)
    wanted = list(dict.fromkeys(asset_ids))
    if kits:
        wanted = _with_kits_out(wanted)
    assets = hold(by, wanted)
    out = {c.asset_id: c for c in Custody.objects.out().filter(asset__in=wanted).select_related("person", "location", "holder")}
    if missing := [asset for asset in assets if asset.pk not in out]:
        raise Invalid(f"assets: {some_names(missing)} {_are(missing)} not checked out", field="assets")
    now = timezone.now()
    end = max(now, *(c.from_at + timedelta(microseconds=1) for c in out.values()))
    values: dict[str, Any] = {
        "to_at": end,
        "note_in": line(note, field="note", most=NOTE_CHARS, required=False),
        "condition_in": condition,
        "returned_to": location,
        "in_by_id": by.user_id,
        "token_hash": "",
    }
    Custody.objects.filter(pk__in=[c.pk for c in out.values()]).update(**values)
    judged: dict[str, Any] = {"condition": condition, "condition_on": now.date()} if condition is not None else {}
    keep_custodian(dict.fromkeys(wanted), now, **judged)
    after = {"place": location, "note": values["note_in"]}
    said = judged | {name: value for name, value in after.items() if value not in (None, "")}
    was = {asset.pk: {name: getattr(asset, name) for name in judged} | {"from": out[asset.pk].held_by} for asset in assets}
    log.record_all(by, [Changed(asset, "checked in", was[asset.pk], said) for asset in assets])
    _finish_bookings({c.booking_id for c in out.values() if c.booking_id is not None})
    for custody in out.values():
        for name, value in values.items():
            setattr(custody, name, value)
    return [out[asset.pk] for asset in assets]


@transaction.atomic
def hand_over(
    *,
    by: Actor,
    asset_ids: Sequence[UUID],
    person_id: UUID,
    due_at: datetime | None = None,
    note: str = "",
    accept_at: str = "",
) -> CheckedOut:
    """From the one who has them straight to another person. Raises what check_in and check_out raise."""
    check_in(by=by, asset_ids=asset_ids, note=note, kits=False)
    return check_out(
        by=by,
        asset_ids=asset_ids,
        person_id=person_id,
        due_at=due_at,
        note=note,
        kits=False,
        over_bookings=True,
        accept_at=accept_at,
    )


@transaction.atomic
def extend(
    *, by: Actor, custody_id: UUID, due_at: datetime | None, over_bookings: bool = False, seen: str | None = None
) -> Custody:
    """Let it stay out until later (None: until further notice). `seen`: when it was due as far as they know, as in_words() says
    it; None: whatever it was. Raises Invalid, Taken, NotFound, Forbidden, Stale."""
    visible = Custody.objects.visible_to(by).select_related("asset", "person", "location", "holder")
    custody = visible.filter(pk=custody_id).first()
    if custody is None:
        raise NotFound("there is no such check-out")
    [asset] = hold(by, [custody.asset_id])
    custody.refresh_from_db(fields=["to_at", "due_at"])
    if custody.to_at is not None:
        raise Invalid(f"{asset.asset_no} is back already")
    if seen is not None and seen != in_words(custody.due_at):
        raise Stale(f"due_at: somebody changed it meanwhile; it is due {in_words(custody.due_at)} now", field="due_at")
    now = timezone.now()
    until = due(due_at, now)
    if not over_bookings:
        _must_not_be_booked([asset], now, until, custody.booking, custody.person_id)
    before, custody.due_at = custody.due_at, until
    custody.save(update_fields=["due_at"])
    log.record(by, asset, "extended", {"due_at": before}, due_at=until)
    return custody


@transaction.atomic
def accept(*, custodies: Sequence[Custody], name: str, signature: StoredFile | None, by: Actor) -> None:
    """The person who got them says so, with their name and perhaps a signature. Once. Raises Invalid."""
    name = line(name, field="name", most=200)
    now = timezone.now()
    open_ones = Custody.objects.filter(pk__in=[c.pk for c in custodies], accepted_at__isnull=True, to_at__isnull=True)
    held = list(open_ones.select_related("asset").select_for_update(of=("self",)))
    if not held:
        raise Invalid("this was accepted already, or has gone back")
    Custody.objects.filter(pk__in=[c.pk for c in held]).update(accepted_at=now, accepted_as=name, signature=signature)
    log.record_all(by, [Changed(c.asset, "accepted", {}, {"signed": signature is not None}) for c in held])


def by_secret(secret: str) -> list[Custody]:
    """What a link offers to accept: everything handed out with it that is still out. Nothing for a text that is no link's."""
    if not 20 <= len(secret) <= 100 or not secret.isascii():
        return []
    found = Custody.objects.out().filter(token_hash=hashed(secret))
    return list(found.select_related("asset", "person").order_by("asset__asset_no"))


@transaction.atomic
def new_link(*, by: Actor, custody_id: UUID) -> str:
    """Another link for what was handed out together; the one before ends. Return its secret.

    Raises Invalid, NotFound, Forbidden."""
    custody = Custody.objects.visible_to(by).out().filter(pk=custody_id).select_related("asset").first()
    if custody is None:
        raise NotFound("there is no such check-out")
    if custody.person_id is None:
        raise Invalid("only a person accepts what they get")
    together = Custody.objects.out().filter(batch=custody.batch)
    hold(by, list(together.values_list("asset", flat=True)))
    secret = secrets.token_urlsafe(32)
    together.update(token_hash=hashed(secret))
    log.record(by, custody.asset, "acceptance link made")
    return secret


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def holder(by: Actor, person_id: UUID | None, location: Location | None, holder_id: UUID | None) -> dict[str, Any]:
    """The column of the one who gets it, with who that is. Raises Invalid, NotFound, Forbidden."""
    given = [one for one in (person_id, location, holder_id) if one is not None]
    if len(given) != 1:
        raise Invalid("person: say who gets it: one person, one place or one asset", field="person")
    if person_id is not None:
        return {"person": person_of(by, person_id)}
    if location is not None:
        return {"location": place_of(by, location)}
    assert holder_id is not None
    return {"holder": own(by, holder_id, Action.HANDLE)}


def due(due_at: datetime | None, now: datetime) -> datetime | None:
    """Raises Invalid."""
    if due_at is not None and not now < due_at < now + FURTHEST:
        raise Invalid("due_at: lies in the past, or more than ten years ahead", field="due_at")
    return due_at


def _must_be_here(by: Actor, assets: Collection[Asset]) -> None:
    """Raises Several if some of them are out already or disposed."""
    problems = list(not_here(by, assets).values())
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise Several(problems)


def not_here(by: Actor, assets: Collection[Asset]) -> dict[UUID, Problem]:
    """Of these assets the ones that cannot go out, with why: disposed, or out already."""
    problems: dict[UUID, Problem] = {
        asset.pk: Invalid(f"assets: {asset.asset_no} is disposed", field="assets")
        for asset in assets
        if asset.status == Asset.Status.DISPOSED
    }
    out = list(Custody.objects.out().filter(asset__in=assets).select_related("asset", "person", "location", "holder"))
    for custody, name in zip(out, holder_names(by, out), strict=True):
        text = f"assets: {custody.asset.asset_no} is checked out to {name}; take it back first"
        problems[custody.asset_id] = Taken(text, field="assets")
    return problems


def holder_names(by: Actor, custodies: Collection[Custody]) -> list[str]:
    """Who has what; `somebody` for a place or an asset out of their scope."""
    holders = {custody.holder_id for custody in custodies if custody.holder_id is not None}
    seen = set(Asset.objects.visible_to(by).filter(pk__in=holders).values_list("pk", flat=True)) if holders else set()
    return [
        "somebody"
        if (c.location is not None and not by.sees_place(c.location.path))
        or (c.holder_id is not None and c.holder_id not in seen)
        else str(c.held_by)
        for c in custodies
    ]


def _must_not_be_booked(
    assets: Collection[Asset], start: datetime, end: datetime | None, booking: Booking | None, person_id: UUID | None
) -> None:
    """Raises Taken if somebody else has booked one of them meanwhile."""
    for problem in booked(assets, start, end, booking, person_id).values():
        raise problem


def booked(
    assets: Collection[Asset], start: datetime, end: datetime | None, booking: Booking | None, person_id: UUID | None
) -> dict[UUID, Problem]:
    """Of these assets the ones that somebody else has booked meanwhile, with why, the soonest first."""
    clash = BookingItem.objects.filter(active=True, asset__in=assets, to_at__gt=start)
    if person_id is not None:
        clash = clash.exclude(booking__person=person_id)
    if end is not None:
        clash = clash.filter(from_at__lt=end)
    if booking is not None:
        clash = clash.exclude(booking=booking)
    found: dict[UUID, Problem] = {}
    for item in clash.select_related("booking__person", "asset").order_by("from_at")[:1_000]:
        text = (
            f"due_at: {item.asset.asset_no} is booked for {item.booking.person} from {in_words(item.from_at)}"
            f" until {in_words(item.to_at)}; have it back by then, or say that the booking does not count"
        )
        found.setdefault(item.asset_id, Taken(text, field="due_at"))
    return found


def _with_kits_out(asset_ids: Sequence[UUID]) -> list[UUID]:
    """With what of their kits went out together with them and is still out."""
    batches = set(Custody.objects.out().filter(asset__in=asset_ids).values_list("batch", flat=True))
    more = [pk for pk in with_kits(asset_ids) if pk not in set(asset_ids)]
    together = Custody.objects.out().filter(asset__in=more, batch__in=batches)
    return [*asset_ids, *together.values_list("asset", flat=True)]


def keep_custodian(whose: dict[UUID, Person | None], now: datetime, **more: Any) -> None:
    """Write the person beside the assets, and `more`; nobody of what is with a place or another asset."""
    theirs: defaultdict[Person | None, list[UUID]] = defaultdict(list)
    for asset_id, person in whose.items():
        theirs[person].append(asset_id)
    for person, asset_ids in theirs.items():
        Asset.objects.filter(pk__in=asset_ids).update(custodian=person, version=F("version") + 1, changed_at=now, **more)


def _finish_bookings(booking_ids: Collection[UUID]) -> None:
    """A booking of which everything is back is done, and its assets are free."""
    still_out = set(Custody.objects.out().filter(booking__in=booking_ids).values_list("booking", flat=True))
    done = [pk for pk in booking_ids if pk not in still_out]
    BookingItem.objects.filter(booking__in=done).update(active=False)
    Booking.objects.filter(Q(pk__in=done), state=Booking.State.ACTIVE).update(state=Booking.State.DONE, version=F("version") + 1)


def _are(assets: Collection[Asset]) -> str:
    return "is" if len(assets) == 1 else "are"
