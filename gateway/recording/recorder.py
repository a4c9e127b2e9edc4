"""Listens while a gateway runs and keeps what happens as records, for the file that is written elsewhere (recordings.py).

Everything is called on the event loop and returns at once. While nothing is recorded a call costs one comparison. What has not
been fetched is bounded: a disk that does not keep up ends the recording, never the reading.
"""

from collections.abc import Iterable, Sequence

from drivers.api import Read, Tap
from gateway.location.site import Instant
from gateway.recording.framing import RAW_BLOCK_BYTES
from gateway.recording.records import (
    Begun,
    Bytes,
    Encoder,
    End,
    Link,
    Quality,
    Reads,
    Record,
    Refused,
    Session,
    SetUp,
    Turn,
)
from sync.wire import ClockQuality

MAX_UNWRITTEN_BYTES = 16 * 1024 * 1024
TOO_SLOW = "the disk does not keep up"


class Recorder:
    """One for a gateway; `readers` are the names of its readers."""

    def __init__(self, readers: Sequence[str]) -> None:
        self._numbers = {name: number for number, name in enumerate(readers)}
        self._encoder: Encoder | None = None  # while recording
        self._block = bytearray()
        self._blocks: list[bytes] = []  # full ones
        self._unwritten = 0  # bytes in them
        self._told: dict[int, bytes] = {}  # what each codec was set up with, of this recording
        self._with_codec: set[str] = set()  # their bytes come by, so their reads need not
        self._quality: ClockQuality | None = None
        self.failed = ""  # why it ended by itself

    def renew(self, readers: Sequence[str]) -> None:
        """These are the readers from now on. Nothing is being recorded."""
        self._numbers = {name: number for number, name in enumerate(readers)}

    @property
    def on(self) -> bool:
        return self._encoder is not None

    def begin(self, base: Instant, now: Instant, up: Iterable[str], quality: ClockQuality) -> None:
        """Keep what happens from `now` on; `base` stands in the header. `up` are the readers that are live already."""
        self._encoder = Encoder(base)
        self._block = bytearray()
        self._blocks, self._unwritten, self._told, self._quality, self.failed = [], 0, {}, None, ""
        self.clock_quality(quality)
        self._add(Begun(now))
        for name in up:
            self.link(name, True, now)

    def fetch(self) -> list[bytes]:
        """Return what has come together since the last call: blocks, not yet packed."""
        if self._block:
            self._close_block()
        fetched, self._blocks, self._unwritten = self._blocks, [], 0
        return fetched

    def end(self, reason: str) -> list[bytes]:
        """Keep nothing more; return the last blocks."""
        self._add(End(reason), bound=False)
        self._encoder = None
        return self.fetch()

    # ---- what the parts of the gateway tell

    def tap(self, reader: str) -> Tap:
        """Return what sees what is given to the codec of `reader`."""

        def fed(data: bytes, mono_ns: int, wall_ms: int, set_up: bytes) -> None:
            self._with_codec.add(reader)
            if self._encoder is None:
                return
            number = self._numbers[reader]
            if self._told.get(number, b"") != set_up:
                self._told[number] = set_up
                self._add(SetUp(number, set_up))
            self._add(Bytes(number, Instant(mono_ns, wall_ms), data))

        return fed

    def reads(self, reader: str, batch: list[Read], taken: bool) -> None:
        """`taken` is False when they did not reach the engine, because too many wait."""
        if self._encoder is None:
            return
        if reader not in self._with_codec:
            self._add(Reads(batch))
        if not taken:
            self._add(Refused(len(batch)))

    def session(self, reader: str) -> None:
        if self._encoder is None:
            return
        self._told.pop(self._numbers[reader], None)
        self._add(Session(self._numbers[reader]))

    def link(self, reader: str, up: bool, now: Instant) -> None:
        if self._encoder is not None:
            self._add(Link(self._numbers[reader], up, now))

    def turn(self, now: Instant, left: int) -> None:
        if self._encoder is not None:
            self._add(Turn(now, left))

    def clock_quality(self, quality: ClockQuality) -> None:
        if self._encoder is not None and quality is not self._quality:
            self._quality = quality
            self._add(Quality(quality))

    def _add(self, record: Record, *, bound: bool = True) -> None:
        if self._encoder is None or (bound and self.failed):
            return
        self._encoder.add(self._block, record)
        if len(self._block) >= RAW_BLOCK_BYTES:
            self._close_block()
        if bound and self._unwritten > MAX_UNWRITTEN_BYTES:
            self.failed = TOO_SLOW

    def _close_block(self) -> None:
        self._blocks.append(bytes(self._block))
        self._unwritten += len(self._block)
        self._block = bytearray()


OFF = Recorder(())
"""For whoever has nothing to tell to."""
