"""What may be done with an audit until it is open: plan it, say what it covers, open it. Whoever may audit all of its places may
do all of it. Once it is open what it expects is frozen, and so is all that was planned."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.access.models import Person
from registry.assets import values
from registry.assets.models import Category, Location
from registry.audits.models import NAME_CHARS, Campaign, Expected, ScopeItem
from registry.audits.windows import moments
from registry.problems import Forbidden, Invalid, NotFound, Stale
from registry.texts import block
from registry.texts import line as one_line
from registry.work.models import Run
from registry.work.runs import Steps

State = Campaign.State
AT_ONCE: Final = 1_000  # rows of a transaction
MOST_IN_SCOPE: Final = 200  # places, categories and people of one audit
LONGEST_DAYS: Final = 366
UNDER_WAY: Final = (Run.State.WAITING, Run.State.RUNNING)


@dataclass(frozen=True, slots=True)
class Scope:
    """Keys of places, categories and people."""

    places: Collection[UUID] = ()
    categories: Collection[UUID] = ()
    people: Collection[UUID] = ()


@transaction.atomic
def plan(*, by: Actor, scope: Scope = Scope(), **given: Any) -> Campaign:
    """Make a draft. `given`: name, from_on, until_on; time_zone, method, recurrence, note.

    Raises Invalid, NotFound, Forbidden."""
    if not by.may_anywhere(Action.AUDIT):
        raise Forbidden("your role does not allow audits (audit)")
    for name in ("name", "from_on", "until_on"):
        given.setdefault(name, None)
    campaign = Campaign(made_by=by.user_id, **_checked(Campaign(), given))
    campaign.save(force_insert=True)
    _cover(by, campaign, scope)
    log.record(by, campaign, "created", **_said(campaign))
    return campaign


@transaction.atomic
def change(*, by: Actor, campaign_id: UUID, version: int | None, scope: Scope | None = None, **given: Any) -> Campaign:
    """Change a draft, or how often an audit comes again; `scope` replaces all it covers, None leaves it.

    Raises Invalid, Stale, NotFound, Forbidden."""
    campaign = held(by, campaign_id, version)
    if given.keys() != {"recurrence"} or scope is not None:  # how often it comes again is no part of what is frozen
        _must_be_draft(campaign)
    before = _said(campaign)
    for name, value in _checked(campaign, given).items():
        setattr(campaign, name, value)
    campaign.version += 1
    campaign.save()
    if scope is not None:
        _cover(by, campaign, scope)
    log.record(by, campaign, "changed", before, **_said(campaign))
    return campaign


def discard(*, by: Actor, campaign_id: UUID) -> None:
    """Delete a draft. Raises Invalid, NotFound, Forbidden."""
    while not _discard(by, campaign_id):
        continue


@transaction.atomic
def _discard(by: Actor, campaign_id: UUID) -> bool:
    """Some of what an opening left behind that did not get to its end; then the draft."""
    campaign = held(by, campaign_id)
    _must_be_draft(campaign)
    left = Expected.objects.filter(campaign=campaign).order_by()
    if some := list(left.values_list("pk", flat=True)[:AT_ONCE]):
        left.filter(pk__in=some).delete()
        return False
    log.record(by, campaign, "deleted", _said(campaign))
    campaign.delete()
    return True


def visible(by: Actor, campaign_id: UUID) -> Campaign:
    """Raises NotFound."""
    found = Campaign.objects.visible_to(by).filter(pk=campaign_id).first()
    if found is None:
        raise NotFound("there is no such audit")
    return found


def held(by: Actor, campaign_id: UUID, version: int | None = None, *, action: Action = Action.AUDIT) -> Campaign:
    """The audit, locked, which they may lead. Raises NotFound, Forbidden, Stale."""
    visible(by, campaign_id)
    if not Campaign.objects.visible_to(by, action).filter(pk=campaign_id).exists():
        raise Forbidden(f"your role does not allow this with all places of the audit ({action})")
    campaign = Campaign.objects.select_for_update().get(pk=campaign_id)
    if version is not None and version != campaign.version:
        raise Stale("somebody changed the audit meanwhile; look at it again, then decide")
    return campaign


def run_of(campaign: Campaign) -> Run | None:
    """The long work in hand, or that ended badly last."""
    if campaign.run is None:
        return None
    return Run.objects.filter(pk=campaign.run).exclude(state=Run.State.DONE).first()


def busy(campaign: Campaign) -> bool:
    return campaign.run is not None and Run.objects.filter(pk=campaign.run, state__in=UNDER_WAY).exists()


def scope_of(campaign: Campaign) -> Scope:
    rows = list(campaign.scope.values_list("location", "category", "person"))
    return Scope(*([pk for pk in column if pk is not None] for column in zip(*rows, strict=True))) if rows else Scope()


def flip(campaign: Campaign, **values: Any) -> None:
    """One row makes all that was prepared count, in the caller's transaction."""
    Campaign.objects.filter(pk=campaign.pk).update(**values, version=F("version") + 1)
    campaign.refresh_from_db()


def work_off(run: Run, steps: Steps) -> None:
    """Do a small run at once, in the caller's transaction."""
    run.state, run.started_at = Run.State.RUNNING, timezone.now()
    run.save(update_fields=["state", "started_at"])
    while not steps.step():
        continue
    run.state, run.finished_at = Run.State.DONE, timezone.now()
    run.save(update_fields=["state", "finished_at"])


def _must_be_draft(campaign: Campaign) -> None:
    if campaign.state != State.DRAFT:
        raise Invalid(f"{campaign.name} is {campaign.get_state_display()}: what it expects is frozen; plan another audit")
    if busy(campaign):
        raise Invalid(f"{campaign.name} is being opened; wait until it is open")


def _checked(campaign: Campaign, given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given, as it is kept, and the window that follows. Raises Invalid."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        match name:
            case "name":
                found[name] = one_line(value or "", field=name, most=NAME_CHARS)
            case "note":
                found[name] = block(value or "", field=name, most=1_000)
            case "method" | "recurrence":
                choices = (Campaign.Method if name == "method" else Campaign.Recurrence).values
                if value not in choices:
                    raise Invalid(f"{name}: one of {', '.join(choices)}", field=name)
                found[name] = value
            case "from_on" | "until_on":
                found[name] = values.day(name, value)
                if found[name] is None:
                    raise Invalid(f"{name}: which day?", field=name)
            case "time_zone":
                found[name] = zone(value).key
            case _:
                raise Invalid(f"{name}: an audit has no such field", field=name)
    first = found.get("from_on") or campaign.from_on
    last = found.get("until_on") or campaign.until_on
    found["window_from"], found["window_to"] = _window(first, last, zone(found.get("time_zone", campaign.time_zone)))
    return found


def _window(first: date, last: date, where: ZoneInfo) -> tuple[Any, Any]:
    if last < first:
        raise Invalid("until_on: lies before from_on", field="until_on")
    if (last - first).days >= LONGEST_DAYS:
        raise Invalid(f"until_on: {LONGEST_DAYS} days at most", field="until_on")
    start, end = moments(first, last, where)
    if end <= start:
        raise Invalid(f"from_on: {where.key} had no such day", field="from_on")
    return start, end


def zone(name: Any) -> ZoneInfo:
    """Raises Invalid."""
    try:
        return ZoneInfo(str(name)[:64])
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid("time_zone: a name like Europe/Berlin", field="time_zone") from None


def _cover(by: Actor, campaign: Campaign, scope: Scope) -> None:
    """Replace what it covers. Raises Invalid, NotFound, Forbidden."""
    if len(scope.places) + len(scope.categories) + len(scope.people) > MOST_IN_SCOPE:
        raise Invalid(f"scope: {MOST_IN_SCOPE} places, categories and people at most; take a place that holds several")
    rows: list[ScopeItem] = []
    for name, field, wanted, seen in (
        ("places", "location", scope.places, Location.objects.visible_to(by)),
        ("categories", "category", scope.categories, Category.objects.all()),
        ("people", "person", scope.people, Person.objects.filter(erased_at=None)),
    ):
        found = seen.in_bulk(dict.fromkeys(wanted))
        if gone := [pk for pk in wanted if pk not in found]:
            raise NotFound(f"{name}: there is no {gone[0]}", field=name)
        rows += [ScopeItem(campaign=campaign, **{field: one}) for one in found.values()]
    ScopeItem.objects.filter(campaign=campaign).delete()
    ScopeItem.objects.bulk_create(rows)
    if not Campaign.objects.visible_to(by, Action.AUDIT).filter(pk=campaign.pk).exists():
        raise Forbidden("places: choose places that your role lets you audit, and only those", field="places")


def _said(campaign: Campaign) -> dict[str, Any]:
    """As it stands in the log of changes."""
    items = list(campaign.scope.select_related("location", "category", "person"))
    return {
        "name": campaign.name, "from_on": campaign.from_on, "until_on": campaign.until_on, "time_zone": campaign.time_zone,
        "method": campaign.method, "recurrence": campaign.recurrence, "note": campaign.note,
        "scope": [item.location or item.category or item.person for item in items],
    }  # fmt: skip


def over(campaign: Campaign) -> bool:
    """Has its window ended?"""
    return bool(campaign.window_to <= timezone.now())
