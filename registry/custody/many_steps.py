"""The steps of a run that handles many assets (many.py): with some hundred of them at a time is done what many_doing.py says, in
one transaction."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from registry.access.actors import Action, Actor
from registry.access.models import Person
from registry.assets.models import Asset
from registry.custody.accepting import link_secret_of, mail_link
from registry.custody.many_doing import JUDGES, WITH_KITS, Do, Step, Work
from registry.custody.models import Custody
from registry.custody.scope import MOST_ASSETS, with_kits
from registry.work import runs
from registry.work.models import Run

AT_ONCE: Final = 250
SHOWN: Final = 50  # refused ones, by name


@dataclass(frozen=True, slots=True)
class Looked:
    """Of one step: with what it would be done, what each of those leaves, how many parts of kits go along, what is refused."""

    going: list[UUID]
    was: list[str]
    along: int
    refused: list[tuple[str, str, str]]


class Handling:
    """The steps of a run; also worked off at once where there are few assets."""

    def __init__(self, run: Run, by: Actor) -> None:
        self._run, self._by = run, by
        self._ids = [UUID(pk) for pk in run.parameters["assets"]]
        self._do = Do(run.parameters["do"])

    def in_one_step(self) -> bool:
        return len(self._next(0)) == len(self._ids)

    def step(self) -> bool:
        """Raises Cancelled, Problem."""
        run, at = self._run, int(self._run.cursor.get("at", 0))
        some = self._next(at)
        last = at + len(some) >= len(self._ids)
        with transaction.atomic():
            step, work, refused = self._judge(some)
            if step.rest:
                work()
                refused = _refused(step, some)
            cursor = {
                "at": at + len(some),
                "refused": [*run.cursor.get("refused", []), *refused][:SHOWN],
                "kept": step.kept,
            }
            done, failed = run.done + len(some) - len(refused), run.failed + len(refused)
            runs.note(run, cursor=cursor, done=done, failed=failed)
            if last and self._do == Do.OUT:
                _mail(run)
        return last

    def look(self) -> Iterator[Looked]:
        """What the steps would do, one after the other; nothing is written. Raises Problem."""
        at = 0
        while some := self._next(at):
            step, _, refused = self._judge(some)
            yield Looked(
                [asset.pk for asset in step.rest], [step.was.get(asset.pk, "") for asset in step.rest], step.along, refused
            )
            at += len(some)

    def _next(self, at: int) -> list[UUID]:
        """As many as one transaction takes, with what belongs to them as kits."""
        some = self._ids[at : at + AT_ONCE]
        while self._do in WITH_KITS and len(some) > 1 and len(with_kits(some)) > MOST_ASSETS:
            some = some[: len(some) // 2]
        return some

    def _judge(self, some: list[UUID]) -> tuple[Step, Work, list[tuple[str, str, str]]]:
        """The next ones, what does it with those that can be, and the others: id, name, why."""
        seen = Asset.objects.visible_to(self._by).in_bulk(some)
        kept = dict(self._run.cursor.get("kept", {}))
        step = Step(self._run, self._by, {pk: seen[pk] for pk in some if pk in seen}, kept=kept)
        _refuse_forbidden(step)
        work = JUDGES[self._do](step) if step.rest else _nothing
        return step, work, _refused(step, some)

    def fail(self, why: str) -> None:
        pass  # what is done stays done, and the run says so

    def close(self) -> None:
        pass


def _refused(step: Step, some: list[UUID]) -> list[tuple[str, str, str]]:
    gone = [(str(pk), str(pk), "it is not there any more") for pk in some if pk not in step.assets]
    return [*((str(pk), str(step.assets[pk]), why) for pk, why in step.why.items()), *gone]


def _nothing() -> None:
    pass  # nothing is left to do it with


def _refuse_forbidden(step: Step) -> None:
    if step.by.may_everywhere(Action.HANDLE):
        return
    may = Asset.objects.visible_to(step.by, Action.HANDLE).order_by().filter(pk__in=step.assets)
    allowed = set(may.values_list("pk", flat=True))
    step.why |= {pk: "your role does not allow this here" for pk in step.assets if pk not in allowed}


def _mail(run: Run) -> None:
    """The link for all that went out by this run."""
    person = Person.objects.filter(pk__in=filter(None, [run.parameters["person"]]), erased_at=None).first()
    due_at = run.parameters["due_at"]
    out = Custody.objects.out().filter(batch=run.pk).select_related("asset").order_by("asset__asset_no")
    assets = [custody.asset for custody in out]
    if person is not None and assets:
        mail_link(
            person=person,
            assets=assets,
            due_at=datetime.fromisoformat(due_at) if due_at else None,
            accept_at=run.parameters["accept_at"],
            secret=link_secret_of(run.pk),
        )
