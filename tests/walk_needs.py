"""What every route needs, and what is sent to it, for the walk (integration/registry/test_walk.py). A route without a line here
fails the walk: say what it needs, and for one that writes what a right request looks like, so that a missing check cannot hide
behind a refused value."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from registry.access.actors import Action
from registry.db import uuid7

Ids = dict[str, Any]
V, H, E, C, A, U = Action.VIEW, Action.HANDLE, Action.EDIT, Action.CHANGES, Action.ADMINISTER, Action.AUDIT


@dataclass(frozen=True, slots=True)
class Need:
    """`where`: `scope` (with what the arguments name), `anywhere` (with anything at all), `everywhere` (without limits), `own`
    (it is theirs; `A`: or they administer everything), `anybody` (who is logged in)."""

    where: str
    action: Action | None = None
    or_else: Action | None = None  # this does too


def _scope(action: Action) -> Need:
    return Need("scope", action)


ANYBODY, OWN, OWN_OR_ADMIN, OWN_IF_EDIT = Need("anybody"), Need("own"), Need("own", A), Need("own", E)
ADMIN, WORDS = Need("everywhere", A), Need("everywhere", E)
_BY_NEED: tuple[tuple[Need, str], ...] = (
    (ANYBODY, """
        GET /api/v1/assets | GET /api/v1/bookings | GET /api/v1/categories | GET /api/v1/cost-centers | GET /api/v1/custody
        GET /api/v1/custom-fields | GET /api/v1/events | GET /api/v1/gateways | GET /api/v1/imports | GET /api/v1/locations
        GET /api/v1/models | GET /api/v1/positions | GET /api/v1/reports | GET /api/v1/resolve | GET /api/v1/scans/assets
        GET /api/v1/scans/places | GET /api/v1/status-labels | GET /api/v1/stock | GET /api/v1/stock/proposal
        GET /api/v1/suppliers | GET /api/v1/tags | GET /api/v1/tokens | GET /api/v1/transfers | GET /api/v1/unknown-tags
        GET /api/v1/zones | POST /api/v1/tokens | POST /api/v1/decode
        GET /api/v1/assets/columns | GET /api/v1/assets/edits/fields | GET /api/v1/assets/facets/{name}
        GET /api/v1/assets/file | GET /api/v1/saved-views | POST /api/v1/saved-views | GET /api/v1/cost-centers/{word_id}
        GET /api/v1/custom-fields/{field_id} | GET /api/v1/models/{word_id} | GET /api/v1/status-labels/{word_id}
        GET /api/v1/suppliers/{word_id} | GET /api/v1/tags/{word_id}
        GET /api/v1/labels/frames | GET /api/v1/labels/stocks | GET /api/v1/map/{what} | GET /api/v1/report-schedules
        GET /api/v1/stock/watch | POST /api/v1/stock/watch | GET /live/zones/
        GET /work-orders/ | GET /work-orders/calendar/ | POST /work-orders/calendar/ | GET /work-orders/new/ | GET /maintenance/
        GET /maintenance/new/ | GET /work-orders/calendar/{secret}.ics | GET /api/v1/work-orders | GET /api/v1/maintenance-plans
        GET /agreements/ | GET /agreements/new/ | GET /api/v1/agreements | GET /api/v1/assessments
        GET / | GET /01/{value} | GET /8003/{value} | GET /8004/{value} | GET /account/second-factor/ | GET /assets/
        GET /account/second-factor/code.svg | GET /assets/columns/ | GET /assets/export.{ending} | GET /assets/facet/{name}/
        GET /assets/fields/ | GET /assets/filters/ | GET /assets/new/ | GET /assets/views/ | GET /bookings/ | GET /bookings/new/
        GET /custody/ | GET /custody/accept/{secret}/ | GET /custody/in/ | GET /custody/out/ | GET /find/
        GET /imports/ | GET /labels/ | GET /live/ | GET /live/parts/ | GET /live/unknown/ | GET /login/ | GET /gateways/
        GET /login/second-factor/ | GET /map/ | GET /palette/ | GET /password/ | GET /places/ | GET /places/new/ | GET /reports/
        GET /scan/ | GET /scan/drawer/ | GET /scan/sw.js | GET /scan/unknown/ | GET /stock/ | GET /stock/proposal/
        GET /stock/receive/ | GET /tokens/ | GET /transfers/ | GET /transfers/new/ | POST /account/second-factor/
        POST /assets/columns/ | POST /assets/views/ | POST /login/ | POST /password/ | POST /stock/watch/ | POST /tokens/
        POST /custody/accept/{secret}/ | POST /login/second-factor/
        GET /api/v1/audits | GET /audits/ | GET /audits/new/ | GET /api/v1/audit-cases | GET /audits/cases/
        GET /pick/{kind}/ | GET /settings/words/ | GET /settings/words/{slug}/ | GET /settings/words/{slug}/{word_id}/"""),
    (Need("anywhere", V), """POST /api/v1/reports/{key}/schedules | GET /api/v1/reports/{key} | GET /api/v1/reports/{key}/file
        GET /reports/{key}/"""),
    (Need("anywhere", H), "GET /api/v1/people | GET /people/"),
    (Need("anywhere", E), "GET /api/v1/imports/fields | POST /api/v1/imports | POST /imports/"),
    (Need("anywhere", C), "GET /api/v1/changes | GET /api/v1/changes/file | GET /changes/ | GET /changes/export.csv"),
    (_scope(V), """
        GET /work-orders/{work_order_id}/ | GET /api/v1/work-orders/{work_order_id} | GET /api/v1/assets/{asset_id}/meters
        GET /api/v1/meters/{meter_id}/readings | GET /maintenance/{maintenance_id}/
        GET /api/v1/maintenance-plans/{maintenance_id}
        GET /assets/{asset_id}/judge/ | GET /api/v1/assets/{asset_id}/assessments
        GET /agreements/{agreement_id}/ | GET /agreements/{agreement_id}/edit/
        GET /agreements/{agreement_id}/papers/{paper_id}/ | GET /api/v1/agreements/{agreement_id}
        GET /api/v1/agreements/{agreement_id}/assets | GET /api/v1/agreements/{agreement_id}/files
        GET /api/v1/agreements/{agreement_id}/files/{paper_id} | GET /api/v1/agreements/{agreement_id}/seats
        GET /api/v1/custody/{custody_id}/signature | GET /api/v1/locations/{location_id}/counts
        GET /api/v1/locations/{location_id}/expected | GET /api/v1/locations/{location_id}/plan/picture
        GET /api/v1/locations/{location_id}/plan/rooms
        GET /api/v1/categories/{category_id} | GET /api/v1/zones/{zone_id} | POST /api/v1/assets/file
        POST /api/v1/assets/edits/preview
        GET /api/v1/assets/{asset_id} | GET /api/v1/assets/{asset_id}/contents | GET /api/v1/assets/{asset_id}/files
        GET /api/v1/assets/{asset_id}/links | GET /api/v1/bookings/{booking_id} | GET /api/v1/custody/{custody_id}
        GET /api/v1/files/{file_id} | GET /api/v1/files/{file_id}/content | GET /api/v1/files/{file_id}/small
        GET /api/v1/locations/{location_id} | GET /api/v1/locations/{location_id}/assets
        GET /api/v1/locations/{location_id}/contents | GET /api/v1/locations/{location_id}/files
        GET /api/v1/locations/{location_id}/plan | GET /api/v1/stock/{line_id} | GET /api/v1/stock/{line_id}/movements
        GET /api/v1/transfers/{transfer_id} | POST /api/v1/labels
        GET /assets/{asset_id}/ | GET /bookings/{booking_id}/ | GET /custody/{custody_id}/ | GET /custody/{custody_id}/signature/
        GET /files/{file_id}/ | GET /files/{file_id}/small/ | GET /live/unknown/{tag_id}/ | GET /live/zones/{zone_id}/
        GET /api/v1/gateways/{gateway_id} | GET /gateways/{gateway_id}/
        GET /places/{location_id}/ | GET /places/{location_id}/expected/ | GET /places/{location_id}/plan/
        GET /places/{location_id}/then/ | GET /plans/{plan_id}/image/ | GET /stock/{line_id}/ | GET /transfers/{transfer_id}/
        GET /assets/{asset_id}/edit/ | GET /places/{location_id}/edit/ | POST /labels/ | POST /labels/print/
        POST /assets/selected/export/ | POST /assets/selected/labels/"""),
    (_scope(V), """
        GET /api/v1/audits/{audit_id} | GET /api/v1/audits/{audit_id}/places | GET /api/v1/audits/{audit_id}/expected
        GET /api/v1/audits/{audit_id}/evidence | GET /audits/{audit_id}/ | GET /audits/{audit_id}/walk/
        GET /api/v1/audits/{audit_id}/findings | GET /api/v1/audits/{audit_id}/seal | GET /api/v1/audits/{audit_id}/report
        GET /audits/{audit_id}/findings/ | GET /audits/{audit_id}/report/"""),
    (Need("scope", U, H), """
        POST /api/v1/audits/{audit_id}/evidence | POST /api/v1/audits/{audit_id}/photos | POST /api/v1/audits/{audit_id}/rooms
        POST /audits/{audit_id}/walk/"""),
    (_scope(U), """
        POST /api/v1/audits | PATCH /api/v1/audits/{audit_id} | DELETE /api/v1/audits/{audit_id}
        POST /api/v1/audits/{audit_id}/open | POST /audits/new/ | POST /audits/{audit_id}/
        POST /api/v1/audits/{audit_id}/review | POST /api/v1/audits/{audit_id}/reopen | POST /api/v1/audits/{audit_id}/sign
        POST /api/v1/audits/{audit_id}/findings/resolve | POST /api/v1/audit-cases/{case_id}/close
        POST /audits/{audit_id}/findings/ | POST /audits/cases/"""),
    (_scope(H), """
        POST /work-orders/new/ | POST /work-orders/{work_order_id}/ | POST /assets/{asset_id}/meter/ | POST /api/v1/work-orders
        PATCH /api/v1/work-orders/{work_order_id} | POST /api/v1/assets/{asset_id}/meters
        POST /assets/{asset_id}/judge/ | POST /api/v1/assets/{asset_id}/assessments
        POST /api/v1/assets/{asset_id}/contents | POST /api/v1/custody/{custody_id}/link
        POST /api/v1/assets/{asset_id}/files | POST /api/v1/assets/{asset_id}/identifiers | POST /api/v1/bookings
        POST /api/v1/bookings/{booking_id}/cancel | POST /api/v1/bookings/{booking_id}/check-out
        POST /api/v1/bookings/{booking_id}/confirm | POST /api/v1/custody | POST /api/v1/custody/check-in
        POST /api/v1/custody/undo-check-in
        POST /api/v1/custody/{custody_id}/extend | POST /api/v1/custody/{custody_id}/hand-over
        POST /api/v1/files/{file_id}/main | POST /api/v1/identifiers/{identifier_id}/replace
        POST /api/v1/identifiers/{identifier_id}/retire | POST /api/v1/locations/{location_id}/files | POST /api/v1/scans
        POST /api/v1/stock | POST /api/v1/stock/{line_id}/count | POST /api/v1/stock/{line_id}/move
        POST /api/v1/stock/{line_id}/take | POST /api/v1/transfers | POST /api/v1/transfers/{transfer_id}/arrivals
        POST /api/v1/transfers/{transfer_id}/cancel | POST /api/v1/unknown-tags/{tag_id}/claim
        PUT /api/v1/assets/{asset_id}/container | DELETE /api/v1/assets/{asset_id}/container
        POST /assets/{asset_id}/identifiers/ | POST /assets/{asset_id}/put-into/ | POST /assets/selected/{do}/
        POST /assets/{asset_id}/take-out/ | POST /assets/{asset_id}/files/ | POST /bookings/new/ | POST /bookings/{booking_id}/
        POST /custody/in/ | POST /custody/out/ | POST /custody/{custody_id}/ | POST /files/{file_id}/change/
        POST /identifiers/{identifier_id}/retire/ | POST /live/unknown/{tag_id}/ | POST /scan/ | POST /stock/receive/
        POST /stock/{line_id}/ | POST /transfers/new/ | POST /transfers/{transfer_id}/"""),
    (_scope(E), """
        POST /maintenance/new/ | POST /maintenance/{maintenance_id}/ | POST /api/v1/maintenance-plans
        PATCH /api/v1/maintenance-plans/{maintenance_id}
        POST /agreements/new/ | POST /agreements/{agreement_id}/ | POST /agreements/{agreement_id}/edit/ | POST /api/v1/agreements
        PATCH /api/v1/agreements/{agreement_id} | DELETE /api/v1/agreements/{agreement_id}
        POST /api/v1/agreements/{agreement_id}/assets | POST /api/v1/agreements/{agreement_id}/files
        DELETE /api/v1/agreements/{agreement_id}/assets/{asset_id} | POST /api/v1/agreements/{agreement_id}/seats
        DELETE /api/v1/agreements/{agreement_id}/files/{paper_id} | DELETE /api/v1/agreements/{agreement_id}/seats/{seat_id}
        DELETE /api/v1/locations/{location_id}
        PATCH /api/v1/assets/bulk | PATCH /api/v1/assets/{asset_id} | POST /api/v1/assets/{asset_id}/dispose
        POST /api/v1/assets/{asset_id}/duplicate | POST /api/v1/assets | POST /api/v1/assets/bulk | POST /api/v1/locations
        POST /api/v1/assets/{asset_id}/links | DELETE /api/v1/links/{link_id} | DELETE /api/v1/files/{file_id}
        PATCH /api/v1/locations/{location_id} | POST /api/v1/locations/{location_id}/plan
        DELETE /api/v1/locations/{location_id}/plan | PUT /api/v1/locations/{location_id}/outline
        PUT /api/v1/zones/{zone_id}/place | PATCH /api/v1/stock/{line_id} | POST /api/v1/transfers/{transfer_id}/dispatch
        POST /api/v1/transfers/{transfer_id}/refuse
        POST /assets/{asset_id}/dispose/ | POST /assets/{asset_id}/duplicate/
        POST /assets/{asset_id}/links/ | POST /links/{link_id}/remove/ | POST /assets/bulk/ | POST /assets/new/
        POST /live/zones/{zone_id}/ | POST /places/new/ | POST /places/{location_id}/delete/ | POST /places/{location_id}/edit/
        POST /places/{location_id}/plan/ | POST /places/{location_id}/plan/edit/ | GET /places/{location_id}/plan/edit/
        POST /scan/drawer/"""),
    (Need("scope", E, Action.VALUE), "POST /assets/{asset_id}/edit/"),
    (OWN_IF_EDIT, """
        GET /api/v1/imports/{import_id} | GET /api/v1/imports/{import_id}/problems | GET /api/v1/imports/{import_id}/rows
        POST /api/v1/imports/{import_id}/read | POST /api/v1/imports/{import_id}/cancel | POST /api/v1/imports/{import_id}/check
        POST /api/v1/imports/{import_id}/confirm | GET /imports/{job_id}/ | GET /imports/{job_id}/errors.csv
        GET /imports/{job_id}/progress/ | POST /imports/{job_id}/cancel/ | POST /imports/{job_id}/check/
        POST /imports/{job_id}/confirm/ | POST /imports/{job_id}/read/"""),
    (OWN_OR_ADMIN, """
        GET /api/v1/assets/edits/{run_id} | POST /api/v1/assets/edits/{run_id}/undo
        GET /assets/handled/{handled_id}/ | POST /assets/handled/{handled_id}/undo/
        GET /assets/bulk/{run_id}/ | GET /assets/bulk/{run_id}/undo/ | POST /api/v1/tokens/{token_id}/revoke
        POST /tokens/{token_id}/revoke/"""),
    (Need("anywhere", E), "POST /api/v1/assets/edits | POST /assets/bulk/confirm/"),
    (OWN, """DELETE /api/v1/report-schedules/{schedule_id}
        GET /api/v1/saved-views/{view_id} | PATCH /api/v1/saved-views/{view_id} | DELETE /api/v1/saved-views/{view_id}
        POST /assets/views/{view_id}/ | POST /reports/schedules/{schedule_id}/end/ | POST /reports/{key}/schedule/"""),
    (WORDS, """
        DELETE /api/v1/categories/{category_id} | DELETE /api/v1/cost-centers/{word_id} | DELETE /api/v1/models/{word_id}
        DELETE /api/v1/status-labels/{word_id} | DELETE /api/v1/suppliers/{word_id} | POST /api/v1/categories/starter-set
        POST /api/v1/tags
        POST /api/v1/categories | PATCH /api/v1/categories/{category_id} | POST /api/v1/models | PATCH /api/v1/models/{word_id}
        POST /api/v1/suppliers | PATCH /api/v1/suppliers/{word_id} | POST /api/v1/cost-centers
        PATCH /api/v1/cost-centers/{word_id} | POST /api/v1/status-labels | PATCH /api/v1/status-labels/{word_id}
        PATCH /api/v1/tags/{word_id} | POST /api/v1/tags/{word_id}/merge | DELETE /api/v1/tags/{word_id}
        POST /api/v1/custom-fields | PATCH /api/v1/custom-fields/{field_id} | POST /api/v1/zones
        GET /api/v1/gateways/{gateway_id}/orders | POST /api/v1/gateways/{gateway_id}/orders
        GET /api/v1/gateways/{gateway_id}/orders/{order_id}
        GET /gateways/{gateway_id}/orders/ | POST /gateways/{gateway_id}/orders/
        POST /settings/words/starter/ | POST /settings/words/{slug}/ | POST /settings/words/{slug}/{word_id}/"""),
    (ADMIN, """
        GET /api/v1/gateways/{gateway_id}/configuration | POST /api/v1/gateways/{gateway_id}/configuration
        POST /api/v1/people/{person_id}/log-in | POST /api/v1/people/{person_id}/password | GET /api/v1/undelivered
        GET /api/v1/enrolment-codes | POST /api/v1/enrolment-codes | DELETE /api/v1/enrolment-codes/{window_id}
        GET /api/v1/enrolments | POST /api/v1/enrolments/{enrolment_id}/approve | POST /api/v1/enrolments/{enrolment_id}/refuse
        GET /enrolment/ | POST /enrolment/ | POST /enrolment/codes/{window_id}/take-back/
        POST /enrolment/{enrolment_id}/decide/
        DELETE /api/v1/undelivered/{message_id} | POST /api/v1/undelivered/{message_id}/repeat
        POST /api/v1/people | GET /api/v1/people/{person_id} | PATCH /api/v1/people/{person_id}
        POST /api/v1/people/{person_id}/erase | POST /api/v1/people/{person_id}/user | GET /api/v1/people/{person_id}/roles
        POST /api/v1/people/{person_id}/roles | DELETE /api/v1/people/{person_id}/roles/{binding_id}
        GET /people/new/ | POST /people/new/ | GET /people/{person_id}/ | GET /people/{person_id}/edit/
        POST /people/{person_id}/edit/ | POST /people/{person_id}/active/ | POST /people/{person_id}/erase/
        POST /people/{person_id}/invite/ | POST /people/{person_id}/password/ | POST /people/{person_id}/roles/
        POST /people/{person_id}/roles/{binding_id}/take/ | GET /undelivered/ | POST /undelivered/{message_id}/forget/
        POST /undelivered/{message_id}/repeat/
        POST /api/v1/gateways/{gateway_id}/machine | POST /gateways/{gateway_id}/machine/
        GET /api/v1/quarantine | GET /api/v1/quarantine/{record_id} | POST /api/v1/quarantine/preview
        POST /api/v1/quarantine/retry | POST /api/v1/quarantine/discard
        GET /quarantine/ | GET /quarantine/{record_id}/ | POST /quarantine/preview/ | POST /quarantine/settle/"""),
)  # fmt: skip
NEEDS = {
    line.strip(): need for need, lines in _BY_NEED for line in lines.replace("\n", "|").split("|") if line.strip()
}  # fmt: skip


def _soon(hours: int) -> str:
    return (timezone.now() + timedelta(hours=hours)).isoformat(timespec="minutes")


def _local(hours: int) -> str:
    return f"{timezone.now() + timedelta(hours=hours):%Y-%m-%dT%H:%M}"


def _scan(i: Ids) -> dict[str, Any]:
    return {"event_id": str(uuid7()), "text": i["code"], "location": i["location_id"], "at": timezone.now().isoformat()}


# JSON for /api/, form fields for pages; a file is sent under its name where a value is bytes.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63e0"
    "e4e40400003a001ced089b8e0000000049454e44ae426082"
)
BODIES: dict[str, Callable[[Ids], Any]] = {
    "POST /api/v1/assets": lambda i: {"name": "New", "category": i["category_id"], "home": i["location_id"]},
    "POST /api/v1/assets/file": lambda i: {"assets": [i["free_id"]]},
    "POST /api/v1/assets/edits": lambda i: {"token": i["edit_token"]},
    "POST /api/v1/assets/edits/preview": lambda i: {"field": "order_ref", "value": "7", "assets": [i["free_id"]]},
    "POST /assets/bulk/confirm/": lambda i: {"token": i["edit_token"]},
    "POST /api/v1/assets/{asset_id}/contents": lambda i: {"assets": [i["free_id"]]},
    "POST /api/v1/saved-views": lambda i: {"name": "Mine", "query": "q=a"},
    "PATCH /api/v1/saved-views/{view_id}": lambda i: {"name": "Another"},
    "POST /api/v1/tags": lambda i: {"name": "fresh"},
    "POST /api/v1/assets/bulk": lambda i: [{"name": "New", "category": i["category_id"], "home": i["location_id"]}],
    "PATCH /api/v1/assets/bulk": lambda i: [{"id": i["free_id"], "name": "Renamed"}],
    "PATCH /api/v1/assets/{asset_id}": lambda i: {"name": "Renamed"},
    "PUT /api/v1/assets/{asset_id}/container": lambda i: {"container": i["box_id"]},
    "POST /api/v1/assets/{asset_id}/files": lambda i: {"file": PNG},
    "POST /api/v1/assets/{asset_id}/identifiers": lambda i: {"text": "WALK-1"},
    "POST /api/v1/assets/{asset_id}/links": lambda i: {"to": i["free_id"], "type": "depends"},
    "POST /api/v1/identifiers/{identifier_id}/replace": lambda i: {"text": "WALK-1"},
    "POST /api/v1/locations": lambda i: {"name": "Shed", "parent": i["location_id"]},
    "PATCH /api/v1/locations/{location_id}": lambda i: {"name": "Renamed"},
    "POST /api/v1/locations/{location_id}/files": lambda i: {"file": PNG},
    "POST /api/v1/locations/{location_id}/plan": lambda i: {"file": PNG},
    "PUT /api/v1/locations/{location_id}/outline": lambda i: {"plan": i["plan_id"], "corners": [[0, 0], [1, 0], [1, 1]]},
    "PUT /api/v1/zones/{zone_id}/place": lambda i: {"place": i["hall_id"]},
    "POST /api/v1/gateways/{gateway_id}/configuration": lambda i: {"site": "north"},
    "POST /gateways/{gateway_id}/orders/": lambda i: {"verb": "ping"},
    "POST /api/v1/gateways/{gateway_id}/orders": lambda i: {"verb": "ping"},
    "POST /api/v1/zones": lambda i: {"gateway": "hamburg-1", "name": "loft"},
    "POST /api/v1/unknown-tags/{tag_id}/claim": lambda i: {"asset": i["free_id"]},
    "POST /api/v1/custody": lambda i: {"assets": [i["free_id"]], "person": i["person_id"]},
    "POST /api/v1/custody/check-in": lambda i: {"assets": [i["asset_id"]]},
    "POST /api/v1/custody/undo-check-in": lambda i: {"assets": [i["free_id"]]},
    "POST /api/v1/custody/{custody_id}/extend": lambda i: {"due_at": _soon(48)},
    "POST /api/v1/custody/{custody_id}/hand-over": lambda i: {"person": i["person_id"]},
    "POST /api/v1/bookings": lambda i: {
        "title": "Fair", "person": i["person_id"], "assets": [i["free_id"]], "from_at": _soon(1), "to_at": _soon(2),
    },
    "POST /api/v1/transfers": lambda i: {
        "assets": [i["free_id"]], "from_location": i["location_id"], "to_location": i["hall_id"],
    },
    "POST /api/v1/transfers/{transfer_id}/arrivals": lambda i: {"assets": [i["spare_id"]]},
    "POST /api/v1/labels": lambda i: {"assets": [i["free_id"]]},
    "POST /api/v1/scans": lambda i: {"scans": [_scan(i)]},
    "POST /api/v1/stock": lambda i: {"asset": i["free_id"], "location": i["location_id"], "quantity": 1},
    "PATCH /api/v1/stock/{line_id}": lambda i: {"minimum": 3},
    "POST /api/v1/stock/{line_id}/take": lambda i: {"quantity": 1},
    "POST /api/v1/stock/{line_id}/count": lambda i: {"quantity": 1},
    "POST /api/v1/stock/{line_id}/move": lambda i: {"location": i["hall_id"], "quantity": 1},
    "POST /assets/{asset_id}/judge/": lambda i: {"score": "3", "scale": "whole"},
    "POST /api/v1/assets/{asset_id}/assessments": lambda i: {"score": 3},
    "POST /work-orders/new/": lambda i: {"asset": i["free_no"], "title": "New work"},
    "POST /work-orders/{work_order_id}/": lambda i: {"state": "in_progress", "version": "1"},
    "POST /assets/{asset_id}/meter/": lambda i: {"unit": "h", "value": "99"},
    "POST /api/v1/work-orders": lambda i: {"asset": i["free_id"], "title": "New work"},
    "PATCH /api/v1/work-orders/{work_order_id}": lambda i: {"state": "in_progress"},
    "POST /api/v1/assets/{asset_id}/meters": lambda i: {"unit": "h", "value": 99},
    "POST /maintenance/new/": lambda i: {
        "name": "New", "asset": i["free_no"], "trigger": "condition", "condition_at_most": "2", "step": "month",
    },
    "POST /maintenance/{maintenance_id}/": lambda i: {
        "name": "Another", "trigger": "condition", "condition_at_most": "2", "step": "month", "version": "1",
    },
    "POST /api/v1/maintenance-plans": lambda i: {
        "name": "New", "trigger": "condition", "condition_at_most": 2, "asset": i["free_id"],
    },
    "PATCH /api/v1/maintenance-plans/{maintenance_id}": lambda i: {"lead_days": 3},
    "POST /agreements/new/": lambda i: {"name": "New", "kind": "contract", "period": "once", "asset": i["free_no"]},
    "POST /agreements/{agreement_id}/": lambda i: {"do": "free", "one": i["seat_id"]},
    "POST /agreements/{agreement_id}/edit/": lambda i: {"name": "Another", "kind": "contract", "period": "once", "version": "1"},
    "POST /api/v1/agreements": lambda i: {"name": "New", "kind": "contract", "assets": [i["free_id"]]},
    "PATCH /api/v1/agreements/{agreement_id}": lambda i: {"name": "Another"},
    "POST /api/v1/agreements/{agreement_id}/assets": lambda i: {"assets": [i["free_id"]]},
    "POST /api/v1/agreements/{agreement_id}/files": lambda i: {"file": PNG},
    "POST /api/v1/agreements/{agreement_id}/seats": lambda i: {"asset": i["free_id"]},
    "POST /api/v1/imports": lambda i: {"file": b"name\nNew\n"},
    "POST /api/v1/imports/{import_id}/check": lambda i: {"mapping": {"0": "asset_no", "1": "name"}},
    "POST /api/v1/tokens": lambda i: {"name": "display"},
    "POST /api/v1/categories": lambda i: {"name": "Saws"},
    "PATCH /api/v1/categories/{category_id}": lambda i: {"name": "Renamed"},
    "POST /api/v1/models": lambda i: {"name": "X1"},
    "PATCH /api/v1/models/{word_id}": lambda i: {"name": "X2"},
    "POST /api/v1/suppliers": lambda i: {"name": "Acme"},
    "PATCH /api/v1/suppliers/{word_id}": lambda i: {"name": "Acme"},
    "POST /api/v1/cost-centers": lambda i: {"code": "4712", "name": "Sales"},
    "PATCH /api/v1/cost-centers/{word_id}": lambda i: {"name": "Sales"},
    "POST /api/v1/status-labels": lambda i: {"name": "Lent", "status": "in_use"},
    "PATCH /api/v1/status-labels/{word_id}": lambda i: {"name": "Lent"},
    "PATCH /api/v1/tags/{word_id}": lambda i: {"name": "new"},
    "POST /api/v1/tags/{word_id}/merge": lambda i: {"into": i["other_word_id"]},
    "POST /api/v1/custom-fields": lambda i: {"key": "cpu", "name": "CPU", "type": "text"},
    "PATCH /api/v1/custom-fields/{field_id}": lambda i: {"name": "CPU"},
    "POST /api/v1/enrolment-codes": lambda i: {"gateway": "bremen"},
    "POST /enrolment/": lambda i: {"gateway": "bremen"},
    "POST /enrolment/{enrolment_id}/decide/": lambda i: {"do": "approve"},
    "POST /api/v1/people/{person_id}/log-in": lambda i: {"active": False},
    "POST /api/v1/reports/{key}/schedules": lambda i: {"every": "day"},
    "POST /api/v1/stock/watch": lambda i: {"wanted": True},
    "POST /api/v1/people": lambda i: {"name": "Bert"},
    "PATCH /api/v1/people/{person_id}": lambda i: {"department": "Workshop"},
    "POST /api/v1/people/{person_id}/user": lambda i: {"username": "leaver"},
    "POST /api/v1/people/{person_id}/roles": lambda i: {"role": "manager"},
    "POST /assets/bulk/": lambda i: {"asset": i["free_id"], "field": "order_ref", "value": "7", "preview": "1"},
    "POST /assets/new/": lambda i: {
        "name": "New", "kind": "physical", "status": "in_use", "criticality": "normal", "quantity": "1",
        "category": i["category_id"], "home_location": i["location_id"],
    },
    "POST /assets/views/{view_id}/": lambda i: {"name": "Another name"},
    "POST /assets/selected/export/": lambda i: {"asset": i["free_id"], "ending": "csv"},
    "POST /assets/selected/{do}/": lambda i: {"asset": i["free_id"], "go": "yes"},
    "POST /assets/selected/labels/": lambda i: {"asset": i["free_id"]},
    "POST /assets/{asset_id}/edit/": lambda i: {
        "name": "Renamed", "asset_no": i["number"], "kind": "physical", "status": "in_use", "criticality": "normal",
        "quantity": "1", "version": i["version"], "category": i["category_id"], "home_location": i["location_id"],
    },
    "POST /assets/{asset_id}/files/": lambda i: {"file": PNG},
    "POST /assets/{asset_id}/identifiers/": lambda i: {"code": "WALK-1"},
    "POST /assets/{asset_id}/links/": lambda i: {"to": i["free_no"], "type": "depends"},
    "POST /assets/{asset_id}/put-into/": lambda i: {"container": i["box_no"], "kind": "contents"},
    "POST /bookings/new/": lambda i: {
        "title": "Fair", "person": "Somebody", "assets": i["free_id"], "from_at": _local(1), "to_at": _local(2),
    },
    "POST /bookings/{booking_id}/": lambda i: {"do": "confirm"},
    "POST /custody/in/": lambda i: {"assets": i["asset_id"], "note": ""},
    "POST /custody/out/": lambda i: {"assets": i["free_id"], "to": "person", "person": "Somebody"},
    "POST /custody/{custody_id}/": lambda i: {"do": "extend", "due_at": _local(48)},
    "POST /files/{file_id}/change/": lambda i: {"do": "main"},
    "POST /imports/": lambda i: {"file": b"name\nNew\n"},
    "POST /imports/{job_id}/check/": lambda i: {"column-0": "asset_no", "column-1": "name"},
    "POST /labels/": lambda i: {"assets": i["free_id"]},
    "POST /labels/print/": lambda i: {
        "assets": i["free_id"], "stock": "l7160", "code": "qr-number", "scheme": "giai", "dpi": "203", "output": "pdf",
    },
    "POST /api/v1/gateways/{gateway_id}/machine": lambda i: {"machine": i["machine"]},
    "POST /gateways/{gateway_id}/machine/": lambda i: {"machine": i["machine"]},
    "POST /api/v1/quarantine/preview": lambda i: {"ids": [i["record_id"]]},
    "POST /api/v1/quarantine/retry": lambda i: {"ids": [i["record_id"]]},
    "POST /api/v1/quarantine/discard": lambda i: {"ids": [i["record_id"]], "reason": "a test"},
    "POST /quarantine/preview/": lambda i: {"do": "retry", "id": [str(i["record_id"])]},
    "POST /quarantine/settle/": lambda i: {"do": "retry", "id": [str(i["record_id"])]},
    "POST /live/unknown/{tag_id}/": lambda i: {"asset": i["free_id"]},
    "POST /live/zones/{zone_id}/": lambda i: {"place": i["hall_id"]},
    "POST /places/new/": lambda i: {"name": "Shed", "kind": "room", "parent": i["location_id"]},
    "POST /places/{location_id}/edit/": lambda i: {
        "name": "Renamed", "kind": "room", "code": "WALK", "parent": i["hall_id"], "version": "1",
    },
    "POST /places/{location_id}/plan/": lambda i: {"metres_per_pixel": "0.5"},
    "POST /places/{location_id}/plan/edit/": lambda i: {"room": i["inner_id"], "outline": "0,0 10,0 10,10"},
    "POST /reports/{key}/schedule/": lambda i: {"every": "day", "form": "pdf"},
    "POST /scan/": lambda i: {"place": i["place"], "text": i["code"]},
    "POST /scan/drawer/": lambda i: {"assets": i["free_id"], "act": "home", "place": i["place"]},
    "POST /settings/words/{slug}/": lambda i: {"name": "X 7"},
    "POST /settings/words/{slug}/{word_id}/": lambda i: {"name": "X 8", "version": "1"},
    "POST /audits/{audit_id}/walk/": lambda i: {"do": "scan", "text": i["code"]},
    "POST /api/v1/audits/{audit_id}/evidence": lambda i: {"evidence": [{"id": str(uuid7()), "text": i["code"]}]},
    "POST /api/v1/audits/{audit_id}/photos": lambda i: {"file": PNG, "asset": str(i["free_id"])},
    "POST /api/v1/audits/{audit_id}/rooms": lambda i: {"location": str(i["location_id"])},
    "POST /api/v1/audits/{audit_id}/findings/resolve": lambda i: {"findings": [i["finding_id"]], "resolution": "ignored"},
    "POST /api/v1/audits/{audit_id}/sign": lambda i: {"signed_as": "Anna"},
    "POST /api/v1/audit-cases/{case_id}/close": lambda i: {"note": "found"},
    "POST /audits/{audit_id}/findings/": lambda i: {"do": "resolve", "finding": [i["finding_id"]], "resolution": "ignored"},
    "POST /audits/cases/": lambda i: {"case": i["case_id"], "note": "found"},
    "POST /audits/new/": lambda i: {
        "name": "Mine", "place": i["place"], "from_on": f"{timezone.now():%Y-%m-%d}", "until_on": f"{timezone.now():%Y-%m-%d}",
        "method": "walk", "recurrence": "never",
    },
    "POST /audits/{audit_id}/": lambda i: {"do": "open"},
    "POST /api/v1/audits": lambda i: {
        "name": "Mine", "from_on": f"{timezone.now():%Y-%m-%d}", "until_on": f"{timezone.now():%Y-%m-%d}",
        "scope": {"places": [str(i["location_id"])]},
    },
    "PATCH /api/v1/audits/{audit_id}": lambda i: {"name": "Ours"},
    "POST /stock/receive/": lambda i: {"asset": i["free_no"], "location": i["location_id"], "quantity": "1"},
    "POST /stock/{line_id}/": lambda i: {"do": "take", "quantity": "1"},
    "POST /transfers/new/": lambda i: {
        "assets": i["free_id"], "from_location": i["location_id"], "to_location": i["hall_id"], "note": "",
    },
    "POST /transfers/{transfer_id}/": lambda i: {"do": "cancel"},
    "POST /people/new/": lambda i: {"name": "Bert"},
    "POST /people/{person_id}/edit/": lambda i: {"name": "Bert"},
    "POST /people/{person_id}/active/": lambda i: {"active": "no"},
    "POST /people/{person_id}/erase/": lambda i: {"name": "Leaver"},
    "POST /people/{person_id}/invite/": lambda i: {"username": "leaver"},
    "POST /people/{person_id}/roles/": lambda i: {"role": "manager"},
}  # fmt: skip
# These answer whoever may without writing anything, or what is there does not fit: as the walk finds it the transfer was not sent
# off, the booking is not confirmed, the room is not empty.
WRITES_NOTHING = {
    "POST /api/v1/reports/{key}/schedules", "POST /api/v1/stock/watch",  # there is no mail server
    "POST /api/v1/enrolment-codes", "POST /enrolment/",  # the broker is not open
    "POST /api/v1/labels", "POST /api/v1/decode", "POST /api/v1/transfers/{transfer_id}/arrivals", "POST /assets/columns/",
    "POST /api/v1/bookings/{booking_id}/check-out", "POST /assets/bulk/",
    "POST /assets/selected/export/", "POST /assets/selected/labels/", "POST /labels/", "POST /labels/print/",
    "POST /places/{location_id}/delete/", "POST /api/v1/imports/{import_id}/confirm",
    "PUT /api/v1/locations/{location_id}/outline", "DELETE /api/v1/assets/{asset_id}/container",
    "POST /api/v1/assets/edits/preview", "POST /api/v1/assets/edits/{run_id}/undo", "POST /api/v1/assets/file",
    "DELETE /api/v1/categories/{category_id}", "DELETE /api/v1/locations/{location_id}", "POST /api/v1/assets/edits",
    "POST /assets/{asset_id}/take-out/", "POST /assets/bulk/confirm/", "POST /reports/{key}/schedule/",
    "POST /audits/{audit_id}/walk/",  # without a room it shows the list of them
    "POST /custody/accept/{secret}/", "POST /login/second-factor/",  # no link is open; nobody is half way in
}  # fmt: skip
# Where another example fits better: nobody has it, and it does not log in.
INSTEAD: dict[str, dict[str, str]] = {
    line: {"asset_id": "free_id"} if "{asset_id}" in line else {"person_id": "leaver_id"}
    for line in (
        "POST /api/v1/assets/{asset_id}/dispose", "POST /assets/{asset_id}/dispose/", "POST /people/{person_id}/invite/",
        "POST /api/v1/people/{person_id}/erase", "POST /people/{person_id}/erase/", "POST /api/v1/people/{person_id}/user",
    )
} | {
    line: {"audit_id": "draft_id"}
    for line in (
        "PATCH /api/v1/audits/{audit_id}", "DELETE /api/v1/audits/{audit_id}", "POST /api/v1/audits/{audit_id}/open",
        "POST /audits/{audit_id}/",
    )
} | {
    "POST /api/v1/audits/{audit_id}/reopen": {"audit_id": "reviewed_id"},
    "POST /api/v1/audits/{audit_id}/findings/resolve": {"audit_id": "reviewed_id"},
    "POST /audits/{audit_id}/findings/": {"audit_id": "reviewed_id"},
    "POST /api/v1/audits/{audit_id}/sign": {"audit_id": "resolved_id"},
}  # fmt: skip
