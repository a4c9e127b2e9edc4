"""REST: the list of assets as a file, and what it can be narrowed by with how many each choice would leave."""

from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from ninja import Query, Router, Schema
from pydantic import Field

from registry.assets import finding
from registry.assets.columns import around
from registry.assets.list_schemas import OWN_FIELDS, AssetFilters, Columns, Sort, order, wanted
from registry.assets.models import Asset
from registry.operations import Strict, acting
from registry.problems import Invalid, NotFound
from registry.tables.writing import WRITERS
from registry.web.asset_export import download
from registry.web.asset_list import facet_of
from registry.web.listing import MOST_COLUMNS, Listing
from registry.web.selection import MOST

router = Router(tags=["assets"])
Form = Literal["csv", "xlsx"]
FacetName = Literal[
    "place", "seen", "category", "status", "kind", "label", "model", "custodian", "custody", "tag", "condition", "warranty",
    "criticality", "supplier", "cost_center", "home", "lacks",
]  # fmt: skip

_FILE: dict[int, Any] = {
    200: {
        "description": "The file",
        "content": {
            writer.content_type.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}}
            for writer in WRITERS.values()
        },
    }
}


class ColumnKeys(Schema):
    key: str
    title: str
    kind: str


class ColumnsOut(Schema):
    items: list[ColumnKeys]


class NewFile(Strict):
    """These assets alone, in the order and with the columns that are asked for."""

    assets: Annotated[list[UUID], Field(min_length=1, max_length=MOST)]
    form: Form = "csv"
    columns: Annotated[list[Annotated[str, Field(max_length=60)]], Field(max_length=MOST_COLUMNS)] | None = Field(
        None, description="Left out: those of the list"
    )
    sort: Annotated[str, Field(max_length=60)] = finding.DEFAULT_SORT


class ChoiceOut(Schema):
    """`query`: the address of the list with this choice, or without it where it is chosen. `count` is null where counting would
    take longer than the list itself."""

    name: str
    count: int | None
    chosen: bool
    depth: int
    query: str


class FacetOut(Schema):
    """`hidden`: so many more choices."""

    name: str
    title: str
    items: list[ChoiceOut]
    hidden: int


@router.get(
    "/assets/columns",
    response=ColumnsOut,
    operation_id="list_asset_columns",
    summary="The columns that the list and its files can have",
)
def list_asset_columns(request: HttpRequest) -> Any:
    known = Listing(acting(request), {}).known
    return ColumnsOut(items=[ColumnKeys(key=one.key, title=one.title, kind=one.kind) for one in known.values()])


@router.get(
    "/assets/file",
    operation_id="get_assets_file",
    summary="The list of assets as CSV or XLSX",
    openapi_extra={**OWN_FIELDS, "responses": _FILE},
)
def get_assets_file(
    request: HttpRequest,
    filters: Query[AssetFilters],
    form: Annotated[Form, Query()] = "csv",
    sort: Sort = finding.DEFAULT_SORT,
    columns: Columns = "",
) -> HttpResponseBase:
    """All that `GET /assets` lists with the same address, with its columns in its order. It imports back as it is."""
    by, given = acting(request), request.GET.dict()
    _must_be_columns(Listing(by, {}), [key for key in columns.split(",") if key])
    criteria, listing = wanted(by, given), Listing(by, given)
    return download(finding.find(by, criteria), order(sort), listing.columns, around(by), form)


@router.post(
    "/assets/file",
    operation_id="make_assets_file",
    summary="Chosen assets as CSV or XLSX",
    openapi_extra={"responses": _FILE},
)
def make_assets_file(request: HttpRequest, body: NewFile) -> HttpResponseBase:
    by = acting(request)
    _must_be_columns(Listing(by, {}), body.columns or [])
    listing = Listing(by, {"columns": ",".join(body.columns or [])})
    found = Asset.objects.visible_to(by).filter(pk__in=body.assets)
    if found.count() < len(set(body.assets)):
        raise NotFound("One of these assets is gone, or you may not see it.")
    return download(found, order(body.sort), listing.columns, around(by), body.form)


@router.get(
    "/assets/facets/{name}",
    response=FacetOut,
    operation_id="get_asset_facet",
    summary="What the list can be narrowed by, and how many each choice would leave",
    openapi_extra=OWN_FIELDS,
)
def get_asset_facet(
    request: HttpRequest, name: FacetName, filters: Query[AssetFilters], sort: Sort = finding.DEFAULT_SORT, columns: Columns = ""
) -> Any:
    by, given = acting(request), request.GET.dict()
    wanted(by, given)
    found = facet_of(Listing(by, given), name)
    items = [
        ChoiceOut(name=one.name, count=one.count, chosen=one.chosen, depth=one.depth, query=one.query.removeprefix("?"))
        for one in found.choices
    ]
    return FacetOut(name=name, title=found.title, items=items, hidden=found.hidden)


def _must_be_columns(listing: Listing, keys: list[str]) -> None:
    """Raises Invalid."""
    if unknown := [key for key in keys if key not in listing.known]:
        raise Invalid(f"columns: there is no column {unknown[0][:60]!r}", field="columns")
    if len(set(keys)) > MOST_COLUMNS:
        raise Invalid(f"columns: {MOST_COLUMNS} at most", field="columns")
