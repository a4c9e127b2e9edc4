"""Pages: the walk list, room by room, and one room, where things are scanned, ticked and photographed. Made for a phone."""

from typing import Any
from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from registry.access.actors import Actor
from registry.assets.models import Location
from registry.assets.pickers import Picked, bind
from registry.audits import coverage, services, walking
from registry.audits.models import Campaign, Expected, Place
from registry.audits.pages import STATES
from registry.db import uuid7
from registry.page import acting, page, said
from registry.problems import NotFound, Problem

SHOWN = 300  # of one room
ROOMS = 500
NO_PLACE = "none"
WORDS = {
    "found": ("good", "is where it should be"),
    "wrong_place": ("attention", "should be in another place"),
    "wrong_custodian": ("attention", "should be with somebody else"),
    "damaged": ("attention", "is damaged"),
    "unexpected": ("attention", "is not expected in this audit"),
    "unknown_code": ("failed", "is a code that no asset has"),
    "repeated": ("waiting", "was told already"),
    "refused": ("failed", "does not count"),
}


class TickForm(forms.Form):
    """What else was seen of an asset."""

    custodian = Picked("person", label="Is with", required=False, empty="Nobody else")
    damaged = forms.BooleanField(label="It is damaged", required=False)
    note = forms.CharField(max_length=500, required=False)
    photo = forms.FileField(required=False, widget=forms.FileInput(attrs={"accept": "image/*", "capture": "environment"}))

    def __init__(self, by: Actor, *args: Any, **more: Any) -> None:
        super().__init__(*args, **({"auto_id": False} | more))
        bind(self, by)


@page("GET", "POST")
def walk(request: HttpRequest, audit_id: UUID) -> HttpResponse:
    """`place`: one room, or `none`: what has no place. `do`: scan a `text`, tick an `asset`, done or again for the room."""
    by = acting(request)
    try:
        campaign = services.visible(by, audit_id)
    except NotFound:
        raise Http404 from None
    if campaign.state == Campaign.State.DRAFT:
        raise Http404
    wanted = request.GET.get("place", "")
    context: dict[str, Any] = {
        "area": "audits", "campaign": campaign, "state": STATES[campaign.state], "may_walk": walking.may_walk(by, campaign),
        "is_open": campaign.state == Campaign.State.OPEN,
    }  # fmt: skip
    if not wanted:
        rooms = Place.objects.filter(campaign=campaign).select_related("location").order_by("location__path")[:ROOMS]
        shown = [(room, coverage.Count(room.expected, room.seen, room.off)) for room in rooms]
        left = [(room, count) for room, count in shown if count.left and room.walked_at is None]
        context |= {"left": left, "done": [one for one in shown if one not in left], "count": coverage.count_of(campaign)}
        return render(request, "audits/walk.html", context)
    room = _room(by, campaign, wanted)
    context |= {"wanted": wanted, "event_id": uuid7()}
    status = 200
    if request.method == "POST":
        try:
            context |= _do(request, by, campaign, room)
        except Problem as problem:
            context["problem"] = said(problem)
        room.refresh_from_db()
    context |= {"room": room, "count": coverage.Count(room.expected, room.seen, room.off), "tick": TickForm(by)}
    rows = coverage.expected_at(campaign, room.location_id).select_related("seen_location", "custodian")
    context["left"] = list(rows.filter(evidence_id__isnull=True).order_by("name", "pk")[:SHOWN])
    context["seen"] = [
        (row, *WORDS[row.outcome]) for row in rows.filter(evidence_id__isnull=False).order_by("-seen_at", "pk")[:SHOWN]
    ]
    for row, *_ in context["seen"]:
        row.elsewhere = _elsewhere(by, row)
    return render(request, "audits/room.html", context, status=status)


def _do(request: HttpRequest, by: Actor, campaign: Campaign, room: Place) -> dict[str, Any]:
    """What came of it, for the card. Raises Problem."""
    posted = request.POST
    match posted.get("do", ""):
        case "scan":
            try:
                one = UUID(posted.get("event_id", ""))
            except ValueError:
                one = uuid7()
            given = walking.Given(room.location_id, text=posted.get("text", "")[:5000], id=one)
            [answer] = walking.take(by=by, campaign_id=campaign.pk, given=[given])
        case "tick":
            answer = _tick(request, by, campaign, room)
        case "done" | "again" as do:
            walking.room_done(by=by, campaign_id=campaign.pk, location=room.location_id, done=do == "done")
            return {}
        case _:
            raise Http404
    colour, words = WORDS[answer.state]
    return {"answer": answer, "colour": colour, "words": words, "said": answer.key or posted.get("text", "")[:200]}


def _tick(request: HttpRequest, by: Actor, campaign: Campaign, room: Place) -> walking.Answer:
    form = TickForm(by, request.POST, request.FILES)
    try:
        asset = UUID(request.POST.get("asset", ""))
    except ValueError:
        raise NotFound("asset: which one?", field="asset") from None
    if not form.is_valid():
        raise NotFound(" ".join(str(text) for texts in form.errors.values() for text in texts))
    more = form.cleaned_data
    custodian = more["custodian"].pk if more["custodian"] is not None else None
    given = walking.Given(room.location_id, asset=asset, custodian=custodian, damaged=more["damaged"], note=more["note"])
    photo = more["photo"]
    if photo is not None:
        return walking.photograph(by=by, campaign_id=campaign.pk, given=given, file=photo, name=photo.name)
    [answer] = walking.take(by=by, campaign_id=campaign.pk, given=[given])
    return answer


def _room(by: Actor, campaign: Campaign, wanted: str) -> Place:
    places = Place.objects.filter(campaign=campaign).select_related("location")
    try:
        found = places.filter(location=None if wanted == NO_PLACE else UUID(wanted)).first()
    except ValueError:
        found = None
    if found is None or (found.location is not None and not by.sees_place(found.location.path)):
        raise Http404
    return found


def _elsewhere(by: Actor, row: Expected) -> str:
    """Where it was seen, if that is another place than it should be in."""
    there: Location | None = row.seen_location
    if there is None or there.pk == row.location_id:
        return ""
    return str(there.name) if by.sees_place(there.path) else "elsewhere"
