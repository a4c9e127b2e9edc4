"""Reports that somebody gets by mail again and again."""

from django.db import models
from django.db.models import Q

from registry.access.models import User
from registry.db import uuid7


class Schedule(models.Model):
    """One report, with its filters, by mail to the user who wants it, with the rights they have at that moment. `next_at` moves
    on in the transaction in which the mail is put, so that a crash neither loses one nor sends one twice."""

    class Every(models.TextChoices):
        DAY = "day", "every day"
        WEEK = "week", "every Monday"
        MONTH = "month", "on the first of every month"

    class Form(models.TextChoices):
        PDF = "pdf", "PDF"
        XLSX = "xlsx", "XLSX"
        CSV = "csv", "CSV"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="schedules")
    report = models.CharField(max_length=40)
    filters = models.JSONField(default=dict)
    every = models.CharField(max_length=5, choices=Every)
    form = models.CharField(max_length=4, choices=Form, default=Form.PDF)
    next_at = models.DateTimeField()
    last_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, default="", blank=True)  # why the last one did not go
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["next_at"], name="report_schedule_next")]
        constraints = [
            models.CheckConstraint(condition=Q(every__in=["day", "week", "month"]), name="report_schedule_every_known"),
            models.CheckConstraint(condition=Q(form__in=["pdf", "xlsx", "csv"]), name="report_schedule_form_known"),
        ]

    def __str__(self) -> str:
        return f"{self.report}, {self.get_every_display()}"
