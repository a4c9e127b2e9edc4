"""Fault 7: what power loss leaves of the outbox's files. Every prefix of the WAL is opened, whole frames and torn ones."""

import asyncio
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.filling import events, opened
from tests.chaos.plant import TAGS, Plant
from tests.chaos.processes import NotReached
from tests.chaos.truth import TruthLog
from tests.chaos.verdict import Verdict

WAL_HEADER_BYTES, FRAME_HEADER_BYTES = 32, 24
COMMITS, A_COMMIT = 25, 5


async def wal_prefixes(plant: Plant, name: str, times: int) -> Verdict:
    """Whatever of the WAL had reached the disk: what was confirmed by then is there, and nothing that was not."""
    return await asyncio.to_thread(_open_all, plant, name, times)


def _open_all(plant: Plant, name: str, times: int) -> Verdict:
    original, copy = plant.folder / "whole", plant.folder / "torn"
    runs = confirmed = stored = lost = doubled = 0
    for _ in range(times):
        for folder in (original, copy):
            shutil.rmtree(folder, ignore_errors=True)
        ends = _written(plant, original)
        wal = (original / "outbox.db-wal").read_bytes()
        for prefix in _prefixes(wal, plant):
            shutil.rmtree(copy, ignore_errors=True)
            copy.mkdir(mode=0o700)
            shutil.copy(original / "outbox.db", copy)
            (copy / "outbox.db-wal").write_bytes(prefix[1])
            due = [event_id for end, ids in ends if end <= prefix[0] for event_id in ids]
            there = _reopened(plant, copy / "outbox.db")
            runs, confirmed, stored = runs + 1, confirmed + len(due), stored + len(set(there) & set(due))
            lost += len(set(due) - set(there))
            doubled += len(there) - len(set(there)) + len(set(there) - set(due))
    return Verdict(name, runs, confirmed, stored, lost, doubled, 0)


def _written(plant: Plant, folder: Path) -> list[tuple[int, list[str]]]:
    """Fill an outbox in small transactions; return where the WAL ended after each, and the event ids that it confirmed."""
    path = folder / "outbox.db"
    outbox = opened(path, plant.outbox_mb)
    truth = TruthLog(path, folder / "truth.log")
    told, ends, known = list(events(TAGS, COMMITS * A_COMMIT, plant.rng, per_s=10.0)), [], set[str]()
    for first in range(0, len(told), A_COMMIT):
        outbox.append(told[first : first + A_COMMIT])
        truth.look()
        ends.append((_last_commit((folder / "outbox.db-wal").read_bytes()), sorted(truth.confirmed.keys() - known)))
        known |= truth.confirmed.keys()
    kept = {path.name: path.read_bytes() for path in (path, folder / "outbox.db-wal")}
    outbox.close()  # which folds the WAL into the file: the files of before are what a crash would have left
    for name, content in kept.items():
        (folder / name).write_bytes(content)
    return ends


def _last_commit(wal: bytes) -> int:
    """Return where the newest transaction ends. Behind it there may be frames of before the last checkpoint, of other salts."""
    frame_bytes = FRAME_HEADER_BYTES + struct.unpack_from(">I", wal, 8)[0]
    end = WAL_HEADER_BYTES
    for at in range(WAL_HEADER_BYTES, len(wal), frame_bytes):
        _, pages_after_commit, *salts = struct.unpack_from(">4I", wal, at)
        if salts != list(struct.unpack_from(">2I", wal, 16)):
            break
        if pages_after_commit:
            end = at + frame_bytes
    return end


def _prefixes(wal: bytes, plant: Plant) -> Iterator[tuple[int, bytes]]:
    """Yield (bytes that are whole, the file) for each frame: cut after it, and cut inside the next one with garbage behind."""
    page_bytes = struct.unpack_from(">I", wal, 8)[0]
    frame_bytes = FRAME_HEADER_BYTES + page_bytes
    for end in range(WAL_HEADER_BYTES, len(wal) + 1, frame_bytes):
        yield end, wal[:end]
        if end < len(wal):
            torn = end + plant.rng.randrange(1, frame_bytes)
            yield end, wal[:torn] + plant.rng.randbytes(end + frame_bytes - torn)


def _reopened(plant: Plant, path: Path) -> list[str]:
    """Return the event ids that the outbox holds after a start. Raises NotReached when it does not go on with this file."""
    outbox = opened(path, plant.outbox_mb)
    try:
        if why := outbox.stat().alarm:
            raise NotReached(f"an outbox with a torn WAL was given up: {why}")
        found, _ = outbox.read_after(0, COMMITS * A_COMMIT * 2, 1_000_000_000)
        return [record.event_id.hex.upper() for record in found]
    finally:
        outbox.close()
