"""The addresses of the pages of reports."""

from django.urls import path

from registry.reports import pages

urlpatterns = [
    path("reports/", pages.listing, name="reports"),
    path("reports/schedules/<uuid:schedule_id>/end/", pages.end_schedule, name="report-schedule-end"),
    path("reports/<slug:key>/", pages.show, name="report"),
    path("reports/<slug:key>/schedule/", pages.schedule, name="report-schedule"),
]
