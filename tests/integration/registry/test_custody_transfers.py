"""Sent off here, arrived there: confirmed by what readers and scanners tell, or by hand."""

from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from registry.access.actors import Actor
from registry.assets.models import Asset
from registry.custody import transfers
from registry.custody.models import Transfer, TransferItem
from registry.problems import Forbidden, Invalid, NotFound, Taken
from registry.tracking.services import map_zone
from tests.registry_world import ROOT, World, actor, event, lasting, make_user


def map_zones(world: World) -> None:
    world.gateway.tell(event("seen", "tag:NOBODY", "dock", ago_s=9), event("seen", "tag:NOBODY", "office", ago_s=8))
    map_zone(by=ROOT, zone=world.zone("dock"), location=world.places["Dock"])
    map_zone(by=ROOT, zone=world.zone("office"), location=world.places["Office"])


@pytest.fixture(scope="module")
def told(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with lasting(django_db_blocker, map_zones) as world:
        yield world


@pytest.fixture
def world(told: World, db: None) -> World:
    return deepcopy(told)


def sent(world: World, *names: str, to: str = "Hall A") -> Transfer:
    transfer = transfers.request(
        by=ROOT,
        asset_ids=[world.assets[name].pk for name in names],
        from_location=world.places["Office"],
        to_location=world.places[to],
    )
    return transfers.dispatch(by=ROOT, transfer_id=transfer.pk, version=1)


def state_of(transfer: Transfer) -> str:
    return str(Transfer.objects.get(pk=transfer.pk).state)


def test_confirmed_by_a_read_inside_the_destination(world: World) -> None:
    transfer = sent(world, "Pump 7", "Pump 8")
    world.gateway.tell(event("arrived", "8004:061414100007", "dock"))
    assert transfers.confirm_arrivals() == 1
    assert state_of(transfer) == "in_transit"
    item = TransferItem.objects.get(transfer=transfer, asset=world.assets["Pump 7"])
    assert (item.state, item.confirmed_by) == ("arrived", "read")
    assert item.event is not None
    assert Asset.objects.get(pk=item.asset_id).home_location == world.places["Hall A"]
    world.gateway.tell(event("seen", "8004:061414100008", "dock", deliberate=True))
    assert transfers.confirm_arrivals() == 1
    assert state_of(transfer) == "arrived"
    assert TransferItem.objects.get(transfer=transfer, asset=world.assets["Pump 8"]).confirmed_by == "scan"


def test_what_was_seen_before_or_elsewhere_has_not_arrived(world: World) -> None:
    world.gateway.tell(event("arrived", "8004:061414100007", "dock", ago_s=5))
    transfer = sent(world, "Pump 7")
    assert transfers.confirm_arrivals() == 0
    world.gateway.tell(event("moved", "8004:061414100007", "office", origin="dock"))
    assert transfers.confirm_arrivals() == 0
    assert state_of(transfer) == "in_transit"


def test_passing_through_between_two_looks_is_enough(world: World) -> None:
    transfer = sent(world, "Pump 7")
    world.gateway.tell(
        event("arrived", "8004:061414100007", "dock"), event("moved", "8004:061414100007", "office", origin="dock")
    )
    assert transfers.confirm_arrivals() == 1
    assert state_of(transfer) == "arrived"


def test_by_hand_at_the_destination_only(world: World) -> None:
    transfer = sent(world, "Pump 7", "Pump 8", to="Hall A")
    [first, second] = transfer.items.all()
    office = actor(make_user("office", "operator", place=world.places["Office"]))
    with pytest.raises((Forbidden, NotFound)):
        transfers.confirm_by_hand(by=office, transfer_id=transfer.pk, item_ids=[first.pk])
    hall = actor(make_user("hall", "operator", place=world.places["Hall A"]))
    transfers.confirm_by_hand(by=hall, transfer_id=transfer.pk, item_ids=[first.pk])
    with pytest.raises(Invalid):
        transfers.confirm_by_hand(by=hall, transfer_id=transfer.pk, item_ids=[first.pk])
    transfers.confirm_by_hand(by=hall, transfer_id=transfer.pk, item_ids=[second.pk])
    assert state_of(transfer) == "arrived"


def test_who_may_what(world: World) -> None:
    def operator(place: str, role: str) -> Actor:
        return actor(make_user(f"{role}-{place}", role, place=world.places[place]))

    ids, office, hall = [world.assets["Pump 7"].pk], world.places["Office"], world.places["Hall A"]
    keeper = operator("Hall A", "operator")
    with pytest.raises(NotFound):
        transfers.request(by=keeper, asset_ids=ids, from_location=hall, to_location=office)
    both = operator("Hamburg", "operator")
    transfer = transfers.request(by=both, asset_ids=ids, from_location=hall, to_location=office)
    with pytest.raises(Taken, match="another transfer"):
        transfers.request(by=both, asset_ids=ids, from_location=hall, to_location=office)
    with pytest.raises(Forbidden):
        transfers.dispatch(by=both, transfer_id=transfer.pk)
    manager = operator("Hamburg", "manager")
    transfers.refuse(by=manager, transfer_id=transfer.pk)
    assert state_of(transfer) == "refused"
    again = transfers.request(by=both, asset_ids=ids, from_location=hall, to_location=office)
    transfers.dispatch(by=manager, transfer_id=again.pk)
    transfers.cancel(by=both, transfer_id=again.pk)
    assert not TransferItem.objects.filter(state__in=("requested", "in_transit")).exists()
    assert again.number > transfer.number


def test_overdue(world: World) -> None:
    transfer = sent(world, "Pump 7")
    Transfer.objects.filter(pk=transfer.pk).update(due_at=timezone.now() - timedelta(hours=1))
    assert list(Transfer.objects.overdue(timezone.now())) == [transfer]


def test_looking_costs_one_query_while_nothing_was_seen(world: World) -> None:
    sent(world, "Pump 7", "Pump 8", "Pump 9")
    with CaptureQueriesContext(connection) as queries:
        assert transfers.confirm_arrivals() == 0
    assert len(queries) == 1
