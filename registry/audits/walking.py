"""Going round: what people scan, tick and photograph for an audit, and the rooms they are done with.

Whoever may audit or handle things in all places of the audit may walk it. A scan for an audit moves nothing: it is evidence. What
cannot count is kept with the reason."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, BinaryIO, Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from registry.access import changes as log
from registry.access.actors import EVERYTHING, Action, Actor
from registry.access.models import Person
from registry.assets import files
from registry.assets.models import Asset, Location
from registry.assets.services import resolve_codes
from registry.audits import recording, services
from registry.audits.models import Campaign, Evidence, Expected, Place
from registry.db import uuid7
from registry.problems import Forbidden, Invalid, NotFound
from registry.texts import line as one_line

MOST: Final = 200  # in one call
AHEAD: Final = timedelta(minutes=5)
REPEATED, REFUSED = "repeated", "refused"


@dataclass(frozen=True, slots=True)
class Given:
    """One thing that was seen: a code or an asset, and where. `id` is made by whoever tells: told twice it counts once."""

    location: UUID | None
    text: str = ""
    asset: UUID | None = None
    at: datetime | None = None  # None: now
    custodian: UUID | None = None
    damaged: bool = False
    note: str = ""
    id: UUID = field(default_factory=uuid7)
    photo: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it: an Outcome, `repeated`, or `refused` with the reason."""

    id: UUID
    state: str
    key: str = ""
    asset: Asset | None = None
    why: str = ""


def may_walk(by: Actor, campaign: Campaign) -> bool:
    seen = Campaign.objects.filter(pk=campaign.pk)
    return any(seen.filter(pk__in=seen.visible_to(by, action).values("pk")).exists() for action in (Action.AUDIT, Action.HANDLE))


@transaction.atomic
def take(*, by: Actor, campaign_id: UUID, given: Sequence[Given]) -> list[Answer]:
    """Record what was seen; an answer for each, in their order. Raises Invalid (a draft, too many), NotFound, Forbidden."""
    if len(given) > MOST:
        raise Invalid(f"evidence: {len(given)} at once are too many, {MOST} at most", field="evidence")
    campaign = _walked(by, campaign_id)
    stored = set(Evidence.objects.filter(pk__in=[one.id for one in given]).values_list("pk", flat=True))
    found = _Found(by, campaign, given)
    rows, answers, now = [], [], timezone.now()
    for one in given:
        key, asset = found.of(one)
        if one.id in stored:
            answers.append(Answer(one.id, REPEATED, key, asset))
            continue
        stored.add(one.id)
        if why := found.wrong(one):
            answers.append(Answer(one.id, REFUSED, key, asset, why))
            continue
        refused = _does_not_count(campaign, one.at or now, now)
        rows.append(
            Evidence(
                id=one.id, campaign=campaign, asset=asset, text=one.text, key=key, location_id=one.location, at=one.at or now,
                recorded_at=now, kind=_kind(one), user=by.user_id, custodian_id=one.custodian, damaged=one.damaged,
                note=one_line(one.note, field="note", most=500, required=False), photo_id=one.photo, refused=refused,
            )
        )  # fmt: skip
        answers.append(Answer(one.id, REFUSED if refused else "", key, asset, refused))
    recording.put(campaign, rows)
    return _judged(campaign, answers)


def photograph(*, by: Actor, campaign_id: UUID, given: Given, file: BinaryIO, name: str) -> Answer:
    """A photo of an asset is evidence, and stands with its files. Raises Invalid, NotFound, Forbidden."""
    campaign = services.visible(by, campaign_id)
    if not may_walk(by, campaign):
        raise Forbidden("your role does not allow audits here (audit or handle)")
    asset = Asset.objects.filter(pk__in=[given.asset], audited__campaign=campaign).first()
    if asset is None:
        raise NotFound("asset: the audit does not expect it", field="asset")
    trusted = replace(by, grants=(EVERYTHING,))  # who may audit it may photograph it for that
    kept = files.attach(by=trusted, file=file, name=name, asset=asset, kind="photo")
    [answer] = take(by=by, campaign_id=campaign_id, given=[replace(given, photo=kept.file_id)])
    return answer


@transaction.atomic
def room_done(*, by: Actor, campaign_id: UUID, location: UUID | None, done: bool = True) -> Place:
    """Say that somebody looked all over the place: what was not seen there is missing. Raises Invalid, NotFound, Forbidden."""
    campaign = _walked(by, campaign_id)
    if campaign.state != Campaign.State.OPEN:
        raise Invalid(f"{campaign.name} is {campaign.get_state_display()}; nobody walks it now")
    place = Place.objects.filter(campaign=campaign, location=location).first()
    if place is None:
        raise NotFound("location: the audit expects nothing there", field="location")
    place.walked_at, place.walked_by = (timezone.now(), by.user_id) if done else (None, None)
    place.save(update_fields=["walked_at", "walked_by"])
    where = place.location.name if place.location is not None else ""
    log.record(by, campaign, "room done" if done else "room open again", place=where, left=place.expected - place.seen)
    return place


def _walked(by: Actor, campaign_id: UUID) -> Campaign:
    """The audit, held, that is or was open. Raises NotFound, Forbidden, Invalid."""
    campaign = services.visible(by, campaign_id)
    if not may_walk(by, campaign):
        raise Forbidden("your role does not allow audits here (audit or handle)")
    campaign = recording.hold(campaign_id)
    if campaign.state == Campaign.State.DRAFT:
        raise Invalid(f"{campaign.name} is not open yet; open it first")
    return campaign


class _Found:
    """What the codes, assets, places and people of one call mean."""

    def __init__(self, by: Actor, campaign: Campaign, given: Collection[Given]) -> None:
        everybody = replace(by, grants=(EVERYTHING,))
        self._codes = resolve_codes({one.text for one in given if _is_code(one.text)}, by=everybody)
        numbers = {text.strip().upper()[:40]: text for text in self._codes if self._codes[text].asset is None}
        self._numbered = {asset.asset_no.upper(): asset for asset in Asset.objects.filter(asset_no__in=numbers)}
        meant = {found.asset.pk for found in self._codes.values() if found.asset is not None}
        meant |= {asset.pk for asset in self._numbered.values()} | {one.asset for one in given if one.asset is not None}
        self._assets = Asset.objects.in_bulk(meant)
        known = Expected.objects.filter(campaign=campaign, asset__in=meant).values_list("asset", flat=True)
        self._known = set(known) | set(Asset.objects.visible_to(by).filter(pk__in=meant).values_list("pk", flat=True))
        places = {one.location for one in given if one.location is not None}
        self._places = set(Location.objects.visible_to(by).filter(pk__in=places).values_list("pk", flat=True))
        people = {one.custodian for one in given if one.custodian is not None}
        self._people = set(Person.objects.filter(pk__in=people, erased_at=None).values_list("pk", flat=True))

    def of(self, one: Given) -> tuple[str, Asset | None]:
        """The key of its code, and the asset: one that the audit expects or that they may see."""
        if one.asset is not None:
            return "", self._assets.get(one.asset) if one.asset in self._known else None
        found = self._codes.get(one.text)
        if found is None:
            return "", None
        asset = found.asset or self._numbered.get(one.text.strip().upper()[:40])
        return found.identity.key[:512], self._assets[asset.pk] if asset is not None and asset.pk in self._known else None

    def wrong(self, one: Given) -> str:
        """Why it cannot be kept at all, or nothing."""
        if one.asset is None and not _is_code(one.text):
            return "there is no code in it: from 1 to 4096 characters"
        if one.asset is not None and (one.asset not in self._known or one.asset not in self._assets):
            return f"there is no asset {one.asset}"
        if one.location is not None and one.location not in self._places:
            return f"there is no place {one.location}"
        if one.custodian is not None and one.custodian not in self._people:
            return f"there is nobody {one.custodian}"
        return ""


def _is_code(text: str) -> bool:
    return bool(text.strip()) and len(text) <= 4096 and "\0" not in text


def _does_not_count(campaign: Campaign, at: datetime, now: datetime) -> str:
    if campaign.state != Campaign.State.OPEN:
        return f"the audit was {campaign.get_state_display()} by then"
    if at > now + AHEAD:
        return "it lies in the future"
    if not campaign.window_from <= at < campaign.window_to:
        return "it was seen outside of the days of the audit"
    return ""


def _kind(one: Given) -> str:
    if one.photo is not None:
        return Evidence.Kind.PHOTO
    return Evidence.Kind.SCAN if one.text else Evidence.Kind.MANUAL


def _judged(campaign: Campaign, answers: list[Answer]) -> list[Answer]:
    assets = [one.asset.pk for one in answers if one.asset is not None]
    rows: Any = Expected.objects.filter(campaign=campaign, asset__in=assets).values_list("asset", "outcome")
    outcomes = dict(rows)
    return [one if one.state else replace(one, state=_state(one, outcomes)) for one in answers]


def _state(one: Answer, outcomes: dict[UUID, str]) -> str:
    return "unknown_code" if one.asset is None else outcomes.get(one.asset.pk, "unexpected")
