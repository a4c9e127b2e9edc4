"""Pages: the floor plan of a place with its rooms and what is in them; putting a plan there, and outlining rooms on it."""

from collections import Counter
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from registry.access.actors import Action, Actor
from registry.assets.models import FloorPlan, Location
from registry.assets.pickers import Picked, bind
from registry.assets.serving import picture
from registry.page import acting, page, put_errors, said
from registry.places import contents, drawing, plans
from registry.places.pages import frame
from registry.problems import Problem

MOST_ROOMS = 300  # drawn on one plan


class PlanForm(forms.Form):
    file = forms.FileField(label="Picture", required=False)
    metres_per_pixel = forms.FloatField(label="Metres to a pixel", required=False)


class OutlineForm(forms.Form):
    room = Picked("place", label="Place", action=Action.EDIT, empty="Name or code")
    outline = forms.CharField(
        label="Corners",
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono", "spellcheck": "false"}),
        max_length=6_000,
        required=False,
    )

    def __init__(self, plan: FloorPlan, by: Actor, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        bind(self, by)
        inside = Location.objects.within(plan.location).exclude(pk=plan.location_id).values("pk")
        self.fields["room"].narrow = lambda places: places.filter(pk__in=inside)  # type: ignore[attr-defined]


@page("GET", "POST")
def plan(request: HttpRequest, location_id: UUID) -> HttpResponse:
    """The plan of the place, or where it is outlined on one. Posting puts another one there, or none."""
    by = acting(request)
    place = _place(by, location_id)
    form = PlanForm()
    if request.method == "POST":
        form = PlanForm(request.POST, request.FILES)
        if form.is_valid():
            try:
                if request.POST.get("do") == "remove":
                    plans.remove(by=by, location=place)
                    messages.success(request, "The plan is gone.", "good")
                else:
                    values = form.cleaned_data
                    plans.put(by=by, location=place, file=values["file"], metres_per_pixel=values["metres_per_pixel"])
                    messages.success(request, "The plan is there. Outline the rooms on it now.", "good")
            except Problem as problem:
                put_errors(form, problem)
            else:
                return redirect("place-plan", place.pk)
    own = FloorPlan.objects.filter(location=place).select_related("file", "location").first()
    around = None
    if own is None and place.plan_id is not None:
        around = (
            FloorPlan.objects.filter(pk=place.plan_id, location__in=Location.objects.visible_to(by))
            .select_related("location")
            .first()
        )
    if own is not None and not form.errors:
        form = PlanForm(initial={"metres_per_pixel": own.metres_per_pixel})
    context = frame(by, place, "plan") | {
        "form": form,
        "around": around,
        "may_edit": Location.objects.visible_to(by, Action.EDIT).filter(pk=place.pk).exists(),
    }
    if own is not None:
        context |= _drawn(by, own)
    return render(request, "places/plan.html", context, status=422 if form.errors else 200)


def _drawn(by: Actor, own: FloorPlan) -> dict[str, Any]:
    """The plan with its rooms; what lies in a place inside a room counts for the room."""
    width, height = float(own.file.width or 1), float(own.file.height or 1)
    ages = contents.ages_by_place(by, own.location)
    outlined = list(Location.objects.visible_to(by).filter(plan=own)[:MOST_ROOMS])
    deepest = sorted(outlined, key=lambda place: -len(place.path))
    totals: dict[Any, Counter[str]] = {place.pk: Counter() for place in outlined}
    left: Counter[str] = Counter()
    for path, counted in ages.items():
        within = next((place for place in deepest if path.startswith(place.path)), None)
        (totals[within.pk] if within is not None else left).update(counted)
    rooms = [
        (place, drawing.room(place.outline, totals[place.pk], width, height), sum(totals[place.pk].values()))
        for place in outlined
    ]
    return {
        "plan": own,
        "width": int(width),
        "height": int(height),
        "unit": round(width / 140, 2),
        "big": round(width / 45, 2),
        "font": round(width / 60, 2),
        "rooms": [(place, room, total, [totals[place.pk][age] for age in drawing.AGES]) for place, room, total in rooms],
        "left": sum(left.values()),
        "total": sum(total for _, _, total in rooms) + sum(left.values()),
    }


@page()
def image(request: HttpRequest, plan_id: UUID) -> HttpResponse:
    by = acting(request)
    found = get_object_or_404(
        FloorPlan.objects.filter(location__in=Location.objects.visible_to(by)).select_related("file"), pk=plan_id
    )
    return picture(found.file)


@page("GET", "POST")
def edit(request: HttpRequest, location_id: UUID) -> HttpResponse:
    """Outlining one `room` after the other, by corners in percents; a script lets one draw them."""
    by = acting(request)
    place = _place(by, location_id)
    own = FloorPlan.objects.filter(location=place).select_related("file", "location").first()
    if own is None:
        raise Http404
    if request.method == "POST":
        form = OutlineForm(own, by, request.POST)
        if form.is_valid():
            room = form.cleaned_data["room"]
            try:
                corners = plans.corners_in(form.cleaned_data["outline"])
                plans.outline(by=by, plan=own, location=room, corners=corners)
            except Problem as problem:
                put_errors(form, problem)
            else:
                messages.success(request, f"{room.name} is outlined." if corners else f"{room.name} is off the plan.", "good")
                return redirect(f"{request.path}?room={room.pk}")
    else:
        try:
            chosen = Location.objects.within(place).filter(pk=UUID(request.GET.get("room", ""))).first()
        except ValueError:
            chosen = None
        corners_now = chosen.outline if chosen is not None and chosen.plan_id == own.pk else []
        form = OutlineForm(own, by, initial={"room": chosen, "outline": plans.in_text(corners_now)})
    try:
        plans.must_edit(by, place)
    except Problem as problem:
        messages.error(request, said(problem), "attention")
        return redirect("place-plan", place.pk)
    outlines = {str(one.pk): plans.in_text(one.outline) for one in Location.objects.visible_to(by).filter(plan=own)}
    context = frame(by, place, "plan") | _drawn(by, own) | {"form": form, "outlines": outlines}
    return render(request, "places/plan_edit.html", context, status=422 if form.errors else 200)


def _place(by: Actor, location_id: UUID) -> Location:
    found: Location = get_object_or_404(Location.objects.visible_to(by), pk=location_id)
    return found
