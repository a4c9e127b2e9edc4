"""The next batch of an outbox, sealed and within the limits of the wire; and the one after it, made meanwhile."""

import asyncio
from dataclasses import dataclass

from sync.outbox import Outbox
from sync.outbox_thread import OutboxThread
from sync.window import Slot
from sync.wire import MAX_RECORDS, MAX_WIRE_BYTES, Purpose, pack_json, seal_json

BATCH_JSON_BYTES = 768 * 1024  # with room to spare below what the other side inflates


@dataclass(frozen=True, slots=True)
class SealedBatch:
    payload: bytes
    last: int
    records: int


def next_batch(outbox: Outbox, epoch: str, slot: Slot, key: bytes) -> tuple[SealedBatch | None, int]:
    """Return the batch for `slot`, and the newest seq there is. No batch when nothing is there, or when the outbox is in another
    epoch by now. Blocks. Raises OutboxUnavailable, OutboxDamaged."""
    room = min(slot.room, MAX_RECORDS)
    while True:
        found = outbox.stretch_after(epoch, slot.after, room, BATCH_JSON_BYTES, until=slot.until)
        if found.last == slot.after:
            return None, found.newest
        batch = pack_json(found.records, found.gaps, epoch, slot.after + 1, found.last, late=slot.late)
        payload = seal_json(batch, Purpose.EVENTS, key)
        if len(payload) <= MAX_WIRE_BYTES:
            return SealedBatch(payload, found.last, len(found.records)), found.newest
        room = max(1, len(found.records) // 2)  # one record alone always fits: the outbox takes no larger ones


class Batches:
    """Of one epoch. Made in the outbox's worker thread."""

    def __init__(self, in_thread: OutboxThread, group: asyncio.TaskGroup, epoch: str, key: bytes) -> None:
        """In `group` that is made which nobody waits for yet."""
        self._in_thread = in_thread
        self._group = group
        self._epoch = epoch
        self._key = key
        self._ahead: tuple[Slot, asyncio.Task[tuple[SealedBatch | None, int]]] | None = None

    async def take(self, slot: Slot) -> tuple[SealedBatch | None, int]:
        """As `next_batch`."""
        ahead, self._ahead = self._ahead, None
        return await (ahead[1] if ahead is not None and ahead[0] == slot else self._made(slot))

    def prepare(self, slot: Slot) -> None:
        """Have the batch for `slot` made; it is forgotten when another one is taken."""
        self._ahead = slot, self._group.create_task(self._made(slot))

    async def _made(self, slot: Slot) -> tuple[SealedBatch | None, int]:
        return await self._in_thread(next_batch, self._in_thread.outbox, self._epoch, slot, self._key)
