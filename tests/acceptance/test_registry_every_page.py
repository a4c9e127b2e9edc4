"""Every page, form and dialogue of the registry, opened in a browser: on a desk light and dark, as wide as a phone, by keys, and
with nothing in it.

The pages are those of the URL configuration: a new one is opened by itself, and fails here while nobody says what its address
names (company.py) or that it is none (NO_PAGES). A console error fails, and so does a request to any other host.
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import CDPSession, Page, Request, expect

from registry.reports.catalogue import REPORTS
from registry.web.words import KINDS
from tests.acceptance.accessibility import faults, keyboard_faults, popover_faults, unseen
from tests.acceptance.company import Company, whole_company
from tests.acceptance.conftest import DESK, HEIGHTS, PHONE, OpenPage, fits
from tests.acceptance.registry_site import Picture, Site, beat, serving
from tests.registry_world import make_user
from tests.routes import console_pages, pages

pytestmark = [pytest.mark.usefixtures("async_unsafe"), pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]

NO_PAGES = re.compile(  # files, parts of pages, what other programs ask, and what only leads elsewhere
    r"/(01|8003|8004|account/oidc|healthz|readyz|metrics|find|logout)\b|\.(csv|svg|js|ics)$|/export\.|/(image|small|signature|parts|stream|"
    r"progress|facet/{name}|people/{person_id}/roles|custody/people|assets/fields|pick/{kind})(/|$)|/papers/|^/audits/{audit_id}/report/|^/files/|^/login/second-factor/"
)
NO_CONSOLE_PAGES = re.compile(r"/(7|add|logout|password_change|jsi18n)/")  # of one row; what nobody may; what leads elsewhere
FURTHER = {  # what else stands at an address
    "/assets/": ("?q=nothing-of-that-name", "?status=in_use&seen=never&sort=-name", "?columns=name,serial_no,condition,value"),
    "/audits/{audit_id}/": ("../{audit_draft}/", "../{audit_reviewed}/", "../{audit_signed}/"),
    "/audits/{audit_id}/findings/": ("../../{audit_reviewed}/findings/", "../../{audit_signed}/findings/"),
    "/audits/{audit_id}/walk/": ("?place={room_id}",),
    "/bookings/": ("?view=month", "?q=ladder"),
    "/custody/": ("?show=overdue", "?show=mine", "?show=back"),
    "/custody/in/": ("?assets={asset_id}",),
    "/custody/out/": ("?assets={asset_id}",),
    "/labels/": ("?assets={asset_id}",),
    "/gateways/": ("?show=revoked", "?q=nothing-of-that-name"),
    "/quarantine/": ("?show=settled",),
    "/imports/{job_id}/": ("?show=changed", "?mapping", "../{job_new}/", "../{job_done}/"),
    "/palette/": ("?q=pump", "?q=nothing-of-that-name"),
    "/reports/{key}/": ("?days=9999",),
    "/scan/unknown/": ("?code=XYZ",),
    "/agreements/": ("?show=ended", "?show=7", "?q=nothing-of-that-name"),
    "/stock/": ("?show=low", "?show=expiring", "?q=nothing-of-that-name"),
    "/transfers/": ("?show=overdue", "?show=closed"),
}
ANY_OF = {"key": tuple(REPORTS), "slug": tuple(KINDS)}
REFUSED = [
    "/assets/new/",
    "/places/new/",
    "/people/new/",
    "/custody/out/",
    "/bookings/new/",
    "/transfers/new/",
    "/stock/receive/",
    "/agreements/new/",
    "/audits/new/",
    "/work-orders/new/",
    "/maintenance/new/",
]
EMPTY = [
    "/",
    "/assets/",
    "/places/",
    "/custody/",
    "/bookings/",
    "/transfers/",
    "/agreements/",
    "/audits/",
    "/audits/cases/",
    "/work-orders/",
    "/work-orders/calendar/",
    "/maintenance/",
    "/stock/",
    "/stock/proposal/",
    "/map/",
    "/labels/",
    "/people/",
    "/changes/",
    "/live/",
    "/gateways/",
    "/quarantine/",
    "/settings/words/categories/",
    "/reports/inventory/",
    "/scan/drawer/",
]


@pytest.fixture
def company(transactional_db: None) -> Company:
    beat()
    return whole_company()


@pytest.fixture
def site(company: Company, open_page: OpenPage) -> Iterator[Site]:
    with serving(open_page) as site:
        yield site


def addresses(company: Company) -> list[str]:
    """Each page, with every argument that its address takes. Raises KeyError for an argument that nobody gave a value."""
    found = []
    for line in pages():
        method, path = line.split(" ", 1)
        if method != "GET" or NO_PAGES.search(path):
            continue
        several = next((name for name in ANY_OF if f"{{{name}}}" in path and "word_id" not in path), None)
        for one in ANY_OF[several] if several else ("suppliers",):
            known = company.ids | {"key": one, "slug": one}
            found += [filled(path + more, known) for more in ("", *FURTHER.get(path, ()))]
    return found


def filled(path: str, known: dict[str, Any]) -> str:
    return re.sub(r"{(\w+)}", lambda name: str(known[name[1]]), path)


def narrow(page: Page, session: CDPSession, phone: bool) -> None:
    page.set_viewport_size({"width": PHONE if phone else DESK, "height": HEIGHTS[PHONE if phone else DESK]})
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": phone})


def test_every_page_can_be_used_by_everybody(site: Site, company: Company, picture: Picture) -> None:
    page = site.open("/", expected="status of 4")
    session = page.context.new_cdp_session(page)
    elsewhere: set[str] = set()

    def asked(request: Request) -> None:
        if urlsplit(request.url).netloc not in (urlsplit(site.url).netloc, ""):
            elsewhere.add(request.url)

    page.on("request", asked)
    wrong: dict[str, list[str]] = {}
    for path in addresses(company):
        answer = page.goto(site.url + path)
        assert answer is not None
        assert answer.status == 200, f"{path}: {answer.status}"
        assert "text/html" in answer.headers["content-type"], f"{path} is no page: say so in NO_PAGES"
        found = faults(page)
        if page.locator("body.shell").count():
            found += unseen(page)
        page.emulate_media(color_scheme="dark")
        found += [f"in the dark: {fault}" for fault in faults(page, "contrast")]
        page.emulate_media(color_scheme="light")
        narrow(page, session, phone=True)
        found += [f"on a phone: {fault}" for fault in faults(page, "structure")]
        if not fits(page):
            found.append("on a phone it scrolls sideways")
        picture(page, f"every{path.replace('/', '-')}"[:60])
        narrow(page, session, phone=False)
        if found:
            wrong[path] = found
    assert not wrong, "\n".join(f"{path}: {fault}" for path, found in wrong.items() for fault in found)
    assert not elsewhere


def test_every_page_of_the_console_opens(site: Site, company: Company, picture: Picture) -> None:
    """Its lists, and what stands behind the first row of each; its frame is Unfold's."""
    page = site.open("/")
    session = page.context.new_cdp_session(page)
    elsewhere: set[str] = set()

    def asked(request: Request) -> None:
        if urlsplit(request.url).netloc not in (urlsplit(site.url).netloc, ""):
            elsewhere.add(request.url)

    page.on("request", asked)
    lists = [path for path in dict.fromkeys(console_pages()) if not NO_CONSOLE_PAGES.search(path)]
    opened = 0
    for path in lists:
        answer = page.goto(site.url + path)
        assert answer is not None
        assert answer.status == 200, path
        expect(page.locator("h1").first).to_be_visible()
        assert fits(page), f"{path} scrolls sideways"
        narrow(page, session, phone=True)
        assert fits(page), f"{path} scrolls sideways on a phone"
        picture(page, f"console{path.replace('/', '-')}"[:60])
        narrow(page, session, phone=False)
        rows = page.locator("#result_list tbody a[href*='/change/']")
        if rows.count():
            answer = page.goto(site.url + str(rows.first.get_attribute("href")))
            assert answer is not None
            assert answer.status == 200, page.url
            opened += 1
    assert len(lists) >= 12
    assert opened >= 3
    assert not elsewhere


def test_what_opens_closes_by_keys_and_gives_the_focus_back(site: Site, company: Company) -> None:
    ids = company.ids
    page = site.open(f"/assets/{ids['asset_id']}/")
    assert popover_faults(page) == []
    page.locator("[popovertarget=asset-more]").focus()
    for key in ("Enter", "Tab", "Tab", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_text("Dispose of Pump 7?")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("Dispose of Pump 7?")).to_be_hidden()
    page.locator("#q, .topbar input[type=search]").first.focus()
    page.keyboard.press("Escape")
    for key, dialogue in (("?", "#keys-help"), ("Control+k", "#palette")):
        page.locator(".sidenav a").first.focus()
        page.keyboard.press(key)
        expect(page.locator(dialogue)).to_be_visible()
        assert [f"{dialogue}: {fault}" for fault in faults(page)] == []
        page.keyboard.press("Escape")
        expect(page.locator(dialogue)).to_be_hidden()
        expect(page.locator(".sidenav a").first).to_be_focused()
    for path in ("/assets/", f"/places/{ids['location_id']}/"):
        page.goto(site.url + path)
        assert popover_faults(page) == []
        assert keyboard_faults(page) == []
    page.goto(f"{site.url}/scan/")
    expect(page.locator("[data-sync]")).to_contain_text("sent")
    page.locator("[data-place-choose]").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert faults(page) == []
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("#scan-text")).to_be_focused()  # where the next scan is typed
    phone = site.open("/assets/", width=PHONE)
    assert popover_faults(phone) == []
    phone.goto(f"{site.url}/places/{ids['location_id']}/")
    assert popover_faults(phone) == []


def test_every_form_behind_the_bar_of_a_list(site: Site, picture: Picture) -> None:
    page = site.open("/assets/")
    forms = page.locator("#selection button:not([type=button]):not([name])").evaluate_all(
        "all => all.map((b) => b.getAttribute('formaction') ?? b.form.getAttribute('action'))"
    )
    assert len(forms) >= 7
    session = page.context.new_cdp_session(page)
    for number, action in enumerate(forms):
        page.goto(site.url + "/assets/")
        page.locator("tbody input[type=checkbox]").nth(1).check()
        page.locator("tbody input[type=checkbox]").nth(2).check()
        page.locator("#selection").evaluate("(form, action) => { form.action = action; form.submit(); }", action)
        expect(page.locator("main .selection-bar")).to_have_count(0)
        found = [*faults(page), *unseen(page)]
        narrow(page, session, phone=True)
        found += faults(page, "structure")
        assert fits(page), action
        assert [f"{action}: {fault}" for fault in found] == []
        picture(page, f"bar-{number}")
        narrow(page, session, phone=False)
        if "/selected/in/" in str(action) or "/selected/take-out/" in str(action):  # what needs nothing to be filled in
            page.get_by_role("button", name="See what would happen").click()
            expect(page.get_by_text("Nothing is done yet.")).to_be_visible()
            found = [*faults(page), *unseen(page)]
            narrow(page, session, phone=True)
            found += faults(page, "structure")
            assert fits(page), action
            assert [f"preview of {action}: {fault}" for fault in found] == []
            picture(page, f"bar-{number}-preview")
            narrow(page, session, phone=False)
            page.get_by_role("button", name="Change this").click()
            expect(page.get_by_role("button", name="See what would happen")).to_be_visible()


def test_a_form_that_is_sent_back_says_what_is_wrong_and_where(site: Site) -> None:
    page = site.open("/", expected="status of 422")
    for path in REFUSED:
        page.goto(site.url + path)
        page.locator("main form[method=post] button.primary").first.click()
        expect(page.locator(".error-summary")).to_be_visible()
        assert page.locator(".field.wrong .error").count(), path
        assert [f"{path}: {fault}" for fault in faults(page)] == []


def test_a_registry_with_nothing_in_it_says_what_to_do(transactional_db: None, open_page: OpenPage, picture: Picture) -> None:
    make_user("anna")
    with serving(open_page) as site:
        page = site.open("/")
        for path in EMPTY:
            page.goto(site.url + path)
            assert page.locator("main .empty, main .sentence.waiting").count(), f"{path} has nothing to say"
            assert [f"{path}: {fault}" for fault in faults(page)] == []
            picture(page, f"nothing{path.replace('/', '-')}")
