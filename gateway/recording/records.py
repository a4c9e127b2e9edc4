"""What happened, one record after the other, as bytes and back. Pure.

Record: kind:number, then its fields. Times are told as the distance to the record before: nanoseconds of the monotonic clock, and
by how many milliseconds the two clocks have moved against each other. Readers are numbers, in the order of the header.
"""

import enum
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from drivers.api import Read
from gateway.location.site import Instant
from gateway.recording.framing import Cursor, Damaged, add_bytes, add_number, add_signed
from sync.wire import ClockQuality

MS_NS = 1_000_000
MAX_MONO_NS = 2**62
MAX_WALL_MS = 253_000_000_000_000  # in the year 9987


class Kind(enum.IntEnum):
    """Numbers of the file's format: they never change their meaning."""

    STATE = 1  # the engine's memory of one identity when the recording began
    LIVE = 2  # up to when a reader was known to be live then
    BEGUN = 3  # everything that was before the recording stands above
    SESSION = 4  # a reader's session begins: a new codec
    SET_UP = 5  # what the session has told the codec
    BYTES = 6  # given to the codec; none: the line fell silent
    READS = 7  # of a reader without a codec: decoded reads
    UP = 8
    DOWN = 9
    TURN = 10  # of the pipeline: reads were taken, time passed
    QUALITY = 11  # of the gateway's clock
    REFUSED = 12  # the reads of the record before did not reach the engine: too many waited
    END = 13  # with the reason


class State(NamedTuple):
    identity: str
    saved: bytes


class Live(NamedTuple):
    reader: str
    until_ms: int


class Begun(NamedTuple):
    now: Instant


class Session(NamedTuple):
    reader: int


class SetUp(NamedTuple):
    reader: int
    told: bytes


class Bytes(NamedTuple):
    reader: int
    now: Instant
    data: bytes


class Reads(NamedTuple):
    batch: list[Read]


class Link(NamedTuple):
    reader: int
    up: bool
    now: Instant


class Turn(NamedTuple):
    """The engine took what waited, except `left` reads and links, and then knew that it is `now`."""

    now: Instant
    left: int


class Quality(NamedTuple):
    quality: ClockQuality


class Refused(NamedTuple):
    reads: int  # how many


class End(NamedTuple):
    reason: str


Record = State | Live | Begun | Session | SetUp | Bytes | Reads | Link | Turn | Quality | Refused | End

_reads_encoder = msgspec.msgpack.Encoder()
_reads_decoder = msgspec.msgpack.Decoder(list[Read])


class _Times:
    """The time of the last record that had one."""

    def __init__(self, start: Instant) -> None:
        self.last_ns = start.mono_ns
        self.offset_ms = start.wall_ms - start.mono_ns // MS_NS


class Encoder(_Times):
    """Appends records to a block. One for a recording; `start` stands in its header."""

    def add(self, to: bytearray, record: Record) -> None:
        match record:
            case Bytes(reader, now, data):
                to += b"\x06"
                add_number(to, reader)
                self._time(to, now)
                add_bytes(to, data)
            case Turn(now, left):
                to.append(Kind.TURN)
                self._time(to, now)
                add_number(to, left)
            case Reads(batch):
                to.append(Kind.READS)
                add_bytes(to, _reads_encoder.encode(batch))
            case Link(reader, up, now):
                to.append(Kind.UP if up else Kind.DOWN)
                add_number(to, reader)
                self._time(to, now)
            case Session(reader):
                to.append(Kind.SESSION)
                add_number(to, reader)
            case SetUp(reader, told):
                to.append(Kind.SET_UP)
                add_number(to, reader)
                add_bytes(to, told)
            case Quality(quality):
                to.append(Kind.QUALITY)
                add_bytes(to, quality.value.encode())
            case Refused(reads):
                to.append(Kind.REFUSED)
                add_number(to, reads)
            case State(identity, saved):
                to.append(Kind.STATE)
                add_bytes(to, identity.encode())
                add_bytes(to, saved)
            case Live(name, until_ms):
                to.append(Kind.LIVE)
                add_bytes(to, name.encode())
                add_signed(to, until_ms)
            case Begun(now):
                to.append(Kind.BEGUN)
                self._time(to, now)
            case End(reason):
                to.append(Kind.END)
                add_bytes(to, reason.encode())

    def _time(self, to: bytearray, now: Instant) -> None:
        offset_ms = now.wall_ms - now.mono_ns // MS_NS
        add_signed(to, now.mono_ns - self.last_ns)
        add_signed(to, offset_ms - self.offset_ms)
        self.last_ns, self.offset_ms = now.mono_ns, offset_ms


class Decoder(_Times):
    """Takes the records out of blocks again, in order."""

    def __init__(self, start: Instant, readers: Sequence[str]) -> None:
        super().__init__(start)
        self._readers = len(readers)

    def records(self, block: bytes) -> Iterator[Record]:
        """Yield the records of a block. Raises Damaged."""
        cursor = Cursor(block)
        while not cursor.at_end:
            try:
                record = self._record(cursor)
            except (ValueError, msgspec.DecodeError) as exc:  # UnicodeDecodeError is one
                raise Damaged(f"a record makes no sense: {exc}") from None
            yield record

    def _record(self, cursor: Cursor) -> Record:
        match Kind(cursor.number()):
            case Kind.BYTES:
                return Bytes(self._reader(cursor), self._now(cursor), cursor.bytes())
            case Kind.TURN:
                return Turn(self._now(cursor), cursor.number())
            case Kind.READS:
                return Reads(_sane(_reads_decoder.decode(cursor.bytes())))
            case Kind.UP:
                return Link(self._reader(cursor), True, self._now(cursor))
            case Kind.DOWN:
                return Link(self._reader(cursor), False, self._now(cursor))
            case Kind.SESSION:
                return Session(self._reader(cursor))
            case Kind.SET_UP:
                return SetUp(self._reader(cursor), cursor.bytes())
            case Kind.QUALITY:
                return Quality(ClockQuality(cursor.bytes().decode()))
            case Kind.REFUSED:
                return Refused(cursor.number())
            case Kind.STATE:
                return State(cursor.bytes().decode(), cursor.bytes())
            case Kind.LIVE:
                return Live(cursor.bytes().decode(), cursor.signed())
            case Kind.BEGUN:
                return Begun(self._now(cursor))
            case Kind.END:
                return End(cursor.bytes().decode())

    def _reader(self, cursor: Cursor) -> int:
        reader = cursor.number()
        if reader >= self._readers:
            raise Damaged("a record is of a reader that the header does not know")
        return reader

    def _now(self, cursor: Cursor) -> Instant:
        self.last_ns += cursor.signed()
        self.offset_ms += cursor.signed()
        now = Instant(self.last_ns, self.offset_ms + self.last_ns // MS_NS)
        if not (0 <= now.mono_ns < MAX_MONO_NS and 0 <= now.wall_ms < MAX_WALL_MS):
            raise Damaged("a time makes no sense")
        return now


def _sane(batch: list[Read]) -> list[Read]:
    for read in batch:
        if not (0 <= read.rx_mono_ns < MAX_MONO_NS and 0 <= read.rx_wall_ms < MAX_WALL_MS):
            raise Damaged("a time makes no sense")
    return batch
