"""Coming in by another service, spoken with over real HTTP; and by a password with a second factor."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, build_opener

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.conf import settings
from django.test import Client

from registry.access import factors
from registry.access.models import Person, RoleBinding, User
from registry.access.people import erase_person
from registry.access.throttle import FREE_TRIES
from registry.configuration import AccessSection, SsoSection
from tests.oidc_provider import CLIENT, SECRET, Provider, serving
from tests.registry_world import PASSWORD, ROOT, actor, make_user

pytestmark = pytest.mark.django_db

ANNA = {"sub": "a1", "email": "anna@example.com", "email_verified": True, "name": "Anna Berg", "preferred_username": "anna"}


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    with serving() as provider:
        yield provider


@pytest.fixture
def provider(running: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Provider:
    running.claims, running.deny = dict(ANNA), False
    configure(running, tmp_path, monkeypatch)
    return running


def configure(provider: Provider, folder: Path, monkeypatch: pytest.MonkeyPatch, **more: Any) -> None:
    secret = folder / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    section = SsoSection(
        id="main", name="Example login", server_url=provider.address, client_id=CLIENT, client_secret_file=secret, **more
    )
    monkeypatch.setattr(settings, "CONFIGURATION", settings.CONFIGURATION.model_copy(update={"sso": [section]}))


class Stay(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def sign_on(client: Client, there: str = "/assets/") -> Any:
    """Press the button, go to the provider and come back; return the registry's answer."""
    begun = client.get("/account/oidc/main/login/", {"next": there})
    assert begun.status_code == 302, begun.content
    with pytest.raises(HTTPError) as answer:  # what a redirect is to an opener that does not follow
        build_opener(Stay).open(begun["Location"])
    back = answer.value.headers["Location"]
    answer.value.close()
    assert back.startswith("http://testserver/account/oidc/main/login/callback/?")
    return client.get(back.removeprefix("http://testserver"))


def a_person(**more: Any) -> Person:
    return Person.objects.create(name="Anna", email="Anna@example.com", user=make_user("a.berg", "viewer", **more))


def test_the_log_in_offers_it(client: Client, provider: Provider) -> None:
    assert b"Log in with Example login" in client.get("/login/").content


def test_a_known_person_comes_in_and_lands_where_they_wanted(client: Client, provider: Provider) -> None:
    person = a_person()
    answer = sign_on(client)
    assert answer["Location"] == "/assets/"
    assert client.get("/assets/").status_code == 200
    assert client.session["_auth_user_id"] == str(person.user_id)
    provider.claims["email"] = "married@example.com"
    again = Client()
    assert sign_on(again)["Location"] == "/assets/", "known by `sub` from now on"
    assert User.objects.count() == 1


@pytest.mark.parametrize("claims", [{"email_verified": False}, {"email_verified": None}, {"email": "other@example.com"}])
def test_who_is_not_known_for_sure_stays_out_and_reads_why(client: Client, provider: Provider, claims: dict[str, Any]) -> None:
    a_person()
    provider.claims |= claims
    assert sign_on(client)["Location"] == "/login/"
    assert b"nobody here goes by that" in client.get("/login/").content
    assert client.get("/assets/").status_code == 302
    assert User.objects.count() == 1


def test_two_people_with_one_address_are_nobody(client: Client, provider: Provider) -> None:
    a_person()
    Person.objects.create(name="Anna too", email="anna@example.com", user=make_user("anna2"))
    assert sign_on(client)["Location"] == "/login/"


def test_a_deactivated_and_an_erased_person_stay_out(client: Client, provider: Provider) -> None:
    person = a_person()
    sign_on(client)
    User.objects.update(is_active=False)
    assert sign_on(Client())["Location"] == "/login/"
    make_user("root")
    erase_person(by=ROOT, person_id=person.pk)
    assert sign_on(Client())["Location"] == "/login/"


def test_new_people_come_in_where_that_is_wanted_with_roles_by_their_groups(
    client: Client, provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(provider, tmp_path, monkeypatch, create_users=True, roles={"warehouse": "operator"})
    provider.claims["groups"] = ["warehouse", "chess"]
    assert sign_on(client)["Location"] == "/assets/"
    person = Person.objects.get()
    assert (person.name, person.email, person.user and person.user.username) == ("Anna Berg", "anna@example.com", "anna")
    assert [(b.role, b.location_id) for b in RoleBinding.objects.all()] == [("operator", None)]
    assert client.post("/login/", {"username": "anna", "password": ""}).status_code in (200, 302)


def test_pressing_cancel_and_a_forged_answer_end_at_the_log_in(client: Client, provider: Provider) -> None:
    a_person()
    provider.deny = True
    assert sign_on(client)["Location"] == "/login/"
    for forged in ("?code=x&state=y", "?code=code-0", ""):
        assert client.get(f"/account/oidc/main/login/callback/{forged}")["Location"] == "/login/"
    assert client.get("/account/oidc/other/login/").status_code == 404


def test_nobody_is_sent_to_another_site(client: Client, provider: Provider) -> None:
    a_person()
    assert sign_on(client, "https://evil.example/")["Location"] == "/"


def code_of(secret: str, later: int = 0) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30 + later)))


def with_factor() -> tuple[User, str, list[str]]:
    user = make_user()
    secret = factors.new_secret()
    return user, secret, factors.set_up(by=actor(user), user=user, secret=secret, code=code_of(secret, -1))


def log_in(client: Client) -> Any:
    return client.post("/login/", {"username": "anna", "password": PASSWORD, "next": "/assets/"})


def test_setting_it_up_and_coming_in_with_it(client: Client) -> None:
    client.force_login(make_user())
    page = client.get("/account/second-factor/")
    secret = client.session["second-factor-secret"]
    assert secret.encode() in page.content
    assert client.get("/account/second-factor/code.svg").content.startswith(b"<svg xmlns")
    assert client.post("/account/second-factor/", {"code": "000000"}).status_code == 422
    done = client.post("/account/second-factor/", {"code": code_of(secret, -1)})
    assert b"recovery codes" in done.content
    fresh = Client()
    assert log_in(fresh)["Location"] == "/login/second-factor/"
    assert fresh.get("/assets/").status_code == 302, "not in before the code"
    assert fresh.get("/api/v1/assets").status_code == 401
    assert fresh.post("/login/second-factor/", {"code": "123"}).status_code == 200
    assert fresh.post("/login/second-factor/", {"code": code_of(secret)})["Location"] == "/assets/"
    assert fresh.get("/assets/").status_code == 200


def test_a_code_is_good_once_and_so_is_a_recovery_code() -> None:
    user, secret, recovery = with_factor()
    code = code_of(secret)
    assert [factors.proves(user, code), factors.proves(user, code)] == [True, False]
    assert [factors.proves(user, recovery[0]), factors.proves(user, recovery[0])] == [True, False]
    assert factors.recovery_left(user) == len(recovery) - 1
    assert not factors.proves(user, code_of(secret, -1)), "older than the last one used"


def test_guessing_codes_is_slowed_down(client: Client) -> None:
    _, secret, _ = with_factor()
    log_in(client)
    for _ in range(FREE_TRIES):
        assert client.post("/login/second-factor/", {"code": "000000"}).status_code == 200
    refused = client.post("/login/second-factor/", {"code": code_of(secret)})
    assert refused.status_code == 429
    assert refused["Retry-After"] == "15"
    assert client.get("/assets/").status_code == 302


def test_the_secret_is_not_readable_in_the_database() -> None:
    user, secret, recovery = with_factor()
    kept = repr(list(Authenticator.objects.filter(user=user).values_list("data", flat=True)))
    assert secret not in kept
    assert not any(code in kept for code in recovery)


def test_without_the_password_nobody_gets_to_the_second_page(client: Client) -> None:
    with_factor()
    assert client.get("/login/second-factor/")["Location"] == "/login/"


def test_a_role_may_demand_it(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    access = AccessSection(require_second_factor=["manager"])
    monkeypatch.setattr(settings, "CONFIGURATION", settings.CONFIGURATION.model_copy(update={"access": access}))
    manager, viewer = make_user("mona", "manager"), make_user("vera", "viewer")
    client.force_login(viewer)
    assert client.get("/assets/").status_code == 200
    client.force_login(manager)
    assert client.get("/assets/")["Location"] == "/account/second-factor/"
    assert client.get("/api/v1/assets").status_code == 403
    assert b"Your role asks for it" in client.get("/account/second-factor/").content
    client.post("/account/second-factor/", {"code": code_of(client.session["second-factor-secret"])})
    assert client.get("/assets/").status_code == 200


def test_taking_it_away_needs_the_password(client: Client) -> None:
    user, _, _ = with_factor()
    client.force_login(user)
    assert client.post("/account/second-factor/", {"do": "off", "password": "no"}).status_code == 422
    assert factors.has(user)
    assert client.post("/account/second-factor/", {"do": "off", "password": PASSWORD}).status_code == 302
    assert not factors.has(user)
