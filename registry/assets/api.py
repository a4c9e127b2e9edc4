"""REST: assets and the codes they are known by."""

from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router, Status
from ninja.errors import HttpError

from registry.access.actors import Actor
from registry.assets import finding, services
from registry.assets.elsewhere import hide_elsewhere
from registry.assets.models import Asset, AssetQuerySet, Identifier
from registry.assets.schemas import (
    AssetChanges,
    AssetFilters,
    AssetOut,
    AssetPage,
    IdentifierOut,
    NewAsset,
    NewCode,
    Resolved,
    Sort,
    asset_out,
    identifier_out,
)
from registry.assets.trees_api import category_or_404, location_or_404
from registry.assets.trees_api import router as trees_router
from registry.operations import Cursor, IfMatch, IfNoneMatch, Limit, acting
from registry.paging import cut
from registry.problems import NotFound, Stale

router = Router()
router.add_router("", trees_router)


@router.get("/assets", response=AssetPage, operation_id="list_assets", tags=["assets"], summary="List and search assets")
def list_assets(
    request: HttpRequest, filters: Query[AssetFilters], sort: Sort = "name", cursor: Cursor = None, limit: Limit = 50
) -> Any:
    by = acting(request)
    wanted = finding.Criteria(
        q=filters.q,
        category=category_or_404(by, filters.category) if filters.category else None,
        place=location_or_404(by, filters.place) if filters.place else None,
        status=filters.status,
        seen=filters.seen,
    )
    return _asset_page(by, finding.find(by, wanted), sort, cursor, limit)


@router.post("/assets", response={201: AssetOut}, operation_id="create_asset", tags=["assets"], summary="Register an asset")
def create_asset(request: HttpRequest, response: HttpResponse, body: NewAsset) -> Any:
    by = acting(request)
    made = services.register_asset(
        by=by,
        name=body.name,
        asset_no=body.asset_no,
        kind=body.kind,
        status=body.status,
        category=category_or_404(by, body.category) if body.category else None,
        home_location=location_or_404(by, body.home) if body.home else None,
        identifiers=[services.NewIdentifier(code.text, code.kind) for code in body.identifiers],
    )
    response["Location"] = f"{request.path.rstrip('/')}/{made.pk}"
    return Status(201, _tagged(response, _asset_or_404(by, made.pk)))


@router.get(
    "/assets/{asset_id}", response={200: AssetOut, 304: None}, operation_id="get_asset", tags=["assets"], summary="Read an asset"
)
def get_asset(request: HttpRequest, response: HttpResponse, asset_id: Path[UUID], if_none_match: IfNoneMatch = None) -> Any:
    asset = _asset_or_404(acting(request), asset_id)
    shown = _tagged(response, asset)
    if if_none_match and response["ETag"] in [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]:
        return Status(304, None)
    return shown


@router.patch("/assets/{asset_id}", response=AssetOut, operation_id="change_asset", tags=["assets"], summary="Change an asset")
def change_asset(
    request: HttpRequest, response: HttpResponse, asset_id: Path[UUID], body: AssetChanges, if_match: IfMatch = None
) -> Any:
    by = acting(request)
    asset = _asset_or_404(by, asset_id)
    if if_match is None:
        raise HttpError(428, "Send If-Match with the ETag you read, so that nobody's change is overwritten unseen.")
    changes: dict[str, Any] = {n: v for n in ("name", "asset_no", "kind", "status") if (v := getattr(body, n)) is not None}
    if "category" in body.model_fields_set:
        changes["category"] = category_or_404(by, body.category) if body.category else None
    if "home" in body.model_fields_set:
        changes["home_location"] = location_or_404(by, body.home) if body.home else None
    services.change_asset(by=by, asset_id=asset.pk, version=_version(if_match, asset), changes=changes)
    return _tagged(response, _asset_or_404(by, asset_id))


@router.get(
    "/locations/{location_id}/assets",
    response=AssetPage,
    operation_id="list_location_assets",
    tags=["locations"],
    summary="What is there now",
)
def list_location_assets(
    request: HttpRequest, location_id: Path[UUID], sort: Sort = "name", cursor: Cursor = None, limit: Limit = 50
) -> Any:
    """What is at the place, or at one inside it, now; not what has left it."""
    by = acting(request)
    there = finding.find(by, finding.Criteria(place=location_or_404(by, location_id))).filter(position__state="present")
    return _asset_page(by, there, sort, cursor, limit)


@router.post(
    "/assets/{asset_id}/identifiers",
    response={201: IdentifierOut},
    operation_id="add_identifier",
    tags=["identifiers"],
    summary="Make an asset known by one more code",
)
def add_identifier(request: HttpRequest, asset_id: Path[UUID], body: NewCode) -> Any:
    asset = _asset_or_404(acting(request), asset_id)
    return Status(201, identifier_out(services.add_identifier(by=acting(request), asset=asset, text=body.text, kind=body.kind)))


@router.post(
    "/identifiers/{identifier_id}/retire",
    response=IdentifierOut,
    operation_id="retire_identifier",
    tags=["identifiers"],
    summary="Take a code off its asset; its history stays",
)
def retire_identifier(request: HttpRequest, identifier_id: Path[UUID]) -> Any:
    seen = Identifier.objects.filter(asset__in=Asset.objects.visible_to(acting(request)), pk=identifier_id)
    if not seen.exists():
        raise NotFound("There is no such identifier.")
    return identifier_out(services.retire_identifier(by=acting(request), identifier_id=identifier_id))


@router.get("/resolve", response=Resolved, operation_id="resolve_code", tags=["identifiers"], summary="Say what any code means")
def resolve(request: HttpRequest, code: Annotated[str, Query(min_length=1, max_length=4096)]) -> Any:
    by = acting(request)
    found = services.resolve_code(code, by=by)
    asset = asset_out(_asset_or_404(by, found.asset.pk)) if found.asset else None
    return Resolved(key=found.identity.key, level=found.identity.level, note=found.identity.note, asset=asset)


# ---- what they share -----------------------------------------------------------------------------------------------------------


def _asset_page(by: Actor, found: AssetQuerySet, sort: str, cursor: str | None, limit: int) -> AssetPage:
    order = finding.order_of(sort)
    assert order is not None  # Sort lists the ones there are
    page = cut(_with_all(found), order, cursor, limit)
    hide_elsewhere(by, page.rows)
    return AssetPage(items=[asset_out(row) for row in page.rows], next=page.next, previous=page.previous)


def _with_all(found: AssetQuerySet) -> AssetQuerySet:
    return finding.for_rows(found).prefetch_related("identifiers")


def _asset_or_404(by: Actor, asset_id: UUID) -> Asset:
    asset = _with_all(Asset.objects.visible_to(by)).filter(pk=asset_id).first()
    if asset is None:
        raise NotFound("There is no such asset.")
    hide_elsewhere(by, [asset])
    return asset


def _tagged(response: HttpResponse, asset: Asset) -> AssetOut:
    response["ETag"] = f'"{asset.version}"'
    return asset_out(asset)


def _version(if_match: str, asset: Asset) -> int:
    """The version that If-Match names; `*` means whatever there is. Raises Stale for anything that is no ETag of ours."""
    if if_match.strip() == "*":
        return asset.version
    tag = if_match.strip().removeprefix("W/").strip('"')
    if not tag.isdecimal() or not tag.isascii() or len(tag) > 9:
        raise Stale(f"If-Match does not name a version of this asset; it is now {asset.version}")
    return int(tag)
