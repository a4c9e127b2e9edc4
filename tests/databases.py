"""Migrated databases: made once in a run, by the command that people use, and copied for whoever needs one.

The workers of pytest-xdist find what their run shares by the environment: the folder, and the server when it is PostgreSQL.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

from tests import registry_settings

_FOLDER = "SIGHTPOST_TESTS_FOLDER"
_URL = "DATABASE_URL"
MIGRATES_WITHIN_S = 240


def begin() -> None:
    """The run begins, in its first process: from now on its folder and its server are there."""
    os.environ[_FOLDER] = tempfile.mkdtemp(prefix="sightpost-tests-run-")
    if registry_settings.SERVER is not None:
        registry_settings.SERVER.start()
        os.environ[_URL] = registry_settings.SERVER.url


def end() -> None:
    """And goes, with all that was made."""
    folder = Path(os.environ.pop(_FOLDER))
    if registry_settings.SERVER is not None:
        del os.environ[_URL]
        registry_settings.SERVER.stop()
    elif (folder / "name").exists():
        _drop(os.environ[_URL], (folder / "name").read_text())
    shutil.rmtree(folder, ignore_errors=True)


def make_ready() -> None:
    """Migrate now, outside of any test's time, what tests will copy."""
    _migrated_database(url) if (url := os.environ.get(_URL)) else _migrated_file()


def copy_file(target: Path) -> None:
    """A migrated SQLite database at `target`, instead of what is there."""
    for leftover in (target, *(target.with_name(target.name + ending) for ending in ("-wal", "-shm"))):
        leftover.unlink(missing_ok=True)
    shutil.copy(_migrated_file(), target)  # and its mode


def copy_database(url: str, name: str) -> None:
    """A migrated database of this name in the server of `url`, instead of what is there."""
    template = _migrated_database(url)
    _drop(url, name)
    _ask(url, f"CREATE DATABASE {name} TEMPLATE {template}")


@contextmanager
def own_database(url: str, *, migrated: bool) -> Iterator[str]:
    """The URL of a database in the server of `url`, for a while: a copy, or an empty one."""
    name = f"processes_{uuid4().hex[:12]}"
    if migrated:
        copy_database(url, name)
    else:
        _ask(url, f"CREATE DATABASE {name}")
    try:
        yield at(url, name)
    finally:
        _drop(url, name)


@contextmanager
def of_this_process() -> Iterator[None]:
    """The database that Django's default connection means in tests. `renew` puts an untouched one in its place."""
    from django.db import connection

    connection.close()
    connection.settings_dict["NAME"] = name = _name_of_this_process()
    renew()
    connect()
    try:
        yield
    finally:
        connection.close()
        if connection.vendor == "sqlite":
            Path(name).unlink()
        else:
            _drop(os.environ[_URL], name)


def renew() -> None:
    """Forget what was committed: a copy is quicker than emptying a hundred tables, and holds what the migrations put there."""
    from django.db import connection, connections

    connections.close_all()
    if connection.vendor == "sqlite":
        copy_file(Path(connection.settings_dict["NAME"]))
    else:
        copy_database(os.environ[_URL], connection.settings_dict["NAME"])


def connect() -> None:
    """Open Django's default connection with all its files, before anybody looks what a test opens."""
    from django.db import connection

    connection.introspection.table_names()


def at(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _name_of_this_process() -> str:
    from django.db import connection

    unique = f"tests_{os.getpid()}_{uuid4().hex[:8]}"
    return unique if connection.vendor == "postgresql" else str(_folder() / f"{unique}.sqlite3")


def _folder() -> Path:
    return Path(os.environ[_FOLDER])


def _migrated_file() -> Path:
    file = _folder() / "data" / "registry.sqlite3"
    with _one_at_a_time():
        if not file.exists():
            _migrate({})
    return file


def _migrated_database(url: str) -> str:
    """The name of a database that nobody uses but as a template."""
    told = _folder() / "name"
    with _one_at_a_time():
        if not told.exists():
            name = f"migrated_{uuid4().hex[:12]}"
            _ask(url, f"CREATE DATABASE {name}")
            _migrate({_URL: at(url, name)})
            told.write_text(name)
        return told.read_text()


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    with (_folder() / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _migrate(where: dict[str, str]) -> None:
    config = _folder() / "registry.toml"
    config.write_text('data_dir = "data"\n')
    environment = {key: value for key, value in os.environ.items() if key != _URL} | where
    done = subprocess.run(
        [sys.executable, "-m", "registry.cli", "migrate", "-c", str(config)],
        env=environment, capture_output=True, text=True, timeout=MIGRATES_WITHIN_S, check=False,
    )  # fmt: skip
    if done.returncode:
        raise AssertionError(f"the database could not be migrated: {done.stdout}{done.stderr}")


def _drop(url: str, name: str) -> None:
    _ask(url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _ask(url: str, sql: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(sql.encode())
