"""Long work in steps: who starts a run, how far it is, and what becomes of it. The steps themselves belong to the apps
(registry/working.py knows which); a step commits its writes and, by `note`, how far it is, in one transaction."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol
from uuid import UUID

from django.db import InterfaceError, OperationalError, connections, transaction
from django.utils import timezone

from registry.access import changes
from registry.access.actors import Action, Actor, system
from registry.access.models import ApiToken, User
from registry.access.rights import of_token, of_user
from registry.problems import Invalid, NotFound, Problem
from registry.texts import for_log
from registry.work.models import Run

log = logging.getLogger(__name__)

State = Run.State
AT_ONCE: Final = 4  # runs that take turns, a step each: a small one need not wait for a large one
STARTS: Final = 5  # so often a run may begin without finishing a single step
RESUMABLE: Final = frozenset({"bulk_edit"})  # an import that ended has told its own page so; a file is imported again at once
_OPEN: Final = (State.WAITING, State.RUNNING)


class Steps(Protocol):
    """The work on one run; it lives as long as the process works on it, and is built anew after a restart."""

    def step(self) -> bool:
        """Do a part: transactions of at most 1,000 rows and 250 ms each. Return whether nothing is left to do.

        Raises Problem when it cannot go on, Cancelled."""

    def fail(self, why: str) -> None:
        """It ended for good without being done; the run says so already."""

    def close(self) -> None:
        """Let go of what is held open."""


Kind = Callable[[Run, Actor], Steps]


class Cancelled(Exception):
    """Somebody has cancelled the run; what is about to be committed must not be."""


def start(*, by: Actor, kind: str, parameters: Mapping[str, Any], total: int = 0) -> Run:
    """Have something done by the work process, in the caller's transaction. It is done with the rights `by` has then."""
    return Run.objects.create(
        kind=kind, user=by.user_id, token=by.token_id, request_id=by.request_id, parameters=dict(parameters), total=total
    )


def note(run: Run, *, cursor: Mapping[str, Any], done: int, failed: int = 0, total: int | None = None) -> None:
    """Put how far a run is, in the transaction of what was done. Raises Cancelled."""
    values: dict[str, Any] = {"cursor": dict(cursor), "done": done, "failed": failed}
    if total is not None:
        values["total"] = total
    if not Run.objects.filter(pk=run.pk, state=State.RUNNING).update(**values):
        raise Cancelled
    for name, value in values.items():
        setattr(run, name, value)


def find(by: Actor, run_id: UUID) -> Run:
    """One's own, or any for administrators. Raises NotFound."""
    run = Run.objects.filter(pk=run_id).first()
    own = run is not None and run.user is not None and run.user == by.user_id
    own = own or (run is not None and run.token is not None and run.token == by.token_id)
    if run is None or not (own or by.may_everywhere(Action.ADMINISTER)):
        raise NotFound("there is no such run")
    return run


@transaction.atomic
def cancel(*, by: Actor, run_id: UUID) -> Run:
    """End it after the step in hand; what is done stays done. Raises NotFound."""
    run = find(by, run_id)
    if Run.objects.filter(pk=run.pk, state__in=_OPEN).update(state=State.CANCELLED, finished_at=timezone.now()):
        changes.record(by, run, "cancelled", done=run.done, total=run.total)
    run.refresh_from_db()
    return run


@transaction.atomic
def resume(*, by: Actor, run_id: UUID) -> Run:
    """Go on with one that failed or was cancelled, from where it was, with the rights of whoever started it. Raises Invalid,
    NotFound."""
    run = find(by, run_id)
    if run.kind not in RESUMABLE:
        raise Invalid(f"{run.kind.replace('_', ' ')}: cannot be gone on with here; begin again on its own page")
    ended = Run.objects.filter(pk=run.pk, state__in=(State.FAILED, State.CANCELLED))
    if not ended.update(state=State.WAITING, finished_at=None, message="", starts=0):
        raise Invalid(f"it is {run.get_state_display()}; only what failed or was cancelled can be gone on with")
    changes.record(by, run, "resumed", done=run.done, total=run.total)
    run.refresh_from_db()
    return run


class Turns:
    """Works off runs, a step of each in turn. Lives in one thread of the work process."""

    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        self._kinds = kinds
        self._open: dict[UUID, tuple[Run, Steps]] = {}
        self.steps = 0

    def turn(self) -> bool:
        """Do one step of each open run; return whether there may be more to do. Raises OperationalError, InterfaceError."""
        wanted = list(Run.objects.filter(state__in=_OPEN).order_by("id")[:AT_ONCE])
        for gone in self._open.keys() - {run.pk for run in wanted}:  # cancelled
            self._let_go(gone)
        for run in wanted:
            if run.pk in self._open or self._begin(run):
                self._step(run.pk)
        return bool(wanted)

    def close(self) -> None:
        for run_id in list(self._open):
            self._let_go(run_id)

    def _begin(self, run: Run) -> bool:
        kind = self._kinds.get(run.kind)
        starts = run.starts + 1
        if kind is None or starts > STARTS:
            why = "this version does not know how" if kind is None else f"it ended the work process {STARTS} times"
            _end(run, State.FAILED, why)
            return False
        started = run.started_at or timezone.now()
        if not Run.objects.filter(pk=run.pk, state__in=_OPEN).update(state=State.RUNNING, started_at=started, starts=starts):
            return False
        run.state, run.started_at, run.starts = State.RUNNING, started, starts
        try:
            by = _actor_of(run)
            self._open[run.pk] = (run, kind(run, by))
        except (OperationalError, InterfaceError):
            raise
        except Problem as exc:
            _end(run, State.FAILED, exc.text)
            return False
        except Exception:
            log.exception("run %s (%s) cannot begin", run.pk, run.kind)
            _end(run, State.FAILED, "it cannot begin; the log of the work process says why")
            return False
        return True

    def _step(self, run_id: UUID) -> None:
        run, steps = self._open[run_id]
        try:
            finished = steps.step()
            self.steps += 1
        except (OperationalError, InterfaceError):
            self._let_go(run_id)  # it is opened anew, where it was
            raise
        except Cancelled:
            self._let_go(run_id)
            return None
        except Problem as exc:
            return self._fail(run_id, exc.text)
        except Exception:
            log.exception("run %s (%s) ended by an error", run.pk, run.kind)
            return self._fail(run_id, "it ended by an error; the log of the work process says which")
        if finished:
            self._let_go(run_id)
            _end(run, State.DONE, "")
        elif run.starts:
            Run.objects.filter(pk=run.pk).update(starts=0)
            run.starts = 0
        return None

    def _fail(self, run_id: UUID, why: str) -> None:
        run, steps = self._open[run_id]
        _end(run, State.FAILED, why)
        try:
            steps.fail(why)
        finally:
            self._let_go(run_id)

    def _let_go(self, run_id: UUID) -> None:
        _, steps = self._open.pop(run_id)
        steps.close()


def _actor_of(run: Run) -> Actor:
    """Whoever started it, with the rights they have now. Raises Problem."""
    if run.token is not None:
        token = ApiToken.objects.valid_at(timezone.now()).select_related("user").filter(pk=run.token).first()
        if token is None or (token.user is not None and not token.user.is_active):
            raise NotFound("the token that started it is not valid any more")
        return of_token(token, request_id=run.request_id)
    if run.user is not None:
        user = User.objects.filter(pk=run.user, is_active=True).first()
        if user is None:
            raise NotFound("whoever started it may not come in any more")
        return of_user(user, through="work", request_id=run.request_id)
    return system("work").as_part_of(run.request_id)


def _end(run: Run, state: str, message: str) -> None:
    values = {"state": state, "message": for_log(message, 500), "finished_at": timezone.now()}
    Run.objects.filter(pk=run.pk, state__in=_OPEN).update(**values)
    log.info("run %s (%s): %s%s", run.pk, run.kind, state, f": {for_log(message)}" if message else "")


def close_connections() -> None:
    """The next transaction opens a fresh one."""
    connections.close_all()
