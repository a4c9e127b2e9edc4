"""People, those of them who log in, and tokens."""

from datetime import datetime

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q

from registry.db import uuid7


class User(AbstractUser):
    """A person who logs in. `must_change_password` stands until a one-time password has been replaced. A superuser may do
    everything; everybody else what their role bindings say (rights.py), and nothing without one."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    must_change_password = models.BooleanField(default=False)


class Person(models.Model):
    """Somebody who can have assets, whether they log in or not. Once erased, a pseudonym stands in `name` and what they had and
    did stays."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=200)
    email = models.EmailField(max_length=254, default="", blank=True)
    number = models.CharField(max_length=60, null=True, unique=True)  # the company's own, of its staff
    department = models.CharField(max_length=200, default="", blank=True)
    user = models.OneToOneField(User, on_delete=models.SET_NULL, null=True, related_name="person")
    active = models.BooleanField(default=True)
    erased_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["name", "id"]
        indexes = [models.Index(fields=["name"], name="person_name")]
        constraints = [models.CheckConstraint(condition=~Q(name=""), name="person_named")]

    def __str__(self) -> str:
        return str(self.name)


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def valid_at(self, moment: datetime) -> "ApiTokenQuerySet":
        return self.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=moment), revoked_at__isnull=True)


class ApiToken(models.Model):
    """Lets a program in as `spt_<prefix>_<secret>`. The secret is shown once; only an HMAC of it is stored.

    It may what its `user` may, and no more than its `scope`; one without user was made at the command line and may everything
    within its scope."""

    class Scope(models.TextChoices):
        READ = "read"
        WRITE = "write"  # includes reading

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=80, unique=True)
    user = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="tokens")
    prefix = models.CharField(max_length=16, unique=True)
    secret_hmac = models.CharField(max_length=64)
    scope = models.CharField(max_length=10, choices=Scope)
    allowed_ips = models.JSONField(default=list)  # networks in CIDR form; empty: from everywhere
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
