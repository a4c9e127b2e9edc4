"""Acknowledgements on their way out. Newer word replaces what still waits: a slow broker makes fewer acks, not older ones."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from host.crash_points import reached
from registry.tracking.intake import Reply
from sync import mqtt, topics
from sync.wire import MAX_RANGES, Ack, Purpose, seal

REJECTED_IN_ONE = 100  # of 200 characters each: with them an ack is far below what the wire carries
SENT_WITHIN_S = 1.0


class Acks:
    """At most one ack waits per gateway and epoch, at most one is under way. `credit` is asked when one is made."""

    def __init__(self, credit: Callable[[], int]) -> None:
        self.sent_total = 0
        self._credit = credit
        self._waiting: dict[tuple[str, str], Reply] = {}  # bounded by the gateways' epochs that are being delivered
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def put(self, reply: Reply) -> None:
        """Have this said; a rejection or a nonce that still waits is said with it."""
        key = reply.gateway, reply.epoch
        if (older := self._waiting.get(key)) is not None:
            rejected = {r.seq: r for r in (*older.rejected, *reply.rejected)}
            reply = reply._replace(nonce=reply.nonce or older.nonce, rejected=tuple(rejected.values()))
        self._waiting[key] = reply
        self._idle.clear()
        self._news.set()

    def forget(self) -> None:
        """The connection is gone: gateways ask again."""
        self._waiting.clear()
        self._news.clear()
        self._idle.set()

    async def send(self, session: mqtt.Session) -> None:
        """Publish what is put, until cancelled. Raises a group of BrokerUnavailable."""
        while True:
            await self._news.wait()
            self._news.clear()
            replies = list(self._waiting.values())
            self._waiting.clear()
            async with asyncio.TaskGroup() as tasks:
                for part in (part for reply in replies for part in _parts(reply)):
                    tasks.create_task(self._publish(session, part), name="ack")
            if not self._waiting:
                self._idle.set()

    async def sent(self) -> None:
        """Return when nothing waits any more, or after SENT_WITHIN_S."""
        try:
            await asyncio.wait_for(self._idle.wait(), SENT_WITHIN_S)
        except TimeoutError:
            return

    async def _publish(self, session: mqtt.Session, reply: Reply) -> None:
        ack = Ack(
            epoch=reply.epoch,
            through=reply.through,
            through_id=reply.through_id,
            credit=0 if reply.held else self._credit(),
            server_time=datetime.now(UTC),
            nonce=reply.nonce,
            ranges=reply.ranges[:MAX_RANGES],
            rejected=reply.rejected,
            range_ids=reply.range_ids[:MAX_RANGES],
            held=reply.held,
        )
        reached("before_ack")
        await session.publish(topics.down(reply.gateway, "ack"), seal(ack, Purpose.ACK, reply.key))
        reached("after_ack")
        self.sent_total += 1


def _parts(reply: Reply) -> list[Reply]:
    """One ack carries so many rejections at most; the others follow in acks of the same content."""
    if len(reply.rejected) <= REJECTED_IN_ONE:
        return [reply]
    starts = range(0, len(reply.rejected), REJECTED_IN_ONE)
    return [reply._replace(rejected=reply.rejected[start : start + REJECTED_IN_ONE]) for start in starts]
