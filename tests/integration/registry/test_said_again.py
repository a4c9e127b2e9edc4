"""What a broker has recorded and says again is no news: it makes nobody look alive, well or elsewhere."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from registry.orders.configuring import configure
from registry.orders.letters import Letters
from registry.orders.models import GatewayConfiguration
from registry.tracking.gateways import renew_gateway
from registry.tracking.intake import Message
from registry.tracking.models import Gateway, GatewayEpoch
from registry.trust import boots
from registry.trust.models import BootHeard
from sync.wire import ClockQuality, Health, Hello, Purpose, seal
from tests.integration.registry.conftest import Site, event
from tests.registry_world import ROOT

pytestmark = pytest.mark.django_db
LONG_AGO = timedelta(hours=1)


def hello(site: Site, boot: str = "boot-1", mono_ms: int | None = 5_000, **more: Any) -> bytes:
    given: dict[str, Any] = {"machine": "1:m", "software": "1.0", "configuration": 0} | more
    said = Hello("n", site.epoch, 1, 0, 0, None, boot, ClockQuality.SYNCED, mono_ms=mono_ms, **given)
    return seal(said, Purpose.HELLO, site.credentials.mac_key)


def health(site: Site, registry_time: datetime | None, waiting: int = 0) -> bytes:
    return seal(Health(waiting, None, registry_time=registry_time), Purpose.HEALTH, site.credentials.mac_key)


def heard() -> tuple[Any, ...]:
    gateway = Gateway.objects.get()
    return gateway.last_hello_at, gateway.last_batch_at, gateway.health_at, gateway.health, gateway.software, gateway.machine


def waiting_there() -> object:
    health = Gateway.objects.get().health
    assert health is not None
    return health["waiting"]


def long_ago() -> tuple[Any, ...]:
    """Nobody was heard since."""
    then = timezone.now() - LONG_AGO
    Gateway.objects.update(last_hello_at=then, last_batch_at=then, health_at=then)
    return heard()


def test_a_hello_that_was_said_before_is_answered_and_changes_nothing(site: Site) -> None:
    recorded = [hello(site), hello(site, "boot-0", 900_000), hello(site, mono_ms=None, machine="1:old")]
    for one in recorded[:2]:
        site.say(("hello", one))
    site.say(("hello", hello(site, mono_ms=9_000, software="2.0")))
    before = long_ago()
    for one in recorded:
        [reply] = site.say(("hello", one))
        assert reply.nonce == "n"
    assert heard() == before
    assert site.counts["old_hellos"] == 3
    assert GatewayEpoch.objects.get().last_hello_at < timezone.now()
    site.say(("hello", hello(site, mono_ms=9_001)))
    assert heard() != before


def test_an_old_hello_of_another_machine_holds_nobody(site: Site) -> None:
    """A gateway that moved would be held by what it said where it was before; one that says it now is held."""
    site.say(("hello", hello(site, "boot-a", machine="1:here")))
    long_ago()
    site.say(("hello", hello(site, "boot-b", machine="1:there")))
    [reply] = site.say(("hello", hello(site, "boot-a", machine="1:here")))
    assert "another machine is gateway hamburg" in reply.held
    assert Gateway.objects.get().held_at is None
    [reply] = site.say(("hello", hello(site, "boot-a", 5_001, machine="1:here")))
    assert "two machines deliver under this name" in reply.held


def test_an_old_hello_asks_for_no_configuration(site: Site) -> None:
    configure(by=ROOT, gateway_id=site.id, content={"site": "north"})
    GatewayConfiguration.objects.update(state="holds", in_force=1)
    for mono_ms, state in ((5_000, "holds"), (6_000, "waiting")):
        boots.note(site.id, "boot-1", 5_000)
        payload = hello(site, mono_ms=mono_ms, configuration=0)
        Letters().take([Message(site.id, "hello", payload)], site.counts)
        assert GatewayConfiguration.objects.get().state == state


def test_health_goes_forward_and_is_of_now(site: Site) -> None:
    now = timezone.now()
    for registry_time, waiting, believed in (
        (now - timedelta(minutes=4), 1, True),
        (now - timedelta(minutes=4), 2, False),  # said again
        (now - timedelta(minutes=5, seconds=5), 3, False),  # held back
        (now + timedelta(minutes=6), 4, False),
        (now, 5, True),
        (None, 6, False),  # recorded from an older version
        (now - timedelta(seconds=1), 7, False),
        (now + timedelta(seconds=1), 8, True),
    ):
        before = long_ago()
        site.say(("health", health(site, registry_time, waiting)))
        assert (heard() != before) == believed, waiting
    assert site.counts["old_health"] == 5
    kept = Gateway.objects.get().health
    assert kept is not None
    kept["registry_time"] = (now + timedelta(hours=2)).isoformat()  # our clock was wrong then
    Gateway.objects.update(health=kept)
    site.say(("health", health(site, now, 9)))
    assert waiting_there() == 9


def test_of_several_at_once_the_old_one_does_not_take_the_place_of_the_new_one(site: Site) -> None:
    now = timezone.now()
    site.say(("health", health(site, now, 1)), ("health", health(site, now - timedelta(seconds=30), 2)))
    assert waiting_there() == 1


def test_a_gateway_of_an_older_version_is_believed_as_ever(site: Site) -> None:
    site.say(("hello", hello(site, mono_ms=None)), ("health", health(site, None, 3)))
    before = long_ago()
    site.say(("hello", hello(site, mono_ms=None)), ("health", health(site, None, 3)))
    assert heard() != before
    assert not BootHeard.objects.exists()


def test_a_batch_that_was_said_before_makes_nobody_alive(site: Site) -> None:
    batch = site.batch([site.record(event("seen", "tag:x", "hall"))])
    site.say(("events", batch))
    before = long_ago()
    [reply] = site.say(("events", batch))
    assert reply.through == 1
    assert heard() == before
    site.tell(event("seen", "tag:x", "hall"))
    assert heard() != before


def test_new_credentials_begin_anew(site: Site) -> None:
    site.say(("hello", hello(site)), ("health", health(site, timezone.now())))
    site.credentials = renew_gateway(by=ROOT, gateway_id=site.id)
    assert not BootHeard.objects.exists()
    site.say(("hello", hello(site, mono_ms=None)), ("health", health(site, None, 4)))
    assert waiting_there() == 4


def test_so_many_boots_are_remembered_at_most(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boots, "MOST", 3)
    for number in range(6):
        boots.note(site.id, f"boot-{number}", 1)
    assert list(BootHeard.objects.order_by("pk").values_list("boot_id", flat=True)) == ["boot-3", "boot-4", "boot-5"]
