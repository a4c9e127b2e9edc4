"""Pages: what is on its way, asking for a transfer, and one transfer with how far it is."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import Count, F, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from registry.access.actors import Action, Actor
from registry.assets.models import Asset, Location
from registry.custody import choosing, lists, transfers
from registry.custody.models import Transfer, TransferItem
from registry.page import acting, page, put_errors, said
from registry.paging import BadCursor, Order, cut
from registry.problems import Invalid, Problem

PAGE_SIZE = 50
NEWEST = Order("number", F("number"), descending=True)
SHOWN = {"open": "Open", "way": "On the way", "overdue": "Overdue", "closed": "Closed"}
STATES = {"requested": "unknown", "in_transit": "waiting", "arrived": "good", "cancelled": "unknown", "refused": "attention"}


class TransferForm(choosing.Assets):
    due_at = choosing.Moment(label="To arrive by", required=False)
    note = forms.CharField(max_length=1_000, required=False)
    new_home = forms.BooleanField(required=False)

    def __init__(self, by: Actor, *args: Any, **more: Any) -> None:
        super().__init__(by, *args, **more)
        self.fields["from_location"] = choosing.place_field(by, label="From", required=True, action=Action.VIEW)
        self.fields["to_location"] = choosing.place_field(by, label="To", required=True)


@page()
def listing(request: HttpRequest) -> HttpResponse:
    by, now = acting(request), timezone.now()
    show = request.GET.get("show", "open")
    show = show if show in SHOWN else "open"
    seen = Transfer.objects.visible_to(by)
    rows = lists.transfers(by, show, now=now)
    seen_items = Q() if by.may_everywhere(Action.VIEW) else Q(items__asset__in=Asset.objects.visible_to(by).order_by())
    arrived = seen_items & Q(items__state="arrived")
    rows = rows.annotate(total=Count("items", filter=seen_items), there=Count("items", filter=arrived))
    try:
        shown = cut(rows.order_by(), NEWEST, request.GET.get("cursor"), PAGE_SIZE)
    except BadCursor:
        shown = cut(rows.order_by(), NEWEST, None, PAGE_SIZE)
    counts = {"open": seen.open().count(), "overdue": seen.overdue(now).count()}
    context = {
        "area": "transfers",
        "show": show,
        "tabs": [(name, title, counts.get(name)) for name, title in SHOWN.items()],
        "counts": counts,
        "rows": [(t, *ends(by, t), STATES[t.state], _late(t, now)) for t in shown.rows],
        "next": shown.next,
        "previous": shown.previous,
    }
    return render(request, "custody/transfers.html", context)


def ends(by: Actor, transfer: Transfer) -> tuple[str, str]:
    """The names of the two places, or `elsewhere` for one out of their scope."""
    places: list[Location] = [transfer.from_location, transfer.to_location]
    first, last = (place.name if by.sees_place(place.path) else "elsewhere" for place in places)
    return first, last


def _late(transfer: Transfer, now: Any) -> bool:
    return transfer.state == "in_transit" and transfer.due_at is not None and transfer.due_at < now


@page("GET", "POST")
def new(request: HttpRequest) -> HttpResponse:
    by = acting(request)
    given = request.POST if request.method == "POST" else request.GET
    ids = choosing.ids_in(given)
    if request.method == "POST" and "note" in request.POST:
        form = TransferForm(by, {**request.POST.dict(), "assets": ids})
        if form.is_valid():
            values = form.cleaned_data
            try:
                assets = choosing.chosen(by, values.pop("assets"), values.pop("codes"))
                if not assets:
                    raise Invalid("codes: choose at least one asset", field="codes")
                transfer = transfers.request(by=by, asset_ids=[asset.pk for asset in assets], **values)
            except Problem as problem:
                put_errors(form, problem)
            else:
                messages.success(request, f"{transfer.number} is requested.", "good")
                return redirect("transfer", transfer.pk)
    else:
        form = TransferForm(by, initial={"assets": ids, "new_home": True, "from_location": _where(by, ids)})
    context = {"area": "transfers", "form": form, "assets": choosing.chosen(by, ids)}
    return render(request, "custody/transfer_new.html", context, status=422 if form.errors else 200)


def _where(by: Actor, ids: str) -> Location | None:
    """Where the first of the assets is now, as far as they may know."""
    chosen = choosing.chosen(by, ids)[:1]
    position: Any = getattr(chosen[0], "position", None) if chosen else None
    place = position.location if position is not None else chosen[0].home_location if chosen else None
    return place if place is not None and by.sees_place(place.path) else None


@page("GET", "POST")
def one(request: HttpRequest, transfer_id: UUID) -> HttpResponse:
    """`do`: dispatch, refuse, cancel (each with the `version` that was seen), or arrived with the `item`s that are there."""
    by = acting(request)
    seen = Transfer.objects.visible_to(by).select_related("from_location", "to_location", "requested_by")
    transfer = get_object_or_404(seen, pk=transfer_id)
    if request.method == "POST":
        try:
            _do(request, by, transfer)
        except Problem as problem:
            messages.error(request, said(problem), "attention")
        return redirect("transfer", transfer.pk)
    seen_items = transfer.items.filter(asset__in=Asset.objects.visible_to(by))
    items = list(seen_items.select_related("asset", "event").order_by("state", "asset__name")[:1_000])
    first, last = ends(by, transfer)
    places = Location.objects.visible_to(by, Action.EDIT)
    context = {
        "area": "transfers",
        "transfer": transfer,
        "start": first,
        "end": last,
        "state": STATES[transfer.state],
        "late": _late(transfer, timezone.now()),
        "items": items,
        "total": len(items),
        "there": sum(item.state == TransferItem.State.ARRIVED for item in items),
        "may_dispatch": places.filter(pk=transfer.to_location_id).exists() and by.may_anywhere(Action.EDIT),
        "may_confirm": Location.objects.visible_to(by, Action.HANDLE).filter(pk=transfer.to_location_id).exists(),
    }
    return render(request, "custody/transfer.html", context)


def _do(request: HttpRequest, by: Actor, transfer: Transfer) -> None:
    version = int(request.POST["version"]) if request.POST.get("version", "").isdecimal() else None
    do = request.POST.get("do")
    if do == "arrived":
        wanted = set(request.POST.getlist("item"))
        items = [pk for pk in transfer.items.values_list("pk", flat=True) if str(pk) in wanted]
        transfers.confirm_by_hand(by=by, transfer_id=transfer.pk, item_ids=items)
        messages.success(request, f"{len(items)} confirmed.", "good")
        return
    work = {"dispatch": transfers.dispatch, "refuse": transfers.refuse}.get(do or "", transfers.cancel)
    changed = work(by=by, transfer_id=transfer.pk, version=version)
    messages.success(request, f"{changed.number} is {changed.get_state_display()}.", "good")
