"""What a reader is to the rest of the gateway. READ FIRST.

A driver turns the bytes of one device into reads (`Sink.reads`) and into what the device says about itself (`Sink.signal`).
It knows nothing of zones, events or MQTT.
"""

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec


class ReaderUnavailable(Exception):
    """The device or its link is down. Trying again later may help."""


class ReaderMisconfigured(Exception):
    """Trying again cannot help: a person has to change something. The text says what."""


class NotSupported(Exception):
    """This device cannot do that action."""


class Kind(enum.StrEnum):
    UHF = "uhf"
    LF = "lf"
    BARCODE = "barcode"


class Read(msgspec.Struct, gc=False):
    """One decode of one tag by one antenna, or of one barcode by one camera or scanner.

    `raw` is the EPC as bytes, or the barcode's payload. Times are the gateway's: `rx_mono_ns` drives timers, `rx_wall_ms`
    (Unix milliseconds, UTC) only stamps; `reader_ts_ms` is the device's own clock where it has one. Made thousands of times a
    second: an msgspec struct costs half of a slots dataclass.
    """

    reader: str
    antenna: int  # 1 is the first port
    raw: bytes
    kind: Kind
    rx_mono_ns: int
    rx_wall_ms: int
    rssi_dbm: int | None = None
    read_count: int = 1
    pc: int | None = None  # the protocol control word of a Gen2 tag
    frequency_khz: int | None = None
    phase_rad: float | None = None
    reader_ts_ms: int | None = None
    symbology: str | None = None  # AIM identifier with its bracket, "]C1"; the format's name where a decoder gives no identifier
    tid: bytes | None = None
    operator: str | None = None


@dataclass(frozen=True, slots=True)
class Connected:
    """The session is up and configured. `model` and `firmware` are what the device says of itself, for people."""

    model: str
    firmware: str


@dataclass(frozen=True, slots=True)
class AntennaState:
    antenna: int
    ok: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class InputLevel:
    pin: int
    high: bool


@dataclass(frozen=True, slots=True)
class Temperature:
    celsius: float


@dataclass(frozen=True, slots=True)
class RefusedSetting:
    """The device took the session but not this setting; it goes on with its own value."""

    setting: str
    why: str


@dataclass(frozen=True, slots=True)
class LineNoise:
    """Totals of this session: frames that failed their checksum and bytes that belong to no frame."""

    rejected_frames: int
    skipped_bytes: int


Signal = Connected | AntennaState | InputLevel | Temperature | RefusedSetting | LineNoise


class Sink(Protocol):
    """Where a reader puts what it has. Both calls return at once and never raise; the sink knows which reader it belongs to."""

    def reads(self, batch: list[Read]) -> None: ...

    def signal(self, signal: Signal) -> None: ...


class Verb(enum.StrEnum):
    START = "start"
    STOP = "stop"
    BEEP = "beep"
    SET_OUTPUT = "set_output"


@dataclass(frozen=True, slots=True)
class Action:
    verb: Verb
    pin: int = 0
    high: bool = False


class Reader(Protocol):
    """One physical reader. It holds no retry logic; the supervisor calls `run` again."""

    name: str

    async def run(self, sink: Sink) -> None:
        """Connect, configure, hand on reads until cancelled, release the port on every way out.

        Raises ReaderUnavailable (retried) or ReaderMisconfigured (not retried).
        """
        ...

    async def act(self, action: Action) -> None:
        """Raises NotSupported, or ReaderUnavailable when no session is up."""
        ...


Tap = Callable[[bytes, int, int, bytes], None]
"""Sees what a session gives its codec, just before: (bytes, mono_ns, wall_ms, the codec's `set_up`). For `record`.

No bytes: the line fell silent and the codec gives up what it holds. With the same calls a codec makes the same reads again.
"""


@dataclass(frozen=True, slots=True)
class Clock:
    """The two clocks a read is stamped with."""

    mono_ns: Callable[[], int]
    wall_ms: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Wiring:
    """What a driver gets to build a reader from: its name, where the device is, its options, the clock and an optional tap."""

    name: str
    url: str
    options: Mapping[str, object]
    clock: Clock
    tap: Tap | None = None


OpenReader = Callable[[Wiring], Reader]
"""The entry point of the group `sightpost.drivers`. Checks the options and raises ReaderMisconfigured; touches no device."""
