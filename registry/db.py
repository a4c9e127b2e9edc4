"""What Django's ORM lacks for us: ids that ascend, and whole batches in one statement on either database."""

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connection, models

_lock = threading.Lock()
_last = 0


def uuid7() -> UUID:
    """Return a UUIDv7: 48 bits of milliseconds, 12 bits of their fraction, 62 random bits. Never backwards in one process, so
    ORDER BY id is the order of creation."""
    global _last
    with _lock:
        ticks = time.time_ns() * 4096 // 1_000_000
        _last = ticks = max(ticks, _last + 1)
    return UUID(int=(ticks >> 12) << 80 | 0x7 << 76 | (ticks & 0xFFF) << 64 | 0x2 << 62 | secrets.randbits(62))


def insert_new(
    model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]], *, key: Sequence[str] = ()
) -> int:
    """Insert the rows of which nothing unique is stored yet, in the caller's transaction; return how many were new.

    Without `key` any unique constraint counts, with it only the one on these columns. One statement whatever the number of rows.
    """
    on = f"({', '.join(_quoted(model, name) for name in key)}) " if key else ""
    return _write(model, columns, rows, f"ON CONFLICT {on}DO NOTHING")


def upsert(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    key: Sequence[str],
    sets: Mapping[str, str] | None = None,
) -> int:
    """Insert the rows, or overwrite every other column of those with this key. A key stands in `rows` once.

    `sets` gives columns another value than the new one, as SQL in which `old` is the stored row and `excluded` the new one."""
    table = connection.ops.quote_name(model._meta.db_table)
    quoted = {name: _quoted(model, name) for name in columns}
    values = {name: f"excluded.{quoted[name]}" for name in columns if name not in key}
    values |= {name: sql.replace("old.", f"{table}.") for name, sql in (sets or {}).items()}
    changes = ", ".join(f"{quoted[name]} = {value}" for name, value in values.items())
    return _write(model, columns, rows, f"ON CONFLICT ({', '.join(quoted[name] for name in key)}) DO UPDATE SET {changes}")


def _write(model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]], tail: str) -> int:
    if not rows:
        return 0
    fields = [_field(model, name) for name in columns]
    named = ", ".join(_quoted(model, name) for name in columns)
    head = f"INSERT INTO {connection.ops.quote_name(model._meta.db_table)} ({named})"
    by_column = [_prepared(field, column) for field, column in zip(fields, zip(*rows, strict=True), strict=True)]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            arrays = ", ".join(f"%s::{f.db_type(connection)}[]" for f in fields)
            cursor.execute(f"{head} SELECT * FROM unnest({arrays}) {tail}", by_column)  # noqa: S608 - names of our own columns
        else:
            marks = ", ".join(["%s"] * len(fields))
            cursor.executemany(f"{head} VALUES ({marks}) {tail}", list(zip(*by_column, strict=True)))
        return int(cursor.rowcount)


def _quoted(model: type[models.Model], name: str) -> str:
    return connection.ops.quote_name(str(_field(model, name).column))


def _field(model: type[models.Model], name: str) -> "models.Field[Any, Any]":
    field = model._meta.get_field(name)
    assert isinstance(field, models.Field)
    return field


_AS_THEY_ARE = (models.CharField, models.TextField, models.IntegerField, models.BooleanField, models.FloatField)


def _prepared(field: "models.Field[Any, Any]", values: Iterable[Any]) -> list[Any]:
    """The values as the database stores them. Not optional: a raw aware datetime has another text form on SQLite, and no filter
    of the ORM would find it."""
    target = field
    while isinstance(target, models.ForeignKey):
        target = target.target_field
    if isinstance(target, _AS_THEY_ARE):
        return list(values)
    prepare: Callable[[Any], Any] = _shortcut(target) or (lambda value: field.get_db_prep_save(value, connection))
    return [None if value is None else prepare(value) for value in values]


def _shortcut(field: "models.Field[Any, Any]") -> Callable[[Any], Any] | None:
    """The same result as get_db_prep_save in a tenth of its time, for the types of which a batch holds thousands."""
    if isinstance(field, models.UUIDField) and not connection.features.has_native_uuid_field:
        return lambda value: value.hex
    if isinstance(field, models.DateTimeField):
        return connection.ops.adapt_datetimefield_value
    return None
