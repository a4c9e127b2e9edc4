"""A PostgreSQL server of the tests' own: a throw-away cluster in a temporary folder, on a unix socket only, never as root.

The programs are the system's (`./setup.sh test` installs them). The server dies with the test process, and nothing of it stays.
"""

import ctypes
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

STARTS_WITHIN_S = 20.0
ROLE = "sightpost"  # and its database; no superuser: what needs one would fail where a company installs the registry
_PR_SET_PDEATHSIG = 1
_ALWAYS = {
    "listen_addresses": "",
    "timezone": "America/St_Johns",  # half hours, and not ours: who forgets a time zone is found out
}
_FOR_TESTS = {
    "fsync": "off",  # nothing here outlives the tests
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "120",  # of all workers and their processes
}


class Server:
    """`url` is known before it runs; each of `start` and `stop` may be called once. `durable`: as it comes, with fsync."""

    def __init__(self, *, durable: bool = False) -> None:
        self._settings = _ALWAYS if durable else _ALWAYS | _FOR_TESTS
        self.folder = Path(tempfile.mkdtemp(prefix="sightpost-postgresql-"))
        self.url = f"postgresql://{ROLE}@{quote(str(self.folder), safe='')}/{ROLE}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make the cluster, start it, and return when it answers. Raises AssertionError with a sentence when that fails."""
        programs = _programs()
        owner = _owner()
        os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        as_owner: dict[str, Any] = {"cwd": self.folder, "stdin": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
        if os.geteuid() == 0:
            as_owner |= {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        data = self.folder / "data"
        made = subprocess.run(
            [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"],
            stdout=subprocess.PIPE, timeout=60, check=False, **as_owner,
        )  # fmt: skip
        assert made.returncode == 0, f"PostgreSQL could not make a cluster: {made.stdout.decode()}"
        settings = self._settings | {"unix_socket_directories": str(self.folder)}
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [programs / "postgres", "-D", data, *(f"--{name}={value}" for name, value in settings.items())],
                stdout=log, preexec_fn=_die_with_parent, **as_owner,
            )  # fmt: skip
        self._make_role()

    def stop(self) -> None:
        """End it, whoever is connected; take its folder away."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(20)
            self._process = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def _make_role(self) -> None:
        import psycopg

        assert self._process is not None
        deadline = time.monotonic() + STARTS_WITHIN_S
        while True:
            try:
                with psycopg.connect(host=str(self.folder), user="postgres", dbname="postgres", autocommit=True) as db:
                    db.execute(f"CREATE ROLE {ROLE} LOGIN CREATEDB".encode())
                    # A database is dropped by force: autovacuum may be at work in it.
                    db.execute(f"GRANT pg_signal_backend TO {ROLE}".encode())
                    db.execute(f"CREATE DATABASE {ROLE} OWNER {ROLE}".encode())
                return
            except psycopg.OperationalError:
                assert self._process.poll() is None, f"PostgreSQL does not start: {self.log()}"
                assert time.monotonic() < deadline, f"PostgreSQL does not answer: {self.log()}"
                time.sleep(0.02)


def _programs() -> Path:
    """Return the folder of initdb and postgres. Debian keeps them off the PATH, one folder per version."""
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).resolve().parent
    installed = [*Path("/usr/lib/postgresql").glob("*/bin/initdb"), *Path("/usr").glob("pgsql-*/bin/initdb")]
    assert installed, "PostgreSQL's server is not installed; ./setup.sh test does it (on Debian: apt install postgresql)"
    return max(installed, key=_version).parent


def _version(initdb: Path) -> int:
    """The number in the name of its folder: 15 of /usr/lib/postgresql/15, 9 of .../9.6."""
    number = re.search(r"\d+", initdb.parent.parent.name)
    return int(number[0]) if number else 0


def _owner() -> pwd.struct_passwd:
    """As whom the server runs: PostgreSQL refuses to be root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)
