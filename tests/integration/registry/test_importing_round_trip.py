"""An export imports back as a no-op, whatever stands in the assets; and what is edited in it changes that and nothing else."""

import itertools
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import Client

from registry.access.models import Change
from registry.assets.columns import Column, Kind, columns_of, everything
from registry.assets.models import Asset, AssetModel, AssetTag, CostCenter, CustomField, CustomValue, StatusLabel, Supplier, Tag
from registry.assets.services import NewIdentifier, register_asset
from registry.assets.trees import create_category, create_location
from registry.importing.models import ImportProblem, ImportRow
from registry.tables.writing import WRITERS
from tests.integration.registry.test_importing_rows import checked, counts, received, worked
from tests.registry_world import ROOT, make_user

pytestmark = pytest.mark.django_db

NASTY = [
    "=1+1", "'=1+1", "+49 40 1234", "-5", "@SUM(A1)", "'quoted'", "007", "1.23E+11", "07-Mar", "#N/A", "########", "3/4/2024",
    "1.234", "a;b", 'say "x", twice', "<script>alert(1)</script>", "Ünïcödé 東京", "👩🏽‍🔧 wrench", "true",
    "N/A", "_x0041_", "12345.0", "'s-Hertogenbosch",
]  # fmt: skip


def own_fields() -> dict[str, CustomField]:
    kinds: dict[str, dict[str, Any]] = {
        "inside": {"type": "text"}, "story": {"type": "long_text"}, "volts": {"type": "number", "unit": "V"},
        "seats": {"type": "integer"}, "leased": {"type": "boolean"}, "seen": {"type": "date"},
        "colour": {"type": "choice", "choices": ["red", "1.000", "=x"]}, "link": {"type": "url"},
    }  # fmt: skip
    return {key: CustomField.objects.create(key=key, name=f"Field {key}", **more) for key, more in kinds.items()}


def give(asset: Asset, field: CustomField, text: str, **more: Any) -> None:
    CustomValue.objects.create(asset=asset, field=field, text=text, start=text[:100].lower(), **more)


@pytest.fixture
def assets() -> list[Asset]:
    """One asset for each nasty text, which stands in all its fields that take text."""
    own = own_fields()
    hall = create_location(by=ROOT, name="Hall / A", code="=HA", kind="room")
    category = create_category(by=ROOT, name="Laptops", parent=create_category(by=ROOT, name="IT/Office"))
    made = []
    for number, text in enumerate(NASTY):
        asset = register_asset(
            by=ROOT, name=text, asset_no=text[:40] if number % 2 else None, serial_no=text, order_ref=text, uom=text[:20],
            owner_org=text, notes=f"{text}\n\n  {text}\t\n'", category=category, home_location=hall, currency="EUR",
            purchase_cost=Decimal("1.234") * number, quantity=Decimal("1.2340") + number, acquired_on=date(2024, 3, 4),
            warranty_until=date(1850, 1, 31), condition=1 + number % 5, latitude=48.137 + number, longitude=-11.5,
            label=StatusLabel.objects.create(name=text, status="in_use"),
            model=AssetModel.objects.create(name=text, manufacturer="A / B" if number % 3 else "", part_no=text[number % 5 :]),
            supplier=Supplier.objects.create(name=text), cost_center=CostCenter.objects.create(code=text[:40], name=text),
            identifiers=[NewIdentifier(f"tag:{text}"), NewIdentifier(f"INV {number};{number}")],
        )  # fmt: skip
        AssetTag.objects.create(asset=asset, tag=Tag.objects.create(name=text))
        give(asset, own["inside"], text)
        give(asset, own["story"], f"{text}\n{text}")
        give(asset, own["volts"], "1.234", number=Decimal("1.234"))
        give(asset, own["seats"], str(number), number=Decimal(number))
        give(asset, own["leased"], "true" if number % 2 else "false")
        give(asset, own["seen"], "2024-03-04", day=date(2024, 3, 4))
        give(asset, own["colour"], ["red", "1.000", "=x"][number % 3])
        give(asset, own["link"], "https://example.com/?a=1,2;3")
        made.append(asset)
    made[1].parent = made[0]
    made[1].save()
    return made


def columns() -> list[Column]:
    return list(columns_of(CustomField.objects.all()).values())


def exported(ending: str, columns: list[Column]) -> bytes:
    writer = WRITERS[ending]()
    head = writer.rows([[column.key for column in columns]])
    body = b"".join(writer.rows(rows) for rows in everything(ROOT, columns))
    return head + body + writer.end()


def test_an_export_imports_back_as_a_no_op(assets: list[Asset]) -> None:
    before = list(Asset.objects.order_by("pk").values()), list(CustomValue.objects.values()), Change.objects.count()
    for ending, clear in itertools.product(("csv", "xlsx"), (False, True)):
        job = checked(exported(ending, columns()), clear=clear)
        assert [(p.row, p.column, p.value, p.reason) for p in ImportProblem.objects.filter(job=job)] == []
        assert [(r.name, r.before, r.after) for r in ImportRow.objects.filter(job=job).exclude(outcome="unchanged")] == []
        assert counts(job) == (0, 0, len(assets), 0)
        assert len(job.mapping) == len([column for column in columns() if column.kind is not Kind.READ_ONLY])
    assert (list(Asset.objects.order_by("pk").values()), list(CustomValue.objects.values()), Change.objects.count()) == before


def test_an_export_knows_its_rows_by_their_codes_too(assets: list[Asset]) -> None:
    some = [column for column in columns() if column.key != "asset_no"]
    assert counts(checked(exported("csv", some))) == (0, 0, len(assets), 0)


def test_an_export_fits_into_an_empty_registry(assets: list[Asset]) -> None:
    """What a row says is enough to make the asset anew; only what looks like a spreadsheet's error is not believed."""
    kept = [column for column in columns() if column.key not in ("parent",)]
    table = exported("xlsx", kept)
    want = {row[0]: row for rows in everything(ROOT, kept) for row in rows}
    stays = [column.key for column in kept if column.kind is Kind.READ_ONLY]
    for model in (CustomValue, AssetTag):
        model.objects.all().delete()
    for asset in assets:
        asset.identifiers.all().delete()
    Asset.objects.update(parent=None)
    Asset.objects.all().delete()
    trust = ["asset_no", "serial_no", "order_ref", "identifiers"]
    job = checked(table, trust=trust)
    errors = {p.value for p in ImportProblem.objects.filter(job=job)}
    assert errors <= {"#N/A", "########", "tag:#N/A"}
    from registry.importing import services

    worked(services.confirm(by=ROOT, job=job, leave_out=True))
    again = {row[0]: row for rows in everything(ROOT, kept) for row in rows}
    assert len(again) == len(assets) - 2
    keys = [column.key for column in kept]
    for number, row in again.items():
        for key, now, was in zip(keys, row, want[number], strict=True):
            if key not in stays:
                assert (number, key, now) == (number, key, was)


def test_only_what_was_edited_is_changed(assets: list[Asset]) -> None:
    table = exported("csv", columns()).decode()
    edited = table.replace("12345.0\r\n", "12345.0\r\n").replace("Ünïcödé 東京,physical", "Renamed,physical")
    assert edited != table
    job = checked(edited)
    assert counts(job) == (0, 1, len(assets) - 1, 0)
    assert ImportRow.objects.get(job=job, outcome="changed").after == {"name": "Renamed"}


def test_the_mapping_of_an_export_is_complete_and_remembered(assets: list[Asset]) -> None:
    from registry.importing import services

    job = received(exported("csv", columns()))
    own = [column.key for column in columns() if column.kind is not Kind.READ_ONLY]
    assert sorted(job.mapping.values()) == sorted(own)
    services.start_check(by=ROOT, job=job, mapping={"0": "asset_no", "1": "name"}, options={"clear": True})
    services.confirm(by=ROOT, job=worked(job))
    again = received(exported("csv", columns()))
    assert (again.mapping, again.options["clear"]) == ({"0": "asset_no", "1": "name"}, True)


def test_what_the_list_exports_imports_back_as_a_no_op(client: Client, assets: list[Asset]) -> None:
    """The files as a person gets them from the page of the list, with every column, narrowed and sorted."""
    client.force_login(make_user())
    keys = [column.key for column in columns() if column.key != "asset_no"]
    for ending, first in itertools.product(("csv", "xlsx"), range(0, len(keys), 19)):  # the list shows 20 columns at most
        chosen = ",".join(["asset_no", *keys[first : first + 19]])
        answer = client.get(f"/assets/export.{ending}?sort=-number&status=in_use&columns={chosen}")
        job = checked(async_to_sync(sent)(answer))
        assert counts(job) == (0, 0, len(assets), 0)
        assert len(job.header) == len(chosen.split(","))


async def sent(answer: Any) -> bytes:
    return b"".join([part async for part in answer.streaming_content])
