"""The addresses of the pages of importing."""

from django.urls import path

from registry.importing import pages

urlpatterns = [
    path("imports/", pages.listing, name="imports"),
    path("imports/<uuid:job_id>/", pages.show, name="import"),
    path("imports/<uuid:job_id>/progress/", pages.progress, name="import-progress"),
    path("imports/<uuid:job_id>/read/", pages.read_again, name="import-read"),
    path("imports/<uuid:job_id>/check/", pages.check, name="import-check"),
    path("imports/<uuid:job_id>/confirm/", pages.confirm, name="import-confirm"),
    path("imports/<uuid:job_id>/cancel/", pages.cancel, name="import-cancel"),
    path("imports/<uuid:job_id>/errors.csv", pages.errors, name="import-errors"),
]
