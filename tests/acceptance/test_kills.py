"""Gateway and ingest are killed at every named place in the code: nothing confirmed is lost, nothing doubled, all in order.

SIGHTPOST_KILLS sets how often each place is died at; `make chaos` does it with every other fault besides (tests/chaos).
"""

import os
import random
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.kills import GATEWAY_POINTS, INGEST_POINTS, kill_gateway, kill_ingest
from tests.chaos.plant import Plant, Template
from tests.chaos.verdict import Verdict, judge

KILLS = int(os.environ.get("SIGHTPOST_KILLS", "3"))
SEED = int(os.environ.get("SIGHTPOST_SEED", "7"))

pytestmark = pytest.mark.timeout(120 + 60 * KILLS)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Template]:
    with Template.made(tmp_path_factory.mktemp("chaos")) as template:
        yield template


async def judged(template: Template, kill: Callable[[Plant, Sequence[str]], Awaitable[None]], points: Sequence[str]) -> Verdict:
    rng = random.Random(SEED)
    order = list(points) * KILLS
    rng.shuffle(order)
    async with Plant.running(template, rng) as plant:
        await plant.gateway.start()
        await kill(plant, order)
        verdict = await plant.verdict("kills", len(order))
        assert verdict.confirmed == plant.truth.now.last > 10 * len(order)
    print(verdict)
    return verdict


async def test_a_gateway_that_dies_anywhere_loses_and_doubles_nothing(template: Template, tmp_path: Path) -> None:
    verdict = await judged(template, kill_gateway, list(GATEWAY_POINTS))
    assert replace(verdict, lost=0, doubled=0, out_of_order=0) == verdict
    assert verdict.stored == verdict.confirmed


async def test_ingest_that_dies_anywhere_loses_and_doubles_nothing(template: Template, tmp_path: Path) -> None:
    verdict = await judged(template, kill_ingest, list(INGEST_POINTS))
    assert replace(verdict, lost=0, doubled=0, out_of_order=0) == verdict
    assert verdict.stored == verdict.confirmed


async def test_the_verdict_sees_what_is_wrong(template: Template, tmp_path: Path) -> None:
    """Or the tests above would prove nothing."""
    async with Plant.running(template, random.Random(SEED)) as plant:
        await plant.gateway.start()
        await plant.read(at_least=200)
        assert (await plant.verdict("fine", 1)).holds
        spoiled = tmp_path / "registry.sqlite3"

        def after(*damage: str) -> tuple[int, int, int]:
            for ending in ("", "-wal", "-shm"):
                if (part := Path(f"{plant.registry_database}{ending}")).exists():
                    shutil.copy(part, f"{spoiled}{ending}")
            with closing(sqlite3.connect(spoiled, isolation_level=None)) as db:
                for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
                    db.execute(f'DROP TRIGGER "{name}"')
                for statement in damage:
                    db.execute(statement)
            found = judge("spoiled", 1, [plant.truth], [plant.outbox], spoiled)
            return found.lost, found.doubled, found.out_of_order

        await plant.ingest.stop()
        one = "(SELECT event_id FROM tracking_locationevent WHERE seq = 100)"
        copied = [row[1] for row in sqlite_columns(plant.registry_database) if row[1] not in ("event_id", "seq")]
        names = ", ".join(copied)
        assert after() == (0, 0, 0)
        lost, doubled, _ = after(f"DELETE FROM tracking_locationevent WHERE event_id = {one}")
        assert (lost, doubled) == (1, 0)
        lost, doubled, _ = after(
            f"INSERT INTO tracking_locationevent (event_id, seq, {names})"
            f" SELECT '{'0' * 32}', 1000000, {names} FROM tracking_locationevent WHERE seq = 100"
        )
        assert lost == 0
        assert doubled == 1
        assert after(f"UPDATE tracking_locationevent SET identity = 'tag:other' WHERE event_id = {one}")[0] == 1
        assert after("UPDATE tracking_position SET state = 'unknown'") == (0, 0, 40)
        assert after("DELETE FROM tracking_stay WHERE to_ts IS NULL")[2] > 10
        assert after("UPDATE chaos_position SET n = -n")[2] > 10
        assert after("UPDATE tracking_locationevent SET seq = 0 WHERE seq = (SELECT max(seq) FROM tracking_locationevent)")[2] > 0


def sqlite_columns(database: Path) -> list[tuple[int, str]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        return db.execute("PRAGMA table_info(tracking_locationevent)").fetchall()
