"""Logging in, the one-time password, and what guessing costs."""

import pytest
from django.test import Client

from registry.access.models import User
from registry.access.services import create_administrator
from registry.access.throttle import FREE_TRIES
from tests.registry_world import PASSWORD, ROOT, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna() -> User:
    return make_user()


def test_a_person_comes_in_and_lands_where_they_wanted(client: Client, anna: User) -> None:
    asked = client.get("/assets/?q=pump")
    assert asked["Location"] == "/login/?next=/assets/%3Fq%3Dpump"
    assert b"Log in to see that page" in client.get(asked["Location"]).content
    response = client.post("/login/", {"username": "anna", "password": PASSWORD, "next": "/assets/?q=pump"})
    assert response["Location"] == "/assets/?q=pump"
    assert client.get("/assets/").status_code == 200
    assert client.post("/logout/")["Location"] == "/login/"
    assert client.get("/assets/").status_code == 302


def test_nobody_is_sent_to_another_site(client: Client, anna: User) -> None:
    response = client.post("/login/", {"username": "anna", "password": PASSWORD, "next": "https://evil.example/"})
    assert response["Location"] == "/"


def test_a_wrong_password_says_neither_which_was_wrong_and_keeps_the_name(client: Client, anna: User) -> None:
    wrong = client.post("/login/", {"username": "anna", "password": "no"}).content
    nobody = client.post("/login/", {"username": "nobody", "password": "no"}).content
    assert b"Name and password do not match" in wrong
    assert b"Name and password do not match" in nobody
    assert b'value="anna"' in wrong


def test_guessing_is_slowed_down_even_for_the_right_password(client: Client, anna: User) -> None:
    for _ in range(FREE_TRIES):
        assert client.post("/login/", {"username": "anna", "password": "no"}).status_code == 200
    refused = client.post("/login/", {"username": "Anna", "password": PASSWORD})
    assert refused.status_code == 429
    assert 1 <= int(refused["Retry-After"]) <= 15
    assert b"Too many wrong passwords" in refused.content
    assert client.post("/login/", {"username": "anna", "password": PASSWORD}, REMOTE_ADDR="192.0.2.9").status_code == 302


def test_the_one_time_password_opens_nothing_but_the_change_of_it(client: Client) -> None:
    one_time = create_administrator(by=ROOT, username="root")
    assert client.post("/login/", {"username": "root", "password": one_time})["Location"] == "/"
    assert client.get("/")["Location"] == "/password/"
    assert b"Choose your own password" in client.get("/password/").content
    form = {"old_password": one_time, "new_password1": "a horse and a battery", "new_password2": "a horse and a battery"}
    assert client.post("/password/", form | {"new_password2": "another one"}).status_code == 200
    assert client.get("/")["Location"] == "/password/"
    assert client.post("/password/", form)["Location"] == "/"
    assert client.get("/").status_code == 200
    assert not User.objects.get(username="root").must_change_password


@pytest.mark.parametrize("new", ["short", "12345678901", "password123", "root-root-root"])
def test_a_weak_password_is_refused_at_its_field(client: Client, new: str) -> None:
    one_time = create_administrator(by=ROOT, username="root-root")
    client.post("/login/", {"username": "root-root", "password": one_time})
    response = client.post("/password/", {"old_password": one_time, "new_password1": new, "new_password2": new})
    assert b'class="error"' in response.content


def test_a_form_without_its_token_is_refused_with_the_remedy(anna: User) -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post("/login/", {"username": "anna", "password": PASSWORD})
    assert response.status_code == 403
    assert b"load the page again" in response.content
