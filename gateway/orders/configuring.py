"""The registry's configuration: checked, applied as a whole, and taken back by itself when the registry is not reached with it.

A configuration is on trial from when it is noted on disk until the registry has answered a hello after it was applied. When that
does not happen in time, or the gateway dies again and again with it, the one before holds again. Every step is one file replaced
whole (settled.py), so a stop at any moment leaves either the old one, the new one on trial, or the new one kept.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from gateway.orders.overlay import Held, Standing, overlay_of
from gateway.orders.settled import Settled, taken_back
from gateway.settings import Settings
from sync.wire import MAX_TEXT, Configuration, Outcome, Reply

log = logging.getLogger(__name__)

TRIAL_S: Final = 300.0
LOOK_EVERY_S: Final = 0.5


class Configurer:
    """One for a gateway. `greet` says hello again, `say` sends an answer."""

    def __init__(
        self,
        settled: Settled,
        apply: Callable[[Settings], Awaitable[str]],
        greet: Callable[[], None],
        mono_ns: Callable[[], int],
        *,
        trial_s: float = TRIAL_S,
    ) -> None:
        self.say: Callable[[Reply], None] = lambda reply: None
        self._settled = settled
        self._apply = apply
        self._greet = greet
        self._mono_ns = mono_ns
        self._trial_ns = int(trial_s * 1e9)
        self._since_ns = mono_ns()  # of the trial
        self._words = "it holds"
        self._reached = False
        self._lock = asyncio.Lock()

    @property
    def number(self) -> int:
        return self._settled.standing.configuration.number

    def greeted(self) -> None:
        """The registry has answered a hello."""
        self._reached = True

    async def take(self, told: Configuration) -> Reply | None:
        """Put it on trial; return the answer, None while there is none yet. Raises OSError: nothing has changed."""
        async with self._lock:
            standing = self._settled.standing
            if told.id == standing.last:
                return _answer(standing)
            if told.number <= standing.highest:
                text = f"number {told.number} is not above {standing.highest}, which has been here already"
                return Reply(told.id, Outcome.REFUSED, text)
            wanted = msgspec.structs.replace(
                standing,
                configuration=Held(told.number, overlay_of(told)),
                before=standing.before or standing.configuration,
                starts=0,
                highest=told.number,
                last=told.id,
                outcome=None,
                text="",
            )
            laid = self._settled.with_standing(wanted)
            own = [misfit for misfit in laid.misfits if misfit.split(": ")[0] in _names(told)]
            if wrong := [*laid.problems, *own]:
                text = "; ".join(wrong)[:MAX_TEXT]
                refused = msgspec.structs.replace(standing, highest=told.number, last=told.id, outcome=Outcome.REFUSED, text=text)
                await self._settled.change(refused)
                log.warning("configuration %d of the registry: refused, %s", told.number, text)
                return _answer(refused)
            settings = await self._settled.change(wanted)
            self._words = await self._apply(settings)
            self._since_ns, self._reached = self._mono_ns(), False
            self._greet()
            log.info("configuration %d of the registry: on trial, %s", told.number, self._words)
            return None

    async def run(self) -> None:
        """Keep what is on trial, or take it back, when the time has come; until cancelled."""
        if _answer(self._settled.standing) is not None:
            self._tell()  # perhaps nobody has heard it before the gateway stopped
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self._settled.standing.before is None:
                continue
            try:
                async with self._lock:
                    if self._reached:
                        await self._keep()
                    elif self._mono_ns() - self._since_ns > self._trial_ns:
                        await self._take_back()
            except OSError as exc:
                log.error("configuration %d of the registry: cannot be noted on disk: %s", self.number, exc)

    async def _keep(self) -> None:
        standing = self._settled.standing
        kept = msgspec.structs.replace(standing, before=None, starts=0, outcome=Outcome.DONE, text=self._words[:MAX_TEXT])
        await self._settled.change(kept)
        log.info("configuration %d of the registry: kept", self.number)
        self._tell()

    async def _take_back(self) -> None:
        number = self.number
        why = f"taken back: the registry was not reached within {self._trial_ns / 1e9:.0f} s"
        await self._apply(await self._settled.change(taken_back(self._settled.standing, why)))
        log.error("configuration %d of the registry: %s", number, why)
        self._greet()
        self._tell()

    def _tell(self) -> None:
        reply = _answer(self._settled.standing)
        if reply is not None:
            self.say(reply)


def _answer(standing: Standing) -> Reply | None:
    """What came of the configuration that came last; None: it is on trial, or none ever came."""
    if standing.last is None or standing.outcome is None:
        return None
    return Reply(standing.last, standing.outcome, standing.text)


def _names(told: Configuration) -> set[str]:
    return {f"zones.{name}" for name in told.zones} | {f"doors.{name}" for name in told.doors}
