"""The addresses of the pages of what goes out."""

from django.urls import path

from registry.work import pages

urlpatterns = [
    path("undelivered/", pages.undelivered, name="undelivered"),
    path("undelivered/<uuid:message_id>/repeat/", pages.repeat, name="undelivered-repeat"),
    path("undelivered/<uuid:message_id>/forget/", pages.forget, name="undelivered-forget"),
]
