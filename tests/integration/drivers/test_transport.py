"""Lines of every kind, and every way they end."""

import asyncio
import errno
import os
import socket
import sys
import termios
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
import serial

from drivers import link as links
from drivers import transport
from drivers.api import ReaderMisconfigured, ReaderUnavailable, Wiring
from drivers.conformance import SYSTEM_CLOCK, Recorder
from drivers.emulated_device import Burst, TagInField
from drivers.emulated_line import EmulatedPty, EmulatedServer, Line, attached
from drivers.link import Link
from drivers.r2000.emulator import R2000Emulator
from drivers.r2000.reader import R2000Reader, Timing
from drivers.transport import check_url, open_link


class Echo:
    """Says back what it hears."""

    def __init__(self) -> None:
        self._heard = b""

    def receive(self, data: bytes) -> None:
        self._heard += data

    def step(self) -> Burst | None:
        said, self._heard = self._heard, b""
        return Burst(said) if said else None

    def power_cycle(self) -> None:
        self._heard = b""


def lines(tmp_path: Path) -> dict[str, Line]:
    return {"pty": EmulatedPty(tmp_path / "line", baudrate=None), "tcp": EmulatedServer(baudrate=None)}


async def read_exactly(link: Link, count: int) -> bytes:
    data = b""
    async with asyncio.timeout(10):
        while len(data) < count:
            data += await link.read()
    return data


@pytest.mark.parametrize("kind", ["pty", "tcp"])
async def test_bytes_go_both_ways(tmp_path: Path, kind: str) -> None:
    line = lines(tmp_path)[kind]
    async with attached(Echo(), line), open_link(line.url) as link:
        every_byte = bytes(range(256))  # none of them is swallowed or changed by a terminal
        await link.write(every_byte)
        assert await read_exactly(link, 256) == every_byte
        assert await link.read_within(0.01) == b""


@pytest.mark.parametrize("kind", ["pty", "tcp"])
async def test_what_came_before_the_hang_up_is_still_read(tmp_path: Path, kind: str) -> None:
    line = lines(tmp_path)[kind]
    async with attached(Echo(), line), open_link(line.url) as link:
        await link.write(b"last words")
        await asyncio.sleep(0.05)
        line.unplug()
        await asyncio.sleep(0.05)
        assert await link.read() == b"last words"
        with pytest.raises(ReaderUnavailable, match=r"hung up .*check cable and power"):
            await link.read()
        with pytest.raises(ReaderUnavailable, match="hung up"):
            await link.write(b"x")


@pytest.mark.parametrize("kind", ["pty", "tcp"])
async def test_the_same_url_works_after_plugging_in_again(tmp_path: Path, kind: str) -> None:
    line = lines(tmp_path)[kind]
    async with attached(Echo(), line):
        url = line.url
        for _ in range(3):
            async with open_link(url) as link:
                await link.write(b"hello")
                assert await read_exactly(link, 5) == b"hello"
                line.unplug()
                with pytest.raises(ReaderUnavailable, match="hung up"):
                    await link.read()
            with pytest.raises(ReaderUnavailable, match=r"no such device|refused the connection"):
                async with open_link(url):
                    pass
            line.plug()


async def test_a_slow_reader_loses_nothing(tmp_path: Path) -> None:
    data = os.urandom(4 * links.MAX_UNREAD_BYTES)

    class Flood(Echo):
        left = data

        def step(self) -> Burst | None:
            said, self.left = self.left[:65_536], self.left[65_536:]
            return Burst(said) if said else None

    line = EmulatedServer(baudrate=None)
    async with attached(Flood(), line), open_link(line.url) as link:
        await asyncio.sleep(0.3)
        assert link._unread < 2 * links.MAX_UNREAD_BYTES
        assert await read_exactly(link, len(data)) == data


async def test_a_line_that_takes_no_bytes_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "WRITE_TIMEOUT_S", 0.1)
    master, slave = os.openpty()
    try:
        async with open_link(f"pty://{os.ttyname(slave)}") as link:
            with pytest.raises(ReaderUnavailable, match="takes no bytes"):
                await link.write(bytes(200_000))
    finally:
        os.close(master)
        os.close(slave)


async def test_a_port_in_use_is_said_to_be_in_use(tmp_path: Path) -> None:
    line = EmulatedPty(tmp_path / "line")
    line.plug()
    try:
        async with open_link(f"serial://{line.path}?baud=57600"):
            with pytest.raises(ReaderUnavailable, match=r"another program uses it; end that program \(`fuser"):
                async with open_link(line.url):
                    pass
    finally:
        line.unplug()


async def test_what_is_no_serial_port_is_said(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    for url, says in ((f"{tmp_path}/nothing", "no such device; plug it in"), (f"{tmp_path}/notes.txt", "no serial port")):
        with pytest.raises(ReaderUnavailable, match=says):
            async with open_link(url):
                pass


def test_permission_names_the_group(tmp_path: Path) -> None:
    port = tmp_path / "ttyS0"
    port.touch()
    refused = PermissionError(13, "Permission denied")
    port.chmod(0o660)
    assert "add the user to the group" in transport._why_not_opened(str(port), refused)
    port.chmod(0o600)
    assert "install the udev rules" in transport._why_not_opened(str(port), refused)
    assert "may not open it" in transport._why_not_opened("/nowhere", refused)
    assert "unplug it" in transport._why_not_opened("/dev/x", OSError(5, "Input/output error"))


async def test_a_refused_connection_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ReaderUnavailable, match="refused the connection; check the port"):
        async with open_link(f"tcp://127.0.0.1:{port}"):
            pass


async def test_a_host_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "CONNECT_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        waiting = []
        for _ in range(3):  # fill the queue of a server that accepts nobody
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
            waiting.append(client)
        try:
            with pytest.raises(ReaderUnavailable, match=r"does not answer within 0\.2 s"):
                async with open_link("tcp://{}:{}".format(*listener.getsockname())):
                    pass
        finally:
            for client in waiting:
                client.close()


async def test_a_name_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ReaderUnavailable, match=r"the name reader\.invalid is not known"):
        async with open_link("tcp://reader.invalid:4001"):
            pass


@pytest.mark.parametrize(
    "url",
    ["COM3", "http://x", "tcp://x", "tcp://x:port", "tcp://:1", "serial://ttyUSB0", "serial:///dev/x?baud=fast", "pty:x", ""],
)
def test_a_url_that_means_nothing_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(ReaderMisconfigured):
        check_url(url)


@pytest.mark.parametrize("times", [1, 2])
async def test_cancelled_while_opening_the_port_is_closed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    line = EmulatedPty(tmp_path / "line")
    line.plug()
    go_on = threading.Event()
    opened: list[serial.Serial] = []

    def slow(*args: object, **kwargs: object) -> serial.Serial:
        go_on.wait(5)
        opened.append(real(*args, **kwargs))  # type: ignore[arg-type]
        return opened[-1]

    real = serial.Serial
    monkeypatch.setattr(serial, "Serial", slow)

    async def use() -> None:
        async with open_link(line.url):
            raise AssertionError("cancelled before")

    opening = asyncio.create_task(use())
    for _ in range(times):
        await asyncio.sleep(0.02)
        opening.cancel()
    await asyncio.sleep(0.02)
    assert not opening.done(), "it waits for the port it is about to get"
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert [port.is_open for port in opened] == [False]
    line.unplug()


def dies(*_: object, **__: object) -> serial.Serial:
    raise termios.error(errno.EIO, "Input/output error")


async def test_a_device_that_dies_while_it_is_opened_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = EmulatedPty(tmp_path / "line")
    line.plug()
    for module, name in ((transport, "SerialTransport"), (serial, "Serial")):
        monkeypatch.setattr(module, name, dies)
        with pytest.raises(ReaderUnavailable, match="unplug it and plug it in again"):
            async with open_link(line.url):
                pass
    line.unplug()


async def test_a_speed_the_port_cannot_run_at_is_a_wrong_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> serial.Serial:
        raise ValueError("Failed to set custom baud rate")

    monkeypatch.setattr(serial, "Serial", refuse)
    with pytest.raises(ReaderMisconfigured, match="cannot run at 123456 baud"):
        async with open_link(f"serial://{tmp_path}/line?baud=123456"):
            pass


async def test_a_failure_inside_the_block_releases_the_port(tmp_path: Path) -> None:
    line = EmulatedPty(tmp_path / "line")
    line.plug()
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with open_link(line.url):
                raise ZeroDivisionError
    line.unplug()


async def test_standard_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        async with open_link("stdin:") as link:
            os.write(writing, b"abc")
            assert await link.read() == b"abc"
            with pytest.raises(ReaderMisconfigured, match="one direction only"):
                await link.write(b"x")
            os.close(writing)
            with pytest.raises(ReaderUnavailable, match="hung up"):
                await link.read()
        assert os.get_blocking(reading)
    with (tmp_path / "file").open("w+") as file:
        monkeypatch.setattr(sys, "stdin", file)
        with pytest.raises(ReaderMisconfigured, match="pipe the bytes in"):
            async with open_link("stdin:"):
                pass


def two_tags(_antenna: int) -> Sequence[TagInField]:
    return [TagInField(bytes(12)), TagInField(bytes(11) + b"\x01")]


async def test_a_reader_with_a_network_port_heals_by_itself_when_plugged_in_again() -> None:
    line = EmulatedServer()
    async with attached(R2000Emulator(two_tags, boot_s=0.0), line):
        reader = R2000Reader(Wiring("net", line.url, {}, SYSTEM_CLOCK), Timing(answer_s=0.3))
        for _ in range(2):
            sink = Recorder()
            session = asyncio.create_task(reader.run(sink))
            await sink.until(lambda s: len(s.all_reads) > 4, "reads")
            line.unplug()
            with pytest.raises(ReaderUnavailable, match="hung up"):
                await session
            line.plug()


async def test_bytes_come_at_the_speed_of_the_line(tmp_path: Path) -> None:
    line = EmulatedPty(tmp_path / "line", baudrate=38_400)
    async with attached(Echo(), line), open_link(line.url) as link:
        started = asyncio.get_running_loop().time()
        await link.write(bytes(1000))
        await read_exactly(link, 1000)
        assert 0.25 < asyncio.get_running_loop().time() - started < 1.0
