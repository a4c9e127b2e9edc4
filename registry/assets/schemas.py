"""How assets, codes, places and categories look over the API."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field

from registry.access.actors import Actor
from registry.assets import finding, trees, values
from registry.assets.models import KEY_CHARS, NAME_CHARS, Asset, Category, Identifier, Location
from registry.operations import Paged, Strict

MAX_CODES = 50  # that come with a new asset

Name = Annotated[str, Field(min_length=1, max_length=NAME_CHARS)]
Code = Annotated[str, Field(min_length=1, max_length=KEY_CHARS)]
Kind = Literal["physical", "digital", "ip", "real_estate", "vehicle", "consumable"]
StatusName = Literal["planned", "in_stock", "in_use", "in_maintenance", "missing", "disposed"]
CodeKind = Literal["epc", "tid", "barcode", "serial", "manual"]
PlaceKind = Literal["site", "building", "floor", "room", "zone", "bin", "vehicle", "virtual"]
Seen = Literal["hour", "day", "week", "older", "never"]
Sort = Literal[
    "name", "-name", "number", "-number", "category", "-category", "place", "-place", "seen", "-seen", "status", "-status"
]


class PlaceRef(Schema):
    """A place that the caller may not know has neither id nor code; its name is `elsewhere`."""

    id: UUID | None
    code: str | None
    name: str


class CategoryRef(Schema):
    id: UUID
    name: str


class IdentifierOut(Schema):
    id: UUID
    asset_id: UUID
    key: str
    raw: str
    kind: str
    state: str
    valid_from: datetime | None
    valid_to: datetime | None


class Whereabouts(Schema):
    """Where it is now. `state` is `present`, or `unknown` when it has left and not been seen since: the place is then the last
    one. `zone` without `place`: a zone that nobody has mapped yet."""

    state: str
    place: PlaceRef | None
    zone: str | None
    since: datetime | None
    last_seen_at: datetime


class AssetOut(Schema):
    id: UUID
    asset_no: str
    name: str
    kind: str
    status: str
    category: CategoryRef | None
    home: PlaceRef | None
    position: Whereabouts | None
    identifiers: list[IdentifierOut]
    version: int
    created_at: datetime
    changed_at: datetime


class AssetPage(Paged):
    items: list[AssetOut]


class AssetFilters(Schema):
    q: str = Field("", max_length=finding.MAX_SEARCH_CHARS, description="Name, number or any code, in any form")
    category: UUID | None = Field(None, description="This category or one inside it")
    place: UUID | None = Field(None, description="Now, or last, at this place or one inside it")
    status: StatusName | None = None
    seen: Seen | None = None


class NewCode(Strict):
    text: Code
    kind: CodeKind | None = None


class NewAsset(Strict):
    name: Name
    asset_no: Annotated[str, Field(min_length=1, max_length=values.ASSET_NO_CHARS)] | None = None
    kind: Kind = "physical"
    status: StatusName = "in_use"
    category: UUID | None = None
    home: UUID | None = None
    identifiers: list[NewCode] = Field(default_factory=list, max_length=MAX_CODES)


class AssetChanges(Strict):
    """What is left out stays as it is; `null` takes category or home away."""

    name: Name | None = None
    asset_no: Annotated[str, Field(min_length=1, max_length=values.ASSET_NO_CHARS)] | None = None
    kind: Kind | None = None
    status: StatusName | None = None
    category: UUID | None = None
    home: UUID | None = None


class CategoryOut(Schema):
    id: UUID
    name: str
    parent: UUID | None
    depth: int


class CategoryPage(Paged):
    items: list[CategoryOut]


class NewCategory(Strict):
    name: Name
    parent: UUID | None = None


class CategoryChanges(Strict):
    """What is left out stays as it is; `parent: null` puts it at the top."""

    name: Name | None = None
    parent: UUID | None = None


class LocationOut(Schema):
    id: UUID
    code: str
    name: str
    kind: str
    parent: UUID | None
    depth: int


class LocationPage(Paged):
    items: list[LocationOut]


class NewLocation(Strict):
    name: Name
    kind: PlaceKind = "room"
    code: Annotated[str, Field(min_length=1, max_length=trees.CODE_CHARS)] | None = None
    parent: UUID | None = None


class LocationChanges(Strict):
    """What is left out stays as it is; `parent: null` puts it at the top."""

    name: Name | None = None
    kind: PlaceKind | None = None
    code: Annotated[str, Field(min_length=1, max_length=trees.CODE_CHARS)] | None = None
    parent: UUID | None = None


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


def asset_out(asset: Asset) -> AssetOut:
    """Of an asset read by finding.for_rows() with its identifiers: no query."""
    position = getattr(asset, "position", None)
    category = asset.category
    return AssetOut(
        id=asset.pk,
        asset_no=asset.asset_no,
        name=asset.name,
        kind=asset.kind,
        status=asset.status,
        category=CategoryRef(id=category.pk, name=category.name) if category is not None else None,
        home=place_ref(asset.home_location),
        position=whereabouts(position) if position is not None else None,
        identifiers=[identifier_out(i) for i in asset.identifiers.all()],
        version=asset.version,
        created_at=asset.created_at,
        changed_at=asset.changed_at,
    )


def parents_of(by: Actor, rows: Collection[Location | Category]) -> dict[str, UUID]:
    """The ids of the parents of these rows, by path, in one query; of those that `by` may know."""
    wanted = {parent for row in rows if (parent := _parent_path(row))}
    if not wanted:
        return {}
    model = type(next(iter(rows)))
    found: Iterable[tuple[str, UUID]] = model.objects.visible_to(by).filter(path__in=wanted).values_list("path", "pk")
    return dict(found)


def location_out(by: Actor, location: Location, parents: dict[str, UUID] | None = None) -> LocationOut:
    parents = parents_of(by, [location]) if parents is None else parents
    return LocationOut(
        id=location.pk,
        code=location.code,
        name=location.name,
        kind=location.kind,
        parent=parents.get(_parent_path(location)),
        depth=location.depth,
    )


def category_out(by: Actor, category: Category, parents: dict[str, UUID] | None = None) -> CategoryOut:
    parents = parents_of(by, [category]) if parents is None else parents
    return CategoryOut(id=category.pk, name=category.name, parent=parents.get(_parent_path(category)), depth=category.depth)


def _parent_path(node: Location | Category) -> str:
    return str(node.path[: -node.steplen])
