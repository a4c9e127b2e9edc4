"""The pages of custody, bookings and transfers: what they offer, what they do, and who learns nothing."""

import base64
import re
from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from PIL import Image
from pytest_django.plugin import DjangoDbBlocker

from registry.access.models import Person
from registry.assets.trees import create_location
from registry.custody import bookings, services, transfers
from registry.custody.models import Booking, Custody, Transfer
from registry.work.models import Outgoing
from tests.registry_world import ROOT, Caller, World, lasting, make_user

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
    return Person.objects.create(name="Anna Berg", number="1001", email="anna@example.com")


def logged_in(role: str = "manager", **more: Any) -> Client:
    client = Client()
    client.force_login(make_user(f"otto-{role}", role, **more))
    return client


def utc(moment: Any) -> str:
    return str(moment.strftime("%Y-%m-%dT%H:%M"))


def checked_out(world: World, anna: Person, client: Client, **more: Any) -> Custody:
    pump = world.assets["Pump 7"]
    form = {"assets": str(pump.pk), "codes": "", "to": "person", "person": "Anna Berg · 1001", "note": "roof"} | more
    answer = client.post("/custody/out/", form)
    assert answer.status_code == 302, answer.content.decode()
    return Custody.objects.out().get(asset=pump)


def test_out_by_form_accepted_by_link_and_back(world: World, anna: Person) -> None:
    client = logged_in()
    custody = checked_out(world, anna, client, codes="tag:LADDER-1\nA-000002", due_at=utc(timezone.now() + timedelta(days=2)))
    assert Custody.objects.filter(batch=custody.batch).count() == 3
    page = client.get(f"/custody/{custody.pk}/").content.decode()
    link = page.partition('data-copy="http://testserver')[2].partition('"')[0]
    assert link.startswith("/custody/accept/")
    stranger = Client()
    offered = stranger.get(link).content.decode()
    assert "Pump 7" in offered
    assert "Anna Berg, you got 3 things" in offered
    drawn = BytesIO()
    Image.new("RGB", (80, 24), "white").save(drawn, "PNG")
    signature = "data:image/png;base64," + base64.b64encode(drawn.getvalue()).decode()
    assert stranger.post(link, {"name": "Anna B.", "signature": signature}).status_code == 302
    assert "Accepted by Anna B." in stranger.get(link).content.decode()
    custody.refresh_from_db()
    assert custody.signature is not None
    picture = client.get(f"/custody/{custody.pk}/signature/")
    assert picture["Content-Type"] == "image/png"
    assert "3 assets out" in client.get("/custody/").content.decode()
    back = client.post("/custody/in/", {"assets": str(custody.asset_id), "codes": "", "condition": "2", "note": ""})
    assert back.status_code == 302
    assert Custody.objects.out().count() == 2
    assert "Pump 7" in client.get("/custody/?show=back").content.decode()


@pytest.mark.parametrize(
    "signature", ["data:text/html;base64,PGI+", "data:image/png;base64,PGI+", "data:image/png;base64,%%", "x"]
)
def test_a_signature_that_is_none_is_refused(world: World, anna: Person, signature: str) -> None:
    out = services.check_out(by=ROOT, asset_ids=[world.assets["Drill"].pk], person_id=anna.pk)
    answer = Client().post(f"/custody/accept/{out.link_secret}/", {"name": "Anna", "signature": signature})
    assert answer.status_code == 422
    assert Custody.objects.get().accepted_at is None


def test_a_link_of_nothing_says_nothing(world: World) -> None:
    answer = Client().get("/custody/accept/" + "x" * 43 + "/")
    assert answer.status_code == 404
    assert "This link is over" in answer.content.decode()


def test_what_is_refused_comes_back_filled_in(world: World, anna: Person) -> None:
    client = logged_in()
    answer = client.post(
        "/custody/out/", {"assets": "", "codes": "NOTHING-1", "to": "person", "person": "Anna Berg", "note": "kept"}
    )
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "NOTHING-1" in page
    assert "is no asset&#x27;s number or code" in page
    assert 'value="kept"' in page
    answer = client.post("/custody/out/", {"codes": "tag:LADDER-1", "to": "person", "person": "Nobody", "note": ""})
    assert "No person is called &#x27;Nobody&#x27;" in answer.content.decode()


def test_over_a_booking_only_when_said(world: World, anna: Person) -> None:
    client, now = logged_in(), timezone.now()
    ben = Person.objects.create(name="Ben")
    pump = world.assets["Pump 7"]
    span: dict[str, Any] = {"from_at": now + timedelta(days=1), "to_at": now + timedelta(days=2)}
    bookings.book(by=ROOT, title="Fair", person_id=ben.pk, asset_ids=[pump.pk], **span)
    form = {"assets": str(pump.pk), "to": "person", "person": "1001", "note": ""}
    answer = client.post("/custody/out/", form)
    assert answer.status_code == 422
    assert "over_bookings" in answer.content.decode()
    assert client.post("/custody/out/", form | {"over_bookings": "on"}).status_code == 302


def test_extend_hand_over_and_a_new_link(world: World, anna: Person) -> None:
    client = logged_in()
    Person.objects.create(name="Ben")
    custody = checked_out(world, anna, client)
    there = f"/custody/{custody.pk}/"
    assert client.post(there, {"do": "extend", "due_at": utc(timezone.now() - timedelta(days=1))}).status_code == 422
    assert client.post(there, {"do": "extend", "due_at": utc(timezone.now() + timedelta(days=1))}).status_code == 302
    assert client.post(there, {"do": "link"}).status_code == 302
    assert client.post(there, {"do": "over", "person": "ben"}).status_code == 302
    assert Custody.objects.out().get(asset=custody.asset_id).person.name == "Ben"  # type: ignore[union-attr]


def test_out_of_scope_nothing_is_seen(world: World, anna: Person) -> None:
    out = services.check_out(by=ROOT, asset_ids=[world.assets["Pump 7"].pk], person_id=anna.pk)
    bremen = create_location(by=ROOT, name="Bremen", kind="site")
    stranger = logged_in("manager", place=bremen)
    for path in (
        "/custody/",
        "/custody/?show=back",
        "/bookings/",
        "/transfers/",
        f"/custody/out/?assets={world.assets['Pump 7'].pk}",
    ):
        answer = stranger.get(path)
        assert answer.status_code == 200
        assert "Pump 7" not in answer.content.decode()
    assert stranger.get(f"/custody/{out.custodies[0].pk}/").status_code == 404
    form = {"assets": str(world.assets["Pump 8"].pk), "codes": "tag:LADDER-1", "to": "person", "person": "1001", "note": ""}
    assert stranger.post("/custody/out/", form).status_code == 422


def test_a_booking_from_the_calendar_to_a_check_out(world: World, anna: Person) -> None:
    client, start = logged_in(), timezone.now() + timedelta(minutes=1)
    pump = world.assets["Pump 7"]
    form = {
        "assets": str(pump.pk), "title": "Fair", "person": "1001", "from_at": utc(start), "to_at": utc(start + timedelta(days=1)),
        "note": "", "request_only": "on",
    }  # fmt: skip
    assert client.post("/bookings/new/", form).status_code == 302
    booking = Booking.objects.get()
    assert booking.state == "requested"
    for view in ("week", "month"):
        shown = client.get(f"/bookings/?view={view}&day={start:%Y-%m-%d}").content.decode()
        assert "Fair · Anna Berg" in shown
    there = f"/bookings/{booking.pk}/"
    assert client.post(there, {"do": "confirm", "version": "9"}).status_code == 302
    booking.refresh_from_db()
    assert booking.state == "requested"
    for do, version in (("confirm", "1"), ("out", "2")):
        client.post(there, {"do": do, "version": version})
    booking.refresh_from_db()
    assert booking.state == "active"
    assert "Pump 7" in client.get(there).content.decode()


@pytest.mark.parametrize("day", ["", "x", "9999-12-31", "0001-01-01", "2026-02-30"])
def test_the_calendar_takes_any_day(world: World, day: str) -> None:
    assert logged_in("viewer").get("/bookings/", {"day": day, "view": "month", "q": "pump"}).status_code == 200


def test_days_of_the_calendar_are_those_of_the_reader(world: World, anna: Person) -> None:
    """Of a booking from 22:30 to 23:30 UTC: the 10th in Greenwich, the 11th in Berlin and Auckland."""
    start = (timezone.now() + timedelta(days=400)).replace(month=3, day=10, hour=22, minute=30, second=0, microsecond=0)
    span: dict[str, Any] = {"from_at": start, "to_at": start + timedelta(hours=1)}
    booking = bookings.book(by=ROOT, title="Fair", person_id=anna.pk, asset_ids=[world.assets["Pump 7"].pk], **span)
    eleventh, twelfth = start + timedelta(days=1), start + timedelta(days=2)
    client = logged_in()
    cases = {
        "": ("22:30 to 10 Mar 23:30 (UTC)", start),
        "Europe/Berlin": ("23:30 to 11 Mar 00:30 (Europe/Berlin)", start),
        "Pacific/Auckland": ("11:30 to 11 Mar 12:30 (Pacific/Auckland)", eleventh),
        "No/Such": ("(UTC)", start), "../../etc/passwd": ("(UTC)", start), "Europe": ("(UTC)", start),
    }  # fmt: skip
    for name, (hours, day) in cases.items():
        client.cookies["time-zone"] = name
        page = client.get(f"/bookings/?view=month&day={day:%Y-%m-%d}").content.decode()
        assert hours in page, name
        assert f"<section><h2>{day.strftime('%A')} {day.day} March</h2>" in page, name
        [row] = re.findall(r"<tr data-row>.*?</tr>", page, re.S)
        before = row.partition('class="taken')[0]
        assert before.count("<td>") + len(re.findall(r"<td colspan", before)) - 1 == day.day, (
            name
        )  # the asset's, free days, its own
        assert f"{start:%B %Y}:" in page, name
    client.cookies["time-zone"] = "Pacific/Auckland"
    form = client.get(f"/bookings/new/?day={twelfth:%Y-%m-%d}").content.decode()
    assert f'value="{eleventh:%Y-%m-%d}T20:00"' in form, "nine o'clock there"
    for month, days in (("2026-03-29", 31), ("2026-10-25", 31)):  # in which clocks change
        client.cookies["time-zone"] = "Europe/Berlin"
        page = client.get("/bookings/", {"day": month, "view": "month", "q": "pump"}).content.decode()
        assert len(re.findall(r'<th scope="col" class', page)) == days
    assert booking.state == "confirmed"


def test_a_transfer_by_pages(world: World) -> None:
    client = logged_in()
    pump, office, hall = world.assets["Pump 7"], world.places["Office"], world.places["Hall A"]
    form = {"assets": str(pump.pk), "from_location": str(hall.pk), "to_location": str(office.pk), "note": "", "new_home": "on"}
    assert client.post("/transfers/new/", form).status_code == 302
    transfer = Transfer.objects.get()
    there = f"/transfers/{transfer.pk}/"
    client.post(there, {"do": "dispatch", "version": "1"})
    assert "0 of 1 arrived" in client.get(there).content.decode()
    client.post(there, {"do": "arrived", "item": str(transfer.items.get().pk)})
    transfer.refresh_from_db()
    assert transfer.state == "arrived"
    pump.refresh_from_db()
    assert pump.home_location == office
    assert transfer.number in client.get("/transfers/?show=closed").content.decode()


def test_places_out_of_scope_are_not_named(world: World) -> None:
    transfer = transfers.request(
        by=ROOT, asset_ids=[world.assets["Pump 7"].pk], from_location=world.places["Hall A"], to_location=world.places["Office"]
    )
    here = logged_in("viewer", place=world.places["Hall A"])
    for path in ("/transfers/", f"/transfers/{transfer.pk}/"):
        page = here.get(path).content.decode()
        assert transfer.number in page
        assert "Office" not in page
        assert "elsewhere" in page


def with_mail(settings: Any) -> None:
    mail = settings.CONFIGURATION.mail.model_copy(update={"host": "mail.example.com"})
    settings.CONFIGURATION = settings.CONFIGURATION.model_copy(update={"mail": mail})


def test_the_link_to_accept_comes_by_mail_once(world: World, anna: Person, settings: Any) -> None:
    with_mail(settings)
    client = logged_in()
    custody = checked_out(world, anna, client)
    assert "They get the link to accept it by mail" in client.get(f"/custody/{custody.pk}/").content.decode()
    [mail] = Outgoing.objects.all()
    payload: Any = mail.payload
    assert (mail.topic, payload["subject"]) == ("anna@example.com", "Please accept Pump 7")
    assert f"{custody.asset.asset_no}  Pump 7" in payload["text"]
    [link] = [line for line in payload["text"].splitlines() if line.startswith("http")]
    assert link.startswith("http://testserver/custody/accept/")
    nobody = Client()
    assert "Pump 7" in nobody.get(link).content.decode()
    assert nobody.post(link, {"name": "Anna Berg"}).status_code == 302
    assert Custody.objects.get(pk=custody.pk).accepted_as == "Anna Berg"
    assert Outgoing.objects.count() == 1


def test_handing_over_and_booked_things_mail_too_and_programs_as_well(world: World, anna: Person, settings: Any) -> None:
    with_mail(settings)
    ben, cleo = (Person.objects.create(name=n, email=e) for n, e in (("Ben", "ben@example.com"), ("Cleo", "")))
    client = logged_in()
    custody = checked_out(world, anna, client)
    client.post(f"/custody/{custody.pk}/", {"do": "over", "person": "Ben"})
    call = Caller()
    for person, name in ((ben, "Pump 8"), (cleo, "Pump 9")):
        made = call("POST", "/custody", {"assets": [str(world.assets[name].pk)], "person": str(person.pk)})
        assert made.status_code == 201, made.content
    to = Outgoing.objects.order_by("id").values_list("topic", flat=True)
    assert list(to) == ["anna@example.com", "ben@example.com", "ben@example.com"]  # Cleo has no address
