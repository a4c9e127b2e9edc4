"""Single parts by themselves, for somebody who wants to know: one reader with a tag in hand, one outbox file."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from drivers.api import Connected, Read, ReaderMisconfigured, ReaderUnavailable, Signal
from gateway.clock import SYSTEM
from gateway.feed import shown
from gateway.readers import build
from gateway.settings import ReaderSection
from sync.outbox import QUOTA_BYTES, Outbox, OutboxStat
from sync.store import Store

CONNECTED, NOT_CONNECTED, BAD_SETTINGS = 0, 1, 2
Say = Callable[[dict[str, object]], None]


class _Aloud:
    """A sink that says everything; each identity once per antenna, with the strongest RSSI so far at the end."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._heard: set[tuple[int, str]] = set()
        self.connected = False
        self.count = 0

    def reads(self, batch: list[Read]) -> None:
        self.count += len(batch)
        for read in batch:
            identity = shown(read)
            if (read.antenna, identity) not in self._heard:
                self._heard.add((read.antenna, identity))
                self._say({"what": "read", "antenna": read.antenna, "identity": identity, "rssi_dbm": read.rssi_dbm})

    def signal(self, signal: Signal) -> None:
        self.connected = self.connected or isinstance(signal, Connected)
        self._say({"what": type(signal).__name__.lower(), "says": str(signal)})


async def try_reader(section: ReaderSection, seconds: float, say: Say) -> int:
    """Run the reader for so long, say what it says, return an exit code."""
    sink = _Aloud(say)
    try:
        reader = build(section, SYSTEM)
        await asyncio.wait_for(reader.run(sink), seconds)
    except TimeoutError:
        pass
    except ReaderMisconfigured as exc:
        say({"what": "misconfigured", "says": str(exc)})
        return BAD_SETTINGS
    except (ReaderUnavailable, OSError) as exc:
        say({"what": "unavailable", "says": str(exc)})
        return NOT_CONNECTED
    say({"what": "reads", "count": sink.count})
    return CONNECTED if sink.connected else NOT_CONNECTED


def outbox_at(path: Path) -> OutboxStat:
    """Return where an outbox file stands. It is only looked at: a damaged one stays where it is.

    Raises OutboxDamaged, OutboxUnavailable, sqlite3.DatabaseError.
    """
    outbox = Outbox(Store(path, QUOTA_BYTES, 0, ""), wall_ms=SYSTEM.wall_ms, mono_ns=SYSTEM.mono_ns, boot_id="")
    try:
        return outbox.stat()
    finally:
        outbox.close()
