"""Wrong passwords cost time, more each time, and never memory."""

from registry.web.throttle import FIRST_WAIT_S, FREE_TRIES, LONGEST_WAIT_S, Throttle

KEY = ("anna", "192.0.2.1")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def failing(times: int) -> tuple[Throttle, Clock]:
    clock = Clock()
    throttle = Throttle(clock)
    for _ in range(times):
        throttle.failed(KEY)
    return throttle, clock


def test_the_first_tries_are_free() -> None:
    throttle, _ = failing(FREE_TRIES - 1)
    assert throttle.wait_s(KEY) == 0


def test_then_the_wait_doubles_up_to_a_ceiling_and_runs_down() -> None:
    assert failing(FREE_TRIES)[0].wait_s(KEY) == FIRST_WAIT_S
    throttle, clock = failing(FREE_TRIES + 1)
    assert throttle.wait_s(KEY) == 2 * FIRST_WAIT_S
    clock.now = 2 * FIRST_WAIT_S
    assert throttle.wait_s(KEY) == 0
    assert failing(1000)[0].wait_s(KEY) == LONGEST_WAIT_S


def test_others_do_not_wait_for_one_who_guesses() -> None:
    throttle, _ = failing(100)
    assert throttle.wait_s(("anna", "192.0.2.2")) == 0
    assert throttle.wait_s(("bert", "192.0.2.1")) == 0


def test_success_and_an_hour_clear_the_count() -> None:
    throttle, clock = failing(100)
    clock.now = 3601
    assert throttle.wait_s(KEY) == 0
    throttle.failed(KEY)
    throttle.succeeded(KEY)
    assert throttle.wait_s(KEY) == 0


def test_many_names_do_not_fill_the_memory() -> None:
    throttle = Throttle(Clock())
    for number in range(10_100):
        throttle.failed((f"name-{number}", "192.0.2.1"))
    assert len(throttle._failures) == 10_000
