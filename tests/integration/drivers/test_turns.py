"""Several full lines are read together; nothing is lost, and a line that is not one of several full ones is heard at once."""

import asyncio
import contextlib
import os
import tty
from collections.abc import AsyncIterator

import pytest

from drivers import link as links
from drivers import turns
from drivers.api import ReaderUnavailable
from drivers.link import Link
from drivers.transport import open_link

PIECE = bytes(range(100))
EVERY_S = 0.01
TURN_S = 0.2  # so long that a busy machine cannot be mistaken for it
SECOND_S = 1.1  # after which it is known how full a line is


@pytest.fixture(autouse=True)
def slow_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "TURN_S", TURN_S)
    monkeypatch.setattr(turns, "FULL_BYTES", 2_000)
    monkeypatch.setattr(turns, "FREE_BYTES", 1_000)


@contextlib.asynccontextmanager
async def full_lines(count: int) -> AsyncIterator[tuple[list[int], list[Link]]]:
    """The far ends of so many lines, and the lines."""
    with contextlib.ExitStack() as ends:
        far, urls = [], []
        for _ in range(count):
            master, slave = os.openpty()
            tty.setraw(master)
            tty.setraw(slave)
            far.append(os.dup(master))
            urls.append(f"pty://{os.ttyname(slave)}")
            os.close(master)
            ends.callback(os.close, slave)
        async with contextlib.AsyncExitStack() as lines:
            yield far, [await lines.enter_async_context(open_link(url)) for url in urls]
            for end in far:
                os.close(end)


async def say(masters: list[int], seconds: float) -> int:
    """Write a piece to each line again and again; return how many."""
    loop = asyncio.get_running_loop()
    until, said = loop.time() + seconds, 0
    while loop.time() < until:
        for master in masters:
            os.write(master, PIECE)
        said += 1
        await asyncio.sleep(EVERY_S)
    return said


async def hear(link: Link, into: list[bytes]) -> None:
    while True:
        into.append(await link.read())


async def test_full_lines_share_their_turns_until_too_few_are_left() -> None:
    async with full_lines(3) as (far, lines):
        heard: list[list[bytes]] = [[] for _ in lines]
        hearing = [asyncio.create_task(hear(line, into)) for line, into in zip(lines, heard, strict=True)]
        said = await say(far, 2 * SECOND_S)
        before = [len(into) for into in heard]
        said += await say(far, 3 * TURN_S)
        assert all(len(into) - there <= 4 for into, there in zip(heard, before, strict=True)), "each in turn, four times at most"

        await asyncio.sleep(2 * TURN_S)
        assert [b"".join(into) for into in heard] == [PIECE * said] * 3

        os.close(far.pop())
        with pytest.raises(ReaderUnavailable):
            await asyncio.wait_for(hearing.pop(), 5)
        await say(far, TURN_S)
        there = len(heard[0])
        await say(far, 3 * TURN_S)
        assert len(heard[0]) - there > 6, "two lines are heard at once again"
        for task in hearing:
            task.cancel()
        await asyncio.wait(hearing)


async def test_a_slow_reader_holds_its_line_up_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "MAX_UNREAD_BYTES", 1_000)
    async with full_lines(3) as (far, lines):
        heard: list[list[bytes]] = [[] for _ in lines]
        hearing = [asyncio.create_task(hear(line, into)) for line, into in zip(lines, heard, strict=True)]
        said = await say(far, 2 * SECOND_S)
        hearing[0].cancel()  # its bytes are not taken any more
        await asyncio.wait(hearing[:1])
        said += await say(far, 4 * TURN_S)
        waiting = await lines[0].read()
        heard[0].append(waiting)
        assert len(waiting) <= 1_000 + turns.AT_ONCE_BYTES
        while sum(map(len, heard[0])) < said * len(PIECE):
            heard[0].append(await asyncio.wait_for(lines[0].read(), 5))
        assert b"".join(heard[0]) == PIECE * said
        for task in hearing:
            task.cancel()
        await asyncio.wait(hearing)
