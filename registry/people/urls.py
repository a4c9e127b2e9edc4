"""The addresses of people, tokens and the log of changes."""

from django.urls import path

from registry.people import changes_pages, pages, token_pages

urlpatterns = [
    path("people/", pages.listing, name="people"),
    path("people/new/", pages.new, name="person-new"),
    path("people/<uuid:person_id>/", pages.show, name="person"),
    path("people/<uuid:person_id>/edit/", pages.edit, name="person-edit"),
    path("people/<uuid:person_id>/invite/", pages.invite, name="person-invite"),
    path("people/<uuid:person_id>/password/", pages.password, name="person-password"),
    path("people/<uuid:person_id>/active/", pages.active, name="person-active"),
    path("people/<uuid:person_id>/erase/", pages.erase, name="person-erase"),
    path("people/<uuid:person_id>/roles/", pages.bind, name="person-bind"),
    path("people/<uuid:person_id>/roles/<uuid:binding_id>/take/", pages.unbind, name="person-unbind"),
    path("tokens/", token_pages.listing, name="tokens"),
    path("tokens/<uuid:token_id>/revoke/", token_pages.revoke, name="token-revoke"),
    path("changes/", changes_pages.listing, name="changes"),
    path("changes/export.csv", changes_pages.export, name="changes-export"),
]
