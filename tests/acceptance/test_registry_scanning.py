"""Scanning in a real browser: a scanner that types, no network, a camera, a photo, and what is done with all of it."""

import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from django.conf import settings
from django.utils import timezone
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from identity.resolve import resolve_text
from registry.access.models import RoleBinding, User
from registry.assets.models import Asset, Containment, Location
from registry.tracking.models import LocationEvent, Position, UnknownTag
from tests.acceptance.conftest import ARGUMENTS, DESK, PHONE, OpenPage, _debugging_port, fits
from tests.acceptance.registry_site import Picture, Site, _session, serving
from tests.registry_world import PASSWORD, World, make_user, make_world

pytestmark = [pytest.mark.usefixtures("async_unsafe"), pytest.mark.django_db(transaction=True)]

PUMP, LADDER, LADDER_KEY = "(8004)061414100007", "LADDER-1", "tag:LADDER-1"
# controls of the page that say nothing of themselves
NAMELESS = """main => [...main.querySelectorAll("button, a, select, input:not([type=hidden])")]
  .filter(one => one.checkVisibility() && !one.ariaLabel && !one.innerText.trim() && !one.labels?.length)
  .map(one => one.outerHTML)"""
# how many caches and how many records of who was logged in the device has
KEPT = """async () => {
  const result = (request) => new Promise(done => (request.onsuccess = () => done(request.result)));
  const opened = await result(indexedDB.open("sightpost-scan"));
  const count = await result(opened.transaction("kept").objectStore("kept").count());
  opened.close();
  return `${(await caches.keys()).length} ${count}`;
}"""
AWAY = "ERR_INTERNET_DISCONNECTED"


@pytest.fixture
def async_unsafe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright runs an event loop in our thread; Django would refuse to work beside it."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture
def world(transactional_db: None) -> World:
    return make_world()


@pytest.fixture
def site(world: World, open_page: OpenPage) -> Iterator[Site]:
    with serving(open_page) as site:
        RoleBinding.objects.get_or_create(
            user=User.objects.get(username="anna"), role="administrator", location=None, category=None
        )
        yield site


def opened(site: Site, place: str | None = "Store room", **more: Any) -> Page:
    """The scan page, in a place, with everything kept for having no network."""
    page = site.open("/scan/", **more)
    ready(page)
    if place:
        page.locator("[data-place-choose]").click()
        page.locator("[data-places-list] button").filter(has=page.get_by_text(place, exact=True)).click()
        expect(page.locator("[data-place-name]")).to_contain_text(place)
    return page


def ready(page: Page) -> None:
    expect(page.locator("[data-sync]")).to_have_attribute("data-offline", "ready")


def wedge(page: Page, code: str, end: str = "Enter") -> None:
    page.keyboard.type(code)
    page.keyboard.press(end)


def told(page: Page, state: str, what: str) -> None:
    expect(page.locator("[data-card]")).to_have_attribute("data-state", state)
    expect(page.locator("[data-card]")).to_contain_text(what)


def waiting(page: Page, count: int) -> None:
    expect(page.locator("[data-sync]")).to_have_attribute("data-waiting", str(count))


def all_sent(page: Page) -> None:
    """Without the seconds in which a scan can be undone."""
    page.evaluate("dispatchEvent(new Event('online'))")
    waiting(page, 0)


def scanned() -> list[str]:
    return list(LocationEvent.objects.filter(source="scan").order_by("event_time").values_list("identity", flat=True))


def as_person(page: Page, site: Site, user: User) -> None:
    page.context.clear_cookies()
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": _session(user), "url": site.url}])


def test_a_scanner_that_types_works_wherever_the_focus_is(site: Site, world: World) -> None:
    page = opened(site)
    wedge(page, PUMP)
    told(page, "known", "Pump 7")
    page.locator("[data-sound]").focus()
    wedge(page, LADDER, "Tab")
    told(page, "known", "Ladder long")  # at home in all of the hall
    page.locator("h2").first.click()
    wedge(page, "NOBODY-1")
    told(page, "unknown", "NOBODY-1")
    wedge(page, PUMP)
    told(page, "duplicate", "Pump 7")
    expect(page.locator("[data-counts]")).to_have_text("2 known, 1 unknown")
    all_sent(page)
    assert scanned() == ["8004:061414100007", LADDER_KEY, "tag:NOBODY-1"]
    assert Position.objects.get(asset=world.assets["Pump 7"]).location == world.places["Store room"]
    assert UnknownTag.objects.get().identity == "tag:NOBODY-1"
    search = page.get_by_role("searchbox", name="Find an asset by name, number or any code")
    search.click()
    page.keyboard.type("pump")
    expect(search).to_have_value("pump")
    expect(page.get_by_label("Code", exact=True)).to_have_value("")


def test_each_answer_has_its_own_look_word_and_tone_and_the_tone_can_be_turned_off(site: Site, picture: Picture) -> None:
    for theme, width in (("light", PHONE), ("dark", PHONE), ("light", DESK)):
        page = opened(site, "Office", theme=theme, width=width)
        picture(page, f"scan-start-{width}-{theme}")
        colours = set()
        for code, state, word in (
            (PUMP, "wrong_place", "Wrong place"),
            (PUMP, "duplicate", "Scanned already"),
            (f"NOBODY-{theme}{width}", "unknown", "Unknown"),
        ):
            wedge(page, code)
            told(page, state, word)
            expect(page.locator("main")).to_have_attribute("data-played", state)
            colours.add(page.locator(".scan-word").evaluate("it => getComputedStyle(it).color"))
            assert fits(page)
            page.evaluate("Promise.all(document.getAnimations().map(it => it.finished))")
            picture(page, f"scan-{state}-{width}-{theme}")
        assert len(colours) == 3
        page.locator("[data-sound]").click()
        wedge(page, PUMP)
        expect(page.locator("main")).to_have_attribute("data-played", "")
        all_sent(page)
        assert page.locator("main").evaluate(NAMELESS) == [], "each control says what it is"


def test_without_a_network_scans_are_told_kept_and_sent_once_there_is_one(site: Site, world: World, picture: Picture) -> None:
    page = opened(site, width=PHONE, expected=AWAY)
    page.context.set_offline(True)
    wedge(page, PUMP)
    told(page, "known", "Pump 7")
    wedge(page, "NOBODY-1")
    told(page, "unknown", "NOBODY-1")
    expect(page.locator("[data-sync]")).to_contain_text("Not connected. 2 waiting")
    page.reload()
    waiting(page, 2)
    expect(page.locator("[data-place-name]")).to_contain_text("Store room")
    wedge(page, "https://id.example.com/8004/061414100008?lot=7")
    told(page, "known", "Pump 8")
    wedge(page, "ladder-1")
    told(page, "unknown", "ladder-1")
    picture(page, "scan-offline")
    page.close()  # as if the phone had died
    assert scanned() == []
    page = page.context.new_page()
    page.goto(f"{site.url}/scan/")
    waiting(page, 4)
    page.context.set_offline(False)
    waiting(page, 0)
    assert scanned() == ["8004:061414100007", "tag:NOBODY-1", "8004:061414100008", "tag:ladder-1"]
    expect(page.locator("[data-sync]")).to_contain_text("last sent")
    page.reload()
    ready(page)
    assert len(scanned()) == 4
    expect(page.locator("[data-items] > li")).to_have_count(4)


def test_an_answer_that_is_lost_costs_nothing_and_doubles_nothing(site: Site) -> None:
    page = opened(site, expected="ERR_FAILED")
    lost: list[int] = []

    def lose(route: Route) -> None:
        route.fetch()  # the registry takes it, and the phone never hears so
        lost.append(1)
        route.abort()

    page.context.route("**/api/v1/scans", lose)
    wedge(page, PUMP)
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator("[data-sync]")).to_contain_text("Not connected. 1 waiting")
    assert lost
    page.context.unroute("**/api/v1/scans")
    all_sent(page)
    assert scanned() == ["8004:061414100007"]
    expect(page.locator("[data-items] > li")).to_have_attribute("data-state", "known")


def test_who_is_logged_out_loses_nothing(site: Site, picture: Picture) -> None:
    page = opened(site, expected="status of 401")
    page.context.clear_cookies()
    wedge(page, PUMP)
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.get_by_role("alert")).to_contain_text("safe here and is sent once you log in again")
    picture(page, "scan-logged-out")
    page.get_by_role("link", name="Log in").click()
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    ready(page)
    waiting(page, 0)
    assert scanned() == ["8004:061414100007"]


def test_another_person_neither_sees_nor_sends_what_waits(site: Site, world: World) -> None:
    page = opened(site, expected=f"{AWAY}|status of 403")
    page.context.set_offline(True)
    wedge(page, PUMP)
    waiting(page, 1)
    ben = make_user("ben", "operator", place=world.places["Office"])
    as_person(page, site, ben)
    page.context.set_offline(False)
    expect(page.get_by_role("alert")).to_contain_text("Somebody else is logged in meanwhile")
    page.goto(f"{site.url}/scan/")
    ready(page)
    expect(page.get_by_role("alert")).to_contain_text("1 scan of somebody else waits on this device")
    expect(page.locator("[data-items] > li")).to_have_count(0)
    expect(page.locator("[data-sync]")).to_contain_text("knows 0 assets offline")
    assert scanned() == []
    as_person(page, site, User.objects.get(username="anna"))
    page.goto(f"{site.url}/scan/")
    waiting(page, 0)
    assert LocationEvent.objects.get().operator == str(User.objects.get(username="anna").pk)


def test_after_a_log_out_the_device_has_forgotten_who_it_was(site: Site) -> None:
    page = opened(site, expected=AWAY)
    assert page.evaluate(KEPT) == "1 3"
    page.get_by_role("button", name="anna: password, log out").click()
    page.get_by_role("button", name="Log out", exact=True).click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.wait_for_function(f"async () => await ({KEPT})() === '0 0'")


def test_the_last_scan_can_be_undone_before_it_is_sent(site: Site) -> None:
    page = opened(site)
    wedge(page, PUMP)
    wedge(page, LADDER)
    page.get_by_role("button", name="Undo the last").click()
    all_sent(page)
    assert scanned() == ["8004:061414100007"]
    page.get_by_role("button", name="Undo the last").click()
    expect(page.get_by_role("alert")).to_contain_text("stays in the history")
    expect(page.locator("[data-items] > li")).to_have_count(0)


def test_the_code_of_a_place_says_where_one_is(site: Site, world: World) -> None:
    office, dock = world.places["Office"], world.places["Dock"]
    Location.objects.filter(pk=dock.pk).update(gln="4012345000009")
    page = opened(site, None)
    wedge(page, LADDER)
    expect(page.get_by_role("dialog", name="Where are you?")).to_be_visible()
    page.keyboard.type(office.code)
    page.keyboard.press("Enter")
    told(page, "wrong_place", "Ladder long")  # what was scanned before the place was known
    wedge(page, "(414)4012345000009")
    told(page, "place", "Dock")
    wedge(page, PUMP)
    told(page, "wrong_place", "Now it is at Dock")
    all_sent(page)
    assert scanned() == [LADDER_KEY, "8004:061414100007"]


def test_one_action_does_it_for_all_that_was_scanned(site: Site, world: World, picture: Picture) -> None:
    page = opened(site, "Office", expected="status of 422")
    wedge(page, PUMP)
    wedge(page, LADDER)
    all_sent(page)
    wedge(page, world.places["Dock"].code)
    page.get_by_role("button", name="Move 2 to Dock").click()
    expect(page.locator("[data-items] > li").first).to_contain_text("Dock")
    all_sent(page)
    assert set(Position.objects.values_list("location__name", flat=True)) == {"Dock"}
    expect(page.locator("[data-items] > li")).to_have_count(2)
    page.get_by_role("button", name="More for all").click()
    expect(page.get_by_role("heading", name="2 scanned assets: what now?")).to_be_visible()
    picture(page, "scan-drawer")
    page.get_by_label("Put into a container").fill("(8004)061414100007")
    page.get_by_role("button", name="Put in", exact=True).click()
    expect(page.get_by_role("status").first).to_contain_text("1 asset put into Pump 7")
    assert Containment.objects.get().asset == world.assets["Ladder long"]
    ready(page)
    page.get_by_role("button", name="More for all").click()
    page.get_by_label("Set their home").fill("nowhere")
    page.get_by_role("button", name="Set home").click()
    expect(page.locator(".field.wrong")).to_contain_text("no such place")
    page.get_by_label("Set their home").fill("Office")
    page.get_by_role("button", name="Set home").click()
    expect(page.get_by_role("status").first).to_contain_text("Office is the home of 2 assets now")
    assert Asset.objects.filter(home_location=world.places["Office"]).count() == 2


def test_what_a_phone_makes_of_a_code_is_what_the_registry_makes_of_it(site: Site) -> None:
    page = opened(site, None)
    for said in (
        "8004:061414100007", "(8004)061414100007", "( 01 ) 80614141123458 (21)6789", "]C18004061414100007", "]Q1 LADDER-1 ",
        "]d20180614141123458216789", "https://id.example.com/01/80614141123458/21/6789?x=1", "HTTPS://X.example/a/8004/0614",
        "]d28003006141411234549876", "urn:epc:id:giai:0614141.12345", "urn:epc:id:sgtin:0614141.812345.6789",
        "urn:epc:id:grai:0614141.12345.400", "3474257bf40000000000162e", "3074257BF7194E4000001A85",
        "3374257BF40C0E4000000162", "E28011606000020612345678", "a  b\tc", "tag:x y", "(414)4012345000009",
        "414:4012345000009", "]E04006381333931", "x" * 100, "été",
    ):  # fmt: skip
        found = page.evaluate("said => import('/static/scanning/codes.js').then(it => it.forms(said))", said)
        key = resolve_text(said).key
        assert key in found or key.startswith("01:"), (said, found, key)


def test_a_clock_that_is_wrong_is_told(site: Site) -> None:
    page = opened(site)

    def hours_later(route: Route) -> None:
        body: dict[str, Any] = dict(route.request.post_data_json or {})
        body["sent_at"] = (timezone.now() + timedelta(hours=3)).isoformat()
        route.continue_(post_data=json.dumps(body))

    page.context.route("**/api/v1/scans", hours_later)
    wedge(page, PUMP)
    all_sent(page)
    expect(page.get_by_role("alert")).to_contain_text("The clock of this device is 3 h ahead")


def test_an_unknown_code_is_given_to_an_asset(site: Site, world: World) -> None:
    page = opened(site)
    wedge(page, "NOBODY-1")
    all_sent(page)
    page.get_by_role("link", name="Whose is it?").click()
    expect(page.get_by_role("heading", name="Which asset is this code on?")).to_be_visible()


def test_without_scripts_one_scan_after_the_other_is_taken(site: Site, world: World) -> None:
    page = site.open("/scan/", javascript=False, expected="status of 422")
    page.get_by_role("textbox", name="Place").fill("nowhere")
    page.get_by_label("Code", exact=True).fill(PUMP)
    page.get_by_role("button", name="Scan", exact=True).click()
    expect(page.locator(".field.wrong")).to_contain_text("There is no such place")
    page.get_by_role("textbox", name="Place").fill("Office")
    page.get_by_role("button", name="Scan", exact=True).click()
    expect(page.locator(".scan-result")).to_contain_text("Wrong place")
    page.reload()  # sends the form again
    expect(page.locator(".scan-result")).to_contain_text("Scanned already")
    assert scanned() == ["8004:061414100007"]


# --- pictures ---------------------------------------------------------------------------------------------------------------


def drawn(text: str, kind: str = "PNG") -> bytes:
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode)
    paper = Image.new("RGB", (640, 480), "white")
    paper.paste(Image.fromarray(zxingcpp.write_barcode_to_image(code, scale=8)), (200, 120))
    kept = io.BytesIO()
    paper.save(kept, kind)
    return kept.getvalue()


def test_a_photo_of_a_code_is_a_scan(site: Site) -> None:
    page = opened(site)
    page.locator("[data-photo]").set_input_files({"name": "p.png", "mimeType": "image/png", "buffer": drawn(PUMP)})
    told(page, "known", "Pump 7")
    page.locator("[data-photo]").set_input_files({"name": "p.png", "mimeType": "image/png", "buffer": b"no picture"})
    expect(page.get_by_role("alert")).to_contain_text("no picture")


@contextmanager
def with_camera(tmp_path: Path, shows: bytes) -> Iterator[Browser]:
    """A Chromium whose camera shows a picture."""
    film = tmp_path / "film.mjpeg"
    film.write_bytes(shows * 30)
    program = next(path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name)))
    camera = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", f"--use-file-for-fake-video-capture={film}")
    profile = tmp_path / "profile"
    with subprocess.Popen(
        [program, *ARGUMENTS, *camera, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        port = _debugging_port(profile, process)
        try:
            with sync_playwright() as playwright:
                yield playwright.chromium.connect_over_cdp(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()


def opener(browser: Browser) -> OpenPage:
    def opened(url: str, **more: Any) -> Page:
        page = browser.contexts[0].new_page()
        page.goto(url)
        return page

    return opened


def test_a_code_held_before_the_camera_is_one_scan(world: World, tmp_path: Path, picture: Picture) -> None:
    with with_camera(tmp_path, drawn(PUMP, "JPEG")) as browser, serving(opener(browser)) as site:
        RoleBinding.objects.get_or_create(user=User.objects.get(username="anna"), role="administrator")
        page = opened(site)
        page.get_by_role("button", name="Camera", exact=True).click()
        told(page, "known", "Pump 7")
        picture(page, "scan-camera")
        page.wait_for_timeout(1500)  # the code stays in view
        expect(page.locator("[data-items] > li")).to_have_count(1)
        all_sent(page)
        page.get_by_role("button", name="Stop the camera").click()
        expect(page.locator("[data-camera]")).to_be_hidden()
        assert page.evaluate("document.querySelector('video').srcObject") is None
    assert scanned() == ["8004:061414100007"]
