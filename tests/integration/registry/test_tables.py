"""What the database itself holds on to, whoever writes."""

from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction

from registry import triggers
from registry.assets.models import Asset, Category, Identifier, Location
from registry.db import insert_new, upsert, uuid7
from registry.tracking.models import LocationEvent, Position, Stay, UnknownTag, Zone
from tests.integration.registry.conftest import Site, at, event, make_asset
from tests.registry_world import ROOT

pytestmark = pytest.mark.django_db


def test_the_triggers_are_there_after_migrate() -> None:
    assert triggers.installed() == triggers.expected()


def test_migrating_again_puts_back_triggers_that_are_gone() -> None:
    triggers.remove()
    assert triggers.installed() == set()
    call_command("migrate", verbosity=0, stdout=StringIO())
    assert triggers.installed() == triggers.expected()


def test_a_location_event_can_be_neither_changed_nor_deleted(site: Site) -> None:
    site.tell(event("moved", "tag:x", "hall-a"))
    with pytest.raises(IntegrityError), transaction.atomic():
        LocationEvent.objects.update(identity="tag:y")
    with pytest.raises(IntegrityError), transaction.atomic():
        LocationEvent.objects.all().delete()
    assert LocationEvent.objects.get().identity == "tag:x"


def test_no_migration_is_missing() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0, stdout=StringIO())


def test_django_has_nothing_to_warn_of() -> None:
    call_command("check", databases=["default"], fail_level="WARNING", stdout=StringIO(), stderr=StringIO())


def _two_active_identifiers() -> None:
    Identifier.objects.create(asset=make_asset("a"), key="tag:same", raw="same", kind="barcode")
    Identifier.objects.create(asset=make_asset("b"), key="tag:same", raw="same", kind="barcode")


def _a_retired_identifier_without_an_end() -> None:
    Identifier.objects.create(asset=make_asset("a"), key="tag:b", raw="b", kind="barcode", state="retired")


def _an_unknown_status() -> None:
    Asset.objects.create(asset_no="1", name="a", status="lost")


def _two_assets_of_one_number() -> None:
    Asset.objects.create(asset_no="1", name="a")
    Asset.objects.create(asset_no="1", name="b")


def _two_places_of_one_code() -> None:
    Location.objects.add_root(instance=Location(name="a", code="X"))
    Location.objects.add_root(instance=Location(name="b", code="X"))


def _two_siblings_of_one_name() -> None:
    root = Category.objects.add_root(instance=Category(name="IT"))
    Category.objects.add_child(root, instance=Category(name="Laptops"))
    Category.objects.add_child(root, instance=Category(name="Laptops"))


@pytest.mark.parametrize(
    "wrong",
    [
        _two_active_identifiers,
        _a_retired_identifier_without_an_end,
        _an_unknown_status,
        _two_assets_of_one_number,
        _two_places_of_one_code,
        _two_siblings_of_one_name,
    ],
    ids=lambda f: f.__name__.strip("_"),
)
def test_the_database_says_no(wrong: Callable[[], None]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        wrong()


def test_one_name_may_stand_in_two_branches() -> None:
    for name in ("A", "B"):
        root = Category.objects.add_root(instance=Category(name=name))
        Category.objects.add_child(root, instance=Category(name="Laptops"))
    assert Category.objects.filter(name="Laptops").count() == 2


def test_a_stay_does_not_end_before_it_began(site: Site) -> None:
    asset = make_asset("drill")
    site.tell(event("arrived", "tag:drill", "hall-a"))
    with pytest.raises(IntegrityError), transaction.atomic():
        Stay.objects.create(asset=asset, zone=Zone.objects.get(), from_ts=at(9), to_ts=at(8))


@pytest.mark.parametrize("damage", ["closed", "gone", "doubled"])
def test_stays_that_do_not_fit_the_position_are_drawn_anew_with_the_next_event(site: Site, damage: str) -> None:
    asset = make_asset("drill")
    site.tell(event("arrived", "tag:drill", "hall-a", 1), event("moved", "tag:drill", "hall-b", 2))
    opened = Stay.objects.get(asset=asset, to_ts=None)
    if damage == "closed":
        Stay.objects.filter(pk=opened.pk).update(to_ts=at(99))
    elif damage == "gone":
        opened.delete()
    else:
        Stay.objects.create(asset=asset, zone=opened.zone, from_ts=opened.from_ts)
    site.tell(event("moved", "tag:drill", "hall-c", 3))
    stays = Stay.objects.filter(asset=asset).values_list("zone__name", "from_ts", "to_ts")
    (a, since_a, left_a), (b, since_b, left_b), (c, since_c, left_c) = stays
    assert (a, b, c, left_a, left_b, left_c) == ("hall-a", "hall-b", "hall-c", since_b, since_c, None)
    assert since_a < since_b < since_c == Position.objects.get(asset=asset).since


def test_ids_ascend_in_the_order_of_creation() -> None:
    ids = [uuid7() for _ in range(20_000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert {i.version for i in ids} == {7}


def test_insert_new_and_upsert_store_what_the_orm_reads(site: Site) -> None:
    columns = ("id", "identity", "raw", "symbology", "gateway", "first_seen", "last_seen", "count")
    rows = [(uuid7(), f"tag:{n}", "raw ü", None, "hamburg", at(n), at(n + 0.25), n) for n in range(3)]
    assert insert_new(UnknownTag, columns, rows) == 3
    assert insert_new(UnknownTag, columns, [*rows, (uuid7(), "tag:9", "", "]C1", "hamburg", at(0), at(0), 2**40)]) == 1
    assert insert_new(UnknownTag, columns, []) == 0
    stored = UnknownTag.objects.get(last_seen=at(1.25))
    assert (stored.pk, stored.raw, stored.symbology, stored.first_seen) == (rows[1][0], "raw ü", None, at(1))
    upsert(
        UnknownTag,
        columns,
        [(uuid7(), "tag:1", "new", None, "hamburg", at(1), at(7), 5)],
        key=["identity"],
        sets={"id": "old.id", "count": "old.count + excluded.count"},
    )
    stored.refresh_from_db()
    assert (stored.raw, stored.last_seen, stored.count) == ("new", at(7), 6)


def test_a_position_is_found_by_the_tree(site: Site) -> None:
    """Whereabouts: home, away, unknown."""
    from registry.tracking.services import map_zone

    hall = Location.objects.add_root(instance=Location(name="Hall", code="HALL"))
    shelf = Location.objects.add_child(hall, instance=Location(name="Shelf", code="SHELF"))
    yard = Location.objects.add_root(instance=Location(name="Yard", code="YARD"))
    for name, home in (("in", hall), ("out", yard), ("any", None)):
        make_asset(name, home_location=home)
        site.tell(event("arrived", f"tag:{name}", "hall-a"))
    map_zone(by=ROOT, zone=Zone.objects.get(), location=shelf)
    assert _whereabouts() == {"In": "home", "Out": "away", "Any": "home"}
    assert Position.objects.within(hall).count() == 3
    assert Stay.objects.within(hall).at(at(1)).count() == 3
    assert Stay.objects.within(yard).at(at(1)).count() == 0
    site.tell(event("departed", "tag:in", "hall-a", 60))
    assert _whereabouts()["In"] == "unknown"


def _whereabouts() -> dict[str, str]:
    return {p.asset.name: getattr(p, "whereabouts", "") for p in Position.objects.with_whereabouts().select_related("asset")}
