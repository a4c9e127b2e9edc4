"""What every page does first: who is asking, may they, and that nothing of it is kept by a cache in between."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django import forms
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.shortcuts import redirect, resolve_url
from django.utils.cache import patch_vary_headers
from django.utils.http import urlencode

from registry.access import rights
from registry.access.actors import Actor
from registry.access.models import User
from registry.problems import Problem, Several

Response = TypeVar("Response", bound=HttpResponseBase)
View = Callable[..., HttpResponseBase]
TIME_ZONE = "time-zone"  # the cookie
UTC = ZoneInfo("UTC")


def acting(request: HttpRequest) -> Actor:
    """The one who is logged in, with their rights; asked of the database once per request. Only behind `page`."""
    actor: Actor | None = getattr(request, "actor", None)
    if actor is None:
        actor = request.actor = rights.of_user(cast(User, request.user), through="page")  # type: ignore[attr-defined]
    return actor


def time_zone(request: HttpRequest) -> ZoneInfo:
    """The reader's own, which a script has put into a cookie (custody.js), or UTC. For days alone: moments are the browser's."""
    name = request.COOKIES.get(TIME_ZONE, "")[:64]
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):  # no such zone, no name of one, a folder of them
        return UTC


def is_htmx(request: HttpRequest) -> bool:
    """Does a script ask for a part of a page? A page that htmx restores from its history has to come whole."""
    return "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers


def page(*methods: str) -> Callable[[View], View]:
    """A view for people: logged in, with a password of their own."""
    allowed = methods or ("GET",)

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            refused = stopped(request)
            if refused is not None:
                return refused
            if request.method not in allowed and not (request.method == "HEAD" and "GET" in allowed):
                return HttpResponseNotAllowed(allowed)
            return private(view(request, *args, **kwargs))

        return checked

    return decorate


def stopped(request: HttpRequest) -> HttpResponse | None:
    """The answer to somebody who may not see any page yet, or None."""
    if not request.user.is_authenticated:
        here = request.get_full_path() if request.method == "GET" else "/"
        if "HX-Request" not in request.headers:
            return redirect_to_login(here)
        shown = urlsplit(request.headers.get("HX-Current-URL", ""))  # the part asked for is no page to come back to
        back = shown.path + (f"?{shown.query}" if shown.query else "")
        there = f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': back or '/'})}"
        return HttpResponse(status=401, headers={"HX-Redirect": there})
    if request.user.must_change_password:
        return redirect("password")
    if factor_missing(request) and not request.path.startswith("/account/second-factor/"):
        return redirect("second-factor")
    return None


def factor_missing(request: HttpRequest) -> bool:
    """Does a role of theirs demand a second factor that they have not set up? Asked of the database until they have."""
    if not settings.CONFIGURATION.access.require_second_factor or request.session.get("factors-elsewhere"):
        return False
    from registry.access import factors  # needs allauth's models

    user = cast(User, request.user)
    return factors.is_required_of(user) and not factors.has(user)


def private(response: Response) -> Response:
    response.headers.setdefault("Cache-Control", "private, no-cache")
    patch_vary_headers(response, ["Cookie", "HX-Request"])
    return response


def put_errors(form: forms.BaseForm, problem: Problem) -> None:
    """Show what a service refused at the field it is about, or above the form."""
    for one in problem.problems if isinstance(problem, Several) else [problem]:
        form.add_error(one.field if one.field in form.fields else None, said(one))


def changed_meanwhile(form: forms.BaseForm, now: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Somebody was faster: by the fields' labels what stands there now, where it is not what was typed. `now` as the form's
    initial values. The form goes on with the version of now: saving once more then overwrites on purpose."""
    data: Any = form.data  # what was posted, of which a copy can be changed
    form.data = data.copy()
    form.data["version"] = str(now["version"])  # type: ignore[index]
    words = {name: _in_words(form.fields[name], value) for name, value in now.items() if name in form.fields}
    return [
        (str(form[name].label), words[name] or "nothing")
        for name in form.cleaned_data
        if name != "version" and name in words and _in_words(form.fields[name], form.cleaned_data[name]) != words[name]
    ]


def _in_words(field: forms.Field, value: Any) -> str:
    """A value of a form for people: what a choice is called, several with commas between."""
    if isinstance(field, forms.ChoiceField) and not isinstance(field, forms.ModelChoiceField):
        return str(dict(field.choices).get(value, value) or "")  # type: ignore[arg-type]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if hasattr(value, "all"):
        return ", ".join(sorted(str(one) for one in value.all()))
    return "" if value is None else str(value).strip()


def said(problem: Problem) -> str:
    """What a service refused, as a sentence without the name of the field it stands beside."""
    text = problem.text.removeprefix(f"{problem.field}: ") if problem.field else problem.text
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"
