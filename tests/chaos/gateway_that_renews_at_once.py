"""`sightpost run` that asks for its next certificate as soon as it is due.

    python -m tests.chaos.gateway_that_renews_at_once SETTINGS

A gateway waits up to a minute, so that those that were let in together do not ask together.
"""

import asyncio
import sys
from functools import partial
from pathlib import Path

from gateway import app, renewal
from gateway.lifecycle import stop_on_signals
from gateway.problems import read


async def main(config: Path) -> None:
    settings = read(config).settings
    assert settings is not None
    stop = asyncio.Event()
    stop_on_signals(stop)
    await app.run(settings, stop)


if __name__ == "__main__":
    setattr(renewal, "Timing", partial(renewal.Timing, spread=0.2))  # noqa: B010 - a type cannot be assigned to
    asyncio.run(main(Path(sys.argv[1])))
