"""The next batch of an outbox, sealed and within the limits of the wire. Blocks: it belongs into the outbox's worker thread."""

from dataclasses import dataclass

from sync.outbox import Outbox
from sync.wire import MAX_RECORDS, MAX_WIRE_BYTES, Purpose, pack, seal

BATCH_JSON_BYTES = 768 * 1024  # with room to spare below what the other side inflates


@dataclass(frozen=True, slots=True)
class SealedBatch:
    payload: bytes
    last: int
    records: int


def next_batch(outbox: Outbox, epoch: str, seq: int, room: int, key: bytes) -> SealedBatch | None:
    """Return what follows `seq`, at most `room` records; None when nothing does, or when the outbox is in another epoch by now.

    Raises OutboxUnavailable, OutboxDamaged."""
    room = min(room, MAX_RECORDS)
    if outbox.epoch != epoch:  # only an ack parts epochs, and acks come through this thread too
        return None
    while True:
        records, gaps = outbox.read_after(seq, room, BATCH_JSON_BYTES)
        if not records and not gaps:
            return None
        batch = pack(records, gaps, epoch)
        payload = seal(batch, Purpose.EVENTS, key)
        if len(payload) <= MAX_WIRE_BYTES:
            return SealedBatch(payload, batch.last, len(records))
        room = max(1, len(records) // 2)  # one record alone always fits: the outbox takes no larger ones
