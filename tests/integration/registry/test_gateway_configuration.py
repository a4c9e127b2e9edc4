"""What is set over a gateway's settings: numbered, told until the gateway has it or says why not, never below what it had."""

from collections import Counter
from typing import Any

import msgspec
import pytest

from registry.access.models import Change
from registry.orders.configuring import configuration_of, configure
from registry.orders.letters import Letters
from registry.orders.models import GatewayConfiguration
from registry.problems import Forbidden, Invalid, NotFound
from registry.tracking.intake import Message
from sync.wire import ClockQuality, Configuration, Hello, Outcome, Purpose, Reply, State, encode, seal, unseal
from tests.integration.registry.conftest import Site
from tests.registry_world import ROOT, actor, make_user

pytestmark = pytest.mark.django_db
CONTENT = {"site": "bremen", "zones": {"hall": {"lost_max_s": 300}}}


def hello(site: Site, number: int) -> None:
    said = Hello("n", site.epoch, 1, 0, 0, None, "boot-1", ClockQuality.SYNCED, "test", "m", number)
    Letters().take([Message(site.id, "hello", seal(said, Purpose.HELLO, site.credentials.mac_key))], Counter())


def told(site: Site) -> list[Configuration]:
    spoken = [one for one in Letters().due() if one.leaf == "config"]
    return [unseal(one.payload, Configuration, Purpose.CONFIGURATION, site.credentials.mac_key) for one in spoken]


def answered(site: Site, reply: Reply) -> GatewayConfiguration:
    Letters().take([Message(site.id, "reply", seal(reply, Purpose.REPLY, site.credentials.mac_key))], Counter())
    return GatewayConfiguration.objects.get()


@pytest.fixture
def online(site: Site) -> Site:
    site.say(("state", encode(State("online"))))
    return site


def test_a_gateway_is_told_until_it_has_it(online: Site) -> None:
    configure(by=ROOT, gateway_id=online.id, content=CONTENT)
    [first] = told(online)
    assert (first.number, first.site, first.zones, first.doors) == (1, "bremen", {"hall": {"lost_max_s": 300.0}}, {})
    assert told(online) == [], "not again at once"
    hello(online, 0)
    assert [one.id for one in told(online)] == [first.id], "again when it asks, under the same id"
    hello(online, 1)
    row = answered(online, Reply(first.id, Outcome.DONE, "it holds"))
    assert (row.state, row.in_force, row.text) == ("holds", 1, "it holds")
    hello(online, 1)
    assert told(online) == []
    row = configure(by=ROOT, gateway_id=online.id, content={})
    assert (row.number, row.state) == (2, "waiting")
    [second] = told(online)
    assert (second.number, second.site, second.zones) == (2, None, {})
    assert second.id != first.id
    newest = Change.objects.filter(object_type="gateway", action="configured").first()
    assert newest is not None
    assert newest.before == {"configuration": CONTENT}


@pytest.mark.parametrize(("outcome", "state"), [(Outcome.REFUSED, "refused"), (Outcome.TAKEN_BACK, "taken_back")])
def test_what_a_gateway_cannot_live_with_is_not_told_again(online: Site, outcome: Outcome, state: str) -> None:
    configure(by=ROOT, gateway_id=online.id, content=CONTENT)
    [said] = told(online)
    assert answered(online, Reply(said.id, outcome, "zones.hall: no")).state == state
    hello(online, 0)
    assert told(online) == []


def test_a_gateway_that_has_lost_it_is_told_again(online: Site) -> None:
    configure(by=ROOT, gateway_id=online.id, content=CONTENT)
    [said] = told(online)
    answered(online, Reply(said.id, Outcome.DONE))
    hello(online, 0)  # another card
    assert [one.number for one in told(online)] == [1]


def test_a_registry_put_back_from_a_backup_does_not_count_below_the_gateway(online: Site) -> None:
    configure(by=ROOT, gateway_id=online.id, content=CONTENT)
    [said] = told(online)
    hello(online, 7)
    [again] = told(online)
    assert again.number == 8
    assert again.id != said.id


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"url": "tcp://x"}, "url: not to be set from here"),
        ({"zones": {"hall": {"lost_max_s": "long"}}}, "content: Expected `float`"),
        ({"zones": {f"z{n}": {} for n in range(1001)}}, "content: Expected `object` of length <= 1000"),
        ({"zones": {f"z{n}": dict.fromkeys(map(str, range(40)), 1.5) for n in range(999)}}, "a gateway takes 32,768"),
        ({"commit_interval_ms": -1}, "content: Expected `int` >= 0"),
    ],
)
def test_what_cannot_be_said_is_refused_here(site: Site, content: dict[str, Any], why: str) -> None:
    with pytest.raises(Invalid, match=why):
        configure(by=ROOT, gateway_id=site.id, content=content)
    assert not GatewayConfiguration.objects.exists()


def test_whom_it_is_for(site: Site) -> None:
    with pytest.raises(Forbidden):
        configure(by=actor(make_user("m", "manager")), gateway_id=site.id, content={})
    with pytest.raises(NotFound):
        configure(by=ROOT, gateway_id="nowhere", content={})
    assert configuration_of(by=ROOT, gateway_id=site.id) is None
    assert msgspec.json.encode(CONTENT)
