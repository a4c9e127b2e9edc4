"""What other programs are told over MQTT when [mqtt] publish_assets is on: each event of an asset, and its newest position, which
the broker keeps. Written into the outgoing queue in the transaction that makes it true; off, it costs nothing.

    sightpost/1/assets/<asset_no>/events     {"v": 1, "event_id": ..., "asset": {...}, ...}
    sightpost/1/assets/<asset_no>/position   {"v": 1, "event_id": ..., "asset": {...}, "state": "present", "place": {...}, ...}

Whoever gets an event twice (QoS 1) knows it by (asset, event_id). An event that came late is told late: `at` says when it was;
the position never goes back.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from registry.assets.models import Asset, Location
from registry.tracking.models import Zone
from registry.tracking.projection import Fact, Where, Whereabouts
from registry.work import outgoing
from registry.work.models import Outgoing
from sync import topics

VERSION: Final = 1
Places = Mapping[Where, UUID | None]


def wanted() -> bool:
    return bool(settings.CONFIGURATION.mqtt.publish_assets)


def events(new: Mapping[UUID, Sequence[Fact]], places: Places) -> None:
    """Tell of new events of these assets, in the caller's transaction."""
    if not new or not wanted():
        return
    assets, around = _assets(new), _Around({fact.where for facts in new.values() for fact in facts}, places)
    outgoing.put_all(
        [
            _message(
                assets[asset_id].asset_no,
                "events",
                f"asset:{asset_id}",
                {
                    "v": VERSION,
                    "event_id": str(fact.event_id),
                    "asset": _named(assets[asset_id]),
                    "kind": fact.kind,
                    "direction": fact.direction,
                    "at": _moment(fact.happened_at),
                    **around.of(fact.where),
                    "source": fact.source,
                    "gateway": fact.gateway or None,
                    "confidence": fact.confidence,
                },
            )
            for asset_id, facts in new.items()
            for fact in facts
        ]
    )


def positions(changed: Mapping[UUID, Whereabouts], places: Places) -> None:
    """Tell where these assets are now; what was to be told of them before is told no more. In the caller's transaction."""
    if not changed or not wanted():
        return
    assets, around = _assets(changed), _Around({w.where for w in changed.values()}, places)
    messages = []
    for asset_id, w in sorted(changed.items()):
        payload = {
            "v": VERSION,
            "event_id": str(w.last_event) if w.last_event else None,
            "asset": _named(assets[asset_id]),
            "state": "present" if w.present else "unknown",
            **around.of(w.where),
            "since": _moment(w.since),
            "last_seen_at": _moment(w.last_seen_at),
        }
        messages.append(_message(assets[asset_id].asset_no, "position", f"position:{asset_id}", payload, retain=True))
    outgoing.put_all(messages, replacing=[message.key for message in messages])


def forgotten(asset_ids: Collection[UUID]) -> None:
    """These have no position any more: the broker is to forget the last one it keeps."""
    if not asset_ids or not wanted():
        return
    messages = [
        _message(asset.asset_no, "position", f"position:{asset.pk}", None, retain=True) for asset in _assets(asset_ids).values()
    ]
    outgoing.put_all(messages, replacing=[message.key for message in messages])


class _Around:
    """Names of zones and places, looked up once."""

    def __init__(self, wheres: set[Where], places: Places) -> None:
        self._places = places
        self._zones = dict(Zone.objects.filter(pk__in={w.zone for w in wheres if w.zone}).values_list("pk", "name"))
        self._locations = Location.objects.in_bulk({pk for w in wheres if (pk := places.get(w)) is not None})

    def of(self, where: Where) -> dict[str, Any]:
        pk = self._places.get(where)
        place = self._locations.get(pk) if pk is not None else None
        return {
            "zone": self._zones.get(where.zone) if where.zone else None,
            "place": {"id": str(place.pk), "code": place.code, "name": place.name} if place is not None else None,
        }


def _assets(pks: Iterable[UUID]) -> dict[UUID, Asset]:
    return {asset.pk: asset for asset in Asset.objects.filter(pk__in=list(pks)).only("asset_no", "name").order_by("pk")}


def _named(asset: Asset) -> dict[str, str]:
    return {"id": str(asset.pk), "asset_no": asset.asset_no, "name": asset.name}


def _message(asset_no: str, leaf: str, key: str, payload: Any, *, retain: bool = False) -> Outgoing:
    topic = topics.asset(asset_no, leaf)
    return Outgoing(sink=Outgoing.Sink.MQTT, topic=topic, key=key, payload=payload, retain=retain, next_at=timezone.now())


def _moment(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment is not None else None
