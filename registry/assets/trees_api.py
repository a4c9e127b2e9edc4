"""REST: the two trees, places and categories."""

from typing import Annotated, Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router, Status

from registry.access.actors import Actor
from registry.assets import trees
from registry.assets.models import Category, Location
from registry.assets.schemas import (
    CategoryChanges,
    CategoryOut,
    CategoryPage,
    LocationChanges,
    LocationOut,
    LocationPage,
    NewCategory,
    NewLocation,
    category_out,
    location_out,
    parents_of,
)
from registry.operations import Cursor, IfMatch, Limit, acting, version_seen
from registry.paging import MAX_PAGE, Order, Page, cut
from registry.problems import NotFound

router = Router()
TREE_ORDER = Order("tree", F("path"))  # parents before their children


@router.get("/locations", response=LocationPage, operation_id="list_locations", tags=["locations"], summary="The tree of places")
def list_locations(
    request: HttpRequest, within: Annotated[UUID | None, Query()] = None, cursor: Cursor = None, limit: Limit = MAX_PAGE
) -> Any:
    by = acting(request)
    found = Location.objects.visible_to(by)
    if within is not None:
        found = found.within(location_or_404(by, within))
    page: Page[Location] = cut(found, TREE_ORDER, cursor, limit)
    parents = parents_of(by, page.rows)
    return LocationPage(items=[location_out(by, row, parents) for row in page.rows], next=page.next, previous=page.previous)


@router.post("/locations", response={201: LocationOut}, operation_id="create_location", tags=["locations"], summary="Add a place")
def create_location(request: HttpRequest, body: NewLocation) -> Any:
    by = acting(request)
    parent = location_or_404(by, body.parent) if body.parent else None
    return Status(
        201,
        location_out(by, trees.create_location(by=by, parent=parent, **body.model_dump(exclude={"parent"}))),
    )


@router.get(
    "/locations/{location_id}", response=LocationOut, operation_id="get_location", tags=["locations"], summary="Read a place"
)
def get_location(request: HttpRequest, response: HttpResponse, location_id: Path[UUID]) -> Any:
    location = location_or_404(acting(request), location_id)
    response["ETag"] = f'"{location.version}"'
    return location_out(acting(request), location)


@router.patch(
    "/locations/{location_id}",
    response=LocationOut,
    operation_id="change_location",
    tags=["locations"],
    summary="Change a place or move it; with If-Match only if nobody else has meanwhile",
)
def change_location(
    request: HttpRequest, response: HttpResponse, location_id: Path[UUID], body: LocationChanges, if_match: IfMatch = None
) -> Any:
    by = acting(request)
    location = location_or_404(by, location_id)
    parent = location_or_404(by, body.parent) if body.parent else None
    with transaction.atomic():
        changes = body.model_dump(exclude_unset=True, exclude={"parent"})
        version = version_seen(if_match, location) if if_match is not None else None
        if changes or version is not None:
            location = trees.change_location(by=by, location=location, version=version, **changes)
        if "parent" in body.model_fields_set:
            location = trees.move_location(by=by, location=location, parent=parent)
    response["ETag"] = f'"{location.version}"'
    return location_out(by, location)


@router.get(
    "/categories", response=CategoryPage, operation_id="list_categories", tags=["categories"], summary="The tree of categories"
)
def list_categories(request: HttpRequest, cursor: Cursor = None, limit: Limit = MAX_PAGE) -> Any:
    by = acting(request)
    page: Page[Category] = cut(Category.objects.visible_to(by), TREE_ORDER, cursor, limit)
    parents = parents_of(by, page.rows)
    return CategoryPage(items=[category_out(by, row, parents) for row in page.rows], next=page.next, previous=page.previous)


@router.post(
    "/categories", response={201: CategoryOut}, operation_id="create_category", tags=["categories"], summary="Add a category"
)
def create_category(request: HttpRequest, body: NewCategory) -> Any:
    by = acting(request)
    parent = category_or_404(by, body.parent) if body.parent else None
    return Status(201, category_out(by, trees.create_category(by=by, name=body.name, parent=parent)))


@router.patch(
    "/categories/{category_id}",
    response=CategoryOut,
    operation_id="change_category",
    tags=["categories"],
    summary="Rename or move a category",
)
def change_category(request: HttpRequest, category_id: Path[UUID], body: CategoryChanges) -> Any:
    by = acting(request)
    category = category_or_404(by, category_id)
    parent = category_or_404(by, body.parent) if body.parent else None
    with transaction.atomic():
        if body.name is not None:
            category = trees.change_category(by=by, category=category, name=body.name)
        if "parent" in body.model_fields_set:
            category = trees.move_category(by=by, category=category, parent=parent)
    return category_out(by, category)


def location_or_404(by: Actor, location_id: UUID) -> Location:
    found: Location | None = Location.objects.visible_to(by).filter(pk=location_id).first()
    if found is None:
        raise NotFound("There is no such place.")
    return found


def category_or_404(by: Actor, category_id: UUID) -> Category:
    found: Category | None = Category.objects.visible_to(by).filter(pk=category_id).first()
    if found is None:
        raise NotFound("There is no such category.")
    return found
