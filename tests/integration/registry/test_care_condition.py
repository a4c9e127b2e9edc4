"""How assets are: judged, never altered, the newest of the whole on the asset."""

from collections.abc import Iterator
from copy import deepcopy
from datetime import date, timedelta
from io import BytesIO

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from PIL import Image
from pytest_django.plugin import DjangoDbBlocker

from registry.assets.models import Asset, Attachment
from registry.care import condition, lists
from registry.care.models import Assessment
from registry.problems import Forbidden, Invalid, NotFound, Problem
from tests.registry_world import ROOT, World, actor, lasting, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with lasting(django_db_blocker) as world:
        yield world


@pytest.fixture
def world(made: World, db: None) -> World:
    return deepcopy(made)


def test_the_newest_judgement_of_the_whole_stands_on_the_asset(world: World) -> None:
    drill = world.assets["Drill"]
    condition.assess(by=ROOT, asset_id=drill.pk, score=4, judged_on="2024-02-29", remaining_life_months=12)
    condition.assess(by=ROOT, asset_id=drill.pk, score=1, judged_on="2023-02-28")  # found in a drawer later on
    condition.assess(by=ROOT, asset_id=drill.pk, score=1, judged_on="2025-02-28", scale="looks")
    seen = Asset.objects.get(pk=drill.pk)
    assert (seen.condition, seen.condition_on, seen.replace_on) == (4, date(2024, 2, 29), date(2025, 2, 28))
    assert seen.version == drill.version + 1
    newest = lists.assessments(ROOT, newest=True).values_list("scale", "score")
    assert sorted(newest) == [("looks", 1), ("whole", 4)]
    assert lists.assessments(ROOT, score_at_most=1).count() == 2


def test_what_was_found_is_never_altered(world: World) -> None:
    condition.assess(by=ROOT, asset_id=world.assets["Drill"].pk, score=4)
    for change in (Assessment.objects.all().delete, lambda: Assessment.objects.update(score=5)):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "score"), ({"score": 6}, "score"), ({"score": 3, "scale": "smell"}, "scale"), ({"score": "3.5"}, "score"),
        ({"score": 3, "judged_on": str(date.today() + timedelta(days=2))}, "judged_on"), ({"updates": "perhaps"}, "updates"),  # noqa: DTZ011
        ({"score": 3, "remaining_life_months": -1}, "remaining_life_months"),
    ],
)  # fmt: skip
def test_what_is_refused_says_which_field(world: World, given: dict[str, object], field: str) -> None:
    with pytest.raises(Problem) as refused:
        condition.assess(by=ROOT, asset_id=world.assets["Drill"].pk, **given)  # type: ignore[arg-type]
    assert refused.value.field == field
    assert not Assessment.objects.exists()


def test_who_may_judge_what(world: World) -> None:
    drill = world.assets["Drill"]
    with pytest.raises(Forbidden):
        condition.assess(by=actor(make_user("v", "viewer")), asset_id=drill.pk, score=3)
    elsewhere = actor(make_user("e", "operator", place=world.places["Office"]))
    Asset.objects.filter(pk=drill.pk).update(home_location=world.places["Dock"])
    with pytest.raises(NotFound):
        condition.assess(by=elsewhere, asset_id=drill.pk, score=3)
    condition.assess(by=actor(make_user("o", "operator")), asset_id=drill.pk, score=3)
    assert not lists.assessments(elsewhere).exists()


def test_photos_are_files_of_the_asset_and_no_others(world: World) -> None:
    pump, drill = world.assets["Pump 7"], world.assets["Drill"]
    picture = BytesIO()
    Image.new("RGB", (40, 30), "white").save(picture, "PNG")
    client = Client()
    client.force_login(make_user("anna", "operator"))
    picture.seek(0)
    picture.name = "crack.png"
    typed = {"score": "2", "scale": "whole", "notes": "A crack", "photos": picture, "judged_on": str(timezone.localdate())}
    assert client.post(f"/assets/{drill.pk}/judge/", typed).status_code == 302
    attachment = Attachment.objects.get(asset=drill)
    assert [photo.attachment for photo in Assessment.objects.get().photos.all()] == [attachment]
    page = client.get(f"/assets/{drill.pk}/").content.decode()
    assert all(said in page for said in ("A crack", "Judged on", "2 of 5"))
    with pytest.raises(NotFound):
        condition.assess(by=ROOT, asset_id=pump.pk, score=3, photo_ids=[attachment.pk])
    assert client.post(f"/assets/{drill.pk}/judge/", {"scale": "whole"}).status_code == 422


def test_of_software_a_version_is_enough(world: World) -> None:
    drill = world.assets["Drill"]
    found = condition.assess(by=ROOT, asset_id=drill.pk, software_version="2.4.1", updates="unsupported")
    assert (found.score, Asset.objects.get(pk=drill.pk).condition) == (None, None)
    assert lists.assessments(ROOT, updates="unsupported", newest=True).get() == found
    with pytest.raises(Invalid):
        condition.assess(by=ROOT, asset_id=drill.pk, notes="nothing else")
