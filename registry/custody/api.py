"""REST: who has what, handing out and taking back. The same services and rights as the pages."""

from typing import Annotated, Any, Literal
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from ninja import Path, Query, Router, Status

from registry.access.actors import Actor
from registry.assets.models import Asset, Location
from registry.assets.serving import picture
from registry.assets.trees_api import location_or_404
from registry.custody import lists, reopening, services
from registry.custody.bookings_api import router as bookings_router
from registry.custody.choosing import accept_at
from registry.custody.models import Custody
from registry.custody.orders import BACK_LAST, DUE_FIRST
from registry.custody.schemas import (
    AcceptLink,
    CameBack,
    CheckedIn,
    CheckedOut,
    CheckIn,
    CheckOut,
    CustodyOut,
    CustodyPage,
    Extend,
    HandOver,
    checked_out,
    custodies_out,
)
from registry.custody.transfers_api import router as transfers_router
from registry.db import hold_rows
from registry.operations import READ_ONCE, Cursor, IfMatch, Limit, acting, must_be_as_seen, tagged
from registry.paging import MAX_PAGE, Page, cut
from registry.problems import Invalid, NotFound

router = Router()
for _part in (bookings_router, transfers_router):
    router.add_router("", _part)


@router.get("/custody", response=CustodyPage, operation_id="list_custody", tags=["custody"], summary="What is out, or was")
def list_custody(
    request: HttpRequest,
    state: Annotated[Literal["out", "overdue", "mine", "back"], Query(description="`mine`: what you have yourself")] = "out",
    asset: Annotated[UUID | None, Query()] = None,
    person: Annotated[UUID | None, Query()] = None,
    q: Annotated[
        str, Query(max_length=lists.MAX_SEARCH_CHARS, description="Stands in a name of asset or person, or is the asset's number")
    ] = "",
    cursor: Cursor = None,
    limit: Limit = MAX_PAGE,
) -> Any:
    by = acting(request)
    found = lists.custodies(by, state, q=q, now=timezone.now())
    if asset is not None:
        found = found.filter(asset=asset)
    if person is not None:
        found = found.filter(person=person)
    page: Page[Custody] = cut(found, BACK_LAST if state == "back" else DUE_FIRST, cursor, limit)
    return CustodyPage(items=custodies_out(by, page.rows), next=page.next, previous=page.previous)


@router.post(
    "/custody",
    response={201: CheckedOut},
    operation_id="check_out",
    tags=["custody"],
    summary="Hand assets to a person, a place or another asset; all of them or none",
)
def check_out(request: HttpRequest, body: CheckOut) -> Any:
    by = acting(request)
    out = services.check_out(
        by=by,
        asset_ids=body.assets,
        person_id=body.person,
        location=_place(by, body.location),
        holder_id=body.holder,
        due_at=body.due_at,
        note=body.note,
        kits=body.kits,
        over_bookings=body.over_bookings,
        accept_at=accept_at(request),
    )
    return Status(201, checked_out(by, out))


@router.post("/custody/check-in", response=CheckedIn, operation_id="check_in", tags=["custody"], summary="Take assets back")
def check_in(request: HttpRequest, body: CheckIn) -> Any:
    by = acting(request)
    back = services.check_in(
        by=by,
        asset_ids=body.assets,
        location=_place(by, body.location),
        condition=body.condition,
        note=body.note,
        kits=body.kits,
    )
    return CheckedIn(items=custodies_out(by, back))


@router.post(
    "/custody/undo-check-in",
    response=CheckedIn,
    operation_id="undo_check_in",
    tags=["custody"],
    summary="Undo the last check-in of assets: they are out again, with who had them",
)
def undo_check_in(request: HttpRequest, body: CameBack) -> Any:
    """All of them or none. Refused is what went out again since, or was booked by somebody else for that time."""
    by = acting(request)
    return CheckedIn(items=custodies_out(by, reopening.undo_check_in(by=by, asset_ids=body.assets)))


@router.get(
    "/custody/{custody_id}",
    response=CustodyOut,
    operation_id="get_custody",
    tags=["custody"],
    summary="Read one check-out",
    openapi_extra=READ_ONCE,
)
def get_custody(request: HttpRequest, response: HttpResponse, custody_id: Path[UUID]) -> Any:
    by = acting(request)
    return tagged(response, _out(by, _custody(by, custody_id)))


@router.get(
    "/custody/{custody_id}/signature",
    operation_id="download_signature",
    tags=["custody"],
    summary="What the person drew when they accepted it",
    openapi_extra={
        "responses": {
            200: {"description": "The bytes", "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}
        }
    },
)
def download_signature(request: HttpRequest, custody_id: Path[UUID]) -> Any:
    custody = _custody(acting(request), custody_id)
    if custody.signature is None:
        raise NotFound("Nobody has signed for it.")
    return picture(custody.signature)


@router.post(
    "/custody/{custody_id}/link",
    response={201: AcceptLink},
    operation_id="make_accept_link",
    tags=["custody"],
    summary="Make another link by which the person accepts what went out together",
)
def make_accept_link(request: HttpRequest, custody_id: Path[UUID]) -> Any:
    """The link before ends."""
    secret = services.new_link(by=acting(request), custody_id=custody_id)
    return Status(201, AcceptLink(accept_path=reverse("custody-accept", args=[secret])))


@router.post(
    "/custody/{custody_id}/extend", response=CustodyOut, operation_id="extend_custody", tags=["custody"], summary="Give more time"
)
def extend(request: HttpRequest, response: HttpResponse, custody_id: Path[UUID], body: Extend, if_match: IfMatch = None) -> Any:
    by = acting(request)
    with transaction.atomic():
        _as_seen(by, custody_id, if_match)
        changed = services.extend(by=by, custody_id=custody_id, due_at=body.due_at, over_bookings=body.over_bookings)
    return tagged(response, _out(by, changed))


@router.post(
    "/custody/{custody_id}/hand-over",
    response={201: CheckedOut},
    operation_id="hand_over",
    tags=["custody"],
    summary="From the one who has it straight to another person",
)
def hand_over(request: HttpRequest, custody_id: Path[UUID], body: HandOver, if_match: IfMatch = None) -> Any:
    by = acting(request)
    with transaction.atomic():
        custody = _as_seen(by, custody_id, if_match)
        if custody.to_at is not None:
            raise Invalid(f"{custody.asset.asset_no} is back already")
        out = services.hand_over(
            by=by,
            asset_ids=[custody.asset_id],
            person_id=body.person,
            due_at=body.due_at or custody.due_at,
            note=body.note,
            accept_at=accept_at(request),
        )
    return Status(201, checked_out(by, out))


def _place(by: Actor, location_id: UUID | None) -> Location | None:
    return location_or_404(by, location_id) if location_id is not None else None


def _custody(by: Actor, custody_id: UUID) -> Custody:
    seen = Custody.objects.visible_to(by).select_related("asset", "person", "location", "holder", "signature")
    found = seen.filter(pk=custody_id).first()
    if found is None:
        raise NotFound("There is no such check-out.")
    return found


def _as_seen(by: Actor, custody_id: UUID, if_match: str | None) -> Custody:
    """Its asset held, so that nobody gives it more time or takes it back meanwhile. Raises NotFound, Stale."""
    hold_rows(Asset, [_custody(by, custody_id).asset_id])
    custody = _custody(by, custody_id)
    must_be_as_seen(if_match, _out(by, custody), asked=False)
    return custody


def _out(by: Actor, custody: Custody) -> CustodyOut:
    return custodies_out(by, [custody])[0]
