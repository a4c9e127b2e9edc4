"""The status page on a real socket: taken ports, streams that end, peers that behave badly."""

import asyncio
import contextlib
import itertools
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from gateway.health import DoorView, Snapshot
from gateway.status.server import MAX_CONNECTIONS, CannotListen, build_app, listen, serve, serve_status
from gateway.status.stream import MAX_STREAMS
from host import impatient_http
from tests import status_samples


class Served:
    """A page that runs, how often its snapshot was taken, and its address."""

    def __init__(self, port: int, stop: asyncio.Event) -> None:
        self.port = port
        self.stop = stop
        self.snapshots = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def served(sample: Callable[[], Snapshot] = status_samples.well, tick_s: float = 0.05) -> AsyncIterator[Served]:
    stop = asyncio.Event()
    listener = listen("127.0.0.1", 0)
    page = Served(listener.getsockname()[1], stop)

    def snapshot() -> Snapshot:
        page.snapshots += 1
        return sample()

    serving = asyncio.create_task(serve(listener, build_app(snapshot, stop, tick_s=tick_s), stop))
    try:
        yield page
    finally:
        stop.set()
        await serving


async def opened_stream(page: Served) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", page.port)
    writer.write(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
    status = await reader.readline()
    assert status == b"HTTP/1.1 200 OK\r\n"
    await reader.readuntil(b"retry: 2000\n\n")
    return reader, writer


async def test_a_door_is_shown_by_its_name_and_every_other_name_gets_a_sentence() -> None:
    asked = []

    def door(name: str) -> DoorView | None:
        asked.append(name)
        return status_samples.door() if name == "door-3" else None

    stop = asyncio.Event()
    listener = listen("127.0.0.1", 0)
    serving = asyncio.create_task(serve(listener, build_app(status_samples.well, stop, door=door), stop))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
        shown = await client.get("/doors/door%2D3?show=held&before=7")
        assert shown.status_code == 200
        assert shown.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in shown.headers["content-security-policy"]
        assert 'id="e6"' in shown.text
        assert 'id="e7"' not in shown.text
        record = (await client.get("/doors/door-3.json")).json()
        assert record["row"] == {
            "name": "door-3", "from_zone": "yard", "to_zone": "hall-a", "passed_in": 199, "passed_out": 1, "unknown": 1,
            "last_wall_ms": status_samples.NOW - 20_000,
        }  # fmt: skip
        session = record["passages"][0]["sessions"][0]
        assert session["samples"][0] == {"at_ms": 0, "side": "outside", "reads": 2, "rssi_dbm": -66}
        assert (session["way"], session["errors"], session["needed"]) == ("in", 3.2, 1.6)
        for nowhere in ("/doors/dock", "/doors/dock.json", "/doors/%3Cb%3E%0A%E2%80%AE", f"/doors/{'x' * 5000}"):
            refused = await client.get(nowhere)
            assert refused.status_code == 404
            assert refused.headers["content-type"] == "text/plain; charset=utf-8"
            assert "Its doors: door-3, gate. Its page is at /" in refused.text
            assert len(refused.text) < 300
            assert not [c for c in refused.text if not (c.isprintable() or c == "\n")]
        assert (await client.get("/doors/")).status_code == 404
        assert (await client.get("/doors/a/b")).status_code == 404
    stop.set()
    await serving
    assert max(map(len, asked)) <= 40, "a name is bounded before anybody looks for it"


async def test_a_taken_port_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(
            CannotListen, match=f"port {port} of 127.0.0.1 is taken by another program.*\\[status\\] in gateway.toml"
        ):
            await serve_status("127.0.0.1", port, build_app(status_samples.well, asyncio.Event()), asyncio.Event())


@pytest.mark.parametrize(
    ("host", "why"), [("192.0.2.7", "no address of this machine"), ("no-such-name.invalid", "cannot listen on")]
)
def test_an_address_that_is_not_ours_is_a_sentence(host: str, why: str) -> None:
    with pytest.raises(CannotListen, match=why):
        listen(host, 0)


async def test_the_port_is_free_again_at_once() -> None:
    async with served() as page, httpx.AsyncClient() as client:
        assert (await client.get(f"{page.url}/healthz")).text == "alive\n"
        port = page.port
    listen("127.0.0.1", port).close()


async def test_ipv6_loopback_works() -> None:
    stop = asyncio.Event()
    listener = listen("::1", 0)
    serving = asyncio.create_task(serve(listener, build_app(status_samples.well, stop), stop))
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://[::1]:{listener.getsockname()[1]}/")
    assert answer.status_code == 200
    stop.set()
    await serving


async def test_open_streams_end_with_a_word_within_two_seconds_of_the_stop() -> None:
    async with served(tick_s=30.0) as page:
        streams = [await opened_stream(page) for _ in range(3)]
        started = time.monotonic()
        page.stop.set()
        for reader, writer in streams:
            rest = await reader.read()
            assert b"event: bye" in rest
            writer.close()
            await writer.wait_closed()
        assert time.monotonic() - started < 2.0


async def test_a_peer_that_never_reads_is_sent_no_more_and_does_not_hold_up_the_stop() -> None:
    moments = itertools.count(status_samples.NOW, 1000)
    async with served(lambda: status_samples.well(next(moments)), tick_s=0.001) as page:
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.setblocking(False)
        await asyncio.get_running_loop().sock_connect(deaf, ("127.0.0.1", page.port))
        await asyncio.get_running_loop().sock_sendall(deaf, b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        before = -1
        while page.snapshots != before:
            before = page.snapshots
            await asyncio.sleep(0.3)
        started = time.monotonic()
    assert before > 1
    assert time.monotonic() - started < 4.0
    deaf.close()


async def test_strangers_that_ask_for_nothing_lose_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silent ones, and such that say a byte now and then; a stream that is open lasts."""
    monkeypatch.setattr(impatient_http, "REQUEST_WITHIN_S", 0.3)
    async with served() as page, httpx.AsyncClient() as client:
        watching, watcher = await opened_stream(page)
        strangers = [await asyncio.open_connection("127.0.0.1", page.port) for _ in range(MAX_CONNECTIONS)]
        assert (await client.get(f"{page.url}/healthz")).status_code == 503
        for _ in range(5):
            for _, writer in strangers[::2]:
                writer.write(b"G")
            await asyncio.sleep(0.15)
        assert (await client.get(f"{page.url}/healthz")).status_code == 200
        assert await asyncio.wait_for(watching.readuntil(b"\n\n"), 5)
        for _, writer in [*strangers, (watching, watcher)]:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def test_one_stream_too_many_gets_a_sentence_and_room_comes_back() -> None:
    async with served() as page, httpx.AsyncClient() as client:
        streams = [await opened_stream(page) for _ in range(MAX_STREAMS)]
        refused = await client.get(f"{page.url}/stream")
        assert refused.status_code == 503
        assert refused.text.startswith(f"{MAX_STREAMS} pages are watching this gateway already.")
        assert (await client.get(f"{page.url}/")).status_code == 200, "the page itself is still there"
        assert "sightpost_status_streams_refused_total 1.0" in (await client.get(f"{page.url}/metrics")).text
        for _, writer in streams:
            writer.close()
            await writer.wait_closed()
        for _ in range(100):
            if "sightpost_status_streams 0.0" in (await client.get(f"{page.url}/metrics")).text:
                break
            await asyncio.sleep(0.02)
        else:
            pytest.fail("closed streams keep their places")


async def test_nothing_is_rendered_when_nobody_watches_and_once_a_tick_for_all_who_do() -> None:
    async with served() as page:
        await asyncio.sleep(0.2)
        assert page.snapshots == 0
        streams = [await opened_stream(page) for _ in range(8)]
        started, before = time.monotonic(), page.snapshots
        await asyncio.sleep(0.5)
        ticks = (time.monotonic() - started) / 0.05
        assert 1 <= page.snapshots - before <= ticks + 2
        for _, writer in streams:
            writer.close()
            await writer.wait_closed()


async def test_garbage_is_refused_and_the_page_goes_on() -> None:
    async with served() as page, httpx.AsyncClient() as client:
        for garbage in (b"\x16\x03\x01\x02\x00", b"GET /\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"X" * 200_000):
            reader, writer = await asyncio.open_connection("127.0.0.1", page.port)
            writer.write(garbage + b"\r\n\r\n")
            try:
                answer = await asyncio.wait_for(reader.read(64), 5)
            except ConnectionResetError:
                answer = b""
            assert b" 200 " not in answer
            writer.close()
        assert (await client.get(f"{page.url}/healthz")).status_code == 200


async def test_the_daemon_keeps_its_signals() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    async with served() as page, httpx.AsyncClient() as client:
        await client.get(f"{page.url}/healthz")
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
