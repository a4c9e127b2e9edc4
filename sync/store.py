"""The SQLite file below the outbox: its schema, how it is opened, transactions, and what its errors mean to a caller."""

import contextlib
import errno
import logging
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

from sync import store_file, wal_tail

log = logging.getLogger(__name__)

PAGE_BYTES = 4096

UNREADABLE = "the store before could not be read"
RESERVE = 0.02  # of the quota: appends leave it alone, so that gaps and acks can always be written

_SCHEMA_VERSION = 2
_BUSY_TIMEOUT_S = 5.0
_WAL_KEPT_BYTES = 4 * 1024 * 1024  # after a checkpoint
_DISK_FULL_BELOW_BYTES = 4 * 1024 * 1024
_UNREADABLE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

_SCHEMA_1 = """
CREATE TABLE record (
    position INTEGER PRIMARY KEY,  -- always given by us: SQLite's own would start again at 1 in an empty table
    event_id BLOB NOT NULL, kind TEXT NOT NULL, wall_ms INTEGER NOT NULL, mono_ms INTEGER NOT NULL, boot_id TEXT NOT NULL,
    body BLOB NOT NULL);
CREATE TABLE dead (  -- what the registry rejected
    position INTEGER PRIMARY KEY,
    event_id BLOB NOT NULL, kind TEXT NOT NULL, wall_ms INTEGER NOT NULL, mono_ms INTEGER NOT NULL, boot_id TEXT NOT NULL,
    body BLOB NOT NULL, code TEXT NOT NULL, text TEXT NOT NULL, died_ms INTEGER NOT NULL);
CREATE TABLE epoch (  -- the last row is the present one; seq = position - base
    ordinal INTEGER PRIMARY KEY, epoch TEXT NOT NULL UNIQUE, base INTEGER NOT NULL,
    started_ms INTEGER NOT NULL, why TEXT NOT NULL);
CREATE TABLE cursor (  -- positions: the newest given out, and up to where the registry has everything
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1), last INTEGER NOT NULL, acked INTEGER NOT NULL, acked_id BLOB);
CREATE TABLE engine_state (identity TEXT PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE reader_live (reader TEXT PRIMARY KEY, until_ms INTEGER NOT NULL) WITHOUT ROWID;
"""
# Nothing that is there changes: a gateway of before goes on with the store while a command of now looks at it.
_SCHEMA_2 = """
CREATE TABLE gap (  -- positions whose records will never come, and why; never two that touch for the same reason
    first INTEGER PRIMARY KEY, last INTEGER NOT NULL, reason TEXT NOT NULL);
CREATE TABLE dropped (reason TEXT PRIMARY KEY, records INTEGER NOT NULL, last_ms INTEGER NOT NULL) WITHOUT ROWID;
-- The position of an identity's latest location event. With an empty state the engine has forgotten the identity.
ALTER TABLE engine_state ADD COLUMN latest INTEGER NOT NULL DEFAULT 0;
CREATE INDEX forgotten ON engine_state (latest) WHERE state = x'';
INSERT INTO gap SELECT position, position, 'dead' FROM dead;
PRAGMA user_version = 2;
"""
_QUOTA = "it is full, its quota of {} MB is used up; get the registry back, or raise outbox_mb"
_READ_ONLY = "its file system is read-only; look into the journal of the system for what the disk said, and mount it writable"
_WHY = {
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_IOERR: "the disk fails to read or write; look into the journal of the system, and exchange the disk",
    sqlite3.SQLITE_BUSY: "another program keeps it locked; close what has opened this file",
    sqlite3.SQLITE_PERM: "its access is denied; give the file to the user of the gateway",
    sqlite3.SQLITE_CANTOPEN: "its folder or file cannot be opened; look at their owner and mode",
}
_CURSOR = """
SELECT epoch, base, last, acked, acked_id, (SELECT min(position) FROM record)
FROM cursor, epoch ORDER BY ordinal DESC LIMIT 1"""


# This process's connections: under one that is in use a store is never set aside, or what it still confirms would be lost.
_open_here: "set[Store]" = set()


class OutboxUnavailable(OSError):
    """The store does not take or give anything just now: disk full, quota reached, locked, read-only, I/O error.

    Nothing of the call has happened; trying again later may help. The text says behind a semicolon what a person can do.
    `full`: there is no room, on the disk or, with `quota`, within what the outbox may take."""

    def __init__(self, text: str, *, full: bool = False, quota: bool = False) -> None:
        super().__init__(text)
        self.full = full
        self.quota = quota


class OutboxDamaged(Exception):
    """The store turned out unreadable while in use. Only a start helps: it sets the store aside and goes on with a new one."""


class Cursor(NamedTuple):
    """Where the store stands, in positions."""

    epoch: str
    base: int  # position of the epoch's seq 0
    last: int
    acked: int
    acked_id: bytes | None
    first: int | None  # the oldest position still here


class Store:
    """One connection. Everything goes through `reading` and `writing`, which are transactions and speak our errors."""

    def __init__(self, path: Path, quota_bytes: int, started_ms: int, why: str) -> None:
        """Open the file, made when it is empty: its first epoch then starts at `started_ms`, because of `why`."""
        self.path = path
        self.quota_bytes = quota_bytes
        self.db = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        try:
            self.db.execute("PRAGMA journal_mode = WAL")
            self.db.execute("PRAGMA synchronous = FULL")
            self.db.execute(f"PRAGMA max_page_count = {quota_bytes // PAGE_BYTES}")  # of this connection only
            self.db.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT_BYTES}")
            if not self._has_tables():
                self._create(started_ms, why)
            elif self._pragma("user_version") == 1:
                self._upgrade()
            self._check()
        except BaseException:
            self.db.close()
            raise
        _open_here.add(self)

    def close(self) -> None:
        self.db.close()
        _open_here.discard(self)

    def cursor(self) -> Cursor:
        return Cursor(*self.db.execute(_CURSOR).fetchone())

    def begin_epoch(self, base: int, started_ms: int, why: str) -> None:
        row = (secrets.token_hex(16), base, started_ms, why)
        self.db.execute("INSERT INTO epoch (epoch, base, started_ms, why) VALUES (?, ?, ?, ?)", row)

    def used_bytes(self) -> int:
        """Return what the pages in use take, without those that deletes have freed for reuse."""
        return (self._pragma("page_count") - self._pragma("freelist_count")) * PAGE_BYTES

    def damaged(self, why: str) -> OutboxDamaged:
        """Return the error to raise; the next start sets the store aside."""
        with contextlib.suppress(OSError):  # on a disk that takes no more the next start has to find it out anew
            store_file.mark_damaged(self.path)
        return OutboxDamaged(f"the outbox {self.path} is damaged: {why}")

    def check_room(self) -> None:
        """Raises OutboxUnavailable when what the transaction has written does not leave the reserve free."""
        if self.used_bytes() > self.quota_bytes * (1 - RESERVE):
            raise self._unavailable(_QUOTA.format(self.quota_bytes // 1_000_000), full=True, quota=True)

    def writing(self) -> AbstractContextManager[None]:
        """Commit on the way out, roll back on an exception. Raises OutboxUnavailable, OutboxDamaged."""
        return self._transaction("BEGIN IMMEDIATE", "COMMIT")

    def reading(self) -> AbstractContextManager[None]:
        """Several selects, one moment. Raises OutboxUnavailable, OutboxDamaged."""
        return self._transaction("BEGIN", "ROLLBACK")

    def keeping(self) -> AbstractContextManager[None]:
        """As `reading`, and what is written to temporary tables stays. Raises OutboxUnavailable, OutboxDamaged."""
        return self._transaction("BEGIN", "COMMIT")

    @contextmanager
    def _transaction(self, begin: str, end: str) -> Iterator[None]:
        with self._translated():
            self.db.execute(begin)
            try:
                yield
                self.db.execute(end)
            finally:
                if self.db.in_transaction:  # an exception; some errors of SQLite have ended it already
                    self.db.execute("ROLLBACK")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as exc:
            if _is_damage(exc):
                raise self.damaged(str(exc)) from exc
            if isinstance(exc, sqlite3.OperationalError):
                code = exc.sqlite_errorcode & 0xFF
                if code != sqlite3.SQLITE_FULL:
                    raise self._unavailable(_WHY.get(code, str(exc))) from exc
                if shutil.disk_usage(self.path.parent).free < _DISK_FULL_BELOW_BYTES:
                    raise self._unavailable("the disk is full; free space on it", full=True) from exc
                text = _QUOTA.format(self.quota_bytes // 1_000_000)
                raise self._unavailable(text, full=True, quota=True) from exc
            raise

    def _unavailable(self, text: str, *, full: bool = False, quota: bool = False) -> OutboxUnavailable:
        return OutboxUnavailable(f"the outbox {self.path}: {text}", full=full, quota=quota)

    def wal_frames(self) -> int:
        """Return how many frames of its WAL SQLite knows."""
        return int(self.db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1])

    def _pragma(self, name: str) -> int:
        return int(self.db.execute(f"PRAGMA {name}").fetchone()[0])

    def _has_tables(self) -> bool:
        return self.db.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is not None

    def _create(self, started_ms: int, why: str) -> None:
        try:
            self.db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA_1} {_SCHEMA_2}")
            self.begin_epoch(0, started_ms, why)
            self.db.execute("INSERT INTO cursor VALUES (1, 0, 0, NULL)")
            self.db.execute("COMMIT")
        except sqlite3.OperationalError:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            if not self._has_tables():  # else another connection was first
                raise

    def _upgrade(self) -> None:
        try:
            self.db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA_2} COMMIT;")
        except sqlite3.OperationalError:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            if self._pragma("user_version") == 1:  # else another connection was first
                raise

    def _check(self) -> None:
        if self._pragma("user_version") != _SCHEMA_VERSION:
            raise OutboxDamaged(f"its format {self._pragma('user_version')} is not {_SCHEMA_VERSION}")
        try:
            self.db.execute("BEGIN")  # one moment: another connection may be appending
            row = self.db.execute(_CURSOR).fetchone()
            newest = self.db.execute("SELECT max(position) FROM record").fetchone()[0] or 0
            self.db.execute("ROLLBACK")
        except sqlite3.OperationalError as exc:
            if getattr(exc, "sqlite_errorcode", None) in (None, sqlite3.SQLITE_ERROR):
                raise OutboxDamaged(f"its tables are not ours: {exc}") from exc
            raise
        if row is None or not _fits(Cursor(*row), newest):
            raise OutboxDamaged("its cursor does not fit its records")


def open_store(path: Path, quota_bytes: int, now_ms: int) -> Store:
    """Open the store, made on first use. One that cannot be read is renamed aside, and a new one goes on in a new epoch.

    Raises OutboxUnavailable; OutboxDamaged where this process still uses the store through another connection."""
    try:
        store_file.prepare(path)
        try:
            if store_file.is_marked_damaged(path):
                raise OutboxDamaged("it was found damaged while in use")
            first = not any(store.path == path for store in list(_open_here))  # else others append meanwhile
            store = Store(path, quota_bytes, now_ms, why="")
            try:
                if first and wal_tail.is_cut_off(path, store.wal_frames(), PAGE_BYTES):
                    _keep_tail(store, now_ms)
            except BaseException:
                store.close()
                raise
            return store
        except (sqlite3.DatabaseError, OutboxDamaged) as exc:
            if isinstance(exc, sqlite3.DatabaseError) and not _is_damage(exc):
                raise
            if any(store.path == path for store in list(_open_here)):
                raise OutboxDamaged(f"the outbox {path} is damaged: {exc}") from exc
            aside = store_file.set_aside(path, now_ms)
            store_file.prepare(path)
            why = f"{UNREADABLE} ({exc}) and was set aside as {aside.name}"
            return Store(path, quota_bytes, now_ms, why)
    except sqlite3.Error as exc:
        why = _WHY.get(getattr(exc, "sqlite_errorcode", 0) & 0xFF, str(exc))
        raise OutboxUnavailable(f"the outbox {path} cannot be opened: {why}") from exc
    except OSError as exc:
        why = _READ_ONLY if exc.errno == errno.EROFS else str(exc)
        raise OutboxUnavailable(f"the outbox {path} cannot be opened: {why}") from exc


def _keep_tail(store: Store, now_ms: int) -> None:
    """Its WAL is damaged in the middle: what SQLite does not reach is kept for `sightpost outbox recover`."""
    try:
        aside = store_file.keep_wal(store.path, now_ms)
    except OSError as exc:
        log.error("outbox: its WAL is damaged, commits are lost, and it could not be kept: %s", exc)
    else:
        log.error("outbox: its WAL is damaged and commits are missing; it was kept as %s: `sightpost outbox recover`", aside.name)


def _fits(now: Cursor, newest: int) -> bool:
    numbers = (now.base, now.acked, now.last)
    return (
        type(now.epoch) is str
        and all(type(number) is int for number in numbers)
        and 0 <= now.base <= now.acked <= now.last >= newest
    )


def _is_damage(exc: sqlite3.DatabaseError) -> bool:
    """Text that is no UTF-8 is found out by Python, not by SQLite: that error has no code."""
    code = getattr(exc, "sqlite_errorcode", None)
    return "decode" in str(exc) if code is None else code & 0xFF in _UNREADABLE
