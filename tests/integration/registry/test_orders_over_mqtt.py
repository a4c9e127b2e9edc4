"""The whole way of an order: the command line, ingest, a real broker, a real gateway with a reader on a pty, and back."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from drivers.emulated_line import EmulatedPty, attached
from drivers.r2000.emulator import R2000Emulator
from gateway.health import ReaderState
from sync.wire import EventKind
from tests.gateway_plant import settings_of, stored, tags, working
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
    line, hall = EmulatedPty(tmp_path / "dock"), EmulatedPty(tmp_path / "hall")
    more = f"[registry]\ncredentials = {json.dumps(str(home.data / 'hamburg.credentials.json'))}\n"
    settings = settings_of(tmp_path, {"dock": line.url}, more)
    config = tmp_path / "gateway.toml"
    config.write_text(
        f'[gateway]\nsite = "test"\ndata_dir = "data"\noutbox_mb = 600\n[status]\nport = 0\n{more}'
        f'[[readers]]\nname = "dock"\ndriver = "r2000"\nurl = "{line.url}"\n'
        f'[[readers]]\nname = "hall"\ndriver = "r2000"\nurl = "{hall.url}"\n'
        '[[zones]]\nname = "zone-dock"\nkind = "desk"\nread_points = ["dock:1"]\n'
        '[[zones]]\nname = "hall"\nkind = "desk"\nread_points = ["hall:1"]\n'
    )
    emulated = attached(R2000Emulator(tags(1), boot_s=0.0), line), attached(R2000Emulator(tags(9), boot_s=0.0), hall)
    async with emulated[0], emulated[1], working(settings, config) as gateway:
        await gateway.until(lambda now: now.uplink_state == "delivering" and now.readers[0].state is ReaderState.UP, 60)
        await gateway.until(lambda now: now.counters.get("events_arrived") == 1, 20)
        (tmp_path / "hamburg.toml").write_text('site = "north"\n[zones.zone-dock]\nlost_min_s = 3\n')
        ping, identify, unknown, zone, wrong, listed, _ = await asyncio.to_thread(
            home.batch,
            "gateways send hamburg ping --wait 20 --json",
            "gateways send hamburg identify reader=dock --wait 20",
            "gateways send hamburg identify reader=yard --wait 20",
            "gateways send hamburg zone zone=zone-dock rules.lost_max_s=20 --wait 20",
            "gateways send hamburg zone zone=zone-dock rules.lost_max_s=-5 --wait 20",
            "gateways orders hamburg --json",
            f"gateways configure hamburg {tmp_path / 'hamburg.toml'}",
        )
        await gateway.until(lambda now: now.site == "north")
        await gateway.until(lambda now: "configuration 1 of the registry holds" in now.set_from_afar)
        assert "zone zone-dock: lost_max_s = 20 by order of the registry" in gateway.now().set_from_afar
        [reread, configured, rotated, pinged, again], status = await asyncio.to_thread(
            lambda: (
                home.batch(
                    "gateways send hamburg reread --wait 20",
                    "gateways configure hamburg --json",
                    "gateways send hamburg rotate_keys --wait 20",
                    "gateways send hamburg ping --wait 20",
                    "gateways send hamburg rotate_keys --wait 20",
                ),
                urlopen(gateway.address).read().decode(),
            )
        )
        assert reread == (
            0,
            "done: reader hall added; zones and doors decide anew; from the next start on: gateway.outbox_mb\n",
        )
        assert [rotated[0], pinged[0], again[0]] == [0, 0, 0], (rotated, pinged, again)
        assert (json.loads(configured[1])["state"], json.loads(configured[1])["in_force"]) == ("holds", 1)
        assert "Set from afar" in status
        await gateway.until(lambda now: [row.state for row in now.readers] == [ReaderState.UP] * 2)
        await gateway.until(lambda now: now.counters["events_arrived"] == 2)
        assert gateway.reader("dock").reconnects == 0, "what did not change reads on"
        assert gateway.now().counters["orders_done"] == 7
    told = [(event.kind, event.zone_to) for event in stored(settings)]
    assert told.count((EventKind.ARRIVED, "zone-dock")) == 1, "what is present stays present"
    assert told.count((EventKind.ARRIVED, "hall")) == 1
    assert zone == (0, "done: zones and doors decide anew\n")
    assert wrong[0] == 4
    assert "refused: zones.zone-dock.rules.lost_max_s: -5.0 should be greater than or equal to 0" in wrong[1]
    assert ping[0] == 0, ping
    assert json.loads(ping[1])["state"] == "done"
    assert identify == (0, "done: dock beeps\n")
    assert unknown == (4, "refused: no reader 'yard' is in use; there are: dock\n")
    assert [row["state"] for row in json.loads(listed[1])] == ["refused", "done", "refused", "done", "done"]
