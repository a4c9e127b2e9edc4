"""The page of a door: the answer first, every judgement with its reason, drawings with their words, never more than 50 KB."""

import dataclasses
import re
from collections.abc import Callable

import pytest

from gateway.health import DoorEntry, DoorSession, DoorSide, DoorView, Light
from gateway.location.counters import Counters
from gateway.status.door_chart import BOTTOM, LEFT, RIGHT, TOP, chart
from gateway.status.door_page import Asked, DoorPage
from gateway.status.door_words import FILTERS, REASONS, advice, headline, held_back, outcome, summary, why
from gateway.status.page import MAX_BYTES, Page
from tests import status_samples
from tests.status_samples import session
from tests.unit.gateway.status.test_status_rendering import FILES, FOREIGN, Read, text_of

IN = "Inside was heard 1.2 s later than outside, 3.2 times what chance would do"
OUT = "Outside was heard 1.2 s later than inside, 3.2 times what chance would do"
NOT_CLEAR = "Inside was heard 1.2 s later than outside, 1.1 times what chance would do, where 1.6 times are needed"
MAYBE = "It came on one side and left on the other, so it may have passed: told as unknown."
NO_COUNT = "showed no way, and one of them has to be very clear to count against that."
FLAT = [(at, -60.0) for at in range(0, 3000, 300)]


@pytest.fixture(scope="module")
def page() -> DoorPage:
    return DoorPage(FILES)


def changed(base: DoorSession, **members: object) -> DoorSession:
    return dataclasses.replace(base, **members)  # type: ignore[arg-type]


def with_sessions(*sessions: DoorSession, parked: int = 0) -> DoorView:
    """A door where exactly these went through, or were held back."""
    entries = [DoorEntry(n, one.way, one.reason, status_samples.NOW, 1, (one,)) for n, one in enumerate(sessions)]
    return dataclasses.replace(
        status_samples.door(),
        parked=parked,
        passages=tuple(entry for entry in entries if entry.way),
        held_back=tuple(entry for entry in entries if not entry.way),
    )


# ---- words


def test_the_first_line_answers() -> None:
    door = status_samples.door()
    told = "201 passages in the last hour: 199 in, 1 out, 1 unknown; 3 tags are parked here."
    assert headline(door) == (told, Light.GOOD)
    quiet = dataclasses.replace(door, row=dataclasses.replace(door.row, passed_in=0, passed_out=0, unknown=0), parked=1)
    assert headline(quiet)[0] == "No passage in the last hour; 1 tag is parked here."
    assert headline(status_samples.empty_door()) == ("Nothing has gone through since the gateway started.", Light.WAITING)
    broken = dataclasses.replace(
        door, sides=(DoorSide("outside", ("door-3:1",), ("reader door-3 is down: unplugged",)), door.sides[1])
    )
    assert headline(broken) == (f"{told} Not every antenna works.", Light.FAILED)
    assert advice(broken) == ["The outside side: reader door-3 is down: unplugged."]


@pytest.mark.parametrize(
    ("judged", "reason"),
    [
        (session(), f"{IN}: in."),
        (session(out=True), f"{OUT}: out."),
        (changed(session(), carrier="out"), f"{IN}: in. Its company went out; its own reads say otherwise, and count."),
        (
            changed(session(inside=()), way="in", taken_over=True, own_reason="one_side", own_way=None, company=187),
            "Only outside heard it. It was told in with the 187 that were at the door together.",
        ),
        (changed(session(), errors=1.1, way="unknown", own_way=None, own_reason="still"), f"{NOT_CLEAR}. {MAYBE}"),
        (
            changed(session(), way=None, own_way=None, own_reason="same_side", reason="same_side", first_side="outside"),
            "Outside heard it first and last, so it turned back or passed by: not told.",
        ),
        (changed(session(), errors=1.1, way=None, own_way=None, own_reason="still", reason="still"), f"{NOT_CLEAR}: not told."),
        (
            changed(session(), way=None, reason="still", company=12),
            f"{IN}: by itself in. But the 12 that were at the door together {NO_COUNT}",
        ),
        (
            changed(
                session(out=True), way=None, own_way=None, own_reason="contradiction", reason="contradiction",
                first_side="outside", last_side="inside",
            ),
            f"Outside heard it first and inside last, yet {OUT[0].lower() + OUT[1:]}: the two disagree: not told.",
        ),
        (
            changed(session(), way=None, reason="other_door", louder_door="door-4"),
            f"Door door-4 heard more of it at the same time, so this one keeps quiet. By itself: {IN[0].lower() + IN[1:]}.",
        ),
        (
            changed(session(), way=None, reason="cool_down"),
            f"{IN}. The same passage was told a moment ago, so it was not told again.",
        ),
    ],
)  # fmt: skip
def test_a_judgement_says_why(judged: DoorSession, reason: str) -> None:
    assert why(judged) == reason


def test_the_drawing_in_words() -> None:
    assert summary(session()) == (
        "Outside: 10 reads from 0.0 to 1.6 s, loudest -52 dBm, middle at 0.7 s."
        " Inside: 10 reads from 0.9 to 2.9 s, loudest -52 dBm, middle at 1.9 s. Decided at 4.9 s."
    )
    assert "Inside heard nothing." in summary(session(inside=()))


def test_every_reason_of_the_engine_has_its_words() -> None:
    documented = set(re.findall(r"`(\w+)`", Counters.__doc__ or "")) - {"suppressed"}
    assert documented <= set(REASONS)
    assert set(FILTERS) <= documented
    assert outcome(None, "one_side") == ("One side", Light.UNKNOWN)
    assert outcome("unknown", None)[1] is Light.ATTENTION


def test_what_was_held_back_is_said_in_words_most_often_first() -> None:
    counters = {"reads": 9, "suppressed_glimpse": 4, "suppressed_one_side": 50, "suppressed_weak": 7, "suppressed_new_one": 1}
    assert held_back(counters | {"suppressed_rssi": 0}) == [
        ("only one side of the door heard it", "session", 50),
        ("too weak for the zone", "read", 7),
        ("heard once, never confirmed", "tag", 4),
        ("new one", "time", 1),
    ]


# ---- advice


def test_a_good_door_and_a_door_that_has_seen_little_get_no_advice() -> None:
    assert advice(with_sessions(*[session(), session(out=True)] * 5)) == []
    assert advice(with_sessions(*[session(inside=())] * 4)) == []


def test_a_side_that_never_hears_is_named() -> None:
    deaf = changed(session(inside=()), way=None, own_way=None, own_reason="one_side", reason="one_side")
    (said,) = advice(with_sessions(*[deaf] * 6))
    assert said.startswith(
        "Inside (door-3:2) heard nothing in the last 6 sessions. If tags went through, look at that antenna's cable"
    )


def test_a_weak_side_is_named_with_how_much_weaker_it_is() -> None:
    weak = session(inside=[(at, -74.0) for at in (900, 1500, 2000, 2900)])
    (said,) = advice(with_sessions(*[weak] * 5))
    assert said.startswith("Inside (door-3:2) mostly hears a tag 22 dB weaker than outside does (5 sessions)")


def test_sides_that_hear_alike_throughout_look_at_the_same_space() -> None:
    alike = session(FLAT, [(at + 150, dbm - 2) for at, dbm in FLAT])
    (said,) = advice(with_sessions(*[alike] * 6, *[session()] * 4))
    assert said.startswith("In 6 of 10 sessions both sides hear a tag alike from beginning to end.")
    assert advice(with_sessions(*[alike] * 4, *[session()] * 6)) == []


def test_few_reads_other_doors_and_parked_tags_are_said_with_their_counts() -> None:
    few = session([(0, -60.0)], [(900, -60.0)])
    few = changed(few, samples=tuple(dataclasses.replace(sample, reads=1) for sample in few.samples))
    assert advice(with_sessions(*[few] * 5))[0].startswith("Mostly a tag is read 2 times on its way through (5 passages)")
    lost = changed(session(), way=None, reason="other_door", louder_door="door-4")
    assert advice(with_sessions(*[lost] * 5, *[session()] * 5))[0].startswith(
        "5 of 10 sessions were those of another door, mostly door-4"
    )
    assert advice(with_sessions(parked=7)) == [
        "7 tags stand within reach: they cost the door air time. Keep the way free, or lower the power."
    ]


# ---- the drawing


def test_the_drawing_has_time_to_the_right_and_strength_upwards() -> None:
    drawn = chart(session())
    points = [tuple(map(float, point.split())) for point in drawn.lines[0][1][1:].split("L")]
    assert drawn.lines[0][0] == "outside"
    assert points[0][0] == LEFT
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert min(y for _, y in points) == points[2][1], "the loudest is the highest"
    assert [side for side, _ in drawn.middles] == ["outside", "inside"]
    assert drawn.middles[0][1] < drawn.middles[1][1] < drawn.decided_x == RIGHT
    assert not drawn.later
    assert [label for _, label in drawn.ticks] == ["0", "1", "2", "3", "4"]


def test_a_drawing_never_leaves_its_frame() -> None:
    odd = changed(session([(0, 20.0), (40_000, -128.0)], [(0, -128.0)]), decided_ms=70_000, inside_ms=39_999)
    drawn = chart(odd)
    assert drawn.later
    assert drawn.decided_x == RIGHT
    for _, path in drawn.lines:
        for point in path[1:].removesuffix("h0").split("L"):
            x, y = map(float, point.split())
            assert LEFT <= x <= RIGHT
            assert TOP <= y <= BOTTOM
    assert len(drawn.ticks) <= 8


def test_one_read_alone_is_drawn_too() -> None:
    alone = changed(session([(0, -60.0)], ()), decided_ms=2_000)
    assert chart(alone).lines == (("outside", f"M{LEFT} 78h0"),)
    chart(changed(alone, decided_ms=0))


# ---- the page


def test_each_passage_stands_there_with_its_drawing_its_reason_and_its_table(page: DoorPage) -> None:
    whole = page.whole(status_samples.door(), Asked())
    text = text_of(whole)
    assert '<h1 class="sentence good"><span>201 passages in the last hour' in whole
    assert "Inwards is from yard to hall-a. Outside: door-3:1. Inside: door-3:2." in text
    assert whole.count('role="img"') == 7, "of the pallet those that are kept"
    assert "In 197 tags at about one time" in text
    assert "3 more drawings; there were 193 more" in text
    assert "2.90 inside 2 -66" in text
    assert text.index("Inside was heard 1.2 s later") < text.index("told as unknown") < text.index("197 tags")
    assert whole.count(summary(session())) == 2 * whole.count('role="img"') - 2 - 4, "to be heard, and above each table"


def test_what_was_held_back_is_a_link_away(page: DoorPage) -> None:
    door = status_samples.door()
    whole = page.whole(door, Asked())
    links = dict(re.findall(r'<a class="filter" href="([^"]+)"[^>]*>([^<]+) <span', whole))
    assert links == {
        "/doors/door-3": "Passages",
        "/doors/door-3?show=unknown": "Unknown",
        "/doors/door-3?show=held": "Held back",
        "/doors/door-3?show=same_side": "Turned back",
        "/doors/door-3?show=one_side": "One side",
        "/doors/door-3?show=still": "No way shown",
        "/doors/door-3?show=other_door": "Other door",
    }
    other = page.whole(door, Asked.of({"show": "other_door"}))
    assert '<h2 id="h-sessions">Held back: another door heard it louder</h2>' in other
    assert 'href="/doors/door-3?show=other_door" aria-current="true"' in other
    assert re.findall(r'<li id="(e\d+)"', other) == ["e7"]
    assert re.findall(r'<li id="(e\d+)"', page.whole(door, Asked.of({"show": "held"}))) == ["e7", "e6", "e4", "e2"]
    assert re.findall(r'<li id="(e\d+)"', page.whole(door, Asked.of({"show": "unknown"}))) == ["e8"]


def test_what_does_not_fit_is_on_the_next_page_and_nothing_is_left_out(page: DoorPage) -> None:
    door = status_samples.hostile_door()
    address, seen = {"show": "held"}, list[str]()
    for _ in range(200):
        whole = page.whole(door, Asked.of(address))
        seen += re.findall(r'<li id="e(\d+)"', whole)
        older = re.search(r'before=(\d+)">Older', whole)
        if older is None:
            break
        address["before"] = older[1]
    assert seen == [str(500 - n) for n in range(120)]


@pytest.mark.parametrize(
    "sample",
    [status_samples.door, status_samples.empty_door, status_samples.hostile_door],
)
@pytest.mark.parametrize("show", ["", "held", "one_side"])
def test_it_is_well_formed_small_and_has_no_foreign_element(page: DoorPage, sample: Callable[[], DoorView], show: str) -> None:
    whole = page.whole(sample(), Asked.of({"show": show}))
    assert len(whole.encode()) < MAX_BYTES == 50_000
    read = Read(whole)
    assert read.open == []
    assert not {tag for tag, _ in read.elements} & FOREIGN
    for tag, attributes in read.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], "a strict CSP forbids it"
        assert tag != "script" or (attributes.get("src") or "").startswith("/static/")
        for name in ("href", "src"):
            assert (attributes.get(name) or "/").startswith(("/", "#")), "nothing from outside"
    assert not [c for c in whole if not (c.isprintable() or c == "\n")]


def test_an_empty_door_says_what_to_do(page: DoorPage) -> None:
    whole = page.whole(status_samples.empty_door(), Asked())
    assert "Carry a tag through the door: it shows here a few seconds after it has left." in whole
    assert "<nav" in whole
    assert "Nothing of this kind was held back" in page.whole(status_samples.empty_door(), Asked.of({"show": "still"}))


def test_it_reloads_by_itself_when_asked(page: DoorPage) -> None:
    assert 'http-equiv="refresh"' not in page.whole(status_samples.door(), Asked())
    following = page.whole(status_samples.door(), Asked.of({"follow": "1", "show": "held"}))
    assert '<meta http-equiv="refresh" content="3">' in following
    assert '<a class="btn" href="/doors/door-3?show=held">Stop reloading</a>' in following


def test_an_address_that_makes_no_sense_shows_the_passages() -> None:
    assert Asked.of({"show": "<b>", "before": "-1", "follow": "yes"}) == Asked()
    assert Asked.of({"before": "9" * 13}) == Asked()
    assert Asked.of({"before": "²"}) == Asked()
    assert Asked.of({"show": "still", "before": "12", "follow": "1"}) == Asked("still", 12, follow=True)


# ---- the page of the gateway


def test_the_gateways_page_links_to_each_door_and_says_what_was_held_back() -> None:
    parts = Page(FILES).parts(status_samples.well())
    assert '<a href="/doors/door-3">door-3</a>' in parts["doors"]
    assert "gate none yet 0 0 0" in text_of(parts["doors"])
    assert "Of a tag that stands at a door 77 sightings" in text_of(parts["held"])
    assert Page(FILES).parts(status_samples.empty())["doors"] == ""
