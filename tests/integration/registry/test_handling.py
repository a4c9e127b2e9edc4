"""Handling what was ticked, or all that the list shows: what can be done is done, the rest is named, and an undo puts it back."""

import re
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from registry.access.actors import Actor, system
from registry.access.models import Change, Person
from registry.assets import bulk, containers
from registry.assets.models import Asset, Containment
from registry.custody import bookings, many, many_doing, many_steps, reopening, services, transfers
from registry.custody.models import Custody, Transfer
from registry.problems import Invalid, Taken
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
    return many.start(by=ROOT, plan=many.check_out(by=ROOT, asset_ids=[a.pk for a in assets], person_id=person.pk, **given))


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
            lambda: many.start(by=ROOT, plan=many.check_in(by=ROOT, asset_ids=ids, location=None, condition=3, note="")),
            lambda: many.start(
                by=ROOT, plan=many.put_into(by=ROOT, asset_ids=ids, container=world.assets["Pump 7"], kind="contents")
            ),
            lambda: many.start(by=ROOT, plan=many.take_out(by=ROOT, asset_ids=ids)),
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
    ids = [case.pk, alone.pk, one.pk, two.pk]
    by = somebody()
    back = many.start(by=by, plan=many.check_in(by=by, asset_ids=ids, location=None, condition=None, note=""))
    work_off()
    back.refresh_from_db()
    assert (back.done, back.failed, Custody.objects.out().count()) == (4, 0, 0)
    again = many.undo(by=somebody(), run=back)
    work_off()
    again.refresh_from_db()
    assert (again.done, again.failed, Custody.objects.out().count()) == (4, 0, 4)
    assert Custody.objects.count() == 4


def test_into_a_container_out_of_it_and_back_to_where_each_was(world: World) -> None:
    box, crate, a, b, c = crates(world, 5)
    containers.put_into(by=ROOT, asset=a, container=box, kind="component")
    containers.put_into(by=ROOT, asset=crate, container=c)
    ids = [a.pk, b.pk, c.pk, crate.pk]
    by = somebody()
    run = many.start(by=by, plan=many.put_into(by=by, asset_ids=ids, container=crate, kind="contents"))
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
    by = somebody()
    taken = many.start(by=by, plan=many.take_out(by=by, asset_ids=[a.pk, b.pk]))
    assert (taken.done, taken.failed) == (1, 1)
    containers.put_into(by=ROOT, asset=a, container=crate)
    [(_, _, why)] = [one for one in many.refused_of(many.undo(by=somebody(), run=taken)) if one[0] == a.pk]
    assert why == "it was moved again since"


def test_a_transfer_for_as_many_as_one_takes_and_all_of_them_called_off(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(many_steps, "AT_ONCE", 2)
    monkeypatch.setattr(many_doing, "MOST_ASSETS", 4)
    assets = crates(world, 6)
    ends = {"from_location": world.places["Hall A"], "to_location": world.places["Office"]}
    transfers.request(by=ROOT, asset_ids=[assets[5].pk], **ends)
    plan = many.send(by=ROOT, asset_ids=[a.pk for a in assets], due_at=None, note="", new_home=False, **ends)
    run = many.start(by=ROOT, plan=plan)
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
    run = many.start(by=here, plan=many.check_out(by=here, asset_ids=ids, person_id=anna.pk, **given))
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
    wrong = client.post(
        "/assets/selected/out/", {"assets": ids, "preview": "yes", "to": "person", "person": "Nobody", "note": "roof"}
    )
    assert wrong.status_code == 422
    assert "roof" in wrong.content.decode()
    done = ticked(confirmed(client, "out", {"assets": ids, "to": "person", "person": "Anna Berg"}))
    said = client.get(done).content.decode()
    assert "3 of 3 assets done" in said
    [link] = re.findall(r"/custody/accept/[^/\"]+/", said)[:1]
    assert "Pump 8" in Client().get(link).content.decode()
    undone = ticked(client.post(f"{done}undo/"))
    assert "3 of 3 assets done" in client.get(undone).content.decode()
    assert not Custody.objects.out().exists()

    into = {"assets": ids, "container": "tag:LADDER-1", "kind": "contents"}
    assert "3 of 3" in client.get(ticked(confirmed(client, "into", into))).content.decode()
    assert Asset.objects.filter(parent=world.assets["Ladder long"]).count() == 3
    assert "3 of 3" in client.get(ticked(confirmed(client, "take-out", {"assets": ids}))).content.decode()
    ends = {"from_location": world.places["Store room"].pk, "to_location": world.places["Office"].pk}
    sent = client.get(ticked(confirmed(client, "transfer", {"assets": ids, **ends}))).content.decode()
    assert "T-000001" in sent
    back = client.post("/assets/selected/in/", {"assets": ids, "preview": "yes"}).content.decode()
    assert "none of 3 assets can be" in back
    assert "is not checked out" in back
    assert 'name="go"' not in back


def confirmed(client: Client, do: str, given: dict[str, Any]) -> Any:
    """What the form of the preview answers: sent as it stands there."""
    before = Change.objects.count()
    answer = client.post(f"/assets/selected/{do}/", {**given, "preview": "yes"})
    assert answer.status_code == 200, answer.content.decode()
    page = answer.content.decode()
    [form] = [one for one in re.findall(r"<form.*?</form>", page, re.S) if 'name="go"' in one]
    sent: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form):
        sent.setdefault(name, []).append(unescape(value))
    assert Change.objects.count() == before  # nothing is done yet
    return client.post(f"/assets/selected/{do}/", sent)


def test_the_preview_says_what_would_happen_and_exactly_that_is_done(client: Client, world: World, anna: Person) -> None:
    pumps = [world.assets[f"Pump {n}"] for n in (7, 8, 9)]
    ben = Person.objects.create(name="Ben <b>Berg</b>")
    services.check_out(by=ROOT, asset_ids=[pumps[0].pk, pumps[1].pk], person_id=ben.pk)
    ids = ",".join(str(pump.pk) for pump in pumps)
    page = client.post(
        "/assets/selected/in/", {"assets": ids, "preview": "yes", "note": "roof", "condition": "2"}
    ).content.decode()
    assert "Check in: 2 of 3 assets" in page
    assert re.search(r"Ben &lt;b&gt;Berg&lt;/b&gt;</td><td class=\"number\">2<", page)
    assert re.search(rf"{pumps[2]}.*is not checked out", page)
    services.check_out(by=ROOT, asset_ids=[pumps[2].pk], person_id=ben.pk)  # goes out after the preview was made
    [form] = [one for one in re.findall(r"<form.*?</form>", page, re.S) if 'name="go"' in one]
    sent = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
    assert "2 of 2 assets done" in client.get(ticked(client.post("/assets/selected/in/", sent))).content.decode()
    assert list(Custody.objects.out().values_list("asset", flat=True)) == [pumps[2].pk]
    [changed] = re.findall(r"<form.*?Change this.*?</form>", page, re.S)
    again = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', changed.rpartition("<form")[2]))
    shown = client.post("/assets/selected/in/", again).content.decode()
    assert "Check in 3 assets" in shown
    assert 'value="roof"' in shown


def test_parts_of_kits_stand_in_the_preview_and_steps_leave_room_for_them(world: World, anna: Person, monkeypatch: Any) -> None:
    monkeypatch.setattr(many_steps, "MOST_ASSETS", 3)
    case, one, two, alone = crates(world, 4)
    containers.put_all_into(by=ROOT, pairs=[(one, case), (two, case)], kind="kit")
    plan = many.check_out(
        by=ROOT, asset_ids=[case.pk, alone.pk], person_id=anna.pk, due_at=None, note="", over_bookings=False, accept_at=""
    )
    preview = many.preview(ROOT, plan)
    assert (preview.going, preview.along, preview.refused) == ((case.pk, alone.pk), 2, ())
    run = many.start(by=ROOT, plan=plan)
    assert run.state == "waiting"  # the kit and another one are more than one transaction takes
    work_off()
    assert Custody.objects.out().count() == 4


def test_a_check_in_of_many_is_put_back(world: World, anna: Person) -> None:
    pump, drill, ladder = (world.assets[name] for name in ("Pump 7", "Drill", "Ladder long"))
    Asset.objects.filter(pk=pump.pk).update(condition=5, condition_on="2026-01-05")
    out([pump, drill, ladder], anna, note="roof")
    held = {c.asset_id: c.pk for c in Custody.objects.out()}
    by, office = somebody(), world.places["Office"]
    ids = [pump.pk, drill.pk, ladder.pk]
    back = many.start(by=by, plan=many.check_in(by=by, asset_ids=ids, location=office, condition=2, note="scratched"))
    assert (back.done, Asset.objects.get(pk=pump.pk).condition) == (3, 2)
    services.check_out(by=ROOT, asset_ids=[drill.pk], person_id=anna.pk)
    services.check_in(by=somebody(), asset_ids=[drill.pk])
    services.check_out(by=ROOT, asset_ids=[ladder.pk], location=office)
    run = many.undo(by=somebody(), run=back)
    assert (run.done, run.failed) == (1, 2)
    assert {pk: why for pk, _, why in many.refused_of(run)} == {
        drill.pk: f"{drill.asset_no} was handed out and taken back again since",
        ladder.pk: f"{ladder.asset_no} is checked out",
    }
    one = Custody.objects.get(pk=held[pump.pk])
    assert (one.to_at, one.note, one.note_in, one.condition_in, one.returned_to, one.person) == (
        None,
        "roof",
        "",
        None,
        None,
        anna,
    )
    pump.refresh_from_db()
    assert (pump.custodian, pump.condition, str(pump.condition_on)) == (anna, 5, "2026-01-05")
    undone = Change.objects.of("asset", pump.pk).get(action="check-in undone")
    assert (undone.before["condition"], undone.after["condition"], undone.after["to"]["id"]) == (2, 5, str(anna.pk))
    with pytest.raises(Invalid):
        many.undo(by=somebody(), run=run)  # no undoing of the undoing


def test_what_went_out_for_a_booking_is_held_by_it_again_unless_others_booked_it(world: World, anna: Person) -> None:
    pump, drill = world.assets["Pump 7"], world.assets["Drill"]
    now = timezone.now()
    span: dict[str, Any] = {"from_at": now - timedelta(hours=1), "to_at": now + timedelta(hours=8)}
    made = bookings.book(by=ROOT, title="Fair", person_id=anna.pk, asset_ids=[pump.pk, drill.pk], **span)
    bookings.hand_out(by=ROOT, booking_id=made.pk)
    services.check_in(by=ROOT, asset_ids=[pump.pk, drill.pk])
    ben = Person.objects.create(name="Ben")
    later: dict[str, Any] = {"from_at": now + timedelta(hours=2), "to_at": now + timedelta(hours=3)}
    other = bookings.book(by=ROOT, title="Roof", person_id=ben.pk, asset_ids=[drill.pk], **later)
    with pytest.raises(Taken, match="is booked for Ben from"):
        reopening.undo_check_in(by=ROOT, asset_ids=[pump.pk, drill.pk])
    assert not Custody.objects.out().exists()
    reopening.undo_check_in(by=ROOT, asset_ids=[pump.pk])
    made.refresh_from_db()
    held = made.items.values_list("asset", "active")
    assert (made.state, dict(held)) == ("active", {pump.pk: True, drill.pk: False})
    bookings.cancel(by=ROOT, booking_id=other.pk)
    reopening.undo_check_in(by=ROOT, asset_ids=[drill.pk])
    services.check_in(by=ROOT, asset_ids=[pump.pk, drill.pk])
    made.refresh_from_db()
    assert (made.state, made.items.filter(active=True).exists()) == ("done", False)


def test_who_may_not_handle_or_asks_for_something_else_finds_nothing(client: Client, world: World) -> None:
    assert client.post("/assets/selected/steal/", {"asset": world.assets["Drill"].pk}).status_code == 404
    viewer = Client()
    viewer.force_login(make_user("vera", "viewer"))
    assert viewer.post("/assets/selected/out/", {"asset": world.assets["Drill"].pk}).status_code == 404
    run = many.start(by=ROOT, plan=many.take_out(by=ROOT, asset_ids=[world.assets["Drill"].pk]))
    assert viewer.get(f"/assets/handled/{run.pk}/").status_code == 404
