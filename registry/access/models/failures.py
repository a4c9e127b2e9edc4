"""How often somebody failed to prove who they are; written by throttle.py alone."""

from django.db import models


class Failure(models.Model):
    """`key` is an HMAC of what was tried and from where, so that no name or address lies here. `count` tries since the last
    success, the last one at `last_at`."""

    key = models.CharField(primary_key=True, max_length=64)
    count = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["last_at"], name="failure_last_at")]

    def __str__(self) -> str:
        return f"{self.count} failures"
