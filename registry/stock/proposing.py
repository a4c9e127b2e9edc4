"""What to order: for every line below its minimum what brings it to its target, by supplier and asset."""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from registry.access.actors import Action, Actor
from registry.assets.models import Asset
from registry.stock.models import StockLine
from registry.tables.writing import WRITERS, Cell

MOST: Final = 5_000  # lines below their minimum


@dataclass(frozen=True, slots=True)
class Wanted:
    """So much of an asset. `cost` of one and `supplier` only for those who may see them; `lines` are for which places."""

    asset: Asset
    supplier: str
    quantity: Decimal
    cost: Decimal | None
    currency: str
    lines: tuple[StockLine, ...]

    @property
    def total(self) -> Decimal | None:
        return None if self.cost is None else self.quantity * self.cost


def propose(by: Actor) -> list[Wanted]:
    """By supplier, then asset. A line without target is brought to its minimum."""
    low = StockLine.objects.visible_to(by).low().select_related("asset__supplier", "location").order_by("asset__asset_no", "pk")
    by_asset: defaultdict[Asset, list[StockLine]] = defaultdict(list)
    for line in low[:MOST]:
        by_asset[line.asset].append(line)
    ids = [asset.pk for asset in by_asset]
    valued = set(Asset.objects.visible_to(by, Action.VALUE).filter(pk__in=ids).order_by().values_list("pk", flat=True))
    found = []
    for asset, lines in by_asset.items():
        wanted = sum(((line.target or line.minimum or Decimal(0)) - line.quantity for line in lines), Decimal(0))
        known = asset.pk in valued
        supplier = str(asset.supplier.name) if known and asset.supplier is not None else ""
        cost, currency = (asset.purchase_cost, asset.currency) if known else (None, "")
        found.append(Wanted(asset, supplier, wanted, cost, currency, tuple(lines)))
    return sorted(found, key=lambda one: (one.supplier == "", one.supplier, one.asset.asset_no))


def as_file(by: Actor, form: str) -> tuple[bytes, str]:
    """The proposal as `csv` or `xlsx`, with its content type."""
    writer = WRITERS[form]()
    head: list[Cell] = ["Supplier", "Number", "Name", "Quantity", "Unit", "Cost of one", "Together", "Currency", "For"]
    rows: list[list[Cell]] = [
        [
            one.supplier, one.asset.asset_no, one.asset.name, one.quantity, one.asset.uom, one.cost, one.total, one.currency,
            ", ".join(line.location.name for line in one.lines),
        ]
        for one in propose(by)
    ]  # fmt: skip
    return writer.rows([head]) + writer.rows(rows) + writer.end(), writer.content_type
