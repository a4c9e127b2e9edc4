"""Importing what belongs to an asset besides its fields: values of the company's own fields, tags, containers, and what follows
from category and model. The same rules hold as for one asset."""

from datetime import date
from typing import Any

import pytest

from registry.access.models import Change
from registry.assets.models import Asset, AssetModel, Category, Containment, CustomField, CustomValue, Supplier, Tag
from registry.assets.own_fields import create_field
from registry.assets.trees import create_category
from registry.importing import services
from registry.importing.models import ImportRow
from tests.integration.registry.conftest import make_asset
from tests.integration.registry.test_importing_rows import applied, checked, counts, told, worked
from tests.registry_world import ROOT

pytestmark = pytest.mark.django_db


def field(key: str, kind: str = "text", *categories: Category, **more: Any) -> CustomField:
    return create_field(by=ROOT, key=key, kind=kind, name=f"The {key}", categories=categories, **more)


def test_own_fields_are_read_by_their_type_and_told_by_their_rules() -> None:
    field("volts", "number", minimum=0, maximum=400)
    field("seats", "integer")
    field("leased", "boolean")
    field("seen", "date")
    field("colour", "choice", choices=["red", "blue"])
    field("link", "url")
    head = "no,name,custom.volts,The seats,custom.leased,custom.seen,custom.colour,custom.link\n"
    job = applied(head + '1,A,"1.234,5",4,ja,14.2.2026,red,https://a.example\n', leave_out=True, decimals=",")
    assert counts(job) == (0, 0, 0, 1)  # 1234.5 volts are too many
    job = applied(head + '1,A,"230,5",4,ja,14.2.2026,red,https://a.example\n')
    kept = {value.field.key: value.text for value in CustomValue.objects.select_related("field")}
    assert kept == {
        "volts": "230.5", "seats": "4", "leased": "true", "seen": "2026-02-14", "colour": "red", "link": "https://a.example",
    }  # fmt: skip
    assert CustomValue.objects.get(field__key="volts").number is not None
    wrong = checked(head + "2,B,500,4.5,maybe,soon,green,example\n")
    assert [column for _, column, *_ in told(wrong)] == [
        "custom.volts",
        "The seats",
        "custom.leased",
        "custom.seen",
        "custom.colour",
        "custom.link",
    ]
    worked(services.confirm(by=ROOT, job=checked("no,custom.colour,custom.seats\n1,blue,\n", clear=True)))
    kept = {value.field.key: value.text for value in CustomValue.objects.select_related("field")}
    assert (kept["colour"], "seats" in kept) == ("blue", False)
    last = Change.objects.filter(action="changed").first()
    assert last is not None
    assert (last.before, last.after) == (
        {"custom.colour": "red", "custom.seats": "4"},
        {"custom.colour": "blue", "custom.seats": ""},
    )


def test_own_fields_belong_to_their_categories_and_may_be_needed() -> None:
    it = create_category(by=ROOT, name="IT")
    create_category(by=ROOT, name="Laptops", parent=it)
    field("ram", "text", it, required=True)
    job = checked(
        "no,name,category,custom.ram\n1,A,IT / Laptops,16\n2,B,,16\n3,C,IT,\n4,D,,\n5,E,IT / Phones,8\n", make=["category"]
    )
    assert [(row, column, reason) for row, column, _, reason in told(job)] == [
        (3, "custom.ram", "assets of this category have no such field"),
        (4, "custom.ram", "write something here"),
    ]
    assert counts(job) == (3, 0, 0, 2)


def test_an_asset_is_laid_into_the_one_that_the_row_names() -> None:
    box, drill = make_asset("box", asset_no="BOX"), make_asset("drill", asset_no="1")
    job = applied("no,name,part of\n1,,BOX\n2,New,BOX\n3,Lost,NOWHERE\n", leave_out=True)
    assert (job.written, [(row, reason) for row, _, _, reason in told(job)]) == (2, [(4, "there is no asset of this number")])
    assert {str(c.asset.asset_no) for c in Containment.objects.filter(container=box, to_ts=None)} == {"1", "2"}
    drill.refresh_from_db()
    assert drill.parent_id == box.pk
    assert counts(checked("no,part of\n1,BOX\n2,BOX\n")) == (0, 0, 2, 0)


def test_a_ring_of_containers_is_told_and_the_other_rows_are_written() -> None:
    for code in ("a", "b", "c"):
        make_asset(code, asset_no=code)
    job = applied("no,name,part of\na,,b\nb,,a\nc,Renamed,\n")
    assert (job.written, job.refused) == (2, 1)
    (problem,) = told(job)
    assert problem[:2] == (3, "part of")
    assert "which lies in it" in problem[3]
    assert {asset.asset_no: asset.parent and asset.parent.asset_no for asset in Asset.objects.all()} == {
        "a": "b",
        "b": None,
        "c": None,
    }
    assert Asset.objects.get(asset_no="c").name == "Renamed"


def test_the_day_of_replacement_and_the_category_follow_as_for_one_asset() -> None:
    phones = create_category(by=ROOT, name="Phones")
    Category.objects.filter(pk=phones.pk).update(defaults={"replace_after_months": 24})
    AssetModel.objects.create(name="P1", category=phones)
    AssetModel.objects.create(name="P2", category=phones, replace_after_months=12)
    applied("no,name,model,in service\n1,A,P1,2024-02-29\n2,B,P2,2024-02-29\n")
    got = {a.asset_no: (a.replace_on, a.category) for a in Asset.objects.all()}
    assert got == {"1": (date(2026, 2, 28), phones), "2": (date(2025, 2, 28), phones)}
    job = checked("no,in service\n1,2025-01-01\n")
    assert ImportRow.objects.get(job=job).after == {"in_service_on": "2025-01-01", "replace_on": "2027-01-01"}
    applied("no,replace_on\n1,2030-01-01\n")
    assert ImportRow.objects.get(job=checked("no,in service\n1,2025-01-02\n")).after == {"in_service_on": "2025-01-02"}


def test_tags_are_made_once_however_they_are_written() -> None:
    job = applied("no,name,tags,keywords\n1,A,Blue; new,blue\n2,B,BLUE,\n")
    assert job.written == 2
    assert sorted(str(tag) for tag in Tag.objects.all()) == ["Blue", "new"]
    assert counts(checked("no,tags\n1,blue\n2,\n")) == (0, 0, 2, 0)


def test_a_word_that_is_not_offered_any_more_stays_and_is_not_given_anew() -> None:
    Supplier.objects.create(name="Acme")
    applied("no,name,supplier\n1,A,Acme\n2,B,\n")
    Supplier.objects.update(active=False)
    job = checked("no,supplier\n1,ACME\n2,Acme\n")
    assert counts(job) == (0, 0, 1, 1)
    assert told(job) == [(3, "supplier", "Acme", "is not offered any more; choose another")]
