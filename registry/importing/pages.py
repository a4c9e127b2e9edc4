"""Pages of importing: hand in a file, say what its columns are, watch, look at what would change, confirm."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render

from registry.access.actors import Action
from registry.importing import files, reading_out, services
from registry.importing.lookups import WHAT
from registry.importing.mapping import fields
from registry.importing.models import ImportJob
from registry.importing.options import MAKEABLE, read_options
from registry.page import acting, page, said
from registry.problems import Forbidden, Invalid, NotFound, Problem
from registry.tables.csv_reading import DELIMITERS
from registry.tables.encodings import KNOWN
from registry.tables.writing import CsvWriter

State = ImportJob.State
RECENT = 30


@page("GET", "POST")
def listing(request: HttpRequest) -> HttpResponse:
    by = acting(request)
    error = ""
    if request.method == "POST":
        try:
            job = _received(request)
        except Problem as problem:
            error = said(problem)
        else:
            return redirect("import", job.pk)
    context = {
        "area": "imports",
        "jobs": ImportJob.objects.visible_to(by).select_related("user")[:RECENT],
        "may_import": by.may_anywhere(Action.EDIT),
        "error": error,
        "mebibytes": files.LIMITS.file_bytes // 1024 // 1024,
        "rows": f"{files.LIMITS.rows:,}",
        "fields": fields().values(),
    }
    return render(request, "importing/imports.html", context, status=422 if error else 200)


@page()
def show(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """What the import asks for now."""
    job = _found(request, job_id)
    if job.state in (State.CHECKING, State.APPLYING):
        return render(request, "importing/working.html", _working(job))
    if job.state == State.UPLOADED or (job.state in (State.CHECKED, State.FAILED) and "mapping" in request.GET):
        return render(request, "importing/mapping.html", _mapping(job, job.mapping, job.options))
    return render(request, "importing/review.html", _review(job, request.GET))


@page()
def progress(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """The part of the page that is asked for again and again; when there is something else to see the page loads anew."""
    job = _found(request, job_id)
    if job.state not in (State.CHECKING, State.APPLYING):
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "importing/_progress.html", _working(job))


@page("POST")
def read_again(request: HttpRequest, job_id: UUID) -> HttpResponse:
    given = request.POST
    delimiter = given.get("delimiter", "")
    return _done(
        request,
        job_id,
        lambda by, job: services.read_again(
            by=by,
            job=job,
            encoding=given.get("encoding") or None,
            delimiter="\t" if delimiter == "tab" else delimiter or None,
            sheet=given.get("sheet") or None,
        ),
    )


@page("POST")
def check(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Start a dry run with what the form says; `again` keeps the mapping and adds what is to be made."""
    by, given = acting(request), request.POST
    job = _found(request, job_id)
    if "again" in given:
        mapping, options = dict(job.mapping), dict(job.options)
        options["make"] = [*options.get("make", []), *given.getlist("make")]
    else:
        mapping = {str(at): given.get(f"column-{at}", "") for at in range(len(job.header))}
        options = {
            "days": given.get("days"), "decimals": given.get("decimals"), "clear": "clear" in given, "number": "number" in given,
            "make": given.getlist("make"), "trust": given.getlist("trust"),
        }  # fmt: skip
    try:
        services.start_check(by=by, job=job, mapping=mapping, options=options)
    except Forbidden as exc:
        raise PermissionDenied(exc.text) from None
    except Problem as problem:
        context = _mapping(job, mapping, options) | {"error": said(problem)}
        return render(request, "importing/mapping.html", context, status=422)
    return redirect("import", job.pk)


@page("POST")
def confirm(request: HttpRequest, job_id: UUID) -> HttpResponse:
    leave_out = "leave_out" in request.POST
    return _done(request, job_id, lambda by, job: services.confirm(by=by, job=job, leave_out=leave_out))


@page("POST")
def cancel(request: HttpRequest, job_id: UUID) -> HttpResponse:
    return _done(request, job_id, lambda by, job: services.cancel(by=by, job=job))


@page()
def errors(request: HttpRequest, job_id: UUID) -> StreamingHttpResponse:
    """Every error as CSV."""
    job = _found(request, job_id)

    def pieces() -> Iterator[bytes]:
        writer = CsvWriter()
        yield writer.rows([("row", "column", "value", "reason")])
        for some in reading_out.all_problems(job):
            yield writer.rows(some)

    headers = {"Content-Disposition": f'attachment; filename="import-errors-{job.created_at:%Y-%m-%d-%H%M}.csv"'}
    return StreamingHttpResponse(pieces(), content_type=CsvWriter.content_type, headers=headers)


# ---- what they share -----------------------------------------------------------------------------------------------------------


def _found(request: HttpRequest, job_id: UUID) -> ImportJob:
    try:
        return services.find(acting(request), job_id)
    except NotFound as exc:
        raise Http404(exc.text) from None


def _received(request: HttpRequest) -> ImportJob:
    """Raises Problem."""
    by = acting(request)
    services.must_import(by)
    if int(request.META.get("CONTENT_LENGTH") or 0) > files.LIMITS.file_bytes + files.FORM_BYTES:
        raise Invalid(f"file: more than {files.LIMITS.file_bytes // 1024 // 1024} MiB; split it", field="file")
    given = request.FILES.get("file")
    if given is None:
        raise Invalid("file: choose one", field="file")
    return services.receive(by=by, name=given.name or "", chunks=given.chunks())


def _done(request: HttpRequest, job_id: UUID, what: Any) -> HttpResponse:
    job = _found(request, job_id)
    try:
        what(acting(request), job)
    except Forbidden as exc:
        raise PermissionDenied(exc.text) from None
    except Problem as problem:
        messages.error(request, said(problem), "attention")
    return redirect("import", job_id)


def _working(job: ImportJob) -> dict[str, Any]:
    return {"area": "imports", "job": job, "progress": reading_out.progress_of(job)}


def _mapping(job: ImportJob, mapping: dict[str, str], options: dict[str, Any]) -> dict[str, Any]:
    known = fields()
    columns = [
        {
            "at": at, "title": title, "field": mapping.get(str(at), ""),
            "samples": [row[at] for row in job.samples if at < len(row) and row[at].strip()][:3],
        }
        for at, title in enumerate(job.header)
    ]  # fmt: skip
    codes = [one for one in known.values() if one.kind in ("code", "codes")]
    return {
        "area": "imports",
        "job": job,
        "columns": columns,
        "fields": known.values(),
        "options": options,
        "makeable": MAKEABLE.items(),
        "codes": codes,
        "encodings": KNOWN.items(),
        "delimiters": [(("tab" if one == "\t" else one), word) for one, word in DELIMITERS.items()],
        "used": sum(1 for column in columns if column["field"]),
        "kept": bool(options) or job.state != State.UPLOADED,
    }


def _review(job: ImportJob, given: QueryDict) -> dict[str, Any]:
    wanted = given.get("show", "")
    if wanted not in reading_out.SHOWS:
        wanted = _first_to_look_at(job)
    after = int(text) if (text := given.get("after", "")).isascii() and text.isdecimal() and len(text) < 18 else 0
    column = given.get("column")
    context: dict[str, Any] = {
        "area": "imports",
        "job": job,
        "show": wanted,
        "column": column,
        "figures": _figures(job),
        "missing": _missing(job),
    }
    if wanted == "problems":
        problems, following = reading_out.problems_of(job, column=column, after=after)
        context |= {"problems": problems, "columns": reading_out.wrong_columns(job), "most_often": reading_out.most_often(job)}
    else:
        rows, following = reading_out.rows_of(job, wanted, after=after)
        context |= {"rows": [(row, reading_out.differences(row)) for row in rows]}
    return context | {"next": following, "first": not after}


def _first_to_look_at(job: ImportJob) -> str:
    if job.wrong or job.refused:
        return "problems"
    return "changed" if job.changed else "fresh" if job.fresh else "unchanged"


def _figures(job: ImportJob) -> list[tuple[str, int, str]]:
    """What the link shows, how many, word."""
    found = [
        ("problems", job.wrong, "with errors"), ("fresh", job.fresh, "new"), ("changed", job.changed, "changed"),
        ("unchanged", job.unchanged, "as they are"),
    ]  # fmt: skip
    return [*found, ("refused", job.refused, "not written")] if job.refused else found


def _missing(job: ImportJob) -> list[dict[str, Any]]:
    """What the rows name and is not there, by field; `made`: the person said that it is to be made."""
    make = read_options(job.options).make
    return [
        {
            "field": field,
            "word": MAKEABLE[field] if len(names) > 1 else WHAT[field],
            "count": len(names),
            "names": names,
            "made": field in make,
        }
        for field, names in job.missing.items()
        if names and field in MAKEABLE
    ]
