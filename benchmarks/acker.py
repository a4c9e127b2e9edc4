"""A registry that stores nothing: it checks the MAC of a batch, opens it, and acknowledges at once. The far side of delivery.py.

It shares the machine with what is measured, so it does no more than an ack needs: of what is in a batch it looks at numbers and
ids only. As ingest does, it has one ack under way at a time; newer word replaces what waits.

python -m benchmarks.acker < {"port": 1883, "user": "...", "password": "...", "gateway": "bench", "key": "<hex>"}
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from sync import topics
from sync.broker import INGEST_USER
from sync.cursor import Cursor
from sync.mqtt import Login, Session, connect
from sync.wire import MAX_RANGES, Ack, Gap, Hello, Purpose, seal, unseal
from tests.mosquitto import Mosquitto

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
    cursor, ids = Cursor(), dict[int, UUID | None]()
    epoch, nonce, news = "", None, asyncio.Event()

    def ack() -> bytes:
        ranges = cursor.ranges[:MAX_RANGES]
        for old in ids.keys() - {cursor.through} - {last for _, last in cursor.ranges}:
            del ids[old]
        ends = tuple(ids.get(last) for _, last in ranges)
        answer = Ack(epoch, cursor.through, ids.get(cursor.through), CREDIT, datetime.now(UTC), nonce, ranges, range_ids=ends)
        return seal(answer, Purpose.ACK, key)

    async def acknowledge(session: Session) -> None:
        nonlocal nonce
        while True:
            await news.wait()
            news.clear()
            payload, nonce = ack(), None
            await session.publish(topics.down(gateway, "ack"), payload)

    login = Login("127.0.0.1", said["port"], said["user"], said["password"])
    async with connect(login, "acker", queue_limit=1000) as session, asyncio.TaskGroup() as group:
        await session.subscribe(topics.ALL_UP)
        group.create_task(acknowledge(session))
        print("ready", flush=True)
        async for message in session.messages():
            if message.topic.endswith("/hello"):
                hello = unseal(message.payload, Hello, Purpose.HELLO, key)
                epoch, nonce = hello.epoch, hello.nonce
                news.set()
            elif message.topic.endswith("/events"):
                batch = unseal(message.payload, _Batch, Purpose.EVENTS, key)
                told = {record.seq: record.event_id for record in batch.records}
                without = sum(gap.last - gap.first + 1 for gap in batch.gaps)
                assert len(told) + without == batch.last - batch.first + 1, "a batch with holes"
                ids[batch.last] = told.get(batch.last)
                cursor = cursor.with_spans([(batch.first, batch.last)])
                news.set()


class _Record(msgspec.Struct):
    seq: int
    event_id: UUID


class _Batch(msgspec.Struct, rename={"first": "from", "last": "to"}):
    first: int
    last: int
    records: list[_Record]
    gaps: list[Gap] = []


if __name__ == "__main__":
    asyncio.run(main())
