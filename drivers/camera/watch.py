"""The two threads of one camera: one takes frames, one reads the labels in them. Neither ever holds up the event loop."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from drivers.api import Clock, Connected, Kind, LineNoise, Read, ReaderUnavailable, RefusedSetting, Sink
from drivers.camera.capture import Frame, Gate, Look, Newest, Pace, Source, grey, open_source
from drivers.camera.decode import Confirmation, Decoder, Effort

ALL_EVERY = 4  # moved frames: a second label, or one that only zbar or a sharpened copy shows, is worth 90 ms now and then


@dataclass(frozen=True, slots=True)
class Settings:
    """What to watch and how; checked by `reader.open_reader`."""

    name: str
    url: str
    login: str | None = field(repr=False)
    size: tuple[int, int]
    fps: float
    every_s: float
    symbologies: frozenset[str]


@dataclass(slots=True)
class Counters:
    """Of the current or last session."""

    grabbed: int = 0  # frames taken from the source
    looked: int = 0  # decoded and given to the gate
    read: int = 0  # given to the label decoder
    replaced: int = 0  # not read, because a newer one came first
    bad: int = 0  # could not be decoded
    found: int = 0  # labels decoded
    told: int = 0  # labels told as reads


class Watch:
    """One session with a camera. Made and ended on the event loop; `counters` may be read from anywhere."""

    def __init__(self, settings: Settings, clock: Clock, sink: Sink) -> None:
        self.counters = Counters()
        self._settings = settings
        self._clock = clock
        self._sink = sink
        self._stop = threading.Event()
        self._newest = Newest()
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._decoding = threading.Thread(target=self._run_decode, name=f"{settings.name} decode", daemon=True)
        self._capturing = threading.Thread(target=self._run_capture, name=f"{settings.name} capture", daemon=True)
        self._failure: BaseException | None = None

    async def run(self) -> None:
        """Watch until cancelled, and return only when both threads have ended and the camera is released.

        Raises ReaderUnavailable. A cancelled watch ends within capture.OPEN_TIMEOUT_S, as a rule at once.
        """
        self._decoding.start()
        self._capturing.start()
        cancelled: asyncio.CancelledError | None = None
        while not self._ended.done():
            try:
                await asyncio.shield(self._ended)
            except asyncio.CancelledError as exc:
                self._stop.set()
                cancelled = exc
        self._capturing.join()  # it has said that it is done, after the other one
        if self._failure is not None and not isinstance(self._failure, ReaderUnavailable):
            raise self._failure
        if cancelled is not None:
            raise cancelled
        raise self._failure or ReaderUnavailable(f"{self._settings.url} ended")

    # ---- in the threads

    def _run_capture(self) -> None:
        try:
            self._capture()
        except BaseException as exc:  # noqa: BLE001 - raised again by `run`
            self._failure = exc
        self._newest.close()
        self._decoding.join()  # what was taken is read before the end is told
        self._tell(self._ended.set_result, None)

    def _run_decode(self) -> None:
        try:
            self._decode()
        except BaseException as exc:  # noqa: BLE001 - raised again by `run`
            self._failure = exc
            self._stop.set()

    def _capture(self) -> None:
        settings, counters = self._settings, self.counters
        source = open_source(settings.url, settings.login, settings.size)
        try:
            self._announce(source)
            gate, pace = Gate(settings.every_s), Pace(source.frame_s, settings.fps)
            while not self._stop.wait(pace.wait_s()):
                if not source.grab():
                    what = "stopped sending frames" if source.frame_s is None else "ended"
                    raise ReaderUnavailable(f"{settings.url} {what}")
                counters.grabbed += 1
                mono_ns, wall_ms = self._clock.mono_ns(), self._clock.wall_ms()
                if not pace.look_due():
                    continue
                picture = source.picture()
                if picture is None:
                    counters.bad += 1
                    self._tell(self._sink.signal, LineNoise(counters.bad, 0))
                    continue
                counters.looked += 1
                look = gate.look(picture, mono_ns / 1e9)
                if look is not Look.NONE:
                    self._newest.put(Frame(grey(picture), look is Look.MOVED, mono_ns, wall_ms))
                    counters.replaced = self._newest.replaced
        finally:
            source.close()

    def _announce(self, source: Source) -> None:
        given = "{}x{}".format(*source.size)
        self._tell(self._sink.signal, Connected(model=f"camera {given}", firmware=""))
        if self._settings.url.startswith("/dev/") and source.size != self._settings.size:
            asked = "{}x{}".format(*self._settings.size)
            self._tell(self._sink.signal, RefusedSetting("size", f"{asked} asked, {given} given"))

    def _decode(self) -> None:
        decoder, confirmation, counters = Decoder(self._settings.symbologies), Confirmation(), self.counters
        if not decoder.second_opinion:
            why = "libzbar0 is not installed; damaged EAN labels are read less often"
            self._tell(self._sink.signal, RefusedSetting("zbar", why))
        moved = 0
        while (frame := self._newest.take()) is not None and not self._stop.is_set():
            counters.read += 1
            moved += frame.moved
            effort = Effort.QUICK if not frame.moved else Effort.ALL if moved % ALL_EVERY == 0 else Effort.TILTED
            labels = decoder.labels(frame.grey, effort)
            counters.found += len(labels)
            told = confirmation.take(labels, frame.mono_ns / 1e9)
            if told:
                counters.told += len(told)
                self._tell(self._sink.reads, [self._read(frame, label.payload, label.symbology) for label in told])

    def _read(self, frame: Frame, payload: bytes, symbology: str) -> Read:
        return Read(self._settings.name, 1, payload, Kind.BARCODE, frame.mono_ns, frame.wall_ms, symbology=symbology)

    def _tell(self, what: Callable[..., object], argument: object) -> None:
        try:
            self._loop.call_soon_threadsafe(what, argument)
        except RuntimeError:  # the loop is closed: nobody is left to hear it
            self._stop.set()
