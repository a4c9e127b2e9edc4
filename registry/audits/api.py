"""REST: audits, what they expect, and how far they are."""

from typing import Annotated, Any
from uuid import UUID

from django.db.models import F
from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router, Status

from registry.access.actors import Actor
from registry.audits import coverage, opening, services
from registry.audits.evidence_api import place_count
from registry.audits.evidence_api import router as evidence
from registry.audits.models import Campaign, Expected, Place
from registry.audits.review_api import router as review
from registry.audits.schemas import (
    AuditChanges,
    AuditOut,
    AuditPage,
    AuditRow,
    ExpectedAssetOut,
    ExpectedAssets,
    NewAudit,
    OutcomeName,
    PlaceCounts,
    ScopeIn,
    State,
    shown,
)
from registry.operations import READ_ONCE, Cursor, IfMatch, Limit, acting, tagged, version_if_said, version_seen
from registry.paging import OLDEST_FIRST, Order, Page, cut

router = Router(tags=["audits"])
router.add_router("", evidence)
router.add_router("", review)
NEWEST = OLDEST_FIRST.reversed()
BY_NAME = Order("name", F("name"))
IN_ORDER = Order("row", F("id"), "number")
AuditId = Path[UUID]


@router.get("/audits", response=AuditPage, operation_id="list_audits", summary="Audits, the newest first")
def list_audits(
    request: HttpRequest, state: Annotated[State | None, Query()] = None, cursor: Cursor = None, limit: Limit = 100
) -> Any:
    found = Campaign.objects.visible_to(acting(request))
    if state is not None:
        found = found.filter(state=state)
    page: Page[Campaign] = cut(found, NEWEST, cursor, limit)
    counted = coverage.with_counts(Campaign.objects.filter(pk__in=[one.pk for one in page.rows])).in_bulk()
    rows = [counted[one.pk] for one in page.rows if one.pk in counted]
    return AuditPage(items=[_row(one) for one in rows], next=page.next, previous=page.previous)


@router.post("/audits", response={201: AuditOut}, operation_id="plan_audit", summary="Plan an audit")
def plan_audit(request: HttpRequest, response: HttpResponse, body: NewAudit) -> Any:
    """It is a draft until it is opened."""
    by = acting(request)
    made = services.plan(by=by, scope=_scope(body.scope), **body.dict(exclude={"scope"}))
    return Status(201, tagged(response, shown(made)))


@router.get(
    "/audits/{audit_id}", response=AuditOut, operation_id="get_audit", summary="One audit and how far it is",
    openapi_extra=READ_ONCE,
)  # fmt: skip
def get_audit(request: HttpRequest, response: HttpResponse, audit_id: AuditId) -> Any:
    return tagged(response, shown(services.visible(acting(request), audit_id)))


@router.patch("/audits/{audit_id}", response=AuditOut, operation_id="change_audit", summary="Change a draft")
def change_audit(
    request: HttpRequest, response: HttpResponse, audit_id: AuditId, body: AuditChanges, if_match: IfMatch = None
) -> Any:
    """`scope` replaces all that it covers. Once it is open nothing of it can be changed."""
    by = acting(request)
    version = version_seen(if_match, services.visible(by, audit_id))
    given = body.dict(exclude={"scope"}, exclude_unset=True)
    scope = _scope(body.scope) if body.scope is not None else None
    changed = services.change(by=by, campaign_id=audit_id, version=version, scope=scope, **given)
    return tagged(response, shown(changed))


@router.delete("/audits/{audit_id}", response={204: None}, operation_id="discard_audit", summary="Delete a draft")
def discard_audit(request: HttpRequest, audit_id: AuditId) -> Any:
    services.discard(by=acting(request), campaign_id=audit_id)
    return Status(204, None)


@router.post("/audits/{audit_id}/open", response=AuditOut, operation_id="open_audit", summary="Freeze what it expects and begin")
def open_audit(request: HttpRequest, response: HttpResponse, audit_id: AuditId, if_match: IfMatch = None) -> Any:
    """Of many assets a run does it: then it is a draft until `run` has ended."""
    by = acting(request)
    version = version_if_said(if_match, services.visible(by, audit_id))
    return tagged(response, shown(opening.open_campaign(by=by, campaign_id=audit_id, version=version)))


@router.get(
    "/audits/{audit_id}/places", response=PlaceCounts, operation_id="list_audit_places", summary="How far it is in each place"
)
def list_audit_places(request: HttpRequest, audit_id: AuditId, cursor: Cursor = None, limit: Limit = 100) -> Any:
    campaign = services.visible(acting(request), audit_id)
    found = Place.objects.filter(campaign=campaign).select_related("location")
    page: Page[Place] = cut(found, IN_ORDER, cursor, limit)
    items = [place_count(one) for one in page.rows]
    return PlaceCounts(items=items, next=page.next, previous=page.previous)


@router.get(
    "/audits/{audit_id}/expected", response=ExpectedAssets, operation_id="list_audit_expected",
    summary="What it expects, and what came of each so far",
)  # fmt: skip
def list_audit_expected(
    request: HttpRequest,
    audit_id: AuditId,
    location: UUID | None = None,
    outcome: Annotated[OutcomeName | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Any:
    """The walk list are those with `outcome=not_checked`; `location` is one place without those inside it."""
    by = acting(request)
    found = Expected.objects.filter(campaign=services.visible(by, audit_id)).select_related("seen_location")
    if location is not None:
        found = found.filter(location=location)
    if outcome is not None:
        found = found.filter(outcome=outcome)
    page: Page[Expected] = cut(found, BY_NAME, cursor, limit)
    return ExpectedAssets(items=[_expected(by, one) for one in page.rows], next=page.next, previous=page.previous)


def _scope(body: ScopeIn) -> services.Scope:
    return services.Scope(body.places, body.categories, body.people)


def _row(one: Any) -> AuditRow:
    return AuditRow(
        id=one.pk, name=one.name, method=one.method, state=one.state, from_on=one.from_on, until_on=one.until_on,
        expected=one.expected_count, seen=one.seen_count, off=one.off_count,
    )  # fmt: skip


def _expected(by: Actor, one: Expected) -> ExpectedAssetOut:
    there = one.seen_location
    return ExpectedAssetOut(
        asset=one.asset_id, asset_no=one.asset_no, name=one.name, location=one.location_id, custodian=one.custodian_id,
        status=one.status, outcome=one.outcome, seen_at=one.seen_at,  # type: ignore[arg-type]
        seen_location=there.pk if there is not None and by.sees_place(there.path) else None,
    )  # fmt: skip
