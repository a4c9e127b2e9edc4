"""The site as settings describe it, and real codes through the real resolver."""

import pytest

from drivers.api import Kind, Read
from gateway.location.engine import Engine, Instant
from gateway.location.site import Door, Site, ZoneKind, ZoneRules
from sync.wire import EventKind
from tests.unit.gateway.location.on_paper import DOCK, SITE, WALL_MS, zone


def test_read_points_are_named_by_reader_and_antenna() -> None:
    by_name = {point.name: point for point in SITE.read_points}
    assert (by_name["hall:2"].reader, by_name["hall:2"].antenna, by_name["hall:2"].zone) == ("hall", 2, "hall")
    assert (by_name["dock:2"].zone, by_name["dock:2"].door, by_name["dock:2"].side) == (None, "dock", "inside")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("storage", (-75, 2, 0.5, 5, 60, 600, 6, 2, 2, 30)),
        ("door", (-70, 2, 0.2, 1, 1, 5, 3, 0.3, 8, 5)),
        ("exit", (-70, 2, 0.3, 1, 10, 60, 3, 0.5, 8, 5)),
        ("desk", (-60, 1, 0, 1, 2, 10, 3, 0.3, 8, 3)),
    ],
)
def test_each_kind_has_its_starting_values(kind: str, expected: tuple[float, ...]) -> None:
    rules = ZoneRules.for_kind(kind)
    assert expected == (
        rules.min_rssi_dbm, rules.confirm_sightings, rules.confirm_s, rules.glimpse_s, rules.lost_min_s, rules.lost_max_s,
        rules.threshold_db, rules.hold_off_s, rules.slope_db_per_s, rules.sample_age_s,
    )  # fmt: skip
    assert (rules.close_dbm is not None) == (kind == "desk")


def test_rules_are_settable_one_by_one() -> None:
    assert ZoneRules.for_kind(ZoneKind.EXIT, lost_max_s=5.0).lost_max_s == 5.0
    with pytest.raises(TypeError):
        ZoneRules.for_kind("exit", lost_max=5.0)
    with pytest.raises(ValueError, match="porch"):
        ZoneRules.for_kind("porch")


def test_the_parameters_name_changes_with_any_rule_and_with_nothing_else() -> None:
    same = Site.of(list(reversed(SITE.zones)), SITE.doors)
    other = Site.of([*SITE.zones[1:], zone("hall", "storage", "hall:1", "hall:2", lost_max_s=601.0)], SITE.doors)
    assert SITE.parameters == same.parameters != other.parameters
    assert len(SITE.parameters) < 16


def test_a_door_that_leads_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="yard"):
        Engine(Site.of([zone("hall", "storage")], [DOCK]))
    with pytest.raises(ValueError, match="beta"):
        Engine(Site.of([zone("alpha", "exit")], [Door("d", ("r:1",), ("r:2",), "alpha", "beta")]))


def test_tag_and_label_of_one_asset_are_one_identity_and_a_kind_of_article_is_none() -> None:
    engine = Engine(Site.of([zone("desk", "desk", "pad:1", "cam:1")]), now=Instant(0, WALL_MS))
    epc = bytes.fromhex("3474257BF40000000000162E")
    told = engine.take([
        Read("pad", 1, epc, Kind.UHF, 1_000_000_000, WALL_MS, -50, pc=0x3000),
        Read("cam", 1, b"800406141415678", Kind.BARCODE, 2_000_000_000, WALL_MS, symbology="]C1"),
        Read("cam", 1, b"4006381333931", Kind.BARCODE, 3_000_000_000, WALL_MS, symbology="]E0"),
    ])  # fmt: skip
    assert [(event.kind, event.identity, event.raw) for event in told] == [
        (EventKind.ARRIVED, "8004:06141415678", epc.hex().upper()),
        (EventKind.SEEN, "8004:06141415678", "800406141415678"),
    ]
    assert engine.counters.suppressed == {"class": 1}
