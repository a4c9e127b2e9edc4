"""What is done to many assets at once costs the same number of statements for ten as for hundreds: none holds the database for
as long as there are rows."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from registry.access.actors import Actor
from registry.access.models import Person
from registry.assets import bulk, containers
from registry.assets.models import Asset
from registry.assets.own_fields import create_field
from registry.assets.services import NewIdentifier
from registry.custody import services, transfers
from registry.custody.scope import MOST_ASSETS
from registry.db import uuid7
from registry.problems import Invalid
from registry.scanning.services import REFUSED, take
from registry.scanning.together import set_home
from registry.tracking.scans import MOST, OLDEST, Scan, State
from tests.registry_world import ROOT, World, actor, make_user, make_world

pytestmark = pytest.mark.django_db

FEW, MANY = 10, 150


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture(params=["everywhere", "one site"])
def by(request: pytest.FixtureRequest, world: World) -> Actor:
    place = world.places["Hamburg"] if request.param == "one site" else None
    return actor(make_user("manager", "manager", place=place))


def rows(world: World, number: int, tag: str) -> list[bulk.Row]:
    given = {
        "category": world.categories["Tools"],
        "home_location": world.places["Hall A"],
        "purchase_cost": "12.5",
        "currency": "EUR",
    }
    return [
        bulk.Row(
            {**given, "name": f"Box {n}"}, tags=["new", f"row {n % 3}"], identifiers=[NewIdentifier(f"tag:{tag}-{n}")],
            custom={"weight": n},
        )
        for n in range(number)
    ]  # fmt: skip


def statements(work: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as captured:
        work()
    return len(captured)


def test_each_costs_as_much_for_many_as_for_few(world: World, by: Actor) -> None:
    create_field(by=ROOT, key="weight", kind="number", name="Weight")
    anna = Person.objects.create(name="Anna")
    hall, office, crate = world.places["Hall A"], world.places["Office"], world.assets["Pump 7"]

    def day(number: int) -> dict[str, int]:
        made: list[Asset] = []
        spent = {"register": statements(lambda: made.extend(bulk.register_all(by=by, rows=rows(world, number, str(number)))))}
        ids = [asset.pk for asset in made]
        changes = [
            bulk.Row({"name": f"Bin {n}", "condition": 3, "acquired_on": "2025-03-14"}, tags=["old"], asset_id=pk)
            for n, pk in enumerate(ids)
        ]
        sent: list[Any] = []
        steps: list[tuple[str, Callable[[], object]]] = [
            ("change", lambda: bulk.change_all(by=by, rows=changes)),
            ("check out", lambda: services.check_out(by=by, asset_ids=ids, person_id=anna.pk)),
            ("check in", lambda: services.check_in(by=by, asset_ids=ids, condition=2, location=office)),
            ("put into", lambda: containers.put_all_into(by=by, pairs=[(asset, crate) for asset in made])),
            ("take out", lambda: containers.take_all_out(by=by, assets=made)),
            ("home", lambda: set_home(by=by, asset_ids=ids, place=office)),
            ("request", lambda: sent.append(transfers.request(by=by, asset_ids=ids, from_location=office, to_location=hall))),
            ("send", lambda: transfers.dispatch(by=by, transfer_id=sent[0].pk)),
            ("confirm", lambda: transfers.confirm_by_hand(by=by, transfer_id=sent[0].pk, item_ids=items(sent[0]))),
        ]
        for name, step in steps:
            spent[name] = statements(step)
        return spent

    few, many = day(FEW), day(MANY)
    assert {name: many[name] - few[name] for name in few if many[name] > few[name]} == {}
    assert max(many.values()) <= 25
    box = Asset.objects.get(name=f"Bin {MANY - 1}")
    assert (str(box.purchase_cost), str(box.acquired_on), box.condition) == ("12.5000", "2025-03-14", 2)


def written(work: Callable[[], object]) -> int:
    """How many rows that inserts, updates and deletes, by what the database itself counts."""
    before = _rows_written()
    work()
    return _rows_written() - before


def _rows_written() -> int:
    if connection.vendor == "sqlite":
        return int(connection.connection.total_changes)
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_xact_user_tables")
        return int(cursor.fetchone()[0])


def test_no_request_writes_more_than_a_thousand_rows_with_their_log(world: World) -> None:
    create_field(by=ROOT, key="weight", kind="number", name="Weight")
    anna = Person.objects.create(name="Anna")
    office, hall, crate = world.places["Office"], world.places["Hall A"], world.assets["Pump 7"]
    full = bulk.MOST_ROWS // 6  # each with its log, a code, two tags and a field of one's own
    made: list[Asset] = []
    sent: list[Any] = []
    plain = [bulk.Row({"name": f"Bin {n}"}) for n in range(bulk.MOST)]
    assert written(lambda: made.extend(bulk.register_all(by=ROOT, rows=plain))) <= 1_010
    assert written(lambda: bulk.register_all(by=ROOT, rows=rows(world, full, "full"))) <= 1_010
    changes = [bulk.Row({"condition": 3, "name": "Box"}, asset_id=asset.pk) for asset in made]
    assert written(lambda: bulk.change_all(by=ROOT, rows=changes)) <= 1_010
    ids, few = [asset.pk for asset in made[:MOST_ASSETS]], made[: containers.MOST]
    assert written(lambda: services.check_out(by=ROOT, asset_ids=ids, person_id=anna.pk)) <= 1_010
    assert written(lambda: services.check_in(by=ROOT, asset_ids=ids, condition=2, location=office)) <= 1_010
    assert written(lambda: containers.put_all_into(by=ROOT, pairs=[(asset, crate) for asset in few])) <= 1_010
    assert written(lambda: containers.put_all_into(by=ROOT, pairs=[(asset, world.assets["Drill"]) for asset in few])) <= 1_010
    assert written(lambda: containers.take_all_out(by=ROOT, assets=few)) <= 1_010
    send = {"from_location": office, "to_location": hall}
    assert written(lambda: sent.append(transfers.request(by=ROOT, asset_ids=ids, **send))) <= 1_010
    assert written(lambda: transfers.dispatch(by=ROOT, transfer_id=sent[0].pk)) <= 1_010
    assert written(lambda: transfers.confirm_by_hand(by=ROOT, transfer_id=sent[0].pk, item_ids=items(sent[0]))) <= 1_010
    refused: list[Callable[[], object]] = [
        lambda: bulk.register_all(by=ROOT, rows=[*plain, bulk.Row({"name": "One more"})]),
        lambda: bulk.register_all(by=ROOT, rows=rows(world, full + 1, "too full")),
        lambda: services.check_out(by=ROOT, asset_ids=[a.pk for a in made[: MOST_ASSETS + 1]], person_id=anna.pk),
        lambda: containers.put_all_into(by=ROOT, pairs=[(a, crate) for a in made[: containers.MOST + 1]]),
        lambda: containers.take_all_out(by=ROOT, assets=made[: containers.MOST + 1]),
    ]
    for work in refused:
        with pytest.raises(Invalid, match=r"at most|at once"):
            work()


def items(transfer: Any) -> Sequence[UUID]:
    return list(transfer.items.values_list("pk", flat=True))


def test_scans_cost_as_much_for_many_as_for_few(world: World, by: Actor) -> None:
    bulk.register_all(by=ROOT, rows=[bulk.Row({"name": "Box"}, identifiers=[NewIdentifier(f"BOX-{n}")]) for n in range(MOST)])

    def scans(number: int, first: int = 0) -> list[Scan]:
        texts = [f"BOX-{n}" if n % 2 else f"ELSE-{n}" for n in range(first, first + number)]
        return [Scan(uuid7(), text, world.places["Dock"].pk, timezone.now()) for text in texts]

    take(by=by, scans=scans(FEW))  # positions are there from now on
    few = statements(lambda: take(by=by, scans=scans(FEW)))
    assert statements(lambda: take(by=by, scans=scans(MOST))) <= few + 2
    assert few <= 25


def test_scans_that_cannot_be_taken_cost_the_others_nothing(world: World) -> None:
    here, now = world.places["Dock"].pk, timezone.now()
    good = [Scan(uuid7(), "tag:LADDER-1", here, now), Scan(uuid7(), "nobody", here, now)]
    bad = [Scan(uuid7(), " ", here, now), Scan(uuid7(), "x", uuid7(), now), Scan(uuid7(), "x", here, now - 2 * OLDEST)]
    mixed = [bad[0], good[0], bad[1], good[1], bad[2]] * 20
    mixed = [Scan(uuid7(), scan.text, scan.location, scan.at) for scan in mixed]
    with CaptureQueriesContext(connection) as captured:
        answers, _ = take(by=ROOT, scans=mixed)
    assert [answer.state for answer in answers] == [REFUSED, State.KNOWN, REFUSED, State.UNKNOWN, REFUSED] * 20
    assert len(captured) <= 25
