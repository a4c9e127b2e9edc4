"""Changing many assets at once: what the preview says is what happens, and nothing else; and an undo puts it back."""

import re
import time
from collections.abc import Iterator
from copy import deepcopy
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.plugin import DjangoDbBlocker

from registry.access.models import Change
from registry.assets import bulk, bulk_edit, editing
from registry.assets.editing import ADD_TAGS, DROP_TAGS, Edit
from registry.assets.models import Asset, CustomField, CustomValue, StatusLabel, Supplier
from registry.assets.services import change_asset
from registry.assets.trees import change_category
from registry.problems import Invalid, Stale
from registry.work.models import Run
from registry.work.runs import Turns
from tests.registry_world import ROOT, World, actor, lasting, make_user, many_assets

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with lasting(django_db_blocker) as world:
        yield world


@pytest.fixture
def world(made: World, db: None) -> World:
    return deepcopy(made)


@pytest.fixture
def anna(db: None) -> Any:
    return actor(make_user())


def ids(world: World, *names: str) -> list[Any]:
    return [world.assets[name].pk for name in names or world.assets]


def now(world: World, name: str) -> Asset:
    return Asset.objects.get(pk=world.assets[name].pk)


def done(by: Any, edit: Edit, chosen: list[Any]) -> Run:
    return bulk_edit.confirm(by=by, token=bulk_edit.preview(by, edit, chosen).token)


def test_the_preview_says_from_what_to_what_and_how_many(world: World, anna: Any) -> None:
    preview = bulk_edit.preview(anna, Edit("status", "in_use"), ids(world))
    assert (preview.changing, preview.same, preview.refused) == (3, 3, ())
    assert {(step.before, step.after, step.count) for step in preview.steps} == {
        ("In stock", "In use", 1),
        ("In maintenance", "In use", 1),
        ("Missing", "In use", 1),
    }
    assert Asset.objects.filter(status="in_use").count() == 3


def test_confirming_does_it_under_one_request_and_an_undo_puts_it_back(world: World, anna: Any) -> None:
    before = dict(Asset.objects.values_list("pk", "status"))
    run = done(anna, Edit("status", "in_use"), ids(world))
    assert (run.state, run.done, run.failed) == ("done", 3, 0)
    assert set(Asset.objects.values_list("status", flat=True)) == {"in_use"}
    logged = Change.objects.of_request(run.request_id).filter(object_type="asset")
    assert logged.count() == 3
    assert {change.after["status"] for change in logged} == {"in_use"}
    assert now(world, "Drill").version == world.assets["Drill"].version + 1
    later = actor(make_user("same", None)).as_part_of(uuid4())  # undone by another request of the same person
    again = bulk_edit.undoing(ROOT, run)
    assert (again.changing, again.same) == (3, 0)
    assert later.request_id != run.request_id
    back = bulk_edit.confirm(by=ROOT.as_part_of(uuid4()), token=again.token)
    assert back.done == 3
    assert dict(Asset.objects.values_list("pk", "status")) == before


def test_what_somebody_changed_after_the_preview_is_left_alone_and_told(world: World, anna: Any) -> None:
    preview = bulk_edit.preview(anna, Edit("order_ref", "PO-1"), ids(world, "Pump 7", "Pump 8"))
    change_asset(by=ROOT, asset_id=world.assets["Pump 8"].pk, version=1, changes={"order_ref": "PO-2"})
    run = bulk_edit.confirm(by=anna, token=preview.token)
    assert (run.done, run.failed) == (1, 1)
    assert [(one.name, one.why) for one in bulk_edit.refused_of(run)] == [("A-000002 Pump 8", "somebody changed it meanwhile")]
    assert (now(world, "Pump 7").order_ref, now(world, "Pump 8").order_ref) == ("PO-1", "PO-2")


def test_an_undo_leaves_alone_what_was_changed_since(world: World, anna: Any) -> None:
    run = done(anna, Edit("criticality", "high"), ids(world, "Pump 7", "Pump 8"))
    change_asset(by=ROOT, asset_id=world.assets["Pump 8"].pk, version=2, changes={"criticality": "low"})
    preview = bulk_edit.undoing(anna, run)
    assert preview.changing == 1
    assert [one.why for one in preview.refused] == ["it was changed again since"]


def test_a_label_brings_its_status_and_a_status_takes_a_wrong_label_away(world: World, anna: Any) -> None:
    lent = StatusLabel.objects.create(name="Lent", status="in_use")
    done(anna, Edit("label", str(lent.pk)), ids(world, "Drill"))
    assert (now(world, "Drill").label, now(world, "Drill").status) == (lent, "in_use")
    run = done(anna.as_part_of(uuid4()), Edit("status", "missing"), ids(world, "Drill"))
    assert (now(world, "Drill").label, now(world, "Drill").status) == (None, "missing")
    bulk_edit.confirm(by=anna.as_part_of(uuid4()), token=bulk_edit.undoing(anna, run).token)
    assert (now(world, "Drill").label, now(world, "Drill").status) == (lent, "in_use")


def test_tags_are_added_and_taken_off_and_come_back(world: World, anna: Any) -> None:
    pumps = ids(world, "Pump 7", "Pump 8")
    done(anna, Edit(ADD_TAGS, "loud, heavy"), pumps)
    run = done(anna.as_part_of(uuid4()), Edit(DROP_TAGS, "LOUD"), pumps)
    assert [sorted(tag.name for tag in now(world, "Pump 7").tags.all())] == [["heavy"]]
    bulk_edit.confirm(by=anna.as_part_of(uuid4()), token=bulk_edit.undoing(anna, run).token)
    assert sorted(tag.name for tag in now(world, "Pump 8").tags.all()) == ["heavy", "loud"]
    assert bulk_edit.preview(anna, Edit(ADD_TAGS, "heavy"), pumps).same == 2


def test_a_field_of_ones_own_goes_where_its_category_has_it(world: World, anna: Any) -> None:
    field = CustomField.objects.create(key="rating", name="Rating", type="number")
    field.categories.add(world.categories["Pumps"])
    preview = bulk_edit.preview(anna, Edit("custom.rating", "4.50"), ids(world, "Pump 7", "Drill"))
    assert preview.changing == 1
    assert [one.why for one in preview.refused] == ["assets of its category have no such field"]
    run = bulk_edit.confirm(by=anna, token=preview.token)
    assert CustomValue.objects.get().text == "4.5"
    bulk_edit.confirm(by=anna.as_part_of(uuid4()), token=bulk_edit.undoing(anna, run).token)
    assert not CustomValue.objects.exists()


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("status", "lost", "is not one of"),
        ("acquired_on", "soon", "is not a day"),
        ("supplier", "01234567-89ab-7cde-8f01-23456789abcd", "no such thing"),
        ("home_location", "x", "no such thing"),
        ("custom.ghost", "1", "no such field"),
        ("version", "7", "choose what to change"),
        ("asset_no", "A-1", "choose what to change"),
        (ADD_TAGS, " , ", "write the tags"),
    ],
)
def test_a_value_that_no_asset_could_have_is_refused_before_anything(
    world: World, anna: Any, field: str, text: str, said: str
) -> None:
    with pytest.raises(Invalid, match=said):
        bulk_edit.preview(anna, Edit(field, text), ids(world))


def test_nobody_changes_what_their_role_does_not_allow_or_moves_it_out_of_reach(world: World) -> None:
    viewer = actor(make_user("vera", "viewer"))
    preview = bulk_edit.preview(viewer, Edit("status", "missing"), ids(world, "Pump 7"))
    assert [one.why for one in preview.refused] == ["your role does not allow this here"]
    keeper = actor(make_user("kim", "manager", place=world.places["Store room"]))
    hidden = bulk_edit.preview(keeper, Edit("status", "missing"), ids(world))
    assert hidden.changing + hidden.same + len(hidden.refused) == 3  # the pumps; of the others not a word
    home = str(world.places["Store room"].pk)
    assert bulk_edit.preview(keeper, Edit("home_location", home), ids(world, "Pump 7")).same == 1
    with pytest.raises(Invalid, match="no such thing"):  # a place they do not know
        bulk_edit.preview(keeper, Edit("home_location", str(world.places["Office"].pk)), ids(world, "Pump 7"))
    books = actor(make_user("bo", "accountant"))
    supplier = Supplier.objects.create(name="Acme")
    run = done(books, Edit("supplier", str(supplier.pk)), ids(world, "Pump 7"))
    assert run.done == 1
    assert "status" not in editing.fields_for(books)
    assert bulk_edit.undoing(books, run).changing == 1


def test_a_token_is_for_one_person_one_hour_and_nothing_else(world: World, anna: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    token = bulk_edit.preview(anna, Edit("order_ref", "PO-1"), ids(world)).token
    with pytest.raises(Invalid, match="somebody else"):
        bulk_edit.confirm(by=actor(make_user("otto")), token=token)
    with pytest.raises(Invalid, match="no preview of ours"):
        bulk_edit.confirm(by=anna, token=token[:-2])
    later = time.time() + 3700
    monkeypatch.setattr("django.core.signing.time.time", lambda: later)
    with pytest.raises(Stale, match="older than an hour"):
        bulk_edit.confirm(by=anna, token=token)
    assert not Asset.objects.filter(order_ref="PO-1").exists()


def test_many_are_a_run_of_the_work_process_with_the_rights_of_then(
    world: World, anna: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_edit, "IN_ONE_GO", 10)
    monkeypatch.setattr(bulk_edit, "AT_ONCE", 4)
    crates = [asset.pk for asset in many_assets(world, 11)]
    run = done(anna, Edit("order_ref", "PO-9"), crates)
    assert (run.state, run.total) == ("waiting", 11)
    turns = Turns({bulk_edit.KIND: bulk_edit.BulkEdit})
    assert turns.turn()
    assert Asset.objects.filter(order_ref="PO-9").count() == 4
    turns.close()  # the process dies; the next one goes on
    turns = Turns({bulk_edit.KIND: bulk_edit.BulkEdit})
    while turns.turn():
        continue
    run.refresh_from_db()
    assert (run.state, run.done, run.failed) == ("done", 11, 0)
    assert Asset.objects.filter(order_ref="PO-9", version=2).count() == 11


def test_writing_costs_the_same_statements_for_few_and_many(world: World, anna: Any) -> None:
    crates = [asset.pk for asset in many_assets(world, 40)]

    def statements(chosen: list[Any], text: str) -> int:
        token = bulk_edit.preview(anna, Edit("order_ref", text), chosen).token
        with CaptureQueriesContext(connection) as captured:
            bulk_edit.confirm(by=anna.as_part_of(uuid4()), token=token)
        return len(captured)

    assert statements(crates[:1], "a") == statements(crates, "b")


# ---- by pages ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def client(db: None) -> Client:
    client = Client()
    client.force_login(make_user("hanna"))
    return client


def test_from_ticking_to_undo_by_forms_alone(client: Client, world: World) -> None:
    ticked = [str(pk) for pk in ids(world, "Pump 7", "Pump 8")]
    page = client.post("/assets/bulk/", {"asset": ticked, "query": "?q=pump"}).content.decode()
    assert "Change 2 assets" in page
    given = {"assets": ",".join(ticked), "query": "?q=pump", "field": "status", "value": "missing"}
    page = client.post("/assets/bulk/", given | {"preview": "yes"}).content.decode()
    assert "2 of 2 assets would change" in page
    token = re.search(r'name="token" value="([^"]+)"', page)
    assert token
    answer = client.post("/assets/bulk/confirm/", {"token": token[1]})
    assert "2 of 2 assets changed" in client.get(answer["Location"]).content.decode()
    page = client.get(f"{answer['Location']}undo/").content.decode()
    assert "Put 2 back" in page
    other = Client()
    other.force_login(make_user("otto", "manager"))
    assert other.get(answer["Location"]).status_code == 404  # somebody else's


def test_all_that_match_are_more_than_the_page_shows(client: Client, world: World) -> None:
    many_assets(world, 60)
    page = client.post("/assets/bulk/", {"all": "yes", "query": "?q=crate"}).content.decode()
    assert "Change 60 assets" in page
    labels = client.post("/assets/selected/labels/", {"all": "yes", "query": "?q=crate"})
    assert labels.status_code == 200
    answer = client.post("/assets/bulk/", {"query": "?q=crate"}, follow=True)
    assert "Tick some assets first" in answer.content.decode()


def test_the_value_is_asked_for_as_the_field_needs_it(client: Client, world: World) -> None:
    ticked = [str(world.assets["Drill"].pk)]
    for field, control in (("warranty_until", 'type="date"'), ("home_location", 'data-pick="place"'), (ADD_TAGS, "commas")):
        part = client.post("/assets/bulk/", {"asset": ticked, "field": field}, headers={"HX-Request": "true"}).content.decode()
        assert part.lstrip().startswith('<div class="field')
        assert control in part
    wrong = client.post("/assets/bulk/", {"asset": ticked, "field": "acquired_on", "value": "x", "preview": "yes"})
    assert wrong.status_code == 422
    assert "is not a day" in wrong.content.decode()


def test_a_day_of_replacement_that_was_computed_follows_and_one_that_was_given_stays(world: World, anna: Any) -> None:
    change_category(by=ROOT, category=world.categories["Pumps"], defaults={"replace_after_months": 12})
    computed, given = world.assets["Pump 7"], world.assets["Pump 8"]
    Asset.objects.filter(pk=given.pk).update(replace_on="2040-01-01")
    both = [computed.pk, given.pk]
    run = bulk_edit.confirm(by=anna, token=bulk_edit.preview(anna, Edit("in_service_on", "2025-03-14"), both).token)
    days = dict(Asset.objects.filter(pk__in=both).values_list("pk", "replace_on"))
    assert (str(days[computed.pk]), str(days[given.pk])) == ("2026-03-14", "2040-01-01")
    bulk_edit.confirm(by=anna, token=bulk_edit.undoing(anna, run).token)
    assert Asset.objects.get(pk=computed.pk).replace_on is None
    bulk.change_all(by=ROOT, rows=[bulk.Row({"in_service_on": "2026-01-31"}, asset_id=pk) for pk in both])
    days = dict(Asset.objects.filter(pk__in=both).values_list("pk", "replace_on"))
    assert (str(days[computed.pk]), str(days[given.pk])) == ("2027-01-31", "2040-01-01")
