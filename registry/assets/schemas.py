"""How assets and their codes look over the API. Places and categories: tree_schemas.py; questions for lists: list_schemas.py."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field

from registry.access.actors import Actor
from registry.assets import bulk, custom, finding, tags, values
from registry.assets.models import KEY_CHARS, NAME_CHARS, Asset, AssetQuerySet, Identifier, Location
from registry.operations import Paged, Strict, Told

MAX_CODES = 50  # that come with a new asset

Name = Annotated[str, Field(min_length=1, max_length=NAME_CHARS)]
Code = Annotated[str, Field(min_length=1, max_length=KEY_CHARS)]
Kind = Literal["physical", "digital", "ip", "real_estate", "vehicle", "consumable"]
StatusName = Literal["planned", "in_stock", "in_use", "in_maintenance", "missing", "disposed"]
Criticality = Literal["low", "normal", "high", "critical"]
CodeKind = Literal["epc", "tid", "barcode", "serial", "manual"]


class PlaceRef(Told):
    """A place that the caller may not know has neither id nor code; its name is `elsewhere`."""

    id: UUID | None
    code: str | None
    name: str


class CategoryRef(Told):
    id: UUID
    name: str


class IdentifierOut(Told):
    id: UUID
    asset_id: UUID
    key: str
    raw: str
    kind: str
    state: str
    valid_from: datetime | None
    valid_to: datetime | None


class Whereabouts(Told):
    """Where it is now. `state` is `present`, or `unknown` when it has left and not been seen since: the place is then the last
    one. `zone` without `place`: a zone that nobody has mapped yet."""

    state: str
    place: PlaceRef | None
    zone: str | None
    since: datetime | None
    last_seen_at: datetime


class Ref(Told):
    """Something the asset refers to."""

    id: UUID
    name: str


class AssetRef(Told):
    id: UUID
    asset_no: str
    name: str


class AssetOut(Told):
    """Amounts are texts, so that nobody's float changes them. `parent` is what it lies in or is part of, where the caller may see
    that. `custom` are the company's own fields by key. `photo` is the file that stands for it."""

    id: UUID
    asset_no: str
    name: str
    kind: str
    status: str
    label: Ref | None
    category: CategoryRef | None
    model: Ref | None
    parent: AssetRef | None
    serial_no: str
    home: PlaceRef | None
    position: Whereabouts | None
    custodian: Ref | None
    owner_org: str
    cost_center: Ref | None
    supplier: Ref | None
    order_ref: str
    acquired_on: date | None
    in_service_on: date | None
    warranty_until: date | None
    replace_on: date | None
    purchase_cost: str | None
    currency: str
    storage_cost_month: str | None
    quantity: str
    uom: str
    criticality: str
    condition: int | None
    condition_on: date | None
    latitude: float | None
    longitude: float | None
    notes: str
    tags: list[str]
    custom: dict[str, str | bool]
    photo: UUID | None
    identifiers: list[IdentifierOut]
    version: int
    created_at: datetime
    changed_at: datetime


class AssetPage(Paged):
    items: list[AssetOut]


class NewCode(Strict):
    text: Code
    kind: CodeKind | None = None


Text = Annotated[str, Field(max_length=NAME_CHARS)] | None
Short = Annotated[str, Field(max_length=100)] | None
Amount = Annotated[Decimal, Field(ge=0, lt=10**11, decimal_places=4)] | None
Currency = Annotated[str, Field(max_length=3, description="ISO 4217, like EUR")] | None
OwnValues = Annotated[dict[str, str | bool | int | float | None], Field(max_length=200)]
TagNames = Annotated[list[Annotated[str, Field(min_length=1, max_length=tags.CHARS)]], Field(max_length=tags.MOST)]


class AssetFields(Strict):
    """What stands on an asset. Only what is sent is set; `null` takes a value away."""

    kind: Kind | None = None
    status: StatusName | None = None
    label: UUID | None = None
    category: UUID | None = None
    model: UUID | None = None
    serial_no: Short = None
    home: UUID | None = None
    owner_org: Text = None
    cost_center: UUID | None = None
    supplier: UUID | None = None
    order_ref: Short = None
    acquired_on: date | None = None
    in_service_on: date | None = None
    warranty_until: date | None = None
    replace_on: date | None = Field(None, description="Left out, it follows from the months that model or category last")
    purchase_cost: Amount = None
    currency: Currency = None
    storage_cost_month: Amount = None
    quantity: Amount = None
    uom: Annotated[str, Field(max_length=20)] | None = None
    criticality: Criticality | None = None
    condition: Annotated[int, Field(ge=1, le=5, description="From 1 (worn out) to 5 (as new)")] | None = None
    condition_on: date | None = None
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    notes: Annotated[str, Field(max_length=20_000)] | None = None
    tags: TagNames | None = Field(None, description="All its tags; new ones are made")
    custom: OwnValues | None = Field(None, description="The company's own fields by key; those left out stay")


class NewAsset(AssetFields):
    name: Name
    asset_no: Annotated[str, Field(min_length=1, max_length=values.ASSET_NO_CHARS)] | None = None
    identifiers: list[NewCode] = Field(default_factory=list, max_length=MAX_CODES)


class AssetChanges(AssetFields):
    """What is left out stays as it is; `null` takes a value away."""

    name: Name | None = None
    asset_no: Annotated[str, Field(min_length=1, max_length=values.ASSET_NO_CHARS)] | None = None


class BulkChange(AssetChanges):
    """`version` is the one that was seen; without it whatever there is is changed."""

    id: UUID
    version: Annotated[int, Field(ge=1, lt=10**9)] | None = None


NewAssets = Annotated[list[NewAsset], Field(min_length=1, max_length=bulk.MOST)]
BulkChanges = Annotated[list[BulkChange], Field(min_length=1, max_length=bulk.MOST)]


class Written(Schema):
    """What became of one row of many, in their order."""

    id: UUID
    asset_no: str
    version: int


class WrittenAll(Schema):
    items: list[Written]


class Resolved(Schema):
    """`level` says what the key stands for: one asset, a class of things, a place or a load."""

    key: str
    level: str
    note: str | None
    asset: AssetOut | None


def place_ref(location: Location | None) -> PlaceRef | None:
    return PlaceRef(id=location.pk, code=location.code or None, name=location.name) if location is not None else None


def identifier_out(identifier: Identifier) -> IdentifierOut:
    return IdentifierOut(
        id=identifier.pk,
        asset_id=identifier.asset_id,
        key=identifier.key,
        raw=identifier.raw,
        kind=identifier.kind,
        state=identifier.state,
        valid_from=identifier.valid_from,
        valid_to=identifier.valid_to,
    )


def whereabouts(position: Any) -> Whereabouts:
    """`position` is a row of the tracking app, which this app does not know by name."""
    return Whereabouts(
        state=position.state,
        place=place_ref(position.location),
        zone=position.zone.name if position.zone is not None else None,
        since=position.since,
        last_seen_at=position.last_seen_at,
    )


def asset_out(asset: Asset, parents: Mapping[UUID, Asset] | None = None) -> AssetOut:
    """Of an asset read by `with_record`: no query. `parents` are the ones that the caller may see."""
    position = getattr(asset, "position", None)
    category, parent = asset.category, (parents or {}).get(asset.parent_id) if asset.parent_id is not None else None
    plain: dict[str, Any] = {name: getattr(asset, name) for name in _PLAIN}
    amounts: dict[str, Any] = {name: amount_out(getattr(asset, name)) for name in ("purchase_cost", "storage_cost_month")}
    return AssetOut(
        id=asset.pk,
        category=CategoryRef(id=category.pk, name=category.name) if category is not None else None,
        home=place_ref(asset.home_location),
        position=whereabouts(position) if position is not None else None,
        parent=asset_ref(parent) if parent is not None else None,
        quantity=amount_out(asset.quantity) or "0",
        tags=sorted(str(tag.name) for tag in asset.tags.all()),
        custom=custom.values_of(asset),
        photo=next((one.pk for one in asset.attachments.all() if one.main), None),
        identifiers=[identifier_out(i) for i in asset.identifiers.all()],
        label=ref(asset.label),
        model=ref(asset.model),
        custodian=ref(asset.custodian),
        cost_center=ref(asset.cost_center),
        supplier=ref(asset.supplier),
        **amounts,
        **plain,
    )


_PLAIN = (
    "asset_no", "name", "kind", "status", "serial_no", "owner_org", "order_ref", "acquired_on", "in_service_on",
    "warranty_until", "replace_on", "currency", "uom", "criticality", "condition", "condition_on", "latitude", "longitude",
    "notes", "version", "created_at", "changed_at",
)  # fmt: skip


def with_record(found: AssetQuerySet) -> AssetQuerySet:
    """With all that asset_out() shows."""
    return (
        finding.for_rows(found)
        .select_related("label", "model", "custodian", "cost_center", "supplier")
        .prefetch_related("identifiers", "tags", "attachments", "custom_values__field")
    )


def seen_parents(by: Actor, assets: Iterable[Asset]) -> dict[UUID, Asset]:
    """What these assets lie in, as far as the caller may see it, in one query."""
    wanted = {asset.parent_id for asset in assets if asset.parent_id is not None}
    return {asset.pk: asset for asset in Asset.objects.visible_to(by).filter(pk__in=wanted)} if wanted else {}


def asset_ref(asset: Asset) -> AssetRef:
    return AssetRef(id=asset.pk, asset_no=asset.asset_no, name=asset.name)


def ref(row: Any) -> Ref | None:
    return Ref(id=row.pk, name=str(row)) if row is not None else None


def amount_out(amount: Decimal | None) -> str | None:
    return format(amount.normalize() + 0, "f") if amount is not None else None
