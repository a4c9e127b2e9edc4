"""How the two trees look over the API: places and categories."""

from collections.abc import Collection, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from ninja import Schema
from pydantic import ConfigDict, Field

from registry.access.actors import Actor
from registry.assets import trees
from registry.assets.models import NAME_CHARS, Category, Location
from registry.assets.schemas import Amount, Criticality, Kind, Name, StatusName
from registry.operations import Paged, Strict

PlaceKind = Literal["site", "building", "floor", "room", "zone", "bin", "vehicle", "virtual"]


class CategoryDefaults(Schema):
    """What a new asset of the category starts with, where nobody says otherwise; what is null comes from the category above."""

    kind: Kind | None = None
    status: StatusName | None = None
    criticality: Criticality | None = None
    currency: Annotated[str, Field(max_length=3, description="ISO 4217, like EUR")] | None = None
    uom: Annotated[str, Field(max_length=20)] | None = None
    owner_org: Annotated[str, Field(max_length=NAME_CHARS)] | None = None
    storage_cost_month: Amount = None
    replace_after_months: Annotated[int, Field(ge=1, le=1200)] | None = None


class NewDefaults(CategoryDefaults):
    model_config = ConfigDict(extra="forbid")


class CategoryOut(Schema):
    id: UUID
    name: str
    parent: UUID | None
    depth: int
    defaults: CategoryDefaults
    version: int


class CategoryPage(Paged):
    items: list[CategoryOut]


class StarterOut(Schema):
    """How many were made."""

    categories: int
    fields: int
    labels: int


class NewCategory(Strict):
    name: Name
    parent: UUID | None = None
    defaults: NewDefaults = NewDefaults()


class CategoryChanges(Strict):
    """What is left out stays as it is; `parent: null` puts it at the top."""

    name: Name | None = None
    parent: UUID | None = None
    defaults: NewDefaults | None = Field(None, description="All of them: those left out are taken away")


Latitude = Annotated[float, Field(ge=-90, le=90, description="Degrees, WGS 84")]
Longitude = Annotated[float, Field(ge=-180, le=180, description="Degrees, WGS 84")]


class LocationOut(Schema):
    id: UUID
    code: str
    name: str
    kind: str
    parent: UUID | None
    depth: int
    gln: str
    latitude: float | None
    longitude: float | None
    coordinates_at: datetime | None
    storage_cost_month: Decimal | None
    currency: str
    notes: str
    version: int


class LocationPage(Paged):
    items: list[LocationOut]


class NewLocation(Strict):
    name: Name
    kind: PlaceKind = "room"
    code: Annotated[str, Field(min_length=1, max_length=trees.CODE_CHARS)] | None = None
    parent: UUID | None = None
    gln: Annotated[str, Field(max_length=13)] = ""
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    storage_cost_month: Amount = None
    currency: Annotated[str, Field(max_length=3)] = ""
    notes: Annotated[str, Field(max_length=10_000)] = ""


class LocationChanges(Strict):
    """What is left out stays as it is; `parent: null` puts it at the top."""

    name: Name | None = None
    kind: PlaceKind | None = None
    code: Annotated[str, Field(min_length=1, max_length=trees.CODE_CHARS)] | None = None
    parent: UUID | None = None
    gln: Annotated[str, Field(max_length=13)] | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    storage_cost_month: Amount = None
    currency: Annotated[str, Field(max_length=3)] | None = None
    notes: Annotated[str, Field(max_length=10_000)] | None = None


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
        gln=location.gln,
        latitude=location.latitude,
        longitude=location.longitude,
        coordinates_at=location.coordinates_at,
        storage_cost_month=location.storage_cost_month,
        currency=location.currency,
        notes=location.notes,
        version=location.version,
    )


def category_out(by: Actor, category: Category, parents: dict[str, UUID] | None = None) -> CategoryOut:
    parents = parents_of(by, [category]) if parents is None else parents
    return CategoryOut(
        id=category.pk,
        name=category.name,
        parent=parents.get(_parent_path(category)),
        depth=category.depth,
        defaults=CategoryDefaults(**category.defaults),
        version=category.version,
    )


def _parent_path(node: Location | Category) -> str:
    return str(node.path[: -node.steplen])
