"""People and tokens."""

from datetime import datetime

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q

from registry.db import uuid7


class User(AbstractUser):
    """A person who logs in. `must_change_password` stands until a one-time password has been replaced."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    must_change_password = models.BooleanField(default=False)


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def valid_at(self, moment: datetime) -> "ApiTokenQuerySet":
        return self.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=moment), revoked_at__isnull=True)


class ApiToken(models.Model):
    """Lets a program in as `spt_<prefix>_<secret>`. The secret is shown once; only an HMAC of it is stored."""

    class Scope(models.TextChoices):
        READ = "read"
        WRITE = "write"  # includes reading

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=80, unique=True)
    prefix = models.CharField(max_length=16, unique=True)
    secret_hmac = models.CharField(max_length=64)
    scope = models.CharField(max_length=10, choices=Scope)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)  # to the minute: a row is not written at every request
    revoked_at = models.DateTimeField(null=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [models.CheckConstraint(condition=Q(scope__in=["read", "write"]), name="api_token_scope_known")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"
