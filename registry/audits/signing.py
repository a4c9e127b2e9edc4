"""The end of an audit: somebody signs it, and what was resolved is done, by a run: accepted moves become location events and
homes, what is written off is disposed of, what is missing says so, and what was missing the last time too becomes a case.

A move and a writing off ask for the right to edit when they are decided (reviewing.EDITS), so they are done whoever signs. That
something is missing nobody has decided: the asset says so by the rights of who signs alone."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from django.db import transaction
from django.utils import timezone

from registry.access import changes as log
from registry.access.actors import EVERYTHING, Action, Actor
from registry.assets.bulk import Row, change_all
from registry.assets.models import Asset, Identifier
from registry.assets.record import dispose_asset
from registry.audits import sealing, services
from registry.audits.models import Campaign, Case, Finding, Outcome, Resolution, Signature
from registry.problems import Invalid, NotFound, Problem, Stale
from registry.texts import line as one_line
from registry.tracking.scans import OLDEST, Scan, take_scans
from registry.work import runs
from registry.work.models import Run

KIND: Final = "audit_closing"
AT_ONCE: Final = 50
IN_ONE_GO: Final = 100
State = Campaign.State


def unresolved(campaign: Campaign) -> int:
    open_ones = Finding.objects.filter(campaign=campaign, resolution=Resolution.NONE)
    return int(open_ones.exclude(outcome=Outcome.FOUND).count())


def sign(*, by: Actor, campaign_id: UUID, signed_as: str, version: int | None = None) -> Campaign:
    """Close an audit for good. Raises Invalid (something is not resolved), Stale, NotFound, Forbidden."""
    name = one_line(signed_as, field="signed_as", most=200)
    campaign = services.visible(by, campaign_id)
    digest = sealing.digest(campaign)
    return _sign(by, campaign, name, digest, campaign.version if version is None else version)


@transaction.atomic
def _sign(by: Actor, seen: Campaign, name: str, digest: str, version: int) -> Campaign:
    campaign = services.held(by, seen.pk, version)
    if campaign.version != seen.version:
        raise Stale("somebody changed the audit meanwhile; look at it again, then sign")
    if campaign.state != State.REVIEW or campaign.reviewed_at is None or services.busy(campaign):
        raise Invalid(f"{campaign.name} is {campaign.get_state_display()}: what is signed is an audit whose review is complete")
    if left := unresolved(campaign):
        raise Invalid(f"{left} finding{'' if left == 1 else 's'} of {campaign.name} not resolved yet")
    Signature.objects.create(campaign=campaign, digest=digest, signed_as=name, user=by.user_id, at=timezone.now())
    to_do = _to_do(campaign).count()
    run = runs.start(by=by, kind=KIND, parameters={"campaign": str(campaign.pk)}, total=to_do)
    services.flip(campaign, state=State.CLOSED, run=run.pk)
    log.record(by, campaign, "signed", {"state": "review"}, state="closed", signed_as=name, digest=digest)
    if to_do <= IN_ONE_GO:
        services.work_off(run, Closing(run, by))
    campaign.refresh_from_db()
    return campaign


def _to_do(campaign: Campaign) -> Any:
    """Findings that have consequences which are not done yet."""
    found = Finding.objects.filter(campaign=campaign, asset__isnull=False, consequence="")
    accepted = found.filter(resolution__in=[Resolution.MOVE_ACCEPTED, Resolution.WRITTEN_OFF])
    return accepted | found.filter(outcome=Outcome.MISSING)


class Closing:
    """The steps. What was decided by people who may is done by the registry in the name of who signed; the rest by who signed."""

    def __init__(self, run: Run, by: Actor) -> None:
        self._run, self._signer, self._decided = run, by, replace(by, grants=(EVERYTHING,))
        self._campaign = Campaign.objects.get(pk=UUID(run.parameters["campaign"]))

    def step(self) -> bool:
        """Raises Cancelled, Problem."""
        with transaction.atomic():
            some = list(_to_do(self._campaign).select_related("asset", "seen_location").order_by("pk")[:AT_ONCE])
            for one in some:
                one.consequence = self._do(one)
            Finding.objects.bulk_update(some, ["consequence"])
            runs.note(self._run, cursor={}, done=self._run.done + len(some))
        return len(some) < AT_ONCE

    def _do(self, one: Finding) -> str:
        """What was done; where it could not be, why."""
        done = [self._again_missing(one)] if one.outcome == Outcome.MISSING else []
        work: Callable[[Finding], str] | None = {
            Resolution.MOVE_ACCEPTED: self._move, Resolution.WRITTEN_OFF: self._write_off
        }.get(Resolution(one.resolution), self._say_missing if one.outcome == Outcome.MISSING else None)  # fmt: skip
        if work is not None:
            try:
                with transaction.atomic():
                    done.insert(0, work(one))
            except Problem as problem:
                done.insert(0, f"not done: {problem.text}")
        return "; ".join(text for text in done if text)[:200] or "nothing"

    def _move(self, one: Finding) -> str:
        """An event says that it is there, and that is its home from now on."""
        asset, place = one.asset, one.seen_location
        if asset is None or place is None:
            return "not moved: nobody said where it was seen"
        key = Identifier.objects.active().filter(asset=asset).order_by("pk").values_list("key", flat=True).first()
        if key is not None and one.seen_at is not None and timezone.now() - one.seen_at < OLDEST:
            event = uuid5(NAMESPACE_URL, f"sightpost:audit:{self._campaign.pk}:{asset.pk}")
            take_scans(by=self._decided, scans=[Scan(event, key, place.pk, one.seen_at)], source="audit")
        change_all(by=self._decided, rows=[Row({"home_location": place}, asset_id=asset.pk)])
        return f"its home is {place.name} now"

    def _write_off(self, one: Finding) -> str:
        asset = Asset.objects.get(audit_findings=one)
        dispose_asset(by=self._decided, asset=asset, version=asset.version)
        return "disposed of"

    def _say_missing(self, one: Finding) -> str:
        asset = Asset.objects.get(audit_findings=one)
        if asset.status in ("missing", "disposed") or one.resolution == Resolution.IGNORED:
            return ""
        if not Asset.objects.visible_to(self._signer, Action.EDIT).filter(pk=asset.pk).exists():
            return "its status stays: who signed may not edit it"
        change_all(by=self._signer, rows=[Row({"status": "missing"}, asset_id=asset.pk)])
        return "its status is missing"

    def _again_missing(self, one: Finding) -> str:
        if one.asset is None:
            return ""
        before = Finding.objects.filter(asset=one.asset_id, campaign__signature__isnull=False).exclude(campaign=self._campaign)
        last = before.order_by("-campaign__signature__at").first()
        if last is None or last.outcome != Outcome.MISSING or Case.objects.filter(asset=one.asset_id, closed_at=None).exists():
            return ""
        case = Case.objects.create(asset=one.asset, campaign=self._campaign, opened_at=timezone.now())
        log.record(self._signer, case, "opened", asset=one.asset)
        return "missing again: a case"

    def fail(self, why: str) -> None:
        pass  # the audit is signed; the run says what is left to do

    def close(self) -> None:
        pass


@transaction.atomic
def close_case(*, by: Actor, case_id: UUID, note: str) -> Case:
    """Say how a case ended. Raises Invalid, NotFound, Forbidden."""
    case = Case.objects.visible_to(Campaign.objects.visible_to(by)).select_related("asset").filter(pk=case_id).first()
    if case is None:
        raise NotFound("there is no such case")
    services.held(by, case.campaign_id)
    if case.closed_at is not None:
        raise Invalid("the case is closed already")
    case.note, case.closed_at, case.closed_by = one_line(note, field="note", most=500), timezone.now(), by.user_id
    case.save(update_fields=["note", "closed_at", "closed_by"])
    log.record(by, case, "closed", note=case.note)
    return case


def seal_holds(campaign: Campaign) -> bool:
    """Are the rows still what was signed?"""
    signature = Signature.objects.filter(campaign=campaign).first()
    return signature is not None and signature.digest == sealing.digest(campaign)
