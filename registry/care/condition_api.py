"""REST: how assets are and were."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Path, Query, Router, Schema, Status
from pydantic import Field

from registry.assets.parts_api import asset_or_404
from registry.assets.schemas import AssetRef, asset_ref
from registry.care import condition, lists
from registry.care.models import Assessment
from registry.care.models.condition import NOTE_CHARS, VERSION_CHARS
from registry.operations import Cursor, Limit, Paged, Strict, acting
from registry.paging import Page, cut

router = Router(tags=["condition"])
Scale = Literal["whole", "function", "safety", "looks"]
Updates = Literal["current", "available", "unsupported"]


class AssessmentOut(Schema):
    """`photos` are files of the asset."""

    id: UUID
    asset: AssetRef
    judged_on: date
    scale: str
    score: int | None = Field(description="From 1 (worn out) to 5 (as new)")
    remaining_life_months: int | None
    software_version: str
    updates: str
    notes: str
    photos: list[UUID]
    recorded_at: datetime


class Assessments(Paged):
    items: list[AssessmentOut]


class NewAssessment(Strict):
    """A score, or of software its version or whether it is up to date."""

    judged_on: date | None = Field(None, description="Left out: today")
    scale: Scale = "whole"
    score: Annotated[int, Field(ge=1, le=5)] | None = None
    remaining_life_months: Annotated[int, Field(ge=0, le=condition.MOST_MONTHS)] | None = None
    software_version: Annotated[str, Field(max_length=VERSION_CHARS)] = ""
    updates: Updates | None = None
    notes: Annotated[str, Field(max_length=NOTE_CHARS)] = ""
    photos: Annotated[list[UUID], Field(max_length=condition.MOST_PHOTOS)] = Field(
        default_factory=list, description="Photos that were kept with the asset before"
    )


@router.get("/assessments", response=Assessments, operation_id="list_assessments", summary="How assets were judged, newest first")
def list_assessments(
    request: HttpRequest,
    score_at_most: Annotated[int | None, Query(ge=1, le=5)] = None,
    updates: Annotated[Updates | None, Query()] = None,
    newest: Annotated[bool, Query(description="Of each asset and scale the newest alone")] = False,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Any:
    found = lists.assessments(acting(request), score_at_most=score_at_most, updates=updates or "", newest=newest)
    return _paged(cut(found, lists.JUDGED_LAST, cursor, limit))


@router.get(
    "/assets/{asset_id}/assessments", response=Assessments, operation_id="list_asset_assessments", summary="How it was judged"
)
def list_asset_assessments(request: HttpRequest, asset_id: Path[UUID], cursor: Cursor = None, limit: Limit = 100) -> Any:
    by = acting(request)
    found = lists.assessments(by).filter(asset=asset_or_404(by, asset_id))
    return _paged(cut(found, lists.JUDGED_LAST, cursor, limit))


@router.post(
    "/assets/{asset_id}/assessments", response={201: AssessmentOut}, operation_id="assess_asset", summary="Say how it is"
)
def assess_asset(request: HttpRequest, asset_id: Path[UUID], body: NewAssessment) -> Any:
    by = acting(request)
    given = body.model_dump(exclude={"photos", "updates"})
    made = condition.assess(by=by, asset_id=asset_id, photo_ids=body.photos, updates=body.updates or "", **given)
    return Status(201, _out(lists.assessments(by).get(pk=made.pk)))


def _paged(page: Page[Assessment]) -> Assessments:
    return Assessments(items=[_out(one) for one in page.rows], next=page.next, previous=page.previous)


def _out(one: Assessment) -> AssessmentOut:
    return AssessmentOut(
        id=one.pk, asset=asset_ref(one.asset), judged_on=one.judged_on, scale=one.scale, score=one.score,
        remaining_life_months=one.remaining_life_months, software_version=one.software_version, updates=one.updates,
        notes=one.notes, photos=[photo.attachment_id for photo in one.photos.all()], recorded_at=one.recorded_at,
    )  # fmt: skip
