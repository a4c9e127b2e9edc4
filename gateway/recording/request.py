"""How a recording is asked for: a small file in the gateway's own folder.

Whoever may write there may ask; no web page and no other account can. While the file is there the gateway records, until what it
allows is used up; then the gateway takes it away. Both sides use this module.
"""

import contextlib
import os
import secrets
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

REQUEST = "record.json"
FOLDER = "recordings"
UNFINISHED = ".part"
MAX_MINUTES = 7 * 24 * 60
MAX_MEGABYTES = 2000


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`name` is that of the file in FOLDER; `until_ms` (Unix milliseconds) holds also after a restart of the gateway."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,79}\.rec\Z")]
    minutes: Annotated[float, Meta(gt=0, le=MAX_MINUTES)]
    megabytes: Annotated[int, Meta(ge=1, le=MAX_MEGABYTES)]
    until_ms: Annotated[int, Meta(ge=0)]


def ask(data_dir: Path, request: Request) -> None:
    """Write the request. Raises OSError, FileExistsError when there is one already."""
    draft = data_dir / f".{REQUEST}.{secrets.token_hex(4)}"
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    try:
        try:
            os.fchmod(file, 0o644)  # it may be root that asks; the gateway has to read it
            os.write(file, msgspec.json.encode(request))
        finally:
            os.close(file)
        os.link(draft, data_dir / REQUEST)  # fails when there is one
    finally:
        draft.unlink()


def asked(data_dir: Path) -> Request | None:
    """Return what is asked for, None for nothing. Raises ValueError when the file makes no sense, OSError."""
    path = data_dir / REQUEST
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(4096), type=Request)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as exc:
        raise ValueError(f"{path}: {exc}") from None


def withdraw(data_dir: Path, request: Request | None = None) -> None:
    """Take the request away, with `request` only if it is that one. Raises OSError."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        if request is None or asked(data_dir) == request:
            (data_dir / REQUEST).unlink()
