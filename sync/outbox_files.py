"""Records of an outbox in files: exports (JSON lines) and the stores of other cards, both only read.

An export begins with a line `{"sightpost_outbox": 1, ...}`. Every further line is one record: where it stood (`what`, `epoch`,
`seq`), and what the outbox keeps of it; a body that is not JSON any more stands in `raw`, as base64.
"""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from sync.outbox_upkeep import Row, rows
from sync.store import OutboxDamaged, OutboxUnavailable, Store
from sync.store_file import wal_of
from sync.stored import Stored, fault

VERSION = 1
MAX_LINE_BYTES = 1024 * 1024
_SQLITE = b"SQLite format 3\0"
_NO_LIMIT = 2**62


class NotReadable(Exception):
    """This file is none that records can be taken from; the text says why, and behind a semicolon what to do."""


class _Header(msgspec.Struct):
    sightpost_outbox: int
    epoch: str
    exported_wall_ms: int


class _Line(msgspec.Struct, omit_defaults=True):
    what: Literal["waiting", "sent", "dead"]
    epoch: str
    seq: int
    event_id: UUID
    kind: str
    wall_ms: int
    mono_ms: int
    boot_id: str
    body: msgspec.Raw = msgspec.Raw(b"null")
    raw: Annotated[bytes, Meta(max_length=MAX_LINE_BYTES)] | None = None
    code: str = ""
    text: str = ""
    died_wall_ms: int = 0


_encoder = msgspec.json.Encoder()
_header = msgspec.json.Decoder(_Header)
_line = msgspec.json.Decoder(_Line)


def write_export(path: Path, epoch: str, wall_ms: int, found: Iterable[Row]) -> int:
    """Write a new file (0600), whole or not at all; return how many records. Raises FileExistsError, OSError."""
    part = path.with_name(path.name + ".part")
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    count = 0
    try:
        with open(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:  # noqa: PTH123
            file.write(_encoder.encode(_Header(VERSION, epoch, wall_ms)) + b"\n")
            for row in found:
                file.write(_encoder.encode(_as_line(row)) + b"\n")
                count += 1
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        path.unlink()
        raise
    return count


def _as_line(row: Row) -> _Line:
    event_id, kind, wall_ms, mono_ms, boot_id, body = row.stored
    plain = not fault(*row.stored) and b"\n" not in body
    return _Line(
        row.what, row.epoch, row.seq, UUID(bytes=event_id), kind, wall_ms, mono_ms, boot_id,
        msgspec.Raw(body) if plain else msgspec.Raw(b"null"), None if plain else body, row.code, row.text, row.died_wall_ms,
    )  # fmt: skip


def read_file(path: Path, folder: Path, bad_lines: list[str], *, sent: bool) -> Iterator[Stored]:
    """Yield what waited in an export or in the store of another card, with `sent` also what its registry had acknowledged.

    A store is copied into `folder` first, with its WAL: SQLite would change it. Lines that cannot be read are passed over and
    named in `bad_lines`. Raises NotReadable, OSError."""
    with path.open("rb") as file:
        begin = file.read(len(_SQLITE))
    return _of_store(path, folder, sent) if begin == _SQLITE else _of_export(path, bad_lines, sent)


def _of_export(path: Path, bad_lines: list[str], sent: bool) -> Iterator[Stored]:
    with path.open("rb") as file:
        try:
            version = _header.decode(file.readline(MAX_LINE_BYTES)).sightpost_outbox
        except (msgspec.DecodeError, ValueError):
            raise NotReadable(f"{path} is neither an export nor the store of an outbox") from None
        if version != VERSION:
            raise NotReadable(f"{path} is an export of version {version}; update this gateway first")
        number = 1
        while line := file.readline(MAX_LINE_BYTES):
            number += 1
            try:
                found = _line.decode(line)
            except (msgspec.DecodeError, ValueError, RecursionError) as exc:
                bad_lines.append(f"line {number}: {exc}")
                continue
            if found.what == "waiting" or (sent and found.what == "sent"):
                body = bytes(found.body) if found.raw is None else found.raw
                yield Stored(found.event_id.bytes, found.kind, found.wall_ms, found.mono_ms, found.boot_id, body)


def _of_store(path: Path, folder: Path, sent: bool) -> Iterator[Stored]:
    with room_for_copies(folder) as beside:
        copy = copied(path, beside)
        try:
            with closing(Store(copy, _NO_LIMIT, 0, "")) as store:
                yield from (row.stored for row in rows(store, sent=sent, dead=False))
        except (sqlite3.DatabaseError, OutboxDamaged, OutboxUnavailable) as exc:
            raise NotReadable(f"{path} is damaged ({exc}); `sightpost outbox recover {path}` brings back what it holds") from exc


@contextmanager
def room_for_copies(folder: Path) -> Iterator[Path]:
    """A folder (0700) inside `folder`, removed afterwards; and so are those of commands that were killed. Raises OSError."""
    for left in folder.glob(".outbox-copies-*"):
        if not Path("/proc", left.name.split("-")[2]).exists():
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f".outbox-copies-{os.getpid()}-", dir=folder) as beside:
        yield Path(beside)


def copied(path: Path, folder: Path) -> Path:
    """Copy a store with its WAL; return the copy. Raises OSError."""
    copy = folder / "outbox.db"
    shutil.copyfile(path, copy)
    wal = wal_of(path)
    if wal.exists():
        shutil.copyfile(wal, copy.with_name("outbox.db-wal"))
    return copy
