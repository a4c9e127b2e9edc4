"""Pages: the calendar of what is booked and out, making a booking, and one booking with what can be done about it."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from registry.access.actors import Actor
from registry.assets.models import Asset
from registry.assets.pickers import Picked
from registry.custody import bookings, choosing
from registry.custody.calendar import DAY, Taken, days_of, row
from registry.custody.models import Booking, BookingItem, Custody
from registry.custody.on_asset import holder_name
from registry.page import acting, page, put_errors, said, time_zone
from registry.problems import Invalid, Problem

MOST_ROWS = 60  # assets in one calendar
STATES = {"requested": "unknown", "confirmed": "waiting", "active": "good", "done": "unknown", "cancelled": "unknown"}
FAR = datetime(9999, 1, 1, tzinfo=UTC)


class BookingForm(choosing.Assets):
    title = forms.CharField(label="What for", max_length=bookings.TITLE_CHARS)
    person = Picked("person", label="For", empty="Name, staff number or e-mail")
    from_at = choosing.Moment(label="From")
    to_at = choosing.Moment(label="Until")
    note = forms.CharField(max_length=1_000, required=False)
    request_only = forms.BooleanField(required=False)


@page()
def calendar(request: HttpRequest) -> HttpResponse:
    """`view` week or month, `day` any day of it, `assets` or `q` which ones; without: those that are booked or out then. Days
    begin at midnight in the reader's time zone."""
    by, zone = acting(request), time_zone(request)
    now = timezone.now().astimezone(zone)
    view = "month" if request.GET.get("view") == "month" else "week"
    first, days = days_of(view, choosing.day_in(zone, request.GET.get("day", ""), now))
    end = first + days * DAY
    q, ids = request.GET.get("q", "").strip()[:100], choosing.ids_in(request.GET)
    booked, out = _items(first, end), _out(first, end)
    found = Asset.objects.visible_to(by)
    if q:
        found = found.filter(Q(name__icontains=q) | Q(asset_no__iexact=q))
    elif ids:
        found = found.filter(pk__in=ids.split(","))
    else:
        found = found.filter(pk__in=booked.values("asset").union(out.values("asset")))
    assets = list(found.order_by("name", "asset_no")[: MOST_ROWS + 1])
    taken = _taken(by, [asset.pk for asset in assets], booked, out)
    context = {
        "area": "bookings",
        "view": view,
        "q": q,
        "ids": ids,
        "first": first,
        "last": end - DAY,
        "days": [first + n * DAY for n in range(days)],
        "today": now.date(),
        "shown": now.date() if first <= now < end else first.date(),
        "rows": [(asset, row(taken[asset.pk], first, days)) for asset in assets[:MOST_ROWS]],
        "cut": len(assets) > MOST_ROWS,
        "booked": Booking.objects.visible_to(by).between(first, end).exclude(state="cancelled").count(),
        "requested": Booking.objects.visible_to(by).filter(state="requested", to_at__gt=now).count(),
        "agenda": _agenda(by, first, end),
        "before": (first - DAY).date(),
        "after": end.date(),
        "zone": zone.key,
    }
    with timezone.override(zone):
        return render(request, "custody/calendar.html", context)


def _items(first: datetime, end: datetime) -> QuerySet[BookingItem]:
    """What is booked meanwhile, in no order."""
    return BookingItem.objects.filter(
        from_at__lt=end, to_at__gt=first, booking__state__in=(Booking.State.REQUESTED, Booking.State.CONFIRMED)
    ).order_by()


def _out(first: datetime, end: datetime) -> QuerySet[Custody]:
    """What is out meanwhile, until it is due, or until now; in no order."""
    out = Custody.objects.out().filter(from_at__lt=end).order_by()
    return out if first < timezone.now() else out.filter(Q(due_at__isnull=True) | Q(due_at__gt=first))


def _taken(
    by: Actor, assets: list[UUID], booked: QuerySet[BookingItem], out: QuerySet[Custody]
) -> defaultdict[UUID, list[Taken]]:
    """What takes each of these assets, which are in scope: bookings, and what is out until it is due."""
    now = timezone.now()
    found: defaultdict[UUID, list[Taken]] = defaultdict(list)
    for item in booked.filter(asset__in=assets).select_related("booking__person").order_by("from_at"):
        b = item.booking
        title = f"{b.title} · {b.person.name}"
        url = reverse("booking", args=[b.pk])
        found[item.asset_id].append(Taken(item.from_at, item.to_at, title, str(b.get_state_display()), STATES[b.state], url))
    for c in out.filter(asset__in=assets).select_related("person", "location", "holder"):
        until = c.due_at if c.due_at is not None else FAR
        state, word = ("failed", "overdue") if until < now else ("good", "out")
        until = max(until, now)
        found[c.asset_id].append(Taken(c.from_at, until, holder_name(by, c), word, state, reverse("custody-one", args=[c.pk])))
    return found


def _agenda(by: Actor, first: datetime, end: datetime) -> list[tuple[datetime, list[tuple[Booking, str]]]]:
    """The bookings day by day, as a phone shows them: each at the first of its days that is shown."""
    shown = Booking.objects.visible_to(by).between(first, end).exclude(state="cancelled").select_related("person")
    groups: dict[datetime, list[tuple[Booking, str]]] = {}
    for booking in shown.order_by("from_at", "id")[:200]:
        day = max(booking.from_at.astimezone(first.tzinfo), first).replace(hour=0, minute=0, second=0, microsecond=0)
        groups.setdefault(day, []).append((booking, STATES[booking.state]))
    return list(groups.items())


@page("GET", "POST")
def new(request: HttpRequest) -> HttpResponse:
    by = acting(request)
    given = request.POST if request.method == "POST" else request.GET
    ids = choosing.ids_in(given)
    if request.method == "POST" and "title" in request.POST:
        form = BookingForm(by, {**request.POST.dict(), "assets": ids})
        if form.is_valid():
            try:
                booking = _book(by, form.cleaned_data)
            except Problem as problem:
                put_errors(form, _at_codes(problem))
            else:
                messages.success(request, f"{booking.title} is {booking.get_state_display()}.", "good")
                return redirect("booking", booking.pk)
    else:
        start = _start(time_zone(request), request.GET.get("day", ""))
        form = BookingForm(by, initial={"assets": ids, "from_at": start, "to_at": start + timedelta(hours=8)})
    context = {"area": "bookings", "form": form, "assets": choosing.chosen(by, ids)}
    return render(request, "custody/booking_new.html", context, status=422 if form.errors else 200)


def _start(zone: ZoneInfo, day: str) -> datetime:
    """Nine o'clock of that day in the time zone, or the next full hour."""
    now = timezone.now()
    soon = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return max(choosing.day_in(zone, day, now).replace(hour=9), soon) if day else soon


def _book(by: Actor, values: dict[str, Any]) -> Booking:
    assets = choosing.chosen(by, values["assets"], values["codes"])
    if not assets:
        raise Invalid("codes: choose at least one asset", field="codes")
    return bookings.book(
        by=by,
        title=values["title"],
        person_id=values["person"].pk,
        asset_ids=[asset.pk for asset in assets],
        from_at=values["from_at"],
        to_at=values["to_at"],
        note=values["note"],
        confirmed=not values["request_only"],
    )


def _at_codes(problem: Problem) -> Problem:
    """What is said of `assets` stands above the form: its field is not seen."""
    if problem.field == "assets":
        problem.text, problem.field = problem.text.removeprefix("assets: "), None
    return problem


@page("GET", "POST")
def one(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """`do`: confirm, cancel, out; each with the `version` that was seen."""
    by = acting(request)
    booking = get_object_or_404(Booking.objects.visible_to(by).select_related("person", "made_by"), pk=booking_id)
    if request.method == "POST":
        try:
            return _do(request, by, booking)
        except Problem as problem:
            messages.error(request, said(problem), "attention")
            return redirect("booking", booking.pk)
    visible = set(Asset.objects.visible_to(by).filter(booked__booking=booking).values_list("pk", flat=True))
    items = [item for item in booking.items.select_related("asset").order_by("asset__name") if item.asset_id in visible]
    context = {
        "area": "bookings",
        "booking": booking,
        "state": STATES[booking.state],
        "items": items,
        "clashes": bookings.taken(list(visible), booking.from_at, booking.to_at, but=booking)
        if booking.state == "requested"
        else [],
        "past": booking.to_at < timezone.now(),
    }
    return render(request, "custody/booking.html", context)


def _do(request: HttpRequest, by: Actor, booking: Booking) -> HttpResponse:
    version = int(request.POST["version"]) if request.POST.get("version", "").isdecimal() else None
    do = request.POST.get("do")
    if do == "out":
        out = bookings.hand_out(by=by, booking_id=booking.pk, version=version, accept_at=choosing.accept_at(request))
        first = out.custodies[0]
        request.session[f"link-{first.batch}"] = out.link_secret
        messages.success(request, f"Everything is checked out to {booking.person.name}.", "good")
        return redirect("custody-one", first.pk)
    changed = (bookings.confirm if do == "confirm" else bookings.cancel)(by=by, booking_id=booking.pk, version=version)
    messages.success(request, f"{changed.title} is {changed.get_state_display()}.", "good")
    return redirect("booking", booking.pk)
