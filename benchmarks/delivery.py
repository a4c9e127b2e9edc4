"""What delivery costs, part by part, beside what the parts it is made of can do bare.

    python -m benchmarks.delivery [--events 100000] [--pairs 5] [--backlog 1000000] [--database both] [--only PART] [--json]

append   the outbox, 100 events a commit, synchronous=FULL, beside sqlite3 with the same table and rows made before.
         Goal (G5): 0.5.
drain    the uplink emptying an outbox over mosquitto to a registry that acknowledges at once (acker.py: the registry's own
         pace is ingest.py's figure), beside paho publishing 50 events a message, 20 under way, as fast as it can. Goal (G6): 0.1,
         stretch 0.25. Then over a network 50 ms long: beside window x batch / round trip. Goal: 0.8.
backlog  the whole way: gateway, mosquitto and ingest as processes, into SQLite and into PostgreSQL. A backlog is delivered while
         the reader goes on; live events should be stored within 5 s. Memory of both ends in the first and the last quarter, and
         what each writes to disk for an event.

The whole gateway beside a bare one (G2) and beside thingsboard-gateway (G1) is `flat_out.py`.

Parts are measured in turns, pair by pair; a ratio is the median of the pairs. What was delivered is counted before a rate counts.
"""

import argparse
import asyncio
import json
import os
import random
import sqlite3
import statistics
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks import acker, delivery_backlog
from sync.credentials import Credentials
from sync.identification import Identification
from sync.outbox import Outbox
from sync.uplink import Uplink
from sync.window import WINDOW_BATCHES
from sync.wire import MAX_RECORDS, ClockQuality, Health, LocationEvent, encode
from tests.chaos.filling import events, fill, opened
from tests.chaos.proxy import Proxy
from tests.mosquitto import Mosquitto

A_COMMIT = 100
PUBLISHED_AT_ONCE, UNDER_WAY = 50, 20
ADDED_S = 0.05
QUOTA_MB = 4_000
KEYS = [f"8004:0614141{number}" for number in range(1000, 2000)]
KEY = bytes(range(32))
GATEWAY = "bench"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--backlog", type=int, default=1_000_000)
    parser.add_argument("--database", choices=["both", "sqlite", "postgresql"], default="both")
    parser.add_argument("--only", choices=["append", "drain", "backlog"])
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    found: dict[str, Any] = {}
    if wanted.only in (None, "append"):
        found["append"] = _append(wanted.events, wanted.pairs)
    if wanted.only in (None, "drain"):
        found["drain"] = _drain(wanted.events, wanted.pairs)
    if wanted.only in (None, "backlog"):
        databases = [name for name in ("sqlite", "postgresql") if wanted.database in (name, "both")]
        found["backlog"] = {name: delivery_backlog.measured(name, wanted.backlog) for name in databases}
    found["machine"] = f"load of the last minute {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    print(json.dumps(found, indent=None if wanted.json else 2))


def _append(count: int, pairs: int) -> dict[str, Any]:
    rates: list[tuple[float, float]] = []
    for pair in range(pairs):
        told = list(events(KEYS, count, random.Random(pair), per_s=100.0))
        with tempfile.TemporaryDirectory(prefix="sightpost-bench-") as folder:
            rates.append((_ours(Path(folder) / "ours" / "outbox.db", told), _bare(Path(folder) / "bare.db", told)))
    return _beside(rates, goal=0.5)


def _ours(path: Path, told: list[LocationEvent]) -> float:
    outbox = opened(path, QUOTA_MB)
    began = time.perf_counter()
    for first in range(0, len(told), A_COMMIT):
        last = outbox.append(told[first : first + A_COMMIT])
    took_s = time.perf_counter() - began
    outbox.close()
    assert last == len(told)
    return len(told) / took_s


def _bare(path: Path, told: list[LocationEvent]) -> float:
    rows = [(n, os.urandom(16), "location", n, n, "0" * 32, encode(event)) for n, event in enumerate(told, start=1)]
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE record (position INTEGER PRIMARY KEY,"
            " event_id BLOB NOT NULL, kind TEXT NOT NULL, wall_ms INTEGER NOT NULL, mono_ms INTEGER NOT NULL,"
            " boot_id TEXT NOT NULL, body BLOB NOT NULL)"
        )
        began = time.perf_counter()
        for first in range(0, len(rows), A_COMMIT):
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?)", rows[first : first + A_COMMIT])
            db.execute("COMMIT")
        return len(rows) / (time.perf_counter() - began)


def _drain(count: int, pairs: int) -> dict[str, Any]:
    near: list[tuple[float, float]] = []
    far: list[tuple[float, float]] = []
    for pair in range(pairs):
        with tempfile.TemporaryDirectory(prefix="sightpost-bench-") as folder:
            broker = Mosquitto(Path(folder), gateways=(GATEWAY,), subscribers=())
            broker.start()
            try:
                told = list(events(KEYS, count, random.Random(pair), per_s=100.0))
                near.append((asyncio.run(_emptied(Path(folder) / "near", broker, told, 0.0)), _flat_out(broker, told)))
                far_s = asyncio.run(_emptied(Path(folder) / "far", broker, told, ADDED_S))
                far.append((far_s, WINDOW_BATCHES * MAX_RECORDS / ADDED_S))
            finally:
                broker.stop()
    return {"near": _beside(near, goal=0.1), f"{ADDED_S * 1000:.0f} ms far": _beside(far, goal=0.8)}


async def _emptied(folder: Path, broker: Mosquitto, told: list[LocationEvent], added_s: float) -> float:
    """Return the events per second with which an outbox was delivered, from the first connection to the last ack."""
    path = folder / "outbox.db"
    fill(path, QUOTA_MB, told)
    login = broker.login(GATEWAY)
    proxy = Proxy(login.port, random.Random(1))
    proxy.delay_s = added_s / 2
    with acker.running(broker, GATEWAY, KEY):
        async with proxy.running():
            credentials = Credentials(GATEWAY, "127.0.0.1", proxy.port if added_s else login.port, login.password, KEY)
            uplink = Uplink(
                lambda: opened(path, QUOTA_MB),
                credentials,
                Identification("bench", "bench", "0" * 32, lambda: ClockQuality.SYNCED),
                lambda: Health(0, None),
                wall_ms=lambda: time.time_ns() // 1_000_000,
                mono_ns=time.monotonic_ns,
                rng=random.Random(1),
                live=False,
            )
            began = time.perf_counter()
            running = asyncio.create_task(uplink.run())
            while uplink.status.acked < len(told):
                await asyncio.sleep(0.005)
                if running.done():
                    running.result()
            took_s = time.perf_counter() - began
            running.cancel()
            await asyncio.wait([running])
    _assert_empty(path, len(told))
    return len(told) / took_s


def _assert_empty(path: Path, count: int) -> None:
    outbox: Outbox = opened(path, QUOTA_MB)
    stat = outbox.stat()
    outbox.close()
    assert (stat.acked, stat.waiting) == (count, 0), f"{stat.waiting} records were not delivered: no rate counts"


def _flat_out(broker: Mosquitto, told: list[LocationEvent]) -> float:
    """Return the events per second that paho publishes at QoS 1, made to bytes before, nobody listening."""
    bodies = [encode(event) for event in told]
    payloads = [
        b"[" + b",".join(bodies[first : first + PUBLISHED_AT_ONCE]) + b"]" for first in range(0, len(bodies), PUBLISHED_AT_ONCE)
    ]
    login = broker.login(GATEWAY)
    client = paho.Client(CallbackAPIVersion.VERSION2, "flat-out", protocol=paho.MQTTv311)
    client.username_pw_set(login.user, login.password)
    client.max_inflight_messages_set(UNDER_WAY)
    connected, left, done = threading.Event(), [len(payloads)], threading.Event()

    def published(*_: object) -> None:
        left[0] -= 1
        if not left[0]:
            done.set()

    client.on_connect = lambda *_: connected.set()
    client.on_publish = published
    client.connect("127.0.0.1", login.port)
    client.loop_start()
    assert connected.wait(10)
    began = time.perf_counter()
    for payload in payloads:
        client.publish(f"sightpost/1/g/{GATEWAY}/up/flat-out", payload, qos=1)
    assert done.wait(600), "mosquitto did not take everything"
    took_s = time.perf_counter() - began
    client.disconnect()
    client.loop_stop()
    return len(told) / took_s


def _beside(rates: list[tuple[float, float]], *, goal: float) -> dict[str, Any]:
    return {
        "ours_per_s": round(statistics.median(ours for ours, _ in rates)),
        "beside_per_s": round(statistics.median(bare for _, bare in rates)),
        "ratio": round(statistics.median(ours / bare for ours, bare in rates), 3),
        "goal": goal,
    }


if __name__ == "__main__":
    main()
