"""Maintenance: one order for each occurrence whoever schedules, days over changed clocks, meters, and closing work."""

from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from pytest_django.plugin import DjangoDbBlocker

from registry.assets.models import Asset
from registry.care import condition, feeds, meters, orders, plans
from registry.care.models import MaintenancePlan, MeterReading, WorkOrder
from registry.care.scheduling import schedule_at
from registry.problems import Forbidden, Invalid, NotFound, Problem, Stale
from tests.registry_world import ROOT, World, actor, lasting, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with lasting(django_db_blocker) as world:
        yield world


@pytest.fixture
def world(made: World, db: None) -> World:
    return deepcopy(made)


def plan_of(asset: Asset, made_on: date = date(2027, 1, 1), **given: Any) -> MaintenancePlan:
    told: dict[str, Any] = {"by": ROOT, "name": "Oil", "asset": asset, "trigger": "calendar", "checklist": "Drain\nFill"}
    plan = plans.make(**(told | given))
    MaintenancePlan.objects.filter(pk=plan.pk).update(created_at=datetime(made_on.year, made_on.month, made_on.day, tzinfo=UTC))
    return plan


def close_all() -> None:
    for order in WorkOrder.objects.open():
        orders.change(by=ROOT, order_id=order.pk, version=order.version, changes={"state": "done", "result": "done"})


def test_by_the_calendar_one_order_comes_for_each_day_and_none_while_one_is_open(world: World) -> None:
    plan_of(world.assets["Pump 8"], rule="FREQ=MONTHLY;BYMONTHDAY=-1", starts_on="2027-01-31", lead_days=7)
    now = datetime(2027, 1, 23, 12, tzinfo=UTC)
    assert schedule_at(now) == 0
    assert schedule_at(now + timedelta(days=1)) == 1
    assert schedule_at(now + timedelta(days=1)) == 0
    order = WorkOrder.objects.get()
    assert (order.due_on, order.title, [step["text"] for step in order.checklist]) == (
        date(2027, 1, 31), "Oil", ["Drain", "Fill"],
    )  # fmt: skip
    assert schedule_at(now + timedelta(days=60)) == 0  # it is open still
    close_all()
    assert schedule_at(now + timedelta(days=2)) == 0  # that day has had its order
    assert schedule_at(now + timedelta(days=100)) == 1  # after months of silence the newest one alone
    assert WorkOrder.objects.open().get().due_on == date(2027, 4, 30)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "UTC"])
def test_each_day_has_one_order_over_every_change_of_clocks(world: World, zone: str) -> None:
    """In Santiago the clocks change at midnight: a day without its first hour."""
    plan_of(world.assets["Pump 8"], rule="FREQ=DAILY", starts_on="2027-01-01", lead_days=0, time_zone=zone)
    for first in (date(2027, 3, 26), date(2027, 4, 2), date(2027, 9, 3), date(2027, 10, 1), date(2027, 10, 29)):
        for hour in range(0, 72, 3):
            schedule_at(datetime(first.year, first.month, first.day, tzinfo=UTC) + timedelta(hours=hour))
            close_all()
        days = WorkOrder.objects.filter(due_on__gte=first - timedelta(days=1), due_on__lte=first + timedelta(days=3))
        found = sorted(day for day in days.values_list("due_on", flat=True) if day is not None)
        assert len(found) == len(set(found)) >= 3
        assert found == [found[0] + timedelta(days=n) for n in range(len(found))]


def test_by_a_meter_at_each_multiple_since_the_plan(world: World) -> None:
    drill = world.assets["Pump 8"]
    meters.read(by=ROOT, asset_id=drill.pk, unit="h", value=740, at=datetime(2026, 10, 1, tzinfo=UTC))
    plan_of(drill, trigger="meter", every=250, unit="h", made_on=date(2026, 10, 2))
    now = datetime(2027, 3, 1, tzinfo=UTC)
    assert schedule_at(now) == 0

    def read(value: int, day: int, **more: Any) -> None:
        meters.read(by=ROOT, asset_id=drill.pk, unit="h", value=value, at=datetime(2026, 10, day, tzinfo=UTC), **more)

    read(751, 3)
    assert schedule_at(now) == 1
    assert WorkOrder.objects.get().occurrence == "750 h"
    close_all()
    assert schedule_at(now) == 0
    with pytest.raises(Invalid, match="showed 751 before"):
        read(10, 4)
    read(10, 4, replaced=True)
    read(260, 5)
    assert drill.meters.get().total == 1011
    assert schedule_at(now) == 1
    assert WorkOrder.objects.open().get().occurrence == "1000 h"
    for change in (MeterReading.objects.all().delete, lambda: MeterReading.objects.update(value=1)):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()


def test_by_the_condition_once_for_each_judgement(world: World) -> None:
    pumps = world.categories["Pumps"]
    plan_of(None, trigger="condition", condition_at_most=2, category=pumps)  # type: ignore[arg-type]
    pump, now = world.assets["Pump 7"], datetime(2027, 3, 1, tzinfo=UTC)
    assert schedule_at(now) == 0
    condition.assess(by=ROOT, asset_id=pump.pk, score=2, judged_on="2026-01-05")
    assert schedule_at(now) == 1
    close_all()
    assert schedule_at(now) == 0
    condition.assess(by=ROOT, asset_id=pump.pk, score=1, judged_on="2026-01-06")
    Asset.objects.filter(pk=pump.pk).update(status="disposed")
    assert schedule_at(now) == 0
    Asset.objects.filter(pk=pump.pk).update(status="in_use")
    assert schedule_at(now) == 1


def test_closing_asks_for_every_step_or_a_reason(world: World) -> None:
    drill = world.assets["Pump 8"]
    order = orders.make(by=ROOT, asset_id=drill.pk, title="Fix it", checklist=["Look", "Mend"])
    changes: dict[str, Any] = {"state": "done", "checklist": [{"text": "Look", "done": True}, {"text": "Mend", "done": False}]}
    with pytest.raises(Invalid, match="not every step"):
        orders.change(by=ROOT, order_id=order.pk, version=1, changes=changes)
    more = {"result": "No spare", "cost": "12.5", "currency": "EUR", "capitalise": True, "downtime_hours": "3.25"}
    done = orders.change(by=ROOT, order_id=order.pk, version=1, changes=changes | more)
    assert (done.closed_at is not None, done.capitalise, done.version) == (True, True, 2)
    with pytest.raises(Stale):
        orders.change(by=ROOT, order_id=order.pk, version=1, changes={"state": "open"})
    with pytest.raises(Invalid, match="it is closed"):
        orders.change(by=ROOT, order_id=order.pk, version=2, changes={"cost": "1"})
    opened = orders.change(by=ROOT, order_id=order.pk, version=2, changes={"state": "open"})
    assert opened.closed_at is None


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"), ({"trigger": "moon"}, "trigger"), ({"starts_on": None}, "starts_on"), ({"rule": "x"}, "rule"),
        ({"time_zone": "Mars/Base"}, "time_zone"), ({"trigger": "meter"}, "every"),
        ({"trigger": "condition"}, "condition_at_most"),
        ({"asset": None}, "asset"), ({"lead_days": 999}, "lead_days"), ({"checklist": "a\n" * 51}, "checklist"),
    ],
)  # fmt: skip
def test_what_is_refused_of_a_plan_says_which_field(world: World, given: dict[str, Any], field: str) -> None:
    right: dict[str, Any] = {"asset": world.assets["Pump 8"], "rule": "FREQ=DAILY", "starts_on": "2027-01-01"}
    with pytest.raises(Problem) as refused:
        plan_of(**(right | given))
    assert refused.value.field == field
    assert not MaintenancePlan.objects.exists()


def test_whose_work_it_is(world: World) -> None:
    drill = world.assets["Pump 8"]
    Asset.objects.filter(pk=drill.pk).update(home_location=world.places["Dock"])
    order = orders.make(by=ROOT, asset_id=drill.pk, title="Fix it")
    elsewhere = actor(make_user("e", "manager", place=world.places["Office"]))
    with pytest.raises(NotFound):
        orders.change(by=elsewhere, order_id=order.pk, version=1, changes={"title": "x"})
    with pytest.raises(Forbidden):
        orders.change(by=actor(make_user("v", "viewer")), order_id=order.pk, version=1, changes={"title": "x"})
    with pytest.raises(Forbidden):
        plan_of(None, trigger="condition", condition_at_most=2, category=world.categories["Pumps"], by=elsewhere)  # type: ignore[arg-type]
    orders.change(by=actor(make_user("o", "operator")), order_id=order.pk, version=1, changes={"title": "x"})


def test_the_calendar_of_a_person_is_theirs_until_they_revoke_it(world: World) -> None:
    drill, pump = world.assets["Pump 8"], world.assets["Pump 7"]
    Asset.objects.filter(pk=drill.pk).update(home_location=world.places["Dock"])
    Asset.objects.filter(pk=pump.pk).update(home_location=world.places["Office"])
    day = date.today()  # noqa: DTZ011
    orders.make(by=ROOT, asset_id=drill.pk, title="Grease, then; look " + "ä" * 60, due_on=day)
    orders.make(by=ROOT, asset_id=pump.pk, title="Not theirs", due_on=day)
    by = actor(make_user("anna", "operator", place=world.places["Dock"]))
    secret = feeds.make(by=by)
    client = Client()
    answer = client.get(f"/work-orders/calendar/{secret}.ics")
    text = answer.content.decode()
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    assert text.count("BEGIN:VEVENT") == 1
    assert f"DTSTART;VALUE=DATE:{day:%Y%m%d}\r\n" in text
    assert "SUMMARY:Grease\\, then\\; look " in text
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    assert "Not theirs" not in text
    again = feeds.make(by=by)
    assert client.get(f"/work-orders/calendar/{secret}.ics").status_code == 404
    assert client.get(f"/work-orders/calendar/{again}.ics").status_code == 200
    feeds.revoke(by=by)
    assert client.get(f"/work-orders/calendar/{again}.ics").status_code == 404


def test_a_person_plans_works_and_closes(world: World) -> None:
    client, drill = Client(), world.assets["Pump 8"]
    client.force_login(make_user("anna", "manager"))
    typed = {"name": "Oil", "asset": "Pump 8", "trigger": "calendar", "count": "1", "step": "month", "starts_on": "2027-01-31",
             "checklist": "Drain\nFill", "lead_days": "7"}  # fmt: skip
    assert client.post("/maintenance/new/", typed).status_code == 302
    MaintenancePlan.objects.update(created_at=datetime(2027, 1, 1, tzinfo=UTC))
    assert "every month" in client.get("/maintenance/").content.decode()
    schedule_at(datetime(2027, 2, 27, tzinfo=UTC))
    order = WorkOrder.objects.get()
    assert order.due_on == date(2027, 2, 28)
    assert all("Oil" in client.get(page).content.decode() for page in ("/work-orders/", "/work-orders/calendar/?month=2027-02"))
    done = {"state": "done", "version": "1", "step": ["0", "1"], "cost": "12", "currency": "EUR"}
    assert client.post(f"/work-orders/{order.pk}/", done).status_code == 302
    order.refresh_from_db()
    assert (order.state, [step["done"] for step in order.checklist]) == ("done", [True, True])
    assert client.post(f"/assets/{drill.pk}/meter/", {"unit": "H", "value": "12.5"}).status_code == 302
    page = client.get(f"/assets/{drill.pk}/").content.decode()
    assert all(said in page for said in ("Oil: done", "12.50"))
    plan, page = order.plan, client.get(f"/maintenance/{order.plan_id}/").content.decode()
    assert plan is not None
    assert order.number in page
    assert "BYSETPOS" not in page  # it is written as it was typed: every month
    moved = typed | {"starts_on": "2027-03-15", "version": "1", "active": "on"}
    assert client.post(f"/maintenance/{plan.pk}/", moved).status_code == 302
    plan.refresh_from_db()
    assert (plan.rule, plan.starts_on) == ("FREQ=MONTHLY;INTERVAL=1", date(2027, 3, 15))
