"""Tokens for programs: one's own, and for administrators those of everybody."""

from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from registry.access import services
from registry.access.actors import Action
from registry.access.models import ApiToken, User
from registry.page import acting, page, put_errors, said
from registry.problems import Problem

DAYS = (("30", "30 days"), ("90", "90 days"), ("365", "A year"), ("", "Until it is revoked"))
MOST_SHOWN = 500


class TokenForm(forms.Form):
    name = forms.CharField(max_length=80)
    scope = forms.ChoiceField(choices=[("read", "Read only"), ("write", "Read and change")])
    days = forms.ChoiceField(label="Valid for", choices=DAYS, required=False)
    allowed_ips = forms.CharField(label="Only from these networks", required=False, max_length=1000)


@page("GET", "POST")
def listing(request: HttpRequest) -> HttpResponse:
    """The secret of a new token is shown in the answer to the form, and nowhere kept."""
    by = acting(request)
    form = TokenForm(request.POST or None, initial={"days": "90"})
    made: tuple[ApiToken, str] | None = None
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data
        expires = timezone.now() + timedelta(days=int(chosen["days"])) if chosen["days"] else None
        try:
            made = services.issue_token(
                by=by, name=chosen["name"], scope=chosen["scope"], user=cast(User, request.user), expires_at=expires,
                allowed_ips=chosen["allowed_ips"].replace(",", " ").split(),
            )  # fmt: skip
        except Problem as problem:
            put_errors(form, problem)
        else:
            form = TokenForm(initial={"days": "90"})
    own = ApiToken.objects.filter(user=request.user.pk)
    others = ApiToken.objects.exclude(user=request.user.pk) if by.may_everywhere(Action.ADMINISTER) else ApiToken.objects.none()
    context = {
        "area": "tokens", "form": form, "made": made, "own": _rows(own), "others": _rows(others.select_related("user__person")),
        "now": timezone.now(),
    }  # fmt: skip
    response = render(request, "people/tokens.html", context, status=422 if form.errors else 200)
    response["Cache-Control"] = "no-store"
    return response


@page("POST")
def revoke(request: HttpRequest, token_id: UUID) -> HttpResponse:
    try:
        token = services.revoke_token(by=acting(request), token_id=token_id)
        messages.success(request, f"{token.name} is revoked; programs that use it are refused from now on.", "good")
    except Problem as problem:
        messages.error(request, said(problem), "attention")
    return redirect("tokens")


def _rows(tokens: Any) -> list[tuple[ApiToken, str, str]]:
    """Each with the state it is in and its class of the stylesheet, those in use first."""
    now, rows = timezone.now(), []
    for token in tokens.order_by("name")[:MOST_SHOWN]:
        if token.revoked_at is not None:
            state = ("revoked", "unknown")
        elif token.expires_at is not None and token.expires_at <= now:
            state = ("expired", "unknown")
        else:
            state = ("valid", "good")
        rows.append((token, *state))
    return sorted(rows, key=lambda row: (row[1] != "valid", row[0].name))
