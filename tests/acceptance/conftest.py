"""A real Chromium for the tests that read pages as people do.

One headless browser serves the whole run. A test asks for `open_page` and gets a page in a context of its own (size, theme, zone,
with or without JavaScript); what the page writes to the console as an error fails the test. With SIGHTPOST_SCREENSHOTS set,
`picture(page, name)` leaves a screenshot under .screenshots/.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize, sync_playwright

DESK, PHONE = 1280, 390
HEIGHTS = {DESK: 900, PHONE: 844}
ARGUMENTS = (
    "--headless=new", "--remote-debugging-port=0", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
STARTS_WITHIN_S = 30
FIRST_PAGE_MS = 30_000  # before it a process imports and compiles what all pages need
# Whole files go to the workers, as these come free: with the longest at the end one worker would wait for another.
LONGEST_FIRST = ("test_kills.py", "test_whole_chain.py", "test_registry_every_page.py", "test_demo.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in LONGEST_FIRST)


class OpenPage(Protocol):
    def __call__(
        self,
        url: str,
        *,
        width: int = DESK,
        theme: str = "light",
        zone: str = "Europe/Berlin",
        javascript: bool = True,
        expected_errors: str = "(?!)",
    ) -> Page:
        """Open `url` and return the page. Console errors that match `expected_errors` are forgiven."""
        ...


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of the debugging port of a headless Chromium."""
    program = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
    assert program, "no Chromium found; setup.sh brings it"
    profile = tmp_path_factory.mktemp("chromium")
    with subprocess.Popen(
        [program, *ARGUMENTS, f"--user-data-dir={profile}", "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        yield f"http://127.0.0.1:{_debugging_port(profile, process)}"
        process.terminate()


@pytest.fixture
def async_unsafe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright runs an event loop in our thread; Django would refuse to work beside it."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture
def browser(chromium: str) -> Iterator[Browser]:
    # per test: playwright's own event loop must not stand in the way of asynchronous tests in the same process
    with sync_playwright() as playwright:
        browser = playwright.chromium.connect_over_cdp(chromium)
        yield browser
        for context in browser.contexts:
            if context.pages and context.pages[0].url != "about:blank":
                context.close()
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    errors: list[str] = []

    def opened(
        url: str,
        *,
        width: int = DESK,
        theme: str = "light",
        zone: str = "Europe/Berlin",
        javascript: bool = True,
        expected_errors: str = "(?!)",
    ) -> Page:
        def take(text: str) -> None:
            if not re.search(expected_errors, text):
                errors.append(text)

        def heard(message: ConsoleMessage) -> None:
            if message.type == "error":
                take(f"{message.text} {message.location.get('url', '')}")

        phone = width < 600
        context = browser.new_context(
            viewport=ViewportSize(width=width, height=HEIGHTS.get(width, 900)),
            color_scheme="dark" if theme == "dark" else "light",
            is_mobile=phone,
            has_touch=phone,
            locale="en-GB",
            timezone_id=zone,
            java_script_enabled=javascript,
            permissions=["clipboard-read", "clipboard-write"],
        )
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", heard)
        page.on("pageerror", lambda error: take(str(error)))
        page.on("dialog", lambda dialog: take(f"a dialog came up: {dialog.message}"))
        page.goto(url, timeout=FIRST_PAGE_MS)
        return page

    yield opened
    assert errors == []


@pytest.fixture
def picture() -> Callable[[Page, str], None]:
    """Return a function that keeps a screenshot of what is on the screen, when SIGHTPOST_SCREENSHOTS is set."""

    def take(page: Page, name: str) -> None:
        if os.environ.get("SIGHTPOST_SCREENSHOTS"):
            folder = Path(__file__).parents[2] / ".screenshots"
            folder.mkdir(exist_ok=True)
            page.screenshot(path=folder / f"{name}.png")

    return take


def fits(page: Page) -> bool:
    """Return whether nothing makes the page scroll sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def _debugging_port(profile: Path, process: subprocess.Popen[bytes]) -> int:
    told = profile / "DevToolsActivePort"
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        if told.exists() and (lines := told.read_text().split()):
            return int(lines[0])
        time.sleep(0.02)
    process.kill()
    raise AssertionError(f"{process.args!r} did not start; status {process.poll()}")
