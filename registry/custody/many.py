"""Handling many assets at once: out, in, into a container and out of it, onto transfers. What is wanted is a plan: `preview` says
what it would do and writes nothing, `start` does it. That is a run: some hundred assets in one transaction, those that cannot be
are left alone and told of, the others are done. Few are done at once, more by the work process. All of it carries one request id
in the log, and is put back by another such run.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from registry.access.actors import Action, Actor
from registry.assets.models import Asset, Containment, Location
from registry.assets.services import own
from registry.assets.values import CHECKS, one_of
from registry.custody import many_steps as steps
from registry.custody import services
from registry.custody.many_doing import Do
from registry.custody.scope import place_of
from registry.problems import Invalid
from registry.work import runs
from registry.work.models import Run

KIND: Final = "handling"
MOST: Final = 5_000
UNDOING: Final = {Do.OUT: Do.IN, Do.IN: Do.REOPEN, Do.INTO: Do.PUT_BACK, Do.TAKE_OUT: Do.PUT_BACK, Do.SEND: Do.CANCEL}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done with which assets, checked as far as it does not depend on them."""

    do: Do
    said: str
    assets: tuple[str, ...]
    given: Mapping[str, Any]

    @property
    def parameters(self) -> dict[str, Any]:
        return {"do": self.do.value, "said": self.said[:300], "assets": list(self.assets), **self.given}


@dataclass(frozen=True, slots=True)
class Preview:
    """What a plan would do: with which assets, so many leaving what (empty: nothing), with so many parts of kits along.
    `refused`: id, name, why."""

    said: str
    going: tuple[UUID, ...]
    leaving: tuple[tuple[str, int], ...]
    along: int
    refused: tuple[tuple[UUID, str, str], ...]
    more_refused: int


def check_out(
    *, by: Actor, asset_ids: Sequence[UUID], due_at: datetime | None, note: str, over_bookings: bool, accept_at: str, **to: Any
) -> Plan:
    """To one person, place or asset (`to` as of services.check_out). Raises Invalid, NotFound, Forbidden."""
    person_id, location, holder_id = to.get("person_id"), to.get("location"), to.get("holder_id")
    [who] = services.holder(by, person_id, location, holder_id).values()
    services.due(due_at, timezone.now())
    given = {
        "person": str(person_id) if person_id is not None else None,
        "location": str(location.pk) if location is not None else None,
        "holder": str(holder_id) if holder_id is not None else None,
        "due_at": due_at.isoformat() if due_at is not None else None,
        "note": note,
        "over_bookings": over_bookings,
        "accept_at": accept_at,
    }
    return _plan(Do.OUT, asset_ids, f"Check out to {who}", given)


def check_in(*, by: Actor, asset_ids: Sequence[UUID], location: Location | None, condition: int | None, note: str) -> Plan:
    """Raises Invalid, NotFound, Forbidden."""
    if location is not None:
        place_of(by, location)
    condition = CHECKS["condition"]("condition", condition)
    given = {"location": str(location.pk) if location is not None else None, "condition": condition, "note": note}
    return _plan(Do.IN, asset_ids, f"Check in to {location}" if location is not None else "Check in", given)


def put_into(*, by: Actor, asset_ids: Sequence[UUID], container: Asset, kind: str) -> Plan:
    """Raises Invalid, NotFound, Forbidden."""
    own(by, container.pk, Action.HANDLE)
    kind = one_of(kind, Containment.Kind.values, "kind")
    return _plan(Do.INTO, asset_ids, f"Put into {container}", {"container": str(container.pk), "kind": kind})


def take_out(*, by: Actor, asset_ids: Sequence[UUID]) -> Plan:
    """Raises Invalid."""
    return _plan(Do.TAKE_OUT, asset_ids, "Take out of what they are in", {})


def send(
    *,
    by: Actor,
    asset_ids: Sequence[UUID],
    from_location: Location,
    to_location: Location,
    due_at: datetime | None,
    note: str,
    new_home: bool,
) -> Plan:
    """One transfer for each 250. Raises Invalid, NotFound, Forbidden."""
    start, end = place_of(by, from_location, Action.VIEW, field="from_location"), place_of(by, to_location, field="to_location")
    if start.pk == end.pk:
        raise Invalid("to_location: is where they are sent from", field="to_location")
    services.due(due_at, timezone.now())
    given = {
        "from": str(start.pk),
        "to": str(end.pk),
        "due_at": due_at.isoformat() if due_at is not None else None,
        "note": note,
        "new_home": new_home,
    }
    return _plan(Do.SEND, asset_ids, f"Transfer from {start} to {end}", given)


def preview(by: Actor, plan: Plan) -> Preview:
    """Judge all of them; nothing is written. Raises Invalid, NotFound, Forbidden."""
    going: list[UUID] = []
    leaving: Counter[str] = Counter()
    refused: list[tuple[UUID, str, str]] = []
    along = 0
    for looked in steps.Handling(Run(kind=KIND, parameters=plan.parameters), by).look():
        going += looked.going
        leaving.update(looked.was)
        along += looked.along
        refused += [(UUID(pk), name, why) for pk, name, why in looked.refused]
    told = tuple(refused[: steps.SHOWN])
    return Preview(plan.said, tuple(going), tuple(leaving.most_common(steps.SHOWN)), along, told, len(refused) - len(told))


def start(*, by: Actor, plan: Plan) -> Run:
    """Do it: few at once, more by the work process. What cannot be any more is left alone and told of."""
    with transaction.atomic():
        run = runs.start(by=by, kind=KIND, parameters=plan.parameters, total=len(plan.assets))
        handling = steps.Handling(run, by)
        if not handling.in_one_step():
            return run
        run.state, run.started_at = Run.State.RUNNING, timezone.now()
        run.save(update_fields=["state", "started_at"])
        handling.step()
        run.state, run.finished_at = Run.State.DONE, timezone.now()
        run.save(update_fields=["state", "finished_at"])
    return run


def undo(*, by: Actor, run: Run) -> Run:
    """Put back what a run did, as far as nobody has changed that since. Raises Invalid."""
    do = Do(run.parameters["do"])
    if not undoable(run):
        raise Invalid("This cannot be put back")
    ids = [UUID(pk) for pk in run.parameters["assets"]]
    given = {"of": str(run.pk), "request": str(run.request_id)}
    return start(by=by, plan=_plan(UNDOING[do], ids, f"Undo: {run.parameters['said']}", given))


def undoable(run: Run) -> bool:
    """It did something, is over, and was no undoing itself."""
    over = run.state not in (Run.State.WAITING, Run.State.RUNNING)
    return over and run.done > 0 and Do(run.parameters["do"]) in UNDOING and "of" not in run.parameters


def refused_of(run: Run) -> list[tuple[UUID, str, str]]:
    """What a run left alone, as far as it is kept: id, name, why."""
    return [(UUID(pk), name, why) for pk, name, why in run.cursor.get("refused", [])]


def _plan(do: Do, asset_ids: Sequence[UUID], said: str, given: Mapping[str, Any]) -> Plan:
    wanted = tuple(str(pk) for pk in dict.fromkeys(asset_ids))
    if not wanted:
        raise Invalid("Choose at least one asset")
    if len(wanted) > MOST:
        raise Invalid(f"More than {MOST:,} assets at once are too many; narrow the list first")
    return Plan(do, said, wanted, given)
