"""REST: photos and documents of assets and places."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import File, Form, Path, Router, Schema, Status
from ninja.files import UploadedFile

from registry.access.actors import Actor
from registry.assets import files, serving
from registry.assets.media_types import PICTURES
from registry.assets.models import Attachment
from registry.assets.parts_api import asset_or_404
from registry.assets.trees_api import location_or_404
from registry.operations import Cursor, Limit, Paged, acting
from registry.paging import MAX_PAGE, OLDEST_FIRST, Page, cut
from registry.problems import NotFound

router = Router(tags=["files"])
_BYTES = {"schema": {"type": "string", "format": "binary"}}
_CONTENT: dict[str, Any] = {"responses": {200: {"description": "The bytes", "content": {"*/*": _BYTES}}}}
AttachmentKind = Literal["photo", "document", "signature"]


class FileOut(Schema):
    """`media_type` is what the bytes are. `main`: the photo that stands for its asset."""

    id: UUID
    name: str
    kind: str
    media_type: str
    size: int
    sha256: str
    width: int | None
    height: int | None
    main: bool
    added_at: datetime


class Files(Paged):
    items: list[FileOut]


@router.get(
    "/assets/{asset_id}/files", response=Files, operation_id="list_asset_files", summary="Photos and documents of an asset"
)
def list_asset_files(request: HttpRequest, asset_id: Path[UUID], cursor: Cursor = None, limit: Limit = MAX_PAGE) -> Any:
    return _listed(Attachment.objects.filter(asset=asset_or_404(acting(request), asset_id)), cursor, limit)


@router.post(
    "/assets/{asset_id}/files", response={201: FileOut}, operation_id="add_asset_file", summary="Keep a file with an asset"
)
def add_asset_file(
    request: HttpRequest, asset_id: Path[UUID], file: File[UploadedFile], kind: Annotated[AttachmentKind | None, Form()] = None
) -> Any:
    """JPEG, PNG, WebP, GIF, PDF, plain text, CSV and office documents. Photos are kept without where they were taken."""
    by = acting(request)
    asset = asset_or_404(by, asset_id)
    return Status(201, file_out(files.attach(by=by, asset=asset, file=file, name=file.name or "", kind=kind)))  # type: ignore[arg-type]


@router.get(
    "/locations/{location_id}/files",
    response=Files,
    operation_id="list_location_files",
    summary="Photos and documents of a place",
)
def list_location_files(request: HttpRequest, location_id: Path[UUID], cursor: Cursor = None, limit: Limit = MAX_PAGE) -> Any:
    return _listed(Attachment.objects.filter(location=location_or_404(acting(request), location_id)), cursor, limit)


@router.post(
    "/locations/{location_id}/files",
    response={201: FileOut},
    operation_id="add_location_file",
    summary="Keep a file with a place",
)
def add_location_file(
    request: HttpRequest, location_id: Path[UUID], file: File[UploadedFile], kind: Annotated[AttachmentKind | None, Form()] = None
) -> Any:
    by = acting(request)
    place = location_or_404(by, location_id)
    return Status(201, file_out(files.attach(by=by, location=place, file=file, name=file.name or "", kind=kind)))  # type: ignore[arg-type]


@router.get("/files/{file_id}", response=FileOut, operation_id="get_file", summary="What is known of a file")
def get_file(request: HttpRequest, file_id: Path[UUID]) -> Any:
    return file_out(file_or_404(acting(request), file_id))


@router.get("/files/{file_id}/content", operation_id="download_file", summary="The bytes of a file", openapi_extra=_CONTENT)
def download_file(request: HttpRequest, file_id: Path[UUID]) -> Any:
    return serving.whole(file_or_404(acting(request), file_id))


@router.get("/files/{file_id}/small", operation_id="download_small_picture", summary="A small picture", openapi_extra=_CONTENT)
def download_small(request: HttpRequest, file_id: Path[UUID]) -> Any:
    """WebP, 640 pixels at most; of pictures alone."""
    attachment = file_or_404(acting(request), file_id)
    if attachment.file.media_type not in PICTURES:
        raise NotFound("This file is no picture.")
    return serving.small(attachment)


@router.post("/files/{file_id}/main", response=FileOut, operation_id="set_main_photo", summary="Let a photo stand for its asset")
def set_main(request: HttpRequest, file_id: Path[UUID]) -> Any:
    by = acting(request)
    files.set_main(by=by, attachment=file_or_404(by, file_id))
    return file_out(file_or_404(by, file_id))


@router.delete("/files/{file_id}", response={204: None}, operation_id="delete_file", summary="Delete a file")
def delete_file(request: HttpRequest, file_id: Path[UUID]) -> Any:
    by = acting(request)
    files.detach(by=by, attachment=file_or_404(by, file_id))
    return Status(204, None)


def _listed(found: QuerySet[Attachment], cursor: str | None, limit: int) -> Files:
    page: Page[Attachment] = cut(found.select_related("file"), OLDEST_FIRST, cursor, limit)
    return Files(items=[file_out(one) for one in page.rows], next=page.next, previous=page.previous)


def file_or_404(by: Actor, file_id: UUID) -> Attachment:
    found = Attachment.objects.visible_to(by).select_related("file", "asset", "location").filter(pk=file_id).first()
    if found is None:
        raise NotFound("There is no such file.")
    return found


def file_out(attachment: Attachment) -> FileOut:
    file = attachment.file
    return FileOut(
        id=attachment.pk,
        name=attachment.name,
        kind=attachment.kind,
        media_type=file.media_type,
        size=file.size,
        sha256=file.sha256,
        width=file.width,
        height=file.height,
        main=attachment.main,
        added_at=attachment.added_at,
    )
