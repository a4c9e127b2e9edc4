"""The gateway's status page in a real browser: what stands there, on desk and phone, light and dark, with and without scripts."""

import asyncio
import dataclasses
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from gateway.health import DoorView, Light, Snapshot, TailRow
from gateway.status.server import build_app, listen, serve
from gateway.status.stream import MAX_STREAMS
from tests import status_samples
from tests.acceptance import accessibility
from tests.acceptance.conftest import DESK, PHONE, OpenPage, fits

Picture = Callable[[Page, str], None]


def now() -> int:
    return time.time_ns() // 1_000_000


class StatusPage:
    """A status page in a thread of its own. `snapshot` is what it shows, `door` what the page of door-3."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.door: DoorView | None = None
        self.port = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._thread = threading.Thread()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        listener = listen("127.0.0.1", self.port)
        self.port = listener.getsockname()[1]
        self._stop = asyncio.Event()

        async def run() -> None:
            self._loop = asyncio.get_running_loop()
            app = build_app(lambda: self.snapshot, self._stop, door=lambda name: self.door, tick_s=0.1)
            await serve(listener, app, self._stop)

        self._thread = threading.Thread(target=lambda: asyncio.run(run()))
        self._thread.start()

    def stop(self) -> None:
        while self._thread.is_alive():
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(5)

    def read_one(self, identity: str) -> None:
        """One more sighting comes in at the top of the tail."""
        row = TailRow(now(), "door-3:1", identity, "", 1, "arrived in hall-a", 4121, delivered=False)
        self.snapshot = dataclasses.replace(self.snapshot, tail=(row, *self.snapshot.tail)[:50])


@pytest.fixture
def status() -> Iterator[StatusPage]:
    page = StatusPage(status_samples.well(now()))
    page.start()
    yield page
    page.stop()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESK, PHONE])
def test_what_stands_there(status: StatusPage, open_page: OpenPage, picture: Picture, width: int, theme: str) -> None:
    status.snapshot = status_samples.in_trouble(now())
    page = open_page(status.url, width=width, theme=theme)
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Registry unreachable for 3 h: 4,120 events safe on disk, 41 days of room left"
    )
    expect(page).to_have_title(re.compile("Registry unreachable for 3 h.* · hamburg"))
    hops = page.get_by_role("listitem")
    expect(hops).to_have_count(5)
    expect(hops.nth(3)).to_contain_text("failedBroker0 records/sconnection refused by 127.0.0.1:8490Start it: systemctl start")
    store = page.locator(".readers tbody tr").nth(1)
    expect(store.locator(".chip")).to_have_text("Down")
    expect(store).to_contain_text("connection reset by peer")
    expect(page.locator(".tail tbody tr")).to_have_count(50)
    expect(page.locator("#outbox")).to_contain_text("Waiting4,120")
    expect(page.locator("#live")).to_have_text("Live")
    picture(page, f"status-trouble-{width}-{theme}")
    ground = page.evaluate("getComputedStyle(document.body.parentElement).backgroundColor")
    assert ground == ("rgb(251, 251, 250)" if theme == "light" else "rgb(19, 20, 22)")
    assert fits(page)
    assert page.evaluate("fetch('/').then(r => r.text()).then(t => new Blob([t]).size)") < 50_000
    if width == PHONE:
        assert page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)") == 17
        switch = page.locator("[data-theme-switch]").bounding_box()
        assert switch is not None
        assert switch["width"] >= 44
        assert switch["height"] >= 44
    else:
        assert page.evaluate("document.querySelector('.tail tbody tr').offsetHeight") == 36
        page.evaluate("scrollTo(0, 900)")
        assert page.evaluate("document.querySelector('.tail th').getBoundingClientRect().top") == 48, (
            "the head sticks below the bar"
        )
        page.evaluate("scrollTo(0, 0)")


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_updates_arrive_by_themselves_and_touch_only_what_changed(
    status: StatusPage, open_page: OpenPage, picture: Picture, width: int
) -> None:
    page = open_page(status.url, width=width)
    expect(page.locator("h1")).to_have_text("Working. 2 waiting, last delivered 1 s ago")
    picture(page, f"status-well-{width}-light")
    page.evaluate("window.kept = document.querySelector('.readers tbody tr')")
    page.evaluate("getSelection().selectAllChildren(document.querySelector('#outbox dt'))")
    status.read_one("8004:04012345LAMP0001")
    status.snapshot = dataclasses.replace(
        status.snapshot, sentence="Working. 3 waiting, last delivered 9 s ago", light=Light.WAITING
    )
    expect(page.locator("h1")).to_have_text("Working. 3 waiting, last delivered 9 s ago")
    expect(page.locator("h1")).to_have_class("sentence waiting")
    expect(page.get_by_role("status")).to_have_text("Working. 3 waiting, last delivered 9 s ago")
    expect(page.locator(".tail tbody tr").first).to_contain_text("8004:04012345LAMP0001")
    expect(page.locator(".tail tbody tr")).to_have_count(50)
    assert page.evaluate("window.kept === document.querySelector('.readers tbody tr')"), "no node was replaced"
    assert page.evaluate("getSelection().toString()").strip() == "Waiting"


def test_the_tail_holds_still_while_it_is_read(status: StatusPage, open_page: OpenPage) -> None:
    page = open_page(status.url)
    expect(page.locator("#live")).to_have_text("Live")
    row = page.locator(".tail tbody tr").nth(3)
    row.hover()
    before, text = row.bounding_box(), row.inner_text()
    status.read_one("8004:04012345LAMP0001")
    status.read_one("8004:04012345LAMP0002")
    more = page.get_by_role("button", name=re.compile("Show . newer"))
    expect(more).to_have_text("Show 2 newer")
    assert (row.bounding_box(), row.inner_text()) == (before, text)
    more.click()
    expect(page.locator(".tail tbody tr").first).to_contain_text("LAMP0002")
    expect(more).to_be_hidden()
    row.hover()
    status.read_one("8004:04012345LAMP0003")
    expect(more).to_be_visible()
    page.mouse.move(5, 5)
    expect(page.locator(".tail tbody tr").first).to_contain_text("LAMP0003")


def test_a_broken_stream_says_since_when_and_heals(status: StatusPage, open_page: OpenPage, picture: Picture) -> None:
    page = open_page(status.url, expected_errors="ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET")
    live = page.locator("#live")
    expect(live).to_have_text("Live")
    status.stop()
    expect(live).to_have_text(re.compile(r"^Stale since \d\d:\d\d:\d\d$"))
    expect(live).to_have_class("live stale")
    picture(page, "status-stale-1280-light")
    status.snapshot = dataclasses.replace(status.snapshot, sentence="Working again")
    status.start()
    expect(live).to_have_text("Live")
    expect(page.locator("h1")).to_have_text("Working again")


def test_one_page_too_many_says_so(status: StatusPage, open_page: OpenPage) -> None:
    pages = []
    for _ in range(MAX_STREAMS):
        watcher = socket.create_connection(("127.0.0.1", status.port))
        watcher.sendall(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        watcher.recv(4096)
        pages.append(watcher)
    page = open_page(status.url, expected_errors="503")
    expect(page.locator("#live")).to_have_attribute("title", re.compile("20 pages are watching this gateway already"))
    expect(page.locator("h1")).to_be_visible()
    for watcher in pages:
        watcher.close()
    expect(page.locator("#live")).to_have_text("Live")


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_it_works_without_javascript(status: StatusPage, open_page: OpenPage, picture: Picture, width: int) -> None:
    page = open_page(status.url, width=width, javascript=False)
    expect(page.locator("h1")).to_have_text("Working. 2 waiting, last delivered 1 s ago")
    expect(page.locator("#live")).to_have_text(re.compile(r"^As of \d\d:\d\d:\d\d UTC$"))
    expect(page.locator(".tail tbody tr")).to_have_count(50)
    expect(page.locator("[data-theme-switch]")).to_be_hidden()
    assert fits(page)
    picture(page, f"status-plain-{width}-light")
    if width == DESK:
        status.snapshot = dataclasses.replace(status.snapshot, sentence="Working. 0 waiting")
        expect(page.locator("h1")).to_have_text("Working. 0 waiting", timeout=8000)  # it reloads by itself


def test_times_are_the_readers_own_and_say_so(status: StatusPage, open_page: OpenPage) -> None:
    status.snapshot = status_samples.well()
    page = open_page(status.url, zone="America/New_York")
    first = page.locator(".tail time").first
    expect(first).to_have_text("09:03:22")
    expect(first).to_have_attribute("title", re.compile("14 Mar 2026.* 09:03:22 (EDT|GMT-4)"))
    status.snapshot = status_samples.well(now() - 5 * status_samples.MINUTE)
    expect(page.locator(".readers tbody tr").first.locator("time")).to_have_text("5 min ago")


def test_the_theme_switch_is_remembered(status: StatusPage, open_page: OpenPage) -> None:
    page = open_page(status.url)
    switch = page.locator("[data-theme-switch]")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    seen = [page.evaluate(ground)]
    for _ in range(2):
        switch.click()
        seen.append(page.evaluate(ground))
    assert seen == ["rgb(251, 251, 250)", "rgb(251, 251, 250)", "rgb(19, 20, 22)"], "as the system, light, dark"
    page.reload()
    assert page.evaluate(ground) == "rgb(19, 20, 22)"
    expect(switch).to_have_attribute("aria-label", "Theme: dark")


def test_a_code_is_copied_whole_by_a_click(status: StatusPage, open_page: OpenPage) -> None:
    page = open_page(status.url)
    code = page.locator(".readers .code").first
    expect(code).to_have_text("tag:3075 1feb 705c 5904 e3d5 0d70")
    code.click()
    expect(code).to_have_class(re.compile("copied"))
    assert page.evaluate("navigator.clipboard.readText()") == "tag:30751feb705c5904e3d50d70"


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_hostile_labels_are_only_text(status: StatusPage, open_page: OpenPage, picture: Picture, width: int) -> None:
    status.snapshot = status_samples.hostile(now())
    page = open_page(status.url, width=width)
    expect(page.locator("#live")).to_have_text("Live")
    expect(page.locator("h1")).to_contain_text("<script>alert(1)</script>")
    assert page.locator("main script, main img").count() == 0
    assert fits(page)
    picture(page, f"status-hostile-{width}-light")


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_a_new_gateway_says_what_to_do(status: StatusPage, open_page: OpenPage, picture: Picture, width: int) -> None:
    status.snapshot = status_samples.empty(now())
    page = open_page(status.url, width=width)
    expect(page.get_by_text("Add a [[readers]] section to gateway.toml and restart.")).to_be_visible()
    expect(page.get_by_role("heading", name="Nothing read yet")).to_be_visible()
    assert fits(page)
    picture(page, f"status-empty-{width}-light")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESK, PHONE])
def test_a_door_shows_its_passages_drawn(
    status: StatusPage, open_page: OpenPage, picture: Picture, width: int, theme: str
) -> None:
    status.door = status_samples.door(now())
    page = open_page(status.url, width=width, theme=theme)
    page.get_by_role("link", name="door-3").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "201 passages in the last hour: 199 in, 1 out, 1 unknown; 3 tags are parked here."
    )
    first = page.locator(".sessions > li").first
    expect(first).to_contain_text("Inside was heard 1.2 s later than outside, 3.2 times what chance would do: in.")
    drawing = first.get_by_role("img")
    expect(drawing).to_have_accessible_name(re.compile(r"^Outside: 10 reads from 0\.0 to 1\.6 s, loudest -52 dBm"))
    box = drawing.bounding_box()
    assert box is not None
    assert box["width"] > 300
    assert fits(page)
    picture(page, f"door-{width}-{theme}")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    for side in ("outside", "inside"):
        colour = page.evaluate(f"getComputedStyle(document.querySelector('.door-chart g.{side}')).stroke")
        assert _contrast(colour, page.evaluate(ground)) >= 3, f"{side} is seen in the {theme} theme"
    assert accessibility.faults(page) == []
    expect(first.locator("table")).to_be_hidden()
    first.get_by_text("The samples as a table").click()
    expect(first.locator("tbody tr")).to_have_count(10)
    expect(first.locator("tbody tr").last).to_have_text("2.90inside2-66")
    assert fits(page)
    page.get_by_role("link", name=re.compile("^One side")).click()
    expect(page.locator(".sessions > li")).to_have_count(1)
    expect(page.locator(".sessions > li")).to_contain_text("Only outside heard it: not told.")


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_a_door_without_javascript_reloads_when_asked(
    status: StatusPage, open_page: OpenPage, picture: Picture, width: int
) -> None:
    status.door = status_samples.empty_door(now())
    page = open_page(f"{status.url}doors/door-3", width=width, javascript=False)
    expect(page.get_by_role("heading", name="Nothing has gone through yet")).to_be_visible()
    picture(page, f"door-empty-{width}-light")
    page.get_by_role("link", name="Reload every 3 s").click()
    status.door = status_samples.door(now())
    expect(page.locator(".sessions > li").first).to_be_visible(timeout=8000)
    page.get_by_text("3 more drawings; there were 193 more").click()
    expect(page.get_by_role("img").nth(4)).to_be_visible()
    assert fits(page)


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_hostile_tags_at_a_door_are_only_text(status: StatusPage, open_page: OpenPage, width: int) -> None:
    status.door = status_samples.hostile_door(now())
    page = open_page(f"{status.url}doors/door-3?show=held", width=width)
    expect(page.locator(".sessions > li").first).to_contain_text("<script>alert(1)</script>")
    assert page.locator("main script, main img").count() == 0
    assert fits(page)


def _contrast(*colours: str) -> float:
    """Return the contrast of two colours of the form rgb(1, 2, 3), as WCAG reckons it."""
    light = []
    for colour in colours:
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        light.append(0.2126 * red + 0.7152 * green + 0.0722 * blue)
    return (max(light) + 0.05) / (min(light) + 0.05)
