"""The whole way into a registry of real processes: a code from the command line, `sightpost enrol` beside a running gateway,
events that wait for the approval, and a certificate that is renewed over the session."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from drivers.emulated_line import EmulatedPty, attached
from drivers.r2000.emulator import R2000Emulator
from gateway import renewal
from gateway.app import enrolled_path
from gateway.commands import app
from gateway.keys import life_of
from registry.trust import authority
from sync.credentials import read_credentials, write_credentials
from sync.tls import Tls
from tests.certificates import client
from tests.gateway_plant import settings_of, tags, working
from tests.mosquitto import free_port
from tests.registry_process import RegistryHome, registry_home

pytestmark = pytest.mark.timeout(240)  # several processes are started one after the other


@pytest.fixture
def home(tmp_path: Path) -> Iterator[RegistryHome]:
    (tmp_path / "registry").mkdir()
    broker = f'host = "0.0.0.0"\nnames = ["127.0.0.1"]\ntls_port = {free_port()}'
    enrolment = f'address = "127.0.0.1"\nport = {free_port()}'
    with (
        registry_home(tmp_path / "registry", migrated=True, broker=broker, enrolment=enrolment) as home,
        home.running("broker", log="broker-log"),
        home.running("serve", log="serve-log"),
        home.running("ingest", log="ingest-log"),
    ):
        yield home


async def test_from_a_code_to_a_renewed_certificate(home: RegistryHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "Timing", partial(renewal.Timing, spread=0.1))
    line = EmulatedPty(tmp_path / "dock")
    settings = settings_of(tmp_path, {"dock": line.url})
    path = enrolled_path(settings)
    (tmp_path / "gateway.toml").write_text(f'[gateway]\nsite = "test"\ndata_dir = {json.dumps(str(settings.gateway.data_dir))}\n')

    async def registry(*commands: str) -> str:
        [(status, said)] = await asyncio.to_thread(home.batch, *commands)
        assert status == 0, said
        return said

    def enrol(*more: str) -> str:
        done = CliRunner().invoke(app, ["enrol", code, "-c", str(tmp_path / "gateway.toml"), *more])
        assert done.exit_code == 0, done.output
        return done.output

    def tls() -> Tls:
        found = read_credentials(path).tls
        assert found is not None
        return found

    async with attached(R2000Emulator(tags(1), boot_s=0.0), line), working(settings) as gateway:
        await gateway.until(lambda now: now.outbox.waiting > 0, 60)
        code = json.loads(await registry("gateways add hamburg --json"))["code"]
        joined = json.loads(await asyncio.to_thread(enrol, "--json"))
        assert (joined["gateway"], joined["approved"], joined["credentials"]) == ("hamburg", False, str(path))
        await gateway.until(lambda now: now.uplink_state == "no answer", 60)
        assert home.query("SELECT count(*) FROM tracking_locationevent") == [(0,)]

        assert joined["fingerprint"][:8] in await registry("gateways approve hamburg --yes")
        await gateway.until(lambda now: now.uplink_state == "delivering" and now.outbox.waiting == 0, 90)
        assert home.query("SELECT count(*) FROM tracking_locationevent") >= [(1,)]

        ours = authority.read_or_make(home.data)
        old = client(ours, "hamburg", now=datetime.now(UTC) - timedelta(days=70))
        write_credentials(path, replace(read_credentials(path), tls=old))
        await gateway.until(lambda now: now.counters.get("certificates_renewed") == 1, 60)
        new = tls()
        assert new.key != old.key
        assert life_of(new.certificate or "").not_after > datetime.now(UTC) + timedelta(days=89)
        await gateway.until(lambda now: now.uplink_state == "delivering", 60)

    actions = [action for (action,) in home.query("SELECT action FROM access_change WHERE object_id = 'hamburg' ORDER BY id")]
    assert actions == ["created", "code given out", "enrolled", "enrolment approved", "certificate renewed"]
    for log in ("broker-log", "serve-log", "ingest-log"):
        assert "Traceback" not in home.log(log), home.log(log)
        assert code.partition("/")[2] not in home.log(log)
