"""What people scan: a code, at a place, at a time. A scan becomes a location event like a gateway's, and moves its asset."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from registry.access.actors import Action, Actor
from registry.assets.models import Asset, Location
from registry.assets.services import resolve_codes
from registry.db import insert_new, upsert, uuid7
from registry.problems import Invalid, NotFound, Problem
from registry.tracking import contents, identifiers, project
from registry.tracking.consequences import is_one_thing
from registry.tracking.models import LocationEvent, UnknownTag
from registry.tracking.projection import PEOPLE, Fact, Where, told_at

MOST: Final = 200  # in one call
OLDEST: Final = timedelta(days=90)  # a phone that was away longer than that has lost its memory
LATE: Final = timedelta(minutes=1)
AHEAD: Final = timedelta(minutes=5)  # what lies further in the future is a clock gone wrong
MAX_TEXT: Final = 4096


class State(StrEnum):
    KNOWN = "known"
    WRONG_PLACE = "wrong_place"  # known, and its home is elsewhere
    UNKNOWN = "unknown"
    REPEATED = "repeated"  # this very scan is stored already


@dataclass(frozen=True, slots=True)
class Scan:
    """`event_id` is made by whoever scans: sent twice it counts once."""

    event_id: UUID
    text: str
    location: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    event_id: UUID
    state: State
    key: str
    asset: Asset | None = None


_COLUMNS = (
    "event_id", "kind", "identity", "raw", "location", "event_time", "happened_at", "decided_at", "stored_at", "recorded_time",
    "time_uncertainty_ms", "clock_quality", "late", "source", "deliberate", "operator", "reads", "parameters",
)  # fmt: skip
_UNKNOWN = ("id", "identity", "raw", "location", "first_seen", "last_seen", "count")
_UNKNOWN_SETS = {
    "id": "old.id",
    "raw": "old.raw",
    "count": "old.count + excluded.count",
    "first_seen": "CASE WHEN excluded.first_seen < old.first_seen THEN excluded.first_seen ELSE old.first_seen END",
    "last_seen": "CASE WHEN excluded.last_seen > old.last_seen THEN excluded.last_seen ELSE old.last_seen END",
    "location": "CASE WHEN excluded.last_seen >= old.last_seen THEN excluded.location_id ELSE old.location_id END",
}


@transaction.atomic
def take_scans(*, by: Actor, scans: Sequence[Scan], source: str = "scan") -> list[Outcome]:
    """Store the scans and move what they name; one outcome each, in their order.

    `source` is one of LocationEvent.Source. A code of an asset out of their scope is unknown to them, and nothing is told of it.
    Raises Invalid, NotFound (a place out of their scope)."""
    if len(scans) > MOST:
        raise Invalid(f"scans: {len(scans)} are too many at once, {MOST} at most", field="scans")
    for problem in wrong(by, scans):
        if problem is not None:
            raise problem
    now = timezone.now()
    places = _places(by, scans)
    project.hold_ingest()
    stored = set(LocationEvent.objects.filter(pk__in=[s.event_id for s in scans]).values_list("pk", flat=True))
    resolved = resolve_codes({scan.text for scan in scans}, by=by)
    outcomes: list[Outcome] = []
    new = _New(str(by.user_id or by.token_id or ""), now, {found.identity.key for found in resolved.values()}, source)
    for scan in scans:
        found = resolved[scan.text]
        state = State.REPEATED if scan.event_id in stored else _state(found.asset, places[scan.location])
        outcomes.append(Outcome(scan.event_id, state, found.identity.key, found.asset))
        if state != State.REPEATED:
            new.add(scan, _time(scan, now), found.identity.key, known=found.asset is not None)
        stored.add(scan.event_id)
    new.write()
    return outcomes


def wrong(by: Actor, scans: Sequence[Scan]) -> list[Problem | None]:
    """Of each scan why it cannot be taken, or None: no code, too old, or at a place out of their scope."""
    oldest, places = timezone.now() - OLDEST, _places(by, scans)
    return [_wrong(scan, oldest, places) for scan in scans]


class _New:
    """Scans on their way into events, projections and unknown tags."""

    def __init__(self, operator: str, now: datetime, keys: Collection[str], source: str) -> None:
        self._operator, self._now, self._source = operator, now, source
        self._owners = identifiers.by_key(keys)
        self._events: list[tuple[Any, ...]] = []
        self._facts: defaultdict[UUID, list[Fact]] = defaultdict(list)
        self._unknown: dict[str, list[Any]] = {}

    def add(self, scan: Scan, at: datetime, key: str, *, known: bool) -> None:
        """`known`: the asset that has the code is one they may see; what they may not see they do not move either."""
        owner = identifiers.owner(self._owners.get(key, ()), at)
        if owner is not None and not known:
            return
        late, quality = self._now - at > LATE, "unset" if at != scan.at else "synced"
        self._events.append(
            (
                scan.event_id, "seen", key, scan.text, scan.location, scan.at, at, at, at, self._now, 0, quality, late,
                self._source, True, self._operator, 1, "",
            )
        )  # fmt: skip
        if owner is not None:
            told, where = told_at(at, scan.event_id), Where(None, scan.location)
            self._facts[owner].append(Fact(scan.event_id, PEOPLE, told, at, "seen", None, where, True, self._source, None))
        elif is_one_thing(key):
            noted = self._unknown.setdefault(key, [uuid7(), key, scan.text, scan.location, at, at, 0])
            if at >= noted[5]:
                noted[3], noted[5] = scan.location, at
            noted[4] = min(noted[4], at)
            noted[6] += 1

    def write(self) -> None:
        insert_new(LocationEvent, _COLUMNS, self._events, key=["event_id"])
        contents.share(self._facts)
        work = project.Work(self._facts)
        work.work_out()
        work.write()
        work.finish()
        upsert(UnknownTag, _UNKNOWN, [self._unknown[key] for key in sorted(self._unknown)], key=["identity"], sets=_UNKNOWN_SETS)


def _places(by: Actor, scans: Sequence[Scan]) -> Mapping[UUID, Location]:
    found: dict[UUID, Location] = Location.objects.visible_to(by, Action.HANDLE).in_bulk({scan.location for scan in scans})
    return found


def _wrong(scan: Scan, oldest: datetime, places: Mapping[UUID, Location]) -> Problem | None:
    if scan.location not in places:
        return NotFound(f"there is no place {scan.location}", field="location")
    if not scan.text.strip() or len(scan.text) > MAX_TEXT or "\0" in scan.text:
        return Invalid(f"text: from 1 to {MAX_TEXT} characters", field="text")
    if scan.at < oldest:
        return Invalid(f"at: more than {OLDEST.days} days ago", field="at")
    return None


def _time(scan: Scan, now: datetime) -> datetime:
    return now if scan.at > now + AHEAD else scan.at.astimezone(UTC)


def _state(asset: Asset | None, place: Location) -> State:
    if asset is None:
        return State.UNKNOWN
    home = asset.home_location
    return State.KNOWN if home is None or place.path.startswith(home.path) else State.WRONG_PLACE
