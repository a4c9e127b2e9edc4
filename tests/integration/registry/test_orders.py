"""Orders to gateways: who may place them, what is said to the gateway and when, and what its answers change."""

from collections import Counter
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.utils import timezone

from registry.access.models import Change
from registry.orders.letters import Letters
from registry.orders.models import NEVER_TOLD, NOT_ANSWERED, OPEN_PER_GATEWAY, GatewayOrder
from registry.orders.schemas import order_out
from registry.orders.services import order, orders_of
from registry.problems import Forbidden, Invalid, NotFound
from registry.tracking.gateways import add_gateway, mac_key, renew_gateway, revoke_gateway
from registry.tracking.intake import Message
from registry.tracking.models import Gateway
from sync.key_wrap import NotWrapped, unwrap, wrap
from sync.verbs import RotateKeys
from sync.wire import ClockQuality, Command, Hello, Outcome, Purpose, Reply, State, encode, seal, unseal
from tests.integration.registry.conftest import Site
from tests.registry_world import ROOT, actor, make_user

pytestmark = pytest.mark.django_db


def said(letters: Letters, site: Site) -> list[Command]:
    spoken = list(letters.due())
    assert all((one.gateway, one.leaf) == (site.id, "cmd") for one in spoken)
    return [unseal(one.payload, Command, Purpose.COMMAND, site.credentials.mac_key) for one in spoken]


def answer(site: Site, reply: Reply, *, key: bytes | None = None) -> Counter[str]:
    counts: Counter[str] = Counter()
    payload = seal(reply, Purpose.REPLY, key or site.credentials.mac_key)
    Letters().take([Message(site.id, "reply", payload)], counts)
    return counts


@pytest.fixture
def online(site: Site) -> Site:
    site.say(("state", encode(State("online"))))
    return site


@pytest.fixture
def second(db: None) -> Site:
    return Site(add_gateway(by=ROOT, gateway_id="berlin"))


def ping(site: Site, **more: Any) -> GatewayOrder:
    return order(by=ROOT, gateway_id=site.id, verb="ping", **more)


def test_an_order_is_said_until_it_is_answered_and_the_first_answer_counts(online: Site) -> None:
    letters = Letters()
    placed = order(by=ROOT, gateway_id=online.id, verb="identify", arguments={"reader": "dock"})
    [command] = said(letters, online)
    assert (command.id, command.verb, bytes(command.arguments)) == (placed.pk, "identify", b'{"reader":"dock"}')
    assert abs((command.not_after - timezone.now()).total_seconds() - 120) < 10
    assert said(letters, online) == [], "not again at once"
    GatewayOrder.objects.update(said_at=timezone.now() - timedelta(seconds=6))
    assert [one.id for one in said(letters, online)] == [placed.pk], "again after a while"
    letters.take([Message(online.id, "hello", online.greeting())], Counter())
    assert [one.id for one in said(letters, online)] == [placed.pk], "at once to a gateway that has come back"
    assert answer(online, Reply(placed.pk, Outcome.DONE, "dock beeps")) == {"replies": 1}
    answer(online, Reply(placed.pk, Outcome.FAILED, "a second one"))
    placed.refresh_from_db()
    assert (placed.state, placed.text) == ("done", "dock beeps")
    assert placed.answered_at is not None
    GatewayOrder.objects.update(said_at=None)
    assert said(letters, online) == []
    [change] = Change.objects.filter(object_type="gateway", object_id=online.id, action="ordered identify")
    assert change.after == {"reader": "dock"}


def test_to_a_gateway_that_is_away_nothing_is_said_and_in_the_end_there_is_no_answer(site: Site) -> None:
    placed = ping(site)
    assert said(Letters(), site) == []
    GatewayOrder.objects.update(not_after=timezone.now() - timedelta(seconds=11))
    site.say(("state", encode(State("online"))))
    assert said(Letters(), site) == []
    placed.refresh_from_db()
    assert (placed.state, placed.text) == ("expired", NEVER_TOLD)
    answer(site, Reply(placed.pk, Outcome.DONE, "and yet"))  # it was done in time, its word was long under way
    placed.refresh_from_db()
    assert placed.state == "done"


def test_what_was_told_and_not_answered_may_have_been_done(online: Site) -> None:
    placed = ping(online)
    assert said(Letters(), online)
    Letters().take([Message(online.id, "hello", online.greeting())], Counter())  # it has come back, and is told again
    GatewayOrder.objects.update(not_after=timezone.now() - timedelta(seconds=11))
    [seen] = orders_of(by=ROOT, gateway_id=online.id)  # no ingest is there
    assert (seen.state, seen.settle(timezone.now()).state, seen.text) == ("waiting", "expired", NOT_ANSWERED)
    assert order_out(seen)["state"] == "expired"
    said(Letters(), online)
    placed.refresh_from_db()
    assert (placed.state, placed.text) == ("expired", NOT_ANSWERED)


def test_what_ingest_forgets_when_it_dies_is_asked_again(online: Site) -> None:
    """Between being said and being answered an order is its row and nothing else."""
    placed = ping(online)
    assert said(Letters(), online)
    GatewayOrder.objects.update(said_at=timezone.now() - timedelta(seconds=6))  # the answer came while nobody was there
    assert [one.id for one in said(Letters(), online)] == [placed.pk]
    answer(online, Reply(placed.pk, Outcome.DONE, "from memory"))
    placed.refresh_from_db()
    assert (placed.state, placed.text) == ("done", "from memory")


def test_nobody_answers_for_another(online: Site, second: Site) -> None:
    placed = ping(online)
    assert answer(second, Reply(placed.pk, Outcome.DONE)) == {"replies": 1}
    assert answer(online, Reply(placed.pk, Outcome.DONE), key=second.credentials.mac_key) == {"refused_bad_mac": 1}
    revoke_gateway(by=ROOT, gateway_id=online.id)
    assert answer(online, Reply(placed.pk, Outcome.DONE)) == {"replies_of_nobody": 1}
    assert said(Letters(), online) == []
    placed.refresh_from_db()
    assert placed.state == "waiting"
    with pytest.raises(Invalid, match="revoked"):
        ping(online)


@pytest.mark.parametrize(
    ("verb", "arguments", "why"),
    [
        ("shell", {}, "should be one of ping, identify, reread, zone, rotate_keys"),
        ("ping", {"reader": "x"}, "ping takes: none"),
        ("identify", {}, "identify takes: reader, pin"),
        ("identify", {"reader": "x", "path": "/etc/passwd"}, "identify takes: reader, pin"),
        ("identify", {"reader": "x", "pin": 0}, "pin"),
        ("identify", {"reader": "x" * 9000}, "more than 8,192 bytes"),
    ],
)
def test_what_cannot_be_ordered_is_said(site: Site, verb: str, arguments: dict[str, Any], why: str) -> None:
    with pytest.raises(Invalid, match=why):
        order(by=ROOT, gateway_id=site.id, verb=verb, arguments=arguments)
    assert not GatewayOrder.objects.exists()


def test_so_many_wait_at_most_and_so_long(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(OPEN_PER_GATEWAY):
        ping(site)
    with pytest.raises(Invalid, match="20 orders wait"):
        ping(site)
    with pytest.raises(Invalid, match="within"):
        ping(site, within=timedelta(hours=1))
    GatewayOrder.objects.update(state="done")
    monkeypatch.setattr("registry.orders.services.KEPT_PER_GATEWAY", 5)
    newest = ping(site)
    assert GatewayOrder.objects.count() == 5
    assert GatewayOrder.objects.filter(pk=newest.pk).exists()


def test_whom_it_is_for(site: Site) -> None:
    manager, viewer = (actor(make_user(role, role)) for role in ("manager", "viewer"))
    assert order(by=manager, gateway_id=site.id, verb="ping").user == manager.user_id
    with pytest.raises(Forbidden):
        order(by=viewer, gateway_id=site.id, verb="ping")
    with pytest.raises(Forbidden):
        orders_of(by=viewer, gateway_id=site.id)
    with pytest.raises(NotFound):
        order(by=manager, gateway_id="nowhere", verb="ping")
    assert Gateway.objects.filter(pk=site.id).exists()


def hello(site: Site, key: bytes) -> None:
    said = Hello("n", site.epoch, 1, 0, 0, None, "boot-1", ClockQuality.SYNCED, "test", "m")
    Letters().take([Message(site.id, "hello", seal(said, Purpose.HELLO, key))], Counter())


def next_key(letters: Letters, site: Site) -> bytes:
    [command] = said(letters, site)
    told = msgspec.json.decode(command.arguments, type=RotateKeys)
    return unwrap(told.wrapped, under=site.credentials.mac_key, gateway=site.id, serial=told.serial)


def test_both_keys_are_believed_until_the_first_message_under_the_new_one(online: Site) -> None:
    old = online.credentials.mac_key
    placed = order(by=ROOT, gateway_id=online.id, verb="rotate_keys")
    new = next_key(Letters(), online)
    assert new != old
    assert placed.arguments.keys() == {"from", "serial"}, "what is stored and listed is no secret"
    hello(online, old)
    assert len(online.hello()) == 1, "nothing has changed yet"
    answer(online, Reply(placed.pk, Outcome.DONE), key=old)
    hello(online, bytes(32))
    assert mac_key(Gateway.objects.get(pk=online.id)) == old
    hello(online, new)  # the answer need not have come
    assert mac_key(Gateway.objects.get(pk=online.id)) == new
    assert online.hello() == [], "the old one is worth nothing any more"
    placed.refresh_from_db()
    assert placed.state == "done"
    [change] = Change.objects.filter(object_type="gateway", action="key changed")
    assert change.after == {"key_serial": placed.arguments["serial"]}


def test_a_lost_answer_and_an_order_that_ran_out_lock_nobody_out(online: Site) -> None:
    placed = order(by=ROOT, gateway_id=online.id, verb="rotate_keys")
    with pytest.raises(Invalid, match="a change of keys is under way"):
        order(by=ROOT, gateway_id=online.id, verb="rotate_keys")
    new = next_key(Letters(), online)
    GatewayOrder.objects.update(state="expired")
    order(by=ROOT, gateway_id=online.id, verb="rotate_keys")  # once more, while the gateway was away with the first one
    hello(online, new)
    placed.refresh_from_db()
    assert (placed.state, mac_key(Gateway.objects.get(pk=online.id))) == ("done", new)
    assert said(Letters(), online) == [], "the second one is of no use any more"
    newest = GatewayOrder.objects.get(arguments__from=placed.arguments["from"], state="refused")
    assert "has another key by now" in newest.text


def test_a_second_change_of_keys_waits_until_the_first_key_is_in_use(online: Site) -> None:
    letters = Letters()
    first = order(by=ROOT, gateway_id=online.id, verb="rotate_keys")
    new = next_key(letters, online)
    answer(online, Reply(first.pk, Outcome.DONE))  # under the old one: it goes over when it has noticed the file
    second = order(by=ROOT, gateway_id=online.id, verb="rotate_keys")
    assert said(letters, online) == []
    hello(online, new)
    GatewayOrder.objects.update(said_at=None)
    [spoken] = letters.due()
    assert unseal(spoken.payload, Command, Purpose.COMMAND, new).id == second.pk


def test_new_credentials_end_a_change_of_keys(online: Site) -> None:
    order(by=ROOT, gateway_id=online.id, verb="rotate_keys")
    stolen = next_key(Letters(), online)
    fresh = renew_gateway(by=ROOT, gateway_id=online.id).mac_key
    hello(online, stolen)
    assert mac_key(Gateway.objects.get(pk=online.id)) == fresh


def test_a_key_is_read_by_nobody_else() -> None:
    old, new = bytes(32), bytes(range(32))
    wrapped = wrap(new, under=old, gateway="hamburg", serial=7)
    assert unwrap(wrapped, under=old, gateway="hamburg", serial=7) == new
    for other in ({"under": new}, {"gateway": "berlin"}, {"serial": 8}):
        with pytest.raises(NotWrapped):
            unwrap(wrapped, **({"under": old, "gateway": "hamburg", "serial": 7} | other))  # type: ignore[arg-type]
    for broken in ("", "%", wrapped[:-4], "A" * len(wrapped), wrapped.swapcase()):
        with pytest.raises(NotWrapped):
            unwrap(broken, under=old, gateway="hamburg", serial=7)
