"""Stock: what each movement makes of a line, who may move what, alerts told once, and what to order."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from registry.access.models import Change
from registry.assets.models import Asset, Supplier
from registry.configuration import MailSection
from registry.problems import Forbidden, Invalid, NotFound, Stale
from registry.stock import alerts, services
from registry.stock.models import StockLine, StockMovement, StockTold
from registry.stock.proposing import as_file, propose
from registry.work.models import Outgoing
from tests.registry_world import PASSWORD, ROOT, Caller, World, actor, make_user, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def line(world: World) -> StockLine:
    return receive(world, 10, lot="L1", expires_on="2031-01-01")


def receive(world: World, quantity: Any, *, asset: str = "Ladder long", place: str = "Store room", **more: Any) -> StockLine:
    return services.receive(
        by=more.pop("by", ROOT), asset_id=world.assets[asset].pk, location_id=world.places[place].pk, quantity=quantity, **more
    )


def test_a_line_is_the_sum_of_its_movements(world: World, line: StockLine) -> None:
    receive(world, "2,5", lot="L1")
    services.take(by=ROOT, line_id=line.pk, quantity=4, note="for the yard")
    services.count(by=ROOT, line_id=line.pk, quantity=8)
    here, there = services.move(by=ROOT, line_id=line.pk, location_id=world.places["Dock"].pk, quantity=3)
    assert (here.quantity, there.quantity, there.lot) == (Decimal(5), Decimal(3), "L1")
    assert str(there.expires_on) == "2031-01-01"
    for one in StockLine.objects.all():
        changes = list(one.movements.order_by("id").values_list("kind", "change", "after"))
        assert sum(change for _, change, _ in changes) == one.quantity == changes[-1][2]
    assert [m.kind for m in StockMovement.objects.filter(line=line).order_by("id")] == [
        "receive",
        "receive",
        "take",
        "count",
        "move",
    ]
    assert Change.objects.of("stockline", line.pk).count() == 5


@pytest.mark.parametrize("quantity", ["0", "-1", "x", "", "nan", "1e12", "0.00001", "inf"])
def test_what_is_no_quantity(world: World, line: StockLine, quantity: str) -> None:
    with pytest.raises(Invalid) as refused:
        services.take(by=ROOT, line_id=line.pk, quantity=quantity)
    assert refused.value.field == "quantity"
    line.refresh_from_db()
    assert line.quantity == 10


def test_not_more_than_there_is_and_not_over_what_changed(world: World, line: StockLine) -> None:
    with pytest.raises(Invalid, match="there are 10 only"):
        services.take(by=ROOT, line_id=line.pk, quantity=11)
    with pytest.raises(Invalid, match="another lot"):
        receive(world, 1, lot="L1", expires_on="2032-01-01")
    with pytest.raises(Invalid, match="there already"):
        services.move(by=ROOT, line_id=line.pk, location_id=line.location_id, quantity=1)
    with pytest.raises(Stale):
        services.count(by=ROOT, line_id=line.pk, quantity=9, version=line.version - 1)
    with pytest.raises(Invalid, match="minimum"):
        services.set_levels(by=ROOT, line_id=line.pk, minimum=5, target=4)
    assert StockMovement.objects.count() == 1


def test_movements_are_never_altered(line: StockLine) -> None:
    for change in (StockMovement.objects.all().delete, lambda: StockMovement.objects.update(change=1)):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()


def test_the_scope_is_of_asset_and_place(world: World, line: StockLine) -> None:
    elsewhere = actor(make_user("elsewhere", "manager", place=world.places["Office"]))
    viewer = actor(make_user("viewer", "viewer"))
    operator = actor(make_user("operator", "operator"))
    with pytest.raises(NotFound):
        services.take(by=elsewhere, line_id=line.pk, quantity=1)
    with pytest.raises(NotFound):
        receive(world, 1, by=elsewhere)
    with pytest.raises(Forbidden):
        services.take(by=viewer, line_id=line.pk, quantity=1)
    services.take(by=operator, line_id=line.pk, quantity=1)
    with pytest.raises(Forbidden):
        services.set_levels(by=operator, line_id=line.pk, minimum=1, target=None)
    assert not StockLine.objects.visible_to(elsewhere).exists()
    assert services.conditions(elsewhere, timezone.now().date()) == (0, 0)


def test_what_to_order(world: World, line: StockLine) -> None:
    Asset.objects.filter(name="Ladder long").update(
        supplier=Supplier.objects.create(name="Acme"), purchase_cost=Decimal("2.50"), currency="EUR", uom="pcs"
    )
    services.set_levels(by=ROOT, line_id=line.pk, minimum=20, target=50)
    other = receive(world, 1, place="Dock")
    services.set_levels(by=ROOT, line_id=other.pk, minimum=3, target=None)
    [wanted] = propose(ROOT)
    assert (wanted.supplier, wanted.quantity, wanted.total) == ("Acme", Decimal(42), Decimal(105))
    assert b"Acme" in as_file(ROOT, "csv")[0]
    operator = actor(make_user("operator", "operator"))
    [wanted] = propose(operator)
    assert (wanted.supplier, wanted.cost, wanted.quantity) == ("", None, Decimal(42))
    assert b"Acme" not in as_file(operator, "csv")[0]


class TestAlerts:
    @pytest.fixture(autouse=True)
    def _mail(self, settings: Settings) -> None:
        section = MailSection(host="127.0.0.1", starttls=False, sender="a@example.com")
        settings.CONFIGURATION = settings.CONFIGURATION.model_copy(update={"mail": section})

    def test_each_condition_is_told_once_until_it_comes_again(self, world: World, line: StockLine) -> None:
        user = make_user("o", "operator", email="o@example.com")
        away = make_user("away", "operator", place=world.places["Office"], email="away@example.com")
        for one in (user, away):
            alerts.watch(by=actor(one), wanted=True)
        assert alerts.tell() == 0
        services.set_levels(by=ROOT, line_id=line.pk, minimum=20, target=None)
        assert alerts.tell() == 1
        assert alerts.tell() == 0
        assert "10.0000 of at least 20" in (Outgoing.objects.get().payload or {})["text"]
        assert Outgoing.objects.get().topic == "o@example.com"
        receive(world, 15, lot="L1")
        assert alerts.tell() == 0
        assert not StockTold.objects.exists()
        services.take(by=ROOT, line_id=line.pk, quantity=20)
        assert alerts.tell() == 1
        receive(world, 5, asset="Ladder short", expires_on=str(timezone.now().date() + timedelta(days=9)))
        assert alerts.tell() == 1
        assert Outgoing.objects.count() == 3
        alerts.watch(by=actor(user), wanted=False)
        assert not StockTold.objects.exists()

    def test_a_mail_that_was_not_put_is_not_remembered(
        self, world: World, line: StockLine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        alerts.watch(by=actor(make_user("o", "operator", email="o@example.com")), wanted=True)
        services.set_levels(by=ROOT, line_id=line.pk, minimum=20, target=None)

        def fall(**_: Any) -> None:
            raise RuntimeError("killed here")

        with monkeypatch.context() as patched:
            patched.setattr("registry.work.outgoing.mail", fall)
            with pytest.raises(RuntimeError):
                alerts.tell()
        assert not StockTold.objects.exists()
        assert alerts.tell() == 1


def test_the_pages_of_a_day(world: World) -> None:
    make_user("boss", "administrator")
    client = Client()
    client.login(username="boss", password=PASSWORD)
    assert "No stock yet" in client.get("/stock/").content.decode()
    ladder, place = world.assets["Ladder long"], world.places["Store room"]
    wrong = client.post("/stock/receive/", {"asset": "nothing", "location": place.pk, "quantity": "1"})
    assert wrong.status_code == 422
    assert "No asset is called" in wrong.content.decode()
    done = client.post("/stock/receive/", {"asset": ladder.asset_no, "location": place.pk, "quantity": "100", "lot": "A"})
    address = done.headers["Location"]
    shown = client.get(address).content.decode()
    assert "+100" in shown
    assert "E+" not in shown
    line = StockLine.objects.get()
    assert client.post(address, {"do": "take", "quantity": "101"}).status_code == 422
    client.post(address, {"do": "take", "quantity": "60"})
    client.post(address, {"do": "levels", "minimum": "50", "target": "80", "version": line.version + 1})
    client.post(address, {"do": "move", "quantity": "10", "location": world.places["Dock"].pk})
    assert "1 below the minimum" in client.get("/stock/?show=low").content.decode()
    assert "1 thing to order" in client.get("/stock/proposal/").content.decode()
    assert client.get("/stock/proposal/?form=xlsx").headers["Content-Disposition"].endswith('.xlsx"')
    assert StockLine.objects.get(location=world.places["Dock"]).quantity == 10


def test_the_api(world: World, line: StockLine) -> None:
    call = Caller()
    body = {"asset": str(world.assets["Drill"].pk), "location": str(world.places["Dock"].pk), "quantity": "3.5"}
    made = call("POST", "/stock", body)
    assert (made.status_code, made.json()["quantity"]) == (201, "3.5")
    path = f"/stock/{made.json()['id']}"
    assert call("POST", f"{path}/take", {"quantity": 1}).json()["quantity"] == "2.5"
    assert call("POST", f"{path}/take", {"quantity": 100}).status_code == 422
    assert call("POST", f"{path}/count", {"quantity": 4}, headers={"If-Match": '"1"'}).status_code == 412
    assert call("PATCH", path, {"minimum": 9, "target": 10}, headers={"If-Match": "*"}).json()["low"] is True
    assert [one["name"] for one in call("GET", "/stock?show=low").json()["items"]] == ["Drill"]
    assert call("GET", "/stock/proposal").json()["items"][0]["quantity"] == "7.5"
    assert [m["kind"] for m in call("GET", f"{path}/movements").json()["items"]] == ["take", "receive"]
    moved = call("POST", f"{path}/move", {"location": str(world.places["Office"].pk), "quantity": "1"})
    assert moved.json()["location_name"] == "Office"
