"""What the columns of a file show as a whole, before one cell of them is judged; and which codes stand twice.

Facts are put down as JSON with the import, so that checking goes on after a stop without reading the file again.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from typing import Any, Final

from identity.resolve import resolve_text
from registry.assets.columns import Column, Kind
from registry.importing.codes import split_codes
from registry.tables.amounts import AmountFacts
from registry.tables.damage import CodeFacts
from registry.tables.days import DayFacts
from registry.tables.table import CellProblem, Row, shown

MAX_CODES: Final = 20  # of one row


@dataclass(slots=True)
class Facts:
    """By column of the file."""

    days: dict[int, DayFacts] = field(default_factory=dict)
    amounts: dict[int, AmountFacts] = field(default_factory=dict)
    codes: dict[int, CodeFacts] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "days": {column: asdict(one) for column, one in self.days.items()},
            "amounts": {column: asdict(one) for column, one in self.amounts.items()},
            "codes": {
                column: {"digits": dict(one.digits), "zeros": dict(one.zeros), "checked": dict(one.checked)}
                for column, one in self.codes.items()
            },
        }


def facts_from(stored: Mapping[str, Any]) -> Facts:
    return Facts(
        {int(column): DayFacts(**one) for column, one in stored["days"].items()},
        {int(column): AmountFacts(**one) for column, one in stored["amounts"].items()},
        {int(column): CodeFacts(**{name: _counter(of) for name, of in one.items()}) for column, one in stored["codes"].items()},
    )


class Looking:
    """Sees every row of a file once: collects the facts, and notes at a row what an earlier row has already.

    What is remembered is 8 bytes of digest a code: some 30 MB for 100,000 rows with two codes each."""

    def __init__(self, columns: Mapping[int, Column]) -> None:
        self.facts = Facts()
        self._columns = dict(columns)
        self._first: dict[bytes, int] = {}
        for at, column in columns.items():
            if may_be_day(column):
                self.facts.days[at] = DayFacts()
            if may_be_amount(column):
                self.facts.amounts[at] = AmountFacts()
            if column.kind in (Kind.CODE, Kind.CODES):
                self.facts.codes[at] = CodeFacts()

    def see(self, row: Row) -> None:
        cells = row.cells
        for at, days in self.facts.days.items():
            if cells[at]:
                days.see(cells[at], row.number)
        for at, amounts in self.facts.amounts.items():
            if cells[at] and row.kind(at) != "n":
                amounts.see(cells[at], row.number)
        for at, codes in self.facts.codes.items():
            if cells[at]:
                codes.see(cells[at])
        for at, code, key in self._keys(row):
            digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            first = self._first.setdefault(digest, row.number)
            if first != row.number:
                row.problems.append(CellProblem(at, shown(code), f"stands in row {first} already"))

    def _keys(self, row: Row) -> Iterator[tuple[int, str, str]]:
        for at, column in self._columns.items():
            text = row.cells[at].strip()
            if not text:
                continue
            if column.key == "asset_no":
                yield at, text, f"no {' '.join(text.split())}"
            elif column.kind is Kind.CODES:
                for code in split_codes(text)[:MAX_CODES]:
                    yield at, code, f"code {resolve_text(code).key}"


def may_be_day(column: Column) -> bool:
    return column.kind is Kind.DAY or (column.kind is Kind.CUSTOM and column.type == "date")


def may_be_amount(column: Column) -> bool:
    return column.kind is Kind.AMOUNT or (column.kind is Kind.CUSTOM and column.type in ("number", "integer"))


def _counter(stored: Mapping[str, int]) -> Counter[int]:
    return Counter({int(length): count for length, count in stored.items()})
