"""The verbs that change settings: `zone` sets parameters of one zone, `reread` reads gateway.toml again."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from gateway.orders.desk import Do, Refused
from gateway.orders.settled import Settled
from gateway.problems import Reading, read
from gateway.readers import refused
from gateway.settings import Settings
from sync.verbs import Reread, Zone

Apply = Callable[[Settings], Awaitable[str]]
MAX_ZONES = 200  # that orders may have set


def zone(settled: Settled, apply: Apply) -> Do:
    """Set parameters of one zone over gateway.toml and the configuration; without any, as they say again."""

    async def do(arguments: bytes) -> str:
        asked = msgspec.json.decode(arguments, type=Zone)
        zones = {name: rules for name, rules in settled.standing.zones.items() if name != asked.zone}
        if asked.rules:
            zones[asked.zone] = asked.rules
            if len(zones) > MAX_ZONES:
                raise Refused(f"{MAX_ZONES} zones are set by orders already; write them into gateway.toml")
        elif asked.zone not in settled.standing.zones:
            raise Refused(f"no order has set anything of zone {asked.zone[:40]!r}")
        wanted = msgspec.structs.replace(settled.standing, zones=zones)
        laid = settled.with_standing(wanted)
        wrong = [
            *laid.problems,
            *(misfit for misfit in laid.misfits if asked.rules and misfit.startswith(f"zones.{asked.zone}:")),
        ]
        if wrong:
            raise Refused("; ".join(wrong))
        return await apply(await settled.change(wanted))

    return do


def reread(settled: Settled, apply: Apply, config: Path | None) -> Do:
    """Read gateway.toml again and make it hold, if nothing is wrong with it."""

    async def do(arguments: bytes) -> str:
        msgspec.json.decode(arguments, type=Reread)
        if config is None:
            raise Refused("this gateway was not started from a file")
        reading = await asyncio.to_thread(read, config)
        problems = await asyncio.to_thread(_problems, reading, config)
        if reading.settings is None or problems:
            raise Refused(f"nothing has changed: {'; '.join(problems)}")
        laid = settled.reread(reading.settings)
        if laid.settings is None:
            raise Refused(f"nothing has changed: with what the registry has set, {'; '.join(laid.problems)}")
        return await apply(laid.settings)

    return do


def _problems(reading: Reading, config: Path) -> list[str]:
    return [str(problem) for problem in (*reading.problems, *refused(reading.readers, config))]
