"""Answers kept for a day, so that a request that is sent again is not done again."""

from django.db import models

from registry.db import uuid7


class IdempotentAnswer(models.Model):
    """What was answered to the request that a caller named with this key; written in the transaction of its work.

    `caller` is a user or token. `request_hash` is of method, address and body: the same key for something else is a mistake."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    caller = models.CharField(max_length=60)
    key = models.CharField(max_length=200)
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    headers = models.JSONField(default=dict)
    body = models.BinaryField(default=b"")
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="idempotent_created")]
        constraints = [models.UniqueConstraint(fields=["caller", "key"], name="idempotent_once_per_caller")]
