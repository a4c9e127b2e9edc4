"""The registry's settings for tests: a folder of their own, and a password hash that takes no time.

The database is a real SQLite file (in memory neither WAL nor a second writer is tested); with SIGHTPOST_TEST_DATABASE=postgresql
a PostgreSQL of the run's own, which `databases.begin` starts; or the one that DATABASE_URL names."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from tests import postgresql

_folder = Path(tempfile.mkdtemp(prefix="sightpost-tests-"))
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
_given = {"SIGHTPOST_REGISTRY_DATA_DIR": str(_folder)}

SERVER: postgresql.Server | None = None
_wanted = os.environ.get("SIGHTPOST_TEST_DATABASE", "sqlite")
if _wanted not in ("sqlite", "postgresql"):
    raise ValueError(f"SIGHTPOST_TEST_DATABASE is sqlite or postgresql, not {_wanted!r}")
if _wanted == "postgresql" and "DATABASE_URL" not in os.environ:
    SERVER = postgresql.Server()
    atexit.register(SERVER.stop)
    _given["DATABASE_URL"] = SERVER.url

os.environ.update(_given)
from registry.settings import *  # noqa: E402, F403
from registry.settings import DATABASES  # noqa: E402

for _name in _given:
    del os.environ[_name]

if DATABASES["default"]["ENGINE"].endswith("postgresql"):
    DATABASES["default"]["OPTIONS"].pop("pool")  # it keeps what threads opened, and a test may leave nothing open
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
