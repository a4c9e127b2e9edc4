"""The steps of a run that handles many assets (many.py): what is done with some hundred of them in one transaction."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from registry.access.actors import Action, Actor
from registry.access.models import Change, Person
from registry.assets import containers
from registry.assets.models import Asset, Containment, Location
from registry.custody import services, transfers
from registry.custody.accepting import link_secret_of, mail_link
from registry.custody.models import Custody, Transfer
from registry.custody.scope import MOST_ASSETS, with_kits
from registry.custody.services import Batch
from registry.problems import NotFound, Problem
from registry.work import runs
from registry.work.models import Run

AT_ONCE: Final = 250  # of each the asset, its custody or containment, its log entry are written
SHOWN: Final = 50  # refused ones, by name


class Do(StrEnum):
    OUT = "out"
    IN = "in"
    INTO = "into"
    TAKE_OUT = "take-out"
    SEND = "transfer"
    PUT_BACK = "put-back"  # undoes INTO and TAKE_OUT
    CANCEL = "cancel"  # undoes SEND


@dataclass(slots=True)
class _Step:
    """Some assets of a run. `why`: those that are left alone. `kept`: what later steps have to know."""

    run: Run
    by: Actor
    assets: dict[UUID, Asset]
    why: dict[UUID, str] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)

    @property
    def rest(self) -> list[Asset]:
        return [asset for pk, asset in self.assets.items() if pk not in self.why]

    @property
    def given(self) -> Mapping[str, Any]:
        given: Mapping[str, Any] = self.run.parameters
        return given

    def refuse(self, problems: Mapping[UUID, Problem]) -> None:
        for pk, problem in problems.items():
            if pk in self.assets:
                text = problem.text.removeprefix(f"{problem.field}: ") if problem.field else problem.text
                self.why.setdefault(pk, text)


class Handling:
    """The steps of a run; also worked off at once where there are few assets."""

    def __init__(self, run: Run, by: Actor) -> None:
        self._run, self._by = run, by
        self._ids = [UUID(pk) for pk in run.parameters["assets"]]
        self._work = _WORK[Do(run.parameters["do"])]

    def step(self) -> bool:
        """Raises Cancelled, Problem."""
        run, at = self._run, int(self._run.cursor.get("at", 0))
        some = self._ids[at : at + AT_ONCE]
        last = at + len(some) >= len(self._ids)
        with transaction.atomic():
            seen = Asset.objects.visible_to(self._by).in_bulk(some)
            step = _Step(run, self._by, {pk: seen[pk] for pk in some if pk in seen}, kept=dict(run.cursor.get("kept", {})))
            _refuse_forbidden(step)
            if step.rest:
                self._work(step)
            gone = [(str(pk), str(pk), "it is not there any more") for pk in some if pk not in seen]
            refused = [*((str(pk), str(step.assets[pk]), why) for pk, why in step.why.items()), *gone]
            cursor = {
                "at": at + len(some),
                "refused": [*run.cursor.get("refused", []), *refused][:SHOWN],
                "kept": step.kept,
            }
            done, failed = run.done + len(some) - len(refused), run.failed + len(refused)
            runs.note(run, cursor=cursor, done=done, failed=failed)
            if last and run.parameters["do"] == Do.OUT:
                _mail(run)
        return last

    def fail(self, why: str) -> None:
        pass  # what is done stays done, and the run says so

    def close(self) -> None:
        pass


def _refuse_forbidden(step: _Step) -> None:
    if step.by.may_everywhere(Action.HANDLE):
        return
    may = Asset.objects.visible_to(step.by, Action.HANDLE).order_by().filter(pk__in=step.assets)
    allowed = set(may.values_list("pk", flat=True))
    step.why |= {pk: "your role does not allow this here" for pk in step.assets if pk not in allowed}


def _out(step: _Step) -> None:
    by, given, now = step.by, step.given, timezone.now()
    batch = Batch(step.run.pk, link_secret_of(step.run.pk))
    person_id, due_at = _id(given["person"]), _moment(given["due_at"])
    holder_id = _id(given["holder"])
    if holder_id in step.assets:
        step.why[holder_id] = "an asset cannot be handed to itself"
    with_us = set(_of(batch.id, [asset.pk for asset in step.rest]))  # with a kit that went out before
    wanted = Asset.objects.in_bulk(with_kits([asset.pk for asset in step.rest if asset.pk not in with_us]))
    problems = services.not_here(by, wanted.values())
    if not given["over_bookings"]:
        problems |= services.booked(list(wanted.values()), now, due_at, None, person_id)
    step.refuse(problems)
    alone = set(_of(batch.id, list(wanted)))
    going = [pk for pk in wanted if pk not in problems and pk not in step.why and pk not in alone]
    if going:
        services.check_out(
            by=by,
            asset_ids=going,
            person_id=person_id,
            location=_place(given["location"]),
            holder_id=holder_id,
            due_at=due_at,
            note=given["note"],
            kits=False,
            over_bookings=given["over_bookings"],
            part_of=batch,
        )


def _of(batch: UUID, asset_ids: Collection[UUID]) -> Collection[UUID]:
    return Custody.objects.out().filter(batch=batch, asset__in=asset_ids).values_list("asset", flat=True)


def _mail(run: Run) -> None:
    """The link for all that went out by this run."""
    person = Person.objects.filter(pk__in=filter(None, [_id(run.parameters["person"])]), erased_at=None).first()
    out = Custody.objects.out().filter(batch=run.pk).select_related("asset").order_by("asset__asset_no")
    assets = [custody.asset for custody in out]
    if person is not None and assets:
        mail_link(
            person=person,
            assets=assets,
            due_at=_moment(run.parameters["due_at"]),
            accept_at=run.parameters["accept_at"],
            secret=link_secret_of(run.pk),
        )


def _in(step: _Step) -> None:
    given = step.given
    custodies = Custody.objects.out().filter(asset__in=step.assets)
    if "of" in given:  # an undo takes back what that run gave out, and nothing else
        custodies = custodies.filter(batch=UUID(given["of"]))
    out = set(custodies.values_list("asset", flat=True))
    back = Custody.objects.filter(asset__in=step.assets, to_at__gte=step.run.started_at, in_by=step.by.user_id)
    with_us = set(back.values_list("asset", flat=True))  # with a kit that came back before
    step.why |= {asset.pk: "is not checked out" for asset in step.rest if asset.pk not in out and asset.pk not in with_us}
    coming = [asset.pk for asset in step.rest if asset.pk in out]
    if coming:
        location, condition = _place(given.get("location")), given.get("condition")
        note = given.get("note", "")
        services.check_in(by=step.by, asset_ids=coming, location=location, condition=condition, note=note)


def _into(step: _Step) -> None:
    container = Asset.objects.in_bulk([UUID(step.given["container"])])
    if not container:
        raise NotFound("the container does not exist any more")
    [(into, outer)] = container.items()
    moving = dict.fromkeys([asset.pk for asset in step.rest], into)
    step.refuse(containers.misfits(moving, step.assets | container, container))
    if step.rest:
        containers.put_all_into(by=step.by, pairs=[(asset, outer) for asset in step.rest], kind=step.given["kind"])


def _take_out(step: _Step) -> None:
    step.why |= {asset.pk: "lies in nothing" for asset in step.rest if asset.parent_id is None}
    if step.rest:
        containers.take_all_out(by=step.by, assets=step.rest)


def _put_back(step: _Step) -> None:
    """Into what each was in before, in the way it was; out, where it was in nothing."""
    rows = Change.objects.of_request(UUID(step.given["request"])).filter(
        object_type="asset", object_id__in=[str(pk) for pk in step.assets], action__in=("put into", "taken out")
    )
    told = {UUID(row.object_id): (_parent(row.before), _parent(row.after)) for row in rows}
    step.why |= {asset.pk: "it was not moved then" for asset in step.rest if asset.pk not in told}
    step.why |= {asset.pk: "it was moved again since" for asset in step.rest if asset.parent_id != told[asset.pk][1]}
    spans = Containment.objects.filter(asset__in=step.assets, to_ts__isnull=False).order_by("to_ts", "id")
    kinds = {(asset, container): kind for asset, container, kind in spans.values_list("asset", "container", "kind")}
    outer = Asset.objects.visible_to(step.by, Action.HANDLE).in_bulk([pk for pk, _ in told.values() if pk is not None])
    step.why |= {
        asset.pk: "what it was in is out of your reach"
        for asset in step.rest
        if told[asset.pk][0] is not None and told[asset.pk][0] not in outer
    }
    back = {asset.pk: before for asset in step.rest if (before := told[asset.pk][0]) is not None}
    step.refuse(containers.misfits(back, step.assets | outer, outer))
    for kind in Containment.Kind.values:
        chosen = [(a, outer[back[a.pk]]) for a in step.rest if a.pk in back and kinds.get((a.pk, back[a.pk]), "contents") == kind]
        if chosen:
            containers.put_all_into(by=step.by, pairs=chosen, kind=kind)
    if free := [asset for asset in step.rest if asset.pk not in back]:
        containers.take_all_out(by=step.by, assets=free)


def _parent(values: Mapping[str, Any]) -> UUID | None:
    parent = values.get("parent")
    return UUID(parent["id"]) if parent else None


def _send(step: _Step) -> None:
    step.why |= {asset.pk: "is on another transfer already" for asset in transfers.on_another(step.rest)}
    ids = [asset.pk for asset in step.rest]
    if not ids:
        return
    number = int(step.kept.get("on it", 0))
    if "transfer" in step.kept and number + len(ids) <= MOST_ASSETS:
        transfers.add(by=step.by, transfer_id=UUID(step.kept["transfer"]), asset_ids=ids)
        step.kept["on it"] = number + len(ids)
        return
    given = step.given
    start, end = _place(given["from"]), _place(given["to"])
    if start is None or end is None:
        raise NotFound("one of the places does not exist any more")
    made = transfers.request(
        by=step.by,
        asset_ids=ids,
        from_location=start,
        to_location=end,
        due_at=_moment(given["due_at"]),
        note=given["note"],
        new_home=given["new_home"],
    )
    step.kept |= {"transfer": str(made.pk), "on it": len(ids), "transfers": [*step.kept.get("transfers", []), str(made.pk)]}


def _cancel(step: _Step) -> None:
    """The transfers that a run asked for, with the first assets of them; whose transfer went off meanwhile stays on it."""
    run = Run.objects.filter(pk=UUID(step.given["of"])).first()
    made = run.cursor.get("kept", {}).get("transfers", []) if run is not None else []
    for transfer in Transfer.objects.visible_to(step.by).filter(pk__in=made, state=Transfer.State.REQUESTED):
        transfers.cancel(by=step.by, transfer_id=transfer.pk)
    step.why |= {asset.pk: "is on its way" for asset in transfers.on_another(step.rest)}


_WORK: Final[Mapping[Do, Callable[[_Step], None]]] = {
    Do.OUT: _out,
    Do.IN: _in,
    Do.INTO: _into,
    Do.TAKE_OUT: _take_out,
    Do.SEND: _send,
    Do.PUT_BACK: _put_back,
    Do.CANCEL: _cancel,
}


def _id(text: str | None) -> UUID | None:
    return UUID(text) if text else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _place(text: str | None) -> Location | None:
    return Location.objects.filter(pk=text).first() if text else None
