"""Renews the gateway's certificate over the authenticated session, at two thirds of its life: a month is left to be offline.

    new key -> up/csr under MAC -> down/cert under MAC -> the credentials file, replaced whole -> the next connection uses it

The new key lies in memory alone until its certificate is there: killed anywhere, the file holds a pair that works, the old one or
the new one, and the old one stays valid until its end. Time is the registry's, as it comes with the answer to each hello.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from gateway.keys import Key, Life, life_of, make_key
from sync.correspondence import Publish
from sync.credentials import Credentials, CredentialsUnusable, change_credentials
from sync.tls import Tls, client_context
from sync.wire import CertificateRequest, NextCertificate, Purpose, WireError, seal, unseal

log = logging.getLogger(__name__)

RENEWED_AT: Final = 2 / 3
MAX_WAITING: Final = 4  # answers


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds."""

    spread: float = 60.0  # so that gateways that were let in together do not ask together
    answer: float = 30.0
    again: float = 3600.0  # until it is looked at, or asked for, again


class Renewal:
    """For the certificate of these credentials: see `sync.correspondence.Correspondent`. Without one there is nothing to do.

    The file `source` gets the new certificate, or where it cannot be written, the file `to`."""

    leaves = frozenset({"cert"})

    def __init__(
        self,
        credentials: Credentials,
        source: Path,
        to: Path,
        counts: Counter[str],
        mono_ns: Callable[[], int],
        rng: random.Random,
        timing: Timing | None = None,
    ) -> None:
        self._credentials = credentials
        self._source, self._to = source, to
        self._counts = counts
        self._mono_ns = mono_ns
        self._rng = rng
        self._timing = timing or Timing()
        self._life = _life(credentials.tls)
        self._key: Key | None = None  # asked for, and not answered yet
        self._greeted: tuple[datetime, int] | None = None  # the registry's time, and our monotonic one then
        self._news = asyncio.Event()
        self._answers: asyncio.Queue[bytes] = asyncio.Queue(MAX_WAITING)

    def greeted(self, server_time: datetime) -> None:
        self._greeted = server_time, self._mono_ns()
        self._news.set()

    def told(self, leaf: str, payload: bytes) -> None:
        if self._key is None or self._answers.full():  # nobody asked
            self._counts["certificates_ignored_unasked"] += 1
        else:
            self._answers.put_nowait(payload)

    async def speak(self, publish: Publish) -> None:
        if self._life is None:
            return
        while True:
            await self._news.wait()
            if self._now() >= self._life.part(RENEWED_AT):
                await asyncio.sleep(self._rng.uniform(0, self._timing.spread))
                await self._renew(publish, self._life)
            await asyncio.sleep(self._timing.again)

    async def _renew(self, publish: Publish, life: Life) -> None:
        """Ask, and take the answer if it comes in time. Whoever is cut off here begins again with the same key."""
        if self._key is None:
            self._key = await asyncio.to_thread(make_key)
        self._counts["certificates_asked_for"] += 1
        await publish("csr", seal(CertificateRequest(self._key.request), Purpose.CSR, self._credentials.mac_key))
        answer: NextCertificate | None = None
        try:
            async with asyncio.timeout(self._timing.answer):
                while answer is None:
                    answer = self._understood(await self._answers.get(), self._key, life)
        except TimeoutError:
            days = (life.not_after - self._now()).days
            log.warning("the registry gave no new certificate; this one ends in %d days, asking again later", days)
            return
        if answer.refused:
            log.warning("the registry renews no certificate: %s", answer.refused)
            return
        try:
            await asyncio.to_thread(self._write, Tls(answer.ca, answer.certificate, self._key.pem))
        except (OSError, CredentialsUnusable) as exc:
            log.error("the renewed certificate cannot be kept: %s; asking again later", exc)
            return
        self._key = None
        self._counts["certificates_renewed"] += 1
        log.info("the certificate is renewed until %s", life_of(answer.certificate).not_after.date())

    def _understood(self, payload: bytes, key: Key, life: Life) -> NextCertificate | None:
        """Return the answer if this is one: a refusal, or a certificate of that key that is good for longer than what we have."""
        try:
            answer = unseal(payload, NextCertificate, Purpose.CERT, self._credentials.mac_key)
            if not answer.refused:
                client_context(Tls(answer.ca, answer.certificate, key.pem))
                if life_of(answer.certificate).not_after <= life.not_after:
                    raise ValueError("it ends no later than the one there is")
        except (WireError, ValueError) as exc:
            self._counts[f"certificates_ignored_{exc.code if isinstance(exc, WireError) else 'unfit'}"] += 1
            log.debug("an answer with a certificate is passed over: %s", exc)
            return None
        return answer

    def _write(self, tls: Tls) -> None:
        """Into the file as it is now: its MAC key may be another one since. Raises OSError, CredentialsUnusable."""
        change_credentials(self._source, self._to, lambda now: replace(now, tls=tls))

    def _now(self) -> datetime:
        """What the registry's clock says; asked after it has told."""
        assert self._greeted is not None
        told, at_ns = self._greeted
        return told + timedelta(microseconds=(self._mono_ns() - at_ns) // 1000)


def _life(tls: Tls | None) -> Life | None:
    return life_of(tls.certificate) if tls is not None and tls.certificate is not None else None
