"""Two gateways deliver of the same assets while people claim, retire and map: no deadlock, and all is as a replay draws it."""

import random
import threading
from collections.abc import Callable

import pytest
from django.db import connections

from registry.assets.models import Asset, Identifier
from registry.assets.services import add_identifier, retire_identifier
from registry.assets.trees import create_location
from registry.problems import Taken
from registry.tracking.models import LocationEvent, Position, Stay, UnknownTag, Zone
from registry.tracking.services import (
    claim_unknown_tag,
    continue_some_remapping,
    map_zone,
    project_changed_identifiers,
    rebuild_projections,
)
from tests.integration.registry.conftest import Site, another_site, event, make_asset, projections
from tests.registry_world import ROOT

TAGS = 12
BATCHES = 25


@pytest.mark.django_db(transaction=True)
def test_everything_at_once() -> None:
    assets = [make_asset(f"t{n}") for n in range(TAGS)]
    hall = create_location(by=ROOT, name="Hall")
    sites = [another_site("hamburg"), another_site("berlin")]
    failures: list[BaseException] = []

    def deliver(site: Site, seed: int) -> None:
        rng = random.Random(seed)
        for n in range(BATCHES):
            site.tell(
                *(event("moved", f"tag:t{rng.randrange(TAGS * 2)}", rng.choice("abc"), n * 10 + rng.random()) for _ in range(20))
            )

    def meddle() -> None:
        rng = random.Random(3)
        for _ in range(BATCHES):
            match rng.randrange(4):
                case 0 if (tag := UnknownTag.objects.order_by("?").first()) is not None:
                    claim_unknown_tag(by=ROOT, identity=tag.identity, asset=rng.choice(assets))
                case 1 if (one := Identifier.objects.active().order_by("?").first()) is not None:
                    retire_identifier(by=ROOT, identifier_id=one.pk)
                case 2 if (zone := Zone.objects.order_by("?").first()) is not None:
                    map_zone(by=ROOT, zone=zone, location=rng.choice([hall, None]))
                case 3:
                    _try_to_add(rng.choice(assets), f"tag:t{rng.randrange(TAGS * 2)}")
            project_changed_identifiers(most=3)

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as exc:  # noqa: BLE001 - a thread's failure is the test's
            failures.append(exc)
        finally:
            connections.close_all()

    jobs: list[Callable[[], None]] = [lambda: deliver(sites[0], 1), lambda: deliver(sites[1], 2), meddle]
    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert LocationEvent.objects.count() == 2 * BATCHES * 20
    while project_changed_identifiers() or continue_some_remapping():
        continue
    drawn = projections()
    assert drawn[1]
    rebuild_projections()
    assert projections() == drawn
    for model in (Position, Stay):
        for row in model.objects.select_related("zone"):
            assert row.location_id == (row.zone and row.zone.location_id)
    known = set(Identifier.objects.active().values_list("key", flat=True))
    assert not known & set(UnknownTag.objects.values_list("identity", flat=True))


def _try_to_add(asset: Asset, code: str) -> None:
    try:
        add_identifier(by=ROOT, asset=asset, text=code)
    except Taken:
        return
