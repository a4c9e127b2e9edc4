"""The addresses of the page on which gateways are let in."""

from django.urls import path

from registry.enrolment import pages

urlpatterns = [
    path("enrolment/", pages.listing, name="enrolment"),
    path("enrolment/codes/<uuid:window_id>/take-back/", pages.take_back, name="enrolment-take-back"),
    path("enrolment/<uuid:enrolment_id>/decide/", pages.decide, name="enrolment-decide"),
]
