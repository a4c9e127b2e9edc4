"""What Django's ORM lacks for us: ids that ascend, and whole batches in one statement on either database."""

import json
import os
import struct
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID, SafeUUID

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField
from django.db import DEFAULT_DB_ALIAS, connection, connections, migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState

from registry import columns as by_column

if TYPE_CHECKING:
    import psycopg
    from psycopg.abc import Buffer
    from psycopg.adapt import Dumper

_new_object, _set, _UNKNOWN = object.__new__, object.__setattr__, SafeUUID.unknown
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
    """Without its constructor, which takes longer to find out what it was given than all the rest."""
    made = _new_object(UUID)
    _set(made, "int", (ticks >> 12) << 80 | 0x7 << 76 | (ticks & 0xFFF) << 64 | 0x2 << 62 | bits >> 2)
    _set(made, "is_safe", _UNKNOWN)
    return made


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


def insert_selected(model: type[models.Model], columns: Sequence[str], rows: "models.QuerySet[Any, Any]") -> int:
    """Insert what a query selects (its values_list in the order of the columns) of which nothing unique is stored yet, in the
    caller's transaction and without taking it out of the database; return how many rows were new."""
    select, parameters = rows.query.get_compiler(connection=connection).as_sql()
    names = ", ".join(_quoted(model, name) for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {connection.ops.quote_name(model._meta.db_table)} ({names}) {select} ON CONFLICT DO NOTHING", parameters
        )
        return int(cursor.rowcount)


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
def together() -> Iterator[bool]:
    """What is written inside goes out without waiting for answers: PostgreSQL works on one statement while we prepare the next.
    What any of them raises is raised at the end at the latest. Yields whether it is so; on SQLite nobody waits anyway.

    For insert, upsert and update of this file. The ORM would wait for the answers to its questions and not learn how many rows
    it wrote."""
    if connection.vendor == "postgresql":
        connection.ensure_connection()
        with connection.wrap_database_errors, connection.connection.pipeline():
            yield True
    else:
        yield False


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
        selected, source, parameters = _new(fields, names, values)
        sets = ", ".join(f"{name} = {value}" for name, value in zip(changing, selected[len(keys) :], strict=True))
        where = " AND ".join(f"old.{name} = {value}" for name, value in zip(keys, selected, strict=False))
        with _binary_cursor() as cursor:
            cursor.execute(f"UPDATE {table} AS old SET {sets} FROM {source} WHERE {where} AND {only}".encode(), parameters)  # noqa: S608 - names of our own
        return lambda: int(cursor.rowcount)
    sets = ", ".join(f"{name} = %s" for name in changing)
    where = " AND ".join(f"{name} = %s" for name in keys)
    stored = [by_column.stored(field, column) for field, column in zip(fields, values, strict=True)]
    with connection.cursor() as on_sqlite:
        sql = f"UPDATE {table} AS old SET {sets} WHERE {where} AND {only}"  # noqa: S608 - the same
        on_sqlite.executemany(sql, list(zip(*stored[len(key) :], *stored[: len(key)], strict=True)))
        written = int(on_sqlite.rowcount)
    return lambda: written


def by_index() -> None:
    """Until the transaction ends rows are looked up by an index, whatever PostgreSQL thinks of the size of its tables: while one
    grows it knows little of it, and reads all of it for each batch. For a transaction that asks for single rows by their keys."""
    if connection.vendor == "postgresql":
        off = ", ".join(f"set_config('enable_{way}', 'off', true)" for way in ("seqscan", "hashjoin", "mergejoin"))
        with _binary_cursor() as cursor:
            cursor.execute(f"SELECT {off}".encode())


def hold_rows(model: type[models.Model], keys: Collection[Any]) -> None:
    """Let nobody else change these rows until the transaction ends; taken in the order of their keys, so that two never wait for
    each other. On SQLite the transaction is the lock."""
    if keys and connection.vendor == "postgresql":
        pk = _field(model, str(model._meta.pk.name))
        name = _quoted(model, pk.name)
        with _binary_cursor() as cursor:
            sql = (
                f"SELECT FROM {connection.ops.quote_name(model._meta.db_table)}"
                f" WHERE {name} = ANY(%b::{by_column.type_of(pk)}[]) ORDER BY {name} FOR NO KEY UPDATE"
            )
            cursor.execute(sql.encode(), [by_column.array(pk, list(keys))])


def rows_where(
    model: type[models.Model],
    columns: Sequence[str],
    *,
    key: str,
    among: Collection[Any],
    where: Mapping[str, Any] | None = None,
) -> list[tuple[Any, ...]]:
    """Return these columns of the rows whose `key` is `among` the values, as values_list would, in a fraction of its time.

    `where` are other columns and their value, or None: they have none."""
    if not among:
        return []
    fields = [_field(model, name) for name in columns]
    of, where = _field(model, key), where or {}
    mark = "%b" if connection.vendor == "postgresql" else "%s"
    given = {name: value for name, value in where.items() if value is not None}
    conditions = [f"{_quoted(model, name)} IS NULL AND " for name in where.keys() - given.keys()]
    conditions += [f"{_quoted(model, name)} = {mark} AND " for name in given]
    head = (
        f"SELECT {', '.join(by_column.selected(field) for field in fields)}"  # noqa: S608 - names of our own
        f" FROM {connection.ops.quote_name(model._meta.db_table)} WHERE {''.join(conditions)}{_quoted(model, key)}"
    )
    if connection.vendor == "postgresql":
        with _binary_cursor() as cursor:
            fixed = [by_column.scalar(_field(model, name), value) for name, value in given.items()]
            sql = f"{head} = ANY(%b::{by_column.type_of(of)}[])"
            cursor.execute(sql.encode(), [*fixed, by_column.array(of, list(among))])
            return by_column.loaded(fields, cursor.fetchall())
    with connection.cursor() as cursor:
        fixed = [by_column.stored(_field(model, name), [value])[0] for name, value in given.items()]
        sql = f"{head} IN (SELECT value FROM json_each(%s))"  # noqa: S608 - the same
        cursor.execute(sql, [*fixed, json.dumps(by_column.stored(of, among))])
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
    selected, source, parameters = _new(fields, names, values)
    with _binary_cursor() as cursor:
        sql = f"{head} SELECT {', '.join(selected)} FROM {source} {tail}"  # noqa: S608 - names of our own
        cursor.execute(sql.encode(), parameters)
    return lambda: int(cursor.rowcount)


def _new(
    fields: Sequence[by_column.Field], names: Sequence[str], values: Sequence[tuple[Any, ...]]
) -> tuple[list[str], str, dict[str, by_column.Binary | None]]:
    """Return how these columns are called in a statement, the FROM clause they come from, and its parameters. The first is an
    array; of the others one with a single value throughout goes over as that, and one that is equal to another not at all."""
    selected: list[str] = []
    arrays: dict[str, int] = {}
    parameters: dict[str, by_column.Binary | None] = {}
    for place, (field, name, column) in enumerate(zip(fields, names, values, strict=True)):
        parameter, kind = f"p{place}", by_column.type_of(field)
        if place and column[0] == column[-1] and column.count(column[0]) == len(column):
            selected.append(f"%({parameter})b::{kind}")
            parameters[parameter] = by_column.scalar(field, column[0])
            continue
        same = (name for name, at in arrays.items() if by_column.type_of(fields[at]) == kind and values[at] == column)
        if (twin := next(same, None)) is None:
            twin = name
            arrays[name] = place
            parameters[parameter] = by_column.array(field, column)
        selected.append(f"new.{twin}")
    source = ", ".join(f"%(p{place})b::{by_column.type_of(fields[place])}[]" for place in arrays.values())
    return selected, f"unnest({source}) AS new ({', '.join(arrays)})", parameters


@contextmanager
def _binary_cursor() -> "Iterator[psycopg.Cursor[tuple[Any, ...]]]":
    """A cursor of the connection Django has, but for parameters and results in binary form; errors are Django's."""
    import psycopg

    connection.validate_no_broken_transaction()
    connection.ensure_connection()
    with connection.wrap_database_errors:
        cursor = psycopg.Cursor(connection.connection)
        cursor.adapters.register_dumper(by_column.Binary, _as_it_is())
        cursor.format = psycopg.pq.Format.BINARY
        yield cursor


@lru_cache(maxsize=1)
def _as_it_is() -> "type[Dumper]":
    import psycopg
    from psycopg.adapt import Dumper

    class AsItIs(Dumper):
        format = psycopg.pq.Format.BINARY

        def dump(self, obj: by_column.Binary) -> "Buffer":
            return obj

    return AsItIs


def _quoted(model: type[models.Model], name: str) -> str:
    return connection.ops.quote_name(str(_field(model, name).column))


def _field(model: type[models.Model], name: str) -> by_column.Field:
    field = model._meta.get_field(name)
    assert isinstance(field, models.Field)
    return field
