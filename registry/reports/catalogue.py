"""Which reports there are. A report is a function of who asks and what they ask for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from registry.access.actors import Action, Actor
from registry.problems import Forbidden, NotFound
from registry.reports import costs, owned, used
from registry.reports.answer import Answer
from registry.reports.asking import Asked, read


@dataclass(frozen=True, slots=True)
class Report:
    """`groups`: what its figures may be grouped by. `period`: it looks at the days from since until until. `days`: it asks for a
    number of days (0: it does not), and `days_title` says which. `action`: who may open it."""

    key: str
    title: str
    question: str
    answer: Callable[[Actor, Asked], Answer]
    groups: Mapping[str, str] = field(default_factory=dict)
    period: bool = False
    days: int = 0
    days_title: str = ""
    action: Action = Action.VIEW

    def asked(self, by: Actor, given: Mapping[str, Any]) -> Asked:
        """Raises Invalid, NotFound."""
        return read(by, given, groups=self.groups, days=self.days or 1)

    def run(self, by: Actor, asked: Asked) -> Answer:
        """Raises Forbidden."""
        if not by.may_anywhere(self.action):
            raise Forbidden("your role does not allow this report")
        return self.answer(by, asked)


REPORTS: Final = {
    report.key: report
    for report in (
        Report("inventory", "What we own", "How many things are there, and of what kind?", owned.inventory, owned.BY_WHAT),
        Report("value", "What it cost", "What was paid, by cost centre, supplier, year?", owned.value, owned.BY_MONEY,
               action=Action.VALUE),
        Report("utilisation", "Utilisation", "How much of it moves and is handed out?", used.utilisation, period=True),
        Report("idle", "Standing still", "What has nobody moved for long?", used.idle, days=90, days_title="Days"),
        Report("logistics", "Where and free", "Where is it, and is it free now?", used.logistics),
        Report("storage", "Storage cost", "What does keeping it cost a month?", costs.storage, action=Action.VALUE),
        Report("replacement", "To be bought", "What is due to be replaced, what loses its warranty?", costs.replacement,
               days=180, days_title="Days ahead"),
    )
}  # fmt: skip


def open_to(by: Actor) -> list[Report]:
    return [report for report in REPORTS.values() if by.may_anywhere(report.action)]


def find(by: Actor, key: str) -> Report:
    """Raises NotFound, Forbidden."""
    report = REPORTS.get(key)
    if report is None:
        raise NotFound("there is no such report")
    if not by.may_anywhere(report.action):
        raise Forbidden("your role does not allow this report")
    return report
