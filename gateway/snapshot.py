"""Fills in the snapshot: asks every part of the gateway how it is, at one moment."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from drivers.api import Clock
from gateway import sentences
from gateway.delivery import Sender
from gateway.door_view import door_row, door_view
from gateway.feed import Feed, Rate
from gateway.health import DoorView, Hop, OutboxRow, ReaderRow, Snapshot, TailRow
from gateway.intake import Intake
from gateway.location.counters import TAIL
from gateway.location.site import Site
from gateway.machine import machine_hash
from gateway.orders.settled import Settled
from gateway.pipeline import Pipeline
from gateway.room_left import RoomLeft
from gateway.sentences import Sorting, Storing, Way
from sync.outbox_stat import OutboxStat
from sync.store import UNREADABLE
from sync.wire import EventKind, Health, HopHealth, LocationEvent, ReaderHealth

TOLD_CHARS = 500  # of a reason in the health message
ALARM_SHOWN_MS = 24 * 3600 * 1000
SOFTWARE = version("sightpost")


class Observer:
    """Looks at the parts; keeps nothing but what a rate needs."""

    def __init__(
        self,
        site_name: str,
        site: Site,
        feeds: Sequence[Feed],
        intake: Intake,
        pipeline: Pipeline,
        sender: Sender,
        clock: Clock,
        stat: OutboxStat,
        orders: Mapping[str, int],
        settled: Settled,
    ) -> None:
        """`orders`: what became of the registry's orders, by name. `settled`: what they set."""
        self.show(site_name, site)
        self._feeds = feeds
        self._intake = intake
        self._pipeline = pipeline
        self._sender = sender
        self._clock = clock
        self._stat = stat
        self._orders = orders
        self._settled = settled
        self._machine = machine_hash()
        self._told: object = None  # what the registry is told at once when it changes, as of the last look
        self._started_wall_ms = clock.wall_ms()
        self._stored_lately = Rate(clock.mono_ns)
        self._room_left = RoomLeft(clock.mono_ns, stat)

    def show(self, site_name: str, site: Site) -> None:
        """Tell of this site from now on."""
        self._site_name = site_name
        self._doors = {door.name: door for door in site.doors}
        self._read_points = tuple((point.name, point.zone) for point in site.read_points if point.zone is not None)

    def stored(self, events: int) -> None:
        """The pipeline has committed so many events."""
        self._stored_lately.add(events)
        self._room_left.stored(events)

    def look(self, stat: OutboxStat) -> None:
        """To be called about once a second, with where the outbox stands."""
        self._stat = stat
        self._room_left.look(stat)
        self._sender.look()
        told = self._told_at_once()
        if told != self._told:
            self._told = told
            self._sender.report_health()

    def snapshot(self) -> Snapshot:
        now_ms = self._clock.wall_ms()
        readers = tuple(feed.row() for feed in self._feeds)
        delivery, outbox, storing = self._sender.delivery(), self._outbox(), self._storing()
        sentence, light = sentences.sentence(readers, outbox, storing, delivery)
        return Snapshot(
            sentence=sentence,
            light=light,
            hops=self._hops(readers),
            readers=readers,
            tail=self._tail(),
            outbox=outbox,
            uplink_state=delivery.way.value,
            uplink_why=delivery.why,
            last_delivered_wall_ms=None if delivery.last_ack_s is None else now_ms - int(delivery.last_ack_s * 1000),
            clock_quality=self._pipeline.engine.clock_quality.value,
            version=SOFTWARE,
            machine=self._machine,
            started_wall_ms=self._started_wall_ms,
            now_wall_ms=now_ms,
            site=self._site_name,
            set_from_afar=self._settled.notes,
            counters=self._counters(),
            doors=tuple(door_row(door, self._pipeline.engine, self._clock.mono_ns()) for door in self._doors.values()),
        )

    def door(self, name: str) -> DoorView | None:
        """Return a door with its evidence; None when there is none of that name."""
        door = self._doors.get(name)
        if door is None:
            return None
        rows = {row.name: row for row in (feed.row() for feed in self._feeds)}
        return door_view(door, self._pipeline.engine, rows, self._clock.mono_ns(), self._clock.wall_ms(), self._site_name)

    def sentence(self) -> str:
        readers = tuple(feed.row() for feed in self._feeds)
        return sentences.sentence(readers, self._outbox(), self._storing(), self._sender.delivery())[0]

    def health(self) -> Health:
        """Return what the registry is told every half minute, and when it changes."""
        outbox, now_ms = self._outbox(), self._clock.wall_ms()
        oldest_ms = outbox.oldest_wall_ms
        rows = tuple(feed.row() for feed in self._feeds)
        return Health(
            waiting=outbox.waiting,
            oldest_age_s=None if oldest_ms is None else max(0.0, (now_ms - oldest_ms) / 1000),
            readers=tuple(ReaderHealth(row.name, row.state.value, row.why[:TOLD_CHARS]) for row in rows),
            read_points=self._read_points,
            software=SOFTWARE,
            hops=tuple(
                HopHealth(hop.name, hop.light.value, hop.rate, hop.reason[:TOLD_CHARS], hop.next_step[:TOLD_CHARS])
                for hop in self._hops(rows)
            ),
            doors=tuple(self._doors),
            said_at=_moment(now_ms),
            started_at=_moment(self._started_wall_ms),
            days_left=outbox.days_left,
            dead=self._stat.dead,
            configuration=self._settled.standing.configuration.number,
        )

    def _told_at_once(self) -> object:
        """How the readers are, and the lights of the path: not what moves all the time."""
        rows = tuple(feed.row() for feed in self._feeds)
        return [(row.name, row.state, row.why) for row in rows], [hop.light for hop in self._hops(rows)]

    def _hops(self, readers: tuple[ReaderRow, ...]) -> tuple[Hop, ...]:
        return sentences.hops(readers, self._sorting(), self._outbox(), self._storing(), self._sender.delivery())

    def _outbox(self) -> OutboxRow:
        stat, status = self._stat, self._pipeline.status
        last = max(stat.last, status.last_seq) if status.last_seq else stat.last
        waiting = last - stat.acked
        return OutboxRow(
            epoch=stat.epoch,
            last=last,
            acked=stat.acked,
            waiting=waiting,
            oldest_wall_ms=stat.oldest_wall_ms,
            file_bytes=stat.file_bytes,
            days_left=self._room_left.days(waiting, delivering=self._sender.delivery().way is Way.DELIVERING),
            dropped_reads=self._intake.refused,
            commit_ms=status.commit_ms,
            quota_bytes=stat.quota_bytes,
            dropped=tuple((row.reason, row.records) for row in stat.dropped),
            dropped_lately=any(self._clock.wall_ms() - row.last_wall_ms < ALARM_SHOWN_MS for row in stat.dropped),
        )

    def _storing(self) -> Storing:
        status = self._pipeline.status
        for_s = (self._clock.mono_ns() - status.trouble_since_ns) / 1e9 if status.trouble else 0.0
        set_aside = len(self._stat.set_aside)
        return Storing(status.trouble, for_s, status.held_events, self._alarm(), set_aside)

    def _alarm(self) -> str:
        began_ms = self._stat.epochs[-1].started_wall_ms if self._stat.epochs else 0
        over = self._clock.wall_ms() - began_ms >= ALARM_SHOWN_MS
        over = over or (self._stat.alarm.startswith(UNREADABLE) and not self._stat.set_aside)  # and recovered
        return "" if over else self._stat.alarm

    def _sorting(self) -> Sorting:
        return Sorting(
            reads_per_min=sum(feed.reads_per_min for feed in self._feeds),
            events_per_min=self._stored_lately.per_min(),
            in_view=self._pipeline.engine.in_view,
            waiting_reads=self._intake.waiting,
            unassigned=self._pipeline.engine.counters.unassigned,
            unconfirmed=self._pipeline.engine.unconfirmed,
        )

    def _tail(self) -> tuple[TailRow, ...]:
        """The latest sightings with the events they told, and beside them the events that time decided; newest first."""
        acked = self._stat.acked
        seq_of = {id(event): seq for seq, event in self._pipeline.recent}
        rows = []
        for trace in self._pipeline.engine.tail:
            seq = seq_of.pop(id(trace.event), None)
            delivered = seq is not None and seq <= acked
            rows.append(
                TailRow(trace.wall_ms, trace.read_point, trace.identity, trace.raw, trace.reads, trace.outcome, seq, delivered)
            )
        oldest_ms = rows[0].wall_ms if len(rows) == TAIL else 0
        for seq, event in self._pipeline.recent:
            decided_ms = _wall_ms(event.decided_at)
            if id(event) in seq_of and _by_time(event) and decided_ms >= oldest_ms:
                rows.append(
                    TailRow(
                        decided_ms,
                        event.read_point,
                        event.identity,
                        event.raw,
                        event.evidence.n,
                        in_words(event),
                        seq,
                        seq <= acked,
                    )
                )
        return tuple(sorted(rows, key=lambda row: row.wall_ms, reverse=True)[:TAIL])

    def _counters(self) -> dict[str, int]:
        engine, status = self._pipeline.engine.counters, self._pipeline.status
        return {
            "reads": engine.reads,
            "reads_refused": self._intake.refused,
            "reads_repeated": engine.repeats,
            "reads_unassigned": engine.unassigned,
            "sightings": engine.sightings,
            "states_refused": engine.refused_states,
            "events_stored": status.events,
            "commits": status.commits,
            "records_dead": self._stat.dead,
            **{f"events_{kind}": total for kind, total in engine.events.items()},
            **self._sender.counters(),
            **self._orders,
            **{f"suppressed_{reason}": total for reason, total in engine.suppressed.items()},
        }


def in_words(event: LocationEvent) -> str:
    """Return "passed dock-3, in" and the like."""
    match event.kind:
        case EventKind.PASSED:
            return f"passed {event.door}, {event.direction.value if event.direction else 'unknown'}"
        case EventKind.DEPARTED:
            return f"departed from {event.zone_from}"
        case EventKind.MOVED:
            return f"moved from {event.zone_from} to {event.zone_to}"
        case EventKind.ARRIVED:
            return f"arrived in {event.zone_to}"
        case EventKind.SEEN:
            return f"seen in {event.zone_to}"


def _by_time(event: LocationEvent) -> bool:
    """True for what is told without a sighting of its own."""
    return event.kind in (EventKind.PASSED, EventKind.DEPARTED)


def _moment(wall_ms: int) -> datetime:
    return datetime.fromtimestamp(wall_ms / 1000, UTC)


def _wall_ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
