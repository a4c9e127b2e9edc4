"""The settings that hold, and how others take their place while the gateway runs.

What decides events (zones, doors, company prefixes) gets a new engine, which goes on from the stored state as after a restart:
what is present stays so, a passage under way is judged by what comes after. Readers whose section changed are closed and opened
again, the others read on. What is bound once in the life of a process waits for its next start, and is named.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from gateway.location.site import Site
from gateway.pipeline import Pipeline
from gateway.readers_in_use import ReadersInUse
from gateway.recording.recordings import Recordings
from gateway.settings import GatewaySection, Settings
from gateway.snapshot import Observer

log = logging.getLogger(__name__)

AT_ONCE = frozenset({"site", "commit_interval_ms", "company_prefixes"})  # of [gateway]; its other keys wait for the next start


class InForce:
    """`renew_engine` makes the pipeline decide by another site."""

    def __init__(
        self,
        settings: Settings,
        readers: ReadersInUse,
        recordings: Recordings,
        pipeline: Pipeline,
        observer: Observer,
        renew_engine: Callable[[Site], Awaitable[None]],
    ) -> None:
        self.settings = settings
        self._readers = readers
        self._recordings = recordings
        self._pipeline = pipeline
        self._observer = observer
        self._renew_engine = renew_engine
        self._lock = asyncio.Lock()
        self._tasks: asyncio.TaskGroup
        self._changing: set[asyncio.Task[str]] = set()

    def open(self, tasks: asyncio.TaskGroup) -> None:
        """Open the readers; whatever runs because of a change runs in `tasks`."""
        self._tasks = tasks
        self._readers.open(tasks)

    async def close(self) -> None:
        """Close the readers; nothing changes any more."""
        for task in self._changing:
            task.cancel()
        if self._changing:
            await asyncio.wait(self._changing)
        await self._readers.close_all()

    async def apply(self, wanted: Settings) -> str:
        """Make these hold; return what that changed, in words. Whoever stops waiting does not stop it in the middle."""
        task = self._tasks.create_task(self._in_turn(wanted), name="settings")
        self._changing.add(task)
        task.add_done_callback(self._changing.discard)
        return await asyncio.shield(task)

    async def _in_turn(self, wanted: Settings) -> str:
        async with self._lock:
            return await self._apply(wanted)

    async def _apply(self, wanted: Settings) -> str:
        old, new = self.settings, _as_far_as_now(self.settings, wanted)
        self.settings = new
        words = await self._readers.change(new.readers)
        if new.gateway.site != old.gateway.site:
            words.append(f"the site is called {new.gateway.site}")
        if new.gateway.commit_interval_ms != old.gateway.commit_interval_ms:
            words.append(f"commits every {new.gateway.commit_interval_ms} ms")
        async with self._recordings.renewing(new):
            site = new.as_site()
            self._pipeline.commit_interval_s = new.gateway.commit_interval_ms / 1000
            self._observer.show(new.gateway.site, site)
            if site != old.as_site():
                words.append("zones and doors decide anew")
                await self._renew_engine(site)
        self._readers.open(self._tasks)
        log.info("settings: %s", "; ".join(words) or "nothing has changed")
        if later := _later(new, wanted):
            words.append(f"from the next start on: {', '.join(later)}")
        return "; ".join(words) or "nothing has changed"


def _as_far_as_now(old: Settings, wanted: Settings) -> Settings:
    gateway = old.gateway.model_copy(update={name: getattr(wanted.gateway, name) for name in AT_ONCE})
    return wanted.model_copy(update={"gateway": gateway, "status": old.status, "registry": old.registry})


def _later(new: Settings, wanted: Settings) -> list[str]:
    keys = [
        f"gateway.{name}" for name in GatewaySection.model_fields if getattr(new.gateway, name) != getattr(wanted.gateway, name)
    ]
    return keys + [name for name in ("status", "registry") if getattr(new, name) != getattr(wanted, name)]
