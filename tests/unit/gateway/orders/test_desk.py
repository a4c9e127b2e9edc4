"""Orders from the registry: each is done once or not at all, and answered; nobody else's, nothing late, nothing without bound."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest

from drivers.api import Action, NotSupported, ReaderUnavailable, Sink, Verb
from gateway.orders import desk as orders
from gateway.orders.configuring import Configurer
from gateway.orders.desk import Desk, Failed
from gateway.orders.doing import identify, ping
from gateway.orders.memory import INTERRUPTED, Memory
from gateway.orders.settled import Settled
from gateway.settings import GatewaySection, Settings
from sync.wire import Command, Configuration, Outcome, Purpose, Reply, seal, unseal

KEY = bytes(range(32))
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Plant:
    """A desk with one verb that counts, and the registry's side of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now_ns = 0
        self.done: list[bytes] = []
        self.said: list[Reply] = []
        self.fails: Exception | None = None
        file = Settings(gateway=GatewaySection(site="test", data_dir=folder / "data"))
        self.configurer = Configurer(Settled(file), self._apply, lambda: None, lambda: self.now_ns)
        self.desk = self.started()

    def started(self) -> Desk:
        memory = Memory(self.folder / "orders.json")
        desk = Desk({"count": self._count}, memory, self.configurer, lambda: self.now_ns).with_key(KEY)
        desk.greeted(NOW)
        return desk

    async def _apply(self, settings: Settings) -> str:
        return f"the site is called {settings.gateway.site}"

    async def _count(self, arguments: bytes) -> str:
        self.done.append(arguments)
        if self.fails:
            raise self.fails
        return f"{len(self.done)}"

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        async def publish(leaf: str, payload: bytes) -> None:
            assert leaf == "reply"
            self.said.append(unseal(payload, Reply, Purpose.REPLY, KEY))

        tasks = [asyncio.create_task(self.desk.run()), asyncio.create_task(self.desk.speak(publish))]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def tell(self, command: Command, *, key: bytes = KEY) -> None:
        counted = sum(self.desk.counts.values())
        self.desk.told("cmd", seal(command, Purpose.COMMAND, key))
        await self.until_counted(counted + 1)

    async def until_counted(self, total: int) -> None:
        """Until so many have come to an end, each of which is counted once, and what there is to say is said."""
        while sum(self.desk.counts.values()) < total:  # noqa: ASYNC110 - a counter wakes nobody
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.01)


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return Plant(tmp_path)


def order(verb: str = "count", arguments: object = None, *, left_s: float = 60, order_id: UUID | None = None) -> Command:
    return Command(order_id or uuid4(), verb, NOW + timedelta(seconds=left_s), msgspec.Raw(msgspec.json.encode(arguments or {})))


async def test_an_order_said_three_times_is_done_once_and_has_one_answer(plant: Plant) -> None:
    command = order(arguments={"a": 1})
    async with plant.working():
        for _ in range(3):
            await plant.tell(command)
    assert plant.done == [b'{"a":1}']
    assert set(plant.said) == {Reply(command.id, Outcome.DONE, "1")}
    assert plant.desk.counts["orders_repeated"] == 2


async def test_an_order_is_known_after_a_restart(plant: Plant) -> None:
    command = order()
    async with plant.working():
        await plant.tell(command)
    plant.desk = plant.started()
    async with plant.working():
        await plant.tell(command)
    assert len(plant.done) == 1
    assert plant.said == [Reply(command.id, Outcome.DONE, "1")] * 2


async def test_an_order_in_hand_when_the_gateway_died_is_not_begun_again(plant: Plant) -> None:
    command = order()
    Memory(plant.folder / "orders.json").begin(command.id, command.not_after, NOW)  # and then the power went
    plant.desk = plant.started()
    async with plant.working():
        await plant.tell(command)
    assert plant.done == []
    assert plant.said == [Reply(command.id, Outcome.FAILED, INTERRUPTED)]


async def test_late_is_what_the_registrys_clock_says(plant: Plant) -> None:
    async with plant.working():
        plant.now_ns = 59_000_000_000
        await plant.tell(order(left_s=60))
        plant.now_ns = 90_000_000_000
        late = order(left_s=60)
        await plant.tell(late)
        far = order(left_s=3600 + 91)
        await plant.tell(far)
    assert len(plant.done) == 1
    assert [(said.id, said.outcome) for said in plant.said[1:]] == [(late.id, Outcome.REFUSED), (far.id, Outcome.REFUSED)]
    assert "30 s too late" in plant.said[1].text


async def test_before_the_registry_has_said_the_time_nothing_is_done(plant: Plant) -> None:
    plant.desk.with_key(KEY)
    command = order()
    async with plant.working():
        await plant.tell(command)
        assert not plant.done
        assert not plant.said
        plant.desk.greeted(NOW)
        await plant.tell(command)
    assert len(plant.done) == 1


async def test_a_configuration_is_taken_under_its_own_mac_and_in_time(plant: Plant) -> None:
    told = Configuration(uuid4(), 3, NOW + timedelta(seconds=60), site="bremen")
    async with plant.working():
        plant.desk.told("config", seal(told, Purpose.COMMAND, KEY))
        plant.now_ns = 90_000_000_000
        plant.desk.told("config", seal(told, Purpose.CONFIGURATION, KEY))
        await plant.until_counted(2)
        assert plant.configurer.number == 0
        again = msgspec.structs.replace(told, not_after=NOW + timedelta(seconds=150))
        plant.desk.told("config", seal(again, Purpose.CONFIGURATION, KEY))
        await plant.until_counted(3)
    assert plant.configurer.number == 3
    assert plant.desk.counts == {"orders_ignored_bad_mac": 1, "orders_late": 1, "configurations": 1}


async def test_what_another_key_signed_and_what_is_none_is_counted(plant: Plant) -> None:
    async with plant.working():
        await plant.tell(order(), key=bytes(32))
        plant.desk.told("cmd", b"")
        plant.desk.told("cmd", seal(Reply(uuid4(), Outcome.DONE), Purpose.REPLY, KEY))  # signed, for another purpose
        plant.desk.told("cmd", b"\x1f\x8b" + bytes(100))
        await asyncio.sleep(0.02)
    assert not plant.done
    assert not plant.said
    assert plant.desk.counts == {"orders_ignored_bad_mac": 3, "orders_ignored_bad_gzip": 1}


@pytest.mark.parametrize(
    ("command", "why"),
    [(order("shell"), "does not know 'shell'; it knows count"), (order(arguments={"x": "y" * 9000}), "larger than 8192 bytes")],
)
async def test_what_is_not_allowed_is_refused_with_the_reason(plant: Plant, command: Command, why: str) -> None:
    async with plant.working():
        await plant.tell(command)
    assert plant.done == []
    assert plant.said[0].outcome is Outcome.REFUSED
    assert why in plant.said[0].text


async def test_arguments_that_are_no_text_are_refused_and_the_gateway_goes_on(plant: Plant) -> None:
    plant.desk = Desk({"ping": ping(lambda: "well")}, Memory(plant.folder / "orders.json"), plant.configurer, lambda: 0)
    plant.desk.with_key(KEY).greeted(NOW)
    async with plant.working():
        for arguments in (b'{"\xff":1}', b"{}"):
            await plant.tell(msgspec.structs.replace(order("ping"), arguments=msgspec.Raw(arguments)))
    assert [reply.outcome for reply in plant.said] == [Outcome.REFUSED, Outcome.DONE]


async def test_a_failure_is_told_and_remembered(plant: Plant) -> None:
    plant.fails = Failed("the reader hung up")
    command = order()
    async with plant.working():
        await plant.tell(command)
        await plant.tell(command)
    assert plant.said == [Reply(command.id, Outcome.FAILED, "the reader hung up")] * 2
    assert len(plant.done) == 1


async def test_a_flood_is_not_listened_to(plant: Plant) -> None:
    async with plant.working():
        for _ in range(100):
            plant.desk.told("cmd", seal(order(), Purpose.COMMAND, KEY))
        await plant.until_counted(100)
        assert len(plant.done) == orders.MAX_WAITING
        plant.now_ns = 10_000_000_000
        await plant.tell(order())
    assert len(plant.done) == orders.MAX_WAITING + 1
    assert plant.desk.counts["orders_ignored_too_many"] == 100 - orders.MAX_WAITING


def test_a_memory_is_bounded_by_forgetting_what_would_be_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.orders.memory.MOST", 5)
    memory = Memory(tmp_path / "orders.json")
    first = uuid4()
    for number in range(5):
        one = first if not number else uuid4()
        assert memory.begin(one, NOW + timedelta(seconds=1), NOW)
        memory.settle(Reply(one, Outcome.DONE))
    assert not memory.begin(uuid4(), NOW + timedelta(seconds=9), NOW)
    assert Memory(tmp_path / "orders.json").of(first) is not None
    assert memory.begin(uuid4(), NOW + timedelta(seconds=9), NOW + timedelta(seconds=2))
    assert memory.of(first) is None
    assert (tmp_path / "orders.json").stat().st_mode & 0o777 == 0o600


def test_a_memory_that_cannot_be_read_does_not_stop_the_gateway(tmp_path: Path) -> None:
    (tmp_path / "orders.json").write_bytes(b'{"begun":[{"id":')
    memory = Memory(tmp_path / "orders.json")
    assert memory.begin(uuid4(), NOW, NOW)


class Beeper:
    name = "dock"

    def __init__(self, trouble: Exception | None = None) -> None:
        self.trouble = trouble
        self.acted: list[Action] = []

    async def run(self, sink: Sink) -> None: ...

    async def act(self, action: Action) -> None:
        self.acted.append(action)
        if self.trouble and action.verb is Verb.BEEP:
            raise self.trouble


async def test_identify_beeps_or_says_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.orders.doing.OUTPUT_ON_S", 0.01)
    beeper, silent = Beeper(), Beeper(NotSupported("this module has no beeper"))
    do = identify({"dock": beeper, "hall": silent, "yard": Beeper(ReaderUnavailable("the reader is not connected"))})
    assert await do(b'{"reader":"dock"}') == "dock beeps"
    with pytest.raises(orders.Refused, match=r"hall: this module has no beeper; name an output as `pin`"):
        await do(b'{"reader":"hall"}')
    assert await do(b'{"reader":"hall","pin":2}') == "hall has switched output 2 on for 0 s"
    assert silent.acted[1:] == [Action(Verb.SET_OUTPUT, 2, high=True), Action(Verb.SET_OUTPUT, 2, high=False)]
    with pytest.raises(Failed, match="yard: the reader is not connected"):
        await do(b'{"reader":"yard"}')
    with pytest.raises(orders.Refused, match="there are: dock, hall, yard"):
        await do(b'{"reader":"nowhere"}')
    with pytest.raises(msgspec.ValidationError):
        await do(b'{"reader":"dock","path":"/etc/passwd"}')
