"""What a row or an event posts: debits and credits that are equal to the cent. Accounts are named by what they are for.

A book's accounts give these names their numbers; gain and loss may share one. The external key of an entry says what it is for
and never changes, so an export that is repeated posts nothing twice.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from registry.books.effects import Effect, Kind
from registry.books.money import ZERO
from registry.books.rows import Row

Account = Literal[
    "asset_cost",
    "accumulated_depreciation",
    "accumulated_impairment",
    "depreciation_expense",
    "impairment_loss",
    "reversal_gain",
    "revaluation_gain",
    "revaluation_loss",
    "revaluation_surplus",
    "cash",
    "payables",
    "disposal_gain",
    "disposal_loss",
    "disposal_proceeds",
    "disposed_carrying",
    "disposal_costs",
]
DisposalStyle = Literal["net", "gross"]


class Line(NamedTuple):
    """One of `debit` and `credit` is 0. `other` is for the asset that a split made, not for this one."""

    account: Account
    debit: Decimal
    credit: Decimal
    other: bool = False


def external_key(asset: str, book: str, day: date, kind: str, *, number: int = 1, reversal: bool = False) -> str:
    """The key of an entry: `day` is the end of its period. `number` tells several events of a kind on one day apart."""
    parts = [asset, book, day.isoformat(), kind, *([str(number)] if number > 1 else []), *(["reversal"] if reversal else [])]
    return "/".join(parts)


def of_acquisition(cost: Decimal) -> list[Line]:
    return _lines([("asset_cost", cost), ("payables", -cost)])


def of_row(row: Row) -> list[Line]:
    return _lines([("depreciation_expense", row.amount), ("accumulated_depreciation", -row.amount)])


def of_effect(effect: Effect, style: DisposalStyle = "net") -> list[Line]:
    """The entry of an event; none for what only changes later rows.

    `style` is how a disposal is posted: the difference as a gain or a loss, or proceeds and carrying amount each in full (gross).
    """
    if effect.kind == "disposal":
        return _gross(effect) if style == "gross" else _net(effect)
    return _ENTRIES[effect.kind](effect) if effect.kind in _ENTRIES else []


def reversed_lines(lines: Iterable[Line]) -> list[Line]:
    """The entry that takes `lines` back."""
    return [line._replace(debit=line.credit, credit=line.debit) for line in lines]


def _addition(effect: Effect) -> list[Line]:
    return of_acquisition(effect.amount)


def _impairment(effect: Effect) -> list[Line]:
    return _lines(
        [
            ("revaluation_surplus", -effect.surplus),
            ("impairment_loss", -effect.profit),
            ("accumulated_impairment", effect.amount),
        ]
    )


def _reversal(effect: Effect) -> list[Line]:
    return _lines(
        [
            ("accumulated_impairment", effect.amount),
            ("reversal_gain", -effect.profit),
            ("revaluation_surplus", -effect.surplus),
        ]
    )


def _revaluation(effect: Effect) -> list[Line]:
    """What was accumulated goes against the cost, which becomes the fair value."""
    profit: Account = "revaluation_gain" if effect.profit > 0 else "revaluation_loss"
    return _lines(
        [
            ("accumulated_depreciation", effect.accumulated),
            ("accumulated_impairment", effect.impaired),
            ("asset_cost", effect.cost),
            (profit, -effect.profit),
            ("revaluation_surplus", -effect.surplus),
        ]
    )


def _split(effect: Effect) -> list[Line]:
    moved: list[tuple[Account, Decimal]] = [
        ("asset_cost", effect.cost),
        ("accumulated_depreciation", -effect.accumulated),
        ("accumulated_impairment", -effect.impaired),
    ]
    return [line._replace(other=True) for line in _lines(moved)] + reversed_lines(_lines(moved))


def _net(effect: Effect) -> list[Line]:
    result: Account = "disposal_gain" if effect.gain > 0 else "disposal_loss"
    return _lines([("cash", effect.proceeds), ("cash", -effect.costs), *_taken_out(effect), (result, -effect.gain)])


def _gross(effect: Effect) -> list[Line]:
    return _lines(
        [
            ("cash", effect.proceeds),
            ("disposal_proceeds", -effect.proceeds),
            ("disposal_costs", effect.costs),
            ("cash", -effect.costs),
            *_taken_out(effect),
            ("disposed_carrying", effect.cost - effect.accumulated - effect.impaired),
        ]
    )


def _taken_out(effect: Effect) -> list[tuple[Account, Decimal]]:
    return [
        ("accumulated_depreciation", effect.accumulated),
        ("accumulated_impairment", effect.impaired),
        ("asset_cost", -effect.cost),
    ]


def _lines(amounts: Sequence[tuple[Account, Decimal]]) -> list[Line]:
    """Debits are positive, credits negative; what is 0 has no line."""
    return [Line(account, max(amount, ZERO), max(-amount, ZERO)) for account, amount in amounts if amount]


_ENTRIES: Final[dict[Kind, Callable[[Effect], list[Line]]]] = {
    "addition": _addition,
    "impairment": _impairment,
    "reversal": _reversal,
    "revaluation": _revaluation,
    "split": _split,
}
