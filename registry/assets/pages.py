"""Pages that need nothing but assets: adding a place, renaming it, moving it, taking an empty one away."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from registry.access.actors import Actor
from registry.assets import trees
from registry.assets.models import NAME_CHARS, Location
from registry.assets.pickers import Picked, bind
from registry.page import acting, page, put_errors, said
from registry.problems import Problem, Stale


class PlaceForm(forms.Form):
    name = forms.CharField(max_length=NAME_CHARS)
    kind = forms.ChoiceField(choices=[(k.value, str(k.label).capitalize()) for k in Location.Kind])
    parent = Picked("place", label="Inside", required=False, empty="Nothing: at the top")
    code = forms.CharField(max_length=trees.CODE_CHARS, required=False)
    gln = forms.CharField(label="GLN", max_length=20, required=False)
    latitude = forms.FloatField(required=False)
    longitude = forms.FloatField(required=False)
    storage_cost_month = forms.DecimalField(label="Cost a month", required=False)
    currency = forms.CharField(max_length=3, required=False)
    notes = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=10_000, required=False)
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, by: Actor, moved: Location | None, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        bind(self, by)
        if moved is not None:  # it cannot be put inside itself
            self.fields["parent"].narrow = lambda places: places.exclude(path__startswith=moved.path)  # type: ignore[attr-defined]
            self.fields["version"].required = True

    def values(self) -> dict[str, Any]:
        """The fields of the place, as the services take them."""
        return {field: self.cleaned_data[field] for field in trees.LOCATION_FIELDS} | {"code": self.cleaned_data["code"] or None}


@page("GET", "POST")
def new_place(request: HttpRequest) -> HttpResponse:
    by = acting(request)
    if request.method == "POST":
        form = PlaceForm(by, None, request.POST)
        if form.is_valid():
            try:
                place = trees.create_location(by=by, parent=form.cleaned_data["parent"], **form.values())
            except Problem as problem:
                put_errors(form, problem)
            else:
                messages.success(request, f"{place.name} is a place now.", "good")
                return redirect("place", place.pk)
    else:
        form = PlaceForm(by, None, initial={"parent": request.GET.get("inside"), "kind": Location.Kind.ROOM})
    return render(request, "web/place_form.html", {"area": "places", "form": form}, status=422 if form.errors else 200)


@page("GET", "POST")
def edit_place(request: HttpRequest, location_id: UUID) -> HttpResponse:
    by = acting(request)
    place: Location = get_object_or_404(Location.objects.visible_to(by), pk=location_id)
    parent = Location.objects.get_parent(place)
    stale, meanwhile = False, list[tuple[str, str]]()
    if request.method == "POST":
        form = PlaceForm(by, place, request.POST)
        if form.is_valid():
            try:
                _change(by, place, parent, form)
            except Stale:
                # Saving once more then overwrites on purpose: the form carries the version that is shown beside it.
                stale, place = True, get_object_or_404(Location.objects.visible_to(by), pk=location_id)
                meanwhile = _differences(by, form, place)
                form.data = {**request.POST.dict(), "version": str(place.version)}
            except Problem as problem:
                put_errors(form, problem)
            else:
                messages.success(request, "Saved.", "good")
                return redirect("place", location_id)
    else:
        form = PlaceForm(by, place, initial=_now(by, place))
    context = {"area": "places", "form": form, "place": place, "stale": stale, "meanwhile": meanwhile}
    return render(request, "web/place_form.html", context, status=422 if form.errors or stale else 200)


@page("POST")
def delete_place(request: HttpRequest, location_id: UUID) -> HttpResponse:
    place: Location = get_object_or_404(Location.objects.visible_to(acting(request)), pk=location_id)
    parent = Location.objects.get_parent(place)
    try:
        trees.delete_location(by=acting(request), location=place)
    except Problem as problem:
        messages.error(request, said(problem), "attention")
        return redirect("place-edit", location_id)
    messages.success(request, f"{place.name} is gone.", "good")
    return redirect("place", parent.pk) if parent is not None else redirect("places")


@transaction.atomic
def _change(by: Actor, place: Location, parent: Location | None, form: PlaceForm) -> None:
    """Raises Stale when somebody changed or moved it since the form was shown."""
    chosen = form.cleaned_data["parent"]
    place = trees.change_location(by=by, location=place, version=form.cleaned_data["version"], **form.values())
    hidden = parent is not None and not by.sees_place(parent.path)  # such a place cannot be chosen, so it was not unchosen either
    if chosen != parent and not (hidden and chosen is None):
        trees.move_location(by=by, location=place, parent=chosen)


def _now(by: Actor, place: Location) -> dict[str, Any]:
    parent = Location.objects.get_parent(place)
    shown = parent if parent is not None and by.sees_place(parent.path) else None
    return {field: getattr(place, field) for field in (*trees.LOCATION_FIELDS, "version")} | {"parent": shown}


def _differences(by: Actor, form: PlaceForm, place: Location) -> list[tuple[str, str]]:
    """What stands in the registry now where it is not what was typed."""
    now = _now(by, place)
    words = now | {"kind": place.get_kind_display()}
    return [
        (str(form.fields[name].label or name.replace("_", " ").capitalize()), str(words[name] or "nothing"))
        for name in (*trees.LOCATION_FIELDS, "parent")
        if (form.cleaned_data[name] or None) != (now[name] or None)
    ]
