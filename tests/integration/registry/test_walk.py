"""Every page, file, export and API operation, walked by people of every role: inside the scope, outside it, and nobody at all.

Whoever may not see a thing gets exactly the answer of a thing that does not exist, and lists that do not differ by its being
there. Whoever sees it and may not do this with it is refused and changes nothing; whoever may, gets neither 403 nor 404 nor 5xx.
What each route needs and is sent: tests/walk_needs.py; the people and the secrets: tests/walk_world.py.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.apps import apps
from django.db import connection, transaction
from pytest_django.plugin import DjangoDbBlocker

from registry.access.actors import ROLES
from registry.api import api
from tests.routes import operations, pages
from tests.walk_needs import BODIES, INSTEAD, NEEDS, WRITES_NOTHING, Need
from tests.walk_world import EVERYWHERE, INSIDERS, KNOWN_WORDS, OUTSIDERS, WORDS, Walk, tell_secrets, walk_world

pytestmark = pytest.mark.django_db

# Not walked: the open stream lets go of the database connection (test_pages_stream.py); log-in by others has its own tests
# (test_single_sign_on.py), and so has what machines ask, which names no thing (test_metrics.py).
LEFT_OUT = (
    "GET /live/stream", "GET /account/oidc/", "POST /account/oidc/", "POST /logout/", "GET /logout/", "GET /healthz",
    "GET /readyz", "GET /metrics", "GET /static",
)  # fmt: skip
LINES = [line for line in (*operations(), *pages()) if not line.startswith(LEFT_OUT)]
LISTS = [line for line in LINES if line.startswith("GET") and "{" not in line]
QUERIES = (
    "q={value}&category={category_id}", "q={value}", "code={code}", "asset={asset_id}", "assets={asset_id}",
    "within={location_id}", "place={location_id}", "location={location_id}", "custodian={person_id}", "object_id={asset_id}",
    "object={asset_id}", "gateway={gateway}", "identity={code}",
)  # fmt: skip
LOOKING = ("nobody", "manager elsewhere", "administrator other")  # through all lists, before and after
MISSING_YET = (  # nobody signed; no link is open
    "GET /custody/{custody_id}/signature/", "GET /api/v1/custody/{custody_id}/signature", "GET /custody/accept/{secret}/",
    "POST /custody/accept/{secret}/", "GET /work-orders/calendar/{secret}.ics",
)  # fmt: skip
ID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}")
OF_ITSELF = ("django_session", "access_failure", "access_idempotentanswer")
WRITES = re.compile(rf"(?![A-Z ]+\"(?:{'|'.join(OF_ITSELF)})\")(?:INSERT|UPDATE|DELETE)")


@pytest.fixture(scope="module")
def walk(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Walk]:
    with walk_world(django_db_blocker) as (walk, around):
        # Places and categories are there already: what is compared is whether the things in them show.
        for name in LOOKING:
            for line in LISTS:
                walk.before[name, line] = plain(ask(walk, name, line, {}))
        walk.ids = tell_secrets(around) | {"gateway": "untold-gw"}
        walk.stored = stored()
        yield walk


def ask(walk: Walk, name: str, line: str, ids: dict[str, Any], query: str = "") -> Any:
    """What this person gets. Raises KeyError for an argument of which walk_world.tell_secrets() has no example."""
    client = walk.clients[name]
    method, path = line.split(" ", 1)
    instead = INSTEAD.get(line, {})
    path = re.sub(r"\{(\w+)\}", lambda found: str(ids[instead.get(found[1], found[1])]), path)
    body = BODIES[line](ids) if line in BODIES and ids else {}
    files = {key: value for key, value in body.items() if isinstance(value, bytes)} if isinstance(body, dict) else {}
    headers = {"If-Match": '"1"' if "_id}" in line and ("/bookings/" in line or "/transfers/" in line) else "*"}
    if method == "GET":
        response = client.get(path, headers=headers, QUERY_STRING=query)
    elif path.startswith("/api/") and not files:
        data = json.dumps(body, default=str) if method != "DELETE" else ""
        response = client.generic(method, path, data, "application/json", headers=headers)
    else:
        for key, value in files.items():
            body[key] = BytesIO(value)
            body[key].name = "walk.png" if value.startswith(b"\x89PNG") else "walk.csv"
        response = client.post(path, body, headers=headers)
    assert response.status_code < 500, f"{name}, {line}: {response.status_code} {content(response)[:300]}"
    client.cookies.pop("messages", None)  # the next page is asked for by somebody who comes afresh
    return response


def content(response: Any) -> str:
    if not getattr(response, "streaming", False):
        return str(response.content.decode(errors="replace"))
    parts = response.streaming_content
    if hasattr(parts, "__aiter__"):

        async def read() -> bytes:
            return b"".join([part async for part in parts])

        return async_to_sync(read)().decode(errors="replace")
    return b"".join(parts).decode(errors="replace")


def plain(response: Any) -> str:
    """The answer without what differs between any two: CSRF tokens, versions that open pages listen to, signed times, ids."""
    text = content(response)
    text = re.sub(r'(csrfmiddlewaretoken" value=|X-CSRFToken": )"[^"]*"', "", text)
    text = re.sub(r'data-version="[^"]*"', "", text)
    text = re.sub(r":\w{6}:[\w-]{43}\b", ":SIGNED", text)
    text = re.sub(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z|[0-9]+ [A-Z][a-z]{2} [0-9:]{5} UTC|[0-9.]+ s\b|D:[0-9]{14}", "TIME", text
    )
    text = re.sub(r'"last_batch_at": (null|"TIME")', "", text)  # that a gateway said something is no secret to who knows it
    return ID.sub("ID", f"{response.status_code} {response.headers.get('Location', '')} {text} {said_next(response)}")


def said_next(response: Any) -> str:
    """What the next page would say: how a form that leads elsewhere tells what became of it."""
    kept = getattr(response.wsgi_request, "_messages", None)
    return " ".join(str(one.message) for one in kept._queued_messages) if kept is not None else ""


def unasked(text: str, *asked: dict[str, Any]) -> str:
    """Without what was asked for: it stands in links, fields and sentences again."""
    for value in sorted({str(ids[key]) for ids in asked for key in TEXTS if key in ids}, key=len, reverse=True):
        text = text.replace(value, "ASKED")
    return text


TEXTS = ("value", "code", "number", "free_no", "box_no", "place", "gateway")


def differing(one: str, other: str) -> str:
    """Where two answers part."""
    at = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return f"{one[max(0, at - 60) : at + 100]!r} / {other[max(0, at - 60) : at + 100]!r}"


def told(name: str, text: str) -> str:
    """What stands in the text that this person may not know."""
    known = KNOWN_WORDS.get(name.partition(" ")[2], ())
    return next((text[max(0, at - 100) : at + 50] for word in WORDS if word not in known and (at := text.find(word)) >= 0), "")


def arguments(line: str, ids: dict[str, Any]) -> set[str]:
    """Of the address and of the body."""
    used: set[str] = set(re.findall(r"\{(\w+)\}", line))
    if line in BODIES:
        BODIES[line](_Noting(ids, used))
    return used


class _Noting(dict[str, Any]):
    def __init__(self, ids: dict[str, Any], used: set[str]) -> None:
        super().__init__(ids)
        self._used = used

    def __getitem__(self, key: str) -> Any:
        self._used.add(key)
        return super().__getitem__(key)


@contextmanager
def undone() -> Iterator[Callable[[], list[str]]]:
    """What is written inside is forgotten. Gives what tells the statements that wrote, but for sessions and counted tries."""
    wrote: list[str] = []
    before = touched()

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if WRITES.match(sql.lstrip()):
            wrote.append(sql)
        return execute(sql, params, many, context)

    point = transaction.savepoint()
    with connection.execute_wrapper(note):
        yield lambda: wrote + sorted(table for table, rows in touched().items() if rows != before.get(table, 0))
    connection.needs_rollback = False
    transaction.savepoint_rollback(point)


def touched() -> dict[str, int]:
    """How many rows of each table PostgreSQL wrote in this transaction: what it takes by COPY is no statement to be noted."""
    if connection.vendor != "postgresql":
        return {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables")
        return {table: rows for table, rows in cursor.fetchall() if table not in OF_ITSELF}


def stored() -> str:
    """A digest of every row there is, but for sessions and counted tries."""
    digest = hashlib.sha256()
    for model in apps.get_models():
        if model._meta.app_label != "contenttypes" and model._meta.db_table not in OF_ITSELF:
            digest.update(repr(list(model._default_manager.order_by("pk").values_list())).encode())
    return digest.hexdigest()


def must_have_changed_nothing(walk: Walk, wrote: Callable[[], list[str]], who: str) -> None:
    """Something may have been written and taken back."""
    if said := wrote():
        assert stored() == walk.stored, f"{who} changed something: {said[:3]}"


def test_every_route_says_what_it_needs() -> None:
    missing = set(LINES) - set(NEEDS)
    assert not missing, f"give these their line in tests/walk_needs.py: {sorted(missing)}"
    assert set(BODIES) | WRITES_NOTHING <= set(NEEDS)


@pytest.mark.parametrize("line", LISTS)
def test_a_list_does_not_show_that_something_is_there(line: str, walk: Walk) -> None:
    for name in OUTSIDERS:
        with undone():
            now = plain(ask(walk, name, line, {}))
        assert not told(name, now), f"{name} reads of it"
        before = walk.before.get((name, line), now)
        assert now == before, f"{name} sees a difference: {differing(now, before)}"


@pytest.mark.parametrize("line", LISTS)
def test_asking_for_it_by_name_or_id_tells_nothing(line: str, walk: Walk) -> None:
    unfiltered = plain(ask(walk, "administrator everywhere", line, {}))
    for query in QUERIES if makes_a_difference("&".join(QUERIES[1:]), line, walk, unfiltered) else ():
        if not makes_a_difference(query, line, walk, unfiltered):
            continue
        for name in ("manager elsewhere", "administrator other"):
            hidden = walk.hidden_from(name)
            asked = set(re.findall(r"\{(\w+)\}", query))
            if not asked & hidden or (name.endswith("other") and "gateway" in asked):  # whom no place limits knows the gateway
                continue
            nothing = walk.nothing(hidden)
            with undone():
                found = plain(ask(walk, name, line, {}, query.format_map(walk.ids)))
            with undone():
                expected = plain(ask(walk, name, line, {}, query.format_map(nothing)))
            found, expected = unasked(found, walk.ids), unasked(expected, nothing)
            assert found == expected, f"{name} asks {query}: {differing(found, expected)}"


def makes_a_difference(query: str, line: str, walk: Walk, unfiltered: str) -> bool:
    """Does this page take such a question? Asked as somebody who may see all there is."""
    return plain(ask(walk, "administrator everywhere", line, {}, query.format_map(walk.ids))) != unfiltered


@pytest.mark.parametrize("line", LINES)
def test_out_of_scope_is_the_same_as_not_there(line: str, walk: Walk) -> None:
    named = arguments(line, walk.ids)
    people = (*OUTSIDERS, *INSIDERS[:-1]) if NEEDS[line].where == "own" else OUTSIDERS
    for name in people:
        hidden = walk.hidden_from(name)
        if not named & hidden:
            continue
        nothing = walk.nothing(hidden)
        with undone() as wrote:
            there = plain(ask(walk, name, line, walk.ids))
            must_have_changed_nothing(walk, wrote, name)
        with undone():
            nowhere = plain(ask(walk, name, line, nothing))
        there, nowhere = unasked(there, walk.ids), unasked(nowhere, nothing)
        assert there == nowhere, f"{name} can tell it from what is not there: {differing(there, nowhere)}"
        assert not told(name, there), f"{name} reads of it"


@pytest.mark.parametrize("line", [line for line in LINES if NEEDS[line].where != "anybody" or "{" in line])
def test_each_role_may_what_it_says(line: str, walk: Walk) -> None:
    need = NEEDS[line]
    more = {"own": ("administrator everywhere", "owner"), "everywhere": EVERYWHERE}.get(need.where, ())
    for name in ("anonymous", *INSIDERS, *more):
        with undone() as wrote:
            response = ask(walk, name, line, walk.ids)
            said = f"{name}: {response.status_code} {response.headers.get('Location', '')} {content(response)[:300]}"
            if name == "anonymous":
                if line not in MISSING_YET:
                    assert (
                        response.status_code == 401 if "/api/" in line else response.headers["Location"].startswith("/login/")
                    ), said
            elif may(name, need):
                missing = (404,) if line not in MISSING_YET else ()
                assert response.status_code not in (401, 403, *missing), said
                if not line.startswith("GET") and line not in WRITES_NOTHING:
                    assert wrote(), f"this would have to change something: {said}"
                continue
            elif line.startswith("GET") or "/api/" in line:
                back = (302,) if "/api/" not in line else (422,) if line.endswith(("/bulk", "/edits")) else ()  # with the reason
                assert response.status_code in (403, 404, *back), said
            must_have_changed_nothing(walk, wrote, name)


def may(name: str, need: Need) -> bool:
    """Does the role say so?"""
    role, _, where = name.partition(" ")
    actions = ROLES["manager" if name == "owner" else role]
    if need.where == "everywhere":
        return where == "everywhere" and need.action in actions
    if need.where == "own":
        return name == "owner" or (need.action is not None and name == "administrator everywhere")
    return need.action is None or need.action in actions or need.or_else in actions


def test_there_is_something_to_see(walk: Walk) -> None:
    """The walk proves nothing if the secret were not to be seen by anybody."""
    insider = walk.clients["viewer here"]
    asked = ("/assets/", f"/assets/{walk.ids['asset_id']}/", "/live/", "/api/v1/events", "/api/v1/unknown-tags", "/stock/")
    shown = "".join(content(insider.get(path)) for path in asked)
    for word in ("SECRET engine", "SECRET-1", "UNTOLD room", "SECRET-CODE", "SECRET-STRAY", "UNTOLD gateway", "SECRET free"):
        assert word in shown, word
    assert api.get_openapi_schema()["paths"]
