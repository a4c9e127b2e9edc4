"""REST: what lies in what, what is part of what, and what has to do with what."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Path, Router, Status

from registry.access.actors import Actor
from registry.assets import containers, record
from registry.assets.models import Asset, AssetLink, Containment
from registry.assets.schemas import ContentOut, Contents, IntoContainer, LinkOut, Links, NewLink, asset_ref
from registry.operations import acting
from registry.problems import Invalid, NotFound

router = Router(tags=["parts"])
MOST_SHOWN = 1_000


@router.get("/assets/{asset_id}/contents", response=Contents, operation_id="list_contents", summary="What lies in an asset")
def list_contents(request: HttpRequest, asset_id: Path[UUID]) -> Any:
    """The first 1,000. What the caller may not see is left out."""
    by = acting(request)
    return contents_of(by, asset_or_404(by, asset_id))


@router.put(
    "/assets/{asset_id}/container",
    response=Contents,
    operation_id="put_into_container",
    summary="Lay an asset into another one, or build it in",
)
def put_into(request: HttpRequest, asset_id: Path[UUID], body: IntoContainer) -> Any:
    by = acting(request)
    asset = asset_or_404(by, asset_id)
    container = Asset.objects.visible_to(by).filter(pk=body.container).first()
    if container is None:
        raise Invalid("container: there is no asset with this id", field="container")
    containers.put_into(by=by, asset=asset, container=container, kind=body.kind, at=body.at)
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
def list_links(request: HttpRequest, asset_id: Path[UUID]) -> Any:
    by = acting(request)
    asset = asset_or_404(by, asset_id)
    seen = Asset.objects.visible_to(by)
    out = AssetLink.objects.filter(from_asset=asset, to_asset__in=seen).select_related("to_asset").order_by("id")
    into = AssetLink.objects.filter(to_asset=asset, from_asset__in=seen).select_related("from_asset").order_by("id")
    items = [LinkOut(id=one.pk, type=one.type, out=True, asset=asset_ref(one.to_asset)) for one in out[:MOST_SHOWN]]
    items += [LinkOut(id=one.pk, type=one.type, out=False, asset=asset_ref(one.from_asset)) for one in into[:MOST_SHOWN]]
    return Links(items=items)


@router.post("/assets/{asset_id}/links", response={201: LinkOut}, operation_id="add_link", summary="Link an asset to another")
def add_link(request: HttpRequest, asset_id: Path[UUID], body: NewLink) -> Any:
    by = acting(request)
    asset, other = asset_or_404(by, asset_id), Asset.objects.visible_to(by).filter(pk=body.to).first()
    if other is None:
        raise Invalid("to: there is no asset with this id", field="to")
    link = record.add_link(by=by, asset=asset, other=other, kind=body.type)
    return Status(201, LinkOut(id=link.pk, type=link.type, out=True, asset=asset_ref(other)))


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


def contents_of(by: Actor, asset: Asset) -> Contents:
    seen = Asset.objects.visible_to(by)
    rows = Containment.objects.filter(container=asset, to_ts__isnull=True, asset__in=seen).select_related("asset")
    around = {one.pk: one for one in seen.filter(pk__in=containers.around(asset))}
    return Contents(
        items=[ContentOut(asset=asset_ref(row.asset), kind=row.kind, since=row.from_ts) for row in rows[:MOST_SHOWN]],
        inside=[asset_ref(around[pk]) for pk in containers.around(asset) if pk in around],
    )
