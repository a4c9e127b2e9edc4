"""Importing in a real browser, on desk and phone: hand in a file, name its columns, watch it being checked, look, write."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections
from playwright.sync_api import expect

from registry.access.models import RoleBinding, User
from registry.assets.models import Asset
from registry.importing import files
from registry.importing.models import ImportJob
from registry.importing.runs import ImportWork
from tests.acceptance.conftest import DESK, PHONE, OpenPage, fits
from tests.acceptance.registry_site import Picture, Site, serving
from tests.registry_world import ROOT, World, make_world

pytestmark = [pytest.mark.usefixtures("async_unsafe"), pytest.mark.django_db(transaction=True)]

TABLE = '''Inventory no.;Description;Category;Home;Barcode;Price;Currency;Purchase date;Colour
{known};Pump 7 (rebuilt);;;;;;;red
T-1001;Cordless drill 18 V;Tools / Power;Hamburg;tag:t-1001; 1.249,50;EUR;14.02.2026;
T-1002;"Saw, ""large""";Tools / Power;Hamburg;tag:t-1002;89,00;EUR;3/4/2026;
1.23E+11;Ladder;Tools / Power;Hamburg;;45,00;EUR;;
T-1004;<script>alert(1)</script>;Tools / Hand;Nowhere;;12;;;
T-1005;=HYPERLINK("http://evil");Tools / Power;;;;;;
'''


@pytest.fixture
def async_unsafe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright runs an event loop in our thread; Django would refuse to work beside it."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture
def world(transactional_db: None) -> World:
    return make_world()


@pytest.fixture
def site(world: World, open_page: OpenPage) -> Iterator[Site]:
    with serving(open_page) as site:
        RoleBinding.objects.get_or_create(user=User.objects.get(username="anna"), role="administrator")
        yield site
        for job in ImportJob.objects.all():
            files.remove(job.pk)


def work() -> None:
    """Do what the work process does, beside the browser."""

    def one() -> None:
        going = ImportWork(ImportJob.objects.get().pk, ROOT)
        while not going.step():
            pass
        going.close()
        connections.close_all()

    thread = threading.Thread(target=one)
    thread.start()
    thread.join(20)


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_from_a_file_to_assets(site: Site, world: World, width: int, tmp_path: Path, picture: Picture) -> None:
    path = tmp_path / "tools 2026.csv"
    path.write_text(TABLE.format(known=world.assets["Pump 7"].asset_no), encoding="cp1252")
    page = site.open("/imports/", width=width)
    expect(page.get_by_role("heading", name="No imports yet")).to_be_visible()
    page.get_by_label("CSV or XLSX").set_input_files(path)
    picture(page, f"import-hand-in-{width}")
    page.get_by_role("button", name="Hand in").click()

    expect(page.get_by_role("heading", name="8 of 9 columns understood")).to_be_visible()
    expect(page.get_by_label("Inventory no.")).to_have_value("asset_no")
    expect(page.get_by_label("Colour")).to_have_value("")
    assert fits(page)
    picture(page, f"import-columns-{width}")
    page.get_by_role("button", name="Check every row").click()

    expect(page.get_by_text("The file is being read")).to_be_visible()
    assert fits(page)
    picture(page, f"import-working-{width}")
    work()
    expect(page.get_by_role("heading", name="0 new, 1 changed, 5 with errors")).to_be_visible()
    assert fits(page)
    picture(page, f"import-errors-{width}")
    page.get_by_role("button", name="Make them, and check again").first.click()
    expect(page.get_by_text("The file is being read")).to_be_visible()
    work()
    expect(page.get_by_role("heading", name="2 new, 1 changed, 3 with errors")).to_be_visible()
    expect(page.get_by_role("cell", name="1.23E+11")).to_be_visible()
    page.get_by_role("link", name="Change columns or options").click()
    page.get_by_label("Days like 3/4/2024").select_option("dmy")
    page.get_by_role("button", name="Check every row").click()
    work()
    expect(page.get_by_role("heading", name="3 new, 1 changed, 2 with errors")).to_be_visible()
    page.get_by_role("link", name="3 new").click()
    expect(page.get_by_text('Saw, "large"').first).to_be_visible()
    assert fits(page)
    picture(page, f"import-new-{width}")
    page.get_by_role("link", name="1 changed").click()
    expect(page.locator("del", has_text="Pump 7")).to_be_visible()
    assert Asset.objects.filter(asset_no__startswith="T-").count() == 0
    page.get_by_label("Leave out the 2 rows with errors").check()
    page.get_by_role("button", name="Write 3 new and 1 changed").click()
    expect(page.get_by_text("0 of 4 rows are written")).to_be_visible()
    work()
    expect(page.get_by_role("heading", name="4 rows written")).to_be_visible()
    picture(page, f"import-done-{width}")
    assert {a.asset_no for a in Asset.objects.filter(asset_no__startswith="T-")} == {"T-1001", "T-1002", "T-1005"}


def test_without_scripts_and_in_the_dark(site: Site, tmp_path: Path, picture: Picture) -> None:
    path = tmp_path / "a.csv"
    path.write_text("no,name\n1,Drill\n")
    page = site.open("/imports/", javascript=False, theme="dark")
    page.get_by_label("CSV or XLSX").set_input_files(path)
    page.get_by_role("button", name="Hand in").click()
    page.get_by_role("button", name="Check every row").click()
    work()
    page.get_by_role("link", name="Look again").click()
    picture(page, "import-dark")
    page.get_by_role("button", name="Write 1 new").click()
    work()
    page.get_by_role("link", name="Look again").click()
    expect(page.get_by_role("heading", name="1 row written")).to_be_visible()
