"""Pages of assets as they come over the wire: found, narrowed, exported, changed, and nothing hostile gets out as markup."""

import csv
import io
import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.plugin import DjangoDbBlocker

from registry.assets.models import Asset
from registry.assets.services import NewIdentifier, change_asset, register_asset
from registry.tracking.models import Position
from tests.registry_world import ROOT, World, event, lasting, make_user, many_assets, tell_a_day

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with lasting(django_db_blocker, tell_a_day) as world:
        yield world


@pytest.fixture
def world(made: World, db: None) -> World:
    return deepcopy(made)


@pytest.fixture
def anna(client: Client) -> Client:
    client.force_login(make_user())
    return client


def text(response: Any) -> str:
    """What a person reads, blanks folded."""
    assert response.status_code == 200, response.content
    body = re.sub(r"<(script|style|svg).*?</\1>|<!--.*?-->|<[^>]+>", " ", response.content.decode(), flags=re.S)
    return re.sub(r"\s+", " ", body)


def listed(response: Any) -> list[str]:
    return re.findall(r'data-open href="/assets/[^"]+">([^<]+)<', response.content.decode())


def test_the_list_says_how_many_and_shows_where_each_is(anna: Client, world: World) -> None:
    page = text(anna.get("/assets/"))
    assert "6 assets" in page
    assert "Pump 7 A-000001 Pumps Store room Hall A" in page
    assert "Left Dock" in page
    assert "mezzanine no place yet" in page
    assert "Drill A-000006 Tools Not seen yet never Missing" in page


@pytest.mark.parametrize(
    ("query", "expected", "sentence"),
    [
        ({"q": "pump"}, ["Pump 7", "Pump 8", "Pump 9"], "3 assets match"),
        ({"q": "LADDER-1"}, ["Ladder long"], "1 asset matches"),
        ({"place": "Dock"}, ["Ladder short", "Pump 9"], "2 assets match"),
        ({"category": "Tools", "status": "missing"}, ["Drill"], "1 asset matches"),
        ({"seen": "never"}, ["Drill"], "1 asset matches"),
        ({"sort": "-number", "q": "pump"}, ["Pump 9", "Pump 8", "Pump 7"], "3 assets match"),
    ],
)
def test_the_address_holds_everything(
    anna: Client, world: World, query: dict[str, str], expected: list[str], sentence: str
) -> None:
    ids = {name: str(row.pk) for name, row in (world.places | world.categories).items()}
    response = anna.get("/assets/", query_params={key: ids.get(value, value) for key, value in query.items()})
    assert listed(response) == expected
    assert sentence in text(response)


@pytest.mark.parametrize(
    "query", [{"place": "x"}, {"status": "x"}, {"seen": "x"}, {"sort": "x"}, {"cursor": "x"}, {"q": "\0"}, {"category": "0" * 32}]
)
def test_an_address_that_makes_no_sense_still_shows_the_list(anna: Client, world: World, query: dict[str, str]) -> None:
    assert len(listed(anna.get("/assets/", query_params=query))) == 6


def test_facets_count_what_each_choice_would_leave(anna: Client, world: World) -> None:
    page = text(anna.get("/assets/", query_params={"status": "in_use"}))
    assert "Hamburg 2" in page  # of the three in use, the long ladder is in no place
    assert "In stock 1 In use 3 In maintenance 1 Missing 1" in page  # its own facet is not narrowed by itself
    deeper = text(anna.get("/assets/", query_params={"place": str(world.places["Hamburg"].pk)}))
    assert "Hamburg 4 Hall A 4" in deeper


def test_a_script_gets_the_part_and_a_person_the_page(anna: Client, world: World) -> None:
    whole = anna.get("/assets/").content
    part = anna.get("/assets/", headers=HTMX).content
    restored = anna.get("/assets/", headers={**HTMX, "HX-History-Restore-Request": "true"}).content
    assert whole.startswith(b"<!doctype html>")
    assert restored.startswith(b"<!doctype html>")
    assert part.lstrip().startswith(b'<div id="found"')
    assert "HX-Request" in anna.get("/assets/")["Vary"]


def test_pages_follow_each_other(anna: Client, world: World) -> None:
    many_assets(world, 60)
    first = anna.get("/assets/")
    assert len(listed(first)) == 50
    following = re.search(r'href="/assets/(\?[^"]+)" rel="next"', first.content.decode())
    assert following
    second = anna.get("/assets/" + following[1].replace("&amp;", "&"))
    assert len(listed(second)) == 16
    assert not set(listed(first)) & set(listed(second))
    assert 'rel="prev"' in second.content.decode()


def test_the_list_costs_the_same_for_few_and_many_rows(anna: Client, world: World) -> None:

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            anna.get("/assets/")
        return len(captured)

    few = queries()
    many_assets(world, 40)
    assert queries() == few <= 19


def test_asset_and_places_cost_the_same_for_few_and_many_rows(anna: Client, world: World) -> None:
    ladder = world.assets["Ladder short"]

    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert anna.get(path).status_code == 200
        return len(captured)

    paths = ("/", "/places/", f"/places/{world.places['Store room'].pk}/", f"/assets/{ladder.pk}/", "/live/")
    few = [queries(path) for path in paths]
    many_assets(world, 40)
    world.gateway.tell(*(event("seen", "tag:LADDER-2", "dock", read_point=f"cam-{n % 3}") for n in range(30)))
    assert [queries(path) for path in paths] == few
    assert all(asked <= most for asked, most in zip(few, (28, 12, 17, 28, 32), strict=True)), few


@pytest.mark.parametrize(
    "typed", ["8004:061414100007", "(8004) 061414100007", "A-000001", "a-000001 ", "https://id.gs1.org/8004/061414100007"]
)
def test_one_field_finds_an_asset_by_any_code(anna: Client, world: World, typed: str) -> None:
    response = anna.get("/find/", query_params={"q": typed})
    assert response["Location"] == f"/assets/{world.assets['Pump 7'].pk}/"


def test_what_is_no_code_is_searched(anna: Client, world: World) -> None:
    assert anna.get("/find/", query_params={"q": "pump & co"})["Location"] == "/assets/?q=pump+%26+co"
    assert anna.get("/find/")["Location"] == "/assets/?"


def test_nothing_found_says_what_to_do_next(anna: Client, world: World) -> None:
    assert "New asset with this code" in text(anna.get("/assets/", query_params={"q": "GHOST-1"}))
    seen = text(anna.get("/assets/", query_params={"q": "(8004)061414199999"}))
    assert "No asset has this code, but a reader has seen it" in seen
    assert "No asset fits these filters" in text(anna.get("/assets/", query_params={"status": "planned"}))


HOSTILE = """<script>alert("x")</script>'"><img src=x onerror=alert(1)>{{ 7|add:7 }}{% now "Y" %}"""


def test_hostile_names_come_out_as_text_on_every_page(anna: Client, world: World) -> None:
    asset = register_asset(by=ROOT, name=HOSTILE, home_location=world.places["Dock"], identifiers=[NewIdentifier(HOSTILE)])
    key = asset.identifiers.get().key
    place = world.places["Office"]
    type(place).objects.filter(pk=place.pk).update(name=HOSTILE)
    world.gateway.tell(
        event("arrived", key, HOSTILE, read_point=HOSTILE, reason=HOSTILE, operator=HOSTILE, door=HOSTILE),
        event("seen", "tag:" + HOSTILE + "2", HOSTILE, read_point=HOSTILE, symbology=HOSTILE[:30]),
    )
    asset.refresh_from_db()
    of_asset, of_place = f"/assets/{asset.pk}/", f"/places/{place.pk}/"
    paths = ["/", "/assets/", of_asset, f"{of_asset}edit/", "/places/", of_place, f"{of_place}edit/", "/live/", "/live/unknown/"]
    for path in [*paths, "/assets/?q=" + HOSTILE.replace("&", "").replace("%", "").replace("#", "")]:
        body = anna.get(path).content.decode()
        assert "<script>alert" not in body, path
        assert "<img" not in body, path
        assert "onerror=alert(1)>{{" not in body.replace("onerror=alert(1)&gt;{{", ""), path
    assert "&lt;script&gt;alert(&quot;x&quot;)" in anna.get(f"/assets/{asset.pk}/").content.decode()


def test_the_export_is_what_the_list_shows_all_pages_of_it(anna: Client, world: World) -> None:
    many_assets(world, 230)
    register_asset(by=ROOT, name="=HYPERLINK(1)", asset_no="-1")
    wanted = {"sort": "-name", "columns": "name,asset_no,place_name,whereabouts,identifiers"}
    response = anna.get("/assets/export.csv", query_params=wanted)
    assert response["Content-Disposition"].startswith('attachment; filename="assets-')

    async def read() -> str:
        return "".join([part.decode() async for part in response.streaming_content])  # type: ignore[attr-defined]

    rows = list(csv.DictReader(io.StringIO(async_to_sync(read)().removeprefix("\ufeff"))))
    assert len(rows) == 237
    assert rows[0]["name"] == "Pump 9"
    assert (rows[-1]["name"], rows[-1]["asset_no"]) == ("'=HYPERLINK(1)", "'-1")
    pump = next(row for row in rows if row["name"] == "Pump 7")
    assert (pump["place_name"], pump["whereabouts"], pump["identifiers"]) == ("Store room", "present", "8004:061414100007")


# ---- one asset -----------------------------------------------------------------------------------------------------------------


def test_the_page_answers_where_it_is_first(anna: Client, world: World) -> None:

    def first(name: str) -> str:
        return text(anna.get(f"/assets/{world.assets[name].pk}/"))

    assert re.search(r"In Store room , Hall A, seen .+? UTC by store-room:1", first("Pump 7"))
    assert "Left Dock , last seen" in first("Pump 9")
    assert "In zone mezzanine, seen" in first("Ladder long")
    assert "It belongs to Hall A." not in first("Ladder short")  # the dock is inside its home
    assert "Not seen yet" in first("Drill")


def test_a_missing_asset_that_is_seen_says_so(anna: Client, world: World) -> None:
    pump = world.assets["Pump 7"]
    change_asset(by=ROOT, asset_id=pump.pk, version=1, changes={"status": "missing"})
    assert "Marked missing" not in text(anna.get(f"/assets/{pump.pk}/"))
    world.gateway.tell(event("seen", "8004:061414100007", "store-room", ago_s=-1))
    assert "Marked missing, but seen since" in text(anna.get(f"/assets/{pump.pk}/"))


def test_the_timeline_tells_what_happened_newest_first(anna: Client, world: World) -> None:
    page = text(anna.get(f"/assets/{world.assets['Pump 7'].pk}/"))
    told = [
        "seen in Store room",
        "moved from Dock to Store room",
        "came in by dock-door to Dock",
        "went out by dock-door to yard",
        "moved from Store room to Dock",
        "arrived in Store room",
    ]
    places = [page.index(words) for words in told]
    assert places == sorted(places)
    assert "seen 3 times in Dock" in text(anna.get(f"/assets/{world.assets['Ladder short'].pk}/"))


def test_older_events_come_on_demand(anna: Client, world: World) -> None:
    ladder = world.assets["Ladder long"]
    world.gateway.tell(*(event("moved", "tag:LADDER-1", f"zone-{n % 2}", origin="x", ago_s=1000 - n) for n in range(50)))
    page = anna.get(f"/assets/{ladder.pk}/").content.decode()
    assert page.count("moved from x") == 40
    cursor = re.search(r"\?cursor=([^&#\"]+)", page)
    assert cursor
    part = anna.get(f"/assets/{ladder.pk}/", query_params={"cursor": cursor[1], "part": "events"}, headers=HTMX).content.decode()
    assert part.count("moved from x") == 10
    assert "<html" not in part


def test_the_drawing_shows_the_span_that_is_asked_for(anna: Client, world: World) -> None:
    path = f"/assets/{world.assets['Pump 7'].pk}/"
    assert anna.get(path).content.count(b'<rect class="stay') == 5
    assert anna.get(path, query_params={"span": "hour"}).content.count(b'<rect class="stay') == 1
    assert anna.get(path, query_params={"span": "aeon"}).content.count(b'<rect class="stay') == 5


def test_a_change_is_saved(anna: Client, world: World) -> None:
    pump = world.assets["Pump 7"]
    office = world.places["Office"]
    form = {"name": "Pump seven", "asset_no": "P-7", "category": "", "home_location": str(office.pk), "status": "missing"}
    response = anna.post(f"/assets/{pump.pk}/edit/", form | {"kind": "physical", "version": "1"})
    assert response.status_code == 302
    pump.refresh_from_db()
    assert (pump.name, pump.asset_no, pump.category) == ("Pump seven", "P-7", None)
    assert (pump.home_location, pump.status, pump.version) == (office, "missing", 2)


def test_a_change_that_somebody_overtook_is_shown_beside_theirs_and_lost_by_neither(anna: Client, world: World) -> None:
    pump = world.assets["Pump 7"]
    change_asset(by=ROOT, asset_id=pump.pk, version=1, changes={"name": "Bert's pump"})
    form = {"name": "Anna's pump", "asset_no": pump.asset_no, "status": "in_use", "kind": "physical", "version": "1"}
    response = anna.post(f"/assets/{pump.pk}/edit/", form)
    assert response.status_code == 422
    body = response.content.decode()
    assert "Somebody changed this asset meanwhile" in body
    assert "Name is now: Bert&#x27;s pump" in body
    assert 'value="Anna&#x27;s pump"' in body
    assert 'name="version" value="2"' in body
    pump.refresh_from_db()
    assert pump.name == "Bert's pump"


def test_errors_stand_at_their_field_and_nothing_typed_is_lost(anna: Client, world: World) -> None:
    pump = world.assets["Pump 7"]
    form = {"name": "", "asset_no": "A-000002", "status": "in_use", "kind": "physical", "version": "1"}
    body = anna.post(f"/assets/{pump.pk}/edit/", form).content.decode()
    assert "This field is required" in body
    assert 'value="A-000002"' in body
    body = anna.post(f"/assets/{pump.pk}/edit/", form | {"name": "Kept name"}).content.decode()
    assert "Taken." in body
    assert 'value="Kept name"' in body


def test_a_new_asset_with_the_code_that_was_already_seen_has_its_place_at_once(anna: Client, world: World) -> None:
    form = {"name": "Found crate", "code": "(8004)061414199999", "status": "in_use", "kind": "physical"}
    response = anna.post("/assets/new/", form)
    asset = Asset.objects.get(name="Found crate")
    assert response["Location"] == f"/assets/{asset.pk}/"
    position = Position.objects.get(asset=asset)
    assert position.location == world.places["Store room"]


def test_a_new_asset_with_a_taken_code_is_refused_at_the_code(anna: Client, world: World) -> None:
    response = anna.post("/assets/new/", {"name": "Copy", "code": "LADDER-1", "status": "in_use", "kind": "physical"})
    assert response.status_code == 422
    assert "Asset A-000004 has tag:LADDER-1." in response.content.decode()
    assert not Asset.objects.filter(name="Copy").exists()


def test_a_code_is_added_and_retired(anna: Client, world: World) -> None:
    drill = world.assets["Drill"]
    path = f"/assets/{drill.pk}/identifiers/"
    assert anna.post(path, {"code": "8004:061414199999"}).status_code == 302
    assert "In Store room" in text(anna.get(f"/assets/{drill.pk}/"))
    refused = anna.post(path, {"code": "LADDER-1"})
    assert refused.status_code == 422
    assert 'value="LADDER-1"' in refused.content.decode()
    assert anna.post(path, {"code": "LADDER-1"}, headers=HTMX).content.lstrip().startswith(b"<section")
    identifier = drill.identifiers.get()
    assert anna.post(f"/identifiers/{identifier.pk}/retire/").status_code == 302
    again = anna.post(f"/identifiers/{identifier.pk}/retire/", follow=True)
    assert "retired already" in again.content.decode()
    assert "1 retired" in text(anna.get(f"/assets/{drill.pk}/"))


def test_a_script_whose_session_ended_is_sent_to_the_log_in(client: Client) -> None:
    response = client.get("/assets/", headers={**HTMX, "HX-Current-URL": "http://testserver/assets/?q=pump"})
    assert (response.status_code, response["HX-Redirect"]) == (401, "/login/?next=%2Fassets%2F%3Fq%3Dpump")
