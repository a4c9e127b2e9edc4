"""REST: every report, with the filters of its page."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router, Schema, Status
from pydantic import ConfigDict, Field

from registry.operations import Cursor, Limit, Paged, acting
from registry.paging import MAX_PAGE, OLDEST_FIRST, Page, cut
from registry.reports import services
from registry.reports.answer import Answer
from registry.reports.asking import MOST_DAYS
from registry.reports.catalogue import find, open_to
from registry.reports.models import Schedule

router = Router(tags=["reports"])


class ReportOut(Schema):
    key: str
    title: str
    question: str
    groups: dict[str, str] = Field(description="What its figures may be grouped by; the first is the default")


class ReportsOut(Schema):
    items: list[ReportOut]


class ColumnOut(Schema):
    key: str
    title: str
    kind: Literal["text", "number", "money", "percent", "day"]


class AnswerOut(Schema):
    """A table: each row has a cell for every column. Money is text, exact."""

    sentence: str
    columns: list[ColumnOut]
    rows: list[list[str | int | None]]
    totals: list[str | int | None]
    left_out: int = Field(description="Rows beyond what one answer holds; a file has them")
    notes: list[str]


class ScheduleOut(Schema):
    """`error`: why the last one did not go."""

    id: UUID
    report: str
    filters: dict[str, str]
    every: str
    form: str
    next_at: datetime
    last_at: datetime | None
    error: str


class SchedulePage(Paged):
    items: list[ScheduleOut]


class ReportFilters(Schema):
    """What a report is asked for; which of it counts, its own page says."""

    category: UUID | None = None
    place: UUID | None = None
    group: Annotated[str, Field(max_length=40)] | None = None
    since: date | None = None
    until: date | None = None
    days: Annotated[int, Field(ge=1, le=MOST_DAYS)] | None = None


class NewSchedule(ReportFilters):
    """With the filters of the report, as it is to be every time. Without days it looks back from the day it is sent."""

    model_config = ConfigDict(extra="forbid")
    every: Literal["day", "week", "month"]
    form: Literal["pdf", "xlsx", "csv"] = "pdf"


Key = Annotated[str, Path(max_length=40)]


@router.get("/reports", response=ReportsOut, operation_id="list_reports", summary="The reports one may see")
def list_reports(request: HttpRequest) -> Any:
    found = open_to(acting(request))
    return {"items": [{"key": r.key, "title": r.title, "question": r.question, "groups": dict(r.groups)} for r in found]}


@router.get("/reports/{key}", response=AnswerOut, operation_id="get_report", summary="A report, over what one may see")
def get_report(request: HttpRequest, key: Key, filters: Query[ReportFilters]) -> Any:
    by = acting(request)
    report = find(by, key)
    return _out(report.run(by, report.asked(by, filters.model_dump())))


@router.get("/reports/{key}/file", operation_id="get_report_file", summary="A report as CSV, XLSX or PDF")
def get_report_file(
    request: HttpRequest,
    key: Key,
    filters: Query[ReportFilters],
    form: Annotated[Literal["csv", "xlsx", "pdf"], Query()] = "csv",
) -> HttpResponse:
    by = acting(request)
    report = find(by, key)
    file = services.as_file(by=by, report=report, asked=report.asked(by, filters.model_dump()), form=form)
    headers = {"Content-Disposition": f'attachment; filename="{file.name}"', "Cache-Control": "private, no-cache"}
    return HttpResponse(file.content, content_type=file.content_type, headers=headers)


@router.get(
    "/report-schedules", response=SchedulePage, operation_id="list_report_schedules", summary="The reports you get by mail"
)
def list_report_schedules(request: HttpRequest, cursor: Cursor = None, limit: Limit = MAX_PAGE) -> Any:
    page: Page[Schedule] = cut(services.schedules_of(acting(request)), OLDEST_FIRST, cursor, limit)
    return SchedulePage(items=[_schedule_out(one) for one in page.rows], next=page.next, previous=page.previous)


@router.post(
    "/reports/{key}/schedules",
    response={201: ScheduleOut},
    operation_id="schedule_report",
    summary="Have a report sent to you by mail again and again",
)
def schedule_report(request: HttpRequest, key: Key, body: NewSchedule) -> Any:
    filters = body.model_dump(mode="json", exclude={"every", "form"}, exclude_none=True)
    made = services.schedule(by=acting(request), report=key, filters=filters, every=body.every, form=body.form)
    return Status(201, _schedule_out(made))


@router.delete(
    "/report-schedules/{schedule_id}", response={204: None}, operation_id="end_report_schedule", summary="Get it no more"
)
def end_report_schedule(request: HttpRequest, schedule_id: Path[UUID]) -> Any:
    services.end_schedule(by=acting(request), schedule_id=schedule_id)
    return Status(204, None)


def _schedule_out(one: Schedule) -> ScheduleOut:
    return ScheduleOut(
        id=one.pk, report=one.report, filters=one.filters, every=one.every, form=one.form, next_at=one.next_at,
        last_at=one.last_at, error=one.error,
    )  # fmt: skip


def _out(answer: Answer) -> dict[str, Any]:
    def plain(cell: Any) -> str | int | None:
        return cell if cell is None or isinstance(cell, int | str) else str(cell)

    return {
        "sentence": answer.sentence,
        "columns": [{"key": c.key, "title": c.title, "kind": c.kind} for c in answer.columns],
        "rows": [[plain(cell) for cell in row] for row in answer.rows],
        "totals": [plain(cell) for cell in answer.totals],
        "left_out": answer.left_out,
        "notes": list(answer.notes),
    }
