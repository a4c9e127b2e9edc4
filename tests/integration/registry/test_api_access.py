"""Who may call what: every operation of the API, by every kind of caller. A line missing here fails."""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from pytest_django.plugin import DjangoDbBlocker

from registry.api import api
from tests.api_callers import CALLERS, logged_in
from tests.api_things import PIXEL, bodies_of, ids_of, tell_secrets
from tests.registry_world import World, lasting, undone
from tests.routes import operations

pytestmark = pytest.mark.django_db

# anonymous, one-time password, read token, write token, person without CSRF token, person
READ = (401, 403, 200, 200, 200, 200)
MAKE = (401, 403, 403, 201, 403, 201)
CHANGE = (401, 403, 403, 200, 403, 200)
PEOPLE = (401, 403, 403, 200, 200, 200)  # people and gateways are for those who handle them, a token that reads does not
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
    "GET /api/v1/enrolment-codes": PEOPLE,
    "POST /api/v1/enrolment-codes": (401, 403, 403, 422, 403, 422),  # the broker is not open
    "DELETE /api/v1/enrolment-codes/{window_id}": GONE,
    "GET /api/v1/enrolments": PEOPLE,
    "POST /api/v1/enrolments/{enrolment_id}/approve": CHANGE,
    "POST /api/v1/enrolments/{enrolment_id}/refuse": CHANGE,
    "GET /api/v1/gateways/{gateway_id}/orders": PEOPLE,
    "GET /api/v1/gateways/{gateway_id}/configuration": PEOPLE,
    "POST /api/v1/gateways/{gateway_id}/configuration": CHANGE,
    "POST /api/v1/gateways/{gateway_id}/orders": MAKE,
    "GET /api/v1/gateways/{gateway_id}/orders/{order_id}": PEOPLE,
    "GET /api/v1/gateways/{gateway_id}": READ,
    "POST /api/v1/gateways/{gateway_id}/machine": GONE,
    "GET /api/v1/quarantine": PEOPLE,
    "GET /api/v1/quarantine/{record_id}": PEOPLE,
    "POST /api/v1/quarantine/preview": CHANGE,
    "POST /api/v1/quarantine/retry": CHANGE,
    "POST /api/v1/quarantine/discard": CHANGE,
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
    "GET /api/v1/changes/file": READ,
    "GET /api/v1/locations/{location_id}/contents": READ,
    "GET /api/v1/locations/{location_id}/plan": READ,
    "POST /api/v1/locations/{location_id}/plan": (401, 403, 403, 415, 403, 415),  # JSON is no picture
    "DELETE /api/v1/locations/{location_id}/plan": (401, 403, 403, 204, 403, 204),
    "PUT /api/v1/locations/{location_id}/outline": (401, 403, 403, 422, 403, 422),  # the place of the plan itself
    "GET /api/v1/custody": READ,
    "POST /api/v1/custody": MAKE,
    "POST /api/v1/custody/check-in": CHANGE,
    "POST /api/v1/custody/undo-check-in": CHANGE,
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
    "GET /api/v1/audits": READ,
    "POST /api/v1/audits": MAKE,
    "GET /api/v1/audits/{audit_id}": READ,
    "PATCH /api/v1/audits/{audit_id}": CHANGE,
    "DELETE /api/v1/audits/{audit_id}": GONE,
    "POST /api/v1/audits/{audit_id}/open": CHANGE,
    "GET /api/v1/audits/{audit_id}/places": READ,
    "GET /api/v1/audits/{audit_id}/expected": READ,
    "POST /api/v1/audits/{audit_id}/evidence": CHANGE,
    "GET /api/v1/audits/{audit_id}/evidence": READ,
    "POST /api/v1/audits/{audit_id}/photos": MAKE,
    "POST /api/v1/audits/{audit_id}/rooms": CHANGE,
    "POST /api/v1/audits/{audit_id}/review": CHANGE,
    "POST /api/v1/audits/{audit_id}/reopen": CHANGE,
    "GET /api/v1/audits/{audit_id}/findings": READ,
    "POST /api/v1/audits/{audit_id}/findings/resolve": CHANGE,
    "POST /api/v1/audits/{audit_id}/sign": CHANGE,
    "GET /api/v1/audits/{audit_id}/seal": READ,
    "GET /api/v1/audits/{audit_id}/report": READ,
    "GET /api/v1/audit-cases": READ,
    "POST /api/v1/audit-cases/{case_id}/close": CHANGE,
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
    "GET /api/v1/assets/columns": READ,
    "GET /api/v1/assets/file": READ,
    "POST /api/v1/assets/file": CHANGE,
    "GET /api/v1/assets/facets/{name}": READ,
    "GET /api/v1/assets/edits/fields": READ,
    "POST /api/v1/assets/edits/preview": CHANGE,
    "POST /api/v1/assets/edits": (401, 403, 403, 201, 403, 422),  # the preview was made for the program
    "GET /api/v1/assets/edits/{run_id}": THEIRS,
    "POST /api/v1/assets/edits/{run_id}/undo": CHANGE,
    "POST /api/v1/assets/{asset_id}/contents": MAKE,
    "GET /api/v1/saved-views": READ,
    "POST /api/v1/saved-views": (401, 403, 403, 403, 403, 201),  # a view is a person's
    "GET /api/v1/saved-views/{view_id}": READ,
    "PATCH /api/v1/saved-views/{view_id}": CHANGE,
    "DELETE /api/v1/saved-views/{view_id}": GONE,
    "GET /api/v1/models/{word_id}": READ,
    "DELETE /api/v1/models/{word_id}": GONE,
    "GET /api/v1/suppliers/{word_id}": READ,
    "DELETE /api/v1/suppliers/{word_id}": GONE,
    "GET /api/v1/cost-centers/{word_id}": READ,
    "DELETE /api/v1/cost-centers/{word_id}": GONE,
    "GET /api/v1/status-labels/{word_id}": READ,
    "DELETE /api/v1/status-labels/{word_id}": GONE,
    "POST /api/v1/tags": MAKE,
    "GET /api/v1/tags/{word_id}": READ,
    "GET /api/v1/custom-fields/{field_id}": READ,
    "POST /api/v1/categories/starter-set": MAKE,
    "GET /api/v1/categories/{category_id}": READ,
    "DELETE /api/v1/categories/{category_id}": (401, 403, 403, 422, 403, 422),  # it has assets
    "DELETE /api/v1/locations/{location_id}": (401, 403, 403, 422, 403, 422),  # something is on its way there
    "GET /api/v1/locations/{location_id}/expected": READ,
    "GET /api/v1/locations/{location_id}/counts": READ,
    "GET /api/v1/locations/{location_id}/plan/picture": READ,
    "GET /api/v1/locations/{location_id}/plan/rooms": READ,
    "GET /api/v1/map/{what}": READ,
    "GET /api/v1/zones/{zone_id}": READ,
    "GET /api/v1/imports/fields": PEOPLE,
    "POST /api/v1/imports/{import_id}/read": CHANGE,
    "GET /api/v1/labels/stocks": READ,
    "GET /api/v1/labels/frames": READ,
    "POST /api/v1/people/{person_id}/password": CHANGE,
    "POST /api/v1/people/{person_id}/log-in": CHANGE,
    "GET /api/v1/custody/{custody_id}/signature": (401, 403, 404, 404, 404, 404),  # nobody signed
    "POST /api/v1/custody/{custody_id}/link": MAKE,
    "GET /api/v1/assessments": READ,
    "GET /api/v1/assets/{asset_id}/assessments": READ,
    "POST /api/v1/assets/{asset_id}/assessments": MAKE,
    "GET /api/v1/maintenance-plans": READ,
    "POST /api/v1/maintenance-plans": MAKE,
    "GET /api/v1/maintenance-plans/{maintenance_id}": READ,
    "PATCH /api/v1/maintenance-plans/{maintenance_id}": CHANGE,
    "GET /api/v1/work-orders": READ,
    "POST /api/v1/work-orders": MAKE,
    "GET /api/v1/work-orders/{work_order_id}": READ,
    "PATCH /api/v1/work-orders/{work_order_id}": CHANGE,
    "GET /api/v1/assets/{asset_id}/meters": READ,
    "POST /api/v1/assets/{asset_id}/meters": MAKE,
    "GET /api/v1/meters/{meter_id}/readings": READ,
    "GET /api/v1/agreements": READ,
    "POST /api/v1/agreements": MAKE,
    "GET /api/v1/agreements/{agreement_id}": READ,
    "PATCH /api/v1/agreements/{agreement_id}": CHANGE,
    "DELETE /api/v1/agreements/{agreement_id}": GONE,
    "GET /api/v1/agreements/{agreement_id}/assets": READ,
    "POST /api/v1/agreements/{agreement_id}/assets": CHANGE,
    "DELETE /api/v1/agreements/{agreement_id}/assets/{asset_id}": GONE,
    "GET /api/v1/agreements/{agreement_id}/seats": READ,
    "POST /api/v1/agreements/{agreement_id}/seats": MAKE,
    "DELETE /api/v1/agreements/{agreement_id}/seats/{seat_id}": GONE,
    "GET /api/v1/agreements/{agreement_id}/files": READ,
    "POST /api/v1/agreements/{agreement_id}/files": MAKE,
    "GET /api/v1/agreements/{agreement_id}/files/{paper_id}": READ,
    "DELETE /api/v1/agreements/{agreement_id}/files/{paper_id}": GONE,
    "GET /api/v1/stock/watch": READ,
    "POST /api/v1/stock/watch": (401, 403, 403, 422, 403, 422),  # without a mail server
    "GET /api/v1/report-schedules": READ,
    "POST /api/v1/reports/{key}/schedules": (401, 403, 403, 422, 403, 422),  # without a mail server
    "DELETE /api/v1/report-schedules/{schedule_id}": (401, 403, 403, 404, 403, 404),  # of somebody else
    "GET /api/v1/undelivered": PEOPLE,
    "POST /api/v1/undelivered/{message_id}/repeat": GONE,
    "DELETE /api/v1/undelivered/{message_id}": GONE,
}


# Where the example that is there for every argument does not do: these are done with a draft, or in a review.
INSTEAD = {
    line: {"audit_id": "draft_id"}
    for line in (
        "PATCH /api/v1/audits/{audit_id}",
        "DELETE /api/v1/audits/{audit_id}",
        "POST /api/v1/audits/{audit_id}/open",
    )
} | {
    "POST /api/v1/audits/{audit_id}/reopen": {"audit_id": "reviewed_id"},
    "POST /api/v1/audits/{audit_id}/findings/resolve": {"audit_id": "reviewed_id"},
    "POST /api/v1/audits/{audit_id}/sign": {"audit_id": "resolved_id"},
}


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[tuple[World, dict[str, Any]]]:
    with lasting(django_db_blocker, tell_secrets) as world:
        yield world, ids_of(world)


@pytest.fixture
def world(made: tuple[World, dict[str, Any]], db: None) -> World:
    return deepcopy(made[0])


@pytest.fixture
def ids(made: tuple[World, dict[str, Any]]) -> dict[str, Any]:
    return made[1]


def test_every_operation_has_its_line() -> None:
    assert sorted(operations()) == sorted(ACCESS)


def test_every_operation_has_an_id_of_its_own() -> None:
    ids = [op["operationId"] for methods in api.get_openapi_schema()["paths"].values() for op in methods.values()]
    assert len(set(ids)) == len(ids) == len(ACCESS)
    assert not any("api" in name for name in ids), "an id made up from the module's path"


@pytest.mark.parametrize("operation", ACCESS)
def test_operation(operation: str, world: World, ids: dict[str, Any]) -> None:
    method, path = operation.split()
    ids = ids | {name: ids[instead] for name, instead in INSTEAD.get(operation, {}).items()}
    query = {"code": "8004:061414100008"} if path.endswith("/resolve") else None
    body = world_json(world, operation)
    for caller, expected in zip(CALLERS, ACCESS[operation], strict=True):
        with undone():
            client, headers = caller()
            headers |= {"If-Match": "*"}
            if operation.endswith(("/files", "/photos")) and method == "POST":
                upload: dict[str, Any] = {"file": BytesIO(PIXEL), "asset": str(ids["desk_id"])}
                upload["file"].name = "a.png"
                response = client.post(path.format(**ids), upload, headers=headers)
            else:
                response = client.generic(
                    method, path.format(**ids), body, "application/json", query_params=query, headers=headers
                )
            assert response.status_code == expected, (caller.__name__, getattr(response, "content", b""))
            if response.status_code >= 400:
                assert response["Content-Type"] == "application/problem+json"
                assert b"SECRET" not in response.content


def world_json(world: World, operation: str) -> str:
    return json.dumps(bodies_of(world).get(operation, {})) if operation.split()[0] != "GET" else ""


def test_ids_that_do_not_exist_are_404_everywhere(world: World) -> None:
    client, headers = logged_in()
    nobody = UUID(int=1)
    for operation in ACCESS:
        method, path = operation.split()
        needs_more = path.endswith(("/files", "/photos", "/merge", "/plan", "/outline")) and method != "GET"
        if "{" not in path or needs_more or path.endswith(("{name}", "{what}")):
            continue  # without a file, and without the other tag, it is refused before anything is looked up
        response = client.generic(
            method,
            re.sub(r"{\w+}", str(nobody), path),
            world_json(world, operation),
            "application/json",
            headers={**headers, "If-Match": "*"},
        )
        assert response.status_code == 404, operation
