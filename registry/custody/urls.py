"""The addresses of the pages of custody, bookings and transfers."""

from django.urls import path

from registry.custody import booking_pages, pages, transfer_pages

urlpatterns = [
    path("custody/", pages.listing, name="custody"),
    path("custody/out/", pages.check_out, name="check-out"),
    path("custody/in/", pages.check_in, name="check-in"),
    path("custody/accept/<str:secret>/", pages.accept, name="custody-accept"),
    path("custody/<uuid:custody_id>/", pages.one, name="custody-one"),
    path("custody/<uuid:custody_id>/signature/", pages.signature, name="custody-signature"),
    path("bookings/", booking_pages.calendar, name="bookings"),
    path("bookings/new/", booking_pages.new, name="booking-new"),
    path("bookings/<uuid:booking_id>/", booking_pages.one, name="booking"),
    path("transfers/", transfer_pages.listing, name="transfers"),
    path("transfers/new/", transfer_pages.new, name="transfer-new"),
    path("transfers/<uuid:transfer_id>/", transfer_pages.one, name="transfer"),
]
