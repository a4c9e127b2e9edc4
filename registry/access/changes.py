"""Writing the log of changes. Services call `record` in their own transaction; nothing is logged by signals."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.db import models
from django.utils import timezone

from registry.access.actors import Actor
from registry.access.models import Change
from registry.db import insert_new, uuid7s

_COLUMNS = (
    "id", "at", "user", "token", "through", "request_id", "object_type", "object_id", "object_name", "action", "before", "after",
)  # fmt: skip
NAME_CHARS = 300
PERSONAL = ("person", "user")  # of these the log holds the id alone, so that erasing a person leaves it as it is


class Changed(NamedTuple):
    """One object that changed. `before` and `after` may hold any fields; only those that differ are kept."""

    what: models.Model
    action: str
    before: Mapping[str, Any] = {}
    after: Mapping[str, Any] = {}


def record(by: Actor, what: models.Model, action: str, before: Mapping[str, Any] | None = None, **after: Any) -> None:
    """Log one change, in the caller's transaction. `before` holds the old values, the keywords the new ones."""
    record_all(by, [Changed(what, action, before or {}, after)])


def record_all(by: Actor, changes: Iterable[Changed]) -> None:
    """Log many changes of one request in one statement, in the caller's transaction."""
    changes = list(changes)
    now = timezone.now()
    rows = []
    for pk, one in zip(uuid7s(len(changes)), changes, strict=True):
        before, after = _differing(one.before, one.after)
        kind = one.what._meta.model_name or ""
        name = str(one.what)[:NAME_CHARS] if kind not in PERSONAL else ""
        rows.append(
            (pk, now, by.user_id, by.token_id, by.through, by.request_id, kind, str(one.what.pk), name, one.action, before, after)
        )
    insert_new(Change, _COLUMNS, rows)


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    old, new = {k: plain(v) for k, v in before.items()}, {k: plain(v) for k, v in after.items()}
    same = {name for name in old.keys() & new.keys() if old[name] == new[name]}
    return {k: v for k, v in old.items() if k not in same}, {k: v for k, v in new.items() if k not in same}


def plain(value: Any) -> Any:
    """As it stands in the log: JSON, and rows by id, kind and name; people without name."""
    match value:
        case models.Model() if (kind := value._meta.model_name) in PERSONAL:
            return {"id": str(value.pk), "kind": kind}
        case models.Model():
            return {"id": str(value.pk), "kind": value._meta.model_name, "name": str(value)[:NAME_CHARS]}
        case datetime() | date():
            return value.isoformat()
        case Decimal():
            return format(value.normalize(), "f")
        case UUID():
            return str(value)
        case list() | tuple() | set() | frozenset():
            return [plain(one) for one in value]
        case dict():
            return {str(name): plain(one) for name, one in value.items()}
    return value
