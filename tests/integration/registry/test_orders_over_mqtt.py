"""The whole way of an order: the command line, ingest, a real broker, a real gateway with a reader on a pty, and back."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.emulated_line import EmulatedPty, attached
from drivers.r2000.emulator import R2000Emulator
from gateway.health import ReaderState
from tests.gateway_plant import settings_of, tags, working
from tests.registry_process import RegistryHome, registry_home

pytestmark = pytest.mark.timeout(180)  # several processes are started one after the other

PREPARE = """
from django.conf import settings
from registry import migrating
from registry.tracking.gateways import add_gateway
from sync.credentials import write_credentials
from tests.registry_world import ROOT
migrating.run(settings.CONFIGURATION)
write_credentials(settings.DATA_DIR / "hamburg.credentials.json", add_gateway(by=ROOT, gateway_id="hamburg"))
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[RegistryHome]:
    (tmp_path / "registry").mkdir()
    with registry_home(tmp_path / "registry", migrated=True) as home:
        home.python(PREPARE)
        with home.running("broker", log="broker-log"), home.running("ingest", log="ingest-log"):
            yield home


async def test_a_gateway_does_what_it_is_told_and_says_so(home: RegistryHome, tmp_path: Path) -> None:
    line = EmulatedPty(tmp_path / "dock")
    more = f"[registry]\ncredentials = {json.dumps(str(home.data / 'hamburg.credentials.json'))}\n"
    settings = settings_of(tmp_path, {"dock": line.url}, more)
    async with attached(R2000Emulator(tags(1), boot_s=0.0), line), working(settings) as gateway:
        await gateway.until(lambda now: now.uplink_state == "delivering" and now.readers[0].state is ReaderState.UP, 60)
        ping, identify, unknown, listed = await asyncio.to_thread(
            home.batch,
            "gateways send hamburg ping --wait 20 --json",
            "gateways send hamburg identify reader=dock --wait 20",
            "gateways send hamburg identify reader=yard --wait 20",
            "gateways orders hamburg --json",
        )
        assert gateway.now().counters["orders_done"] == 2
    assert ping[0] == 0, ping
    assert json.loads(ping[1])["state"] == "done"
    assert identify == (0, "done: dock beeps\n")
    assert unknown == (4, "refused: no reader 'yard' is in use; there are: dock\n")
    assert [row["state"] for row in json.loads(listed[1])] == ["refused", "done", "done"]
