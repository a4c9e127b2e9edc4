"""A camera session against a real MJPEG server, a real recording and what can go wrong with either."""

import asyncio
import itertools
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import cv2
import pytest
from cv2.typing import MatLike

from drivers.api import Connected, Kind, Reader, ReaderUnavailable, Wiring
from drivers.camera import capture, labels
from drivers.camera.emulator import MjpegCamera, mjpeg_camera
from drivers.camera.reader import CameraReader, open_reader
from drivers.camera.rtsp_emulator import rtsp_camera
from drivers.conformance import SYSTEM_CLOCK, Recorder

KINDS = [
    ("code128", "ARNL000001", b"ARNL000001", "]C0"),
    ("qr", "https://id.gs1.org/8004/06141415678", b"https://id.gs1.org/8004/06141415678", "]Q1"),
    ("datamatrix", "(8004)06141415678", b"800406141415678", "]d2"),
]


class Scene:
    """A belt that the test lays labels on."""

    def __init__(self, width: int = 640, height: int = 480) -> None:
        self.belt = labels.Belt(width, height)
        self.lying: MatLike | None = None
        self.tilt_deg = 7.0

    def __call__(self) -> MatLike:
        return self.belt.picture(self.lying, tilt_deg=self.tilt_deg)


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
async def camera(scene: Scene) -> AsyncIterator[MjpegCamera]:
    async with mjpeg_camera(scene, fps=15) as running:
        yield running


def reader_of(url: str, **options: object) -> CameraReader:
    reader = open_reader(Wiring("belt-cam", url, options, SYSTEM_CLOCK))
    assert isinstance(reader, CameraReader)
    return reader


async def cancelled(task: asyncio.Task[None]) -> float:
    """Cancel, wait for the end, return how long it took."""
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return time.monotonic() - began


def camera_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("belt-cam")]


async def test_each_kind_of_label_becomes_a_read_within_a_second(camera: MjpegCamera, scene: Scene) -> None:
    reader, sink = reader_of(camera.url), Recorder()
    running = asyncio.create_task(reader.run(sink))
    await sink.until(lambda s: s.signals, "the first frame", 2.0)
    assert sink.signals == [Connected(model="camera 640x480", firmware="")]
    for symbology, content, payload, aim in KINDS:
        scene.lying = labels.label(content, symbology, module_px=2)
        laid_ns, laid_ms, before = time.monotonic_ns(), time.time_ns() // 1_000_000, len(sink.all_reads)
        await sink.until(lambda s, n=before: len(s.all_reads) > n, symbology, 1.2)  # type: ignore[misc]
        read = sink.all_reads[-1]
        assert (read.raw, read.symbology, read.kind, read.antenna, read.reader) == (payload, aim, Kind.BARCODE, 1, "belt-cam")
        assert laid_ns <= read.rx_mono_ns <= time.monotonic_ns()
        assert laid_ms <= read.rx_wall_ms <= time.time_ns() // 1_000_000
    assert {read.raw for read in sink.all_reads} == {payload for _, _, payload, _ in KINDS}
    assert reader.counters is not None
    assert reader.counters.told == len(sink.all_reads)
    await cancelled(running)


async def test_an_empty_belt_gives_nothing_and_is_hardly_looked_at(camera: MjpegCamera) -> None:
    reader, sink = reader_of(camera.url, every_s=0.5), Recorder()
    running = asyncio.create_task(reader.run(sink))
    await asyncio.sleep(2.5)
    await cancelled(running)
    assert sink.all_reads == []
    assert reader.counters is not None
    assert reader.counters.looked > 12
    assert 4 <= reader.counters.read <= 14  # the first four, then two each half second


async def test_a_label_that_lies_still_is_told_about_once_a_second(camera: MjpegCamera, scene: Scene) -> None:
    scene.lying, scene.tilt_deg = labels.label("ARNL000001", "code128", module_px=2), 0
    sink = Recorder()
    running = asyncio.create_task(reader_of(camera.url).run(sink))
    await sink.until(lambda s: len(s.all_reads) >= 3, "three reads", 6.0)
    await cancelled(running)
    times = [read.rx_mono_ns for read in sink.all_reads]
    assert all(later - earlier >= 1e9 for earlier, later in itertools.pairwise(times))


async def test_unplugging_ends_the_session_and_plugging_in_heals(camera: MjpegCamera, scene: Scene) -> None:
    reader, sink = reader_of(camera.url), Recorder()
    running = asyncio.create_task(reader.run(sink))
    await sink.until(lambda s: s.signals, "the first frame", 2.0)
    await camera.unplug()
    with pytest.raises(ReaderUnavailable, match="stopped sending frames"):
        await asyncio.wait_for(running, 2.0)
    with pytest.raises(ReaderUnavailable, match="Connection refused"):
        await reader.run(sink)
    await camera.plug_in()
    scene.lying = labels.label("ARNL000001", "code128", module_px=2)
    running = asyncio.create_task(reader.run(sink))
    await sink.until(lambda s: s.all_reads, "a read after plugging in", 2.0)
    await cancelled(running)


async def test_a_camera_that_stalls_is_down_after_a_while(camera: MjpegCamera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "READ_TIMEOUT_S", 1.0)
    sink = Recorder()
    running = asyncio.create_task(reader_of(camera.url).run(sink))
    await sink.until(lambda s: s.signals, "the first frame", 2.0)
    camera.stalled = True
    began = time.monotonic()
    with pytest.raises(ReaderUnavailable, match="stopped sending frames"):
        await asyncio.wait_for(running, 3.0)
    assert 0.5 < time.monotonic() - began < 2.0


async def test_cancelling_releases_camera_and_threads_at_once(camera: MjpegCamera) -> None:
    for wait_s in (0.0, 0.01, 0.05, 0.3):
        running = asyncio.create_task(reader_of(camera.url).run(Recorder()))
        await asyncio.sleep(wait_s)
        assert await cancelled(running) < 1.0
        assert camera_threads() == []
    await asyncio.sleep(0.1)
    assert camera.viewers == 0


async def test_cancelling_twice_still_releases(camera: MjpegCamera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "READ_TIMEOUT_S", 1.0)
    sink = Recorder()
    running = asyncio.create_task(reader_of(camera.url).run(sink))
    await sink.until(lambda s: s.signals, "the first frame", 2.0)
    camera.stalled = True
    await asyncio.sleep(0.2)
    running.cancel()
    await asyncio.sleep(0.05)
    await cancelled(running)
    assert camera_threads() == []


async def test_what_cannot_be_opened_says_why(tmp_path: Path, camera: MjpegCamera) -> None:
    (tmp_path / "text.mp4").write_text("this is no video")
    (tmp_path / "empty.avi").touch()
    cases = [
        (str(tmp_path / "missing.mp4"), "no such file"),
        (str(tmp_path / "text.mp4"), "no video that can be decoded"),
        (f"file://{tmp_path}/empty.avi", "no video that can be decoded"),
        ("/dev/v4l/by-id/usb-none", "is not there; check that the camera is plugged in"),
        ("/dev/null", "no video that can be decoded"),
        (camera.url + "x", "no video that can be decoded"),
        ("http://localhost.invalid/", "check the camera's power and network"),
    ]
    for url, why in cases:
        with pytest.raises(ReaderUnavailable, match=why):
            await reader_of(url).run(Recorder())


async def test_the_login_reaches_the_camera_and_no_message(tmp_path: Path) -> None:
    login = tmp_path / "login"
    login.write_text("admin:p@ss/word\n")
    login.chmod(0o600)
    asked: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="cam"\r\nContent-Length: 0\r\n\r\n')
        except asyncio.IncompleteReadError:
            pass  # only looked whether somebody is there
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/stream"
    with pytest.raises(ReaderUnavailable) as caught:
        await reader_of(url, login_file=str(login)).run(Recorder())
    server.close()
    await server.wait_closed()
    assert any(b"Authorization: Basic YWRtaW46cEBzcy93b3Jk\r\n" in request for request in asked)
    assert "p@ss" not in str(caught.value)
    assert "p%40ss" not in str(caught.value)


def recording(path: Path, pictures: list[MatLike], fps: float) -> str:
    height, width = pictures[0].shape
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (width, height), isColor=False)
    for picture in pictures:
        video.write(picture)
    video.release()
    return str(path)


async def test_a_recording_plays_in_real_time_and_ends(tmp_path: Path) -> None:
    belt, pictures = labels.Belt(640, 480), []
    for symbology, content, _, _ in KINDS:
        lying = labels.label(content, symbology, module_px=2)
        pictures += [belt.picture(lying, tilt_deg=-5, at=(0.4 + step / 60, 0.5)) for step in range(10)]
        pictures += [belt.picture() for _ in range(3)]
    url = recording(tmp_path / "belt.avi", pictures, fps=15)
    reader, sink = reader_of(url), Recorder()
    began = time.monotonic()
    with pytest.raises(ReaderUnavailable, match=r"belt\.avi ended"):
        await reader.run(sink)
    assert time.monotonic() - began == pytest.approx(len(pictures) / 15, abs=0.6)
    assert reader.counters is not None
    assert reader.counters.grabbed == len(pictures)
    assert [read.raw for read in sink.all_reads] == [payload for _, _, payload, _ in KINDS]


async def test_what_was_taken_before_the_end_is_still_read(tmp_path: Path) -> None:
    belt, lying = labels.Belt(640, 480), labels.label("ARNL000001", "code128", module_px=2)
    url = recording(tmp_path / "short.avi", [belt.picture(), belt.picture(lying), belt.picture(lying)], fps=5)
    sink = Recorder()
    with pytest.raises(ReaderUnavailable, match="ended"):
        await reader_of(url).run(sink)
    assert [read.raw for read in sink.all_reads] == [b"ARNL000001"]


@pytest.fixture
def long_recording(tmp_path: Path) -> bytes:
    belt = labels.Belt(320, 240)
    return Path(recording(tmp_path / "long.avi", [belt.picture() for _ in range(300)], fps=30)).read_bytes()


async def test_a_sender_that_floods_cannot_take_a_core(long_recording: bytes) -> None:
    """A web server that hands out a recording as fast as it can is slowed down by not reading it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: video/avi\r\nConnection: close\r\n\r\n" + long_recording)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    reader = reader_of(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/long.avi")
    running = asyncio.create_task(reader.run(Recorder()))
    await asyncio.sleep(1.5)
    await cancelled(running)
    server.close()
    await server.wait_closed()
    assert reader.counters is not None
    assert 60 < reader.counters.grabbed <= 1.6 * capture.MAX_GRABS_PER_S


async def test_the_loop_does_not_wait_while_full_hd_is_read() -> None:
    """A picture of an empty belt takes 60 to 200 ms of decoding. On the loop, most ticks would be that late."""
    scene = Scene(1920, 1080)
    rendered = [scene() for _ in range(4)]
    for number, picture in enumerate(rendered):
        cv2.circle(picture, (200 * number + 200, 500), 90, (240,), -1)  # something moves, so every frame is worth reading
    taken = 0

    def film() -> MatLike:
        nonlocal taken
        taken += 1
        return rendered[taken % 4]

    async with mjpeg_camera(film, fps=15) as running_camera:
        reader = reader_of(running_camera.url, fps=15)
        running = asyncio.create_task(reader.run(Recorder()))
        late_s = []
        ends_at = time.monotonic() + 2.0
        while (now := time.monotonic()) < ends_at:
            await asyncio.sleep(0.005)
            late_s.append(time.monotonic() - now - 0.005)
        await cancelled(running)
    assert reader.counters is not None
    assert reader.counters.read > 3
    late_s.sort()
    assert late_s[len(late_s) * 9 // 10] < 0.02


async def test_a_slow_decoder_gets_the_newest_frame(monkeypatch: pytest.MonkeyPatch, camera: MjpegCamera, scene: Scene) -> None:
    """Frames do not queue up: what is read is at most as old as one decode."""
    real: Callable[..., list[object]] = capture.Newest.take  # type: ignore[assignment]

    def slow(newest: capture.Newest) -> object:
        time.sleep(0.4)
        return real(newest)

    monkeypatch.setattr(capture.Newest, "take", slow)
    numbers = iter(range(10_000))
    film = scene.belt.picture
    monkeypatch.setattr(
        scene.belt, "picture", lambda *_a, **_k: cv2.circle(film(), (next(numbers) % 60 * 10, 240), 60, (255,), -1)
    )
    reader: Reader = reader_of(camera.url)
    running = asyncio.create_task(reader.run(Recorder()))
    await asyncio.sleep(2.0)
    await cancelled(running)
    assert isinstance(reader, CameraReader)
    assert reader.counters is not None
    assert reader.counters.replaced > 5
    assert reader.counters.read <= 6


async def test_an_rtsp_camera_is_read_and_can_be_unplugged(scene: Scene) -> None:
    scene.lying = labels.label("(8004)06141415678", "datamatrix", module_px=3)
    async with rtsp_camera(scene, fps=15) as streaming:
        sink = Recorder()
        running = asyncio.create_task(reader_of(streaming.url).run(sink))
        await sink.until(lambda s: s.all_reads, "a read", 5.0)
        assert sink.signals == [Connected(model="camera 640x480", firmware="")]
        assert (sink.all_reads[0].raw, sink.all_reads[0].symbology) == (b"800406141415678", "]d2")
        streaming.unplug()
        with pytest.raises(ReaderUnavailable, match="stopped sending frames"):
            await asyncio.wait_for(running, 2.0)


async def test_a_silent_server_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "OPEN_TIMEOUT_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(ReaderUnavailable):
            await reader_of(f"http://127.0.0.1:{silent.getsockname()[1]}/x").run(Recorder())
        assert time.monotonic() - began < 2.5
