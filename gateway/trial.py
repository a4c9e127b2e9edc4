"""One reader by itself, for somebody with a tag in hand."""

import asyncio
from collections.abc import Callable

from drivers.api import Connected, Read, ReaderMisconfigured, ReaderUnavailable, Signal
from gateway.clock import SYSTEM
from gateway.feed import shown
from gateway.readers import build
from gateway.settings import ReaderSection

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
