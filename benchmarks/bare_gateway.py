"""The least a gateway can be: frames of serial lines, their checksum, every read a row (synchronous=FULL), rows to a broker.

    python -m benchmarks.bare_gateway [--batch 50] DATABASE PORT LINE ...

A yardstick for `paced.py` and `flat_out.py`. It commits every 20 ms, publishes up to 50 rows a message (QoS 1), 4 messages at a
time, and deletes what the broker has confirmed. It knows no identity, zone, door, clock, page or registry, and asks no reader.
"""

import argparse
import asyncio
import os
import sqlite3
import time
import tty
from pathlib import Path
from zlib import adler32

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

COMMIT_S, WINDOW = 0.02, 4
TOPIC = "bare/events"


class Lines:
    """The serial lines; `rows` are the reads that wait for a commit."""

    def __init__(self, paths: list[str], stirred: asyncio.Event) -> None:
        self.rows: list[tuple[bytes]] = []
        self._stirred = stirred
        self._encode = msgspec.json.Encoder().encode
        self._pending: dict[int, bytes] = {}
        for path in paths:
            descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            tty.setraw(descriptor)
            self._pending[descriptor] = b""
            asyncio.get_running_loop().add_reader(descriptor, self._hear, descriptor)

    def _hear(self, line: int) -> None:
        buffer, at, now_ms = self._pending[line] + os.read(line, 65536), 0, time.time_ns() // 1_000_000
        while at + 1 < len(buffer):
            end = at + buffer[at + 1] + 2
            if end > len(buffer):
                break
            frame = buffer[at:end]
            if not adler32(frame, 0) & 0xFF:
                read = {"tag": frame[7:-2].hex(), "reader": line, "antenna": frame[4] & 3, "rssi": frame[-2] - 129, "at": now_ms}
                self.rows.append((self._encode(read),))
            at = end
        self._pending[line] = buffer[at:]
        self._stirred.set()


class Store:
    """Rows in the order they came; one connection, used by one call at a time."""

    def __init__(self, path: str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
            "CREATE TABLE IF NOT EXISTS outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL)"
        )

    def append(self, rows: list[tuple[bytes]]) -> None:
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO outbox (body) VALUES (?)", rows)
        self._db.execute("COMMIT")

    def after(self, seq: int, at_most: int) -> list[tuple[int, bytes]]:
        return self._db.execute("SELECT seq, body FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?", (seq, at_most)).fetchall()

    def drop(self, through: int) -> None:
        self._db.execute("DELETE FROM outbox WHERE seq <= ?", (through,))


async def serve(database: str, port: int, paths: list[str], batch_rows: int) -> None:
    """Run until killed."""
    loop, stirred, confirmed = asyncio.get_running_loop(), asyncio.Event(), asyncio.Semaphore(WINDOW)
    store, lines = Store(database), Lines(paths, stirred)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bare")
    on_the_way: dict[int, int] = {}  # message id to the first seq in it

    def acknowledged(message: int) -> None:
        on_the_way.pop(message)
        confirmed.release()

    def on_publish(_client: object, _data: object, message: int, _why: object, _more: object) -> None:
        loop.call_soon_threadsafe(acknowledged, message)

    client.on_publish = on_publish
    client.connect("127.0.0.1", port)
    client.loop_start()
    sent = dropped = 0
    Path(database).with_suffix(".ready").touch()
    while True:
        await stirred.wait()
        await asyncio.sleep(COMMIT_S)
        stirred.clear()
        rows, lines.rows = lines.rows, []
        if rows:
            await loop.run_in_executor(None, store.append, rows)
        while batch := await loop.run_in_executor(None, store.after, sent, batch_rows):
            await confirmed.acquire()
            sent = batch[-1][0]
            message = client.publish(TOPIC, b"[" + b",".join(body for _, body in batch) + b"]", qos=1)
            on_the_way[message.mid] = batch[0][0]
        through = min(on_the_way.values(), default=sent + 1) - 1
        if through > dropped:
            await loop.run_in_executor(None, store.drop, through)
            dropped = through


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("database")
    parser.add_argument("port", type=int)
    parser.add_argument("lines", nargs="+")
    said = parser.parse_args()
    asyncio.run(serve(said.database, said.port, said.lines, said.batch))
