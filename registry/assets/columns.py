"""The columns of a table of assets, one list for what is exported and what is imported: so what goes out comes back the same.

`Column.show` gives the cell of an asset that was read by `loaded`. What a cell means when it comes back says
`kind`; the importing app reads it. A column of kind READ_ONLY is told, never taken back.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from registry.access.actors import Action, Actor
from registry.assets.models import Asset, AssetModel, AssetQuerySet, Category, CustomField, CustomValue

Cell = str | Decimal | int | date | None
JOINT: Final = " / "  # between the names of a path
CUSTOM: Final = "custom."
AT_ONCE: Final = 500


class Kind(StrEnum):
    """What a cell of the column means."""

    CODE = "code"  # text that spreadsheets like to damage
    TEXT = "text"
    BLOCK = "block"  # text of several lines
    CHOICE = "choice"
    DAY = "day"
    AMOUNT = "amount"
    REFERENCE = "reference"  # one thing of the registry by its name or code
    CODES = "codes"  # identifiers, `;` between them
    TAGS = "tags"  # words, `;` between them
    CUSTOM = "custom"
    READ_ONLY = "read only"


@dataclass(frozen=True, slots=True)
class Around:
    """What cells need that does not stand in an asset's own row."""

    category_names: Mapping[str, str] = field(default_factory=dict)  # path in the tree to the names on the way
    places: tuple[str, ...] | None = None  # below which paths places may be named; None: everywhere
    custom: Mapping[str, CustomField] = field(default_factory=dict)  # by key


Show = Callable[[Asset, Around], Cell]


@dataclass(frozen=True, slots=True)
class Column:
    """`key` heads it in files and names the field of values.CHECKS, if it is one; `title` and `help` are for people. `needs` says
    what has to be loaded along."""

    key: str
    title: str
    kind: Kind
    show: Show
    help: str = ""
    needs: tuple[str, ...] = ()
    type: str = ""  # of a company's own field: CustomField.Type


def around(by: Actor) -> Around:
    """For everything that is shown to `by`."""
    granted = [grant.location_path for grant in by.granted(Action.VIEW)]
    places = None if None in granted else tuple(path for path in granted if path is not None)
    return Around(category_paths(Category.objects.all()), places, {one.key: one for one in CustomField.objects.all()})


def category_paths(categories: Iterable[Category]) -> dict[str, str]:
    """The names from the top to each category, by its path in the tree. `categories` come parents first."""
    names: dict[str, str] = {}
    for node in categories:
        above = names.get(node.path[: -node.steplen])
        names[node.path] = f"{above}{JOINT}{node.name}" if above else str(node.name)
    return names


def columns_of(custom: Iterable[CustomField]) -> dict[str, Column]:
    """All columns there are, by key, those of the company's own fields last."""
    return {one.key: one for one in (*_FIXED, *(custom_column(one) for one in custom if one.active))}


def loaded(assets: AssetQuerySet, columns: Iterable[Column]) -> AssetQuerySet:
    """The assets with all that the columns show, in one query and one more per kind of list."""
    needs = {need for column in columns for need in column.needs}
    lists = needs & {"identifiers", "tags", "custom_values"}
    along = sorted(needs - lists)
    if along:  # select_related() of nothing would forget what was asked for before
        assets = assets.select_related(*along)
    return assets.prefetch_related(*sorted(lists))


def cells_of(assets: Iterable[Asset], columns: Iterable[Column], around: Around) -> Iterator[list[Cell]]:
    """One row of cells per asset; the assets come from `loaded`."""
    shows = [column.show for column in columns]
    return ([show(asset, around) for show in shows] for asset in assets)


def everything(by: Actor, columns: Iterable[Column]) -> Iterator[list[list[Cell]]]:
    """Rows of all assets that `by` may see, oldest first, some hundred at a time; the next ones are read when asked for."""
    columns, beside = list(columns), around(by)
    found = loaded(Asset.objects.visible_to(by), columns).distinct().order_by("pk")
    some = list(found[:AT_ONCE])
    while some:
        yield list(cells_of(some, columns, beside))
        some = list(found.filter(pk__gt=some[-1].pk)[:AT_ONCE])


def plain(amount: Decimal) -> str:
    """The number without zeros at its end, but so that nobody takes its point for one between thousands."""
    text = format(amount, "f")
    if "." in text:
        text = text.rstrip("0").removesuffix(".")
    whole, point, decimals = text.partition(".")
    return f"{whole}{point}{decimals}0" if len(decimals) == 3 else text


def joined(parts: Iterable[str]) -> str:
    """Several in one cell; a `;` inside one of them stands twice."""
    return "; ".join(part.replace(";", ";;") for part in parts)


def model_name(model: AssetModel) -> str:
    parts = [str(model.manufacturer), str(model.name), str(model.part_no)]
    if not parts[2]:
        parts.pop()
        if not parts[0]:
            return parts[1]
    return JOINT.join(parts)


def custom_text(value: CustomValue) -> Cell:
    match value.field.type:
        case CustomField.Type.NUMBER | CustomField.Type.INTEGER if value.number is not None:
            return _number(value.number)
        case CustomField.Type.DATE if value.day is not None:
            return value.day
    return str(value.text)


def custom_column(one: CustomField) -> Column:
    def show(asset: Asset, around: Around) -> Cell:
        found = next((value for value in asset.custom_values.all() if value.field_id == one.pk), None)
        if found is None:
            return None
        found.field = one
        return custom_text(found)

    title = f"{one.name} ({one.unit})" if one.unit else str(one.name)
    return Column(f"{CUSTOM}{one.key}", title, Kind.CUSTOM, show, str(one.help), ("custom_values",), str(one.type))


# ---- the columns every company has --------------------------------------------------------------------------------------------


def _attribute(name: str) -> Show:
    def show(asset: Asset, around: Around) -> Cell:
        value: Cell = getattr(asset, name)
        return value

    return show


def _amount(name: str) -> Show:
    def show(asset: Asset, around: Around) -> Cell:
        value: Decimal | None = getattr(asset, name)
        return _number(value) if value is not None else None

    return show


def _degrees(name: str) -> Show:
    def show(asset: Asset, around: Around) -> Cell:
        value: float | None = getattr(asset, name)
        return plain(Decimal(repr(value))) if value is not None else None

    return show


def _of(relation: str, name: str) -> Show:
    def show(asset: Asset, around: Around) -> Cell:
        other: Any = getattr(asset, relation)
        return str(getattr(other, name)) if other is not None else None

    return show


def _position(name: str) -> Show:
    def show(asset: Asset, around: Around) -> Cell:
        position: Any = getattr(asset, "position", None)
        value = getattr(position, name) if position is not None else None
        return _moment(value) if isinstance(value, datetime) else value

    return show


def _where(step: str, name: str) -> Show:
    """What stands about the place it is at; a place out of scope is just elsewhere."""

    def show(asset: Asset, around: Around) -> Cell:
        position: Any = getattr(asset, "position", None)
        if position is None:
            return None
        place = position.location
        if around.places is not None and (place is None or not place.path.startswith(around.places)):
            return "elsewhere" if place is not None else None
        found = getattr(position, step)
        return str(getattr(found, name)) if found is not None else None

    return show


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _number(amount: Decimal) -> Decimal:
    return Decimal(plain(amount))


def _category(asset: Asset, around: Around) -> Cell:
    category = asset.category
    return around.category_names.get(category.path, str(category.name)) if category is not None else None


def _model(asset: Asset, around: Around) -> Cell:
    return model_name(asset.model) if asset.model is not None else None


def _codes(asset: Asset, around: Around) -> Cell:
    return joined(str(code.key) for code in asset.identifiers.all() if code.state == "active")


def _tags(asset: Asset, around: Around) -> Cell:
    text = joined(sorted(str(tag.name) for tag in asset.tags.all()))
    return f"{text};" if "," in text and ";" not in text else text  # else the comma would count as between two


_FIXED: Final = (
    Column("asset_no", "Number", Kind.CODE, _attribute("asset_no")),
    Column("name", "Name", Kind.TEXT, _attribute("name")),
    Column("kind", "Kind", Kind.CHOICE, _attribute("kind")),
    Column("status", "Status", Kind.CHOICE, _attribute("status")),
    Column("label", "Status label", Kind.REFERENCE, _of("label", "name"), needs=("label",)),
    Column("category", "Category", Kind.REFERENCE, _category, "the names on the way: IT / Laptops", ("category",)),
    Column("model", "Model", Kind.REFERENCE, _model, "its name, or manufacturer / name / part number", ("model",)),
    Column("serial_no", "Serial number", Kind.CODE, _attribute("serial_no")),
    Column("identifiers", "Codes", Kind.CODES, _codes, "; between several; codes are added, never taken off", ("identifiers",)),
    Column(
        "home_location",
        "Home",
        Kind.REFERENCE,
        _of("home_location", "code"),
        "the code of a place, or the names on the way: Hamburg / Hall A",
        ("home_location",),
    ),
    Column("parent", "Part of", Kind.REFERENCE, _of("parent", "asset_no"), "the number of the asset it lies in", ("parent",)),
    Column("quantity", "Quantity", Kind.AMOUNT, _amount("quantity")),
    Column("uom", "Unit", Kind.TEXT, _attribute("uom")),
    Column("owner_org", "Owner", Kind.TEXT, _attribute("owner_org")),
    Column("cost_center", "Cost centre", Kind.REFERENCE, _of("cost_center", "code"), "its code", ("cost_center",)),
    Column("supplier", "Supplier", Kind.REFERENCE, _of("supplier", "name"), needs=("supplier",)),
    Column("order_ref", "Order", Kind.CODE, _attribute("order_ref")),
    Column("purchase_cost", "Purchase cost", Kind.AMOUNT, _amount("purchase_cost")),
    Column("currency", "Currency", Kind.TEXT, _attribute("currency"), "three letters, like EUR"),
    Column("acquired_on", "Acquired", Kind.DAY, _attribute("acquired_on")),
    Column("in_service_on", "In service", Kind.DAY, _attribute("in_service_on")),
    Column("warranty_until", "Warranty until", Kind.DAY, _attribute("warranty_until")),
    Column("replace_on", "Replace on", Kind.DAY, _attribute("replace_on")),
    Column("storage_cost_month", "Storage cost a month", Kind.AMOUNT, _amount("storage_cost_month")),
    Column("criticality", "Criticality", Kind.CHOICE, _attribute("criticality")),
    Column("condition", "Condition", Kind.TEXT, _attribute("condition"), "from 1 (worn out) to 5 (as new)"),
    Column("condition_on", "Condition seen on", Kind.DAY, _attribute("condition_on")),
    Column("latitude", "Latitude", Kind.AMOUNT, _degrees("latitude"), "degrees"),
    Column("longitude", "Longitude", Kind.AMOUNT, _degrees("longitude"), "degrees"),
    Column("tags", "Tags", Kind.TAGS, _tags, "; between several; words are added, never taken off", ("tags",)),
    Column("notes", "Notes", Kind.BLOCK, _attribute("notes")),
    Column("custodian", "Custodian", Kind.READ_ONLY, _of("custodian", "name"), needs=("custodian",)),
    Column("home_name", "Home's name", Kind.READ_ONLY, _of("home_location", "name"), needs=("home_location",)),
    Column("place", "Where (code)", Kind.READ_ONLY, _where("location", "code"), needs=("position__location",)),
    Column("place_name", "Where", Kind.READ_ONLY, _where("location", "name"), needs=("position__location",)),
    Column("zone", "Zone", Kind.READ_ONLY, _where("zone", "name"), needs=("position__location", "position__zone")),
    Column("whereabouts", "Present", Kind.READ_ONLY, _position("state"), needs=("position",)),
    Column("since", "There since", Kind.READ_ONLY, _position("since"), needs=("position",)),
    Column("last_seen_at", "Last seen", Kind.READ_ONLY, _position("last_seen_at"), needs=("position",)),
    Column("created_at", "Registered", Kind.READ_ONLY, lambda asset, around: _moment(asset.created_at)),
    Column("changed_at", "Last changed", Kind.READ_ONLY, lambda asset, around: _moment(asset.changed_at)),
    Column("version", "Version", Kind.READ_ONLY, _attribute("version")),
)
FIXED_TITLES: Final[dict[str, str]] = {column.key: column.title for column in _FIXED}
