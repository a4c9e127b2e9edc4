"""Whatever the API refuses, and however early: one form of answer (RFC 9457), with a sentence that says what to do instead."""

import json
from typing import Any

import pytest
from django.core.exceptions import DisallowedHost
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from registry.access.throttle import FREE_TRIES_OF_ADDRESS
from tests.registry_world import Caller, World, make_user, make_world
from tests.routes import operations

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db: None) -> World:
    return make_world()


def problem(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.content[:300]
    assert response["Content-Type"] == "application/problem+json"
    said: dict[str, Any] = json.loads(response.content)
    assert said["status"] == status
    assert said["title"] != "Problem", "a status without a title of its own"
    assert said["type"] == "about:blank"
    assert said["detail"].strip().endswith((".", ":")) or said.get("errors"), said
    return said


def test_a_method_that_an_address_does_not_take() -> None:
    for path in sorted({line.split()[1] for line in operations()}):
        response = Client().generic("TRACE", path)
        said = problem(response, 405)
        takes = {line.split()[0] for line in operations() if line.split()[1] == path}
        assert set(response["Allow"].split(", ")) == takes
        assert all(method in said["detail"] for method in takes)


@pytest.mark.parametrize(
    ("body", "kind", "status", "hint"),
    [
        ("name=Vice", "application/x-www-form-urlencoded", 415, "application/json"),
        ('{"name": "Vice"}', "text/plain", 415, "text/plain"),
        ('{"name": ', "application/json", 400, "line 1, column 10"),
        (b'{"name": "\xff"}', "application/json", 400, "UTF-8"),
        ("[" * 100_000, "application/json", 400, "nested"),
        ("", "application/json", 422, ""),
        ("[1]", "application/json", 422, ""),
        ('{"name": 1}', "application/json", 422, ""),
        ('{"name": "Vice", "colour": "red"}', "application/json", 422, ""),
    ],
)
def test_a_body_that_cannot_be_taken(body: str | bytes, kind: str, status: int, hint: str, world: World) -> None:
    response = Client().post("/api/v1/assets", body, kind, headers=Caller().headers)
    said = problem(response, status)
    assert hint in said["detail"]
    if status == 422:
        assert all(error["detail"] and error["pointer"].startswith("#") for error in said["errors"])


def test_an_upload_that_is_none(world: World) -> None:
    path, headers = f"/api/v1/assets/{world.assets['Drill'].pk}/files", Caller().headers
    problem(Client().post(path, "{}", "application/json", headers=headers), 415)
    said = problem(Client().post(path, {"other": SimpleUploadedFile("a.txt", b"a")}, headers=headers), 422)
    assert said["errors"][0]["parameter"] == "file"


def test_a_body_that_is_too_large(world: World, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    problem(Client().post("/api/v1/assets", json.dumps({"name": "x" * 2000}), "application/json", headers=Caller().headers), 413)


def test_a_value_of_the_address_that_cannot_be_taken(world: World) -> None:
    api = Caller()
    assert problem(api("GET", "/assets?limit=0"), 422)["errors"][0]["parameter"] == "limit"
    assert problem(api("GET", "/assets?cursor=nonsense"), 400)["errors"][0]["parameter"] == "cursor"
    assert problem(api("GET", "/assets/nonsense"), 422)["errors"][0]["parameter"] == "asset_id"


def test_who_is_asking(world: World) -> None:
    response = Client().get("/api/v1/assets")
    problem(response, 401)
    assert response["WWW-Authenticate"].startswith("Bearer")
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user())
    problem(client.post("/api/v1/assets", "{}", "application/json"), 403)


def test_too_many_wrong_tokens_say_when_to_come_back(world: World) -> None:
    for _ in range(FREE_TRIES_OF_ADDRESS):
        response = Client().get("/api/v1/assets", headers={"Authorization": "Bearer spt_wrong_wrong"})
    response = Client().get("/api/v1/assets", headers={"Authorization": "Bearer spt_wrong_wrong"})
    problem(response, 429)
    assert 0 < int(response["Retry-After"]) <= 15


def test_what_django_refuses_before_anybody_else(settings: Settings) -> None:
    """A host that is not ours."""
    settings.ALLOWED_HOSTS = ["registry.example"]
    client = Client(headers={"Host": "evil.example"}, raise_request_exception=False)
    with pytest.raises(DisallowedHost):
        client.get("/api/v1/assets").wsgi_request.get_host()
    problem(client.get("/api/v1/assets"), 400)


def test_a_failure_of_ours_is_a_problem_too_and_says_nothing_of_its_cause(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("SECRET")

    monkeypatch.setattr("registry.assets.finding.find", broken)
    response = Client(raise_request_exception=False).get("/api/v1/assets", headers=Caller().headers)
    assert "SECRET" not in json.dumps(problem(response, 500))
