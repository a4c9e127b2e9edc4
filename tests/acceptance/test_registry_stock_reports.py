"""Stock and reports in a real browser: received, taken, counted, too little of it, what to order; seven reports as picture,
table, file and mail."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pypdf import PdfReader
from pytest_django import Settings

from registry.configuration import MailSection
from registry.reports.catalogue import REPORTS
from registry.reports.models import Schedule
from registry.tables.reading import open_table
from tests.acceptance.company import Company, whole_company
from tests.acceptance.conftest import DESK, PHONE, OpenPage, fits
from tests.acceptance.registry_site import Picture, Site, beat, pick, serving

pytestmark = [pytest.mark.usefixtures("async_unsafe"), pytest.mark.django_db(transaction=True)]


@pytest.fixture
def company(transactional_db: None, settings: Settings) -> Company:
    mail = MailSection(host="127.0.0.1", port=9, starttls=False, sender="registry@example.com")
    settings.CONFIGURATION = settings.CONFIGURATION.model_copy(update={"mail": mail})
    beat()
    return whole_company()


@pytest.fixture
def site(company: Company, open_page: OpenPage) -> Iterator[Site]:
    with serving(open_page) as site:
        yield site


def do(page: Page, what: str, **fields: str) -> None:
    """Open one of the forms of a line of stock, fill it in and send it."""
    details = page.locator("details.stock-doing", has=page.locator("summary", has_text=what))
    if details.get_attribute("open") is None:
        details.locator("summary").click()
    form = details.locator("form")
    for label, value in fields.items():
        form.get_by_label(label.replace("_", " ")).fill(value)
    form.get_by_role("button").click()


def test_stock_from_its_arrival_to_the_next_order(site: Site, company: Company, picture: Picture) -> None:
    page = site.open("/stock/", expected="status of 422")
    expect(page.locator("h1")).to_have_text("1 below the minimum, 2 expiring")
    page.get_by_role("link", name="Receive").click()
    page.get_by_label("Asset", exact=True).fill(company.asset("Toner, black").asset_no)
    pick(page, "Put at", "office")
    page.get_by_label("Quantity").fill("4,5 boxes")
    page.get_by_role("button", name="Receive").click()
    expect(page.locator(".field.wrong .error")).to_have_text("Write a number.")
    page.get_by_label("Quantity").fill("4")
    page.get_by_role("button", name="Receive").click()
    expect(page.locator("h1")).to_have_text("10 pieces Toner, black")

    do(page, "How much there should be", At_least="8", Order_up_to="20")
    expect(page.locator("main .facts")).to_contain_text("8 at least, 20 after an order")
    do(page, "Take", Quantity="30")
    expect(page.locator(".field.wrong .error")).to_contain_text("There are 10 only")
    do(page, "Take", Quantity="3", Note="printer 2")
    expect(page.locator(".headline .chip")).to_have_text("low")
    do(page, "Count", There_are="9")
    expect(page.locator("h1")).to_have_text("9 pieces Toner, black")
    expect(page.locator("tbody tr").first).to_contain_text("Counted")
    do(page, "Take", Quantity="4")
    picture(page, "registry-stock-line")

    page.goto(site.url + "/stock/?show=low")
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_role("link", name="What to order").click()
    expect(page.locator("h1")).to_have_text("2 things to order")
    expect(page.locator("tbody tr", has_text="Toner")).to_contain_text("15 pieces")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert "Toner, black" in Path(download.value.path()).read_text("utf-8-sig")
    page.goto(site.url + "/stock/")
    page.get_by_role("button", name="Mail me when stock runs low or expires").click()
    expect(page.get_by_role("button", name="Send me no more mails about stock")).to_be_visible()
    phone = site.open("/stock/", width=PHONE, theme="dark")
    assert fits(phone)
    picture(phone, "registry-stock-phone")


def test_seven_reports_as_picture_table_and_file(site: Site, picture: Picture) -> None:
    page = site.open("/reports/")
    expect(page.locator(".report-list a")).to_have_count(len(REPORTS))
    for key, report in REPORTS.items():
        page.goto(f"{site.url}/reports/{key}/")
        expect(page.locator("main .crumbs")).to_contain_text(report.title)
        sentence = page.locator("h1").inner_text()
        assert sentence[0].isdigit() or key in ("idle", "storage"), sentence
        rows = page.locator("tbody tr").count()
        if key == "idle":  # everything is new
            expect(page.locator(".empty")).to_be_visible()
        else:
            assert rows, key
            assert page.locator(".bars li").count(), key
            assert page.locator(".bars rect").first.get_attribute("width") == "100.0%" or key == "inventory"
        for form in ("csv", "xlsx", "pdf"):
            with page.expect_download() as download:
                page.get_by_role("link", name=form.upper(), exact=True).click()
            path = Path(download.value.path())
            assert download.value.suggested_filename.startswith(f"{key}-")
            if form == "pdf":
                assert report.title in PdfReader(path).pages[0].extract_text()
                continue
            with open_table(path) as table:
                assert len(list(table.rows)) >= rows, (key, form)
        assert fits(page)
        picture(page, f"registry-report-{key}")


def test_a_report_is_narrowed_and_mailed_on_a_schedule(site: Site, company: Company, picture: Picture) -> None:
    page = site.open("/reports/value/", expected="status of 4")
    page.get_by_label("By", exact=True).select_option(label="Supplier")
    pick(page, "Category", "equipment")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile("group=supplier"))
    expect(page.locator("thead th").first).to_have_text("Supplier")
    page.get_by_label("When").select_option("week")
    page.get_by_role("button", name="Send it to anna@example.com").click()
    expect(page.get_by_role("status")).to_contain_text("What it cost goes to you every Monday.")
    made = Schedule.objects.latest("pk")
    assert (made.report, made.filters["group"], made.form) == ("value", "supplier", "pdf")
    page.get_by_role("button", name="End What it cost, every Monday").click()
    expect(page.get_by_role("status")).to_contain_text("It is not sent any more.")
    assert not Schedule.objects.filter(pk=made.pk).exists()
    for width, theme in ((DESK, "dark"), (PHONE, "light")):
        shown = site.open("/reports/inventory/", width=width, theme=theme)
        assert fits(shown)
        picture(shown, f"registry-report-{width}-{theme}")
