"""Two machines under one gateway's name: both are held, nothing is lost, and an administrator decides."""

from datetime import timedelta

import pytest
from django.utils import timezone

from registry.access.actors import Actor
from registry.access.models import Change
from registry.problems import Forbidden, Invalid, NotFound
from registry.tracking.fleet import gateway_rows
from registry.tracking.gateways import renew_gateway
from registry.tracking.machines import trust_machine
from registry.tracking.models import Gateway, GatewayEpoch, LocationEvent, Quarantine
from sync.wire import Health, Purpose, seal
from tests.integration.registry.conftest import Site, event
from tests.registry_world import ROOT

pytestmark = pytest.mark.django_db
OLD, NEW = "2:aaaa1111", "2:bbbb2222"


@pytest.fixture
def two(site: Site) -> tuple[Site, Site]:
    """A gateway, and a copy of its card in another machine: the same outbox up to here."""
    site.hello(machine=OLD)
    site.tell(event("seen", "tag:x", "hall-a"))
    return site, Site(site.credentials, epoch=site.epoch, seq=site.seq)


def silent_for(minutes: float) -> None:
    then = timezone.now() - timedelta(minutes=minutes)
    Gateway.objects.update(last_hello_at=then, last_batch_at=then, health_at=then)


def test_two_machines_at_once_are_both_held_and_nothing_of_either_is_taken(two: tuple[Site, Site]) -> None:
    ours, copy = two
    [reply] = copy.hello(machine=NEW)
    assert (reply.through, reply.nonce) == (1, "n")
    assert f"gateways trust {ours.id} --machine {OLD}" in reply.held
    for one, machine in ((ours, OLD), (copy, NEW)):
        assert one.tell(event("seen", "tag:y", "hall-a")) == []
        one.say(("health", seal(Health(1, None), Purpose.HEALTH, one.credentials.mac_key)))
        assert one.counts["held_gateway"] == 2
        [reply] = one.hello(machine=machine)
        assert reply.held
    assert (LocationEvent.objects.count(), Quarantine.objects.count()) == (1, 0)
    gateway = Gateway.objects.get()
    assert (gateway.machine, gateway.other_machine, gateway.health) == (OLD, NEW, None)
    assert Change.objects.filter(action="held").count() == 1
    [row] = gateway_rows(ROOT)
    assert row.troubles[0].kind == "machines"
    assert "2:aaaa1111 and 2:bbbb2222" in row.why


def test_a_batch_that_comes_with_the_other_hello_is_not_taken(two: tuple[Site, Site]) -> None:
    _, copy = two
    batch = copy.batch([copy.record(event("seen", "tag:y", "hall-a"))])
    [reply] = copy.say(("hello", copy.greeting(machine=NEW)), ("events", batch))
    assert reply.held
    assert LocationEvent.objects.count() == 1


@pytest.mark.parametrize("chosen", [OLD, NEW])
def test_the_one_that_is_trusted_goes_on_and_the_other_is_refused(two: tuple[Site, Site], chosen: str) -> None:
    ours, copy = two
    copy.hello(machine=NEW)
    trust_machine(by=ROOT, gateway_id=ours.id, machine=chosen.rpartition(":")[2][:5])
    right, wrong = (ours, copy) if chosen == OLD else (copy, ours)
    other = NEW if chosen == OLD else OLD
    for _ in range(2):
        [reply] = right.hello(machine=chosen)
        assert not reply.held
        [reply] = wrong.hello(machine=other)
        assert "another machine is gateway" in reply.held
        [reply] = right.tell(event("seen", "tag:y", "hall-a"))
        assert reply.through == right.seq
    assert Gateway.objects.values_list("machine", "refused_machines", "held_at").get() == (chosen, [other], None)
    trust_machine(by=ROOT, gateway_id=ours.id, machine=other)
    [reply] = wrong.hello(machine=other)
    assert not reply.held


def test_new_credentials_end_it_too_whichever_machine_gets_them(two: tuple[Site, Site]) -> None:
    ours, copy = two
    copy.hello(machine=NEW)
    copy.credentials = renew_gateway(by=ROOT, gateway_id=ours.id)
    assert ours.hello(machine=OLD) == []
    [reply] = copy.hello(machine=NEW)
    assert not reply.held
    assert Gateway.objects.get().machine == NEW


def test_a_card_that_moved_to_another_machine_goes_on_and_is_noted(two: tuple[Site, Site]) -> None:
    _, moved = two
    silent_for(minutes=3)
    [reply] = moved.hello(machine=NEW)
    assert not reply.held
    [reply] = moved.tell(event("seen", "tag:y", "hall-a"))
    assert reply.through == 2
    assert moved.counts["alarm_other_machine"] == 1
    assert Change.objects.get(action="moved to another machine").after == {"machine": NEW}
    [reply] = moved.hello(machine=OLD)  # and back, while the new one is there
    assert reply.held


def test_a_hash_made_in_another_way_says_nothing(site: Site) -> None:
    assert Gateway.objects.get().machine == "m"
    [reply] = site.hello(machine=OLD)
    assert not reply.held
    assert Gateway.objects.get().machine == OLD


def test_an_outbox_that_is_held_begins_no_epoch(two: tuple[Site, Site]) -> None:
    stranger = Site(two[0].credentials)
    [reply] = stranger.hello(machine=NEW)
    assert (bool(reply.held), reply.epoch, reply.through) == (True, stranger.epoch, 0)
    assert GatewayEpoch.objects.count() == 1


def test_only_a_machine_that_was_heard_of_can_be_trusted_and_only_by_administrators(two: tuple[Site, Site]) -> None:
    for machine in ("", "2:", "2:a", "cccc3333"):
        with pytest.raises(Invalid, match="should begin the hash of one machine"):
            trust_machine(by=ROOT, gateway_id=two[0].id, machine=machine)
    with pytest.raises(NotFound):
        trust_machine(by=ROOT, gateway_id="munich", machine=OLD)
    with pytest.raises(Forbidden):
        trust_machine(by=Actor("nobody"), gateway_id=two[0].id, machine=OLD)
