"""The real work process, killed at random moments: with a real broker and a real mail server nothing is lost, no mail doubled."""

import asyncio
import json
import random
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import psutil
import pytest

from registry import secret_files
from registry.exits import PERSON
from sync import mqtt
from sync.broker import WORK_USER, Role
from sync.topics import ROOT
from tests.mosquitto import Mosquitto
from tests.registry_process import RegistryHome, registry_home, wait_for
from tests.smtp_server import Smtp, smtp_server

ASSET_ROOT = f"{ROOT}/assets"
MESSAGES = 400
MAILS = 12

pytestmark = pytest.mark.timeout(180)  # several processes are started one after the other


@pytest.fixture
def smtp() -> Iterator[Smtp]:
    with smtp_server() as smtp:
        yield smtp


@pytest.fixture
def home(tmp_path: Path, smtp: Smtp) -> Iterator[RegistryHome]:
    mail = f'host = "127.0.0.1"\nport = {smtp.port}\nstarttls = false\nsender = "assets@example.com"'
    with registry_home(tmp_path, migrated=True, broker="run = false", mail=mail) as home:
        home.run("migrate")
        yield home


@pytest.fixture
def broker(home: RegistryHome, tmp_path: Path) -> Iterator[Mosquitto]:
    (tmp_path / "broker").mkdir()
    broker = Mosquitto(tmp_path / "broker")
    broker.port = home.broker_port
    broker.passwords[WORK_USER] = secret_files.read_or_make(home.data, secret_files.WORK_PASSWORD)
    broker.add_user("erp", Role.ASSET_SUBSCRIBER)
    broker.add_known(WORK_USER, Role.WORK)
    broker.start()
    yield broker
    broker.stop()


async def test_killed_again_and_again_nothing_is_lost(home: RegistryHome, broker: Mosquitto) -> None:
    home.python(
        "from registry.work.outgoing import put\n"
        "from django.db import transaction\n"
        "with transaction.atomic():\n"
        f"    for n in range({MESSAGES}):\n"
        f"        put(sink='mqtt', topic=f'{ASSET_ROOT}/A-{{n % 7}}/events', key=f'asset:{{n % 7}}', payload={{'event_id': n}})\n"
    )
    got: list[int] = []
    rng = random.Random(7)
    async with mqtt.connect(broker.login("erp"), "erp", queue_limit=5_000) as session:
        await session.subscribe(f"{ASSET_ROOT}/#")

        async def listen() -> None:
            async for message in session.messages():
                got.append(json.loads(message.payload)["event_id"])

        listening = asyncio.create_task(listen())
        kills = 0
        while home.query("SELECT count(*) FROM work_outgoing") != [(0,)]:
            assert kills < 40
            with home.running("work") as work:
                base = len(got)
                deadline = time.monotonic() + 40
                enough = rng.choice([1, 40, 150]) if kills < 3 else MESSAGES
                while len(got) < base + enough and time.monotonic() < deadline:
                    await asyncio.sleep(0.02)
                    if home.query("SELECT count(*) FROM work_outgoing") == [(0,)]:
                        break
                work.kill()
                work.wait()
                kills += 1
        await _until(lambda: len(set(got)) == MESSAGES)
        listening.cancel()
    assert set(got) == set(range(MESSAGES)), "none lost"
    for key in range(7):
        first = list(dict.fromkeys(n for n in got if n % 7 == key))
        assert first == sorted(first), "each asset's in their order"


def test_killed_in_the_middle_of_mails_none_goes_twice(home: RegistryHome, smtp: Smtp) -> None:
    smtp.pause_before_answer_s = 0.01
    home.python(
        "from registry.work.outgoing import mail\n"
        f"for n in range({MAILS}): mail(to=f'p{{n}}@example.com', subject=str(n), text='x' * 2000)\n"
    )
    rng = random.Random(3)
    for kill in range(3):
        with home.running("work") as work:
            wait_for(lambda most=2 * kill: len(smtp.accepted) > most or _open(home) == [(0,)])  # type: ignore[misc]
            time.sleep(rng.uniform(0, 0.04))
            work.kill()
            work.wait()
    with home.running("work"):
        wait_for(lambda: home.query("SELECT count(*) FROM work_outgoing WHERE NOT dead") == [(0,)])
    sent = [_number(mail) for mail in smtp.accepted]
    assert len(sent) == len(set(sent)), "none twice"
    uncertain = home.query("SELECT topic, error FROM work_outgoing WHERE dead OR handed_over_at IS NOT NULL")
    told = {int(topic.split("@")[0][1:]) for topic, _ in uncertain}
    assert set(sent) | told == set(range(MAILS)), "what was not sent is told of"


def test_a_mail_in_the_balance_at_the_kill_waits_for_a_person(home: RegistryHome, smtp: Smtp) -> None:
    before = psutil.Process().children()  # a database server
    smtp.hold_after_text = True
    home.python("from registry.work.outgoing import mail\nmail(to='p0@example.com', subject='0', text='x')")
    with home.running("work") as work:
        wait_for(lambda: smtp.accepted)
        work.kill()
        work.wait()
    smtp.hold_after_text = False
    with home.running("work") as work:
        wait_for(lambda: home.query("SELECT count(*) FROM work_outgoing WHERE dead") == [(1,)])
        assert home.run("work", status=PERSON).startswith("Another work process of this registry runs already")
        time.sleep(1)
        work.terminate()
        assert work.wait(30) == 0
    assert len(smtp.accepted) == 1
    [(error,)] = home.query("SELECT error FROM work_outgoing")
    assert error.startswith("perhaps sent")
    assert "1 mails were perhaps sent" in home.log()
    left = [child for child in psutil.Process().children() if child not in before]
    assert not [child for child in left if child.status() != psutil.STATUS_ZOMBIE]


def test_an_import_goes_on_after_a_kill(home: RegistryHome) -> None:
    rows = "\n".join(f"N-{n:05d},Thing {n},Hall/Room {n % 9}" for n in range(1_500))
    (home.folder / "many.csv").write_text(f"asset_no,name,home_location\n{rows}\n")
    home.python(
        "from registry.access.actors import system\n"
        "from registry.importing import services\n"
        f"file = open({str(home.folder / 'many.csv')!r}, 'rb').read()\n"
        "job = services.receive(by=system('cli'), name='many.csv', chunks=[file])\n"
        "services.start_check(by=system('cli'), job=job, mapping=job.mapping,"
        " options=job.options | {'make': ['category', 'home_location']})\n"
    )
    with home.running("work") as work:
        wait_for(lambda: home.query("SELECT count(*) FROM work_run WHERE state = 'waiting'") == [(0,)])
        work.kill()
        work.wait()
    with home.running("work"):
        wait_for(lambda: home.query("SELECT state FROM importing_importjob") == [("checked",)])
    home.python(
        "from registry.access.actors import system\n"
        "from registry.importing import services\n"
        "from registry.importing.models import ImportJob\n"
        "services.confirm(by=system('cli'), job=ImportJob.objects.get())\n"
    )
    with home.running("work") as work:
        wait_for(lambda: home.query("SELECT count(*) FROM assets_asset") != [(0,)])
        work.kill()
        work.wait()
    with home.running("work"):
        wait_for(lambda: home.query("SELECT state FROM importing_importjob") == [("done",)], 40)
        wait_for(lambda: home.query("SELECT DISTINCT state FROM work_run") == [("done",)])
    assert home.query("SELECT count(*), count(DISTINCT asset_no) FROM assets_asset") == [(1_500, 1_500)]
    assert "Traceback" not in home.log()


async def _until(what: Callable[[], bool], within_s: float = 10) -> None:
    deadline = time.monotonic() + within_s
    while not what() and time.monotonic() < deadline:  # noqa: ASYNC110 - another process's doing
        await asyncio.sleep(0.02)


def _open(home: RegistryHome) -> list[tuple[int]]:
    return home.query("SELECT count(*) FROM work_outgoing WHERE NOT dead AND handed_over_at IS NULL")


def _number(mail: EmailMessage) -> int:
    return int(mail["Subject"])
