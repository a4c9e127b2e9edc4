"""What we own, and what it is worth: counted and summed by what one likes."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

from django.db.models import Count
from django.utils import timezone

from registry.access.actors import Action, Actor
from registry.reports.answer import Answer, Cell, Column, bars
from registry.reports.asking import Asked
from registry.reports.counting import SERVICE, cents, group_by, money, must_see_values, names, owned, valued

BY_WHAT = {"category": "Category", "place": "Place", "age": "Age", "status": "Status", "kind": "Kind"}
BY_MONEY = {"cost_center": "Cost centre", "category": "Category", "place": "Place", "supplier": "Supplier", "year": "Year"}


def inventory(by: Actor, asked: Asked) -> Answer:
    """How many there are, and their cost where that may be seen. Their age is one of the values. Raises Forbidden."""
    if asked.group == "age":
        must_see_values(by)
    return _grouped(by, asked, BY_WHAT[asked.group], Action.VALUE if asked.group == "age" else Action.VIEW)


def value(by: Actor, asked: Asked) -> Answer:
    """What was paid for what we have, of the assets whose value they may see. Raises Forbidden."""
    must_see_values(by)
    return _grouped(by, asked, BY_MONEY[asked.group], Action.VALUE)


def _grouped(by: Actor, asked: Asked, title: str, action: Action) -> Answer:
    """One statement: counts and sums by group and currency."""
    sees_value = by.may_anywhere(Action.VALUE)
    assets = owned(by, asked, action).annotate(service=SERVICE)
    counted: dict[str, Any] = {"number": Count("pk")}
    if sees_value:
        counted["worth"] = cents("purchase_cost", None if action == Action.VALUE else valued(by))
    rows = list(
        assets.annotate(grouped=group_by(asked.group, timezone.now().date()))
        .values("grouped", *(["currency"] if sees_value else []))
        .annotate(**counted)
    )
    called = names(by, asked.group, {row["grouped"] for row in rows})
    number: defaultdict[str, int] = defaultdict(int)
    worth: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        name = called[row["grouped"]]
        number[name] += row["number"]
        if row.get("worth") is not None:
            worth[name][row["currency"] or "no currency"] += row["worth"]
    currencies = sorted({currency for sums in worth.values() for currency in sums})
    ordered = sorted(number, key=lambda name: (-number[name], name))
    totals = {currency: sum(sums.get(currency, 0) for sums in worth.values()) for currency in currencies}
    total = sum(number.values())
    columns = [Column("name", title), Column("assets", "Assets", "number")]
    columns += [Column(f"value_{currency.lower().replace(' ', '_')}", f"Cost in {currency}", "money") for currency in currencies]
    table: list[list[Cell]] = [
        [name, number[name], *(money(worth[name].get(currency)) for currency in currencies)] for name in ordered[: asked.limit]
    ]
    one = currencies[0] if len(currencies) == 1 and action == Action.VALUE else None
    drawn = [(name, worth[name][one] / 10_000 if one else float(number[name])) for name in ordered]
    return Answer(
        sentence=_sentence(total, len(ordered), title, [(money(totals[c]) or Decimal(0), c) for c in currencies]),
        columns=columns,
        rows=table,
        left_out=len(ordered) - len(table),
        totals=["All", total, *(money(totals[currency]) for currency in currencies)],
        bars=bars(drawn, f" {one}" if one else ""),
        bars_of=f"cost in {one}" if one else "number of assets",
        notes=["The cost is what was paid for what is not disposed of."] if currencies else [],
    )


def _sentence(total: int, groups: int, title: str, sums: list[tuple[Decimal, str]]) -> str:
    if not total:
        return "There is nothing of that."
    said = f"{total:,} asset{'' if total == 1 else 's'} in {groups:,} group{'' if groups == 1 else 's'} by {title.lower()}"
    costs = " and ".join(f"{amount:,} {currency}" for amount, currency in sums)
    return f"{said}, bought for {costs}." if costs else f"{said}."
