"""A registry that stores nothing: it checks the MAC of a batch, opens it, and acknowledges at once. The far side of delivery.py.

python -m benchmarks.acker < {"port": 1883, "user": "...", "password": "...", "gateway": "bench", "key": "<hex>"}
"""

import asyncio
import json
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID

from sync import topics
from sync.broker import INGEST_USER
from sync.cursor import Cursor
from sync.mqtt import Login, Session, connect
from sync.wire import MAX_RANGES, Ack, Batch, Hello, Purpose, check_batch, seal, unseal
from tests.mosquitto import Mosquitto

IDS_KEPT = 50_000
CREDIT = 10_000


@contextmanager
def running(broker: Mosquitto, gateway: str, key: bytes) -> Iterator[None]:
    """Have one acknowledge what `gateway` says, in a process of its own."""
    login = broker.login(INGEST_USER)
    said = {"port": login.port, "user": INGEST_USER, "password": login.password, "gateway": gateway, "key": key.hex()}
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.acker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(said))
        process.stdin.close()
        assert process.stdout.readline() == "ready\n", "the acker did not start"
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


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
