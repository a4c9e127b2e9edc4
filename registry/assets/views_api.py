"""REST: saved views. What is kept is the address of a list, which `GET /assets` takes as it stands."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from ninja import Path, Router, Schema, Status
from pydantic import Field

from registry.access.actors import Actor
from registry.access.models import SavedView
from registry.assets import saved_views
from registry.operations import READ_ONCE, Cursor, IfMatch, Limit, Paged, Strict, acting, must_be_as_seen, tagged
from registry.paging import MAX_PAGE, Order, Page, cut
from registry.problems import NotFound

router = Router(tags=["saved views"])
AREA = "assets"
BY_NAME = Order("name", Lower("name"))
ViewName = Annotated[str, Field(min_length=1, max_length=saved_views.NAME_CHARS)]


class ViewOut(Schema):
    """`own`: yours; else somebody else's who shares it with everybody."""

    id: UUID
    name: str
    query: str = Field(description="The address behind the question mark: filters, columns and order")
    shared: bool
    own: bool
    created_at: datetime


class ViewPage(Paged):
    items: list[ViewOut]


class NewView(Strict):
    name: ViewName
    query: Annotated[str, Field(max_length=saved_views.QUERY_CHARS)]
    shared: bool = False


class ViewChanges(Strict):
    name: ViewName | None = None
    shared: bool | None = None


@router.get("/saved-views", response=ViewPage, operation_id="list_saved_views", summary="One's own views, and shared ones")
def list_saved_views(request: HttpRequest, cursor: Cursor = None, limit: Limit = MAX_PAGE) -> Any:
    by = acting(request)
    page: Page[SavedView] = cut(saved_views.seen(by, AREA), BY_NAME, cursor, limit)
    return ViewPage(items=[_view_out(by, one) for one in page.rows], next=page.next, previous=page.previous)


@router.post("/saved-views", response={201: ViewOut}, operation_id="save_view", summary="Keep a list under a name")
def save_view(request: HttpRequest, response: HttpResponse, body: NewView) -> Any:
    """One's own of the same name is replaced. A view belongs to a person: a program with a token of its own has none."""
    by = acting(request)
    query = body.query.removeprefix("?")
    view = saved_views.save(by=by, area=AREA, name=body.name, query=query, shared=body.shared)
    return Status(201, tagged(response, _view_out(by, view)))


@router.get(
    "/saved-views/{view_id}", response=ViewOut, operation_id="get_saved_view", summary="Read a view", openapi_extra=READ_ONCE
)
def get_saved_view(request: HttpRequest, response: HttpResponse, view_id: Path[UUID]) -> Any:
    by = acting(request)
    return tagged(response, _view_out(by, _view(by, view_id)))


@router.patch("/saved-views/{view_id}", response=ViewOut, operation_id="change_saved_view", summary="Rename a view, or share it")
def change_saved_view(
    request: HttpRequest, response: HttpResponse, view_id: Path[UUID], body: ViewChanges, if_match: IfMatch = None
) -> Any:
    by = acting(request)
    with transaction.atomic():
        view = _view(by, view_id, held=True)
        must_be_as_seen(if_match, _view_out(by, view))
        name = view.name if body.name is None else body.name
        view = saved_views.change(by=by, view_id=view_id, name=name, shared=view.shared if body.shared is None else body.shared)
    return tagged(response, _view_out(by, view))


@router.delete("/saved-views/{view_id}", response={204: None}, operation_id="delete_saved_view", summary="Delete a view")
def delete_saved_view(request: HttpRequest, view_id: Path[UUID]) -> Any:
    saved_views.delete(by=acting(request), view_id=view_id)
    return Status(204, None)


def _view(by: Actor, view_id: UUID, *, held: bool = False) -> SavedView:
    found = saved_views.seen(by, AREA).filter(pk=view_id)
    view = (found.select_for_update(of=("self",)) if held else found).first()
    if view is None:
        raise NotFound("There is no such view.")
    return view


def _view_out(by: Actor, view: SavedView) -> ViewOut:
    own = view.user_id == by.user_id
    return ViewOut(id=view.pk, name=view.name, query=view.query, shared=view.shared, own=own, created_at=view.created_at)
