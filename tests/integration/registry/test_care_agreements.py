"""Agreements: what ends or needs notice when, seats, papers, whose they are, and that a warranty is one fact."""

from collections.abc import Iterator
from copy import deepcopy
from datetime import date, timedelta
from io import BytesIO

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from registry.access.models import Change, Person
from registry.assets import files
from registry.assets.models import Asset, StoredFile
from registry.care import agreements, lists
from registry.care.models import Agreement
from registry.problems import Forbidden, Invalid, NotFound, Problem, Several, Stale, Taken
from registry.retention import sweep
from tests.registry_world import ROOT, World, actor, lasting, make_user

pytestmark = pytest.mark.django_db
TODAY = date(2026, 3, 1)


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with lasting(django_db_blocker) as world:
        yield world


@pytest.fixture
def world(made: World, db: None) -> World:
    return deepcopy(made)


def make(**given: object) -> Agreement:
    return agreements.make(by=ROOT, **({"name": "Cover", "kind": "contract"} | given))  # type: ignore[arg-type]


def test_notice_comes_before_the_end_only_where_it_goes_on_by_itself(world: World) -> None:
    ends = make(ends_on="2026-06-30", notice_days=30)
    goes_on = make(ends_on="2026-06-30", notice_days=30, auto_renew=True, renew_months=12)
    assert (ends.due_on, goes_on.due_on) == (date(2026, 6, 30), date(2026, 5, 31))
    assert [goes_on.lead_reached(day) for day in (date(2026, 3, 1), date(2026, 3, 2), date(2026, 5, 24), date(2026, 6, 1))] == [
        None, 90, 7, None,
    ]  # fmt: skip
    changes = {"cancelled_on": "2026-05-01"}
    cancelled = agreements.change(by=ROOT, agreement_id=goes_on.pk, version=1, changes=changes)
    assert cancelled.due_on == date(2026, 6, 30)
    with pytest.raises(Stale):
        agreements.change(by=ROOT, agreement_id=goes_on.pk, version=1, changes={"name": "x"})


def test_what_renews_itself_goes_on_over_short_months_and_returns_to_its_day(world: World) -> None:
    made = make(ends_on="2027-01-31", auto_renew=True, renew_months=1, notice_days=5)
    seen = []
    for today in (date(2027, 2, 1), date(2027, 3, 1), date(2028, 2, 1)):
        assert agreements._go_on(today) == 1
        assert agreements._go_on(today) == 0
        made.refresh_from_db()
        seen.append((made.ends_on, made.due_on))
    assert seen == [
        (date(2027, 2, 28), date(2027, 2, 23)), (date(2027, 3, 31), date(2027, 3, 26)), (date(2028, 2, 29), date(2028, 2, 24)),
    ]  # fmt: skip
    assert Change.objects.filter(action="renewed itself").count() == 3
    ended = make(ends_on="2026-01-31")
    agreements._go_on(date(2028, 2, 1))
    assert Agreement.objects.ended(TODAY).get() == ended


def test_the_ladder_counts_what_is_due_in_so_many_days(world: World) -> None:
    for days in (3, 7, 8, 60, 91):
        make(ends_on=TODAY + timedelta(days=days))
    make()
    assert lists.ladder(ROOT, TODAY) == {7: 2, 30: 3, 60: 4, 90: 4}
    assert [one.ends_on for one in lists.agreements(ROOT, 7, today=TODAY).order_by("ends_on")] == [
        TODAY + timedelta(days=3), TODAY + timedelta(days=7),
    ]  # fmt: skip


def test_the_day_of_a_warranty_stands_on_its_assets(world: World) -> None:
    pump, drill = world.assets["Pump 7"], world.assets["Drill"]
    Asset.objects.filter(pk=drill.pk).update(warranty_until=date(2030, 1, 1))
    made = make(kind="warranty", ends_on="2028-05-01", asset_ids=[pump.pk, drill.pk])

    def days() -> list[date | None]:
        return [Asset.objects.get(pk=one.pk).warranty_until for one in (pump, drill)]

    assert days() == [date(2028, 5, 1), date(2030, 1, 1)]  # a longer one stays
    agreements.change(by=ROOT, agreement_id=made.pk, version=1, changes={"ends_on": "2027-05-01"})
    assert days() == [date(2027, 5, 1), date(2030, 1, 1)]
    assert Change.objects.filter(object_id=str(pump.pk), after__warranty_until="2027-05-01").exists()
    make(kind="insurance", ends_on="2035-05-01", asset_ids=[pump.pk])
    assert days()[0] == date(2027, 5, 1)


def test_no_more_seats_than_there_are(world: World) -> None:
    made, anna = make(kind="licence", seats=1), Person.objects.create(name="Anna")
    seat = agreements.give_seat(by=ROOT, agreement_id=made.pk, person_id=anna.pk)
    with pytest.raises(Invalid, match="all 1 are in use"):
        agreements.give_seat(by=ROOT, agreement_id=made.pk, asset_id=world.assets["Drill"].pk)
    agreements.change(by=ROOT, agreement_id=made.pk, version=1, changes={"seats": 2})
    with pytest.raises(Taken):
        agreements.give_seat(by=ROOT, agreement_id=made.pk, person_id=anna.pk)
    agreements.give_seat(by=ROOT, agreement_id=made.pk, asset_id=world.assets["Drill"].pk)
    with pytest.raises(Invalid, match="2 are in use"):
        agreements.change(by=ROOT, agreement_id=made.pk, version=2, changes={"seats": 1})
    agreements.free_seat(by=ROOT, agreement_id=made.pk, seat_id=seat.pk)
    with pytest.raises(NotFound):
        agreements.free_seat(by=ROOT, agreement_id=made.pk, seat_id=seat.pk)
    agreements.give_seat(by=ROOT, agreement_id=made.pk, person_id=anna.pk)
    assert lists.with_counts(Agreement.objects.all()).get().used == 2


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": " "}, "name"), ({"kind": "promise"}, "kind"), ({"ends_on": "2026-02-30"}, "ends_on"),
        ({"starts_on": "2026-02-02", "ends_on": "2026-02-01"}, "ends_on"), ({"auto_renew": True}, "ends_on"),
        ({"auto_renew": True, "ends_on": "2026-02-01"}, "renew_months"), ({"cost": "3"}, "currency"), ({"seats": "-1"}, "seats"),
        ({"lead_days": "30, soon"}, "lead_days"), ({"lead_days": "30, 30"}, "lead_days"), ({"lead_days": "9999"}, "lead_days"),
        ({"notice_days": "731"}, "notice_days"), ({"version": 7}, "version"),
    ],
)  # fmt: skip
def test_what_is_refused_says_which_field(world: World, given: dict[str, object], field: str) -> None:
    with pytest.raises(Problem) as refused:
        make(**given)
    assert refused.value.field == field
    with pytest.raises(Several):
        make(name="", kind="x")
    assert not Agreement.objects.exists()


def test_whose_they_are(world: World) -> None:
    here = actor(make_user("here", "manager", place=world.places["Dock"]))
    ladder, pump = world.assets["Ladder short"], world.assets["Pump 7"]
    Asset.objects.filter(pk=ladder.pk).update(home_location=world.places["Dock"])
    Asset.objects.filter(pk=pump.pk).update(home_location=world.places["Office"])
    both = make(asset_ids=[ladder.pk, pump.pk])
    elsewhere = make(asset_ids=[pump.pk])
    assert list(Agreement.objects.visible_to(here)) == [both]
    with pytest.raises(NotFound):
        agreements.delete(by=here, agreement_id=elsewhere.pk)
    with pytest.raises(Forbidden):
        agreements.change(by=here, agreement_id=both.pk, version=1, changes={"name": "Mine"})
    with pytest.raises(NotFound):
        agreements.make(by=here, name="Theirs", kind="contract", asset_ids=[pump.pk])
    with pytest.raises(Invalid, match="name what it covers"):
        agreements.make(by=here, name="Nothing", kind="contract")
    own = agreements.make(by=here, name="Own", kind="contract", asset_ids=[ladder.pk])
    with pytest.raises(Invalid, match="the last one"):
        agreements.uncover(by=here, agreement_id=own.pk, asset_id=ladder.pk)
    with pytest.raises(Forbidden):
        agreements.delete(by=actor(make_user("op", "operator")), agreement_id=own.pk)


def test_the_bytes_of_a_paper_stay_as_long_as_anything_has_them(world: World) -> None:
    made, text = make(), b"What was agreed.\n"
    paper = agreements.add_paper(by=ROOT, agreement_id=made.pk, file=BytesIO(text), name="../contract.txt")
    attached = files.attach(by=ROOT, asset=world.assets["Drill"], file=BytesIO(text), name="same.txt")
    StoredFile.objects.update(created_at=timezone.now() - timedelta(days=9))
    files.detach(by=ROOT, attachment=attached)
    sweep()
    assert (paper.name, files.path_of(paper.file_id).read_bytes()) == ("contract.txt", text)
    agreements.delete(by=ROOT, agreement_id=made.pk)
    assert not StoredFile.objects.exists()


def test_a_person_makes_covers_and_exports_one(world: World) -> None:
    client = Client()
    client.force_login(make_user("anna", "manager"))
    shown = client.post("/agreements/new/", {"name": "Fire", "kind": "insurance", "period": "year", "cost": "12.5"})
    assert shown.status_code == 422
    assert "Say in which currency the cost is." in shown.content.decode()
    typed = {"name": "Fire", "kind": "insurance", "period": "year", "cost": "12.5", "currency": "eur", "lead_days": "30",
             "asset": "Drill", "ends_on": str(timezone.localdate() + timedelta(days=20))}  # fmt: skip
    page = client.get(client.post("/agreements/new/", typed)["Location"]).content.decode()
    assert all(said in page for said in ("Ends on", "12.50 EUR a year", "Drill"))
    made = Agreement.objects.get()
    assert client.post(f"/agreements/{made.pk}/", {"do": "cover", "asset": "Pump 7"}).status_code == 302
    assert made.covered.count() == 2
    assert "1 needs a word within 30 days" in client.get("/agreements/").content.decode()
    assert b"12.5" in client.get("/agreements/?form=csv").content
    assert "Fire" in client.get(f"/assets/{world.assets['Drill'].pk}/").content.decode()
    reader = Client()
    reader.force_login(make_user("otto", "viewer"))
    assert b"12.5" not in reader.get("/agreements/?form=csv").content
    assert "12.50" not in reader.get(f"/agreements/{made.pk}/").content.decode()
