"""The live stream with time in the test's hands: one rendering for all, only what changed, an end when the gateway stops."""

import asyncio
import json
from collections.abc import AsyncGenerator

from gateway.status.stream import MAX_STREAMS, Live


class Site:
    """Parts that change when the test says so, and a clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.parts = {"sentence": "a", "tail": "b"}

    def render(self) -> dict[str, str]:
        return dict(self.parts)


def opened(site: Site, stop: asyncio.Event) -> Live:
    return Live(site.render, stop, tick_s=0.01, clock=lambda: site.now)


async def told(stream: AsyncGenerator[bytes, None]) -> dict[str, str]:
    event = await anext(stream)
    changed: dict[str, str] = json.loads(event.removeprefix(b"data: "))
    return changed


async def test_the_first_event_brings_all_and_the_next_only_what_changed() -> None:
    site, stop = Site(), asyncio.Event()
    live = opened(site, stop)
    stream = live.events()
    assert await anext(stream) == b"retry: 2000\n\n"
    assert await told(stream) == {"sentence": "a", "tail": "b"}
    site.now += 0.01
    assert await told(stream) == {}, "a sign of life"
    site.parts["tail"] = "c"
    site.now += 0.01
    assert await told(stream) == {"tail": "c"}
    await stream.aclose()
    assert live.watching == 0


async def test_streams_share_one_rendering_a_tick_and_nobody_costs_none() -> None:
    site, stop = Site(), asyncio.Event()
    live = opened(site, stop)
    streams = [live.events() for _ in range(5)]
    assert live.rendered == 0
    for stream in streams:
        await anext(stream)
    for tick in range(1, 4):
        for stream in streams:
            await told(stream)
        assert live.rendered == tick
        site.now += 0.01
    assert live.watching == 5
    for stream in streams:
        await stream.aclose()
    assert live.watching == 0


async def test_the_stop_ends_a_stream_with_a_word() -> None:
    site, stop = Site(), asyncio.Event()
    stream = Live(site.render, stop, tick_s=3600.0, clock=lambda: site.now).events()
    await anext(stream)
    await told(stream)
    asyncio.get_running_loop().call_soon(stop.set)
    assert [event async for event in stream] == [b"event: bye\ndata: \n\n"]


async def test_the_number_of_streams_is_limited_and_refusals_are_counted() -> None:
    site, stop = Site(), asyncio.Event()
    live = opened(site, stop)
    streams = [live.events() for _ in range(MAX_STREAMS)]
    for stream in streams:
        assert live.has_room()
        await anext(stream)
    assert not live.has_room()
    assert live.refused == 1
    await streams.pop().aclose()
    assert live.has_room()
    for stream in streams:
        await stream.aclose()
