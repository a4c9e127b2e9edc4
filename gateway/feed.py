"""One reader's way in: the sink it hands its reads to, and the record of how it is."""

import logging
from collections.abc import Callable

from drivers.api import (
    AntennaState,
    Clock,
    Connected,
    InputLevel,
    Kind,
    LineNoise,
    Read,
    RefusedSetting,
    Signal,
    Temperature,
)
from gateway.health import ReaderRow, ReaderState
from gateway.intake import Intake, Link
from gateway.location.site import Instant
from gateway.recording.recorder import OFF, Recorder
from identity.resolve import resolve_barcode, resolve_epc

log = logging.getLogger(__name__)

S_NS = 1_000_000_000


class Rate:
    """How many per minute lately: over `slots` slots of `slot_s` seconds, the last minute unless told otherwise."""

    def __init__(self, mono_ns: Callable[[], int], slot_s: int = 5, slots: int = 12) -> None:
        self._mono_ns = mono_ns
        self._slot_s = slot_s
        self._counts = [0] * slots
        self._now_slot = self._started_slot = self._slot()

    def add(self, count: int) -> None:
        self._turn()
        self._counts[self._now_slot % len(self._counts)] += count

    def per_min(self) -> float:
        """Return the rate over the window, or over the time since the start while that is shorter."""
        self._turn()
        covered = min(len(self._counts), self._now_slot - self._started_slot + 1)
        return sum(self._counts) * 60 / (covered * self._slot_s)

    def _slot(self) -> int:
        return self._mono_ns() // (self._slot_s * S_NS)

    def _turn(self) -> None:
        slot, slots = self._slot(), len(self._counts)
        for gone in range(self._now_slot + 1, min(slot, self._now_slot + slots) + 1):
            self._counts[gone % slots] = 0
        self._now_slot = slot


class Feed:
    """The sink of one reader. Calls return at once and never raise."""

    def __init__(self, name: str, driver: str, url: str, intake: Intake, clock: Clock, recorder: Recorder = OFF) -> None:
        self.name = name
        self.driver = driver
        self.url = without_login(url)
        self._intake = intake
        self._clock = clock
        self._recorder = recorder
        self._rate = Rate(clock.mono_ns)
        self._state = ReaderState.CONNECTING
        self._why = ""
        self._since_wall_ms = clock.wall_ms()
        self._next_try_ns: int | None = None
        self._last_read: Read | None = None
        self._reads_total = 0
        self._sessions = 0
        self._noise_before = LineNoise(0, 0)  # of the sessions that have ended
        self._noise = LineNoise(0, 0)
        self._antennas: dict[int, AntennaState] = {}
        self._refused: dict[str, str] = {}
        self._told_live = False  # as the engine takes it until told otherwise
        self._refused_why = ""  # while nothing this reader reads is taken

    # What the driver calls.

    def reads(self, batch: list[Read]) -> None:
        self._reads_total += len(batch)
        self._rate.add(len(batch))
        if batch:
            self._last_read = batch[-1]
            self._recorder.reads(self.name, batch, self._intake.refuse(batch) if self._refused_why else self._intake.put(batch))

    def signal(self, signal: Signal) -> None:
        match signal:
            case Connected(model, firmware):
                self._sessions += 1
                self._enter(ReaderState.UP, "")
                log.info("reader %s: up, %s %s", self.name, model, firmware)
            case AntennaState(antenna, ok, why):
                before = self._antennas.get(antenna)
                self._antennas[antenna] = signal
                if before is None or before.ok != ok:
                    log.log(logging.INFO if ok else logging.WARNING, "reader %s: antenna %d: %s", self.name, antenna, why or "ok")
                self._tell_engine()
            case RefusedSetting(setting, why):
                self._refused[setting] = why
                log.warning("reader %s: refuses %s: %s; it goes on with its own value", self.name, setting, why)
            case LineNoise():
                self._noise = signal
            case InputLevel() | Temperature():
                pass

    # What the supervisor calls.

    def trying(self) -> None:
        """A session begins. A reader that was down stays down in people's eyes until it is up."""
        self._recorder.session(self.name)
        self._noise_before = self._noise_total()
        self._noise = LineNoise(0, 0)
        self._antennas.clear()
        self._refused.clear()
        self._next_try_ns = None

    def down(self, why: str, next_try_s: float) -> None:
        self._enter(ReaderState.DOWN, why)
        self._next_try_ns = self._clock.mono_ns() + int(next_try_s * 1e9)

    def misconfigured(self, why: str) -> None:
        self._enter(ReaderState.MISCONFIGURED, why)
        self._next_try_ns = None

    # What the pipeline says.

    def refuse(self, why: str) -> None:
        """Take no reads as long as there is a reason: the reader is down for everybody who asks. Empty: go on."""
        if bool(why) != bool(self._refused_why):
            self._since_wall_ms = self._clock.wall_ms()
        self._refused_why = why
        self._tell_engine()

    # What the rest of the gateway asks.

    @property
    def live(self) -> bool:
        """It would tell if a tag were there: its silence means something."""
        return self._state is ReaderState.UP and not self._refused_why and all(antenna.ok for antenna in self._antennas.values())

    def row(self) -> ReaderRow:
        last, noise = self._last_read, self._noise_total()
        next_try_s = None if self._next_try_ns is None else max(0.0, (self._next_try_ns - self._clock.mono_ns()) / 1e9)
        return ReaderRow(
            name=self.name,
            driver=self.driver,
            url=self.url,
            state=ReaderState.DOWN if self._state is ReaderState.UP and self._refused_why else self._state,
            why=self._why
            or self._refused_why
            or "; ".join(f"refuses {setting}: {why}" for setting, why in self._refused.items()),
            since_wall_ms=self._since_wall_ms,
            last_read_wall_ms=None if last is None else last.rx_wall_ms,
            last_identity="" if last is None else shown(last),
            reads_total=self._reads_total,
            reads_per_min=self._rate.per_min(),
            reconnects=max(0, self._sessions - 1),
            rejected_frames=noise.rejected_frames,
            skipped_bytes=noise.skipped_bytes,
            antennas=tuple(self._antennas[antenna] for antenna in sorted(self._antennas)),
            next_try_s=next_try_s,
        )

    @property
    def reads_per_min(self) -> float:
        return self._rate.per_min()

    def _enter(self, state: ReaderState, why: str) -> None:
        if state is not self._state:
            self._state = state
            self._since_wall_ms = self._clock.wall_ms()
        self._why = why
        self._tell_engine()

    def _tell_engine(self) -> None:
        if self.live != self._told_live:
            self._told_live = self.live
            now = Instant(self._clock.mono_ns(), self._clock.wall_ms())
            self._intake.put_link(Link(self.name, self.live, now))
            self._recorder.link(self.name, self.live, now)

    def _noise_total(self) -> LineNoise:
        before, now = self._noise_before, self._noise
        return LineNoise(before.rejected_frames + now.rejected_frames, before.skipped_bytes + now.skipped_bytes)


def without_login(url: str) -> str:
    """Return the address without user and password: drivers refuse one with them, and still it must not show."""
    scheme, mark, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{mark}{authority.rpartition('@')[2]}{slash}{path}" if mark else url


def shown(read: Read) -> str:
    """Return what the tag or label says, for people."""
    found = resolve_barcode(read.raw, read.symbology) if read.kind is Kind.BARCODE else resolve_epc(read.raw, read.pc)
    return found.key
