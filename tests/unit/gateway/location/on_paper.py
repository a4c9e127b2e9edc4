"""A small site and an engine with a hand on the clock: seconds in, events out."""

from collections.abc import Mapping, Sequence
from typing import Any

from drivers.api import Kind, Read
from gateway.location.engine import Engine, Instant
from gateway.location.site import Door, Site, Zone, ZoneKind, ZoneRules
from identity.keys import Level
from identity.resolve import Identity
from sync.wire import EventKind, LocationEvent

WALL_MS = 1_700_000_000_000  # the wall clock when the monotonic one shows 0


def zone(name: str, kind: str, *points: str, **rules: Any) -> Zone:
    return Zone(name, ZoneKind(kind), ZoneRules.for_kind(kind, **rules), points)


HALL = zone("hall", "storage", "hall:1", "hall:2")
STORE = zone("store", "storage", "store:1")
GATE = zone("gate", "exit", "gate:1")
DESK = zone("desk", "desk", "desk:1", "cam:1")
YARD = zone("yard", "exit")
DOCK = Door("dock", ("dock:1",), ("dock:2",), "yard", "hall")
SITE = Site.of([HALL, STORE, GATE, DESK, YARD], [DOCK])


def by_name(raw: bytes, kind: Kind, pc: int | None, symbology: str | None, prefixes: frozenset[str]) -> Identity:
    """The first letter says what the code stands for: `class-…`, `place-…`, all else is a thing."""
    text = raw.decode()
    level = Level(text.split("-")[0]) if text.startswith(("class-", "place-", "load-")) else Level.ASSET
    return Identity(text, level)


def instant(at_s: float) -> Instant:
    return Instant(round(at_s * 1e9), WALL_MS + round(at_s * 1e9) // 1_000_000)


def read(at_s: float, point: str, tag: str = "drill", rssi: int | None = -55, **more: Any) -> Read:
    reader, _, antenna = point.rpartition(":")
    more.setdefault("kind", Kind.UHF)
    now = instant(at_s)
    return Read(
        reader=reader,
        antenna=int(antenna),
        raw=tag.encode(),
        rx_mono_ns=now.mono_ns,
        rx_wall_ms=now.wall_ms,
        rssi_dbm=rssi,
        **more,
    )


class Paper:
    """An engine whose readers are up, and everything it has told."""

    def __init__(
        self, site: Site = SITE, saved: Mapping[str, bytes] | None = None, at_s: float = 0.0, up: bool = True, **more: Any
    ) -> None:
        self.site = site
        self.engine = Engine(site, saved or {}, more.pop("live_until", {}), instant(at_s), resolve=by_name, **more)
        self.told: list[LocationEvent] = []
        self.saved: dict[str, bytes] = dict(saved or {})
        if up:
            for reader in sorted({point.reader for point in site.read_points}):
                self.engine.reader_up(reader, instant(at_s))

    def read(self, at_s: float, point: str, tag: str = "drill", rssi: int | None = -55, **more: Any) -> list[LocationEvent]:
        return self.take([read(at_s, point, tag, rssi, **more)])

    def take(self, reads: Sequence[Read]) -> list[LocationEvent]:
        return self._keep(self.engine.take(reads))

    def until(self, at_s: float) -> list[LocationEvent]:
        return self._keep(self.engine.advance(instant(at_s)))

    def down(self, reader: str, at_s: float) -> None:
        self.engine.reader_down(reader, instant(at_s))

    def up(self, reader: str, at_s: float) -> None:
        self.engine.reader_up(reader, instant(at_s))

    def stay(self, point: str, since_s: float, until_s: float, tag: str = "drill", rssi: int = -55, every_s: float = 0.1) -> None:
        """Reads of a tag that stands still."""
        for step in range(int((until_s - since_s) / every_s) + 1):
            self.read(since_s + step * every_s, point, tag, rssi)

    def restart(self, at_s: float, up: bool = True, **more: Any) -> "Paper":
        """The engine that a new process makes of what was stored."""
        return Paper(self.site, self.saved, at_s, up, **more)

    @property
    def story(self) -> list[tuple[str, str, str | None, str | None]]:
        return [(event.kind.value, event.identity, event.zone_from, event.zone_to) for event in self.told]

    @property
    def kinds(self) -> list[EventKind]:
        return [event.kind for event in self.told]

    def _keep(self, events: list[LocationEvent]) -> list[LocationEvent]:
        self.told += events
        for identity, data in self.engine.changes().items():
            if data is None:
                self.saved.pop(identity, None)
            else:
                self.saved[identity] = data
        return events


def seconds(event: LocationEvent) -> tuple[float, float]:
    """(event time, decision time) on the monotonic clock."""
    return (event.event_time.timestamp() - WALL_MS / 1000, event.decided_at.timestamp() - WALL_MS / 1000)
