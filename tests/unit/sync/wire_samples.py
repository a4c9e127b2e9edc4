"""One message of each kind with every member in use, as tests/data/wire holds them sealed with KEY."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from sync.wire import (
    Ack,
    Batch,
    CertificateRequest,
    ClockQuality,
    Command,
    Configuration,
    EventKind,
    Evidence,
    Gap,
    Health,
    Hello,
    HopHealth,
    LiveEvent,
    LocationEvent,
    NextCertificate,
    Outcome,
    Passage,
    Purpose,
    ReaderHealth,
    Record,
    RecordKind,
    Rejected,
    Reply,
    State,
    encode,
)

KEY = bytes(range(32))
EPOCH = "0123456789abcdef0123456789abcdef"
BOOT = "7c1f9c8e-0d58-4f0a-9f0a-5d0b6f0e2a11"
IDS = [UUID(f"0195519b-6d00-7{n:03x}-8000-00000000000{n}") for n in range(4)]
NOW = datetime(2025, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)

PASSED = LocationEvent(
    kind=EventKind.PASSED,
    identity="8004:4012345PALLET7",
    raw="3414257bf7194e4000001a85",
    event_time=NOW,
    decided_at=NOW + timedelta(seconds=2),
    read_point="door-3:2",
    zone_from="yard",
    zone_to="hall-a",
    door="door-3",
    direction=Passage.IN,
    confidence=0.9375,
    evidence=Evidence(n=14, rssi_max_dbm=-48, duration_ms=1900, sides=("outside", "inside")),
    time_uncertainty_ms=250,
    clock_quality=ClockQuality.SYNCED,
    late=True,
    reason="first and last side",
    parameters="7",
)
SEEN = LocationEvent(
    kind=EventKind.SEEN,
    identity="tag:Kärcher\tHDS \"8/18\"",
    raw="Kärcher\tHDS \"8/18\"",
    event_time=NOW,
    decided_at=NOW,
    read_point="belt-cam:1",
    symbology="]C1",
    zone_to="belt",
    deliberate=True,
    operator="mara",
)  # fmt: skip


def record(seq: int, event: LocationEvent) -> Record:
    return Record(seq, IDS[seq % 4], RecordKind.LOCATION, NOW, 86_400_123, BOOT, msgspec.Raw(encode(event)))


HELLO = Hello(
    nonce="9f86d081884c7d659a2feaa0c55ad015",
    epoch=EPOCH,
    first=1,
    last=42,
    acked=40,
    acked_id=IDS[0],
    boot_id=BOOT,
    clock_quality=ClockQuality.HOLDOVER,
    software="sightpost 0.1.0",
    machine="b5bb9d8014a0f9b1",
    configuration=4,
    mono_ms=86_400_123,
)
BATCH = Batch(EPOCH, 41, 45, (record(41, PASSED), record(42, SEEN)), (Gap(43, 44, "trimmed"), Gap(45, 45, "dead")), late=True)
HEALTH = Health(
    waiting=2,
    oldest_age_s=1.5,
    readers=(ReaderHealth("door-3", "up"), ReaderHealth("belt-cam", "down", "no such device")),
    read_points=(("door-3:1", "yard"), ("door-3:2", "hall-a")),
    software="sightpost 0.1.0",
    hops=(
        HopHealth("readers", "attention", "12 reads/min", "1 of 2 up; belt-cam: no such device", "look at its cable and power"),
        HopHealth("outbox", "good", "2 waiting", "stores well"),
    ),
    doors=("door-3",),
    said_at=NOW,
    started_at=NOW - timedelta(hours=3),
    days_left=41.5,
    dead=1,
    configuration=4,
    registry_time=NOW,
)
ACK = Ack(
    epoch=EPOCH,
    through=42,
    through_id=IDS[2],
    credit=1000,
    server_time=NOW,
    nonce="9f86d081884c7d659a2feaa0c55ad015",
    ranges=((44, 45), (50, 60)),
    rejected=(Rejected(41, "bad_shape", "zone_to is longer than 512 characters"),),
    range_ids=(IDS[1], None),
    held="two machines deliver under this name",
)
COMMAND = Command(IDS[1], "zone", NOW, msgspec.Raw(b'{"zone":"hall-a","rules":{"lost_max_s":120.0}}'))
REPLY = Reply(IDS[1], Outcome.REFUSED, "there is no zone hall-a")
CONFIGURATION = Configuration(
    IDS[2], 5, NOW, "hamburg", 50, {"hall-a": {"lost_max_s": 120.0}}, {"door-3": {"cool_down_s": 10.0, "resident_s": 45.0}}
)
STATE = State("offline", "the connection broke")
LIVE = LiveEvent("hamburg-1", IDS[1], EventKind.PASSED, PASSED.identity, "door-3:2", NOW, "yard", "hall-a", "door-3", Passage.IN)
CSR = CertificateRequest("-----BEGIN CERTIFICATE REQUEST-----\nMIHU\n-----END CERTIFICATE REQUEST-----\n")
CERT = NextCertificate(
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    "-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----\n",
)

SEALED: dict[str, tuple[msgspec.Struct, Purpose]] = {
    "hello": (HELLO, Purpose.HELLO),
    "events": (BATCH, Purpose.EVENTS),
    "health": (HEALTH, Purpose.HEALTH),
    "ack": (ACK, Purpose.ACK),
    "csr": (CSR, Purpose.CSR),
    "cert": (CERT, Purpose.CERT),
    "command": (COMMAND, Purpose.COMMAND),
    "reply": (REPLY, Purpose.REPLY),
    "configuration": (CONFIGURATION, Purpose.CONFIGURATION),
}
OPEN: dict[str, msgspec.Struct] = {"state": STATE, "live_event": LIVE}
