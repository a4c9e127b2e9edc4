"""What is sent to harm: fields of megabytes, files that are something else, names that lie, thousands of parts. It is refused
with a sentence that says where, nothing of it is stored, and memory stays what it was."""

import io
import socket
import threading
import time
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from typing import Any

import httpx
import pytest
import uvicorn
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django.plugin import DjangoDbBlocker

from registry import body_limits
from registry.access.models import Change, Person
from registry.assets.files import folder
from registry.assets.models import Asset, Attachment, Location, Supplier
from registry.importing.models import ImportJob
from registry.serve import bind
from tests.registry_world import Caller, World, lasting, make_user

pytestmark = pytest.mark.django_db

HUGE = "x" * 10_000_000
LONG = "x" * 1_000_000  # what a form still takes
HTML = '<script>alert("1")</script><img src=x onerror=alert(1)>'


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


def stored() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (Asset, Location, Person, Supplier, Attachment, ImportJob, Change))


def forms(world: World) -> list[tuple[str, dict[str, Any], str]]:
    """Each kind of form: where it goes, what makes it valid, and a field of text."""
    drill, dock = world.assets["Drill"], world.places["Dock"]
    version = {"name": "Drill", "asset_no": drill.asset_no, "version": drill.version}
    return [
        ("/assets/new/", {"name": "New"}, "name"),
        ("/assets/new/", {"name": "New"}, "notes"),
        ("/assets/new/", {"name": "New"}, "home_location"),
        ("/assets/new/", {"name": "New"}, "tags"),
        (f"/assets/{drill.pk}/edit/", version, "serial_no"),
        ("/places/new/", {"name": "New", "kind": "room"}, "code"),
        (f"/places/{dock.pk}/edit/", {"name": "Dock", "kind": "zone", "version": dock.version}, "notes"),
        ("/custody/out/", {"assets": str(drill.pk), "to": "person", "person": "Anna", "codes": ""}, "note"),
        ("/custody/out/", {"assets": str(drill.pk), "to": "person", "note": ""}, "person"),
        ("/bookings/new/", {"codes": "tag:LADDER-1", "person": "Anna", "from_at": "2030-01-01T10:00"}, "title"),
        ("/stock/receive/", {"asset": "tag:LADDER-1", "location": "Dock", "quantity": "1"}, "lot"),
        ("/settings/words/suppliers/", {}, "name"),
        ("/people/new/", {}, "name"),
    ]  # fmt: skip


def test_a_field_that_is_too_long_is_named_and_nothing_is_written(client: Client, world: World) -> None:
    Person.objects.create(name="Anna")
    before = stored()
    for address, valid, field in forms(world):
        answer = client.post(address, valid | {field: LONG})
        assert answer.status_code == 422, (address, field)
        page = answer.content.decode()
        assert f'id="id_{field}_error"' in page, (address, field)
        assert len(page) < 2_200_000  # what was typed comes back once
        assert stored() == before, (address, field)


def test_ten_megabytes_in_a_field_are_too_large_for_any_form(client: Client, world: World) -> None:
    before = stored()
    for address, valid, field in forms(world)[::3]:
        for kind in ("multipart", "urlencoded"):
            given = valid | {field: HUGE}
            if kind == "multipart":
                answer = client.post(address, given)
            else:
                body = "&".join(f"{name}={value}" for name, value in given.items())
                answer = client.generic("POST", address, body, "application/x-www-form-urlencoded")
            assert answer.status_code == 413, (address, kind)
            assert b"one of its fields held more" in answer.content
    assert stored() == before


@pytest.mark.parametrize("path", ["/assets", "/locations", "/custody", "/people", "/suppliers", "/assets/bulk", "/scans"])
def test_programs_learn_the_same(path: str, world: World) -> None:
    call, before = Caller(), stored()
    answer = call("POST", path, {"name": HUGE})
    assert (answer.status_code, answer.headers["Content-Type"]) == (413, "application/problem+json")
    answer = call("POST", path, {"name": LONG, "note": LONG[:10]})
    assert answer.status_code == 422
    assert answer.json()["errors"]
    assert stored() == before


def test_thousands_of_parts_are_refused(client: Client, world: World) -> None:
    drill = world.assets["Drill"]
    fields = client.post("/assets/new/", {"name": "x", **{f"f{n}": "1" for n in range(1_500)}})
    files = client.post(f"/assets/{drill.pk}/files/", {"file": [SimpleUploadedFile(f"{n}.txt", b"x") for n in range(150)]})
    assert (fields.status_code, files.status_code) == (413, 413)
    assert b"1,000 fields" in fields.content
    assert b"100 files" in files.content
    assert not Attachment.objects.exists()


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../../etc/passwd.txt", "passwd.txt"),
        ("C:\\temp\\..\\note.txt", "note.txt"),
        ("a\x00b\x1b[31m\r\nSet-Cookie: x.txt", None),
        ("invoice\u202etxt.exe.txt", "invoicetxt.exe.txt"),
        ("." * 50 + "hidden.txt", "hidden.txt"),
        ("x" * 5_000 + ".txt", None),
        ('"><script>alert(1)</script>.txt', None),
        ("\u0007", "file"),
    ],
)
def test_the_name_of_a_file_is_made_harmless(client: Client, world: World, name: str, kept: str | None) -> None:
    call, drill = Caller(), world.assets["Drill"]
    body = (
        b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename*=UTF-8''" + quoted(name) + b"\r\n\r\nhello\r\n--b--\r\n"
    )
    answer = call.client.generic(
        "POST", f"/api/v1/assets/{drill.pk}/files", body, "multipart/form-data; boundary=b", headers=call.headers
    )
    assert answer.status_code in (201, 400, 422), answer.content
    if answer.status_code != 201:  # a name of nothing is no file, and a header of kilobytes no header
        assert not Attachment.objects.exists()
        return
    attachment = Attachment.objects.get()
    assert kept is None or attachment.name == kept
    assert len(attachment.name) <= 300
    assert not any(char in attachment.name for char in '/\\\0\r\n\x1b\u202e<>"')
    assert {path.parent.parent for path in folder().rglob("*") if path.is_file()} <= {folder()}
    served = client.get(f"/files/{attachment.pk}/")
    assert "\n" not in served["Content-Disposition"]
    assert "<script>" not in client.get(f"/assets/{drill.pk}/").content.decode().replace("<script src", "")


def quoted(text: str) -> bytes:
    return "".join(f"%{byte:02X}" for byte in text.encode()).encode()


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
PAGE = b"<!doctype html><script>alert(1)</script>"


@pytest.mark.parametrize(
    ("name", "content"), [("x.svg", SVG), ("x.png", SVG), ("x.html", PAGE), ("x.txt", PAGE), ("x.pdf", PAGE)]
)
def test_pages_and_drawings_are_never_shown_as_such(client: Client, world: World, name: str, content: bytes) -> None:
    client.post(f"/assets/{world.assets['Drill'].pk}/files/", {"file": SimpleUploadedFile(name, content)})
    for attachment in Attachment.objects.select_related("file"):
        served = client.get(f"/files/{attachment.pk}/")
        assert served["Content-Type"].split(";")[0] == "text/plain"
        assert served["Content-Disposition"].startswith("attachment")
        assert served["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in served["Content-Security-Policy"]


def picture(width: int, height: int) -> bytes:
    """A PNG that says it has so many pixels, in a few hundred bytes."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1_000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "content", [picture(60_000, 60_000), picture(1, 2**31 - 1), picture(30_000, 30_000)], ids=["square", "line", "poster"]
)
def test_a_picture_of_too_many_pixels_costs_no_memory(client: Client, world: World, content: bytes) -> None:
    tracemalloc.start()
    try:
        answer = client.post(
            f"/assets/{world.assets['Drill'].pk}/files/", {"file": SimpleUploadedFile("x.png", content)}, follow=True
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert not Attachment.objects.exists()
    assert b"x.png:" in answer.content
    assert peak < 60_000_000


def bomb() -> bytes:
    """An XLSX whose sheet unpacks to 240 MB."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
        out.writestr("[Content_Types].xml", "<Types/>")
        out.writestr("xl/workbook.xml", "<workbook/>")
        with out.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            for _ in range(60):
                sheet.write(b" " * 4_000_000)
    return whole.getvalue()


def test_a_table_that_unpacks_to_hundreds_of_megabytes_is_refused(client: Client, world: World) -> None:
    packed = bomb()
    tracemalloc.start()
    try:
        answer = client.post("/imports/", {"file": SimpleUploadedFile("x.xlsx", packed)}, follow=True)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 60_000_000
    said = answer.content.decode()
    job = ImportJob.objects.first()
    assert job is None or job.state in ("failed", "new", "received"), job.state
    assert answer.status_code in (200, 422), said
    assert not Asset.objects.exclude(pk__in=[asset.pk for asset in world.assets.values()]).exists()


def test_html_in_names_is_text_everywhere(client: Client, world: World) -> None:
    drill, dock = world.assets["Drill"], world.places["Dock"]
    Asset.objects.filter(pk=drill.pk).update(name=HTML, notes=HTML, home_location=dock)
    Location.objects.filter(pk=dock.pk).update(name=HTML)
    Person.objects.create(name=HTML)
    for path in (
        "/assets/", f"/assets/{drill.pk}/", f"/assets/{drill.pk}/edit/", "/places/", f"/places/{dock.pk}/", "/people/",
        f"/custody/out/?asset={drill.pk}", "/", "/find/?q=%3Cscript%3E", "/palette/?q=script", "/pick/asset/?q=script",
    ):  # fmt: skip
        answer = client.get(path, follow=True)
        assert answer.status_code == 200, path
        if answer["Content-Type"].startswith("text/html"):
            assert '<script>alert("1")' not in answer.content.decode(), path
            assert "<img src=x" not in answer.content.decode(), path


# ---- the stream itself ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[str]:
    """What uvicorn does with the limits before an application that counts what it gets."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        size = 0
        while True:
            message = await receive()
            size += len(message.get("body", b""))
            if message["type"] == "http.disconnect":
                return
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(size).encode()})

    listening: socket.socket = bind("127.0.0.1", 0)
    limited = body_limits.limited(application, patience_s=0.5)
    config = uvicorn.Config(limited, lifespan="off", log_config=None, ws="none", http="h11")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]}, name="limits")
    with listening:
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            running.should_exit = True
            thread.join(10)


COOKIE = {"Cookie": f"{settings.SESSION_COOKIE_NAME}=x"}
UPLOAD = COOKIE | {"Content-Type": "multipart/form-data; boundary=b"}


@pytest.mark.parametrize("said", [True, False], ids=["content-length", "chunked"])
def test_a_body_that_is_too_large_is_answered_with_a_sentence_before_it_is_kept(server: str, said: bool) -> None:
    size = 30_000_000

    def pieces() -> Iterator[bytes]:
        for _ in range(size // 100_000):
            yield b"x" * 100_000

    headers = COOKIE | ({"Content-Length": str(size)} if said else {})
    page = httpx.post(f"{server}/assets/new/", content=pieces(), headers=headers)
    assert page.status_code == 413
    assert "That is more than this address takes: 2 MB at most." in page.text
    assert "what you typed is still there" in page.text
    problem = httpx.post(f"{server}/api/v1/assets", content=pieces(), headers={"Authorization": "Bearer x"})
    assert problem.headers["Content-Type"] == "application/problem+json"
    assert problem.json()["status"] == 413


def test_files_may_be_larger_where_they_belong_and_for_who_is_logged_in(server: str) -> None:
    body = b"x" * 20_000_000
    assert httpx.post(f"{server}/assets/1/files/", content=body, headers=UPLOAD).text == str(len(body))
    assert httpx.post(f"{server}/imports/", content=body, headers=UPLOAD).text == str(len(body))
    assert (
        httpx.post(f"{server}/assets/1/files/", content=body, headers={"Content-Type": UPLOAD["Content-Type"]}).status_code == 413
    )
    assert httpx.post(f"{server}/places/1/plan/", content=b"x" * 40_000_000, headers=UPLOAD).status_code == 413
    assert httpx.post(f"{server}/login/", content=b"x" * 1_000).text == "1000"


@pytest.mark.parametrize("drip", [b"", b"x"], ids=["silent", "a byte now and then"])
def test_a_body_that_does_not_come_is_waited_for_in_vain_and_not_for_long(server: str, drip: bytes) -> None:
    host, port = server.removeprefix("http://").split(":")
    for path, said in (("/assets/new/", "send it again where the network is better"), ("/api/v1/assets", '"title": "Too slow"')):
        with socket.create_connection((host, int(port)), 5) as slow:
            head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000\r\nCookie: {COOKIE['Cookie']}\r\n\r\n"
            slow.sendall(head.encode())
            slow.settimeout(0.05)
            until_s, heard = time.monotonic() + 5, b""
            while time.monotonic() < until_s and b"</html>" not in heard and b"}" not in heard:
                with suppress(TimeoutError):
                    heard += slow.recv(65_536)
                if not heard:
                    slow.sendall(drip)
            assert heard.startswith(b"HTTP/1.1 408 "), heard[:100]
            assert said.encode() in heard
            slow.settimeout(5)
            with suppress(ConnectionResetError):
                assert not slow.recv(1), "hung up"


def test_a_large_body_over_a_middling_line_has_the_time_it_needs(server: str) -> None:
    """It lasts longer than a silent one may, and comes faster than 4 kB a second."""

    def pieces() -> Iterator[bytes]:
        for _ in range(10):
            yield b"x" * 2_000
            time.sleep(0.1)

    assert httpx.post(f"{server}/assets/new/", content=pieces(), headers=COOKIE).text == "20000"
