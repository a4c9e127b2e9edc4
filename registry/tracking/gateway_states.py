"""What other programs are told of gateways: how each is, how its readers are, who passed its doors last. Pure.

    sightpost/1/gateways/<gateway>/state              {"v": 1, "gateway": ..., "name": ..., "connected": true, "waiting": 0, ...}
    sightpost/1/gateways/<gateway>/readers/<reader>   {"v": 1, "reader": ..., "state": "up", "why": ""}
    sightpost/1/gateways/<gateway>/doors/<door>       {"v": 1, "door": ..., "direction": "in", "at": ..., "identity": ..., ...}

The broker keeps them. Nothing in them changes while nothing happens, so they are told when something does.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from registry.tracking.fleet import GatewayRow
from registry.tracking.models import Gateway
from sync import topics

VERSION: Final = 1
LONGEST_NAME: Final = 120  # of a reader or door, as a level of a topic; what is called longer is left out: nobody calls one so
AGE_STEP_S: Final = 60

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Passage:
    """The last one at a door. `recorded_at` is when it was committed here."""

    gateway: str
    door: str
    event_id: UUID
    identity: str
    direction: str
    zone_from: str | None
    zone_to: str | None
    at: datetime
    recorded_at: datetime


def states(rows: Iterable[GatewayRow]) -> dict[str, Payload]:
    """By topic, of gateways and readers."""
    told: dict[str, Payload] = {}
    for row in rows:
        told[topics.gateway(row.gateway.pk, "state")] = _state(row)
        for reader in row.readers:
            if is_named(reader.name):
                said = {"v": VERSION, "reader": reader.name, "state": reader.word, "why": reader.why}
                told[topics.gateway(row.gateway.pk, "readers", reader.name)] = said
    return told


def passage(one: Passage) -> tuple[str, Payload]:
    """The topic and what stands there."""
    return door_topic(one.gateway, one.door), {
        "v": VERSION,
        "door": one.door,
        "event_id": str(one.event_id),
        "identity": one.identity,
        "direction": one.direction,
        "zone_from": one.zone_from,
        "zone_to": one.zone_to,
        "at": one.at.astimezone(UTC).isoformat(),
        "recorded_at": one.recorded_at.astimezone(UTC).isoformat(),
    }


def is_newer(one: Payload, than: Payload | None) -> bool:
    """A passage that was told late does not replace a later one."""
    return than is None or datetime.fromisoformat(one["at"]) >= datetime.fromisoformat(than["at"])


def doors(row: GatewayRow, passed: Mapping[str, Payload]) -> list[str]:
    """The doors of a gateway: those it says it has; of one that does not say, those at which something has passed."""
    if row.health.doors:
        return sorted({door for door in row.health.doors if is_named(door)})
    before = door_topic(row.gateway.pk, "")
    return sorted(said["door"] for topic, said in passed.items() if topic.startswith(before))


def door_topic(gateway: str, door: str) -> str:
    return topics.gateway(gateway, "doors", door)


def is_named(name: str) -> bool:
    return bool(name) and len(topics.segment(name)) <= LONGEST_NAME


def _state(row: GatewayRow) -> Payload:
    age_s = row.oldest_age_s
    return {
        "v": VERSION,
        "gateway": row.gateway.pk,
        "name": row.gateway.name,
        "connected": row.gateway.state == Gateway.State.ONLINE and not any(t.kind == "unseen" for t in row.troubles),
        "condition": row.state,
        "problems": [trouble.words for trouble in row.troubles],
        "waiting": row.waiting,
        "oldest_age_s": int(min(age_s, 1e9)) // AGE_STEP_S * AGE_STEP_S if age_s is not None else None,
        "software": row.gateway.software,
    }
