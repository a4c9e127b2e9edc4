"""What Home Assistant finds: each gateway, reader and door as a device, told when it changes and forgotten when it goes."""

import json
from datetime import timedelta
from typing import Any

import jinja2.sandbox
import pytest
from django.conf import settings as django_settings
from django.utils import timezone

from registry.tracking import home_assistant
from registry.tracking.gateways import revoke_gateway
from registry.tracking.models import Gateway, LocationEvent, Retained
from registry.tracking.retained import AGAIN_AFTER, Keeper
from registry.work.models import Outgoing
from sync.wire import Health, HopHealth, Purpose, ReaderHealth, seal
from tests.registry_world import ROOT, World, make_world, passed

G = "sightpost/1/gateways/hamburg-1"
GATEWAY, READER, DOOR = (
    f"homeassistant/device/sightpost_hamburg-1{rest}/config" for rest in ("", "_reader_cam-1", "_door_dock-door")
)


@pytest.fixture
def world(db: None, settings: Any) -> World:
    was = settings.CONFIGURATION
    settings.CONFIGURATION = was.model_copy(update={"mqtt": was.mqtt.model_copy(update={"home_assistant": True})})
    return make_world()


def say(world: World, **more: Any) -> None:
    readers = more.pop("readers", (ReaderHealth("cam-1", "up"),))
    health = Health(more.pop("waiting", 0), more.pop("oldest_age_s", None), readers, doors=("dock-door",), **more)
    world.gateway.say("health", seal(health, Purpose.HEALTH, world.gateway.key))


def told(keeper: Keeper) -> dict[str, Any]:
    """What one turn puts into the outgoing queue, by topic."""
    Outgoing.objects.all().delete()
    number = keeper.keep_told()
    rows = {message.topic: message.payload for message in Outgoing.objects.all()}
    assert len(rows) == number
    assert all(message.retain and message.sink == "mqtt" for message in Outgoing.objects.all())
    return rows


def shown(template: str, payload: Any) -> str:
    """As Home Assistant works a template out."""
    return jinja2.sandbox.ImmutableSandboxedEnvironment().from_string(template).render(value_json=payload)


def test_devices_with_their_states_are_told_once_and_when_they_change(world: World) -> None:
    say(world)
    world.gateway.tell(passed("tag:LADDER-1", "dock-door", "out", "yard", "dock", ago_s=30))
    keeper = Keeper()
    first = told(keeper)
    assert set(first) == {GATEWAY, READER, DOOR, f"{G}/state", f"{G}/readers/cam-1", f"{G}/doors/dock-door"}
    for device in (GATEWAY, READER, DOOR):
        for part in first[device]["components"].values():
            assert part["state_topic"] in first
            value = shown(part["value_template"], first[part["state_topic"]])
            assert value in part.get("options", [value])
    state, reader, door = first[f"{G}/state"], first[f"{G}/readers/cam-1"], first[f"{G}/doors/dock-door"]
    parts = first[GATEWAY]["components"]
    assert [shown(parts[name]["value_template"], state) for name in ("connection", "problem", "backlog")] == ["ON", "OFF", "0"]
    assert (reader["state"], door["direction"], door["identity"]) == ("up", "out", "tag:LADDER-1")
    assert first[READER]["device"]["via_device"] == first[GATEWAY]["device"]["identifiers"][0]
    assert told(keeper) == {}
    say(world, readers=(ReaderHealth("cam-1", "down", "unplugged"),), waiting=7)
    changed = told(keeper)
    assert set(changed) == {f"{G}/state", f"{G}/readers/cam-1"}
    assert shown(parts["problem"]["value_template"], changed[f"{G}/state"]) == "ON"
    assert shown(parts["backlog"]["value_template"], changed[f"{G}/state"]) == "7"
    Gateway.objects.update(state="offline")
    offline = told(keeper)[f"{G}/state"]
    [availability] = first[READER]["components"]["state"]["availability"]
    assert (availability["topic"], shown(availability["value_template"], offline)) == (f"{G}/state", "offline")


def test_what_goes_is_forgotten(world: World) -> None:
    keeper = Keeper()
    say(world)
    told(keeper)
    say(world, readers=(ReaderHealth("cam-2", "up"),))
    changed = told(keeper)
    assert changed[READER] is None
    assert changed[f"{G}/readers/cam-1"] is None
    assert changed["homeassistant/device/sightpost_hamburg-1_reader_cam-2/config"]
    revoke_gateway(by=ROOT, gateway_id="hamburg-1")
    assert set(told(keeper).values()) == {None}
    assert not Retained.objects.exists()


def test_turned_off_everything_is_forgotten(world: World, settings: Any) -> None:
    say(world)
    first = told(Keeper())
    was = settings.CONFIGURATION
    settings.CONFIGURATION = was.model_copy(update={"mqtt": was.mqtt.model_copy(update={"home_assistant": False})})
    keeper = Keeper()
    assert told(keeper) == dict.fromkeys(first)
    assert told(keeper) == {}


def test_a_passage_told_late_does_not_replace_a_later_one(world: World) -> None:
    keeper = Keeper()
    say(world)
    world.gateway.tell(passed("tag:A", "dock-door", "in", "dock", "yard", ago_s=60))
    told(keeper)
    world.gateway.tell(passed("tag:B", "dock-door", "out", "yard", "dock", ago_s=600))
    assert told(keeper) == {}
    world.gateway.tell(passed("tag:C", "dock-door", "out", "yard", "dock", ago_s=5), passed("tag:D", "other", "in", "a", "b"))
    assert told(keeper)[f"{G}/doors/dock-door"]["identity"] == "tag:C"
    assert LocationEvent.objects.filter(door="other").exists()  # of no door that the gateway names
    assert told(Keeper()) == {}  # after a restart


def test_all_is_told_again_because_a_broker_may_forget(world: World) -> None:
    say(world)
    keeper = Keeper()
    first = told(keeper)
    Retained.objects.update(told_at=timezone.now() - AGAIN_AFTER - timedelta(seconds=1))
    assert told(keeper) == first


def test_names_are_never_part_of_a_template_and_ids_never_collide(world: World) -> None:
    evil = "{{ states('lock.door') }}"
    readers = (ReaderHealth(evil, evil, evil), *(ReaderHealth(name, "up") for name in ("x" * 200, "a/b", "a b")))
    say(world, readers=readers, hops=(HopHealth("outbox", "failed", "", evil),))
    first = told(Keeper())
    for topic, payload in first.items():
        if topic.startswith("homeassistant/"):
            templates = [text for part in payload["components"].values() for key, text in part.items() if "template" in key]
            assert "states(" not in json.dumps(templates)
            assert len(topic.split("/")) == 4
    assert not any("xxxx" in topic for topic in first)
    assert home_assistant.device_id("g", "reader", "a/b") != home_assistant.device_id("g", "reader", "a b")
    assert home_assistant.device_id("g", "reader", "a-b") not in {
        home_assistant.device_id("g", "reader", n) for n in ("a/b", "a b")
    }


def test_off_it_costs_one_question(db: None, django_assert_num_queries: Any) -> None:
    assert not django_settings.CONFIGURATION.mqtt.home_assistant
    keeper = Keeper()
    with django_assert_num_queries(1):
        keeper.keep_told()
