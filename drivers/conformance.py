"""What every driver must pass, for its author to run: plain functions that raise AssertionError. Needs no test framework.

for check in CODEC_CHECKS: check(candidate, random.Random(1))
for check in SESSION_CHECKS: await check(candidate, directory)      # ptys are made in `directory`
"""

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import serial

from drivers.api import (
    Action,
    Clock,
    LineNoise,
    OpenReader,
    Read,
    Reader,
    ReaderMisconfigured,
    ReaderUnavailable,
    Signal,
    Tap,
    Verb,
    Wiring,
)
from drivers.emulated_device import Burst, EmulatedDevice, Field, TagInField
from drivers.emulated_line import EmulatedPty, Line, Weather, attached
from drivers.session import Decoder, HasCodec

SYSTEM_CLOCK = Clock(mono_ns=time.monotonic_ns, wall_ms=lambda: time.time_ns() // 1_000_000)
PATIENCE_S = 10.0
TAGS = (TagInField(bytes.fromhex("30751feb705c5904e3d50d70"), -55), TagInField(bytes.fromhex("e28069150000501d63e2a04f"), -46))
MONO_NS, WALL_MS = 1_000, 2_000


@dataclass(frozen=True)
class Candidate:
    """A driver, and what the checks need to know of it.

    `frames` are good frames as the device sends them, tags and answers mixed; `max_held_bytes` is how long the codec says it can
    hold a good frame back. `unworkable` are a device and options that it cannot work with.
    """

    open_reader: OpenReader
    device: Callable[[Field], EmulatedDevice]
    decoder: Callable[[], Decoder[Any]]
    frames: Sequence[bytes]
    max_held_bytes: int
    options: Mapping[str, object]
    wrong_options: Sequence[Mapping[str, object]]
    unworkable: Sequence[tuple[Callable[[], EmulatedDevice], Mapping[str, object]]]


class Recorder:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.batches: list[list[Read]] = []
        self.signals: list[Signal] = []
        self._changed = asyncio.Event()

    @property
    def all_reads(self) -> list[Read]:
        return [read for batch in self.batches for read in batch]

    def reads(self, batch: list[Read]) -> None:
        self.batches.append(batch)
        self._changed.set()

    def signal(self, signal: Signal) -> None:
        self.signals.append(signal)
        self._changed.set()

    async def until(self, wanted: Callable[["Recorder"], object], what: str, patience_s: float = PATIENCE_S) -> None:
        """Wait until `wanted(self)` is true. Raises AssertionError naming `what` after `patience_s`."""
        deadline = time.monotonic() + patience_s
        while not wanted(self):
            self._changed.clear()
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    await self._changed.wait()
            except TimeoutError:
                raise AssertionError(f"{what} did not come within {patience_s:g} s; signals: {self.signals}") from None


# ---- the codec


def check_any_split(candidate: Candidate, rng: random.Random) -> None:
    """However the bytes are cut into chunks, the same reads and answers come out."""
    stream = b"".join(candidate.frames)
    whole = _decoded(candidate, [stream])
    assert len(whole[0]) + len(whole[1]) == len(candidate.frames), "not every good frame came out"
    cuts = [range(1, len(stream)), *([cut] for cut in range(1, len(stream)))]
    cuts += [sorted(rng.sample(range(1, len(stream)), rng.randint(2, 8))) for _ in range(50)]
    for cut in cuts:
        edges = [0, *cut, len(stream)]
        chunks = [stream[start:end] for start, end in itertools.pairwise(edges)]
        assert _decoded(candidate, chunks) == whole, f"cut at {list(cut)[:10]} it reads otherwise"


def check_noise_costs_no_frame(candidate: Candidate, rng: random.Random) -> None:
    """Noise before, between and behind good frames may delay them, not cost them: `feed`, then `flush`."""
    good = _decoded(candidate, candidate.frames)
    frames_by_chance = 0
    for _ in range(300):
        chunks = [piece for frame in candidate.frames for piece in (_noise(candidate, rng), frame)]
        got = _decoded(candidate, [*chunks, _noise(candidate, rng)])
        if len(got[0]) > len(good[0]) or len(got[1]) > len(good[1]):
            frames_by_chance += 1  # the noise was a frame of its own
            continue
        assert got == good, f"noise cost a frame: {b''.join(chunks).hex()}"
    assert frames_by_chance < 30, "every tenth noise passes for a frame: the codec checks too little"


def check_a_false_header_holds_back_no_longer_than_stated(candidate: Candidate, rng: random.Random) -> None:
    """The start of a frame that never ends must not silence the reader for longer than `max_held_bytes`."""
    for frame in candidate.frames:
        for cut in range(1, len(frame)):
            decoder = candidate.decoder()
            decoder.feed(frame[:cut], MONO_NS, WALL_MS)
            held, came = 0, 0
            while not came:
                assert held <= candidate.max_held_bytes, (
                    f"{frame[:cut].hex()} holds back more than {candidate.max_held_bytes} bytes"
                )
                following = rng.choice(candidate.frames)
                reads, answers = decoder.feed(following, MONO_NS, WALL_MS)
                came = len(reads) + len(answers)
                held += len(following)


def check_garbage_is_counted(candidate: Candidate, rng: random.Random) -> None:
    """Every byte is part of a frame or counted as skipped; nothing is held after `flush`; nothing raises."""
    for size in (1, 10, 1000, 20_000):
        decoder = candidate.decoder()
        garbage = rng.randbytes(size).replace(b"\xa0", b"\xa1") if size == 1 else rng.randbytes(size)
        reads, answers = decoder.feed(garbage, MONO_NS, WALL_MS)
        late_reads, late_answers = decoder.flush(MONO_NS, WALL_MS)
        assert not decoder.holding, "bytes are held after flush"
        assert decoder.skipped_bytes <= size
        if not (reads or answers or late_reads or late_answers):
            assert decoder.skipped_bytes == size, "some garbage is not counted"


def _decoded(candidate: Candidate, chunks: Sequence[bytes]) -> tuple[list[Read], list[Any]]:
    decoder = candidate.decoder()
    results = [decoder.feed(chunk, MONO_NS, WALL_MS) for chunk in chunks]
    results.append(decoder.flush(MONO_NS, WALL_MS))
    return [read for reads, _ in results for read in reads], [answer for _, answers in results for answer in answers]


def _noise(candidate: Candidate, rng: random.Random) -> bytes:
    """Return nothing, random bytes, or part of a good frame, which is the worst noise there is."""
    frame = rng.choice(candidate.frames)
    return rng.choice((b"", rng.randbytes(rng.randint(1, 40)), frame[: rng.randrange(len(frame))], frame[1:]))


CODEC_CHECKS: tuple[Callable[[Candidate, random.Random], None], ...] = (
    check_any_split,
    check_noise_costs_no_frame,
    check_a_false_header_holds_back_no_longer_than_stated,
    check_garbage_is_counted,
)


# ---- the session


async def check_reads_arrive(candidate: Candidate, directory: Path) -> None:
    """Every tag in the field is read, with its strength, in non-empty batches."""
    async with _session(candidate, directory) as (sink, _, _, _):
        await sink.until(_has_all_tags, "a read of every tag")
    strengths = {tag.epc: tag.rssi_dbm for tag in TAGS}
    assert all(read.rssi_dbm == strengths[read.raw] for read in sink.all_reads)
    assert all(sink.batches), "an empty batch costs a hop and says nothing"


async def check_a_bad_line_only_delays(candidate: Candidate, directory: Path) -> None:
    """On a line that tears and adds garbage all tags are read, and the garbage is told."""
    weather = Weather(random.Random(7), noise=0.3, max_noise_bytes=12, tear_bytes=5, delay_s=0.002)  # noqa: S311
    async with _session(candidate, directory, weather=weather) as (sink, _, _, session):
        await sink.until(lambda s: _has_all_tags(s) or session.done(), "a read of every tag")
        await sink.until(lambda s: any(isinstance(x, LineNoise) for x in s.signals) or session.done(), "a word about the noise")
    assert _has_all_tags(sink), f"the session ended: {session}"
    assert {read.raw for read in sink.all_reads} == {tag.epc for tag in TAGS}, "noise was taken for a tag"


async def check_recorded_bytes_read_the_same(candidate: Candidate, directory: Path) -> None:
    """What the tap sees, given to a new codec, makes the same reads with the same times, however bad the line is."""
    told: list[tuple[bytes, int, int, bytes]] = []
    weather = Weather(random.Random(8), noise=0.2, max_noise_bytes=12, tear_bytes=5, delay_s=0.002)  # noqa: S311
    async with _session(candidate, directory, weather=weather, tap=lambda *seen: told.append(seen)) as (sink, reader, _, session):
        await sink.until(lambda s: _has_all_tags(s) or session.done(), "a read of every tag")
    assert isinstance(reader, HasCodec), "a reader of serial frames has `decoder`, or nobody can replay a recording of it"
    codec, again = reader.decoder(), list[Read]()
    for data, mono_ns, wall_ms, set_up in told:
        if codec.set_up != set_up:
            codec.set_up = set_up
        again += (codec.feed(data, mono_ns, wall_ms) if data else codec.flush(mono_ns, wall_ms))[0]
    assert again == sink.all_reads


async def check_a_hang_up_is_unavailable(candidate: Candidate, directory: Path) -> None:
    """Wherever the line is cut, `run` raises ReaderUnavailable, and the reader works again when it is plugged in again."""
    for bursts in range(24):
        async with _session(candidate, directory, cut_after=bursts) as (sink, reader, line, session):
            await _ended(session, ReaderUnavailable)
            line.plug()
            again = asyncio.create_task(reader.run(sink))
            sink.batches.clear()
            if bursts % 8 == 0:
                await sink.until(lambda s: s.batches, "a read after plugging in again")
            again.cancel()
            await asyncio.wait([again])


async def check_no_device_is_unavailable(candidate: Candidate, directory: Path) -> None:
    reader = candidate.open_reader(Wiring("missing", str(directory / "missing"), candidate.options, SYSTEM_CLOCK))
    await _ended(asyncio.create_task(reader.run(Recorder())), ReaderUnavailable)
    with contextlib.suppress(ReaderUnavailable):
        await reader.act(Action(Verb.START))
        raise AssertionError("an action without a session must raise ReaderUnavailable")


async def check_wrong_settings_are_misconfigured(candidate: Candidate, directory: Path) -> None:
    """Wrong options are found without a device; those that only the device can refuse end the session."""
    for options in candidate.wrong_options:
        with contextlib.suppress(ReaderMisconfigured):
            candidate.open_reader(Wiring("wrong", str(directory / "x"), options, SYSTEM_CLOCK))
            raise AssertionError(f"{options} was accepted")
    for make_device, options in candidate.unworkable:
        async with _session(candidate, directory, device=make_device(), options=options) as (_, _, _, session):
            await _ended(session, ReaderMisconfigured)


async def check_cancelling_releases_the_port(candidate: Candidate, directory: Path) -> None:
    """Cancelled at any moment, the port is free when `run` has returned, and no descriptor is left."""
    device = candidate.device(lambda _: TAGS)
    line = EmulatedPty(directory / "reader")
    async with attached(device, line):
        before = _descriptors()
        for after_s in (None, 0.0, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.1, 0.3):
            session = asyncio.create_task(_open(candidate, line).run(Recorder()))
            if after_s is not None:
                await asyncio.sleep(after_s)
            session.cancel()
            await asyncio.wait([session])
            assert session.cancelled(), f"cancelling after {after_s} s ended in {session}"
            await asyncio.sleep(0.02)  # the loop forgets its own descriptors a moment later
            serial.Serial(line.url, exclusive=True).close()
            assert _descriptors() == before, f"cancelling after {after_s} s left a descriptor open"


SESSION_CHECKS: tuple[Callable[[Candidate, Path], Awaitable[None]], ...] = (
    check_reads_arrive,
    check_a_bad_line_only_delays,
    check_recorded_bytes_read_the_same,
    check_a_hang_up_is_unavailable,
    check_no_device_is_unavailable,
    check_wrong_settings_are_misconfigured,
    check_cancelling_releases_the_port,
)


class _CutAfter:
    """A device whose line is cut when it has said so many bursts."""

    def __init__(self, device: EmulatedDevice, line: Line, bursts: int) -> None:
        self._device = device
        self._line = line
        self._left = bursts
        self.receive = device.receive
        self.power_cycle = device.power_cycle

    def step(self) -> Burst | None:
        burst = self._device.step()
        if burst is not None and burst.data:
            self._left -= 1
            if self._left == -1:
                self._line.unplug()
        return burst


def _open(candidate: Candidate, line: Line, options: Mapping[str, object] | None = None, tap: Tap | None = None) -> Reader:
    return candidate.open_reader(Wiring("reader", line.url, candidate.options if options is None else options, SYSTEM_CLOCK, tap))


@contextlib.asynccontextmanager
async def _session(
    candidate: Candidate,
    directory: Path,
    *,
    device: EmulatedDevice | None = None,
    options: Mapping[str, object] | None = None,
    weather: Weather | None = None,
    cut_after: int | None = None,
    tap: Tap | None = None,
) -> AsyncIterator[tuple[Recorder, Reader, Line, "asyncio.Task[None]"]]:
    line = EmulatedPty(directory / "reader", weather=weather)
    device = device or candidate.device(lambda _: TAGS)
    sink = Recorder()
    async with attached(device if cut_after is None else _CutAfter(device, line, cut_after), line):
        reader = _open(candidate, line, options, tap)
        session = asyncio.create_task(reader.run(sink))
        try:
            yield sink, reader, line, session
        finally:
            session.cancel()
            await asyncio.wait([session])


async def _ended(session: "asyncio.Task[None]", how: type[Exception]) -> None:
    """Wait until the session has raised `how`, with words in it."""
    done, _ = await asyncio.wait([session], timeout=PATIENCE_S)
    assert done, f"the session went on for {PATIENCE_S:g} s"
    assert isinstance(session.exception(), how), f"{session.exception()!r} instead of {how.__name__}"
    assert str(session.exception()), "it must say what failed and what to do"


def _descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def _has_all_tags(sink: Recorder) -> bool:
    return {tag.epc for tag in TAGS} <= {read.raw for read in sink.all_reads}
