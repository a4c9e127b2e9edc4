"""The verdict: the truth log held against what the registry's database says, after everything has come to rest."""

import logging
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from tests.chaos.replay import Event, Stay, replay
from tests.chaos.truth import Fact, TruthLog

# Every change of a position leaves a line, so that no moment is missed at which an older event took the place of a newer one.
FOLLOW_POSITIONS = """
CREATE TABLE chaos_position (n INTEGER PRIMARY KEY, asset TEXT NOT NULL, event TEXT NOT NULL);
CREATE TRIGGER chaos_made AFTER INSERT ON tracking_position
    BEGIN INSERT INTO chaos_position (asset, event) VALUES (NEW.asset_id, NEW.last_event_id); END;
CREATE TRIGGER chaos_moved AFTER UPDATE ON tracking_position WHEN OLD.last_event_id <> NEW.last_event_id
    BEGIN INSERT INTO chaos_position (asset, event) VALUES (NEW.asset_id, NEW.last_event_id); END;
"""
_EVENTS = """
SELECT i.asset_id, upper(e.event_id), g.ordinal, e.seq, e.kind, e.direction, e.deliberate, z.name, e.happened_at
FROM tracking_locationevent e JOIN tracking_gatewayepoch g ON g.id = e.epoch_id JOIN assets_identifier i ON i.key = e.identity
LEFT JOIN tracking_zone z ON z.id = e.zone_to_id"""
_FACTS = """
SELECT upper(e.event_id), e.kind, e.identity, coalesce(z.name, ''), e.event_time
FROM tracking_locationevent e LEFT JOIN tracking_zone z ON z.id = e.zone_to_id"""
_POSITIONS = """
SELECT p.asset_id, upper(p.last_event_id), p.state = 'present', z.name, p.since
FROM tracking_position p LEFT JOIN tracking_zone z ON z.id = p.zone_id"""
_STAYS = """
SELECT s.asset_id, z.name, s.from_ts, s.to_ts FROM tracking_stay s LEFT JOIN tracking_zone z ON z.id = s.zone_id"""
_TOLD_AT_MOST = 5  # of what is wrong

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One row of the table. `lost`: confirmed, neither stored nor declared a gap, or stored with other content. `doubled`: stored
    twice, or under an id that nobody confirmed. `out_of_order`: things whose position or stays are not those of the replay, and
    moments at which a position came from an older event than before."""

    fault: str
    runs: int
    confirmed: int
    stored: int
    lost: int
    doubled: int
    out_of_order: int

    @property
    def holds(self) -> bool:
        return not (self.lost or self.doubled or self.out_of_order)

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def judge(fault: str, runs: int, truths: Sequence[TruthLog], outboxes: Sequence[Path], registry: Path) -> Verdict:
    """Each outbox has its truth log. Everything has stopped or is at rest."""
    confirmed: dict[str, Fact] = {}
    for truth in truths:
        confirmed |= truth.confirmed
    with closing(sqlite3.connect(f"file:{registry}?mode=ro", uri=True, timeout=20)) as db:
        db.execute("BEGIN")
        facts = db.execute(_FACTS).fetchall()
        beside = {row[0] for row in db.execute("SELECT upper(event_id) FROM tracking_rawrecord")}
        beside |= {row[0] for row in db.execute("SELECT upper(event_id) FROM tracking_quarantine WHERE event_id IS NOT NULL")}
        gaps = db.execute("SELECT g.epoch, s.first, s.last FROM tracking_gap s JOIN tracking_gatewayepoch g ON g.id = s.epoch_id")
        declared = _declared(gaps.fetchall(), truths, outboxes)
        out_of_order = _misplaced(db) + _went_back(db)
    same = {
        row[0] for row in facts if row[0] in confirmed and _says(confirmed[row[0]]) == (row[1], row[2], row[3], _moment(row[4]))
    }
    stored = same | (beside & confirmed.keys())
    lost = confirmed.keys() - stored - declared
    by_id = Counter(row[0] for row in facts)
    doubled = sum((by_id - Counter(by_id.keys())).values()) + len(by_id.keys() - confirmed.keys())
    return Verdict(fault, runs, len(confirmed), len(stored), len(lost), doubled, out_of_order)


def _says(fact: Fact) -> tuple[str, str, str, float]:
    return fact.kind, fact.identity, fact.zone, _moment(fact.event_time) if fact.event_time else 0.0


def _moment(text: str) -> float:
    moment = datetime.fromisoformat(text if "T" in text else text + "+00:00")
    return round(moment.timestamp(), 6)


def _declared(gaps: Iterable[tuple[str, int, int]], truths: Sequence[TruthLog], outboxes: Sequence[Path]) -> set[str]:
    """The event ids at the numbers that were declared never to come."""
    gaps, found = list(gaps), set()
    for truth, outbox in zip(truths, outboxes, strict=True):
        with closing(sqlite3.connect(f"file:{outbox}?mode=ro", uri=True, timeout=20)) as db:
            bases = dict(db.execute("SELECT epoch, base FROM epoch"))
        for epoch, first, last in gaps:
            if (base := bases.get(epoch)) is not None:
                found |= {truth.at[base + seq] for seq in range(first, last + 1) if base + seq in truth.at}
    return found


def _misplaced(db: sqlite3.Connection) -> int:
    """How many things are not where the replay puts them, or were not."""
    told: defaultdict[str, list[Event]] = defaultdict(list)
    for asset, *row in db.execute(_EVENTS):
        told[asset].append(Event(*row))
    positions = {asset: row for asset, *row in db.execute(_POSITIONS)}
    stays: defaultdict[str, list[Stay]] = defaultdict(list)
    for asset, *row in db.execute(_STAYS):
        stays[asset].append(Stay(*row))
    wrong = len(positions.keys() - told.keys())
    for asset, events in told.items():
        should = replay(events)
        since = should.stays[-1].begun if should.stays else None
        position = [should.last_event, should.present, should.zone, since]
        others = set(stays[asset]) ^ set(should.stays)
        if positions.get(asset) != position or _by_time(stays[asset]) != _by_time(should.stays):
            wrong += 1
            if wrong <= _TOLD_AT_MOST:
                log.error("%s is %s and should be %s; stays of one side only: %s", asset, positions.get(asset), position, others)
    return wrong


def _by_time(stays: Iterable[Stay]) -> list[Stay]:
    """Two events of one moment leave a stay of no length beside another: which was written first says nothing."""
    return sorted(stays, key=lambda stay: (stay.begun, stay.ended or "open", stay.zone or ""))


def _went_back(db: sqlite3.Connection) -> int:
    """How often a position came from an event older than the one it showed."""
    tips: dict[str, tuple[int, int]] = {}
    back = 0
    for asset, ordinal, seq in db.execute(
        "SELECT c.asset, g.ordinal, e.seq FROM chaos_position c JOIN tracking_locationevent e ON e.event_id = c.event"
        " JOIN tracking_gatewayepoch g ON g.id = e.epoch_id ORDER BY c.n"
    ):
        back += (ordinal, seq) < tips.get(asset, (0, 0))
        tips[asset] = max(tips.get(asset, (0, 0)), (ordinal, seq))
    return back
