"""What people choose about the list of assets beside its rows: its columns, all filters in one form, the views they keep."""

from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse

from registry.access.actors import Action
from registry.access.models import Person, SavedView
from registry.assets import saved_views
from registry.assets.columns import CUSTOM
from registry.assets.filters import FILTERS, NONE
from registry.assets.models import AssetModel, Category, CostCenter, CustomField, Location, StatusLabel, Supplier, Tag
from registry.page import acting, page, said
from registry.problems import Problem
from registry.web.asset_list import CHOSEN_COLUMNS, listing_of
from registry.web.listing import DEFAULT_COLUMNS, MOST_COLUMNS, Listing

MOST_OPTIONS: Final = 500
LONG: Final = ("text", "long_text", "url", "email")


@page("GET", "POST")
def columns(request: HttpRequest) -> HttpResponse:
    """Which columns, in which order. What is chosen stays this person's choice for as long as they are logged in."""
    by = acting(request)
    listing = listing_of(request)
    if request.method == "POST":
        given = [] if "usual" in request.POST else request.POST.getlist("column")
        keys = [key for key in dict.fromkeys(given) if key in listing.known][:MOST_COLUMNS]
        keys = keys or list(DEFAULT_COLUMNS)
        request.session[CHOSEN_COLUMNS] = keys
        back = Listing(by, QueryDict(request.POST.get("query", "")[:4000]))
        plain = "" if keys == list(DEFAULT_COLUMNS) else ",".join(keys)
        return redirect(f"{reverse('assets')}{back.with_(columns=plain or None)}")
    now = [column.key for column in listing.columns]
    others = [key for key in listing.known if key not in now]
    offered = [{"column": listing.known[key], "chosen": key in now} for key in [*now, *others]]
    context = {"area": "assets", "offered": offered, "filters": listing, "query": listing.query.removeprefix("?")}
    return render(request, "web/columns.html", context | {"most": MOST_COLUMNS})


@page()
def all_filters(request: HttpRequest) -> HttpResponse:
    """Every filter there is in one form, whose answer is the list itself."""
    by = acting(request)
    listing = listing_of(request)
    given = listing.plain
    rows: dict[str, Any] = {
        "label": StatusLabel.objects.all(),
        "model": AssetModel.objects.all(),
        "supplier": Supplier.objects.all(),
        "cost_center": CostCenter.objects.all(),
        "tag": Tag.objects.all(),
    }
    if by.may_anywhere(Action.HANDLE):
        rows["custodian"] = Person.objects.order_by("name")
    trees: dict[str, Any] = {"place": Location, "home": Location, "category": Category}
    fields = []
    for name, one in FILTERS.items():
        if name == "custodian" and name not in rows:
            continue
        options: list[tuple[str, str]] = []
        if one.choices:
            options = [(value, words.capitalize()) for value, words in one.choices.items()]
        elif name in trees:
            nodes = trees[name].objects.visible_to(by)[:MOST_OPTIONS]
            options = [(str(node.pk), "\u2003" * (node.depth - 1) + str(node.name)) for node in nodes]
        elif name in rows:
            none = [] if name == "tag" else [(NONE, f"No {one.title.lower()}")]
            options = none + [(str(row.pk), str(row)) for row in rows[name][:MOST_OPTIONS]]
        elif name == "condition":
            options = [("5", "5, as new"), ("4", "4"), ("3", "3"), ("2", "2"), ("1", "1, worn out")]
        kind = "date" if name.startswith("acquired") else "text"
        value = given.get(name, "")
        if value and options and value not in dict(options):  # beyond those offered
            options.insert(0, (value, one.said(getattr(listing.criteria, name))))
        fields.append({"name": name, "title": one.title, "options": options, "kind": kind, "value": value})
    context = {"area": "assets", "filters": listing, "fields": fields, "own": _own_fields(given)}
    return render(request, "web/all_filters.html", context)


def _own_fields(given: dict[str, str]) -> list[dict[str, Any]]:
    found = []
    for one in CustomField.objects.filter(active=True):
        name = f"{CUSTOM}{one.key}"
        span = one.type in ("number", "integer", "date")
        options = [("true", "Yes"), ("false", "No")] if one.type == "boolean" else [(str(c), str(c)) for c in one.choices]
        found.append(
            {
                "name": name,
                "title": f"{one.name} ({one.unit})" if one.unit else str(one.name),
                "span": span,
                "kind": "date" if one.type == "date" else "text",
                "options": options,
                "free": one.type in LONG,
                "value": given.get(name, ""),
                "low": given.get(f"{name}.from", ""),
                "high": given.get(f"{name}.to", ""),
            }
        )
    return found


# ---- saved views ---------------------------------------------------------------------------------------------------------------


@page("GET", "POST")
def views(request: HttpRequest) -> HttpResponse:
    """Keeping the list as it is (POST), and all kept lists with what can be done to them."""
    by = acting(request)
    listing = listing_of(request)
    error, typed = "", ""
    if request.method == "POST":
        listing = Listing(by, QueryDict(request.POST.get("query", "")[:4000]), request.session.get(CHOSEN_COLUMNS, ()))
        typed = request.POST.get("name", "")
        try:
            query = listing.whole.removeprefix("?")
            view = saved_views.save(by=by, area="assets", name=typed, query=query, shared="shared" in request.POST)
        except Problem as problem:
            error = said(problem)
        else:
            messages.success(request, f"The view “{view.name}” is kept.", "good")
            return redirect(f"{reverse('assets')}?{view.query}")
    context = {
        "area": "assets",
        "filters": listing,
        "query": listing.whole.removeprefix("?"),
        "own": [view for view in saved_views.of(by, "assets") if view.user_id == by.user_id],
        "others": [view for view in saved_views.of(by, "assets") if view.user_id != by.user_id],
        "may_share": by.may_anywhere(Action.EDIT),
        "may_delete": by.may_everywhere(Action.ADMINISTER),
        "typed": typed,
        "error": error,
    }
    return render(request, "web/views.html", context, status=422 if error else 200)


@page("POST")
def change_view(request: HttpRequest, view_id: Any) -> HttpResponse:
    by = acting(request)
    try:
        if "delete" in request.POST:
            gone = saved_views.delete(by=by, view_id=view_id)
            messages.success(request, f"The view “{gone.name}” is gone. The assets are where they were.", "good")
        else:
            shared = "shared" in request.POST
            view: SavedView = saved_views.change(by=by, view_id=view_id, name=request.POST.get("name", ""), shared=shared)
            messages.success(request, f"The view is called “{view.name}”{', shared with everybody' if shared else ''}.", "good")
    except Problem as problem:
        messages.error(request, said(problem), "attention")
    return redirect("asset-views")
