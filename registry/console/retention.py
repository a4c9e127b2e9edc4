"""How long each kind of data is kept, and what the settings would delete now."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from registry import retention as kept


def retention(request: HttpRequest, site: Any) -> HttpResponse:
    context = {**site.each_context(request), "title": "Retention", "rows": kept.figures()}
    return render(request, "console/retention.html", context)
