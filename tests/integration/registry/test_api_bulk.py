"""Many assets at once by REST: all or none, every error of every row at once, and a count of questions that does not grow."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry.access.models import Change
from registry.assets.models import Asset, Identifier
from registry.assets.own_fields import create_field
from registry.assets.services import NewIdentifier, register_asset
from tests.registry_world import ROOT, Caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def call() -> Caller:
    return Caller()


def test_many_are_made_with_codes_tags_and_own_fields(call: Caller) -> None:
    create_field(by=ROOT, key="weight", kind="number", name="Weight")
    body = [
        {"name": f"Box {n}", "identifiers": [{"text": f"BOX-{n}"}], "tags": ["new"], "custom": {"weight": n}} for n in range(1, 4)
    ]
    made = call("POST", "/assets/bulk", body)
    assert made.status_code == 201, made.content
    read = call("GET", f"/assets/{made.json()['items'][1]['id']}").json()
    assert (read["name"], read["tags"], read["custom"]) == ("Box 2", ["new"], {"weight": "2"})
    assert read["identifiers"][0]["key"] == "tag:BOX-2"
    assert Change.objects.filter(object_type="asset", action="created").count() == 3


def test_every_error_of_every_row_is_said_and_nothing_done(call: Caller) -> None:
    register_asset(by=ROOT, name="old", asset_no="N-1", identifiers=[NewIdentifier("tag:OLD")])
    body: list[dict[str, Any]] = [
        {"name": "fine"},
        {"name": "a\x00b", "currency": "12", "custom": {"no": 1}},
        {"name": "c", "asset_no": "N-1"},
        {"name": "d", "identifiers": [{"text": "tag:OLD"}]},
        {"name": "e", "identifiers": [{"text": "tag:NEW"}]},
        {"name": "f", "identifiers": [{"text": "tag:NEW"}]},
    ]
    refused = call("POST", "/assets/bulk", body)
    assert refused.status_code == 422
    pointers = [error["pointer"] for error in refused.json()["errors"]]
    assert sorted(pointers) == sorted(
        ["#/1/name", "#/1/currency", "#/1/custom/no", "#/2/asset_no", "#/3/identifiers", "#/5/identifiers"]
    )
    assert (Asset.objects.count(), Identifier.objects.count()) == (1, 1)


def test_many_are_changed_each_with_the_version_that_was_seen(call: Caller) -> None:
    a, b = (register_asset(by=ROOT, name=name, tags=["old"]) for name in "ab")
    stale = [{"id": str(a.pk), "name": "A"}, {"id": str(b.pk), "version": 7, "name": "B"}]
    refused = call("PATCH", "/assets/bulk", stale)
    assert (refused.status_code, [error["pointer"] for error in refused.json()["errors"]]) == (422, ["#/1/version"])
    assert Asset.objects.filter(name="a").exists()
    done = call("PATCH", "/assets/bulk", [{"id": str(a.pk), "name": "A"}, {"id": str(b.pk), "version": 1, "tags": ["new"]}])
    assert [one["version"] for one in done.json()["items"]] == [2, 2]
    assert call("GET", f"/assets/{a.pk}").json()["tags"] == ["old"]
    assert call("GET", f"/assets/{b.pk}").json()["tags"] == ["new"]


def test_more_rows_ask_no_more_questions(call: Caller) -> None:
    def queries(count: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert call("POST", "/assets/bulk", [{"name": "x"}] * count).status_code == 201
        return len(captured)

    call("GET", "/assets")
    assert queries(20) <= queries(2) + 1


def test_five_hundred_and_no_more(call: Caller) -> None:
    assert call("POST", "/assets/bulk", [{"name": "x"}] * 501).status_code == 422
    refused = call("POST", "/assets/bulk", [{"name": "x", "tags": ["new"]}] * 400)  # a tag and the log beside each
    assert (refused.status_code, "1,000 at most" in refused.json()["detail"]) == (422, True)
    assert call("POST", "/assets/bulk", []).status_code == 422
    assert call("POST", "/assets/bulk", [{"name": "x"}] * 500).status_code == 201
    assert Asset.objects.count() == 500
