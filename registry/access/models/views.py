"""Lists that somebody wants to come back to."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from registry.access.models.users import User
from registry.db import uuid7


class SavedView(models.Model):
    """A list with its filters, columns and order, under a name: one's own, or shared with everybody. It holds an address, never
    rows: whoever opens it sees what they may see."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="views")
    area = models.CharField(max_length=40)  # which list: "assets", ...
    name = models.CharField(max_length=80)
    query = models.CharField(max_length=4000)  # the address behind the question mark
    shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint("user", "area", Lower("name"), name="saved_view_name_once"),
            models.CheckConstraint(condition=~Q(name=""), name="saved_view_named"),
        ]

    def __str__(self) -> str:
        return str(self.name)
