"""The addresses of the list of assets and what is done with its rows, and of the palette."""

from django.urls import path

from registry.web import asset_export, asset_list, bulk, handling, list_choices, palette, pick, selection

urlpatterns = [
    path("find/", asset_list.go, name="find"),
    path("pick/<slug:kind>/", pick.show, name="pick"),
    path("palette/", palette.show, name="palette"),
    path("assets/", asset_list.show, name="assets"),
    path("assets/facet/<slug:name>/", asset_list.facet, name="asset-facet"),
    path("assets/export.<slug:ending>", asset_export.export, name="assets-export"),
    path("assets/columns/", list_choices.columns, name="asset-columns"),
    path("assets/filters/", list_choices.all_filters, name="asset-filters"),
    path("assets/views/", list_choices.views, name="asset-views"),
    path("assets/views/<uuid:view_id>/", list_choices.change_view, name="asset-view"),
    path("assets/selected/labels/", selection.labels, name="assets-labels"),
    path("assets/selected/export/", selection.export, name="assets-export-selected"),
    path("assets/selected/<slug:do>/", handling.show, name="assets-handling"),
    path("assets/handled/<uuid:handled_id>/", handling.result, name="assets-handled"),
    path("assets/handled/<uuid:handled_id>/undo/", handling.undo, name="assets-handled-undo"),
    path("assets/bulk/", bulk.show, name="asset-bulk"),
    path("assets/bulk/confirm/", bulk.confirm, name="asset-bulk-confirm"),
    path("assets/bulk/<uuid:run_id>/", bulk.result, name="asset-bulk-run"),
    path("assets/bulk/<uuid:run_id>/undo/", bulk.undo, name="asset-bulk-undo"),
]
