"""Files that only their owner may read: secrets, and what a broker reads of them."""

import os
import secrets
from pathlib import Path


def write(path: Path, content: bytes) -> None:
    """Write `path` with mode 0600, all or nothing, durable when this returns. Raises OSError.

    Written by root it belongs to whoever owns the folder: an administrator's command must not take a service's files away."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.new")
    with os.fdopen(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600), "wb") as file:
        try:
            _give(file.fileno(), path.parent)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            fresh.rename(path)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise


def open_lock(path: Path) -> int:
    """Return a descriptor of the file, made with mode 0600 where it is missing: to be locked, then closed. Raises OSError.

    Made by root it belongs to whoever owns the folder, so that the service can lock it too."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _give(lock, path.parent)
    except OSError:
        os.close(lock)
        raise
    return lock


def _give(file: int, folder: Path) -> None:
    """To the owner of the folder, where we are root."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(file, owner.st_uid, owner.st_gid)
