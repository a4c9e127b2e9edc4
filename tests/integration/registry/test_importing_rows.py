"""Importing tables of assets: a dry run tells everything and writes nothing, then every row is written whole or not at all."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from registry.access.models import Change
from registry.assets.models import Asset, Category, Identifier, Location, StatusLabel, Supplier
from registry.assets.services import change_asset
from registry.assets.trees import create_category, create_location, names_to
from registry.importing import files, services
from registry.importing.applying import Applying
from registry.importing.checking import Checking
from registry.importing.models import ImportJob, ImportProblem, ImportRow, Stopped
from registry.importing.runs import ImportWork
from registry.problems import Invalid
from registry.work.models import Run
from tests.integration.registry.conftest import make_asset
from tests.registry_world import ROOT

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_files_left() -> Iterator[None]:
    yield
    for job in ImportJob.objects.all():
        files.remove(job.pk)


def received(content: str | bytes, name: str = "assets.csv", by: Any = ROOT) -> ImportJob:
    return services.receive(by=by, name=name, chunks=[content.encode() if isinstance(content, str) else content])


def checked(content: str | bytes, *, by: Any = ROOT, mapping: dict[str, str] | None = None, **options: Any) -> ImportJob:
    """The import after its dry run."""
    job = received(content, by=by)
    services.start_check(by=by, job=job, mapping=job.mapping if mapping is None else mapping, options=options)
    return worked(job, by)


def worked(job: ImportJob, by: Any = ROOT) -> ImportJob:
    """Do what the work process would do."""
    work = ImportWork(job.pk, by)
    while not work.step():
        pass
    work.close()
    return ImportJob.objects.get(pk=job.pk)


def applied(content: str | bytes, *, by: Any = ROOT, leave_out: bool = False, **options: Any) -> ImportJob:
    job = checked(content, by=by, **options)
    return worked(services.confirm(by=by, job=job, leave_out=leave_out), by)


def told(job: ImportJob) -> list[tuple[int, str, str, str]]:
    return [(p.row, p.column, p.value, p.reason) for p in ImportProblem.objects.filter(job=job)]


def counts(job: ImportJob) -> tuple[int, int, int, int]:
    return job.fresh, job.changed, job.unchanged, job.wrong


def test_a_dry_run_says_what_would_be_and_writes_nothing() -> None:
    drill = make_asset("drill", asset_no="A-1")
    before = list(Asset.objects.values()), list(Identifier.objects.values()), Change.objects.count()
    job = checked("Asset No.;Name;Kind;Barcode\nA-1;Drill 18 V;;tag:drill\nA-2;Saw;vehicle;INV 42\nA-1;x;;\nA-3;;spaceship;\n")
    assert counts(job) == (1, 1, 0, 2)
    row = ImportRow.objects.get(job=job, number=2)
    assert (row.asset, row.before, row.after) == (drill.pk, {"name": "Drill"}, {"name": "Drill 18 V"})
    assert told(job) == [
        (4, "Asset No.", "A-1", "stands in row 2 already"),
        (5, "Kind", "spaceship", "'spaceship' is not one of physical, digital, ip, real_estate, vehicle, consumable"),
        (5, "Name", "", "a new asset needs a name"),
    ]
    assert (list(Asset.objects.values()), list(Identifier.objects.values()), Change.objects.count()) == before


def test_what_was_confirmed_is_written_once_and_a_second_time_changes_nothing() -> None:
    create_location(by=ROOT, name="Hall A", code="HA")
    create_category(by=ROOT, name="Laptops", parent=create_category(by=ROOT, name="IT"))
    Supplier.objects.create(name="Acme")
    StatusLabel.objects.create(name="Lent out", status="in_use")
    table = (
        "asset_no,name,status,label,category,home,identifiers,supplier,price,currency,purchase date,tags,notes\n"
        '1001,"Drill, cordless",in use,lent out,IT/laptops,HA,3474257BF40000000000162E; INV 42,ACME,'
        '"1,234.50",eur,2024-02-29,blue; new,"two\nlines"\n'
        "1002,Saw,,,,,,,,,,,\n"
    )
    job = applied(table)
    assert (job.state, job.written, job.refused) == ("done", 2, 0)
    drill = Asset.objects.get(asset_no="1001")
    assert (drill.purchase_cost, drill.currency, drill.acquired_on) == (Decimal("1234.5"), "EUR", date(2024, 2, 29))
    assert (str(drill.label), str(drill.category), str(drill.home_location), str(drill.supplier)) == (
        "Lent out",
        "Laptops",
        "Hall A",
        "Acme",
    )
    assert {i.key for i in drill.identifiers.all()} == {"8004:06141415678", "tag:INV 42"}
    assert sorted(str(tag) for tag in drill.tags.all()) == ["blue", "new"]
    assert drill.notes == "two\nlines"
    logged = Change.objects.of_request(job.request_id)
    assert {(c.object_name, c.action, c.through) for c in logged} == {
        ("1001 Drill, cordless", "created", "import"), ("1001 Drill, cordless", "code added", "import"),
        ("1002 Saw", "created", "import"),
    }  # fmt: skip
    again = checked(table)
    assert counts(again) == (0, 0, 2, 0)
    assert again.notes[0].startswith("This very file was imported already")
    assert not files.path_of(job.pk).exists()


def test_what_is_missing_is_made_only_when_that_is_said() -> None:
    table = "no,name,category,home\n1,A,Tools/Hand,Hamburg/Hall A/Shelf 1\n2,B,Tools,Hamburg / Hall A\n3,C,tools / hand,\n"
    refused = checked(table)
    assert [(row, column) for row, column, *_ in told(refused)] == [
        (2, "category"),
        (2, "home"),
        (3, "category"),
        (3, "home"),
        (4, "category"),
    ]
    assert refused.missing == {
        "category": ["Tools / Hand", "Tools", "tools / hand"],
        "home_location": ["Hamburg / Hall A / Shelf 1", "Hamburg / Hall A"],
    }
    job = applied(table, make=["category", "home_location"])
    assert (job.written, job.refused) == (3, 0)
    shelf = Location.objects.get(name="Shelf 1")
    assert names_to(shelf) == ["Hamburg", "Hall A", "Shelf 1"]
    assert [p.kind for p in Location.objects.all()] == ["site", "room", "room"]
    assert Category.objects.count() == 2
    assert counts(checked(table)) == (0, 0, 3, 0)


def test_a_row_whose_asset_changed_since_the_dry_run_is_told_and_not_overwritten() -> None:
    drill, saw = make_asset("drill", asset_no="1"), make_asset("saw", asset_no="2")
    job = checked("no,name\n1,Import drill\n2,Import saw\n3,New\n4,Other\n")
    change_asset(by=ROOT, asset_id=drill.pk, version=1, changes={"name": "By hand"})
    make_asset("meanwhile", asset_no="3")
    job = worked(services.confirm(by=ROOT, job=job))
    assert (job.written, job.refused) == (2, 2)
    assert [(row, reason.split(";")[0]) for row, _, _, reason in told(job)] == [
        (2, "somebody changed 1 since the dry run"),
        (4, "taken"),
    ]
    assert set(Asset.objects.values_list("asset_no", "name")) == {
        ("1", "By hand"),
        ("2", "Import saw"),
        ("3", "Meanwhile"),
        ("4", "Other"),
    }
    saw.refresh_from_db()
    assert saw.version == 2


def test_rows_with_errors_are_left_out_only_when_that_is_said() -> None:
    job = checked("no,name,acquired\n1,A,3/4/2024\n2,B,2024-04-03\n")
    with pytest.raises(Invalid, match="1 rows have errors"):
        services.confirm(by=ROOT, job=job)
    job = worked(services.confirm(by=ROOT, job=job, leave_out=True))
    assert [a.asset_no for a in Asset.objects.all()] == ["2"]
    assert counts(checked("no,name,acquired\n1,A,3/4/2024\n", days="dmy")) == (1, 0, 0, 0)


def test_a_stop_at_any_step_loses_nothing_and_doubles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step is done by a process that knows nothing of the one before."""
    monkeypatch.setattr("registry.importing.checking.ROWS_AT_ONCE", 7)
    monkeypatch.setattr("registry.importing.applying.FIRST", 5)
    table = "no,name,code,acquired\n" + "".join(f"{n},Thing {n},INV {n},{n % 28 + 1}/2/2024\n" for n in range(1, 51))
    job = received(table)
    services.start_check(by=ROOT, job=job, mapping=job.mapping, options={})
    steps = 0
    while (job := ImportJob.objects.get(pk=job.pk)).state == "checking":
        work = Checking(job, ROOT)
        work.step()
        work.close()
        steps += 1
    assert steps > 9
    assert counts(job) == (50, 0, 0, 0)
    assert ImportRow.objects.filter(job=job).count() == 50
    services.confirm(by=ROOT, job=job)
    while (job := ImportJob.objects.get(pk=job.pk)).state == "applying":
        Applying(job, ROOT).step()
    assert (job.state, job.written, job.refused) == ("done", 50, 0)
    assert Asset.objects.count() == Identifier.objects.count() == 50
    assert Change.objects.of_request(job.request_id).filter(action="created").count() == 50
    assert Asset.objects.get(asset_no="13").acquired_on == date(2024, 2, 14)


def test_a_dry_run_can_be_done_again_with_other_choices() -> None:
    job = checked("no,name,supplier\n1,A,Acme\n2,B,\n")
    assert (counts(job), job.missing) == ((1, 0, 0, 1), {"supplier": ["Acme"]})
    services.start_check(by=ROOT, job=job, mapping=job.mapping, options={"make": ["supplier"]})
    job = worked(job)
    assert (counts(job), job.missing) == ((2, 0, 0, 0), {"supplier": ["Acme"]})
    assert told(job) == []
    services.start_check(by=ROOT, job=job, mapping={"0": "asset_no", "1": "name"}, options={})
    job = worked(job)
    assert (counts(job), job.missing, Supplier.objects.count()) == ((2, 0, 0, 0), {}, 0)


@pytest.mark.parametrize(
    ("mapping", "reason"),
    [
        ({"1": "name"}, "number or the codes"),
        ({"0": "asset_no", "1": "asset_no"}, "given to two columns"),
        ({"0": "asset_no", "9": "name"}, "no column '9'"),
        ({"0": "asset_no", "x": "name"}, "no column 'x'"),
        ({"0": "asset_no", "1": "custodian"}, "no field"),
        ({"0": "asset_no", "1": "custom.none"}, "no field"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused(mapping: dict[str, str], reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        checked("no,name\n1,A\n", mapping=mapping)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"days": "ymd"}, "dmy or mdy"),
        ({"make": ["label"]}, "not one of"),
        ({"clear": "yes"}, "true or false"),
        ({"speed": 1}, "no option"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        checked("no,name\n1,A\n", **options)


def test_damage_by_spreadsheets_is_caught_unless_somebody_knows_better() -> None:
    make_asset("known", asset_no="000123")
    table = "no,name,serial\n1.23E+11,A,1\n123,B,2\n000124,C,07-Mar\n000125,D,000777\n"
    job = checked(table)
    assert [(row, value, reason.split(";")[0].split(":")[0]) for row, _, value, reason in told(job)] == [
        (2, "1.23E+11", "a spreadsheet has shortened the number, and its digits are lost"),
        (2, "1", "zeros in front are missing"),
        (3, "123", "zeros in front are missing"),
        (3, "123", "zeros in front are missing"),
        (3, "2", "zeros in front are missing"),
        (4, "07-Mar", "a spreadsheet has made a day of it"),
    ]
    assert counts(checked(table, trust=["asset_no", "serial_no"])) == (4, 0, 0, 0)


def test_empty_cells_leave_what_is_there_unless_they_are_said_to_clear() -> None:
    table = "no,name,notes,cost,currency,condition\n1,A,old,5,EUR,3\n"
    applied(table)
    assert counts(checked("no,name,notes,cost,currency,condition\n1,,,,,\n")) == (0, 0, 1, 0)
    job = checked("no,notes,cost,condition\n1,,,\n", clear=True)
    assert ImportRow.objects.get(job=job).before == {"notes": "old", "purchase_cost": "5", "condition": "3"}
    job = worked(services.confirm(by=ROOT, job=job))
    asset = Asset.objects.get()
    assert (asset.notes, asset.purchase_cost, asset.condition, asset.currency) == ("", None, None, "EUR")
    assert told(checked("no,name\n1,\n", clear=True))[0][1:] == ("name", "", "write something here")


def test_rules_between_fields_hold_for_the_row_as_it_would_be() -> None:
    applied("no,name,cost,currency\n1,A,5,EUR\n")
    job = checked("no,name,cost,currency,acquired,in service\n1,A,6,,,\n2,B,5,,,\n3,C,,,2024-05-01,2024-04-30\n")
    assert counts(job) == (0, 1, 0, 2)
    assert [(row, column, reason) for row, column, _, reason in told(job)] == [
        (3, "currency", "say in which currency the cost is"),
        (4, "in service", "lies before it was acquired"),
    ]


def test_a_category_gives_new_assets_their_defaults() -> None:
    category = create_category(by=ROOT, name="Vans")
    Category.objects.filter(pk=category.pk).update(defaults={"kind": "vehicle", "currency": "EUR"})
    applied("no,name,category,cost\n1,Van,Vans,5\n")
    van = Asset.objects.get()
    assert (van.kind, van.currency) == ("vehicle", "EUR")


def test_codes_mean_their_asset_are_added_and_never_stolen() -> None:
    make_asset("drill", asset_no="1")
    make_asset("saw", asset_no="2")
    job = checked("no,codes\n,tag:drill; tag:more\n2,tag:drill\n,tag:new\n")
    assert told(job) == [
        (3, "codes", "tag:drill", "stands in row 2 already"),
        (3, "codes", "tag:drill", "asset 1 has it"),
        (4, "", "", "a new asset needs a name"),
    ]
    assert ImportRow.objects.get(job=job, number=2).after == {"identifiers": "+ tag:more"}
    worked(services.confirm(by=ROOT, job=job, leave_out=True))
    assert {i.key for i in Asset.objects.get(asset_no="1").identifiers.all()} == {"tag:drill", "tag:more"}
    assert not Identifier.objects.filter(projected=True).exists()


def test_a_row_without_number_and_code_is_new_only_when_that_is_said() -> None:
    assert "would register it again" in told(checked("no,name\n,Ladder\n"))[0][3]
    job = applied("no,name\n,Ladder\n", number=True)
    assert (job.written, Asset.objects.get().asset_no) == (1, "A-000001")


def test_cancelling_a_running_import_keeps_what_is_written_and_its_file_goes(django_capture_on_commit_callbacks: Any) -> None:
    job = checked("no,name\n" + "".join(f"{n},Thing\n" for n in range(120)))
    services.confirm(by=ROOT, job=job)
    work = Applying(ImportJob.objects.get(pk=job.pk), ROOT)
    work.step()
    with django_capture_on_commit_callbacks(execute=True):
        services.cancel(by=ROOT, job=ImportJob.objects.get(pk=job.pk))
    with pytest.raises(Stopped):
        work.step()
    job = ImportJob.objects.get(pk=job.pk)
    assert (job.state, job.written, Asset.objects.count()) == ("cancelled", 50, 50)
    assert not files.path_of(job.pk).exists()
    with pytest.raises(Invalid, match="cancelled already"):
        services.cancel(by=ROOT, job=job)


def test_many_errors_of_one_row_are_bounded_and_hostile_names_are_only_text() -> None:
    header = "no,name," + ",".join(f"custom{n}" for n in range(60))
    job = received(header + "\n1,<script>alert(1)</script>" + ",x" * 60 + "\n", name="../../etc/<b>\u202epass\x00wd.csv")
    assert job.name == "<b>passwd.csv"
    assert job.samples[0][1] == "<script>alert(1)</script>"
    assert len(job.header) == 62
    path = files.path_of(job.pk)
    assert path.name == f"{job.pk.hex}.table"
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_work_process_ends_an_import_that_cannot_go_on_in_words() -> None:
    job = received("no,name\n" + "1,A\n" * 3)
    services.start_check(by=ROOT, job=job, mapping=job.mapping, options={})
    files.remove(job.pk)
    work = ImportWork(job.pk, ROOT)
    while not work.step():
        pass
    work.close()
    job = ImportJob.objects.get(pk=job.pk)
    assert (job.state, job.message) == ("failed", "The file cannot be read any more: No such file or directory.")
    assert ImportWork(job.pk, ROOT).step()


def test_the_work_process_goes_on_where_it_was_and_hears_of_a_cancellation() -> None:
    job = received("no,name\n" + "".join(f"{n},Thing\n" for n in range(1000)))
    services.start_check(by=ROOT, job=job, mapping=job.mapping, options={})
    while (now := ImportJob.objects.get(pk=job.pk)).fresh < 400:
        work = ImportWork(job.pk, ROOT)
        assert not work.step()
        work.close()
    assert (now.fresh, now.state) == (400, "checking")
    services.cancel(by=ROOT, job=now)
    assert ImportWork(job.pk, ROOT).step()
    assert ImportJob.objects.get(pk=job.pk).state == "cancelled"


def test_a_file_is_read_in_slices_that_show_and_begin_anew_after_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.importing.checking.READ_AT_ONCE", 30)
    job = received("no,name\n" + "".join(f"{n},Thing\n" for n in range(100)))
    services.start_check(by=ROOT, job=job, mapping=job.mapping, options={})
    first = ImportWork(job.pk, ROOT)
    while ImportJob.objects.get(pk=job.pk).rows < 60:
        assert not first.step()
    assert first.progress().sentence == "The file is being read: 60 rows"
    first.close()
    assert counts(worked(job)) == (100, 0, 0, 0)


def test_a_run_that_could_not_begin_ends_its_import() -> None:
    job = received("no,name\n1,A\n")
    services.start_check(by=ROOT, job=job, mapping=job.mapping, options={})
    Run.objects.update(state=Run.State.FAILED, message="whoever started it may not come in any more")
    job = services.find(ROOT, job.pk)
    assert (job.state, job.message) == ("failed", "whoever started it may not come in any more")
    services.start_check(by=ROOT, job=job, mapping=job.mapping, options={})
    assert counts(worked(job)) == (1, 0, 0, 0)


def test_nul_bytes_in_what_is_looked_up_are_errors_of_their_rows() -> None:
    job = checked("no,name,codes,part of,category,custom\n1\0,A,,,,\n2,B,tag:\0,,,\n3,C,,\0,,\n4,D,,,IT\0,\n5,E,,,,\n")
    assert counts(job) == (1, 0, 0, 4)
    assert {reason for *_, reason in told(job)} >= {"a NUL byte is no text"}


def test_no_transaction_writes_more_than_a_thousand_rows() -> None:
    codes = "; ".join(f"tag:{{n}}-{place}" for place in range(18))
    job = checked("no,name,codes\n" + "".join(f'{n},Thing,"{codes.format(n=n)}"\n' for n in range(60)))
    assert counts(job) == (60, 0, 0, 0)
    work = ImportWork(services.confirm(by=ROOT, job=job).pk, ROOT)
    before = 0
    while not work.step():
        now = (
            sum(model.objects.count() for model in (Asset, Identifier, Change))
            + ImportRow.objects.filter(result="written").count()
        )
        assert 0 < now - before <= 1_000
        before = now
    assert Identifier.objects.count() == 60 * 18


def test_a_table_without_numbers_and_codes_is_all_new_where_that_is_chosen() -> None:
    with pytest.raises(Invalid, match="rows without either are new"):
        checked("name\nDrill\n")
    applied("name\nDrill\nSaw\n", number=True)
    assert list(Asset.objects.values_list("asset_no", "name")) == [("A-000001", "Drill"), ("A-000002", "Saw")]
