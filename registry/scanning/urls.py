"""The addresses of scanning."""

from django.urls import path

from registry.scanning import pages

urlpatterns = [
    path("scan/", pages.show, name="scan"),
    path("scan/sw.js", pages.worker, name="scan-worker"),
    path("scan/unknown/", pages.unknown, name="scan-unknown"),
    path("scan/drawer/", pages.drawer, name="scan-drawer"),
]
