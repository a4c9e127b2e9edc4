"""The settings of django-unfold for /admin/ (settings.UNFOLD): its words, colours and side navigation."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy


def _link(title: str, icon: str, name: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{name}")}


def _group(title: str, *links: dict[str, Any]) -> dict[str, Any]:
    return {"title": title, "separator": True, "items": list(links)}


ACCENT = {  # the accent of look/sightpost.css in unfold's steps
    "50": "#eef4fb", "100": "#dbe8f7", "200": "#bcd4ef", "300": "#90b8e4", "400": "#5f95d5", "500": "#3c78c2", "600": "#2560aa",
    "700": "#1f4e8a", "800": "#1d4372", "900": "#1c3a60", "950": "#13253f",
}  # fmt: skip
UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Sightpost console",
    "SITE_HEADER": "Sightpost",
    "SITE_SUBHEADER": "Console",
    "SITE_SYMBOL": "sensors",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("look/mark.svg")}],
    "SITE_URL": reverse_lazy("home"),
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "COLORS": {"primary": ACCENT},
    "ACCOUNT": {"navigation": [{"title": "Change password", "link": reverse_lazy("password")}]},
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            _group(
                "People",
                _link("Users and sign-in", "person", "access_user_changelist"),
                _link("Tokens", "key", "access_apitoken_changelist"),
                _link("Log of changes", "history", "access_change_changelist"),
            ),
            _group(
                "Work",
                _link("Outgoing", "outbox", "work_outgoing_changelist"),
                _link("Runs", "play_circle", "work_run_changelist"),
                _link("Work process", "memory", "work_workprocess_changelist"),
                _link("Retention", "auto_delete", "retention"),
            ),
            _group(
                "Gateways",
                _link("Gateways", "router", "tracking_gateway_changelist"),
                _link("Outboxes", "format_list_numbered", "tracking_gatewayepoch_changelist"),
                _link("Gaps", "power_off", "tracking_gap_changelist"),
                _link("Ingest", "input", "tracking_ingestworker_changelist"),
                _link("Refused records", "block", "tracking_quarantine_changelist"),
                _link("Unknown tags", "sell", "tracking_unknowntag_changelist"),
            ),
        ],
    },
}
