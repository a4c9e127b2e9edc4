"""Renewal of the gateway's certificate: asked for in time by the registry's clock; at every moment there is a pair that works."""

import asyncio
import errno
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.keys import life_of, make_key
from gateway.renewal import Renewal, Timing
from sync.credentials import Credentials, read_credentials, write_credentials
from sync.tls import Tls, client_context
from sync.wire import CertificateRequest, NextCertificate, Purpose, seal, unseal
from tests.certificates import client, fresh_authority

KEY = bytes(range(32))
OURS = fresh_authority()
START = datetime(2026, 1, 1, tzinfo=UTC)  # plus 91 days, for certificates are backdated
DUE = START + timedelta(days=60)
PATIENT = Timing(spread=0.0, answer=10.0, again=0.02)
QUICK = Timing(spread=0.0, answer=0.05, again=0.02)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - it happens in code that tells nobody
            await asyncio.sleep(0.002)


class Registry:
    """The other side: what was asked, and what to answer."""

    def __init__(self, folder: Path, timing: Timing = PATIENT) -> None:
        self.path = folder / "credentials.json"
        tls = client(OURS, "hamburg", now=START)
        self.credentials = Credentials("hamburg", "127.0.0.1", 8883, "", KEY, tls)
        write_credentials(self.path, self.credentials)
        self.asked: list[str] = []
        self.counts: Counter[str] = Counter()
        self.mono_ns = 0
        self.renewal = Renewal(
            self.credentials, self.path, self.path, self.counts, lambda: self.mono_ns, random.Random(1), timing
        )

    async def publish(self, leaf: str, payload: bytes) -> None:
        assert leaf == "csr"
        self.asked.append(unseal(payload, CertificateRequest, Purpose.CSR, KEY).csr)

    def answer(self, csr: str, *, key: bytes = KEY, days: int = 90) -> None:
        pem = OURS.issue(csr, gateway_id="hamburg", now=DUE, days=days).pem
        self.say(NextCertificate(pem, OURS.certificate_pem), key)

    def say(self, message: NextCertificate, key: bytes = KEY) -> None:
        self.renewal.told("cert", seal(message, Purpose.CERT, key))

    @asynccontextmanager
    async def connection(self, now: datetime) -> AsyncIterator[None]:
        speaking = asyncio.create_task(self.renewal.speak(self.publish))
        self.renewal.greeted(now)
        yield
        speaking.cancel()
        await asyncio.wait([speaking])

    async def until_asked(self, times: int = 1) -> str:
        await until(lambda: len(self.asked) >= times)
        return self.asked[-1]

    async def until(self, count: str) -> None:
        await until(lambda: self.counts[count] > 0)

    def kept(self) -> Tls:
        found = read_credentials(self.path).tls
        assert found is not None
        client_context(found)  # certificate and key belong together
        return found


async def test_at_two_thirds_of_its_life_there_is_a_new_pair(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    old = registry.kept()
    async with registry.connection(DUE - timedelta(days=1)):
        await asyncio.sleep(0.1)
        assert registry.asked == []
        registry.mono_ns = int(timedelta(days=2).total_seconds() * 1e9)  # the connection lasts
        registry.answer(await registry.until_asked())
        await registry.until("certificates_renewed")
    new = registry.kept()
    assert new.key != old.key
    assert life_of(new.certificate or "").not_after == DUE + timedelta(days=90)
    assert registry.path.stat().st_mode & 0o777 == 0o600


async def test_without_an_answer_it_is_asked_again_with_the_same_key(tmp_path: Path) -> None:
    registry = Registry(tmp_path, QUICK)
    async with registry.connection(DUE):
        await registry.until_asked(2)
    async with registry.connection(DUE):  # another connection of the same conversation
        csr = await registry.until_asked(3)
        registry.answer(csr)  # perhaps just too late; then it counts for the next question
        await registry.until("certificates_renewed")
        assert set(registry.asked) == {csr}


async def test_what_does_not_fit_is_passed_over(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    old = registry.kept()
    registry.answer(make_key().request)
    assert registry.counts["certificates_ignored_unasked"] == 1
    async with registry.connection(DUE):
        csr = await registry.until_asked()
        registry.answer(csr, key=bytes(32))
        await registry.until("certificates_ignored_bad_mac")
        registry.answer(make_key().request)  # of another key
        await registry.until("certificates_ignored_unfit")
        assert registry.kept() == old
        registry.answer(csr, days=1)  # it ends before the old one
        registry.say(NextCertificate("", OURS.certificate_pem))
        registry.answer(csr)
        await registry.until("certificates_renewed")
    assert registry.counts["certificates_ignored_unfit"] == 3
    assert registry.kept() != old


async def test_a_refusal_is_said_and_changes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    registry = Registry(tmp_path)
    old = registry.kept()
    async with registry.connection(DUE):
        await registry.until_asked()
        registry.say(NextCertificate(refused="ask your own authority"))
        await until(lambda: "ask your own authority" in caplog.text)
    assert registry.kept() == old


async def test_a_mac_key_that_changed_meanwhile_stays(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    async with registry.connection(DUE):
        csr = await registry.until_asked()
        rotated = Credentials("hamburg", "127.0.0.1", 8883, "", bytes(32), registry.credentials.tls)
        write_credentials(registry.path, rotated)
        registry.answer(csr)
        await registry.until("certificates_renewed")
    assert read_credentials(registry.path).mac_key == bytes(32)


async def test_where_nothing_can_be_written_the_old_pair_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, credentials: Credentials) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    registry = Registry(tmp_path)
    old = registry.kept()
    monkeypatch.setattr("sync.credentials.write_credentials", full)
    async with registry.connection(DUE):
        registry.answer(await registry.until_asked())
        await until(lambda: "cannot be kept" in caplog.text)
    assert registry.kept() == old


async def test_a_gateway_with_a_password_asks_for_nothing(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    plain = Credentials("hamburg", "127.0.0.1", 8490, "secret", KEY)
    renewal = Renewal(plain, registry.path, registry.path, Counter(), lambda: 0, random.Random(1), QUICK)
    renewal.greeted(DUE + timedelta(days=10_000))
    await asyncio.wait_for(renewal.speak(registry.publish), 1.0)
    assert registry.asked == []
