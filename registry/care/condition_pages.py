"""Pages: saying how an asset is."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from registry.assets.models import Asset
from registry.care import condition
from registry.care.models import Assessment
from registry.care.models.condition import NOTE_CHARS, VERSION_CHARS
from registry.page import acting, page, put_errors
from registry.problems import Problem

SCORES = [("", "Not judged"), ("5", "5, as new"), ("4", "4, good"), ("3", "3, fair"), ("2", "2, poor"), ("1", "1, worn out")]


class JudgeForm(forms.Form):
    score = forms.ChoiceField(label="Condition", choices=SCORES, required=False)
    scale = forms.ChoiceField(label="Judged", choices=[(v, str(t).capitalize()) for v, t in Assessment.Scale.choices])
    judged_on = forms.DateField(label="On", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    remaining_life_months = forms.CharField(
        label="Months it will last", max_length=6, required=False, widget=forms.TextInput(attrs={"inputmode": "numeric"}),
        help_text="Then the day of its replacement follows.",
    )  # fmt: skip
    software_version = forms.CharField(max_length=VERSION_CHARS, required=False)
    updates = forms.ChoiceField(
        label="Updates",
        required=False,
        choices=[("", "Not known"), *((v, str(t).capitalize()) for v, t in Assessment.Updates.choices)],
    )  # fmt: skip
    notes = forms.CharField(max_length=NOTE_CHARS, required=False, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, asset: Asset, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        if asset.kind not in (Asset.Kind.DIGITAL, Asset.Kind.IP) and not self.data:
            for name in ("software_version", "updates"):
                del self.fields[name]


@page("GET", "POST")
def judge(request: HttpRequest, asset_id: UUID) -> HttpResponse:
    by = acting(request)
    asset = Asset.objects.visible_to(by).filter(pk=asset_id).first()
    if asset is None:
        raise Http404
    form = JudgeForm(asset, request.POST if request.method == "POST" else None, initial={"judged_on": timezone.localdate()})
    if request.method == "POST" and form.is_valid():
        photos: list[Any] = [(one, one.name or "") for one in request.FILES.getlist("photos")]
        try:
            condition.assess(by=by, asset_id=asset.pk, photos=photos, **form.cleaned_data)
        except Problem as problem:
            put_errors(form, problem)
        else:
            messages.success(request, "Kept.", "good")
            return redirect(reverse("asset", args=[asset.pk]) + "#condition")
    context = {"area": "assets", "asset": asset, "form": form}
    return render(request, "care/judge.html", context, status=422 if form.errors else 200)
