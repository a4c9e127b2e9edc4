"""REST: who has what, bookings, transfers. The same services and rights as the pages."""

from typing import Annotated, Any, Literal
from uuid import UUID

from django.db.models import F, Prefetch
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from ninja import Path, Query, Router, Status
from pydantic import AwareDatetime

from registry.access.actors import Actor
from registry.assets.models import Location
from registry.assets.trees_api import location_or_404
from registry.custody import bookings, services, transfers
from registry.custody.accepting import SECRET_HERE
from registry.custody.models import Booking, BookingItem, Custody, Transfer, TransferItem
from registry.custody.orders import BACK_LAST, DUE_FIRST
from registry.custody.schemas import (
    Arrivals,
    BookingOut,
    BookingPage,
    CheckedOut,
    CheckIn,
    CheckOut,
    CustodyOut,
    CustodyPage,
    Extend,
    HandOver,
    NewBooking,
    NewTransfer,
    TransferOut,
    TransferPage,
    bookings_out,
    custodies_out,
    transfers_out,
)
from registry.operations import Cursor, IfMatch, Limit, acting
from registry.paging import MAX_PAGE, Order, Page, cut
from registry.problems import Invalid, NotFound

router = Router()
BOOKINGS = Order("from", F("from_at"), "time")
TRANSFERS = Order("number", F("number"), descending=True)


@router.get("/custody", response=CustodyPage, operation_id="list_custody", tags=["custody"], summary="What is out, or was")
def list_custody(
    request: HttpRequest,
    state: Annotated[Literal["out", "overdue", "back"], Query()] = "out",
    asset: Annotated[UUID | None, Query()] = None,
    person: Annotated[UUID | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = MAX_PAGE,
) -> Any:
    by = acting(request)
    seen = Custody.objects.visible_to(by).select_related("asset", "person", "location", "holder").order_by()
    now = timezone.now()
    found = {"out": seen.out(), "overdue": seen.overdue(now), "back": seen.filter(to_at__isnull=False)}[state]
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
        accept_at=_accept_at(request),
    )
    return Status(201, _checked_out(by, out))


@router.post(
    "/custody/check-in", response=list[CustodyOut], operation_id="check_in", tags=["custody"], summary="Take assets back"
)
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
    return custodies_out(by, back)


@router.get(
    "/custody/{custody_id}", response=CustodyOut, operation_id="get_custody", tags=["custody"], summary="Read one check-out"
)
def get_custody(request: HttpRequest, custody_id: Path[UUID]) -> Any:
    by = acting(request)
    return custodies_out(by, [_custody(by, custody_id)])[0]


@router.post(
    "/custody/{custody_id}/extend", response=CustodyOut, operation_id="extend_custody", tags=["custody"], summary="Give more time"
)
def extend(request: HttpRequest, custody_id: Path[UUID], body: Extend) -> Any:
    by = acting(request)
    _custody(by, custody_id)
    changed = services.extend(by=by, custody_id=custody_id, due_at=body.due_at, over_bookings=body.over_bookings)
    return custodies_out(by, [changed])[0]


@router.post(
    "/custody/{custody_id}/hand-over",
    response={201: CheckedOut},
    operation_id="hand_over",
    tags=["custody"],
    summary="From the one who has it straight to another person",
)
def hand_over(request: HttpRequest, custody_id: Path[UUID], body: HandOver) -> Any:
    by = acting(request)
    custody = _custody(by, custody_id)
    if custody.to_at is not None:
        raise Invalid(f"{custody.asset.asset_no} is back already")
    out = services.hand_over(
        by=by,
        asset_ids=[custody.asset_id],
        person_id=body.person,
        due_at=body.due_at or custody.due_at,
        note=body.note,
        accept_at=_accept_at(request),
    )
    return Status(201, _checked_out(by, out))


@router.get("/bookings", response=BookingPage, operation_id="list_bookings", tags=["bookings"], summary="Bookings, soonest first")
def list_bookings(
    request: HttpRequest,
    start: Annotated[AwareDatetime | None, Query(alias="from")] = None,
    end: Annotated[AwareDatetime | None, Query(alias="to")] = None,
    asset: Annotated[UUID | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = MAX_PAGE,
) -> Any:
    by = acting(request)
    found = Booking.objects.visible_to(by).select_related("person").prefetch_related(_items(BookingItem)).order_by()
    if start is not None:
        found = found.filter(to_at__gt=start)
    if end is not None:
        found = found.filter(from_at__lt=end)
    if asset is not None:
        found = found.filter(items__asset=asset)
    page: Page[Booking] = cut(found, BOOKINGS, cursor, limit)
    return BookingPage(items=bookings_out(by, page.rows), next=page.next, previous=page.previous)


@router.post("/bookings", response={201: BookingOut}, operation_id="book", tags=["bookings"], summary="Book assets for a person")
def book(request: HttpRequest, body: NewBooking) -> Any:
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
    return Status(201, _booking(by, made.pk))


@router.get(
    "/bookings/{booking_id}", response=BookingOut, operation_id="get_booking", tags=["bookings"], summary="Read a booking"
)
def get_booking(request: HttpRequest, booking_id: Path[UUID]) -> Any:
    return _booking(acting(request), booking_id)


@router.post(
    "/bookings/{booking_id}/confirm",
    response=BookingOut,
    operation_id="confirm_booking",
    tags=["bookings"],
    summary="Hold what was requested",
)
def confirm_booking(request: HttpRequest, booking_id: Path[UUID], if_match: IfMatch = None) -> Any:
    bookings.confirm(by=acting(request), booking_id=booking_id, version=_version(if_match))
    return _booking(acting(request), booking_id)


@router.post(
    "/bookings/{booking_id}/cancel", response=BookingOut, operation_id="cancel_booking", tags=["bookings"], summary="Give it up"
)
def cancel_booking(request: HttpRequest, booking_id: Path[UUID], if_match: IfMatch = None) -> Any:
    bookings.cancel(by=acting(request), booking_id=booking_id, version=_version(if_match))
    return _booking(acting(request), booking_id)


@router.post(
    "/bookings/{booking_id}/check-out",
    response={201: CheckedOut},
    operation_id="check_out_booking",
    tags=["bookings"],
    summary="Hand everything of it to its person",
)
def check_out_booking(request: HttpRequest, booking_id: Path[UUID], if_match: IfMatch = None) -> Any:
    by = acting(request)
    version = _version(if_match)
    out = bookings.hand_out(by=by, booking_id=booking_id, version=version, accept_at=_accept_at(request))
    return Status(201, _checked_out(by, out))


@router.get(
    "/transfers", response=TransferPage, operation_id="list_transfers", tags=["transfers"], summary="Transfers, newest first"
)
def list_transfers(
    request: HttpRequest,
    state: Annotated[Literal["open", "overdue", "closed"] | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    by = acting(request)
    seen = (
        Transfer.objects.visible_to(by)
        .select_related("from_location", "to_location")
        .prefetch_related(_items(TransferItem))
        .order_by()
    )
    closed = ("arrived", "cancelled", "refused")
    found = {"open": seen.open(), "overdue": seen.overdue(timezone.now()), "closed": seen.filter(state__in=closed)}.get(
        state or "", seen
    )
    page: Page[Transfer] = cut(found, TRANSFERS, cursor, limit)
    return TransferPage(items=transfers_out(by, page.rows), next=page.next, previous=page.previous)


@router.post(
    "/transfers", response={201: TransferOut}, operation_id="request_transfer", tags=["transfers"], summary="Ask for a transfer"
)
def request_transfer(request: HttpRequest, body: NewTransfer) -> Any:
    by = acting(request)
    made = transfers.request(
        by=by,
        asset_ids=body.assets,
        from_location=location_or_404(by, body.from_location),
        to_location=location_or_404(by, body.to_location),
        due_at=body.due_at,
        note=body.note,
        new_home=body.new_home,
    )
    return Status(201, _transfer(by, made.pk))


@router.get(
    "/transfers/{transfer_id}", response=TransferOut, operation_id="get_transfer", tags=["transfers"], summary="Read a transfer"
)
def get_transfer(request: HttpRequest, transfer_id: Path[UUID]) -> Any:
    return _transfer(acting(request), transfer_id)


@router.post(
    "/transfers/{transfer_id}/dispatch",
    response=TransferOut,
    operation_id="dispatch_transfer",
    tags=["transfers"],
    summary="Send it off",
)
def dispatch_transfer(request: HttpRequest, transfer_id: Path[UUID], if_match: IfMatch = None) -> Any:
    transfers.dispatch(by=acting(request), transfer_id=transfer_id, version=_version(if_match))
    return _transfer(acting(request), transfer_id)


@router.post(
    "/transfers/{transfer_id}/refuse",
    response=TransferOut,
    operation_id="refuse_transfer",
    tags=["transfers"],
    summary="Say no to a request",
)
def refuse_transfer(request: HttpRequest, transfer_id: Path[UUID], if_match: IfMatch = None) -> Any:
    transfers.refuse(by=acting(request), transfer_id=transfer_id, version=_version(if_match))
    return _transfer(acting(request), transfer_id)


@router.post(
    "/transfers/{transfer_id}/cancel",
    response=TransferOut,
    operation_id="cancel_transfer",
    tags=["transfers"],
    summary="Call it off",
)
def cancel_transfer(request: HttpRequest, transfer_id: Path[UUID], if_match: IfMatch = None) -> Any:
    transfers.cancel(by=acting(request), transfer_id=transfer_id, version=_version(if_match))
    return _transfer(acting(request), transfer_id)


@router.post(
    "/transfers/{transfer_id}/arrivals",
    response=TransferOut,
    operation_id="confirm_arrivals",
    tags=["transfers"],
    summary="Say of assets that they have arrived",
)
def arrivals(request: HttpRequest, transfer_id: Path[UUID], body: Arrivals) -> Any:
    by = acting(request)
    transfer = Transfer.objects.visible_to(by).filter(pk=transfer_id).first()
    if transfer is None:
        raise NotFound("There is no such transfer.")
    items = list(transfer.items.filter(asset__in=body.assets).values_list("pk", flat=True))
    transfers.confirm_by_hand(by=by, transfer_id=transfer_id, item_ids=items)
    return _transfer(by, transfer_id)


def _checked_out(by: Actor, out: services.CheckedOut) -> CheckedOut:
    path = reverse("custody-accept", args=[out.link_secret]) if out.link_secret else None
    return CheckedOut(items=custodies_out(by, out.custodies), accept_path=path)


def _accept_at(request: HttpRequest) -> str:
    return request.build_absolute_uri(reverse("custody-accept", args=[SECRET_HERE]))


def _place(by: Actor, location_id: UUID | None) -> Location | None:
    return location_or_404(by, location_id) if location_id is not None else None


def _custody(by: Actor, custody_id: UUID) -> Custody:
    found = Custody.objects.visible_to(by).select_related("asset", "person", "location", "holder").filter(pk=custody_id).first()
    if found is None:
        raise NotFound("There is no such check-out.")
    return found


def _items(model: type[BookingItem | TransferItem]) -> Any:
    """With their assets in the same query: prefetched by themselves, a thousand would be too many for SQLite."""
    return Prefetch("items", model._default_manager.select_related("asset"))


def _booking(by: Actor, booking_id: UUID) -> BookingOut:
    seen = Booking.objects.visible_to(by).select_related("person").prefetch_related(_items(BookingItem))
    found = seen.filter(pk=booking_id).first()
    if found is None:
        raise NotFound("There is no such booking.")
    return bookings_out(by, [found])[0]


def _transfer(by: Actor, transfer_id: UUID) -> TransferOut:
    seen = Transfer.objects.visible_to(by).select_related("from_location", "to_location").prefetch_related(_items(TransferItem))
    found = seen.filter(pk=transfer_id).first()
    if found is None:
        raise NotFound("There is no such transfer.")
    return transfers_out(by, [found])[0]


def _version(if_match: str | None) -> int | None:
    """Of `"7"`; None without the header: then the newest is meant. Raises Invalid."""
    if if_match is None:
        return None
    digits = if_match.strip().removeprefix("W/").strip('"')
    if not digits.isdecimal() or len(digits) > 9:
        raise Invalid('If-Match: write the version in quotes, like "7"', field="If-Match")
    return int(digits)
