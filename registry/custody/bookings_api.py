"""REST: bookings of assets, and handing out what was booked."""

from typing import Annotated, Any, Literal
from uuid import UUID

from django.db.models import F, Q
from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router, Status
from pydantic import AwareDatetime

from registry.access.actors import Actor
from registry.assets.models import Asset
from registry.custody import bookings
from registry.custody.choosing import accept_at
from registry.custody.models import Booking, BookingItem
from registry.custody.schemas import BookingOut, BookingPage, CheckedOut, NewBooking, bookings_out, checked_out, with_assets
from registry.operations import READ_ONCE, Cursor, IfMatch, Limit, acting, tagged, version_if_said
from registry.paging import MAX_PAGE, Order, Page, cut
from registry.problems import NotFound

router = Router()
BOOKINGS = Order("from", F("from_at"), "time")
BookingState = Literal["requested", "confirmed", "active", "done", "cancelled"]


@router.get("/bookings", response=BookingPage, operation_id="list_bookings", tags=["bookings"], summary="Bookings, soonest first")
def list_bookings(
    request: HttpRequest,
    start: Annotated[AwareDatetime | None, Query(alias="from")] = None,
    end: Annotated[AwareDatetime | None, Query(alias="to")] = None,
    asset: Annotated[list[UUID], Query(max_length=100, description="Any of these")] = [],  # noqa: B006
    person: Annotated[UUID | None, Query()] = None,
    state: Annotated[BookingState | None, Query()] = None,
    q: Annotated[str, Query(max_length=100, description="Stands in the name of an asset of it, or is its number")] = "",
    cursor: Cursor = None,
    limit: Limit = MAX_PAGE,
) -> Any:
    by = acting(request)
    found = Booking.objects.visible_to(by).select_related("person").prefetch_related(with_assets(BookingItem)).order_by()
    if start is not None:
        found = found.filter(to_at__gt=start)
    if end is not None:
        found = found.filter(from_at__lt=end)
    if person is not None:
        found = found.filter(person=person)
    if state is not None:
        found = found.filter(state=state)
    text = q.replace("\0", "").strip()
    if asset or text:
        wanted = Asset.objects.visible_to(by).order_by()
        wanted = wanted.filter(pk__in=asset) if asset else wanted
        wanted = wanted.filter(Q(name__icontains=text) | Q(asset_no__iexact=text)) if text else wanted
        found = found.filter(pk__in=BookingItem.objects.filter(asset__in=wanted).order_by().values("booking"))
    page: Page[Booking] = cut(found, BOOKINGS, cursor, limit)
    return BookingPage(items=bookings_out(by, page.rows), next=page.next, previous=page.previous)


@router.post("/bookings", response={201: BookingOut}, operation_id="book", tags=["bookings"], summary="Book assets for a person")
def book(request: HttpRequest, response: HttpResponse, body: NewBooking) -> Any:
    by = acting(request)
    made = bookings.book(
        by=by,
        title=body.title,
        person_id=body.person,
        asset_ids=body.assets,
        from_at=body.from_at,
        to_at=body.to_at,
        note=body.note,
        confirmed=body.confirmed,
    )
    return Status(201, _shown(by, response, made.pk))


@router.get(
    "/bookings/{booking_id}",
    response=BookingOut,
    operation_id="get_booking",
    tags=["bookings"],
    summary="Read a booking",
    openapi_extra=READ_ONCE,
)
def get_booking(request: HttpRequest, response: HttpResponse, booking_id: Path[UUID]) -> Any:
    return _shown(acting(request), response, booking_id)


@router.post(
    "/bookings/{booking_id}/confirm",
    response=BookingOut,
    operation_id="confirm_booking",
    tags=["bookings"],
    summary="Hold what was requested",
)
def confirm_booking(request: HttpRequest, response: HttpResponse, booking_id: Path[UUID], if_match: IfMatch = None) -> Any:
    by = acting(request)
    bookings.confirm(by=by, booking_id=booking_id, version=version_if_said(if_match, _booking(by, booking_id)))
    return _shown(by, response, booking_id)


@router.post(
    "/bookings/{booking_id}/cancel", response=BookingOut, operation_id="cancel_booking", tags=["bookings"], summary="Give it up"
)
def cancel_booking(request: HttpRequest, response: HttpResponse, booking_id: Path[UUID], if_match: IfMatch = None) -> Any:
    by = acting(request)
    bookings.cancel(by=by, booking_id=booking_id, version=version_if_said(if_match, _booking(by, booking_id)))
    return _shown(by, response, booking_id)


@router.post(
    "/bookings/{booking_id}/check-out",
    response={201: CheckedOut},
    operation_id="check_out_booking",
    tags=["bookings"],
    summary="Hand everything of it to its person",
)
def check_out_booking(request: HttpRequest, booking_id: Path[UUID], if_match: IfMatch = None) -> Any:
    by = acting(request)
    version = version_if_said(if_match, _booking(by, booking_id))
    out = bookings.hand_out(by=by, booking_id=booking_id, version=version, accept_at=accept_at(request))
    return Status(201, checked_out(by, out))


def _booking(by: Actor, booking_id: UUID) -> Booking:
    seen = Booking.objects.visible_to(by).select_related("person").prefetch_related(with_assets(BookingItem))
    found = seen.filter(pk=booking_id).first()
    if found is None:
        raise NotFound("There is no such booking.")
    return found


def _shown(by: Actor, response: HttpResponse, booking_id: UUID) -> BookingOut:
    return tagged(response, bookings_out(by, [_booking(by, booking_id)])[0])
