"""The MQTT topics, in one place (docs/asyncapi.yaml describes them for subscribers)."""

import re

ROOT = "sightpost/1"
HOME_ASSISTANT = "homeassistant"  # where Home Assistant looks for devices unless it was told otherwise
UP = ("hello", "events", "health", "state", "reply", "csr")  # what a gateway says
DOWN = ("ack", "cmd", "config", "cert")  # what it is told

_OTHERS = re.compile(rb"[^A-Za-z0-9._-]")


def segment(text: str) -> str:
    """Return `text` as one topic level, percent-encoded outside [A-Za-z0-9._-]: no name can add a level or a wildcard."""
    return _OTHERS.sub(lambda found: b"%%%02X" % ord(found[0]), text.encode()).decode()


def up(gateway: str, leaf: str) -> str:
    """One of UP, of one gateway."""
    return f"{ROOT}/g/{segment(gateway)}/up/{leaf}"


def down(gateway: str, leaf: str) -> str:
    """One of DOWN, for one gateway."""
    return f"{ROOT}/g/{segment(gateway)}/down/{leaf}"


def live(gateway: str, zone: str, kind: str) -> str:
    """One readable message per location event, for other subscribers."""
    return f"{ROOT}/live/{segment(gateway)}/{segment(zone)}/{segment(kind)}"


def gateway(gateway: str, *leaf: str) -> str:
    """`state`, `readers/<name>` or `doors/<name>` of one gateway, told by the registry; the broker keeps it."""
    return "/".join([ROOT, "gateways", segment(gateway), *map(segment, leaf)])


def discovery(device: str) -> str:
    """What Home Assistant finds a device by; the broker keeps it. `device` is of letters, digits, - and _."""
    return f"{HOME_ASSISTANT}/device/{device}/config"


def asset(asset_no: str, leaf: str) -> str:
    """`events` or `position` of one asset, told by the registry after its commit."""
    return f"{ROOT}/assets/{segment(asset_no)}/{leaf}"


REGISTRY_STATE = f"{ROOT}/registry/state"
ALL_UP = f"{ROOT}/g/+/up/+"


def gateway_of(topic: str) -> tuple[str, str] | None:
    """Return (gateway id, leaf) of an `up` topic, or None for any other topic."""
    parts = topic.removeprefix(ROOT + "/g/").split("/")
    if not topic.startswith(ROOT + "/g/") or len(parts) != 3 or parts[1] != "up" or not parts[0] or not parts[2]:
        return None
    return parts[0], parts[2]
