"""Mapping zones, claiming tags, retiring codes: what was told before counts at once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from registry.assets.models import Asset, Identifier, Location
from registry.assets.services import add_identifier, register_asset, retire_identifier
from registry.assets.trees import create_location
from registry.problems import Invalid, NotFound, Taken
from registry.tracking import services
from registry.tracking.gateways import add_gateway, broker_users, renew_gateway, revoke_gateway
from registry.tracking.models import Gateway, LocationEvent, Position, Quarantine, Stay, UnknownTag, Zone, attach_assets
from registry.tracking.services import claim_unknown_tag, map_zone, project_changed_identifiers
from sync.broker import Role
from tests.integration.registry.conftest import Site, at, event, make_asset, projections
from tests.registry_world import ROOT, actor, make_user

pytestmark = pytest.mark.django_db


def test_mapping_a_zone_moves_what_is_and_what_was_there(site: Site, drill: Asset, hall: Location) -> None:
    make_asset("saw")
    site.tell(
        event("arrived", "tag:drill", "hall-a"), event("arrived", "tag:saw", "hall-a"), event("moved", "tag:saw", "yard", 5)
    )
    zone = Zone.objects.get(name="hall-a")
    assert not map_zone(by=ROOT, zone=zone, location=hall).remapping
    assert Position.objects.get(asset=drill).location == hall
    assert Position.objects.exclude(asset=drill).get().location is None
    assert Stay.objects.filter(location=hall).count() == 2
    assert not Zone.objects.unmapped().filter(name="hall-a").exists()
    site.tell(event("moved", "tag:saw", "hall-a", 9))
    assert Position.objects.filter(location=hall).count() == 2
    map_zone(by=ROOT, zone=zone, location=None)
    assert not Position.objects.filter(location=hall).exists()
    assert not Stay.objects.filter(location=hall).exists()


def test_mapping_goes_in_bounded_transactions_and_can_be_finished(
    site: Site, hall: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process died after the first of them: ingest does the rest."""
    monkeypatch.setattr(services, "ROWS_AT_ONCE", 4)
    for n in range(7):
        make_asset(f"a{n}")
    site.tell(*(event("arrived", f"tag:a{n}", "hall-a", n) for n in range(7)))
    zone = Zone.objects.get()
    with monkeypatch.context() as dying:
        dying.setattr(services, "continue_remapping", lambda **_: True)
        assert map_zone(by=ROOT, zone=zone, location=hall).remapping
    assert Position.objects.filter(location=hall).count() == 3
    while services.continue_some_remapping():
        continue
    assert Position.objects.filter(location=hall).count() == Stay.objects.filter(location=hall).count() == 7
    assert not Zone.objects.get().remapping


def test_a_zone_may_be_made_before_its_gateway_speaks_of_it(site: Site, drill: Asset, hall: Location) -> None:
    gateway = Gateway.objects.get()
    services.create_zone(by=ROOT, gateway=gateway, name="hall-a", kind="storage", location=hall)
    with pytest.raises(Taken):
        services.create_zone(by=ROOT, gateway=gateway, name="hall-a")
    site.tell(event("arrived", "tag:drill", "hall-a"))
    assert Position.objects.get().location == hall


def test_claiming_a_tag_brings_its_past(site: Site, drill: Asset) -> None:
    site.tell(event("arrived", "tag:stranger", "hall-a"), event("moved", "tag:stranger", "yard", 10))
    identifier = claim_unknown_tag(by=ROOT, identity="tag:stranger", asset=drill)
    assert (identifier.key, identifier.raw, identifier.valid_from) == ("tag:stranger", "tag:stranger", None)
    assert not UnknownTag.objects.exists()
    position = Position.objects.get(asset=drill)
    assert position.zone is not None
    assert (position.zone.name, position.since) == ("yard", at(10))
    assert Stay.objects.count() == 2
    assert LocationEvent.objects.of_asset(drill).count() == 2
    assert [e.asset for e in attach_assets(list(LocationEvent.objects.all()))] == [drill, drill]
    site.tell(event("moved", "tag:stranger", "hall-a", 20))
    assert Position.objects.get(asset=drill).last_seen_at == at(20)


def test_claiming_from_a_time_on_leaves_what_was_before(site: Site, drill: Asset) -> None:
    site.tell(event("arrived", "tag:stranger", "hall-a"), event("moved", "tag:stranger", "yard", 10))
    claim_unknown_tag(by=ROOT, identity="tag:stranger", asset=drill, valid_from=at(5))
    assert Stay.objects.count() == 1
    assert LocationEvent.objects.of_asset(drill).count() == 1


def test_an_epc_may_be_claimed_as_typed(site: Site, drill: Asset) -> None:
    site.tell(event("arrived", "8004:06141415678", "hall-a", raw="3474257BF40000000000162E"))
    identifier = claim_unknown_tag(by=ROOT, identity="urn:epc:id:giai:0614141.5678", asset=drill)
    assert (identifier.key, identifier.kind) == ("8004:06141415678", "epc")
    assert Position.objects.filter(asset=drill).exists()


def test_what_another_asset_has_cannot_be_claimed(site: Site, drill: Asset) -> None:
    saw = make_asset("saw")
    with pytest.raises(Taken, match=drill.asset_no):
        claim_unknown_tag(by=ROOT, identity="tag:drill", asset=saw)
    with pytest.raises(Invalid, match="kind of thing"):
        claim_unknown_tag(by=ROOT, identity="01:09501101530003", asset=saw)


def test_registering_from_an_unknown_tag(site: Site) -> None:
    site.tell(event("arrived", "tag:new", "hall-a"))
    asset = services.register_unknown_tag(by=ROOT, identity="tag:new", name="Forklift", kind="vehicle")
    assert asset.position.zone == Zone.objects.get()
    site.tell(event("seen", "tag:gone", "hall-a"))
    elsewhere = actor(make_user("elsewhere", "operator", place=create_location(by=ROOT, name="Yard")))
    with pytest.raises(NotFound):
        services.forget_unknown_tag(by=elsewhere, identity="tag:gone")
    services.forget_unknown_tag(by=ROOT, identity="tag:gone")
    with pytest.raises(NotFound):
        services.forget_unknown_tag(by=ROOT, identity="tag:gone")


def test_a_code_added_elsewhere_is_worked_in_by_ingest(site: Site) -> None:
    """Imports and the asset's own page add codes without the tracking app."""
    site.tell(event("arrived", "tag:a", "hall-a"), event("arrived", "tag:b", "yard", 3))
    asset = register_asset(by=ROOT, name="A")
    add_identifier(by=ROOT, asset=asset, text="tag:a")
    assert not Position.objects.exists()
    assert project_changed_identifiers() == 1
    assert project_changed_identifiers() == 0
    assert Position.objects.get().zone is not None
    assert [t.identity for t in UnknownTag.objects.all()] == ["tag:b"]


def test_a_retired_code_keeps_its_past_and_is_unknown_from_then_on(site: Site, drill: Asset) -> None:
    site.tell(event("arrived", "tag:drill", "hall-a"))
    before = projections()
    retire_identifier(by=ROOT, identifier_id=drill.identifiers.get().pk)
    project_changed_identifiers()
    assert projections() == before
    later = (timezone.now() - at(0) + timedelta(seconds=60)).total_seconds()
    site.tell(event("moved", "tag:drill", "yard", later))
    assert projections() == before
    assert UnknownTag.objects.get().identity == "tag:drill"
    saw = make_asset("saw")
    claimed = claim_unknown_tag(by=ROOT, identity="tag:drill", asset=saw)
    assert claimed.valid_from == Identifier.objects.get(asset=drill).valid_to
    assert LocationEvent.objects.of_asset(saw).count() == 1
    assert LocationEvent.objects.of_asset(drill).count() == 1


def test_the_longest_unseen_tags_go_first(site: Site) -> None:
    site.tell(*(event("seen", f"tag:{n}", "hall-a", n) for n in range(8)))
    assert services.trim_unknown_tags(most=5) == 3
    assert {t.identity for t in UnknownTag.objects.all()} == {f"tag:{n}" for n in range(3, 8)}
    assert services.trim_unknown_tags(most=5) == 0


def test_the_quarantine_is_bounded_too(site: Site) -> None:
    site.deliver(*(site.record(b"[]") for _ in range(5)))
    assert services.trim_quarantine(most=3) == 2
    assert [q.seq for q in Quarantine.objects.order_by("seq")] == [3, 4, 5]


def test_gateways_get_credentials_once() -> None:
    first = add_gateway(by=ROOT, gateway_id="hamburg", name="Hamburg dock")
    assert len(first.mac_key) == 32
    with pytest.raises(Taken, match="renew"):
        add_gateway(by=ROOT, gateway_id="hamburg")
    for wrong in ("", "Hamburg", "a/b", "+", "registry-ingest", "x" * 41):
        with pytest.raises(Invalid):
            add_gateway(by=ROOT, gateway_id=wrong)
    renewed = renew_gateway(by=ROOT, gateway_id="hamburg")
    assert renewed.mac_key != first.mac_key
    assert renewed.password != first.password
    assert {(u.name, u.role) for u in broker_users()} == {
        ("registry-ingest", Role.INGEST),
        ("registry-work", Role.WORK),
        ("hamburg", Role.GATEWAY),
    }
    revoke_gateway(by=ROOT, gateway_id="hamburg")
    assert {u.name for u in broker_users()} == {"registry-ingest", "registry-work"}
    with pytest.raises(NotFound):
        revoke_gateway(by=ROOT, gateway_id="berlin")
    stored = str(list(Gateway.objects.values()))
    assert first.password not in stored
    assert renewed.password not in stored


def test_a_place_with_a_past_is_not_deleted(site: Site, drill: Asset) -> None:
    from registry.assets.trees import delete_location

    place = create_location(by=ROOT, name="Hall")
    site.tell(event("arrived", "tag:drill", "hall-a"))
    map_zone(by=ROOT, zone=Zone.objects.get(), location=place)
    with pytest.raises(Invalid, match="in use"):
        delete_location(by=ROOT, location=place)
