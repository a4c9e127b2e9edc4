"""Each new location event once more, readable, for whoever else listens at the broker: soon after its commit, without promise."""

import asyncio
from collections.abc import Awaitable, Callable

from sync import topics
from sync.mqtt import Session
from sync.outbox import Outbox
from sync.wire import MAX_BODY_BYTES, LiveEvent, Record, RecordKind, WireError, encode, live_event

GATHER_S = 0.04  # the commits of this time are read at once
AT_ONCE = 200  # of more new events than this the oldest are skipped: nobody could follow them


class LiveTeller:
    """Told up to where, on this connection; what was stored before it began is not told."""

    def __init__(self, gateway: str, skipped: Callable[[int], None]) -> None:
        self.news = asyncio.Event()
        self._gateway = gateway
        self._skipped = skipped
        self._epoch = ""
        self._told = 0

    async def run(self, session: Session, read: Callable[[], Awaitable[list[Record]]]) -> None:
        """Tell until cancelled. `read` calls `new_records` in the outbox's worker thread. Raises BrokerUnavailable, and what
        `read` raises."""
        self._epoch = ""
        await read()
        while True:
            await self.news.wait()
            self.news.clear()
            for record in await read():
                if record.kind == RecordKind.LOCATION and (event := _readable(self._gateway, record)):
                    zone = event.zone_to or event.zone_from or event.read_point
                    await session.publish(topics.live(self._gateway, zone, event.kind), encode(event), qos=0)
            await asyncio.sleep(GATHER_S)

    def new_records(self, outbox: Outbox) -> list[Record]:
        """Return what was committed since the last call; nothing at the first call on a connection and in an epoch."""
        now = outbox.stat()
        if now.epoch != self._epoch:
            self._epoch, self._told = now.epoch, now.last
        if (behind := now.last - self._told) > AT_ONCE:
            self._skipped(behind - AT_ONCE)
            self._told = now.last - AT_ONCE
        records, _ = outbox.read_after(self._told, AT_ONCE, AT_ONCE * MAX_BODY_BYTES)
        self._told = records[-1].seq if records else now.last
        return records


def _readable(gateway: str, record: Record) -> LiveEvent | None:
    try:
        return live_event(gateway, record)
    except WireError:
        return None
