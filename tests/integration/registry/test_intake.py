"""What ingest makes of what gateways deliver, in the database: once, in any order, and never ignored where it contradicts."""

from datetime import timedelta
from uuid import uuid4

import msgspec
import pytest
from django.utils import timezone

from registry.assets.models import Asset, Location
from registry.assets.services import add_identifier, retire_identifier
from registry.tracking import learned
from registry.tracking.gateways import renew_gateway, revoke_gateway
from registry.tracking.intake import Message, take
from registry.tracking.models import (
    Gap,
    Gateway,
    GatewayEpoch,
    LocationEvent,
    Position,
    Quarantine,
    RawRecord,
    ReadPoint,
    Stay,
    UnknownTag,
    Zone,
)
from registry.tracking.services import map_zone
from sync import wire
from sync.wire import Health, Purpose, ReaderHealth, State, encode, seal
from tests.integration.registry.conftest import Site, another_site, at, event, make_asset, projections
from tests.registry_world import ROOT

pytestmark = pytest.mark.django_db


def cursor(site: Site) -> tuple[int, object]:
    epoch = GatewayEpoch.objects.get(epoch=site.epoch)
    return epoch.through, epoch.through_id


def test_a_batch_becomes_events_a_position_and_a_stay(site: Site, drill: Asset, hall: Location) -> None:
    record = site.record(event("arrived", "tag:drill", "hall-a", confidence=0.9))
    [reply] = site.deliver(record)
    assert (reply.through, reply.through_id, reply.rejected, reply.nonce) == (1, record.event_id, (), None)
    stored = LocationEvent.objects.get()
    assert (stored.event_id, stored.seq, stored.identity, stored.zone_to and stored.zone_to.name) == (
        record.event_id,
        1,
        "tag:drill",
        "hall-a",
    )
    assert stored.read_point is not None
    assert (stored.read_point.name, stored.read_point.zone) == ("hall:1", stored.zone_to)
    position = Position.objects.get(asset=drill)
    assert (position.state, position.zone, position.location, position.since) == ("present", stored.zone_to, None, at(0))
    assert Stay.objects.get().to_ts is None
    map_zone(by=ROOT, zone=Zone.objects.get(), location=hall)
    position.refresh_from_db()
    assert position.location == hall
    assert Stay.objects.get().location == hall


def test_a_repeated_batch_changes_nothing(site: Site, drill: Asset) -> None:
    batch = site.batch(
        [site.record(event("arrived", "tag:drill", "hall-a")), site.record(event("moved", "tag:drill", "yard", 5))]
    )
    site.say(("events", batch))
    before = projections(), cursor(site), LocationEvent.objects.count()
    for _ in range(3):
        [reply] = site.say(("events", batch))
        assert reply.through == 2
    site.say(("events", batch), ("events", batch))
    assert (projections(), cursor(site), LocationEvent.objects.count()) == before
    assert site.counts["repeated"] == 10
    assert not Quarantine.objects.exists()


def test_the_same_batch_twice_in_one_delivery_is_stored_once(site: Site, drill: Asset) -> None:
    batch = site.batch([site.record(event("arrived", "tag:drill", "hall-a"))])
    site.say(("events", batch), ("events", batch))
    assert LocationEvent.objects.count() == 1
    assert cursor(site)[0] == 1


def test_batches_out_of_order_are_kept_as_ranges_until_the_hole_closes(site: Site) -> None:
    records = [site.record(event("seen", "tag:x", "hall-a", n)) for n in range(6)]
    [reply] = site.deliver(*records[4:])
    assert (reply.through, reply.through_id, reply.ranges) == (0, None, ((5, 6),))
    assert reply.range_ids == (records[5].event_id,)
    [reply] = site.deliver(*records[:2])
    assert (reply.through, reply.through_id, reply.ranges) == (2, records[1].event_id, ((5, 6),))
    [reply] = site.deliver(*records[2:4])
    assert (reply.through, reply.through_id, reply.ranges) == (6, records[5].event_id, ())


def test_what_comes_from_a_backlog_is_flagged(site: Site) -> None:
    old, new = site.record(event("seen", "tag:x", "hall-a", 1)), site.record(event("seen", "tag:x", "hall-a", 2))
    site.say(("events", site.batch([new])), ("events", site.batch([old], late=True)))
    assert dict(LocationEvent.objects.values_list("seq", "late")) == {1: True, 2: False}


def test_a_gap_counts_as_accounted_for(site: Site) -> None:
    first, last = site.record(event("seen", "tag:x", "hall-a")), site.record(event("seen", "tag:x", "hall-a"), seq=5)
    [reply] = site.deliver(first, last, gaps=[wire.Gap(2, 4, "trimmed")])
    assert (reply.through, reply.through_id) == (5, last.event_id)
    gap = Gap.objects.get()
    assert (gap.first, gap.last, gap.reason) == (2, 4, "trimmed")
    [reply] = site.say(("events", site.batch([], [wire.Gap(6, 9, "corrupt")])))
    assert (reply.through, reply.through_id) == (9, None)
    site.say(("events", site.batch([], [wire.Gap(6, 9, "corrupt")])))
    assert Gap.objects.count() == 2


def test_a_hello_is_answered_with_its_nonce_and_where_to_go_on(site: Site) -> None:
    records = [site.record(event("seen", "tag:x", "hall-a", n)) for n in range(3)]
    site.deliver(*records)
    [reply] = site.hello(nonce="again", acked=1)
    assert (reply.nonce, reply.through, reply.through_id) == ("again", 3, records[2].event_id)
    gateway = Gateway.objects.get()
    assert (gateway.software, gateway.clock_quality) == ("test", "synced")
    assert gateway.last_hello_at is not None


def test_epochs_are_numbered_as_they_come(site: Site) -> None:
    newer = Site(site.credentials)
    newer.hello()
    newer.hello()
    assert list(GatewayEpoch.objects.values_list("epoch", "ordinal")) == [(site.epoch, 1), (newer.epoch, 2)]


def test_a_batch_of_an_outbox_that_never_said_hello_waits_for_it(site: Site) -> None:
    stranger = Site(site.credentials)
    batch = stranger.batch([stranger.record(event("seen", "tag:x", "hall-a"))])
    assert stranger.say(("events", batch)) == []
    assert stranger.counts["no_hello"] == 1
    stranger.hello()
    [reply] = stranger.say(("events", batch))
    assert reply.through == 1


def test_an_unknown_tag_becomes_one_and_is_counted(site: Site) -> None:
    site.tell(event("arrived", "tag:stranger", "hall-a", 10), event("seen", "tag:stranger", "hall-a", 30))
    site.tell(event("moved", "tag:stranger", "yard", 20))
    tag = UnknownTag.objects.get()
    assert (tag.identity, tag.count, tag.first_seen, tag.last_seen) == ("tag:stranger", 3, at(10), at(30))
    assert tag.zone is not None
    assert tag.zone.name == "hall-a"
    assert not Position.objects.exists()


@pytest.mark.parametrize("identity", ["01:09501101530003", "414:0614141123452", "8003:00614141123452"])
def test_a_kind_of_thing_or_a_place_is_nobodys_tag_to_claim(site: Site, identity: str) -> None:
    site.tell(event("seen", identity, "hall-a", deliberate=True))
    assert LocationEvent.objects.count() == 1
    assert not UnknownTag.objects.exists()


def test_a_scheme_nobody_knows_yet_is_an_unknown_tag_too(site: Site) -> None:
    site.tell(event("seen", "8018:12345", "hall-a"))
    assert UnknownTag.objects.get().identity == "8018:12345"


def test_a_time_far_ahead_is_replaced_by_the_receipt_for_the_position(site: Site, drill: Asset) -> None:
    in_2031 = (timezone.now() - at(0)).total_seconds() + 5 * 365 * 86400
    site.tell(event("arrived", "tag:drill", "hall-a", in_2031))
    stored = LocationEvent.objects.get()
    assert stored.event_time == at(in_2031)
    assert stored.happened_at == stored.recorded_time
    assert stored.clock_quality == "unset"
    other = another_site("berlin")
    soon = (timezone.now() - at(0)).total_seconds() + 60  # a minute ahead is no more than a clock's error
    other.tell(event("arrived", "tag:drill", "dock", soon))
    position = Position.objects.get(asset=drill)
    assert position.zone is not None
    assert position.zone.name == "dock"
    assert position.last_seen_at == at(soon)


def test_a_late_event_rebuilds_the_stays_around_it(site: Site, drill: Asset) -> None:
    arrived, moved, back = (
        site.record(event("arrived", "tag:drill", "hall-a", 0)),
        site.record(event("moved", "tag:drill", "yard", 10)),
        site.record(event("moved", "tag:drill", "hall-a", 20)),
    )
    site.deliver(arrived)
    site.deliver(back)
    assert [(s.from_ts, s.to_ts) for s in Stay.objects.all()] == [(at(0), None)]
    site.deliver(moved)
    assert [(s.zone and s.zone.name, s.from_ts, s.to_ts) for s in Stay.objects.select_related("zone")] == [
        ("hall-a", at(0), at(10)),
        ("yard", at(10), at(20)),
        ("hall-a", at(20), None),
    ]
    position = Position.objects.get()
    assert (position.since, position.last_event_id) == (at(20), back.event_id)
    assert site.counts["replayed_assets"] == 1


def test_a_record_of_another_kind_is_kept_raw_and_acknowledged(site: Site) -> None:
    record = site.record(b'{"offset_ms":12}', kind="clock_fix")
    [reply] = site.deliver(record)
    assert (reply.through, reply.through_id, reply.rejected) == (1, record.event_id, ())
    site.deliver(record)
    raw = RawRecord.objects.get()
    assert (raw.kind, raw.body) == ("clock_fix", '{"offset_ms":12}')
    assert site.counts["repeated"] == 1


def test_a_bad_record_is_quarantined_and_acknowledged_as_rejected_and_the_others_are_taken(site: Site, drill: Asset) -> None:
    good, bad = site.record(event("arrived", "tag:drill", "hall-a")), site.record(b'{"kind":"arrived","identity":5}')
    last = site.record(event("moved", "tag:drill", "yard", 5))
    [reply] = site.deliver(good, bad, last)
    assert (reply.through, reply.through_id) == (3, last.event_id)
    assert [(r.seq, r.code) for r in reply.rejected] == [(2, "bad_shape")]
    kept = Quarantine.objects.get()
    assert (kept.seq, kept.event_id, bytes(kept.payload), kept.whole) == (2, bad.event_id, encode(bad), True)
    assert LocationEvent.objects.count() == 2
    site.deliver(good, bad, last)
    assert Quarantine.objects.count() == 1
    [again] = site.hello(acked=1)
    assert [r.seq for r in again.rejected] == [2]
    [again] = site.hello(acked=3)
    assert again.rejected == ()


def test_a_rejected_record_at_the_end_still_says_its_event_id(site: Site) -> None:
    bad = site.record(b"[]")
    [reply] = site.deliver(bad)
    assert (reply.through, reply.through_id) == (1, bad.event_id)


def test_a_record_whose_frame_is_broken_is_rejected_once_it_comes_alone(site: Site) -> None:
    whole = site.record(event("seen", "tag:x", "hall-a"))
    broken = {
        "seq": 2,
        "event_id": str(uuid4()),
        "kind": "location",
        "stored_at": "yesterday",
        "mono_ms": 1,
        "boot_id": "b",
        "body": {},
    }
    site.deliver(whole)

    def sealed(first: int, records: list[object]) -> bytes:
        batch = msgspec.convert(
            {"epoch": site.epoch, "from": first, "to": first + len(records) - 1, "records": records, "gaps": [], "v": 1}, _Any
        )
        return seal(batch, Purpose.EVENTS, site.credentials.mac_key)

    assert site.say(("events", sealed(2, [broken, broken]))) == []
    assert site.counts["refused_bad_shape"] == 1
    [reply] = site.say(("events", sealed(2, [broken])))
    assert (reply.through, str(reply.through_id)) == (2, broken["event_id"])
    assert [(r.seq, r.code) for r in reply.rejected] == [(2, "bad_shape")]


class _Any(msgspec.Struct, rename={"first": "from", "last": "to"}):
    epoch: str
    first: int
    last: int
    records: list[object]
    gaps: list[object]
    v: int


def test_other_content_under_a_taken_number_is_quarantined_and_told_by_the_id(site: Site, drill: Asset) -> None:
    """An outbox rolled back, or a clone: the ack shows which record we hold, and the gateway parts from its past."""
    ours = site.record(event("arrived", "tag:drill", "hall-a"))
    site.deliver(ours)
    before = projections()
    theirs = site.record(event("moved", "tag:drill", "yard", 5), seq=1)
    [reply] = site.deliver(theirs)
    assert (reply.through, reply.through_id, reply.rejected) == (1, ours.event_id, ())
    assert projections() == before
    kept = Quarantine.objects.get()
    assert (kept.code, kept.event_id, kept.rejected) == ("conflict", theirs.event_id, False)
    assert site.counts["alarm_conflicts"] == 1
    site.deliver(theirs)
    assert Quarantine.objects.count() == 1


def test_the_same_ids_with_other_content_are_a_conflict_too(site: Site) -> None:
    ours = site.record(event("arrived", "tag:a", "hall-a"))
    site.deliver(ours)
    site.deliver(site.record(event("arrived", "tag:b", "hall-a"), seq=1, event_id=ours.event_id))
    assert Quarantine.objects.get().code == "conflict"
    assert LocationEvent.objects.get().identity == "tag:a"


def test_records_sent_again_in_a_new_epoch_are_known_by_their_event_id(site: Site, drill: Asset) -> None:
    records = [site.record(event("arrived", "tag:drill", "hall-a")), site.record(event("moved", "tag:drill", "yard", 5))]
    site.deliver(*records)
    before = projections()
    parted = Site(site.credentials)
    parted.hello()
    relabelled = [msgspec.structs.replace(r, seq=r.seq) for r in records]
    fresh = parted.record(event("moved", "tag:drill", "hall-b", 9), seq=3)
    [reply] = parted.deliver(*relabelled)
    assert (reply.through, reply.through_id, reply.rejected) == (2, records[1].event_id, ())
    assert projections() == before
    [reply] = parted.deliver(fresh)
    assert reply.through == 3
    assert LocationEvent.objects.count() == 3
    assert not Quarantine.objects.exists()


def test_an_event_id_that_another_gateway_used_is_refused(site: Site) -> None:
    ours = site.record(event("arrived", "tag:a", "hall-a"))
    site.deliver(ours)
    thief = another_site("berlin")
    [reply] = thief.deliver(thief.record(event("moved", "tag:a", "yard", 5), event_id=ours.event_id))
    assert [(r.seq, r.code) for r in reply.rejected] == [(1, "conflict")]
    assert LocationEvent.objects.get().gateway_id == "hamburg"
    assert Quarantine.objects.get().gateway_id == "berlin"


def test_a_record_for_a_declared_gap_is_a_conflict(site: Site) -> None:
    site.say(("events", site.batch([], [wire.Gap(1, 3, "trimmed")])))
    [reply] = site.deliver(site.record(event("seen", "tag:x", "hall-a"), seq=2))
    assert reply.through == 3
    assert Quarantine.objects.get().code == "conflict"
    assert not LocationEvent.objects.exists()


def test_a_nul_in_foreign_text_is_shown_as_a_symbol(site: Site) -> None:
    site.tell(event("seen", "tag:x", "hall\0a", raw="A\0B", evidence=wire.Evidence(1, sides=("in\0",)), deliberate=True))
    stored = LocationEvent.objects.get()
    assert stored.raw == "A\N{SYMBOL FOR NULL}B"
    assert Zone.objects.get().name == "hall\N{SYMBOL FOR NULL}a"


def test_names_are_learned_up_to_a_limit(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learned, "MAX_ZONES", 3)
    [reply] = site.tell(*(event("seen", "tag:x", f"zone-{n}") for n in range(5)))
    assert (reply.through, len(reply.rejected)) == (5, 2)
    assert {r.code for r in reply.rejected} == {"too_many_names"}
    assert Zone.objects.count() == 3
    assert LocationEvent.objects.count() == 3


@pytest.mark.parametrize(
    ("leaf", "payload", "counted"),
    [
        ("events", b"", "refused_bad_mac"),
        ("events", b"\x1f\x8b" + b"garbage" * 50, "refused_bad_gzip"),
        ("events", b"{" * 70_000, "refused_too_big"),
        ("events", b'{"v":1,"epoch":"x","mac":"' + b"A" * 43 + b'"}', "refused_bad_mac"),
        ("hello", b"\xff\xfe\x00", "refused_bad_mac"),
        ("health", b"[]", "refused_bad_mac"),
        ("state", b"\xff", "refused_bad_shape"),
        ("state", b'{"v":1,"state":"on fire"}', "refused_bad_shape"),
        ("state", b'{"v":9,"state":"online"}', "refused_bad_version"),
        ("reply", b"{}", "unknown_leaf"),
        ("etc", b"", "unknown_leaf"),
    ],
)
def test_garbage_is_counted_and_changes_nothing(site: Site, leaf: str, payload: bytes, counted: str) -> None:
    before = Gateway.objects.values().get()
    assert site.say((leaf, payload)) == []
    assert site.counts[counted] == 1
    assert Gateway.objects.values().get() == before
    assert not LocationEvent.objects.exists()
    assert not Quarantine.objects.exists()


def test_a_forged_batch_and_one_made_for_another_purpose_are_refused(site: Site) -> None:
    record = site.record(event("seen", "tag:x", "hall-a"))
    forged = Site(site.credentials, epoch=site.epoch)
    forged.credentials = type(site.credentials)(site.id, "127.0.0.1", 8490, "x", b"\1" * 32)
    assert site.say(("events", forged.batch([record]))) == []
    assert site.say(("events", site.greeting())) == []
    assert site.counts["refused_bad_mac"] == 2
    assert not LocationEvent.objects.exists()


def test_unknown_and_revoked_gateways_and_old_keys_are_not_believed(site: Site) -> None:
    batch = site.batch([site.record(event("seen", "tag:x", "hall-a"))])
    take([Message("nobody", "events", batch)], site.counts, site.replies.append)
    assert site.counts["unknown_gateway"] == 1
    renew_gateway(by=ROOT, gateway_id=site.id)
    assert site.say(("events", batch)) == []
    assert site.counts["refused_bad_mac"] == 1
    revoke_gateway(by=ROOT, gateway_id=site.id)
    assert site.say(("events", batch)) == []
    assert site.counts["revoked_gateway"] == 1
    assert not LocationEvent.objects.exists()


def test_state_and_health_are_kept_as_last_said(site: Site) -> None:
    health = Health(12, 3.5, (ReaderHealth("door", "down", "unplugged"),), (("door:1", "dock"), ("door:2", "")), "1.0")
    site.say(("state", encode(State("online"))), ("health", seal(health, Purpose.HEALTH, site.credentials.mac_key)))
    site.say(("state", encode(State("offline", "the connection was lost"))))
    gateway = Gateway.objects.get()
    assert (gateway.state, gateway.state_reason) == ("offline", "the connection was lost")
    shown = gateway.health or {}
    assert shown["waiting"] == 12
    assert shown["readers"] == [{"name": "door", "state": "down", "why": "unplugged"}]
    points = {p.name: p.zone and p.zone.name for p in ReadPoint.objects.select_related("zone")}
    assert points == {"door:1": "dock", "door:2": None}


def test_a_late_event_counts_for_the_asset_that_had_the_tag_then(site: Site, drill: Asset) -> None:
    """The tag moved from one asset to another at 100 s; what it did before belongs to the first, however late it is told."""
    retire_identifier(by=ROOT, identifier_id=drill.identifiers.get().pk, at=at(100))
    saw = make_asset("saw")
    add_identifier(by=ROOT, asset=saw, text="tag:drill")
    site.tell(event("arrived", "tag:drill", "yard", 150), event("seen", "tag:drill", "yard", 160))
    site.tell(event("arrived", "tag:drill", "hall-a", 50))
    assert {p.asset.name: p.zone and p.zone.name for p in Position.objects.select_related("asset", "zone")} == {
        "Drill": "hall-a",
        "Saw": "yard",
    }


def test_a_thousand_records_are_one_transaction_and_more_are_several(site: Site, django_assert_max_num_queries: object) -> None:
    messages = [
        ("events", site.batch([site.record(event("seen", f"tag:{n % 40}", "hall-a", n)) for n in range(200)])) for _ in range(6)
    ]
    replies = site.say(*messages)
    assert [r.through for r in replies] == [1000, 1200]
    assert LocationEvent.objects.count() == 1200


def test_what_lies_in_the_queue_for_several_gateways_is_taken_together(site: Site, drill: Asset) -> None:
    other = another_site("berlin")
    mine, theirs = (
        site.batch([site.record(event("arrived", "tag:drill", "hall-a"))]),
        other.batch([other.record(event("arrived", "tag:drill", "dock", 9))]),
    )
    replies: list[object] = []
    take([Message("hamburg", "events", mine), Message("berlin", "events", theirs)], site.counts, replies.append)
    assert len(replies) == 2
    position = Position.objects.get()
    assert position.zone is not None
    assert (position.zone.gateway_id, position.zone.name) == ("berlin", "dock")
    assert Position.objects.get().last_seen_at - timedelta(seconds=9) == at(0)
