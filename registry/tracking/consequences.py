"""What follows from new location events: positions and stays of known assets, and what is nobody's yet."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any
from uuid import UUID

from identity import keys
from registry.db import upsert, uuid7
from registry.tracking import contents, identifiers, project
from registry.tracking.models import UnknownTag
from registry.tracking.projection import PEOPLE, Fact, Where, told_at
from registry.tracking.rows import IMPORT, PLACE, Row

UNKNOWN_COLUMNS = ("id", "identity", "raw", "symbology", "gateway", "read_point", "zone", "first_seen", "last_seen", "count")
UNKNOWN_SETS = {  # seen again: the counts add up in any order, and what stands beside them is the newest
    "count": "old.count + excluded.count",
    "first_seen": "CASE WHEN excluded.first_seen < old.first_seen THEN excluded.first_seen ELSE old.first_seen END",
    "last_seen": "CASE WHEN excluded.last_seen > old.last_seen THEN excluded.last_seen ELSE old.last_seen END",
    "read_point": "CASE WHEN excluded.last_seen >= old.last_seen THEN excluded.read_point_id ELSE old.read_point_id END",
    "zone": "CASE WHEN excluded.last_seen >= old.last_seen THEN excluded.zone_id ELSE old.zone_id END",
    "gateway": "CASE WHEN excluded.last_seen >= old.last_seen THEN excluded.gateway_id ELSE old.gateway_id END",
    "id": "old.id",
    "raw": "old.raw",
    "symbology": "old.symbology",
}


class Consequences:
    """Of new events (rows of EVENT_COLUMNS); `ordinals` are those of their epochs. Making one reads, `write` only writes."""

    def __init__(self, rows: Sequence[Row], ordinals: Mapping[int, int]) -> None:
        identity_of, moment_of = itemgetter(PLACE["identity"]), itemgetter(PLACE["happened_at"])
        owners = identifiers.by_key(set(map(identity_of, rows)))
        facts: defaultdict[UUID, list[Fact]] = defaultdict(list)
        self._unknown: list[Row] = []
        for row in rows:
            owner = identifiers.owner(owners.get(identity_of(row), ()), moment_of(row))
            if owner is None:
                self._unknown.append(row)
            else:
                facts[owner].append(_fact(row, ordinals))
        contents.share(facts)
        self._work = project.Work(facts)

    def work_out(self) -> None:
        """Leaves the database alone."""
        self._work.work_out()

    def write(self) -> None:
        self._work.write()
        _note_unknown(self._unknown)

    def finish(self, counts: Counter[str]) -> None:
        """After `together()`: what asks again before it writes."""
        counts["replayed_assets"] += self._work.finish()
        counts["events_of_unknown_tags"] += len(self._unknown)


_TOLD = itemgetter(*(PLACE[name] for name in ("event_id", "gateway", "epoch", "seq")))
_AT = itemgetter(*(PLACE[name] for name in ("happened_at", "kind", "direction", "zone_to", "deliberate", "source", "confidence")))


def _fact(row: Row, ordinals: Mapping[int, int]) -> Fact:
    event_id, gateway, epoch, seq = _TOLD(row)
    happened_at, kind, direction, zone, deliberate, source, confidence = _AT(row)
    if source == IMPORT:
        gateway, told = PEOPLE, told_at(happened_at, event_id)
    else:
        told = (ordinals[epoch], seq)
    return Fact(event_id, gateway, told, happened_at, kind, direction, Where(zone), deliberate, source, confidence)


def _note_unknown(rows: Sequence[Row]) -> None:
    noted: dict[str, list[Any]] = {}
    for row in rows:
        identity, seen = row[PLACE["identity"]], row[PLACE["happened_at"]]
        if not is_one_thing(identity):
            continue
        zone = row[PLACE["zone_to"]] or row[PLACE["zone_from"]]
        where = [row[PLACE["gateway"]], row[PLACE["read_point"]], zone]
        known = noted.setdefault(identity, [uuid7(), identity, row[PLACE["raw"]], row[PLACE["symbology"]], *where, seen, seen, 0])
        if seen >= known[8]:
            known[4:7], known[8] = where, seen
        known[7] = min(known[7], seen)
        known[9] += 1
    ordered = [noted[identity] for identity in sorted(noted)]  # two workers take the rows in one order
    upsert(UnknownTag, UNKNOWN_COLUMNS, ordered, key=["identity"], sets=UNKNOWN_SETS)


def is_one_thing(identity: str) -> bool:
    """A kind of thing or a place is nobody's tag to claim. A scheme we do not know may be one thing."""
    try:
        return keys.level(identity) not in (keys.Level.CLASS, keys.Level.PLACE)
    except KeyError:
        return True
