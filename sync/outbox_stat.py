"""Where an outbox stands, for hellos, pages and commands."""

from dataclasses import dataclass
from uuid import UUID

from sync import store_file
from sync.store import Store


@dataclass(frozen=True, slots=True)
class EpochRow:
    epoch: str
    last: int  # of a past epoch: the last seq that stayed in it
    started_wall_ms: int
    why: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """Records that had to go for room, since the store was made."""

    reason: str  # as their gaps say it
    records: int
    last_wall_ms: int


@dataclass(frozen=True, slots=True)
class OutboxStat:
    epoch: str
    first: int  # the oldest seq that can still be sent, 0 when there is none
    last: int
    acked: int
    acked_id: UUID | None
    waiting: int
    oldest_wall_ms: int | None  # of what waits
    dead: int
    file_bytes: int
    used_bytes: int  # of the quota
    quota_bytes: int
    dropped: tuple[Dropped, ...]
    set_aside: tuple[str, ...]  # names of stores beside this one that could not be read and wait to be recovered
    epochs: tuple[EpochRow, ...]  # oldest first
    alarm: str  # why the present epoch began, when it was not simply the first


def stat(store: Store) -> OutboxStat:
    """Costs the same however much waits. Raises OutboxUnavailable, OutboxDamaged."""
    with store.reading():
        now = store.cursor()
        epochs = store.db.execute("SELECT epoch, base, started_ms, why FROM epoch ORDER BY ordinal").fetchall()
        oldest = store.db.execute(
            "SELECT wall_ms FROM record WHERE position > ? ORDER BY position LIMIT 1", (now.acked,)
        ).fetchone()
        dead = store.db.execute("SELECT count(*) FROM dead").fetchone()[0]
        dropped = store.db.execute("SELECT reason, records, last_ms FROM dropped ORDER BY reason").fetchall()
        used_bytes = store.used_bytes()
    ends = [row[1] for row in epochs[1:]] + [now.last]
    return OutboxStat(
        epoch=now.epoch,
        first=0 if now.first is None or now.last == now.base else max(now.first - now.base, 1),
        last=now.last - now.base,
        acked=now.acked - now.base,
        acked_id=None if now.acked_id is None else UUID(bytes=now.acked_id),
        waiting=now.last - now.acked,
        oldest_wall_ms=oldest[0] if oldest else None,
        dead=dead,
        file_bytes=store_file.size_bytes(store.path),
        used_bytes=used_bytes,
        quota_bytes=store.quota_bytes,
        dropped=tuple(Dropped(*row) for row in dropped),
        set_aside=tuple(path.name for path in store_file.set_aside_stores(store.path)),
        epochs=tuple(EpochRow(row[0], end - row[1], row[2], row[3]) for row, end in zip(epochs, ends, strict=True)),
        alarm=epochs[-1][3],
    )
