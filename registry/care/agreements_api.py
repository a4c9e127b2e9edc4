"""REST: agreements, what they cover, who uses their seats, their papers."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import File, Path, Query, Router, Schema, Status
from ninja.files import UploadedFile
from pydantic import Field

from registry.access.actors import Action, Actor
from registry.assets import serving
from registry.assets.models import NAME_CHARS, Asset, Supplier
from registry.assets.schemas import AssetRef, Ref, amount_out, asset_ref, ref
from registry.care import agreements, lists
from registry.care.models import Agreement, Paper, Seat
from registry.care.models.agreements import TERM_CHARS
from registry.operations import READ_ONCE, Cursor, IfMatch, Limit, Paged, Strict, acting, tagged, version_seen
from registry.paging import OLDEST_FIRST, Page, cut
from registry.problems import NotFound

router = Router(tags=["agreements"])
_BYTES = {"schema": {"type": "string", "format": "binary"}}
_CONTENT: dict[str, Any] = {"responses": {200: {"description": "The bytes", "content": {"*/*": _BYTES}}}}
Kind = Literal["warranty", "contract", "licence", "subscription", "insurance", "domain", "certificate"]
AgreementId = Path[UUID]


class AgreementOut(Schema):
    """`due_on` is the next day by which somebody has to decide: the last one for notice where it renews itself, else its end.
    `lead` is the smallest of its lead times that has begun. `cost` is for each `period`, null for those who may not see it."""

    id: UUID
    name: str
    kind: str
    number: str
    vendor: Ref | None
    starts_on: date | None
    ends_on: date | None
    auto_renew: bool
    renew_months: int | None
    notice_days: int | None
    cancelled_on: date | None
    due_on: date | None
    lead_days: list[int]
    lead: int | None
    seats: int | None
    seats_used: int
    cost: str | None
    currency: str
    period: str
    terms: str
    version: int


class Agreements(Paged):
    items: list[AgreementOut]


class AgreementFields(Strict):
    """Only what is sent is set; `null` takes a value away."""

    number: Annotated[str, Field(max_length=100)] | None = None
    vendor: UUID | None = Field(None, description="A supplier")
    starts_on: date | None = None
    ends_on: date | None = Field(None, description="Its last day")
    auto_renew: bool | None = None
    renew_months: Annotated[int, Field(ge=1, le=120)] | None = None
    notice_days: Annotated[int, Field(ge=0, le=730)] | None = None
    cancelled_on: date | None = Field(None, description="When notice was given")
    lead_days: Annotated[list[Annotated[int, Field(ge=0, le=730)]], Field(max_length=8)] | None = None
    seats: Annotated[int, Field(ge=0, le=agreements.MOST_SEATS)] | None = None
    cost: Annotated[Decimal, Field(ge=0, lt=10**11, decimal_places=4)] | None = None
    currency: Annotated[str, Field(max_length=3, description="ISO 4217, like EUR")] | None = None
    period: Literal["once", "month", "quarter", "year"] | None = None
    terms: Annotated[str, Field(max_length=TERM_CHARS)] | None = None


class NewAgreement(AgreementFields):
    name: Annotated[str, Field(min_length=1, max_length=NAME_CHARS)]
    kind: Kind
    assets: Annotated[list[UUID], Field(max_length=agreements.MOST_COVERED)] = Field(default_factory=list)


class AgreementChanges(AgreementFields):
    name: Annotated[str, Field(min_length=1, max_length=NAME_CHARS)] | None = None
    kind: Kind | None = None


class Covered(Strict):
    assets: Annotated[list[UUID], Field(min_length=1, max_length=agreements.MOST_COVERED)]


class CoveredPage(Paged):
    items: list[AssetRef]


class NewSeat(Strict):
    """`person` or `asset`."""

    person: UUID | None = None
    asset: UUID | None = None
    note: Annotated[str, Field(max_length=200)] = ""


class SeatOut(Schema):
    """`asset` is null where it is out of your scope. `to_at`: it was freed then."""

    id: UUID
    person: Ref | None
    asset: AssetRef | None
    note: str
    from_at: datetime
    to_at: datetime | None


class Seats(Paged):
    items: list[SeatOut]


class PaperOut(Schema):
    id: UUID
    name: str
    media_type: str
    size: int
    sha256: str
    added_at: datetime


class Papers(Schema):
    items: list[PaperOut]


@router.get("/agreements", response=Agreements, operation_id="list_agreements", summary="Warranties, contracts, licences ...")
def list_agreements(
    request: HttpRequest,
    show: Annotated[Literal["running", "ended", "all"], Query()] = "all",
    within: Annotated[int | None, Query(ge=0, le=730, description="Ends, or needs notice, in so many days")] = None,
    kind: Annotated[Kind | None, Query()] = None,
    asset: UUID | None = None,
    q: Annotated[str, Query(max_length=100, description="Stands in its name or the vendor's, or is its number")] = "",
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Any:
    by, today = acting(request), timezone.localdate()
    found = lists.agreements(by, show if within is None else within, today=today, kind=kind or "", q=q, asset_id=asset)
    page: Page[Agreement] = cut(found, lists.DUE_FIRST, cursor, limit)
    return Agreements(items=[_out(by, one, today) for one in page.rows], next=page.next, previous=page.previous)


@router.post("/agreements", response={201: AgreementOut}, operation_id="make_agreement", summary="A new agreement")
def make_agreement(request: HttpRequest, response: HttpResponse, body: NewAgreement) -> Any:
    by = acting(request)
    made = agreements.make(by=by, asset_ids=body.assets, **_given(body))
    return Status(201, tagged(response, _read(by, made.pk)))


@router.get(
    "/agreements/{agreement_id}", response=AgreementOut, operation_id="get_agreement", summary="One of them",
    openapi_extra=READ_ONCE,
)  # fmt: skip
def get_agreement(request: HttpRequest, response: HttpResponse, agreement_id: AgreementId) -> Any:
    return tagged(response, _read(acting(request), agreement_id))


@router.patch("/agreements/{agreement_id}", response=AgreementOut, operation_id="change_agreement", summary="Change it")
def change_agreement(
    request: HttpRequest, response: HttpResponse, agreement_id: AgreementId, body: AgreementChanges, if_match: IfMatch = None
) -> Any:
    by = acting(request)
    version = version_seen(if_match, agreements.visible(by, agreement_id))
    agreements.change(by=by, agreement_id=agreement_id, version=version, changes=_given(body))
    return tagged(response, _read(by, agreement_id))


@router.delete(
    "/agreements/{agreement_id}", response={204: None}, operation_id="delete_agreement", summary="Delete one that was a mistake"
)
def delete_agreement(request: HttpRequest, agreement_id: AgreementId) -> Any:
    agreements.delete(by=acting(request), agreement_id=agreement_id)
    return Status(204, None)


@router.get(
    "/agreements/{agreement_id}/assets", response=CoveredPage, operation_id="list_covered_assets", summary="What it covers"
)
def list_covered_assets(request: HttpRequest, agreement_id: AgreementId, cursor: Cursor = None, limit: Limit = 100) -> Any:
    """Those in your scope."""
    by = acting(request)
    covered = agreements.visible(by, agreement_id).covered.values("asset")
    page: Page[Asset] = cut(Asset.objects.visible_to(by).filter(pk__in=covered), OLDEST_FIRST, cursor, limit)
    return CoveredPage(items=[asset_ref(one) for one in page.rows], next=page.next, previous=page.previous)


@router.post("/agreements/{agreement_id}/assets", response=AgreementOut, operation_id="cover_assets", summary="Cover more assets")
def cover_assets(request: HttpRequest, response: HttpResponse, agreement_id: AgreementId, body: Covered) -> Any:
    by = acting(request)
    agreements.cover(by=by, agreement_id=agreement_id, asset_ids=body.assets)
    return tagged(response, _read(by, agreement_id))


@router.delete(
    "/agreements/{agreement_id}/assets/{asset_id}", response={204: None}, operation_id="uncover_asset",
    summary="Cover an asset no more",
)  # fmt: skip
def uncover_asset(request: HttpRequest, agreement_id: AgreementId, asset_id: Path[UUID]) -> Any:
    agreements.uncover(by=acting(request), agreement_id=agreement_id, asset_id=asset_id)
    return Status(204, None)


@router.get("/agreements/{agreement_id}/seats", response=Seats, operation_id="list_seats", summary="Who uses its seats, and did")
def list_seats(request: HttpRequest, agreement_id: AgreementId, cursor: Cursor = None, limit: Limit = 100) -> Any:
    by = acting(request)
    agreement = agreements.visible(by, agreement_id)
    page: Page[Seat] = cut(
        Seat.objects.filter(agreement=agreement).select_related("person", "asset"), OLDEST_FIRST, cursor, limit
    )
    seen = lists.seen_assets(by, [one.asset_id for one in page.rows if one.asset_id])
    return Seats(items=[_seat_out(one, seen) for one in page.rows], next=page.next, previous=page.previous)


@router.post("/agreements/{agreement_id}/seats", response={201: SeatOut}, operation_id="give_seat", summary="Give a seat")
def give_seat(request: HttpRequest, agreement_id: AgreementId, body: NewSeat) -> Any:
    seat = agreements.give_seat(
        by=acting(request), agreement_id=agreement_id, person_id=body.person, asset_id=body.asset, note=body.note
    )
    return Status(201, _seat_out(seat, {seat.asset_id}))


@router.delete(
    "/agreements/{agreement_id}/seats/{seat_id}", response={204: None}, operation_id="free_seat", summary="Free a seat"
)
def free_seat(request: HttpRequest, agreement_id: AgreementId, seat_id: Path[UUID]) -> Any:
    agreements.free_seat(by=acting(request), agreement_id=agreement_id, seat_id=seat_id)
    return Status(204, None)


@router.get("/agreements/{agreement_id}/files", response=Papers, operation_id="list_agreement_files", summary="Its papers")
def list_agreement_files(request: HttpRequest, agreement_id: AgreementId) -> Any:
    agreement = agreements.visible(acting(request), agreement_id)
    return {"items": [_paper_out(one) for one in agreement.papers.select_related("file")]}


@router.post(
    "/agreements/{agreement_id}/files",
    response={201: PaperOut},
    operation_id="add_agreement_file",
    summary="Keep a paper with it",
)
def add_agreement_file(request: HttpRequest, agreement_id: AgreementId, file: File[UploadedFile]) -> Any:
    paper = agreements.add_paper(by=acting(request), agreement_id=agreement_id, file=file, name=file.name or "")  # type: ignore[arg-type]
    return Status(201, _paper_out(paper))


@router.get(
    "/agreements/{agreement_id}/files/{paper_id}", operation_id="download_agreement_file", summary="The bytes of a paper",
    openapi_extra=_CONTENT,
)  # fmt: skip
def download_agreement_file(request: HttpRequest, agreement_id: AgreementId, paper_id: Path[UUID]) -> Any:
    return serving.whole(_paper(acting(request), agreement_id, paper_id))


@router.delete(
    "/agreements/{agreement_id}/files/{paper_id}", response={204: None}, operation_id="delete_agreement_file",
    summary="Delete a paper",
)  # fmt: skip
def delete_agreement_file(request: HttpRequest, agreement_id: AgreementId, paper_id: Path[UUID]) -> Any:
    by = acting(request)
    agreements.remove_paper(by=by, paper=_paper(by, agreement_id, paper_id))
    return Status(204, None)


def _paper(by: Actor, agreement_id: UUID, paper_id: UUID) -> Paper:
    found = agreements.visible(by, agreement_id).papers.select_related("file").filter(pk=paper_id).first()
    if found is None:
        raise NotFound("there is no such paper")
    return found


def _read(by: Actor, agreement_id: UUID) -> AgreementOut:
    agreements.visible(by, agreement_id)
    return _out(by, lists.with_counts(Agreement.objects.filter(pk=agreement_id)).get(), timezone.localdate())


def _given(body: AgreementFields) -> dict[str, Any]:
    """Raises NotFound."""
    given = {name: getattr(body, name) for name in body.model_fields_set - {"assets"}}
    if given.get("vendor") is not None:
        given["vendor"] = Supplier.objects.filter(pk=given["vendor"]).first()
        if given["vendor"] is None:
            raise NotFound("vendor: there is no such supplier", field="vendor")
    return given


def _out(by: Actor, one: Any, today: date) -> AgreementOut:
    valued = by.may_anywhere(Action.VALUE)
    plain = {name: getattr(one, name) for name in _PLAIN}
    return AgreementOut(
        **plain, vendor=ref(one.vendor), lead=one.lead_reached(today), seats_used=one.used,
        cost=amount_out(one.cost) if valued else None, currency=one.currency if valued else "",
    )  # fmt: skip


_PLAIN = (
    "id", "name", "kind", "number", "starts_on", "ends_on", "auto_renew", "renew_months", "notice_days", "cancelled_on", "due_on",
    "lead_days", "seats", "period", "terms", "version",
)  # fmt: skip


def _seat_out(seat: Seat, seen: Any) -> SeatOut:
    asset = seat.asset if seat.asset is not None and seat.asset_id in seen else None
    return SeatOut(
        id=seat.pk, person=ref(seat.person), asset=asset_ref(asset) if asset is not None else None, note=seat.note,
        from_at=seat.from_at, to_at=seat.to_at,
    )  # fmt: skip


def _paper_out(paper: Paper) -> PaperOut:
    file = paper.file
    return PaperOut(
        id=paper.pk, name=paper.name, media_type=file.media_type, size=file.size, sha256=file.sha256, added_at=paper.added_at
    )
