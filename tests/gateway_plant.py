"""A whole gateway inside a test: real settings, emulated readers on ptys, a real outbox file."""

import asyncio
import contextlib
import json
import socket
import time
import tomllib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from drivers.emulated_device import TagInField
from gateway.app import Running, outbox_path, run
from gateway.clock import SYSTEM
from gateway.health import ReaderRow, Snapshot
from gateway.problems import check
from gateway.settings import Settings
from sync.outbox import Outbox
from sync.wire import LocationEvent, location_event


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def epc(number: int) -> bytes:
    return bytes.fromhex(f"e2801160{number:016x}")


def tags(first: int, count: int = 1, rssi_dbm: int = -50) -> Callable[[int], Sequence[TagInField]]:
    """Return a field in which the same tags answer in every round of the first antenna."""
    standing = [TagInField(epc(number), rssi_dbm) for number in range(first, first + count)]
    return lambda antenna: standing if antenna == 1 else ()


def settings_of(folder: Path, readers: dict[str, str], more: str = "", *, kind: str = "desk") -> Settings:
    """Return settings with a zone of `kind` per reader (name to url), all of them r2000."""
    text = f'[gateway]\nsite = "test"\ndata_dir = {json.dumps(str(folder / "data"))}\n[status]\nport = 0\n{more}\n'
    for name, url in readers.items():
        text += f'[[readers]]\nname = "{name}"\ndriver = "r2000"\nurl = {json.dumps(url)}\n'
        text += f'[[zones]]\nname = "zone-{name}"\nkind = "{kind}"\nread_points = ["{name}:1"]\n'
    reading = check(tomllib.loads(text), folder / "gateway.toml")
    assert reading.settings is not None, reading.problems
    return reading.settings


class Gateway:
    def __init__(self, settings: Settings, running: Running) -> None:
        self.settings = settings
        self.address = running.address
        self.now: Callable[[], Snapshot] = running.snapshot

    def reader(self, name: str) -> ReaderRow:
        return next(row for row in self.now().readers if row.name == name)

    async def until(self, condition: Callable[[Snapshot], bool], within_s: float = 10.0) -> float:
        """Return after how many seconds it was so."""
        began = time.monotonic()
        while not condition(self.now()):
            assert time.monotonic() - began < within_s, f"not within {within_s} s; it says: {self.now()}"
            await asyncio.sleep(0.01)
        return time.monotonic() - began


@contextlib.asynccontextmanager
async def working(settings: Settings, config: Path | None = None) -> AsyncIterator[Gateway]:
    """Run the gateway; stop it in order on the way out."""
    stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(run(settings, stop, ready=ready.set_result, config=config))
    await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task
    try:
        yield Gateway(settings, ready.result())
    finally:
        stop.set()
        await asyncio.wait_for(task, 5.0)


def stored(settings: Settings) -> list[LocationEvent]:
    """Return every event in the outbox file, in order."""
    outbox = Outbox.open(outbox_path(settings), wall_ms=SYSTEM.wall_ms, mono_ns=SYSTEM.mono_ns, boot_id="test")
    try:
        records, gaps = outbox.read_after(0, 1_000_000, 1_000_000_000)
        assert not gaps
        assert [record.seq for record in records] == list(range(1, len(records) + 1))
        return [location_event(record) for record in records]
    finally:
        outbox.close()
