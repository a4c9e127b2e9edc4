"""Whole batches to and from the database (db.py): what the ORM would store, and what it would read."""

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import DataError, IntegrityError, connection, transaction

from registry.assets.models import Asset, Identifier
from registry.db import hold_rows, insert, insert_new, rows_where, together, update, uuid7s
from registry.tracking.models import LocationEvent, Position, RawRecord, Stay, UnknownTag
from tests.integration.registry.conftest import Site, at, event, make_asset

pytestmark = pytest.mark.django_db

COLUMNS = (
    "event_id", "gateway", "epoch", "seq", "kind", "direction", "identity", "raw", "symbology", "event_time", "happened_at",
    "decided_at", "stored_at", "recorded_time", "boot", "mono_ms", "clock_quality", "late", "source", "rssi_max", "confidence",
    "evidence", "time_uncertainty_ms", "deliberate", "reads", "parameters",
)  # fmt: skip


def row(seq: int, **other: Any) -> tuple[Any, ...]:
    usual: dict[str, Any] = {
        "event_id": uuid4(), "gateway": "hamburg", "epoch": 1, "seq": seq, "kind": "seen", "direction": None, "identity": "tag:x",
        "raw": "x", "symbology": None, "event_time": at(1), "happened_at": at(1), "decided_at": at(2), "stored_at": at(0),
        "recorded_time": at(0), "boot": None, "mono_ms": None, "clock_quality": "synced", "late": False, "source": "gateway",
        "rssi_max": None, "confidence": None, "evidence": None, "time_uncertainty_ms": 0, "deliberate": False, "reads": 0,
        "parameters": "",
    }  # fmt: skip
    return tuple((usual | other)[name] for name in COLUMNS)


def stored(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """As the ORM reads them, in the order of `rows`."""
    found = {one[0]: one for one in LocationEvent.objects.values_list(*COLUMNS)}
    return [found[one[0]] for one in rows]


def test_every_kind_of_value_is_what_the_orm_reads() -> None:
    fourteen = timezone(timedelta(hours=14))
    rows = [
        row(1),
        row(
            2,
            direction="in",
            symbology="]C1",
            boot=7,
            mono_ms=-1,
            late=True,
            rssi_max=-70,
            confidence=0.1,
            evidence={"sides": []},
        ),
        row(
            2**63 - 1,
            raw="漢字 'quoted' \\ {,} \n",
            mono_ms=2**62,
            confidence=1.0,
            evidence={"sides": ["a", "ü"], "duration_ms": 3},
        ),
        row(-(2**63), rssi_max=-(2**31), event_time=datetime(1970, 1, 1, tzinfo=UTC), raw="", evidence=[]),
        row(5, event_time=datetime(9998, 12, 31, 23, 59, 59, 999999, UTC), confidence=1e-300),
        row(6, event_time=datetime(2026, 3, 1, 3, 0, 0, 1, fourteen), happened_at=datetime(1999, 12, 31, 23, 59, 59, 1, UTC)),
    ]
    insert(LocationEvent, COLUMNS, rows)
    assert stored(rows) == rows
    read = {one[0]: one for one in rows_where(LocationEvent, COLUMNS, key="event_id", among=[one[0] for one in rows])}
    assert [read[one[0]] for one in rows] == rows


@pytest.mark.parametrize("others", [{}, {"confidence": 0.5, "direction": "out", "evidence": {"n": 1}, "late": True, "boot": 3}])
@pytest.mark.parametrize("number", [1, 2, 300])
def test_a_column_of_one_value_throughout_is_stored_in_every_row(number: int, others: dict[str, Any]) -> None:
    rows = [row(seq, **others) for seq in range(1, number + 1)]
    insert(LocationEvent, COLUMNS, rows)
    assert stored(rows) == rows


def test_a_first_and_last_value_alike_are_no_column_of_one_value() -> None:
    rows = [row(1, confidence=0.5), row(2), row(3, confidence=0.5)]
    insert(LocationEvent, COLUMNS, rows)
    assert [one[COLUMNS.index("confidence")] for one in stored(rows)] == [0.5, None, 0.5]


def test_what_is_stored_already_is_refused_or_passed_over(site: Site) -> None:
    rows = [row(1), row(2)]
    insert(LocationEvent, COLUMNS, rows)
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(LocationEvent, COLUMNS, [row(3), rows[0]])
    assert insert_new(LocationEvent, COLUMNS, [rows[1], row(3), rows[0]], key=["event_id"]) == 1
    assert LocationEvent.objects.count() == 3


def test_what_fails_among_statements_that_go_out_together_is_raised_and_can_be_undone(site: Site) -> None:
    known = row(1)
    insert(LocationEvent, COLUMNS, [known])

    def twice() -> None:
        with transaction.atomic(), together():
            insert(LocationEvent, COLUMNS, [known])
            insert(LocationEvent, COLUMNS, [row(2)])

    with pytest.raises(IntegrityError):
        twice()
    with transaction.atomic(), together():
        insert(LocationEvent, COLUMNS, [row(3)])
        update(Asset, ["name"], [], key="id")
    assert set(LocationEvent.objects.values_list("seq", flat=True)) == {1, 3}


def test_a_text_too_long_for_its_column_is_refused_where_the_database_knows_how_long_it_is() -> None:
    knows = connection.vendor != "sqlite"  # it stores a text of any length
    with pytest.raises(DataError) if knows else nullcontext(), transaction.atomic():
        insert(LocationEvent, COLUMNS, [row(1, identity="x" * 513)])


def test_rows_are_updated_by_their_key_and_only_where_they_should_be(site: Site) -> None:
    assets = [make_asset(name) for name in ("drill", "saw", "lift")]
    site.tell(*(event("arrived", f"tag:{name}", "hall-a", 1) for name in ("drill", "saw")))
    update(Stay, ["to_ts"], [(asset.pk, at(n + 2)) for n, asset in enumerate(assets)], key="asset", only="old.to_ts IS NULL")
    update(Stay, ["to_ts"], [(asset.pk, at(99)) for asset in assets], key="asset", only="old.to_ts IS NULL")
    assert dict(Stay.objects.values_list("asset", "to_ts")) == {assets[0].pk: at(2), assets[1].pk: at(3)}
    update(Position, ["confidence", "state"], [(assets[0].pk, 0.25, "unknown")], key="asset")
    assert Position.objects.values_list("confidence", "state").get(asset=assets[0]) == (0.25, "unknown")


def test_rows_are_found_as_the_orm_finds_them(site: Site) -> None:
    for name in ("drill", "saw"):
        make_asset(name)
    site.tell(event("arrived", "tag:drill", "hall-a", 1), event("seen", "tag:nobody's", "hall-a", 2))
    site.deliver(site.record(b'{"a":1}', kind="future"))
    cases: list[tuple[Any, str, tuple[str, ...]]] = [
        (Identifier, "key", ("key", "asset", "valid_from", "valid_to", "projected", "state")),
        (Position, "asset", ("asset", "zone", "location", "since", "tips", "confidence", "last_event", "source")),
        (UnknownTag, "identity", ("id", "identity", "count", "symbology", "first_seen", "gateway")),
        (RawRecord, "event_id", ("event_id", "seq", "body", "stored_at", "boot")),
    ]
    for model, key, columns in cases:
        expected = set(map(str, model.objects.values_list(*columns)))
        assert expected
        keys = list(model.objects.values_list(key, flat=True))
        missing = [UUID(int=1)] if isinstance(keys[0], UUID) else ["no such thing", "it's %s {no} $1"]
        assert set(map(str, rows_where(model, columns, key=key, among=[*keys, *missing]))) == expected
        assert rows_where(model, columns, key=key, among=[]) == []
        assert rows_where(model, columns, key=key, among=missing) == []


def test_rows_are_held_in_a_transaction(site: Site) -> None:
    hold_rows(Asset, [])
    hold_rows(Asset, [make_asset("drill").pk, *uuid7s(2)])
