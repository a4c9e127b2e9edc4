"""What one row of a file would do, as the dry run finds it."""

from dataclasses import dataclass, field
from typing import Any, Final

from identity.resolve import Identity
from registry.access.changes import plain as as_json
from registry.assets.models import Asset
from registry.importing.lookups import Missing, Named
from registry.importing.models import ImportRow
from registry.importing.options import Options
from registry.tables.table import WHOLE_ROW

Outcome = ImportRow.Outcome
MAX_PROBLEMS: Final = 20  # told of one row
SHOWN_CHARS: Final = 500  # of a value in a diff


@dataclass(slots=True)
class Wrong:
    """`column` counts from 0, WHOLE_ROW for all of it."""

    column: int
    value: str
    reason: str


@dataclass(slots=True)
class Plan:
    """What one row would do. `values` is JSON: what applying.py writes."""

    number: int
    outcome: str = Outcome.UNCHANGED
    asset: Asset | None = None
    name: str = ""
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    wrong: list[Wrong] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)

    def wants(self, key: str, stored: Any, before: str, after: str) -> None:
        """Note what one field changes: what is written, and how people see it."""
        self.values[key] = stored
        self.before[key], self.after[key] = _cut(before), _cut(after)


@dataclass(slots=True)
class Code:
    """A code of a row, understood; `at` is its column."""

    at: int
    text: str
    found: Identity


def conclude(plan: Plan, options: Options) -> None:
    """Say what the row comes to, once all of it is known."""
    if plan.wrong:
        plan.outcome = Outcome.WRONG
        plan.before, plan.after, plan.values = {}, {}, {}
        plan.missing = [one for one in plan.missing if one.field not in options.make]  # of such a row nothing is made
        if len(plan.wrong) > MAX_PROBLEMS:
            more = len(plan.wrong) - MAX_PROBLEMS + 1
            plan.wrong[MAX_PROBLEMS - 1 :] = [Wrong(WHOLE_ROW, "", f"{more} more errors in this row")]
    elif plan.asset is None:
        plan.outcome = Outcome.FRESH
    elif plan.values:
        plan.outcome = Outcome.CHANGED


def stored(value: Any) -> Any:
    """A value as JSON keeps it until it is written."""
    if isinstance(value, Named):
        return {"id": str(value.id)}
    if isinstance(value, Missing):
        return {"make": list(value.names)}
    return as_json(value)


def for_people(value: Any) -> str:
    match value:
        case Named():
            return value.name
        case Missing():
            return f"{value.text} (new)"
        case None:
            return ""
    return str(as_json(value))


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS else f"{text[: SHOWN_CHARS - 1]}…"
