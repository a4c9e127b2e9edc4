"""Pages: choosing what labels look like, with a preview, and getting them as a file. And where the links on labels lead."""

from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from identity import gs1, keys
from registry.assets.models import Asset
from registry.labels import services
from registry.labels.choices import Output
from registry.labels.forms import REMEMBERED, LabelForm, ids_of
from registry.labels.stocks import STOCKS
from registry.labels.zpl import CONTENT_TYPE
from registry.page import acting, is_htmx, page, put_errors, said
from registry.problems import Invalid, NotFound, Problem

_SESSION = "labels"  # what the person chose last


@page("GET", "POST")
def show(request: HttpRequest) -> HttpResponse:
    """The choice for the assets of `assets` (ids with commas between, or `asset` several times). With a script the answer to a
    change is the preview alone."""
    given = request.POST if request.method == "POST" else request.GET
    return choose(request, given, _assets(given))


def choose(request: HttpRequest, given: QueryDict, assets: str) -> HttpResponse:
    """The page for these assets (ids with commas between); for other pages that know which ones are meant."""
    if not assets:
        return render(request, "labels/none.html", {"area": "assets"})
    form = _form(request, given, assets)
    context = _context(request, form, assets)
    if is_htmx(request) and "code" in given:
        return render(request, "labels/_preview.html", context)
    return render(request, "labels/labels.html", context, status=422 if form.errors else 200)


@page("POST")
def print_out(request: HttpRequest) -> HttpResponse:
    """The finished file, or the form again with what is wrong."""
    assets = _assets(request.POST)
    if not assets:
        return render(request, "labels/none.html", {"area": "assets"}, status=422)
    form = _form(request, request.POST, assets)
    output = Output.ZPL if request.POST.get("output") == Output.ZPL else Output.PDF
    frames = request.POST.get("output") == "frames"
    if form.is_valid():
        choice = form.choice_of(form.cleaned_data, output)
        try:
            by = acting(request)
            made = services.frames(choice) if frames else services.print_labels(by=by, asset_ids=ids_of(assets), choice=choice)
        except Problem as problem:
            put_errors(form, _at_its_field(problem))
        else:
            request.session[_SESSION] = {name: form.cleaned_data[name] for name in REMEMBERED if name in form.cleaned_data}
            name = f"{'frames' if frames else 'labels'}-{timezone.now():%Y-%m-%d-%H%M}.{output}"
            kind = "application/pdf" if output is Output.PDF else CONTENT_TYPE
            return HttpResponse(made, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})
    return render(request, "labels/labels.html", _context(request, form, assets), status=422)


@page()
def digital_link(request: HttpRequest, value: str, ai: str) -> HttpResponse:
    """Where the web link on a label leads: to its asset. For who may not see that it is as if nobody had the code."""
    kind, value = ("01+21", value.replace("/21/", "|", 1)) if ai == "01" else (ai, value)
    try:
        key = keys.join(kind, value)
    except keys.BadKey:
        return redirect(_looked_for(f"({ai}){value}"))
    asset = Asset.objects.visible_to(acting(request)).filter(identifiers__key=key, identifiers__state="active").first()
    return redirect("asset", asset.pk) if asset is not None else redirect(_looked_for(gs1.printed(key)))


def _looked_for(code: str) -> str:
    return f"{reverse('find')}?{urlencode({'q': code[:200]})}"


def _assets(given: QueryDict) -> str:
    return ",".join(one for one in (*given.getlist("assets"), *given.getlist("asset")) if one)[:200_000]


def _form(request: HttpRequest, given: QueryDict, assets: str) -> LabelForm:
    remembered = request.session.get(_SESSION, {})
    if "code" not in given:
        return LabelForm(acting(request), remembered=remembered, initial={"assets": assets})
    return LabelForm(acting(request), given)


def _context(request: HttpRequest, form: LabelForm, assets: str) -> dict[str, Any]:
    """The form with the preview of what it chooses, or why there is none."""
    context: dict[str, Any] = {"area": "assets", "form": form, "assets": assets}
    try:
        ids = ids_of(assets)
        context["count"] = len(set(ids))
        if len(ids) == 1:
            context["asset"] = Asset.objects.visible_to(acting(request)).filter(pk=ids[0]).first()
        chosen = _chosen(form)
        if chosen is not None:
            stock = STOCKS[chosen["stock"]]
            output = Output.ZPL if chosen.get("tags") and stock.per_page == 1 else Output.PDF
            by = acting(request)
            context["preview"] = services.preview(by=by, asset_ids=ids, choice=form.choice_of(chosen, output))
            context["stock"] = stock
    except NotFound:
        context["why_not"] = "One of these assets is gone, or you may not see it. Choose them in the list again."
    except Problem as problem:
        context["why_not"] = said(_at_its_field(problem))
    return context


def _chosen(form: LabelForm) -> dict[str, Any] | None:
    """The form's values, typed or initial; None when what was typed is wrong."""
    if form.is_bound:
        return form.cleaned_data if form.is_valid() else None
    return {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}


def _at_its_field(problem: Problem) -> Problem:
    """At the field of this form: symbol and content are one choice here, and so are the two offsets."""
    renamed = {"symbol": "code", "carries": "code", "offset": "right", "assets": None}
    if problem.field not in renamed:
        return problem
    return Invalid(problem.text.removeprefix(f"{problem.field}: "), field=renamed[problem.field])
