"""A backup made while everything is written to becomes the same registry elsewhere; a damaged one becomes nothing."""

import json
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from registry.exits import PERSON
from tests.registry_process import registry_home, wait_for

WRITE = """
import itertools, django
django.setup()
from tests.registry_world import make_world, event
world = make_world()
for n in itertools.count():
    world.gateway.tell(*(event("seen", f"tag:LADDER-{1 + n % 2}", f"zone-{n % 5}") for _ in range(20)))
"""
COUNTS = "SELECT (SELECT count(*) FROM tracking_locationevent), (SELECT count(*) FROM assets_asset)"

pytestmark = pytest.mark.timeout(180)  # several processes are started one after the other


def test_made_while_events_come_in_it_is_one_moment_of_the_registry(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with registry_home(tmp_path / "one", migrated=True) as home, registry_home(tmp_path / "two") as other:
        photo = home.data / "files" / "ab" / ("ab" + "0" * 62)
        photo.parent.mkdir(parents=True)
        photo.write_bytes(b"a photo")
        environment = home.environment | {
            "DJANGO_SETTINGS_MODULE": "registry.settings",
            "SIGHTPOST_REGISTRY_CONFIG": str(home.config),
        }
        writing = subprocess.Popen([sys.executable, "-c", WRITE], env=environment)
        try:
            wait_for(lambda: home.query(COUNTS)[0][0] > 200, 40)
            before = home.query(COUNTS)[0][0]
            said = home.run("backup", str(tmp_path))
            after = home.query(COUNTS)[0][0]
            assert after > before, "ingest went on meanwhile"
        finally:
            writing.send_signal(signal.SIGKILL)
            writing.wait()
        file = Path(said.strip())
        assert file.stat().st_mode & 0o777 == 0o600
        assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [file.name], "nothing else is left"
        with tarfile.open(file) as tar:
            manifest = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
        assert {"database", "keys/mac-master-key", f"files/ab/{photo.name}"} <= manifest["members"].keys()

        assert "6 assets are back" in other.run("restore", str(file))
        events, assets = other.query(COUNTS)[0]
        assert before <= events <= after
        assert (assets, events % 20) == (6, 0), "whole transactions only"
        assert other.query("SELECT through FROM tracking_gatewayepoch") == [(events,)], "and the cursor is of the same moment"
        assert (other.data / "files" / "ab" / photo.name).read_bytes() == b"a photo"
        assert (other.data / "mac-master-key").read_text() == (home.data / "mac-master-key").read_text()
        other.run("check")


def test_nothing_is_overwritten_unasked_nor_half(tmp_path: Path) -> None:
    with registry_home(tmp_path, migrated=True) as home:
        home.python(
            "from tests.registry_world import make_world\nmake_world()\n"
            "from registry.work.models import Outgoing\nfrom django.utils import timezone\n"
            "Outgoing.objects.create(sink='mail', topic='a@example.com', key='a', payload={}, next_at=timezone.now())"
        )
        file = tmp_path / "b.tar"
        home.run("backup", str(file))
        [(again, said), (unasked, why)] = home.batch(f"backup {file}", f"restore {file}")
        assert (again, unasked) == (PERSON, PERSON)
        assert "is there already" in said
        assert "say --replace" in why

        damaged = tmp_path / "damaged.tar"
        content = bytearray(file.read_bytes())
        content[4_000] ^= 1
        damaged.write_bytes(content)
        short = tmp_path / "short.tar"
        short.write_bytes(file.read_bytes()[:30_000])
        foreign = tmp_path / "foreign.tar"
        with tarfile.open(file) as source, tarfile.open(foreign, "w") as target:
            for entry in source:
                target.addfile(entry, source.extractfile(entry))
            target.addfile(tarfile.TarInfo("files/../../../etc/cron.d/x"))
        told = home.batch(*(f"restore {bad} --replace --yes" for bad in (damaged, short, foreign)))
        assert [status for status, _ in told] == [PERSON] * 3
        assert "database is damaged; nothing was changed" in told[0][1]
        assert "no backup of a registry" in told[1][1]
        assert "does not belong into a backup" in told[2][1]
        assert home.query("SELECT count(*) FROM assets_asset") == [(6,)]

        home.python("from registry.assets.models import Asset\nAsset.objects.filter(parent=None).update(name='Changed since')")
        with home.running("work"):
            wait_for(lambda: home.query("SELECT count(*) FROM work_workprocess") == [(1,)])
            assert "stop it first" in home.run("restore", str(file), "--replace", "--yes", status=PERSON)
        said = home.run("restore", str(file), "--replace", "--yes")
        assert "6 assets are back" in said
        assert "1 mails waited then and were perhaps sent since" in said
        assert home.query("SELECT count(*) FROM assets_asset WHERE name = 'Changed since'") == [(0,)]
        if "DATABASE_URL" not in home.environment:
            assert len(list(home.data.glob("registry.sqlite3.before-*"))) == 1
