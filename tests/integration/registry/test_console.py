"""The administrators' console: nobody else learns that it is there, it writes nothing by itself, and its actions are services."""

import re
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from registry.access import changes as log
from registry.access import factors, sessions
from registry.access.actors import ROLES
from registry.access.models import ApiToken, Change, User
from registry.access.services import issue_token
from registry.console.people import Users
from registry.console.site import site
from registry.work.models import Outgoing, Run
from tests.registry_world import ROOT, World, actor, make_user, make_world
from tests.routes import console_pages

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db: None) -> World:
    return make_world()


@pytest.fixture
def root(client: Client, world: World) -> Client:
    client.force_login(make_user("root"))
    return client


def lists() -> list[str]:
    return [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist") for model in site._registry
    ] + ["/admin/", "/admin/retention/"]  # fmt: skip


def act(client: Client, model: type[Any], action: str, *rows: Any) -> Any:
    path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return client.post(path, {"action": action, "_selected_action": [str(row.pk) for row in rows]}, follow=True)


def test_for_everybody_else_it_is_not_there(world: World) -> None:
    bound = [make_user(role, role, place=world.places["Hall A"]) for role in ROLES]
    only_pumps = make_user("only-pumps", "administrator", category=world.categories["Pumps"])
    manager = make_user("everywhere", "manager", is_staff=True)  # Django's own flag opens nothing
    for user in (*bound, only_pumps, manager):
        client = Client()
        client.force_login(user)
        for path in {*console_pages(), "/admin/login/"}:
            assert client.get(path).status_code == 404, (user.username, path)
    for path in set(console_pages()):
        answer = Client().get(path)
        assert (answer.status_code, answer["Location"]) == (302, f"/login/?next={path}"), "the ordinary log-in"
    fresh = Client()
    fresh.force_login(make_user("fresh", must_change_password=True))
    assert fresh.get("/admin/")["Location"] == "/password/"


def test_it_shows_rows_and_changes_none(root: Client, world: World) -> None:
    Run.objects.create(kind="import", request_id=ROOT.request_id)
    Outgoing.objects.create(sink="mail", topic="a@example.org", key="k", payload={"text": "SECRET link"}, next_at=timezone.now())
    world.gateway.say("events", b"garbage")
    for path in lists():
        shown = root.get(path)
        assert shown.status_code == 200, path
        assert "'unsafe-eval'" in shown["Content-Security-Policy"]
        assert b"pbkdf2" not in shown.content
        assert b"SECRET link" not in shown.content
        assert b"add/" not in shown.content
    for model, admin in site._registry.items():
        row = model._default_manager.first()
        if row is None:
            continue
        base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        one = root.get(reverse(f"{base}_change", args=[row.pk]))
        assert one.status_code == 200, model
        assert b"SECRET link" not in one.content
        before = model._default_manager.values().get(pk=row.pk)
        assert root.post(reverse(f"{base}_change", args=[row.pk]), {"name": "other"}).status_code == 403
        assert root.post(reverse(f"{base}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
        assert root.post(reverse(f"{base}_add"), {"name": "other"}).status_code == 403
        assert act(root, model, "delete_selected", row).status_code == 200
        assert model._default_manager.values().get(pk=row.pk) == before
        assert "delete_selected" not in admin.get_actions(root.get(path).wsgi_request)
    assert "'unsafe-eval'" not in root.get("/assets/")["Content-Security-Policy"]


def test_what_a_request_learns_for_its_rows_is_nobody_elses(root: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    by = actor(make_user("anna"))
    Run.objects.create(kind="import", request_id=ROOT.request_id, user=by.user_id)
    log.record(by, world.assets["Drill"], "painted")
    shared = {model: dict(vars(admin)) for model, admin in site._registry.items()}
    for path in lists():
        assert root.get(path).status_code == 200
    user = User.objects.get(username="anna")
    assert b"anna" in root.get(reverse("admin:access_user_change", args=[user.pk])).content
    assert {model: dict(vars(admin)) for model, admin in site._registry.items()} == shared
    for model in (Change, Run):
        shown = root.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")).content.decode()
        assert re.search(r">\s*anna\s*<", shown), model

    # While one list is drawn, somebody else asks for it, and has nobody logged in.
    drawn = Users.person_name

    def beside(self: Users, one: Any) -> str:
        monkeypatch.setattr(Users, "person_name", drawn)
        monkeypatch.setattr(sessions, "open_by_user", dict)
        assert Client(headers=root_cookie(root)).get(reverse("admin:access_user_changelist")).status_code == 200
        return str(drawn(self, one))

    monkeypatch.setattr(Users, "person_name", beside)
    mine = root.get(reverse("admin:access_user_changelist"), {"q": "root"}).content
    assert Users.person_name is drawn, "somebody else asked meanwhile"
    assert b">1<" in b"".join(mine.split())


def root_cookie(root: Client) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={one.value}" for name, one in root.cookies.items())}


def test_a_list_asks_as_much_for_one_row_as_for_many(root: Client, django_assert_max_num_queries: Any) -> None:
    for n in range(30):
        Outgoing.objects.create(sink="mail", topic=f"{n}@example.org", key="k", payload={}, next_at=timezone.now())
        make_user(f"user-{n}")
    for path in (reverse("admin:work_outgoing_changelist"), reverse("admin:access_user_changelist")):
        with django_assert_max_num_queries(14):
            assert root.get(path).status_code == 200


def test_sign_in_is_looked_after(root: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    anna = make_user("anna", "viewer")
    phone, desk = Client(), Client()
    for client in (phone, desk):
        client.force_login(anna)
    assert b">2<" in b"".join(root.get(reverse("admin:access_user_changelist"), {"q": "anna"}).content.split())
    answer = act(root, User, "end_sessions", anna)
    assert b"1 have to log in again" in answer.content
    assert phone.get("/assets/").status_code == desk.get("/assets/").status_code == 302
    assert Session.objects.count() == 1, "that of whoever did it"
    act(root, User, "keep_out", anna)
    assert not User.objects.get(pk=anna.pk).is_active
    act(root, User, "let_in", anna)
    assert User.objects.get(pk=anna.pk).is_active
    monkeypatch.setattr(factors, "_step_of", lambda secret, code: 1)
    factors.set_up(by=actor(anna), user=anna, secret=factors.new_secret(), code="123456")
    act(root, User, "take_factor_away", anna)
    assert not factors.has(anna)
    last = act(root, User, "keep_out", User.objects.get(username="root"))
    assert b"last administrator" in last.content
    said = set(Change.objects.filter(object_type="user", object_id=str(anna.pk)).values_list("action", flat=True))
    assert said >= {"sessions ended", "deactivated", "activated", "second factor taken away"}


def test_tokens_messages_and_runs_are_looked_after(root: Client) -> None:
    token, _ = issue_token(by=ROOT, name="old display")
    act(root, ApiToken, "revoke", token)
    assert ApiToken.objects.get(pk=token.pk).revoked_at is not None
    dead, waits = (
        Outgoing.objects.create(sink="mail", topic="a@example.org", key="k", payload={}, dead=is_dead, next_at=timezone.now())
        for is_dead in (True, False)
    )
    answer = act(root, Outgoing, "repeat", dead, waits)
    assert b"1 sent again" in answer.content
    assert b"only what was given up" in answer.content.lower()
    assert not Outgoing.objects.filter(dead=True).exists()
    act(root, Outgoing, "forget", waits)
    assert Outgoing.objects.count() == 2
    run = Run.objects.create(kind="bulk_edit", request_id=ROOT.request_id, total=7)
    act(root, Run, "cancel", run)
    assert Run.objects.get(pk=run.pk).state == "cancelled"
    act(root, Run, "resume", run)
    assert Run.objects.get(pk=run.pk).state == "waiting"
    imported = Run.objects.create(kind="import", request_id=ROOT.request_id, state="failed")
    assert b"begin again on its own page" in act(root, Run, "resume", imported).content
    actions = set(Change.objects.filter(user=User.objects.get(username="root").pk).values_list("action", flat=True))
    assert actions >= {"revoked", "sent again", "cancelled", "resumed"}
