"""The addresses of the pages of audits."""

from django.urls import path

from registry.audits import pages, review_pages, walk_pages

urlpatterns = [
    path("audits/", pages.listing, name="audits"),
    path("audits/new/", pages.new, name="audit-new"),
    path("audits/<uuid:audit_id>/", pages.one, name="audit"),
    path("audits/<uuid:audit_id>/walk/", walk_pages.walk, name="audit-walk"),
    path("audits/<uuid:audit_id>/findings/", review_pages.findings, name="audit-findings"),
    path("audits/<uuid:audit_id>/report/", review_pages.report, name="audit-report"),
    path("audits/cases/", review_pages.cases, name="audit-cases"),
]
