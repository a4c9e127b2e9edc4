"""The send window and its two lanes, in made-up seconds."""

import heapq
import random

import pytest

from sync.cursor import Cursor
from sync.suspects import HOPELESS_AFTER, Suspects
from sync.window import LIVE_BEHIND, NEWEST_FIRST, WINDOW_BATCHES, Lane, Slot, Window
from sync.wire import MAX_RANGES, MAX_RECORDS

STALL_S = 5.0


def window(credit: int = 10_000, acked: int = 0, last: int = 10**6, waited_to: int = 0, rtt_s: float = 0.1) -> Window:
    suspects = Suspects(STALL_S)
    return Window(Cursor(acked), credit, 100.0, last=last, waited_to=waited_to, rtt_s=rtt_s, stall_s=STALL_S, suspects=suspects)


def send(flow: Window, now_s: float, most: int = MAX_RECORDS) -> Slot:
    """Send what is next, `most` records of it."""
    slot = flow.next_slot(now_s, more=False)
    assert slot is not None
    flow.send(slot, min(slot.after + min(slot.room, most), flow.last), now_s)
    return slot


def test_eight_batches_may_be_under_way() -> None:
    flow = window()
    for n in range(WINDOW_BATCHES):
        assert send(flow, 100.0) == Slot(Lane.LIVE, n * 200, None, MAX_RECORDS)
    assert flow.next_slot(100.0, more=True) is None
    flow.hear(200, (), 10_000, 100.2)
    assert send(flow, 100.2).after == 1600
    assert flow.in_flight == WINDOW_BATCHES


def test_no_more_than_the_credit_is_under_way() -> None:
    flow = window(credit=250)
    assert send(flow, 100.0).room == 200
    assert send(flow, 100.0).room == 50
    assert flow.next_slot(100.0, more=True) is None
    flow.hear(200, (), 250, 100.1)
    assert send(flow, 100.1).room == 200


def test_backlog_and_live_take_turns_and_leave_room_for_each_other() -> None:
    flow = window(acked=100, last=5200, waited_to=5000)
    sent = [send(flow, 100.0, 50) for _ in range(6)]
    assert [(slot.lane, slot.after) for slot in sent] == [
        (Lane.LIVE, 4600), (Lane.BACKLOG, 100), (Lane.LIVE, 4650), (Lane.BACKLOG, 150), (Lane.LIVE, 4700), (Lane.BACKLOG, 200),
    ]  # fmt: skip
    assert all(slot.until == 4600 for slot in sent if slot.lane is Lane.BACKLOG)


def drained_to(most: int, rtt_s: float) -> Window:
    """A backlog of which so many batches are under way; the newest of it has arrived."""
    flow = window(last=5000, waited_to=5000, rtt_s=rtt_s)
    flow.hear(0, [(5001 - NEWEST_FIRST, 5000)], 10_000, 100.0)
    for _ in range(most):
        assert send(flow, 100.0).lane is Lane.BACKLOG
    assert flow.next_slot(100.0, more=False) is None
    return flow


def test_a_backlog_alone_takes_the_whole_window_and_gives_the_next_place_to_what_is_new() -> None:
    flow = drained_to(WINDOW_BATCHES, rtt_s=0.1)
    assert flow.next_slot(100.0, more=True) is None
    flow.hear(200, [(5001 - NEWEST_FIRST, 5000)], 10_000, 100.1)
    slot = flow.next_slot(100.1, more=True)
    assert slot is not None
    assert (slot.lane, slot.after, slot.late) == (Lane.LIVE, 5000, False)


@pytest.mark.parametrize(("rtt_s", "most"), [(0.6, 7), (2.0, 7), (4.0, 4), (100.0, 1)])
def test_a_backlog_has_less_under_way_where_answers_are_slow(rtt_s: float, most: int) -> None:
    slot = drained_to(most, rtt_s).next_slot(100.0, more=True)
    assert slot is not None
    assert (slot.lane, slot.after) == (Lane.LIVE, 5000)


def test_the_newest_of_what_waits_goes_at_once_and_is_told_late() -> None:
    flow = window(last=100_000, waited_to=100_000)
    sent = [send(flow, 100.0) for _ in range(WINDOW_BATCHES)]
    live = [slot for slot in sent if slot.lane is Lane.LIVE]
    assert live == [Slot(Lane.LIVE, 99_600, 100_000, 200, late=True), Slot(Lane.LIVE, 99_800, 100_000, 200, late=True)]
    assert [slot.after for slot in sent if slot.lane is Lane.BACKLOG] == [0, 200, 400, 600, 800, 1000]
    flow.reach(100_007)
    flow.hear(200, (), 10_000, 100.1)
    assert send(flow, 100.1) == Slot(Lane.LIVE, 100_000, None, 200)


def test_what_waited_and_goes_at_once_as_a_whole_goes_in_order() -> None:
    flow = window(acked=10, last=410, waited_to=410)
    assert [send(flow, 100.0).after for _ in range(2)] == [10, 210]
    assert flow.next_slot(100.0, more=False) is None


def test_the_end_of_the_backlog_goes_over_into_one_lane() -> None:
    flow = window(last=550, waited_to=500)
    assert send(flow, 100.0) == Slot(Lane.LIVE, 100, 500, 200, late=True)
    assert send(flow, 100.0) == Slot(Lane.BACKLOG, 0, 100, 100, late=True)
    flow.hear(0, [(101, 300)], 1000, 100.1)
    assert flow.in_flight == 1
    flow.hear(300, (), 1000, 100.1)
    assert flow.in_flight == 0
    flow.reach(580)
    assert send(flow, 100.2) == Slot(Lane.LIVE, 300, 500, 200, late=True)
    assert send(flow, 100.2) == Slot(Lane.LIVE, 500, None, 200)


def test_a_live_lane_that_falls_behind_lets_the_newest_go_first() -> None:
    flow = window(last=10)
    flow.reach(LIVE_BEHIND)
    assert flow.backlog_to == 0
    newest, after = LIVE_BEHIND + 1, LIVE_BEHIND + 1 - NEWEST_FIRST
    flow.reach(newest)
    assert flow.backlog_to == after
    assert send(flow, 100.0) == Slot(Lane.LIVE, after, None, 200)
    assert send(flow, 100.0) == Slot(Lane.BACKLOG, 0, after, 200, late=True)


def test_what_comes_soon_after_the_last_shares_a_batch() -> None:
    flow = window(last=10)
    send(flow, 100.0, 10)
    flow.rest(100.06)
    assert flow.next_slot(100.05, more=True) is None
    assert flow.wait_s(100.05) == pytest.approx(0.01)
    assert flow.next_slot(100.06, more=True) is not None


def test_nothing_owed_asks_for_no_patience() -> None:
    assert window().wait_s(1e9) is None
    assert not window().is_stalled(1e9)


def test_no_progress_is_a_stall_after_five_seconds() -> None:
    flow = window()
    send(flow, 200.0)
    assert flow.wait_s(201.0) == pytest.approx(4.0)
    assert not flow.is_stalled(204.9)
    assert flow.is_stalled(205.0)
    assert flow.is_silent(205.0)


def test_a_slow_line_gets_twice_its_round_trip() -> None:
    flow = window(rtt_s=10.0)
    send(flow, 100.0)
    assert flow.wait_s(115.0) == pytest.approx(5.0)


def test_an_ack_without_progress_is_a_word_but_no_progress() -> None:
    flow = window()
    send(flow, 200.0)
    flow.hear(0, (), 10_000, 203.0)
    assert flow.is_stalled(205.0)
    assert not flow.is_silent(205.0)


def test_what_is_lost_goes_again_in_ever_smaller_batches() -> None:
    flow = window()
    send(flow, 100.0)
    send(flow, 100.0)
    flow.hear(150, (), 10_000, 101.0)
    flow.give_up(106.0)
    assert flow.in_flight == 0
    assert send(flow, 106.0) == Slot(Lane.LIVE, 150, 200, 50)
    assert send(flow, 106.0) == Slot(Lane.LIVE, 200, 300, 100)
    assert send(flow, 106.0) == Slot(Lane.LIVE, 300, 400, 100)
    assert send(flow, 106.0) == Slot(Lane.LIVE, 400, None, 200)


def test_only_what_was_overtaken_goes_again_while_the_rest_makes_progress() -> None:
    flow = window()
    for _ in range(3):
        send(flow, 100.0)
    flow.hear(0, [(201, 400)], 10_000, 103.0)
    send(flow, 104.0)
    flow.hear(0, [(201, 400), (601, 800)], 10_000, 104.5)
    assert flow.is_stalled(105.0)  # the first was overtaken, and is due for five seconds
    assert not flow.is_silent(105.0)
    flow.give_up(105.0)
    assert [send(flow, 105.0).after for _ in range(5)] == [0, 100, 400, 500, 800]


def test_a_stalled_lane_leaves_the_other_alone() -> None:
    flow = window(last=5100, waited_to=5000)
    live, backlog = send(flow, 100.0), send(flow, 104.0)
    assert (live.lane, backlog.lane) == (Lane.LIVE, Lane.BACKLOG)
    flow.hear(0, (), 10_000, 104.1)
    flow.give_up(105.0)
    assert flow.under_way == [(1, 200)]


def test_credit_zero_is_waited_out_no_longer_than_a_stall() -> None:
    flow = window(credit=0)
    assert flow.next_slot(100.0, more=True) is None
    assert flow.wait_s(102.0) == pytest.approx(3.0)
    assert flow.is_stalled(105.0)
    assert flow.is_silent(105.0)


def test_an_ack_that_overtakes_what_is_sent_again_leaves_nothing_owed() -> None:
    flow = window(last=200)
    send(flow, 100.0)
    flow.give_up(106.0)
    slot = flow.next_slot(106.0, more=False)
    assert slot is not None
    flow.hear(200, (), 10_000, 106.1)
    flow.send(slot, 100, 106.2)  # was read before the ack came
    assert flow.in_flight == 0
    assert flow.next_slot(106.2, more=False) is None


def test_the_round_trip_is_smoothed() -> None:
    flow = window()
    send(flow, 100.0, 10)
    flow.hear(10, (), 100, 100.9)
    assert flow.rtt_s == pytest.approx(0.2)


class Path:
    """Carries batches, hellos and acks; each takes its time, some get lost or doubled. The registry says nothing to `poison`."""

    def __init__(self, rng: random.Random, acked: int, poison: int, credit: int) -> None:
        self.rng = rng
        self.poison = poison
        self.credit = credit
        self.there = Cursor(acked)
        self.loss, self.double, self.slowest_s = rng.choice([0, 0.05, 0.3]), rng.choice([0, 0.3]), rng.choice([0.05, 1.0, 4.0])
        self.under_way: list[tuple[float, int, str, tuple[int, int]]] = []
        self.said: list[Cursor] = []

    def say(self, now_s: float, what: str, content: tuple[int, int] = (0, 0)) -> None:
        for _ in range(2 if self.rng.random() < self.double else 1):
            if self.rng.random() >= self.loss:
                arrives_s = now_s + self.rng.uniform(0.01, self.slowest_s)
                heapq.heappush(self.under_way, (arrives_s, self.rng.getrandbits(30), what, content))

    def arrives(self, now_s: float, what: str, content: tuple[int, int]) -> Cursor | None:
        """Return what an ack or an answer says."""
        if what in ("ack", "answer"):
            return self.said[content[0]]
        if what == "batch" and not content[0] <= self.poison <= content[1]:
            self.there = self.there.with_spans([content])
        if what == "hello" or not content[0] <= self.poison <= content[1]:
            self.said.append(Cursor(self.there.through, self.there.ranges[:MAX_RANGES]))
            self.say(now_s, "answer" if what == "hello" else "ack", (len(self.said) - 1, 0))
        return None


@pytest.mark.parametrize("seed", range(60))
def test_whatever_is_lost_doubled_or_reordered_everything_arrives(seed: int) -> None:
    rng = random.Random(seed)
    last, to_come = rng.randrange(1, 4_000), rng.choice([0, 300])
    acked, credit = rng.randrange(0, last), rng.choice([200, 500, 10_000])
    path = Path(rng, acked, rng.choice([0, rng.randint(acked + 1, last)]), credit)
    suspects, now_s, greeting = Suspects(STALL_S), 0.0, False

    def greeted(known: Cursor) -> Window:
        to = rng.choice([0, last])
        return Window(known, credit, now_s, last=last, waited_to=to, rtt_s=0.1, stall_s=STALL_S, suspects=suspects)

    flow = greeted(path.there)
    while path.there.through < last or to_come:
        assert now_s < 100_000
        if to_come and rng.random() < 0.1:
            last, to_come = last + 3, to_come - 3
            flow.reach(last)
        if (hopeless := suspects.hopeless()) is not None:
            assert hopeless == path.poison
            suspects.forget(hopeless)
            path.poison = 0  # it is set apart: what is sent in its place says so
        elif not greeting and (slot := flow.next_slot(now_s, more=False)) is not None:
            upto = min(last, slot.after + slot.room, slot.until or last)
            assert not any(flow.known.has(seq) for seq in (slot.after + 1, upto))
            flow.send(slot, upto, now_s)
            path.say(now_s, "batch", (slot.after + 1, upto))
            assert flow.in_flight <= WINDOW_BATCHES
            assert sum(end - begin + 1 for begin, end in flow.under_way) <= credit
        elif not greeting and flow.is_stalled(now_s) and not flow.is_silent(now_s):
            flow.give_up(now_s)
        else:
            if not greeting and flow.is_stalled(now_s):
                greeting = True
                path.say(now_s, "hello")
            wait_s = STALL_S if greeting else flow.wait_s(now_s)
            next_s = path.under_way[0][0] if path.under_way else now_s + 60
            if wait_s is not None and now_s + wait_s < next_s:
                now_s += wait_s
                if greeting:
                    path.say(now_s, "hello")
                continue
            now_s = next_s
            if not path.under_way:
                continue
            _, _, what, content = heapq.heappop(path.under_way)
            if (known := path.arrives(now_s, what, content)) is None:
                continue
            if what == "answer" and greeting:
                for first, end in flow.under_way:
                    suspects.failed(first, end, now_s, proven=True)
                flow, greeting = greeted(known), False
            elif not greeting and known.through >= flow.known.through:  # the outbox takes no older word
                flow.hear(known.through, known.ranges, credit, now_s)
    assert path.there == Cursor(last)
    assert not path.poison


def test_a_record_is_given_up_only_when_it_failed_alone_again_and_again_while_others_got_through() -> None:
    suspects = Suspects(STALL_S)
    for n in range(50):
        suspects.failed(7, 7, float(n), proven=False)
    assert suspects.hopeless() is None
    for n in range(HOPELESS_AFTER):
        assert suspects.hopeless() is None
        suspects.failed(7, 7, 100.0 + n, proven=True)
        assert list(suspects.resting(100.0 + n)) == [(7, 7)]
    assert suspects.hopeless() == 7
    suspects.clear(Cursor(7))
    assert suspects.hopeless() is None


def test_a_bad_record_among_many_is_found_by_halving() -> None:
    suspects, bad, sent = Suspects(STALL_S), 137, 0
    first, last = 1, 200
    while first < last:
        suspects.failed(first, last, 0.0, proven=True)
        sent += 1
        ends = [(start, suspects.end_of_batch(start)) for start in (first, (first + last) // 2 + 1)]
        good, (first, last) = sorted(((start, end) for start, end in ends if end), key=lambda span: span[0] <= bad <= span[1])
        suspects.clear(Cursor().with_spans([good]))
    assert (first, last) == (bad, bad)
    assert sent <= 8
