"""Columns of values on their way to the database and back, thousands at a time: what Django's fields do for one value, done for a
whole column.

PostgreSQL gets a column as one binary array, or whole rows in binary: its driver would spend more time on the text of a value
than the server on storing it. SQLite gets the texts and numbers of the ORM; anything else no filter of the ORM would find.
"""

import operator
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import repeat
from types import NoneType
from typing import Any, TypeAlias
from uuid import UUID

import msgspec
from django.db import connection, models

Field: TypeAlias = "models.Field[Any, Any]"

_HEADER = struct.Struct(">iiIii")  # of a binary array: dimensions, has nulls, oid of the elements, length, first subscript
_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_END = b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_FIRST_DAY = _EPOCH.date().toordinal()
_MICROSECOND = timedelta(microseconds=1)
_int4 = struct.Struct(">i").pack
_int8 = struct.Struct(">q").pack
_float8 = struct.Struct(">d").pack
_length = struct.Struct(">i").pack
_NUMERIC = struct.Struct(">hhHh")  # groups of four digits, weight of the first, sign, decimals


class Binary(bytes):
    """A parameter in PostgreSQL's binary form; the cast beside it in the statement names its type."""


@dataclass(frozen=True, slots=True)
class _Type:
    """A type of PostgreSQL: name and oid, the bytes of one value, their number where it is always the same."""

    name: str
    oid: int
    encode: Callable[[Any], bytes]
    size: int | None = None


def _microseconds(moment: datetime) -> bytes:
    return _int8((moment - _EPOCH) // _MICROSECOND)


def _days(day: date) -> bytes:
    return _length(day.toordinal() - _FIRST_DAY)


def _numeric(value: Decimal) -> bytes:
    """Of at most four decimals, as all our money and quantities."""
    rest = int(abs(Decimal(value)).scaleb(4))
    groups: list[int] = []
    while rest:
        rest, group = divmod(rest, 10_000)
        groups.insert(0, group)
    head = _NUMERIC.pack(len(groups), len(groups) - 2, 0x4000 if value < 0 else 0, 4)
    return head + struct.pack(f">{len(groups)}h", *groups)


def _jsonb(value: object) -> bytes:
    return b"\x01" + msgspec.json.encode(value)


_TYPES: tuple[tuple[type[Field], _Type], ...] = (
    (models.UUIDField, _Type("uuid", 2950, lambda value: value.int.to_bytes(16), 16)),
    (models.DateTimeField, _Type("timestamptz", 1184, _microseconds, 8)),
    (models.DateField, _Type("date", 1082, _days, 4)),
    (models.DecimalField, _Type("numeric", 1700, _numeric)),
    (models.BooleanField, _Type("bool", 16, lambda value: b"\x01" if value else b"\x00", 1)),
    (models.IntegerField, _Type("int8", 20, _int8, 8)),
    (models.FloatField, _Type("float8", 701, _float8, 8)),
    (models.JSONField, _Type("jsonb", 3802, _jsonb)),
    (models.CharField, _Type("text", 25, str.encode)),
    (models.TextField, _Type("text", 25, str.encode)),
    (models.BinaryField, _Type("bytea", 17, bytes)),
)


def type_of(field: Field) -> str:
    """The name of the type that `array` and `scalar` give; it can be assigned to a column of the field."""
    return _type(field).name


def array(field: Field, values: Sequence[Any]) -> Binary:
    """One parameter for a whole column, on PostgreSQL."""
    kind = _type(field)
    encode = kind.encode
    nulls = NoneType in set(map(type, values))  # `None in values` would have every UUID compared
    header = _HEADER.pack(1, nulls, kind.oid, len(values), 1)
    if nulls:
        given = (None if value is None else encode(value) for value in values)
        return Binary(header + b"".join([_NULL if item is None else _length(len(item)) + item for item in given]))
    if kind.size is not None:
        return Binary(header + _length(kind.size).join([b"", *map(encode, values)]))
    return Binary(header + b"".join([_length(len(item)) + item for item in map(encode, values)]))


def scalar(field: Field, value: Any) -> Binary | None:
    """One parameter for one value, on PostgreSQL."""
    return None if value is None else Binary(_type(field).encode(value))


def copied(fields: Sequence[Field], columns: Sequence[Sequence[Any]]) -> bytes:
    """Rows as COPY ... (FORMAT BINARY) takes them, on PostgreSQL. A column of one value throughout is encoded once (the first is
    never taken for one), and so is one that is equal to the one before."""
    cells: list[Iterable[bytes]] = []
    for place, (field, column) in enumerate(zip(fields, columns, strict=True)):
        if place and column[0] == column[-1] and column.count(column[0]) == len(column):
            cells.append(repeat(_cells(field, column[:1])[0]))
        elif place and type(field) is type(fields[place - 1]) and column == columns[place - 1]:
            cells.append(cells[-1])
        else:
            cells.append(_cells(field, column))
    begin = struct.pack(">h", len(fields))
    rows = map(b"".join, zip(*cells, strict=False))  # `repeat` has no end
    return b"".join([_COPY_HEADER, begin, begin.join(rows), _COPY_END])


def _cells(field: Field, values: Sequence[Any]) -> list[bytes]:
    """Each value with its length before it, in the type of the very column."""
    kind = _type(field)
    narrow = kind.encode is _int8 and not isinstance(_target(field), models.BigIntegerField)
    encode, size = (_int4, 4) if narrow else (kind.encode, kind.size)
    if size is not None:
        length = _length(size)
        return [_NULL if value is None else length + encode(value) for value in values]
    items = [None if value is None else encode(value) for value in values]
    return [_NULL if item is None else _length(len(item)) + item for item in items]


def stored(field: Field, values: Iterable[Any]) -> list[Any]:
    """The values as SQLite stores them."""
    store = _sqlite_form(field)
    return list(values) if store is None else [None if value is None else store(value) for value in values]


def selected(field: Field) -> str:
    """The column in a SELECT, so that `loaded` understands what comes."""
    name = connection.ops.quote_name(str(field.column))
    target = _target(field)
    if connection.vendor == "postgresql":
        return f"{name}::text" if isinstance(target, models.JSONField) else name
    return f"{name} || ''" if isinstance(target, models.DateTimeField) else name  # its driver would parse it, slowly


def loaded(fields: Sequence[Field], rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The rows with each value as the ORM would give it."""
    if not rows:
        return []
    by_column: list[Iterable[Any]] = []
    for field, column in zip(fields, zip(*rows, strict=True), strict=True):
        load = _loader(field)
        by_column.append(column if load is None else [None if value is None else load(value) for value in column])
    return list(zip(*by_column, strict=True))


@lru_cache(maxsize=1000)
def _type(field: Field) -> _Type:
    target = _target(field)
    return next(kind for of, kind in _TYPES if isinstance(target, of))


def _target(field: Field) -> Field:
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    return field


def _sqlite_form(field: Field) -> Callable[[Any], Any] | None:
    match _target(field):
        case models.UUIDField():
            return operator.attrgetter("hex")
        case models.DateTimeField():
            return _text_of
        case models.DateField():
            return date.isoformat
        case models.DecimalField():
            return str
        case models.JSONField():
            return _json_of
    return None


def _loader(field: Field) -> Callable[[Any], Any] | None:
    target = _target(field)
    if isinstance(target, models.JSONField):
        return msgspec.json.decode
    if connection.vendor == "sqlite":
        match target:
            case models.UUIDField():
                return _uuid_of
            case models.DateTimeField():
                return _moment_of
            case models.BooleanField():
                return bool
            case models.DecimalField():
                return _decimal_of
    return None


@lru_cache(maxsize=20_000)
def _uuid_of(text: str) -> UUID:
    """The same assets come again and again."""
    return UUID(text)


def _decimal_of(number: float) -> Decimal:
    return Decimal(repr(number)).quantize(Decimal("0.0001"))


def _json_of(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _text_of(moment: datetime) -> str:
    return (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).isoformat(" ")[:-6]


def _moment_of(text: str) -> datetime:
    return datetime.fromisoformat(text + "+00:00")
