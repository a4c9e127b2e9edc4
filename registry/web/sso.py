"""Single sign-on by OpenID Connect. django-allauth speaks with the provider and checks its answer; who that is here, this file
says.

A person is known by what the provider calls them for good (`sub`). The first time they are found by a mail address that the
provider has verified and that exactly one active person here has; else they are let in as new where `create_users` says so.
"""

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.conf import settings
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import urlencode

from registry import secret_files
from registry.access import changes as log
from registry.access.actors import system
from registry.access.models import Person, RoleBinding, User
from registry.configuration import SsoSection
from registry.web.second_factor import come_in, safe

GROUPS_READ = 500


def apps() -> list[dict[str, Any]]:
    """settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"], of registry.toml."""
    return [
        {
            "provider_id": one.id,
            "name": one.name,
            "client_id": one.client_id,
            "secret": secret_files.read(one.client_secret_file),
            "settings": {"server_url": one.server_url, "oauth_pkce_enabled": True},
        }
        for one in settings.CONFIGURATION.sso
    ]


class Adapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """settings.SOCIALACCOUNT_ADAPTER."""

    def list_apps(self, request: HttpRequest, provider: Any = None, client_id: Any = None) -> Any:
        """The secret is read when it is needed, not when settings are loaded."""
        from allauth.socialaccount.models import SocialApp

        made = [SocialApp(provider="openid_connect", provider_id=a["provider_id"], name=a["name"], client_id=a["client_id"],
                          secret=a["secret"], settings=a["settings"]) for a in apps()]  # fmt: skip
        return [app for app in made if provider in (None, app.provider, app.provider_id) and client_id in (None, app.client_id)]

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """The provider has vouched for somebody: let them in, or say why not. Never goes on to allauth's own pages."""
        section = next(one for one in settings.CONFIGURATION.sso if one.id == sociallogin.account.provider)
        user = sociallogin.user if sociallogin.is_existing else _met_first(section, sociallogin)
        if user is None or not user.is_active:
            raise ImmediateHttpResponse(
                refused(request, f"{section.name} knows you, but nobody here goes by that. Ask an administrator.")
            )
        there = safe(request, sociallogin.get_redirect_url(request) or "")
        raise ImmediateHttpResponse(come_in(request, User.objects.get(pk=user.pk), there, elsewhere=True))

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None, **_: Any
    ) -> None:
        """What went wrong between us and the provider: in words at the log-in, details in the log of the service."""
        raise ImmediateHttpResponse(refused(request, "The other service did not let you in, or did not answer. Try again."))


def refused(request: HttpRequest, why: str) -> HttpResponse:
    messages.error(request, why, "attention")
    return redirect("login")


def buttons(there: str) -> list[dict[str, str]]:
    """What the log-in page offers: name and address of each provider."""
    query = f"?{urlencode({'next': there})}" if there else ""
    return [{"name": one.name, "address": f"/account/oidc/{one.id}/login/{query}"} for one in settings.CONFIGURATION.sso]


def _met_first(section: SsoSection, sociallogin: SocialLogin) -> User | None:
    said: dict[str, Any] = sociallogin.account.extra_data or {}
    claims = (said.get("id_token") or {}) | (said.get("userinfo") or {}) or said
    try:
        with transaction.atomic():
            user = _of_mail(claims) or (_new(section, claims) if section.create_users else None)
            if user is not None:
                account = sociallogin.account
                account.user, account.extra_data = user, {}
                account.save()
                log.record(system(), user, "single sign-on linked", provider=section.id)
            return user
    except IntegrityError:
        return None  # the same person came in twice at one moment: the other log-in has linked them


def _of_mail(claims: dict[str, Any]) -> User | None:
    mail = claims.get("email")
    if not isinstance(mail, str) or claims.get("email_verified") is not True:
        return None
    found = list(Person.objects.filter(email__iexact=mail, user__is_active=True, active=True).select_related("user")[:2])
    return found[0].user if len(found) == 1 else None


def _new(section: SsoSection, claims: dict[str, Any]) -> User:
    mail = claims.get("email") if claims.get("email_verified") is True else ""
    name = next((str(claims[key]) for key in ("name", "preferred_username", "email", "sub") if claims.get(key)), "")[:200]
    username = str(claims.get("preferred_username") or mail or claims["sub"])[:120]
    if User.objects.filter(username__iexact=username).exists():
        username = f"{username[:100]}-{section.id}-{str(claims['sub'])[:20]}"
    user = User(username=username)
    user.set_unusable_password()
    user.save(force_insert=True)
    Person.objects.create(name=name or username, email=mail or "", user=user)
    groups = claims.get(section.groups_claim)
    mine = {str(group) for group in groups[:GROUPS_READ]} if isinstance(groups, list) else set()
    given = sorted({role for group, role in section.roles.items() if group in mine})
    RoleBinding.objects.bulk_create(RoleBinding(user=user, role=role) for role in given)
    log.record(system(), user, "came in by single sign-on", provider=section.id, roles=given)
    return user
