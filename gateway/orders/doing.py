"""What is done for each verb (sync/verbs.py). Nothing here runs a shell or opens a path that an order names."""

import asyncio
from collections.abc import Callable, Mapping

import msgspec

from drivers.api import Action, NotSupported, Reader, ReaderUnavailable
from drivers.api import Verb as Act
from gateway.orders.desk import Do, Failed, Refused
from sync.verbs import Identify, Ping

OUTPUT_ON_S = 3.0


def ping(sentence: Callable[[], str]) -> Do:
    """Say how the gateway is."""

    async def do(arguments: bytes) -> str:
        msgspec.json.decode(arguments, type=Ping)
        return sentence()

    return do


def identify(readers: Mapping[str, Reader]) -> Do:
    """Let one reader beep, or switch one of its outputs on and off: which of them is it?"""

    async def do(arguments: bytes) -> str:
        asked = msgspec.json.decode(arguments, type=Identify)
        reader = readers.get(asked.reader)
        if reader is None:
            known = ", ".join(sorted(readers)) or "none"
            raise Refused(f"no reader {asked.reader[:40]!r} is in use; there are: {known}")
        try:
            if asked.pin is None:
                await reader.act(Action(Act.BEEP))
                return f"{asked.reader} beeps"
            await _blink(reader, asked.pin)
        except NotSupported as exc:
            hint = "; name an output as `pin` to have it switched on for a moment" if asked.pin is None else ""
            raise Refused(f"{asked.reader}: {exc}{hint}") from exc
        except ReaderUnavailable as exc:
            raise Failed(f"{asked.reader}: {exc}") from exc
        return f"{asked.reader} has switched output {asked.pin} on for {OUTPUT_ON_S:.0f} s"

    return do


async def _blink(reader: Reader, pin: int) -> None:
    await reader.act(Action(Act.SET_OUTPUT, pin, high=True))
    try:
        await asyncio.sleep(OUTPUT_ON_S)
    finally:
        await reader.act(Action(Act.SET_OUTPUT, pin, high=False))
