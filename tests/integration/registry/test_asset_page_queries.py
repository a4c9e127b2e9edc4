"""The page of an asset asks the same number of questions whatever the asset has of everything."""

from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from registry.access.models import Person
from registry.assets.models import (
    Asset,
    AssetLink,
    AssetTag,
    Attachment,
    Containment,
    CustomField,
    CustomValue,
    StoredFile,
    Tag,
)
from registry.assets.services import add_identifier, change_asset, retire_identifier
from registry.care import agreements, condition, meters, orders
from registry.care.models import AssessmentPhoto
from registry.custody.models import Booking, BookingItem, Custody, Transfer, TransferItem
from tests.registry_world import ROOT, World, event, lasting, make_user, many_assets, tell_a_day

pytestmark = pytest.mark.django_db
MOST = 26


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with lasting(django_db_blocker, tell_a_day) as world:
        yield world


@pytest.fixture
def world(made: World, db: None) -> World:
    return deepcopy(made)


def fill(world: World, asset: Asset, others: list[Asset], first: int, last: int) -> None:
    """Number `first` to `last` of everything that the page shows: in and out of what it lies in, codes of both states, ..."""
    now, dock = timezone.now(), world.places["Dock"]
    person = Person.objects.create(name=f"Person {first}")
    for n in range(first, last):
        day = timedelta(days=n)
        code = add_identifier(by=ROOT, asset=asset, text=f"tag:MORE-{n}")
        if n % 2:
            retire_identifier(by=ROOT, identifier_id=code.pk)
        seen = Asset.objects.get(pk=asset.pk).version
        asset = change_asset(by=ROOT, asset_id=asset.pk, version=seen, changes={"notes": f"note {n}"})
        AssetTag.objects.create(asset=asset, tag=Tag.objects.create(name=f"word {n}"))
        field = CustomField.objects.create(key=f"f{n}", name=f"Field {n}", type="text")
        CustomValue.objects.create(asset=asset, field=field, text="said", start="said")
        score = condition.assess(by=ROOT, asset_id=asset.pk, score=n % 5 + 1)
        work = orders.make(by=ROOT, asset_id=asset.pk, title=f"Work {n}", assignee=person)
        if n % 2:
            orders.change(by=ROOT, order_id=work.pk, version=1, changes={"state": "done"})
        meters.read(by=ROOT, asset_id=asset.pk, unit=f"unit {n % 20}", value=n)
        agreements.make(by=ROOT, name=f"Cover {n}", kind="insurance", asset_ids=[asset.pk], ends_on=now.date() + day)
        stored = StoredFile.objects.create(sha256=f"{n:064}", size=1, media_type="image/jpeg", width=1, height=1)
        photo = Attachment.objects.create(asset=asset, file=stored, kind="photo" if n % 2 else "document", name=f"{n}.jpg")
        AssessmentPhoto.objects.create(assessment=score, attachment=photo)
        Containment.objects.create(asset=others[n], container=asset, from_ts=now)
        AssetLink.objects.create(from_asset=asset, to_asset=others[n], type="depends")
        AssetLink.objects.create(from_asset=others[n], to_asset=asset, type="depends")
        had = {"person": person} if n % 2 else {"location": dock}
        Custody.objects.create(
            asset=asset, from_at=now - day - timedelta(hours=20), to_at=now - day - timedelta(hours=10), batch=UUID(int=n), **had
        )
        booking = Booking.objects.create(
            title=f"Fair {n}", person=person, from_at=now + day, to_at=now + day + timedelta(hours=9)
        )
        BookingItem.objects.create(booking=booking, asset=asset, from_at=booking.from_at, to_at=booking.to_at, active=True)
        moved = Transfer.objects.create(
            number=f"T-{n}", from_location=world.places["Office"], to_location=dock, state="arrived", dispatched_at=now - day
        )
        TransferItem.objects.create(transfer=moved, asset=asset, state="arrived", arrived_at=now - day, confirmed_by="scan")
    world.gateway.tell(*(event("seen", "tag:LADDER-2", "dock", read_point=f"cam-{n}", ago_s=99 - n) for n in range(first, last)))


@pytest.mark.parametrize("place", [None, "Hamburg"])
def test_the_page_asks_the_same_for_one_of_everything_and_for_many(world: World, client: Client, place: str | None) -> None:
    client.force_login(make_user("paula", "manager", place=world.places[place] if place else None))
    asset = world.assets["Ladder short"]
    others = list(many_assets(world, MOST))

    def queries() -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(f"/assets/{asset.pk}/").status_code == 200
        return [query["sql"][:200] for query in captured.captured_queries]

    fill(world, asset, others, 0, 2)
    few = queries()
    fill(world, asset, others, 2, MOST)
    many = queries()
    assert len(many) <= len(few), sorted(set(many) - set(few))  # a log that is short is looked through to its end
    assert len(few) <= 36
