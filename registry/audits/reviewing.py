"""The review: what was seen becomes findings, by a run of small transactions, and each finding is resolved by somebody."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Case, CharField, Exists, F, OuterRef, Value, When
from django.utils import timezone

from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.assets.services import must_be_allowed, must_be_allowed_at
from registry.audits import recording, services, strays, sweeping
from registry.audits.judging import Piece, fold
from registry.audits.models import Campaign, Evidence, Expected, Finding, Outcome, Place, Resolution
from registry.db import insert_new, insert_selected
from registry.problems import Invalid, NotFound
from registry.texts import line as one_line
from registry.work import runs
from registry.work.models import Run

KIND: Final = "audit_review"
AT_ONCE: Final = 1_000
SOME: Final = 400
MOST: Final = 500  # findings resolved at once
State = Campaign.State
ALLOWED: Final[dict[str, tuple[str, ...]]] = {
    Outcome.WRONG_PLACE: (Resolution.MOVE_ACCEPTED, Resolution.IGNORED),
    Outcome.WRONG_CUSTODIAN: (Resolution.SEARCHED, Resolution.IGNORED),
    Outcome.MISSING: (Resolution.SEARCHED, Resolution.WRITTEN_OFF, Resolution.IGNORED),
    Outcome.NOT_CHECKED: (Resolution.SEARCHED, Resolution.WRITTEN_OFF, Resolution.IGNORED),
    Outcome.UNEXPECTED: (Resolution.MOVE_ACCEPTED, Resolution.REGISTERED, Resolution.IGNORED),
    Outcome.UNKNOWN_CODE: (Resolution.REGISTERED, Resolution.IGNORED),
    Outcome.DAMAGED: (Resolution.SEARCHED, Resolution.WRITTEN_OFF, Resolution.IGNORED),
}
EDITS: Final = (Resolution.MOVE_ACCEPTED, Resolution.WRITTEN_OFF)  # these change the asset when the audit is signed
_EMPTY: Final = Value("", CharField())
_COLUMNS: Final = (
    "campaign", "asset", "asset_no", "name", "key", "location", "custodian", "outcome", "evidence_id", "seen_at", "seen_location",
    "resolution", "note", "consequence",
)  # fmt: skip


@transaction.atomic
def begin(*, by: Actor, campaign_id: UUID, version: int | None = None) -> Campaign:
    """End the collecting and write the findings. Raises Invalid, Stale, NotFound, Forbidden."""
    campaign = services.held(by, campaign_id, version)
    if services.busy(campaign):
        raise Invalid(f"{campaign.name}: its findings are being written already")
    if campaign.state != State.OPEN and not (campaign.state == State.REVIEW and campaign.reviewed_at is None):
        raise Invalid(f"{campaign.name} is {campaign.get_state_display()}; only an open audit can be reviewed")
    number = Expected.objects.filter(campaign=campaign).count()
    run = runs.start(by=by, kind=KIND, parameters={"campaign": str(campaign.pk)}, total=number)
    services.flip(campaign, run=run.pk)
    if number <= SOME and not Finding.objects.filter(campaign=campaign).exists():
        services.work_off(run, Reviewing(run, by))
        campaign.refresh_from_db()
    return campaign


@transaction.atomic
def reopen(*, by: Actor, campaign_id: UUID, version: int | None = None) -> Campaign:
    """Go on collecting; the findings are written anew with the next review, and their resolutions are gone then."""
    campaign = services.held(by, campaign_id, version)
    if campaign.state != State.REVIEW or services.busy(campaign):
        raise Invalid(f"{campaign.name} is {campaign.get_state_display()}; only an audit in review can be opened again")
    services.flip(campaign, state=State.OPEN, reviewed_at=None)
    log.record(by, campaign, "opened again", {"state": "review"}, state="open")
    return campaign


@transaction.atomic
def resolve(*, by: Actor, campaign_id: UUID, findings: Sequence[int], resolution: str, note: str = "") -> int:
    """Say what becomes of findings; `none` takes that back. Return how many changed. Raises Invalid, NotFound, Forbidden."""
    if not 0 < len(findings) <= MOST:
        raise Invalid(f"findings: from 1 to {MOST}", field="findings")
    campaign = services.held(by, campaign_id)
    if campaign.state != State.REVIEW or campaign.reviewed_at is None:
        raise Invalid(f"{campaign.name} is {campaign.get_state_display()}: findings are resolved in its review")
    note = one_line(note, field="note", most=500, required=False)
    found = Finding.objects.filter(campaign=campaign, pk__in=findings)
    rows = list(found.select_related("asset__category", "asset__position__location", "seen_location").order_by("pk"))
    if len(rows) != len(set(findings)):
        raise NotFound("findings: one of them is not of this audit (any more)", field="findings")
    for row in rows:
        if resolution != Resolution.NONE and resolution not in ALLOWED.get(row.outcome, ()):
            allowed = ", ".join(ALLOWED.get(row.outcome, ())) or "nothing: it needs none"
            raise Invalid(f"resolution: for {row.name} ({row.outcome}) one of {allowed}", field="resolution")
    if resolution in EDITS:
        _must_be_allowed(by, rows, moved=resolution == Resolution.MOVE_ACCEPTED)
    done = resolution != Resolution.NONE
    Finding.objects.filter(pk__in=[row.pk for row in rows]).update(
        resolution=resolution, note=note, resolved_by=by.user_id if done else None, resolved_at=timezone.now() if done else None
    )
    services.flip(campaign)
    log.record(by, campaign, "findings resolved", resolution=resolution, note=note, findings=[row.name for row in rows[:50]])
    return len(rows)


def _must_be_allowed(by: Actor, rows: Sequence[Finding], *, moved: bool) -> None:
    """May they do what the signing will do to these assets? Raises NotFound, Forbidden."""
    must_be_allowed(by, Action.EDIT, [row.asset_id for row in rows if row.asset_id is not None])
    for row in rows if moved and not by.may_everywhere(Action.EDIT) else ():
        if row.asset is not None:  # nobody moves a thing to where they may do nothing with it
            must_be_allowed_at(by, Action.EDIT, row.seen_location, row.asset.category, row.asset)


class Reviewing:
    """The steps: the last sweep, what was not expected, the end of collecting, then the findings."""

    def __init__(self, run: Run, by: Actor) -> None:
        self._run, self._by = run, by
        self._campaign = Campaign.objects.get(pk=UUID(run.parameters["campaign"]))

    def step(self) -> bool:
        """Raises Cancelled, Problem."""
        match self._run.cursor.get("part", "collect"):
            case "collect":
                self._collect()
            case "clear":
                self._clear()
            case "expected":
                self._write_expected()
            case _:
                return self._write_others()
        return False

    def _collect(self) -> None:
        if self._campaign.state == State.OPEN:
            sweeping.sweep(self._campaign)
            strays.gather(self._campaign)
        with transaction.atomic():
            recording.hold(self._campaign.pk)
            services.flip(self._campaign, state=State.REVIEW, reviewed_at=None)
            runs.note(self._run, cursor={"part": "clear"}, done=0)

    def _clear(self) -> None:
        with transaction.atomic():
            old = list(Finding.objects.filter(campaign=self._campaign).order_by().values_list("pk", flat=True)[:AT_ONCE])
            Finding.objects.filter(pk__in=old).delete()
            runs.note(self._run, cursor={"part": "clear" if old else "expected"}, done=0)

    def _write_expected(self) -> None:
        last = self._run.cursor.get("last", 0)
        with transaction.atomic():
            rows = Expected.objects.filter(campaign=self._campaign, pk__gt=last).order_by("pk")
            keys = list(rows.values_list("pk", flat=True)[:AT_ONCE])
            if not keys:
                runs.note(self._run, cursor={"part": "others"}, done=self._run.done)
                return
            some = Expected.objects.order_by().filter(campaign=self._campaign, pk__gt=last, pk__lte=keys[-1])
            insert_selected(Finding, _COLUMNS, some.values_list(
                "campaign", "asset", "asset_no", "name", _EMPTY, "location", "custodian", self._outcome(),
                "evidence_id", "seen_at", "seen_location", Value("none", CharField()), _EMPTY, _EMPTY,
            ))  # fmt: skip
            runs.note(self._run, cursor={"part": "expected", "last": keys[-1]}, done=self._run.done + len(keys))

    def _outcome(self) -> Any:
        """What was not seen is missing where somebody looked: reads look everywhere, people in the rooms they are done with."""
        missing, unchecked = Value("missing", CharField()), Value("not_checked", CharField())
        if self._campaign.method == Campaign.Method.PASSIVE:
            unseen: Any = missing
        else:
            walked = Place.objects.filter(campaign=self._campaign, walked_at__isnull=False)
            unseen = Case(
                When(Exists(walked.filter(location=OuterRef("location"))), then=missing),
                When(Exists(walked.filter(location__isnull=True)), location__isnull=True, then=missing),
                default=unchecked,
            )
        return Case(When(evidence_id__isnull=True, then=unseen), default=F("outcome"), output_field=CharField())

    def _write_others(self) -> bool:
        """What nobody expected, some at a time, and the end."""
        at = int(self._run.cursor.get("at", 0))
        found = _others(self._campaign)
        some = found[at : at + SOME]
        last = at + len(some) >= len(found)
        with transaction.atomic():
            insert_new(Finding, _COLUMNS, some)
            runs.note(self._run, cursor={"part": "others", "at": at + len(some)}, done=self._run.done)
            if last:
                services.flip(self._campaign, reviewed_at=timezone.now())
                log.record(self._by, self._campaign, "review begun", {"state": "open"}, state="review")
        return last

    def fail(self, why: str) -> None:
        pass  # the run says why; the review can be begun once more

    def close(self) -> None:
        pass


def _others(campaign: Campaign) -> list[tuple[Any, ...]]:
    """The findings of what was not expected, in an order that stays."""
    expected = Expected.objects.filter(campaign=campaign, asset=OuterRef("asset"))
    rows = Evidence.objects.filter(campaign=campaign, refused="").filter(~Exists(expected)).select_related("asset", "location")
    pieces: defaultdict[tuple[str, str], list[Piece]] = defaultdict(list)
    named: dict[tuple[str, str], Evidence] = {}
    for row in rows.order_by("at", "pk"):
        about = (str(row.asset_id), "") if row.asset_id is not None else ("", row.key)
        path = row.location.path if row.location is not None else None
        pieces[about].append(Piece(row.pk, row.at, row.location_id, path, row.custodian_id, row.damaged))
        named[about] = row
    found = []
    for about in sorted(pieces):
        seen, row = fold(pieces[about]), named[about]
        assert seen is not None
        asset = row.asset
        outcome = Outcome.UNEXPECTED if asset is not None else Outcome.UNKNOWN_CODE
        note = (
            f"it is {asset.get_status_display().lower()}" if asset is not None and asset.status in ("disposed", "planned") else ""
        )
        found.append((
            campaign.pk, row.asset_id, asset.asset_no if asset is not None else "", asset.name if asset is not None else row.key,
            about[1], None, None, outcome.value, seen.evidence, seen.at, seen.location, "none", note, "",
        ))  # fmt: skip
    return found
