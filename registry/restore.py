"""`sightpost-registry restore`: a backup becomes the registry. Nothing is touched before everything in it has been held against
its manifest, and what was there is put aside, not thrown away (SQLite) or replaced in one transaction (PostgreSQL).

Gateways notice by themselves: at their next hello the registry tells an older number than they know, and they deliver again what
they still hold (the sent ring); what they do not hold any more they declare as a gap.
"""

import fcntl
import hashlib
import json
import os
import re
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from django.core.management import call_command
from django.db import DatabaseError, connection, connections
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from host import private_files
from registry import secret_files
from registry.backup import CHUNK, DATABASE, FORMAT, MANIFEST, check_sqlite, run_client
from registry.configuration import Configuration
from registry.exits import CannotGoOn

MANIFEST_BYTES: Final = 200_000_000  # a line for each of a million files
_FILE = re.compile(r"(files|imports)(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,200}){1,4}")


def read_manifest(path: Path) -> dict[str, Any]:
    """What a backup says of itself. Raises CannotGoOn, OSError."""
    try:
        with tarfile.open(path, "r:") as tar:
            found = [entry for entry in tar if entry.name == MANIFEST]
            if not found or found[-1].size > MANIFEST_BYTES:
                raise CannotGoOn(f"{path} is no backup of a registry, or it was cut short.")
            file = tar.extractfile(found[-1])
            assert file is not None
            manifest = json.load(file)
    except (tarfile.TarError, EOFError, ValueError) as exc:
        raise CannotGoOn(f"{path} is no backup of a registry, or it is damaged: {exc}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise CannotGoOn(f"{path} was made by a version that this one does not understand; install that version.")
    return manifest


def restore(configuration: Configuration, path: Path, *, replace: bool) -> list[str]:
    """Put a backup in the place of what is there; return sentences about what was done. `replace`: although there is something.

    Raises CannotGoOn, OSError."""
    manifest = read_manifest(path)
    _must_fit(manifest)
    with _nobody_works(configuration.data_dir):
        if not replace and _has_something():
            raise CannotGoOn("There is a registry with data already; say --replace to put the backup in its place.")
        with tempfile.TemporaryDirectory(prefix=".restore-", dir=configuration.data_dir) as folder:
            unpacked = Path(folder)
            _unpack(path, manifest["members"], unpacked)
            if connection.vendor == "sqlite":
                check_sqlite(unpacked / DATABASE)
            told = _put_keys(configuration.data_dir, unpacked)
            _put_files(configuration.data_dir, unpacked)
            told += _put_database(unpacked / DATABASE)
    call_command("migrate", interactive=False, verbosity=0)
    told += _after(manifest)
    connections.close_all()
    return told


def _must_fit(manifest: Mapping[str, Any]) -> None:
    if manifest.get("database") != connection.vendor:
        raise CannotGoOn(
            f"The backup is of {manifest.get('database')}, and [database] in registry.toml names {connection.vendor}; restore it"
            " where the settings name the same kind."
        )
    known = {(app, name) for app, name in MigrationLoader(None).disk_migrations}
    apps = {app for app, _ in known}
    newer = [f"{app} {name}" for app, name in manifest["migrations"].items() if app in apps and (app, name) not in known]
    if newer:
        raise CannotGoOn(f"The backup was made by version {manifest['version']}, newer than this one; install that first.")


@contextmanager
def _nobody_works(data_dir: Path) -> Iterator[None]:
    """Hold the lock of the work process meanwhile. Raises CannotGoOn if the registry runs."""
    secret_files.prepare(data_dir)
    running = "The registry is running; stop it first (systemctl stop sightpost-registry), then restore."
    file = os.open(data_dir / "work.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotGoOn(running) from None
        if _ingest_lives():
            raise CannotGoOn(running)
        yield
    finally:
        os.close(file)


def _ingest_lives() -> bool:
    from registry.tracking.models import IngestWorker

    if connection.vendor == "sqlite" and not Path(connection.settings_dict["NAME"]).exists():
        return False
    try:
        recent = timezone.now() - timedelta(seconds=6)
        return IngestWorker.objects.filter(heartbeat_at__gte=recent, connected=True).exists()
    except DatabaseError:
        return False


def _has_something() -> bool:
    from registry.assets.models import Asset
    from registry.tracking.models import Gateway

    if connection.vendor == "sqlite" and not Path(connection.settings_dict["NAME"]).exists():
        return False
    try:
        return Asset.objects.exists() or Gateway.objects.exists()
    except DatabaseError:
        return bool(connection.introspection.table_names())


def _unpack(path: Path, members: Mapping[str, Any], into: Path) -> None:
    """Write the members to files of ours; every name is one we know, every byte is as the manifest says. Raises CannotGoOn."""
    left = dict(members)
    with tarfile.open(path, "r:") as tar:
        for entry in tar:
            if entry.name == MANIFEST:
                continue
            said = left.pop(entry.name, None)
            source = tar.extractfile(entry) if entry.isreg() else None
            if said is None or source is None or not _is_ours(entry.name):
                raise CannotGoOn(f"{path}: {entry.name[:80]!r} does not belong into a backup; nothing was changed.")
            target = into / entry.name
            target.parent.mkdir(parents=True, exist_ok=True)
            digest = hashlib.sha256()
            with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                while some := source.read(CHUNK):
                    digest.update(some)
                    file.write(some)
                file.flush()
                os.fsync(file.fileno())
            if digest.hexdigest() != said["sha256"]:
                raise CannotGoOn(f"{path}: {entry.name} is damaged; nothing was changed. Take another backup.")
    if left:
        raise CannotGoOn(f"{path}: {sorted(left)[0]} is missing in it; nothing was changed. Take another backup.")


def _is_ours(name: str) -> bool:
    keys = {f"keys/{key}" for key in secret_files.ALL}
    return name == DATABASE or name in keys or _FILE.fullmatch(name) is not None


def _put_keys(data_dir: Path, unpacked: Path) -> list[str]:
    told = []
    for name in secret_files.ALL:
        fresh, path = unpacked / "keys" / name, data_dir / name
        if not fresh.exists() or (path.exists() and path.read_bytes() == fresh.read_bytes()):
            continue
        if path.exists():
            private_files.write(path.with_name(f"{name}{_aside()}"), path.read_bytes())
            told.append(f"The key {name} was another one; it is kept as {name}{_aside()}.")
        private_files.write(path, fresh.read_bytes())
    return told


def _put_files(data_dir: Path, unpacked: Path) -> None:
    for folder in ("files", "imports"):
        for fresh in (path for path in (unpacked / folder).rglob("*") if path.is_file()):
            target = data_dir / fresh.relative_to(unpacked)
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.replace(target)


def _put_database(fresh: Path) -> list[str]:
    connections.close_all()
    if connection.vendor == "postgresql":
        run_client(
            "pg_restore",
            ["--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error",
             f"--dbname={connection.settings_dict['NAME']}", str(fresh)],
        )  # fmt: skip
        return ["The database was replaced in one transaction."]
    path = Path(connection.settings_dict["NAME"])
    told = []
    if path.exists():
        with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # what stands in its log alone goes into the file
        for ending in ("-wal", "-shm", ""):
            if (one := path.with_name(path.name + ending)).exists():
                one.replace(path.with_name(f"{path.name}{_aside()}{ending}"))
        told.append(f"The database that was there is kept as {path.name}{_aside()}; remove it when you are sure.")
    fresh.replace(path)
    return told


_STARTED: Final = datetime.now(UTC)


def _aside() -> str:
    return f".before-{_STARTED:%Y%m%d-%H%M%S}"


def _after(manifest: Mapping[str, Any]) -> list[str]:
    """What the time since the backup makes doubtful."""
    from registry.assets.models import Asset
    from registry.tracking.models import IngestWorker
    from registry.work.models import Outgoing, WorkProcess

    IngestWorker.objects.update(connected=False)
    WorkProcess.objects.all().delete()
    why = f"perhaps sent since the backup of {manifest['made_at']}; ask the recipient, then repeat or forget it"
    mails = Outgoing.objects.filter(sink=Outgoing.Sink.MAIL, dead=False).update(dead=True, error=why)
    told = [f"{Asset.objects.count():,} assets are back, as of {manifest['made_at']}."]
    if mails:
        told.append(f"{mails} mails waited then and were perhaps sent since; they are not sent by themselves.")
    return told
