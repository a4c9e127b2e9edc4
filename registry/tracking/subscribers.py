"""Logins at the broker for programs that listen: dashboards, home automation. Each function is one transaction."""

import re

from django.conf import settings
from django.db import IntegrityError, transaction

from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.problems import Forbidden, Invalid, NotFound, Taken
from registry.tracking.models import Gateway
from registry.trust.models import Subscriber
from sync.broker import Role, hash_password, make_password

MOST = 1_000
_NAME = re.compile(r"[A-Za-z0-9._-]{1,40}")


@transaction.atomic
def add_subscriber(*, by: Actor, name: str, live: bool = False, assets: bool = False) -> str:
    """Let a program read what gateways tell (`live`) or where assets are (`assets`), and nothing else; return its password, which
    nobody can show again.

    Raises Invalid, Taken, Forbidden."""
    _must_administer(by)
    if not _NAME.fullmatch(name) or name.startswith("registry-"):
        raise Invalid(f"name: {name[:60]!r} should be letters, digits and . _ - at most 40, like 'dashboard'", field="name")
    if not live and not assets:
        raise Invalid("say what it may read: --live, --assets or both", field="live")
    if settings.CONFIGURATION.broker.url is not None:
        raise Invalid(
            "the broker is one that runs elsewhere ([broker] url): add the login there; docs/broker.md says with which rights"
        )
    if Gateway.objects.filter(pk=name).exists():
        raise Taken(f"name: there is a gateway {name}", field="name")
    if Subscriber.objects.count() >= MOST:
        raise Invalid(f"there are {MOST} subscribers already; revoke one that is not needed any more")
    password = make_password()
    subscriber = Subscriber(name=name, password_hash=hash_password(password), live=live, assets=assets)
    try:
        with transaction.atomic():
            subscriber.save(force_insert=True)
    except IntegrityError:
        raise Taken(f"name: there is a subscriber {name}; revoke it first to give it a new password", field="name") from None
    log.record(by, subscriber, "created", live=live, assets=assets)
    return password


@transaction.atomic
def revoke_subscriber(*, by: Actor, name: str) -> None:
    """Let it in no more. Raises NotFound, Forbidden."""
    _must_administer(by)
    subscriber = Subscriber.objects.select_for_update().filter(name=name).first()
    if subscriber is None:
        raise NotFound(f"there is no subscriber {name[:60]!r}", field="name")
    log.record(by, subscriber, "revoked")
    subscriber.delete()


def role_of(subscriber: Subscriber) -> Role:
    if subscriber.live and subscriber.assets:
        return Role.FULL_SUBSCRIBER
    return Role.SUBSCRIBER if subscriber.live else Role.ASSET_SUBSCRIBER


def _must_administer(by: Actor) -> None:
    if not by.may_everywhere(Action.ADMINISTER):
        raise Forbidden("subscribers are added and revoked by administrators")
