"""The addresses of the pages of audits."""

from django.urls import path

from registry.audits import pages, walk_pages

urlpatterns = [
    path("audits/", pages.listing, name="audits"),
    path("audits/new/", pages.new, name="audit-new"),
    path("audits/<uuid:audit_id>/", pages.one, name="audit"),
    path("audits/<uuid:audit_id>/walk/", walk_pages.walk, name="audit-walk"),
]
