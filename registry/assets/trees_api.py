"""REST: the two trees, places and categories."""

from typing import Annotated, Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router, Status

from registry.access.actors import Actor
from registry.assets import starter, trees
from registry.assets.models import Category, Location
from registry.assets.tree_schemas import (
    CategoryChanges,
    CategoryOut,
    CategoryPage,
    LocationChanges,
    LocationOut,
    LocationPage,
    NewCategory,
    NewDefaults,
    NewLocation,
    PlaceKind,
    StarterOut,
    category_out,
    location_out,
    parents_of,
)
from registry.operations import READ_ONCE, Cursor, IfMatch, Limit, acting, tagged, version_seen
from registry.paging import MAX_PAGE, Order, Page, cut
from registry.problems import NotFound

router = Router()
TREE_ORDER = Order("tree", F("path"))  # parents before their children


@router.get("/locations", response=LocationPage, operation_id="list_locations", tags=["locations"], summary="The tree of places")
def list_locations(
    request: HttpRequest,
    within: Annotated[UUID | None, Query(description="This place and all inside it")] = None,
    kind: Annotated[PlaceKind | None, Query()] = None,
    q: Annotated[str, Query(max_length=100, description="Stands in the name, or is the code or GLN")] = "",
    cursor: Cursor = None,
    limit: Limit = MAX_PAGE,
) -> Any:
    by = acting(request)
    found = Location.objects.visible_to(by)
    if within is not None:
        found = found.within(location_or_404(by, within))
    if kind is not None:
        found = found.filter(kind=kind)
    if text := q.replace("\0", "").strip():
        found = found.filter(Q(name__icontains=text) | Q(code__iexact=text) | Q(gln=text[:13]))
    page: Page[Location] = cut(found, TREE_ORDER, cursor, limit)
    parents = parents_of(by, page.rows)
    return LocationPage(items=[location_out(by, row, parents) for row in page.rows], next=page.next, previous=page.previous)


@router.post("/locations", response={201: LocationOut}, operation_id="create_location", tags=["locations"], summary="Add a place")
def create_location(request: HttpRequest, response: HttpResponse, body: NewLocation) -> Any:
    by = acting(request)
    parent = location_or_404(by, body.parent) if body.parent else None
    made = trees.create_location(by=by, parent=parent, **body.model_dump(exclude={"parent"}))
    return Status(201, tagged(response, location_out(by, made)))


@router.get(
    "/locations/{location_id}",
    response=LocationOut,
    operation_id="get_location",
    tags=["locations"],
    summary="Read a place",
    openapi_extra=READ_ONCE,
)
def get_location(request: HttpRequest, response: HttpResponse, location_id: Path[UUID]) -> Any:
    by = acting(request)
    return tagged(response, location_out(by, location_or_404(by, location_id)))


@router.patch(
    "/locations/{location_id}",
    response=LocationOut,
    operation_id="change_location",
    tags=["locations"],
    summary="Change a place or move it",
)
def change_location(
    request: HttpRequest, response: HttpResponse, location_id: Path[UUID], body: LocationChanges, if_match: IfMatch = None
) -> Any:
    by = acting(request)
    location = location_or_404(by, location_id)
    version = version_seen(if_match, location)
    parent = location_or_404(by, body.parent) if body.parent else None
    with transaction.atomic():
        changes = body.model_dump(exclude_unset=True, exclude={"parent"})
        location = trees.change_location(by=by, location=location, version=version, **changes)
        if "parent" in body.model_fields_set:
            location = trees.move_location(by=by, location=location, parent=parent)
    return tagged(response, location_out(by, location))


@router.delete(
    "/locations/{location_id}",
    response={204: None},
    operation_id="delete_location",
    tags=["locations"],
    summary="Delete a place in which nothing is or was",
)
def delete_location(request: HttpRequest, location_id: Path[UUID]) -> Any:
    by = acting(request)
    trees.delete_location(by=by, location=location_or_404(by, location_id))
    return Status(204, None)


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
def create_category(request: HttpRequest, response: HttpResponse, body: NewCategory) -> Any:
    by = acting(request)
    parent = category_or_404(by, body.parent) if body.parent else None
    made = trees.create_category_with(by=by, name=body.name, parent=parent, defaults=_defaults(body.defaults))
    return Status(201, tagged(response, category_out(by, made)))


@router.post(
    "/categories/starter-set",
    response={201: StarterOut},
    operation_id="put_starter_set",
    tags=["categories"],
    summary="Make a first set of categories, fields and labels",
)
def put_starter_set(request: HttpRequest) -> Any:
    """What is there already stays as it is."""
    made = starter.put_starter_set(by=acting(request))
    return Status(201, StarterOut(categories=made.categories, fields=made.fields, labels=made.labels))


@router.get(
    "/categories/{category_id}",
    response=CategoryOut,
    operation_id="get_category",
    tags=["categories"],
    summary="Read a category",
    openapi_extra=READ_ONCE,
)
def get_category(request: HttpRequest, response: HttpResponse, category_id: Path[UUID]) -> Any:
    by = acting(request)
    return tagged(response, category_out(by, category_or_404(by, category_id)))


@router.patch(
    "/categories/{category_id}",
    response=CategoryOut,
    operation_id="change_category",
    tags=["categories"],
    summary="Change a category, what its assets start with, or its place in the tree",
)
def change_category(
    request: HttpRequest, response: HttpResponse, category_id: Path[UUID], body: CategoryChanges, if_match: IfMatch = None
) -> Any:
    by = acting(request)
    category = category_or_404(by, category_id)
    version = version_seen(if_match, category)
    parent = category_or_404(by, body.parent) if body.parent else None
    defaults = _defaults(body.defaults) if body.defaults is not None else None
    with transaction.atomic():
        category = trees.change_category(by=by, category=category, name=body.name, defaults=defaults, version=version)
        if "parent" in body.model_fields_set:
            category = trees.move_category(by=by, category=category, parent=parent)
    return tagged(response, category_out(by, category))


@router.delete(
    "/categories/{category_id}",
    response={204: None},
    operation_id="delete_category",
    tags=["categories"],
    summary="Delete a category that nothing has",
)
def delete_category(request: HttpRequest, category_id: Path[UUID]) -> Any:
    by = acting(request)
    trees.delete_category(by=by, category=category_or_404(by, category_id))
    return Status(204, None)


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


def _defaults(given: NewDefaults) -> dict[str, Any]:
    return {name: value for name, value in given.model_dump().items() if value is not None}
