"""Log-in, log-out, and the password of one's own."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.contrib.auth.views import LoginView, PasswordChangeView
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse_lazy

from registry.access import throttle
from registry.web import sso
from registry.web.second_factor import come_in


class LogIn(LoginView):
    template_name = "web/login.html"
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        name, address = request.POST.get("username", "")[:150], request.META.get("REMOTE_ADDR", "")
        wait_s = throttle.attempt("password", name, address=address)
        if wait_s:  # the password is not even looked at, else waiting would be no hindrance
            context = self.get_context_data(form=AuthenticationForm(request, initial={"username": name}), wait_s=wait_s)
            return self.response_class(request, [self.template_name], context, status=429, headers={"Retry-After": str(wait_s)})
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Name and address: who guesses at one name does not lock its owner out elsewhere."""
        request = self.request
        throttle.succeeded("password", request.POST.get("username", "")[:150], address=request.META.get("REMOTE_ADDR", ""))
        return come_in(request, form.get_user(), self.get_success_url())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"sso": sso.buttons(self.get_redirect_url())}


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
