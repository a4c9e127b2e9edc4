"""Photos and documents: what is taken, what is kept of it, and who gets it."""

import os
import stat
import struct
import zipfile
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings
from PIL import Image

from registry.assets import files, pictures
from registry.assets.models import Asset, Attachment, StoredFile
from registry.assets.services import register_asset
from registry.assets.trees import create_location
from registry.configuration import FilesSection
from registry.problems import Forbidden, Invalid, NotFound
from tests.registry_world import ROOT, actor, make_user

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path) -> object:
    with override_settings(DATA_DIR=tmp_path):
        yield


@pytest.fixture
def asset(db: None) -> Asset:
    return register_asset(by=ROOT, name="Pump")


def picture(form: str = "JPEG", size: tuple[int, int] = (900, 500), **more: object) -> bytes:
    out = BytesIO()
    Image.new("RGB", size, (40, 90, 160)).save(out, form, **more)
    return out.getvalue()


def office(*parts: str) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        for part in parts:
            package.writestr(part, "x")
    return out.getvalue()


def attach(asset: Asset, data: bytes, name: str = "a.jpg", **more: object) -> Attachment:
    return files.attach(by=ROOT, asset=asset, file=BytesIO(data), name=name, **more)  # type: ignore[arg-type]


def png_of(width: int, height: int) -> bytes:
    """A picture of any size in a hundred bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def test_a_photo_is_kept_upright_without_where_it_was_taken_with_a_small_one_beside(asset: Asset) -> None:
    told = Image.Exif()
    told[0x0112] = 6  # turned by a quarter
    told[0x010F] = "SECRETCAM"
    told.get_ifd(0x8825)[2] = (53.0, 33.0, 0.0)
    taken = picture(exif=told, comment=b"SECRET")
    assert b"SECRETCAM" in taken
    attachment = attach(asset, taken)
    path = files.path_of(attachment.file_id)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert b"SECRET" not in path.read_bytes()
    with Image.open(path) as kept, Image.open(files.small_path_of(attachment.file_id)) as small:
        assert (kept.format, kept.size, dict(kept.getexif())) == ("JPEG", (500, 900), {})
        assert (small.format, max(small.size)) == ("WEBP", pictures.THUMBNAIL)
    assert (attachment.main, attachment.file.width, attachment.file.height) == (True, 500, 900)


@pytest.mark.parametrize(
    ("data", "name", "media_type", "goes_out_as"),
    [
        (b"%PDF-1.4 x", "Manual.PDF", "application/pdf", "Manual.PDF"),
        ("Grüße\n".encode(), "notes.md", "text/plain", "notes.md.txt"),
        (b"a;b\n1;2\n", "list.csv", "text/csv", "list.csv"),
        (b"<script>alert(1)</script>", "page.html", "text/plain", "page.html.txt"),
        (office("[Content_Types].xml", "word/document.xml"), "a.exe", WORD, "a.exe.docx"),
        (office("[Content_Types].xml", "xl/workbook.xml"), "a.xlsx", EXCEL, "a.xlsx"),
    ],
)  # fmt: skip
def test_a_document_keeps_its_bytes_and_gets_the_ending_of_what_it_is(
    asset: Asset, data: bytes, name: str, media_type: str, goes_out_as: str
) -> None:
    attachment = attach(asset, data, name)
    assert (attachment.kind, attachment.file.media_type, files.download_name(attachment)) == ("document", media_type, goes_out_as)
    assert files.path_of(attachment.file_id).read_bytes() == data


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"MZ\x90\0\x03", "of a kind that is not kept"),
        (office("readme.txt"), "of a kind that is not kept"),
        (b"PK\x03\x04rest", "of a kind that is not kept"),
        (b"\x7fELF", "of a kind that is not kept"),
        (b"\xff\xd8\xff\xe0 no picture", "damaged"),
        (picture()[:-400], "damaged"),
        (png_of(100_000, 100_000), "million pixels"),
        (png_of(9_000, 9_000), "million pixels"),
        (b"x" * 1_000_001, "1 at most"),
    ],
)
def test_what_is_not_taken_leaves_nothing(asset: Asset, data: bytes, says: str, tmp_path: Path) -> None:
    small = settings.CONFIGURATION.model_copy(update={"files": FilesSection(max_mb=1)})
    with override_settings(CONFIGURATION=small), pytest.raises(Invalid, match=says) as refused:
        attach(asset, data)
    assert refused.value.field == "file"
    assert not StoredFile.objects.exists()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a.pdf", "a.pdf"),
        (".htaccess", "htaccess"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("a\0b\r\nSet-Cookie: x.pdf", "abSet-Cookie_ x.pdf"),
        ("", "file"),
        ("...", "file"),
        ("x" * 300 + ".pdf", "x" * 196 + ".pdf"),
    ],
)
def test_a_hostile_name_becomes_a_plain_one(given: str, kept: str) -> None:
    assert files.safe_name(given) == kept


def test_the_same_bytes_lie_once_and_go_with_the_last_that_has_them(
    asset: Asset, django_capture_on_commit_callbacks: object
) -> None:
    first, other = attach(asset, b"%PDF-1", "a.pdf"), attach(register_asset(by=ROOT, name="b"), b"%PDF-1", "b.pdf")
    path = files.path_of(first.file_id)
    assert StoredFile.objects.count() == 1
    for attachment, there in ((first, True), (other, False)):
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
            files.detach(by=ROOT, attachment=attachment)
        assert path.exists() is there
    assert not StoredFile.objects.exists()


def test_bytes_without_a_row_are_swept_up_after_a_day(asset: Asset) -> None:
    kept = attach(asset, b"%PDF-1", "a.pdf")
    stray = files.path_of("ab" * 32)
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_bytes(b"x")
    assert files.sweep() == 0
    for path in (stray, files.path_of(kept.file_id)):
        os.utime(path, (0, 0))
    assert files.sweep() == 1
    assert files.path_of(kept.file_id).exists()
    assert not stray.exists()


def test_the_next_photo_stands_for_the_asset_when_the_main_one_goes(asset: Asset) -> None:
    first, second = attach(asset, picture()), attach(asset, picture(size=(20, 20)))
    assert (first.main, second.main) == (True, False)
    files.set_main(by=ROOT, attachment=second)
    second.refresh_from_db()
    assert second.main
    files.detach(by=ROOT, attachment=second)
    first.refresh_from_db()
    assert first.main
    with pytest.raises(Invalid):
        files.set_main(by=ROOT, attachment=attach(asset, b"%PDF-1", "a.pdf"))


def test_who_may_add_and_who_may_delete() -> None:
    here, there = create_location(by=ROOT, name="Here"), create_location(by=ROOT, name="There")
    asset = register_asset(by=ROOT, name="a", home_location=here)
    roles = {role: actor(make_user(role, role, place=here)) for role in ("viewer", "operator", "manager")}
    foreign = actor(make_user("foreign", "manager", place=there))
    for by, error in ((roles["viewer"], Forbidden), (foreign, NotFound)):
        for target in ({"asset": asset}, {"location": here}):
            with pytest.raises(error):
                files.attach(by=by, file=BytesIO(b"%PDF-1"), name="a.pdf", **target)
    attachment = files.attach(by=roles["operator"], file=BytesIO(b"%PDF-1"), name="a.pdf", asset=asset)
    assert attachment.added_by_id == roles["operator"].user_id
    with pytest.raises(Forbidden):
        files.detach(by=roles["operator"], attachment=attachment)
    assert not Attachment.objects.visible_to(foreign).exists()
    files.detach(by=roles["manager"], attachment=attachment)
