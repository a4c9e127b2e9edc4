"""An import from the file somebody hands in to what it changed, row by row."""

from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import Q

from registry.access.actors import Action, Actor
from registry.access.models import User
from registry.db import uuid7

NAME_CHARS = 200
SHOWN_CHARS = 200


class ImportJobQuerySet(models.QuerySet["ImportJob"]):
    def visible_to(self, by: Actor) -> "ImportJobQuerySet":
        """One's own; all for administrators. What others hand in may name assets outside one's scope."""
        if by.may_everywhere(Action.ADMINISTER):
            return self
        if by.token_id is not None:
            return self.filter(token=by.token_id)
        return self.filter(user=by.user_id, token=None) if by.user_id is not None else self.none()


class ImportJob(models.Model):
    """One file. `mapping` says which column is which field (`{"0": "asset_no"}`), `options` are those of options.py, `progress`
    is where checking or applying is. Counts are of the last dry run, then of what was written."""

    class State(models.TextChoices):
        UPLOADED = "uploaded"
        CHECKING = "checking"
        CHECKED = "checked"
        APPLYING = "applying"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    token = models.UUIDField(null=True)
    request_id = models.UUIDField(default=uuid7)  # of everything it changes, in the log of changes
    run = models.UUIDField(null=True)  # that checks or applies it
    state = models.CharField(max_length=10, choices=State, default=State.UPLOADED)
    name = models.CharField(max_length=NAME_CHARS)  # of the file, only to be shown
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    form = models.CharField(max_length=4, default="", blank=True)  # csv or xlsx
    encoding = models.CharField(max_length=20, default="", blank=True)
    delimiter = models.CharField(max_length=1, default="", blank=True)
    sheet = models.CharField(max_length=100, default="", blank=True)
    sheets = models.JSONField(default=list)
    header = models.JSONField(default=list)
    header_row = models.PositiveIntegerField(default=0)
    header_key = models.CharField(max_length=64, default="", blank=True)  # the same for all files with these columns
    samples = models.JSONField(default=list)  # the first rows, cells cut
    notes = models.JSONField(default=list)  # sentences about how the file was understood
    mapping = models.JSONField(default=dict)
    options = models.JSONField(default=dict)
    progress = models.JSONField(default=dict)
    missing = models.JSONField(default=dict)  # by field: what the rows name and the registry does not have
    rows = models.PositiveIntegerField(default=0)
    fresh = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    wrong = models.PositiveIntegerField(default=0)
    written = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)  # rows that could not be written as the dry run said
    message = models.CharField(max_length=500, default="", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    checked_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = ImportJobQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["user", "header_key", "-id"], name="import_job_header"),
            models.Index(fields=["state", "created_at"], name="import_job_state"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["uploaded", "checking", "checked", "applying", "done", "failed", "cancelled"]),
                name="import_job_state_known",
            )
        ]

    def __str__(self) -> str:
        return str(self.name)

    def columns(self) -> dict[int, str]:
        """The mapping: column from 0 to the key of the field."""
        return {int(column): str(key) for column, key in self.mapping.items()}


class ImportRow(models.Model):
    """What the dry run found of one row, and what became of it. `before` and `after` are for people, by field; `values` is what
    will be written. `asset` and `version` are those the dry run saw; a new asset has the id that it will get."""

    class Outcome(models.TextChoices):
        FRESH = "fresh", "new"
        CHANGED = "changed"
        UNCHANGED = "unchanged"
        WRONG = "wrong", "with errors"

    class Result(models.TextChoices):
        PENDING = "pending"
        WRITTEN = "written"
        REFUSED = "refused"

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(ImportJob, on_delete=models.CASCADE, related_name="outcomes", db_index=False)
    number = models.PositiveIntegerField()
    outcome = models.CharField(max_length=10, choices=Outcome)
    result = models.CharField(max_length=10, choices=Result, default=Result.PENDING)
    asset = models.UUIDField(null=True)
    version = models.PositiveIntegerField(null=True)
    name = models.CharField(max_length=300)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    values = models.JSONField(default=dict)

    class Meta:
        ordering = ["number"]
        indexes = [models.Index(fields=["job", "outcome", "number"], name="import_row_outcome")]
        constraints = [
            models.UniqueConstraint(fields=["job", "number"], name="import_row_once"),
            models.CheckConstraint(
                condition=Q(outcome__in=["fresh", "changed", "unchanged", "wrong"]), name="import_row_outcome_known"
            ),
            models.CheckConstraint(condition=Q(result__in=["pending", "written", "refused"]), name="import_row_result_known"),
        ]


class ImportProblem(models.Model):
    """Why a row cannot be written: of the dry run, or of the writing (`late`)."""

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(ImportJob, on_delete=models.CASCADE, related_name="problems", db_index=False)
    row = models.PositiveIntegerField()
    column = models.CharField(max_length=SHOWN_CHARS)  # its header; empty: the whole row
    value = models.CharField(max_length=SHOWN_CHARS)
    reason = models.CharField(max_length=400)
    late = models.BooleanField(default=False)

    class Meta:
        ordering = ["row", "id"]
        indexes = [
            models.Index(fields=["job", "row", "id"], name="import_problem_row"),
            models.Index(fields=["job", "column", "row"], name="import_problem_column"),
        ]


class Stopped(Exception):
    """Somebody has cancelled the import; what the caller is about to write must not be written."""


def put(job: ImportJob, **values: Any) -> None:
    """Note how far the work on an import is, in the caller's transaction. Raises Stopped if it is no longer to be worked on."""
    going_on = ImportJob.objects.filter(pk=job.pk, state__in=(ImportJob.State.CHECKING, ImportJob.State.APPLYING))
    if not going_on.update(**values):
        raise Stopped
    for name, value in values.items():
        setattr(job, name, value)


def folder_name(job_id: UUID, ending: str) -> str:
    """The name of a job's file on disk; nothing of it comes from people."""
    return f"{job_id.hex}.{ending}"


def counts(job: ImportJob) -> dict[str, Any]:
    """How many rows of each outcome."""
    return {
        "rows": job.rows, "new": job.fresh, "changed": job.changed, "unchanged": job.unchanged, "wrong": job.wrong,
        "written": job.written, "refused": job.refused,
    }  # fmt: skip
