"""Custody, bookings and transfers in a real browser: handing out, signing, the calendar by keyboard, a transfer to its end."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from registry.access.models import Person, RoleBinding, User
from registry.custody import bookings, services, transfers
from registry.custody.models import Custody, Transfer
from tests.acceptance.conftest import DESK, PHONE, OpenPage, fits
from tests.acceptance.registry_site import Picture, Site, pick, serving
from tests.registry_world import ROOT, World, make_world, tell_a_day

pytestmark = [pytest.mark.usefixtures("async_unsafe"), pytest.mark.django_db(transaction=True)]
DAY = timedelta(days=1)


@pytest.fixture
def async_unsafe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright runs an event loop in our thread; Django would refuse to work beside it."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture
def world(transactional_db: None) -> World:
    world = make_world()
    tell_a_day(world)
    berg, novak = Person.objects.create(name="Anna Berg", number="1001"), Person.objects.create(name="Jan Novak")
    ids = {name: asset.pk for name, asset in world.assets.items()}
    now = timezone.now()
    out = services.check_out(by=ROOT, asset_ids=[ids["Pump 8"]], person_id=novak.pk, due_at=now + DAY, note="flooded cellar")
    Custody.objects.filter(pk=out.custodies[0].pk).update(from_at=now - 3 * DAY, due_at=now - DAY)
    services.check_out(by=ROOT, asset_ids=[ids["Drill"]], location=world.places["Office"])
    for title, start, end, confirmed in (("Trade fair", 1, 3, True), ("Roof works", 4, 6, True), ("Open day", 4, 5, False)):
        span: dict[str, Any] = {"from_at": now + start * DAY, "to_at": now + end * DAY}
        bookings.book(
            by=ROOT, title=title, person_id=berg.pk, asset_ids=[ids["Ladder long"]], note="", confirmed=confirmed, **span
        )
    sent = transfers.request(
        by=ROOT,
        asset_ids=[ids["Pump 7"], ids["Pump 9"]],
        from_location=world.places["Store room"],
        to_location=world.places["Office"],
    )
    transfers.dispatch(by=ROOT, transfer_id=sent.pk)
    return world


@pytest.fixture
def site(world: World, open_page: OpenPage) -> Iterator[Site]:
    with serving(open_page) as site:
        anna = User.objects.get(username="anna")
        RoleBinding.objects.get_or_create(user=anna, role="administrator", location=None, category=None)
        yield site


def test_checked_out_signed_and_taken_back(site: Site, world: World, picture: Picture) -> None:
    page = site.open(f"/custody/out/?assets={world.assets['Ladder short'].pk}")
    pick(page, "Person", "ann")
    expect(page.get_by_label("Person")).to_have_value("Anna Berg · 1001")
    page.get_by_label("To", exact=True).select_option("place")
    expect(page.get_by_label("Person")).to_be_hidden()
    page.get_by_label("To", exact=True).select_option("person")
    page.get_by_label("Note").fill("for the gutter")
    picture(page, "registry-check-out")
    page.get_by_role("button", name="Check out").click()
    expect(page.get_by_role("heading", name="Ladder short is with Anna Berg")).to_be_visible()
    picture(page, "registry-custody-one")
    page.get_by_role("link", name="Sign here").click()
    expect(page.get_by_role("heading", name="Anna Berg, you got 1 thing")).to_be_visible()
    box = page.locator("canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 40, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 140, box["y"] + 20, steps=8)
    page.mouse.move(box["x"] + 240, box["y"] + 90, steps=8)
    page.mouse.up()
    picture(page, "registry-accept")
    page.get_by_role("button", name="I have got it").click()
    expect(page.get_by_role("heading", name="Accepted by Anna Berg")).to_be_visible()
    custody = Custody.objects.out().get(asset=world.assets["Ladder short"])
    assert custody.signature is not None
    page.goto(f"{site.url}/custody/{custody.pk}/")
    expect(page.get_by_role("img", name="Signature of Anna Berg")).to_be_visible()
    page.get_by_role("link", name="Check in").click()
    page.get_by_label("Condition").select_option("3")
    page.get_by_role("button", name="Check in").click()
    expect(page.get_by_role("status")).to_contain_text("1 asset back")


def test_custody_on_desk_and_phone(site: Site, picture: Picture) -> None:
    for width, theme in ((DESK, "light"), (DESK, "dark"), (PHONE, "light")):
        page = site.open("/custody/", width=width, theme=theme)
        expect(page.get_by_role("heading", name="2 assets out, 1 overdue")).to_be_visible()
        expect(page.locator("tbody tr").first).to_contain_text("overdue")
        fits(page)
        picture(page, f"registry-custody-{width}-{theme}")


def test_the_calendar_by_keyboard_and_as_a_list_on_a_phone(site: Site, world: World, picture: Picture) -> None:
    page = site.open("/bookings/?view=month")
    expect(page.get_by_role("link", name="Trade fair · Anna Berg").first).to_be_visible()
    fits(page)
    picture(page, "registry-bookings-month")
    page.get_by_role("link", name="Week").click()
    picture(page, "registry-bookings-week")
    free = page.get_by_role("link", name="Ladder long is free on").first
    free.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Book Ladder long")).to_be_visible()
    picture(page, "registry-booking-new")
    phone = site.open("/bookings/?view=month", width=PHONE)
    expect(phone.locator(".agenda li").first).to_be_visible()
    expect(phone.locator(".calendar")).to_be_hidden()
    fits(phone)
    picture(phone, "registry-bookings-phone")


def test_the_calendar_has_the_days_of_where_its_reader_is(site: Site, picture: Picture) -> None:
    page = site.open("/bookings/?view=month")
    expect(page.get_by_text("Days and times are those of Europe/Berlin.")).to_be_visible()
    today = page.evaluate("new Date().getDate()")
    expect(page.locator("th.today")).to_have_text(re.compile(rf"\b{today}$"))
    picture(page, "registry-bookings-elsewhere")


def test_a_transfer_arrives(site: Site, world: World, picture: Picture) -> None:
    transfer = Transfer.objects.get()
    page = site.open("/transfers/")
    page.get_by_role("link", name=transfer.number).click()
    expect(page.get_by_role("heading", name="0 of 2 arrived")).to_be_visible()
    page.get_by_role("checkbox", name="Pump 7 has arrived").check()
    page.get_by_role("button", name="The chosen ones have arrived").click()
    expect(page.get_by_role("heading", name="1 of 2 arrived")).to_be_visible()
    fits(page)
    picture(page, "registry-transfer")
    phone = site.open(f"/transfers/{transfer.pk}/", width=PHONE, theme="dark")
    fits(phone)
    picture(phone, "registry-transfer-phone")
