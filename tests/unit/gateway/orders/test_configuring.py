"""A configuration of the registry: kept once the registry was reached with it, taken back when not, whatever dies in between."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from gateway.orders import configuring
from gateway.orders.configuring import Configurer
from gateway.orders.settled import Settled
from gateway.settings import GatewaySection, Settings, ZoneSection
from sync.wire import Configuration, Outcome, Reply

NOW = datetime(2026, 11, 23, tzinfo=UTC)


Places = dict[str, dict[str, float]]


def told(number: int, site: str = "bremen", zones: Places | None = None, doors: Places | None = None) -> Configuration:
    return Configuration(UUID(int=number), number, NOW, site, None, zones or {}, doors or {})


class Died(Exception):
    """Where the power went."""


class Plant:
    def __init__(self, folder: Path) -> None:
        self.file = Settings(
            gateway=GatewaySection(site="hamburg", data_dir=folder),
            zones=[ZoneSection(name="hall", kind="storage")],
        )
        self.now_ns = 0
        self.applied: list[str] = []
        self.hellos = 0
        self.said: list[Reply] = []
        self.dies = False
        self.start()

    def start(self) -> str:
        """Start the gateway (again); return what its site is called."""
        self.settled = Settled(self.file)
        site = self.settled.at_start().gateway.site
        self.configurer = Configurer(self.settled, self._apply, self._greet, lambda: self.now_ns, trial_s=300)
        self.configurer.say = self.said.append
        return site

    async def _apply(self, settings: Settings) -> str:
        if self.dies:
            raise Died
        self.applied.append(settings.gateway.site)
        return f"the site is called {settings.gateway.site}"

    def _greet(self) -> None:
        self.hellos += 1

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.configurer.run())
        try:
            yield
            await self.looked()
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def looked(self) -> None:
        """Until it has looked at how things are now, and done what follows."""
        for _ in range(5):
            await asyncio.sleep(0.002)
            async with self.configurer._lock:
                pass


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plant:
    monkeypatch.setattr(configuring, "LOOK_EVERY_S", 0.001)
    return Plant(tmp_path)


async def test_it_is_kept_once_the_registry_has_answered(plant: Plant) -> None:
    assert await plant.configurer.take(told(1)) is None
    assert (plant.applied, plant.hellos, plant.configurer.number) == (["bremen"], 1, 1)
    assert plant.settled.notes == ("configuration 1 of the registry holds, on trial until the registry is reached",)
    async with plant.running():
        await plant.looked()
        assert plant.said == []
        plant.configurer.greeted()
    done = Reply(UUID(int=1), Outcome.DONE, "the site is called bremen")
    assert plant.said == [done]
    plant.now_ns = 400_000_000_000
    async with plant.running():
        pass
    assert plant.applied == ["bremen"]
    assert await plant.configurer.take(told(1)) == done, "said again, answered again"
    assert plant.start() == "bremen"
    assert plant.settled.notes == ("configuration 1 of the registry holds",)


async def test_it_is_taken_back_when_the_registry_is_not_reached_in_time(plant: Plant) -> None:
    plant.configurer.greeted()  # before: that says nothing about what comes
    await plant.configurer.take(told(1))
    async with plant.running():
        plant.now_ns = 299_000_000_000
        await plant.looked()
        assert plant.applied == ["bremen"]
        plant.now_ns = 301_000_000_000
    assert plant.applied == ["bremen", "hamburg"]
    assert plant.hellos == 2
    assert plant.said == [Reply(UUID(int=1), Outcome.TAKEN_BACK, "taken back: the registry was not reached within 300 s")]
    assert plant.configurer.number == 0
    assert await plant.configurer.take(told(1)) == plant.said[0], "not tried again"
    assert plant.start() == "hamburg"


async def test_what_holds_comes_back_not_what_was_tried_between(plant: Plant) -> None:
    await plant.configurer.take(told(1, "bremen"))
    async with plant.running():
        plant.configurer.greeted()
    await plant.configurer.take(told(2, "kiel"))
    await plant.configurer.take(told(3, "luebeck"))
    plant.now_ns = 301_000_000_000
    async with plant.running():
        pass
    assert plant.applied == ["bremen", "kiel", "luebeck", "bremen"]
    assert plant.configurer.number == 1


async def test_a_gateway_killed_before_it_applied_has_it_on_trial_after_the_start(plant: Plant) -> None:
    plant.dies = True
    with pytest.raises(Died):
        await plant.configurer.take(told(1))
    plant.dies = False
    assert plant.start() == "bremen"
    assert await plant.configurer.take(told(1)) is None, "known, and still on trial"
    plant.now_ns = 301_000_000_000
    async with plant.running():
        pass
    assert plant.applied == ["hamburg"]


async def test_a_gateway_killed_while_it_takes_it_back_starts_with_the_one_before_and_says_so(plant: Plant) -> None:
    await plant.configurer.take(told(1))
    plant.dies, plant.now_ns = True, 301_000_000_000
    task = asyncio.create_task(plant.configurer.run())
    with pytest.raises(Died):
        await task
    plant.dies = False
    assert plant.start() == "hamburg"
    async with plant.running():
        pass
    assert plant.said == [Reply(UUID(int=1), Outcome.TAKEN_BACK, "taken back: the registry was not reached within 300 s")]


async def test_an_older_one_is_not_taken_whoever_says_it_again(plant: Plant) -> None:
    await plant.configurer.take(told(5))
    reply = await plant.configurer.take(Configuration(uuid4(), 5, NOW, site="kiel"))
    assert reply is not None
    assert (reply.outcome, plant.applied) == (Outcome.REFUSED, ["bremen"])
    assert "not above 5" in reply.text


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (told(2, "No Name"), "gateway.site"),
        (told(2, zones={"loft": {"lost_max_s": 1.0}}), "zones.loft: gateway.toml has none of that name"),
        (told(2, zones={"hall": {"lost_max_s": -1.0}}), "zones.hall.rules.lost_max_s: -1.0"),
        (told(2, doors={"hall": {"cool_down_s": 1.0}}), "doors.hall: gateway.toml has none of that name"),
    ],
)
async def test_a_wrong_one_changes_nothing_and_is_told(plant: Plant, wrong: Configuration, why: str) -> None:
    reply = await plant.configurer.take(wrong)
    assert reply is not None
    assert reply.outcome is Outcome.REFUSED
    assert why in reply.text
    assert (plant.applied, plant.configurer.number) == ([], 0)
    assert plant.start() == "hamburg"
    assert await plant.configurer.take(wrong) == reply
