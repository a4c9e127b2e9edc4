"""Who comes in: administrators of everything, logged in as everywhere else. For all others there is nothing here."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from unfold.sites import UnfoldAdminSite

from registry.access.actors import Action
from registry.console import overview
from registry.console.retention import retention
from registry.page import acting, private, stopped


class Console(UnfoldAdminSite):
    index_title = "Console"
    index_template = "console/index.html"
    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_authenticated) and acting(request).may_everywhere(Action.ADMINISTER)

    def admin_view(self, view: Callable[..., HttpResponse], cacheable: bool = False) -> Callable[..., HttpResponse]:
        """As @page: who is logged out, or lacks a password or factor of their own, is sent there. Who may not finds nothing."""
        inner = super().admin_view(view, cacheable)

        @wraps(inner)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            refused = stopped(request)
            if refused is not None:
                return refused
            if not self.has_permission(request):
                raise Http404
            return private(inner(request, *args, **kwargs))

        return checked

    def get_urls(self) -> list[URLPattern]:
        """Without what users, passwords and sessions have pages of their own for."""
        own = [
            path("retention/", self.admin_view(lambda request: retention(request, self)), name="retention"),
            path("password_change/", self.admin_view(lambda request: redirect("password")), name="password_change"),
            path("logout/", self.admin_view(lambda request: redirect("home")), name="logout"),
        ]
        replaced = {"login", "logout", "password_change", "password_change_done", "autocomplete", "view_on_site", "search"}
        return own + [one for one in super().get_urls() if getattr(one, "name", None) not in replaced]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().index(request, {"figures": overview.figures(), **(extra_context or {})})

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        return []  # the side navigation says where one can go


site = Console(name="admin")
