"""Two people change the same thing: the second is refused, told what the first changed, loses nothing typed, and may overwrite on
purpose by saving once more."""

import re
from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from registry.access.models import Person
from registry.assets.models import AssetModel, CustomField, StatusLabel, Supplier
from registry.custody import services
from registry.custody.models import Custody
from registry.stock.models import StockLine
from registry.stock.services import receive
from tests.registry_world import ROOT, World, lasting, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with lasting(django_db_blocker) as world:
        yield world


@pytest.fixture
def world(made: World, db: None) -> World:
    return deepcopy(made)


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(make_user("otto"))
    return client


def shown(client: Client, address: str) -> dict[str, str]:
    """The fields of the largest form, as a browser would send them back."""
    page = client.get(address).content.decode()
    forms = re.findall(r"<form[^>]*class=\"form.*?</form>", page, re.S)
    form = max(forms, key=len)
    fields = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, kind = re.search(r'name="([^"]+)"', tag), re.search(r'type="([^"]+)"', tag)
        if name is None or name[1] == "csrfmiddlewaretoken" or (kind and kind[1] == "checkbox" and "checked" not in tag):
            continue
        value = re.search(r'value="([^"]*)"', tag)
        fields[name[1]] = value[1] if value else "on" if kind and kind[1] == "checkbox" else ""
    for name, body in re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>(.*?)</textarea>', form, re.S):
        fields[name] = body.strip()
    for name, options in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.search(r'value="([^"]*)" selected', options) or re.search(r'value="([^"]*)"', options)
        fields[name] = chosen[1] if chosen else ""
    return fields


def things(world: World) -> list[tuple[str, Any, str, str]]:
    """Each form that changes something: its address, what it changes, two of its fields."""
    drill, dock = world.assets["Drill"], world.places["Dock"]
    model = AssetModel.objects.create(name="GSR", manufacturer="Bosch")
    supplier = Supplier.objects.create(name="Pumps & Co")
    label = StatusLabel.objects.create(name="On loan", status="in_use")
    field = CustomField.objects.create(key="weight", name="Weight", type="number")
    person = Person.objects.create(name="Anna", department="Yard")
    return [
        (f"/assets/{drill.pk}/edit/", drill, "name", "order_ref"),
        (f"/places/{dock.pk}/edit/", dock, "name", "code"),
        (f"/settings/words/models/{model.pk}/", model, "name", "part_no"),
        (f"/settings/words/suppliers/{supplier.pk}/", supplier, "name", "phone"),
        (f"/settings/words/status-labels/{label.pk}/", label, "name", "name"),
        (f"/settings/words/categories/{world.categories['Pumps'].pk}/", world.categories["Pumps"], "name", "uom"),
        (f"/settings/words/fields/{field.pk}/", field, "name", "unit"),
        (f"/people/{person.pk}/edit/", person, "name", "department"),
    ]


def test_no_form_overwrites_what_somebody_else_saved_meanwhile(client: Client, world: World) -> None:
    for address, thing, first, second in things(world):
        mine, theirs = shown(client, address), shown(client, address)
        assert mine["version"] == str(thing.version), address
        theirs[first] = "Theirs"
        assert client.post(address, theirs).status_code == 302, address
        mine[second] = "MINE"
        refused = client.post(address, mine)
        assert refused.status_code == 422, address
        page = refused.content.decode()
        assert "meanwhile" in page, address
        assert "is now: Theirs" in page, address
        assert 'value="MINE"' in page, address
        thing.refresh_from_db()
        assert str(getattr(thing, first)) == "Theirs", address
        mine["version"] = str(thing.version)
        assert f'value="{thing.version}"' in page, address
        assert client.post(address, mine).status_code == 302, address


def test_no_count_no_levels_and_no_due_date_is_overwritten_unseen(client: Client, world: World) -> None:
    drill, dock = world.assets["Drill"], world.places["Dock"]
    line = receive(by=ROOT, asset_id=drill.pk, location_id=dock.pk, quantity=5)
    for do, theirs, mine in (
        ("count", {"quantity": "4"}, {"quantity": "9"}),
        ("levels", {"minimum": "2", "target": "6"}, {"minimum": "3", "target": "7"}),
    ):
        version = StockLine.objects.get(pk=line.pk).version
        address = f"/stock/{line.pk}/"
        assert client.post(address, {"do": do, "version": version, **theirs}).status_code == 302
        refused = client.post(address, {"do": do, "version": version, **mine})
        assert refused.status_code == 422
        assert "meanwhile" in refused.content.decode()
    now = StockLine.objects.get(pk=line.pk)
    assert (int(now.quantity), int(now.minimum or 0), int(now.target or 0)) == (4, 2, 6)

    day = timezone.now().replace(second=0, microsecond=0)
    anna = Person.objects.create(name="Anna")
    [custody] = services.check_out(by=ROOT, asset_ids=[drill.pk], person_id=anna.pk, due_at=day + timedelta(days=1)).custodies
    address = f"/custody/{custody.pk}/"
    seen = re.search(r'name="seen" value="([^"]+)"', client.get(address).content.decode())
    assert seen is not None
    later = (day + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M")
    first = client.post(address, {"do": "extend", "seen": seen[1], "due_at": later})
    assert first.status_code == 302, re.findall(r'class="error[^>]*>([^<]+)', first.content.decode())
    refused = client.post(
        address, {"do": "extend", "seen": seen[1], "due_at": (day + timedelta(days=9)).strftime("%Y-%m-%dT%H:%M")}
    )
    assert refused.status_code == 422
    assert "Somebody changed it meanwhile; it is due" in refused.content.decode()
    assert Custody.objects.get(pk=custody.pk).due_at == day + timedelta(days=3)
