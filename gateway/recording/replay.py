"""A recording back through the codecs of the drivers and the engine: the same events, every time.

The order of everything is that of the recording: what the readers sent waits where it waited, and at each turn of the pipeline
the engine takes as much as it took then and is told the same time. No clock, no network, no outbox.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from drivers.api import Read, ReaderMisconfigured
from drivers.session import Decoder as Codec
from drivers.session import HasCodec
from gateway.clock import SYSTEM
from gateway.location.engine import Engine
from gateway.location.site import Instant
from gateway.readers import build
from gateway.recording.framing import Damaged, NoRecording, Tail, blocks
from gateway.recording.header import read_header
from gateway.recording.records import (
    Begun,
    Bytes,
    Decoder,
    End,
    Link,
    Live,
    Quality,
    Reads,
    Record,
    Refused,
    Session,
    SetUp,
    State,
    Turn,
)
from gateway.settings import ReaderSection, Settings
from sync.wire import ClockQuality, LocationEvent

BEFORE = Instant(0, 0)


@dataclass(slots=True)
class Told:
    """What a replay has come to."""

    site: str = ""
    software: str = ""
    began: Instant = BEFORE
    now: Instant = BEFORE
    reads: int = 0
    refused: int = 0  # did not reach the engine then, nor now
    events: int = 0
    ended: str = ""  # why the recording ended; empty until its end was read
    damage: str = ""  # why what follows could not be read


class Replay:
    """One replay of one file. `settings` are those to decide by, None for the recorded ones; readers' codecs go by them too."""

    def __init__(self, file: BinaryIO, settings: Settings | None = None) -> None:
        """Raises NoRecording, Damaged, OSError."""
        self.told = Told()
        self._blocks = blocks(file)
        first = next(self._blocks)
        if isinstance(first, Tail):
            raise NoRecording("it was cut short before anything was recorded")
        recorded, start, self.told.software = read_header(first)
        self.told.site, self.told.began, self.told.now = recorded.gateway.site, start, start
        self._readers = recorded.readers
        self._records = Decoder(start, [reader.name for reader in recorded.readers])
        self._settings = settings or recorded
        self._codecs: dict[int, Codec[Any]] = {}
        self._saved: dict[str, bytes] = {}
        self._live_until: dict[str, int] = {}
        self._quality = ClockQuality.HOLDOVER
        self._engine: Engine | None = None
        self._waiting: deque[list[Read] | Link] = deque()
        self._left = 0  # reads and links that wait

    def turns(self) -> Iterator[tuple[Instant, list[LocationEvent]]]:
        """Yield each turn of the pipeline with its events, until the recording ends; `told` says how.

        Raises NoRecording for a driver that is not here, OSError.
        """
        try:
            for block in self._blocks:
                if isinstance(block, Tail):
                    self.told.ended = self.told.ended or Tail.CUT.value
                    break
                for record in self._records.records(block):
                    if (events := self._play(record)) is not None:
                        yield self.told.now, events
        except (Damaged, OverflowError) as exc:
            self.told.damage = str(exc)
        if self._engine is not None:
            events = self._take(0)
            self.told.events += len(events)
            yield self.told.now, events

    def _play(self, record: Record) -> list[LocationEvent] | None:
        """Return the events of a turn, None for what is no turn. Raises Damaged, NoRecording."""
        match record:
            case Bytes(reader, now, data):
                codec = self._codec(reader)
                feed = codec.feed(data, *now) if data else codec.flush(*now)
                self._wait(feed[0])
            case Turn(now, left):
                self.told.now = now
                events = self._take(left)
                events += self._begun().advance(now)
                self.told.events += len(events)
                self._begun().changes()  # nobody stores it: let it go
                return events
            case Reads(batch):
                self._wait(batch)
            case Link():
                self._waiting.append(record)
                self._left += 1
            case Session(reader):
                self._codecs.pop(reader, None)
            case SetUp(reader, told):
                if not told:
                    raise Damaged("a codec is set up with nothing")
                self._codec(reader).set_up = told
            case Refused():
                self._refuse()
            case Quality(quality):
                self._quality = quality
                if self._engine is not None:
                    self._engine.clock_quality = quality
            case State(identity, saved):
                self._saved[identity] = saved
            case Live(reader_name, until_ms):
                self._live_until[reader_name] = until_ms
            case Begun(now):
                self._begin(now)
            case End(reason):
                self.told.ended = reason
        return None

    def _begin(self, now: Instant) -> None:
        if self._engine is not None:
            raise Damaged("it begins twice")
        self.told.began = self.told.now = now
        self._engine = Engine(self._settings.as_site(), self._saved, self._live_until, now, clock_quality=self._quality)
        self._saved, self._live_until = {}, {}

    def _begun(self) -> Engine:
        if self._engine is None:
            raise Damaged("something happens before it begins")
        return self._engine

    def _wait(self, batch: list[Read]) -> None:
        if batch:
            self._waiting.append(batch)
            self._left += len(batch)

    def _refuse(self) -> None:
        if not self._waiting or isinstance(self._waiting[-1], Link):
            raise Damaged("reads are refused that are not there")
        refused = self._waiting.pop()
        assert not isinstance(refused, Link)
        self._left -= len(refused)
        self.told.refused += len(refused)

    def _take(self, left: int) -> list[LocationEvent]:
        """Let the engine take what waits, except the last `left` reads and links."""
        engine, events = self._begun() if self._waiting else None, []
        while self._waiting:
            item = self._waiting[0]
            size = 1 if isinstance(item, Link) else len(item)
            if engine is None or self._left - size < left:
                break
            self._waiting.popleft()
            self._left -= size
            if isinstance(item, Link):
                tell = engine.reader_up if item.up else engine.reader_down
                tell(self._readers[item.reader].name, item.now)
            else:
                self.told.reads += size
                events += engine.take(item)
        return events

    def _codec(self, reader: int) -> Codec[Any]:
        codec = self._codecs.get(reader)
        if codec is None:
            codec = self._codecs[reader] = _codec_of(self._section(self._readers[reader]))
        return codec

    def _section(self, recorded: ReaderSection) -> ReaderSection:
        """Return the reader as the settings have it, if they know it and it is of the same driver."""
        for section in self._settings.readers:
            if section.name == recorded.name and section.driver == recorded.driver:
                return section
        return recorded


def _codec_of(section: ReaderSection) -> Codec[Any]:
    try:
        reader = build(section, SYSTEM)
    except ReaderMisconfigured as exc:
        raise NoRecording(f"reader {section.name}: {exc}") from None
    if not isinstance(reader, HasCodec):
        raise NoRecording(f"reader {section.name}: driver '{section.driver}' cannot read recorded bytes; it has no `decoder`")
    return reader.decoder()
