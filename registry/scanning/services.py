"""Scans from phones and programs: each has its answer, those that can be taken are taken together, and the clock of the device
is put right."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.utils import timezone

from registry.access.actors import Action, Actor
from registry.assets.elsewhere import shown_place
from registry.assets.models import Asset
from registry.problems import Forbidden
from registry.tracking.scans import Outcome, Scan, take_scans, wrong

CLOCK_TOLERANCE: Final = timedelta(seconds=30)  # sending takes time too
REFUSED: Final = "refused"


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one scan: `state` is one of tracking.scans.State, or REFUSED with the reason in `why`. `home` is the
    name of the asset's home, as far as they may know it."""

    event_id: UUID
    state: str
    key: str = ""
    asset: Asset | None = None
    home: str = ""
    why: str = ""


def take(
    *, by: Actor, scans: Sequence[Scan], sent_at: datetime | None = None, person: UUID | None = None
) -> tuple[list[Answer], float]:
    """Store the scans; return an answer for each, in their order, and by how many seconds the sender's clock is ahead.

    `sent_at` is that clock at the time of sending: where it is wrong the times of the scans are corrected by as much. `person`
    is whose scans they are: they are not taken in somebody else's name. A scan that cannot be taken does not hold up the
    others. Raises Forbidden, Invalid (too many)."""
    if person is not None and person != by.user_id:
        raise Forbidden("person: these scans are of somebody else; they have to log in to send them", field="person")
    if not by.may_anywhere(Action.HANDLE):
        raise Forbidden("your role does not allow scanning (handle)")
    ahead = sent_at - timezone.now() if sent_at is not None else timedelta()
    if abs(ahead) > CLOCK_TOLERANCE:
        scans = [replace(scan, at=_shifted(scan.at, ahead)) for scan in scans]
    return _taken(by, scans), ahead.total_seconds()


def _taken(by: Actor, scans: Sequence[Scan]) -> list[Answer]:
    reasons = wrong(by, scans)
    good = [scan for scan, problem in zip(scans, reasons, strict=True) if problem is None]
    done = iter(take_scans(by=by, scans=good))
    return [
        _answer(by, next(done)) if problem is None else Answer(scan.event_id, REFUSED, why=problem.text)
        for scan, problem in zip(scans, reasons, strict=True)
    ]


def _answer(by: Actor, done: Outcome) -> Answer:
    return Answer(done.event_id, done.state, done.key, done.asset, _home(by, done.asset))


def _home(by: Actor, asset: Asset | None) -> str:
    """What to call its home: `elsewhere` where they may not know it, nothing where it has none."""
    place = shown_place(by, asset.home_location) if asset is not None else None
    return str(place.name) if place is not None else ""


def _shifted(at: datetime, ahead: timedelta) -> datetime:
    try:
        return at - ahead
    except OverflowError:  # years 1 and 9999; the service refuses or replaces them
        return at
