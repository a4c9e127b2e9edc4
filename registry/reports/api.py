"""REST: every report, with the filters of its page."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router, Schema
from pydantic import Field

from registry.operations import acting
from registry.reports import services
from registry.reports.answer import Answer
from registry.reports.asking import FILTERS, MOST_DAYS
from registry.reports.catalogue import find, open_to

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


Key = Annotated[str, Path(max_length=40)]
Day = Annotated[date | None, Query()]


@router.get("/reports", response=ReportsOut, operation_id="list_reports", summary="The reports one may see")
def list_reports(request: HttpRequest) -> Any:
    found = open_to(acting(request))
    return {"items": [{"key": r.key, "title": r.title, "question": r.question, "groups": dict(r.groups)} for r in found]}


@router.get("/reports/{key}", response=AnswerOut, operation_id="get_report", summary="A report, over what one may see")
def get_report(
    request: HttpRequest,
    key: Key,
    category: UUID | None = None,
    place: UUID | None = None,
    group: Annotated[str | None, Query(max_length=40)] = None,
    since: Day = None,
    until: Day = None,
    days: Annotated[int | None, Query(ge=1, le=MOST_DAYS)] = None,
) -> Any:
    by = acting(request)
    report = find(by, key)
    given = dict(zip(FILTERS, (category, place, group, since, until, days), strict=True))
    return _out(report.run(by, report.asked(by, given)))


@router.get("/reports/{key}/file", operation_id="get_report_file", summary="A report as CSV, XLSX or PDF")
def get_report_file(
    request: HttpRequest,
    key: Key,
    form: Annotated[Literal["csv", "xlsx", "pdf"], Query()] = "csv",
    category: UUID | None = None,
    place: UUID | None = None,
    group: Annotated[str | None, Query(max_length=40)] = None,
    since: Day = None,
    until: Day = None,
    days: Annotated[int | None, Query(ge=1, le=MOST_DAYS)] = None,
) -> HttpResponse:
    by = acting(request)
    report = find(by, key)
    given = dict(zip(FILTERS, (category, place, group, since, until, days), strict=True))
    file = services.as_file(by=by, report=report, asked=report.asked(by, given), form=form)
    headers = {"Content-Disposition": f'attachment; filename="{file.name}"', "Cache-Control": "private, no-cache"}
    return HttpResponse(file.content, content_type=file.content_type, headers=headers)


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
