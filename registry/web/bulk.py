"""Pages: changing the ticked assets. Choose what, see what would happen, confirm exactly that; then what came of it, and undo."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from registry.access.actors import Action, Actor
from registry.assets import bulk_edit, editing
from registry.assets.custom import PREFIX
from registry.assets.editing import ADD_TAGS, DROP_TAGS, EDITABLE, ROWS, Edit
from registry.assets.models import Asset, CustomField
from registry.assets.pickers import Picked, picker, typed_in
from registry.page import acting, is_htmx, page, said
from registry.problems import NotFound, Problem
from registry.web.selection import back_to_list, chosen
from registry.work import runs
from registry.work.models import Run

MOST_OPTIONS = 1_000
PICKED = {
    "category": "category",
    "home_location": "place",
    "model": "model",
    "supplier": "supplier",
    "cost_center": "cost-center",
}
DAYS = ("acquired_on", "in_service_on", "warranty_until", "replace_on")


@page("POST")
def show(request: HttpRequest) -> HttpResponse:
    """The form for the ticked assets; with a value, what it would do."""
    by = acting(request)
    try:
        ids = chosen(request, by)
    except Problem as problem:
        return back_to_list(request, problem)
    fields = editing.fields_for(by)
    if not fields:
        raise Http404
    given = request.POST.get("field", "")
    name = given if given in fields else next(iter(fields))
    context: dict[str, Any] = {
        "area": "assets",
        "ids": ",".join(map(str, ids)),
        "count": len(ids),
        "fields": fields.items(),
        "name": name,
        "query": request.POST.get("query", ""),
        "control": _control(by, name),
        "value": request.POST.get("value", ""),
    }
    if is_htmx(request) or "preview" not in request.POST:
        context |= {"value": ""}
        return render(request, "web/_bulk_value.html" if is_htmx(request) else "web/bulk.html", context)
    if name in PICKED:
        context["control"] = {
            "picked": _picker(by, name).control("value", typed_in(request.POST, "value")),
            "help": "Left empty: none.",
        }
    try:
        context["value"] = _picked(by, name, request.POST) if name in PICKED else context["value"]
        context["preview"] = bulk_edit.preview(by, Edit(name, context["value"]), ids)
    except Problem as problem:
        return render(request, "web/bulk.html", context | {"error": said(problem)}, status=422)
    return render(request, "web/bulk_preview.html", context)


@page("POST")
def confirm(request: HttpRequest) -> HttpResponse:
    try:
        run = bulk_edit.confirm(by=acting(request), token=request.POST.get("token", ""))
    except Problem as problem:
        return back_to_list(request, problem)
    return redirect("asset-bulk-run", run.pk)


@page()
def result(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """What came of it, or how far it is."""
    run = _run(request, run_id)
    edit = Edit(run.parameters["field"], run.parameters["text"])
    context = {
        "area": "assets",
        "run": run,
        "said": _words(acting(request), edit),
        "undo": edit.field == editing.UNDO,
        "refused": bulk_edit.refused_of(run),
        "going": run.state in (Run.State.WAITING, Run.State.RUNNING),
        "worked": run.done + run.failed,
    }
    return render(request, "web/_bulk_run.html" if is_htmx(request) else "web/bulk_run.html", context)


@page()
def undo(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """What putting it all back would do."""
    by = acting(request)
    run = _run(request, run_id)
    try:
        preview = bulk_edit.undoing(by, run)
    except Problem as problem:
        return back_to_list(request, problem)
    return render(request, "web/bulk_preview.html", {"area": "assets", "preview": preview, "run": run, "count": run.done})


def _run(request: HttpRequest, run_id: UUID) -> Run:
    try:
        run = runs.find(acting(request), run_id)
    except NotFound:
        raise Http404 from None
    if run.kind != bulk_edit.KIND:
        raise Http404
    return run


def _words(by: Actor, edit: Edit) -> str:
    try:
        return editing.said(edit, by)
    except Problem:
        return EDITABLE.get(edit.field, edit.field)  # what it was set to does not exist any more


def _control(by: Actor, name: str) -> dict[str, Any]:
    """How the value is given: one of options, a day, or text."""
    choices = {"status": Asset.Status, "kind": Asset.Kind, "criticality": Asset.Criticality}
    if name in choices:
        return {"options": [(value, str(label).capitalize()) for value, label in choices[name].choices]}
    if name == "condition":
        return {"options": [("5", "5, as new"), ("4", "4"), ("3", "3"), ("2", "2"), ("1", "1, worn out"), ("", "not known")]}
    if name in PICKED:
        return {"picked": _picker(by, name).control("value", None), "help": "Left empty: none."}
    if name in ROWS:
        return {"options": [*_rows(name), ("", "none")]}
    if name in DAYS:
        return {"type": "date"}
    if name in (ADD_TAGS, DROP_TAGS):
        return {"type": "text", "help": "with commas between"}
    if name.startswith(PREFIX):
        return _own(name.removeprefix(PREFIX))
    return {"type": "text"}


def _picker(by: Actor, name: str) -> Picked:
    action = Action.EDIT if name in ("category", "home_location") else Action.VIEW
    return picker(by, PICKED[name], action=action)


def _picked(by: Actor, name: str, given: Mapping[str, Any]) -> str:
    """The id of what was picked or typed, or nothing. Raises Invalid."""
    row = _picker(by, name).typed(given, "value")
    return str(row.pk) if row is not None else ""


def _rows(name: str) -> list[tuple[str, str]]:
    rows = ROWS[name].objects.filter(active=True)[:MOST_OPTIONS]
    return [(str(row.pk), str(row)) for row in rows]


def _own(key: str) -> dict[str, Any]:
    one = CustomField.objects.filter(key=key).first()
    if one is None:
        return {"type": "text"}
    none = [] if one.required else [("", "none")]
    if one.type == CustomField.Type.BOOLEAN:
        return {"options": [("true", "Yes"), ("false", "No"), *none]}
    if one.type == CustomField.Type.CHOICE:
        return {"options": [*((str(choice), str(choice)) for choice in one.choices), *none]}
    return {"type": "date" if one.type == CustomField.Type.DATE else "text", "help": one.help or one.unit}
