"""Two processes that plan at once, on a database that they share."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.db import connections

from registry.assets.services import register_asset
from registry.care import plans
from registry.care.models import MaintenancePlan, WorkOrder
from registry.care.scheduling import schedule_at
from tests.registry_world import ROOT

pytestmark = pytest.mark.django_db(transaction=True)
ASSETS = 12


def test_two_schedulers_at_once_make_each_order_once() -> None:
    for n in range(ASSETS):
        asset = register_asset(by=ROOT, name=f"Press {n}")
        plans.make(by=ROOT, name="Oil", asset=asset, trigger="calendar", rule="FREQ=DAILY", starts_on="2027-01-01", lead_days=0)
    MaintenancePlan.objects.update(created_at=datetime(2027, 1, 1, tzinfo=UTC))
    now = datetime(2027, 1, 9, tzinfo=UTC)

    def run(_: int) -> int:
        try:
            return schedule_at(now)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(3) as threads:
        assert sum(threads.map(run, range(3))) == ASSETS
    found = WorkOrder.objects.values_list("asset", "occurrence")
    assert len(found) == len(set(found)) == ASSETS
    assert len(set(WorkOrder.objects.values_list("number", flat=True))) == ASSETS
