"""Logins of subscribers: who may be called what, and what the broker is told."""

import pytest

from registry.access.models import Change
from registry.problems import Forbidden, Invalid, NotFound, Taken
from registry.tracking.gateways import add_gateway, broker_users
from registry.tracking.subscribers import add_subscriber, revoke_subscriber
from registry.trust.models import Subscriber
from sync.broker import Role
from tests.registry_world import ROOT, actor, make_user

pytestmark = pytest.mark.django_db


def test_each_has_the_rights_it_was_given_and_its_password_is_kept_nowhere() -> None:
    passwords = {
        "dashboard": add_subscriber(by=ROOT, name="dashboard", live=True),
        "home.assistant_1": add_subscriber(by=ROOT, name="home.assistant_1", live=True, assets=True),
        "Billing": add_subscriber(by=ROOT, name="Billing", assets=True),
    }
    assert {u.name: u.role for u in broker_users() if not u.name.startswith("registry-")} == {
        "dashboard": Role.SUBSCRIBER,
        "home.assistant_1": Role.FULL_SUBSCRIBER,
        "Billing": Role.ASSET_SUBSCRIBER,
    }
    kept = str(list(Subscriber.objects.values())) + str(list(Change.objects.values()))
    assert not any(password in kept for password in passwords.values())
    with pytest.raises(Taken, match="revoke it first"):
        add_subscriber(by=ROOT, name="dashboard", live=True)
    revoke_subscriber(by=ROOT, name="dashboard")
    assert "dashboard" not in {u.name for u in broker_users()}
    assert add_subscriber(by=ROOT, name="dashboard", assets=True) != passwords["dashboard"]
    with pytest.raises(NotFound):
        revoke_subscriber(by=ROOT, name="nobody")


@pytest.mark.parametrize("name", ["", "a b", "a/b", "+", "#", "registry-ingest", "registry-9", "x" * 41, "a:b", "a\nb", "é"])
def test_a_name_that_could_be_more_than_a_name_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="name"):
        add_subscriber(by=ROOT, name=name, live=True)


def test_it_has_to_read_something() -> None:
    with pytest.raises(Invalid, match="--live, --assets or both"):
        add_subscriber(by=ROOT, name="dashboard")


def test_nobody_has_the_name_of_another_kind() -> None:
    add_gateway(by=ROOT, gateway_id="hamburg")
    with pytest.raises(Taken, match="gateway"):
        add_subscriber(by=ROOT, name="hamburg", live=True)
    add_subscriber(by=ROOT, name="berlin", live=True)
    with pytest.raises(Taken, match="subscriber"):
        add_gateway(by=ROOT, gateway_id="berlin")


def test_only_administrators_add_and_revoke() -> None:
    somebody = actor(make_user("somebody", "manager"))
    with pytest.raises(Forbidden):
        add_subscriber(by=somebody, name="dashboard", live=True)
    add_subscriber(by=ROOT, name="dashboard", live=True)
    with pytest.raises(Forbidden):
        revoke_subscriber(by=somebody, name="dashboard")
