"""Every kind of caller that the API and the pages know: a client, and the headers that it sends."""

from collections.abc import Callable

from django.test import Client

from registry.access.models import ApiToken, User
from registry.access.services import issue_token
from tests.registry_world import ROOT, make_user


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
