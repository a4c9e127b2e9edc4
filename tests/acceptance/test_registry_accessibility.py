"""Every page of the registry, looked at for what keeps people from using it: on a desk in light and dark, on a phone, by keys."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from registry.assets import bulk_edit
from registry.assets.editing import Edit
from registry.tracking.models import UnknownTag, Zone
from tests.acceptance.accessibility import faults, keyboard_faults
from tests.acceptance.conftest import DESK, PHONE, OpenPage, fits
from tests.acceptance.registry_site import Site, beat, serving
from tests.registry_world import ROOT, World, make_world, tell_a_day
from tests.routes import pages

pytestmark = [pytest.mark.usefixtures("async_unsafe"), pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]

LEFT_OUT = re.compile(
    r"^/(static|healthz|readyz|metrics|live/stream|live/parts|logout|login|8004|8003|01|find|accounts)\b|export|\.csv|\.xlsx"
)


@pytest.fixture
def async_unsafe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright runs an event loop in our thread; Django would refuse to work beside it."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture
def world(transactional_db: None) -> World:
    world = make_world()
    tell_a_day(world)
    beat()
    return world


@pytest.fixture
def site(world: World, open_page: OpenPage) -> Iterator[Site]:
    with serving(open_page) as site:
        yield site


def addresses(world: World) -> list[str]:
    """All that can be asked for with what the small company has; whatever needs something else is its own tests' to visit."""
    run = bulk_edit.confirm(by=ROOT, token=bulk_edit.preview(ROOT, Edit("order_ref", "PO-1"), [world.assets["Drill"].pk]).token)
    known: dict[str, Any] = {
        "asset_id": world.assets["Pump 7"].pk,
        "location_id": world.places["Hall A"].pk,
        "zone_id": Zone.objects.earliest("pk").pk,
        "tag_id": UnknownTag.objects.earliest("pk").pk,
        "run_id": run.pk,
        "name": "kind",
    }
    found = []
    for line in pages():
        method, path = line.split(" ", 1)
        names = re.findall(r"{(\w+)}", path)
        if method == "GET" and not LEFT_OUT.search(path) and set(names) <= known.keys():
            found.append(re.sub(r"{(\w+)}", lambda name: str(known[name[1]]), path))
    return found


@pytest.mark.parametrize(("width", "theme"), [(DESK, "light"), (DESK, "dark"), (PHONE, "light")])
def test_every_page_can_be_used_by_anybody(site: Site, world: World, width: int, theme: str) -> None:
    page = site.open("/", width=width, theme=theme, expected="status of 4")
    wrong: dict[str, list[str]] = {}
    visited = 0
    for path in addresses(world):
        answer = page.request.get(site.url + path)
        if answer.status != 200 or "text/html" not in answer.headers.get("content-type", ""):
            continue
        if not answer.text().lstrip().lower().startswith("<!doctype"):
            continue  # a part of a page
        page.goto(site.url + path)
        visited += 1
        found = faults(page) + (["it scrolls sideways"] if not fits(page) else [])
        if (width, theme) == (DESK, "light"):
            found += keyboard_faults(page)
        if found:
            wrong[path] = found
    assert not wrong, "\n".join(f"{path}: {fault}" for path, found in wrong.items() for fault in found)
    assert visited >= 20
