"""Pages: who has what, handing out, taking back, and the page on which a person accepts what they got."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from registry.access.actors import Action, Actor, system
from registry.assets import drawings
from registry.assets.models import Asset
from registry.assets.pickers import Picked, bind
from registry.assets.serving import picture
from registry.custody import choosing, lists, services
from registry.custody.models import Custody
from registry.custody.models.held import NOTE_CHARS
from registry.custody.on_asset import holder_name
from registry.custody.orders import BACK_LAST, DUE_FIRST
from registry.custody.scope import in_words
from registry.page import acting, page, private, put_errors, said
from registry.paging import BadCursor, Order, Page, cut
from registry.problems import Invalid, Problem, Taken

PAGE_SIZE = 50
SHOWN = {"out": "Out now", "overdue": "Overdue", "mine": "Mine", "back": "Back"}
SIGNATURE_BYTES = 200_000


class CheckOutForm(choosing.Assets):
    to = forms.ChoiceField(choices=[("person", "A person"), ("place", "A place"), ("asset", "Another asset")], initial="person")
    person = Picked("person", required=False, empty="Name, staff number or e-mail")
    holder = Picked("asset", label="Asset", action=Action.HANDLE, required=False, empty="Name, number or code")
    due_at = choosing.Moment(label="Back by", required=False)
    note = forms.CharField(max_length=NOTE_CHARS, required=False)
    over_bookings = forms.BooleanField(required=False)

    def __init__(self, by: Actor, *args: Any, **more: Any) -> None:
        super().__init__(by, *args, **more)
        self.fields["location"] = choosing.place_field(by, label="Place")


class CheckInForm(choosing.Assets):
    condition = forms.TypedChoiceField(
        choices=[("", "As before"), (5, "5, as new"), (4, "4"), (3, "3, used"), (2, "2"), (1, "1, worn out")],
        coerce=int,
        empty_value=None,
        required=False,
    )
    note = forms.CharField(max_length=NOTE_CHARS, required=False)

    def __init__(self, by: Actor, *args: Any, **more: Any) -> None:
        super().__init__(by, *args, **more)
        self.fields["location"] = choosing.place_field(by, label="Put at")


class ExtendForm(forms.Form):
    due_at = choosing.Moment(label="Back by", required=False)
    over_bookings = forms.BooleanField(required=False)


class HandOverForm(forms.Form):
    person = Picked("person", label="To", empty="Name, staff number or e-mail")

    def __init__(self, by: Actor, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        bind(self, by)


@page()
def listing(request: HttpRequest) -> HttpResponse:
    by, now = acting(request), timezone.now()
    show = request.GET.get("show", "out")
    show = show if show in SHOWN else "out"
    seen = Custody.objects.visible_to(by)
    mine = lists.custodies(by, "mine", now=now)
    q = request.GET.get("q", "").strip()[: lists.MAX_SEARCH_CHARS]
    rows = lists.custodies(by, show, q=q, now=now)
    shown = _page(rows, BACK_LAST if show == "back" else DUE_FIRST, request.GET.get("cursor"))
    visible = set(Asset.objects.visible_to(by).filter(pk__in=[c.asset_id for c in shown.rows]).values_list("pk", flat=True))
    counts = {"out": seen.out().count(), "overdue": seen.overdue(now).count(), "mine": mine.count()}
    context = {
        "area": "custody",
        "show": show,
        "q": q,
        "tabs": [(name, title, counts.get(name)) for name, title in SHOWN.items()],
        "counts": counts,
        "rows": [(c, holder_name(by, c), c.is_overdue(now), c.asset_id in visible) for c in shown.rows],
        "next": shown.next,
        "previous": shown.previous,
    }
    return render(request, "custody/custody.html", context)


@page("GET", "POST")
def check_out(request: HttpRequest) -> HttpResponse:
    """The form for `assets` (ids with commas between) or `asset` several times; a list posts its selection the same way."""
    by = acting(request)
    given = request.POST if request.method == "POST" else request.GET
    ids = choosing.ids_in(given)
    booked = False
    if request.method == "POST" and "to" in request.POST:
        form = CheckOutForm(by, {**request.POST.dict(), "assets": ids})
        if form.is_valid():
            try:
                out = _check_out(by, form.cleaned_data, choosing.accept_at(request))
            except Problem as problem:
                booked = isinstance(problem, Taken) and problem.field == "due_at"
                put_errors(form, problem)
            else:
                first = out.custodies[0]
                count = len(out.custodies)
                mailed = " They get the link to accept it by mail." if out.mailed else ""
                said_so = f"{count} asset{'s' if count != 1 else ''} checked out to {first.held_by}.{mailed}"
                messages.success(request, said_so, "good")
                if out.link_secret:
                    request.session[f"link-{first.batch}"] = out.link_secret
                return redirect("custody-one", first.pk)
    else:
        form = CheckOutForm(by, initial={"assets": ids, "to": "person"})
    context = {"area": "custody", "form": form, "assets": choosing.chosen(by, ids), "booked": booked}
    return render(request, "custody/check_out.html", context, status=422 if form.errors else 200)


def _check_out(by: Actor, values: dict[str, Any], accept_at: str) -> services.CheckedOut:
    assets = choosing.chosen(by, values["assets"], values["codes"])
    if not assets:
        raise Invalid("codes: choose at least one asset", field="codes")
    return services.check_out(
        by=by,
        asset_ids=[asset.pk for asset in assets],
        due_at=values["due_at"],
        note=values["note"],
        over_bookings=values["over_bookings"],
        accept_at=accept_at,
        **holder_of(values),
    )


def holder_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Who gets it, of the fields of a CheckOutForm, as services.check_out() takes it. Raises Invalid."""
    if values["to"] == "person":
        if not values["person"]:
            raise Invalid("person: say who gets it", field="person")
        return {"person_id": values["person"].pk}
    if values["to"] == "place":
        if values["location"] is None:
            raise Invalid("location: choose a place", field="location")
        return {"location": values["location"]}
    if values["holder"] is None:
        raise Invalid("holder: say which asset gets it", field="holder")
    return {"holder_id": values["holder"].pk}


@page("GET", "POST")
def check_in(request: HttpRequest) -> HttpResponse:
    by = acting(request)
    given = request.POST if request.method == "POST" else request.GET
    ids = choosing.ids_in(given)
    if request.method == "POST" and "note" in request.POST:
        form = CheckInForm(by, {**request.POST.dict(), "assets": ids})
        if form.is_valid():
            values = form.cleaned_data
            try:
                assets = choosing.chosen(by, values["assets"], values["codes"])
                if not assets:
                    raise Invalid("codes: choose at least one asset", field="codes")
                back = services.check_in(
                    by=by,
                    asset_ids=[asset.pk for asset in assets],
                    location=values["location"],
                    condition=values["condition"],
                    note=values["note"],
                )
            except Problem as problem:
                put_errors(form, problem)
            else:
                messages.success(request, f"{len(back)} asset{'s' if len(back) != 1 else ''} back.", "good")
                return redirect("asset", back[0].asset_id) if len(back) == 1 else redirect("custody")
    else:
        form = CheckInForm(by, initial={"assets": ids})
    context = {"area": "custody", "form": form, "assets": choosing.chosen(by, ids)}
    return render(request, "custody/check_in.html", context, status=422 if form.errors else 200)


@page("GET", "POST")
def one(request: HttpRequest, custody_id: UUID) -> HttpResponse:
    """One check-out with all that went out together; `do` says what to do with it: extend, over, link."""
    by = acting(request)
    shown = Custody.objects.visible_to(by).select_related(
        "asset", "person", "location", "holder", "returned_to", "out_by", "in_by"
    )
    custody = get_object_or_404(shown, pk=custody_id)
    extending = ExtendForm(initial={"due_at": custody.due_at})
    handing = HandOverForm(by)
    if request.method == "POST":
        do = request.POST.get("do")
        extending = ExtendForm(request.POST) if do == "extend" else extending
        handing = HandOverForm(by, request.POST) if do == "over" else handing
        form = handing if do == "over" else extending
        if do == "link" or form.is_valid():
            try:
                return _do(request, by, custody, do, form)
            except Problem as problem:
                if do == "link":
                    messages.error(request, said(problem), "attention")
                    return redirect("custody-one", custody.pk)
                put_errors(form, problem)
    secret = request.session.get(f"link-{custody.batch}")
    together = Custody.objects.visible_to(by).filter(batch=custody.batch).select_related("asset").order_by("asset__asset_no")
    context = {
        "area": "custody",
        "custody": custody,
        "held_by": holder_name(by, custody),
        "overdue": custody.is_overdue(timezone.now()),
        "together": list(together[:200]),
        "link": request.build_absolute_uri(reverse("custody-accept", args=[secret]))
        if secret and not custody.accepted_at
        else "",
        "extending": extending,
        "due": in_words(custody.due_at),
        "handing": handing,
    }
    return render(request, "custody/one.html", context, status=422 if extending.errors or handing.errors else 200)


def _do(request: HttpRequest, by: Actor, custody: Custody, do: str | None, form: forms.Form) -> HttpResponse:
    if do == "link":
        request.session[f"link-{custody.batch}"] = services.new_link(by=by, custody_id=custody.pk)
    elif do == "extend":
        values = form.cleaned_data
        services.extend(
            by=by,
            custody_id=custody.pk,
            due_at=values["due_at"],
            over_bookings=values["over_bookings"],
            seen=request.POST.get("seen"),
        )
        messages.success(request, "Extended.", "good")
    elif do == "over":
        person = form.cleaned_data["person"]
        out = services.hand_over(
            by=by,
            asset_ids=[custody.asset_id],
            person_id=person.pk,
            due_at=custody.due_at,
            accept_at=choosing.accept_at(request),
        )
        if out.link_secret:
            request.session[f"link-{out.custodies[0].batch}"] = out.link_secret
        messages.success(request, f"{custody.asset.name} is with {person.name} now.", "good")
        return redirect("custody-one", out.custodies[0].pk)
    else:
        raise Http404
    return redirect("custody-one", custody.pk)


@page()
def signature(request: HttpRequest, custody_id: UUID) -> HttpResponse:
    custody = get_object_or_404(Custody.objects.visible_to(acting(request)).select_related("signature"), pk=custody_id)
    if custody.signature is None:
        raise Http404
    return picture(custody.signature)


@require_http_methods(["GET", "HEAD", "POST"])
def accept(request: HttpRequest, secret: str) -> HttpResponse:
    """For the person who got something, whether they log in or not: whoever has the link. Says nothing of any other asset."""
    custodies = services.by_secret(secret)
    if not custodies:
        return private(render(request, "custody/accept_over.html", status=404))
    error = ""
    if request.method == "POST":
        try:
            drawn = _drawn(request.POST.get("signature", ""))
            name = request.POST.get("name", "")[:1000]
            services.accept(custodies=custodies, name=name, signature=drawn, by=system("page", "link"))
        except Problem as problem:
            error = said(problem)
        else:
            return redirect("custody-accept", secret)
    due = [c.due_at for c in custodies if c.due_at is not None]
    context = {
        "custodies": custodies,
        "person": custodies[0].person,
        "due_at": min(due) if due else None,
        "accepted": all(c.accepted_at for c in custodies),
        "first": custodies[0],
        "typed": request.POST.get("name", "")[:200],
        "error": error,
    }
    return private(render(request, "custody/accept.html", context, status=422 if error else 200))


def _drawn(text: str) -> Any:
    """The file of a signature drawn on the page (a data URL of a PNG), or None without one. Raises Invalid."""
    if not text:
        return None
    head, _, data = text.partition(",")
    if head != "data:image/png;base64" or len(data) > SIGNATURE_BYTES * 4 // 3 + 4:
        raise Invalid("signature: is no small PNG; draw it again", field="signature")
    try:
        drawn = base64.b64decode(data, validate=True)
    except (ValueError, binascii.Error):
        raise Invalid("signature: is no PNG; draw it again", field="signature") from None
    return drawings.keep(drawn, field="signature", most=SIGNATURE_BYTES)


def _page(rows: Any, order: Order, cursor: str | None) -> Page[Custody]:
    try:
        return cut(rows.order_by(), order, cursor, PAGE_SIZE)
    except BadCursor:
        return cut(rows.order_by(), order, None, PAGE_SIZE)
