"""Whatever the pages can do, the API can: every page and every button has the operations that do the same, or a reason why not.

A page, a button or a saved form that is added without a line here fails, and so does a line whose operation is gone.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.urls import URLPattern, URLResolver, get_resolver

import registry
from registry.api import api
from tests.routes import methods_of

TEMPLATES = Path(registry.__file__).parent
FORM_FIELD = re.compile(r'name="(do|act)" value="([a-z]+)"')


@dataclass(frozen=True)
class Only:
    """Of the pages alone."""

    because: str


A_PERSONS_OWN = Only("how a person proves who they are is between them and the log-in; a program has a token")
BY_LINK = Only("for whoever has the link and no account: nobody accepts in another's name by a token")
FORM = Only("the empty form of what its POST does")
PART = Only("a part of a page, drawn again by a script; the page has the operations")
SHOWN_SO = Only("how one person likes to look at a list in one browser; a question says its columns itself")

ANSWERED: dict[str, tuple[str, ...] | Only] = {
    # the log-in
    "GET login": A_PERSONS_OWN, "POST login": A_PERSONS_OWN, "GET logout": A_PERSONS_OWN, "POST logout": A_PERSONS_OWN,
    "GET log-in-second-factor": A_PERSONS_OWN, "POST log-in-second-factor": A_PERSONS_OWN,
    "GET second-factor": A_PERSONS_OWN, "POST second-factor": A_PERSONS_OWN, "GET second-factor-picture": A_PERSONS_OWN,
    "GET password": A_PERSONS_OWN, "POST password": A_PERSONS_OWN,
    # finding
    "GET home": ("list_assets", "list_place_counts", "list_gateways", "list_zones", "list_unknown_tags", "list_events"),
    "GET find": ("resolve_code", "list_assets"),
    "GET palette": ("resolve_code", "list_assets", "list_locations", "list_people"),
    # the list of assets
    "GET assets": ("list_assets", "get_asset_facet"),
    "GET asset-facet": ("get_asset_facet",),
    "GET assets-export": ("get_assets_file",),
    "POST assets-export-selected": ("make_assets_file",),
    "POST assets-labels": ("print_labels",),
    "GET asset-columns": ("list_asset_columns",), "POST asset-columns": SHOWN_SO,
    "GET asset-filters": ("list_assets", "list_custom_fields"),
    "GET asset-views": ("list_saved_views",), "POST asset-views": ("save_view",),
    "POST asset-view": ("change_saved_view", "delete_saved_view"),
    "POST assets-handling": ("check_out", "check_in", "put_all_into_container", "take_out_of_container", "request_transfer"),
    "GET assets-handled": ("list_custody", "list_contents", "list_transfers"),
    "POST assets-handled-undo": (
        "check_in", "undo_check_in", "put_all_into_container", "take_out_of_container", "cancel_transfer",
    ),
    "GET pick": ("list_assets", "list_locations", "list_categories", "list_people", "list_models", "list_suppliers"),
    "POST asset-bulk": ("list_editable_fields", "preview_edit"),
    "POST asset-bulk-confirm": ("confirm_edit",),
    "GET asset-bulk-run": ("get_edit",),
    "GET asset-bulk-undo": ("preview_undo",),
    # one asset
    "GET asset": ("get_asset", "list_contents", "list_links", "list_asset_files", "list_events", "list_changes", "list_custody",
                  "list_bookings", "list_stock"),
    "GET asset-new": FORM, "POST asset-new": ("create_asset",),
    "GET asset-edit": ("get_asset",), "POST asset-edit": ("change_asset",),
    "GET asset-own-fields": ("list_custom_fields",),
    "POST identifier-add": ("add_identifier",),
    "POST identifier-retire": ("retire_identifier",),
    "POST asset-files": ("add_asset_file",),
    "GET file": ("download_file",), "GET file-small": ("download_small_picture",),
    "POST file-change": ("set_main_photo", "delete_file"),
    "POST asset-put-into": ("put_into_container",), "POST asset-take-out": ("take_out_of_container",),
    "POST link-add": ("add_link",), "POST link-remove": ("remove_link",),
    "POST asset-duplicate": ("duplicate_asset",), "POST asset-dispose": ("dispose_asset",),
    # words
    "GET words": ("list_categories", "list_models", "list_suppliers", "list_cost_centers", "list_status_labels", "list_tags",
                  "list_custom_fields"),
    "POST words-starter": ("put_starter_set",),
    "GET words-kind": ("list_categories", "list_models", "list_suppliers", "list_cost_centers", "list_status_labels",
                       "list_tags", "list_custom_fields"),
    "POST words-kind": ("create_category", "create_model", "create_supplier", "create_cost_center", "create_status_label",
                        "create_tag", "create_custom_field"),
    "GET words-one": ("get_category", "get_model", "get_supplier", "get_cost_center", "get_status_label", "get_tag",
                      "get_custom_field"),
    "POST words-one": ("change_category", "delete_category", "change_model", "delete_model", "change_supplier",
                       "delete_supplier", "change_cost_center", "delete_cost_center", "change_status_label",
                       "delete_status_label", "rename_tag", "merge_tag", "delete_tag", "change_custom_field"),
    # places
    "GET places": ("list_locations", "list_place_counts", "list_location_assets"),
    "GET place": ("get_location", "list_place_counts", "list_location_assets", "list_expected", "list_zones"),
    "GET place-new": FORM, "POST place-new": ("create_location",),
    "GET place-edit": ("get_location",), "POST place-edit": ("change_location",),
    "POST place-delete": ("delete_location",),
    "GET place-then": ("list_place_contents",),
    "GET place-expected": ("list_expected",),
    "GET place-plan": ("get_plan", "list_outlines", "list_place_counts"), "POST place-plan": ("put_plan", "remove_plan"),
    "GET place-plan-edit": ("list_outlines",), "POST place-plan-edit": ("outline_location",),
    "GET plan-image": ("download_plan",),
    "GET map": ("list_markers",),
    # custody
    "GET custody": ("list_custody",),
    "GET check-out": FORM, "POST check-out": ("check_out",),
    "GET check-in": FORM, "POST check-in": ("check_in",),
    "GET custody-accept": BY_LINK, "POST custody-accept": BY_LINK,
    "GET custody-one": ("get_custody",), "POST custody-one": ("extend_custody", "hand_over", "make_accept_link"),
    "GET custody-signature": ("download_signature",),
    "GET bookings": ("list_bookings", "list_custody"),
    "GET booking-new": FORM, "POST booking-new": ("book",),
    "GET booking": ("get_booking",), "POST booking": ("confirm_booking", "cancel_booking", "check_out_booking"),
    "GET transfers": ("list_transfers",),
    "GET transfer-new": FORM, "POST transfer-new": ("request_transfer",),
    "GET transfer": ("get_transfer",),
    "POST transfer": ("dispatch_transfer", "refuse_transfer", "cancel_transfer", "confirm_arrivals"),
    # scanning
    "GET scan": ("list_known_assets", "list_known_places"), "POST scan": ("take_scans", "decode_picture"),
    "GET scan-worker": Only("the script that keeps the scan page without a network"),
    "GET scan-unknown": ("resolve_code", "list_unknown_tags"),
    "GET scan-drawer": ("list_assets",), "POST scan-drawer": ("change_assets", "put_all_into_container"),
    # labels
    "GET labels": ("list_label_stocks",), "POST labels": Only("a preview of what is printed; print_labels gives the whole"),
    "POST labels-print": ("print_labels", "print_label_frames"),
    "GET giai": ("resolve_code",), "GET grai": ("resolve_code",), "GET sgtin": ("resolve_code",),
    # people
    "GET people": ("list_people",),
    "GET person-new": FORM, "POST person-new": ("create_person", "invite_person"),
    "GET person": ("get_person", "list_roles", "list_tokens"),
    "GET person-edit": ("get_person",), "POST person-edit": ("change_person",),
    "POST person-invite": ("invite_person",), "POST person-password": ("give_new_password",),
    "POST person-active": ("let_log_in",), "POST person-erase": ("erase_person",),
    "POST person-bind": ("give_role",), "POST person-unbind": ("take_role",),
    "GET tokens": ("list_tokens",), "POST tokens": ("create_token",), "POST token-revoke": ("revoke_token",),
    "GET changes": ("list_changes",), "GET changes-export": ("get_changes_file",),
    # live
    "GET live": ("list_gateways", "list_zones", "list_unknown_tags", "list_events"), "GET live-parts": PART,
    "GET live-stream": Only("an open stream for pages; a program asks list_events with recorded_since, or listens to MQTT"),
    "GET zones": ("list_zones",),
    "GET zone-map": ("get_zone",), "POST zone-map": ("map_zone", "create_location"),
    "GET unknown-tags": ("list_unknown_tags",),
    "GET claim": ("list_unknown_tags", "list_assets"), "POST claim": ("claim_unknown_tag",),
    "GET gateways": ("list_gateways",),
    "GET gateway-orders": ("list_orders", "get_order", "get_configuration"), "POST gateway-orders": ("place_order",),
    "GET gateway": ("get_gateway", "list_zones", "list_events"),
    "POST gateway-machine": ("trust_machine",),
    "GET quarantine": ("list_quarantine",), "GET quarantine-one": ("get_quarantined",),
    "POST quarantine-preview": ("preview_quarantined",),
    "POST quarantine-settle": ("retry_quarantined", "discard_quarantined"),
    # enrolment
    "GET enrolment": ("list_enrolment_codes", "list_enrolments"), "POST enrolment": ("create_enrolment_code",),
    "POST enrolment-take-back": ("take_back_enrolment_code",),
    "POST enrolment-decide": ("approve_enrolment", "refuse_enrolment"),
    # reports and stock
    "GET reports": ("list_reports", "list_report_schedules"),
    "GET report": ("get_report", "get_report_file"),
    "POST report-schedule": ("schedule_report",), "POST report-schedule-end": ("end_report_schedule",),
    "GET asset-judge": FORM, "POST asset-judge": ("assess_asset", "add_asset_file"),
    "GET work-orders": ("list_work_orders",), "GET work-calendar": ("list_work_orders",), "POST work-calendar": A_PERSONS_OWN,
    "GET care-feed": ("list_work_orders",), "GET work-order-new": FORM, "POST work-order-new": ("make_work_order",),
    "GET work-order": ("get_work_order", "list_changes"), "POST work-order": ("change_work_order",),
    "GET maintenance-plans": ("list_maintenance_plans",), "GET maintenance-plan-new": FORM,
    "POST maintenance-plan-new": ("make_maintenance_plan",), "GET maintenance-plan": ("get_maintenance_plan",),
    "POST maintenance-plan": ("change_maintenance_plan",), "POST asset-meter": ("read_meter",),
    "GET agreements": ("list_agreements",), "GET agreement-new": FORM, "POST agreement-new": ("make_agreement",),
    "GET agreement": ("get_agreement", "list_covered_assets", "list_seats", "list_agreement_files", "list_changes"),
    "POST agreement": ("cover_assets", "give_seat", "add_agreement_file"),
    "GET agreement-edit": FORM, "POST agreement-edit": ("change_agreement",),
    "GET agreement-paper": ("download_agreement_file",),
    "GET stock": ("list_stock", "get_stock_watch"),
    "GET stock-receive": FORM, "POST stock-receive": ("receive_stock",),
    "GET stock-line": ("get_stock", "list_stock_movements"),
    "POST stock-line": ("take_stock", "count_stock", "move_stock", "set_stock_levels"),
    "GET stock-proposal": ("propose_order",), "POST stock-watch": ("watch_stock",),
    # audits
    "GET audits": ("list_audits",),
    "GET audit-new": FORM, "POST audit-new": ("plan_audit",),
    "GET audit": ("get_audit", "list_audit_places", "list_audit_expected"),
    "POST audit": ("change_audit", "discard_audit", "open_audit", "review_audit"),
    "GET audit-findings": ("list_audit_findings",),
    "POST audit-findings": ("resolve_audit_findings", "sign_audit", "reopen_audit"),
    "GET audit-report": ("get_audit_report", "get_audit_seal"),
    "GET audit-cases": ("list_audit_cases",), "POST audit-cases": ("close_audit_case",),
    "GET audit-walk": ("list_audit_places", "list_audit_expected"),
    "POST audit-walk": ("take_audit_evidence", "add_audit_photo", "set_audit_room_done"),
    # what goes out, and imports
    "GET undelivered": ("list_undelivered",),
    "POST undelivered-repeat": ("repeat_undelivered",), "POST undelivered-forget": ("forget_undelivered",),
    "GET imports": ("list_imports",), "POST imports": ("create_import",),
    "GET import": ("get_import", "list_import_rows", "list_import_problems", "list_import_fields"),
    "GET import-progress": ("get_import",), "GET import-errors": ("list_import_problems",),
    "POST import-read": ("read_import_again",), "POST import-check": ("check_import",),
    "POST import-confirm": ("confirm_import",), "POST import-cancel": ("cancel_import",),
}  # fmt: skip

# The buttons of a page that say what they do by a field of its form: each one's operation.
BUTTONS: dict[str, str | Only] = {
    "audits/one.html do=review": "review_audit",
    "audits/one.html do=once": "change_audit",
    "audits/findings.html do=resolve": "resolve_audit_findings",
    "audits/findings.html do=sign": "sign_audit",
    "audits/findings.html do=reopen": "reopen_audit",
    "audits/room.html do=scan": "take_audit_evidence",
    "audits/room.html do=tick": "take_audit_evidence",
    "audits/room.html do=done": "set_audit_room_done",
    "audits/room.html do=again": "set_audit_room_done",
    "care/calendar.html do=address": Only("a person's own calendar; a program has a token"),
    "care/calendar.html do=revoke": Only("a person's own calendar; a program has a token"),
    "audits/draft.html do=cover": "change_audit",
    "audits/draft.html do=discard": "discard_audit",
    "audits/draft.html do=open": "open_audit",
    "audits/draft.html do=save": "change_audit",
    "audits/draft.html do=uncover": "change_audit",
    "care/agreement.html do=cover": "cover_assets",
    "care/agreement.html do=uncover": "uncover_asset",
    "care/agreement.html do=seat": "give_seat",
    "care/agreement.html do=free": "free_seat",
    "care/agreement.html do=paper": "add_agreement_file",
    "care/agreement.html do=unpaper": "delete_agreement_file",
    "care/agreement.html do=delete": "delete_agreement",
    "custody/booking.html do=confirm": "confirm_booking",
    "custody/booking.html do=cancel": "cancel_booking",
    "custody/booking.html do=out": "check_out_booking",
    "custody/one.html do=extend": "extend_custody",
    "custody/one.html do=over": "hand_over",
    "custody/one.html do=link": "make_accept_link",
    "custody/transfer.html do=arrived": "confirm_arrivals",
    "custody/transfer.html do=cancel": "cancel_transfer",
    "custody/transfer.html do=refuse": "refuse_transfer",
    "custody/transfer.html do=dispatch": "dispatch_transfer",
    "enrolment/enrolment.html do=approve": "approve_enrolment",
    "enrolment/enrolment.html do=refuse": "refuse_enrolment",
    "places/plan.html do=remove": "remove_plan",
    "tracking/quarantine.html do=retry": "preview_quarantined",
    "tracking/quarantine.html do=discard": Only("asks for the reason first; what it shows is list_quarantine"),
    "tracking/quarantine_preview.html do=retry": "retry_quarantined",
    "tracking/quarantine_preview.html do=discard": "discard_quarantined",
    "tracking/quarantine_one.html do=retry": "retry_quarantined",
    "tracking/quarantine_one.html do=discard": "discard_quarantined",
    "scanning/drawer.html act=container": "put_all_into_container",
    "scanning/drawer.html act=home": "change_assets",
    "web/_files.html do=main": "set_main_photo",
    "web/_files.html do=delete": "delete_file",
    "web/second_factor.html do=off": A_PERSONS_OWN,
    "web/words_one.html do=delete": "delete_model",
}


def of_pages() -> set[str]:
    """`METHOD name` of every page, without probes and the log-in by others."""
    return {f"{method} {pattern.name}" for pattern in _patterns(get_resolver().url_patterns) for method in methods_of(pattern)}


def _patterns(patterns: list[URLPattern | URLResolver]) -> list[URLPattern]:
    found: list[URLPattern] = []
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            found += _patterns(pattern.url_patterns) if pattern.namespace is None else []
        elif pattern.name not in ("healthz", "readyz", "metrics") and not (pattern.name or "").startswith("openid_connect_"):
            found.append(pattern)
    return found


@cache
def operation_ids() -> set[str]:
    return {op["operationId"] for methods in api.get_openapi_schema()["paths"].values() for op in methods.values()}


def test_every_page_has_its_operations_or_a_reason() -> None:
    assert sorted(of_pages()) == sorted(ANSWERED), "say in ANSWERED which operations do the same as this page"


def test_every_button_has_its_operation_or_a_reason() -> None:
    found = set()
    for file in TEMPLATES.glob("*/templates/**/*.html"):
        named = file.relative_to(file.parents[1]).as_posix()
        found |= {f"{named} {field}={value}" for field, value in FORM_FIELD.findall(file.read_text())}
    assert found == set(BUTTONS), "say in BUTTONS which operation does the same as this button"


def test_every_operation_that_a_page_or_button_names_is_there() -> None:
    named = {name for line in ANSWERED.values() if not isinstance(line, Only) for name in line}
    named |= {name for name in BUTTONS.values() if isinstance(name, str)}
    assert named <= operation_ids()
    assert all(line.because for line in (*ANSWERED.values(), *BUTTONS.values()) if isinstance(line, Only))
