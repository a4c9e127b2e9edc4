"""The dry run: the file becomes rows on disk, then some rows at a time become plans in the database. It writes nothing else.

Each step leaves how far it is with the import, in the transaction of what it found, so that it goes on after a stop.
"""

import logging
import os
from collections.abc import Generator, Iterator
from itertools import islice
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from registry.access.actors import Actor
from registry.assets.columns import Column, columns_of
from registry.assets.models import CustomField
from registry.db import insert_new, uuid7
from registry.importing import files
from registry.importing.facts import Looking, facts_from
from registry.importing.lookups import look_up
from registry.importing.models import SHOWN_CHARS, ImportJob, ImportProblem, ImportRow, put
from registry.importing.options import Options, read_options
from registry.importing.planning import Planner
from registry.importing.plans import Outcome, Plan
from registry.tables.reading import Choice, open_table
from registry.tables.rows_file import read_rows, write_row
from registry.tables.table import WHOLE_ROW, Row, shown

log = logging.getLogger(__name__)
ROWS_AT_ONCE: Final = 400  # with their problems far below a thousand rows in nearly every file
READ_AT_ONCE: Final = 5_000
WRITTEN_AT_ONCE: Final = 1_000
MAX_PROBLEMS: Final = 100_000  # kept of one import; what is beyond is counted
MAX_MISSING: Final = 1_000  # names kept of what the registry does not have, by field
CLEARED_AT_ONCE: Final = 1_000
_COUNTS: Final = {
    Outcome.FRESH: "fresh", Outcome.CHANGED: "changed", Outcome.UNCHANGED: "unchanged", Outcome.WRONG: "wrong",
}  # fmt: skip


def imported_columns(job: ImportJob) -> dict[int, Column]:
    """The columns of the file that are imported, as fields there are now."""
    known = columns_of(CustomField.objects.all())
    return {at: known[key] for at, key in job.columns().items() if key in known}


class Checking:
    """Checks one import, step by step. `by` is who asked, with the rights they have now."""

    def __init__(self, job: ImportJob, by: Actor) -> None:
        self._job, self._by = job, by
        self._columns = imported_columns(job)
        self._options: Options = read_options(job.options)
        self._planner: Planner | None = None
        self._reading: Generator[int, None, None] | None = None
        self._rows: Generator[tuple[int, Row], None, None] | None = None

    def step(self) -> bool:
        """Do some of it; return whether all is done. Raises Unreadable, OSError, Stopped."""
        match self._job.progress.get("phase", "clearing"):
            case "clearing":
                self._clear()
            case "reading":
                self._read()
            case "checking":
                return self._check()
        return False

    def close(self) -> None:
        if self._reading is not None:
            self._reading.close()  # it has files open
        if self._rows is not None:
            self._rows.close()

    def _clear(self) -> None:
        """Take away what an earlier dry run found."""
        job = self._job
        for model in (ImportProblem, ImportRow):
            with transaction.atomic():
                some = list(model.objects.filter(job=job).order_by("pk").values_list("pk", flat=True)[:CLEARED_AT_ONCE])
                model.objects.filter(pk__in=some).delete()
            if some:
                return
        put(
            self._job,
            progress={"phase": "reading"},
            missing={},
            rows=0,
            fresh=0,
            changed=0,
            unchanged=0,
            wrong=0,
            written=0,
            refused=0,
        )

    def _read(self) -> None:
        """Put some more rows on disk and learn what the columns show; after a stop it begins anew."""
        if self._reading is None:
            self._reading = self._read_all()
        try:
            put(self._job, rows=next(self._reading))
        except StopIteration:
            self._reading = None

    def _read_all(self) -> Generator[int, None, None]:
        """How many rows are read, now and then. Nothing is written to the database meanwhile."""
        job = self._job
        looking = Looking(self._columns)
        count = 0
        part, target = files.path_of(job.pk, f"{files.ROWS}.part"), files.path_of(job.pk, files.ROWS)
        choice = Choice(job.encoding or None, job.delimiter or None, job.sheet or None)
        with (
            open_table(files.path_of(job.pk), choice, files.LIMITS) as table,
            os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file,
        ):
            for row in table.rows:
                if any(row.cells) or row.problems:
                    looking.see(row)
                    write_row(file, row)
                    count += 1
                    if count % READ_AT_ONCE == 0:
                        yield count
            notes = [*job.notes, *(note for note in table.notes if note not in job.notes)]
        part.replace(target)
        put(job, progress={"phase": "checking", "at": 0, "facts": looking.facts.as_json()}, rows=count, notes=notes[:20])

    def _check(self) -> bool:
        job = self._job
        if self._planner is None or self._rows is None:
            facts = facts_from(job.progress["facts"])
            lookups = look_up(self._by)
            self._planner = Planner(by=self._by, columns=self._columns, facts=facts, options=self._options, lookups=lookups)
            self._rows = read_rows(files.path_of(job.pk, files.ROWS), job.progress["at"])
        some = list(islice(self._rows, ROWS_AT_ONCE))
        plans = self._planner.plan([row for _, row in some])
        for part in _parts(plans, [at for at, _ in some]):
            self._keep([plan for plan, _ in part], at=part[-1][1])
        if len(some) == ROWS_AT_ONCE:
            return False
        put(self._job, state=ImportJob.State.CHECKED, checked_at=timezone.now(), progress={}, message="")
        return True

    @transaction.atomic
    def _keep(self, plans: list[Plan], at: int) -> None:
        job = self._job
        insert_new(ImportRow, _ROW, [self._row_of(plan) for plan in plans], key=["job", "number"])
        room = MAX_PROBLEMS - int(job.progress.get("problems", 0))
        problems = [one for plan in plans for one in self._problems_of(plan)][: max(room, 0)]
        insert_new(ImportProblem, _PROBLEM, problems)
        counted = {name: getattr(job, name) for name in _COUNTS.values()}
        for plan in plans:
            counted[_COUNTS[Outcome(plan.outcome)]] += 1
        told = int(job.progress.get("problems", 0)) + len(problems)
        put(self._job, progress=job.progress | {"at": at, "problems": told}, missing=_missing(job.missing, plans), **counted)

    def _row_of(self, plan: Plan) -> tuple[Any, ...]:
        asset = plan.asset
        pk = asset.pk if asset is not None else uuid7() if plan.outcome == Outcome.FRESH else None
        version = asset.version if asset is not None else None
        return (
            self._job.pk, plan.number, plan.outcome, "pending", pk, version, plan.name, plan.before, plan.after, plan.values,
        )  # fmt: skip

    def _problems_of(self, plan: Plan) -> Iterator[tuple[Any, ...]]:
        header = self._job.header
        for wrong in plan.wrong:
            title = shown(header[wrong.column], SHOWN_CHARS) if wrong.column != WHOLE_ROW else ""
            yield self._job.pk, plan.number, title, shown(wrong.value, SHOWN_CHARS), wrong.reason[:400], False


_ROW: Final = ("job", "number", "outcome", "result", "asset", "version", "name", "before", "after", "values")
_PROBLEM: Final = ("job", "row", "column", "value", "reason", "late")


def _parts(plans: list[Plan], ends: list[int]) -> Iterator[list[tuple[Plan, int]]]:
    """Plans with where their row ends on disk, as many at once as one transaction may write."""
    part: list[tuple[Plan, int]] = []
    weight = 0
    for plan, end in zip(plans, ends, strict=True):
        if part and weight + 1 + len(plan.wrong) > WRITTEN_AT_ONCE:
            yield part
            part, weight = [], 0
        part.append((plan, end))
        weight += 1 + len(plan.wrong)
    if part:
        yield part


def _missing(known: dict[str, list[str]], plans: list[Plan]) -> dict[str, list[str]]:
    found = {field: dict.fromkeys(names) for field, names in known.items()}
    for plan in plans:
        for one in plan.missing:
            names = found.setdefault(one.field, {})
            if len(names) < MAX_MISSING:
                names.setdefault(one.text)
    return {field: list(names) for field, names in found.items()}
