"""The addresses of the pages of care."""

from django.urls import path

from registry.care import condition_pages, pages

urlpatterns = [
    path("assets/<uuid:asset_id>/judge/", condition_pages.judge, name="asset-judge"),
    path("agreements/", pages.listing, name="agreements"),
    path("agreements/new/", pages.new, name="agreement-new"),
    path("agreements/<uuid:agreement_id>/", pages.one, name="agreement"),
    path("agreements/<uuid:agreement_id>/edit/", pages.edit, name="agreement-edit"),
    path("agreements/<uuid:agreement_id>/papers/<uuid:paper_id>/", pages.paper, name="agreement-paper"),
]
