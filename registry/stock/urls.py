"""The addresses of the pages of stock."""

from django.urls import path

from registry.stock import pages

urlpatterns = [
    path("stock/", pages.listing, name="stock"),
    path("stock/receive/", pages.receive, name="stock-receive"),
    path("stock/proposal/", pages.proposal, name="stock-proposal"),
    path("stock/watch/", pages.watch, name="stock-watch"),
    path("stock/<uuid:line_id>/", pages.line, name="stock-line"),
]
