"""Keeps at the broker how gateways, readers and doors are, with what Home Assistant finds them by ([mqtt] home_assistant).

What should be kept follows from the database; what was given to the broker stands in Retained. Every two seconds the difference
goes into the outgoing queue, in one transaction with its note: nothing is told twice, and what has gone is forgotten by the
broker too, also after the setting was turned off. All of it is told again every five minutes, because a broker may forget.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from registry.access.actors import system
from registry.db import upsert
from registry.tracking import fleet, gateway_states, home_assistant
from registry.tracking.gateway_states import Passage, Payload
from registry.tracking.models import LocationEvent, Retained
from registry.work import outgoing
from registry.work.models import Outgoing

AGAIN_AFTER: Final = timedelta(minutes=5)
FIRST_LOOK_BACK: Final = timedelta(days=1)  # for the last passage of each door
OVERLAP: Final = timedelta(seconds=30)  # an event may be seen by others so much later than it was recorded
MOST_DOORS: Final = 1_000  # with passages, of one turn
AT_ONCE: Final = 500  # messages of one turn
COLUMNS: Final = ("topic", "payload", "told_at")
PASSAGE: Final = (
    "gateway", "door", "event_id", "identity", "direction", "zone_from__name", "zone_to__name", "happened_at", "recorded_time",
)  # fmt: skip


class Keeper:
    """Knows up to where the events were looked through for passages; all else is in the database."""

    def __init__(self) -> None:
        self._looked_to: datetime | None = None

    def keep_told(self) -> int:
        """Put into the outgoing queue what has changed; return how many messages. A job of the work process."""
        kept = {row.topic: row for row in Retained.objects.all()}
        if not settings.CONFIGURATION.mqtt.home_assistant:
            self._looked_to = None
            return _tell({}, sorted(kept)[:AT_ONCE])
        now = timezone.now()
        wanted = self._wanted({topic: row.payload for topic, row in kept.items()}, now)
        due = {
            topic: said
            for topic, said in sorted(wanted.items())
            if topic not in kept or kept[topic].payload != said or kept[topic].told_at <= now - AGAIN_AFTER
        }
        return _tell(dict(list(due.items())[:AT_ONCE]), sorted(kept.keys() - wanted.keys())[:AT_ONCE])

    def _wanted(self, kept: Mapping[str, Payload], now: datetime) -> dict[str, Payload]:
        passed = {topic: said for topic, said in kept.items() if "recorded_at" in said}
        for one in self._passages(passed, now):
            topic, said = gateway_states.passage(one)
            if gateway_states.is_newer(said, passed.get(topic)):
                passed[topic] = said
        rows = fleet.gateway_rows(system())
        wanted = gateway_states.states(rows)
        for row in rows:
            doors = gateway_states.doors(row, passed)
            topics = [gateway_states.door_topic(row.gateway.pk, door) for door in doors]
            wanted |= {topic: passed[topic] for topic in topics if topic in passed}
            wanted |= home_assistant.devices(row, doors)
        return wanted

    def _passages(self, passed: Mapping[str, Payload], now: datetime) -> list[Passage]:
        """The last one of each door at which something has passed since we looked."""
        if self._looked_to is None:
            told = [datetime.fromisoformat(said["recorded_at"]) for said in passed.values()]
            self._looked_to = max([now - FIRST_LOOK_BACK, *told])
        found = LocationEvent.objects.filter(recorded_time__gte=self._looked_to - OVERLAP, kind="passed", gateway__isnull=False)
        found = found.filter(door__isnull=False).order_by()
        newest = found.values_list("gateway", "door").annotate(at=Max("happened_at"))[:MOST_DOORS]
        latest = {(gateway, door): at for gateway, door, at in newest}
        rows: Any = found.filter(door__in={door for _, door in latest}, happened_at__in=set(latest.values()))
        self._looked_to = now
        return [
            Passage(gateway, door, event_id, identity, direction or "unknown", zone_from, zone_to, at, recorded)
            for gateway, door, event_id, identity, direction, zone_from, zone_to, at, recorded in rows.order_by(
                "epoch", "seq"
            ).values_list(*PASSAGE)
            if latest.get((gateway, door)) == at and gateway_states.is_named(door)
        ]


@transaction.atomic
def _write(messages: list[Outgoing], said: dict[str, Payload], gone: list[str], now: datetime) -> None:
    outgoing.put_all(messages, replacing=[message.key for message in messages])
    Retained.objects.filter(topic__in=gone).delete()
    upsert(Retained, COLUMNS, [(topic, payload, now) for topic, payload in sorted(said.items())], key=["topic"])


def _tell(said: dict[str, Payload], gone: list[str]) -> int:
    now = timezone.now()
    payloads: dict[str, Payload | None] = {**dict.fromkeys(gone), **said}
    messages = [
        Outgoing(sink=Outgoing.Sink.MQTT, topic=topic, key=f"kept:{topic}"[:200], payload=payload, retain=True, next_at=now)
        for topic, payload in payloads.items()
    ]
    if messages:
        _write(messages, said, gone, now)
    return len(messages)
