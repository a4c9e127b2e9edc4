"""The send window, in made-up seconds."""

import pytest

from sync.window import WINDOW_BATCHES, Window
from sync.wire import MAX_RECORDS


def window(credit: int = 10_000, acked: int = 0) -> Window:
    return Window(acked, credit, now_s=100.0, rtt_s=0.1, stall_s=5.0)


def test_eight_batches_may_be_under_way() -> None:
    flow = window()
    for n in range(WINDOW_BATCHES):
        assert flow.room() == MAX_RECORDS
        flow.send((n + 1) * 200, 100.0)
    assert flow.room() == 0
    flow.hear(200, 10_000, 100.2)
    assert flow.room() == MAX_RECORDS
    assert flow.in_flight == WINDOW_BATCHES - 1


def test_no_more_than_the_credit_is_under_way() -> None:
    flow = window(credit=250)
    flow.send(200, 100.0)
    assert flow.room() == 50
    flow.send(250, 100.0)
    assert flow.room() == 0
    flow.hear(200, 250, 100.1)
    assert flow.room() == 200


def test_nothing_owed_asks_for_no_patience() -> None:
    assert window().patience_s(1e9) is None


def test_no_progress_is_a_stall_after_five_seconds() -> None:
    flow = window()
    flow.send(10, 200.0)
    assert flow.patience_s(201.0) == pytest.approx(4.0)
    assert flow.patience_s(205.0) == 0
    assert flow.is_silent()


def test_a_slow_line_gets_twice_its_round_trip() -> None:
    flow = Window(0, 100, 100.0, rtt_s=10.0, stall_s=5.0)
    flow.send(10, 100.0)
    assert flow.patience_s(115.0) == pytest.approx(5.0)


def test_an_ack_without_progress_is_a_word_but_no_progress() -> None:
    flow = window()
    flow.send(10, 200.0)
    flow.hear(0, 10_000, 203.0)
    assert flow.patience_s(205.0) == 0
    assert not flow.is_silent()


def test_going_back_sends_again_in_ever_smaller_batches() -> None:
    flow = window()
    flow.send(200, 100.0)
    flow.send(400, 100.0)
    flow.hear(150, 10_000, 101.0)
    flow.go_back(106.0)
    assert (flow.sent, flow.in_flight, flow.room()) == (150, 0, 100)
    for _ in range(10):
        flow.go_back(110.0)
    assert flow.room() == 1
    flow.send(151, 110.0)
    flow.hear(151, 10_000, 110.1)
    assert flow.room() == 2


def test_credit_zero_is_waited_out_no_longer_than_a_stall() -> None:
    flow = window(credit=0)
    assert flow.room() == 0
    assert flow.patience_s(102.0) == pytest.approx(3.0)
    assert flow.patience_s(105.0) == 0
    assert flow.is_silent()


def test_an_ack_that_overtakes_what_is_sent_again_leaves_nothing_owed() -> None:
    flow = window()
    flow.send(200, 100.0)
    flow.go_back(106.0)
    flow.hear(200, 10_000, 106.1)
    flow.send(100, 106.2)  # was read before the ack came
    assert (flow.sent, flow.in_flight) == (200, 0)


def test_the_round_trip_is_smoothed() -> None:
    flow = window()
    flow.send(10, 100.0)
    flow.hear(10, 100, 100.9)
    assert flow.rtt_s == pytest.approx(0.2)
