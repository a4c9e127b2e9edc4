"""REST: what was at a place on a date, its floor plan, and where on a plan a place lies."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import File, Form, Path, Query, Router, Schema, Status, UploadedFile
from pydantic import AwareDatetime, Field

from registry.assets.models import FloorPlan
from registry.assets.trees_api import location_or_404
from registry.operations import Cursor, IfMatch, Limit, Paged, Strict, acting, version_seen
from registry.paging import MAX_PAGE, Order, Page, cut
from registry.places import contents, plans
from registry.problems import NotFound
from registry.tracking.models import Stay

router = Router(tags=["locations"])
BY_NAME = Order("name", Lower("asset__name"))


class StayOut(Schema):
    asset_id: UUID
    asset_no: str
    name: str
    location: UUID
    location_name: str
    since: datetime
    until: datetime | None = Field(description="Null: still there")


class ContentsPage(Paged):
    at: datetime
    items: list[StayOut]


class PlanOut(Schema):
    id: UUID
    location: UUID
    sha256: str
    width: int | None
    height: int | None
    metres_per_pixel: float | None
    version: int


class Outline(Strict):
    plan: UUID
    corners: list[tuple[float, float]] = Field(
        max_length=plans.MOST_CORNERS, description="Between 0 and 1 of the plan's width and height; none: off the plan"
    )


class OutlineOut(Schema):
    location: UUID
    plan: UUID | None
    corners: list[tuple[float, float]]
    version: int


@router.get(
    "/locations/{location_id}/contents",
    response=ContentsPage,
    operation_id="list_place_contents",
    summary="What is, or was at a moment, in a place and everything inside it",
)
def list_contents(
    request: HttpRequest,
    location_id: Path[UUID],
    at: Annotated[AwareDatetime | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = MAX_PAGE,
) -> Any:
    by = acting(request)
    moment = min(at, timezone.now()) if at is not None else timezone.now()
    page: Page[Stay] = cut(contents.at(by, location_or_404(by, location_id), moment), BY_NAME, cursor, limit)
    items = []
    for stay in page.rows:
        assert stay.location is not None  # of a place
        items.append(
            StayOut(
                asset_id=stay.asset_id,
                asset_no=stay.asset.asset_no,
                name=stay.asset.name,
                location=stay.location.pk,
                location_name=stay.location.name,
                since=stay.from_ts,
                until=stay.to_ts,
            )
        )
    return ContentsPage(at=moment, items=items, next=page.next, previous=page.previous)


@router.get("/locations/{location_id}/plan", response=PlanOut, operation_id="get_plan", summary="The floor plan of a place")
def get_plan(request: HttpRequest, location_id: Path[UUID]) -> Any:
    location = location_or_404(acting(request), location_id)
    found = FloorPlan.objects.filter(location=location).select_related("file").first()
    if found is None:
        raise NotFound("This place has no floor plan.")
    return _plan_out(found)


@router.post(
    "/locations/{location_id}/plan",
    response={201: PlanOut},
    operation_id="put_plan",
    summary="Put a plan there: PNG or JPEG",
)
def put_plan(
    request: HttpRequest,
    location_id: Path[UUID],
    file: File[UploadedFile],
    metres_per_pixel: Annotated[float | None, Form()] = None,
) -> Any:
    by = acting(request)
    opened: Any = file.file
    made = plans.put(by=by, location=location_or_404(by, location_id), file=opened, metres_per_pixel=metres_per_pixel)
    return Status(201, _plan_out(made))


@router.delete(
    "/locations/{location_id}/plan",
    response={204: None},
    operation_id="remove_plan",
    summary="Take plan and outlines away",
)
def remove_plan(request: HttpRequest, location_id: Path[UUID]) -> Any:
    by = acting(request)
    plans.remove(by=by, location=location_or_404(by, location_id))
    return Status(204, None)


@router.put(
    "/locations/{location_id}/outline",
    response=OutlineOut,
    operation_id="outline_location",
    summary="Say where on a plan a place lies; with If-Match only if nobody else has changed it meanwhile",
)
def outline_location(
    request: HttpRequest, response: HttpResponse, location_id: Path[UUID], body: Outline, if_match: IfMatch = None
) -> Any:
    by = acting(request)
    location = location_or_404(by, location_id)
    plan = FloorPlan.objects.filter(pk=body.plan).select_related("location").first()
    if plan is None or not by.sees_place(plan.location.path):
        raise NotFound("There is no such plan.")
    version = version_seen(if_match, location) if if_match is not None else None
    changed = plans.outline(by=by, plan=plan, location=location, corners=body.corners, version=version)
    response["ETag"] = f'"{changed.version}"'
    corners = [(x, y) for x, y in changed.outline]
    return OutlineOut(location=changed.pk, plan=changed.plan_id, corners=corners, version=changed.version)


def _plan_out(plan: FloorPlan) -> PlanOut:
    return PlanOut(
        id=plan.pk,
        location=plan.location_id,
        sha256=plan.file.sha256,
        width=plan.file.width,
        height=plan.file.height,
        metres_per_pixel=plan.metres_per_pixel,
        version=plan.version,
    )
