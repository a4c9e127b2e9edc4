"""People, roles and tokens: who may give what, the last administrator, erasing somebody, and the log that tells of it."""

import re
from datetime import timedelta
from html import unescape
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from registry import retention, triggers
from registry.access import changes as log
from registry.access import people, services
from registry.access.actors import ROLES
from registry.access.models import ApiToken, Change, Person, RoleBinding, User
from registry.assets.models import CostCenter, StoredFile
from registry.assets.own_fields import create_field
from registry.assets.services import change_asset, register_asset
from registry.assets.trees import create_category, create_location
from registry.configuration import RetentionSection
from registry.custody.models import Custody
from registry.custody.services import accept, check_in, check_out
from registry.people.log import Wanted, find, of_object
from registry.people.naming import bind_by_names
from registry.people.words import MEANS
from registry.problems import Forbidden, Invalid, NotFound, Taken
from tests.registry_world import PASSWORD, ROOT, Caller, actor, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna() -> Person:
    make_user("root")
    return people.invite(by=ROOT, username="anna", name="Anna Berg", email="anna@example.com")[0]


def user_of(person: Person) -> User:
    assert person.user is not None
    return person.user


def test_every_role_is_explained() -> None:
    assert set(MEANS) == set(ROLES)


def test_an_invited_person_may_nothing_until_they_get_a_role(client: Client, anna: Person) -> None:
    password = people.new_password(by=ROOT, user_id=user_of(anna).pk)
    client.post("/login/", {"username": "anna", "password": password})
    assert client.get("/")["Location"] == "/password/"
    User.objects.filter(pk=user_of(anna).pk).update(must_change_password=False)
    register_asset(by=ROOT, name="SECRET")
    assert b"SECRET" not in client.get("/assets/").content
    people.bind(by=ROOT, user_id=user_of(anna).pk, role="viewer")
    assert b"SECRET" in client.get("/assets/").content


def test_names_are_taken_whatever_their_case(anna: Person) -> None:
    with pytest.raises(Taken):
        people.invite(by=ROOT, username="ANNA")
    with pytest.raises(Invalid, match="already"):
        people.invite(by=ROOT, username="anna2", person=anna)
    people.create_person(by=ROOT, name="Bert", number="7")
    with pytest.raises(Taken):
        people.create_person(by=ROOT, name="Carl", number="7")


@pytest.mark.parametrize("role", [role for role in ROLES if role != "administrator"])
def test_only_administrators_of_everything_manage_people(anna: Person, role: str) -> None:
    hall = create_location(by=ROOT, name="Hall")
    for by in (actor(make_user("one", role)), actor(make_user("two", "administrator", place=hall))):
        with pytest.raises(Forbidden):
            people.bind(by=by, user_id=user_of(anna).pk, role="viewer")
        with pytest.raises(Forbidden):
            people.erase_person(by=by, person_id=anna.pk)
        with pytest.raises(Forbidden):
            services.issue_token(by=by, name="x", user=user_of(anna))


def test_the_last_administrator_cannot_be_removed() -> None:
    first, second = make_user("first", "administrator"), make_user("second", "administrator")
    people.set_active(by=ROOT, user_id=first.pk, active=False)
    with pytest.raises(Invalid, match="last administrator"):
        people.set_active(by=ROOT, user_id=second.pk, active=False)
    assert User.objects.get(pk=second.pk).is_active
    with pytest.raises(Invalid, match="last administrator"):
        people.unbind(by=ROOT, binding_id=second.bindings.get().pk)
    person = Person.objects.create(name="Second", user=second)
    with pytest.raises(Invalid, match="last administrator"):
        people.erase_person(by=ROOT, person_id=person.pk)
    person.refresh_from_db()
    assert (person.name, User.objects.get(pk=second.pk).username) == ("Second", "second")
    people.set_active(by=ROOT, user_id=first.pk, active=True)
    people.unbind(by=ROOT, binding_id=second.bindings.get().pk)


def test_the_same_role_is_given_once() -> None:
    user, hall = make_user("u", "viewer"), create_location(by=ROOT, name="Hall")
    bind_by_names(by=ROOT, username="u", role="viewer", place=hall.code, category=None)
    for place in (None, hall):
        with pytest.raises(Taken):
            people.bind(by=ROOT, user_id=user.pk, role="viewer", location=place)
    with pytest.raises(NotFound):
        bind_by_names(by=ROOT, username="u", role="viewer", place="nowhere", category=None)


def test_erasing_keeps_what_happened_and_forgets_who_it_was(client: Client, anna: Person) -> None:
    user = user_of(anna)
    people.bind(by=ROOT, user_id=user.pk, role="manager")
    token, text = services.issue_token(by=actor(user), name="display", user=user)
    drill = register_asset(by=actor(user), name="Drill")
    User.objects.filter(pk=user.pk).update(must_change_password=False)
    client.force_login(user)
    assert client.get("/assets/").status_code == 200
    people.change_person(by=ROOT, person_id=anna.pk, department="Workshop 9")
    people.erase_person(by=ROOT, person_id=anna.pk)
    anna.refresh_from_db()
    assert anna.name.startswith("Erased person ")
    assert (anna.email, anna.department, anna.number, anna.active) == ("", "", None, False)
    assert client.get("/assets/").status_code == 302, "the open session has ended"
    assert services.authenticate_token(text) is None
    assert not client.login(username="anna", password=PASSWORD)
    kept = repr([*Change.objects.values(), *User.objects.exclude(username="root").values(), *Person.objects.values()])
    for word in ("Anna", "anna", "Berg", "Workshop 9"):
        assert word not in kept, word
    [entry] = find(ROOT, Wanted(kind="asset", object_id=str(drill.pk))).entries
    assert entry.who == anna.name
    assert ApiToken.objects.get(pk=token.pk).revoked_at is not None
    assert people.erase_person(by=ROOT, person_id=anna.pk) == anna, "twice is as good as once"


def test_what_an_erased_person_signed_is_taken_away(anna: Person) -> None:
    drill = register_asset(by=ROOT, name="Drill")
    out = check_out(by=ROOT, asset_ids=[drill.pk], person_id=anna.pk)
    signature = StoredFile.objects.create(sha256="5e" * 32, size=9, media_type="image/png")
    accept(custodies=out.custodies, name="A. Berg", signature=signature, by=ROOT)
    check_in(by=ROOT, asset_ids=[drill.pk])
    people.erase_person(by=ROOT, person_id=anna.pk)
    [custody] = Custody.objects.values()
    assert not custody["accepted_as"]
    assert custody["signature_id"] is None
    assert custody["accepted_at"] is not None, "that it was accepted stays"
    assert "Berg" not in repr([*Change.objects.values()])


def test_a_token_may_what_its_user_may_within_scope_networks_and_time(anna: Person) -> None:
    user = user_of(anna)
    hall, yard = create_location(by=ROOT, name="Hall"), create_location(by=ROOT, name="Yard")
    register_asset(by=ROOT, name="Here", home_location=hall)
    register_asset(by=ROOT, name="There", home_location=yard)
    people.bind(by=ROOT, user_id=user.pk, role="manager", location=hall)
    _, text = services.issue_token(by=actor(user), name="t", scope="write", user=user, allowed_ips=["192.0.2.0/24"])

    def ask(address: str) -> tuple[int, str]:
        answer = Client().get("/api/v1/assets", headers={"Authorization": f"Bearer {text}"}, REMOTE_ADDR=address)
        return answer.status_code, answer.content.decode()

    status, shown = ask("192.0.2.7")
    assert (status, "Here" in shown, "There" in shown) == (200, True, False)
    assert ask("198.51.100.7")[0] == 401
    assert ApiToken.objects.get().last_used_at is not None
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert ask("192.0.2.7")[0] == 401


def test_a_persons_token_makes_no_tokens(anna: Person) -> None:
    user = user_of(anna)
    people.bind(by=ROOT, user_id=user.pk, role="administrator")
    _, text = services.issue_token(by=actor(user), name="t", scope="write", user=user)
    answer = Client().post("/api/v1/tokens", '{"name": "more"}', "application/json", headers={"Authorization": f"Bearer {text}"})
    assert answer.status_code == 403


def test_guessing_tokens_is_slowed_down() -> None:
    statuses = {Client().get("/api/v1/assets", headers={"Authorization": f"Bearer spt_{n}_x"}).status_code for n in range(103)}
    assert statuses == {401, 429}


# ---- the log of changes --------------------------------------------------------------------------------------------------------


def test_the_log_is_never_altered_and_only_ever_shortened() -> None:
    register_asset(by=ROOT, name="Drill")
    with pytest.raises(IntegrityError), transaction.atomic():
        Change.objects.update(action="nothing")
    assert triggers.installed() == triggers.expected()
    Change.objects.all().delete()


def test_who_reads_which_changes_and_which_values_of_them() -> None:
    hall, yard, tools = (
        create_location(by=ROOT, name="Hall"),
        create_location(by=ROOT, name="Yard"),
        create_category(by=ROOT, name="T"),
    )
    drill = register_asset(by=ROOT, name="Drill", home_location=hall, category=tools, purchase_cost="4711", currency="EUR")
    register_asset(by=ROOT, name="SECRET", home_location=yard, category=tools)
    change_asset(by=ROOT, asset_id=drill.pk, version=1, changes={"name": "Drill 2"})
    auditor = actor(make_user("a", "auditor", place=hall))
    names = {(entry.name, entry.change.action) for entry in find(auditor, Wanted()).entries}
    assert (f"{drill.asset_no} Drill 2", "changed") in names
    assert not any("SECRET" in name or "Yard" in name for name, _ in names)
    assert "4711" not in repr(find(auditor, Wanted()).entries), "cost is for others"
    assert "4711" in repr(find(actor(make_user("c", "accountant")), Wanted()).entries)
    change_asset(by=ROOT, asset_id=drill.pk, version=2, changes={"home_location": yard})
    assert find(auditor, Wanted(kind="asset")).entries == [], "it is not theirs any more"
    manager = actor(make_user("m", "auditor", place=yard))
    [moved, *_] = of_object(manager, "asset", drill.pk)
    assert [(f.name, f.before, f.after) for f in moved.fields] == [("home_location", "elsewhere", "Yard")]
    with pytest.raises(Forbidden):
        find(actor(make_user("v", "viewer")), Wanted())
    assert of_object(actor(make_user("v2", "viewer")), "asset", drill.pk) == []


def test_what_an_entry_refers_to_is_named_and_leads_there(client: Client) -> None:
    hall, yard = create_location(by=ROOT, name="Hall"), create_location(by=ROOT, name="Yard")
    drill = register_asset(by=ROOT, name="Drill", home_location=hall)
    root = actor(make_user("root"))
    change_asset(by=root, asset_id=drill.pk, version=1, changes={"home_location": yard})
    [entry] = of_object(root, "asset", drill.pk, most=1)
    [home] = entry.fields
    assert [(part.text, part.link, part.key) for part in (*home.was, *home.now)] == [
        ("Hall", f"/places/{hall.pk}/", str(hall.pk)),
        ("Yard", f"/places/{yard.pk}/", str(yard.pk)),
    ]
    auditor = actor(make_user("auditor", "auditor", place=yard))
    [entry] = of_object(auditor, "asset", drill.pk, most=1)
    assert [(part.text, part.link, part.key) for part in entry.fields[0].was] == [("elsewhere", "", "")]
    whole = uuid4()
    log.record(root, drill, "changed", batch=whole)
    [entry] = of_object(root, "asset", drill.pk, most=1)
    assert (entry.fields[0].now[0].text, entry.fields[0].after) == (f"…{str(whole)[-6:]}", str(whole)), "whole for programs"
    client.force_login(User.objects.get(username="root"))
    shown = client.get("/changes/").content.decode()
    assert f'<span title="{whole}">…{str(whole)[-6:]}</span>' in shown
    assert f'<a href="/places/{yard.pk}/" title="{yard.pk}">Yard</a>' in shown


def test_fields_are_called_what_people_call_them_and_moments_are_in_their_zone(client: Client) -> None:
    create_field(by=ROOT, key="colour", name="Colour of the <lid>", kind="choice", choices=["red"])
    drill = register_asset(by=ROOT, name="Drill", uom="kg")
    root = actor(make_user("root"))
    changes = {"status": "in_maintenance", "cost_center": CostCenter.objects.create(code="47", name="Sales"), "order_ref": "a_b"}
    change_asset(by=root, asset_id=drill.pk, version=1, changes=changes, custom={"colour": "red"})
    [entry] = of_object(root, "asset", drill.pk, most=1)
    assert {(f.name, f.title, f.after) for f in entry.fields} == {
        ("status", "Status", "in maintenance"), ("cost_center", "Cost centre", "47 Sales"), ("order_ref", "Order", "a_b"),
        ("custom.colour", "Colour of the <lid>", "red"),
    }  # fmt: skip
    due = timezone.now() + timedelta(days=3)
    check_out(by=root, asset_ids=[drill.pk], person_id=Person.objects.create(name="Anna").pk, due_at=due)
    client.force_login(User.objects.get(username="root"))
    shown = client.get("/changes/").content.decode()
    assert "<dt>Colour of the &lt;lid&gt;</dt>" in shown
    assert re.search(r'<dt>Due</dt><dd><ins><time datetime="[^"]+" data-format="moment">', shown.replace("\n", ""))
    for raw in ("Due at", "due_at", "in_maintenance", "cost_center", "custom.", "Uom"):
        assert raw not in shown, raw
    of_it = client.get(f"/assets/{drill.pk}/").content.decode()
    [link] = re.findall(r'href="(/changes/\?[^"]+)">All changes', of_it)
    assert client.get(unescape(link)).content.count(b'class="did"') == Change.objects.of("asset", drill.pk).count()


def test_the_log_is_a_file_for_programs_too(client: Client) -> None:
    drill = register_asset(by=ROOT, name="Drill")
    other = register_asset(by=ROOT, name="SECRET")
    change_asset(by=ROOT, asset_id=drill.pk, version=1, changes={"name": "Drill 2"})
    call = Caller()
    answer = call("GET", f"/changes/file?kind=asset&object_id={drill.pk}")
    text = answer.getvalue().decode()
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert ",changed,Name,Drill,Drill 2" in text
    assert "SECRET" not in text
    client.force_login(make_user("root"))
    page = b"".join(client.get(f"/changes/export.csv?kind=asset&object={drill.pk}")).decode()
    assert page == text
    client.force_login(make_user("v", "viewer"))
    assert client.get(f"/api/v1/changes/file?object_id={other.pk}").status_code == 403


def test_pages_of_the_log_follow_each_other() -> None:
    for number in range(7):
        register_asset(by=ROOT, name=f"Drill {number}")
    seen, after = [], None
    while True:
        found = find(ROOT, Wanted(kind="asset"), after=after, size=3)
        seen += [entry.name for entry in found.entries]
        if (after := found.next) is None:
            break
    assert [name.split(maxsplit=1)[1] for name in seen] == [f"Drill {number}" for number in range(6, -1, -1)]


def test_the_page_and_its_export_show_before_and_after(client: Client) -> None:
    client.force_login(make_user())
    drill = register_asset(by=ROOT, name="Drill")
    change_asset(by=ROOT, asset_id=drill.pk, version=1, changes={"name": "=Drill 2"})
    page = client.get("/changes/?kind=asset").content
    assert b"<del>Drill</del>" in page
    assert b"<ins>=Drill 2</ins>" in page
    rows = b"".join(client.get("/changes/export.csv?kind=asset")).decode()
    assert ",changed,Name,Drill,'=Drill 2" in rows
    one = Change.objects.latest("at")
    assert client.get(f"/changes/?request={one.request_id}").content.count(b'class="did"') == 2, "made and changed by one"
    assert client.get(f"/changes/?request={drill.pk}").content.count(b'class="did"') == 0
    assert client.get("/changes/?since=x&after=y&kind=z&user=1").status_code == 200


# ---- how long things are kept --------------------------------------------------------------------------------------------------


def test_pruning_counts_first_and_deletes_what_is_older(monkeypatch: pytest.MonkeyPatch) -> None:
    register_asset(by=ROOT, name="Drill")
    now = timezone.now() + timedelta(seconds=1)
    monkeypatch.setattr(retention, "ROWS_AT_ONCE", 1)
    for _ in range(3):
        log.record(ROOT, Person.objects.create(name="P"), "created")
    number = Change.objects.count()
    assert retention.count(now)["changes"] == number == 4
    assert retention.prune(now - timedelta(days=1))["changes"] == 0
    assert retention.prune(now)["changes"] == number
    assert not Change.objects.exists()


def test_what_is_due_goes_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    register_asset(by=ROOT, name="Drill")
    retention.due()
    assert Change.objects.exists(), "without a setting it stays"
    section = RetentionSection(changes_days=1)
    monkeypatch.setattr(settings, "CONFIGURATION", settings.CONFIGURATION.model_copy(update={"retention": section}))
    retention.due()
    assert Change.objects.exists()
    later = timezone.now() + timedelta(days=2)
    monkeypatch.setattr("registry.retention.timezone.now", lambda: later)
    retention.due()
    assert not Change.objects.exists()


# ---- the pages -----------------------------------------------------------------------------------------------------------------


def test_a_person_is_added_let_in_given_a_role_and_erased_by_pages(client: Client) -> None:
    client.force_login(make_user("root"))
    hall = create_location(by=ROOT, name="Hall")
    made = client.post("/people/new/", {"name": "Bert Roth", "username": "bert"})
    assert b"One-time password" in made.content
    assert made["Cache-Control"] == "no-store"
    person = Person.objects.get(name="Bert Roth")
    page = f"/people/{person.pk}/"
    assert b"One-time password</span>" not in client.get(page).content
    client.post(f"{page}roles/", {"role": "operator", "location": str(hall.pk), "category": ""})
    assert b"Operator at Hall" in client.get(page).content
    assert b"Operator at Hall" in client.get("/people/?q=roth").content
    binding = RoleBinding.objects.get(user=person.user_id)
    client.post(f"{page}roles/{binding.pk}/take/")
    assert not RoleBinding.objects.filter(user=person.user_id).exists()
    assert client.post(f"{page}erase/", {"name": "Bert"}).status_code == 422
    client.post(f"{page}erase/", {"name": "Bert Roth"})
    assert b"Bert" not in client.get("/people/").content


def test_who_hands_out_assets_sees_names_and_nothing_else(client: Client, anna: Person) -> None:
    client.force_login(make_user("op", "operator"))
    shown = client.get("/people/").content
    assert b"Anna Berg" in shown
    assert b"anna@example.com" not in shown
    assert client.get(f"/people/{anna.pk}/").status_code == 403
    client.force_login(make_user("vi", "viewer"))
    assert client.get("/people/").status_code == 403


def test_a_token_is_shown_once_and_revoked_by_its_owner_alone(client: Client) -> None:
    client.force_login(make_user("op", "operator"))
    made = client.post("/tokens/", {"name": "Display", "scope": "read", "days": "30", "allowed_ips": ""})
    assert b"spt_" in made.content
    token = ApiToken.objects.get()
    assert f'data-copy="spt_{token.prefix}_'.encode() not in client.get("/tokens/").content
    other = Client()
    other.force_login(make_user("vi", "viewer"))
    assert b"Display" not in other.get("/tokens/").content
    other.post(f"/tokens/{token.pk}/revoke/")
    assert ApiToken.objects.get().revoked_at is None
    client.post(f"/tokens/{token.pk}/revoke/")
    assert ApiToken.objects.get().revoked_at is not None
    assert client.post("/tokens/", {"name": "X", "scope": "read", "days": "", "allowed_ips": "home"}).status_code == 422


def test_the_document_says_the_same_of_every_role() -> None:
    text = (Path(__file__).parents[3] / "docs" / "people.md").read_text()
    table = dict(re.findall(r"^\| (\w+) \| (.+) \|$", text, re.MULTILINE))
    table.pop("role")
    assert table == MEANS
