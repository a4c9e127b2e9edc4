"""What holds for all operations alike: lists come in pages, changes name the version they saw, what makes something can be sent
twice. Walked over the OpenAPI document, so that a new operation is held to it too."""

import json
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from ninja import Schema
from pytest_django.plugin import DjangoDbBlocker

from registry.access.models import IdempotentAnswer
from registry.api import api
from registry.assets.models import FloorPlan
from tests.api_callers import logged_in
from tests.api_things import bodies_of, ids_of, tell_secrets
from tests.registry_world import World, lasting, undone

pytestmark = pytest.mark.django_db
Operation = dict[str, Any]

# Lists that do not grow with what a company owns: what the code knows, or what one answer holds by its nature.
BOUNDED = {
    "list_reports": "the reports there are",
    "list_asset_columns": "the columns there are, and at most a few hundred fields of one's own",
    "list_editable_fields": "the fields there are",
    "list_import_fields": "the fields there are",
    "list_label_stocks": "the sheets and rolls there are",
    "get_asset_facet": "the most frequent choices; `hidden` says how many more",
    "get_transfer": "one transfer has at most 250 assets",
    "list_agreement_files": "an agreement has at most 100 papers",
    "list_meters": "an asset has at most 20 meters",
    "propose_order": "what is below its minimum, one answer to be ordered from",
}
BY_AFTER = {"list_changes", "list_known_assets", "list_known_places"}  # `next` is asked for as `after`: nothing to go back to
IN_THE_ROWS = {"change_assets"}  # each row has its own version
# Nothing is made or done by these; the key is taken all the same.
ONLY_SAYS = {"preview_edit", "preview_undo", "make_assets_file", "decode_picture"}


@cache
def whole() -> dict[str, Any]:
    return dict(api.get_openapi_schema())


@cache
def document() -> dict[str, Operation]:
    """`METHOD /path` to operation."""
    paths = whole()["paths"]
    return {f"{method.upper()} {path}": op for path, methods in paths.items() for method, op in methods.items()}


def parameters(operation: Operation, where: str) -> set[str]:
    return {one["name"] for one in operation.get("parameters", []) if one["in"] == where}


def answer_of(operation: Operation) -> dict[str, Any]:
    """The schema of what it answers with."""
    for status in ("200", "201"):
        schema = operation["responses"].get(status, {}).get("content", {}).get("application/json", {}).get("schema", {})
        if schema:
            name = schema.get("$ref", "").rpartition("/")[2]
            found: dict[str, Any] = whole()["components"]["schemas"].get(name, schema)
            return found
    return {}


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


@pytest.fixture
def anna(world: World) -> tuple[Client, dict[str, str]]:
    return logged_in()


def path_of(line: str, ids: dict[str, Any]) -> str:
    return line.split()[1].format(**ids)


# ---- lists ---------------------------------------------------------------------------------------------------------------------


def lists() -> dict[str, Operation]:
    found = {line: op for line, op in document().items() if line.startswith("GET")}
    return {line: op for line, op in found.items() if answer_of(op).get("properties", {}).get("items") is not None}


def test_every_list_that_can_grow_comes_in_pages() -> None:
    unpaged = set()
    for op in lists().values():
        asked, answered = parameters(op, "query"), set(answer_of(op)["properties"])
        pages = {"cursor", "limit"} <= asked and {"next", "previous"} <= answered
        if not pages and not (op["operationId"] in BY_AFTER and "after" in asked and "next" in answered):
            unpaged.add(op["operationId"])
    assert unpaged == set(BOUNDED)


def test_no_two_schemas_have_one_name() -> None:
    """The document would say of one operation what holds for another."""

    def below(schema: type[Schema]) -> Iterator[type[Schema]]:
        for one in schema.__subclasses__():
            yield one
            yield from below(one)

    ours = {one for one in below(Schema) if one.__module__.startswith("registry.")}
    assert [name for name, count in Counter(one.__name__ for one in ours).items() if count > 1] == []


def test_no_operation_answers_with_a_bare_list() -> None:
    bare = {op["operationId"] for op in document().values() if answer_of(op).get("type") == "array"}
    assert bare == set()


@pytest.mark.parametrize("line", [line for line, op in lists().items() if "cursor" in parameters(op, "query")])
def test_pages_follow_each_other_and_lead_back(line: str, ids: dict[str, Any], anna: tuple[Client, dict[str, str]]) -> None:
    """One at a time gives what all at once gives."""
    client, path = anna[0], path_of(line, ids)
    everything = client.get(path, {"limit": 200}).json()["items"]
    found: list[Any] = []
    cursor, back = None, None
    while len(found) < len(everything) + 2:
        page = client.get(path, {"limit": 1} | ({"cursor": cursor} if cursor else {})).json()
        found += page["items"]
        back, cursor = page["previous"], page["next"]
        if cursor is None:
            break
    assert found == everything
    if len(everything) > 1:
        assert client.get(path, {"limit": 1, "cursor": back or ""}).json()["items"] == everything[-2:-1]
    refused = client.get(path, {"cursor": "nonsense"})
    assert (refused.status_code, refused["Content-Type"]) == (400, "application/problem+json")


# ---- versions ------------------------------------------------------------------------------------------------------------------


def read_once() -> list[str]:
    return [line for line, op in document().items() if "ETag" in op["responses"].get("200", {}).get("headers", {})]


def changing() -> list[str]:
    found = [line for line, op in document().items() if line.startswith(("PUT", "PATCH"))]
    return [line for line in found if document()[line]["operationId"] not in IN_THE_ROWS]


def test_what_is_changed_in_place_can_be_read_with_an_etag() -> None:
    """Each PUT and PATCH has a GET that tells the ETag it asks for: of the same address, or of the thing it begins with."""
    read = {line.split()[1] for line in read_once()}
    for line in changing():
        path = line.split()[1]
        assert path in read or path.rpartition("/")[0] in read, line
        assert "If-Match" in parameters(document()[line], "header"), line


@pytest.mark.parametrize("line", read_once())
def test_what_is_known_is_not_sent_again(line: str, ids: dict[str, Any], anna: tuple[Client, dict[str, str]]) -> None:
    client, path = anna[0], path_of(line, ids)
    first = client.get(path)
    assert first.status_code == 200, first.content
    for known in (first["ETag"], f'W/{first["ETag"]}, "other"', "*"):
        again = client.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize("line", changing())
def test_a_lost_update_is_refused(line: str, world: World, ids: dict[str, Any], anna: tuple[Client, dict[str, str]]) -> None:
    """Without If-Match nothing is done; with the ETag of what somebody has changed since, neither, and a sentence says so."""
    client, headers = anna
    method, _ = line.split()
    if line.endswith("/audits/{audit_id}"):  # one that is open is changed no more
        ids = {**ids, "audit_id": ids["draft_id"]}
    path, body = path_of(line, ids), json.dumps(_body(line, world))
    if line.endswith("/outline"):  # the place of the plan itself is not outlined on it
        path = path.replace(str(ids["location_id"]), str(world.places["Dock"].pk))
        FloorPlan.objects.update(location=world.places["Hall A"])

    def send(seen: str | None) -> Any:
        match = {"If-Match": seen} if seen is not None else {}
        return client.generic(method, path, body, "application/json", headers={**headers, **match})

    read = path if line.split()[1] in {one.split()[1] for one in read_once()} else path.rpartition("/")[0]
    seen = client.get(read)["ETag"]
    assert (send(None).status_code, send('"99"').status_code) == (428, 412)
    done = send(seen)
    assert done.status_code == 200, done.content
    assert done["ETag"] == client.get(read)["ETag"] != seen
    lost = send(seen)
    assert (lost.status_code, lost["Content-Type"]) == (412, "application/problem+json")
    assert lost.json()["detail"].count(" ") > 3
    assert send(f"W/{done['ETag']}").status_code == 200, "what was read last is up to date"


def _body(line: str, world: World) -> Any:
    return bodies_of(world).get(line, {})


# ---- once ----------------------------------------------------------------------------------------------------------------------


def posts() -> list[str]:
    return [line for line in document() if line.startswith("POST")]


def test_every_post_takes_an_idempotency_key() -> None:
    assert [line for line in posts() if "Idempotency-Key" not in parameters(document()[line], "header")] == []


@pytest.mark.parametrize("line", [line for line in posts() if document()[line]["operationId"] not in ONLY_SAYS])
def test_what_is_sent_again_with_its_key_is_not_done_again(
    line: str, world: World, ids: dict[str, Any], anna: tuple[Client, dict[str, str]]
) -> None:
    client, headers = anna
    path, body = path_of(line, ids), json.dumps(_body(line, world))
    more = {**headers, "If-Match": "*", "Idempotency-Key": "once"}
    with undone():
        first = client.post(path, body, "application/json", headers=more)
        if first.status_code >= 400:  # refused for what it is, as test_api_access.py says: nothing was done, nothing is kept
            assert not IdempotentAnswer.objects.exists()
            return
        with CaptureQueriesContext(
            connection,
        ) as asked:
            again = client.post(path, body, "application/json", headers=more)
        assert (again.status_code, again.content, again["Idempotent-Replayed"]) == (first.status_code, first.content, "true")
        told = [query["sql"] for query in asked.captured_queries if writes(query["sql"])]
        assert all("idempotentanswer" in sql.lower() for sql in told), told


def writes(sql: str) -> bool:
    return sql.startswith(("INSERT", "UPDATE", "DELETE"))
