"""`sightpost-registry backup`: the whole registry in one file, made while it runs.

    a tar: database | files/... | keys/... | manifest.json     (the manifest last: name, size and SHA-256 of everything before it)

The database is a snapshot of one moment: SQLite's own online copy, pg_dump's on PostgreSQL; nobody waits for it. Files are only
ever added under their hash, and are copied after the database, so whatever the snapshot names is there. The keys are in it:
without them no gateway would be believed and no token valid. So the file is as secret as the registry, and its owner's alone.
"""

import hashlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, Final

from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from registry import secret_files
from registry.configuration import Configuration
from registry.exits import CannotGoOn

FORMAT: Final = 1
DATABASE: Final = "database"
MANIFEST: Final = "manifest.json"
CHUNK: Final = 1 << 20
CLIENTS: Final = Path("/usr/lib/postgresql")  # where Debian keeps the programs of each version


def make(configuration: Configuration, where: Path) -> Path:
    """Write a backup to this file, or into this folder under a name with the time; return its path. All or nothing.

    Raises CannotGoOn, OSError."""
    now = datetime.now(UTC)
    path = where / f"sightpost-{now:%Y%m%d-%H%M%S}.tar" if where.is_dir() else where
    if path.exists():
        raise CannotGoOn(f"{path} is there already; name another file, or a folder.")
    if not path.parent.is_dir():
        raise CannotGoOn(f"There is no folder {path.parent}; make it first.")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w+b") as file:
            _write(configuration, file, now)
            file.flush()
            os.fsync(file.fileno())
        os.link(part, path)  # unlike a rename it overwrites nothing
    except FileExistsError:
        raise CannotGoOn(f"{path} is there already; name another file, or a folder.") from None
    finally:
        part.unlink(missing_ok=True)
    _settle(path.parent)
    return path


def _write(configuration: Configuration, file: IO[bytes], now: datetime) -> None:
    members: dict[str, dict[str, Any]] = {}
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        with _snapshot(configuration) as snapshot:
            members[DATABASE] = _add(tar, DATABASE, snapshot)
        for name, path in _files(configuration.data_dir):
            try:
                members[name] = _add(tar, name, path)
            except FileNotFoundError:
                continue  # an upload that was taken back meanwhile
        manifest = {
            "format": FORMAT,
            "version": version("sightpost"),
            "made_at": now.isoformat(timespec="seconds"),
            "database": connection.vendor,
            "migrations": _migrations(),
            "members": members,
        }
        text = json.dumps(manifest, indent=1, sort_keys=True).encode()
        entry = tarfile.TarInfo(MANIFEST)
        entry.size, entry.mode, entry.mtime = len(text), 0o600, int(now.timestamp())
        tar.addfile(entry, io.BytesIO(text))


def _add(tar: tarfile.TarFile, name: str, path: Path) -> dict[str, Any]:
    """Put a file into the tar and return its size and hash."""
    with path.open("rb") as file:
        stat = os.fstat(file.fileno())
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode, entry.mtime = stat.st_size, 0o600, int(stat.st_mtime)
        hashed = _Hashed(file)
        tar.addfile(entry, hashed)
        return {"size": stat.st_size, "sha256": hashed.digest.hexdigest()}


class _Hashed:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        some = self._file.read(size)
        self.digest.update(some)
        return some


def _files(data_dir: Path) -> Iterator[tuple[str, Path]]:
    for name in secret_files.ALL:
        if (path := data_dir / name).exists():
            yield f"keys/{name}", path
    for folder in ("files", "imports"):
        for path in sorted((data_dir / folder).rglob("*")):
            if path.is_file() and not path.is_symlink() and not path.name.startswith("."):
                yield path.relative_to(data_dir).as_posix(), path


@contextmanager
def _snapshot(configuration: Configuration) -> Iterator[Path]:
    """The database as it is at one moment, in a file that is gone afterwards. Raises CannotGoOn."""
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=configuration.data_dir) as folder:
        copy = Path(folder) / DATABASE
        if connection.vendor == "sqlite":
            _copy_sqlite(Path(connection.settings_dict["NAME"]), copy)
        else:
            run_client("pg_dump", ["--format=custom", "--no-owner", "--no-privileges", f"--file={copy}"])
        yield copy


def _copy_sqlite(database: Path, copy: Path) -> None:
    if not database.exists():
        raise CannotGoOn(f"There is no database {database} yet; run: sightpost-registry migrate")
    with (
        closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=20)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)  # one read transaction: writers go on beside it
        target.execute("PRAGMA journal_mode=DELETE")
    check_sqlite(copy)


def check_sqlite(path: Path) -> None:
    """Raises CannotGoOn if SQLite finds damage."""
    with closing(sqlite3.connect(path)) as db:
        try:
            found = [str(row[0]) for row in db.execute("PRAGMA quick_check(3)")]
        except sqlite3.DatabaseError as exc:
            found = [str(exc)]
    if found != ["ok"]:
        raise CannotGoOn(f"The database in the copy is damaged: {'; '.join(found)}")


def run_client(program: str, arguments: list[str]) -> None:
    """Run pg_dump or pg_restore on our database; the password goes by the environment. Raises CannotGoOn."""
    settings: Mapping[str, Any] = connection.settings_dict
    values = {
        "PGHOST": settings["HOST"], "PGPORT": settings["PORT"], "PGUSER": settings["USER"], "PGPASSWORD": settings["PASSWORD"],
        "PGDATABASE": settings["NAME"],
    }  # fmt: skip
    environment = os.environ | {name: str(value) for name, value in values.items() if value}
    done = subprocess.run([_client(program), *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise CannotGoOn(f"{program} could not do it: {lines[0]}")


def _client(program: str) -> str:
    """The newest one there is: it reads older servers, not newer ones. Raises CannotGoOn."""
    found = sorted(CLIENTS.glob(f"*/bin/{program}"), key=lambda path: int(path.parts[-3]) if path.parts[-3].isdigit() else 0)
    path = str(found[-1]) if found else shutil.which(program)
    if path is None:
        raise CannotGoOn(f"{program} is not installed; install the client programs of PostgreSQL (Debian: postgresql-client).")
    return path


def _migrations() -> dict[str, str]:
    """The newest migration of each app that the database has."""
    newest: dict[str, str] = {}
    for app, name in sorted(MigrationRecorder(connection).applied_migrations()):
        newest[app] = name
    return newest


def _settle(folder: Path) -> None:
    """A new name is on the disk once its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
