"""Scans of people, and containers that move their contents."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from registry.access.actors import Actor
from registry.assets.models import Asset, Containment, Location
from registry.assets.services import NewIdentifier, register_asset
from registry.assets.trees import create_location
from registry.problems import Invalid, NotFound
from registry.tracking.models import LocationEvent, Position, Stay, UnknownTag
from registry.tracking.scans import MOST, Scan, State, take_scans
from registry.tracking.services import project_changed_identifiers, rebuild_projections
from tests.registry_world import ROOT, actor, event, make_user, make_world

pytestmark = pytest.mark.django_db


def minutes_ago(minutes: float) -> datetime:
    return timezone.now() - timedelta(minutes=minutes)


@pytest.fixture
def site() -> Location:
    return create_location(by=ROOT, name="Site", kind="site")


@pytest.fixture
def rooms(site: Location) -> tuple[Location, Location]:
    return create_location(by=ROOT, name="Lab", parent=site), create_location(by=ROOT, name="Store", parent=site)


def thing(name: str, home: Location | None = None) -> Asset:
    return register_asset(by=ROOT, name=name, home_location=home, identifiers=[NewIdentifier(f"LABEL-{name}")])


def scanned(text: str, place: Location, at: datetime | None = None, event_id: UUID | None = None, by: Actor = ROOT) -> State:
    return take_scans(by=by, scans=[Scan(event_id or uuid4(), text, place.pk, at or timezone.now())])[0].state


def where(asset: Asset) -> str | None:
    position = Position.objects.filter(asset=asset).select_related("location").first()
    return position.location.name if position is not None and position.location is not None else None


def test_a_scan_says_what_it_is_and_moves_it(rooms: tuple[Location, Location]) -> None:
    lab, store = rooms
    drill = thing("drill", home=lab)
    assert scanned("LABEL-drill", lab, minutes_ago(3)) == State.KNOWN
    assert scanned("LABEL-drill", store, minutes_ago(2)) == State.WRONG_PLACE
    assert where(drill) == "Store"
    assert [stay.location.name for stay in Stay.objects.filter(asset=drill) if stay.location] == ["Lab", "Store"]
    told = LocationEvent.objects.filter(source="scan")
    assert {(e.gateway_id, e.seq, e.deliberate) for e in told} == {(None, None, True)}


def test_a_scan_sent_twice_counts_once(rooms: tuple[Location, Location]) -> None:
    lab, _ = rooms
    thing("drill")
    event_id, at = uuid4(), minutes_ago(1)
    assert [scanned("LABEL-drill", lab, at, event_id) for _ in range(3)] == [State.KNOWN, State.REPEATED, State.REPEATED]
    assert LocationEvent.objects.count() == 1
    scan = Scan(uuid4(), "LABEL-drill", lab.pk, at)
    assert [o.state for o in take_scans(by=ROOT, scans=[scan, scan])] == [State.KNOWN, State.REPEATED]


def test_a_phone_that_was_away_does_not_move_things_back(rooms: tuple[Location, Location]) -> None:
    lab, store = rooms
    drill = thing("drill")
    scanned("LABEL-drill", store, minutes_ago(5))
    scanned("LABEL-drill", lab, minutes_ago(60))
    assert where(drill) == "Store"
    spans = [(s.location and s.location.name, s.to_ts is None) for s in Stay.objects.filter(asset=drill)]
    assert spans == [("Lab", False), ("Store", True)]
    before = list(Stay.objects.values_list("location", "from_ts", "to_ts"))
    rebuild_projections()
    assert list(Stay.objects.values_list("location", "from_ts", "to_ts")) == before


def test_an_unknown_code_is_noted_with_its_place(rooms: tuple[Location, Location]) -> None:
    lab, store = rooms
    assert scanned("WHAT-IS-THIS", lab, minutes_ago(9)) == State.UNKNOWN
    assert scanned("WHAT-IS-THIS", store, minutes_ago(2)) == State.UNKNOWN
    tag = UnknownTag.objects.get()
    assert (tag.location, tag.count, tag.gateway) == (store, 2, None)


def test_a_clock_in_the_future_does_not_freeze_an_asset(rooms: tuple[Location, Location]) -> None:
    lab, store = rooms
    drill = thing("drill")
    scanned("LABEL-drill", lab, timezone.now() + timedelta(days=2000))
    scanned("LABEL-drill", store)
    assert where(drill) == "Store"


def test_what_lies_elsewhere_is_unknown_and_untouched(site: Location, rooms: tuple[Location, Location]) -> None:
    lab, store = rooms
    secret = thing("secret", home=store)
    mine = actor(make_user("otto", "operator", place=lab))
    assert scanned("LABEL-secret", lab, by=mine) == State.UNKNOWN
    assert where(secret) is None
    assert not LocationEvent.objects.exists()
    assert not UnknownTag.objects.exists()
    with pytest.raises(NotFound):
        scanned("LABEL-secret", store, by=mine)
    with pytest.raises(NotFound):
        scanned("LABEL-secret", lab, by=actor(make_user("vera", "viewer")))


@pytest.mark.parametrize("text", ["", "  ", "a\0b", "x" * 5000])
def test_what_is_no_code_is_refused(rooms: tuple[Location, Location], text: str) -> None:
    with pytest.raises(Invalid):
        scanned(text, rooms[0])


def test_too_many_and_too_old_are_refused(rooms: tuple[Location, Location]) -> None:
    lab, _ = rooms
    with pytest.raises(Invalid, match="at most"):
        take_scans(by=ROOT, scans=[Scan(uuid4(), "x", lab.pk, timezone.now())] * (MOST + 1))
    with pytest.raises(Invalid, match="days ago"):
        scanned("x", lab, timezone.now() - timedelta(days=400))


# ---- containers ----------------------------------------------------------------------------------------------------------------


def put(asset: Asset, container: Asset, at: datetime, until: datetime | None = None) -> None:
    Containment.objects.create(asset=asset, container=container, from_ts=at, to_ts=until)
    project_changed_identifiers()


def test_a_container_moves_its_contents(rooms: tuple[Location, Location]) -> None:
    lab, store = rooms
    case, laptop, mouse = thing("case"), thing("laptop"), thing("mouse")
    scanned("LABEL-case", lab, minutes_ago(50))
    put(laptop, case, minutes_ago(40))
    put(mouse, laptop, minutes_ago(39))
    assert [where(a) for a in (case, laptop, mouse)] == ["Lab"] * 3
    scanned("LABEL-case", store, minutes_ago(30))
    assert [where(a) for a in (case, laptop, mouse)] == ["Store"] * 3
    scanned("LABEL-laptop", lab, minutes_ago(20))
    assert [where(a) for a in (case, laptop, mouse)] == ["Store", "Lab", "Lab"]
    stays = list(Stay.objects.order_by("asset", "from_ts").values_list("asset", "location", "from_ts", "to_ts"))
    rebuild_projections()
    assert list(Stay.objects.order_by("asset", "from_ts").values_list("asset", "location", "from_ts", "to_ts")) == stays


def test_what_was_taken_out_stays_where_it_is(rooms: tuple[Location, Location]) -> None:
    lab, store = rooms
    case, laptop = thing("case"), thing("laptop")
    scanned("LABEL-case", lab, minutes_ago(50))
    put(laptop, case, minutes_ago(40), minutes_ago(30))
    scanned("LABEL-case", store, minutes_ago(10))
    assert [where(a) for a in (case, laptop)] == ["Store", "Lab"]
    scanned("LABEL-case", store, minutes_ago(35))  # came late, from while it lay in there
    assert where(laptop) == "Store"


def test_what_gateways_tell_of_a_container_counts_for_its_contents() -> None:
    world = make_world()
    ladder = world.assets["Ladder short"]
    rope = thing("rope")
    world.gateway.tell(event("arrived", "tag:LADDER-2", "dock"))
    put(rope, ladder, timezone.now())
    world.gateway.tell(event("moved", "tag:LADDER-2", "yard"))
    assert Position.objects.get(asset=rope).zone == Position.objects.get(asset=ladder).zone
    world.gateway.tell(event("departed", "tag:LADDER-2", "yard"))
    assert Position.objects.get(asset=rope).state == "unknown"
