"""Actions that wait for the session."""

import asyncio

import pytest

from drivers.api import Action, NotSupported, ReaderUnavailable, Verb
from drivers.session import MAX_WAITING_ACTIONS, ActionQueue

BEEP = Action(Verb.BEEP)


async def nothing(_action: Action) -> None:
    return None


async def test_without_a_session_nothing_is_taken() -> None:
    with pytest.raises(ReaderUnavailable, match="not connected"):
        await ActionQueue().submit(BEEP)


async def test_who_asks_learns_what_came_of_it() -> None:
    queue = ActionQueue()

    async def refuse(_action: Action) -> None:
        raise NotSupported("no beeper")

    with queue.accepted():
        asked = asyncio.create_task(queue.submit(BEEP))
        await asyncio.sleep(0)
        await queue.carry_out(refuse)
        with pytest.raises(NotSupported, match="no beeper"):
            await asked
        asked = asyncio.create_task(queue.submit(BEEP))
        await asyncio.sleep(0)
        await queue.carry_out(nothing)
        await asked
        assert not queue.waiting


async def test_an_error_of_the_session_fails_the_action_and_goes_on_up() -> None:
    queue = ActionQueue()

    async def break_down(_action: Action) -> None:
        raise ReaderUnavailable("gone")

    with queue.accepted():
        asked = asyncio.create_task(queue.submit(BEEP))
        await asyncio.sleep(0)
        with pytest.raises(ReaderUnavailable, match="gone"):
            await queue.carry_out(break_down)
        with pytest.raises(ReaderUnavailable, match="hung up"):
            await asked


async def test_who_stopped_waiting_is_forgotten_and_the_queue_has_a_limit() -> None:
    queue = ActionQueue()
    done: list[Action] = []

    async def do(action: Action) -> None:
        done.append(action)

    with queue.accepted():
        asked = [asyncio.create_task(queue.submit(BEEP)) for _ in range(MAX_WAITING_ACTIONS)]
        await asyncio.sleep(0)
        with pytest.raises(ReaderUnavailable, match="busy"):
            await queue.submit(BEEP)
        asked[0].cancel()
        await asyncio.sleep(0)
        await queue.carry_out(do)
        await asyncio.gather(*asked[1:])
    assert len(done) == MAX_WAITING_ACTIONS - 1
