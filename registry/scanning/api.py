"""REST: scans in batches, what a phone has to know for scanning without a network, and the codes in a photo."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router, Schema
from ninja.errors import HttpError
from pydantic import AwareDatetime, Field

from registry.operations import READ_ONCE, Strict, acting, tagged
from registry.problem_json import answer
from registry.scanning import pictures, register, services
from registry.tracking.scans import MAX_TEXT, MOST, Scan

router = Router(tags=["scans"])


class ScanIn(Strict):
    event_id: UUID = Field(description="Made by whoever scans, best a UUIDv7: sent twice it counts once")
    text: str = Field(
        min_length=1, max_length=MAX_TEXT, description="What the scanner said, an AIM identifier in front if it gave one"
    )
    location: UUID = Field(description="The place where it was scanned")
    at: AwareDatetime


class Scans(Strict):
    scans: list[ScanIn] = Field(min_length=1, max_length=MOST)
    sent_at: AwareDatetime | None = Field(
        None, description="Your clock now: where it is wrong, the times of the scans are corrected by as much"
    )
    person: UUID | None = Field(None, description="Whose scans they are: refused if somebody else is logged in")


class ScannedAsset(Schema):
    id: UUID
    asset_no: str
    name: str
    home: str | None


class OutcomeOut(Schema):
    """`refused` was not stored, and sending it again does not help; `why` says what is wrong with it."""

    event_id: UUID
    state: Literal["known", "wrong_place", "unknown", "repeated", "refused"]
    key: str = Field(description="The canonical key of the code; empty if refused")
    asset: ScannedAsset | None
    why: str | None


class ScansOut(Schema):
    outcomes: list[OutcomeOut] = Field(description="One for each scan, in their order")
    received_at: datetime
    clock_ahead_s: float = Field(description="How far `sent_at` was ahead of the registry's clock; negative: behind")


class KnownAssetOut(Schema):
    id: UUID
    asset_no: str
    name: str
    home_path: str = Field(description="The path of its home in the tree of places; empty: it has none")
    home: str
    codes: list[str] = Field(description="Its active codes, canonical and as they were read")


class KnownAssets(Schema):
    person: UUID | None = Field(description="Whose scope this is; null for a program")
    items: list[KnownAssetOut]
    next: UUID | None = Field(description="`after` of the next page, null on the last one")


class KnownPlaceOut(Schema):
    id: UUID
    code: str
    gln: str
    path: str = Field(description="Begins with the path of each place around it")
    names: str = Field(description="It and the places around it, the outermost first")


class KnownPlaces(Schema):
    person: UUID | None = Field(description="Whose scope this is; null for a program")
    items: list[KnownPlaceOut]
    next: UUID | None = Field(description="`after` of the next page, null on the last one")


class SeenOut(Schema):
    text: str = Field(description="What to scan: of a GS1 symbol with its AIM identifier in front")
    symbology: str
    format: str


class Decoded(Schema):
    codes: list[SeenOut]


After = Annotated[UUID | None, Query(description="`next` of the page before")]


@router.post("/scans", response=ScansOut, operation_id="take_scans", summary="Take scans of codes at places")
def take_scans(request: HttpRequest, body: Scans) -> Any:
    """Each moves its asset to the place where it was scanned. One that cannot be taken does not hold up the others."""
    scans = [Scan(one.event_id, one.text, one.location, one.at) for one in body.scans]
    answers, ahead_s = services.take(by=acting(request), scans=scans, sent_at=body.sent_at, person=body.person)
    return ScansOut(outcomes=[_outcome_out(one) for one in answers], received_at=timezone.now(), clock_ahead_s=round(ahead_s, 3))


@router.get(
    "/scans/assets",
    response=KnownAssets,
    operation_id="list_known_assets",
    summary="What to know for scanning without a network: assets",
    openapi_extra=READ_ONCE,
)
def list_known_assets(request: HttpRequest, response: HttpResponse, after: After = None) -> Any:
    """The assets that the caller may handle, 1,000 a page. A page has an ETag: ask with If-None-Match what has changed."""
    by = acting(request)
    rows, following = register.assets(by, after)
    page = KnownAssets(person=by.user_id, items=[KnownAssetOut(**_fields(row)) for row in rows], next=following)
    return _for_them_alone(response, page)


@router.get(
    "/scans/places",
    response=KnownPlaces,
    operation_id="list_known_places",
    summary="What to know for scanning without a network: places",
    openapi_extra=READ_ONCE,
)
def list_known_places(request: HttpRequest, response: HttpResponse, after: After = None) -> Any:
    """The places where the caller may scan, 1,000 a page, with an ETag each."""
    by = acting(request)
    rows, following = register.places(by, after)
    page = KnownPlaces(person=by.user_id, items=[KnownPlaceOut(**_fields(row)) for row in rows], next=following)
    return _for_them_alone(response, page)


_PICTURE = {"schema": {"type": "string", "format": "binary"}}


@router.post(
    "/decode",
    response=Decoded,
    operation_id="decode_picture",
    summary="Read the codes in a photo",
    openapi_extra={
        "requestBody": {"required": True, "content": dict.fromkeys(("image/jpeg", "image/png", "image/webp"), _PICTURE)}
    },
)
def decode_picture(request: HttpRequest) -> Any:
    """The body is the picture itself, 8 MB and 40 million pixels at most. Nothing of it is kept."""
    acting(request)
    picture = request.read(pictures.MAX_BYTES + 1)
    if len(picture) > pictures.MAX_BYTES:
        return answer(413, f"The picture is larger than {pictures.MAX_BYTES // 1024 // 1024} MB; send a smaller one.")
    try:
        found = pictures.decode(picture)
    except pictures.Busy:
        raise HttpError(503, "Too many pictures at once; try again in a second.") from None
    return Decoded(codes=[SeenOut(text=one.text, symbology=one.symbology, format=one.format) for one in found])


def _outcome_out(one: services.Answer) -> OutcomeOut:
    asset = None
    if one.asset is not None:
        asset = ScannedAsset(id=one.asset.pk, asset_no=one.asset.asset_no, name=one.asset.name, home=one.home or None)
    return OutcomeOut(event_id=one.event_id, state=one.state, key=one.key, asset=asset, why=one.why or None)  # type: ignore[arg-type]


def _fields(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__slots__}


def _for_them_alone(response: HttpResponse, page: KnownAssets | KnownPlaces) -> KnownAssets | KnownPlaces:
    """With its ETag; no cache may keep it."""
    response["Cache-Control"] = "private, no-store"
    return tagged(response, page)
