"""The lists, each registered by its import, and where they stand."""

from registry.console import gateways, log, people, working  # noqa: F401
from registry.console.site import site

urlpatterns = site.urls
