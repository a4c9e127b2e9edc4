"""A registry as processes, on a database of its own: an SQLite file, or one made in the PostgreSQL that DATABASE_URL names."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests import databases
from tests.mosquitto import free_port

STARTS_WITHIN_S = 60.0  # a quiet machine takes two; every wait ends with what it waits for
SQLITE = "registry.sqlite3"


@dataclass
class RegistryHome:
    """A data folder with its settings, and what commands see of the environment."""

    folder: Path
    web_port: int
    broker_port: int
    environment: dict[str, str]

    @property
    def config(self) -> Path:
        return self.folder / "registry.toml"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "registry.cli", *arguments, "-c", str(self.config)]

    def run(self, *arguments: str, status: int = 0) -> str:
        """Run a command to its end and return what it said on stdout (on stderr where it is to fail)."""
        done = subprocess.run(self.command(*arguments), env=self.environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == status, f"{arguments} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done.stderr if status else done.stdout

    def python(self, code: str) -> None:
        """Run code that may use the registry's services, in one process: starting several commands takes seconds."""
        subprocess.run(self._code(code), env=self._environment, check=True, timeout=120)

    def batch(self, *commands: str) -> list[tuple[int, str]]:
        """Run command lines one after the other in one process; return (status, what was said) of each."""
        code = f"""
import json, shlex
from typer.testing import CliRunner
from registry.cli import app
said = [CliRunner().invoke(app, [*shlex.split(c), "-c", {str(self.config)!r}]) for c in {list(commands)!r}]
print(json.dumps([(one.exit_code, one.output) for one in said]))
"""
        done = subprocess.run([sys.executable, "-c", code], env=self.environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return [(status, said) for status, said in json.loads(done.stdout)]

    def running(self, *arguments: str, log: str = "log") -> AbstractContextManager[subprocess.Popen[bytes]]:
        """A command that goes on; ended by SIGTERM, unless the test ended it."""
        return self._going_on(self.command(*arguments), self.environment, log)

    def running_code(self, code: str, log: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """As `python`, but code that goes on."""
        return self._going_on(self._code(code), self._environment, log)

    @staticmethod
    def _code(code: str) -> list[str]:
        return [sys.executable, "-c", "import django\ndjango.setup()\n" + code]

    @property
    def _environment(self) -> dict[str, str]:
        return self.environment | {
            "DJANGO_SETTINGS_MODULE": "registry.settings",
            "SIGHTPOST_REGISTRY_CONFIG": str(self.config),
        }

    @contextmanager
    def _going_on(self, command: list[str], environment: dict[str, str], log: str) -> Iterator[subprocess.Popen[bytes]]:
        with (self.folder / log).open("ab") as out:
            process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise

    @contextmanager
    def database_held(self) -> Iterator[None]:
        """Nobody else gets to write meanwhile."""
        if url := self.environment.get("DATABASE_URL"):
            import psycopg

            with psycopg.connect(url) as db:
                db.execute("LOCK TABLE tracking_gateway IN EXCLUSIVE MODE")
                yield
                db.rollback()
            return
        with closing(sqlite3.connect(self.data / SQLITE, timeout=20, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            yield
            db.execute("ROLLBACK")

    def log(self, name: str = "log") -> str:
        return (self.folder / name).read_text()

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the database directly, on a connection of our own."""
        if url := self.environment.get("DATABASE_URL"):
            import psycopg

            with psycopg.connect(url) as db:
                return db.execute(sql.encode()).fetchall()
        with closing(sqlite3.connect(f"file:{self.data / SQLITE}?mode=ro", uri=True, timeout=20)) as db:
            return db.execute(sql).fetchall()


@contextmanager
def registry_home(folder: Path, *, migrated: bool = False, **sections: str) -> Iterator[RegistryHome]:
    """A registry before its first start. `migrated`: its database is ready, a copy (databases.py).
    `sections` are more lines for [web], [broker] and so on."""
    home = _settings_in(folder, sections)
    url = home.environment.pop("DATABASE_URL", None)
    if url is None:
        if migrated:
            home.data.mkdir(mode=0o700)
            databases.copy_file(home.data / SQLITE)
        yield home
        return
    with databases.own_database(url, migrated=migrated) as home.environment["DATABASE_URL"]:
        yield home


def _settings_in(folder: Path, sections: Mapping[str, str]) -> RegistryHome:
    home = RegistryHome(folder, free_port(), free_port(), dict(os.environ))
    lines = {"web": f"port = {home.web_port}", "broker": f"port = {home.broker_port}"}
    for section, more in sections.items():
        lines[section] = "\n".join(filter(None, [lines.get(section), more]))
    home.config.write_text('data_dir = "data"\n' + "".join(f"[{name}]\n{text}\n" for name, text in lines.items()))
    return home


def wait_for(what: Callable[[], object], within_s: float = STARTS_WITHIN_S) -> None:
    """Look until `what` holds."""
    deadline = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def children_of(pid: int) -> dict[str, psutil.Process]:
    """The processes that `up` runs, by the command each was started as."""
    found = {}
    for process in psutil.Process(pid).children(recursive=True):
        try:
            line = process.cmdline()
        except psutil.NoSuchProcess:  # on its way out
            continue
        name = (
            "broker"
            if "mosquitto" in " ".join(line)
            else next((w for w in ("serve", "ingest", "work", "broker", "migrate") if w in line), "?")
        )
        found[name] = process
    return found
