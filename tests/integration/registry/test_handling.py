"""Handling what was ticked, or all that the list shows: what can be done is done, the rest is named, and an undo puts it back."""

import re
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.plugin import DjangoDbBlocker

from registry.access.actors import Actor, system
from registry.access.models import Change, Person
from registry.assets import bulk, containers
from registry.assets.models import Asset, Containment
from registry.custody import many, many_steps, services, transfers
from registry.custody.models import Custody, Transfer
from registry.work.models import Outgoing, Run
from registry.work.runs import Turns
from registry.working import RUNS
from tests.registry_world import ROOT, World, actor, lasting, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with lasting(django_db_blocker) as world:
        yield world


@pytest.fixture
def world(made: World, db: None) -> World:
    return deepcopy(made)


@pytest.fixture
def anna() -> Person:
    return Person.objects.create(name="Anna Berg", email="anna@example.com")


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(make_user("otto", "manager"))
    return client


def crates(world: World, number: int) -> list[Asset]:
    rows = [bulk.Row({"name": f"Crate {n:03d}", "home_location": world.places["Hall A"]}) for n in range(number)]
    return [made for at in range(0, number, 500) for made in bulk.register_all(by=ROOT, rows=rows[at : at + 500])]


def out(assets: Sequence[Asset], person: Person, **more: Any) -> Run:
    given: dict[str, Any] = {"due_at": None, "note": "", "over_bookings": False, "accept_at": "http://site/SECRET/"} | more
    return many.check_out(by=ROOT, asset_ids=[a.pk for a in assets], person_id=person.pk, **given)


def somebody() -> Actor:
    """With a request of their own: what an undo goes by."""
    return system("system", "tests")


def work_off() -> None:
    turns = Turns(RUNS)
    while turns.turn():
        continue
    turns.close()


def ticked(answer: Any) -> str:
    """The address of what came of it."""
    assert answer.status_code == 302, answer.content.decode()
    return str(answer.headers["Location"])


def test_few_are_done_at_once_and_who_cannot_go_is_named(world: World, anna: Person) -> None:
    pump, ladder, drill = (world.assets[name] for name in ("Pump 7", "Ladder long", "Drill"))
    services.check_out(by=ROOT, asset_ids=[drill.pk], location=world.places["Dock"])
    run = out([pump, ladder, drill], anna)
    assert (run.state, run.done, run.failed) == ("done", 2, 1)
    [(pk, name, why)] = many.refused_of(run)
    assert (pk, name) == (drill.pk, str(drill))
    assert "checked out to Dock" in why
    assert set(Custody.objects.out().filter(person=anna).values_list("asset", flat=True)) == {pump.pk, ladder.pk}
    undone = many.undo(by=ROOT, run=run)
    assert (undone.done, undone.failed) == (2, 1)
    assert list(Custody.objects.out().values_list("asset", flat=True)) == [drill.pk]  # the undo takes back what the run gave out


def test_hundreds_are_a_run_in_steps_with_one_link_and_one_mail(world: World, anna: Person, settings: Any) -> None:
    mail = settings.CONFIGURATION.mail.model_copy(update={"host": "mail.example.com"})
    settings.CONFIGURATION = settings.CONFIGURATION.model_copy(update={"mail": mail})
    assets = crates(world, 2 * many_steps.AT_ONCE + 20)
    run = out(assets, anna)
    assert (run.state, Custody.objects.count()) == ("waiting", 0)
    work_off()
    run.refresh_from_db()
    assert (run.state, run.done, run.failed) == ("done", len(assets), 0)
    assert Custody.objects.out().filter(batch=run.pk).values("token_hash").distinct().count() == 1
    [message] = Outgoing.objects.filter(sink="mail")
    payload: Any = message.payload
    assert payload["subject"] == f"Please accept {len(assets)} things"
    [secret] = re.findall(r"http://site/([^/]+)/", payload["text"])
    assert len(services.by_secret(secret)) == len(assets)
    many.undo(by=ROOT, run=run)
    work_off()
    assert not Custody.objects.out().exists()


def test_a_step_costs_as_much_for_many_as_for_few(world: World, anna: Person) -> None:
    def spent(assets: Sequence[Asset]) -> list[int]:
        ids, costs = [asset.pk for asset in assets], []
        each: list[Callable[[], Run]] = [
            lambda: out(assets, anna),
            lambda: many.check_in(by=ROOT, asset_ids=ids, location=None, condition=3, note=""),
            lambda: many.put_into(by=ROOT, asset_ids=ids, container=world.assets["Pump 7"], kind="contents"),
            lambda: many.take_out(by=ROOT, asset_ids=ids),
        ]
        for work in each:
            with CaptureQueriesContext(connection) as captured:
                assert work().done == len(ids)
            costs.append(len(captured))
        return costs

    few, most = spent(crates(world, 5)), spent(crates(world, many_steps.AT_ONCE))
    assert most == few
    assert max(few) <= 45


def test_a_kit_takes_its_parts_along_whichever_step_they_are_in(world: World, anna: Person, monkeypatch: Any) -> None:
    monkeypatch.setattr(many_steps, "AT_ONCE", 2)
    case, one, two, alone = crates(world, 4)
    containers.put_all_into(by=ROOT, pairs=[(one, case), (two, case)], kind="kit")
    run = out([case, alone, one], anna)
    work_off()
    run.refresh_from_db()
    assert (run.done, run.failed, Custody.objects.out().count()) == (3, 0, 4)
    back = many.check_in(by=ROOT, asset_ids=[case.pk, alone.pk, one.pk, two.pk], location=None, condition=None, note="")
    work_off()
    back.refresh_from_db()
    assert (back.done, back.failed, Custody.objects.out().count()) == (4, 0, 0)


def test_into_a_container_out_of_it_and_back_to_where_each_was(world: World) -> None:
    box, crate, a, b, c = crates(world, 5)
    containers.put_into(by=ROOT, asset=a, container=box, kind="component")
    containers.put_into(by=ROOT, asset=crate, container=c)
    run = many.put_into(by=somebody(), asset_ids=[a.pk, b.pk, c.pk, crate.pk], container=crate, kind="contents")
    assert (run.done, run.failed) == (2, 2)
    assert {why for _, _, why in many.refused_of(run)} == {
        f"{c.asset_no} cannot lie in {crate.asset_no}, which lies in it",
        f"{crate.asset_no} cannot lie in {crate.asset_no}, which lies in it",
    }
    assert dict(Asset.objects.filter(pk__in=[a.pk, b.pk]).values_list("pk", "parent")) == {a.pk: crate.pk, b.pk: crate.pk}
    undone = many.undo(by=somebody(), run=run)
    assert undone.done == 2
    assert dict(Asset.objects.filter(pk__in=[a.pk, b.pk]).values_list("pk", "parent")) == {a.pk: box.pk, b.pk: None}
    assert Containment.objects.get(asset=a, to_ts=None).kind == "component"
    taken = many.take_out(by=somebody(), asset_ids=[a.pk, b.pk])
    assert (taken.done, taken.failed) == (1, 1)
    containers.put_into(by=ROOT, asset=a, container=crate)
    [(_, _, why)] = [one for one in many.refused_of(many.undo(by=somebody(), run=taken)) if one[0] == a.pk]
    assert why == "it was moved again since"


def test_a_transfer_for_each_thousand_and_all_of_them_called_off(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(many_steps, "AT_ONCE", 2)
    monkeypatch.setattr(many_steps, "MOST_ASSETS", 4)
    assets = crates(world, 6)
    ends = {"from_location": world.places["Hall A"], "to_location": world.places["Office"]}
    transfers.request(by=ROOT, asset_ids=[assets[5].pk], **ends)
    run = many.send(by=ROOT, asset_ids=[a.pk for a in assets], due_at=None, note="", new_home=False, **ends)
    work_off()
    run.refresh_from_db()
    assert (run.done, run.failed) == (5, 1)
    numbers = [Transfer.objects.get(pk=pk).items.count() for pk in run.cursor["kept"]["transfers"]]
    assert numbers == [4, 1]
    many.undo(by=ROOT, run=run)
    work_off()
    assert set(Transfer.objects.filter(pk__in=run.cursor["kept"]["transfers"]).values_list("state", flat=True)) == {"cancelled"}


def test_nobody_handles_what_is_out_of_their_reach(world: World, anna: Person) -> None:
    here = actor(make_user("hall", "operator", place=world.places["Store room"]))
    given: dict[str, Any] = {"due_at": None, "note": "", "over_bookings": False, "accept_at": ""}
    ids = [world.assets["Pump 7"].pk, world.assets["Drill"].pk]
    run = many.check_out(by=here, asset_ids=ids, person_id=anna.pk, **given)
    assert (run.done, run.failed) == (1, 1)
    assert [name for _, name, _ in many.refused_of(run)] == [str(world.assets["Drill"].pk)]  # not even its name
    assert not Change.objects.of("asset", world.assets["Drill"].pk).filter(action="checked out").exists()


def test_by_the_forms_of_the_list_alone(client: Client, world: World, anna: Person) -> None:
    pumps = [world.assets[f"Pump {n}"] for n in (7, 8, 9)]
    form = client.post("/assets/selected/out/", {"query": "?q=Pump", "all": "yes"})
    assert form.status_code == 200
    page = form.content.decode()
    assert "Check out 3 assets" in page
    [ids] = re.findall(r'name="assets" value="([^"]+)"', page)
    assert set(ids.split(",")) == {str(pump.pk) for pump in pumps}
    wrong = client.post("/assets/selected/out/", {"assets": ids, "go": "yes", "to": "person", "person": "Nobody", "note": "roof"})
    assert wrong.status_code == 422
    assert "roof" in wrong.content.decode()
    done = ticked(client.post("/assets/selected/out/", {"assets": ids, "go": "yes", "to": "person", "person": "Anna Berg"}))
    said = client.get(done).content.decode()
    assert "3 of 3 assets done" in said
    [link] = re.findall(r"/custody/accept/[^/\"]+/", said)[:1]
    assert "Pump 8" in Client().get(link).content.decode()
    undone = ticked(client.post(f"{done}undo/"))
    assert "3 of 3 assets done" in client.get(undone).content.decode()
    assert not Custody.objects.out().exists()

    into = {"assets": ids, "go": "yes", "container": "tag:LADDER-1", "kind": "contents"}
    assert "3 of 3" in client.get(ticked(client.post("/assets/selected/into/", into))).content.decode()
    assert Asset.objects.filter(parent=world.assets["Ladder long"]).count() == 3
    assert (
        "3 of 3" in client.get(ticked(client.post("/assets/selected/take-out/", {"assets": ids, "go": "yes"}))).content.decode()
    )
    ends = {"from_location": world.places["Store room"].pk, "to_location": world.places["Office"].pk}
    sent = client.get(ticked(client.post("/assets/selected/transfer/", {"assets": ids, "go": "yes", **ends}))).content.decode()
    assert "T-000001" in sent
    back = client.get(ticked(client.post("/assets/selected/in/", {"assets": ids, "go": "yes"}))).content.decode()
    assert "0 of 3 assets done" in back
    assert "is not checked out" in back


def test_who_may_not_handle_or_asks_for_something_else_finds_nothing(client: Client, world: World) -> None:
    assert client.post("/assets/selected/steal/", {"asset": world.assets["Drill"].pk}).status_code == 404
    viewer = Client()
    viewer.force_login(make_user("vera", "viewer"))
    assert viewer.post("/assets/selected/out/", {"asset": world.assets["Drill"].pk}).status_code == 404
    run = many.take_out(by=ROOT, asset_ids=[world.assets["Drill"].pk])
    assert viewer.get(f"/assets/handled/{run.pk}/").status_code == 404
