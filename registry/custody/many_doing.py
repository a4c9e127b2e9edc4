"""What handling many assets does with some of them, in two parts: first it is judged with which of them that cannot be, nothing
is written; then it is done with the others. The runs: many.py, their steps: many_steps.py."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from django.utils import timezone

from registry.access.actors import Action, Actor
from registry.access.models import Change
from registry.assets import containers
from registry.assets.models import Asset, Containment, Location
from registry.custody import reopening, services, transfers
from registry.custody.accepting import link_secret_of
from registry.custody.models import Custody, Transfer
from registry.custody.scope import MOST_ASSETS, with_kits
from registry.custody.services import Batch
from registry.problems import NotFound, Problem
from registry.work.models import Run


class Do(StrEnum):
    OUT = "out"
    IN = "in"
    INTO = "into"
    TAKE_OUT = "take-out"
    SEND = "transfer"
    PUT_BACK = "put-back"  # undoes INTO and TAKE_OUT
    CANCEL = "cancel"  # undoes SEND
    REOPEN = "reopen"  # undoes IN


WITH_KITS: Final = (Do.OUT, Do.IN, Do.REOPEN)
Work = Callable[[], None]


@dataclass(slots=True)
class Step:
    """Some assets of a run. `why`: those that are left alone. `was`: what each of the others leaves, in words. `along`: so many
    more, parts of kits. `kept`: what later steps have to know."""

    run: Run
    by: Actor
    assets: dict[UUID, Asset]
    why: dict[UUID, str] = field(default_factory=dict)
    was: dict[UUID, str] = field(default_factory=dict)
    along: int = 0
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


def _out(step: Step) -> Work:
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
    if len(going) > MOST_ASSETS:  # of one alone
        step.why |= {asset.pk: f"with its parts it is more than {MOST_ASSETS} at once" for asset in step.rest}
    step.along = len([pk for pk in going if pk not in step.assets])

    def hand_out() -> None:
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

    return hand_out


def _of(batch: UUID, asset_ids: Collection[UUID]) -> Collection[UUID]:
    return Custody.objects.out().filter(batch=batch, asset__in=asset_ids).values_list("asset", flat=True)


def _in(step: Step) -> Work:
    given, by = step.given, step.by
    custodies = Custody.objects.out().filter(asset__in=step.assets)
    if "of" in given:  # an undo takes back what that run gave out, and nothing else
        custodies = custodies.filter(batch=UUID(given["of"]))
    out = {custody.asset_id: custody for custody in custodies.select_related("person", "location", "holder")}
    begun = step.run.started_at or timezone.now()
    back = Custody.objects.filter(asset__in=step.assets, to_at__gte=begun, in_by=by.user_id)
    with_us = set(back.values_list("asset", flat=True))  # with a kit that came back before
    step.why |= {asset.pk: "is not checked out" for asset in step.rest if asset.pk not in out and asset.pk not in with_us}
    coming = [asset.pk for asset in step.rest if asset.pk in out]
    step.was = dict(zip(out, services.holder_names(by, list(out.values())), strict=True))

    def take_back() -> None:
        if coming:
            location, condition = _place(given.get("location")), given.get("condition")
            note = given.get("note", "")
            services.check_in(by=by, asset_ids=coming, location=location, condition=condition, note=note)

    return take_back


def _reopen(step: Step) -> Work:
    """What a run took back, with the parts of kits that came back with it."""
    by, request_id = step.by, UUID(step.given["request"])
    wanted = reopening.came_back_by(request_id, with_kits([asset.pk for asset in step.rest]))
    step.why |= {asset.pk: "it was not checked in then" for asset in step.rest if asset.pk not in wanted}
    done = set(Custody.objects.out().filter(asset__in=wanted, pk__in=step.kept.get("parts", [])).values_list("asset", flat=True))
    assets = Asset.objects.in_bulk(wanted - done)
    problems = reopening.cannot_be_undone(assets, request_id)
    step.refuse(problems)
    again = [pk for pk in assets if pk not in problems and pk not in step.why]

    def reopen() -> None:
        if again:
            made = reopening.undo_check_in(by=by, asset_ids=again, request_id=request_id)
            parts = [str(custody.pk) for custody in made if custody.asset_id not in step.assets]
            step.kept["parts"] = [*step.kept.get("parts", []), *parts]

    return reopen


def _into(step: Step) -> Work:
    container = Asset.objects.in_bulk([UUID(step.given["container"])])
    if not container:
        raise NotFound("the container does not exist any more")
    [(into, outer)] = container.items()
    moving = dict.fromkeys([asset.pk for asset in step.rest], into)
    step.refuse(containers.misfits(moving, step.assets | container, container))
    _in_what(step)
    pairs = [(asset, outer) for asset in step.rest]

    def put_in() -> None:
        containers.put_all_into(by=step.by, pairs=pairs, kind=step.given["kind"])

    return put_in


def _take_out(step: Step) -> Work:
    step.why |= {asset.pk: "lies in nothing" for asset in step.rest if asset.parent_id is None}
    _in_what(step)
    return lambda: containers.take_all_out(by=step.by, assets=step.rest)


def _in_what(step: Step) -> None:
    seen = Asset.objects.visible_to(step.by).in_bulk({asset.parent_id for asset in step.rest if asset.parent_id is not None})
    for asset in step.rest:
        if asset.parent_id is not None:
            step.was[asset.pk] = str(seen[asset.parent_id]) if asset.parent_id in seen else "another asset"


def _put_back(step: Step) -> Work:
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

    def put_back() -> None:
        for kind in Containment.Kind.values:
            going = [asset for asset in step.rest if asset.pk in back]
            chosen = [(a, outer[back[a.pk]]) for a in going if kinds.get((a.pk, back[a.pk]), "contents") == kind]
            if chosen:
                containers.put_all_into(by=step.by, pairs=chosen, kind=kind)
        if free := [asset for asset in step.rest if asset.pk not in back]:
            containers.take_all_out(by=step.by, assets=free)

    return put_back


def _parent(values: Mapping[str, Any]) -> UUID | None:
    parent = values.get("parent")
    return UUID(parent["id"]) if parent else None


def _send(step: Step) -> Work:
    step.why |= {asset.pk: "is on another transfer already" for asset in transfers.on_another(step.rest)}
    return lambda: _put_on(step)


def _put_on(step: Step) -> None:
    ids = [asset.pk for asset in step.rest]
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


def _cancel(step: Step) -> Work:
    return lambda: _call_off(step)


def _call_off(step: Step) -> None:
    """The transfers that a run asked for, with the first assets of them; whose transfer went off meanwhile stays on it."""
    run = Run.objects.filter(pk=UUID(step.given["of"])).first()
    made = run.cursor.get("kept", {}).get("transfers", []) if run is not None else []
    for transfer in Transfer.objects.visible_to(step.by).filter(pk__in=made, state=Transfer.State.REQUESTED):
        transfers.cancel(by=step.by, transfer_id=transfer.pk)
    step.why |= {asset.pk: "is on its way" for asset in transfers.on_another(step.rest)}


# Each leaves alone what it cannot be done with, and returns what does it with the rest.
JUDGES: Final[Mapping[Do, Callable[[Step], Work]]] = {
    Do.OUT: _out,
    Do.IN: _in,
    Do.INTO: _into,
    Do.TAKE_OUT: _take_out,
    Do.SEND: _send,
    Do.PUT_BACK: _put_back,
    Do.CANCEL: _cancel,
    Do.REOPEN: _reopen,
}


def _id(text: str | None) -> UUID | None:
    return UUID(text) if text else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _place(text: str | None) -> Location | None:
    return Location.objects.filter(pk=text).first() if text else None
