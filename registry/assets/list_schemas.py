"""What a list of assets is asked for over the API: exactly what its page takes in its address. What makes no sense is refused
here, where the page leaves it out."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from ninja import Query, Schema
from pydantic import Field

from registry.access.actors import Actor
from registry.assets import filters, finding
from registry.assets.columns import CUSTOM
from registry.assets.schemas import Criticality, Kind, StatusName
from registry.paging import Order
from registry.problems import Invalid, NotFound, Problem, Several

Sort = Annotated[
    str,
    Query(
        pattern=rf"^-?({'|'.join(finding.ORDERS)}|custom[.][a-z][a-z0-9_]{{0,39}})$",
        description="`-` before it: the other way round. `custom.<key>`: by one of the company's own fields",
    ),
]
Columns = Annotated[
    str,
    Query(
        max_length=1_000,
        description="Keys of columns with commas between, as in the address of the page. A file has these; assets come whole",
    ),
]
Word = Annotated[str, Field(max_length=40, description="An id, or `none`: those that have none")] | None
_Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="Like 2025-03-14")] | None
_Money = Annotated[str, Field(pattern=r"^[0-9]{1,11}([.][0-9]{1,4})?$")] | None
_TREES: Final = ("place", "category", "home")
_BESIDE: Final = frozenset({"q", "sort", "columns", "cursor", "limit", "form"})

OWN_FIELDS: Final[dict[str, Any]] = {  # an object whose properties stand in the address by themselves
    "parameters": [
        {
            "in": "query",
            "name": "own_fields",
            "required": False,
            "style": "form",
            "explode": True,
            "description": "The company's own fields: `custom.<key>=text` (its beginning, for free text), and for numbers and "
            "days `custom.<key>.from` and `custom.<key>.to`",
            "schema": {
                "type": "object",
                "maxProperties": filters.MAX_CUSTOM,
                "propertyNames": {"pattern": "^custom[.][a-z][a-z0-9_]{0,39}([.](from|to))?$"},
                "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 200},
            },
        }
    ]
}


class AssetFilters(Schema):
    """The same as of the list on the pages."""

    q: str = Field("", max_length=finding.MAX_SEARCH_CHARS, description="Name, number or any code, in any form")
    category: UUID | None = Field(None, description="This category or one inside it")
    place: UUID | None = Field(None, description="Now, or last, at this place or one inside it")
    home: UUID | None = Field(None, description="Belongs to this place or one inside it")
    status: StatusName | None = None
    kind: Kind | None = None
    seen: Literal["hour", "day", "week", "older", "never"] | None = None
    label: Word = None
    model: Word = None
    supplier: Word = None
    cost_center: Word = None
    custodian: Word = None
    held: Literal["yes", "no"] | None = None
    custody: Literal["out", "overdue", "due", "free"] | None = Field(None, description="due: back within a week; free: now")
    tag: UUID | None = None
    criticality: Criticality | None = None
    condition: Annotated[int, Field(ge=1, le=5)] | None = None
    warranty: Literal["30", "90", "holds", "over", "none"] | None = Field(None, description="30, 90: ends within so many days")
    acquired_from: _Day = None
    acquired_to: _Day = None
    cost_from: _Money = None
    cost_to: _Money = None
    lacks: Literal["code", "photo", "home", "category", "serial", "custodian"] | None = None


def wanted(by: Actor, given: Mapping[str, str]) -> filters.Criteria:
    """Raises NotFound for a place or category out of sight, Several with everything that makes no sense: a filter that was
    misspelt must not mean all there is."""
    criteria, wrong = filters.read(by, given)
    if missing := [name for name in _TREES if name in wrong]:
        raise NotFound(f"There is no such {missing[0]}.")
    known = {*filters.FILTERS, *_BESIDE}
    unknown = [name for name in given if name not in known and not name.startswith(CUSTOM)]
    problems: list[Problem] = [Invalid(f"{name[:60]!r} makes no sense here") for name in wrong]
    problems += [Invalid(f"{name[:60]!r} is nothing that this list is narrowed by") for name in unknown]
    if problems:
        raise Several(problems[:20])
    return criteria


def order(sort: str) -> Order:
    """Raises Invalid."""
    found = finding.order_of(sort)
    if found is None:
        raise Invalid("sort: the company has no field of its own with this key")
    return found
