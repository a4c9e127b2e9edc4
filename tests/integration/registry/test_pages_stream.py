"""The stream of the live page: one look at the database for all who listen, bounded, and closed to strangers."""

import json
import threading

import pytest
from django.test import Client

from registry.tracking import pages
from registry.tracking.live_stream import Pulse, TooManyStreams, as_events
from tests.registry_world import make_user


class Looks:
    """Stands for the database: what it says is set by the test; counts how often it is asked."""

    def __init__(self) -> None:
        self.now = {"events": "1"}
        self.asked = 0
        self.threads: set[int] = set()

    def __call__(self) -> dict[str, str]:
        self.asked += 1
        self.threads.add(threading.get_ident())
        return dict(self.now)


async def test_all_listeners_are_told_by_one_look_at_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.tracking.live_stream.LOOK_EVERY_S", 0.01)
    looks = Looks()
    pulse = Pulse(looks)
    listeners = [pulse.listen() for _ in range(20)]
    assert [await anext(one) for one in listeners] == [{"events": "1"}] * 20
    looks.now = {"events": "2"}
    assert [await anext(one) for one in listeners] == [{"events": "2"}] * 20
    assert len(looks.threads) == 1
    for one in listeners:
        await one.aclose()  # type: ignore[attr-defined]
    asked = looks.asked
    assert pulse._looking is None
    again = pulse.listen()
    assert await anext(again) == {"events": "2"}
    await again.aclose()  # type: ignore[attr-defined]
    assert looks.asked == asked + 1


async def test_a_slow_browser_gets_the_newest_state_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.tracking.live_stream.LOOK_EVERY_S", 0.001)
    looks = Looks()
    slow, fast = (pulse := Pulse(looks)).listen(), pulse.listen()
    await anext(slow)
    await anext(fast)
    for number in range(2, 6):
        looks.now = {"events": str(number)}
        assert await anext(fast) == looks.now
    assert await anext(slow) == {"events": "5"}
    await slow.aclose()  # type: ignore[attr-defined]
    await fast.aclose()  # type: ignore[attr-defined]


async def test_streams_end_when_the_process_is_to_stop() -> None:
    pulse = Pulse(Looks())
    listeners = [pulse.listen() for _ in range(3)]
    for one in listeners:
        await anext(one)
    pulse.end()
    for one in listeners:
        with pytest.raises(StopAsyncIteration):
            await anext(one)
    assert pulse.room()


async def test_the_bytes_of_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.tracking.live_stream.LOOK_EVERY_S", 0.01)
    monkeypatch.setattr("registry.tracking.live_stream.COMMENT_EVERY_S", 0.05)
    looks = Looks()
    stream = as_events(Pulse(looks), end_after_s=0.2)
    parts = [part async for part in stream]
    assert parts[0] == b"retry: 2000\n\n"
    assert parts[1].startswith(b"event: changed\ndata: ")
    assert json.loads(parts[1].partition(b"data: ")[2]) == {"events": "1"}
    assert set(parts[2:]) == {b": still here\n\n"}
    assert 3 <= len(parts) <= 8


async def test_there_is_a_limit_to_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.tracking.live_stream.MAX_STREAMS", 1)
    pulse = Pulse(Looks())
    one = pulse.listen()
    await anext(one)
    assert not pulse.room()
    with pytest.raises(TooManyStreams):
        await anext(pulse.listen())
    await one.aclose()  # type: ignore[attr-defined]


@pytest.mark.django_db(transaction=True)
def test_a_full_process_says_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages.pulse, "room", lambda: False)
    client.force_login(make_user())
    response = client.get("/live/stream")
    assert (response.status_code, response["Retry-After"]) == (503, "30")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("one_time", "status"), [(None, 401), (True, 401), (False, 200)])
def test_only_those_with_a_password_of_their_own_may_listen(client: Client, one_time: bool | None, status: int) -> None:
    if one_time is not None:
        client.force_login(make_user(must_change_password=one_time))
    response = client.get("/live/stream")
    assert response.status_code == status
    assert status != 200 or response["Cache-Control"] == "no-store"
