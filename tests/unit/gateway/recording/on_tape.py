"""A gateway on paper with its recorder on: real codecs, feeds, intake, pipeline and engine, and a hand on the clock."""

import io
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from drivers.api import Clock, Connected, Kind, Read
from drivers.session import Decoder, HasCodec
from gateway.feed import Feed
from gateway.intake import Intake
from gateway.location.engine import Engine
from gateway.location.site import Instant
from gateway.pipeline import Pipeline
from gateway.problems import check
from gateway.readers import build
from gateway.recording.framing import MAGIC, packed
from gateway.recording.header import header
from gateway.recording.recorder import Recorder
from gateway.recording.recordings import remembered
from gateway.recording.replay import Replay
from gateway.settings import Settings
from sync.wire import ClockQuality, LocationEvent

WALL_MS = 1_700_000_000_000
TOML = """
[gateway]
site = "paper"
company_prefixes = ["4012345"]

[[readers]]
name = "dock"
driver = "r2000"
url = "tcp://192.0.2.7:4001"
options = { antennas = [1, 2] }

[[readers]]
name = "store"
driver = "m100"
url = "tcp://192.0.2.8:4001"
options = { check_tag_crc = false }

[[readers]]
name = "cam"
driver = "camera"
url = "rtsp://192.0.2.9/belt?key=hush"
options = { login_file = "/etc/hush" }

[[zones]]
name = "yard"
kind = "exit"

[[zones]]
name = "hall"
kind = "storage"

[[zones]]
name = "store-room"
kind = "storage"
read_points = ["store:1"]
rules = { lost_min_s = 2, lost_max_s = 4 }

[[zones]]
name = "belt"
kind = "desk"
read_points = ["cam:1"]

[[doors]]
name = "dock"
outside = ["dock:1"]
inside = ["dock:2"]
from = "yard"
to = "hall"
"""


def settings_of(text: str = TOML) -> Settings:
    reading = check(tomllib.loads(text), Path("/nowhere/gateway.toml"))
    assert reading.settings is not None, reading.problems
    return reading.settings


def epc(number: int) -> bytes:
    return bytes.fromhex(f"e2801160{number:016x}")


def r2000_tag(antenna: int, tag: int, dbm: int) -> bytes:
    frame = bytes((0xA0, 19, 1, 0x89, antenna - 1)) + b"\x30\x00" + epc(tag) + bytes((dbm + 129,))
    return frame + bytes((-sum(frame) & 0xFF,))


def m100_tag(tag: int, dbm: int) -> bytes:
    """Without a true tag CRC: boards like that have check_tag_crc off."""
    body = b"\x02\x22\x00\x11" + bytes((dbm & 0xFF,)) + b"\x30\x00" + epc(tag) + b"\x00\x00"
    return b"\xbb" + body + bytes((sum(body) & 0xFF, 0x7E))


class Tape:
    """Everything happens at `at_s`; `told` is what the live engine told, `file` what was recorded."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        queue_reads: int = 10_000,
        at_s: float = 100.0,
        saved: dict[str, bytes] | None = None,
    ) -> None:
        self.settings = settings or settings_of()
        self.at_s = at_s
        self.saved = saved or {}
        self.step_ms = 0  # by which the wall clock was set
        self.clock = Clock(
            mono_ns=lambda: round(self.at_s * 1e9), wall_ms=lambda: WALL_MS + round(self.at_s * 1000) + self.step_ms
        )
        names = [reader.name for reader in self.settings.readers]
        self.recorder = Recorder(names)
        self.intake = Intake(queue_reads)
        self.feeds = {
            r.name: Feed(r.name, r.driver, r.url, self.intake, self.clock, self.recorder) for r in self.settings.readers
        }
        self.taps = {name: self.recorder.tap(name) for name in names}
        self.codecs: dict[str, Decoder[Any]] = {}
        self.begin_anew()
        live_until = {"store": self.clock.wall_ms() - 1000} if saved else {}
        self._file += b"".join(packed(block) for block in remembered(self.now, self.saved, live_until))
        self.engine = Engine(self.settings.as_site(), self.saved, live_until, self.now, clock_quality=ClockQuality.SYNCED)
        self._pipeline = Pipeline(
            self.intake,
            self.engine,
            cast(Any, None),
            cast(Any, None),
            self.clock,
            commit_interval_s=0.02,
            committed=lambda events: None,
            recorder=self.recorder,
        )
        self.told: list[LocationEvent] = []

    def begin_anew(self, up: Sequence[str] = ()) -> None:
        self._file = MAGIC + packed(header(self.settings, self.now, "test"))
        self.recorder.begin(self.now, self.now, up, ClockQuality.SYNCED)

    @property
    def now(self) -> Instant:
        return Instant(self.clock.mono_ns(), self.clock.wall_ms())

    def session(self, reader: str) -> None:
        """The reader's session begins and is up."""
        section = next(section for section in self.settings.readers if section.name == reader)
        self.feeds[reader].trying()
        if section.driver != "camera":
            built = build(section, self.clock)
            assert isinstance(built, HasCodec)
            self.codecs[reader] = built.decoder()
        self.feeds[reader].signal(Connected("test", "1"))

    def hear(self, reader: str, data: bytes) -> None:
        """What a session's `listen` does; no bytes are a silence."""
        codec = self.codecs[reader]
        self.taps[reader](data, self.clock.mono_ns(), self.clock.wall_ms(), codec.set_up)
        reads, _ = codec.feed(data, *self.now) if data else codec.flush(*self.now)
        self.feeds[reader].reads(reads)

    def label(self, text: str, late_s: float = 0.1) -> None:
        mono_ns, wall_ms = self.now
        late_ns = round(late_s * 1e9)
        read = Read("cam", 1, text.encode(), Kind.BARCODE, mono_ns - late_ns, wall_ms - late_ns // 1_000_000, symbology="]C1")
        self.feeds["cam"].reads([read])

    def turn(self) -> None:
        self.told += self._pipeline._decide()
        for identity, state in self.engine.changes().items():
            if state is None:
                self.saved.pop(identity, None)
            else:
                self.saved[identity] = state

    def wait(self, seconds: float, step_s: float = 0.25) -> None:
        for _ in range(round(seconds / step_s)):
            self.at_s += step_s
            self.turn()
        self._file += b"".join(packed(block) for block in self.recorder.fetch())

    @property
    def file(self) -> bytes:
        """The recording so far."""
        self._file += b"".join(packed(block) for block in self.recorder.fetch())
        return self._file

    def ended(self) -> bytes:
        self._file += b"".join(packed(block) for block in self.recorder.end("it was stopped"))
        return self._file


def replayed(file: bytes, settings: Settings | None = None) -> tuple[list[LocationEvent], Replay]:
    replay = Replay(io.BytesIO(file), settings)
    return [event for _, events in replay.turns() for event in events], replay


def a_day(tape: Tape) -> None:
    """A tag goes in, one parks in the store and leaves, labels pass, a reader fails and comes back, the wall clock is set."""
    for reader in ("dock", "store", "cam"):
        tape.session(reader)
    tape.turn()
    for step in range(40):
        tape.at_s += 0.05
        antenna = 1 if step < 22 else 2
        tape.hear("dock", r2000_tag(antenna, 7, -60 + min(step, 39 - step)) + b"\xa0\x13\x01")
        tape.at_s += 0.01
        tape.hear("dock", r2000_tag(3 - antenna, 7, -66)[3:] if step % 3 else b"")
        tape.hear("store", m100_tag(100, -55)[:9])
        if step % 4 == 0:
            tape.label(f"BOX-{step // 20}")
        tape.hear("store", m100_tag(100, -55)[9:])
        if step % 2:
            tape.turn()
    tape.wait(3)
    tape.step_ms += 3_600_000
    tape.recorder.clock_quality(ClockQuality.HOLDOVER)
    tape.engine.clock_quality = ClockQuality.HOLDOVER
    tape.wait(2)
    tape.feeds["store"].down("unplugged", 1.0)
    tape.wait(8)
    tape.session("store")
    tape.hear("store", m100_tag(101, -50) * 3)
    tape.wait(1)
    tape.hear("store", m100_tag(101, -50) * 3)
    tape.wait(8)
