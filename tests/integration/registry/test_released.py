"""An upgrade: what each release left behind is migrated to today, loses nothing, and goes on working."""

from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from tests.registry_process import registry_home

RELEASES = sorted((Path(__file__).parents[2] / "data" / "registry").glob("*.json"))

pytestmark = pytest.mark.timeout(180)  # several processes are started one after the other


@pytest.mark.parametrize("path", RELEASES, ids=lambda path: path.stem)
def test_a_release_is_migrated_and_goes_on(tmp_path: Path, path: Path) -> None:
    with registry_home(tmp_path) as home:
        released = f"from pathlib import Path\nfrom tests import released\nfile = released.read(Path({str(path)!r}))\n"
        home.python(released + "released.load(file)")
        home.run("migrate")
        here = "from tests.integration.registry import test_released as today\n"
        home.python(released + here + "today.nothing_is_lost(file)\ntoday.projections_are_as_they_were()\ntoday.it_goes_on(file)")
        assert home.run("check") == "All is well.\n"


def nothing_is_lost(released: dict[str, object]) -> None:
    from registry import triggers
    from tests.released import changed

    lost = changed(released)
    assert not lost, lost
    assert triggers.installed() == triggers.expected()


def projections_are_as_they_were() -> None:
    from registry.tracking.services import rebuild_projections
    from tests.integration.registry.conftest import projections

    drawn = projections()
    assert drawn[1]
    rebuild_projections()
    assert projections() == drawn


def it_goes_on(released: dict[str, str]) -> None:
    """Anna logs in, a program with its token, and the gateway sends the next record of the same outbox under the same key."""
    from django.contrib.auth import authenticate

    from registry.access.services import authenticate_token
    from registry.tracking.gateways import mac_key
    from registry.tracking.models import GatewayEpoch, LocationEvent, Position
    from tests.registry_world import Gateway, event

    assert authenticate(username="anna", password=released["password"]) is not None
    assert authenticate_token(released["token"]) is not None
    assert authenticate_token(released["token"] + "x") is None
    cursor = GatewayEpoch.objects.select_related("gateway").get()
    told = LocationEvent.objects.count()
    gateway = Gateway(cursor.gateway.pk, mac_key(cursor.gateway), cursor.epoch)
    gateway._seqs = count(cursor.through + 1)
    started = datetime.now(UTC)
    gateway.tell(event("arrived", "8004:061414100008", "dock"))
    assert (gateway.replies[-1].through, gateway.replies[-1].rejected) == (cursor.through + 1, ())
    assert LocationEvent.objects.count() == told + 1
    position = Position.objects.select_related("location").get(asset__name="Pump 8")
    assert position.location is not None
    assert position.location.name == "Dock"
    assert position.last_seen_at >= started
