"""The work process is killed at random moments while it checks and writes an import: no row is lost, none is written twice."""

import os
import random
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.registry_process import RegistryHome, registry_home, wait_for

ROWS, SEED = 2_000, 11
KILLS = int(os.environ.get("SIGHTPOST_KILLS", "1"))  # while it checks, and as often while it writes
HAND_IN = f"""
from registry.access.actors import system
from registry.importing import services
table = b"no,name,codes,supplier\\n" + b"".join(b"K-%d,Thing %d,tag:k%d,Acme\\n" % (n, n, n) for n in range({ROWS}))
by = system("cli")
job = services.receive(by=by, name="kills.csv", chunks=[table])
services.start_check(by=by, job=job, mapping=job.mapping, options={{"make": ["supplier"]}})
"""
CONFIRM = """
from registry.access.actors import system
from registry.importing import services
from registry.importing.models import ImportJob
services.confirm(by=system("cli"), job=ImportJob.objects.get())
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[RegistryHome]:
    with registry_home(tmp_path) as home:
        home.run("migrate")
        yield home


def count(home: RegistryHome, of: str) -> int:
    return int(home.query(f"SELECT count(*) FROM {of}")[0][0])


def state(home: RegistryHome) -> str:
    return str(home.query("SELECT state FROM importing_importjob")[0][0])


def work_through_kills(home: RegistryHome, what: str, until: str, rng: random.Random) -> None:
    """Let it work until the import is `until`, killed whenever it has added rows to `what`."""
    for _ in range(KILLS):
        before = count(home, what)
        with home.running("work") as process:
            wait_for(partial(lambda least: count(home, what) > least or state(home) == until, before))
            time.sleep(rng.uniform(0, 0.3))
            process.kill()
    with home.running("work"):
        wait_for(lambda: state(home) == until, 60)


@pytest.mark.timeout(120)
def test_killed_in_the_middle_an_import_goes_on_where_it_was(home: RegistryHome) -> None:
    rng = random.Random(SEED)
    home.python(HAND_IN)
    work_through_kills(home, "importing_importrow", "checked", rng)
    assert count(home, "importing_importrow") == ROWS
    home.python(CONFIRM)
    work_through_kills(home, "assets_asset", "done", rng)
    assert count(home, "assets_asset") == count(home, "assets_identifier") == ROWS
    assert count(home, "access_change WHERE action = 'created' AND object_type = 'asset'") == ROWS
    assert count(home, "assets_supplier") == 1
    assert home.query("SELECT fresh, wrong, written, refused FROM importing_importjob") == [(ROWS, 0, ROWS, 0)]
