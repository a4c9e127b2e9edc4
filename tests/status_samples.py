"""Snapshots of a gateway as tests of its status page need them: well, in trouble, empty, and hostile."""

import dataclasses
from collections.abc import Sequence
from statistics import mean

from drivers.api import AntennaState
from gateway.health import (
    DoorEntry,
    DoorRow,
    DoorSample,
    DoorSession,
    DoorSide,
    DoorView,
    Hop,
    Light,
    OutboxRow,
    ReaderRow,
    ReaderState,
    Snapshot,
    TailRow,
)

NOW = 1_773_493_402_125  # 14 March 2026, 13:03:22 UTC
MINUTE = 60_000
HOUR = 60 * MINUTE
UP = ReaderState.UP
LOOK = "Look at the table of readers below."
START = "Start it: systemctl start sightpost-registry"
TAGS = ("8004:04012345PUMP0007", "01+21:04012345000017+1001", "tag:30751feb705c5904e3d50d70", "00:040123450000000018")
OUTCOMES = (
    ("arrived in hall-a", 0),
    ("merged: still in hall-a", None),
    ("passed door-3 inwards, yard to hall-a", 1),
    ("ignored: parked near door-3, only one side seen", None),
    ("seen at belt", 2),
    ("moved from hall-a to store", 3),
)


def hop(name: str, light: Light, rate: str, reason: str, next_step: str = "") -> Hop:
    return Hop(name, light, rate, reason, next_step)


def well(now: int = NOW, reads: int = 182_340) -> Snapshot:
    """Three readers up, fifty sightings, everything delivered but the newest event."""
    tail = []
    for i in range(50):
        outcome, event = OUTCOMES[i % len(OUTCOMES)]
        seq = None if event is None else 4120 - i
        point = ("door-3:1", "door-3:2", "belt-cam:1", "store:1")[i % 4]
        tail.append(TailRow(now - i * 1300, point, TAGS[i % 4], "3034257BF7194E4000001A85", 1 + i % 7, outcome, seq, i > 4))
    return Snapshot(
        sentence="Working. 2 waiting, last delivered 1 s ago",
        light=Light.GOOD,
        hops=(
            hop("readers", Light.GOOD, "412 reads/s", "3 of 3 up"),
            hop("dedup", Light.GOOD, "3.2 events/s", "96 tags in view; 1 read in 128 became an event"),
            hop("outbox", Light.GOOD, "2 waiting", "last commit took 4 ms; room for 41 days"),
            hop("broker", Light.GOOD, "3.2 records/s", "connected to 127.0.0.1:8490 for 3 h"),
            hop("registry", Light.GOOD, "ack in 12 ms", "everything up to 4,118 is stored there"),
        ),
        readers=(
            ReaderRow(
                "door-3",
                "r2000",
                "/dev/serial/by-id/usb-1a86_USB_Serial",
                UP,
                "",
                now - 3 * HOUR,
                now - 400,
                TAGS[2],
                reads,
                24_120.0,
                1,
                2,
                40,
                (AntennaState(1, ok=True), AntennaState(2, ok=True)),
            ),
            ReaderRow("store", "m100", "tcp://192.0.2.7:4001", UP, "", now - 3 * HOUR, now - 4 * MINUTE, TAGS[0], 9_120, 612.0),
            ReaderRow(
                "belt-cam", "camera", "rtsp://192.0.2.9/stream1", UP, "", now - 26 * HOUR, now - 2 * HOUR, TAGS[1], 310, 4.0
            ),
        ),
        tail=tuple(tail),
        outbox=OutboxRow("9f86d081884c7d659a2feaa0c55ad015", 4120, 4118, 2, now - 900, 3_481_600, 41.3, 0, 4.1),
        uplink_state="streaming",
        uplink_why="",
        last_delivered_wall_ms=now - 1100,
        clock_quality="synced",
        version="0.1.0",
        machine="2:5f0c1b7e90a2d4c86b13",
        started_wall_ms=now - 26 * HOUR - 12 * MINUTE,
        now_wall_ms=now,
        site="hamburg",
        counters={"reads": reads, "sightings": 20_412, "events_arrived": 901, "events_passed": 412, "suppressed_parked": 77},
        doors=(DoorRow("door-3", "yard", "hall-a", 199, 1, 1, now - 20_000), DoorRow("gate", "street", "yard")),
    )


def in_trouble(now: int = NOW) -> Snapshot:
    """A reader unplugged, an antenna off, one reader misconfigured, and the broker gone for three hours."""
    good = well(now)
    door, store, camera = good.readers
    return dataclasses.replace(
        good,
        sentence="Registry unreachable for 3 h: 4,120 events safe on disk, 41 days of room left",
        light=Light.FAILED,
        hops=(
            hop("readers", Light.ATTENTION, "12 reads/s", "1 of 3 up; store is down, belt-cam needs a change", LOOK),
            hop("dedup", Light.GOOD, "0.4 events/s", "12 tags in view; departures of store wait until it is back"),
            hop("outbox", Light.WAITING, "4,120 waiting", "oldest 3 h; room for 41 days"),
            hop("broker", Light.FAILED, "0 records/s", "connection refused by 127.0.0.1:8490", START),
            hop("registry", Light.UNKNOWN, "no word", "not heard of since the broker went"),
        ),
        readers=(
            dataclasses.replace(door, antennas=(AntennaState(1, ok=True), AntennaState(2, ok=False, why="no antenna connected"))),
            dataclasses.replace(
                store,
                state=ReaderState.DOWN,
                why="tcp://192.0.2.7:4001: connection reset by peer",
                since_wall_ms=now - 40_000,
                next_try_s=4.0,
                reads_per_min=0.0,
                reconnects=17,
                rejected_frames=12,
                skipped_bytes=4096,
            ),
            dataclasses.replace(
                camera,
                state=ReaderState.MISCONFIGURED,
                why="options.fps is 240; this camera gives at most 30: set fps = 30 or less",
                last_read_wall_ms=None,
                last_identity="",
                reads_total=0,
                reads_per_min=0.0,
            ),
        ),
        tail=tuple(dataclasses.replace(row, delivered=i > 20) for i, row in enumerate(good.tail)),
        outbox=dataclasses.replace(good.outbox, waiting=4120, acked=0, oldest_wall_ms=now - 3 * HOUR, dropped_reads=31),
        uplink_state="connecting",
        uplink_why="connection refused",
        last_delivered_wall_ms=now - 3 * HOUR,
        clock_quality="holdover",
    )


def empty(now: int = NOW) -> Snapshot:
    """Just installed: no reader, nothing read, nothing delivered."""
    return dataclasses.replace(
        well(now),
        sentence="No reader is configured yet",
        light=Light.WAITING,
        hops=(
            hop("readers", Light.WAITING, "0 reads/s", "none configured", "Add a reader to gateway.toml."),
            hop("dedup", Light.WAITING, "0 events/s", "nothing to do"),
            hop("outbox", Light.GOOD, "0 waiting", "empty"),
            hop("broker", Light.GOOD, "0 records/s", "connected to 127.0.0.1:8490"),
            hop("registry", Light.GOOD, "ack in 9 ms", "said hello"),
        ),
        readers=(),
        tail=(),
        outbox=OutboxRow("9f86d081884c7d659a2feaa0c55ad015", 0, 0, 0, None, 24_576, None, 0, 0.0),
        last_delivered_wall_ms=None,
        counters={},
        doors=(),
    )


def hostile(now: int = NOW) -> Snapshot:
    """As bad as foreign text and long lists get: markup, control characters, turned text, kilobytes, too many readers."""
    bad = "<script>alert(1)</script>\"'&\x00\x1b[31m\u202egnp.exe\ud800<img src=x onerror=alert(2)>" + "<" * 4000
    row = TailRow(now, bad, bad, bad, 10**9, bad, 10**12, delivered=False)
    reader = ReaderRow(bad, bad, bad, ReaderState.DOWN, bad, now, now, bad, 10**12, 1e9, 10**6, 10**9, 10**12, (), 1e6)
    antennas = tuple(AntennaState(n, ok=False, why=bad) for n in range(1, 33))
    return dataclasses.replace(
        well(now),
        sentence=bad,
        site=bad,
        version=bad,
        machine=bad,
        uplink_state=bad,
        uplink_why=bad,
        hops=tuple(hop(bad, Light.FAILED, bad, bad, bad) for _ in range(5)),
        readers=tuple(dataclasses.replace(reader, name=f"{i}{bad}", antennas=antennas) for i in range(200)),
        tail=tuple(dataclasses.replace(row, wall_ms=now - i) for i in range(80)),
        outbox=dataclasses.replace(well(now).outbox, epoch=bad),
        counters={f"{i}{bad}": i for i in range(500)} | {f"suppressed_{i}{bad}": i for i in range(500)},
        doors=tuple(DoorRow(f"{i}{bad}", bad, bad, 10**9, 10**9, 10**9, now) for i in range(200)),
    )


def door(now: int = NOW) -> DoorView:
    """A door where everything has happened: clear passages, a pallet, an unknown one, and each kind of what is held back."""
    into = session()
    taken = dataclasses.replace(
        session(inside=()),
        way="in",
        taken_over=True,
        carrier="in",
        company=187,
        confidence=0.6,
        own_way=None,
        own_reason="one_side",
    )
    back = dataclasses.replace(into, errors=0.9, way=None, reason="same_side", own_way=None, own_reason="same_side")
    still = dataclasses.replace(into, errors=0.4, way=None, reason="still", own_way=None, own_reason="still")
    elsewhere = dataclasses.replace(into, way=None, reason="other_door", louder_door="door-4")
    unknown = dataclasses.replace(into, errors=1.1, way="unknown", own_way=None, own_reason="still", confidence=0.0)
    return DoorView(
        row=DoorRow("door-3", "yard", "hall-a", 199, 1, 1, now - 20_000),
        sides=(DoorSide("outside", ("door-3:1",)), DoorSide("inside", ("door-3:2",))),
        parked=3,
        passages=(
            DoorEntry(9, "in", None, now - 20_000, 1, (into,)),
            DoorEntry(8, "unknown", None, now - 3 * MINUTE, 1, (unknown,)),
            DoorEntry(5, "in", None, now - 9 * MINUTE, 197, (into, into, taken, taken)),
            DoorEntry(3, "out", None, now - 26 * MINUTE, 1, (session(out=True),)),
        ),
        held_back=(
            DoorEntry(7, None, "other_door", now - 4 * MINUTE, 2, (elsewhere, elsewhere)),
            DoorEntry(6, None, "same_side", now - 5 * MINUTE, 1, (back,)),
            DoorEntry(4, None, "still", now - 12 * MINUTE, 1, (still,)),
            DoorEntry(
                2, None, "one_side", now - HOUR, 1, (dataclasses.replace(taken, way=None, reason="one_side", taken_over=False),)
            ),
        ),
        now_wall_ms=now,
        site="hamburg",
    )


def session(
    outside: Sequence[tuple[int, float]] = ((0, -66), (300, -60), (600, -52), (1000, -55), (1600, -66)),
    inside: Sequence[tuple[int, float]] = ((900, -65), (1500, -55), (2000, -52), (2400, -60), (2900, -66)),
    out: bool = False,
) -> DoorSession:
    """A tag that went in, or with `out` the mirror of that. Each side's samples: (ms, dBm)."""
    first, last = ("inside", "outside") if out else ("outside", "inside")
    heard = [DoorSample(ms, first, 2, dbm) for ms, dbm in outside] + [DoorSample(ms, last, 2, dbm) for ms, dbm in inside]
    middle = {side: round(mean(ms for ms, _ in heard)) if heard else None for side, heard in ((first, outside), (last, inside))}
    way = "out" if out else "in"
    return DoorSession(
        identity=TAGS[0],
        raw="3034257BF7194E4000001A85",
        begins_wall_ms=NOW - 25_000,
        samples=tuple(sorted(heard, key=lambda sample: sample.at_ms)),
        outside_ms=middle["outside"],
        inside_ms=middle["inside"],
        decided_ms=4_900,
        first_side=first,
        last_side=last if inside else first,
        errors=-3.2 if out else 3.2,
        needed=1.6,
        own_way=way,
        own_reason=None,
        way=way,
        reason=None,
        confidence=0.86,
        taken_over=False,
        carrier=None,
        company=1,
        louder_door=None,
    )


def empty_door(now: int = NOW) -> DoorView:
    return dataclasses.replace(door(now), row=DoorRow("door-3", "yard", "hall-a"), parked=0, passages=(), held_back=())


def hostile_door(now: int = NOW) -> DoorView:
    """As bad as what is kept of a door can get: foreign text in every place, long sessions, full rings."""
    bad = hostile(now).sentence
    long = session([(at * 937, -60.1 - at % 9) for at in range(32)], [(at * 941, -61.7 - at % 7) for at in range(32)])
    long = dataclasses.replace(long, identity=bad, raw=bad, louder_door=bad, reason="other_door", way=None)
    entry = DoorEntry(10**9, None, bad, now, 10**9, (long,) * 4)
    return dataclasses.replace(
        door(now),
        sides=tuple(DoorSide(side, (bad,) * 60, (bad,) * 60) for side in ("outside", "inside")),
        parked=10**6,
        passages=tuple(dataclasses.replace(entry, number=1000 - n, way="in") for n in range(50)),
        held_back=tuple(dataclasses.replace(entry, number=500 - n, reason="other_door") for n in range(120)),
        site=bad,
    )
