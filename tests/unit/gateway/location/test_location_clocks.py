"""Readers with clocks of their own: their times, their order, what comes late, and what their clocks may be set to."""

import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.api import Read
from gateway.location.clocks import FLOOR_MS
from gateway.location.live_site import LiveSite
from gateway.location.site import Site
from sync.wire import ClockQuality, EventKind, LocationEvent
from tests.unit.gateway.location.on_paper import DOCK, HALL, SITE, STORE, WALL_MS, YARD, Paper, instant, read, seconds, zone

HOUR_S, DAY_S, YEAR_S = 3600.0, 86400.0, 365 * 86400.0


def stamped(
    at_s: float, delay_s: float, point: str, tag: str = "drill", rssi: int = -55, off_s: float = 12.5, **more: Any
) -> Read:
    """A read made at `at_s` that arrives `delay_s` later, of a reader whose clock is `off_s` ahead."""
    return read(at_s + delay_s, point, tag, rssi, reader_ts_ms=WALL_MS + round((at_s + off_s) * 1000), **more)


@dataclass
class Link:
    """What a reader with a clock of its own has sent, until it is played in the order it arrived."""

    off_s: float = 12.5
    sent: list[Read] = field(default_factory=list)

    def send(self, at_s: float, point: str, tag: str = "drill", rssi: int = -55, delay_s: float = 0.02) -> None:
        self.sent.append(stamped(at_s, delay_s, point, tag, rssi, self.off_s))

    def stay(
        self, point: str, since_s: float, until_s: float, tag: str = "drill", every_s: float = 0.1, delay_s: float = 0.02
    ) -> None:
        for step in range(round((until_s - since_s) / every_s) + 1):
            self.send(since_s + step * every_s, point, tag, delay_s=delay_s)

    def go_in(self, at_s: float, tag: str = "drill", delay_s: float = 0.02, arrives_s: float | None = None) -> None:
        """Go through the dock within two seconds; `arrives_s`: all of it is sent then."""
        for step in range(20):
            at = at_s + step * 0.1
            for point, middle in (("dock:1", 0.6), ("dock:2", 1.4)):
                rssi = round(-50 - 20 * abs(step * 0.1 - middle))
                self.send(
                    at + (0.05 if point == "dock:2" else 0), point, tag, rssi, delay_s if arrives_s is None else arrives_s - at
                )

    def play(self, paper: Paper, until_s: float | None = None) -> list[LocationEvent]:
        self.sent.sort(key=lambda one: one.rx_mono_ns)
        for one in self.sent:
            paper.take([one])
        if until_s is None:
            until_s = self.sent[-1].rx_mono_ns / 1e9 + 10
        self.sent.clear()
        paper.until(until_s)
        return paper.told


def of(paper: Paper, kind: EventKind) -> list[LocationEvent]:
    return [event for event in paper.told if event.kind is kind]


@pytest.mark.parametrize("off_s", [0.0, 20.0, -20.0, 5 * YEAR_S])
def test_events_carry_the_readers_time_by_our_clock(off_s: float) -> None:
    paper, link = Paper(), Link(off_s)
    link.send(99, "hall:1", "other", delay_s=0.01)
    link.send(100, "hall:1", delay_s=0.3)
    link.send(100.3, "hall:1", delay_s=0.2)
    (arrived,) = [event for event in link.play(paper) if event.identity == "drill"]
    assert seconds(arrived) == pytest.approx((100.31, 100.31), abs=0.003), "of the least delay there was, nothing can be known"
    assert arrived.clock_quality is ClockQuality.HOLDOVER
    assert not arrived.late


def test_a_host_stamped_reader_is_not_held_up_by_the_others() -> None:
    paper = Paper()
    paper.take([stamped(1, 0, "hall:1"), stamped(1.3, 0, "hall:1"), read(1.4, "store:1", "saw"), read(1.7, "store:1", "saw")])
    assert paper.story == [("arrived", "saw", None, "store")]
    paper.until(3.31)
    assert paper.story[1:] == [("arrived", "drill", None, "hall")]


def test_readers_that_share_a_door_or_a_zone_are_held_alike() -> None:
    site = Site.of([zone("a", "exit", "r1:1", "r2:1"), zone("b", "exit", "r3:1"), zone("c", "exit", "r2:2", "r4:1")], [])
    together = LiveSite(site, 0).together
    assert together["r1"] == together["r2"] == together["r4"] == {"r1", "r2", "r4"}
    assert together["r3"] == {"r3"}


def test_one_side_of_a_door_with_a_clock_and_one_without_do_not_run_apart() -> None:
    """The tag goes in; the outer reader's reports come by a slow way, the inner one is on a serial line."""
    site = Site.of([HALL, YARD], [type(DOCK)("dock", ("out:1",), ("in:1",), "yard", "hall")])
    paper = Paper(site)
    reads = [stamped(1, 0, "out:1", "other")]
    for step in range(20):
        at_s = 10 + step * 0.1
        reads.append(stamped(at_s, 1.7, "out:1", rssi=round(-50 - 20 * abs(step * 0.1 - 0.6))))
        reads.append(read(at_s + 0.05, "in:1", rssi=round(-50 - 20 * abs(step * 0.1 - 1.4))))
    paper.take(sorted(reads, key=lambda one: one.rx_mono_ns))
    paper.until(30)
    (passed,) = of(paper, EventKind.PASSED)
    assert passed.direction == "in"
    assert seconds(passed)[0] == pytest.approx(11, abs=0.7)


@pytest.mark.parametrize("stamp_ms", [0, 946_684_800_000, FLOOR_MS - 1])
@pytest.mark.parametrize("ticks", [False, True])
def test_a_clock_that_was_never_set_says_nothing(stamp_ms: int, ticks: bool) -> None:
    paper = Paper()
    for step in range(30):
        ts_ms = stamp_ms - (30 - step) * 100 * ticks
        paper.take([read(100 + step * 0.1, "hall:1", reader_ts_ms=ts_ms)])
    paper.until(110)
    (arrived,) = paper.told
    assert arrived.clock_quality is ClockQuality.UNSYNCED
    assert 99.8 < seconds(arrived)[0] < 101.5
    assert arrived.event_time <= arrived.decided_at


def test_what_is_known_of_our_own_clock_goes_first() -> None:
    paper = Paper(clock_quality=ClockQuality.UNSET)
    paper.take([read(1, "hall:1", reader_ts_ms=0), read(1.5, "hall:1", reader_ts_ms=500)])
    assert [event.clock_quality for event in paper.until(10)] == [ClockQuality.UNSET]


@pytest.mark.parametrize("step_s", [-20 * YEAR_S, -DAY_S, -30.0, -3.0, 3.0, 30.0, DAY_S, 20 * YEAR_S])
def test_a_clock_that_is_set_changes_no_state(step_s: float) -> None:
    """Nobody departs, arrives or moves, and the times told are ours until it has been right for a minute."""
    paper, link = Paper(), Link()
    link.stay("hall:1", 0, 100, every_s=0.5)
    link.off_s += step_s
    link.stay("hall:1", 100.5, 130, every_s=0.5)
    link.stay("store:1", 130, 140, "saw", every_s=0.5)
    link.stay("hall:1", 140.5, 300, every_s=0.5)
    link.stay("hall:1", 290, 295, "late", every_s=0.5)
    link.play(paper)
    assert paper.story == [
        ("arrived", "drill", None, "hall"),
        ("arrived", "saw", None, "store"),
        ("arrived", "late", None, "hall"),
    ]
    arrived = paper.told[-1]
    assert seconds(arrived)[0] == pytest.approx(290.5, abs=0.3)
    assert arrived.clock_quality is (ClockQuality.UNSYNCED if step_s <= -6 * YEAR_S else ClockQuality.HOLDOVER)


def test_a_clock_that_was_just_set_is_not_trusted() -> None:
    paper, link = Paper(), Link()
    link.stay("hall:1", 0, 10, every_s=0.5)
    link.off_s += 100
    link.stay("hall:1", 10.5, 11, every_s=0.5)
    link.stay("hall:1", 12, 13, "saw", every_s=0.5)
    link.play(paper)
    assert [event.clock_quality for event in paper.told] == [ClockQuality.HOLDOVER, ClockQuality.UNSYNCED]


def test_our_wall_clock_may_be_set_meanwhile() -> None:
    """Offsets are held against the monotonic clock: a step of ours is none of the reader's."""
    paper, link = Paper(), Link()
    link.stay("hall:1", 0, 10, every_s=0.5)
    link.play(paper, 12.1)
    for year in (-30, 30):
        ahead_ms = round(year * YEAR_S * 1000)
        reads = [stamped(20 + year / 10 + step * 0.5, 0.02, "hall:1", f"saw{year}") for step in range(4)]
        for one in reads:
            one.rx_wall_ms += ahead_ms
        paper.take(reads)
        now = instant(24 + year / 10)
        (arrived,) = paper.engine.advance(now._replace(wall_ms=now.wall_ms + ahead_ms))
        assert arrived.clock_quality is ClockQuality.HOLDOVER
        assert not arrived.late
        assert seconds(arrived)[0] == pytest.approx(20.52 + year / 10 + year * YEAR_S, abs=0.05)


def test_a_clock_that_drifts_is_followed() -> None:
    """A second in two hours, in both directions; the store is only read by night."""
    for drift in (1.5e-4, -1.5e-4):
        paper = Paper()
        for step in range(2 * 7200):
            at_s = step * 0.5
            paper.take([stamped(at_s, 0.02 + 0.25 * (step % 3), "hall:1", off_s=5 + at_s * drift)])
        paper.take([stamped(7201 + s, 0.02, "store:1", "saw", off_s=5 + 7201 * drift) for s in (0, 0.5, 1)])
        paper.until(7300)
        (saw,) = [event for event in paper.told if event.identity == "saw"]
        assert saw.clock_quality is ClockQuality.HOLDOVER
        assert seconds(saw)[0] == pytest.approx(7201.5, abs=0.1)
        paper.take([stamped(7300 + 4 * HOUR_S, 0.02, "store:1", "saw", off_s=5 + (7300 + 4 * HOUR_S) * drift / 3)])
        assert paper.engine.counters.late == 0


# ---- order and repeats


journeys = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 20, 100, 250, 400, 1000, 2100, 6000]),  # milliseconds since the read before
        st.sampled_from(["hall:1", "hall:2", "dock:1", "dock:2"]),
        st.sampled_from(["a", "b", "c"]),
        st.integers(-70, -45),
        st.integers(0, 1950),  # how late it comes, milliseconds
        st.integers(0, 3),  # and how often
    ),
    max_size=60,
)  # fmt: skip
ONE_READER = Site.of(
    [zone("hall", "storage", "r:1", "r:2"), zone("yard", "exit")], [type(DOCK)("dock", ("r:3",), ("r:4",), "yard", "hall")]
)
ANTENNA = {"hall:1": "r:1", "hall:2": "r:2", "dock:1": "r:3", "dock:2": "r:4"}


def told_of(journey: list[tuple[int, str, str, int, int, int]], delayed: bool, rng: random.Random | None) -> list[LocationEvent]:
    paper, at_ms, reads = Paper(ONE_READER), 2000, []
    for gap_ms, point, tag, rssi, delay_ms, repeats in journey:
        at_ms += gap_ms
        times = [delay_ms] + [rng.randrange(1950) for _ in range(repeats)] if rng is not None else [0]
        reads += [stamped(at_ms / 1000, late_ms / 1000 if delayed else 0, ANTENNA[point], tag, rssi) for late_ms in times]
    # A tag of no account that is heard without delay now and then: how far the clocks are apart is known all the time.
    reads += [stamped(at / 1000, 0, "r:9", "beacon") for at in range(0, at_ms + 3000, 500)]
    if rng is not None:
        rng.shuffle(reads)
    for one in sorted(reads, key=lambda one: one.rx_mono_ns):
        paper.take([one])
    paper.until(at_ms / 1000 + 1000)
    assert paper.engine.counters.late == 0
    return paper.told


@settings(max_examples=100, deadline=None)
@given(journey=journeys, seed=st.integers(0, 1000))
def test_reads_in_any_order_within_the_lateness_allowance_and_repeats_give_the_same_events(journey: Any, seed: int) -> None:
    assert told_of(journey, delayed=True, rng=random.Random(seed)) == told_of(journey, delayed=False, rng=None)


# ---- late reads and backlogs


def test_a_backlog_is_told_with_its_own_times_as_late_and_nobody_departs_in_it() -> None:
    """The link is down for an hour; the reader has stored what it read: a passage, and a tag that stays."""
    paper, link = Paper(), Link()
    link.stay("dock:1", 0, 20, "beacon", every_s=1)
    link.play(paper, 30)
    paper.down("dock", 30)
    paper.until(3600)
    assert paper.told == []
    paper.up("dock", 3600)
    link.go_in(1000, arrives_s=3600.5)
    link.stay("dock:1", 3600, 3620, "beacon", every_s=1)
    link.play(paper, 3630)
    (passed,) = of(paper, EventKind.PASSED)
    assert (passed.identity, passed.direction, passed.late) == ("drill", "in", True)
    assert seconds(passed)[0] == pytest.approx(1001, abs=0.3)
    assert 3600 < seconds(passed)[1] < 3605
    assert paper.engine.counters.late == 40
    assert of(paper, EventKind.DEPARTED) == []


def test_a_backlog_is_taken_in_oldest_first_whatever_the_order_it_comes_in() -> None:
    def story(order: list[int]) -> list[LocationEvent]:
        paper, link = Paper(), Link()
        link.stay("gate:1", 0, 20, "beacon", every_s=1)
        link.play(paper, 30)
        paper.down("gate", 30)
        paper.up("gate", 3600)
        for number in order:
            at_s = 100 + number * 7
            link.send(at_s, "gate:1", f"tag{number % 5}", delay_s=3600.2 - at_s)
            link.send(at_s + 0.4, "gate:1", f"tag{number % 5}", delay_s=3600.2 - at_s)
        link.stay("gate:1", 3600, 3620, "beacon", every_s=1)
        link.play(paper, 3630)
        assert of(paper, EventKind.DEPARTED) == [], "no departure in between"
        return paper.told

    forwards = story(list(range(40)))
    assert [event.late for event in forwards] == [False] + [True] * 5
    assert forwards == story(list(range(39, -1, -1)))
    assert [event.event_time for event in forwards[1:]] == sorted(event.event_time for event in forwards[1:])


def test_a_late_read_never_takes_a_tag_back() -> None:
    paper = Paper(Site.of([zone("hall", "storage", "r:1"), zone("store", "storage", "r:2")]))
    link = Link()
    link.stay("r:1", 0, 10)
    link.stay("r:2", 60, 100)
    for step in range(20):
        link.send(20 + step * 0.5, "r:1", rssi=-40, delay_s=70)
    link.play(paper)
    assert paper.story == [("arrived", "drill", None, "hall"), ("moved", "drill", "hall", "store")]
    assert paper.engine.counters.suppressed["history"] == 20


def test_a_late_read_of_a_tag_that_is_known_nowhere_else_is_news() -> None:
    paper, link = Paper(), Link()
    link.stay("hall:1", 0, 60, "beacon", every_s=0.5)
    link.send(20, "hall:1", delay_s=10)
    link.send(21, "hall:1", delay_s=9)
    link.play(paper)
    (arrived,) = [event for event in paper.told if event.identity == "drill"]
    assert arrived.late
    assert seconds(arrived)[0] == pytest.approx(21, abs=0.05)
    assert seconds(arrived)[1] == pytest.approx(31, abs=0.1)


def test_a_gateway_that_starts_anew_takes_what_a_reader_has_stored_for_a_backlog() -> None:
    paper, link = Paper(at_s=1000), Link()
    link.go_in(500, arrives_s=1000.5)
    link.stay("dock:1", 1000.6, 1020, "beacon", every_s=0.3)
    link.play(paper, 1030)
    (passed,) = of(paper, EventKind.PASSED)
    assert (passed.direction, passed.late) == ("in", True)
    assert seconds(passed)[0] == pytest.approx(501, abs=0.3)


# ---- outages


@pytest.mark.parametrize("own_clock", [False, True])
@pytest.mark.parametrize("outage_s", [1.0, 30.0, 700.0, HOUR_S, 4 * DAY_S])
def test_an_outage_departs_nobody_and_the_return_brings_no_arrivals(outage_s: float, own_clock: bool) -> None:
    paper = Paper(Site.of([zone("hall", "storage", "a:1", "b:1"), zone("gate", "exit", "c:1")]))

    def hear(since_s: float, until_s: float) -> None:
        for step in range(int((until_s - since_s) / 0.5)):
            at_s = since_s + step * 0.5
            for point in ("a:1", "b:1", "c:1"):
                for tag in range(5):
                    name = f"{point}{tag}"
                    paper.take([stamped(at_s, 0, point, name) if own_clock else read(at_s, point, name)])

    hear(0, 120)
    paper.until(123)
    known = list(paper.told)
    assert [event.kind for event in known] == [EventKind.ARRIVED] * 15
    for reader in ("a", "c"):
        paper.down(reader, 123)
    paper.until(123 + outage_s)
    paper.up("a", 123 + outage_s)
    paper.up("c", 123 + outage_s)
    hear(124 + outage_s, 150 + outage_s)
    paper.until(153 + outage_s)
    assert [event for event in paper.told[15:] if event.kind is not EventKind.SEEN] == []


def test_a_link_that_flaps_departs_nobody() -> None:
    paper, rng, at_s = Paper(), random.Random(3), 10.0
    paper.stay("gate:1", 0, 10, every_s=0.2)
    for _ in range(500):
        paper.down("gate", at_s)
        paper.until(at_s := at_s + rng.uniform(0, 300))
        paper.up("gate", at_s)
        paper.until(at_s := at_s + rng.uniform(0, 9))
    assert paper.kinds == [EventKind.ARRIVED]
    assert [event.kind for event in paper.until(at_s + 61)] == [EventKind.DEPARTED]


# ---- bounds


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.location.clocks.MAX_HELD", 100)
    paper, rng = Paper(), random.Random(5)
    paper.take([stamped(1 + step * 0.1, 0, "hall:1", "beacon") for step in range(20)])
    for step in range(3000):
        paper.take([stamped(5 + step * 1e-4, rng.choice([0, 0, 50.0]) * 0, "hall:1", f"t{step}")])
        assert len(paper.engine._clocks._turns) <= 102
    for step in range(3000):
        paper.take([stamped(-500 + step * 1e-3, 520, "hall:1", f"l{step}")])
        assert len(paper.engine._clocks._late) <= 101
    paper.until(100)
    assert paper.engine._clocks._keys == set()
    assert paper.engine.counters.sightings + paper.engine.counters.repeats >= 3000


def test_stamps_of_any_value_are_survived() -> None:
    paper, rng = Paper(), random.Random(8)
    for step in range(3000):
        ts_ms = rng.choice([0, -1, 10**18, -(10**18), WALL_MS, WALL_MS + step, rng.randrange(10**14)])
        paper.take([read(step * 0.05, rng.choice(["hall:1", "dock:1", "dock:2"]), f"t{step % 3}", reader_ts_ms=ts_ms)])
    paper.until(1000)
    assert all(event.event_time <= event.decided_at for event in paper.told)
    assert SITE.parameters == paper.told[0].parameters
    assert STORE.name not in {event.zone_to for event in paper.told}
