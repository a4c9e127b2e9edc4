"""Pages: handing out, taking back, laying into a container and sending what was ticked in the list, or all that it shows: a form,
what would happen, and what came of it."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from registry.access.actors import Action, Actor
from registry.assets.models import Asset
from registry.assets.pickers import Picked, bind
from registry.custody import accepting, choosing, many
from registry.custody.many_doing import Do
from registry.custody.models import Custody, Transfer
from registry.custody.pages import CheckInForm, CheckOutForm, holder_of
from registry.custody.transfer_pages import TransferForm
from registry.page import acting, is_htmx, page, put_errors, said
from registry.problems import NotFound, Problem
from registry.web.selection import back_to_list, chosen
from registry.work import runs
from registry.work.models import Run

NAMED: Final = 20  # of the assets, above the form
_NOT_VALUES: Final = frozenset(("csrfmiddlewaretoken", "asset", "assets", "all", "query", "preview", "go", "change"))


class IntoForm(forms.Form):
    container = Picked("asset", action=Action.HANDLE, empty="Name, number or code", help_text="A crate, a van, a rack.")
    kind = forms.ChoiceField(
        label="How",
        choices=[("contents", "They lie in it"), ("component", "They are built into it"), ("kit", "They belong to it as a kit")],
    )

    def __init__(self, by: Actor, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        bind(self, by)


class TakeOutForm(forms.Form):
    def __init__(self, by: Actor, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)


def _out(request: HttpRequest, ids: list[UUID], values: Mapping[str, Any]) -> many.Plan:
    more = {name: values[name] for name in ("due_at", "note", "over_bookings")}
    accept_at = choosing.accept_at(request)
    return many.check_out(by=acting(request), asset_ids=ids, accept_at=accept_at, **more, **holder_of(values))


def _in(request: HttpRequest, ids: list[UUID], values: Mapping[str, Any]) -> many.Plan:
    return many.check_in(
        by=acting(request), asset_ids=ids, location=values["location"], condition=values["condition"], note=values["note"]
    )


def _into(request: HttpRequest, ids: list[UUID], values: Mapping[str, Any]) -> many.Plan:
    return many.put_into(by=acting(request), asset_ids=ids, container=values["container"], kind=values["kind"])


def _take_out(request: HttpRequest, ids: list[UUID], values: Mapping[str, Any]) -> many.Plan:
    return many.take_out(by=acting(request), asset_ids=ids)


def _send(request: HttpRequest, ids: list[UUID], values: Mapping[str, Any]) -> many.Plan:
    given = {name: values[name] for name in ("from_location", "to_location", "due_at", "note", "new_home")}
    return many.send(by=acting(request), asset_ids=ids, **given)


_DOING: Final[Mapping[str, tuple[str, Any, Callable[..., many.Plan]]]] = {
    Do.OUT: ("Check out", CheckOutForm, _out),
    Do.IN: ("Check in", CheckInForm, _in),
    Do.INTO: ("Put into", IntoForm, _into),
    Do.TAKE_OUT: ("Take out", TakeOutForm, _take_out),
    Do.SEND: ("Transfer", TransferForm, _send),
}


@page("POST")
def show(request: HttpRequest, do: str) -> HttpResponse:
    """The form for what was ticked; with `preview` what it would do, with `go` exactly that is done. `change`: the form again."""
    by = acting(request)
    if do not in _DOING or not by.may_anywhere(Action.HANDLE):
        raise Http404
    try:
        ids = chosen(request, by)
    except Problem as problem:
        return back_to_list(request, problem)
    title, make, work = _DOING[do]
    filled = any(step in request.POST for step in ("preview", "go", "change"))
    form = make(by, request.POST) if filled else make(by, initial={"to": "person", "new_home": True})
    for name in ("assets", "codes"):  # chosen in the list already
        form.fields.pop(name, None)
    common = {"area": "assets", "do": do, "title": title, "query": request.POST.get("query", "")}
    if filled and "change" not in request.POST and form.is_valid():
        try:
            plan = work(request, ids, form.cleaned_data)
            if "go" in request.POST:
                return redirect("assets-handled", many.start(by=by, plan=plan).pk)
            return _preview(request, plan, common)
        except Problem as problem:
            put_errors(form, problem)
    context = common | {
        "form": form,
        "ids": ",".join(map(str, ids)),
        "count": len(ids),
        "named": Asset.objects.visible_to(by).filter(pk__in=ids[:NAMED]),
        "more": max(0, len(ids) - NAMED),
    }
    return render(request, "web/handling.html", context, status=422 if form.errors else 200)


def _preview(request: HttpRequest, plan: many.Plan, context: Mapping[str, Any]) -> HttpResponse:
    """The assets with which it can be done go on; the values of the form go along as they were given."""
    preview = many.preview(acting(request), plan)
    given = [(name, value) for name, values in request.POST.lists() if name not in _NOT_VALUES for value in values]
    more = {
        "preview": preview,
        "count": len(plan.assets),
        "given": given,
        "ids": ",".join(map(str, preview.going)),
        "all_ids": ",".join(plan.assets),
        "leaving": [(was, number) for was, number in preview.leaving if was],
        "refusing": len(preview.refused) + preview.more_refused,
    }
    return render(request, "web/handling_preview.html", {**context, **more})


@page()
def result(request: HttpRequest, handled_id: UUID) -> HttpResponse:
    """What came of it, or how far it is."""
    by = acting(request)
    run = _run(request, handled_id)
    do = Do(run.parameters["do"])
    going = run.state in (Run.State.WAITING, Run.State.RUNNING)
    context = {
        "area": "assets",
        "run": run,
        "going": going,
        "worked": run.done + run.failed,
        "refused": many.refused_of(run),
        "undo": many.undoable(run),
        "link": _link(request, run) if do == Do.OUT and not going else "",
        "transfers": Transfer.objects.visible_to(by).filter(pk__in=run.cursor.get("kept", {}).get("transfers", [])),
    }
    return render(request, "web/_handling_run.html" if is_htmx(request) else "web/handling_run.html", context)


@page("POST")
def undo(request: HttpRequest, handled_id: UUID) -> HttpResponse:
    try:
        return redirect("assets-handled", many.undo(by=acting(request), run=_run(request, handled_id)).pk)
    except Problem as problem:
        messages.error(request, said(problem), "attention")
        return redirect("assets-handled", handled_id)


def _run(request: HttpRequest, handled_id: UUID) -> Run:
    try:
        run = runs.find(acting(request), handled_id)
    except NotFound:
        raise Http404 from None
    if run.kind != many.KIND:
        raise Http404
    return run


def _link(request: HttpRequest, run: Run) -> str:
    """Where a person accepts what went out by this run: for who handed it out."""
    secret = accepting.link_secret_of(run.pk)
    own = run.user is not None and run.user == acting(request).user_id
    if not own or not Custody.objects.out().filter(batch=run.pk, accepted_at=None, person__isnull=False).exists():
        return ""
    return request.build_absolute_uri(reverse("custody-accept", args=[secret]))
