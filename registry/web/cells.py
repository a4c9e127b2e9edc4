"""The cells of the list of assets: what the templates draw of each chosen column."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from registry.access.actors import Actor
from registry.assets.columns import Around, Column, around
from registry.assets.models import Asset
from registry.tables.writing import text_of
from registry.web.where import Where, for_assets

DRAWN: Final = {  # columns that are more than their text
    "name": "name", "asset_no": "number", "place_name": "where", "last_seen_at": "seen", "status": "status",
    "since": "since", "created_at": "moment", "changed_at": "moment", "identifiers": "codes",
}  # fmt: skip
ON_DESKS_ONLY: Final = ("category", "status")


@dataclass(frozen=True, slots=True)
class Cell:
    """`draw` names a way of drawing in _asset_row.html; `text` is what stands there otherwise."""

    column: Column
    draw: str
    text: str = ""
    value: object = None
    desk: bool = False
    opens: bool = False  # leads to the asset: its name, else its number, else the first column


@dataclass(frozen=True, slots=True)
class Row:
    asset: Asset
    where: Where
    cells: list[Cell]


def rows(by: Actor, assets: Sequence[Asset], columns: Sequence[Column]) -> list[Row]:
    """What the rows of a page show; the assets come from finding.page_of()."""
    beside = around(by)
    keys = [column.key for column in columns]
    opening = next((key for key in ("name", "asset_no") if key in keys), keys[0])
    texts = [[_cell(asset, column, beside, column.key == opening) for column in columns] for asset in assets]
    where = for_assets(by, assets)
    return [Row(asset, where[asset], cells) for asset, cells in zip(assets, texts, strict=True)]


def _cell(asset: Asset, column: Column, beside: Around, opens: bool) -> Cell:
    draw = DRAWN.get(column.key, "text")
    if opens:
        known = draw in ("name", "number")
        return Cell(column, draw if known else "text", "" if known else text_of(column.show(asset, beside)), opens=True)
    if draw == "moment":
        return Cell(column, draw, value=getattr(asset, column.key))
    if draw == "codes":
        return Cell(column, draw, value=_active(asset))
    if draw != "text":
        return Cell(column, draw, desk=column.key in ON_DESKS_ONLY)
    if column.key == "category":
        return Cell(column, draw, str(asset.category.name) if asset.category is not None else "", desk=True)
    amount = column.kind == "amount" or column.type in ("number", "integer")
    return Cell(column, "amount" if amount else "text", text_of(column.show(asset, beside)))


def _active(asset: Asset) -> Iterable[str]:
    return [code.key for code in asset.identifiers.all() if code.state == "active"]
