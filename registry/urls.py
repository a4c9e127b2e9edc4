"""Every address of the registry."""

from importlib.util import find_spec
from typing import Any

from django.urls import include, path

from registry import probes

handler400 = "registry.web.errors.not_readable"
handler403 = "registry.web.errors.refused"
handler404 = "registry.web.errors.not_found"
handler500 = "registry.web.errors.failed"

urlpatterns: list[Any] = [
    path("healthz", probes.healthz, name="healthz"),
    path("readyz", probes.readyz, name="readyz"),
    path("metrics", probes.metrics, name="metrics"),
]
if find_spec("registry.api"):
    from registry.api import api

    urlpatterns.append(path("api/v1/", api.urls))
if find_spec("registry.console"):
    from registry.console.urls import urlpatterns as console

    urlpatterns.append(path("admin/", console))
if find_spec("registry.web.urls"):
    urlpatterns.append(path("", include("registry.web.urls")))
