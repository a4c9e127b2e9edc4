"""The two rules that others use, as yardsticks: first and last side, and the zone choice that EdgeX published.

Both take the very reads the engine takes, and both are written down as they are known, without any of its ideas.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from drivers.api import Read

S_NS = 1_000_000_000
SESSION_GAP_NS, SESSION_MAX_NS, COOL_DOWN_NS = 2 * S_NS, 30 * S_NS, 5 * S_NS


@dataclass(frozen=True, slots=True)
class Told:
    """A passage as a rule tells it: `way` is +1 in, -1 out."""

    raw: bytes
    door: str
    way: int
    at_ns: int


@dataclass(slots=True)
class _Session:
    first_ns: int
    last_ns: int
    first_port: int
    last_port: int


class FirstAndLastSide:
    """Where a session at a door began and ended says which way it went. Port 1 is outside, port 2 inside."""

    def __init__(self) -> None:
        self._open: dict[tuple[bytes, str], _Session] = {}
        self._told: dict[tuple[bytes, str, int], int] = {}

    def take(self, reads: Sequence[Read]) -> Iterator[Told]:
        for read in reads:
            key, now_ns = (read.raw, read.reader), read.rx_mono_ns
            session = self._open.get(key)
            if session is not None and (now_ns - session.last_ns > SESSION_GAP_NS or now_ns - session.first_ns > SESSION_MAX_NS):
                yield from self._close(key, session)
                session = None
            if session is None:
                self._open[key] = _Session(now_ns, now_ns, read.antenna, read.antenna)
            else:
                session.last_ns, session.last_port = now_ns, read.antenna

    def end(self) -> Iterator[Told]:
        for key, session in list(self._open.items()):
            yield from self._close(key, session)

    def _close(self, key: tuple[bytes, str], session: _Session) -> Iterator[Told]:
        del self._open[key]
        way = session.last_port - session.first_port
        if way and session.last_ns - self._told.get((*key, way), -COOL_DOWN_NS) >= COOL_DOWN_NS:
            self._told[*key, way] = session.last_ns
            yield Told(key[0], key[1], way, session.last_ns)


# ---- EdgeX: the published zone choice with hysteresis, its default profile

SLOPE_DB_PER_MS, THRESHOLD_DB, HOLD_OFF_MS = -0.008, 6.0, 500.0
SAMPLES, DEPARTED_AFTER_MS, CHECK_EVERY_MS = 20, 600_000, 30_000


@dataclass(frozen=True, slots=True)
class Moved:
    raw: bytes
    zone_from: str
    zone_to: str
    point: str
    at_ns: int


@dataclass(slots=True)
class _Known:
    location: str | None = None
    present: bool = False
    last_read_ms: float = 0.0
    rssi: dict[str, deque[int]] = field(default_factory=dict)
    heard_ms: dict[str, float] = field(default_factory=dict)


class EdgeX:
    """`alias` names the zone of a read point ("<reader>:<antenna>")."""

    def __init__(self, alias: dict[str, str]) -> None:
        self._alias = alias
        self._tags: dict[bytes, _Known] = {}
        self._checked_ms = 0.0

    def take(self, reads: Sequence[Read]) -> Iterator[Moved]:
        """Take one report; its reads came together."""
        now_ms = reads[0].rx_mono_ns / 1e6
        self._depart(now_ms)
        newest_ms = max(read.reader_ts_ms or 0 for read in reads)
        for read in reads:
            seen_ms = now_ms - newest_ms + (read.reader_ts_ms or 0)
            moved = self._read(read, f"{read.reader}:{read.antenna}", seen_ms, now_ms)
            if moved is not None:
                yield moved

    def _read(self, read: Read, point: str, seen_ms: float, now_ms: float) -> Moved | None:
        tag = self._tags.get(read.raw)
        if tag is None:
            tag = self._tags[read.raw] = _Known()
        tag.last_read_ms = max(tag.last_read_ms, seen_ms)
        samples = tag.rssi.get(point)
        if samples is None:
            samples = tag.rssi[point] = deque(maxlen=SAMPLES)
        samples.append(read.rssi_dbm or -60)
        tag.heard_ms[point] = max(tag.heard_ms.get(point, 0.0), seen_ms)
        before = tag.location
        if before is None or before == point or not tag.rssi.get(before):
            tag.location = point
        elif len(samples) >= 2:
            present = tag.rssi[before]
            silence_ms = now_ms - tag.heard_ms[before]
            offset = min(THRESHOLD_DB, SLOPE_DB_PER_MS * silence_ms + THRESHOLD_DB - SLOPE_DB_PER_MS * HOLD_OFF_MS)
            if sum(samples) / len(samples) > sum(present) / len(present) + offset:
                tag.location = point
        was_present, tag.present = tag.present, True
        if was_present and before is not None and tag.location != before:
            zones = self._alias[before], self._alias[tag.location or point]
            if zones[0] != zones[1]:
                return Moved(read.raw, *zones, point, read.rx_mono_ns)
        return None

    def _depart(self, now_ms: float) -> None:
        if now_ms - self._checked_ms < CHECK_EVERY_MS:
            return
        self._checked_ms = now_ms
        for tag in self._tags.values():
            if tag.present and now_ms - tag.last_read_ms > DEPARTED_AFTER_MS:
                tag.present = False
                tag.rssi.clear()
                tag.heard_ms.clear()
