"""The addresses of all pages."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from registry.assets import pages as assets
from registry.custody.urls import urlpatterns as custody
from registry.importing.urls import urlpatterns as imports
from registry.labels import pages as labels
from registry.people.urls import urlpatterns as people
from registry.reports.urls import urlpatterns as reports
from registry.people.urls import urlpatterns as people
from registry.scanning.urls import urlpatterns as scanning
from registry.places.urls import urlpatterns as one_place
from registry.tracking import pages as tracking
from registry.web import asset_forms, asset_page, home, list_urls, log_in, places

urlpatterns = [
    path("", home.show, name="home"),
    path("login/", log_in.LogIn.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("password/", log_in.ChangePassword.as_view(), name="password"),
    *list_urls.urlpatterns,
    path("assets/new/", asset_forms.new, name="asset-new"),
    path("assets/<uuid:asset_id>/", asset_page.show, name="asset"),
    path("assets/<uuid:asset_id>/edit/", asset_forms.edit, name="asset-edit"),
    path("assets/<uuid:asset_id>/identifiers/", asset_page.add_identifier, name="identifier-add"),
    path("identifiers/<uuid:identifier_id>/retire/", asset_page.retire_identifier, name="identifier-retire"),
    path("places/", places.show, name="places"),
    path("places/new/", assets.new_place, name="place-new"),
    path("places/<uuid:location_id>/", places.show, name="place"),
    path("places/<uuid:location_id>/edit/", assets.edit_place, name="place-edit"),
    path("places/<uuid:location_id>/delete/", assets.delete_place, name="place-delete"),
    *imports,
    *people,
    *custody,
    *one_place,
    *scanning,
    *reports,
    path("labels/", labels.show, name="labels"),
    path("labels/print/", labels.print_out, name="labels-print"),
    path("8004/<path:value>", labels.digital_link, {"ai": "8004"}, name="giai"),
    path("8003/<path:value>", labels.digital_link, {"ai": "8003"}, name="grai"),
    path("01/<path:value>", labels.digital_link, {"ai": "01"}, name="sgtin"),
    path("live/", tracking.live, name="live"),
    path("live/parts/", tracking.parts, name="live-parts"),
    path("live/stream", tracking.stream, name="live-stream"),
    path("live/zones/<uuid:zone_id>/", tracking.map_zone, name="zone-map"),
    path("live/unknown/", tracking.unknown_tags, name="unknown-tags"),
    path("live/unknown/<uuid:tag_id>/", tracking.claim, name="claim"),
]
