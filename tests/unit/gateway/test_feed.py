"""How a reader is, as people and the engine see it."""

from dataclasses import dataclass, field

import pytest

from drivers.api import AntennaState, Clock, Connected, Kind, LineNoise, Read, RefusedSetting
from gateway.feed import Feed, Rate, without_login
from gateway.health import ReaderState
from gateway.intake import Intake, Link


@dataclass
class Hands:
    """A clock turned by hand."""

    s: float = 1000.0
    clock: Clock = field(init=False)

    def __post_init__(self) -> None:
        self.clock = Clock(mono_ns=lambda: int(self.s * 1e9), wall_ms=lambda: int(self.s * 1000) + 1_700_000_000_000)


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def intake() -> Intake:
    return Intake(1000)


@pytest.fixture
def feed(intake: Intake, hands: Hands) -> Feed:
    return Feed("dock-1", "r2000", "/dev/x", intake, hands.clock)


def links(intake: Intake) -> list[bool]:
    return [item.up for item in intake.take(1000) if isinstance(item, Link)]


def read(antenna: int = 1, wall_ms: int = 5) -> Read:
    return Read("dock-1", antenna, bytes.fromhex("3034257bf7194e4000001a85"), Kind.UHF, 1, wall_ms)


def test_a_reader_goes_from_connecting_to_up(feed: Feed, intake: Intake) -> None:
    feed.trying()
    assert feed.row().state is ReaderState.CONNECTING
    feed.signal(Connected("S-8600", "2.4"))
    assert feed.row().state is ReaderState.UP
    assert links(intake) == [True]


def test_down_stays_down_in_peoples_eyes_until_it_is_up_again(feed: Feed, intake: Intake, hands: Hands) -> None:
    feed.trying()
    feed.signal(Connected("S-8600", "2.4"))
    since = hands.clock.wall_ms()
    feed.down("/dev/x is not there", 1.5)
    hands.s += 0.5
    assert feed.row().next_try_s == pytest.approx(1.0)
    hands.s += 1.0
    feed.trying()
    row = feed.row()
    assert (row.state, row.why, row.since_wall_ms, row.next_try_s) == (ReaderState.DOWN, "/dev/x is not there", since, None)
    feed.down("/dev/x is not there", 1.5)
    feed.trying()
    feed.signal(Connected("S-8600", "2.4"))
    row = feed.row()
    assert (row.state, row.why, row.reconnects) == (ReaderState.UP, "", 1)
    assert links(intake) == [True, False, True]


def test_a_misconfigured_reader_says_so(feed: Feed) -> None:
    feed.trying()
    feed.misconfigured("options.power_dbm: 99 does not fit")
    assert (feed.row().state, feed.row().why) == (ReaderState.MISCONFIGURED, "options.power_dbm: 99 does not fit")
    assert not feed.live


def test_reads_go_on_and_are_counted(feed: Feed, intake: Intake) -> None:
    feed.reads([read(wall_ms=5), read(wall_ms=7)])
    feed.reads([])
    row = feed.row()
    assert (row.reads_total, row.last_read_wall_ms) == (2, 7)
    assert row.last_identity == "01+21:80614141123458|6789"
    assert intake.waiting == 2


def test_an_antenna_that_fails_takes_the_readers_word_for_silence(feed: Feed, intake: Intake) -> None:
    feed.trying()
    feed.signal(Connected("S-8600", "2.4"))
    feed.signal(AntennaState(2, ok=False, why="not connected"))
    feed.signal(AntennaState(1, ok=True))
    assert [(a.antenna, a.ok) for a in feed.row().antennas] == [(1, True), (2, False)]
    assert feed.row().state is ReaderState.UP
    assert not feed.live
    feed.signal(AntennaState(2, ok=True))
    assert feed.live
    assert links(intake) == [True, False, True]


def test_while_the_outbox_takes_nothing_a_reader_is_down_and_what_it_reads_is_counted(feed: Feed, intake: Intake) -> None:
    feed.trying()
    feed.signal(Connected("S-8600", "2.4"))
    feed.refuse("the outbox is full; get the registry back")
    feed.reads([read(), read()])
    assert (feed.row().state, feed.row().why) == (ReaderState.DOWN, "the outbox is full; get the registry back")
    assert (intake.waiting, intake.refused) == (2, 2)  # only the two links wait
    assert links(intake) == [True, False]  # its silence means nothing now
    feed.refuse("")
    feed.reads([read()])
    assert feed.row().state is ReaderState.UP
    assert links(intake) == [True]


def test_noise_adds_up_over_sessions(feed: Feed) -> None:
    feed.trying()
    feed.signal(LineNoise(2, 30))
    feed.signal(LineNoise(3, 40))
    feed.down("hung up", 1.0)
    feed.trying()
    feed.signal(LineNoise(1, 5))
    assert (feed.row().rejected_frames, feed.row().skipped_bytes) == (4, 45)


def test_a_refused_setting_is_shown_while_the_reader_is_up(feed: Feed) -> None:
    feed.trying()
    feed.signal(Connected("S-8600", "2.4"))
    feed.signal(RefusedSetting("link_profile", "unknown command"))
    assert feed.row().why == "refuses link_profile: unknown command"


def test_the_rate_is_that_of_the_last_minute(hands: Hands) -> None:
    rate = Rate(hands.clock.mono_ns)
    rate.add(10)
    assert rate.per_min() == pytest.approx(120)  # the first five seconds
    for _ in range(12):
        hands.s += 5
        rate.add(10)
    assert rate.per_min() == pytest.approx(120)
    hands.s += 30
    assert rate.per_min() == pytest.approx(60)
    hands.s += 300
    assert rate.per_min() == 0


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("rtsp://admin:s3cret@192.0.2.9/stream@1", "rtsp://192.0.2.9/stream@1"),
        ("rtsp://a:b@c@192.0.2.9", "rtsp://192.0.2.9"),
        ("tcp://192.0.2.7:4001", "tcp://192.0.2.7:4001"),
        ("/dev/serial/by-id/usb-x@y", "/dev/serial/by-id/usb-x@y"),
    ],
)
def test_no_login_is_shown(url: str, told: str) -> None:
    assert without_login(url) == told
