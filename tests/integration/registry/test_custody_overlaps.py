"""One asset is with one holder at a time and booked once for any moment: the database says so, whoever asks."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from registry import triggers
from registry.access.models import Person
from registry.assets.models import Asset
from registry.assets.services import register_asset
from registry.custody.models import Booking, BookingItem, Custody
from registry.db import uuid7
from tests.integration.registry.conftest import NOON
from tests.registry_world import ROOT

HOUR = timedelta(hours=1)


def custody(asset: Asset, person: Person, start: float, end: float | None) -> Custody:
    to_at = None if end is None else NOON + end * HOUR
    return Custody.objects.create(asset=asset, person=person, from_at=NOON + start * HOUR, to_at=to_at, batch=uuid7())


def booked(asset: Asset, person: Person, start: float, end: float, *, active: bool = True) -> BookingItem:
    span: dict[str, Any] = {"from_at": NOON + start * HOUR, "to_at": NOON + end * HOUR}
    booking = Booking.objects.create(title="Fair", person=person, **span)
    return BookingItem.objects.create(booking=booking, asset=asset, active=active, **span)


@pytest.fixture
def pump(db: None) -> Asset:
    return register_asset(by=ROOT, name="Pump")


@pytest.fixture
def anna(db: None) -> Person:
    return Person.objects.create(name="Anna")


@pytest.mark.parametrize(("start", "end"), [(0, 2), (1, 3), (-1, 0.5), (-1, None), (1.5, None), (0.5, 1)])
def test_overlapping_custody_is_refused(pump: Asset, anna: Person, start: float, end: float | None) -> None:
    custody(pump, anna, 0, 2)
    with pytest.raises(IntegrityError), transaction.atomic():
        custody(pump, anna, start, end)
    assert Custody.objects.count() == 1


@pytest.mark.parametrize(("start", "end"), [(2, 3), (-1, 0), (2, None)])
def test_custody_side_by_side_is_taken(pump: Asset, anna: Person, start: float, end: float | None) -> None:
    custody(pump, anna, 0, 2)
    custody(pump, anna, start, end)
    custody(register_asset(by=ROOT, name="Another"), anna, 0, 2)
    assert Custody.objects.count() == 3


def test_nothing_overlaps_one_without_end(pump: Asset, anna: Person) -> None:
    custody(pump, anna, 0, None)
    with pytest.raises(IntegrityError), transaction.atomic():
        custody(pump, anna, 100_000, None)


def test_a_change_cannot_make_an_overlap_either(pump: Asset, anna: Person) -> None:
    custody(pump, anna, 0, 2)
    later = custody(pump, anna, 2, 4)
    with pytest.raises(IntegrityError), transaction.atomic():
        Custody.objects.filter(pk=later.pk).update(from_at=NOON + 1.9 * HOUR)
    Custody.objects.filter(pk=later.pk).update(note="a change of something else is fine")


def test_fractions_of_a_second_count(pump: Asset, anna: Person) -> None:
    """SQLite compares times as text, and writes a whole second without its fraction."""
    custody(pump, anna, 0, 1)
    just_before = NOON + HOUR - timedelta(microseconds=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Custody.objects.create(asset=pump, person=anna, from_at=just_before, batch=uuid7())
    Custody.objects.create(asset=pump, person=anna, from_at=NOON + HOUR, batch=uuid7())


def test_only_active_bookings_hold_their_time(pump: Asset, anna: Person) -> None:
    booked(pump, anna, 0, 2)
    request = booked(pump, anna, 1, 3, active=False)
    booked(pump, anna, 2, 3)
    with pytest.raises(IntegrityError), transaction.atomic():
        booked(pump, anna, 1, 3)
    with pytest.raises(IntegrityError), transaction.atomic():
        BookingItem.objects.filter(pk=request.pk).update(active=True)


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_gets_it() -> None:
    pump, anna = register_asset(by=ROOT, name="Pump"), Person.objects.create(name="Anna")
    start = threading.Barrier(6)
    got: list[bool] = []

    def take(n: int) -> None:
        start.wait()
        try:
            with transaction.atomic():
                custody(pump, anna, n / 10, None)
            got.append(True)
        except IntegrityError:
            got.append(False)
        finally:
            connection.close()

    threads = [threading.Thread(target=take, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [False] * 5 + [True]
    assert Custody.objects.count() == 1


@pytest.mark.django_db
def test_what_holds_overlaps_is_there_after_a_migrate() -> None:
    assert MigrationExecutor(connection).loader.graph.leaf_nodes("custody")
    triggers.install(sender=None)  # type: ignore[arg-type]  # twice does no harm
    if connection.vendor == "sqlite":
        held, expected = "name FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%no_overlap%'", ["_insert", "_update"]
    else:
        held, expected = "conname FROM pg_constraint WHERE contype = 'x'", [""]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {held}")
        names = {name for (name,) in cursor.fetchall()}
    assert names == {f"{rule.name}{ending}" for rule in triggers.NO_OVERLAP for ending in expected}
