"""What Django's ORM lacks for us: ids that ascend, and whole batches in one statement on either database."""

import json
import os
import struct
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField
from django.db import DEFAULT_DB_ALIAS, connection, connections, migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState

from registry import columns as by_column

if TYPE_CHECKING:
    import psycopg

_lock = threading.Lock()
_last = 0


def uuid7() -> UUID:
    """Return a UUIDv7: 48 bits of milliseconds, 12 bits of their fraction, 62 random bits. Never backwards in one process, so
    ORDER BY id is the order of creation."""
    return uuid7s(1)[0]


def uuid7s(count: int) -> list[UUID]:
    """Return so many, ascending; one question to the kernel for all their random bits."""
    global _last
    with _lock:
        first = max(time.time_ns() * 4096 // 1_000_000, _last + 1)
        _last = first + count - 1
    noise = struct.unpack(f"{count}Q", os.urandom(8 * count))
    return [_uuid7(first + place, bits) for place, bits in enumerate(noise)]


def _uuid7(ticks: int, bits: int) -> UUID:
    return UUID(int=(ticks >> 12) << 80 | 0x7 << 76 | (ticks & 0xFFF) << 64 | 0x2 << 62 | bits >> 2)


class PostgresExclusion(ExclusionConstraint):
    """No two rows may agree in all of the expressions: held by the table on PostgreSQL, by triggers.NO_OVERLAP on SQLite."""

    def constraint_sql(self, model: type[models.Model] | None, schema_editor: BaseDatabaseSchemaEditor | None) -> Any:
        return super().constraint_sql(model, schema_editor) if _on_postgresql(schema_editor) else None

    def create_sql(self, model: type[models.Model] | None, schema_editor: BaseDatabaseSchemaEditor | None) -> Any:
        return super().create_sql(model, schema_editor) if _on_postgresql(schema_editor) else None

    def remove_sql(self, model: type[models.Model] | None, schema_editor: BaseDatabaseSchemaEditor | None) -> Any:
        return super().remove_sql(model, schema_editor) if _on_postgresql(schema_editor) else None

    def validate(
        self, model: type[models.Model], instance: models.Model, exclude: Any = None, using: str = DEFAULT_DB_ALIAS
    ) -> None:
        if connections[using].vendor == "postgresql":
            super().validate(model, instance, exclude, using)


def span(start: str, end: str) -> models.Func:
    """The time from one column until the other, which may be null: for ever."""
    return models.Func(models.F(start), models.F(end), function="TSTZRANGE", output_field=DateTimeRangeField())


class OnPostgreSQL(migrations.RunSQL):
    """A step of a migration that only PostgreSQL takes: indexes of kinds that SQLite does not have."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if _on_postgresql(schema_editor):
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if _on_postgresql(schema_editor):
            super().database_backwards(app_label, schema_editor, from_state, to_state)


def _on_postgresql(schema_editor: BaseDatabaseSchemaEditor | None) -> bool:
    return schema_editor is not None and schema_editor.connection.vendor == "postgresql"


def insert_new(
    model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]], *, key: Sequence[str] = ()
) -> int:
    """Insert the rows of which nothing unique is stored yet, in the caller's transaction; return how many were new.

    Without `key` any unique constraint counts, with it only the one on these columns. One statement whatever the number of rows.
    """
    on = f"({', '.join(_quoted(model, name) for name in key)}) " if key else ""
    return _write(model, columns, rows, f"ON CONFLICT {on}DO NOTHING")()


def insert(model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert the rows. Raises IntegrityError when one is stored already; cheaper than asking."""
    _write(model, columns, rows, "")


@contextmanager
def inserting(model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[None]:
    """As insert, by COPY: while PostgreSQL stores the rows, what stands inside is done, which must not use the database. Raises
    IntegrityError at its end."""
    if not rows or connection.vendor != "postgresql":
        insert(model, columns, rows)
        yield
        return
    fields = [_field(model, name) for name in columns]
    names = ", ".join(_quoted(model, name) for name in columns)
    data = by_column.copied(fields, list(zip(*rows, strict=True)))
    sql = f"COPY {connection.ops.quote_name(model._meta.db_table)} ({names}) FROM STDIN (FORMAT BINARY)"
    with _binary_cursor() as cursor, cursor.copy(sql.encode()) as copy:
        copy.write(data)
        yield


@contextmanager
def together() -> Iterator[None]:
    """What is written inside goes out without waiting for answers: PostgreSQL works on one statement while we prepare the next.
    What any of them raises is raised at the end at the latest. On SQLite nobody waits anyway.

    For insert, upsert and update of this file. The ORM would wait for the answers to its questions and not learn how many rows
    it wrote."""
    if connection.vendor == "postgresql":
        connection.ensure_connection()
        with connection.wrap_database_errors, connection.connection.pipeline():
            yield
    else:
        yield


def upsert(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    key: Sequence[str],
    sets: Mapping[str, str] | None = None,
) -> None:
    """Insert the rows, or overwrite every other column of those with this key. A key stands in `rows` once.

    `sets` gives columns another value than the new one, as SQL in which `old` is the stored row and `excluded` the new one."""
    table = connection.ops.quote_name(model._meta.db_table)
    quoted = {name: _quoted(model, name) for name in columns}
    values = {name: f"excluded.{quoted[name]}" for name in columns if name not in key}
    values |= {name: sql.replace("old.", f"{table}.") for name, sql in (sets or {}).items()}
    changes = ", ".join(f"{quoted[name]} = {value}" for name, value in values.items())
    _write(model, columns, rows, f"ON CONFLICT ({', '.join(quoted[name] for name in key)}) DO UPDATE SET {changes}")


def update(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    key: str | tuple[str, ...],
    only: str = "TRUE",
) -> Callable[[], int]:
    """Give rows their new values: each of `rows` is (value of each column of the key, value of each column). `only` is more SQL
    about the stored row, which is `old`. Return what tells how many there were, once that is known."""
    if not rows:
        return lambda: 0
    key = (key,) if isinstance(key, str) else key
    fields = [_field(model, name) for name in (*key, *columns)]
    names = [_quoted(model, name) for name in (*key, *columns)]
    keys, changing = names[: len(key)], names[len(key) :]
    values = list(zip(*rows, strict=True))
    table = connection.ops.quote_name(model._meta.db_table)
    if connection.vendor == "postgresql":
        sets = ", ".join(f"{name} = new.{name}" for name in changing)
        source = f"unnest({', '.join(f'%b::{by_column.type_of(f)}[]' for f in fields)}) AS new ({', '.join(names)})"
        where = f"{' AND '.join(f'old.{name} = new.{name}' for name in keys)} AND {only}"
        with _binary_cursor() as cursor:
            arrays = [by_column.array(field, column) for field, column in zip(fields, values, strict=True)]
            cursor.execute(f"UPDATE {table} AS old SET {sets} FROM {source} WHERE {where}".encode(), arrays)  # noqa: S608 - names of our own
        return lambda: int(cursor.rowcount)
    sets = ", ".join(f"{name} = %s" for name in changing)
    where = " AND ".join(f"{name} = %s" for name in keys)
    stored = [by_column.stored(field, column) for field, column in zip(fields, values, strict=True)]
    with connection.cursor() as cursor:
        sql = f"UPDATE {table} AS old SET {sets} WHERE {where} AND {only}"  # noqa: S608 - the same
        cursor.executemany(sql, list(zip(*stored[len(key) :], *stored[: len(key)], strict=True)))
        written = int(cursor.rowcount)
    return lambda: written


def hold_rows(model: type[models.Model], keys: Collection[UUID]) -> None:
    """Let nobody else change these rows until the transaction ends; taken in the order of their keys, so that two never wait for
    each other. On SQLite the transaction is the lock."""
    if keys and connection.vendor == "postgresql":
        pk = _field(model, str(model._meta.pk.name))
        name = _quoted(model, pk.name)
        with _binary_cursor() as cursor:
            sql = (
                f"SELECT FROM {connection.ops.quote_name(model._meta.db_table)}"
                f" WHERE {name} = ANY(%b::uuid[]) ORDER BY {name} FOR NO KEY UPDATE"
            )
            cursor.execute(sql.encode(), [by_column.array(pk, list(keys))])


def rows_where(
    model: type[models.Model], columns: Sequence[str], *, key: str, among: Collection[Any], and_: str = "TRUE"
) -> list[tuple[Any, ...]]:
    """Return these columns of the rows whose `key` is `among` the values, as values_list would, in a fraction of its time.

    `and_` is more SQL about the row."""
    if not among:
        return []
    fields = [_field(model, name) for name in columns]
    of = _field(model, key)
    head = (
        f"SELECT {', '.join(by_column.selected(field) for field in fields)}"  # noqa: S608 - names of our own
        f" FROM {connection.ops.quote_name(model._meta.db_table)} WHERE {and_} AND {_quoted(model, key)}"
    )
    if connection.vendor == "postgresql":
        with _binary_cursor() as cursor:
            cursor.execute(f"{head} = ANY(%b::{by_column.type_of(of)}[])".encode(), [by_column.array(of, list(among))])
            return by_column.loaded(fields, cursor.fetchall())
    with connection.cursor() as cursor:
        sql = f"{head} IN (SELECT value FROM json_each(%s))"  # noqa: S608 - the same
        cursor.execute(sql, [json.dumps(by_column.stored(of, among))])
        return by_column.loaded(fields, cursor.fetchall())


def extensions_out_of_reach(names: Collection[str]) -> dict[str, str]:
    """Which of these extensions a PostgreSQL lacks and this user cannot add: "package" (it is not installed on the server) or
    "superuser" (somebody else has to). Raises DatabaseError."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT extname FROM pg_extension")
        there = {name for (name,) in cursor.fetchall()}
        cursor.execute("SELECT name, bool_or(trusted) FROM pg_available_extension_versions GROUP BY name")
        trusted = dict(cursor.fetchall())
        cursor.execute(
            "SELECT usesuper, has_database_privilege(current_database(), 'CREATE') FROM pg_user WHERE usename = current_user"
        )
        [(above, creates)] = cursor.fetchall()
    missing = [name for name in names if name not in there]
    return {
        name: "superuser" if name in trusted else "package"
        for name in missing
        if not (above and name in trusted) and not (creates and trusted.get(name))
    }


def _write(model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]], tail: str) -> Callable[[], int]:
    """Return what tells the number of rows written, once that is known."""
    if not rows:
        return lambda: 0
    fields = [_field(model, name) for name in columns]
    names = [_quoted(model, name) for name in columns]
    head = f"INSERT INTO {connection.ops.quote_name(model._meta.db_table)} ({', '.join(names)})"
    values = list(zip(*rows, strict=True))
    if connection.vendor == "postgresql":
        return _write_arrays(head, fields, names, values, tail)
    marks = ", ".join(["%s"] * len(fields))
    with connection.cursor() as cursor:
        stored = [by_column.stored(field, column) for field, column in zip(fields, values, strict=True)]
        cursor.executemany(f"{head} VALUES ({marks}) {tail}", list(zip(*stored, strict=True)))
        written = int(cursor.rowcount)
    return lambda: written


def _write_arrays(
    head: str, fields: Sequence[by_column.Field], names: Sequence[str], values: Sequence[tuple[Any, ...]], tail: str
) -> Callable[[], int]:
    """A column of one value throughout goes over once, not a thousand times; the first column is always an array."""
    selected, arrays, parameters = [], [], {}
    for place, (field, name, column) in enumerate(zip(fields, names, values, strict=True)):
        parameter, kind = f"p{place}", by_column.type_of(field)
        if place and column[0] == column[-1] and column.count(column[0]) == len(column):
            selected.append(f"%({parameter})b::{kind}")
            parameters[parameter] = by_column.scalar(field, column[0])
        else:
            selected.append(f"new.{name}")
            arrays.append((f"%({parameter})b::{kind}[]", name))
            parameters[parameter] = by_column.array(field, column)
    source = f"unnest({', '.join(array for array, _ in arrays)}) AS new ({', '.join(name for _, name in arrays)})"
    with _binary_cursor() as cursor:
        sql = f"{head} SELECT {', '.join(selected)} FROM {source} {tail}"  # noqa: S608 - names of our own
        cursor.execute(sql.encode(), parameters)
    return lambda: int(cursor.rowcount)


@contextmanager
def _binary_cursor() -> "Iterator[psycopg.Cursor[tuple[Any, ...]]]":
    """A cursor of the connection Django has, but for parameters and results in binary form; errors are Django's."""
    import psycopg
    from psycopg.abc import Buffer
    from psycopg.adapt import Dumper

    class AsItIs(Dumper):
        format = psycopg.pq.Format.BINARY

        def dump(self, obj: by_column.Binary) -> Buffer:
            return obj

    connection.validate_no_broken_transaction()
    connection.ensure_connection()
    with connection.wrap_database_errors:
        cursor = psycopg.Cursor(connection.connection)
        cursor.adapters.register_dumper(by_column.Binary, AsItIs)
        cursor.format = psycopg.pq.Format.BINARY
        yield cursor


def _quoted(model: type[models.Model], name: str) -> str:
    return connection.ops.quote_name(str(_field(model, name).column))


def _field(model: type[models.Model], name: str) -> by_column.Field:
    field = model._meta.get_field(name)
    assert isinstance(field, models.Field)
    return field
