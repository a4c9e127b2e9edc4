"""Fault 12: what certificates go through. The gateway reaches the broker by TLS, as one on another machine does."""

import asyncio
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta

from gateway.keys import life_of
from registry import secret_files
from registry.trust.authority import DAYS
from sync import mqtt
from sync.credentials import read_credentials
from sync.mqtt import BrokerUnavailable, Login
from sync.tls import Tls
from tests.chaos.figures import Figure, Figures
from tests.chaos.network import RECONNECTED_WITHIN_S, delivering_again
from tests.chaos.plant import GATEWAY, Plant
from tests.chaos.processes import Daemon, NotReached
from tests.mosquitto import free_port

CUT_WITHIN_S = 60.0
GIVEN_UP_AFTER_S = 90.0
LOOK_AGAIN_S = 3.0  # a gateway takes a renewed certificate within this time
DUE, NEW = timedelta(days=DAYS * 0.8), timedelta(days=1)
ENDS_IN_S = 4.0
ABOUT_TO_END = timedelta(days=DAYS, seconds=-ENDS_IN_S)
NOT_TAKEN = f"does not take the certificate of {GATEWAY}"
NOT_BELIEVED = "is not accepted"

# As after `gateways renew` and `sightpost enrol`, with a certificate of any age.
LET_IN = f"""
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from cryptography import x509
from django.conf import settings
from registry.broker_files import refresh
from registry.tracking.gateways import renew_gateway
from registry.trust import certificates
from registry.trust.authority import described, read_or_make
from sync.credentials import write_credentials
from tests.certificates import client
from tests.registry_world import ROOT
credentials = renew_gateway(by=ROOT, gateway_id={GATEWAY!r})
born = datetime.now(UTC) - timedelta(seconds={{age_s}})
tls = client(read_or_make(settings.DATA_DIR), {GATEWAY!r}, now=born)
certificates.note({GATEWAY!r}, described(x509.load_pem_x509_certificate(tls.certificate.encode())))
refresh(settings.CONFIGURATION)
host, port = settings.CONFIGURATION.broker.address
write_credentials(Path({{to!r}}), replace(credentials, host=host, port=port, password="", tls=tls))
"""
REFRESH = """
from django.conf import settings
from registry.broker_files import refresh
refresh(settings.CONFIGURATION)
"""
_REVOKED = "SELECT revoked_at FROM tracking_gateway WHERE revoked_at IS NOT NULL"
_LAST_TAKEN = "SELECT max(recorded_time) FROM tracking_locationevent"


async def renewed(plant: Plant, times: int) -> Figures:
    """It is due, asked for over the session there is, and used from the next one on."""
    await _opened(plant)
    pauses = []
    for _ in range(times):
        await _let_in(plant, DUE)
        await delivering_again(plant)
        pauses.append(await _longest_pause(plant))
    return (Figure("longest pause of delivery", max(pauses), below=RECONNECTED_WITHIN_S),)


async def ended(plant: Plant, times: int) -> Figures:
    """It ends while no registry is there to renew it. What is read meanwhile waits until the gateway is let in anew."""
    await _opened(plant)
    for _ in range(times):
        await plant.ingest.stop()
        await _let_in(plant, ABOUT_TO_END)
        await asyncio.sleep(ENDS_IN_S)
        said = _said(plant, NOT_TAKEN)
        await plant.broker.kill()
        await plant.broker.start()
        await _until(lambda: _said(plant, NOT_TAKEN) > said, "a certificate that has ended is taken")  # noqa: B023
        await plant.ingest.start()
        await plant.read(at_least=30)
        await _back_by_a_new_one(plant)
    return ()


async def revoked(plant: Plant, times: int) -> Figures:
    """Nothing more is taken from that moment on, and the session ends; let in anew it delivers what has waited."""
    await _opened(plant)
    await _let_in(plant, NEW)
    cut, taken = [], []
    for _ in range(times):
        await delivering_again(plant)
        said = _said(plant, NOT_TAKEN)
        await asyncio.to_thread(plant.home.run, "gateways", "revoke", GATEWAY)
        await _until(lambda: _said(plant, NOT_TAKEN) > said, "the session of a revoked gateway goes on")  # noqa: B023
        at = await asyncio.to_thread(_moment, plant, _REVOKED)
        cut.append((datetime.now(UTC) - at).total_seconds())
        await plant.read(at_least=30)
        taken.append(max(0.0, (await asyncio.to_thread(_moment, plant, _LAST_TAKEN) - at).total_seconds()))
        await _back_by_a_new_one(plant)
    refused = Figure("last record taken, after revoking", max(taken), below=1.0)
    return refused, Figure("session ended within", max(cut), below=CUT_WITHIN_S)


async def authority_replaced(plant: Plant, times: int) -> Figures:
    """The authority's key was in wrong hands: no certificate of it is taken any more, and every gateway enrols again."""
    await _opened(plant)
    await _let_in(plant, NEW)
    for _ in range(times):
        await delivering_again(plant)
        before = read_credentials(plant.folder / "credentials.json")
        said = _said(plant, NOT_BELIEVED)
        await plant.ingest.stop()
        await plant.broker.stop()
        (plant.home.data / secret_files.AUTHORITY).unlink()
        await asyncio.to_thread(plant.home.python, REFRESH)
        await plant.broker.start()
        await plant.ingest.start()
        await _until(lambda: _said(plant, NOT_BELIEVED) > said, "a broker of another authority is believed")  # noqa: B023
        await plant.read(at_least=30)
        await _back_by_a_new_one(plant)
        after = read_credentials(plant.folder / "credentials.json")
        assert before.tls is not None
        assert after.tls is not None
        thief = Tls(after.tls.ca, before.tls.certificate, before.tls.key)
        try:
            async with mqtt.connect(Login(after.host, after.port, GATEWAY, "", thief), f"{GATEWAY}-thief"):
                raise NotReached("a certificate of the authority that was put away is taken")
        except BrokerUnavailable:
            pass
    return ()


async def _opened(plant: Plant) -> None:
    """The broker as it is where gateways come from other machines, and a gateway beside it that renews at once."""
    await plant.ingest.stop()
    await plant.broker.stop()
    config = plant.home.config
    doors = f'[broker]\nhost = "0.0.0.0"\nnames = ["127.0.0.1"]\ntls_port = {free_port()}\n'
    config.write_text(config.read_text().replace("[broker]\n", doors))
    await asyncio.to_thread(plant.home.python, REFRESH)
    await plant.broker.start()
    await plant.ingest.start()
    command = [sys.executable, "-m", "tests.chaos.gateway_that_renews_at_once", str(plant.folder / "gateway.toml")]
    plant.gateway = Daemon("gateway", plant.gateway.log, command, plant.home.environment)
    await plant.gateway.start()


async def _let_in(plant: Plant, age: timedelta) -> None:
    code = LET_IN.format(age_s=age.total_seconds(), to=str(plant.folder / "credentials.json"))
    await asyncio.to_thread(plant.home.python, code)


async def _longest_pause(plant: Plant) -> float:
    """Until the new certificate is there and in use; return how long at most nothing was acknowledged."""
    began = since = time.monotonic()
    acked, longest, new_at = plant.truth.now.acked, 0.0, 0.0
    while not new_at or time.monotonic() - new_at < LOOK_AGAIN_S:
        await asyncio.sleep(0.02)
        now = time.monotonic()
        if plant.truth.now.acked != acked:
            acked, longest, since = plant.truth.now.acked, max(longest, now - since), now
        if not new_at and _days_left(plant) > DAYS - 1:
            new_at = now
        if now - began > GIVEN_UP_AFTER_S:
            raise NotReached("a certificate that is due is not renewed")
    return max(longest, time.monotonic() - since)


def _days_left(plant: Plant) -> float:
    tls = read_credentials(plant.folder / "credentials.json").tls
    assert tls is not None
    assert tls.certificate is not None
    return (life_of(tls.certificate).not_after - datetime.now(UTC)) / timedelta(days=1)


async def _back_by_a_new_one(plant: Plant) -> None:
    """Nothing has come in meanwhile; let in anew the gateway delivers."""
    acked = plant.truth.now.acked
    await asyncio.sleep(1)
    if plant.truth.now.acked != acked:
        raise NotReached("a gateway that nobody lets in delivers")
    await _let_in(plant, NEW)
    await delivering_again(plant)


def _said(plant: Plant, words: str) -> int:
    """How often the gateway's log says so."""
    return plant.gateway.log.read_text().count(words)


def _moment(plant: Plant, sql: str) -> datetime:
    with closing(sqlite3.connect(f"file:{plant.registry_database}?mode=ro", uri=True, timeout=20)) as db:
        return datetime.fromisoformat(db.execute(sql).fetchone()[0]).replace(tzinfo=UTC)


async def _until(holds: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + GIVEN_UP_AFTER_S
    while not holds():
        if time.monotonic() > deadline:
            raise NotReached(otherwise)
        await asyncio.sleep(0.05)
