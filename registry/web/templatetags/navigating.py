"""The navigation of the page frame, and links to pages that another app may bring."""

from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse

from registry.page import acting
from registry.web import navigation

register = template.Library()


@register.inclusion_tag("web/_navigation.html", takes_context=True)
def side_navigation(context: template.Context) -> dict[str, Any]:
    """All one may go to; on a phone the first four, and the others behind a button."""
    found = _links(context)
    first, more = found[: navigation.ON_A_PHONE], found[navigation.ON_A_PHONE :]
    area = context.get("area")
    return {"first": first, "more": more, "area": area, "in_more": any(link.entry.area == area for link in more)}


@register.simple_tag(takes_context=True)
def going_by_keys(context: template.Context) -> list[navigation.Link]:
    """The entries that a key after `g` opens."""
    return [link for link in _links(context) if link.entry.key]


@register.simple_tag
def url_if_any(name: str) -> str:
    """The address of a page, or nothing where there is no such page."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


def _links(context: template.Context) -> list[navigation.Link]:
    request = context["request"]
    return navigation.links(acting(request)) if request.user.is_authenticated else []
