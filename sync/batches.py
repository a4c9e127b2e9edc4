"""The next batch of an outbox, sealed and within the limits of the wire. Blocks: it belongs into the outbox's worker thread."""

from dataclasses import dataclass

from sync.outbox import Outbox
from sync.window import Lane, Slot
from sync.wire import MAX_RECORDS, MAX_WIRE_BYTES, Purpose, pack, seal

BATCH_JSON_BYTES = 768 * 1024  # with room to spare below what the other side inflates


@dataclass(frozen=True, slots=True)
class SealedBatch:
    payload: bytes
    last: int
    records: int


def next_batch(outbox: Outbox, epoch: str, slot: Slot, key: bytes) -> tuple[SealedBatch | None, int]:
    """Return the batch for `slot`, and the newest seq there is. No batch when nothing is there, or when the outbox is in another
    epoch by now. Raises OutboxUnavailable, OutboxDamaged."""
    room = min(slot.room, MAX_RECORDS)
    now_epoch, newest = outbox.newest()
    if now_epoch != epoch:  # only an ack parts epochs, and acks come through this thread too
        return None, 0
    while True:
        records, gaps = outbox.read_after(slot.after, room, BATCH_JSON_BYTES, until=slot.until)
        if not records and not gaps:
            return None, newest
        batch = pack(records, gaps, epoch, late=slot.lane is Lane.BACKLOG)
        payload = seal(batch, Purpose.EVENTS, key)
        if len(payload) <= MAX_WIRE_BYTES:
            return SealedBatch(payload, batch.last, len(records)), max(newest, batch.last)
        room = max(1, len(records) // 2)  # one record alone always fits: the outbox takes no larger ones
