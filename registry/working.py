"""What the work process does for each app: its kinds of runs, and what is due every so many seconds. The one place that knows."""

from collections.abc import Callable, Mapping
from typing import Final

from registry.assets.bulk_edit import BulkEdit
from registry.audits.opening import Opening
from registry.audits.repeating import begin_due as begin_audits
from registry.audits.reviewing import Reviewing
from registry.audits.signing import Closing
from registry.audits.sweeping import sweep_all as sweep_audits
from registry.broker_files import renew_certificate
from registry.care.agreements import go_on
from registry.care.scheduling import schedule
from registry.configuration import Configuration
from registry.custody.many_steps import Handling
from registry.custody.reminders import remind
from registry.custody.transfers import confirm_arrivals
from registry.importing.runs import open_import
from registry.reports.services import send_due
from registry.retention import due as forget_old
from registry.retention import sweep
from registry.stock.alerts import tell
from registry.tracking.retained import Keeper
from registry.work.process import run as work
from registry.work.runs import Kind

RUNS: Final[Mapping[str, Kind]] = {
    "import": open_import,
    "bulk_edit": BulkEdit,
    "handling": Handling,
    "audit_opening": Opening,
    "audit_review": Reviewing,
    "audit_closing": Closing,
}
EVERY: Final[list[tuple[float, Callable[[], object]]]] = [
    (1, confirm_arrivals),
    (2, Keeper().keep_told),
    (60, remind),
    (30, send_due),
    (300, tell),
    (60, sweep_audits),
    (60, begin_audits),
    (15, forget_old),
    (3600, go_on),
    (300, schedule),
    (6 * 3600, sweep),
]


async def run(configuration: Configuration) -> None:
    """Raises CannotGoOn."""

    def renew_certificate_of_broker() -> None:
        renew_certificate(configuration)

    await work(configuration, kinds=RUNS, every=[*EVERY, (3600, renew_certificate_of_broker)])
