"""The files of imports: handed in as a stream, kept under names of our own, for the registry alone, and removed when done."""

import hashlib
import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from django.conf import settings

from registry.importing.models import NAME_CHARS, folder_name
from registry.problems import Invalid
from registry.tables.table import Limits

LIMITS = Limits()
FORM_BYTES = 64 * 1024  # what a form adds around a file
TABLE, ROWS = "table", "rows"
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")  # control characters, and those that turn the direction of writing


class Stored(NamedTuple):
    sha256: str
    size: int


def path_of(job_id: UUID, ending: str = TABLE) -> Path:
    return _folder() / folder_name(job_id, ending)


def store(job_id: UUID, chunks: Iterable[bytes]) -> Stored:
    """Keep what comes in, readable for the registry alone; a file that turns out too large is gone again. Raises Invalid."""
    path = path_of(job_id)
    digest, size = hashlib.sha256(), 0
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            for chunk in chunks:
                size += len(chunk)
                if size > LIMITS.file_bytes:
                    raise Invalid(f"file: more than {LIMITS.file_bytes // 1024 // 1024} MiB; split it", field="file")
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    if not size:
        path.unlink()
        raise Invalid("file: is empty", field="file")
    return Stored(digest.hexdigest(), size)


def remove(job_id: UUID) -> None:
    for ending in (TABLE, ROWS, f"{ROWS}.part"):
        path_of(job_id, ending).unlink(missing_ok=True)


def shown_name(name: str) -> str:
    """The name somebody gave a file, to be shown and nothing else."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    plain = "".join(c for c in unicodedata.normalize("NFC", last) if unicodedata.category(c) not in _UNSEEN).strip()
    return plain[:NAME_CHARS] or "table"


def _folder() -> Path:
    folder = Path(settings.DATA_DIR) / "imports"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
