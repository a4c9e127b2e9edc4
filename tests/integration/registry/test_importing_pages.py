"""Pages and API of importing: hand in, name the columns, watch, look, confirm; hostile input stays text."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from registry.access.services import issue_token
from registry.assets.models import Asset
from registry.importing import files
from registry.importing.models import ImportJob
from registry.tables.table import Limits
from tests.integration.registry.conftest import make_asset
from tests.integration.registry.test_importing_rows import checked, worked
from tests.registry_world import ROOT, actor, make_user

pytestmark = pytest.mark.django_db
TABLE = b"no,name,supplier\n1,Drill,Acme\n2,<script>alert(1)</script>,\n3,,\n"


@pytest.fixture(autouse=True)
def _no_files_left() -> Iterator[None]:
    yield
    for job in ImportJob.objects.all():
        files.remove(job.pk)


@pytest.fixture
def anna(client: Client) -> Client:
    client.force_login(make_user())
    return client


def text(response: Any, status: int = 200) -> str:
    assert response.status_code == status, response.content
    return re.sub(r"\s+", " ", re.sub(r"<(script|svg).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.S))


def hand_in(client: Client, content: bytes = TABLE, name: str = "a<b>.csv") -> ImportJob:
    response = client.post("/imports/", {"file": SimpleUploadedFile(name, content)})
    assert response.status_code == 302, text(response, response.status_code)
    job = ImportJob.objects.get()
    assert response["Location"] == f"/imports/{job.pk}/"
    return job


def owner_works(job: ImportJob) -> ImportJob:
    assert job.user is not None
    return worked(ImportJob.objects.get(pk=job.pk), actor(job.user))


def test_the_whole_way_by_pages(anna: Client) -> None:
    assert "nothing is written before you have seen" in text(anna.get("/imports/"))
    job = hand_in(anna)
    page = f"/imports/{job.pk}/"
    shown = anna.get(page)
    assert "3 of 3 columns understood" in text(shown)
    assert b"<script>alert" not in shown.content
    assert b'<option value="asset_no" selected>' in shown.content
    form = {"column-0": "asset_no", "column-1": "name", "column-2": "supplier"}
    assert anna.post(f"{page}check/", form)["Location"] == page
    assert "The file is being read" in text(anna.get(page))
    assert "The file is being read" in text(anna.get(f"{page}progress/"))
    job = owner_works(job)
    assert anna.get(f"{page}progress/")["HX-Refresh"] == "true"
    review = text(anna.get(page))
    assert "1 new, 0 changed, 2 with errors" in review
    assert "1 supplier is not there yet: Acme" in review
    assert "A new asset needs a name" in review
    assert "Make it, and check again" in review
    anna.post(f"{page}check/", {"again": "1", "make": "supplier"})
    job = owner_works(job)
    fresh = anna.get(f"{page}?show=fresh")
    assert b"&lt;script&gt;alert(1)" in fresh.content
    assert "Supplier Acme (new)" in text(fresh)
    assert "1 supplier will be made" in text(fresh)
    refused = anna.post(f"{page}confirm/", {}, follow=True)
    assert "1 rows have errors; correct them" in text(refused)
    anna.post(f"{page}confirm/", {"leave_out": "on"})
    assert "0 of 2 rows are written" in text(anna.get(page))
    owner_works(job)
    done = anna.get(page)
    assert "2 rows written" in text(done)
    assert f"/changes/?request={job.request_id}".encode() in done.content
    assert Asset.objects.get(asset_no="1").supplier is not None
    assert "Written" in text(anna.get("/imports/"))


def test_choices_of_a_form_that_is_refused_are_not_lost(anna: Client) -> None:
    job = hand_in(anna)
    response = anna.post(
        f"/imports/{job.pk}/check/", {"column-1": "name", "column-2": "supplier", "days": "mdy", "make": "supplier"}
    )
    assert "One column has to be the number or the codes" in text(response, 422) or "has to be the number" in text(response, 422)
    html = response.content.decode()
    assert re.search(r'id="column-2".*?value="supplier" selected', html, re.S)
    assert 'value="mdy" selected' in html
    assert 'value="supplier" checked' in html


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"%PDF-1.7", "This is a PDF"), (b"\n\n", "has to name the columns"), (b"PK\x03\x04xx", "no XLSX")],
)
def test_what_is_no_table_is_refused_at_the_form(anna: Client, content: bytes, reason: str) -> None:
    before = set(files.path_of(ImportJob().pk).parent.glob("*"))
    response = anna.post("/imports/", {"file": SimpleUploadedFile("a.csv", content)})
    assert reason in text(response, 422)
    assert not ImportJob.objects.exists()
    assert set(files.path_of(ImportJob().pk).parent.glob("*")) == before


def test_a_file_can_be_read_in_another_way(anna: Client) -> None:
    job = hand_in(anna, "no;name\n1;Säge\n".encode("cp850"))
    assert "a guess" in text(anna.get(f"/imports/{job.pk}/"))
    anna.post(f"/imports/{job.pk}/read/", {"encoding": "cp850", "delimiter": ";"})
    assert "Säge" in text(anna.get(f"/imports/{job.pk}/"))
    shown = anna.post(f"/imports/{job.pk}/read/", {"encoding": "klingon", "delimiter": ";"}, follow=True)
    assert "One of" in text(shown)
    anna.post(f"/imports/{job.pk}/read/", {"encoding": "cp850", "delimiter": "tab"})
    assert ImportJob.objects.get().header == ["no;name"]


def test_errors_by_column_page_and_file(anna: Client) -> None:
    user = make_user("bert")
    table = "no,name,acquired,cost\n" + "".join(f"{n},=A,3/4/2024,1.234\n" for n in range(120))
    job = checked(table, by=actor(user))
    anna.force_login(user)
    page = f"/imports/{job.pk}/"
    assert "Most often" in text(anna.get(page))
    assert "120 rows : acquired 3/4/2024" in text(anna.get(page))
    assert anna.get(page).content.count(b"<tr data-row>") == 50
    one = anna.get(f"{page}?show=problems&column=cost")
    assert one.content.count(b"May be 1.234 or 1234") == 50
    following = re.search(rb'href="(\?show=problems&amp;column=cost&amp;after=\d+)"', one.content)
    assert following is not None
    assert anna.get(page + following[1].decode().replace("&amp;", "&")).content.count(b"<tr data-row>") == 50
    csv = b"".join(anna.get(f"{page}errors.csv"))
    assert csv.count(b"\r\n") == 241
    assert csv.startswith(b'\xef\xbb\xbfrow,column,value,reason\r\n2,acquired,3/4/2024,"may be')


def test_who_may_not_edit_sees_no_form_and_hands_in_nothing(anna: Client) -> None:
    anna.force_login(make_user("carl", "viewer"))
    assert "Your role does not allow imports" in text(anna.get("/imports/"))
    assert anna.post("/imports/", {"file": SimpleUploadedFile("a.csv", TABLE)}).status_code in (403, 422)
    assert not ImportJob.objects.exists()


def test_an_import_of_somebody_else_is_not_there(anna: Client) -> None:
    job = checked("no,name\n1,A\n", by=actor(make_user("dora", "manager")))
    anna.force_login(make_user("emil", "manager"))
    for path in ("", "progress/", "errors.csv"):
        assert anna.get(f"/imports/{job.pk}/{path}").status_code == 404
    for path in ("read/", "check/", "confirm/", "cancel/"):
        assert anna.post(f"/imports/{job.pk}/{path}").status_code == 404


# ---- API -----------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def bearer(db: None) -> dict[str, str]:
    return {"Authorization": f"Bearer {issue_token(by=ROOT, name='erp', scope='write')[1]}"}


def test_the_whole_way_by_api(client: Client, bearer: dict[str, str]) -> None:
    make_asset("drill", asset_no="1")
    table = b"no,name,notes\n1,Drill 18 V,\n2,Saw,\n3,,\n"
    made = client.post("/api/v1/imports?filename=erp.csv", table, content_type="text/csv", headers=bearer)
    assert made.status_code == 201, made.content
    job = made.json()
    assert (job["name"], job["mapping"], job["state"]) == ("erp.csv", {"0": "asset_no", "1": "name", "2": "notes"}, "uploaded")
    path = f"/api/v1/imports/{job['id']}"

    def post(what: str, body: dict[str, Any]) -> Any:
        return client.post(f"{path}/{what}", json.dumps(body), content_type="application/json", headers=bearer)

    assert post("confirm", {}).status_code == 422
    assert post("check", {"options": {"days": "ymd"}}).status_code == 422
    assert post("check", {}).json()["state"] == "checking"
    worked(ImportJob.objects.get())
    got = client.get(path, headers=bearer).json()
    assert (got["state"], got["fresh"], got["changed"], got["wrong"]) == ("checked", 1, 1, 1)
    rows = client.get(f"{path}/rows", headers=bearer).json()
    assert [(r["number"], r["before"], r["after"]) for r in rows["items"]] == [(2, {"name": "Drill"}, {"name": "Drill 18 V"})]
    problems = client.get(f"{path}/problems", headers=bearer).json()
    assert [(p["row"], p["column"], p["late"]) for p in problems["items"]] == [(4, "name", False)]
    assert post("confirm", {"leave_out": True}).json()["state"] == "applying"
    worked(ImportJob.objects.get())
    assert client.get(path, headers=bearer).json()["written"] == 2
    assert post("cancel", {}).status_code == 422
    assert [one["id"] for one in client.get("/api/v1/imports", headers=bearer).json()["items"]] == [job["id"]]


def test_a_file_comes_as_a_form_too_and_a_large_one_is_refused_at_once(client: Client, bearer: dict[str, str]) -> None:
    made = client.post("/api/v1/imports", {"file": SimpleUploadedFile("x.csv", TABLE)}, headers=bearer)
    assert (made.status_code, made.json()["name"]) == (201, "x.csv")
    large = client.post("/api/v1/imports", b"no,name\n", content_type="text/csv", headers=bearer | {"Content-Length": "99999999"})
    assert (large.status_code, large.json()["errors"][0]["pointer"]) == (422, "#/file")


def test_more_bytes_than_are_taken_leave_nothing(client: Client, bearer: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LIMITS", Limits(file_bytes=1000))
    before = set(files.path_of(ImportJob().pk).parent.glob("*"))
    refused = client.post("/api/v1/imports", b"no,name\n" + b"1,A\n" * 1000, content_type="text/csv", headers=bearer)
    assert refused.status_code == 422
    assert not ImportJob.objects.exists()
    assert set(files.path_of(ImportJob().pk).parent.glob("*")) == before


def test_rows_and_errors_come_in_pages_by_cursor(client: Client, bearer: dict[str, str]) -> None:
    job = checked("no,name,acquired\n" + "".join(f"{n},Thing,{'' if n % 2 else 'soon'}\n" for n in range(10)))
    for path, key, expected in (
        (f"/api/v1/imports/{job.pk}/rows?show=fresh&limit=2", "number", [3, 5, 7, 9, 11]),
        (f"/api/v1/imports/{job.pk}/problems?limit=2", "row", [2, 4, 6, 8, 10]),
    ):
        seen, cursor = [], ""
        while cursor is not None:
            page = client.get(f"{path}&cursor={cursor}" if cursor else path, headers=bearer).json()
            seen += [one[key] for one in page["items"]]
            cursor = page["next"]
        assert seen == expected
    assert client.get(f"/api/v1/imports/{job.pk}/rows?cursor=nonsense", headers=bearer).status_code == 400
    assert client.get(f"/api/v1/imports/{job.pk}/rows?show=fresh", headers=bearer).json()["items"][0]["asset"] is None
