"""Making an asset and changing one. Nothing typed is lost: what is refused comes back filled in, with the reason at the field."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from registry.access.actors import Actor
from registry.assets import services
from registry.assets.models import KEY_CHARS, NAME_CHARS, Asset, Category, Location
from registry.assets.pages import TreeChoice
from registry.assets.values import ASSET_NO_CHARS
from registry.page import acting, is_htmx, page, put_errors
from registry.problems import Problem, Stale
from registry.tracking.services import register_unknown_tag
from registry.web.asset_page import done, seen_by

FIELDS = ("name", "asset_no", "category", "home_location", "status", "kind")


class AssetForm(forms.Form):
    name = forms.CharField(max_length=NAME_CHARS)
    asset_no = forms.CharField(label="Asset number", max_length=ASSET_NO_CHARS, required=False)
    category = TreeChoice(queryset=Category.objects.none(), required=False, empty_label="None")
    home_location = TreeChoice(label="Home", queryset=Location.objects.none(), required=False, empty_label="None")
    status = forms.ChoiceField(choices=[(s.value, str(s.label).capitalize()) for s in Asset.Status])
    kind = forms.ChoiceField(choices=[(k.value, str(k.label).capitalize()) for k in Asset.Kind])
    code = forms.CharField(max_length=KEY_CHARS, required=False)
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, by: Actor, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["category"].queryset = Category.objects.visible_to(by)  # type: ignore[attr-defined]
        self.fields["home_location"].queryset = Location.objects.visible_to(by)  # type: ignore[attr-defined]


@page("GET", "POST")
def new(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        form = AssetForm(acting(request), request.POST)
        if form.is_valid():
            values = {name: form.cleaned_data[name] for name in FIELDS}
            code = form.cleaned_data["code"]
            try:
                by = acting(request)
                asset = register_unknown_tag(by=by, identity=code, **values) if code else services.register_asset(by=by, **values)
            except Problem as problem:
                if problem.field == "identifier":
                    problem.field, problem.text = "code", problem.text.removeprefix("identifier: ")
                put_errors(form, problem)
            else:
                messages.success(request, f"{asset.name} is registered as {asset.asset_no}.", "good")
                return redirect("asset", asset.pk)
    else:
        initial = {"code": request.GET.get("code", "")[:KEY_CHARS], "status": Asset.Status.IN_USE, "kind": Asset.Kind.PHYSICAL}
        form = AssetForm(acting(request), initial=initial)
    context = {"area": "assets", "form": form}
    return render(request, "web/asset_new.html", context, status=422 if form.errors else 200)


@page("GET", "POST")
def edit(request: HttpRequest, asset_id: UUID) -> HttpResponse:
    asset = seen_by(request, asset_id)
    meanwhile: list[tuple[str, str]] = []
    if request.method == "POST":
        form = AssetForm(acting(request), request.POST)
        form.fields["asset_no"].required = form.fields["version"].required = True
        if form.is_valid():
            values = {name: form.cleaned_data[name] for name in FIELDS}
            try:
                services.change_asset(by=acting(request), asset_id=asset.pk, version=form.cleaned_data["version"], changes=values)
            except Stale:
                # Saving once more then overwrites on purpose: the form carries the version that is shown beside it.
                meanwhile = _differences(form, asset)
                form.data = {**request.POST.dict(), "version": str(asset.version)}
            except Problem as problem:
                put_errors(form, problem)
            else:
                messages.success(request, "Saved.", "good")
                return done(request, asset)
    else:
        form = AssetForm(acting(request), initial=_values(asset))
    refused = bool(form.errors or meanwhile)
    template = "web/_asset_edit.html" if is_htmx(request) else "web/asset_edit.html"
    context = {"area": "assets", "asset": asset, "form": form, "meanwhile": meanwhile, "stale": refused and not form.errors}
    return render(request, template, context, status=422 if refused and not is_htmx(request) else 200)


def _values(asset: Asset) -> dict[str, Any]:
    return {name: getattr(asset, name) for name in FIELDS} | {"version": asset.version}


def _differences(form: AssetForm, asset: Asset) -> list[tuple[str, str]]:
    """What stands in the registry now where it is not what was typed."""
    now = _values(asset)
    words = now | {"status": asset.get_status_display(), "kind": asset.get_kind_display()}
    return [
        (str(form.fields[name].label or name.replace("_", " ").capitalize()), str(words[name] or "none"))
        for name in FIELDS
        if (form.cleaned_data[name] or None) != (now[name] or None)
    ]
