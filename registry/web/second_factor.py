"""Coming in with a second factor, and setting one up. Nobody is logged in before it is proven: until then the session only says
who has given the password."""

import time
from typing import Any
from uuid import UUID

import segno
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods

from registry.access import factors, throttle
from registry.access.models import User
from registry.page import acting, page, said
from registry.problems import Problem

BACKEND = "django.contrib.auth.backends.ModelBackend"
_PENDING, _SECRET = "second-factor-pending", "second-factor-secret"
PENDING_S = 600


def come_in(request: HttpRequest, user: User, there: str, *, elsewhere: bool = False) -> HttpResponse:
    """Log a proven user in and go `there`; first to the second factor if they have one. `elsewhere`: another service has asked
    for all its factors, so none is demanded here."""
    if factors.has(user):
        request.session[_PENDING] = {
            "user": str(user.pk),
            "at": time.time(),
            "there": there,
            "hash": user.get_session_auth_hash(),
        }
        return redirect("log-in-second-factor")
    login(request, user, backend=BACKEND)
    request.session["factors-elsewhere"] = elsewhere
    return redirect(there)


@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: HttpRequest) -> HttpResponse:
    """The page between password and registry."""
    user, there = _pending(request)
    if user is None:
        return redirect("login")
    wait, wrong = 0, False
    if request.method == "POST":
        address = request.META.get("REMOTE_ADDR", "")
        wait = throttle.attempt("second factor", str(user.pk), address=address)
        if not wait and factors.proves(user, request.POST.get("code", "")[:50]):
            throttle.succeeded("second factor", str(user.pk), address=address)
            login(request, user, backend=BACKEND)
            request.session.pop(_PENDING, None)
            return redirect(there)
        wrong = not wait
    response = render(request, "web/second_factor_ask.html", {"wrong": wrong, "wait_s": wait}, status=429 if wait else 200)
    response["Cache-Control"] = "no-store"
    if wait:
        response["Retry-After"] = str(wait)
    return response


@page("GET", "POST")
def manage(request: HttpRequest) -> HttpResponse:
    """Set it up with a first code, see how many recovery codes are left, take it away with the password."""
    user = _own(request)
    codes: list[str] = []
    error = ""
    if request.method == "POST" and request.POST.get("do") == "off":
        address = request.META.get("REMOTE_ADDR", "")
        wait = throttle.attempt("password", user.username, address=address)
        if wait:
            error = f"Too many wrong passwords. Try again in {wait} seconds."
        elif not user.check_password(request.POST.get("password", "")[:1000]):
            error = "The password is another one."
        else:
            throttle.succeeded("password", user.username, address=address)
            factors.turn_off(by=acting(request), user=user)
            messages.success(request, "The password alone opens your account now.", "attention")
            return redirect("second-factor")
    elif request.method == "POST" and not factors.has(user):
        try:
            secret = request.session.get(_SECRET) or factors.new_secret()
            codes = factors.set_up(by=acting(request), user=user, secret=secret, code=request.POST.get("code", "")[:50])
            request.session.pop(_SECRET, None)
        except Problem as problem:
            error = said(problem)
    context: dict[str, Any] = {"area": "account", "on": factors.has(user), "codes": codes, "error": error}
    if context["on"]:
        context["left"] = factors.recovery_left(user)
    else:
        secret = request.session.setdefault(_SECRET, factors.new_secret())
        context |= {"secret": secret, "demanded": factors.is_required_of(user)}
    response = render(request, "web/second_factor.html", context, status=422 if error else 200)
    response["Cache-Control"] = "no-store"
    return response


@page()
def picture(request: HttpRequest) -> HttpResponse:
    """The QR code of the secret that is being set up."""
    secret = request.session.get(_SECRET)
    if secret is None:
        return HttpResponse(status=404)
    drawn = segno.make(factors.address_of(secret, _own(request)), error="m")
    svg = drawn.svg_inline(scale=5, border=4, light="white", dark="black")
    return HttpResponse(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1), content_type="image/svg+xml")


def safe(request: HttpRequest, there: str) -> str:
    """An address of ours, else the first page."""
    ours = url_has_allowed_host_and_scheme(there, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return there if ours else resolve_url(settings.LOGIN_REDIRECT_URL)


def _pending(request: HttpRequest) -> tuple[User | None, str]:
    held = request.session.get(_PENDING)
    if not isinstance(held, dict) or time.time() - float(held.get("at", 0)) > PENDING_S:
        request.session.pop(_PENDING, None)
        return None, ""
    user = User.objects.filter(pk=UUID(held["user"]), is_active=True).first()
    if user is None or held.get("hash") != user.get_session_auth_hash():
        return None, ""
    return user, safe(request, held.get("there", ""))


def _own(request: HttpRequest) -> User:
    user = request.user
    assert isinstance(user, User)  # behind @page
    return user
