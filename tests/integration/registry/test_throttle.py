"""Guessing is counted in the database: for all processes together, one after the other, and not for ever."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from registry.access import throttle
from registry.access.models import Failure

HERE = "192.0.2.1"


def attempt(name: str = "anna", address: str = HERE) -> int:
    return throttle.attempt("password", name, address=address)


@pytest.mark.django_db
def test_others_do_not_wait_for_one_who_guesses() -> None:
    tried = [attempt() for _ in range(throttle.FREE_TRIES + 2)]
    assert tried[: throttle.FREE_TRIES] == [0] * throttle.FREE_TRIES
    assert 14 <= tried[-1] <= 15, "what was not looked at does not make the wait longer"
    assert attempt(address="192.0.2.2") == attempt("bert") == 0
    assert throttle.attempt("second factor", "anna", address=HERE) == 0


@pytest.mark.django_db
def test_success_clears_the_count() -> None:
    for _ in range(throttle.FREE_TRIES):
        attempt()
    throttle.succeeded("password", "Anna", address=HERE)
    assert attempt() == 0


@pytest.mark.django_db
def test_many_names_from_one_address_have_to_wait_too_and_are_forgotten() -> None:
    tried = [attempt(f"name-{n}") for n in range(throttle.FREE_TRIES_OF_ADDRESS + 1)]
    assert tried[-2:] == [0, 15]
    assert "name" not in "".join(Failure.objects.values_list("key", flat=True))
    Failure.objects.update(last_at=timezone.now() - timedelta(hours=2))
    assert attempt("another") == 0
    assert attempt("another") == 0
    assert Failure.objects.count() < 5


@pytest.mark.django_db(transaction=True)
def test_tries_at_one_time_are_counted_one_after_the_other() -> None:
    def one(_: int) -> int:
        try:
            return attempt()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        tried = list(threads.map(one, range(20)))
    assert tried.count(0) == throttle.FREE_TRIES
