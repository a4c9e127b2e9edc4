"""Who may do what, and where."""

from django.db import models
from django.db.models import Q

from registry.access.actors import ROLES
from registry.access.models.users import User
from registry.db import uuid7


class RoleBinding(models.Model):
    """Gives a user a role: everywhere, or for the assets of one place (and those inside it) and one category (and those below).

    The two trees belong to the app above this one, which the ORM reaches by name."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="bindings")
    role = models.CharField(max_length=15, choices=[(role, role.capitalize()) for role in ROLES])
    location = models.ForeignKey("assets.Location", on_delete=models.PROTECT, null=True, related_name="+")
    category = models.ForeignKey("assets.Category", on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["user", "role"]
        constraints = [
            models.CheckConstraint(
                condition=Q(role__in=["viewer", "operator", "auditor", "accountant", "manager", "administrator"]),
                name="role_binding_role_known",
            ),
            # Four, because a null equals nothing.
            models.UniqueConstraint(fields=["user", "role", "location", "category"], name="role_bound_once"),
            models.UniqueConstraint(
                fields=["user", "role"],
                condition=Q(location__isnull=True, category__isnull=True),
                name="role_bound_once_everywhere",
            ),
            models.UniqueConstraint(
                fields=["user", "role", "location"],
                condition=Q(location__isnull=False, category__isnull=True),
                name="role_bound_once_in_place",
            ),
            models.UniqueConstraint(
                fields=["user", "role", "category"],
                condition=Q(location__isnull=True, category__isnull=False),
                name="role_bound_once_in_category",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.role}"
