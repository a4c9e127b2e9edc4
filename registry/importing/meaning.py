"""What a cell says, as the value that would be stored. Columns and the person decide what is ambiguous; the rest is an error."""

import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from registry.assets.columns import CUSTOM, Column, Kind, plain
from registry.assets.custom import own_value
from registry.assets.models import Asset, CustomField
from registry.assets.values import checked
from registry.importing.facts import Facts
from registry.importing.lookups import Lookups, Missing, Named, folded
from registry.importing.options import MAKEABLE, Options
from registry.problems import Invalid
from registry.tables.amounts import NotANumber, read_amount
from registry.tables.damage import code_damage, error_value
from registry.tables.days import NotADay, read_day
from registry.tables.headers import bare
from registry.tables.table import Row

_CHOICES: Final = {
    field: {bare(word): choice.value for choice in choices for word in (choice.value, str(choice.label))}
    for field, choices in (("kind", Asset.Kind), ("status", Asset.Status), ("criticality", Asset.Criticality))
}
_TRUE: Final = frozenset(["true", "yes", "y", "1", "x", "ja", "wahr"])
_FALSE: Final = frozenset(["false", "no", "n", "0", "nein", "falsch"])


class NotThere(Invalid):
    """What the cell names could be made, if somebody said so."""

    def __init__(self, text: str, missing: Missing) -> None:
        super().__init__(text)
        self.missing = missing


class Meaning:
    """Reads the cells of one file. `makes` says whether what is missing may be made."""

    def __init__(self, facts: Facts, options: Options, lookups: Lookups, *, makes: bool) -> None:
        self._facts, self._options, self._lookups, self._makes = facts, options, lookups, makes

    def read(self, column: Column, at: int, row: Row) -> Any:
        """The value in cell `at`, which is not empty: as values.checked gives it, or Named, Missing. Raises Invalid."""
        text = row.cells[at]
        if (reason := error_value(text)) is not None:
            raise Invalid(reason)
        if column.kind in (Kind.CODE, Kind.CODES) and column.key not in self._options.trust:
            self.must_be_whole(text, at, row.kind(at))
        return _READERS[column.kind](self, column, at, row)

    def must_be_whole(self, code: str, at: int, kind: str = "") -> None:
        """Raises Invalid if a spreadsheet has damaged the code."""
        if (reason := code_damage(code, self._facts.codes[at], kind)) is not None:
            raise Invalid(reason)

    def _plain(self, column: Column, at: int, row: Row) -> Any:
        return checked(column.key, row.cells[at])

    def _choice(self, column: Column, at: int, row: Row) -> Any:
        text = row.cells[at]
        return checked(column.key, _CHOICES[column.key].get(bare(text), text.strip()))

    def _day(self, column: Column, at: int, row: Row) -> Any:
        return checked(column.key, self._read_day(row.cells[at], at))

    def _read_day(self, text: str, at: int) -> date:
        try:
            return read_day(text, self._facts.days[at], self._options.days)
        except NotADay as exc:
            raise Invalid(str(exc)) from None

    def _amount(self, column: Column, at: int, row: Row) -> Any:
        return checked(column.key, self.amount(row.cells[at], at, row.kind(at)))

    def amount(self, text: str, at: int, kind: str) -> Decimal:
        """Raises Invalid."""
        try:
            return read_amount(text, self._facts.amounts[at], self._options.decimals, typed=kind == "n")
        except NotANumber as exc:
            raise Invalid(str(exc)) from None

    def _reference(self, column: Column, at: int, row: Row) -> Named | Missing:
        found = self._lookups.find(column.key, unicodedata.normalize("NFC", row.cells[at].strip()))
        if isinstance(found, Named):
            return found
        if column.key not in MAKEABLE:
            raise Invalid("there is none of this name")
        if column.key not in self._options.make:
            raise NotThere(f"there is none of this name; say that {MAKEABLE[column.key]} are to be made, or make it first", found)
        if not self._makes:
            raise Invalid("there is none of this name, and your role does not allow making it")
        for name in found.names:
            checked("name", name or "-")
        return found

    def _custom(self, column: Column, at: int, row: Row) -> str:
        field = self._lookups.custom[column.key.removeprefix(CUSTOM)]
        text: str = row.cells[at]
        match field.type:
            case CustomField.Type.DATE:
                text = self._read_day(text, at).isoformat()
            case CustomField.Type.NUMBER | CustomField.Type.INTEGER:
                text = plain(self.amount(text, at, row.kind(at)))
            case CustomField.Type.BOOLEAN:
                text = "true" if folded(text) in _TRUE else "false" if folded(text) in _FALSE else text
        value = own_value(field, text)
        return value.text if value is not None else ""


_READERS: Final[Mapping[Kind, Callable[[Meaning, Column, int, Row], Any]]] = {
    Kind.CODE: Meaning._plain,
    Kind.TEXT: Meaning._plain,
    Kind.BLOCK: Meaning._plain,
    Kind.CHOICE: Meaning._choice,
    Kind.DAY: Meaning._day,
    Kind.AMOUNT: Meaning._amount,
    Kind.REFERENCE: Meaning._reference,
    Kind.CUSTOM: Meaning._custom,
}
