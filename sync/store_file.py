"""The outbox's files on disk: who may read them, and what happens to a store that cannot be read."""

import contextlib
import os
import shutil
from pathlib import Path

_SIDES = ("", "-wal", "-shm")


def prepare(path: Path) -> None:
    """Make the folder (0700) and an empty file (0600) where they are missing; SQLite gives its side files the same mode.

    A store that is there is not opened, not even for a moment: closing it would drop the POSIX locks of every SQLite connection
    this process has to it, and the next one elsewhere that closes would take the WAL away under us. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    for side in _SIDES:
        beside = _beside(path, side)
        if beside.exists() and beside.stat().st_mode & 0o077:
            beside.chmod(0o600)


def set_aside(path: Path, wall_ms: int) -> Path:
    """Rename an unreadable store, with what belongs to it, and return its new name. It is never deleted. Raises OSError."""
    aside = path.with_name(f"{path.name}.unreadable-{wall_ms}")
    for side in reversed(_SIDES):  # the database last: a crash in between leaves a store that is found unreadable again
        if _beside(path, side).exists():
            _beside(path, side).rename(_beside(aside, side))
    _mark_of(path).unlink(missing_ok=True)
    return aside


def keep_wal(path: Path, wall_ms: int) -> Path:
    """Copy the WAL of a store as that of one that was set aside, and return its name. Raises OSError."""
    aside = path.with_name(f"{path.name}.unreadable-{wall_ms}")
    aside.touch(mode=0o600)
    wal_of(aside).touch(mode=0o600)
    shutil.copyfile(wal_of(path), wal_of(aside))
    return aside


def wal_of(path: Path) -> Path:
    return _beside(path, "-wal")


def set_aside_stores(path: Path) -> list[Path]:
    """Return the stores that were set aside and not recovered, oldest first."""
    found = path.parent.glob(f"{path.name}.unreadable-*")
    return sorted(aside for aside in found if aside.suffix.removeprefix(".unreadable-").isdigit())


def mark_recovered(aside: Path) -> Path:
    """Rename a store that was set aside, now that what it held is in the queue again; return its new name. Raises OSError."""
    done = aside.with_name(aside.name.replace(".unreadable-", ".recovered-"))
    for side in _SIDES:
        if _beside(aside, side).exists():
            _beside(aside, side).rename(_beside(done, side))
    return done


def mark_damaged(path: Path) -> None:
    """Remember that this store was found damaged while in use: the next start sets it aside."""
    _mark_of(path).touch(mode=0o600)


def is_marked_damaged(path: Path) -> bool:
    return _mark_of(path).exists()


def size_bytes(path: Path) -> int:
    """Return what the store takes on disk, side files included."""
    return sum(_beside(path, side).stat().st_size for side in _SIDES if _beside(path, side).exists())


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _mark_of(path: Path) -> Path:
    return _beside(path, ".damaged")
