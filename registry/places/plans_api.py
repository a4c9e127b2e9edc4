"""REST: the floor plan of a place, and where on a plan a place lies."""

from typing import Annotated, Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import File, Form, Path, Router, Schema, Status, UploadedFile
from pydantic import Field

from registry.access.actors import Actor
from registry.assets.models import FloorPlan, Location
from registry.assets.serving import picture
from registry.assets.trees_api import TREE_ORDER, location_or_404
from registry.operations import READ_ONCE, Cursor, IfMatch, Limit, Paged, Strict, acting, must_be_as_seen, tagged, version_seen
from registry.paging import MAX_PAGE, Page, cut
from registry.places import plans
from registry.problems import NotFound

router = Router(tags=["locations"])
_PICTURE = {"schema": {"type": "string", "format": "binary"}}


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


class Outlines(Paged):
    items: list[OutlineOut]


@router.get(
    "/locations/{location_id}/plan",
    response=PlanOut,
    operation_id="get_plan",
    summary="The floor plan of a place",
    openapi_extra=READ_ONCE,
)
def get_plan(request: HttpRequest, response: HttpResponse, location_id: Path[UUID]) -> Any:
    return tagged(response, _plan_out(_plan(acting(request), location_id)))


@router.get(
    "/locations/{location_id}/plan/picture",
    operation_id="download_plan",
    summary="The picture of a floor plan",
    openapi_extra={"responses": {200: {"description": "The bytes", "content": {"image/png": _PICTURE, "image/jpeg": _PICTURE}}}},
)
def download_plan(request: HttpRequest, location_id: Path[UUID]) -> Any:
    return picture(_plan(acting(request), location_id).file)


@router.get(
    "/locations/{location_id}/plan/rooms",
    response=Outlines,
    operation_id="list_outlines",
    summary="The places that are outlined on a plan",
)
def list_outlines(request: HttpRequest, location_id: Path[UUID], cursor: Cursor = None, limit: Limit = MAX_PAGE) -> Any:
    by = acting(request)
    plan = _plan(by, location_id)
    page: Page[Location] = cut(Location.objects.visible_to(by).filter(plan=plan), TREE_ORDER, cursor, limit)
    return Outlines(items=[_outline_out(one) for one in page.rows], next=page.next, previous=page.previous)


@router.post(
    "/locations/{location_id}/plan",
    response={201: PlanOut},
    operation_id="put_plan",
    summary="Put a plan there: PNG or JPEG",
)
def put_plan(
    request: HttpRequest,
    response: HttpResponse,
    location_id: Path[UUID],
    file: File[UploadedFile],
    metres_per_pixel: Annotated[float | None, Form()] = None,
    if_match: IfMatch = None,
) -> Any:
    """With If-Match only in place of the plan that was seen."""
    by = acting(request)
    location = location_or_404(by, location_id)
    opened: Any = file.file
    with transaction.atomic():
        if if_match is not None:
            must_be_as_seen(if_match, _plan_out(_plan(by, location_id, held=True)))
        made = plans.put(by=by, location=location, file=opened, metres_per_pixel=metres_per_pixel)
    return Status(201, tagged(response, _plan_out(made)))


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
    summary="Say where on a plan a place lies",
)
def outline_location(
    request: HttpRequest, response: HttpResponse, location_id: Path[UUID], body: Outline, if_match: IfMatch = None
) -> Any:
    by = acting(request)
    location = location_or_404(by, location_id)
    version = version_seen(if_match, location)
    plan = FloorPlan.objects.filter(pk=body.plan).select_related("location").first()
    if plan is None or not by.sees_place(plan.location.path):
        raise NotFound("There is no such plan.")
    changed = plans.outline(by=by, plan=plan, location=location, corners=body.corners, version=version)
    return tagged(response, _outline_out(changed))


def _plan(by: Actor, location_id: UUID, *, held: bool = False) -> FloorPlan:
    found = FloorPlan.objects.filter(location=location_or_404(by, location_id)).select_related("file")
    plan = (found.select_for_update(of=("self",)) if held else found).first()
    if plan is None:
        raise NotFound("This place has no floor plan.")
    return plan


def _outline_out(location: Location) -> OutlineOut:
    corners = [(x, y) for x, y in location.outline]
    return OutlineOut(location=location.pk, plan=location.plan_id, corners=corners, version=location.version)


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
