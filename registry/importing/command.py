"""`sightpost-registry import` and `export`: progress for people, JSON for programs."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from registry import exits
from registry.access.actors import Actor
from registry.assets.columns import Column, columns_of, everything
from registry.assets.models import CustomField
from registry.exits import CannotGoOn
from registry.importing import foreground
from registry.importing.models import ImportJob
from registry.importing.options import Options
from registry.importing.reading_out import Progress
from registry.tables.writing import WRITERS


def import_file(
    *,
    by: Actor,
    path: Path,
    columns: Sequence[str],
    options: Options,
    dry_run: bool,
    confirmed: bool,
    leave_out: bool,
    as_json: bool,
) -> int:
    """Check, ask, write; return the exit status. Raises CannotGoOn, Problem, OSError."""
    with _bar("Checking", as_json) as tell:
        job = foreground.checked(by=by, path=path, given=columns, options=options, tell=tell)
    wanted = not dry_run and job.fresh + job.changed > 0 and (leave_out or not job.wrong)
    if wanted and not confirmed and not as_json and sys.stdin.isatty():
        _say(job)
        confirmed = input(f"Write {job.fresh:,} new and {job.changed:,} changed? [y/N] ").strip().lower() in ("y", "yes")
    if wanted and confirmed:
        with _bar("Writing", as_json) as tell:
            job = foreground.written(by=by, job=job, leave_out=leave_out, tell=tell)
    if as_json:
        _print(json.dumps(foreground.as_json(job)))
    else:
        _say(job)
    if job.state != ImportJob.State.DONE:
        foreground.forget(by, job)
    unwritten = wanted and not confirmed
    if unwritten and not as_json:
        _print("Say --confirm to write it.")
    return exits.PERSON if job.wrong or job.refused or unwritten else exits.OK


def export_file(*, by: Actor, path: Path, wanted: Sequence[str]) -> int:
    """Write all assets that `by` may see; return how many. `wanted` are columns; none: all. Raises CannotGoOn, OSError."""
    ending = path.suffix.lower().removeprefix(".")
    if ending not in WRITERS:
        raise CannotGoOn(f"{path.name}: name a file that ends with {' or '.join('.' + one for one in WRITERS)}.")
    columns = _columns(wanted)
    writer = WRITERS[ending]()
    count = 0
    with path.open("wb") as file:
        file.write(writer.rows([[column.key for column in columns]]))
        for some in everything(by, columns):
            file.write(writer.rows(some))
            count += len(some)
        file.write(writer.end())
    return count


def _columns(wanted: Sequence[str]) -> list[Column]:
    known = columns_of(CustomField.objects.all())
    if unknown := [key for key in wanted if key not in known]:
        raise CannotGoOn(f"There is no column {unknown[0]!r}; there is {', '.join(known)}.")
    return [known[key] for key in wanted] or list(known.values())


@contextmanager
def _bar(word: str, silent: bool) -> Iterator[foreground.Told]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Shown

    columns: list[Any] = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    console = Console(stderr=True)
    with Shown(*columns, console=console, transient=True, disable=silent or not console.is_terminal) as shown:
        task = shown.add_task(word, total=None)

        def tell(progress: Progress) -> None:
            shown.update(task, completed=progress.done, total=progress.total or None)

        yield tell


def _say(job: ImportJob) -> None:
    for sentence in foreground.sentences(job):
        _print(sentence)


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
