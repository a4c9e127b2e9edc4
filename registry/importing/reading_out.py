"""What pages and API show of an import: its progress in words, its rows and errors page by page, and what is most often wrong."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Count, QuerySet

from registry.importing.mapping import fields
from registry.importing.models import ImportJob, ImportProblem, ImportRow

Outcome, Result, State = ImportRow.Outcome, ImportRow.Result, ImportJob.State
PAGE_SIZE: Final = 50
ROWS_PAGE_SIZE: Final = 200  # of an export of errors, at once
MOST_OFTEN: Final = 8
SHOWS: Final = ("problems", "fresh", "changed", "unchanged", "refused")


@dataclass(frozen=True, slots=True)
class Progress:
    """`total` 0: nobody knows yet."""

    sentence: str
    done: int
    total: int


def progress_of(job: ImportJob) -> Progress:
    if job.state == State.APPLYING:
        done, total = job.written + job.refused, job.fresh + job.changed
        return Progress(f"{done:,} of {total:,} rows are written", done, total)
    if job.progress.get("phase") == "checking":
        done = job.fresh + job.changed + job.unchanged + job.wrong
        return Progress(f"{done:,} of {job.rows:,} rows are checked", done, job.rows)
    return Progress(f"The file is being read: {job.rows:,} rows" if job.rows else "The file is being read", 0, 0)


def problems_shown(job: ImportJob, column: str | None = None) -> QuerySet[ImportProblem]:
    found = ImportProblem.objects.filter(job=job)
    return found if column is None else found.filter(column=column)


def rows_shown(job: ImportJob, show: str) -> QuerySet[ImportRow]:
    """The rows of one outcome, or those that were refused."""
    found = ImportRow.objects.filter(job=job)
    return found.filter(result=Result.REFUSED) if show == "refused" else found.filter(outcome=show)


def without_future_assets(rows: Iterable[ImportRow]) -> None:
    """A new asset has its id before it is there; nobody needs to know it by then."""
    for row in rows:
        if row.outcome == Outcome.FRESH and row.result != Result.WRITTEN:
            row.asset = None


def problems_of(job: ImportJob, *, column: str | None = None, after: int = 0) -> tuple[list[ImportProblem], int | None]:
    """A page of errors behind the one with the id `after`, and where the next page begins."""
    return _page(problems_shown(job, column).filter(pk__gt=after).order_by("pk"), "pk")


def rows_of(job: ImportJob, show: str, *, after: int = 0) -> tuple[list[ImportRow], int | None]:
    """A page of the rows of one outcome behind row `after`, and where the next page begins."""
    rows, following = _page(rows_shown(job, show).filter(number__gt=after).order_by("number"), "number")
    without_future_assets(rows)
    return rows, following


def most_often(job: ImportJob) -> list[dict[str, Any]]:
    """The errors that stand in most rows: column, value, reason, rows."""
    grouped = ImportProblem.objects.filter(job=job).order_by().values("column", "value", "reason").annotate(rows=Count("pk"))
    return [dict(one) for one in grouped.filter(rows__gt=1).order_by("-rows", "column", "value")[:MOST_OFTEN]]


def wrong_columns(job: ImportJob) -> list[dict[str, Any]]:
    """How many errors each column has."""
    grouped = ImportProblem.objects.filter(job=job).order_by().values("column").annotate(rows=Count("pk"))
    return [dict(one) for one in grouped.order_by("-rows", "column")]


def all_problems(job: ImportJob) -> Iterator[list[tuple[int, str, str, str]]]:
    """Every error, some at a time: row, column, value, reason."""
    after = 0
    while True:
        some = list(ImportProblem.objects.filter(job=job, pk__gt=after).order_by("pk")[:ROWS_PAGE_SIZE])
        if not some:
            return
        yield [(one.row, one.column, one.value, one.reason) for one in some]
        after = some[-1].pk


def differences(row: ImportRow) -> list[tuple[str, str, str]]:
    """Title of the field, before, after."""
    known = fields()
    return [(known[key].title if key in known else key, row.before.get(key, ""), text) for key, text in row.after.items()]


def _page(found: QuerySet[Any], key: str) -> tuple[list[Any], int | None]:
    some = list(found[: PAGE_SIZE + 1])
    return some[:PAGE_SIZE], getattr(some[PAGE_SIZE - 1], key) if len(some) > PAGE_SIZE else None
