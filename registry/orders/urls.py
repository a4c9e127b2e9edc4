"""The addresses of the pages of orders."""

from django.urls import path

from registry.orders import pages

urlpatterns = [path("gateways/<slug:gateway_id>/orders/", pages.orders, name="gateway-orders")]
