"""Who may open what: every page, by nobody, by somebody with a one-time password, and by a person. A line missing here fails."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from pytest_django.plugin import DjangoDbBlocker

from tests.api_callers import anonymous_with_csrf, logged_in, one_time_password
from tests.api_things import ids_of, tell_secrets
from tests.registry_world import World, lasting, undone

pytestmark = pytest.mark.django_db

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
    "POST assets-handling": FORM,
    "GET assets-handled": PAGE,
    "POST assets-handled-undo": FORM,
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
    "GET pick": PAGE,
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
    "GET zones": PAGE,
    "GET live-stream": (401, 401, 200),
    "GET zone-map": PAGE,
    "GET unknown-tags": PAGE,
    "GET claim": PAGE,
    "GET gateways": PAGE,
    "GET gateway": PAGE,
    "POST gateway-machine": FORM,
    "GET gateway-orders": PAGE,
    "GET quarantine": PAGE,
    "GET quarantine-one": PAGE,
    "POST quarantine-preview": FORM,
    "POST quarantine-settle": FORM,
    "GET audits": PAGE,
    "GET audit-new": PAGE,
    "GET audit": PAGE,
    "GET audit-walk": PAGE,
    "GET audit-findings": PAGE,
    "GET audit-report": PAGE,
    "GET audit-cases": PAGE,
    "GET reports": PAGE,
    "GET report": PAGE,
    "POST report-schedule": FORM,
    "POST report-schedule-end": (302, 302, 404),  # of somebody else
    "GET asset-judge": PAGE,
    "GET work-orders": PAGE,
    "GET work-calendar": PAGE,
    "GET work-order-new": PAGE,
    "GET work-order": PAGE,
    "GET care-feed": (404, 404, 404),  # whoever has a good secret, logged in or not
    "GET maintenance-plans": PAGE,
    "GET maintenance-plan-new": PAGE,
    "GET maintenance-plan": PAGE,
    "POST asset-meter": FORM,
    "GET agreements": PAGE,
    "GET agreement-new": PAGE,
    "GET agreement": PAGE,
    "GET agreement-edit": PAGE,
    "GET agreement-paper": PAGE,
    "GET stock": PAGE,
    "GET stock-receive": PAGE,
    "GET stock-proposal": PAGE,
    "POST stock-watch": FORM,
    "GET stock-line": PAGE,
    "GET enrolment": PAGE,
    "POST enrolment-take-back": FORM,
    "POST enrolment-decide": FORM,
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


def test_every_page_has_its_line() -> None:
    assert sorted(page_names()) == sorted(line.split()[1] for line in PAGES)


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
            if caller is logged_in and name in ("file", "file-small", "agreement-paper"):  # what somebody uploaded
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
