"""Each new location event once more, readable, for whoever else listens at the broker: soon after its commit, without promise."""

import asyncio
from collections.abc import Awaitable, Callable

from sync import topics
from sync.mqtt import Message, Session
from sync.outbox import Outbox
from sync.wire import MAX_BODY_BYTES, Record, RecordKind, WireError, encode, live_event

GATHER_S = 0.08  # the commits of this time are read at once
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
            await session.tell([message for record in await read() if (message := self._message(record))])
            await asyncio.sleep(GATHER_S)

    def new_records(self, outbox: Outbox) -> list[Record]:
        """Return what was committed since the last call; nothing at the first call on a connection and in an epoch."""
        epoch, last = outbox.newest()
        if epoch != self._epoch:
            self._epoch, self._told = epoch, last
        if (behind := last - self._told) > AT_ONCE:
            self._skipped(behind - AT_ONCE)
            self._told = last - AT_ONCE
        records, _ = outbox.read_after(self._told, AT_ONCE, AT_ONCE * MAX_BODY_BYTES)
        self._told = records[-1].seq if records else last
        return records

    def _message(self, record: Record) -> Message | None:
        """Return None for what is no location event that can be read."""
        if record.kind != RecordKind.LOCATION:
            return None
        try:
            event = live_event(self._gateway, record)
        except WireError:
            return None
        zone = event.zone_to or event.zone_from or event.read_point
        return Message(topics.live(self._gateway, zone, event.kind), encode(event))
