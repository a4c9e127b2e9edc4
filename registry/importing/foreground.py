"""Importing at the command line: the same dry run and the same writing, done here and now instead of by the work process."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from registry.access.actors import Actor
from registry.exits import CannotGoOn
from registry.importing import files, reading_out, services
from registry.importing.mapping import fields
from registry.importing.models import ImportJob, ImportProblem, counts
from registry.importing.options import MAKEABLE, Options
from registry.importing.reading_out import Progress
from registry.importing.runs import ImportWork
from registry.tables.headers import bare

MAX_TOLD: Final = 1_000  # errors
_CHUNK: Final = 1 << 20
Told = Callable[[Progress], None]


def checked(*, by: Actor, path: Path, given: Sequence[str], options: Options, tell: Told) -> ImportJob:
    """Hand the file in and check every row. `given` are `header=field` pairs over what is guessed; `header=` leaves a column out.

    Raises CannotGoOn, Problem, OSError."""
    with path.open("rb") as file:
        job = services.receive(by=by, name=path.name, chunks=iter(lambda: file.read(_CHUNK), b""))
    try:
        mapping = job.mapping | _pairs(job.header, given)
        services.start_check(by=by, job=job, mapping=mapping, options=options.as_json(), queued=False)
        _work(by, job, tell)
    except BaseException:
        forget(by, job)
        raise
    return job


def written(*, by: Actor, job: ImportJob, leave_out: bool, tell: Told) -> ImportJob:
    """Write what was found. Should it be stopped, the same file again does the rest. Raises Problem."""
    services.confirm(by=by, job=job, leave_out=leave_out, queued=False)
    try:
        _work(by, job, tell)
    except BaseException:
        forget(by, job)
        raise
    return job


def forget(by: Actor, job: ImportJob) -> None:
    """Nobody will come back to it."""
    services.cancel(by=by, job=job)
    files.remove(job.pk)


def as_json(job: ImportJob) -> dict[str, Any]:
    errors = [
        {"row": one.row, "column": one.column, "value": one.value, "reason": one.reason}
        for one in ImportProblem.objects.filter(job=job).order_by("pk")[:MAX_TOLD]
    ]
    return {"id": str(job.pk), "state": job.state, **counts(job), "missing": job.missing, "errors": errors}


def sentences(job: ImportJob) -> Iterator[str]:
    """What a person wants to know, the result last."""
    yield from job.notes
    told = 0
    for some in reading_out.all_problems(job):
        for row, column, value, reason in some:
            if told < MAX_TOLD:
                yield f"row {row}, {column}: {value!r}: {reason}" if column else f"row {row}: {reason}"
            told += 1
    if told > MAX_TOLD:
        yield f"... and {told - MAX_TOLD:,} more errors."
    for field, names in job.missing.items():
        what = "made with it" if field in job.options.get("make", ()) else f"not there yet (--make {field})"
        yield f"{MAKEABLE[field]} {what}: {', '.join(names[:10])}{' ...' if len(names) > 10 else ''}"
    if job.state == ImportJob.State.DONE:
        left = f", {job.refused:,} could not be written" if job.refused else ""
        yield f"{job.written:,} rows written, {job.unchanged:,} were as they are{left}."
    else:
        found = f"{job.fresh:,} new, {job.changed:,} changed, {job.unchanged:,} as they are, {job.wrong:,} with errors"
        yield f"{found}. Nothing is written."


def _work(by: Actor, job: ImportJob, tell: Told) -> None:
    work = ImportWork(job.pk, by)
    try:
        while not work.step():
            tell(work.progress())
    finally:
        work.close()
    job.refresh_from_db()
    if job.state == ImportJob.State.FAILED:
        raise CannotGoOn(job.message)


def _pairs(header: Sequence[str], given: Sequence[str]) -> Mapping[str, str]:
    known = fields()
    found: dict[str, str] = {}
    for pair in given:
        title, equals, field = pair.rpartition("=")
        at = next((at for at, name in enumerate(header) if bare(name) == bare(title)), None)
        if not equals or at is None:
            raise CannotGoOn(f"--map {pair}: write HEADER=FIELD; the file has {', '.join(header)}.")
        if field and field not in known:
            raise CannotGoOn(f"--map {pair}: there is no field {field!r}; there is {', '.join(known)}.")
        found[str(at)] = field
    return found
