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
            if os.geteuid() == 0:
                folder = path.parent.stat()
                os.fchown(file.fileno(), folder.st_uid, folder.st_gid)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            fresh.rename(path)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise
