"""Importing: hand in a file, say what its columns are, check it, confirm or cancel. The work itself is done in steps.py.

Importing needs the right to edit somewhere; each row is then held against the rights for its own asset.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from itertools import islice
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from registry.access.actors import Action, Actor
from registry.db import uuid7
from registry.importing import files
from registry.importing.mapping import check as check_mapping
from registry.importing.mapping import guess, header_key
from registry.importing.models import ImportJob
from registry.importing.options import read_options
from registry.problems import Forbidden, Invalid, NotFound
from registry.tables import headers
from registry.tables.encodings import KNOWN
from registry.tables.reading import Choice, open_table
from registry.tables.table import Table, Unreadable, shown
from registry.work import runs
from registry.work.models import Run

State = ImportJob.State
KIND: Final = "import"  # of its runs
SAMPLE_ROWS: Final = 5
SAMPLE_CHARS: Final = 60
HEADER_CHARS: Final = 120
OPEN_AT_ONCE: Final = 20  # imports of one person that wait for a decision; each keeps a file
FORGOTTEN_AFTER: Final = timedelta(days=7)
_SETTLED: Final = (State.DONE, State.FAILED, State.CANCELLED)
_WORKING: Final = (State.CHECKING, State.APPLYING)


def receive(*, by: Actor, name: str, chunks: Iterable[bytes]) -> ImportJob:
    """Keep a file and look into it: its columns, the first rows, what the columns seem to be. Raises Invalid, Forbidden."""
    must_import(by)
    forget_old()
    waiting = ImportJob.objects.visible_to(by).exclude(state__in=_SETTLED).filter(user=by.user_id, token=by.token_id)
    if waiting.count() >= OPEN_AT_ONCE:
        raise Invalid(f"file: {OPEN_AT_ONCE} imports wait for you already; confirm or cancel them first", field="file")
    job = ImportJob(id=uuid7(), user_id=by.user_id, token=by.token_id, name=files.shown_name(name))
    stored = files.store(job.pk, chunks)
    job.sha256, job.size = stored
    try:
        _look_into(by, job, Choice())
        before = ImportJob.objects.visible_to(by).filter(sha256=job.sha256, state=State.DONE).first()
        if before is not None and before.finished_at is not None:
            when = f"{before.finished_at:%Y-%m-%d %H:%M} UTC"
            job.notes.append(f"This very file was imported already, {when}; what has not changed since stays as it is.")
        job.save(force_insert=True)
    except BaseException:
        files.remove(job.pk)
        raise
    return job


def read_again(*, by: Actor, job: ImportJob, encoding: str | None, delimiter: str | None, sheet: str | None) -> ImportJob:
    """Look into the file in another way: it was read wrongly. Raises Invalid, Forbidden."""
    must_import(by)
    _must_be(job, State.UPLOADED, State.CHECKED, State.FAILED)
    if encoding and encoding not in KNOWN:
        raise Invalid(f"encoding: one of {', '.join(sorted(KNOWN))}", field="encoding")
    _look_into(by, job, Choice(encoding or None, delimiter or None, sheet or None))
    job.state, job.message = State.UPLOADED, ""
    job.save()
    return job


def start_check(
    *, by: Actor, job: ImportJob, mapping: Mapping[str, Any], options: Mapping[str, Any], queued: bool = True
) -> ImportJob:
    """Decide what the columns are, and have every row checked; nothing else is written. `queued`: by the work process, else the
    caller does it. Raises Invalid, Forbidden."""
    must_import(by)
    _must_be(job, State.UPLOADED, State.CHECKED, State.FAILED)
    chosen = read_options(options)
    job.mapping, job.options = check_mapping(mapping, job.header, numbering=chosen.number), chosen.as_json()
    return _start(by, job, State.CHECKING, {"phase": "clearing"}, queued)


def confirm(*, by: Actor, job: ImportJob, leave_out: bool = False, queued: bool = True) -> ImportJob:
    """Have the rows written that the dry run found new or changed. `leave_out`: although others have errors. `queued`: as for
    start_check. Raises Invalid, Forbidden."""
    must_import(by)
    _must_be(job, State.CHECKED)
    if job.wrong and not leave_out:
        raise Invalid(f"{job.wrong:,} rows have errors; correct them, or say that they are to be left out", field="leave_out")
    job.confirmed_at = timezone.now()
    return _start(by, job, State.APPLYING, {"phase": "applying", "at": 0}, queued)


@transaction.atomic
def cancel(*, by: Actor, job: ImportJob) -> ImportJob:
    """End it. What is written already stays, and the log of changes says what that is. Raises Invalid, Forbidden."""
    must_import(by)
    ended = ImportJob.objects.filter(pk=job.pk).exclude(state__in=_SETTLED)
    if not ended.update(state=State.CANCELLED, finished_at=timezone.now(), progress={}):
        raise Invalid(f"it is {_now(job)} already")
    transaction.on_commit(lambda: files.remove(job.pk))
    job.refresh_from_db()
    return job


def find(by: Actor, job_id: Any) -> ImportJob:
    """Raises NotFound."""
    job = ImportJob.objects.visible_to(by).filter(pk=job_id).first()
    if job is None:
        raise NotFound("there is no such import")
    if job.state in _WORKING and job.run is not None:
        _settle(job, job.run)
    return job


def must_import(by: Actor) -> None:
    """Raises Forbidden."""
    if not by.may_anywhere(Action.EDIT):
        raise Forbidden("your role does not allow imports")


def forget_old() -> None:
    """Cancel what nobody came back to, so that its file does not stay for ever."""
    old = ImportJob.objects.filter(state__in=(State.UPLOADED, State.CHECKED), created_at__lt=timezone.now() - FORGOTTEN_AFTER)
    for job in old[:100]:
        ImportJob.objects.filter(pk=job.pk).update(state=State.CANCELLED, finished_at=timezone.now())
        files.remove(job.pk)


@transaction.atomic
def _start(by: Actor, job: ImportJob, state: str, progress: dict[str, Any], queued: bool) -> ImportJob:
    """Raises Invalid if somebody was faster."""
    run = None
    if queued:
        run = runs.start(by=by.as_part_of(job.request_id), kind=KIND, parameters={"import": str(job.pk)}).pk
    values = {"state": state, "progress": progress, "run": run, "message": "", "confirmed_at": job.confirmed_at}
    if state == State.CHECKING:
        values |= {"mapping": job.mapping, "options": job.options}
    if not ImportJob.objects.filter(pk=job.pk, state=job.state).update(**values):
        raise Invalid("somebody else has gone on with this import meanwhile; look at it again")
    job.refresh_from_db()
    return job


def _settle(job: ImportJob, run_id: UUID) -> None:
    """A run that ended before it could begin its work has told nobody; take over how it ended."""
    run = Run.objects.filter(pk=run_id, state__in=(Run.State.FAILED, Run.State.CANCELLED)).first()
    if run is not None:
        state = State.FAILED if run.state == Run.State.FAILED else State.CANCELLED
        ended = {"state": state, "message": run.message, "finished_at": timezone.now(), "progress": {}}
        ImportJob.objects.filter(pk=job.pk, run=job.run, state__in=_WORKING).update(**ended)
        job.refresh_from_db()


def _look_into(by: Actor, job: ImportJob, choice: Choice) -> None:
    try:
        with open_table(files.path_of(job.pk), choice, files.LIMITS) as table:
            samples = [[shown(cell, SAMPLE_CHARS) for cell in row.cells] for row in islice(table.rows, SAMPLE_ROWS)]
            _describe(job, table, samples)
    except Unreadable as exc:
        raise Invalid(f"file: {exc}", field="file") from None
    job.mapping, job.options = guess(by, job.header)


def _describe(job: ImportJob, table: Table, samples: list[list[str]]) -> None:
    job.form, job.encoding, job.delimiter, job.sheet = table.form, table.encoding, table.delimiter, table.sheet
    job.sheets, job.header_row, job.samples = table.sheets[:50], table.header_row, samples
    job.header = [shown(title, HEADER_CHARS) for title in table.header]
    job.header_key = header_key(job.header)
    job.notes = [*table.notes, *(f"Column {one.column + 1}: {one.reason}." for one in headers.problems(table.header)[:10])]


def _must_be(job: ImportJob, *states: str) -> None:
    if job.state not in states:
        raise Invalid(f"it is {_now(job)}; this can be done when it is {' or '.join(states)}")


def _now(job: ImportJob) -> str:
    return str(job.get_state_display()).lower()
