"""A registry that stores nothing: it checks the MAC of a batch, opens it, and acknowledges at once. The far side of delivery.py.

python -m benchmarks.acker < {"port": 1883, "user": "...", "password": "...", "gateway": "bench", "key": "<hex>"}
"""

import asyncio
import json
import sys
from collections import OrderedDict
from datetime import UTC, datetime
from uuid import UUID

from sync import topics
from sync.cursor import Cursor
from sync.mqtt import Login, Session, connect
from sync.wire import MAX_RANGES, Ack, Batch, Hello, Purpose, check_batch, seal, unseal

IDS_KEPT = 50_000
CREDIT = 10_000


async def main() -> None:
    """Run until killed."""
    said = json.load(sys.stdin)
    key, gateway = bytes.fromhex(said["key"]), said["gateway"]
    cursor, ids = Cursor(), OrderedDict[int, UUID]()

    def ack(epoch: str, nonce: str | None = None) -> bytes:
        ranges = cursor.ranges[:MAX_RANGES]
        ends = tuple(ids.get(last) for _, last in ranges)
        answer = Ack(epoch, cursor.through, ids.get(cursor.through), CREDIT, datetime.now(UTC), nonce, ranges, range_ids=ends)
        return seal(answer, Purpose.ACK, key)

    async def answer(session: Session, payload: bytes) -> None:
        await session.publish(topics.down(gateway, "ack"), payload)

    login = Login("127.0.0.1", said["port"], said["user"], said["password"])
    async with connect(login, "acker", queue_limit=1000) as session, asyncio.TaskGroup() as group:
        await session.subscribe(topics.ALL_UP)
        print("ready", flush=True)
        async for message in session.messages():
            if message.topic.endswith("/hello"):
                hello = unseal(message.payload, Hello, Purpose.HELLO, key)
                group.create_task(answer(session, ack(hello.epoch, hello.nonce)))
            elif message.topic.endswith("/events"):
                batch = unseal(message.payload, Batch, Purpose.EVENTS, key)
                check_batch(batch)
                ids.update((record.seq, record.event_id) for record in batch.records)
                while len(ids) > IDS_KEPT:
                    ids.popitem(last=False)
                cursor = cursor.with_spans([(batch.first, batch.last)])
                group.create_task(answer(session, ack(batch.epoch)))


if __name__ == "__main__":
    asyncio.run(main())
