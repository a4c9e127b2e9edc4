"""The addresses of the pages of one place and of the map."""

from django.urls import path

from registry.places import map_pages, pages, plan_pages

urlpatterns = [
    path("places/<uuid:location_id>/then/", pages.then, name="place-then"),
    path("places/<uuid:location_id>/expected/", pages.expected, name="place-expected"),
    path("places/<uuid:location_id>/plan/", plan_pages.plan, name="place-plan"),
    path("places/<uuid:location_id>/plan/edit/", plan_pages.edit, name="place-plan-edit"),
    path("plans/<uuid:plan_id>/image/", plan_pages.image, name="plan-image"),
    path("map/", map_pages.show, name="map"),
]
