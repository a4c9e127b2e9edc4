"""Photos and documents of assets and places. Bytes lie once under data_dir/files/<ab>/<sha256>, 0600, whatever has them.

A file is whole on disk before its row exists, and its row is gone before it is. A crash may leave bytes without a row; the
next upload of the same bytes takes them up, and `sweep` removes them."""

import hashlib
import os
import tempfile
import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.assets import pictures
from registry.assets.media_types import ENDINGS, PICTURES, TAKEN, media_type_of
from registry.assets.models import NAME_CHARS, Asset, Attachment, Location, StoredFile
from registry.assets.services import must_be_allowed
from registry.assets.values import one_of
from registry.problems import Forbidden, Invalid, NotFound
from registry.texts import has_control

MOST_FILES: Final = 200  # of one asset or place
_PIECE: Final = 1 << 18
_SMALL: Final = ".webp"  # the small picture lies beside the large one


class Kept(Protocol):
    """What has a file and calls it something: an attachment, a paper."""

    @property
    def file(self) -> Any: ...
    @property
    def name(self) -> Any: ...


def attach(
    *, by: Actor, file: BinaryIO, name: str, asset: Asset | None = None, location: Location | None = None, kind: str | None = None
) -> Attachment:
    """Keep a file with an asset or a place. Of a photo its pixels are kept, without what the camera wrote beside them; a document
    keeps every byte. `kind`: of Attachment.Kind; None: photo if it is a picture. The first photo stands for the asset.

    Raises Invalid, NotFound, Forbidden."""
    _must_hold(by, Action.HANDLE, asset, location)
    shown = safe_name(name)
    media_type = _known(file, shown)
    kind = one_of(kind or ("photo" if media_type in PICTURES else "document"), Attachment.Kind.values, "kind")
    if kind != Attachment.Kind.DOCUMENT and media_type not in PICTURES:
        raise Invalid(f"file: {shown} is no picture", field="file")
    stored = store(file, media_type, redraw=kind == Attachment.Kind.PHOTO)
    with transaction.atomic():
        beside = Attachment.objects.filter(asset=asset, location=location)
        if beside.count() >= MOST_FILES:
            raise Invalid(f"file: {MOST_FILES} files are here already; delete one first", field="file")
        main = kind == Attachment.Kind.PHOTO and asset is not None and not beside.filter(main=True).exists()
        _put_row(stored)
        attachment = Attachment.objects.create(
            asset=asset, location=location, file=stored, kind=kind, name=shown, added_by_id=by.user_id, main=main
        )
        log.record(by, asset or location or attachment, "file added", file=shown, size=stored.size, kind=kind)
    return attachment


@transaction.atomic
def detach(*, by: Actor, attachment: Attachment) -> None:
    """Take a file off; its bytes go when nothing else has them. Raises NotFound, Forbidden."""
    _must_hold(by, Action.EDIT, attachment.asset, attachment.location)
    stored, owner = attachment.file, attachment.asset or attachment.location or attachment
    was_main, asset = attachment.main, attachment.asset
    log.record(by, owner, "file deleted", {"file": attachment.name, "sha256": stored.sha256})
    attachment.delete()
    if was_main and asset is not None:
        following = Attachment.objects.filter(asset=asset, kind=Attachment.Kind.PHOTO).order_by("id").first()
        if following is not None:
            Attachment.objects.filter(pk=following.pk).update(main=True)
    let_go(stored)


def keep(file: BinaryIO, name: str) -> tuple[StoredFile, str]:
    """Keep a file for a thing of another app, which names the row; return it and what the file is called. Of a picture its pixels
    are kept. Raises Invalid."""
    shown = safe_name(name)
    media_type = _known(file, shown)
    stored = store(file, media_type, redraw=media_type in PICTURES)
    _put_row(stored)
    return stored, shown


def let_go(stored: StoredFile) -> None:
    """Remove a file when nothing has it any more, in the caller's transaction; its bytes go after it."""
    if any(owner.filter(**{field: stored}).exists() for owner, field in owners()):
        return
    sha256 = stored.sha256
    stored.delete()
    transaction.on_commit(lambda: _remove(sha256))


def owners() -> list[tuple[Any, str]]:
    """All that may have a file: rows of every app, and the field that names it."""
    relations = (one for one in StoredFile._meta.get_fields(include_hidden=True) if one.auto_created and one.is_relation)
    return [(one.related_model._base_manager, one.field.name) for one in relations if not one.concrete]  # type: ignore[union-attr]


@transaction.atomic
def set_main(*, by: Actor, attachment: Attachment) -> None:
    """Let this photo stand for its asset. Raises Invalid, NotFound, Forbidden."""
    _must_hold(by, Action.HANDLE, attachment.asset, None)
    if attachment.kind != Attachment.Kind.PHOTO or attachment.asset is None:
        raise Invalid("file: only a photo can stand for an asset", field="file")
    before = Attachment.objects.filter(asset=attachment.asset, main=True).first()
    Attachment.objects.filter(asset=attachment.asset, main=True).update(main=False)
    Attachment.objects.filter(pk=attachment.pk).update(main=True)
    log.record(by, attachment.asset, "changed", {"photo": before and before.name}, photo=attachment.name)


def store(file: BinaryIO, media_type: str, *, redraw: bool) -> StoredFile:
    """Write the bytes under their hash and return the row that names them, not saved yet. Raises Invalid."""
    width = height = None
    small: bytes | None = None
    if media_type in PICTURES:
        width, height = pictures.size_of(file, media_type)
        small = pictures.thumbnail(file, media_type).data
        if redraw:
            drawn = pictures.without_place(file, media_type)
            file, width, height = BytesIO(drawn.data), drawn.width, drawn.height
    sha256, size = _hashed(file)
    _write(path_of(sha256), _pieces(file))
    if small is not None:
        _write(small_path_of(sha256), iter([small]))
    return StoredFile(sha256=sha256, size=size, media_type=media_type, width=width, height=height)


def path_of(sha256: str) -> Path:
    return folder() / sha256[:2] / sha256


def small_path_of(sha256: str) -> Path:
    return folder() / sha256[:2] / f"{sha256}{_SMALL}"


def folder() -> Path:
    found: Path = settings.DATA_DIR / "files"
    return found


def safe_name(name: str) -> str:
    """What an upload is called, so that it can stand on a page, in a header and on any disk: no folders, no control or format
    characters (right-to-left marks hide endings), not hidden."""
    bare = unicodedata.normalize("NFC", str(name)).replace("\\", "/").rpartition("/")[2]
    kept = "".join(
        c if c not in '<>:"|?*' else "_" for c in bare if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
    )
    kept = " ".join(kept.split()).lstrip(".").strip()
    stem, dot, ending = kept.rpartition(".")
    if dot and len(kept) > NAME_CHARS:
        kept = f"{stem[: NAME_CHARS - len(ending[:10]) - 1]}.{ending[:10]}"
    kept = kept[:NAME_CHARS]
    assert not has_control(kept)
    return kept or "file"


def download_name(kept: Kept) -> str:
    """Its name with the ending of what it is: a page called `photo.html` that is text goes out as `photo.html.txt`."""
    ending = ENDINGS[kept.file.media_type]
    alike = (ending, ".jpeg") if ending == ".jpg" else (ending, ".tsv") if ending == ".csv" else (ending,)
    name = str(kept.name)
    return name if name.lower().endswith(alike) else f"{name}{ending}"


def sweep(*, older_than: timedelta = timedelta(days=1)) -> int:
    """Remove bytes that no row names and that are no upload of right now. Return how many files went."""
    limit = (timezone.now() - older_than).timestamp()
    gone = 0
    for path in folder().glob("??/*"):
        sha256 = path.name.removesuffix(_SMALL)
        if path.stat().st_mtime < limit and not StoredFile.objects.filter(pk=sha256).exists():
            path.unlink(missing_ok=True)
            gone += 1
    return gone


def _known(file: BinaryIO, name: str) -> str:
    size = file.seek(0, os.SEEK_END)
    most = settings.CONFIGURATION.files.max_mb
    if size > most * 1_000_000:
        raise Invalid(f"file: {name} has {size / 1_000_000:.1f} MB, {most} at most", field="file")
    if size == 0:
        raise Invalid(f"file: {name} is empty", field="file")
    media_type = media_type_of(file, name)
    if media_type is None:
        raise Invalid(f"file: {name} is of a kind that is not kept; {TAKEN}", field="file")
    return media_type


def _put_row(stored: StoredFile) -> None:
    try:
        with transaction.atomic():
            stored.save(force_insert=True)
    except IntegrityError:  # somebody had the same bytes before us
        pass


def _hashed(file: BinaryIO) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    for piece in _pieces(file):
        digest.update(piece)
        size += len(piece)
    return digest.hexdigest(), size


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    return iter(lambda: file.read(_PIECE), b"")


def _write(path: Path, pieces: Iterator[bytes]) -> None:
    """Whole or not at all: written beside, flushed to disk, then renamed. One that is there already is the same."""
    if path.exists():
        os.utime(path)  # in use again: sweep() leaves it for a while
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # 0600
    try:
        with os.fdopen(descriptor, "wb") as out:
            for piece in pieces:
                out.write(piece)
            out.flush()
            os.fsync(out.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    entry = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(entry)
    finally:
        os.close(entry)


def _remove(sha256: str) -> None:
    if not StoredFile.objects.filter(pk=sha256).exists():
        path_of(sha256).unlink(missing_ok=True)
        small_path_of(sha256).unlink(missing_ok=True)


def _must_hold(by: Actor, action: Action, asset: Asset | None, location: Location | None) -> None:
    if asset is not None:
        must_be_allowed(by, action, [asset.pk])
    elif location is not None:
        seen: Any = Location.objects
        if not seen.visible_to(by).filter(pk=location.pk).exists():
            raise NotFound("there is no such place")
        if not seen.visible_to(by, action).filter(pk=location.pk).exists():
            raise Forbidden(f"your role does not allow this here ({action})")
