"""The uplink inside the gateway: it starts once there are credentials, begins anew when they change, and says for the status page
how far it gets."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from drivers.api import Clock
from gateway.clock import boot_id
from gateway.feed import Rate
from gateway.machine import machine_hash
from gateway.sentences import Delivery, Way
from sync.correspondence import Correspondent
from sync.credentials import Credentials, CredentialsUnusable, read_credentials
from sync.outbox import Outbox
from sync.uplink import Identification, Uplink
from sync.uplink_status import UplinkState
from sync.wire import ClockQuality, Health

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0  # for a credentials file that is not there yet, or has changed
_WAYS = {
    UplinkState.GREETING: Way.NO_ANSWER,
    UplinkState.REGISTRY_SILENT: Way.NO_ANSWER,
    UplinkState.DELIVERING: Way.DELIVERING,
    UplinkState.HELD: Way.HELD,
}  # every other state: no broker


class Sender:
    """Runs the uplink; without credentials it waits for them, and the gateway stores."""

    def __init__(
        self,
        credentials: Callable[[], Path],
        open_outbox: Callable[[], Outbox],
        software: str,
        health: Callable[[], Health],
        clock: Clock,
        clock_quality: Callable[[], ClockQuality],
        rng: random.Random,
        others: Callable[[Credentials], Sequence[Correspondent]] = lambda credentials: (),
        configuration: Callable[[], int] = lambda: 0,
    ) -> None:
        """`credentials` says which file they are in, and is asked again and again. `others` are made for the credentials in use:
        what else is spoken with the registry. `configuration`: the number of the registry's that is in force."""
        self._path = credentials
        self._open_outbox = open_outbox
        self._health = health
        self._clock = clock
        self._rng = rng
        self._identification = Identification(software, machine_hash(), boot_id(), clock_quality, configuration)
        self._others = others
        self._uplink: Uplink | None = None
        self._why = "not looked for yet"
        self._way_since_ns = clock.mono_ns()
        self._was_delivering = False
        self._acked_lately = Rate(clock.mono_ns)
        self._acked = 0
        self._looks = 0

    async def run(self) -> None:
        """Deliver until cancelled, then say goodbye. Raises OutboxDamaged."""
        credentials = await self._next(None)
        while True:
            self._uplink = Uplink(
                self._open_outbox,
                credentials,
                self._identification,
                self._health,
                wall_ms=self._clock.wall_ms,
                mono_ns=self._clock.mono_ns,
                rng=self._rng,
                others=self._others(credentials),
            )
            talking = asyncio.create_task(self._uplink.run(), name="conversation")
            looking = asyncio.create_task(self._next(credentials), name="credentials")
            try:
                await asyncio.wait({talking, looking}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                talking.cancel()
                looking.cancel()
                await asyncio.wait({talking, looking})  # it says goodbye
            if not talking.cancelled():
                talking.result()
            credentials = looking.result()
            log.info("going on with other credentials, as %s", credentials.gateway)

    def wake(self) -> None:
        """A commit has been made."""
        if self._uplink is not None:
            self._uplink.wake()

    def report_health(self) -> None:
        """Something has changed that the registry should know soon."""
        if self._uplink is not None:
            self._uplink.report_health()

    def greet(self) -> None:
        """What the hello says has changed: say it again."""
        if self._uplink is not None:
            self._uplink.greet()

    def progress(self) -> int:
        """Moves while this makes progress; the watchdog looks at it."""
        return self._looks + (self._uplink.progress if self._uplink is not None else 0)

    def look(self) -> None:
        """Notice what has changed since; to be called about once a second."""
        if self._uplink is None:
            return
        status = self._uplink.status
        delivering = status.state is UplinkState.DELIVERING
        if delivering != self._was_delivering:
            self._was_delivering, self._way_since_ns = delivering, self._clock.mono_ns()
        self._acked_lately.add(max(0, status.acked - self._acked) if self._acked else 0)
        self._acked = status.acked

    def delivery(self) -> Delivery:
        for_s = (self._clock.mono_ns() - self._way_since_ns) / 1e9
        if self._uplink is None:
            return Delivery(Way.NO_CREDENTIALS, self._why, for_s, None)
        status = self._uplink.status
        last_ms = status.last_ack_wall_ms
        return Delivery(
            way=_WAYS.get(status.state, Way.NO_BROKER),
            why=status.why,
            for_s=for_s,
            last_ack_s=None if last_ms is None else max(0.0, (self._clock.wall_ms() - last_ms) / 1000),
            rtt_ms=status.rtt_ms,
            acked_per_min=self._acked_lately.per_min(),
        )

    def counters(self) -> dict[str, int]:
        if self._uplink is None:
            return {}
        status = self._uplink.status
        return {
            "uplink_connections": status.connections,
            "uplink_batches": status.batches,
            "uplink_records": status.records,
            "uplink_went_back": status.went_back,
            "uplink_parted": status.parted,
            "uplink_rejected": status.rejected,
            "uplink_undeliverable": status.undeliverable,
            "uplink_live_skipped": status.live_skipped,
            **{f"uplink_ignored_{reason}": total for reason, total in status.ignored.items()},
        }

    async def _next(self, now: Credentials | None) -> Credentials:
        """Return the credentials once there are some that are not those of `now`. What cannot be read changes nothing."""
        stamp: tuple[Path, int, int] | None = None
        while True:
            if now is None:
                self._looks += 1
            try:
                path = self._path()
                if now is None or stamp != (stamp := _stamp(path)):
                    found = read_credentials(path)
                    if found != now:
                        return found
            except CredentialsUnusable as exc:
                if str(exc) != self._why:
                    log.warning("no registry credentials: %s", exc)
                self._why = str(exc)
            await asyncio.sleep(LOOK_EVERY_S)


def _stamp(path: Path) -> tuple[Path, int, int] | None:
    """What changes when the file does; None if it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return path, found.st_ino, found.st_mtime_ns
