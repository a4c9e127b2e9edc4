"""Every address there is: the operations of the API's document and the patterns of the pages, as `METHOD /path/{argument}`."""

import inspect
import re
from collections.abc import Iterator
from functools import cache

from django.urls import URLPattern, URLResolver, get_resolver

from registry.api import api

POSTED = {"logout"}  # class-based views of others


@cache
def operations() -> tuple[str, ...]:
    schema = api.get_openapi_schema()
    return tuple(sorted(f"{method.upper()} {path}" for path, methods in schema["paths"].items() for method in methods))


@cache
def pages() -> tuple[str, ...]:
    """Of each page the methods that it takes: GET and POST unless it says otherwise."""
    found = []
    for path, pattern in _patterns(get_resolver().url_patterns, "/"):
        if path.startswith(("/api/", "/admin/")):
            continue
        found += [f"{method} {path}" for method in methods_of(pattern)]
    return tuple(sorted(set(found)))


@cache
def console_pages() -> tuple[str, ...]:
    """The addresses under /admin/, for one row that does not exist."""
    found = {path for path, _ in _patterns(get_resolver().url_patterns, "/") if path.startswith("/admin/")}
    return tuple(sorted(re.sub(r"\(\?P.*$|\$$|[\^]", "", re.sub(r"\{\w+\}", "7", path)) for path in found))


def methods_of(pattern: URLPattern) -> tuple[str, ...]:
    """What @page(...) or @require_http_methods(...) was given; a class-based view's own; else GET alone."""
    view = pattern.callback
    if (methods := getattr(view, "methods", None)) is not None:
        return tuple(methods)
    if (made := getattr(view, "view_class", None)) is not None:
        return tuple(m.upper() for m in ("get", "post") if hasattr(made, m))
    closed = inspect.getclosurevars(view).nonlocals
    allowed = closed.get("allowed") or closed.get("request_method_list") or ("GET",)
    return tuple(method for method in allowed if method != "HEAD")


def _patterns(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        text = before + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern))
        if isinstance(pattern, URLPattern):
            yield text, pattern
        else:
            yield from _patterns(pattern.url_patterns, text)
