"""Log-in, log-out, and the password of one's own."""

import math
from typing import Any

from django.contrib import messages
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.contrib.auth.views import LoginView, PasswordChangeView
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse_lazy

from registry.web.throttle import Throttle

throttle = Throttle()


class LogIn(LoginView):
    template_name = "web/login.html"
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        wait_s = throttle.wait_s(_key(request))
        if wait_s:  # the password is not even looked at, else waiting would be no hindrance
            whole_s = math.ceil(wait_s)
            context = self.get_context_data(form=AuthenticationForm(request, initial=_typed(request)), wait_s=whole_s)
            return self.response_class(request, [self.template_name], context, status=429, headers={"Retry-After": str(whole_s)})
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        throttle.succeeded(_key(self.request))
        return super().form_valid(form)

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        throttle.failed(_key(self.request))
        return super().form_invalid(form)


class ChangePassword(PasswordChangeView):
    template_name = "web/password.html"
    success_url = reverse_lazy("home")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.extra_context = {"must_change": request.user.is_authenticated and request.user.must_change_password}
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        form.user.must_change_password = False  # saved together with the password
        messages.success(self.request, "Your new password holds from now on.", "good")
        return super().form_valid(form)


def _key(request: HttpRequest) -> tuple[str, str]:
    """Name and address: who guesses at one name does not lock its owner out elsewhere."""
    return request.POST.get("username", "")[:150].casefold(), request.META.get("REMOTE_ADDR", "")


def _typed(request: HttpRequest) -> dict[str, str]:
    return {"username": request.POST.get("username", "")[:150]}
