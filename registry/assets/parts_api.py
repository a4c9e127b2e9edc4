"""REST: what lies in what, what is part of what, and what has to do with what."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.db.models import F, Q
from django.http import HttpRequest, HttpResponse
from ninja import Path, Router, Schema, Status
from pydantic import Field

from registry.access.actors import Actor
from registry.assets import containers, record
from registry.assets.models import Asset, AssetLink, Containment
from registry.assets.schemas import AssetRef, asset_ref
from registry.operations import Cursor, IfMatch, Limit, Paged, Strict, acting, version_seen
from registry.paging import MAX_PAGE, OLDEST_FIRST, Order, Page, cut
from registry.problems import Invalid, NotFound, Stale

router = Router(tags=["parts"])
LONGEST_IN = Order("since", F("from_ts"), "time")
ContainmentKind = Literal["contents", "component", "kit"]


class IntoContainer(Strict):
    """`at` is when; left out, now."""

    container: UUID
    kind: ContainmentKind = "contents"
    at: datetime | None = None


class NewContents(Strict):
    assets: Annotated[list[UUID], Field(min_length=1, max_length=containers.MOST)]
    kind: ContainmentKind = "contents"


class ContentOut(Schema):
    asset: AssetRef
    kind: str
    since: datetime


class Contents(Paged):
    """What lies in it directly, longest first, and what it lies in, innermost first."""

    items: list[ContentOut]
    inside: list[AssetRef]


class NewLink(Strict):
    to: UUID
    type: Literal["depends", "replaces", "related"]


class LinkOut(Schema):
    """`out`: the asset depends on, replaces or has to do with the other; else the other way round."""

    id: UUID
    type: str
    out: bool
    asset: AssetRef


class Links(Paged):
    items: list[LinkOut]


@router.get("/assets/{asset_id}/contents", response=Contents, operation_id="list_contents", summary="What lies in an asset")
def list_contents(request: HttpRequest, asset_id: Path[UUID], cursor: Cursor = None, limit: Limit = MAX_PAGE) -> Any:
    """What the caller may not see is left out."""
    by = acting(request)
    return contents_of(by, asset_or_404(by, asset_id), cursor, limit)


@router.post(
    "/assets/{asset_id}/contents",
    response={201: Contents},
    operation_id="put_all_into_container",
    summary="Lay up to 1,000 assets into this one, all or none",
)
def put_all_into(request: HttpRequest, asset_id: Path[UUID], body: NewContents) -> Any:
    by = acting(request)
    container = asset_or_404(by, asset_id)
    inner = Asset.objects.visible_to(by).in_bulk(body.assets)
    if missing := [pk for pk in body.assets if pk not in inner]:
        raise Invalid(f"assets: there is no asset with the id {missing[0]}", field="assets")
    containers.put_all_into(by=by, pairs=[(inner[pk], container) for pk in dict.fromkeys(body.assets)], kind=body.kind)
    return Status(201, contents_of(by, container))


@router.put(
    "/assets/{asset_id}/container",
    response=Contents,
    operation_id="put_into_container",
    summary="Lay an asset into another one, or build it in",
)
def put_into(
    request: HttpRequest, response: HttpResponse, asset_id: Path[UUID], body: IntoContainer, if_match: IfMatch = None
) -> Any:
    """If-Match is the ETag of the asset that is laid into the other."""
    by = acting(request)
    asset = asset_or_404(by, asset_id)
    container = Asset.objects.visible_to(by).filter(pk=body.container).first()
    if container is None:
        raise Invalid("container: there is no asset with this id", field="container")
    if version_seen(if_match, asset) != asset.version:
        raise Stale(f"{asset.asset_no} was changed meanwhile; read it again, then decide.")
    containers.put_into(by=by, asset=asset, container=container, kind=body.kind, at=body.at)
    response["ETag"] = f'"{Asset.objects.values_list("version", flat=True).get(pk=asset.pk)}"'
    return contents_of(by, asset)


@router.delete(
    "/assets/{asset_id}/container", response=Contents, operation_id="take_out_of_container", summary="Take an asset out"
)
def take_out(request: HttpRequest, asset_id: Path[UUID]) -> Any:
    by = acting(request)
    asset = asset_or_404(by, asset_id)
    containers.take_out(by=by, asset=asset)
    return contents_of(by, asset)


@router.get("/assets/{asset_id}/links", response=Links, operation_id="list_links", summary="What an asset has to do with")
def list_links(request: HttpRequest, asset_id: Path[UUID], cursor: Cursor = None, limit: Limit = MAX_PAGE) -> Any:
    by = acting(request)
    asset = asset_or_404(by, asset_id)
    seen = Asset.objects.visible_to(by)
    either = Q(from_asset=asset, to_asset__in=seen) | Q(to_asset=asset, from_asset__in=seen)
    page: Page[AssetLink] = cut(
        AssetLink.objects.filter(either).select_related("from_asset", "to_asset"), OLDEST_FIRST, cursor, limit
    )
    return Links(items=[_link_out(one, asset) for one in page.rows], next=page.next, previous=page.previous)


@router.post("/assets/{asset_id}/links", response={201: LinkOut}, operation_id="add_link", summary="Link an asset to another")
def add_link(request: HttpRequest, asset_id: Path[UUID], body: NewLink) -> Any:
    by = acting(request)
    asset, other = asset_or_404(by, asset_id), Asset.objects.visible_to(by).filter(pk=body.to).first()
    if other is None:
        raise Invalid("to: there is no asset with this id", field="to")
    return Status(201, _link_out(record.add_link(by=by, asset=asset, other=other, kind=body.type), asset))


@router.delete("/links/{link_id}", response={204: None}, operation_id="remove_link", summary="Take a link away")
def remove_link(request: HttpRequest, link_id: Path[UUID]) -> Any:
    by = acting(request)
    seen = Asset.objects.visible_to(by)
    link = AssetLink.objects.filter(from_asset__in=seen, to_asset__in=seen, pk=link_id).select_related("from_asset").first()
    if link is None:
        raise NotFound("There is no such link.")
    record.remove_link(by=by, link=link)
    return Status(204, None)


def asset_or_404(by: Actor, asset_id: UUID) -> Asset:
    asset = Asset.objects.visible_to(by).filter(pk=asset_id).first()
    if asset is None:
        raise NotFound("There is no such asset.")
    return asset


def contents_of(by: Actor, asset: Asset, cursor: str | None = None, limit: int = MAX_PAGE) -> Contents:
    seen = Asset.objects.visible_to(by)
    rows = Containment.objects.filter(container=asset, to_ts__isnull=True, asset__in=seen).select_related("asset")
    page: Page[Containment] = cut(rows, LONGEST_IN, cursor, limit)
    outer = containers.around(asset)
    around = {one.pk: one for one in seen.filter(pk__in=outer)}
    return Contents(
        items=[ContentOut(asset=asset_ref(row.asset), kind=row.kind, since=row.from_ts) for row in page.rows],
        inside=[asset_ref(around[pk]) for pk in outer if pk in around],
        next=page.next,
        previous=page.previous,
    )


def _link_out(link: AssetLink, asset: Asset) -> LinkOut:
    out = link.from_asset_id == asset.pk
    return LinkOut(id=link.pk, type=link.type, out=out, asset=asset_ref(link.to_asset if out else link.from_asset))
