"""Importing within one's scope: what lies outside is taken or unknown, without a hint; what may not be changed is an error."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from registry.access.actors import ROLES, Actor, Grant
from registry.access.models import User
from registry.assets.columns import columns_of, everything
from registry.assets.models import Asset, Location
from registry.assets.services import NewIdentifier, register_asset
from registry.assets.trees import create_location
from registry.importing import files, services
from registry.importing.models import ImportJob
from registry.problems import Forbidden, NotFound
from registry.tracking.models import Zone
from registry.tracking.services import map_zone
from tests.integration.registry.test_importing_rows import applied, checked, counts, received, told, worked
from tests.registry_world import ROOT, event, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_files_left() -> Iterator[None]:
    yield
    for job in ImportJob.objects.all():
        files.remove(job.pk)


@pytest.fixture
def places() -> dict[str, Location]:
    return {name: create_location(by=ROOT, name=name, code=name[:2].upper(), kind="site") for name in ("Hamburg", "Munich")}


def actor(role: str, place: Location | None, name: str = "anna") -> Actor:
    user = User.objects.create_user(name)
    return Actor(name, (Grant(ROLES[role], place.path if place else None),), user_id=user.pk, through="page")


def test_a_manager_of_one_place_learns_nothing_of_another(places: dict[str, Location]) -> None:
    register_asset(by=ROOT, name="Ours", asset_no="1", home_location=places["Hamburg"])
    register_asset(
        by=ROOT, name="SECRET", asset_no="2", home_location=places["Munich"], identifiers=[NewIdentifier("tag:secret")]
    )
    anna = actor("manager", places["Hamburg"])
    job = checked(
        "no,name,home,codes\n1,Renamed,,\n2,x,,\n3,New,HA,\n4,New,MU,\n5,New,Munich,\n6,New,HA,tag:secret\n7,New,,\n1x,,,tag:secret\n",
        by=anna,
        make=["home_location"],
    )
    assert counts(job) == (1, 1, 0, 6)
    assert [(row, column, reason) for row, column, _, reason in told(job)] == [
        (3, "no", "taken"),
        (5, "home", "there is none of this name, and your role does not allow making it"),
        (6, "home", "there is none of this name, and your role does not allow making it"),
        (7, "codes", "taken"),
        (8, "home", "your role does not allow this for that home and category"),
        (9, "codes", "stands in row 7 already"),
        (9, "codes", "taken"),
        (9, "name", "a new asset needs a name"),
    ]
    assert "SECRET" not in str([told(job), list(job.outcomes.values())])


def test_nobody_moves_an_asset_out_of_what_they_may_edit(places: dict[str, Location]) -> None:
    register_asset(by=ROOT, name="Ours", asset_no="1", home_location=places["Hamburg"])
    both = Actor(
        "anna", (Grant(ROLES["manager"], places["Hamburg"].path), Grant(ROLES["viewer"], places["Munich"].path)), user_id=uuid4()
    )
    User.objects.create_user("anna", id=both.user_id)
    register_asset(by=ROOT, name="Seen", asset_no="2", home_location=places["Munich"])
    job = checked("no,name,home\n1,,MU\n2,x,\n", by=both)
    assert [(row, reason) for row, _, _, reason in told(job)] == [
        (2, "your role does not allow this for that home and category"),
        (3, "your role does not allow changing this asset"),
    ]


def test_rights_that_end_between_dry_run_and_writing_are_gone(places: dict[str, Location]) -> None:
    asset = register_asset(by=ROOT, name="Ours", asset_no="1", home_location=places["Hamburg"])
    anna = actor("manager", places["Hamburg"])
    job = services.confirm(by=anna, job=checked("no,name\n1,Renamed\n", by=anna))
    job = worked(job, Actor("anna", (Grant(ROLES["viewer"], places["Hamburg"].path),), user_id=anna.user_id))
    assert (job.written, job.refused) == (0, 1)
    assert Asset.objects.get(pk=asset.pk).name == "Ours"


def test_only_who_may_edit_somewhere_imports(places: dict[str, Location]) -> None:
    with pytest.raises(Forbidden):
        received("no,name\n1,A\n", by=actor("operator", None))


def test_an_import_is_its_owners(places: dict[str, Location]) -> None:
    anna, bert = actor("manager", None), actor("manager", None, "bert")
    job = received("no,name\n1,A\n", by=anna)
    assert services.find(anna, job.pk) == job
    assert services.find(ROOT, job.pk) == job
    with pytest.raises(NotFound):
        services.find(bert, job.pk)


def test_what_was_written_carries_the_person_and_one_request(places: dict[str, Location]) -> None:
    from registry.access.models import Change

    anna = actor("manager", None)
    job = applied("no,name,supplier\n1,A,Acme\n2,B,Acme\n", by=anna, make=["supplier"])
    changes = Change.objects.of_request(job.request_id)
    assert {(c.user, c.through) for c in changes} == {(anna.user_id, "import")}
    assert changes.count() == 3


def test_an_export_names_no_place_out_of_scope() -> None:
    world = make_world()
    world.gateway.tell(event("arrived", "8004:061414100007", "SECRET zone"))
    secret = create_location(by=ROOT, name="SECRET place", code="SECRET", kind="site")
    map_zone(by=ROOT, zone=Zone.objects.get(name="SECRET zone"), location=secret)
    pump = Asset.objects.get(position__location=secret)
    assert pump.home_location is not None
    anna = actor("viewer", pump.home_location)
    chosen = [columns_of([])[key] for key in ("asset_no", "place", "place_name", "zone")]
    mine = {row[0]: row[1:] for rows in everything(anna, chosen) for row in rows}
    assert mine[pump.asset_no] == ["elsewhere", "elsewhere", "elsewhere"]
    everybodys = {row[0]: row[1:] for rows in everything(ROOT, chosen) for row in rows}
    assert everybodys[pump.asset_no] == ["SECRET", "SECRET place", "SECRET zone"]
