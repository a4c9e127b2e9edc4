"""What ingest hears and says for each app beside events and acks. The one place that knows."""

from typing import Final

from registry.configuration import Configuration
from registry.enrolment.renewing import Renewals
from registry.orders.letters import Letters
from registry.tracking.correspondence import Correspondent
from registry.tracking.ingest import run as ingest

OTHERS: Final[tuple[type[Correspondent], ...]] = (Letters, Renewals)


async def run(configuration: Configuration) -> None:
    await ingest(configuration, [make() for make in OTHERS])
