"""Making an asset and changing one. Nothing typed is lost: what is refused comes back filled in, with the reason at the field."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.forms.boundfield import BoundField
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from registry.access.actors import Action, Actor
from registry.assets import custom, services, tags
from registry.assets.models import (
    KEY_CHARS,
    NAME_CHARS,
    Asset,
    Category,
    CustomField,
    StatusLabel,
    Tag,
)
from registry.assets.pickers import Picked, bind
from registry.assets.values import ASSET_NO_CHARS, VALUE_FIELDS
from registry.page import acting, is_htmx, page, put_errors
from registry.problems import Forbidden, NotFound, Problem, Stale
from registry.tracking.services import register_unknown_tag
from registry.web.asset_page import done, seen_by

GROUPS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("What it is", ("name", "code", "asset_no", "serial_no", "category", "model", "kind", "status", "label", "tags")),
    ("Where and how much", ("home_location", "quantity", "uom", "criticality", "condition", "condition_on")),
    ("Money", ("purchase_cost", "currency", "supplier", "order_ref", "cost_center", "owner_org", "storage_cost_month")),
    ("Dates", ("acquired_on", "in_service_on", "warranty_until", "replace_on")),
    ("Notes", ("notes", "latitude", "longitude")),
)
FIELDS: Final = tuple(name for _, names in GROUPS for name in names if name not in ("code", "tags"))


def _day() -> forms.CharField:
    return forms.CharField(required=False, widget=forms.DateInput(attrs={"type": "date"}))


def _number() -> forms.CharField:
    return forms.CharField(
        required=False, max_length=40, widget=forms.TextInput(attrs={"inputmode": "decimal", "class": "number"})
    )


def _choices(choices: Any) -> forms.ChoiceField:
    return forms.ChoiceField(choices=[(one.value, str(one.label).capitalize()) for one in choices])


def _picked(kind: str, **more: Any) -> Picked:
    return Picked(kind, required=False, **more)


class AssetForm(forms.Form):
    """All that people may say of an asset; `custom.<key>` are the fields of the category that is chosen. What the services check
    is text here, so that one sentence explains it everywhere."""

    name = forms.CharField(max_length=NAME_CHARS, help_text="What people call it: Pump 7, Laptop of the front desk")
    code = forms.CharField(
        label="Code on its tag or label", max_length=KEY_CHARS, required=False,
        help_text="EPC in hex or as URI, GS1 text, Digital Link, or what the label says. What readers told of it comes along.",
    )  # fmt: skip
    asset_no = forms.CharField(
        label="Asset number", max_length=ASSET_NO_CHARS, required=False, help_text="Left empty, it gets the next free one."
    )
    serial_no = forms.CharField(label="Serial number", max_length=100, required=False)
    category = _picked("category", empty="None")
    model = _picked("model", empty="None")
    kind = _choices(Asset.Kind)
    status = _choices(Asset.Status)
    label = forms.ModelChoiceField(
        label="Status label", queryset=StatusLabel.objects.none(), required=False, empty_label="None",
        help_text="A word of your own over the status",
    )  # fmt: skip
    tags = forms.CharField(max_length=3_000, required=False, help_text="With commas between; new ones are made.")
    home_location = _picked(
        "place", label="Home", empty="None", help_text="The place it belongs to; where it is now, the readers say."
    )
    quantity = _number()
    uom = forms.CharField(label="Unit", max_length=20, required=False, help_text="Empty: pieces")
    criticality = _choices(Asset.Criticality)
    condition = forms.ChoiceField(
        required=False,
        choices=[
            ("", "Not judged"),
            ("5", "5, as new"),
            ("4", "4, good"),
            ("3", "3, fair"),
            ("2", "2, poor"),
            ("1", "1, worn out"),
        ],
    )
    condition_on = _day()
    purchase_cost = _number()
    currency = forms.CharField(max_length=3, required=False, help_text="Three letters, like EUR")
    supplier = _picked("supplier", empty="None")
    order_ref = forms.CharField(label="Order", max_length=100, required=False)
    cost_center = _picked("cost-center", empty="None")
    owner_org = forms.CharField(label="Owner", max_length=NAME_CHARS, required=False)
    storage_cost_month = _number()
    acquired_on, in_service_on, warranty_until = _day(), _day(), _day()
    replace_on = _day()
    notes = forms.CharField(max_length=20_000, required=False, widget=forms.Textarea(attrs={"rows": 4}))
    latitude, longitude = _number(), _number()
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, by: Actor, *args: Any, asset: Asset | None = None, money_alone: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices: Any = self.fields
        bind(self, by)
        for name in ("category", "model", "supplier", "cost_center"):
            choices[name].keep = getattr(asset, name, None)  # out of their scope or offered no more, it stays where it is
        if asset is not None and asset.home_location is not None and asset.home_location.pk is None:
            del self.fields["home_location"]  # elsewhere: nobody changes what they may not see
        had = getattr(asset, "label_id", None)
        choices["label"].queryset = StatusLabel.objects.filter(Q(active=True) | Q(pk=had))
        for name, words in (("condition_on", "Condition seen on"), ("cost_center", "Cost centre"), ("acquired_on", "Acquired"),
                            ("in_service_on", "In service since"), ("storage_cost_month", "Storage cost a month")):  # fmt: skip
            self.fields[name].label = words
        self.fields["replace_on"].help_text = "Left empty, it follows from how long the model or the category lasts."
        self.fields["category"].widget.attrs |= {
            "hx-get": "/assets/fields/", "hx-target": "#own-fields", "hx-swap": "outerHTML", "hx-include": "closest form",
        }  # fmt: skip
        self.own = custom.fields_of(self._category(by, asset))
        for field in self.own:
            self.fields[f"{custom.PREFIX}{field.key}"] = _own_field(field)
        if asset is not None:
            del self.fields["code"]
        else:  # what the category starts with is only taken where nobody says otherwise
            for name in ("kind", "status", "criticality"):
                choices[name].choices = [("", "As its category says"), *choices[name].choices]
                choices[name].required = False
        for name, one in self.fields.items():
            one.disabled = money_alone and name not in VALUE_FIELDS and name != "version"
            if self.is_bound and name not in self.data and asset is not None:
                one.required = False  # was not on the page, and stays as it is

    def _category(self, by: Actor, asset: Asset | None) -> Category | None:
        if self.is_bound and "category" not in self.data:
            return asset.category if asset is not None else None
        chosen = self.initial.get("category")
        if not self.is_bound and isinstance(chosen, Category):
            return chosen
        field: Any = self.fields["category"]
        found: Category | None = field.found(self.data if self.is_bound else self.initial, "category")
        return found

    def groups(self) -> Iterator[tuple[str, list[BoundField]]]:
        for title, names in GROUPS:
            yield title, [self[name] for name in names if name in self.fields]

    def own_fields(self) -> list[BoundField]:
        return [self[f"{custom.PREFIX}{field.key}"] for field in self.own]

    def typed(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Of these what was on the page."""
        return {name: self.cleaned_data[name] for name in names if name in self.data}

    def typed_own(self) -> dict[str, Any]:
        names = {str(field.key): f"{custom.PREFIX}{field.key}" for field in self.own}
        return {key: self.cleaned_data.get(name, "") for key, name in names.items() if name in self.data}


@page("GET", "POST")
def new(request: HttpRequest) -> HttpResponse:
    by = acting(request)
    if request.method == "POST":
        form = AssetForm(by, request.POST)
        if form.is_valid():
            values = {name: value for name, value in form.typed(FIELDS).items() if value not in (None, "") or name == "name"}
            values |= {"custom": form.typed_own(), "tags": tags.read(form.cleaned_data["tags"])}
            code = form.cleaned_data["code"]
            try:
                asset = register_unknown_tag(by=by, identity=code, **values) if code else services.register_asset(by=by, **values)
            except Problem as problem:
                if problem.field == "identifier":
                    problem.field, problem.text = "code", problem.text.removeprefix("identifier: ")
                put_errors(form, problem)
            else:
                messages.success(request, f"{asset.name} is registered as {asset.asset_no}.", "good")
                return redirect("asset", asset.pk)
    else:
        code = request.GET.get("code", "")[:KEY_CHARS]
        form = AssetForm(by, initial={"code": code, "quantity": "1", "category": request.GET.get("category")})
    context = {"area": "assets", "form": form, "all_tags": _tag_names()}
    return render(request, "web/asset_new.html", context, status=422 if form.errors else 200)


@page("GET", "POST")
def edit(request: HttpRequest, asset_id: UUID) -> HttpResponse:
    asset = seen_by(request, asset_id)
    by = acting(request)
    money_alone = _money_alone(by, asset)
    meanwhile: list[tuple[str, str]] = []
    if request.method == "POST":
        form = AssetForm(by, request.POST, initial=_values(asset), asset=asset, money_alone=money_alone)
        form.fields["asset_no"].required = form.fields["version"].required = True
        if form.is_valid():
            values = form.typed(FIELDS)
            more: dict[str, Any] = {"custom": form.typed_own()}
            if "tags" in request.POST:
                more["tags"] = tags.read(form.cleaned_data["tags"])
            if money_alone:
                values, more = {name: value for name, value in values.items() if name in VALUE_FIELDS}, {}
            try:
                services.change_asset(by=by, asset_id=asset.pk, version=form.cleaned_data["version"], changes=values, **more)
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
        form = AssetForm(by, initial=_values(asset), asset=asset, money_alone=money_alone)
    refused = bool(form.errors or meanwhile)
    template = "web/_asset_edit.html" if is_htmx(request) else "web/asset_edit.html"
    context = {
        "area": "assets",
        "asset": asset,
        "form": form,
        "meanwhile": meanwhile,
        "stale": refused and not form.errors,
        "money_alone": money_alone,
        "all_tags": _tag_names(),
    }
    return render(request, template, context, status=422 if refused and not is_htmx(request) else 200)


@page()
def own_fields(request: HttpRequest) -> HttpResponse:
    """The company's own fields of a category, with what is typed already."""
    data = request.GET.copy()
    form = AssetForm(acting(request), initial={name: data.get(name) for name in data})
    return render(request, "web/_own_fields.html", {"form": form})


def _money_alone(by: Actor, asset: Asset) -> bool:
    """May they change nothing but money? Raises NotFound, Forbidden."""
    try:
        services.own(by, asset.pk, Action.EDIT)
    except (Forbidden, NotFound):
        return Asset.objects.visible_to(by, Action.VALUE).filter(pk=asset.pk).exists()
    return False


def _own_field(field: CustomField) -> forms.Field:
    """How one is typed in; what it may be, own_value() says."""
    common: dict[str, Any] = {
        "label": f"{field.name} ({field.unit})" if field.unit else str(field.name),
        "required": False,
        "help_text": str(field.help),
    }
    match field.type:
        case CustomField.Type.LONG_TEXT:
            return forms.CharField(**common, widget=forms.Textarea(attrs={"rows": 3}))
        case CustomField.Type.BOOLEAN:
            return forms.ChoiceField(**common, choices=[("", "Not known"), ("true", "Yes"), ("false", "No")])
        case CustomField.Type.CHOICE:
            return forms.ChoiceField(**common, choices=[("", "None"), *((one, one) for one in field.choices)])
        case CustomField.Type.DATE:
            return forms.CharField(**common, widget=forms.DateInput(attrs={"type": "date"}))
        case CustomField.Type.NUMBER | CustomField.Type.INTEGER:
            return forms.CharField(**common, max_length=40, widget=forms.TextInput(attrs={"inputmode": "decimal"}))
    return forms.CharField(**common, max_length=4_000)


def _tag_names() -> list[str]:
    return list(Tag.objects.values_list("name", flat=True)[:200])


def _values(asset: Asset) -> dict[str, Any]:
    values = {name: _plain(getattr(asset, name)) for name in FIELDS}
    values |= {custom.PREFIX + str(value.field.key): str(value.text) for value in asset.custom_values.all()}
    return values | {"version": asset.version, "tags": ", ".join(sorted(str(tag.name) for tag in asset.tags.all()))}


def _plain(value: Any) -> Any:
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value


def _differences(form: AssetForm, asset: Asset) -> list[tuple[str, str]]:
    """What stands in the registry now where it is not what was typed."""
    now = _values(asset)
    words = now | {name: getattr(asset, f"get_{name}_display")() for name in ("status", "kind", "criticality")}
    return [
        (str(form[name].label), str(words.get(name) or "none"))
        for name, typed in form.cleaned_data.items()
        if name in form.data and name != "version" and str(typed or "") != str(now.get(name) or "")
    ]
