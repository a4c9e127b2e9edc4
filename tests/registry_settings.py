"""The registry's settings for tests: a folder of their own, a real SQLite file (in memory neither WAL nor a second writer is
tested) or the PostgreSQL that DATABASE_URL names, and a password hash that takes no time."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_folder = Path(tempfile.mkdtemp(prefix="sightpost-tests-"))
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
os.environ["SIGHTPOST_REGISTRY_DATA_DIR"] = str(_folder)

from registry.settings import *  # noqa: E402, F403
from registry.settings import DATABASES  # noqa: E402

del os.environ["SIGHTPOST_REGISTRY_DATA_DIR"]

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["TEST"] = {"NAME": str(_folder / "test.sqlite3")}
else:
    DATABASES["default"]["OPTIONS"].pop("pool")  # it keeps what threads opened, and a test may leave nothing open
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
