"""A gateway takes another one's place: nobody maps anything twice, and what the old card still holds is not stored twice."""

import pytest

from registry.access.actors import Actor
from registry.access.models import Change
from registry.assets.models import Asset, Location
from registry.assets.trees import create_location
from registry.problems import Forbidden, Invalid, NotFound, Taken
from registry.tracking import replacing
from registry.tracking.gateways import add_gateway, revoke_gateway
from registry.tracking.models import Gateway, LocationEvent, Position, Quarantine, ReadPoint, Zone
from registry.tracking.replacing import Replaced, replace_gateway
from registry.tracking.services import map_zone
from tests.integration.registry.conftest import Site, another_site, event
from tests.registry_world import ROOT

pytestmark = pytest.mark.django_db


def test_zones_and_read_points_are_taken_over_and_the_old_one_is_revoked(
    site: Site, drill: Asset, hall: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replacing, "ROWS_AT_ONCE", 1)
    yard = create_location(by=ROOT, name="Yard", kind="room")
    for zone, point in (("hall-a", "hall:1"), ("dock", "dock:1"), ("gate", "gate:1")):
        site.tell(event("arrived", "tag:drill", zone, read_point=point))
    for known in Zone.objects.all():
        map_zone(by=ROOT, zone=known, location=hall)
    new = another_site("hamburg-2")
    new.tell(event("moved", "tag:drill", "dock", 5, read_point="dock:1"), event("seen", "tag:x", "gate", 5, read_point="gate:1"))
    map_zone(by=ROOT, zone=Zone.objects.get(gateway=new.id, name="gate"), location=yard)

    assert replace_gateway(by=ROOT, old_id=site.id, new_id=new.id) == Replaced(zones=2, left_alone=1, read_points=1)
    mapped = Zone.objects.filter(gateway=new.id).values_list("name", "location__name")
    assert dict(mapped) == {"hall-a": "Hall", "dock": "Hall", "gate": "Yard"}
    points = ReadPoint.objects.filter(gateway=new.id).values_list("name", "zone__name")
    assert dict(points) == {"hall:1": "hall-a", "dock:1": "dock", "gate:1": "gate"}
    position = Position.objects.get(asset=drill)
    assert (position.zone and position.zone.gateway_id, position.location) == (new.id, hall)  # mapped with what is there
    assert Gateway.objects.get(pk=new.id).replaces_id == site.id
    assert Gateway.objects.get(pk=site.id).revoked_at is not None
    assert site.tell(event("seen", "tag:drill", "hall-a", 6)) == []
    assert Change.objects.filter(action="replaces").count() == 1
    assert replace_gateway(by=ROOT, old_id=site.id, new_id=new.id) == Replaced(0, 1, 0)


def test_what_the_old_card_had_delivered_itself_is_known_again(site: Site) -> None:
    delivered = site.record(event("seen", "tag:x", "hall-a"))
    site.deliver(delivered)
    new = another_site("hamburg-2")
    replace_gateway(by=ROOT, old_id=site.id, new_id=new.id)
    again = new.record(event("seen", "tag:x", "hall-a"), event_id=delivered.event_id)
    fresh = new.record(event("seen", "tag:x", "hall-a", 9))
    [reply] = new.deliver(again, fresh)
    assert (reply.through, reply.rejected) == (2, ())
    assert LocationEvent.objects.count() == 2
    assert not Quarantine.objects.exists()


def test_the_same_records_from_a_stranger_are_still_a_conflict(site: Site) -> None:
    delivered = site.record(event("seen", "tag:x", "hall-a"))
    site.deliver(delivered)
    stranger = another_site("berlin")
    stranger.deliver(stranger.record(event("seen", "tag:x", "hall-a"), event_id=delivered.event_id))
    assert Quarantine.objects.get().code == "conflict"


def test_what_cannot_be_is_refused_in_words(site: Site) -> None:
    for gateway_id in ("b", "c", "d"):
        add_gateway(by=ROOT, gateway_id=gateway_id)
    with pytest.raises(Forbidden):
        replace_gateway(by=Actor("nobody"), old_id=site.id, new_id="b")
    assert Gateway.objects.filter(revoked_at__isnull=True).count() == 4
    replace_gateway(by=ROOT, old_id=site.id, new_id="b")
    for old, new, error in (
        ("munich", "b", NotFound),
        ("b", "munich", NotFound),
        ("c", "c", Invalid),
        ("b", site.id, Invalid),
        ("c", "b", Taken),
        (site.id, "c", Taken),
    ):
        with pytest.raises(error):
            replace_gateway(by=ROOT, old_id=old, new_id=new)
    replace_gateway(by=ROOT, old_id="b", new_id="c")
    assert Gateway.objects.get(pk="c").generations() == ["c", "b", site.id]
    revoke_gateway(by=ROOT, gateway_id="d")
    with pytest.raises(Invalid):
        replace_gateway(by=ROOT, old_id="c", new_id="d")
