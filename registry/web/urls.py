"""The addresses of all pages."""

from django.contrib.auth.views import LogoutView
from django.urls import include, path

from registry.assets import pages as assets
from registry.audits.urls import urlpatterns as audits
from registry.care.urls import urlpatterns as care
from registry.custody.urls import urlpatterns as custody
from registry.enrolment.urls import urlpatterns as enrolment
from registry.importing.urls import urlpatterns as imports
from registry.labels import pages as labels
from registry.orders.urls import urlpatterns as orders
from registry.people.urls import urlpatterns as people
from registry.places.urls import urlpatterns as one_place
from registry.reports.urls import urlpatterns as reports
from registry.scanning.urls import urlpatterns as scanning
from registry.stock.urls import urlpatterns as stock
from registry.tracking import gateway_pages, quarantine_pages
from registry.tracking import pages as tracking
from registry.web import asset_forms, asset_page, asset_parts, home, list_urls, log_in, places, second_factor, words
from registry.work.urls import urlpatterns as work

urlpatterns = [
    path("", home.show, name="home"),
    path("login/", log_in.LogIn.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("login/second-factor/", second_factor.ask, name="log-in-second-factor"),
    path("account/second-factor/", second_factor.manage, name="second-factor"),
    path("account/second-factor/code.svg", second_factor.picture, name="second-factor-picture"),
    path("account/", include("allauth.socialaccount.providers.openid_connect.urls")),
    path("password/", log_in.ChangePassword.as_view(), name="password"),
    *list_urls.urlpatterns,
    path("assets/new/", asset_forms.new, name="asset-new"),
    path("assets/fields/", asset_forms.own_fields, name="asset-own-fields"),
    path("assets/<uuid:asset_id>/", asset_page.show, name="asset"),
    path("assets/<uuid:asset_id>/edit/", asset_forms.edit, name="asset-edit"),
    path("assets/<uuid:asset_id>/identifiers/", asset_page.add_identifier, name="identifier-add"),
    path("identifiers/<uuid:identifier_id>/retire/", asset_page.retire_identifier, name="identifier-retire"),
    path("assets/<uuid:asset_id>/files/", asset_parts.add_files, name="asset-files"),
    path("assets/<uuid:asset_id>/put-into/", asset_parts.put_into, name="asset-put-into"),
    path("assets/<uuid:asset_id>/take-out/", asset_parts.take_out, name="asset-take-out"),
    path("assets/<uuid:asset_id>/links/", asset_parts.add_link, name="link-add"),
    path("assets/<uuid:asset_id>/duplicate/", asset_parts.duplicate, name="asset-duplicate"),
    path("assets/<uuid:asset_id>/dispose/", asset_parts.dispose, name="asset-dispose"),
    path("links/<uuid:link_id>/remove/", asset_parts.remove_link, name="link-remove"),
    path("files/<uuid:file_id>/", asset_parts.file, name="file"),
    path("files/<uuid:file_id>/small/", asset_parts.small, name="file-small"),
    path("files/<uuid:file_id>/change/", asset_parts.change_file, name="file-change"),
    path("settings/words/", words.index, name="words"),
    path("settings/words/starter/", words.starter_set, name="words-starter"),
    path("settings/words/<slug:slug>/", words.listed, name="words-kind"),
    path("settings/words/<slug:slug>/<uuid:word_id>/", words.one, name="words-one"),
    path("places/", places.show, name="places"),
    path("places/new/", assets.new_place, name="place-new"),
    path("places/<uuid:location_id>/", places.show, name="place"),
    path("places/<uuid:location_id>/edit/", assets.edit_place, name="place-edit"),
    path("places/<uuid:location_id>/delete/", assets.delete_place, name="place-delete"),
    *imports,
    *enrolment,
    *people,
    *custody,
    *one_place,
    *scanning,
    *reports,
    *stock,
    *audits,
    *care,
    *orders,
    *work,
    path("labels/", labels.show, name="labels"),
    path("labels/print/", labels.print_out, name="labels-print"),
    path("8004/<path:value>", labels.digital_link, {"ai": "8004"}, name="giai"),
    path("8003/<path:value>", labels.digital_link, {"ai": "8003"}, name="grai"),
    path("01/<path:value>", labels.digital_link, {"ai": "01"}, name="sgtin"),
    path("live/", tracking.live, name="live"),
    path("live/parts/", tracking.parts, name="live-parts"),
    path("live/stream", tracking.stream, name="live-stream"),
    path("live/zones/", tracking.zones, name="zones"),
    path("live/zones/<uuid:zone_id>/", tracking.map_zone, name="zone-map"),
    path("live/unknown/", tracking.unknown_tags, name="unknown-tags"),
    path("live/unknown/<uuid:tag_id>/", tracking.claim, name="claim"),
    path("gateways/", gateway_pages.listed, name="gateways"),
    path("gateways/<slug:gateway_id>/", gateway_pages.one, name="gateway"),
    path("gateways/<slug:gateway_id>/machine/", gateway_pages.trust, name="gateway-machine"),
    path("quarantine/", quarantine_pages.listed, name="quarantine"),
    path("quarantine/preview/", quarantine_pages.preview, name="quarantine-preview"),
    path("quarantine/settle/", quarantine_pages.settle, name="quarantine-settle"),
    path("quarantine/<uuid:record_id>/", quarantine_pages.one, name="quarantine-one"),
]
