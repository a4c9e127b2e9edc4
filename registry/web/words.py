"""The words a company sorts its assets by: categories, models, suppliers, cost centres, status labels, tags, fields of its own.

One list and one form for all of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from registry.access.actors import Action, Actor
from registry.assets import finding, own_fields, starter, tags, trees, words
from registry.assets.models import Asset, AssetModel, Category, CostCenter, CustomField, State, StatusLabel, Supplier, Tag
from registry.assets.pickers import Picked, bind
from registry.page import acting, changed_meanwhile, page, put_errors, said
from registry.problems import Problem, Stale

MOST_SHOWN: Final = 1_000


def _text(
    label: str = "", *, needed: bool = False, most: int = 200, help_text: str = "", long: bool = False
) -> Callable[[], Any]:
    widget: Any = forms.Textarea(attrs={"rows": 3}) if long else forms.TextInput()
    return lambda: forms.CharField(label=label or None, required=needed, max_length=most, help_text=help_text, widget=widget)


def _number(label: str, help_text: str = "") -> Callable[[], Any]:
    attrs = {"inputmode": "decimal"}
    return lambda: forms.CharField(
        label=label, required=False, max_length=40, help_text=help_text, widget=forms.TextInput(attrs=attrs)
    )


def _choice(label: str, choices: Any, *, empty: str | None = None) -> Callable[[], Any]:
    listed = [(one.value, str(one.label).capitalize()) for one in choices]
    return lambda: forms.ChoiceField(
        label=label, required=empty is None, choices=([("", empty)] if empty is not None else []) + listed
    )


def _category(label: str, empty: str = "None") -> Callable[[], Any]:
    return lambda: Picked("category", label=label, required=False, empty=empty)


def _ticked(label: str, help_text: str = "") -> Callable[[], Any]:
    return lambda: forms.BooleanField(label=label, required=False, help_text=help_text)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of words. `counted` is the relation that says on how many assets each stands."""

    slug: str
    title: str
    one: str
    model: Any
    fields: dict[str, Callable[[], Any]]
    said: str
    counted: str = "assets"
    columns: tuple[str, ...] = ()


_OFFERED = _ticked("Offered", "One that is not stays where it stands and is offered no more.")
_MONTHS = _number("Lasts, in months", "From it follows the day an asset should be replaced.")
KINDS: Final = {
    kind.slug: kind
    for kind in (
        Kind(
            "categories", "Categories", "category", Category,
            {"name": _text(needed=True), "parent": _category("Below", "Nothing: at the top"),
             "kind": _choice("Kind of a new asset", Asset.Kind, empty="As above"),
             "status": _choice("Status of a new asset", State, empty="As above"),
             "criticality": _choice("Criticality of a new asset", Asset.Criticality, empty="As above"),
             "currency": _text(most=3), "uom": _text("Unit", most=20), "owner_org": _text("Owner"),
             "storage_cost_month": _number("Storage cost a month"), "replace_after_months": _MONTHS},
            "What kinds of things there are, with what a new one starts with.",
        ),
        Kind(
            "models", "Models", "model", AssetModel,
            {"name": _text(needed=True), "manufacturer": _text(), "part_no": _text("Part number", most=100),
             "category": _category("Category"), "replace_after_months": _MONTHS, "notes": _text(most=10_000, long=True),
             "active": _OFFERED},
            "What manufacturers call them.", columns=("manufacturer", "part_no"),
        ),
        Kind(
            "suppliers", "Suppliers", "supplier", Supplier,
            {"name": _text(needed=True), "email": _text("E-mail", most=254), "phone": _text(most=60),
             "url": _text("Web address", most=500), "customer_no": _text("Our customer number there", most=60),
             "notes": _text(most=10_000, long=True), "active": _OFFERED},
            "Who sold it.", columns=("email", "phone"),
        ),
        Kind(
            "cost-centers", "Cost centres", "cost centre", CostCenter,
            {"code": _text(needed=True, most=40), "name": _text(needed=True), "active": _OFFERED},
            "Whose books it stands in.",
        ),
        Kind(
            "status-labels", "Status labels", "status label", StatusLabel,
            {"name": _text(needed=True, most=60), "status": _choice("Is a word for", State), "active": _OFFERED},
            "Your own words over the six states.", columns=("get_status_display",),
        ),
        Kind("tags", "Tags", "tag", Tag, {"name": _text(needed=True, most=60)}, "Free words on assets.", counted="tagged"),
        Kind(
            "fields", "Own fields", "field", CustomField,
            {"name": _text(needed=True, most=80), "key": _text(needed=True, most=40, help_text="Its name in API and tables: "
             "small letters, digits and _. It never changes."), "type": _choice("Type", CustomField.Type),
             "categories": lambda: forms.ModelMultipleChoiceField(queryset=Category.objects.all(), required=False,
                                                                  help_text="And those below them; none: all assets."),
             "required": _ticked("Has to be filled in"), "choices": _text(most=20_000, long=True, help_text="One a line"),
             "minimum": _number("From"), "maximum": _number("Up to"), "unit": _text(most=20),
             "pattern": _text(most=200, help_text="Of a text: a regular expression for the whole value, like [A-Z]{2}-[0-9]+"),
             "help": _text("Help", most=300), "position": _number("Position"), "active": _OFFERED},
            "What else you want to know, by category.", counted="values", columns=("get_type_display", "unit"),
        ),
    )
}  # fmt: skip


@page()
def index(request: HttpRequest) -> HttpResponse:
    by = _must(request)
    counted = [(kind, _rows(by, kind).count()) for kind in KINDS.values()]
    return render(request, "web/words.html", {"area": "words", "kinds": counted, "empty": not Category.objects.exists()})


@page("POST")
def starter_set(request: HttpRequest) -> HttpResponse:
    try:
        made = starter.put_starter_set(by=acting(request))
        text = f"{made.categories} categories, {made.fields} fields and {made.labels} status labels added."
        messages.success(request, text, "good")
    except Problem as problem:
        messages.error(request, said(problem), "attention")
    return redirect("words")


@page("GET", "POST")
def listed(request: HttpRequest, slug: str) -> HttpResponse:
    """All of one kind, with a form for one more."""
    by, kind = _must(request), _kind(slug)
    form = _form(by, kind, request.POST if request.method == "POST" else None, initial={"active": True})
    form.fields.pop("active", None)
    if request.method == "POST" and form.is_valid():
        try:
            made = _create(by, kind, form.cleaned_data)
        except Problem as problem:
            put_errors(form, problem)
        else:
            messages.success(request, f"{made} is there now.", "good")
            return redirect("words-kind", slug)
    counts = _counts(by, kind)
    rows = [_row(kind, row, counts.get(row.pk, 0)) for row in _rows(by, kind)[:MOST_SHOWN]]
    context = {"area": "words", "kind": kind, "rows": rows, "form": form}
    return render(request, "web/words_kind.html", context, status=422 if form.errors else 200)


@page("GET", "POST")
def one(request: HttpRequest, slug: str, word_id: UUID) -> HttpResponse:
    """Change one, or delete it (`do=delete`)."""
    by, kind = _must(request), _kind(slug)
    word = get_object_or_404(_rows(by, kind), pk=word_id)
    if request.method == "POST" and request.POST.get("do") == "delete":
        return _delete(request, by, kind, word)
    form = _form(by, kind, request.POST if request.method == "POST" else None, initial=_initial(by, kind, word))
    form.fields["version"] = forms.IntegerField(widget=forms.HiddenInput, required=False)
    if kind.slug == "fields":
        for name in ("key", "type"):
            form.fields[name].disabled = True
    if kind.slug == "tags":
        form.fields["into"] = Picked("tag", label="Or put another one in its place", required=False, empty="No")
        bind(form, by)
    meanwhile = None
    if request.method == "POST" and form.is_valid():
        try:
            changed = _change(by, kind, word, dict(form.cleaned_data))
        except Stale:
            meanwhile = changed_meanwhile(form, _initial(by, kind, get_object_or_404(_rows(by, kind), pk=word_id)))
        except Problem as problem:
            put_errors(form, problem)
        else:
            messages.success(request, f"{changed} is saved.", "good")
            return redirect("words-kind", slug)
    context = {"area": "words", "kind": kind, "word": word, "form": form, "meanwhile": meanwhile}
    return render(request, "web/words_one.html", context, status=422 if form.errors or meanwhile is not None else 200)


def _must(request: HttpRequest) -> Actor:
    by = acting(request)
    if not by.may_anywhere(Action.VIEW):
        raise Http404
    return by


def _kind(slug: str) -> Kind:
    if slug not in KINDS:
        raise Http404
    return KINDS[slug]


def _rows(by: Actor, kind: Kind) -> Any:
    """Categories are known to those in whose scope they lie, the other words to everybody."""
    return Category.objects.visible_to(by) if kind.model is Category else kind.model.objects.all()


def _counts(by: Actor, kind: Kind) -> dict[UUID, int]:
    """On how many of the assets that they may see each word stands, where it stands on any."""
    relation = kind.model._meta.get_field(kind.counted)
    found = relation.related_model._default_manager.order_by()
    if not by.may_everywhere(Action.VIEW):
        seen = finding.in_scope(by).rows.order_by()
        found = seen if kind.counted == "assets" else found.filter(asset__in=seen)
    return dict(found.values_list(relation.field.name).annotate(number=Count("pk")))


def _form(by: Actor, kind: Kind, data: Any, *, initial: dict[str, Any]) -> forms.Form:
    form = forms.Form(data, initial=initial)
    form.fields |= {name: make() for name, make in kind.fields.items()}
    for one in form.fields.values():
        if isinstance(one, forms.ModelChoiceField) and one.queryset is not None and one.queryset.model is Category:
            one.queryset = Category.objects.visible_to(by)
    bind(form, by)
    return form


def _row(kind: Kind, row: Any, count: int) -> dict[str, Any]:
    shown = [value() if callable(value := getattr(row, name)) else value for name in kind.columns]
    return {"word": row, "columns": [text for text in shown if text], "depth": getattr(row, "depth", 1), "count": count}


def _initial(by: Actor, kind: Kind, word: Any) -> dict[str, Any]:
    if isinstance(word, Category):
        above = Category.objects.get_parent(word)
        parent = _rows(by, kind).filter(pk=above.pk).first() if above is not None else None
        return {"name": word.name, "parent": parent, "version": word.version} | dict(word.defaults)
    values = {name: getattr(word, name) for name in kind.fields if name not in ("categories", "choices")}
    if isinstance(word, CustomField):
        values |= {"categories": word.categories.all(), "choices": "\n".join(word.choices)}
        values |= {name: f"{bound.normalize():f}" for name in ("minimum", "maximum") if (bound := values[name]) is not None}
    return values | {"version": getattr(word, "version", None)}


def _field_values(values: dict[str, Any]) -> dict[str, Any]:
    position = str(values.get("position") or "0")
    return {
        **{name: value for name, value in values.items() if name not in ("key", "type", "categories", "version")},
        "choices": [line for line in (values.get("choices") or "").splitlines() if line.strip()],
        "position": int(position) if position.isdecimal() and len(position) < 6 else -1,
    }


def _defaults(values: dict[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in values.items() if name not in ("name", "parent", "version") and value}
    if (months := str(found.get("replace_after_months", ""))).isdecimal() and len(months) < 6:
        found["replace_after_months"] = int(months)
    return found


def _create(by: Actor, kind: Kind, values: dict[str, Any]) -> Any:
    if kind.model is Category:
        return trees.create_category_with(by=by, name=values["name"], parent=values["parent"], defaults=_defaults(values))
    if kind.model is Tag:
        return tags.create_tag(by=by, name=values["name"])
    if kind.model is CustomField:
        given = _field_values(values)
        return own_fields.create_field(by=by, key=values["key"], kind=values["type"], categories=values["categories"], **given)
    return words.create_word(by=by, model=kind.model, **values)


def _change(by: Actor, kind: Kind, word: Any, values: dict[str, Any]) -> Any:
    version = values.pop("version", None) or 0
    if isinstance(word, Category):
        above, parent = Category.objects.get_parent(word), values["parent"]
        if parent is None and above is not None and not _rows(by, kind).filter(pk=above.pk).exists():
            parent = above  # one that cannot be chosen was not unchosen either
        return trees.reshape_category(
            by=by, category=word, name=values["name"], parent=parent, defaults=_defaults(values), version=version
        )
    if isinstance(word, Tag):
        if values.get("into") is not None:
            return tags.merge_tag(by=by, tag=word, into=values["into"])
        return tags.rename_tag(by=by, tag=word, name=values["name"])
    if isinstance(word, CustomField):
        given = _field_values(values)
        return own_fields.change_field(by=by, field=word, version=version, changes=given, categories=list(values["categories"]))
    return words.change_word(by=by, word=word, version=version, changes=values)


def _delete(request: HttpRequest, by: Actor, kind: Kind, word: Any) -> HttpResponse:
    try:
        if isinstance(word, Category):
            trees.delete_category(by=by, category=word)
        elif isinstance(word, Tag):
            tags.delete_tag(by=by, tag=word)
        elif isinstance(word, CustomField):
            own_fields.change_field(by=by, field=word, version=word.version, changes={"active": False})
        else:
            words.delete_word(by=by, word=word)
        messages.success(request, f"{word} is {'retired' if isinstance(word, CustomField) else 'deleted'}.", "good")
    except Problem as problem:
        messages.error(request, said(problem), "attention")
        return redirect("words-one", kind.slug, word.pk)
    return redirect("words-kind", kind.slug)
