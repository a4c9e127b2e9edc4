"""REST: importing tables of assets. Hand in, check, look at rows and errors, confirm."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.db.models import F
from django.http import HttpRequest
from ninja import Path, Query, Router, Schema, Status
from pydantic import Field

from registry.importing import files, mapping, reading_out, services
from registry.importing.models import ImportJob
from registry.operations import Cursor, Limit, Paged, Strict, acting
from registry.paging import Order, Page, cut
from registry.problems import Invalid

router = Router(tags=["imports"])
CHUNK = 64 * 1024
Show = Literal["fresh", "changed", "unchanged", "wrong", "refused"]
NEWEST = Order("created", F("created_at"), "time", descending=True)
BY_NUMBER = Order("number", F("number"), "number")
BY_ROW = Order("row", F("row"), "number")

_TABLE = {"schema": {"type": "string", "format": "binary"}}
UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
            "text/csv": _TABLE,
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": _TABLE,
        },
    }
}


class ImportOut(Schema):
    """`mapping` is column (from 0) to field; `missing` by field what the rows name and the registry does not have."""

    id: UUID
    state: str
    name: str
    sha256: str
    size: int
    form: str
    encoding: str
    delimiter: str
    sheet: str
    header: list[str]
    mapping: dict[str, str]
    options: dict[str, Any]
    notes: list[str]
    missing: dict[str, list[str]]
    rows: int
    fresh: int
    changed: int
    unchanged: int
    wrong: int
    written: int
    refused: int
    message: str
    request_id: UUID
    created_at: datetime
    checked_at: datetime | None
    confirmed_at: datetime | None
    finished_at: datetime | None


class ImportPage(Paged):
    items: list[ImportOut]


class RowOut(Schema):
    number: int
    outcome: str
    result: str
    asset: UUID | None
    name: str
    before: dict[str, str]
    after: dict[str, str]


class RowPage(Paged):
    items: list[RowOut]


class ProblemOut(Schema):
    row: int
    column: str
    value: str
    reason: str
    late: bool = Field(description="Found while writing, not by the dry run")


class ProblemPage(Paged):
    items: list[ProblemOut]


class FieldOut(Schema):
    """What a column may be: `mapping` of a check names it by its key. `kind` says what its cells mean."""

    key: str
    title: str
    kind: str
    help: str


class FieldsOut(Schema):
    items: list[FieldOut]


class Reading(Strict):
    """How the file is to be read; what is left out is guessed."""

    encoding: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    sheet: Annotated[str, Field(min_length=1, max_length=100)] | None = None


class OptionsIn(Strict):
    """`days`: how 3/4/2024 is meant; `decimals`: what stands before them. Unset, the columns decide."""

    days: Literal["dmy", "mdy"] | None = None
    decimals: Literal[".", ","] | None = None
    clear: Annotated[bool, Field(description="An empty cell takes the value away")] = False
    make: list[Literal["category", "home_location", "supplier", "model", "cost_center"]] = Field(
        default_factory=list, max_length=10, description="Make what is not there yet"
    )
    number: Annotated[bool, Field(description="Rows with neither number nor code are new assets")] = False
    trust: list[Annotated[str, Field(max_length=60)]] = Field(
        default_factory=list, max_length=100, description="Fields whose codes are right as they stand"
    )


class DryRun(Strict):
    """Without `mapping` the one that was guessed."""

    mapping: Annotated[dict[str, Annotated[str, Field(max_length=60)]], Field(max_length=200)] | None = None
    options: OptionsIn = OptionsIn()


class ConfirmIn(Strict):
    leave_out: bool = Field(False, description="Write the rest although some rows have errors")


@router.post(
    "/imports", response={201: ImportOut}, operation_id="create_import", openapi_extra=UPLOAD, summary="Hand in a table of assets"
)
def create_import(request: HttpRequest, filename: Annotated[str, Query(max_length=400)] = "") -> Any:
    """As `multipart/form-data` with the field `file`, or as the body itself with `filename` in the address."""
    by = acting(request)
    services.must_import(by)
    if int(request.META.get("CONTENT_LENGTH") or 0) > files.LIMITS.file_bytes + files.FORM_BYTES:
        raise Invalid(f"file: more than {files.LIMITS.file_bytes // 1024 // 1024} MiB; split it", field="file")
    if request.content_type == "multipart/form-data":
        given = request.FILES.get("file")
        if given is None:
            raise Invalid("file: send one as this field", field="file")
        return Status(201, services.receive(by=by, name=filename or given.name or "", chunks=given.chunks()))
    return Status(201, services.receive(by=by, name=filename, chunks=_body(request)))


@router.get("/imports", response=ImportPage, operation_id="list_imports", summary="One's imports, newest first")
def list_imports(request: HttpRequest, cursor: Cursor = None, limit: Limit = 50) -> Any:
    return _listed(cut(ImportJob.objects.visible_to(acting(request)), NEWEST, cursor, limit))


@router.get(
    "/imports/fields", response=FieldsOut, operation_id="list_import_fields", summary="What the columns of a table may be"
)
def list_import_fields(request: HttpRequest) -> Any:
    services.must_import(acting(request))
    return {"items": list(mapping.fields().values())}


@router.get("/imports/{import_id}", response=ImportOut, operation_id="get_import", summary="How an import is")
def get_import(request: HttpRequest, import_id: Path[UUID]) -> Any:
    return services.find(acting(request), import_id)


@router.post("/imports/{import_id}/read", response=ImportOut, operation_id="read_import_again", summary="Read the file otherwise")
def read_import_again(request: HttpRequest, import_id: Path[UUID], body: Reading) -> Any:
    by = acting(request)
    job = services.find(by, import_id)
    return services.read_again(by=by, job=job, encoding=body.encoding, delimiter=body.delimiter, sheet=body.sheet)


@router.post("/imports/{import_id}/check", response=ImportOut, operation_id="check_import", summary="Have every row checked")
def check_import(request: HttpRequest, import_id: Path[UUID], body: DryRun) -> Any:
    """A dry run: nothing but its findings is written."""
    by = acting(request)
    job = services.find(by, import_id)
    meant = body.mapping if body.mapping is not None else job.mapping
    return services.start_check(by=by, job=job, mapping=meant, options=body.options.model_dump())


@router.get(
    "/imports/{import_id}/rows", response=RowPage, operation_id="list_import_rows", summary="What each row would do or did"
)
def list_rows(
    request: HttpRequest, import_id: Path[UUID], show: Show = "changed", cursor: Cursor = None, limit: Limit = 50
) -> Any:
    found = reading_out.rows_shown(services.find(acting(request), import_id), show)
    page = cut(found, BY_NUMBER, cursor, limit)
    reading_out.without_future_assets(page.rows)
    return _listed(page)


@router.get(
    "/imports/{import_id}/problems",
    response=ProblemPage,
    operation_id="list_import_problems",
    summary="Every error with its place",
)
def list_problems(
    request: HttpRequest,
    import_id: Path[UUID],
    column: Annotated[str | None, Query(max_length=200)] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    found = reading_out.problems_shown(services.find(acting(request), import_id), column)
    return _listed(cut(found, BY_ROW, cursor, limit))


@router.post(
    "/imports/{import_id}/confirm", response=ImportOut, operation_id="confirm_import", summary="Write what the dry run found"
)
def confirm_import(request: HttpRequest, import_id: Path[UUID], body: ConfirmIn) -> Any:
    by = acting(request)
    return services.confirm(by=by, job=services.find(by, import_id), leave_out=body.leave_out)


@router.post("/imports/{import_id}/cancel", response=ImportOut, operation_id="cancel_import", summary="End an import")
def cancel_import(request: HttpRequest, import_id: Path[UUID]) -> Any:
    by = acting(request)
    return services.cancel(by=by, job=services.find(by, import_id))


def _listed(page: Page[Any]) -> dict[str, Any]:
    return {"items": page.rows, "next": page.next, "previous": page.previous}


def _body(request: HttpRequest) -> Iterator[bytes]:
    while chunk := request.read(CHUNK):
        yield chunk
