"""What people do from beginning to end in a browser, by forms: a plan, a booking, a transfer, a check-out that is late."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import FilePayload, Page, expect

from registry.custody.models import Booking, Custody, Transfer
from tests.acceptance.company import Company, picture, whole_company
from tests.acceptance.conftest import PHONE, OpenPage, fits
from tests.acceptance.registry_site import Site, beat, pick, serving
from tests.registry_world import event

pytestmark = [pytest.mark.usefixtures("async_unsafe"), pytest.mark.django_db(transaction=True)]


@pytest.fixture
def company(transactional_db: None) -> Company:
    beat()
    return whole_company()


@pytest.fixture
def site(company: Company, open_page: OpenPage) -> Iterator[Site]:
    with serving(open_page) as site:
        yield site


def ticked(page: Page, *names: str) -> None:
    """Open the list and tick these."""
    for name in names:
        page.get_by_role("checkbox", name=f"Select {name}", exact=True).check()


def days_from_now(days: int) -> str:
    return f"{timezone.now() + timedelta(days=days):%Y-%m-%dT10:00}"


def test_a_plan_comes_and_goes_and_what_was_where_is_told(site: Site, company: Company) -> None:
    office = company.world.places["Office"]
    page = site.open(f"/places/{office.pk}/")
    page.get_by_role("link", name="Floor plan").click()
    expect(page.locator("h1")).to_have_text("Floor plan of Office")
    plan = FilePayload(name="office.png", mimeType="image/png", buffer=picture(400, 300, plan=True))
    page.get_by_label("Picture").set_input_files(plan)
    page.get_by_role("button", name="Put it here").click()
    expect(page.locator("svg.plan image")).to_be_attached()
    page.locator("summary", has_text="Change the plan").click()
    page.get_by_role("button", name=re.compile("^Remove the plan")).click()
    expect(page.get_by_label("Picture")).to_be_attached()
    assert page.locator("svg.plan").count() == 0
    store = company.world.places["Store room"]
    page.goto(f"{site.url}/places/{store.pk}/then/")
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_label("Date and time").fill(f"{timezone.now() - timedelta(days=30):%Y-%m-%dT10:00}")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("main .empty")).to_contain_text("Nothing was here then")


def test_a_booking_is_asked_for_confirmed_and_handed_out(site: Site, company: Company) -> None:
    page = site.open("/bookings/", expected="status of 422")
    page.get_by_role("link", name="New booking").click()
    page.get_by_label("Numbers or codes").fill(company.asset("Compressor").asset_no)
    page.get_by_label("What for").fill("Paint shop")
    pick(page, "For", "berg")
    page.get_by_label("From").fill(days_from_now(2))
    page.get_by_label("Until").fill(days_from_now(1))
    page.get_by_role("checkbox", name=re.compile("Only ask for it")).check()
    page.get_by_role("button", name="Book").click()
    expect(page.locator(".error-summary")).to_be_visible()
    expect(page.get_by_label("What for")).to_have_value("Paint shop")
    page.get_by_label("Until").fill(days_from_now(3))
    page.get_by_role("button", name="Book").click()
    expect(page.locator(".headline .chip")).to_have_text("Requested")
    page.get_by_role("button", name="Confirm").click()
    expect(page.locator(".headline .chip")).to_have_text("Confirmed")
    assert Booking.objects.get(title="Paint shop").person.name == "Anna Berg"
    phone = site.open("/bookings/", width=PHONE)
    expect(phone.locator(".agenda")).to_contain_text("Paint shop")
    assert fits(phone)


def test_a_transfer_goes_from_the_list_to_its_arrival(site: Site, company: Company) -> None:
    page = site.open("/assets/?q=ladder")
    ticked(page, "Ladder long", "Ladder short")
    page.locator("[popovertarget=selection-more]").click()
    page.get_by_role("button", name="Send to another place").click()
    pick(page, "From", "hall a")
    pick(page, "To", "office")
    page.locator("main form[method=post] button.primary").click()
    page.get_by_role("button", name="Transfer 2 assets").click()
    expect(page).not_to_have_url(re.compile("/assets/selected/"))
    transfer = Transfer.objects.latest("pk")
    assert {item.asset.name for item in transfer.items.all()} == {"Ladder long", "Ladder short"}
    page.goto(f"{site.url}/transfers/{transfer.pk}/")
    page.get_by_role("button", name="Send off").click()
    expect(page.locator("h1")).to_contain_text("0 of 2 arrived")
    page.get_by_role("checkbox", name="Ladder long has arrived").check()
    page.get_by_role("checkbox", name="Ladder short has arrived").check()
    page.get_by_role("button", name="The chosen ones have arrived").click()
    expect(page.locator("h1")).to_contain_text("2 of 2 arrived")
    assert company.asset("Ladder long").home_location == company.world.places["Office"]


def test_what_is_late_is_told_first_and_taken_back(site: Site, company: Company) -> None:
    company.world.gateway.tell(event("seen", "8004:061414100008", "store-room"))
    page = site.open("/")
    page.get_by_role("link", name=re.compile("overdue to come back")).click()
    expect(page.locator("h1")).to_have_text("6 assets out, 3 overdue")
    page.goto(f"{site.url}/custody/?show=overdue")
    expect(page.locator("tbody tr")).to_have_count(3)
    page.get_by_role("checkbox", name="Choose Pump 8").check()
    page.get_by_role("button", name="Check the chosen ones in").click()
    page.get_by_label("Condition").select_option("2")
    page.get_by_role("button", name="Check in").click()
    expect(page.get_by_role("status")).to_contain_text("1 asset back")
    assert not Custody.objects.out().filter(asset__name="Pump 8").exists()
    assert company.asset("Pump 8").condition == 2
