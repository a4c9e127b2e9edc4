"""The log of changes as it is stored. People stand in it by id; the page Changes says their names."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import display

from registry.access.models import Change
from registry.console.shown import Shown, called_by
from registry.console.site import site


@admin.register(Change, site=site)
class Changes(Shown):
    list_display = ("at", "who", "through", "object_type", "object_name", "action", "together")
    list_filter = ("through", "object_type")
    search_fields = ("=object_id", "=request_id")
    search_help_text = "Id of what was changed, or of the request"
    ordering = ("-id",)
    fields = (
        "at", "who", "through", "object_type", "object_id", "object_name", "action", "before", "after", "request_id", "token",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request)
        return found.annotate(by_name=called_by("user"))

    @display(description="Who")
    def who(self, change: Any) -> str:
        return str(change.by_name or ("a token" if change.token else "the registry"))

    @display(description="Together")
    def together(self, change: Any) -> str:
        return format_html('<a href="{}?request={}">all of that moment</a>', reverse("changes"), change.request_id)
