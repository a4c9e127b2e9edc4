"""Who is taken for whom: tokens that are none, sessions that are over, the reference of the API."""

from collections.abc import Iterator
from copy import deepcopy

import pytest
from django.test import Client
from pytest_django.plugin import DjangoDbBlocker

from registry.access.models import User
from tests.api_callers import logged_in
from tests.registry_world import World, lasting

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with lasting(django_db_blocker) as world:
        yield world


@pytest.fixture
def world(made: World, db: None) -> World:
    return deepcopy(made)


@pytest.mark.parametrize("presented", ["", "Bearer", "Bearer spt_0_0", "Bearer " + "x" * 5000, "Basic YTpi", "Bearer spt_é_x"])
def test_what_is_no_token_is_refused_with_the_remedy(presented: str) -> None:
    response = Client().get("/api/v1/assets", headers={"Authorization": presented} if presented else {})
    assert response.status_code == 401
    assert "Bearer" in response["WWW-Authenticate"]


def test_a_bad_token_is_not_made_good_by_a_session(world: World) -> None:
    client, _ = logged_in()
    assert client.get("/api/v1/assets", headers={"Authorization": "Bearer spt_a_b"}).status_code == 401


def test_a_person_who_was_deactivated_is_out_at_once(world: World) -> None:
    client, _ = logged_in()
    User.objects.update(is_active=False)
    assert client.get("/api/v1/assets").status_code == 401
    assert client.get("/assets/").status_code == 302


def test_the_reference_needs_a_log_in() -> None:
    assert Client().get("/api/v1/docs").status_code == 302
    client, _ = logged_in()
    response = client.get("/api/v1/docs")
    assert response.status_code == 200
    assert "'unsafe-inline'" not in response["Content-Security-Policy"].split("style-src")[0]
