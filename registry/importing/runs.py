"""What the work process does for an import: one step after the other, and an end in words when it cannot go on."""

import logging
from uuid import UUID

from django.utils import timezone

from registry.access.actors import Actor
from registry.importing.applying import Applying
from registry.importing.checking import Checking
from registry.importing.models import ImportJob, Stopped
from registry.importing.reading_out import Progress, progress_of
from registry.tables.table import Unreadable
from registry.work.models import Run

log = logging.getLogger(__name__)


def open_import(run: Run, by: Actor) -> "ImportWork":
    """The steps of a run of this kind; how far it is stands with the import itself."""
    return ImportWork(UUID(run.parameters["import"]), by)


class ImportWork:
    """The work on one import while it is checked or written. It holds what was looked up and an open file, so it lives as long as
    the run; after a restart a new one goes on where the last step ended."""

    def __init__(self, job_id: UUID, by: Actor) -> None:
        self._by = by
        self._job = ImportJob.objects.get(pk=job_id)
        self._going: Checking | Applying | None = None

    def step(self) -> bool:
        """Do some of it; return whether nothing is left to do. Only the unexpected is raised."""
        job = self._job
        if self._going is None:
            if job.state not in (ImportJob.State.CHECKING, ImportJob.State.APPLYING):
                return True
            self._going = Checking(job, self._by) if job.state == ImportJob.State.CHECKING else Applying(job, self._by)
        try:
            return self._going.step()
        except Stopped:
            return True
        except (Unreadable, OSError) as exc:
            self.fail(str(exc) if isinstance(exc, Unreadable) else f"The file cannot be read any more: {exc.strerror}.")
            return True

    def progress(self) -> Progress:
        return progress_of(self._job)

    def fail(self, why: str) -> None:
        """End it, because it cannot go on; it can be checked again."""
        log.warning("import %s (%s) failed: %s", self._job.pk, self._job.name, why)
        going_on = ImportJob.objects.filter(pk=self._job.pk, state__in=(ImportJob.State.CHECKING, ImportJob.State.APPLYING))
        going_on.update(state=ImportJob.State.FAILED, message=why[:500], progress={}, finished_at=timezone.now())

    def close(self) -> None:
        if self._going is not None:
            self._going.close()
