"""What Home Assistant finds gateways, readers and doors by: one message per device, which the broker keeps. Pure.

Its templates are constants of ours: no name that a gateway or a person gave stands in one. docs/home-assistant.md shows the
entities.
"""

import hashlib
import re
from importlib.metadata import version
from typing import Any, Final

from registry.tracking.fleet import GatewayRow
from registry.tracking.gateway_states import is_named
from sync import topics

Payload = dict[str, Any]

EXPIRES_S: Final = 900  # without a word for so long an entity is unavailable: three times what is told again anyway
ORIGIN: Final = {"name": "Sightpost", "sw_version": version("sightpost")}
READER_STATES: Final = ["up", "connecting", "down", "misconfigured"]
DIRECTIONS: Final = ["in", "out", "unknown"]
_UNSAFE = re.compile(r"[^A-Za-z0-9-]")


def devices(row: GatewayRow, doors: list[str]) -> dict[str, Payload]:
    """By topic: the gateway, its readers and its doors."""
    own, readers = row.gateway.pk, [reader.name for reader in row.readers if is_named(reader.name)]
    found = {topics.discovery(device_id(own)): _gateway(row)}
    for name in readers:
        found[topics.discovery(device_id(own, "reader", name))] = _reader(own, name)
    for name in doors:
        found[topics.discovery(device_id(own, "door", name))] = _door(own, name)
    return found


def device_id(gateway: str, kind: str = "", name: str = "") -> str:
    """Of letters, digits, - and _ alone; names that differ have ids that differ."""
    return "_".join(["sightpost", *(_plain(part) for part in (gateway, kind, name) if part)])


def _plain(name: str) -> str:
    plain = _UNSAFE.sub("-", name)
    return plain if plain == name else f"{plain}-{hashlib.blake2s(name.encode(), digest_size=4).hexdigest()}"


def _gateway(row: GatewayRow) -> Payload:
    own = row.gateway.pk
    state = topics.gateway(own, "state")
    return _device(
        device_id(own),
        {"name": row.gateway.name, "model": "Gateway", "sw_version": row.gateway.software},
        {
            "connection": {
                "platform": "binary_sensor",
                "name": "Connection",
                "device_class": "connectivity",
                "entity_category": "diagnostic",
                "state_topic": state,
                "value_template": "{{ 'ON' if value_json.connected else 'OFF' }}",
                "expire_after": EXPIRES_S,
            },
            "problem": {
                "platform": "binary_sensor",
                "name": "Problem",
                "device_class": "problem",
                "state_topic": state,
                "value_template": "{{ 'ON' if value_json.condition in ('failed', 'attention') else 'OFF' }}",
                "json_attributes_topic": state,
                "expire_after": EXPIRES_S,
            },
            "backlog": {
                "platform": "sensor",
                "name": "Backlog",
                "unit_of_measurement": "events",
                "state_class": "measurement",
                "state_topic": state,
                "value_template": "{{ value_json.waiting }}",
                "expire_after": EXPIRES_S,
            },
        },
    )


def _reader(gateway: str, name: str) -> Payload:
    topic = topics.gateway(gateway, "readers", name)
    return _device(
        device_id(gateway, "reader", name),
        {"name": f"Reader {name}", "model": "Reader", "via_device": device_id(gateway)},
        {
            "state": {
                "platform": "sensor",
                "name": "State",
                "device_class": "enum",
                "options": READER_STATES,
                "state_topic": topic,
                "value_template": "{{ value_json.state }}",
                "json_attributes_topic": topic,
                "availability": _availability(gateway),
            }
        },
    )


def _door(gateway: str, name: str) -> Payload:
    topic = topics.gateway(gateway, "doors", name)
    return _device(
        device_id(gateway, "door", name),
        {"name": f"Door {name}", "model": "Door", "via_device": device_id(gateway)},
        {
            "direction": {
                "platform": "sensor",
                "name": "Last passage",
                "device_class": "enum",
                "options": DIRECTIONS,
                "state_topic": topic,
                "value_template": "{{ value_json.direction }}",
                "json_attributes_topic": topic,
            },
            "passed": {
                "platform": "sensor",
                "name": "Last passed",
                "device_class": "timestamp",
                "state_topic": topic,
                "value_template": "{{ value_json.at }}",
            },
        },
    )


def _availability(gateway: str) -> list[Payload]:
    """A reader of a gateway that is not heard of is neither up nor down."""
    topic = topics.gateway(gateway, "state")
    return [{"topic": topic, "value_template": "{{ 'online' if value_json.connected else 'offline' }}"}]


def _device(identifier: str, about: Payload, components: dict[str, Payload]) -> Payload:
    return {
        "device": {"identifiers": [identifier], "manufacturer": "Sightpost", **about},
        "origin": ORIGIN,
        "components": {key: {"unique_id": f"{identifier}_{key}", **parts} for key, parts in components.items()},
    }
