"""REST: what was seen for an audit: by scans, ticks and photos, and which rooms somebody is done with."""

from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from ninja import File, Form, Path, Router, Status
from ninja.files import UploadedFile

from registry.access.actors import Actor
from registry.audits import services, walking
from registry.audits.models import Evidence, Place
from registry.audits.schemas import (
    AnswersOut,
    EvidenceAnswer,
    EvidenceOut,
    EvidencePage,
    NewEvidence,
    PlaceCount,
    RoomDone,
)
from registry.operations import Cursor, Limit, acting
from registry.paging import OLDEST_FIRST, Page, cut

router = Router(tags=["audits"])
NEWEST = OLDEST_FIRST.reversed()
AuditId = Path[UUID]


@router.post(
    "/audits/{audit_id}/evidence", response=AnswersOut, operation_id="take_audit_evidence",
    summary="Tell what was seen for an audit",
)  # fmt: skip
def take_audit_evidence(request: HttpRequest, audit_id: AuditId, body: NewEvidence) -> Any:
    """It moves nothing. What cannot count is answered with the reason and does not hold up the rest."""
    given = [walking.Given(**one.dict()) for one in body.evidence]
    answers = walking.take(by=acting(request), campaign_id=audit_id, given=given)
    return AnswersOut(answers=[_answer(one) for one in answers])


@router.get(
    "/audits/{audit_id}/evidence", response=EvidencePage, operation_id="list_audit_evidence",
    summary="What was seen for an audit, the newest first",
)  # fmt: skip
def list_audit_evidence(
    request: HttpRequest, audit_id: AuditId, asset: UUID | None = None, cursor: Cursor = None, limit: Limit = 100
) -> Any:
    by = acting(request)
    found = Evidence.objects.filter(campaign=services.visible(by, audit_id)).select_related("location")
    if asset is not None:
        found = found.filter(asset=asset)
    page: Page[Evidence] = cut(found, NEWEST, cursor, limit)
    return EvidencePage(items=[_evidence(by, one) for one in page.rows], next=page.next, previous=page.previous)


@router.post(
    "/audits/{audit_id}/photos", response={201: EvidenceAnswer}, operation_id="add_audit_photo",
    summary="A photo of an asset as evidence",
)  # fmt: skip
def add_audit_photo(
    request: HttpRequest,
    audit_id: AuditId,
    file: Annotated[UploadedFile, File()],
    asset: Annotated[UUID, Form()],
    location: Annotated[UUID | None, Form()] = None,
    damaged: Annotated[bool, Form()] = False,
    note: Annotated[str, Form(max_length=500)] = "",
) -> Any:
    """It stands with the files of the asset too."""
    given = walking.Given(location=location, asset=asset, damaged=damaged, note=note)
    answer = walking.photograph(
        by=acting(request),
        campaign_id=audit_id,
        given=given,
        file=file,  # type: ignore[arg-type]
        name=file.name or "photo",
    )
    return Status(201, _answer(answer))


@router.post(
    "/audits/{audit_id}/rooms", response=PlaceCount, operation_id="set_audit_room_done", summary="Say that a room was looked over"
)
def set_audit_room_done(request: HttpRequest, audit_id: AuditId, body: RoomDone) -> Any:
    return place_count(walking.room_done(by=acting(request), campaign_id=audit_id, location=body.location, done=body.done))


def place_count(one: Place) -> PlaceCount:
    return PlaceCount(
        location=one.location_id, name=one.location.name if one.location is not None else "", expected=one.expected,
        seen=one.seen, off=one.off, walked_at=one.walked_at,
    )  # fmt: skip


def _answer(one: walking.Answer) -> EvidenceAnswer:
    asset = one.asset
    return EvidenceAnswer(
        id=one.id, state=one.state, key=one.key, asset=asset.pk if asset is not None else None,
        name=asset.name if asset is not None else "", why=one.why,
    )  # fmt: skip


def _evidence(by: Actor, one: Evidence) -> EvidenceOut:
    there = one.location
    return EvidenceOut(
        id=one.pk, kind=one.kind, asset=one.asset_id, key=one.key, at=one.at, recorded_at=one.recorded_at, event=one.event,
        location=there.pk if there is not None and by.sees_place(there.path) else None, custodian=one.custodian_id,
        damaged=one.damaged, note=one.note, refused=one.refused,
    )  # fmt: skip
