"""What the live page shows, and the versions by which it notices that something has changed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2s
from typing import Any

from django.db.models import Count, Max, Sum
from django.utils import timezone

from registry.access.actors import Action, Actor
from registry.assets.models import Identifier, Location
from registry.tracking.fleet import GatewayRow, is_silent
from registry.tracking.models import (
    Gateway,
    IngestWorker,
    LocationEvent,
    LocationEventQuerySet,
    Position,
    Quarantine,
    UnknownTag,
    Zone,
    ZoneQuerySet,
    attach_assets,
)
from registry.tracking.telling import Told, told

PARTS = ("summary", "unmapped", "unknown", "events", "gateways", "zones", "ingest")
EVENTS_SHOWN = 30
TAGS_SHOWN = 12
ZONES_SHOWN = 60  # of each kind; all of them have a page of their own
PLACES_TO_CHOOSE = 300  # more are not put into every row's list; the zone's own page searches them
MOST_CHOICES = 4_000  # places in the lists of all rows together
SCOPED_LOOK_BACK = timedelta(days=7)
WORKER_SILENT_AFTER = timedelta(seconds=10)  # and a worker its own every second


def versions() -> Mapping[str, str]:
    """One short text per part that differs when the part does. A handful of small queries, asked for all open pages at once."""
    now = timezone.now()
    newest = LocationEvent.objects.order_by("-recorded_time", "-pk").values_list("pk", "recorded_time")[:1]
    codes = Identifier.objects.order_by("-id").values_list("pk")[:1]
    events = _digest(*newest, *codes)
    gateways = list(
        Gateway.objects.values_list(
            "pk", "state", "state_reason", "last_hello_at", "last_batch_at", "health_at", "revoked_at", "held_at"
        )
    )
    silent = [is_silent(last, now) for *_, last, _, _ in gateways]
    zones = list(Zone.objects.valid().values_list("pk", "location", "location__name", "kind"))
    tags = UnknownTag.objects.aggregate(number=Count("pk"), last=Max("last_seen"), reads=Sum("count"))
    refused = Quarantine.objects.open().count(), Quarantine.objects.order_by("-id").values_list("pk").first()
    workers = list(IngestWorker.objects.values_list("worker", "connected", "why", "counters", "heartbeat_at"))
    alive = [(*worker[:-1], now - worker[-1] < WORKER_SILENT_AFTER) for worker in workers]
    parts = {
        "unmapped": _digest([zone for zone in zones if zone[1] is None], events),
        "unknown": _digest(tags),
        "events": events,
        "gateways": _digest(gateways, silent, refused),
        "zones": _digest([zone for zone in zones if zone[1] is not None], events),
        "ingest": _digest(alive, refused),
    }
    return {"summary": _digest(parts), **parts}


@dataclass(frozen=True, slots=True)
class Summary:
    """The first line of the page: `state` is the worst of all there is, `step` what a person can do."""

    state: str
    words: str
    newest: datetime | None
    step: str


def summary(by: Actor, rows: list[GatewayRow], intake: "Ingest") -> Summary:
    newest = _recent(by).order_by("-recorded_time").values_list("happened_at", flat=True).first()
    online = sum(row.gateway.state == Gateway.State.ONLINE for row in rows)
    troubled = [row for row in rows if row.state in ("failed", "attention")]
    unmapped, tags = unmapped_count(by), UnknownTag.objects.visible_to(by).count()
    steps = [f"{unmapped} {_plural(unmapped, 'zone')} without a place"] if unmapped else []
    steps += [f"{tags} unknown {_plural(tags, 'tag')}"] if tags else []
    waiting = " and ".join(steps)
    step = f"{waiting} {'waits' if unmapped + tags == 1 else 'wait'} for somebody." if steps else "Nothing waits for anybody."
    if not rows:
        if not by.sees_all_places():
            return Summary("waiting", "No gateway tells of your places yet", newest, step)
        return Summary(
            "waiting", "No gateway yet", newest, "Make one with `sightpost-registry gateways add`, then start it on site."
        )
    if intake.state != "good":
        return Summary(
            "failed", f"Events are not taken in: {intake.word.lower()}", newest, f"{intake.why}. Gateways keep what they see."
        )
    if troubled:
        worst = troubled[0]
        said = worst.why if worst.gateway.state == Gateway.State.ONLINE else f"is {worst.word.lower()}"
        why = f" {said[:1].lower()}{said[1:]}"
        more = f", and {len(troubled) - 1} more" if len(troubled) > 1 else ""
        return Summary(worst.state, f"{worst.gateway.name}{why}{more}", newest, step)
    return Summary("good", f"{online} of {len(rows)} {_plural(len(rows), 'gateway')} online", newest, step)


def _plural(number: int, noun: str) -> str:
    return noun if number == 1 else f"{noun}s"


@dataclass(frozen=True, slots=True)
class ZoneRow:
    """`guess` is the place an unmapped zone probably is, by its name; `new_name` what a new place of it would be called."""

    zone: Zone
    count: int
    last_seen: datetime | None
    guess: Location | None
    new_name: str


def zone_rows(by: Actor, zones: Sequence[Zone], places: Sequence[Location] = ()) -> list[ZoneRow]:
    """These zones with what is in them now; `places` are those of which an unmapped one may be guessed to be."""
    present = Position.objects.visible_to(by).present().filter(zone__in=[zone.pk for zone in zones]).order_by().values("zone")
    figures: dict[Any, dict[str, Any]] = {
        row["zone"]: dict(row) for row in present.annotate(number=Count("pk"), last=Max("last_seen_at"))
    }
    by_name = {_plain(name): place for place in reversed(places) for name in (place.code, place.name)}
    rows = []
    for zone in zones:
        figure = figures.get(zone.pk, {"number": 0, "last": None})
        guess = by_name.get(_plain(zone.name)) if zone.location is None else None
        rows.append(ZoneRow(zone, figure["number"], figure["last"], guess, readable(zone.name)))
    return rows


def zones_of(by: Actor) -> ZoneQuerySet:
    """The zones they see, with what a row of one shows; in no order."""
    return Zone.objects.visible_to(by).valid().select_related("gateway", "location").order_by()


def readable(name: str) -> str:
    """`hall-a` -> Hall A, as a first proposal for the name of a place."""
    words = name.replace("-", " ").replace("_", " ").split()
    return " ".join(word[:1].upper() + word[1:] for word in words) or name


def unknown_tags(by: Actor) -> tuple[list[UnknownTag], int]:
    """The ones that came last, in an order that reading them does not change, and how many there are."""
    shown = UnknownTag.objects.visible_to(by)
    newest = shown.select_related("read_point", "zone__location").order_by("-first_seen", "-pk")
    return list(newest[:TAGS_SHOWN]), shown.count()


def latest_events(by: Actor, most: int = EVENTS_SHOWN) -> list[Told]:
    keys = list(_recent(by).order_by("-recorded_time", "-pk").values_list("pk", flat=True)[:most])
    found = LocationEvent.objects.select_related("read_point", "zone_from__location", "zone_to__location", "gateway").in_bulk(
        keys
    )
    events = [found[key] for key in keys]
    attach_assets(events)
    return told(events, by)


def _recent(by: Actor) -> LocationEventQuerySet:
    """The events they may see; of those with a part of the places, the newer ones, so that looking for them has an end."""
    if by.may_everywhere(Action.VIEW):
        return LocationEvent.objects.all()
    return LocationEvent.objects.visible_to(by).filter(recorded_time__gte=timezone.now() - SCOPED_LOOK_BACK)


@dataclass(frozen=True, slots=True)
class Ingest:
    """How the process that takes events in is. `counters` are words, number and state; `refused` counts what was quarantined."""

    state: str
    word: str
    why: str
    since: datetime | None
    refused: list[tuple[str, int]]
    counters: list[tuple[str, int, str]]


COUNTED = {
    "events": "Events",
    "events_of_unknown_tags": "Of unknown tags",
    "repeated": "Sent again, known already",
    "gaps": "Gaps declared",
}
TROUBLE = {
    "unknown_gateway": "From an unknown gateway",
    "revoked_gateway": "From a revoked gateway",
    "refused_bad_mac": "Not signed by its gateway",
    "refused_bad_version": "Of an unknown version",
    "refused_bad_shape": "Malformed",
    "refused_bad_batch": "Malformed batch",
    "refused_bad_gzip": "Badly compressed",
    "refused_too_big": "Too large",
    "unknown_leaf": "On an unknown topic",
    "foreign_topics": "On a foreign topic",
    "too_many_epochs": "Of too many outboxes",
    "dropped_ingest_queue_full": "Put off, database behind",
    "dropped_gateway_share": "Too many of one gateway",
    "retained": "Kept by the broker",
    "dropped_queue_full": "Put off, ingest behind",
    "dropped_too_big": "Larger than any message of ours",
    "dropped_unstorable": "Not storable",
    "failed_transactions": "Database did not answer",
    "alarm_conflicts": "Same number, other content",
    "alarm_other_machine": "Gateway on another machine",
    "alarm_two_machines": "Same gateway on two machines",
}


def ingest(by: Actor) -> Ingest:
    """The counters are of everything that is told, wherever: for those who see everything."""
    now = timezone.now()
    workers = list(IngestWorker.objects.all())
    alive = [w for w in workers if now - w.heartbeat_at < WORKER_SILENT_AFTER]
    counters: Counter[str] = Counter()
    for worker in alive:
        counters.update(worker.counters)
    whole = by.may_everywhere(Action.VIEW)
    refused = list(Quarantine.objects.open().order_by("code").values_list("code").annotate(number=Count("pk"))) if whole else []
    if any(w.connected for w in alive):
        state, word, why = "good", "Taking events in", ""
    elif alive:
        state, word, why = "failed", "Not connected to the broker", alive[0].why
    else:
        state, word, why = "failed", "Not running", "Start `sightpost-registry up`, or look into its log"
    if not whole:
        counters.clear()
    said = [(words, counters[name], "") for name, words in COUNTED.items() if counters[name]]
    said += [(words, counters[name], "attention") for name, words in TROUBLE.items() if counters[name]]
    since = min((w.started_at for w in alive), default=None)
    return Ingest(state, word, why, since, refused, said)


def unmapped_count(by: Actor) -> int:
    return Zone.objects.visible_to(by).unmapped().count()


def _plain(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())


def _digest(*things: object) -> str:
    return blake2s(repr(things).encode(), digest_size=8).hexdigest()
