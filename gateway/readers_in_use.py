"""The readers that run now, each with its feed, in the order of the settings; some can change while the others read on."""

import asyncio
import logging
import random
from collections.abc import Sequence

from drivers.api import Clock, Reader, ReaderMisconfigured
from gateway.feed import Feed
from gateway.intake import Intake
from gateway.readers import build
from gateway.recording.recorder import Recorder
from gateway.settings import ReaderSection
from gateway.supervisor import backoff_for, supervise

log = logging.getLogger(__name__)


class ReadersInUse:
    """`feeds` and `readers` are the same objects for ever, with other content after a change."""

    def __init__(
        self, sections: Sequence[ReaderSection], intake: Intake, clock: Clock, recorder: Recorder, rng: random.Random
    ) -> None:
        self._intake = intake
        self._clock = clock
        self._recorder = recorder
        self._rng = rng
        self._sections = {section.name: section for section in sections}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.feeds = [self._feed(section) for section in sections]
        self.readers: dict[str, Reader] = {}  # by name; without those whose options are wrong

    def live(self) -> list[str]:
        """Return the names of those that would tell if a tag were there."""
        return [feed.name for feed in self.feeds if feed.live]

    def open(self, tasks: asyncio.TaskGroup) -> None:
        """Start those that do not run yet."""
        for feed in self.feeds:
            if feed.name not in self._tasks:
                self._tasks[feed.name] = tasks.create_task(self._read(feed), name=f"reader {feed.name}")

    async def close_all(self) -> None:
        """No more reads; every port is released when this returns."""
        await self._close(list(self._tasks))

    async def change(self, sections: Sequence[ReaderSection]) -> list[str]:
        """Close the readers that these do not name, or name otherwise, and make room for theirs, to be opened afterwards.

        Return what changes, in words."""
        new = {section.name: section for section in sections}
        gone = [name for name in self._sections if name not in new]
        other = [name for name, section in new.items() if name in self._sections and section != self._sections[name]]
        words = [f"reader {name} removed" for name in gone] + [f"reader {name} opened again" for name in other]
        words += [f"reader {name} added" for name in new if name not in self._sections]
        await self._close([*gone, *other])
        kept = {feed.name: feed for feed in self.feeds if feed.name in new and feed.name not in other}
        for feed in self.feeds:
            if feed.name not in kept:
                feed.down("its settings have changed", 0.0)  # its silence means nothing from now on
        self.feeds[:] = [kept.get(section.name) or self._feed(section) for section in sections]
        self._sections = new
        return words

    def _feed(self, section: ReaderSection) -> Feed:
        return Feed(section.name, section.driver, section.url, self._intake, self._clock, self._recorder)

    async def _close(self, names: Sequence[str]) -> None:
        tasks = [self._tasks.pop(name) for name in names if name in self._tasks]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)  # an error of theirs goes on to the task group
        for name in names:
            self.readers.pop(name, None)

    async def _read(self, feed: Feed) -> None:
        section = self._sections[feed.name]
        try:
            reader = build(section, self._clock, self._recorder.tap(section.name))
        except ReaderMisconfigured as exc:
            log.error("reader %s: %s; it stays off until its settings change", section.name, exc)
            feed.misconfigured(str(exc))
            return
        self.readers[section.name] = reader
        await supervise(reader, feed, backoff_for(section.url), rng=self._rng)
