"""Reports: every figure against one counted by hand, nothing of what one may not see, and schedules that run once."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from openpyxl import load_workbook
from pypdf import PdfReader
from pytest_django import DjangoAssertNumQueries, Settings

from registry.access.actors import Actor
from registry.assets.models import Asset, CostCenter, Location
from registry.assets.services import register_asset
from registry.configuration import MailSection
from registry.problems import Forbidden, Invalid, NotFound
from registry.reports import services
from registry.reports.answer import Answer
from registry.reports.catalogue import REPORTS, find
from registry.reports.models import Schedule
from registry.work.models import Outgoing
from tests.registry_world import PASSWORD, ROOT, World, actor, make_user, make_world, tell_a_day

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    world = make_world()
    tell_a_day(world)
    center = CostCenter.objects.create(code="100", name="Workshop")
    today = timezone.now().date()
    Asset.objects.filter(name__startswith="Pump").update(
        purchase_cost=Decimal("0.10"), currency="EUR", cost_center=center, replace_on=today + timedelta(days=10),
        storage_cost_month=Decimal("2.5"), in_service_on=today - timedelta(days=400),
    )  # fmt: skip
    Asset.objects.filter(name="Ladder long").update(purchase_cost=Decimal("99.9999"), currency="USD", warranty_until=today)
    Location.objects.filter(name="Store room").update(storage_cost_month=Decimal("100"), currency="EUR")
    return world


def ask(by: Actor, key: str, **given: Any) -> Answer:
    report = find(by, key)
    return report.run(by, report.asked(by, given))


def rows(answer: Answer) -> dict[Any, tuple[Any, ...]]:
    return {row[0]: tuple(row[1:]) for row in answer.rows}


def test_what_we_own_and_what_it_cost_to_the_last_digit(world: World) -> None:
    answer = ask(ROOT, "inventory")
    assert [c.title for c in answer.columns] == ["Category", "Assets", "Cost in EUR", "Cost in USD"]
    assert rows(answer) == {
        "Pumps": (3, Decimal("0.30"), None),
        "Tools / Ladders": (2, None, Decimal("99.9999")),
        "Tools": (1, None, None),
    }
    assert answer.totals == ["All", 6, Decimal("0.30"), Decimal("99.9999")]
    assert answer.sentence == "6 assets in 3 groups by category, bought for 0.30 EUR and 99.9999 USD."
    assert rows(ask(ROOT, "inventory", group="age"))["1 to 3 years"] == (3, Decimal("0.30"), None)
    assert rows(ask(ROOT, "value"))["100 Workshop"] == (3, Decimal("0.30"), None)
    by_place = rows(ask(ROOT, "inventory", group="place"))
    assert by_place["Hamburg / Hall A / Store room"][0] == 2
    tools = world.categories["Tools"]
    assert ask(ROOT, "inventory", category=tools.pk).totals[1] == 3
    assert ask(ROOT, "inventory", place=world.places["Store room"].pk).totals[1] == 2
    Asset.objects.filter(name="Drill").update(status="disposed")
    assert ask(ROOT, "inventory").totals[1] == 5


def test_a_thousand_small_sums_are_exact(world: World) -> None:
    Asset.objects.bulk_create(
        [Asset(asset_no=f"S-{n}", name="Screw", purchase_cost=Decimal("0.1"), currency="CHF") for n in range(2_000)]
    )
    answer = ask(ROOT, "value")
    assert rows(answer)["(none)"][[c.title for c in answer.columns].index("Cost in CHF") - 1] == Decimal("200.00")


def test_use_and_standing_still(world: World) -> None:
    answer = ask(ROOT, "utilisation")
    assert answer.totals[1] == 6
    assert rows(answer)["Pumps"][0:2] == (3, 3)
    assert rows(ask(ROOT, "utilisation", since="2020-01-01", until="2020-02-01"))["Pumps"] == (3, 0, 0, 0, 0)
    assert ask(ROOT, "idle").sentence == "Nothing has stood still for 90 days or more."
    Asset.objects.filter(name="Ladder long").update(created_at=timezone.now() - timedelta(days=500))
    Asset.objects.filter(name="Drill").update(created_at=timezone.now() - timedelta(days=500), status="in_use")
    still = ask(ROOT, "idle", days=30)
    assert [row[1] for row in still.rows] == ["Drill"], "one that was seen yesterday does not count"
    assert still.rows[0][5] == 500


def test_costs_of_keeping_and_of_buying_again(world: World) -> None:
    storage = ask(ROOT, "storage")
    found = rows(storage)["Hamburg / Hall A / Store room"]
    assert found == (2, Decimal("100.00"), Decimal("5.00"), Decimal("105.00"), Decimal("1260.00"), "EUR")
    due = ask(ROOT, "replacement", days=30)
    assert [row[4] for row in due.rows] == ["warranty ends", *["to be replaced"] * 3]
    assert "4 assets are due" in due.sentence
    assert "bought for 0.30 EUR" in due.sentence
    assert not ask(ROOT, "replacement", days=5).rows[1:]


def test_where_and_free(world: World) -> None:
    answer = ask(ROOT, "logistics")
    assert answer.sentence == "4 of 6 assets are free now."
    assert {row[1]: row[2] for row in answer.rows}["Pump 9"] == "In maintenance"


@pytest.mark.parametrize("key", REPORTS)
def test_nobody_counts_what_they_may_not_see(world: World, key: str) -> None:
    nobody = actor(make_user("nobody", None))
    with pytest.raises(Forbidden):
        ask(nobody, key)
    elsewhere = actor(make_user("elsewhere", "manager", place=world.places["Office"]))
    answer = ask(elsewhere, key)
    assert not answer.rows
    assert not answer.bars
    assert "EUR" not in answer.sentence
    file = services.as_file(by=elsewhere, report=REPORTS[key], asked=find(elsewhere, key).asked(elsewhere, {}), form="csv")
    assert b"Pump" not in file.content


def test_money_is_for_those_who_may_see_it(world: World) -> None:
    viewer = actor(make_user("viewer", "viewer"))
    assert [c.key for c in ask(viewer, "inventory").columns] == ["name", "assets"]
    assert "EUR" not in ask(viewer, "inventory").sentence
    with pytest.raises(Forbidden):
        ask(viewer, "value")
    with pytest.raises(Forbidden):
        ask(viewer, "inventory", group="age")
    assert all(c.kind != "money" for c in ask(viewer, "replacement").columns)
    both = make_user("both", "viewer")
    from registry.access.models import RoleBinding

    RoleBinding.objects.create(user=both, role="accountant", category=world.categories["Tools"])
    answer = ask(actor(both), "inventory")
    assert rows(answer)["Pumps"] == (3, None)
    assert answer.totals == ["All", 6, Decimal("99.9999")]
    assert ask(actor(both), "value").totals == ["All", 3, Decimal("99.9999")]


def test_a_place_out_of_scope_is_not_named(world: World) -> None:
    keeper = actor(make_user("keeper", "manager", place=world.places["Dock"]))
    here = ask(keeper, "inventory", group="place")
    assert {row[0] for row in here.rows} <= {"Dock", "elsewhere"}
    with pytest.raises(NotFound):
        ask(keeper, "inventory", place=world.places["Office"].pk)


@pytest.mark.parametrize(
    ("key", "given"),
    [("inventory", {"group": "price"}), ("utilisation", {"since": "2030-01-02", "until": "2030-01-01"}), ("idle", {"days": 0}),
     ("idle", {"days": "many"}), ("inventory", {"category": "x"}), ("utilisation", {"since": "yesterday"})],
)  # fmt: skip
def test_what_cannot_be_asked_is_a_sentence(world: World, key: str, given: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        ask(ROOT, key, **given)
    assert refused.value.field in given


@pytest.mark.parametrize("key", REPORTS)
def test_the_number_of_questions_does_not_grow(
    world: World, key: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for n in range(40):
        register_asset(by=ROOT, name=f"Box {n}", category=world.categories["Tools"], home_location=world.places["Dock"])
    with django_assert_max_num_queries(10):
        ask(ROOT, key)


@pytest.mark.parametrize("key", REPORTS)
def test_files_say_the_same_as_the_page(world: World, key: str) -> None:
    answer, asked = ask(ROOT, key), find(ROOT, key).asked(ROOT, {})
    Asset.objects.filter(name="Drill").update(name="=1+1 Łódź")
    text = services.as_file(by=ROOT, report=REPORTS[key], asked=asked, form="csv").content.decode("utf-8-sig")
    table = list(csv.reader(io.StringIO(text)))
    assert table[0] == [c.title for c in answer.columns]
    assert answer.sentence in {row[0] for row in table if row}
    assert not any(cell.startswith("=") for row in table for cell in row)
    sheet = load_workbook(io.BytesIO(services.as_file(by=ROOT, report=REPORTS[key], asked=asked, form="xlsx").content)).active
    assert [cell.value for cell in next(sheet.iter_rows())] == table[0]  # type: ignore[union-attr]
    pdf = PdfReader(io.BytesIO(services.as_file(by=ROOT, report=REPORTS[key], asked=asked, form="pdf").content))
    said = "".join(page.extract_text() for page in pdf.pages)
    assert REPORTS[key].title in said
    assert answer.sentence[:30] in said


class TestSchedules:
    @pytest.fixture(autouse=True)
    def _mail(self, settings: Settings) -> None:
        section = MailSection(host="127.0.0.1", starttls=False, sender="a@example.com")
        settings.CONFIGURATION = settings.CONFIGURATION.model_copy(update={"mail": section})

    def test_it_goes_once_and_with_the_rights_of_then(self, world: World) -> None:
        user = make_user("o", "manager", email="o@example.com")
        made = services.schedule(by=actor(user), report="inventory", filters={"group": "status"}, every="week", form="csv")
        assert made.next_at.weekday() == 0
        assert services.send_due() == 0
        Schedule.objects.update(next_at=timezone.now())
        assert services.send_due() == 1
        assert services.send_due() == 0
        [mail] = Outgoing.objects.all()
        assert mail.topic == "o@example.com"
        assert (mail.payload or {})["attachments"][0]["name"].startswith("inventory-")
        user.bindings.all().delete()
        Schedule.objects.update(next_at=timezone.now())
        assert services.send_due() == 0
        made.refresh_from_db()
        assert made.error == "your role does not allow this report"
        assert made.next_at > timezone.now()
        assert Outgoing.objects.count() == 1

    def test_only_ones_own(self, world: World) -> None:
        user = make_user("o", "viewer", email="o@example.com")
        made = services.schedule(by=actor(user), report="idle", filters={"days": "10"}, every="day", form="pdf")
        with pytest.raises(NotFound):
            services.end_schedule(by=actor(make_user("p")), schedule_id=made.pk)
        services.end_schedule(by=actor(user), schedule_id=made.pk)
        with pytest.raises(Invalid, match="no e-mail address"):
            services.schedule(by=actor(make_user("q", "viewer")), report="idle", filters={}, every="day", form="pdf")
        with pytest.raises(Forbidden):
            services.schedule(by=actor(user), report="value", filters={}, every="day", form="pdf")

    def test_the_times(self) -> None:
        friday = datetime(2026, 1, 30, 12, tzinfo=UTC)
        assert [services.following(friday, e).date() for e in ("day", "week", "month")] == [
            date(2026, 1, 31), date(2026, 2, 2), date(2026, 2, 1),
        ]  # fmt: skip


class TestPages:
    def test_every_report_has_its_page_and_its_operation(self, world: World) -> None:
        make_user("boss", "administrator")
        client = Client()
        client.login(username="boss", password=PASSWORD)
        page = client.get("/reports/").content.decode()
        for key, report in REPORTS.items():
            assert report.title in page
            shown = client.get(f"/reports/{key}/")
            assert shown.status_code == 200
            said = client.get(f"/api/v1/reports/{key}").json()
            assert said["sentence"].removesuffix(".") in shown.content.decode().replace("&#x27;", "'")
            assert 'class="bars"' in shown.content.decode() or not said["rows"]
            for form in ("csv", "xlsx", "pdf"):
                assert "attachment" in client.get(f"/reports/{key}/?form={form}").headers["Content-Disposition"]
                assert client.get(f"/api/v1/reports/{key}/file?form={form}").status_code == 200
        assert client.get("/reports/nothing/").status_code == 404
        assert "whole number" in client.get("/reports/idle/?days=0").content.decode()
        assert client.get("/api/v1/reports/inventory?group=x").status_code == 422

    def test_an_unseen_report_is_not_there(self, world: World) -> None:
        make_user("viewer", "viewer")
        client = Client()
        client.login(username="viewer", password=PASSWORD)
        assert "What it cost" not in client.get("/reports/").content.decode()
        assert client.get("/reports/value/").status_code == 404
        assert client.get("/api/v1/reports/value").status_code == 403
        assert client.get("/reports/inventory/?group=age").status_code == 403
