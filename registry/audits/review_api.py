"""REST: the review of an audit, its findings, the sign-off and the report, and cases."""

from typing import Annotated, Any
from uuid import UUID

from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Path, Query, Router

from registry.access.actors import Actor
from registry.audits import coverage, reporting, reviewing, services, signing
from registry.audits.models import Campaign, Case, Finding
from registry.audits.schemas import (
    AuditOut,
    CaseClosed,
    CaseOut,
    CasePage,
    FindingOut,
    FindingPage,
    Form,
    OutcomeName,
    Resolve,
    ResolvedOut,
    SealOut,
    Sign,
    shown,
)
from registry.operations import Cursor, IfMatch, Limit, acting, tagged, version_if_said
from registry.paging import OLDEST_FIRST, Order, Page, cut

router = Router(tags=["audits"])
NEWEST = OLDEST_FIRST.reversed()
BY_NAME = Order("name", F("name"))
AuditId = Path[UUID]


@router.post(
    "/audits/{audit_id}/review", response=AuditOut, operation_id="review_audit", summary="End collecting, write the findings"
)
def review_audit(request: HttpRequest, response: HttpResponse, audit_id: AuditId, if_match: IfMatch = None) -> Any:
    """Of many assets a run does it: the findings are complete once `reviewed_at` is set."""
    by = acting(request)
    version = version_if_said(if_match, services.visible(by, audit_id))
    return tagged(response, shown(reviewing.begin(by=by, campaign_id=audit_id, version=version)))


@router.post("/audits/{audit_id}/reopen", response=AuditOut, operation_id="reopen_audit", summary="Go on collecting")
def reopen_audit(request: HttpRequest, response: HttpResponse, audit_id: AuditId, if_match: IfMatch = None) -> Any:
    """The findings are written anew with the next review, without their resolutions."""
    by = acting(request)
    version = version_if_said(if_match, services.visible(by, audit_id))
    return tagged(response, shown(reviewing.reopen(by=by, campaign_id=audit_id, version=version)))


@router.get("/audits/{audit_id}/findings", response=FindingPage, operation_id="list_audit_findings", summary="What came of it")
def list_audit_findings(
    request: HttpRequest,
    audit_id: AuditId,
    outcome: Annotated[OutcomeName | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Any:
    by = acting(request)
    found = Finding.objects.filter(campaign=services.visible(by, audit_id)).select_related("seen_location")
    if outcome is not None:
        found = found.filter(outcome=outcome)
    page: Page[Finding] = cut(found, BY_NAME, cursor, limit)
    return FindingPage(items=[_finding(by, one) for one in page.rows], next=page.next, previous=page.previous)


@router.post(
    "/audits/{audit_id}/findings/resolve", response=ResolvedOut, operation_id="resolve_audit_findings",
    summary="Say what becomes of findings",
)  # fmt: skip
def resolve_audit_findings(request: HttpRequest, audit_id: AuditId, body: Resolve) -> Any:
    """All of them or none. Moves are accepted and things written off when the audit is signed."""
    number = reviewing.resolve(
        by=acting(request), campaign_id=audit_id, findings=body.findings, resolution=body.resolution, note=body.note
    )
    return ResolvedOut(resolved=number)


@router.post("/audits/{audit_id}/sign", response=AuditOut, operation_id="sign_audit", summary="Sign it, and close it for good")
def sign_audit(request: HttpRequest, response: HttpResponse, audit_id: AuditId, body: Sign, if_match: IfMatch = None) -> Any:
    by = acting(request)
    version = version_if_said(if_match, services.visible(by, audit_id))
    return tagged(response, shown(signing.sign(by=by, campaign_id=audit_id, signed_as=body.signed_as, version=version)))


@router.get("/audits/{audit_id}/seal", response=SealOut, operation_id="get_audit_seal", summary="Does its seal hold?")
def get_audit_seal(request: HttpRequest, audit_id: AuditId) -> Any:
    """Worked out anew from the rows, which takes a while for a large audit."""
    campaign = services.visible(acting(request), audit_id)
    signature = coverage.signature_of(campaign)
    return SealOut(
        digest=signature.digest if signature is not None else None,
        signed_as=signature.signed_as if signature is not None else "",
        at=signature.at if signature is not None else None, holds=signing.seal_holds(campaign),
    )  # fmt: skip


@router.get("/audits/{audit_id}/report", operation_id="get_audit_report", summary="Its report as a file", response={200: None})
def get_audit_report(request: HttpRequest, audit_id: AuditId, form: Annotated[Form, Query()] = "pdf") -> Any:
    by = acting(request)
    return as_file(by, services.visible(by, audit_id), form)


@router.get("/audit-cases", response=CasePage, operation_id="list_audit_cases", summary="What was missing in two audits in a row")
def list_audit_cases(request: HttpRequest, cursor: Cursor = None, limit: Limit = 100) -> Any:
    found = Case.objects.visible_to(Campaign.objects.visible_to(acting(request))).select_related("asset")
    page: Page[Case] = cut(found, NEWEST, cursor, limit)
    return CasePage(items=[_case(one) for one in page.rows], next=page.next, previous=page.previous)


@router.post("/audit-cases/{case_id}/close", response=CaseOut, operation_id="close_audit_case", summary="Say how a case ended")
def close_audit_case(request: HttpRequest, case_id: Path[UUID], body: CaseClosed) -> Any:
    return _case(signing.close_case(by=acting(request), case_id=case_id, note=body.note))


def as_file(by: Actor, campaign: Campaign, form: str) -> HttpResponse:
    file = reporting.report(by, campaign, form, timezone.now())
    headers = {"Content-Disposition": f'attachment; filename="{file.name}"', "Cache-Control": "private, no-store"}
    return HttpResponse(file.content, content_type=file.content_type, headers=headers)


def _finding(by: Actor, one: Finding) -> FindingOut:
    there = one.seen_location
    return FindingOut(
        id=one.pk, asset=one.asset_id, asset_no=one.asset_no, name=one.name, key=one.key, outcome=one.outcome,  # type: ignore[arg-type]
        location=one.location_id, seen_at=one.seen_at, evidence=one.evidence_id, resolution=one.resolution,
        seen_location=there.pk if there is not None and by.sees_place(there.path) else None, resolved_by=one.resolved_by,
        resolved_at=one.resolved_at, note=one.note, consequence=one.consequence,
    )  # fmt: skip


def _case(one: Case) -> CaseOut:
    return CaseOut(
        id=one.pk, asset=one.asset_id, asset_no=one.asset.asset_no, name=one.asset.name, audit=one.campaign_id,
        opened_at=one.opened_at, closed_at=one.closed_at, note=one.note,
    )  # fmt: skip
