"""Users and their sign-in, tokens. Who they are and which roles they have: the page of the person."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import display

from registry.access import factors, people, services, sessions
from registry.access.models import ApiToken, User
from registry.console.shown import Shown, for_each
from registry.console.site import site


class WithFactor(admin.SimpleListFilter):
    title = "second factor"
    parameter_name = "factor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Set up"), ("no", "None")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(has_factor=self.value() == "yes") if self.value() in ("yes", "no") else queryset


@admin.register(User, site=site)
class Users(Shown):
    list_display = ("username", "person_name", "lets_in", "factor", "sessions_open", "last_login", "roles")
    list_filter = ("is_active", WithFactor, "must_change_password")
    search_fields = ("username", "person__name")
    search_help_text = "Name to log in with, or of the person"
    ordering = ("username",)
    fields = ("person_name", "lets_in", "password_said", "factor", "sessions_open", "roles", "last_login", "date_joined")
    readonly_fields = fields
    actions = ("end_sessions", "keep_out", "let_in", "take_factor_away")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        has = Exists(Authenticator.objects.filter(user=OuterRef("pk"), type=Authenticator.Type.TOTP))
        found: QuerySet[Any] = super().get_queryset(request).select_related("person")
        self._open = sessions.open_by_user()  # decoded once for all rows of this request
        return found.annotate(has_factor=has, role_count=Count("bindings"))

    @display(description="Person", ordering="person__name")
    def person_name(self, user: Any) -> str:
        person = getattr(user, "person", None)
        return format_html('<a href="{}">{}</a>', reverse("person", args=[person.pk]), person.name) if person is not None else "-"

    @display(description="May log in", boolean=True, ordering="is_active")
    def lets_in(self, user: Any) -> bool:
        return bool(user.is_active)

    @display(description="Second factor", label={"set up": "success", "none": "info"}, ordering="has_factor")
    def factor(self, user: Any) -> str:
        return "set up" if user.has_factor else "none"

    @display(description="Password")
    def password_said(self, user: Any) -> str:
        if not user.has_usable_password():
            return "none: by another service alone"
        return "one-time, to be changed at the first log-in" if user.must_change_password else "of their own"

    @display(description="Open sessions")
    def sessions_open(self, user: Any) -> int:
        return int(self._open.get(str(user.pk), 0))

    @display(description="Roles", ordering="role_count")
    def roles(self, user: Any) -> str:
        return "administrator of everything" if user.is_superuser else str(user.role_count)

    @admin.action(description="End all their sessions")
    def end_sessions(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        for_each(request, rows, lambda by, user: sessions.end(by=by, user_id=user.pk), "have to log in again")

    @admin.action(description="Keep them out")
    def keep_out(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        for_each(
            request, rows, lambda by, user: people.set_active(by=by, user_id=user.pk, active=False), "cannot log in any more"
        )

    @admin.action(description="Let them in again")
    def let_in(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        for_each(request, rows, lambda by, user: people.set_active(by=by, user_id=user.pk, active=True), "may log in")

    @admin.action(description="Take the second factor away (a lost phone)")
    def take_factor_away(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        for_each(request, rows, lambda by, user: factors.turn_off(by=by, user=user), "log in by password alone")


@admin.register(ApiToken, site=site)
class Tokens(Shown):
    list_display = ("name", "prefix", "user", "scope", "created_at", "last_used_at", "expires_at", "revoked_at")
    list_filter = ("scope",)
    list_select_related = ("user",)
    search_fields = ("name", "prefix", "user__username")
    fields = ("name", "prefix", "user", "scope", "allowed_ips", "created_at", "last_used_at", "expires_at", "revoked_at")
    readonly_fields = fields
    actions = ("revoke",)

    @admin.action(description="Revoke them, now and for ever")
    def revoke(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        for_each(request, rows, lambda by, token: services.revoke_token(by=by, token_id=token.pk), "revoked")
