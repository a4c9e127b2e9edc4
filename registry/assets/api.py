"""REST: assets, one and many at a time, and the codes they are known by."""

from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Body, Path, Query, Router, Status

from registry.access.actors import Actor
from registry.assets import bulk, finding, record, services
from registry.assets.elsewhere import hide_elsewhere
from registry.assets.fields_api import router as fields_router
from registry.assets.files_api import router as files_router
from registry.assets.list_schemas import OWN_FIELDS, AssetFilters, Columns, Sort, order, wanted
from registry.assets.models import Asset, AssetQuerySet, Identifier
from registry.assets.parts_api import router as parts_router
from registry.assets.references import References
from registry.assets.schemas import (
    AssetChanges,
    AssetOut,
    AssetPage,
    BulkChange,
    BulkChanges,
    IdentifierOut,
    NewAsset,
    NewAssets,
    NewCode,
    Resolved,
    Written,
    WrittenAll,
    asset_out,
    identifier_out,
    seen_parents,
    with_record,
)
from registry.assets.trees_api import location_or_404
from registry.assets.trees_api import router as trees_router
from registry.assets.views_api import router as views_router
from registry.assets.words_api import router as words_router
from registry.operations import READ_ONCE, Cursor, IfMatch, Limit, acting, tagged, version_seen
from registry.paging import cut
from registry.problems import Invalid, NotFound, Problem, Several

router = Router()
for _part in (views_router, trees_router, words_router, fields_router, parts_router, files_router):
    router.add_router("", _part)


@router.get(
    "/assets",
    response=AssetPage,
    operation_id="list_assets",
    tags=["assets"],
    summary="List and search assets",
    openapi_extra=OWN_FIELDS,
)
def list_assets(
    request: HttpRequest,
    filters: Query[AssetFilters],
    sort: Sort = finding.DEFAULT_SORT,
    columns: Columns = "",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """Narrowed and sorted by the same address as the list on the pages, so that what a saved view keeps can be asked for here."""
    by = acting(request)
    return _asset_page(by, finding.find(by, wanted(by, request.GET.dict())), sort, cursor, limit)


@router.post("/assets", response={201: AssetOut}, operation_id="create_asset", tags=["assets"], summary="Register an asset")
def create_asset(request: HttpRequest, response: HttpResponse, body: NewAsset) -> Any:
    by = acting(request)
    made = services.register_asset(
        by=by,
        identifiers=_codes(body),
        custom=body.custom or {},
        tags=body.tags or (),
        **References(by, [body]).given(body),
    )
    response["Location"] = f"{request.path.rstrip('/')}/{made.pk}"
    return Status(201, tagged(response, _shown(by, _asset_or_404(by, made.pk))))


@router.post(
    "/assets/bulk",
    response={201: WrittenAll},
    operation_id="create_assets",
    tags=["assets"],
    summary="Register up to 500 assets, all or none",
)
def create_assets(request: HttpRequest, body: Annotated[NewAssets, Body()]) -> Any:
    """Every error of every row is said at once; `errors[].pointer` names row and field. At most 1,000 rows are written by one
    request: two for each asset, one for each code, tag and own value."""
    by = acting(request)
    rows = _rows(by, body)
    made = bulk.register_all(by=by, rows=rows)
    return Status(201, _written(made))


@router.patch(
    "/assets/bulk",
    response=WrittenAll,
    operation_id="change_assets",
    tags=["assets"],
    summary="Change up to 500 assets, all or none",
)
def change_assets(request: HttpRequest, body: Annotated[BulkChanges, Body()]) -> Any:
    """Every error of every row is said at once; `errors[].pointer` names row and field. A row with `version` is refused when
    somebody changed its asset since. At most 1,000 rows are written by one request: two for each asset, tag
    and own value."""
    by = acting(request)
    return _written(bulk.change_all(by=by, rows=_rows(by, body)))


@router.get(
    "/assets/{asset_id}",
    response=AssetOut,
    operation_id="get_asset",
    tags=["assets"],
    summary="Read an asset",
    openapi_extra=READ_ONCE,
)
def get_asset(request: HttpRequest, response: HttpResponse, asset_id: Path[UUID]) -> Any:
    by = acting(request)
    return tagged(response, _shown(by, _asset_or_404(by, asset_id)))


@router.patch("/assets/{asset_id}", response=AssetOut, operation_id="change_asset", tags=["assets"], summary="Change an asset")
def change_asset(
    request: HttpRequest, response: HttpResponse, asset_id: Path[UUID], body: AssetChanges, if_match: IfMatch = None
) -> Any:
    by = acting(request)
    asset = _asset_or_404(by, asset_id)
    version = version_seen(if_match, asset)
    changes = References(by, [body]).given(body)
    services.change_asset(by=by, asset_id=asset.pk, version=version, changes=changes, custom=body.custom, tags=body.tags)
    return tagged(response, _shown(by, _asset_or_404(by, asset_id)))


@router.post(
    "/assets/{asset_id}/duplicate",
    response={201: AssetOut},
    operation_id="duplicate_asset",
    tags=["assets"],
    summary="Register another asset like this one",
)
def duplicate_asset(request: HttpRequest, response: HttpResponse, asset_id: Path[UUID]) -> Any:
    """Without codes, serial number, condition, warranty, files and history: those are of one thing alone."""
    by = acting(request)
    made = record.duplicate_asset(by=by, asset=_asset_or_404(by, asset_id))
    return Status(201, tagged(response, _shown(by, _asset_or_404(by, made.pk))))


@router.post(
    "/assets/{asset_id}/dispose", response=AssetOut, operation_id="dispose_asset", tags=["assets"], summary="End an asset's life"
)
def dispose_asset(request: HttpRequest, response: HttpResponse, asset_id: Path[UUID], if_match: IfMatch = None) -> Any:
    """It comes out of what it lies in. Refused while something lies in it or somebody has it."""
    by = acting(request)
    asset = _asset_or_404(by, asset_id)
    record.dispose_asset(by=by, asset=asset, version=version_seen(if_match, asset))
    return tagged(response, _shown(by, _asset_or_404(by, asset_id)))


@router.get(
    "/locations/{location_id}/assets",
    response=AssetPage,
    operation_id="list_location_assets",
    tags=["locations"],
    summary="What is there now",
)
def list_location_assets(
    request: HttpRequest, location_id: Path[UUID], sort: Sort = finding.DEFAULT_SORT, cursor: Cursor = None, limit: Limit = 50
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
    by = acting(request)
    return identifier_out(services.retire_identifier(by=by, identifier_id=_seen_identifier(by, identifier_id)))


@router.post(
    "/identifiers/{identifier_id}/replace",
    response={201: IdentifierOut},
    operation_id="replace_identifier",
    tags=["identifiers"],
    summary="Put a new tag or label in the place of an old one",
)
def replace_identifier(request: HttpRequest, identifier_id: Path[UUID], body: NewCode) -> Any:
    by = acting(request)
    old = _seen_identifier(by, identifier_id)
    return Status(201, identifier_out(services.replace_identifier(by=by, identifier_id=old, text=body.text, kind=body.kind)))


@router.get("/resolve", response=Resolved, operation_id="resolve_code", tags=["identifiers"], summary="Say what any code means")
def resolve(request: HttpRequest, code: Annotated[str, Query(min_length=1, max_length=4096)]) -> Any:
    by = acting(request)
    found = services.resolve_code(code, by=by)
    note, key = found.identity.note, found.asset.pk if found.asset else None
    if key is None and (numbered := finding.numbered(Asset.objects.visible_to(by), code)) is not None:
        key, note = numbered.pk, "No asset bears this as a code; it is the number or serial number of one."
    asset = _shown(by, _asset_or_404(by, key)) if key is not None else None
    return Resolved(key=found.identity.key, level=found.identity.level, note=note, asset=asset)


# ---- what they share -----------------------------------------------------------------------------------------------------------


def _rows(by: Actor, body: NewAssets | BulkChanges) -> list[bulk.Row]:
    """Raises Several with what any of them names and there is not."""
    references, rows = References(by, body), []
    problems: list[Problem] = []
    for number, one in enumerate(body):
        row = bulk.Row(custom=one.custom, tags=one.tags)
        try:
            row.given = references.given(one)
        except Invalid as problem:
            problems.append(Invalid(f"{number}/{problem.text}", field=f"{number}/{problem.field}"))
        if isinstance(one, NewAsset):
            row.identifiers, row.custom = _codes(one), one.custom or {}
        elif isinstance(one, BulkChange):
            row.asset_id, row.version = one.id, one.version
        rows.append(row)
    if problems:
        raise Several(problems)
    return rows


def _codes(body: NewAsset) -> list[services.NewIdentifier]:
    return [services.NewIdentifier(code.text, code.kind) for code in body.identifiers]


def _written(assets: list[Asset]) -> WrittenAll:
    return WrittenAll(items=[Written(id=one.pk, asset_no=one.asset_no, version=one.version) for one in assets])


def _asset_page(by: Actor, found: AssetQuerySet, sort: str, cursor: str | None, limit: int) -> AssetPage:
    keys = cut(found.only("pk"), order(sort), cursor, limit)
    whole = {row.pk: row for row in with_record(Asset.objects.order_by().filter(pk__in=[row.pk for row in keys.rows]))}
    rows = [whole[row.pk] for row in keys.rows if row.pk in whole]
    hide_elsewhere(by, rows)
    parents = seen_parents(by, rows)
    return AssetPage(items=[asset_out(row, parents) for row in rows], next=keys.next, previous=keys.previous)


def _asset_or_404(by: Actor, asset_id: UUID) -> Asset:
    asset = with_record(Asset.objects.visible_to(by)).filter(pk=asset_id).first()
    if asset is None:
        raise NotFound("There is no such asset.")
    hide_elsewhere(by, [asset])
    return asset


def _seen_identifier(by: Actor, identifier_id: UUID) -> UUID:
    if not Identifier.objects.filter(asset__in=Asset.objects.visible_to(by), pk=identifier_id).exists():
        raise NotFound("There is no such identifier.")
    return identifier_id


def _shown(by: Actor, asset: Asset) -> AssetOut:
    return asset_out(asset, seen_parents(by, [asset]))
