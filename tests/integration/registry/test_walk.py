"""Every page, file, export and API operation, walked by people of every role: inside the scope, outside it, and nobody at all.

Whoever may not see a thing gets exactly the answer of a thing that does not exist, and lists that do not differ by its being
there. Whoever sees it and may not do this with it gets 403; whoever may, gets neither 403 nor 404 nor 5xx.
A new route that only reads is walked without a line here, if its arguments are known. See the sentences below for the others.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.http import StreamingHttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from registry.access.actors import ROLES, Action
from registry.access.models import Person, RoleBinding, User
from registry.api import api
from registry.assets.models import Asset, Attachment, Category, Identifier, Location, StoredFile
from registry.assets.services import NewIdentifier, register_asset, retire_identifier
from registry.assets.trees import create_category, create_location
from registry.custody.bookings import book
from registry.custody.models import Booking, Custody, Transfer
from registry.custody.services import check_out
from registry.custody.transfers import request
from registry.tracking.gateways import add_gateway
from registry.tracking.models import Gateway as GatewayRow
from registry.tracking.models import UnknownTag, Zone
from registry.tracking.services import create_zone, project_changed_identifiers
from sync.wire import ReaderHealth
from tests.registry_world import ROOT, Gateway, World, event, lasting, make_user
from tests.routes import operations, pages

pytestmark = pytest.mark.django_db

# What a route that changes something needs, by the beginning of its line; the longest that fits counts. A route without a line is
# held to less: whoever only sees changes nothing by it. With a line in BODIES the answer to who may not is 403, else a refusal
# of the empty body (422) counts too.
NEEDS: dict[str, Action] = {
    "POST /api/v1/assets/{asset_id}/identifiers": Action.HANDLE,
    "PATCH /api/v1/assets": Action.EDIT,
    "POST /api/v1/identifiers/{identifier_id}/retire": Action.HANDLE,
    "PATCH /api/v1/locations/{": Action.EDIT,
    "POST /api/v1/unknown-tags": Action.HANDLE,
    "POST /assets/{asset_id}/identifiers": Action.HANDLE,
    "POST /identifiers": Action.HANDLE,
    "POST /assets/{asset_id}/edit": Action.EDIT,
    "POST /places/{location_id}": Action.EDIT,
}
# Valid bodies, so that a missing check cannot look like a refused value. A callable gets the ids in scope.
BODIES: dict[str, dict[str, Any]] = {
    "POST /api/v1/assets/{asset_id}/identifiers": {"text": "WALK-1"},
    "PATCH /api/v1/assets/{asset_id}": {"name": "SECRET renamed"},
    "PATCH /api/v1/locations/{location_id}": {"name": "SECRET place renamed"},
    "POST /api/v1/unknown-tags/{tag_id}/claim": {"asset": "asset_id"},
}
FORMS: dict[str, dict[str, Any]] = {}
# A page answers a refusal in its own way: back to where one came from, with the reason, instead of 403.
SAID_ON_THE_PAGE = tuple(f"POST /{area}" for area in ("assets", "identifiers", "places"))
# Not walked: the open stream lets go of the database connection (test_pages_stream.py), and what belongs to no asset.
LEFT_OUT = (
    "GET /live/stream",
    "GET /account/oidc/",
    "POST /account/oidc/",
    "POST /logout/",
    "GET /logout/",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    "GET /static",
)

UNKNOWN_KEY = (
    "{line} takes an argument {key!r} that this walk does not know: let tell_secrets() make one that belongs to the SECRET asset "
    "and return its id, or add it to OF_ONES_OWN if it is no asset's, place's or category's"
)
PEOPLE = ("nobody", *(f"{role} elsewhere" for role in ROLES), "viewer other", "manager other", "administrator other")
WORDS = ("SECRET", "UNTOLD", "UNHEARD")
QUERIES = (
    "q={value}&category={category_id}", "q={value}", "code=tag:{value}", "asset={asset_id}", "assets={asset_id}",
    "within={location_id}", "place={location_id}", "gateway=untold-gw", "identity=tag:SECRET-CODE",
)  # fmt: skip
NOTHING = "NOTHING-AT-ALL"
LOOKING = ("nobody", "manager elsewhere", "administrator other")  # through all lists, before and after
INSIDERS = tuple(f"{role} here" for role in ROLES)


@dataclass
class Walk:
    """The world with its secrets, the ids that lead to them, and a logged-in browser for each person."""

    world: World
    secret: dict[str, Any] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)
    before: dict[tuple[str, str], str] = field(default_factory=dict)


@dataclass
class Around:
    """Where the secret things will be. Whom no place limits knows the UNTOLD ones, whom no category limits the UNHEARD."""

    hall: Location
    room: Location
    category: Category
    gateway: Gateway
    zone: Zone
    person: Person


def make_around() -> Around:
    hall = create_location(by=ROOT, name="UNTOLD hall", kind="building", code="UNTOLD-H")
    room = create_location(by=ROOT, name="UNTOLD room", parent=hall)
    gateway = Gateway("untold-gw", add_gateway(by=ROOT, gateway_id="untold-gw", name="UNTOLD gateway").mac_key)
    gateway.health(ReaderHealth("UNTOLD-reader", "down", "UNTOLD reason"))
    zone = create_zone(by=ROOT, gateway=GatewayRow.objects.get(pk="untold-gw"), name="UNTOLD-zone", location=room)
    person = Person.objects.create(name="Somebody")
    return Around(hall, room, create_category(by=ROOT, name="UNHEARD things"), gateway, zone, person)


def tell_secrets(around: Around) -> dict[str, Any]:
    """One thing of every kind, none of which anybody outside its scope may hear of. Return their ids by argument name."""
    room, category, gateway, zone = around.room, around.category, around.gateway, around.zone
    made = register_asset(
        by=ROOT, name="SECRET engine", asset_no="SECRET-1", category=category, home_location=room, serial_no="SECRET-SERIAL",
        notes="SECRET note", identifiers=[NewIdentifier("tag:SECRET-CODE"), NewIdentifier("tag:SECRET-OLD")],
    )  # fmt: skip
    project_changed_identifiers()
    old = made.identifiers.get(key="tag:SECRET-OLD")
    retire_identifier(by=ROOT, identifier_id=old.pk)
    gateway.tell(
        event("arrived", "tag:SECRET-CODE", zone.name, ago_s=300), event("arrived", "tag:SECRET-STRAY", zone.name, ago_s=200)
    )
    spare = register_asset(by=ROOT, name="SECRET spare", category=category, home_location=room)
    [custody] = check_out(by=ROOT, asset_ids=[made.pk], person_id=around.person.pk).custodies
    now = timezone.now()
    booking = book(
        by=ROOT, title="SECRET trip", person_id=around.person.pk, asset_ids=[spare.pk], confirmed=False,
        from_at=now + timedelta(days=1), to_at=now + timedelta(days=2),
    )  # fmt: skip
    transfer = request(by=ROOT, asset_ids=[spare.pk], from_location=room, to_location=around.hall)
    file = StoredFile.objects.create(sha256="5e" * 32, size=9, media_type="text/plain")
    Attachment.objects.create(asset=made, file=file, kind="document", name="SECRET.txt")
    return {
        "asset_id": made.pk,
        "identifier_id": made.identifiers.get(state="active").pk,
        "location_id": room.pk,
        "category_id": category.pk,
        "zone_id": zone.pk,
        "tag_id": UnknownTag.objects.get(identity="tag:SECRET-STRAY").pk,
        "custody_id": custody.pk,
        "booking_id": booking.pk,
        "transfer_id": transfer.pk,
        "value": "SECRET-CODE",
    }


MISSING_YET = (  # the secret room has no drawing, and nobody signed
    "GET /places/{location_id}/plan", "POST /places/{location_id}/plan", "GET /custody/{custody_id}/signature/",
    "GET /api/v1/locations/{location_id}/plan",
)  # fmt: skip
# Arguments that lead to no asset or place, or to things that have tests of their own for who may see them.
OF_ONES_OWN = {
    "job_id", "import_id", "run_id", "token_id", "view_id", "person_id", "user_id", "binding_id", "change_id", "key", "word_id",
    "field_id", "link_id", "schedule_id", "plan_id", "secret", "name", "ending", "line_id", "message_id", "report", "kind",
    "slug", "provider_id", "floor_plan_id", "sha256", "code", "attachment_id", "file_id",
}  # fmt: skip


@pytest.fixture(scope="module")
def walk(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Walk]:
    with lasting(django_db_blocker) as world:
        walk = Walk(world)
        around = make_around()
        for name in (*PEOPLE, *INSIDERS):
            role, _, where = name.partition(" ")
            user = make_user(name.replace(" ", "-"), None)
            if where:
                RoleBinding.objects.create(
                    user=user, role=role, location={"elsewhere": world.places["Hall A"], "here": around.hall}.get(where),
                    category=world.categories["Pumps"] if where == "other" else None,
                )  # fmt: skip
            walk.clients[name] = client_of(user)
        walk.clients["anonymous"] = Client()
        lists = [line for line in (*operations(), *pages()) if line.startswith("GET") and "{" not in line and walked(line)]
        # Places and categories are there already: what is compared is whether the things in them show.
        for name in LOOKING:
            for line in lists:
                walk.before[name, line] = plain(ask(walk.clients[name], line, {}))
        walk.secret = tell_secrets(around)
        yield walk


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def walked(line: str) -> bool:
    return not line.startswith(LEFT_OUT)


def told(name: str, text: str) -> str:
    """What stands in the text that this person may not know."""
    known = {"elsewhere": ["UNHEARD"], "other": ["UNTOLD"]}.get(name.partition(" ")[2], [])
    return next((text[max(0, at - 100) : at + 50] for word in WORDS if word not in known and (at := text.find(word)) >= 0), "")


def hidden_from(name: str, walk: Walk) -> dict[str, Any]:
    """The ids of what this person may not know."""
    known = {"elsewhere": {"category_id"}, "other": {"location_id", "zone_id"}}.get(name.partition(" ")[2], set())
    return {key: value for key, value in walk.secret.items() if key not in known}


def lines(reading: bool) -> list[str]:
    return [line for line in (*operations(), *pages()) if walked(line) and line.startswith("GET") == reading]


def with_secret(lines: list[str]) -> list[str]:
    return [line for line in lines if set(arguments(line)) - OF_ONES_OWN]


def arguments(line: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", line)


def ask(client: Client, line: str, ids: dict[str, Any], query: str = "") -> Any:
    method, path = line.split(" ", 1)
    for key in arguments(line):
        if key not in ids and key not in OF_ONES_OWN:
            pytest.fail(UNKNOWN_KEY.format(line=line, key=key))
        path = path.replace(f"{{{key}}}", str(ids.get(key, UUID(int=7))))
    headers = {"If-Match": "*"}
    if path.startswith("/api/"):
        body = {name: str(ids[value]) if value in ids else value for name, value in BODIES.get(line, {}).items()}
        data = json.dumps(body) if method not in ("GET", "DELETE") else ""
        response = client.generic(method, path, data, "application/json", headers=headers, QUERY_STRING=query)
    elif method == "GET":
        response = client.get(path, headers=headers, QUERY_STRING=query)
    else:
        form = {name: str(ids[value]) if value in ids else value for name, value in FORMS.get(line, {}).items()}
        response = client.post(path, form, headers=headers)
    assert response.status_code < 500, f"{line}: {response.status_code} {content(response)[:300]}"
    return response


def content(response: Any) -> str:
    if getattr(response, "streaming", False):
        assert isinstance(response, StreamingHttpResponse) or hasattr(response, "streaming_content")
        parts = response.streaming_content
        if hasattr(parts, "__aiter__"):
            from asgiref.sync import async_to_sync

            async def read() -> bytes:
                return b"".join([part async for part in parts])

            return str(async_to_sync(read)().decode(errors="replace"))
        return b"".join(parts).decode(errors="replace")
    return str(response.content.decode(errors="replace"))


def plain(response: Any) -> str:
    """The answer without what differs between any two: CSRF tokens, versions that open pages listen to, the ids asked for."""
    text = content(response)
    text = re.sub(r'(csrfmiddlewaretoken" value=|X-CSRFToken": )"[^"]*"', "", text)
    text = re.sub(r'data-version="[^"]*"', "", text)
    text = re.sub(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z|[0-9]+ [A-Z][a-z]{2} [0-9:]{5} UTC|[0-9.]+ s\b", "TIME", text)
    text = re.sub(r'"last_batch_at": (null|"TIME")', "", text)  # that a gateway said something is no secret to who knows it
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", "ID", text)
    return f"{response.status_code} {text}"


@pytest.mark.parametrize("line", [line for line in lines(reading=True) if "{" not in line])
def test_a_list_does_not_show_that_something_is_there(line: str, walk: Walk) -> None:
    for name in LOOKING:
        now = plain(ask(walk.clients[name], line, {}))
        assert not told(name, now), f"{name} reads of it"
        assert now == walk.before[name, line], f"{name} sees a difference"
    answer = ask(walk.clients["anonymous"], line, {})
    assert not told("nobody", content(answer))
    ask(walk.clients["viewer here"], line, {})


@pytest.mark.parametrize("line", [line for line in lines(reading=True) if "{" not in line])
def test_asking_for_it_by_name_or_id_tells_nothing(line: str, walk: Walk) -> None:
    for name in LOOKING:
        ids = hidden_from(name, walk)
        for query in QUERIES:
            key = query.rpartition("{")[2].rstrip("}")
            known = name.endswith("other") and query.startswith("gateway")  # whom no place limits knows the gateway
            if known or ("{" in query and key not in ids):
                continue
            there = query.format_map(walk.secret)
            nowhere = (
                query.replace("SECRET-CODE", NOTHING)
                .replace("untold-gw", "nowhere-gw")
                .format_map({key: uuid4() if isinstance(value, UUID) else NOTHING for key, value in walk.secret.items()})
            )
            with undone():
                found = plain(ask(walk.clients[name], line, {}, there))
            with undone():
                expected = plain(ask(walk.clients[name], line, {}, nowhere))
            assert unasked(found) == unasked(expected), (name, query)


def unasked(text: str) -> str:
    """Without what was asked for: it stands in links, fields and sentences again."""
    return re.sub("untold-gw|nowhere-gw|SECRET-CODE|NOTHING-AT-ALL", "ASKED", masked(text))


def masked(text: str) -> str:
    """Without any id: one that was asked for stands in links and fields again."""
    return re.sub(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", "ID", text)


@pytest.mark.parametrize("line", with_secret([*lines(reading=True), *lines(reading=False)]))
def test_out_of_scope_is_the_same_as_not_there(line: str, walk: Walk) -> None:
    nothing = {key: NOTHING if key == "value" else uuid4() for key in walk.secret}
    for name in PEOPLE:
        if not set(arguments(line)) <= hidden_from(name, walk).keys() | OF_ONES_OWN:
            continue
        with undone():
            there = plain(ask(walk.clients[name], line, walk.secret))
        with undone():
            nowhere = plain(ask(walk.clients[name], line, nothing))
        assert unasked(there) == unasked(nowhere), f"{name} can tell it from what is not there"
    with undone():
        answer = ask(walk.clients["anonymous"], line, walk.secret)
        assert answer.status_code in ((401, 403) if "/api/" in line else (302, 401, 403))


@pytest.mark.parametrize("line", [line for line in with_secret(lines(reading=True)) if not line.startswith(MISSING_YET)])
def test_whoever_may_see_it_sees_it(line: str, walk: Walk) -> None:
    for name in INSIDERS:
        with undone():
            response = ask(walk.clients[name], line, walk.secret)
            assert response.status_code not in (401, 404), f"{name} does not find it"


@pytest.mark.parametrize("line", with_secret(lines(reading=False)))
def test_whoever_sees_it_and_may_not_is_refused(line: str, walk: Walk) -> None:
    fitting = [start for start in NEEDS if line.startswith(start)]
    needed = NEEDS[max(fitting, key=len)] if fitting else None
    refused = (403,) if line in BODIES else (403, 404, 409, 415, 422, 428)
    for name in INSIDERS if needed is not None else INSIDERS[:1]:
        with undone():
            before = stored(walk)
            response = ask(walk.clients[name], line, walk.secret)
            if needed is not None and needed in ROLES[name.split()[0]]:
                missing = (404,) if not line.startswith(MISSING_YET) else ()
                assert response.status_code not in (401, 403, *missing), f"{name}: {content(response)[:200]}"
                continue
            if needed is not None and not line.startswith(SAID_ON_THE_PAGE):
                assert response.status_code in refused, f"{name}: {response.status_code} {content(response)[:200]}"
            assert stored(walk) == before, f"{name} changed it"


def stored(walk: Walk) -> list[Any]:
    """What a forbidden request must leave as it is."""
    return [
        list(model.objects.order_by("pk").values())
        for model in (Asset, Identifier, Location, Category, Zone, UnknownTag, Attachment, Custody, Booking, Transfer)
    ]


@contextmanager
def undone() -> Iterator[None]:
    """What is written inside is forgotten."""
    point = transaction.savepoint()
    yield
    connection.needs_rollback = False
    transaction.savepoint_rollback(point)


def test_the_walk_knows_every_argument(walk: Walk) -> None:
    for line in (*operations(), *pages()):
        for key in arguments(line):
            assert key in walk.secret or key in OF_ONES_OWN, UNKNOWN_KEY.format(line=line, key=key)


def test_there_is_something_to_see(walk: Walk) -> None:
    """The walk proves nothing if the secret were not to be seen by anybody."""
    insider = walk.clients["viewer here"]
    shown = content(insider.get("/assets/")) + content(insider.get(reverse("asset", args=[walk.secret["asset_id"]])))
    shown += (
        content(insider.get("/live/")) + content(insider.get("/api/v1/events")) + content(insider.get("/api/v1/unknown-tags"))
    )
    for word in ("SECRET engine", "SECRET-1", "UNTOLD room", "SECRET-CODE", "SECRET-STRAY", "UNTOLD gateway"):
        assert word in shown, word
    assert timezone.now() - timedelta(days=1) < Asset.objects.get(pk=walk.secret["asset_id"]).created_at
    assert api.get_openapi_schema()["paths"]
