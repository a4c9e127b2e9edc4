"""Who may call what: every operation of the API and every page, by every kind of caller. A line missing here fails."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from PIL import Image
from pytest_django.plugin import DjangoDbBlocker

from registry.access.models import ApiToken, Person, SavedView, User
from registry.access.services import issue_token
from registry.api import api
from registry.assets import bulk_edit, files
from registry.assets.editing import Edit
from registry.assets.models import (
    AssetLink,
    AssetModel,
    Attachment,
    CostCenter,
    CustomField,
    FloorPlan,
    Location,
    StatusLabel,
    Supplier,
    Tag,
)  # fmt: skip
from registry.custody.bookings import book
from registry.custody.services import check_out
from registry.custody.transfers import request
from registry.db import uuid7
from registry.importing import services as imports
from registry.importing.models import ImportJob
from registry.places import plans
from registry.reports.models import Schedule
from registry.stock.services import receive
from registry.tracking.models import UnknownTag, Zone
from registry.work.models import Outgoing
from tests.registry_world import ROOT, World, event, lasting, make_user

pytestmark = pytest.mark.django_db
WORD, OTHER = (UUID(f"00000000-0000-7000-8000-0000000000a{n}") for n in (1, 2))
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63e0"
    "e4e40400003a001ced089b8e0000000049454e44ae426082"
)
PERSON = UUID("00000000-0000-7000-8000-000000000001")

# anonymous, one-time password, read token, write token, person without CSRF token, person
READ = (401, 403, 200, 200, 200, 200)
MAKE = (401, 403, 403, 201, 403, 201)
CHANGE = (401, 403, 403, 200, 403, 200)
PEOPLE = (401, 403, 403, 200, 200, 200)  # people are for those who handle assets, a token that reads does not
GONE = (401, 403, 403, 204, 403, 204)
THEIRS = (401, 403, 404, 200, 200, 200)  # what only its owner and administrators see

ACCESS: dict[str, tuple[int, int, int, int, int, int]] = {
    "GET /api/v1/assets": READ,
    "POST /api/v1/assets": MAKE,
    "GET /api/v1/assets/{asset_id}": READ,
    "PATCH /api/v1/assets/{asset_id}": CHANGE,
    "POST /api/v1/assets/{asset_id}/identifiers": MAKE,
    "POST /api/v1/identifiers/{identifier_id}/retire": CHANGE,
    "POST /api/v1/assets/bulk": MAKE,
    "PATCH /api/v1/assets/bulk": CHANGE,
    "POST /api/v1/assets/{asset_id}/duplicate": MAKE,
    "POST /api/v1/assets/{asset_id}/dispose": CHANGE,
    "GET /api/v1/assets/{asset_id}/contents": READ,
    "PUT /api/v1/assets/{asset_id}/container": CHANGE,
    "DELETE /api/v1/assets/{asset_id}/container": CHANGE,
    "GET /api/v1/assets/{asset_id}/links": READ,
    "POST /api/v1/assets/{asset_id}/links": MAKE,
    "DELETE /api/v1/links/{link_id}": GONE,
    "GET /api/v1/assets/{asset_id}/files": READ,
    "POST /api/v1/assets/{asset_id}/files": MAKE,
    "GET /api/v1/locations/{location_id}/files": READ,
    "POST /api/v1/locations/{location_id}/files": MAKE,
    "GET /api/v1/files/{file_id}": READ,
    "GET /api/v1/files/{file_id}/content": READ,
    "GET /api/v1/files/{file_id}/small": READ,
    "POST /api/v1/files/{file_id}/main": CHANGE,
    "DELETE /api/v1/files/{file_id}": GONE,
    "POST /api/v1/identifiers/{identifier_id}/replace": MAKE,
    "GET /api/v1/models": READ,
    "POST /api/v1/models": MAKE,
    "PATCH /api/v1/models/{word_id}": CHANGE,
    "GET /api/v1/suppliers": READ,
    "POST /api/v1/suppliers": MAKE,
    "PATCH /api/v1/suppliers/{word_id}": CHANGE,
    "GET /api/v1/cost-centers": READ,
    "POST /api/v1/cost-centers": MAKE,
    "PATCH /api/v1/cost-centers/{word_id}": CHANGE,
    "GET /api/v1/status-labels": READ,
    "POST /api/v1/status-labels": MAKE,
    "PATCH /api/v1/status-labels/{word_id}": CHANGE,
    "GET /api/v1/tags": READ,
    "PATCH /api/v1/tags/{word_id}": CHANGE,
    "POST /api/v1/tags/{word_id}/merge": CHANGE,
    "DELETE /api/v1/tags/{word_id}": GONE,
    "GET /api/v1/custom-fields": READ,
    "POST /api/v1/custom-fields": MAKE,
    "PATCH /api/v1/custom-fields/{field_id}": CHANGE,
    "GET /api/v1/resolve": READ,
    "GET /api/v1/locations": READ,
    "POST /api/v1/locations": MAKE,
    "GET /api/v1/locations/{location_id}": READ,
    "PATCH /api/v1/locations/{location_id}": CHANGE,
    "GET /api/v1/locations/{location_id}/assets": READ,
    "GET /api/v1/categories": READ,
    "POST /api/v1/categories": MAKE,
    "PATCH /api/v1/categories/{category_id}": CHANGE,
    "GET /api/v1/zones": READ,
    "POST /api/v1/zones": MAKE,
    "PUT /api/v1/zones/{zone_id}/place": CHANGE,
    "GET /api/v1/unknown-tags": READ,
    "POST /api/v1/unknown-tags/{tag_id}/claim": MAKE,
    "GET /api/v1/positions": READ,
    "GET /api/v1/events": READ,
    "GET /api/v1/gateways": READ,
    "GET /api/v1/imports": READ,
    "POST /api/v1/imports": MAKE,
    "GET /api/v1/imports/{import_id}": THEIRS,
    "GET /api/v1/imports/{import_id}/rows": THEIRS,
    "GET /api/v1/imports/{import_id}/problems": THEIRS,
    "POST /api/v1/imports/{import_id}/check": CHANGE,
    "POST /api/v1/imports/{import_id}/confirm": CHANGE,
    "POST /api/v1/imports/{import_id}/cancel": CHANGE,
    "POST /api/v1/labels": CHANGE,
    "GET /api/v1/people": PEOPLE,
    "POST /api/v1/people": MAKE,
    "GET /api/v1/people/{person_id}": PEOPLE,
    "PATCH /api/v1/people/{person_id}": CHANGE,
    "POST /api/v1/people/{person_id}/erase": CHANGE,
    "POST /api/v1/people/{person_id}/user": (401, 403, 403, 422, 403, 422),  # they log in already
    "GET /api/v1/people/{person_id}/roles": PEOPLE,
    "POST /api/v1/people/{person_id}/roles": MAKE,
    "DELETE /api/v1/people/{person_id}/roles/{binding_id}": GONE,
    "GET /api/v1/tokens": READ,
    "POST /api/v1/tokens": MAKE,
    "POST /api/v1/tokens/{token_id}/revoke": CHANGE,
    "GET /api/v1/changes": READ,
    "GET /api/v1/locations/{location_id}/contents": READ,
    "GET /api/v1/locations/{location_id}/plan": READ,
    "POST /api/v1/locations/{location_id}/plan": (401, 403, 403, 415, 403, 415),  # JSON is no picture
    "DELETE /api/v1/locations/{location_id}/plan": (401, 403, 403, 204, 403, 204),
    "PUT /api/v1/locations/{location_id}/outline": (401, 403, 403, 422, 403, 422),  # the place of the plan itself
    "GET /api/v1/custody": READ,
    "POST /api/v1/custody": MAKE,
    "POST /api/v1/custody/check-in": CHANGE,
    "GET /api/v1/custody/{custody_id}": READ,
    "POST /api/v1/custody/{custody_id}/extend": CHANGE,
    "POST /api/v1/custody/{custody_id}/hand-over": MAKE,
    "GET /api/v1/bookings": READ,
    "POST /api/v1/bookings": MAKE,
    "GET /api/v1/bookings/{booking_id}": READ,
    "POST /api/v1/bookings/{booking_id}/confirm": CHANGE,
    "POST /api/v1/bookings/{booking_id}/cancel": CHANGE,
    "POST /api/v1/bookings/{booking_id}/check-out": (401, 403, 403, 422, 403, 422),  # it is not confirmed
    "GET /api/v1/transfers": READ,
    "POST /api/v1/transfers": MAKE,
    "GET /api/v1/transfers/{transfer_id}": READ,
    "POST /api/v1/transfers/{transfer_id}/dispatch": CHANGE,
    "POST /api/v1/transfers/{transfer_id}/refuse": CHANGE,
    "POST /api/v1/transfers/{transfer_id}/cancel": CHANGE,
    "POST /api/v1/transfers/{transfer_id}/arrivals": (401, 403, 403, 422, 403, 422),  # it was not sent off
    "POST /api/v1/scans": CHANGE,
    "GET /api/v1/reports": READ,
    "GET /api/v1/reports/{key}": READ,
    "GET /api/v1/reports/{key}/file": READ,
    "GET /api/v1/stock": READ,
    "POST /api/v1/stock": MAKE,
    "GET /api/v1/stock/proposal": READ,
    "GET /api/v1/stock/{line_id}": READ,
    "PATCH /api/v1/stock/{line_id}": CHANGE,
    "GET /api/v1/stock/{line_id}/movements": READ,
    "POST /api/v1/stock/{line_id}/take": CHANGE,
    "POST /api/v1/stock/{line_id}/count": CHANGE,
    "POST /api/v1/stock/{line_id}/move": CHANGE,
    "GET /api/v1/scans/assets": READ,
    "GET /api/v1/scans/places": READ,
    "POST /api/v1/decode": (401, 403, 403, 422, 403, 422),  # JSON is no picture
}

# anonymous, one-time password, person
PAGE, FORM = (302, 302, 200), (302, 302, 302)  # anonymous: to the log-in; one-time password: to the change of it
PAGES: dict[str, tuple[int, int, int]] = {
    "GET home": PAGE,
    "GET login": (200, 302, 302),
    "POST logout": (302, 302, 302),
    "GET password": (302, 200, 200),
    "GET log-in-second-factor": FORM,
    "GET second-factor": PAGE,
    "GET second-factor-picture": (302, 302, 404),  # nothing is being set up
    "GET find": (302, 302, 302),
    "GET assets": PAGE,
    "GET palette": PAGE,
    "GET asset-facet": PAGE,
    "GET assets-export": PAGE,
    "GET asset-columns": PAGE,
    "GET asset-filters": PAGE,
    "GET asset-views": PAGE,
    "POST asset-view": FORM,
    "POST assets-labels": FORM,
    "POST assets-export-selected": FORM,
    "POST asset-bulk": FORM,
    "POST asset-bulk-confirm": FORM,
    "GET asset-bulk-run": PAGE,
    "GET asset-bulk-undo": PAGE,
    "GET asset-new": PAGE,
    "GET asset": PAGE,
    "GET asset-edit": PAGE,
    "POST identifier-add": FORM,
    "POST asset-files": FORM,
    "GET words": PAGE,
    "POST words-starter": FORM,
    "GET words-kind": PAGE,
    "GET words-one": PAGE,
    "GET asset-own-fields": PAGE,
    "POST asset-put-into": FORM,
    "POST asset-take-out": FORM,
    "POST asset-duplicate": FORM,
    "POST asset-dispose": FORM,
    "POST link-add": FORM,
    "POST link-remove": FORM,
    "GET file": PAGE,
    "GET file-small": PAGE,
    "POST file-change": FORM,
    "POST identifier-retire": FORM,
    "GET places": PAGE,
    "GET place-new": PAGE,
    "GET place": PAGE,
    "GET place-edit": PAGE,
    "GET place-then": PAGE,
    "GET place-expected": PAGE,
    "GET place-plan": PAGE,
    "GET place-plan-edit": PAGE,
    "GET plan-image": PAGE,
    "GET map": PAGE,
    "POST place-delete": FORM,
    "GET custody": PAGE,
    "GET check-out": PAGE,
    "GET check-in": PAGE,
    "GET custody-people": PAGE,
    "GET custody-accept": (404, 404, 404),  # whoever has a link that counts sees what it offers
    "GET custody-one": PAGE,
    "GET custody-signature": (302, 302, 404),
    "GET bookings": PAGE,
    "GET booking-new": PAGE,
    "GET booking": PAGE,
    "GET transfers": PAGE,
    "GET transfer-new": PAGE,
    "GET transfer": PAGE,
    "GET scan": PAGE,
    "GET scan-worker": (200, 200, 200),  # a script, the same for everybody
    "GET scan-unknown": PAGE,
    "GET scan-drawer": PAGE,
    "GET labels": PAGE,
    "POST labels-print": (302, 302, 422),
    "GET giai": FORM,
    "GET grai": FORM,
    "GET sgtin": FORM,
    "GET people": PAGE,
    "GET person": PAGE,
    "GET person-new": PAGE,
    "GET person-edit": PAGE,
    "POST person-invite": (302, 302, 422),
    "POST person-password": PAGE,
    "POST person-active": FORM,
    "POST person-erase": (302, 302, 422),
    "POST person-bind": (302, 302, 422),
    "POST person-unbind": FORM,
    "GET tokens": PAGE,
    "POST token-revoke": FORM,
    "GET changes": PAGE,
    "GET changes-export": PAGE,
    "GET live": PAGE,
    "GET live-parts": PAGE,
    "GET live-stream": (401, 401, 200),
    "GET zone-map": PAGE,
    "GET unknown-tags": PAGE,
    "GET claim": PAGE,
    "GET reports": PAGE,
    "GET report": PAGE,
    "POST report-schedule": FORM,
    "POST report-schedule-end": (302, 302, 404),  # of somebody else
    "GET stock": PAGE,
    "GET stock-receive": PAGE,
    "GET stock-proposal": PAGE,
    "POST stock-watch": FORM,
    "GET stock-line": PAGE,
    "GET undelivered": PAGE,
    "POST undelivered-repeat": FORM,
    "POST undelivered-forget": FORM,
    "GET imports": PAGE,
    "GET import": PAGE,
    "GET import-progress": PAGE,
    "GET import-errors": PAGE,
    "POST import-read": FORM,
    "POST import-check": (302, 302, 422),
    "POST import-confirm": FORM,
    "POST import-cancel": FORM,
}


def tell_secrets(world: World) -> None:
    world.gateway.tell(event("arrived", "tag:SECRET-TAG", "SECRET-zone"))
    pump = world.assets["Pump 7"]
    pump.name = "SECRET pump"
    pump.save()


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with lasting(django_db_blocker, tell_secrets) as world:
        yield world


@pytest.fixture
def world(made: World, db: None) -> World:
    return deepcopy(made)


@pytest.fixture
def ids(world: World) -> dict[str, Any]:
    identifier = world.assets["Pump 8"].identifiers.get()
    words_and_files(world)
    checked = imports.receive(by=ROOT, name="SECRET.csv", chunks=[b"no,name\n1,SECRET\n"])
    ImportJob.objects.update(state=ImportJob.State.CHECKED)
    return {
        "asset_id": world.assets["Pump 7"].pk,
        "identifier_id": identifier.pk,
        "location_id": world.places["Office"].pk,
        "word_id": WORD,
        "slug": "models",
        "field_id": WORD,
        "link_id": WORD,
        "file_id": WORD,
        "category_id": world.categories["Pumps"].pk,
        "zone_id": Zone.objects.get().pk,
        "tag_id": UnknownTag.objects.get().pk,
        "import_id": checked.pk,
        "job_id": checked.pk,
        **_handed_out(world),
        "plan_id": _plan(world.places["Office"]),
        **_somebody(world),
        **_later(world),
        "value": "061414100008",
        "name": "kind",
        "ending": "csv",
        "view_id": SavedView.objects.create(user=make_user("keeper"), area="assets", name="SECRET", query="q=SECRET").pk,
        "run_id": bulk_edit.confirm(
            by=ROOT, token=bulk_edit.preview(ROOT, Edit("order_ref", "SECRET"), [world.assets["Drill"].pk]).token
        ).pk,
    }


def _plan(location: Location) -> UUID:
    picture = BytesIO()
    Image.new("RGB", (40, 30), "white").save(picture, "PNG")
    return plans.put(by=ROOT, location=location, file=picture).pk


def _handed_out(world: World) -> dict[str, Any]:
    """What is out, requested and on its way; of other assets than those that the bodies name."""
    anna, now = Person.objects.create(pk=PERSON, name="SECRET person"), timezone.now()
    [custody] = check_out(by=ROOT, asset_ids=[world.assets["Pump 8"].pk], person_id=anna.pk).custodies
    ladder = [world.assets["Ladder long"].pk]
    span: dict[str, Any] = {"from_at": now + timedelta(days=1), "to_at": now + timedelta(days=2)}
    booking = book(by=ROOT, title="Fair", person_id=anna.pk, asset_ids=ladder, confirmed=False, **span)
    transfer = request(by=ROOT, asset_ids=ladder, from_location=world.places["Dock"], to_location=world.places["Office"])
    return {"custody_id": custody.pk, "booking_id": booking.pk, "transfer_id": transfer.pk, "secret": "x" * 43}


def _later(world: World) -> dict[str, Any]:
    """A line of stock, a report that goes by mail, and a mail that nobody took."""
    drill, dock = world.assets["Drill"].pk, world.places["Dock"].pk
    line = receive(by=ROOT, asset_id=drill, location_id=dock, quantity=5, lot="SECRET")
    other = make_user("SECRET-reader", "viewer")
    schedule = Schedule.objects.create(user=other, report="idle", every="day", next_at=timezone.now())
    mail = Outgoing.objects.create(sink="mail", topic="SECRET", key="k", payload={}, dead=True, next_at=timezone.now())
    return {"line_id": line.pk, "key": "inventory", "schedule_id": schedule.pk, "message_id": mail.pk}


def words_and_files(world: World) -> None:
    """One of each, all with the id WORD."""
    AssetModel.objects.create(pk=WORD, name="SECRET")
    Supplier.objects.create(pk=WORD, name="SECRET")
    CostCenter.objects.create(pk=WORD, code="SECRET", name="SECRET")
    StatusLabel.objects.create(pk=WORD, name="SECRET", status="in_use")
    CustomField.objects.create(pk=WORD, key="secret", name="SECRET", type="text")
    Tag.objects.create(pk=WORD, name="SECRET")
    Tag.objects.create(pk=OTHER, name="other")
    AssetLink.objects.create(pk=WORD, from_asset=world.assets["Pump 7"], to_asset=world.assets["Pump 8"], type="related")
    file = files.attach(by=ROOT, asset=world.assets["Pump 7"], file=BytesIO(PIXEL), name="SECRET.png")
    Attachment.objects.filter(pk=file.pk).update(id=WORD)


def _somebody(world: World) -> dict[str, Any]:
    """A person who logs in, with a role and a token."""
    user = make_user("SECRET-user", "viewer", place=world.places["Dock"])
    token, _ = issue_token(by=ROOT, name="SECRET token", user=user)
    person = Person.objects.create(name="SECRET somebody", user=user)
    return {"person_id": person.pk, "binding_id": user.bindings.get().pk, "token_id": token.pk}


def bodies(world: World) -> dict[str, Any]:
    """Valid ones: with an empty body a missing check would look like a refused value."""
    return {
        "POST /api/v1/assets": {"name": "Vice", "identifiers": [{"text": "VICE-1"}]},
        "PATCH /api/v1/assets/{asset_id}": {"name": "Pump 7b"},
        "POST /api/v1/assets/bulk": [{"name": "Vice"}],
        "PATCH /api/v1/assets/bulk": [{"id": str(world.assets["Pump 7"].pk), "name": "Pump 7b"}],
        "PUT /api/v1/assets/{asset_id}/container": {"container": str(world.assets["Drill"].pk)},
        "POST /api/v1/assets/{asset_id}/links": {"to": str(world.assets["Drill"].pk), "type": "depends"},
        "POST /api/v1/identifiers/{identifier_id}/replace": {"text": "PUMP-8"},
        "POST /api/v1/models": {"name": "X1"},
        "POST /api/v1/suppliers": {"name": "Acme"},
        "POST /api/v1/cost-centers": {"code": "4711", "name": "Sales"},
        "POST /api/v1/status-labels": {"name": "Lent", "status": "in_use"},
        "PATCH /api/v1/models/{word_id}": {"name": "X1"},
        "PATCH /api/v1/suppliers/{word_id}": {"name": "Acme"},
        "PATCH /api/v1/cost-centers/{word_id}": {"name": "Sales"},
        "PATCH /api/v1/status-labels/{word_id}": {"name": "Lent"},
        "PATCH /api/v1/tags/{word_id}": {"name": "new"},
        "POST /api/v1/tags/{word_id}/merge": {"into": str(OTHER)},
        "POST /api/v1/custom-fields": {"key": "cpu", "name": "CPU", "type": "text"},
        "PATCH /api/v1/custom-fields/{field_id}": {"name": "CPU"},
        "POST /api/v1/assets/{asset_id}/identifiers": {"text": "PUMP-7"},
        "POST /api/v1/locations": {"name": "Shed"},
        "PATCH /api/v1/locations/{location_id}": {"name": "Bureau"},
        "POST /api/v1/categories": {"name": "Saws"},
        "PATCH /api/v1/categories/{category_id}": {"name": "Water pumps"},
        "POST /api/v1/zones": {"gateway": "hamburg-1", "name": "loft"},
        "PUT /api/v1/zones/{zone_id}/place": {"place": str(world.places["Dock"].pk)},
        "PUT /api/v1/locations/{location_id}/outline": {
            "plan": str(FloorPlan.objects.values_list("pk", flat=True).first()),
            "corners": [[0, 0], [1, 0], [1, 1]],
        },
        "POST /api/v1/custody": {"assets": [str(world.assets["Pump 7"].pk)], "person": str(PERSON)},
        "POST /api/v1/custody/check-in": {"assets": [str(world.assets["Pump 8"].pk)]},
        "POST /api/v1/custody/{custody_id}/extend": {"due_at": None},
        "POST /api/v1/custody/{custody_id}/hand-over": {"person": str(PERSON)},
        "POST /api/v1/bookings": {
            "title": "Fair",
            "person": str(PERSON),
            "assets": [str(world.assets["Pump 7"].pk)],
            "from_at": timezone.now().isoformat(),
            "to_at": (timezone.now() + timedelta(days=1)).isoformat(),
        },
        "POST /api/v1/transfers": {
            "assets": [str(world.assets["Pump 7"].pk)],
            "from_location": str(world.places["Dock"].pk),
            "to_location": str(world.places["Office"].pk),
        },
        "POST /api/v1/transfers/{transfer_id}/arrivals": {"assets": [str(world.assets["Ladder long"].pk)]},
        "POST /api/v1/people": {"name": "Bert"},
        "PATCH /api/v1/people/{person_id}": {"department": "Workshop"},
        "POST /api/v1/people/{person_id}/user": {"username": "bert"},
        "POST /api/v1/people/{person_id}/roles": {"role": "manager"},
        "POST /api/v1/tokens": {"name": "display"},
        "POST /api/v1/labels": {"assets": [str(world.assets["Pump 7"].pk)]},
        "POST /api/v1/stock": {"asset": str(world.assets["Drill"].pk), "location": str(world.places["Office"].pk), "quantity": 1},
        "PATCH /api/v1/stock/{line_id}": {"minimum": 3},
        "POST /api/v1/stock/{line_id}/take": {"quantity": 1},
        "POST /api/v1/stock/{line_id}/count": {"quantity": 1},
        "POST /api/v1/stock/{line_id}/move": {"location": str(world.places["Office"].pk), "quantity": 1},
        "POST /api/v1/scans": {
            "scans": [
                {
                    "event_id": str(uuid7()),
                    "text": "PUMP-7b",
                    "location": str(world.places["Dock"].pk),
                    "at": timezone.now().isoformat(),
                }
            ]
        },
        "POST /api/v1/unknown-tags/{tag_id}/claim": {"asset": str(world.assets["Drill"].pk)},
    }


def operations() -> list[str]:
    schema = api.get_openapi_schema()
    return [f"{method.upper()} {path}" for path, methods in schema["paths"].items() for method in methods]


def page_names() -> list[str]:
    """Those of the log-in by others have tests of their own: test_single_sign_on.py."""

    def named(patterns: list[URLPattern | URLResolver]) -> list[str]:
        found: list[str] = []
        for pattern in patterns:
            if isinstance(pattern, URLPattern):
                found += [pattern.name] if pattern.name else []
            elif pattern.namespace is None:
                found += named(pattern.url_patterns)
        return found

    return [
        name
        for name in named(get_resolver().url_patterns)
        if name not in ("healthz", "readyz", "metrics") and not name.startswith("openid_connect_")
    ]


def test_every_operation_and_every_page_has_its_line() -> None:
    assert sorted(operations()) == sorted(ACCESS)
    assert sorted(page_names()) == sorted(line.split()[1] for line in PAGES)


def test_every_operation_has_an_id_of_its_own() -> None:
    ids = [op["operationId"] for methods in api.get_openapi_schema()["paths"].values() for op in methods.values()]
    assert len(set(ids)) == len(ids) == len(ACCESS)
    assert not any("api" in name for name in ids), "an id made up from the module's path"


def person(*, one_time: bool = False) -> User:
    return make_user(must_change_password=one_time)


Caller = Callable[[], tuple[Client, dict[str, str]]]


def anonymous() -> tuple[Client, dict[str, str]]:
    return Client(enforce_csrf_checks=True), {}


def anonymous_with_csrf() -> tuple[Client, dict[str, str]]:
    client = Client(enforce_csrf_checks=True)
    client.cookies["csrftoken"] = "a" * 32
    return client, {"X-CSRFToken": "a" * 32}


def one_time_password() -> tuple[Client, dict[str, str]]:
    return _session(person(one_time=True), csrf=True)


def read_token() -> tuple[Client, dict[str, str]]:
    return Client(enforce_csrf_checks=True), {
        "Authorization": f"Bearer {issue_token(by=ROOT, name='r', scope=ApiToken.Scope.READ)[1]}"
    }


def write_token() -> tuple[Client, dict[str, str]]:
    return Client(enforce_csrf_checks=True), {
        "Authorization": f"Bearer {issue_token(by=ROOT, name='w', scope=ApiToken.Scope.WRITE)[1]}"
    }


def person_without_csrf() -> tuple[Client, dict[str, str]]:
    return _session(person(), csrf=False)


def logged_in() -> tuple[Client, dict[str, str]]:
    return _session(person(), csrf=True)


def _session(user: User, *, csrf: bool) -> tuple[Client, dict[str, str]]:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    if not csrf:
        return client, {}
    client.cookies["csrftoken"] = "a" * 32
    return client, {"X-CSRFToken": "a" * 32}


CALLERS: tuple[Caller, ...] = (anonymous, one_time_password, read_token, write_token, person_without_csrf, logged_in)


@pytest.mark.parametrize("operation", ACCESS)
def test_operation(operation: str, world: World, ids: dict[str, Any]) -> None:
    method, path = operation.split()
    query = {"code": "8004:061414100008"} if path.endswith("/resolve") else None
    body = world_json(world, operation)
    for caller, expected in zip(CALLERS, ACCESS[operation], strict=True):
        with undone():
            client, headers = caller()
            headers |= {"If-Match": '"1"'}
            if operation.endswith("/files") and method == "POST":
                upload = {"file": BytesIO(PIXEL)}
                upload["file"].name = "a.png"
                response = client.post(path.format(**ids), upload, headers=headers)
            else:
                response = client.generic(
                    method, path.format(**ids), body, "application/json", query_params=query, headers=headers
                )
            assert response.status_code == expected, (caller.__name__, response.content)
            if response.status_code >= 400:
                assert response["Content-Type"] == "application/problem+json"
                assert b"SECRET" not in response.content


@contextmanager
def undone() -> Iterator[None]:
    """What is written inside is forgotten, so that each caller finds the world as it was made."""
    point = transaction.savepoint()
    yield
    transaction.savepoint_rollback(point)


def world_json(world: World, operation: str) -> str:
    return json.dumps(bodies(world).get(operation, {})) if operation.split()[0] != "GET" else ""


STREAM = "GET live-stream"  # lets go of the database connection, and with it of these tests' transaction: test_pages_stream.py


@pytest.mark.parametrize("line", [line for line in PAGES if line != STREAM])
def test_page(line: str, world: World, ids: dict[str, Any]) -> None:
    method, name = line.split()
    pattern = next(p for p in _patterns() if p.name == name)
    address = reverse(name, kwargs={key: ids[key] for key in pattern.pattern.converters})
    for caller, expected in zip((anonymous_with_csrf, one_time_password, logged_in), PAGES[line], strict=True):
        with undone():
            client, headers = caller()
            response = client.generic(method, address, "code=PUMP-7b", "application/x-www-form-urlencoded", headers=headers)
            assert response.status_code == expected, caller.__name__
            policy = response["Content-Security-Policy"]
            if caller is logged_in and name in ("file", "file-small"):  # what somebody uploaded
                assert policy == "default-src 'none'; sandbox"
                continue
            assert policy.startswith("default-src 'self'; object-src 'none'; base-uri 'none'")
            if caller is anonymous_with_csrf:
                assert b"SECRET" not in response.content
                if response.status_code == 302 and name != "logout":
                    assert response["Location"].startswith(("/login/?next=/", "/login/")[name == "log-in-second-factor"])
            if (
                caller is one_time_password
                and response.status_code == 302
                and name not in ("login", "logout", "log-in-second-factor")
            ):
                assert response["Location"] == "/password/"


def _patterns() -> list[URLPattern]:
    found: list[URLPattern] = []
    for pattern in get_resolver().url_patterns:
        if isinstance(pattern, URLPattern):
            found.append(pattern)
        elif pattern.namespace is None:
            found += [p for p in pattern.url_patterns if isinstance(p, URLPattern)]
    return found


@pytest.mark.parametrize("presented", ["", "Bearer", "Bearer spt_0_0", "Bearer " + "x" * 5000, "Basic YTpi", "Bearer spt_é_x"])
def test_what_is_no_token_is_refused_with_the_remedy(presented: str) -> None:
    response = Client().get("/api/v1/assets", headers={"Authorization": presented} if presented else {})
    assert response.status_code == 401
    assert "Bearer" in response["WWW-Authenticate"]


def test_a_bad_token_is_not_made_good_by_a_session(world: World) -> None:
    client, _ = logged_in()
    assert client.get("/api/v1/assets", headers={"Authorization": "Bearer spt_a_b"}).status_code == 401


def test_a_person_who_was_deactivated_is_out_at_once(world: World) -> None:
    client, _ = logged_in()
    User.objects.update(is_active=False)
    assert client.get("/api/v1/assets").status_code == 401
    assert client.get("/assets/").status_code == 302


def test_the_reference_needs_a_log_in() -> None:
    assert Client().get("/api/v1/docs").status_code == 302
    client, _ = logged_in()
    response = client.get("/api/v1/docs")
    assert response.status_code == 200
    assert "'unsafe-inline'" not in response["Content-Security-Policy"].split("style-src")[0]


def test_ids_that_do_not_exist_are_404_everywhere(world: World) -> None:
    client, headers = logged_in()
    nobody = UUID(int=1)
    for operation in ACCESS:
        method, path = operation.split()
        needs_more = path.endswith(("/files", "/merge", "/plan", "/outline")) and method != "GET"
        if "{" not in path or needs_more:
            continue  # without a file, and without the other tag, it is refused before anything is looked up
        response = client.generic(
            method,
            re.sub(r"{\w+}", str(nobody), path),
            world_json(world, operation),
            "application/json",
            headers={**headers, "If-Match": '"1"'},
        )
        assert response.status_code == 404, operation
