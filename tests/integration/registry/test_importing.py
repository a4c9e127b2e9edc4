"""A CSV of assets: everything that is wrong is said at once, nothing is written unless all is well, twice is as good as once."""

import json
from pathlib import Path

import pytest

from registry.assets.importing import import_file
from registry.assets.models import Asset, Category, Identifier, Location
from registry.assets.services import retire_identifier
from registry.assets.trees import create_category, create_location, names_to
from registry.exits import CannotGoOn
from tests.integration.registry.conftest import make_asset
from tests.registry_world import ROOT

pytestmark = pytest.mark.django_db

HEADER = "asset_no,name,kind,category,home_location,identifiers\n"


def write(folder: Path, text: str, header: str = HEADER) -> Path:
    path = folder / "assets.csv"
    path.write_text(header + text, encoding="utf-8")
    return path


def test_places_and_categories_are_found_by_code_or_path(tmp_path: Path) -> None:
    site = create_location(by=ROOT, name="Hamburg", kind="site")
    hall = create_location(by=ROOT, name="Hall A", parent=site, code="HA")
    laptops = create_category(by=ROOT, name="Laptops", parent=create_category(by=ROOT, name="IT"))
    rows = (
        '1001,"Drill, cordless",physical,IT/Laptops,HA,3474257BF40000000000162E; INV 42\n'
        "1002,Saw,,IT / Laptops,Hamburg / Hall A,\n"
        ",Lift,vehicle,,,tag:lift\n"
    )
    done = import_file(write(tmp_path, rows), by=ROOT)
    assert done.errors == []
    assert (done.created, done.identifiers) == (3, 3)
    drill = Asset.objects.get(asset_no="1001")
    assert (drill.name, drill.category, drill.home_location) == ("Drill, cordless", laptops, hall)
    assert {i.key for i in drill.identifiers.all()} == {"8004:06141415678", "tag:INV 42"}
    assert Asset.objects.get(name="Saw").home_location == hall
    assert Asset.objects.get(name="Lift").asset_no == "A-000001"
    assert not Identifier.objects.filter(projected=True).exists()


def test_a_second_time_changes_nothing_and_an_edited_file_what_was_edited(tmp_path: Path) -> None:
    rows = "1001,Drill,physical,Tools,Hamburg/Hall A,tag:a;tag:b\n,Lift,vehicle,,,tag:lift\n"
    assert import_file(write(tmp_path, rows), by=ROOT, create_places=True).created == 2
    before = list(Asset.objects.values()), list(Identifier.objects.values()), list(Location.objects.values())
    again = import_file(write(tmp_path, rows), by=ROOT, create_places=True)
    assert (again.created, again.changed, again.unchanged, again.identifiers, again.errors) == (0, 0, 2, 0, [])
    assert (list(Asset.objects.values()), list(Identifier.objects.values()), list(Location.objects.values())) == before
    edited = import_file(write(tmp_path, "1001,Drill 18 V,,,,tag:c\n"), by=ROOT)
    assert (edited.changed, edited.identifiers) == (1, 1)
    drill = Asset.objects.get(asset_no="1001")
    assert (drill.name, drill.version, drill.identifiers.count()) == ("Drill 18 V", 2, 3)
    assert drill.category is not None


def test_places_are_made_only_when_asked(tmp_path: Path) -> None:
    path = write(tmp_path, "1,A,,Tools/Hand,Hamburg/Hall A/Shelf 1,\n2,B,,Tools,Hamburg/Hall A,\n")
    refused = import_file(path, by=ROOT)
    assert [(e.row, e.column) for e in refused.errors] == [
        (2, "category"),
        (2, "home_location"),
        (3, "category"),
        (3, "home_location"),
    ]
    assert "--create-places" in refused.errors[0].reason
    assert import_file(path, by=ROOT, create_places=True).created == 2
    shelf = Location.objects.get(name="Shelf 1")
    assert names_to(shelf) == ["Hamburg", "Hall A", "Shelf 1"]
    assert [p.kind for p in Location.objects.all()] == ["site", "room", "room"]
    assert Category.objects.count() == 2


def test_every_error_of_every_row_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    taken = make_asset("taken", asset_no="T-1")
    rows = (
        "1,,spaceship,Nowhere,,\n"
        "1,Again,,,,tag:x\n"
        "3,C,,,,tag:x;01:09501101530003\n"
        "4,D,,,,tag:taken\n"
        "5,E,,,,a,b\n"
        ",,,,,tag:nameless\n"
    )
    done = import_file(write(tmp_path, rows), by=ROOT, create_places=False)
    told = [(e.row, e.column, e.value, e.reason) for e in done.errors]
    assert [t[:2] for t in told] == [
        (2, "kind"), (2, "category"), (4, "identifiers"), (6, ""), (2, "name"), (3, "asset_no"), (4, "identifiers"),
        (5, "identifiers"), (7, "name"),
    ]  # fmt: skip
    assert [t[3].split(";")[0][:40] for t in told] == [
        "'spaceship' is not one of physical, digital, ip, real_estate, vehicle, consumable"[:40],
        "there is no such category",
        "01:09501101530003 names a kind of thing, all of them alike, not one asset"[:40],
        "more fields than columns",
        "a new asset needs a name",
        "stands in row 2 already",
        "stands in row 3 already",
        f"asset {taken.asset_no} has it",
        "a new asset needs a name",
    ]
    assert Asset.objects.get() == taken
    assert done.as_json()["errors"][0]["row"] == 2
    json.dumps(done.as_json())
    assert done.sentence() == "Nothing was written: 9 errors."
    assert (
        str(done.errors[0])
        == "row 2, kind: 'spaceship': 'spaceship' is not one of physical, digital, ip, real_estate, vehicle, consumable"
    )


def test_a_retired_code_starts_anew(tmp_path: Path) -> None:
    old = make_asset("drill")
    ended = retire_identifier(by=ROOT, identifier_id=old.identifiers.get().pk).valid_to
    import_file(write(tmp_path, "9,New,,,,tag:drill\n"), by=ROOT)
    assert Identifier.objects.get(asset__asset_no="9").valid_from == ended


def test_many_rows_go_in_several_transactions(tmp_path: Path) -> None:
    rows = "".join(f",Thing {n},,,,tag:t{n}\n" for n in range(1200))
    assert import_file(write(tmp_path, rows), by=ROOT).created == 1200
    assert Asset.objects.order_by("asset_no").last().asset_no == "A-001200"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("header", "text", "says"),
    [
        ("number,title\n", "1,x\n", "unknown column 'number'"),
        ("name,name\n", "a,b\n", "stands twice"),
        ("kind\n", "physical\n", "has to name the columns"),
        ("", "", "has to name the columns"),
        (HEADER, '1,"open\n', "not a CSV file"),
    ],
)
def test_a_file_of_another_kind_is_refused_in_a_sentence(tmp_path: Path, header: str, text: str, says: str) -> None:
    with pytest.raises(CannotGoOn, match=says):
        import_file(write(tmp_path, text, header), by=ROOT)


def test_another_encoding_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "assets.csv"
    path.write_bytes(HEADER.encode() + "1,Bohrmaschine für Süd,,,,\n".encode("latin-1"))
    with pytest.raises(CannotGoOn, match="not UTF-8"):
        import_file(path, by=ROOT)


def test_a_byte_order_mark_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "assets.csv"
    path.write_bytes(b"\xef\xbb\xbf" + HEADER.encode() + b"1,Drill,,,,\n")
    assert import_file(path, by=ROOT).created == 1
