"""The addresses of the pages of care."""

from django.urls import path

from registry.care import condition_pages, pages, plan_pages, work_pages

urlpatterns = [
    path("work-orders/", work_pages.board, name="work-orders"),
    path("work-orders/calendar/", work_pages.calendar, name="work-calendar"),
    path("work-orders/new/", work_pages.new, name="work-order-new"),
    path("work-orders/<uuid:work_order_id>/", work_pages.one, name="work-order"),
    path("work-orders/calendar/<slug:secret>.ics", work_pages.feed, name="care-feed"),
    path("maintenance/", plan_pages.listing, name="maintenance-plans"),
    path("maintenance/new/", plan_pages.new, name="maintenance-plan-new"),
    path("maintenance/<uuid:maintenance_id>/", plan_pages.edit, name="maintenance-plan"),
    path("assets/<uuid:asset_id>/meter/", work_pages.read_meter, name="asset-meter"),
    path("assets/<uuid:asset_id>/judge/", condition_pages.judge, name="asset-judge"),
    path("agreements/", pages.listing, name="agreements"),
    path("agreements/new/", pages.new, name="agreement-new"),
    path("agreements/<uuid:agreement_id>/", pages.one, name="agreement"),
    path("agreements/<uuid:agreement_id>/edit/", pages.edit, name="agreement-edit"),
    path("agreements/<uuid:agreement_id>/papers/<uuid:paper_id>/", pages.paper, name="agreement-paper"),
]
